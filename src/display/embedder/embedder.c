// SPDX-License-Identifier: MIT
/*
 * The embedder's display (include/oriel/embedder.h): callbacks and pixels in the same process.
 *
 * A scanout is told as of its last flush, as displays do: a driver sets a scanout before it has
 * drawn what is to be seen there. Until then the resource that was shown is held, so that its
 * pixels stay what was promised: there until handle_scanout() has returned from its next call. When
 * the guest lets go of it first, what is set by then is shown at once.
 *
 * Invariant: shown.res == NULL  <=>  told.pixels is NULL  <=>  the embedder takes the scanout for
 * off.
 */
#include "oriel/embedder.h"

#include "display/screen.h"
#include "host/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct shown {
	struct oriel_resource *res; // held; NULL: off
	struct oriel_rect src;
	struct oriel_embedder_scanout told;
	bool has_cursor; // one was told, and may be visible
};

struct oriel_embedder {
	struct oriel_display base;
	struct oriel_log log;
	struct oriel_embedder_options options;
	struct shown scanouts[ORIEL_MAX_SCANOUTS];
	struct oriel_embedder_cursor cursor; // what oriel_embedder_get_cursor() has handed out
};

static struct oriel_embedder *embedder_of(struct oriel_display *display) {
	return oriel_container_of(display, struct oriel_embedder, base);
}

/** Where the pixels of a part of a resource lie; it has been shared. */
static struct oriel_embedder_scanout describe(const struct oriel_resource *res,
		const struct oriel_rect *src) {
	size_t offset = (size_t)src->y * res->stride + (size_t)src->x * ORIEL_BYTES_PER_PIXEL;
	return (struct oriel_embedder_scanout){
		.width = src->width,
		.height = src->height,
		.stride = res->stride,
		.fourcc = res->format->fourcc,
		.pixels = res->pixels + offset,
		.memfd = res->memfd,
		.memfd_size = res->size,
		.memfd_offset = offset,
		.buffer_serial = res->serial,
	};
}

static void tell_frame(struct oriel_embedder *embedder, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	if (embedder->options.handle_frame != NULL) {
		const struct oriel_embedder_rect rect = { damage->x, damage->y, damage->width,
			damage->height };
		embedder->options.handle_frame(embedder->options.user, scanout_id,
				&embedder->scanouts[scanout_id].told, &rect);
	}
}

/** Go over to showing src of res, or nothing, and tell. What was shown goes after that. */
static void show(struct oriel_embedder *embedder, uint32_t scanout_id, struct oriel_resource *res,
		const struct oriel_rect *src) {
	struct shown *shown = &embedder->scanouts[scanout_id];
	struct oriel_resource *old = shown->res;
	if (old == NULL && res == NULL) {
		return;
	}
	shown->res = res != NULL ? oriel_resource_hold(res) : NULL;
	shown->src = res != NULL ? *src : (struct oriel_rect){ 0 };
	shown->told = res != NULL ? describe(res, src) : (struct oriel_embedder_scanout){ 0 };
	if (embedder->options.handle_scanout != NULL) {
		embedder->options.handle_scanout(embedder->options.user, scanout_id,
				res != NULL ? &shown->told : NULL);
	}
	if (res != NULL) {
		const struct oriel_rect all = { 0, 0, src->width, src->height };
		tell_frame(embedder, scanout_id, &all);
	}
	oriel_resource_release(old);
}

/** Show what the screen has there, if it can be mapped. */
static void show_current(struct oriel_embedder *embedder, uint32_t scanout_id) {
	const struct oriel_scanout *now = &embedder->base.screen->scanouts[scanout_id];
	int err = now->res != NULL ? oriel_resource_share(now->res) : 0; // done already, as a rule
	if (err < 0) {
		oriel_log_guest(&embedder->log, "scanout %u: off for the embedder: %s", scanout_id,
				strerror(-err));
	}
	show(embedder, scanout_id, err < 0 ? NULL : now->res, &now->src);
}

static void handle_scanout(struct oriel_display *display, uint32_t scanout_id) {
	if (display->screen->scanouts[scanout_id].res == NULL) {
		show(embedder_of(display), scanout_id, NULL, NULL);
	}
}

static void present(struct oriel_display *display, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	struct oriel_embedder *embedder = embedder_of(display);
	const struct oriel_scanout *now = &display->screen->scanouts[scanout_id];
	const struct shown *shown = &embedder->scanouts[scanout_id];
	if (shown->res != now->res || !oriel_rect_equals(&shown->src, &now->src)) {
		show_current(embedder, scanout_id);
	} else {
		tell_frame(embedder, scanout_id, damage);
	}
}

static struct oriel_embedder_cursor describe_cursor(const struct oriel_cursor *cursor) {
	return (struct oriel_embedder_cursor){
		.visible = cursor->visible,
		.x = cursor->x,
		.y = cursor->y,
		.hot_x = cursor->hot_x,
		.hot_y = cursor->hot_y,
		.serial = cursor->serial,
		.pixels = cursor->pixels,
	};
}

static void tell_cursor(struct oriel_embedder *embedder, uint32_t scanout_id,
		const struct oriel_embedder_cursor *cursor) {
	embedder->scanouts[scanout_id].has_cursor = cursor->visible;
	if (embedder->options.handle_cursor != NULL) {
		embedder->options.handle_cursor(embedder->options.user, scanout_id, cursor);
	}
}

static void handle_cursor(struct oriel_display *display, uint32_t scanout_id) {
	const struct oriel_embedder_cursor cursor =
			describe_cursor(&display->screen->cursors[scanout_id]);
	tell_cursor(embedder_of(display), scanout_id, &cursor);
}

static void move_cursor(struct oriel_display *display, uint32_t scanout_id) {
	const struct oriel_embedder *embedder = embedder_of(display);
	const struct oriel_cursor *cursor = &display->screen->cursors[scanout_id];
	if (embedder->options.move_cursor != NULL) {
		embedder->options.move_cursor(embedder->options.user, scanout_id, cursor->x,
				cursor->y);
	}
}

static void handle_resource_drop(struct oriel_display *display, struct oriel_resource *res) {
	struct oriel_embedder *embedder = embedder_of(display);
	for (uint32_t i = 0; i < display->screen->n_scanouts; i++) {
		// If the scanout showed it, it is off by now; but another resource may have been
		// set and not been flushed yet. Then that is the one to show.
		if (embedder->scanouts[i].res == res) {
			show_current(embedder, i);
		}
	}
}

static void handle_detach(struct oriel_display *display) {
	struct oriel_embedder *embedder = embedder_of(display);
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		show(embedder, i, NULL, NULL);
		if (embedder->scanouts[i].has_cursor) {
			static const struct oriel_embedder_cursor none;
			tell_cursor(embedder, i, &none);
		}
	}
}

static const struct oriel_display_impl embedder_impl = {
	.name = "embedder",
	.handle_scanout = handle_scanout,
	.present = present,
	.handle_cursor = handle_cursor,
	.move_cursor = move_cursor,
	.handle_resource_drop = handle_resource_drop,
	.handle_detach = handle_detach,
};

int oriel_embedder_create(const struct oriel_embedder_options *options,
		struct oriel_embedder **ret) {
	if (options == NULL || options->size != sizeof(*options)) {
		return -EINVAL;
	}
	struct oriel_embedder *embedder = calloc(1, sizeof(*embedder));
	if (embedder == NULL) {
		return -ENOMEM;
	}
	oriel_display_init(&embedder->base, &embedder_impl);
	oriel_log_init(&embedder->log, &options->log);
	embedder->options = *options;
	*ret = embedder;
	return 0;
}

struct oriel_display *oriel_embedder_get_display(struct oriel_embedder *embedder) {
	return &embedder->base;
}

const struct oriel_embedder_scanout *oriel_embedder_get_scanout(const struct oriel_embedder
										*embedder,
		uint32_t scanout_id) {
	if (scanout_id >= ORIEL_MAX_SCANOUTS || embedder->scanouts[scanout_id].res == NULL) {
		return NULL;
	}
	return &embedder->scanouts[scanout_id].told;
}

int oriel_embedder_read_pixels(const struct oriel_embedder *embedder, uint32_t scanout_id,
		const struct oriel_embedder_rect *rect, size_t stride, void *buf) {
	const struct oriel_embedder_scanout *scanout =
			oriel_embedder_get_scanout(embedder, scanout_id);
	if (scanout == NULL) {
		return -ENOENT;
	}
	struct oriel_rect part = { 0, 0, scanout->width, scanout->height };
	if (rect != NULL) {
		part = (struct oriel_rect){ rect->x, rect->y, rect->width, rect->height };
	}
	if (!oriel_rect_fits(&part, scanout->width, scanout->height) ||
			stride / ORIEL_BYTES_PER_PIXEL < part.width) {
		return -EINVAL;
	}
	const struct oriel_format *format = embedder->scanouts[scanout_id].res->format;
	const uint8_t *from = scanout->pixels + (size_t)part.y * scanout->stride +
			      (size_t)part.x * ORIEL_BYTES_PER_PIXEL;
	uint8_t *to = buf;
	for (uint32_t y = 0; y < part.height; y++) {
		oriel_format_copy_as_bgr(format, from + (size_t)y * scanout->stride, part.width,
				to + y * stride);
	}
	return 0;
}

const struct oriel_embedder_cursor *oriel_embedder_get_cursor(struct oriel_embedder *embedder,
		uint32_t scanout_id) {
	const struct oriel_screen *screen = embedder->base.screen;
	if (screen == NULL || scanout_id >= screen->n_scanouts ||
			screen->cursors[scanout_id].serial == 0) {
		return NULL;
	}
	embedder->cursor = describe_cursor(&screen->cursors[scanout_id]);
	return &embedder->cursor;
}

void oriel_embedder_destroy(struct oriel_embedder *embedder) {
	if (embedder == NULL) {
		return;
	}
	// Detaching lets go of the resources, which nobody is to be told any more.
	embedder->options = (struct oriel_embedder_options){ 0 };
	oriel_screen_detach(&embedder->base);
	free(embedder);
}
