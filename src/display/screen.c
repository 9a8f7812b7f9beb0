// SPDX-License-Identifier: MIT
/*
 * See screen.h.
 *
 * Scanouts are few (16 at most), so whatever concerns "every scanout that shows res" walks them
 * all.
 */
#include "display/screen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void oriel_screen_init(struct oriel_screen *screen, uint32_t n_scanouts) {
	assert(n_scanouts >= 1 && n_scanouts <= ORIEL_MAX_SCANOUTS);
	*screen = (struct oriel_screen){ .n_scanouts = n_scanouts };
	oriel_list_init(&screen->displays);
}

void oriel_screen_set_n_scanouts(struct oriel_screen *screen, uint32_t n_scanouts) {
	assert(n_scanouts >= 1 && n_scanouts <= ORIEL_MAX_SCANOUTS);
	for (uint32_t i = n_scanouts; i < screen->n_scanouts; i++) {
		assert(screen->scanouts[i].res == NULL && screen->cursors[i].pixels == NULL);
	}
	screen->n_scanouts = n_scanouts;
}

void oriel_screen_finish(struct oriel_screen *screen) {
	while (!oriel_list_is_empty(&screen->displays)) {
		oriel_screen_detach(oriel_container_of(screen->displays.next, struct oriel_display,
				link));
	}
	oriel_screen_clear(screen);
}

static struct oriel_rect whole_of(const struct oriel_scanout *scanout) {
	return (struct oriel_rect){ .width = scanout->src.width, .height = scanout->src.height };
}

static bool needs_pixels(struct oriel_display *display, uint32_t scanout_id) {
	return display->screen->scanouts[scanout_id].dmabuf == NULL ||
	       display->impl->needs_pixels == NULL ||
	       display->impl->needs_pixels(display, scanout_id);
}

void oriel_screen_attach(struct oriel_screen *screen, struct oriel_display *display) {
	assert(display->screen == NULL);
	display->screen = screen;
	oriel_list_append(&screen->displays, &display->link);
	for (uint32_t i = 0; i < screen->n_scanouts; i++) {
		const struct oriel_scanout *scanout = &screen->scanouts[i];
		if (scanout->res != NULL) {
			struct oriel_rect all = whole_of(scanout);
			display->impl->handle_scanout(display, i);
			const bool wants_pixels = needs_pixels(display, i);
			if (wants_pixels) {
				oriel_screen_fetch_pixels(screen, i);
			}
			if (!wants_pixels || !scanout->is_behind) { // else they are presented later
				display->impl->present(display, i, &all);
			}
		}
		if (screen->cursors[i].serial != 0) {
			display->impl->handle_cursor(display, i);
		}
	}
}

void oriel_screen_detach(struct oriel_display *display) {
	if (display->screen == NULL) {
		return;
	}
	// Afterwards the asker could not reach the display any more, to have its queries dropped.
	if (display->impl->flush_queries != NULL) {
		display->impl->flush_queries(display);
	}
	oriel_list_remove(&display->link);
	display->screen = NULL;
	if (display->impl->handle_detach != NULL) {
		display->impl->handle_detach(display);
	}
}

enum news { NEWS_SCANOUT, NEWS_CURSOR, NEWS_CURSOR_POSITION };

static void tell_all(struct oriel_screen *screen, uint32_t scanout_id, enum news news) {
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		switch (news) {
		case NEWS_SCANOUT:
			display->impl->handle_scanout(display, scanout_id);
			break;
		case NEWS_CURSOR:
			display->impl->handle_cursor(display, scanout_id);
			break;
		case NEWS_CURSOR_POSITION:
			display->impl->move_cursor(display, scanout_id);
			break;
		}
	}
}

void oriel_screen_set_picture(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_picture *picture) {
	assert(scanout_id < screen->n_scanouts);
	struct oriel_scanout *scanout = &screen->scanouts[scanout_id];
	const struct oriel_scanout old = *scanout;
	struct oriel_resource *res = picture->res;
	struct oriel_dmabuf *dmabuf = picture->dmabuf;
	if (old.res == res && oriel_rect_equals(&old.src, &picture->src) && old.dmabuf == dmabuf &&
			old.dmabuf_x == picture->dmabuf_x && old.dmabuf_y == picture->dmabuf_y) {
		scanout->is_behind = picture->is_behind;
		return;
	}
	*scanout = (struct oriel_scanout){
		.res = res != NULL ? oriel_resource_hold(res) : NULL, // may be the same one
		.src = picture->src,
		.dmabuf = oriel_dmabuf_hold(dmabuf),
		.dmabuf_x = picture->dmabuf_x,
		.dmabuf_y = picture->dmabuf_y,
		.is_behind = picture->is_behind,
	};
	tell_all(screen, scanout_id, NEWS_SCANOUT);
	oriel_resource_release(old.res);
	oriel_dmabuf_release(old.dmabuf);
}

void oriel_screen_set_scanout(struct oriel_screen *screen, uint32_t scanout_id,
		struct oriel_resource *res, const struct oriel_rect *src) {
	const struct oriel_picture picture = {
		.res = res,
		.src = res != NULL ? *src : (struct oriel_rect){ 0 },
	};
	oriel_screen_set_picture(screen, scanout_id, &picture);
}

uint32_t oriel_screen_get_dmabufs(const struct oriel_screen *screen) {
	uint32_t dmabufs = 0;
	oriel_list_for_each(link, following, &screen->displays) {
		dmabufs |= oriel_container_of(link, struct oriel_display, link)->dmabufs;
	}
	return dmabufs;
}

bool oriel_screen_needs_pixels(const struct oriel_screen *screen, uint32_t scanout_id) {
	oriel_list_for_each(link, following, &screen->displays) {
		if (needs_pixels(oriel_container_of(link, struct oriel_display, link),
				    scanout_id)) {
			return true;
		}
	}
	return false;
}

void oriel_screen_set_behind(struct oriel_screen *screen, uint32_t scanout_id, bool is_behind) {
	struct oriel_scanout *scanout = &screen->scanouts[scanout_id];
	scanout->is_behind = is_behind && scanout->dmabuf != NULL;
}

void oriel_screen_fetch_pixels(struct oriel_screen *screen, uint32_t scanout_id) {
	if (screen->scanouts[scanout_id].is_behind) {
		screen->fetch_pixels(screen, scanout_id);
	}
}

static void present(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	screen->n_frames[scanout_id]++;
	screen->damage += (uint64_t)damage->width * damage->height * ORIEL_BYTES_PER_PIXEL;
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		display->impl->present(display, scanout_id, damage);
	}
}

bool oriel_screen_shows(const struct oriel_screen *screen, const struct oriel_resource *res) {
	for (uint32_t i = 0; i < screen->n_scanouts; i++) {
		if (screen->scanouts[i].res == res) {
			return true;
		}
	}
	return false;
}

bool oriel_screen_flush(struct oriel_screen *screen, struct oriel_resource *res,
		const struct oriel_rect *rect) {
	bool has_presented = false;
	for (uint32_t i = 0; i < screen->n_scanouts; i++) {
		const struct oriel_scanout *scanout = &screen->scanouts[i];
		if (scanout->res != res) {
			continue;
		}
		struct oriel_rect damage = oriel_rect_intersect(rect, &scanout->src);
		if (!oriel_rect_is_empty(&damage)) {
			damage.x -= scanout->src.x;
			damage.y -= scanout->src.y;
			present(screen, i, &damage);
			has_presented = true;
		}
	}
	return has_presented;
}

void oriel_screen_remove_resource(struct oriel_screen *screen, struct oriel_resource *res) {
	for (uint32_t i = 0; i < screen->n_scanouts; i++) {
		if (screen->scanouts[i].res == res) {
			oriel_screen_set_scanout(screen, i, NULL, NULL);
		}
	}
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		if (display->impl->handle_resource_drop != NULL) {
			display->impl->handle_resource_drop(display, res);
		}
	}
}

int oriel_screen_set_cursor(struct oriel_screen *screen, uint32_t scanout_id, const uint8_t *pixels,
		uint32_t hot_x, uint32_t hot_y, int32_t x, int32_t y) {
	assert(scanout_id < screen->n_scanouts);
	struct oriel_cursor *cursor = &screen->cursors[scanout_id];
	if (cursor->pixels == NULL) {
		cursor->pixels = calloc(1, ORIEL_CURSOR_BYTES);
		if (cursor->pixels == NULL) {
			return -ENOMEM;
		}
	}
	memcpy(cursor->pixels, pixels, ORIEL_CURSOR_BYTES);
	cursor->serial++;
	cursor->visible = true;
	cursor->hot_x = oriel_min_u32(hot_x, ORIEL_CURSOR_SIDE - 1);
	cursor->hot_y = oriel_min_u32(hot_y, ORIEL_CURSOR_SIDE - 1);
	cursor->x = x;
	cursor->y = y;
	tell_all(screen, scanout_id, NEWS_CURSOR);
	return 0;
}

void oriel_screen_hide_cursor(struct oriel_screen *screen, uint32_t scanout_id, int32_t x,
		int32_t y) {
	assert(scanout_id < screen->n_scanouts);
	struct oriel_cursor *cursor = &screen->cursors[scanout_id];
	cursor->visible = false;
	cursor->x = x;
	cursor->y = y;
	tell_all(screen, scanout_id, NEWS_CURSOR);
}

void oriel_screen_move_cursor(struct oriel_screen *screen, uint32_t scanout_id, int32_t x,
		int32_t y) {
	assert(scanout_id < screen->n_scanouts);
	struct oriel_cursor *cursor = &screen->cursors[scanout_id];
	cursor->x = x;
	cursor->y = y;
	tell_all(screen, scanout_id, NEWS_CURSOR_POSITION);
}

void oriel_screen_clear(struct oriel_screen *screen) {
	for (uint32_t i = 0; i < screen->n_scanouts; i++) {
		oriel_screen_set_scanout(screen, i, NULL, NULL);
		struct oriel_cursor *cursor = &screen->cursors[i];
		bool was_visible = cursor->visible;
		free(cursor->pixels);
		*cursor = (struct oriel_cursor){ 0 };
		if (was_visible) {
			tell_all(screen, i, NEWS_CURSOR);
		}
	}
}

int oriel_screen_query(struct oriel_screen *screen, struct oriel_display_query *query) {
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		if (display->impl->query != NULL && display->impl->query(display, query) == 0) {
			return 0;
		}
	}
	return -ENOTCONN;
}

int oriel_screen_set_size(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_wanted_size *size) {
	assert(scanout_id < screen->n_scanouts);
	return screen->set_size != NULL ? screen->set_size(screen, scanout_id, size) : -EOPNOTSUPP;
}

bool oriel_screen_can_answer(struct oriel_screen *screen) {
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		if (display->impl->query != NULL && display->impl->can_answer(display)) {
			return true;
		}
	}
	return false;
}

void oriel_screen_flush_queries(struct oriel_screen *screen) {
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		if (display->impl->flush_queries != NULL) {
			display->impl->flush_queries(display);
		}
	}
}

void oriel_screen_drop_queries(struct oriel_screen *screen) {
	oriel_list_for_each(link, following, &screen->displays) {
		struct oriel_display *display =
				oriel_container_of(link, struct oriel_display, link);
		if (display->impl->drop_queries != NULL) {
			display->impl->drop_queries(display);
		}
	}
}
