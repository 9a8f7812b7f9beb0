// SPDX-License-Identifier: MIT
/*
 * The embedder's display: the guest's screens for whoever links the library.
 *
 * It is a display like the others (oriel/display.h), whose other side is in the same process: a
 * VMM's window, its VNC server, a test. Attach it to a device and be told when something changes,
 * or be told nothing and look when a picture is wanted; either way the pixels are read in place.
 *
 * A window does this much:
 *
 *   handle_scanout   width x height has changed: make a texture of that size, or close (off)
 *   handle_frame     copy damage of the pixels to the texture, and draw it
 *   handle_cursor    make a cursor of the image, and show or hide it
 *   move_cursor      as it says; only for those who draw the cursor themselves
 *   exposed, mapped  oriel_embedder_get_scanout(), and draw all of it
 *
 * The guest draws only while the loop is dispatched, so what is read between two dispatches, or in
 * a callback, does not change meanwhile. Another thread may read too, but may see half of a frame.
 *
 * Pixels: rows from top to bottom, pixels from left to right, four bytes each, in the order that
 * fourcc says: a DRM format code, one of AR24, XR24, BA24, BX24, AB24, RX24, RA24 and XB24. A
 * scanout is opaque: the A or X byte means nothing. Who wants one order for all takes
 * oriel_embedder_read_pixels().
 *
 * Thread: the device thread, for every function and callback.
 */
#ifndef ORIEL_EMBEDDER_H
#define ORIEL_EMBEDDER_H

#include <oriel/display.h>
#include <oriel/export.h>
#include <oriel/log.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_embedder;

/** A cursor's image has this many pixels in each direction (virtio 1.3, 5.7.6.10). */
#define ORIEL_EMBEDDER_CURSOR_SIDE 64

/** A rectangle in pixels of a scanout. */
struct oriel_embedder_rect {
	uint32_t x, y;
	uint32_t width, height;
};

/** What a scanout shows. */
struct oriel_embedder_scanout {
	/** Pixels. */
	uint32_t width, height;
	/** Bytes from one row to the next. */
	uint32_t stride;
	/** The order of the bytes of a pixel: see above. */
	uint32_t fourcc;
	/** The top left pixel. To be read only. */
	const uint8_t *pixels;

	/**
	 * The memory that the pixels are in, for those who hand it to another process: a memfd of
	 * memfd_size bytes, sealed so that it can be mapped for reading only, and does not shrink.
	 * It is the same memory as long as buffer_serial is the same. Duplicate it to keep it.
	 */
	int memfd;
	uint64_t memfd_size;
	/** Of the top left pixel in the memfd, in bytes. */
	uint64_t memfd_offset;
	uint64_t buffer_serial;
};

/** A scanout's cursor. It is not part of the scanout's pixels. */
struct oriel_embedder_cursor {
	bool visible;
	/** Of the image's top left pixel, in the scanout; may be outside it. */
	int32_t x, y;
	/** Of the pixel that points, in the image: 0 to 63. */
	uint32_t hot_x, hot_y;
	/** Counts images; 0: there is none yet. */
	uint64_t serial;
	/** 64x64 pixels, rows without gaps: B, G, R, A, premultiplied. NULL: there is none yet. */
	const uint8_t *pixels;
};

/**
 * What the display tells. Any callback may be NULL: not told.
 *
 * Callbacks run while the loop is dispatched, or from the call that attaches, detaches or resets.
 * They must neither destroy, attach nor detach a display, nor destroy or reset the device; to do
 * so, set a deferred call (oriel_loop_add_deferred()).
 */
struct oriel_embedder_options {
	/** sizeof(struct oriel_embedder_options). */
	size_t size;
	struct oriel_log_sink log;

	/**
	 * A scanout shows another buffer or another part of one; handle_frame() with all of it
	 * follows. NULL: it is off now.
	 *
	 * Valid: scanout, during the call; its pixels and memfd, until the next call for the same
	 * scanout_id has returned.
	 */
	void (*handle_scanout)(void *user, uint32_t scanout_id,
			const struct oriel_embedder_scanout *scanout);

	/** The guest has drawn, and flushed, damage: not empty, and inside the scanout. */
	void (*handle_frame)(void *user, uint32_t scanout_id,
			const struct oriel_embedder_scanout *scanout,
			const struct oriel_embedder_rect *damage);

	/**
	 * A cursor has another image, or was shown or hidden, and maybe moved.
	 *
	 * Valid: cursor and its pixels, during the call.
	 */
	void (*handle_cursor)(void *user, uint32_t scanout_id,
			const struct oriel_embedder_cursor *cursor);

	/** A cursor has only been moved; it may be hidden. */
	void (*move_cursor)(void *user, uint32_t scanout_id, int32_t x, int32_t y);

	void *user;
};

/**
 * Create the display, to be attached with oriel_gpu_attach_display().
 *
 * Returns 0, -EINVAL (options), or -ENOMEM.
 */
ORIEL_API_CHECKED
int oriel_embedder_create(const struct oriel_embedder_options *options,
		struct oriel_embedder **ret);

/** The display to attach to a device. Valid as long as the embedder's display. */
ORIEL_API
struct oriel_display *oriel_embedder_get_display(struct oriel_embedder *embedder);

/**
 * What a scanout shows now; NULL if it is off, does not exist, or the display is not attached.
 *
 * Valid: until the loop is dispatched again, or as handle_scanout() says for those who have it.
 */
ORIEL_API
const struct oriel_embedder_scanout *oriel_embedder_get_scanout(const struct oriel_embedder
										*embedder,
		uint32_t scanout_id);

/**
 * Copy a part of what a scanout shows; NULL: all of it. The pixels come out as B, G, R, 255 in
 * memory (XR24), whatever the guest chose, in rows that are stride bytes apart.
 *
 * Returns 0, -ENOENT if there is nothing to see (see oriel_embedder_get_scanout()), or -EINVAL if
 * rect is not inside the scanout or stride is less than a row has bytes; buf is then as it was.
 */
ORIEL_API_CHECKED
int oriel_embedder_read_pixels(const struct oriel_embedder *embedder, uint32_t scanout_id,
		const struct oriel_embedder_rect *rect, size_t stride, void *buf);

/**
 * A scanout's cursor; NULL if the guest never set it, it does not exist, or the display is not
 * attached.
 *
 * Valid: until the loop is dispatched again, or the next call of this function.
 */
ORIEL_API
const struct oriel_embedder_cursor *oriel_embedder_get_cursor(struct oriel_embedder *embedder,
		uint32_t scanout_id);

/** Detach and destroy; nothing more is told. NULL is a no-op. */
ORIEL_API
void oriel_embedder_destroy(struct oriel_embedder *embedder);

#ifdef __cplusplus
}
#endif

#endif
