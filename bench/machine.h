// SPDX-License-Identifier: MIT
/*
 * A VMM and its guest in one process, for measuring: it starts a vhost-user GPU, hands it memory
 * and two split rings, and puts commands into them. Whatever fails ends the program with one line.
 *
 * Nothing of Oriel is used, so that another back-end is measured by the same means.
 */
#ifndef ORIEL_BENCH_MACHINE_H
#define ORIEL_BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MACHINE_RING_SIZE 128u

/** Where a guest's things lie; addresses are offsets too. */
#define MACHINE_FRAME_GPA (64ull << 20)    // a 4K frame in one piece
#define MACHINE_SCATTER_GPA (128ull << 20) // and one in pages, in no order
#define MACHINE_MEMORY_SIZE (256ull << 20)

struct ring {
	unsigned int index;
	uint64_t gpa; // of the descriptors; the others follow
	int kick_fd, call_fd;
	uint16_t next; // avail.idx
	uint16_t seen; // used.idx that was waited for
	uint64_t n_interrupts;
};

struct machine {
	const char *program;
	pid_t pid;
	uint64_t start_ns; // when the program was started
	int socket;        // vhost-user
	int gpu_socket;    // our end of the GPU socket
	int memory_fd;
	uint8_t *memory;
	struct ring control, cursor;
	char folder[64];       // of sockets
	char display_path[96]; // "": it has no display socket
};

/** Print why, and end. */
__attribute__((format(printf, 1, 2), noreturn)) void die(const char *format, ...);

/** Nanoseconds of CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/** Start program, ours if is_oriel, and bring it to where a driver has set up both queues. */
void machine_start(struct machine *machine, const char *program, bool is_oriel);
/** The same with 3D: renderer is the option that says by what, "--renderer=software". */
void machine_start_3d(struct machine *machine, const char *program, const char *renderer);
/** Ours, which polls before it sleeps. */
void machine_start_polling(struct machine *machine, const char *program);
void machine_end(struct machine *machine);

/** Nanoseconds of CPU that the program has used, in all its threads. */
uint64_t machine_get_cpu_ns(const struct machine *machine);
/** KiB of it that are resident. */
uint64_t machine_get_resident_kib(const struct machine *machine);
uint64_t machine_count_fds(const struct machine *machine);
/** How often it gave up the processor by itself: each time it waited. */
uint64_t machine_count_waits(const struct machine *machine);

/** Put a request into slot i (below MACHINE_RING_SIZE / 2), with room for room bytes of answer. */
void ring_write(struct machine *machine, struct ring *ring, unsigned int i, const void *request,
		size_t size, size_t room);
/** Show the device the requests of slots first to first + n - 1, and kick. */
void ring_send(struct machine *machine, struct ring *ring, unsigned int first, unsigned int n);
/** Wait until all that was sent is used: by interrupts. */
void ring_wait(struct machine *machine, struct ring *ring);
/** Whether all that was sent is used. */
bool ring_is_done(const struct machine *machine, const struct ring *ring);
/** The type of the answer in slot i. */
uint32_t ring_get_answer(const struct machine *machine, const struct ring *ring, unsigned int i);
/** Do one request, which must succeed. */
void ring_run(struct machine *machine, const void *request, size_t size);

// Requests, as virtio 1.3, 5.7.6.8 has them. Each returns its size.
size_t make_create(uint8_t *to, uint32_t id, uint32_t width, uint32_t height);
size_t make_unref(uint8_t *to, uint32_t id);
size_t make_scanout(uint8_t *to, uint32_t scanout, uint32_t id, uint32_t width, uint32_t height);
size_t make_flush(uint8_t *to, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height);
size_t make_transfer(uint8_t *to, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height, uint64_t offset);
size_t make_move(uint8_t *to, uint32_t x, uint32_t y);
size_t make_context(uint8_t *to, uint32_t id);
/** Put a SUBMIT_3D into slot i of the control queue, whose commands take at most 255 KiB. */
void ring_write_commands(struct machine *machine, unsigned int i, uint32_t ctx_id,
		const void *commands, uint32_t size);
/** Back a resource with size bytes at gpa, in pages of 4 KiB in no order if scattered. */
void machine_attach(struct machine *machine, uint32_t id, uint64_t gpa, uint32_t size,
		bool scattered);

#endif
