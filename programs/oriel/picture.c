// SPDX-License-Identifier: MIT
/* See picture.h. */
#include "oriel/picture.h"

#define SIDE ORIEL_CLIENT_CURSOR_SIDE

/** image + screen * (255 - alpha) / 255, rounded, cut at 255: the image is premultiplied. */
static uint8_t blend(uint8_t image, uint8_t alpha, uint8_t screen) {
	uint32_t sum = image + (screen * (255u - alpha) + 127) / 255;
	return (uint8_t)(sum < 255 ? sum : 255);
}

static void blend_cursor(const struct oriel_client_cursor *cursor, uint32_t width, uint32_t y,
		uint8_t *rgb) {
	int64_t row = (int64_t)y - cursor->y;
	if (row < 0 || row >= SIDE) {
		return;
	}
	const uint8_t *image = cursor->pixels + row * SIDE * 4;
	for (int64_t i = 0; i < SIDE; i++, image += 4) {
		int64_t x = cursor->x + i;
		if (x < 0 || x >= width) {
			continue;
		}
		uint8_t *pixel = rgb + x * 3;
		pixel[0] = blend(image[2], image[3], pixel[0]);
		pixel[1] = blend(image[1], image[3], pixel[1]);
		pixel[2] = blend(image[0], image[3], pixel[2]);
	}
}

void picture_make_row(const struct oriel_client_snapshot *snapshot, bool with_cursor, uint32_t y,
		uint8_t *rgb) {
	const uint8_t *from = snapshot->pixels + (size_t)y * snapshot->stride;
	uint8_t *to = rgb;
	for (uint32_t x = 0; x < snapshot->width; x++) {
		to[0] = from[2];
		to[1] = from[1];
		to[2] = from[0];
		from += 4;
		to += 3;
	}
	if (with_cursor && snapshot->cursor.visible) {
		blend_cursor(&snapshot->cursor, snapshot->width, y, rgb);
	}
}
