// SPDX-License-Identifier: MIT
/* See machine.h. */
#include "machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER_ADDRESS 0x7f0000000000ull
#define CONTROL_GPA 0x10000u
#define CURSOR_GPA 0x20000u
#define AVAIL_OFFSET 0x2000u // in a ring's memory
#define USED_OFFSET 0x3000u
#define SLOTS_OFFSET 0x4000u
#define SLOT_SIZE 512u
#define ROOM_OFFSET 128u
#define LIST_GPA (32ull << 20) // lists of pages, or command buffers
#define COMMANDS_SIZE (256u << 10)
#define DEADLINE_MS 20000
#define PAGE 4096u

void die(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

uint64_t now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void put32(uint8_t *to, uint32_t value) {
	memcpy(to, &value, sizeof(value)); // little-endian hosts, as the rings'
}

static void put64(uint8_t *to, uint64_t value) {
	memcpy(to, &value, sizeof(value));
}

/** Send a vhost-user message, with fd unless it is -1; with a reply, which is returned. */
static uint64_t say(const struct machine *machine, uint32_t request, const void *payload,
		uint32_t size, int fd, bool has_reply) {
	uint32_t header[3] = { request, 1, size };
	struct iovec iov[2] = { { header, sizeof(header) }, { (void *)(uintptr_t)payload, size } };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (sendmsg(machine->socket, &message, MSG_NOSIGNAL) < 0) {
		die("%s: message %u: %s", machine->program, request, strerror(errno));
	}
	uint8_t reply[64];
	uint64_t value = 0;
	if (has_reply) {
		ssize_t n = recv(machine->socket, reply, 12, MSG_WAITALL);
		uint32_t left = 0;
		memcpy(&left, reply + 8, sizeof(left));
		if (n != 12 || left > sizeof(reply) ||
				recv(machine->socket, reply, left, MSG_WAITALL) != (ssize_t)left) {
			die("%s: no reply to message %u", machine->program, request);
		}
		memcpy(&value, reply, left < sizeof(value) ? left : sizeof(value));
	}
	return value;
}

static void say_state(const struct machine *machine, uint32_t request, uint32_t index,
		uint32_t value) {
	uint32_t payload[2] = { index, value };
	say(machine, request, payload, sizeof(payload), -1, false);
}

static void give_fd(const struct machine *machine, uint32_t request, uint32_t index, int fd) {
	uint64_t payload = index;
	say(machine, request, &payload, sizeof(payload), fd, false);
}

static void set_up_ring(struct machine *machine, struct ring *ring, unsigned int index,
		uint64_t gpa) {
	*ring = (struct ring){ .index = index, .gpa = gpa };
	ring->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	say_state(machine, 8, index, MACHINE_RING_SIZE); // SET_VRING_NUM
	say_state(machine, 10, index, 0);                // SET_VRING_BASE
	uint64_t addresses[5] = { index, USER_ADDRESS + gpa, USER_ADDRESS + gpa + USED_OFFSET,
		USER_ADDRESS + gpa + AVAIL_OFFSET, 0 };
	say(machine, 9, addresses, sizeof(addresses), -1, false); // SET_VRING_ADDR
	give_fd(machine, 13, index, ring->call_fd); // SET_VRING_CALL, before anything can be used
	give_fd(machine, 12, index, ring->kick_fd); // SET_VRING_KICK
}

static void spawn(struct machine *machine, bool is_oriel, const char *option) {
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		die("socketpair: %s", strerror(errno));
	}
	char fd_option[32], display_option[128];
	snprintf(fd_option, sizeof(fd_option), "--fd=%d", pair[1]);
	snprintf(display_option, sizeof(display_option), "--display-socket=%s",
			machine->display_path);
	machine->start_ns = now_ns();
	machine->pid = fork();
	if (machine->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fcntl(pair[1], F_SETFD, 0);
		if (is_oriel) {
			execl(machine->program, machine->program, fd_option, display_option,
					"--log-level=error", "--max-resources=off", option,
					(char *)NULL);
		} else {
			execl(machine->program, machine->program, fd_option, (char *)NULL);
		}
		_exit(127);
	}
	close(pair[1]);
	machine->socket = pair[0];
}

/** option: one more, or NULL. */
static void start(struct machine *machine, const char *program, bool is_oriel, const char *option,
		bool is_3d) {
	*machine = (struct machine){ .program = program };
	strcpy(machine->folder, "/tmp/oriel-bench-XXXXXX");
	if (mkdtemp(machine->folder) == NULL) {
		die("mkdtemp: %s", strerror(errno));
	}
	if (is_oriel) {
		snprintf(machine->display_path, sizeof(machine->display_path), "%s/screen",
				machine->folder);
	}
	machine->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (ftruncate(machine->memory_fd, MACHINE_MEMORY_SIZE) < 0) {
		die("memory: %s", strerror(errno));
	}
	machine->memory = mmap(NULL, MACHINE_MEMORY_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, machine->memory_fd, 0);
	if (machine->memory == MAP_FAILED) {
		die("memory: %s", strerror(errno));
	}
	spawn(machine, is_oriel, option);
	say(machine, 1, NULL, 0, -1, true);  // GET_FEATURES
	say(machine, 15, NULL, 0, -1, true); // GET_PROTOCOL_FEATURES
	uint64_t protocol = 1 << 0 | 1 << 9; // MQ, CONFIG
	say(machine, 16, &protocol, sizeof(protocol), -1, false);
	say(machine, 3, NULL, 0, -1, false); // SET_OWNER
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		die("socketpair: %s", strerror(errno));
	}
	machine->gpu_socket = pair[0];
	say(machine, 33, NULL, 0, pair[1], false); // GPU_SET_SOCKET
	close(pair[1]);
	uint64_t features = 1ull << 29 | 1ull << 30 | 1ull << 32; // EVENT_IDX, …, VERSION_1
	features |= is_3d ? 1 : 0;                                // VIRGL
	say(machine, 2, &features, sizeof(features), -1, false);
	uint64_t table[5] = { 1, 0, MACHINE_MEMORY_SIZE, USER_ADDRESS, 0 };
	say(machine, 5, table, sizeof(table), machine->memory_fd, false); // SET_MEM_TABLE
	set_up_ring(machine, &machine->control, 0, CONTROL_GPA);
	set_up_ring(machine, &machine->cursor, 1, CURSOR_GPA);
	say_state(machine, 18, 0, 1); // SET_VRING_ENABLE
	say_state(machine, 18, 1, 1);
}

void machine_start(struct machine *machine, const char *program, bool is_oriel) {
	start(machine, program, is_oriel, NULL, false);
}

void machine_start_3d(struct machine *machine, const char *program, const char *renderer) {
	start(machine, program, true, renderer, true);
}

void machine_start_polling(struct machine *machine, const char *program) {
	start(machine, program, true, "--poll-max-ns=30000", false);
}

void machine_end(struct machine *machine) {
	close(machine->socket);
	close(machine->gpu_socket);
	kill(machine->pid, SIGTERM);
	waitpid(machine->pid, NULL, 0);
	munmap(machine->memory, MACHINE_MEMORY_SIZE);
	close(machine->memory_fd);
	struct ring *rings[] = { &machine->control, &machine->cursor };
	for (size_t i = 0; i < 2; i++) {
		close(rings[i]->kick_fd);
		close(rings[i]->call_fd);
	}
	unlink(machine->display_path);
	rmdir(machine->folder);
}

uint64_t machine_get_cpu_ns(const struct machine *machine) {
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(machine->pid, &clock) != 0 || clock_gettime(clock, &used) < 0) {
		die("no clock of process %d", (int)machine->pid);
	}
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/** The number behind a word in a file of the program's in /proc. */
static uint64_t read_status(const struct machine *machine, const char *word) {
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)machine->pid);
	FILE *file = fopen(path, "re");
	uint64_t value = 0;
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, word, strlen(word)) == 0) {
			value = strtoull(line + strlen(word) + 1, NULL, 10);
		}
	}
	if (file != NULL) {
		fclose(file);
	}
	return value;
}

uint64_t machine_get_resident_kib(const struct machine *machine) {
	return read_status(machine, "VmRSS");
}

uint64_t machine_count_waits(const struct machine *machine) {
	return read_status(machine, "voluntary_ctxt_switches");
}

uint64_t machine_count_fds(const struct machine *machine) {
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)machine->pid);
	DIR *folder = opendir(path);
	uint64_t n = 0;
	while (folder != NULL && readdir(folder) != NULL) {
		n++;
	}
	if (folder != NULL) {
		closedir(folder);
	}
	return n >= 2 ? n - 2 : 0; // . and ..
}

static uint16_t *ring_u16(const struct machine *machine, const struct ring *ring, uint64_t offset) {
	return (uint16_t *)(void *)(machine->memory + ring->gpa + offset);
}

void ring_write(struct machine *machine, struct ring *ring, unsigned int i, const void *request,
		size_t size, size_t room) {
	uint64_t slot = ring->gpa + SLOTS_OFFSET + (uint64_t)i * SLOT_SIZE;
	memcpy(machine->memory + slot, request, size);
	uint8_t *desc = machine->memory + ring->gpa + (uint64_t)i * 32;
	put64(desc, slot);
	put32(desc + 8, (uint32_t)size);
	put32(desc + 12, room > 0 ? 1u | (2 * i + 1) << 16 : 0); // NEXT
	put64(desc + 16, slot + ROOM_OFFSET);
	put32(desc + 24, (uint32_t)room);
	put32(desc + 28, 2); // WRITE
}

/** Whether the device wants to hear of entries old to new (virtio 1.3, 2.7.10). */
static bool wants_kick(const struct machine *machine, const struct ring *ring, uint16_t old) {
	const uint64_t avail_event = USED_OFFSET + 4 + 8ull * MACHINE_RING_SIZE;
	uint16_t event = __atomic_load_n(ring_u16(machine, ring, avail_event), __ATOMIC_RELAXED);
	return (uint16_t)(ring->next - event - 1) < (uint16_t)(ring->next - old);
}

void ring_send(struct machine *machine, struct ring *ring, unsigned int first, unsigned int n) {
	const uint16_t old = ring->next;
	for (unsigned int i = 0; i < n; i++) {
		*ring_u16(machine, ring,
				AVAIL_OFFSET + 4 + 2ull * (ring->next % MACHINE_RING_SIZE)) =
				(uint16_t)(2 * (first + i));
		ring->next++;
	}
	// One interrupt, when all of them are used.
	*ring_u16(machine, ring, AVAIL_OFFSET + 4 + 2ull * MACHINE_RING_SIZE) =
			(uint16_t)(ring->next - 1);
	__atomic_store_n(ring_u16(machine, ring, AVAIL_OFFSET + 2), ring->next, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wants_kick(machine, ring, old)) {
		uint64_t one = 1;
		if (write(ring->kick_fd, &one, sizeof(one)) < 0) {
			die("kick: %s", strerror(errno));
		}
	}
}

void ring_wait(struct machine *machine, struct ring *ring) {
	while (__atomic_load_n(ring_u16(machine, ring, USED_OFFSET + 2), __ATOMIC_ACQUIRE) !=
			ring->next) {
		struct pollfd fd = { .fd = ring->call_fd, .events = POLLIN };
		if (poll(&fd, 1, DEADLINE_MS) <= 0) {
			die("%s: queue %u: no answer", machine->program, ring->index);
		}
		uint64_t count;
		if (read(ring->call_fd, &count, sizeof(count)) > 0) {
			ring->n_interrupts++;
		}
	}
	ring->seen = ring->next;
}

uint32_t ring_get_answer(const struct machine *machine, const struct ring *ring, unsigned int i) {
	uint32_t type;
	memcpy(&type,
			machine->memory + ring->gpa + SLOTS_OFFSET + (uint64_t)i * SLOT_SIZE +
					ROOM_OFFSET,
			sizeof(type));
	return type;
}

void ring_run(struct machine *machine, const void *request, size_t size) {
	ring_write(machine, &machine->control, 0, request, size, 24);
	ring_send(machine, &machine->control, 0, 1);
	ring_wait(machine, &machine->control);
	uint32_t answer = ring_get_answer(machine, &machine->control, 0);
	if (answer != 0x1100) {
		uint32_t type;
		memcpy(&type, request, sizeof(type));
		die("%s: command 0x%x is answered with 0x%x", machine->program, type, answer);
	}
}

static size_t begin(uint8_t *to, uint32_t type, size_t size) {
	memset(to, 0, size);
	put32(to, type);
	return size;
}

size_t make_create(uint8_t *to, uint32_t id, uint32_t width, uint32_t height) {
	size_t size = begin(to, 0x101, 40);
	put32(to + 24, id);
	put32(to + 28, 2); // B8G8R8X8
	put32(to + 32, width);
	put32(to + 36, height);
	return size;
}

size_t make_unref(uint8_t *to, uint32_t id) {
	size_t size = begin(to, 0x102, 32);
	put32(to + 24, id);
	return size;
}

static void put_rect(uint8_t *to, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	put32(to, x);
	put32(to + 4, y);
	put32(to + 8, width);
	put32(to + 12, height);
}

size_t make_scanout(uint8_t *to, uint32_t scanout, uint32_t id, uint32_t width, uint32_t height) {
	size_t size = begin(to, 0x103, 48);
	put_rect(to + 24, 0, 0, width, height);
	put32(to + 40, scanout);
	put32(to + 44, id);
	return size;
}

size_t make_flush(uint8_t *to, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height) {
	size_t size = begin(to, 0x104, 48);
	put_rect(to + 24, x, y, width, height);
	put32(to + 40, id);
	return size;
}

size_t make_transfer(uint8_t *to, uint32_t id, uint32_t x, uint32_t y, uint32_t width,
		uint32_t height, uint64_t offset) {
	size_t size = begin(to, 0x105, 56);
	put_rect(to + 24, x, y, width, height);
	put64(to + 40, offset);
	put32(to + 48, id);
	return size;
}

size_t make_move(uint8_t *to, uint32_t x, uint32_t y) {
	size_t size = begin(to, 0x301, 56);
	put32(to + 28, x);
	put32(to + 32, y);
	return size;
}

size_t make_context(uint8_t *to, uint32_t id) {
	size_t size = begin(to, 0x200, 96);
	put32(to + 16, id);
	return size;
}

void ring_write_commands(struct machine *machine, unsigned int i, uint32_t ctx_id,
		const void *commands, uint32_t size) {
	const uint64_t gpa = LIST_GPA + (uint64_t)i * COMMANDS_SIZE;
	uint8_t *request = machine->memory + gpa;
	if (size > COMMANDS_SIZE - 32) {
		die("%u bytes of commands are too many", size);
	}
	size_t fixed = begin(request, 0x207, 32);
	put32(request + 16, ctx_id);
	put32(request + 24, size);
	memcpy(request + fixed, commands, size);
	struct ring *ring = &machine->control;
	ring_write(machine, ring, i, request, fixed, 24);
	uint8_t *desc = machine->memory + ring->gpa + (uint64_t)i * 32;
	put64(desc, gpa);
	put32(desc + 8, (uint32_t)fixed + size);
}

bool ring_is_done(const struct machine *machine, const struct ring *ring) {
	return __atomic_load_n(ring_u16(machine, ring, USED_OFFSET + 2), __ATOMIC_ACQUIRE) ==
	       ring->next;
}

void machine_attach(struct machine *machine, uint32_t id, uint64_t gpa, uint32_t size,
		bool scattered) {
	const uint32_t piece = scattered ? PAGE : size;
	const uint32_t n = (size + piece - 1) / piece;
	uint8_t *list = machine->memory + LIST_GPA;
	size_t fixed = begin(list, 0x106, 32);
	put32(list + 24, id);
	put32(list + 28, n);
	for (uint32_t i = 0; i < n; i++) {
		// 797 is prime to every number of pages that occurs: no neighbour follows another.
		uint64_t at = scattered ? (uint64_t)((uint64_t)i * 797 % n) * piece : 0;
		put64(list + fixed + 16ull * i, gpa + at);
		put32(list + fixed + 16ull * i + 8, piece);
		put32(list + fixed + 16ull * i + 12, 0);
	}
	struct ring *ring = &machine->control;
	ring_write(machine, ring, 0, list, fixed, 24);
	uint8_t *desc = machine->memory + ring->gpa;
	put64(desc, LIST_GPA);
	put32(desc + 8, (uint32_t)fixed + 16 * n);
	ring_send(machine, ring, 0, 1);
	ring_wait(machine, ring);
	if (ring_get_answer(machine, ring, 0) != 0x1100) {
		die("%s: no backing of %u entries: 0x%x", machine->program, n,
				ring_get_answer(machine, ring, 0));
	}
}
