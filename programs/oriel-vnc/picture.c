// SPDX-License-Identifier: MIT
/*
 * See picture.h.
 *
 * A part is compared and copied in tiles. Each row of a tile goes through a small buffer, so that
 * what is compared is what is kept, whatever the guest draws meanwhile.
 */
#include "oriel-vnc/picture.h"

#include "base/arith.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TILE_WIDTH 64u
#define TILE_HEIGHT 16u

#define FOURCC(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

int picture_set_size(struct picture *picture, uint32_t width, uint32_t height) {
	size_t size;
	if (oriel_size_mul(width, height, &size) < 0) {
		return -ENOMEM;
	}
	uint32_t *pixels = calloc(size, sizeof(*pixels));
	if (pixels == NULL) {
		return -ENOMEM;
	}
	free(picture->pixels);
	*picture = (struct picture){ .width = width, .height = height, .pixels = pixels };
	return 0;
}

void picture_finish(struct picture *picture) {
	free(picture->pixels);
	*picture = (struct picture){ 0 };
}

/** Four bytes, the first one lowest. */
static inline uint32_t load(const uint8_t *bytes) {
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

/** The shifts are constants wherever this is inlined, so that the loop becomes vector code. */
static inline void convert(uint32_t *to, const uint8_t *from, size_t n, unsigned int red,
		unsigned int green, unsigned int blue) {
	for (size_t i = 0; i < n; i++) {
		uint32_t value = load(from + i * 4);
		to[i] = (value >> red & 255) | (value >> green & 255) << 8 |
			(value >> blue & 255) << 16;
	}
}

/** n pixels of a format as R, G, B, 0. The formats are those of the display socket's protocol. */
static void convert_pixels(uint32_t *to, const uint8_t *from, size_t n, uint32_t fourcc) {
	switch (fourcc) {
	case FOURCC('B', 'X', '2', '4'): // X R G B
	case FOURCC('B', 'A', '2', '4'):
		convert(to, from, n, 8, 16, 24);
		return;
	case FOURCC('X', 'B', '2', '4'): // R G B X
	case FOURCC('A', 'B', '2', '4'):
		convert(to, from, n, 0, 8, 16);
		return;
	case FOURCC('R', 'X', '2', '4'): // X B G R
	case FOURCC('R', 'A', '2', '4'):
		convert(to, from, n, 24, 16, 8);
		return;
	default: // XR24 and AR24: B G R X
		convert(to, from, n, 16, 8, 0);
		return;
	}
}

/** Copy one tile. Returns whether anything in it is different now. */
static bool copy_tile(struct picture *picture, const struct oriel_client_scanout *from,
		const struct oriel_rect *tile) {
	bool changed = false;
	for (uint32_t y = tile->y; y < tile->y + tile->height; y++) {
		uint32_t row[TILE_WIDTH];
		const uint8_t *source =
				from->pixels + (size_t)y * from->stride + (size_t)tile->x * 4;
		uint32_t *kept = picture->pixels + (size_t)y * picture->width + tile->x;
		size_t size = tile->width * sizeof(*kept);
		convert_pixels(row, source, tile->width, from->fourcc);
		if (memcmp(row, kept, size) != 0) {
			memcpy(kept, row, size);
			changed = true;
		}
	}
	return changed;
}

/** A row of tiles: neighbours that changed are named as one part. */
static void copy_band(struct picture *picture, const struct oriel_client_scanout *from,
		const struct oriel_rect *band, picture_changed_fn fn, void *user) {
	struct oriel_rect run = { .y = band->y, .height = band->height };
	uint32_t end = band->x + band->width;
	for (uint32_t x = band->x; x < end; x += TILE_WIDTH) {
		struct oriel_rect tile = { x, band->y, oriel_min_u32(TILE_WIDTH, end - x),
			band->height };
		if (copy_tile(picture, from, &tile)) {
			run.x = run.width == 0 ? x : run.x;
			run.width = x + tile.width - run.x;
			continue;
		}
		if (run.width > 0) {
			fn(user, &run);
			run.width = 0;
		}
	}
	if (run.width > 0) {
		fn(user, &run);
	}
}

void picture_copy(struct picture *picture, const struct oriel_client_scanout *from,
		const struct oriel_rect *part, picture_changed_fn fn, void *user) {
	uint32_t end = part->y + part->height;
	for (uint32_t y = part->y; y < end; y += TILE_HEIGHT) {
		struct oriel_rect band = { part->x, y, part->width,
			oriel_min_u32(TILE_HEIGHT, end - y) };
		copy_band(picture, from, &band, fn, user);
	}
}

/*
 * "NO SIGNAL", nine letters of 5x7 dots: each byte is a row, its lowest five bits are dots.
 */
#define N_LETTERS 9u
#define LETTER_WIDTH 5u
#define LETTER_HEIGHT 7u
#define LETTER_PITCH (LETTER_WIDTH + 2)

static const uint8_t letters[N_LETTERS][LETTER_HEIGHT] = {
	{ 0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11 }, // N
	{ 0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e }, // O
	{ 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 }, //
	{ 0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e }, // S
	{ 0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e }, // I
	{ 0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f }, // G
	{ 0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11 }, // N
	{ 0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11 }, // A
	{ 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f }, // L
};

/** A calm dark grey, and a lighter one for the letters: R, G, B from the lowest byte on. */
#define BACKGROUND 0x1c1a18u
#define FOREGROUND 0x807a74u

/** Whether the dot (x, y) of the whole text is set. */
static bool text_has_dot(uint32_t x, uint32_t y) {
	uint32_t column = x % LETTER_PITCH;
	return column < LETTER_WIDTH &&
	       (letters[x / LETTER_PITCH][y] >> (LETTER_WIDTH - 1 - column) & 1) != 0;
}

void picture_draw_no_signal(struct picture *picture) {
	size_t n = (size_t)picture->width * picture->height;
	for (size_t i = 0; i < n; i++) {
		picture->pixels[i] = BACKGROUND;
	}
	// A quarter of the width, but not smaller than its dots; and not at all where that is too
	// big.
	uint32_t text_width = N_LETTERS * LETTER_PITCH - 1;
	uint32_t dot = picture->width / 4 / text_width;
	dot = dot > 0 ? dot : 1;
	if (picture->width < text_width * dot || picture->height < LETTER_HEIGHT * dot) {
		return;
	}
	uint32_t left = (picture->width - text_width * dot) / 2;
	uint32_t top = (picture->height - LETTER_HEIGHT * dot) / 2;
	for (uint32_t y = 0; y < LETTER_HEIGHT * dot; y++) {
		uint32_t *row = picture->pixels + (size_t)(top + y) * picture->width + left;
		for (uint32_t x = 0; x < text_width * dot; x++) {
			if (text_has_dot(x / dot, y / dot)) {
				row[x] = FOREGROUND;
			}
		}
	}
}
