// SPDX-License-Identifier: MIT
/* See format.h. */
#include "resource/format.h"

#include "base/compiler.h"

#include <string.h>

#define FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

static const struct oriel_format formats[] = {
	{ 1, FOURCC('A', 'R', '2', '4'), "B8G8R8A8", 0, 1, 2, 3, true },
	{ 2, FOURCC('X', 'R', '2', '4'), "B8G8R8X8", 0, 1, 2, 3, false },
	{ 3, FOURCC('B', 'A', '2', '4'), "A8R8G8B8", 3, 2, 1, 0, true },
	{ 4, FOURCC('B', 'X', '2', '4'), "X8R8G8B8", 3, 2, 1, 0, false },
	{ 67, FOURCC('A', 'B', '2', '4'), "R8G8B8A8", 2, 1, 0, 3, true },
	{ 68, FOURCC('R', 'X', '2', '4'), "X8B8G8R8", 1, 2, 3, 0, false },
	{ 121, FOURCC('R', 'A', '2', '4'), "A8B8G8R8", 1, 2, 3, 0, true },
	{ 134, FOURCC('X', 'B', '2', '4'), "R8G8B8X8", 2, 1, 0, 3, false },
};

const struct oriel_format *oriel_format_get(uint32_t value) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(formats); i++) {
		if (formats[i].value == value) {
			return &formats[i];
		}
	}
	return NULL;
}

const struct oriel_format *oriel_format_find(uint32_t fourcc) {
	for (size_t i = 0; oriel_format_at(i) != NULL; i++) {
		if (oriel_format_at(i)->fourcc == fourcc) {
			return oriel_format_at(i);
		}
	}
	return NULL;
}

const struct oriel_format *oriel_format_without_alpha(const struct oriel_format *format) {
	for (size_t i = 0; oriel_format_at(i) != NULL; i++) {
		const struct oriel_format *other = oriel_format_at(i);
		if (!other->has_alpha && other->i_blue == format->i_blue &&
				other->i_green == format->i_green &&
				other->i_red == format->i_red) {
			return other;
		}
	}
	return format;
}

const struct oriel_format *oriel_format_at(size_t i) {
	return i < ORIEL_ARRAY_LEN(formats) ? &formats[i] : NULL;
}

void oriel_format_copy_as_bgr(const struct oriel_format *format, const uint8_t *from,
		size_t n_pixels, uint8_t *to) {
	if (format->i_blue == 0 && format->i_green == 1 && format->i_red == 2) {
		memcpy(to, from, n_pixels * ORIEL_BYTES_PER_PIXEL);
		for (size_t i = 0; i < n_pixels; i++) {
			to[i * ORIEL_BYTES_PER_PIXEL + 3] = 0xff;
		}
		return;
	}
	for (size_t i = 0; i < n_pixels; i++) {
		to[0] = from[format->i_blue];
		to[1] = from[format->i_green];
		to[2] = from[format->i_red];
		to[3] = 0xff;
		from += ORIEL_BYTES_PER_PIXEL;
		to += ORIEL_BYTES_PER_PIXEL;
	}
}
