// SPDX-License-Identifier: MIT
/*
 * Pictures that OpenGL draws to the last pixel: rectangles that are cleared. picture.py knows them
 * too; a change here needs the same one there.
 */
#ifndef ORIEL_TESTS_GL_TILES_H
#define ORIEL_TESTS_GL_TILES_H

#include <stdbool.h>
#include <stdint.h>

/** A rectangle and its colour: 0xAARRGGBB, premultiplied. */
struct tile {
	uint32_t x, y, width, height, colour;
};

#define TILES_N 40

/** The tiles of a seed, from the lowest to the topmost. Without alpha all are opaque. */
void tiles_make(uint32_t width, uint32_t height, uint32_t seed, bool has_alpha,
		struct tile tiles[TILES_N]);
/** Draw them into the frame buffer that is bound. */
void tiles_draw_gl(const struct tile tiles[TILES_N]);
/** Draw them into memory. */
void tiles_draw(const struct tile tiles[TILES_N], uint32_t *pixels, uint32_t width);

#endif
