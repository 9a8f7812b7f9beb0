// SPDX-License-Identifier: MIT
/*
 * See pixels.h.
 *
 * Of the 24 orders of four bytes the eight formats need four, each one instruction on a
 * little-endian word: as it is, turned round, red and blue exchanged, rotated.
 */
#include "display/gpu_socket/pixels.h"

#include <assert.h>
#include <string.h>

static uint32_t load(const uint8_t *src) {
	uint32_t v;
	memcpy(&v, src, sizeof(v));
	return v;
}

static void store(uint8_t *dst, uint32_t v) {
	memcpy(dst, &v, sizeof(v));
}

/** A, R, G, B in memory. */
static void copy_argb(uint8_t *restrict dst, const uint8_t *restrict src, size_t n) {
	for (size_t i = 0; i < n; i++) {
		store(dst + i * 4, __builtin_bswap32(load(src + i * 4)));
	}
}

/** R, G, B, A in memory. */
static void copy_rgba(uint8_t *restrict dst, const uint8_t *restrict src, size_t n) {
	for (size_t i = 0; i < n; i++) {
		uint32_t v = load(src + i * 4);
		store(dst + i * 4, (v & 0xff00ff00u) | (v >> 16 & 0xffu) | (v & 0xffu) << 16);
	}
}

/** A, B, G, R in memory. */
static void copy_abgr(uint8_t *restrict dst, const uint8_t *restrict src, size_t n) {
	for (size_t i = 0; i < n; i++) {
		uint32_t v = load(src + i * 4);
		store(dst + i * 4, v >> 8 | v << 24);
	}
}

void oriel_pixels_copy_as_bgrx(uint8_t *dst, const uint8_t *src, size_t n,
		const struct oriel_format *format) {
	switch (format->i_blue) { // tells the four orders apart
	case 0:
		memcpy(dst, src, n * ORIEL_BYTES_PER_PIXEL);
		break;
	case 1:
		copy_abgr(dst, src, n);
		break;
	case 2:
		copy_rgba(dst, src, n);
		break;
	default:
		copy_argb(dst, src, n);
		break;
	}
}

void oriel_pixels_copy_rect_as_bgrx(uint8_t *dst, const struct oriel_resource *res,
		const struct oriel_rect *rect) {
	assert(oriel_rect_fits(rect, res->width, res->height));
	size_t row_bytes = (size_t)rect->width * ORIEL_BYTES_PER_PIXEL;
	if (res->pixels == NULL) {
		memset(dst, 0, row_bytes * rect->height);
		return;
	}
	const uint8_t *src = res->pixels + (size_t)rect->y * res->stride +
			     (size_t)rect->x * ORIEL_BYTES_PER_PIXEL;
	if (row_bytes == res->stride) { // the rows lie together: all at once
		oriel_pixels_copy_as_bgrx(dst, src, (size_t)rect->width * rect->height,
				res->format);
		return;
	}
	for (uint32_t y = 0; y < rect->height; y++) {
		oriel_pixels_copy_as_bgrx(dst + y * row_bytes, src + (size_t)y * res->stride,
				rect->width, res->format);
	}
}
