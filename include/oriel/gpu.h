// SPDX-License-Identifier: MIT
/*
 * The GPU: a virtio-gpu device (virtio 1.3, 5.7), to be used through include/oriel/virtio.h.
 *
 * A device needs a loop and a renderer; displays are attached to it as they come. It makes no
 * threads, blocks on nothing, and never ends the process because of what a guest does. What a guest
 * does wrong is answered in the response that it gets, and logged; it is no error of a call here.
 *
 * How to embed it (docs/embedding.md, examples/embed.c):
 *
 *   oriel_loop_create()              what it runs on
 *   oriel_pixman_renderer_create()   what it draws with
 *   oriel_gpu_create()               the device
 *   oriel_gpu_attach_display()       who sees it: oriel/embedder.h is for a window of your own,
 *                                    oriel/display.h for other programs
 *   oriel_gpu_get_virtio()           the side of your transport: oriel/virtio.h
 *
 * Destroy in the opposite order.
 *
 * Thread: the loop's.
 */
#ifndef ORIEL_GPU_H
#define ORIEL_GPU_H

#include <oriel/display.h>
#include <oriel/export.h>
#include <oriel/limit.h>
#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/renderer.h>
#include <oriel/renderer3d.h>
#include <oriel/stats.h>
#include <oriel/virtio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_gpu;

/** How a device is made. Zero in any field but the first means its default. */
struct oriel_gpu_options {
	/** sizeof(struct oriel_gpu_options). */
	size_t size;
	struct oriel_log_sink log;

	/** Heads (scanouts), 1 to 16. Default 1, or 16 while a GPU socket is connected: the VMM has
	 * heads of its own then, and nobody tells us how many. */
	uint32_t n_heads;
	/** Pixels of each head, until something else decides. Default 1280 x 800. */
	uint32_t width, height;

	/** Entries that a ring of each queue may have, up to 32,768, the default: who sets rings
	 * up knows best. Drivers are content with 256 and 16. */
	uint16_t control_queue_size, cursor_queue_size;

	/** Limits are as in oriel/limit.h. */

	/** Resources that a guest may have. Default 16,384. */
	uint64_t max_resources;
	/** Bytes of host memory for their pixels. Default 1 GiB. */
	uint64_t max_host_memory;
	/** Entries of one backing list. Default 262,144: 1 GiB in pages of 4 KiB. */
	uint64_t max_backing_entries;
	/** Bytes of host memory for all backing lists. Default 256 MiB. */
	uint64_t max_backing_memory;
	/** Pixels of a resource in one direction. Default 16,384. */
	uint64_t max_dimension;

	/** What runs 3D commands; NULL: a 2D device. It must outlive the device. */
	struct oriel_renderer3d *renderer3d;
	/** Contexts that a guest may have; drivers keep some MiB for each. Default 256. */
	uint64_t max_contexts;
	/** Bytes that its 3D resources may take in the renderer, by estimate. Default 4 GiB. */
	uint64_t max_3d_memory;
	/** Bytes of one command buffer. Default 64 MiB. */
	uint64_t max_submit_size;
};

/**
 * Create a device.
 *
 * Owns: nothing; loop and renderer must outlive the device.
 *
 * Returns 0, -EINVAL for options out of range, -ENOMEM, or -errno.
 */
ORIEL_API_CHECKED
int oriel_gpu_create(struct oriel_loop *loop, struct oriel_renderer *renderer,
		const struct oriel_gpu_options *options, struct oriel_gpu **ret);

/** The device as transports see it. Valid as long as the device. */
ORIEL_API
struct oriel_virtio *oriel_gpu_get_virtio(struct oriel_gpu *gpu);

/**
 * Let guest memory be shown without a copy: fd is /dev/udmabuf, opened for reading and writing; -1:
 * not (any more). It serves displays which take dma-bufs of guest memory, like the GPU socket's if
 * it was told so, and guests that make blobs of it, in memory files that are sealed against
 * shrinking. What cannot be shown so is copied.
 *
 * Owns: fd is taken.
 */
ORIEL_API
void oriel_gpu_set_udmabuf_take(struct oriel_gpu *gpu, int fd);

/**
 * Attach a display, which must not be attached anywhere. It is shown everything at once.
 *
 * Owns: nothing. The display stays its owner's, and may be destroyed before or after the device.
 */
ORIEL_API
void oriel_gpu_attach_display(struct oriel_gpu *gpu, struct oriel_display *display);

/** Detach a display. A no-op if it is not attached. */
ORIEL_API
void oriel_gpu_detach_display(struct oriel_gpu *gpu, struct oriel_display *display);

/** One head: an output of the guest's, and the monitor that it sees there. */
struct oriel_gpu_head {
	/** sizeof(struct oriel_gpu_head). */
	size_t size;
	/** No monitor: the guest sees nothing plugged in. Width and height are needed all the same.
	 */
	bool is_off;
	/** Where the head lies beside the others, in pixels. */
	uint32_t x, y;
	/** Pixels, 1 to 16,384: the mode that the monitor prefers. */
	uint32_t width, height;
	/** Of that mode, in millihertz. 0: 60,000. */
	uint32_t refresh_mhz;
	/** Of the picture. 0: as at 96 dots per inch. */
	uint32_t width_mm, height_mm;
	/** At most 13 characters each; NULL: "Oriel", and no serial number. Copied. */
	const char *name, *serial;
};

/**
 * Change a head, also while a guest runs: its driver is notified (virtio 1.3, 5.7.4, EVENT_DISPLAY)
 * and asks for the new sizes. A head of the VMM's own, through a GPU socket, is what the VMM says;
 * then this counts only for what it leaves off.
 *
 * Returns 0, or -EINVAL: there is no such head, or no monitor can be so.
 */
ORIEL_API_CHECKED
int oriel_gpu_set_head(struct oriel_gpu *gpu, uint32_t head, const struct oriel_gpu_head *options);

/**
 * Change only a head's size and refresh rate (millihertz; 0: 60,000), as a viewer can: its name and
 * its dots per inch stay, heads to its right move. width and height 0: unplug its monitor.
 *
 * Returns 0, -EINVAL: there is no such head, or no monitor can be so; or -EOPNOTSUPP: the VMM
 * decides, through a GPU socket.
 */
ORIEL_API_CHECKED
int oriel_gpu_resize_head(struct oriel_gpu *gpu, uint32_t head, uint32_t width, uint32_t height,
		uint32_t refresh_mhz);

/** Destroy a device; its displays are detached. NULL is a no-op. */
ORIEL_API
void oriel_gpu_destroy(struct oriel_gpu *gpu);

#ifdef __cplusplus
}
#endif

#endif
