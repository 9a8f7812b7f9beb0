// SPDX-License-Identifier: MIT
/*
 * Pixels for the GPU socket: from any of the eight formats to x8r8g8b8, which is B, G, R, X in
 * memory.
 *
 * All formats are four bytes in some order, so this only moves bytes. X is whatever the resource
 * has as alpha or unused byte: the front-end ignores it, and copying is cheaper than setting it.
 */
#ifndef ORIEL_GPU_SOCKET_PIXELS_H
#define ORIEL_GPU_SOCKET_PIXELS_H

#include "base/rect.h"
#include "resource/resource.h"

/** Whether pixels of this format are x8r8g8b8 already. */
static inline bool oriel_pixels_are_bgrx(const struct oriel_format *format) {
	return format->i_blue == 0;
}

/** Copy n pixels of the given format from src to dst. They do not overlap; any alignment. */
void oriel_pixels_copy_as_bgrx(uint8_t *dst, const uint8_t *src, size_t n,
		const struct oriel_format *format);

/**
 * Copy rect of res, which must lie inside it, to dst as rows of rect->width * 4 bytes.
 *
 * Pixels that do not exist yet are black.
 */
void oriel_pixels_copy_rect_as_bgrx(uint8_t *dst, const struct oriel_resource *res,
		const struct oriel_rect *rect);

#endif
