// SPDX-License-Identifier: MIT
/* See tiles.h. The quarters differ, so that a picture upside down or mirrored is another one. */
#include "tiles.h"

#include <GLES2/gl2.h>

static const uint32_t quarters[] = { 0xffc02010, 0xff20a030, 0xff1040d0, 0xffe8d8b0 };

static uint32_t next(uint32_t *state) {
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static uint32_t premultiply(uint32_t colour, uint32_t alpha) {
	uint32_t result = alpha << 24;
	for (int shift = 0; shift < 24; shift += 8) {
		result |= (colour >> shift & 255) * alpha / 255 << shift;
	}
	return result;
}

void tiles_make(uint32_t width, uint32_t height, uint32_t seed, bool has_alpha,
		struct tile tiles[TILES_N]) {
	static const uint32_t alphas[] = { 255, 128, 0, 255 };
	uint32_t half_x = width / 2, half_y = height / 2;
	uint32_t state = ((seed + 1) * 0x9e3779b9u) | 1;
	for (uint32_t i = 0; i < TILES_N; i++) {
		struct tile *tile = &tiles[i];
		if (i < 4) {
			tile->x = i % 2 * half_x;
			tile->y = i / 2 * half_y;
			tile->width = i % 2 == 0 ? half_x : width - half_x;
			tile->height = i / 2 == 0 ? half_y : height - half_y;
			tile->colour = quarters[i];
			continue;
		}
		tile->x = next(&state) % width;
		tile->y = next(&state) % height;
		tile->width = 1 + next(&state) % (width - tile->x) / 2;
		tile->height = 1 + next(&state) % (height - tile->y) / 2;
		uint32_t colour = next(&state);
		tile->colour = premultiply(colour, has_alpha ? alphas[colour >> 30] : 255);
	}
}

static float channel(uint32_t colour, int shift) {
	return (float)(colour >> shift & 255) / 255.0f;
}

void tiles_draw_gl(const struct tile tiles[TILES_N]) {
	glEnable(GL_SCISSOR_TEST);
	for (uint32_t i = 0; i < TILES_N; i++) {
		const struct tile *tile = &tiles[i];
		uint32_t colour = tile->colour;
		glScissor((GLint)tile->x, (GLint)tile->y, (GLsizei)tile->width,
				(GLsizei)tile->height);
		glClearColor(channel(colour, 16), channel(colour, 8), channel(colour, 0),
				channel(colour, 24));
		glClear(GL_COLOR_BUFFER_BIT);
	}
	glDisable(GL_SCISSOR_TEST);
}

void tiles_draw(const struct tile tiles[TILES_N], uint32_t *pixels, uint32_t width) {
	for (uint32_t i = 0; i < TILES_N; i++) {
		const struct tile *tile = &tiles[i];
		for (uint32_t y = tile->y; y < tile->y + tile->height; y++) {
			for (uint32_t x = tile->x; x < tile->x + tile->width; x++) {
				pixels[y * width + x] = tile->colour;
			}
		}
	}
}
