// SPDX-License-Identifier: MIT
/*
 * The display interface: how a device shows its scanouts to whoever is attached.
 *
 * The screen (screen.h) is the state: which part of which resource each scanout shows, and each
 * scanout's cursor. Displays are attached to it and are told what changed; they read the rest from
 * the screen. A display that comes late begins with what is there, as if all of it had just
 * changed.
 *
 * A display never blocks and never fails towards the device: what its peer does not take is merged,
 * and shown when the peer takes it. It keeps no pointer to a resource's pixels across calls; to
 * read pixels after the call it holds the resource.
 *
 * A scanout may have a dma-buf beside the resource: the same picture, without a copy. Then the
 * resource's pixels are brought up to date only while some display needs them; else they are behind
 * (screen.h), and a display that finds out that it needs them has them fetched.
 *
 * Some displays know more than we do about the world outside (sizes, EDID): they answer queries.
 */
#ifndef ORIEL_DISPLAY_PRIVATE_H
#define ORIEL_DISPLAY_PRIVATE_H

#include "base/list.h"
#include "base/rect.h"
#include "oriel/display.h"
#include "protocol/virtio_gpu_defs.h"
#include "resource/dmabuf.h"
#include "resource/resource.h"

#define ORIEL_MAX_SCANOUTS VIRTIO_GPU_MAX_SCANOUTS

/** Which dma-bufs a display can show: bits. */
#define ORIEL_DISPLAY_TAKES_DMABUFS 1u       // those that a renderer made
#define ORIEL_DISPLAY_TAKES_GUEST_DMABUFS 2u // those that are guest memory

struct oriel_screen;
struct oriel_display;
struct oriel_display_query;

/** One head of a display's answer: as in VIRTIO_GPU_RESP_OK_DISPLAY_INFO. */
struct oriel_head {
	struct oriel_rect rect;
	bool enabled;
};

/** An answer to a query. */
struct oriel_display_reply {
	/** For info: all heads; those beyond n_heads are disabled. */
	struct oriel_head heads[ORIEL_MAX_SCANOUTS];
	/** For EDID: the bytes. */
	uint8_t edid[ORIEL_EDID_MAX_SIZE];
	size_t edid_size; // a multiple of 128
};

/**
 * A query is answered: err is 0 and reply has what was asked for, or err is a negative errno and
 * reply is NULL (then the device uses an answer of its own).
 *
 * Called once, possibly before the display's query function returns. Valid: reply, during the call.
 */
typedef void (*oriel_display_query_fn)(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply);

enum oriel_display_query_type {
	ORIEL_QUERY_INFO, // sizes and places of all heads
	ORIEL_QUERY_EDID, // the EDID of one head
};

/** A question to a display. Owned by the asker; unchanged, and not moved, until done was called. */
struct oriel_display_query {
	enum oriel_display_query_type type;
	uint32_t scanout_id; // for EDID
	oriel_display_query_fn done;

	// The display's own, while the query is open.
	struct oriel_link link;
	uint64_t deadline_ns;
};

/** Functions that a display implements. All are called on the device thread. */
struct oriel_display_impl {
	const char *name;

	/**
	 * Required. The scanout shows another resource or part of it, or nothing. What it shows is
	 * in the screen. A present() of the whole follows if it is to be shown at once (a guest
	 * flushes after it sets a scanout); until then keep what was shown.
	 */
	void (*handle_scanout)(struct oriel_display *display, uint32_t scanout_id);

	/** Required. Show damage (in scanout coordinates, not empty, inside the scanout). */
	void (*present)(struct oriel_display *display, uint32_t scanout_id,
			const struct oriel_rect *damage);

	/** Required. The cursor's image, hot spot, visibility (and maybe position) changed. */
	void (*handle_cursor)(struct oriel_display *display, uint32_t scanout_id);

	/** Required. Only the cursor's position changed. */
	void (*move_cursor)(struct oriel_display *display, uint32_t scanout_id);

	/**
	 * Optional. Whether the display needs the pixels of a scanout that has a dma-buf. NULL: it
	 * does.
	 */
	bool (*needs_pixels)(struct oriel_display *display, uint32_t scanout_id);

	/** Optional. The guest let go of res, which no scanout shows any more. NULL: do not care.
	 */
	void (*handle_resource_drop)(struct oriel_display *display, struct oriel_resource *res);

	/**
	 * Optional. The display was detached: its screen is NULL already, all that it showed is
	 * over, and the resources may go without another word. NULL: do not care.
	 */
	void (*handle_detach)(struct oriel_display *display);

	/**
	 * Optional. Answer query, now or later, within the display's own deadline. NULL: this
	 * display cannot answer. -ENOTCONN: not now (done is then not called).
	 */
	int (*query)(struct oriel_display *display, struct oriel_display_query *query);

	/** Required with query. Whether a query made now would be answered: somebody is there. */
	bool (*can_answer)(struct oriel_display *display);

	/**
	 * Required with query. Answer all open queries at once, from what is known. Also called
	 * before the display is detached.
	 */
	void (*flush_queries)(struct oriel_display *display);

	/** Required with query. Forget open queries: their askers are gone, done must not be
	 * called.
	 */
	void (*drop_queries)(struct oriel_display *display);
};

/** The base of every display: embed it. */
struct oriel_display {
	const struct oriel_display_impl *impl;
	struct oriel_screen *screen; // NULL: not attached. Set by oriel_screen_attach().
	struct oriel_link link;      // in the screen's list of displays
	uint32_t dmabufs;            // ORIEL_DISPLAY_TAKES_*; set before it is attached
};

/** For implementers: begin the base. */
void oriel_display_init(struct oriel_display *display, const struct oriel_display_impl *impl);

#endif
