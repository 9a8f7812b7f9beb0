// SPDX-License-Identifier: MIT
/*
 * The smallest VMM with a GPU: it makes a device of liboriel, plays a guest's driver to it in the
 * same process, and writes what the guest has drawn to a PNG file.
 *
 *   cc embed.c png.c $(pkg-config --cflags --libs oriel) -o embed && ./embed picture.png
 *
 * "The VMM" is what you would write: device, memory, queue, display, loop. "The guest" is what a
 * driver does in a virtual machine; it knows nothing of Oriel, only of virtio 1.3 (2.7 split rings,
 * 5.7 the GPU).
 *
 * docs/embedding.md tells the same story at length.
 */
#include "png.h"

#include <oriel/embedder.h>
#include <oriel/error.h>
#include <oriel/gpu.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The guest's memory, by guest physical addresses. Where it lies in this process is another matter.
#define RAM_GPA 0x40000000u
#define RAM_SIZE (4u << 20)
#define DESC_GPA RAM_GPA
#define AVAIL_GPA (RAM_GPA + 0x1000)
#define USED_GPA (RAM_GPA + 0x2000)
#define REQUEST_GPA (RAM_GPA + 0x3000)
#define RESPONSE_GPA (RAM_GPA + 0x4000)
#define PIXELS_GPA (RAM_GPA + 0x10000)

#define CONTROL_QUEUE 0
#define QUEUE_SIZE 16

struct vmm {
	uint8_t *ram;
	struct oriel_loop *loop;
	struct oriel_renderer *renderer;
	struct oriel_gpu *gpu;
	struct oriel_virtio *virtio;
	struct oriel_embedder *embedder;
	bool stopped;
	uint32_t n_interrupts;

	// The guest's driver.
	uint16_t next_avail; // what it will put into the ring next, counted for ever
	uint32_t width, height;
};

/** End the program if err is an error: 0 is none, errors are negative errno values. */
static void check(int err, const char *what) {
	if (err < 0) {
		fprintf(stderr, "embed: %s: %s\n", what, strerror(-err));
		exit(1);
	}
}

/* ------------------------------------------------------------------------------------ The VMM */

static void handle_log(enum oriel_log_level level, const char *msg, void *user) {
	(void)level;
	(void)user;
	fprintf(stderr, "oriel: %s\n", msg);
}

/** The device wants an interrupt. A VMM would raise an MSI-X vector here (or give a call_fd). */
static void interrupt(void *user, unsigned int queue) {
	struct vmm *vmm = user;
	vmm->n_interrupts += queue == CONTROL_QUEUE ? 1 : 0;
}

/** The guest broke its ring. A VMM would set DEVICE_NEEDS_RESET; our guest has no excuse. */
static void handle_needs_reset(void *user, unsigned int queue, const char *reason) {
	(void)user;
	fprintf(stderr, "embed: queue %u: %s\n", queue, reason);
	exit(1);
}

static void handle_queue_stopped(void *user, unsigned int queue, uint32_t base) {
	struct vmm *vmm = user;
	printf("queue %u stopped at %u\n", queue, base); // a VMM keeps base, to start it again
	vmm->stopped = true;
}

/** A VMM with a window makes a texture of this size here, or shows "no signal". */
static void handle_scanout(void *user, uint32_t scanout_id,
		const struct oriel_embedder_scanout *scanout) {
	(void)user;
	if (scanout == NULL) {
		printf("scanout %u is off\n", scanout_id);
	} else {
		printf("scanout %u: %ux%u\n", scanout_id, scanout->width, scanout->height);
	}
}

/** ... and here it copies damage from scanout->pixels to the texture. */
static void handle_frame(void *user, uint32_t scanout_id,
		const struct oriel_embedder_scanout *scanout,
		const struct oriel_embedder_rect *damage) {
	(void)user;
	(void)scanout;
	printf("scanout %u: frame, damage %u,%u %ux%u\n", scanout_id, damage->x, damage->y,
			damage->width, damage->height);
}

/** Make a device, with a display that shows it to us. */
static void make_device(struct vmm *vmm) {
	const struct oriel_gpu_options gpu_options = {
		.size = sizeof(gpu_options),
		.log = { .fn = handle_log, .max_level = ORIEL_LOG_WARN },
		.width = 320,
		.height = 240,
	};
	const struct oriel_embedder_options embedder_options = {
		.size = sizeof(embedder_options),
		.handle_scanout = handle_scanout,
		.handle_frame = handle_frame,
		.user = vmm,
	};
	check(oriel_loop_create(&vmm->loop), "loop");
	check(oriel_pixman_renderer_create(&vmm->renderer), "renderer");
	check(oriel_gpu_create(vmm->loop, vmm->renderer, &gpu_options, &vmm->gpu), "device");
	check(oriel_embedder_create(&embedder_options, &vmm->embedder), "display");
	oriel_gpu_attach_display(vmm->gpu, oriel_embedder_get_display(vmm->embedder));

	const struct oriel_virtio_listener listener = {
		.handle_needs_reset = handle_needs_reset,
		.handle_queue_stopped = handle_queue_stopped,
		.interrupt = interrupt,
		.user = vmm,
	};
	vmm->virtio = oriel_gpu_get_virtio(vmm->gpu);
	oriel_virtio_set_listener(vmm->virtio, &listener);
}

/** Tell the device where the guest's memory is; again whenever that changes. */
static void add_memory(struct vmm *vmm) {
	vmm->ram = calloc(1, RAM_SIZE); // a VMM has it mapped already, for KVM
	check(vmm->ram == NULL ? -ENOMEM : 0, "guest memory");
	check(oriel_memory_add_mapped(oriel_virtio_get_memory(vmm->virtio), RAM_GPA, RAM_SIZE,
			      vmm->ram),
			"guest memory");
	oriel_virtio_handle_memory_change(vmm->virtio);
}

/**
 * The guest's driver has said DRIVER_OK: hand over what it negotiated and where its rings are.
 *
 * Without a kick_fd (an ioeventfd of KVM, say) we must call oriel_virtio_kick(); without a call_fd
 * (an irqfd) our interrupt() is called.
 */
static void start_queue(struct vmm *vmm) {
	const uint64_t wanted = UINT64_C(1) << ORIEL_VIRTIO_F_VERSION_1;
	oriel_virtio_set_features(vmm->virtio, oriel_virtio_get_features(vmm->virtio) & wanted);
	const struct oriel_virtio_queue queue = {
		.size = QUEUE_SIZE,
		.desc_gpa = DESC_GPA,
		.driver_gpa = AVAIL_GPA,
		.device_gpa = USED_GPA,
		.kick_fd = -1,
		.call_fd = -1,
	};
	check(oriel_virtio_start_queue(vmm->virtio, CONTROL_QUEUE, &queue), "start of the queue");
}

/** One turn of the VMM's own loop, which has one descriptor more to poll. */
static void run_loop_once(struct vmm *vmm) {
	struct pollfd pollfd = { .fd = oriel_loop_get_fd(vmm->loop), .events = POLLIN };
	if (poll(&pollfd, 1, 10000) == 0) {
		check(-ETIMEDOUT, "the device has nothing to do"); // it always answers
	}
	check(oriel_loop_dispatch(vmm->loop, 0), "loop");
}

/** What a screenshot takes: the size of the scanout, and its pixels in one order of bytes. */
static void take_picture(struct vmm *vmm, const char *path) {
	const struct oriel_embedder_scanout *scanout = oriel_embedder_get_scanout(vmm->embedder, 0);
	check(scanout == NULL ? -ENOENT : 0, "scanout 0");
	const size_t stride = (size_t)scanout->width * 4;
	uint8_t *pixels = calloc(scanout->height, stride);
	check(pixels == NULL ? -ENOMEM : 0, "picture");
	check(oriel_embedder_read_pixels(vmm->embedder, 0, NULL, stride, pixels), "picture");
	check(png_write(path, pixels, scanout->width, scanout->height), path);
	free(pixels);
}

/** Take everything down: who uses something goes before it. */
static void destroy_device(struct vmm *vmm) {
	oriel_virtio_stop_queue(vmm->virtio, CONTROL_QUEUE); // as for a paused guest; optional
	while (!vmm->stopped) {
		run_loop_once(vmm);
	}
	oriel_virtio_reset(vmm->virtio); // now nothing touches guest memory any more
	oriel_embedder_destroy(vmm->embedder);
	oriel_gpu_destroy(vmm->gpu);
	oriel_renderer_destroy(vmm->renderer);
	oriel_loop_destroy(vmm->loop);
	free(vmm->ram);
}

/* ---------------------------------------------------------------------------------- The guest */

// virtio is little-endian, whatever the host is: all goes byte by byte.
static void put_le(uint8_t *to, uint64_t value, size_t size) {
	for (size_t i = 0; i < size; i++) {
		to[i] = (uint8_t)(value >> (8 * i));
	}
}

static uint32_t get_le(const uint8_t *from, size_t size) {
	uint32_t value = 0;
	for (size_t i = 0; i < size; i++) {
		value |= (uint32_t)from[i] << (8 * i);
	}
	return value;
}

static uint8_t *at(const struct vmm *vmm, uint64_t gpa) {
	return vmm->ram + (gpa - RAM_GPA);
}

/** Write a descriptor (2.7.5): 1: another one follows; 2: the device writes to it. */
static void put_descriptor(struct vmm *vmm, uint16_t i, uint64_t gpa, size_t size, uint16_t flags) {
	uint8_t *desc = at(vmm, DESC_GPA) + (size_t)i * 16;
	put_le(desc, gpa, 8);
	put_le(desc + 8, size, 4);
	put_le(desc + 12, flags, 2);
	put_le(desc + 14, i + 1u, 2); // which one follows
}

// Commands and responses (5.7.6.7).
#define CMD_GET_DISPLAY_INFO 0x0100
#define CMD_RESOURCE_CREATE_2D 0x0101
#define CMD_SET_SCANOUT 0x0103
#define CMD_RESOURCE_FLUSH 0x0104
#define CMD_TRANSFER_TO_HOST_2D 0x0105
#define CMD_RESOURCE_ATTACH_BACKING 0x0106
#define RESP_OK_NODATA 0x1100
#define RESP_OK_DISPLAY_INFO 0x1101
#define HEADER_SIZE 24
#define FORMAT_B8G8R8X8 2
#define RESOURCE 1 // ids are the driver's to choose

/** Send a command of n 32-bit fields behind its header, and wait for the response, which is ok. */
static void run_command(struct vmm *vmm, uint32_t type, const uint32_t *fields, size_t n,
		uint32_t ok) {
	uint8_t *request = at(vmm, REQUEST_GPA);
	memset(request, 0, HEADER_SIZE); // no fence, no context
	put_le(request, type, 4);
	for (size_t i = 0; i < n; i++) {
		put_le(request + HEADER_SIZE + i * 4, fields[i], 4);
	}
	put_descriptor(vmm, 0, REQUEST_GPA, HEADER_SIZE + n * 4, 1);
	put_descriptor(vmm, 1, RESPONSE_GPA, 4096, 2);

	// Offer the chain that begins at descriptor 0 (2.7.6). Between two CPUs there would be a
	// barrier before the index is written, and one after.
	uint8_t *avail = at(vmm, AVAIL_GPA);
	put_le(avail + 4 + (size_t)(vmm->next_avail % QUEUE_SIZE) * 2, 0, 2);
	vmm->next_avail++;
	put_le(avail + 2, vmm->next_avail, 2);
	oriel_virtio_kick(vmm->virtio, CONTROL_QUEUE); // the write to the notify register

	while (get_le(at(vmm, USED_GPA) + 2, 2) != vmm->next_avail) {
		run_loop_once(vmm);
	}
	uint32_t response = get_le(at(vmm, RESPONSE_GPA), 4);
	if (response != ok) {
		fprintf(stderr, "embed: command 0x%x: response 0x%x\n", type, response);
		exit(1);
	}
}

/** How large the first head is (5.7.6.8, struct virtio_gpu_resp_display_info). */
static void read_display_info(struct vmm *vmm) {
	run_command(vmm, CMD_GET_DISPLAY_INFO, NULL, 0, RESP_OK_DISPLAY_INFO);
	const uint8_t *head = at(vmm, RESPONSE_GPA) + HEADER_SIZE;
	vmm->width = get_le(head + 8, 4);
	vmm->height = get_le(head + 12, 4);
}

/** Make a framebuffer: an image in the device, backed by pages of the guest, and show it. */
static void make_framebuffer(struct vmm *vmm) {
	const uint32_t w = vmm->width, h = vmm->height;
	const uint32_t create[] = { RESOURCE, FORMAT_B8G8R8X8, w, h };
	const uint32_t attach[] = { RESOURCE, 1, PIXELS_GPA, 0, w * h * 4, 0 }; // one entry
	const uint32_t show[] = { 0, 0, w, h, 0, RESOURCE };                    // on scanout 0
	run_command(vmm, CMD_RESOURCE_CREATE_2D, create, 4, RESP_OK_NODATA);
	run_command(vmm, CMD_RESOURCE_ATTACH_BACKING, attach, 6, RESP_OK_NODATA);
	run_command(vmm, CMD_SET_SCANOUT, show, 6, RESP_OK_NODATA);
}

static void draw_pixel(struct vmm *vmm, uint32_t x, uint32_t y, uint32_t rgb) {
	put_le(at(vmm, PIXELS_GPA) + ((size_t)y * vmm->width + x) * 4, rgb, 4);
}

/** Have a rectangle copied from the guest's pages to the image, and then shown. */
static void update(struct vmm *vmm, uint32_t x, uint32_t y, uint32_t w, uint32_t h) {
	const uint32_t offset = (y * vmm->width + x) * 4; // of its first pixel in the backing
	const uint32_t transfer[] = { x, y, w, h, offset, 0, RESOURCE, 0 };
	const uint32_t flush[] = { x, y, w, h, RESOURCE, 0 };
	run_command(vmm, CMD_TRANSFER_TO_HOST_2D, transfer, 8, RESP_OK_NODATA);
	run_command(vmm, CMD_RESOURCE_FLUSH, flush, 6, RESP_OK_NODATA);
}

/** Red grows to the right, green downwards; then a white square is drawn into the middle. */
static void draw(struct vmm *vmm) {
	const uint32_t w = vmm->width, h = vmm->height, side = h / 4;
	for (uint32_t y = 0; y < h; y++) {
		for (uint32_t x = 0; x < w; x++) {
			draw_pixel(vmm, x, y, (x * 255 / w) << 16 | (y * 255 / h) << 8 | 0x40);
		}
	}
	update(vmm, 0, 0, w, h);
	for (uint32_t y = 0; y < side; y++) {
		for (uint32_t x = 0; x < side; x++) {
			draw_pixel(vmm, (w - side) / 2 + x, (h - side) / 2 + y, 0xffffff);
		}
	}
	update(vmm, (w - side) / 2, (h - side) / 2, side, side);
}

int main(int argc, char **argv) {
	if (argc != 2) {
		fprintf(stderr, "usage: embed OUTPUT.png\n");
		return 2;
	}
	struct vmm vmm = { 0 };
	make_device(&vmm);
	add_memory(&vmm);
	start_queue(&vmm);

	read_display_info(&vmm);
	make_framebuffer(&vmm);
	draw(&vmm);

	take_picture(&vmm, argv[1]);
	destroy_device(&vmm);
	printf("%u interrupts\n", vmm.n_interrupts);
	return 0;
}
