// SPDX-License-Identifier: MIT
/*
 * The eight pixel formats of virtio-gpu (virtio 1.3, 5.7.6.8, enum virtio_gpu_formats).
 *
 * All have four bytes a pixel. The names list the bytes in memory order, the lowest address first.
 */
#ifndef ORIEL_FORMAT_H
#define ORIEL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORIEL_BYTES_PER_PIXEL 4u

struct oriel_format {
	uint32_t value;   // as on the wire
	uint32_t fourcc;  // DRM fourcc, little-endian
	const char *name; // "B8G8R8A8"
	uint8_t i_blue;   // byte index of each channel within a pixel
	uint8_t i_green;
	uint8_t i_red;
	uint8_t i_alpha; // of alpha, or of the unused byte
	bool has_alpha;
};

/** The format with this wire value, or NULL. Static. */
const struct oriel_format *oriel_format_get(uint32_t value);

/** The format with this fourcc, or NULL. Static. */
const struct oriel_format *oriel_format_find(uint32_t fourcc);

/** The format with the same channels whose fourth byte means nothing. Static. */
const struct oriel_format *oriel_format_without_alpha(const struct oriel_format *format);

/** The i-th known format, or NULL beyond the last. For tests and capability lists. */
const struct oriel_format *oriel_format_at(size_t i);

/** Copy n_pixels of this format to bytes B, G, R, 255. They must not overlap. */
void oriel_format_copy_as_bgr(const struct oriel_format *format, const uint8_t *from,
		size_t n_pixels, uint8_t *to);

#endif
