// SPDX-License-Identifier: MIT
/*
 * The screen: what each of the guest's outputs shows, and who is told about it.
 *
 * A scanout holds its resource until it is disabled or shows another one. A cursor is a snapshot of
 * 64x64 pixels, so a resource that was a cursor can go. The screen does not draw.
 *
 * Invariant: res == NULL  <=>  src is empty  <=>  the scanout is off.
 * virtio 1.3, 5.7.6.1 to 5.7.6.4 and 5.7.6.10.
 */
#ifndef ORIEL_SCREEN_H
#define ORIEL_SCREEN_H

#include "display/display.h"

struct oriel_scanout {
	struct oriel_resource *res; // held; NULL: off
	struct oriel_rect src;      // the part of res that is shown, in pixels of res

	struct oriel_dmabuf *dmabuf; // held: the same picture; NULL: there is none
	uint32_t dmabuf_x, dmabuf_y; // of src's top left pixel in it
	bool is_behind;              // the pixels of res are older than the dma-buf's
};

/** What a scanout is to show. */
struct oriel_picture {
	struct oriel_resource *res; // NULL: nothing
	struct oriel_rect src;
	struct oriel_dmabuf *dmabuf; // or NULL
	uint32_t dmabuf_x, dmabuf_y;
	bool is_behind;
};

struct oriel_cursor {
	bool visible;
	int32_t x, y;          // of the image's top left pixel, in the scanout; may be outside it
	uint32_t hot_x, hot_y; // of the pixel that points, in the image: 0..63
	uint8_t *pixels;       // ORIEL_CURSOR_BYTES, B8G8R8A8, premultiplied; NULL: never set
	uint64_t serial;       // counts images; 0: none yet
};

/** A size that a viewer wants a scanout to have. */
struct oriel_wanted_size {
	uint32_t width, height; // pixels; 0, 0: no monitor
	uint32_t refresh_mhz;   // 0: 60,000
};

/** The device's: change a head. Returns 0, -EINVAL, or -EOPNOTSUPP if the VMM decides. */
typedef int (*oriel_set_size_fn)(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_wanted_size *size);

/**
 * The device's: bring the pixels of a scanout, which are behind its dma-buf, up to date, now or
 * later, and then present all of it, not behind any more.
 */
typedef void (*oriel_fetch_pixels_fn)(struct oriel_screen *screen, uint32_t scanout_id);

struct oriel_screen {
	oriel_set_size_fn set_size;         // NULL: sizes cannot be changed
	oriel_fetch_pixels_fn fetch_pixels; // NULL: no scanout is ever behind
	uint32_t n_scanouts;
	struct oriel_scanout scanouts[ORIEL_MAX_SCANOUTS];
	struct oriel_cursor cursors[ORIEL_MAX_SCANOUTS];
	struct oriel_link displays;

	// What was presented since the screen began: frames, and bytes of their damage.
	uint64_t n_frames[ORIEL_MAX_SCANOUTS];
	uint64_t damage;
};

/** Begin a screen of n_scanouts (1 to 16), all off. */
void oriel_screen_init(struct oriel_screen *screen, uint32_t n_scanouts);

/** Have another number of scanouts (1 to 16). Those that go must be off, and without cursor. */
void oriel_screen_set_n_scanouts(struct oriel_screen *screen, uint32_t n_scanouts);

/** Turn all off and detach the displays, which stay their owners'. */
void oriel_screen_finish(struct oriel_screen *screen);

/** Attach a display, which must not be attached. It is told everything there is. */
void oriel_screen_attach(struct oriel_screen *screen, struct oriel_display *display);

/** Detach a display. A no-op if it is not attached. */
void oriel_screen_detach(struct oriel_display *display);

/** Show src of res on a scanout; the same again costs nothing. res NULL: turn it off. */
void oriel_screen_set_scanout(struct oriel_screen *screen, uint32_t scanout_id,
		struct oriel_resource *res, const struct oriel_rect *src);

/** The same, for a picture that may have a dma-buf. A change of that alone is one, too. */
void oriel_screen_set_picture(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_picture *picture);

/** Which dma-bufs some display that is attached can show: bits. */
uint32_t oriel_screen_get_dmabufs(const struct oriel_screen *screen);

/** Whether some display needs the pixels of a scanout. */
bool oriel_screen_needs_pixels(const struct oriel_screen *screen, uint32_t scanout_id);

/** For the device: the pixels of a scanout that has a dma-buf are behind it, or not. */
void oriel_screen_set_behind(struct oriel_screen *screen, uint32_t scanout_id, bool is_behind);

/** For displays: have the pixels brought up to date. A no-op if they are. */
void oriel_screen_fetch_pixels(struct oriel_screen *screen, uint32_t scanout_id);

/** Whether some scanout shows res. */
bool oriel_screen_shows(const struct oriel_screen *screen, const struct oriel_resource *res);

/**
 * Present rect of res, in its own coordinates, on every scanout that shows some of it. Returns
 * whether one did.
 */
bool oriel_screen_flush(struct oriel_screen *screen, struct oriel_resource *res,
		const struct oriel_rect *rect);

/** Turn off every scanout that shows res, and tell the displays that it goes. Call before dropping.
 */
void oriel_screen_remove_resource(struct oriel_screen *screen, struct oriel_resource *res);

/**
 * Set a cursor's image (ORIEL_CURSOR_BYTES, copied), hot spot and position, and show it.
 *
 * Returns 0, or -ENOMEM: the cursor is as before.
 */
ORIEL_MUST_CHECK
int oriel_screen_set_cursor(struct oriel_screen *screen, uint32_t scanout_id, const uint8_t *pixels,
		uint32_t hot_x, uint32_t hot_y, int32_t x, int32_t y);

/** Hide a cursor; the position is kept for later. */
void oriel_screen_hide_cursor(struct oriel_screen *screen, uint32_t scanout_id, int32_t x,
		int32_t y);

/** Move a cursor, visible or not. */
void oriel_screen_move_cursor(struct oriel_screen *screen, uint32_t scanout_id, int32_t x,
		int32_t y);

/** All scanouts off and cursors gone, as at a reset. */
void oriel_screen_clear(struct oriel_screen *screen);

/**
 * Ask the displays; the first one that can answer does.
 *
 * Returns 0: query->done was or will be called; or -ENOTCONN: nobody can answer.
 */
ORIEL_MUST_CHECK
int oriel_screen_query(struct oriel_screen *screen, struct oriel_display_query *query);

/**
 * Have the guest told that a scanout, which must be there, is to have another size.
 *
 * Returns 0, -EINVAL for a size that cannot be, or -EOPNOTSUPP if sizes are not ours to change.
 */
ORIEL_MUST_CHECK
int oriel_screen_set_size(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_wanted_size *size);

/** Whether some display would answer a query. */
bool oriel_screen_can_answer(struct oriel_screen *screen);

/** Have all open queries answered now, from what is known. */
void oriel_screen_flush_queries(struct oriel_screen *screen);

/** Forget all open queries. */
void oriel_screen_drop_queries(struct oriel_screen *screen);

#endif
