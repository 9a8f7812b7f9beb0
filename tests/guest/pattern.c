// SPDX-License-Identifier: MIT
/*
 * See pattern.h. A picture is a gradient in which every pixel differs from its neighbours, three
 * frames of one pixel along its edges, and a box of black and white noise as text would be. A
 * change here needs the same one in picture.py.
 */
#include "pattern.h"

#include <stdbool.h>
#include <string.h>

#define BOX_AT 16u         // the box's first column and row
#define BOX_MAX_WIDTH 512u // a multiple of 32: one word of noise is 32 pixels
#define BOX_MAX_HEIGHT 64u

struct box {
	uint32_t width, height;
	uint32_t words[BOX_MAX_HEIGHT][BOX_MAX_WIDTH / 32];
};

static uint32_t box_side(uint32_t picture, uint32_t max) {
	uint32_t side = picture > 2 * BOX_AT ? picture - 2 * BOX_AT : 0;
	return side < max ? side : max;
}

static void box_fill(struct box *box, uint32_t width, uint32_t height, uint32_t seed) {
	box->width = box_side(width, BOX_MAX_WIDTH) / 32 * 32;
	box->height = box_side(height, BOX_MAX_HEIGHT);
	uint32_t state = ((seed + 1) * 0x9e3779b9u) | 1;
	for (uint32_t y = 0; y < box->height; y++) {
		for (uint32_t i = 0; i < box->width / 32; i++) {
			state ^= state << 13;
			state ^= state >> 17;
			state ^= state << 5;
			box->words[y][i] = state;
		}
	}
}

static uint32_t pack(uint32_t r, uint32_t g, uint32_t b) {
	return 0xff000000u | (r & 255) << 16 | (g & 255) << 8 | (b & 255);
}

static uint32_t distance_to_edge(uint32_t width, uint32_t height, uint32_t x, uint32_t y) {
	uint32_t sides[] = { x, y, width - 1 - x, height - 1 - y };
	uint32_t least = sides[0];
	for (int i = 1; i < 4; i++) {
		least = sides[i] < least ? sides[i] : least;
	}
	return least;
}

void pattern_draw(uint8_t *pixels, uint32_t pitch, uint32_t width, uint32_t height, uint32_t seed,
		struct rect rect) {
	static const uint32_t frames[] = { 0xffffffffu, 0xff000000u, 0xffff00ffu };
	struct box box;
	box_fill(&box, width, height, seed);

	for (uint32_t y = rect.y; y < rect.y + rect.height; y++) {
		uint8_t *row = pixels + (size_t)y * pitch;
		for (uint32_t x = rect.x; x < rect.x + rect.width; x++) {
			uint32_t edge = distance_to_edge(width, height, x, y);
			uint32_t in_x = x - BOX_AT, in_y = y - BOX_AT; // wraps: then it is outside
			uint32_t pixel = pack(2 * x + y + 13 * seed, 5 * y + 11 * seed,
					x + 3 * y + 7 * seed);
			if (edge < 3) {
				pixel = frames[edge];
			} else if (in_x < box.width && in_y < box.height) {
				bool set = box.words[in_y][in_x / 32] >> (31 - in_x % 32) & 1;
				pixel = set ? 0xffffffffu : 0xff000000u;
			}
			memcpy(row + (size_t)x * 4, &pixel, 4);
		}
	}
}

void pattern_draw_cursor(uint8_t *pixels, uint32_t pitch, uint32_t seed) {
	for (uint32_t y = 0; y < CURSOR_SIDE; y++) {
		for (uint32_t x = 0; x < CURSOR_SIDE; x++) {
			uint32_t edge = distance_to_edge(CURSOR_SIDE, CURSOR_SIDE, x, y);
			uint32_t alpha = (x / 8 + y / 8) % 2 == 0 ? 0 : x < 32 ? 255 : 128;
			alpha = edge == 0 ? 255 : alpha;
			uint32_t r = ((4 * x + seed) & 255) * alpha / 255;
			uint32_t g = ((4 * y + 3 * seed) & 255) * alpha / 255;
			uint32_t b = 64 * alpha / 255;
			uint32_t pixel = alpha << 24 | r << 16 | g << 8 | b;
			memcpy(pixels + (size_t)y * pitch + x * 4, &pixel, 4);
		}
	}
}

uint32_t pattern_crc(const uint8_t *pixels, uint32_t pitch, uint32_t width, uint32_t height) {
	uint32_t table[256];
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++) {
			c = (c & 1) != 0 ? 0xedb88320u ^ c >> 1 : c >> 1;
		}
		table[i] = c;
	}
	uint32_t crc = 0xffffffffu;
	for (uint32_t y = 0; y < height; y++) {
		const uint8_t *row = pixels + (size_t)y * pitch;
		for (size_t i = 0; i < (size_t)width * 4; i++) {
			crc = table[(crc ^ row[i]) & 255] ^ crc >> 8;
		}
	}
	return ~crc;
}
