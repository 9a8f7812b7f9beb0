// SPDX-License-Identifier: MIT
/*
 * See sender.h.
 *
 * Each scanout has `frame`, what is left of the rectangle that goes out now, from the top down, and
 * `damage`, what was presented meanwhile. Were they one, then a guest that keeps drawing at the top
 * would keep the bottom from ever going out. Damage inside of what is left of the frame needs no
 * place: those pixels are read later anyhow.
 *
 * A band whose rows lie together, in the order of bytes that the front-end wants, is not copied but
 * sent from where it lies.
 */
#include "display/gpu_socket/sender.h"

#include "display/gpu_socket/pixels.h"
#include "protocol/gpu_socket.h"

#include <assert.h>
#include <errno.h>

static_assert(ORIEL_GPU_SOCKET_MAX_SIDE * ORIEL_BYTES_PER_PIXEL <= ORIEL_GPU_SOCKET_BAND_BYTES,
		"a band has room for one row at least");
static_assert(ORIEL_CURSOR_BYTES == ORIEL_GPU_MESSAGE_CURSOR_BYTES, "cursors go as they are");

void oriel_gpu_socket_sender_init(struct oriel_gpu_socket_sender *sender) {
	*sender = (struct oriel_gpu_socket_sender){ 0 };
}

/** The picture that a scanout shows, as far as it is sent; empty: off. */
static struct oriel_rect picture_of(const struct oriel_screen *screen, uint32_t i) {
	struct oriel_rect picture = { 0 };
	if (screen == NULL || i >= screen->n_scanouts || screen->scanouts[i].res == NULL) {
		return picture;
	}
	const struct oriel_rect *src = &screen->scanouts[i].src;
	picture.width = oriel_min_u32(src->width, ORIEL_GPU_SOCKET_MAX_SIDE);
	uint32_t max_height = ORIEL_GPU_SOCKET_MAX_PICTURE_BYTES /
			      (picture.width * ORIEL_BYTES_PER_PIXEL);
	max_height = oriel_min_u32(max_height, ORIEL_GPU_SOCKET_MAX_SIDE);
	picture.height = oriel_min_u32(src->height, max_height);
	return picture;
}

/** The dma-buf that a scanout is sent as, or NULL: it goes as pixels, or is off. */
static struct oriel_dmabuf *dmabuf_of(const struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t i) {
	const struct oriel_rect picture = picture_of(screen, i);
	if (!sender->takes_dmabufs || oriel_rect_is_empty(&picture)) {
		return NULL;
	}
	const struct oriel_scanout *scanout = &screen->scanouts[i];
	struct oriel_dmabuf *dmabuf = scanout->dmabuf;
	// Too large is too large for dma-bufs as well.
	if (dmabuf == NULL || picture.width != scanout->src.width ||
			picture.height != scanout->src.height) {
		return NULL;
	}
	if (scanout->dmabuf_x != 0 || scanout->dmabuf_y != 0 || dmabuf->layout.offset != 0) {
		return NULL;
	}
	const bool is_plain = dmabuf->layout.modifier == ORIEL_MODIFIER_LINEAR ||
			      dmabuf->layout.modifier == ORIEL_MODIFIER_INVALID;
	return is_plain || sender->takes_modifiers ? dmabuf : NULL;
}

bool oriel_gpu_socket_sender_needs_pixels(const struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t scanout_id) {
	return dmabuf_of(sender, screen, scanout_id) == NULL;
}

void oriel_gpu_socket_sender_finish(struct oriel_gpu_socket_sender *sender) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		oriel_dmabuf_release(sender->scanouts[i].told);
		sender->scanouts[i].told = NULL;
	}
}

int oriel_gpu_socket_sender_handle_updated(struct oriel_gpu_socket_sender *sender) {
	if (sender->n_unanswered == 0) {
		return -EPROTO;
	}
	// Answers come in order: the one that is waited for is the last.
	sender->n_unanswered--;
	if (sender->n_unanswered == 0) {
		oriel_gpu_socket_sender_handle_timeout(sender);
	}
	return 0;
}

void oriel_gpu_socket_sender_handle_unsent(struct oriel_gpu_socket_sender *sender, int fd) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		struct oriel_gpu_socket_scanout *scanout = &sender->scanouts[i];
		if (scanout->told != NULL && scanout->told->fd == fd) {
			oriel_dmabuf_release(scanout->told);
			scanout->told = NULL;
		}
	}
}

void oriel_gpu_socket_sender_handle_timeout(struct oriel_gpu_socket_sender *sender) {
	sender->is_update_open = false;
	sender->update_deadline_ns = 0;
}

void oriel_gpu_socket_sender_handle_connection(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen) {
	oriel_gpu_socket_sender_finish(sender);
	oriel_gpu_socket_sender_handle_timeout(sender);
	sender->n_unanswered = 0;
	sender->takes_modifiers = false;
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		struct oriel_gpu_socket_scanout *scanout = &sender->scanouts[i];
		scanout->width = 0;
		scanout->height = 0;
		scanout->frame = (struct oriel_rect){ 0 };
		const struct oriel_rect picture = picture_of(screen, i);
		oriel_damage_set(&scanout->damage, &picture);
		scanout->cursor_changed = true;
	}
	sender->n_cursors = 0;
}

void oriel_gpu_socket_sender_handle_scanout(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t scanout_id) {
	struct oriel_gpu_socket_scanout *scanout = &sender->scanouts[scanout_id];
	// All of the new picture, when it is presented: the guest says what changed in the
	// resource, not how that differs from what was shown before.
	scanout->frame = (struct oriel_rect){ 0 };
	const struct oriel_rect picture = picture_of(screen, scanout_id);
	oriel_damage_set(&scanout->damage, &picture);
	scanout->waits = !oriel_rect_is_empty(&picture);
}

void oriel_gpu_socket_sender_handle_fetch(struct oriel_gpu_socket_sender *sender,
		uint32_t scanout_id) {
	sender->scanouts[scanout_id].waits = true;
}

static bool contains(const struct oriel_rect *outer, const struct oriel_rect *inner) {
	struct oriel_rect both = oriel_rect_intersect(outer, inner);
	return oriel_rect_equals(&both, inner);
}

void oriel_gpu_socket_sender_present(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	struct oriel_gpu_socket_scanout *scanout = &sender->scanouts[scanout_id];
	scanout->waits = false;
	struct oriel_rect picture = picture_of(screen, scanout_id);
	struct oriel_rect visible = oriel_rect_intersect(damage, &picture);
	if (!contains(&scanout->frame, &visible)) {
		oriel_damage_add(&scanout->damage, &visible);
	}
}

void oriel_gpu_socket_sender_handle_cursor(struct oriel_gpu_socket_sender *sender,
		uint32_t scanout_id) {
	sender->scanouts[scanout_id].cursor_changed = true;
}

void oriel_gpu_socket_sender_move_cursor(struct oriel_gpu_socket_sender *sender,
		uint32_t scanout_id) {
	sender->scanouts[scanout_id].cursor_moved = true;
}

/** Write what is to be said about one cursor. Returns whether that was anything. */
static bool write_cursor(struct oriel_gpu_socket_scanout *scanout,
		const struct oriel_screen *screen, uint32_t i, struct oriel_writer *w) {
	bool changed = scanout->cursor_changed;
	bool moved = scanout->cursor_moved;
	if (!changed && !moved) {
		return false;
	}
	scanout->cursor_changed = false;
	scanout->cursor_moved = false;
	struct oriel_cursor none = { 0 };
	const struct oriel_cursor *cursor = i < screen->n_scanouts ? &screen->cursors[i] : &none;
	struct oriel_gpu_message_cursor_image image = {
		.at = { .scanout_id = i, .x = cursor->x, .y = cursor->y },
		.hot_x = cursor->hot_x,
		.hot_y = cursor->hot_y,
		.pixels = cursor->pixels,
	};
	if (!cursor->visible) {
		// Where a hidden cursor is does not matter: it appears with an image and a place.
		if (!scanout->cursor_lit) {
			return false;
		}
		scanout->cursor_lit = false;
		oriel_gpu_message_encode_cursor(w, &image.at, false);
		return true;
	}
	if (changed) {
		scanout->cursor_lit = true;
		oriel_gpu_message_encode_cursor_image(w, &image);
		return true;
	}
	if (moved) {
		oriel_gpu_message_encode_cursor(w, &image.at, true);
	}
	return moved;
}

static bool write_next_cursor(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, struct oriel_writer *w) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (write_cursor(&sender->scanouts[i], screen, i, w)) {
			sender->n_cursors++;
			return true;
		}
	}
	return false;
}

/** Take a dma-buf off a scanout. The front-end closes it. */
static void write_dmabuf_off(struct oriel_gpu_socket_scanout *scanout, uint32_t i,
		struct oriel_writer *w) {
	const struct oriel_gpu_message_dmabuf off = { .scanout_id = i };
	oriel_gpu_message_encode_dmabuf_scanout(w, &off);
	oriel_dmabuf_release(scanout->told);
	scanout->told = NULL;
}

/** Turn off one scanout that is off. Returns whether there was one. */
static bool write_next_off(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, struct oriel_writer *w) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		struct oriel_gpu_socket_scanout *scanout = &sender->scanouts[i];
		struct oriel_rect picture = picture_of(screen, i);
		if (scanout->lit && oriel_rect_is_empty(&picture)) {
			struct oriel_gpu_message_scanout off = { .scanout_id = i };
			if (scanout->told != NULL) {
				write_dmabuf_off(scanout, i, w);
			}
			oriel_gpu_message_encode_scanout(w, &off);
			scanout->width = 0;
			scanout->height = 0;
			scanout->lit = false;
			return true;
		}
	}
	return false;
}

/** Cut the next band off the top of a rectangle. */
static struct oriel_rect cut_band(struct oriel_rect *rect) {
	struct oriel_rect band = *rect;
	uint32_t max_rows = ORIEL_GPU_SOCKET_BAND_BYTES / (rect->width * ORIEL_BYTES_PER_PIXEL);
	band.height = oriel_min_u32(rect->height, max_rows);
	rect->y += band.height;
	rect->height -= band.height;
	if (rect->height == 0) {
		*rect = (struct oriel_rect){ 0 };
	}
	return band;
}

/** The bytes of a part of a resource, if they lie there as they are to be sent. */
static void find_pixels(const struct oriel_resource *res, const struct oriel_rect *part,
		struct oriel_gpu_socket_pixels *ret) {
	bool is_in_one_piece = part->width == res->width || part->height == 1;
	if (res->pixels != NULL && is_in_one_piece && oriel_pixels_are_bgrx(res->format)) {
		ret->bytes = res->pixels + (size_t)part->y * res->stride +
			     (size_t)part->x * ORIEL_BYTES_PER_PIXEL;
		ret->size = (size_t)part->width * part->height * ORIEL_BYTES_PER_PIXEL;
	}
}

/** Write a DMABUF_SCANOUT, whose descriptor is in *ret. */
static void write_dmabuf_scanout(const struct oriel_gpu_socket_sender *sender,
		const struct oriel_scanout *shown, uint32_t i, struct oriel_writer *w,
		struct oriel_gpu_socket_pixels *ret) {
	const struct oriel_dmabuf_layout *layout = &shown->dmabuf->layout;
	const struct oriel_gpu_message_dmabuf message = {
		.scanout_id = i,
		.rect = { 0, 0, shown->src.width, shown->src.height },
		.fd_width = layout->width,
		.fd_height = layout->height,
		.fd_stride = layout->stride,
		.fd_flags = layout->is_bottom_up ? VHOST_USER_GPU_DMABUF_FLAG_Y_0_TOP : 0,
		.fourcc = layout->format->fourcc,
		.modifier = layout->modifier,
	};
	if (sender->takes_modifiers) {
		oriel_gpu_message_encode_dmabuf_scanout2(w, &message);
	} else {
		oriel_gpu_message_encode_dmabuf_scanout(w, &message);
	}
	ret->fd = shown->dmabuf->fd;
}

/** All that is to go out of a scanout, as one rectangle. */
static struct oriel_rect take_all(struct oriel_gpu_socket_scanout *scanout) {
	struct oriel_rect all = scanout->frame;
	struct oriel_rect next = oriel_damage_take(&scanout->damage);
	while (!oriel_rect_is_empty(&next)) {
		all = oriel_rect_unite(&all, &next);
		next = oriel_damage_take(&scanout->damage);
	}
	scanout->frame = (struct oriel_rect){ 0 };
	return all;
}

/** Write what is new on a scanout that goes as dmabuf. Returns whether anything is. */
static bool write_dmabuf(struct oriel_gpu_socket_sender *sender, const struct oriel_screen *screen,
		uint32_t i, struct oriel_dmabuf *dmabuf, struct oriel_writer *w,
		struct oriel_gpu_socket_pixels *ret) {
	struct oriel_gpu_socket_scanout *scanout = &sender->scanouts[i];
	if (scanout->waits || sender->is_update_open) {
		return false;
	}
	struct oriel_rect rect = take_all(scanout);
	if (oriel_rect_is_empty(&rect)) {
		return false;
	}
	const struct oriel_rect picture = picture_of(screen, i);
	if (scanout->told != dmabuf || scanout->told_width != picture.width ||
			scanout->told_height != picture.height) {
		write_dmabuf_scanout(sender, &screen->scanouts[i], i, w, ret);
		oriel_dmabuf_hold(dmabuf); // it may be the same one
		oriel_dmabuf_release(scanout->told);
		scanout->told = dmabuf;
		scanout->told_width = picture.width;
		scanout->told_height = picture.height;
		scanout->width = 0;
		scanout->height = 0;
		scanout->lit = true;
		rect = picture;
	}
	oriel_gpu_message_encode_dmabuf_update(w, i, &rect);
	sender->is_update_open = true;
	sender->n_unanswered++;
	return true;
}

/** Write an UPDATE; its pixels only if they cannot follow from where they lie. */
static void write_update(const struct oriel_scanout *shown, uint32_t i,
		const struct oriel_rect *band, struct oriel_writer *w,
		struct oriel_gpu_socket_pixels *ret) {
	oriel_gpu_message_encode_update(w, i, band);
	const struct oriel_rect part = { band->x + shown->src.x, band->y + shown->src.y,
		band->width, band->height };
	find_pixels(shown->res, &part, ret);
	if (ret->size > 0) {
		return;
	}
	uint8_t *pixels = oriel_writer_get(w,
			(size_t)part.width * part.height * ORIEL_BYTES_PER_PIXEL);
	if (pixels != NULL) {
		oriel_pixels_copy_rect_as_bgrx(pixels, shown->res, &part);
	}
}

/** Write the next band of one scanout. Returns whether there was one. */
static bool write_band(struct oriel_gpu_socket_scanout *scanout, const struct oriel_screen *screen,
		uint32_t i, struct oriel_writer *w, struct oriel_gpu_socket_pixels *ret) {
	struct oriel_rect picture = picture_of(screen, i);
	if (scanout->waits || oriel_rect_is_empty(&picture)) {
		return false;
	}
	if (scanout->told != NULL) {
		// What it showed so far was no surface of the front-end's: all of the picture.
		write_dmabuf_off(scanout, i, w);
		scanout->frame = (struct oriel_rect){ 0 };
		oriel_damage_set(&scanout->damage, &picture);
	}
	if (oriel_rect_is_empty(&scanout->frame)) {
		scanout->frame = oriel_damage_take(&scanout->damage);
	}
	if (oriel_rect_is_empty(&scanout->frame)) {
		return false;
	}
	if (scanout->width != picture.width || scanout->height != picture.height) {
		struct oriel_gpu_message_scanout size = { i, picture.width, picture.height };
		oriel_gpu_message_encode_scanout(w, &size);
		scanout->width = picture.width;
		scanout->height = picture.height;
		scanout->lit = true;
		// A new size comes with handle_scanout() or a new connection: both damage it all.
		assert(oriel_rect_equals(&scanout->frame, &picture));
	}
	struct oriel_rect band = cut_band(&scanout->frame);
	write_update(&screen->scanouts[i], i, &band, w, ret);
	return true;
}

static bool write_next_band(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, struct oriel_writer *w,
		struct oriel_gpu_socket_pixels *ret) {
	for (uint32_t k = 0; k < ORIEL_MAX_SCANOUTS; k++) {
		uint32_t i = (sender->next + k) % ORIEL_MAX_SCANOUTS;
		struct oriel_dmabuf *dmabuf = dmabuf_of(sender, screen, i);
		if (dmabuf != NULL ? write_dmabuf(sender, screen, i, dmabuf, w, ret)
				   : write_band(&sender->scanouts[i], screen, i, w, ret)) {
			sender->next = (i + 1) % ORIEL_MAX_SCANOUTS;
			return true;
		}
	}
	return false;
}

void oriel_gpu_socket_sender_write_next(struct oriel_gpu_socket_sender *sender,
		const struct oriel_screen *screen, struct oriel_writer *w,
		struct oriel_gpu_socket_pixels *ret) {
	*ret = (struct oriel_gpu_socket_pixels){ .fd = -1 };
	// A guest that never stops changing cursors must not keep pictures from going out.
	bool cursors_first = sender->n_cursors < ORIEL_MAX_SCANOUTS;
	if (cursors_first && write_next_cursor(sender, screen, w)) {
		return;
	}
	sender->n_cursors = 0;
	if (write_next_off(sender, screen, w) || write_next_band(sender, screen, w, ret)) {
		return;
	}
	if (!cursors_first) {
		(void)write_next_cursor(sender, screen, w);
	}
}
