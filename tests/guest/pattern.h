// SPDX-License-Identifier: MIT
/*
 * Pictures that a seed and a size define to the last pixel. The host makes the same ones
 * (picture.py), so that what a screen shows can be judged without transferring pictures.
 *
 * Pixels are 32 bits in memory order B G R X with X = 255; those of cursors are B G R A,
 * premultiplied.
 */
#ifndef ORIEL_TESTS_PATTERN_H
#define ORIEL_TESTS_PATTERN_H

#include <stdint.h>

#define CURSOR_SIDE 64

struct rect {
	uint32_t x, y, width, height;
};

/** Draw that part of the picture of seed which lies in rect; rect lies in the picture. */
void pattern_draw(uint8_t *pixels, uint32_t pitch, uint32_t width, uint32_t height, uint32_t seed,
		struct rect rect);

/** Draw a cursor of CURSOR_SIDE pixels: opaque edge, squares that are clear, half and opaque. */
void pattern_draw_cursor(uint8_t *pixels, uint32_t pitch, uint32_t seed);

/** The CRC32 (that of PNG and zlib) of a picture's rows. */
uint32_t pattern_crc(const uint8_t *pixels, uint32_t pitch, uint32_t width, uint32_t height);

#endif
