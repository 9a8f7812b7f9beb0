// SPDX-License-Identifier: MIT
/* Tests of picture.h. */
#include "oriel/picture.h"

#include "base/compiler.h"
#include "fixture/check.h"

#include <string.h>

#define WIDTH 70u
#define HEIGHT 3u
#define STRIDE (WIDTH * 4 + 8)

static uint8_t screen[HEIGHT * STRIDE];
static uint8_t image[64 * 64 * 4];

static struct oriel_client_snapshot make_snapshot(void) {
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++) {
			uint8_t *pixel = &screen[y * STRIDE + x * 4];
			pixel[0] = (uint8_t)x;
			pixel[1] = (uint8_t)(100 + y);
			pixel[2] = 200;
			pixel[3] = 255;
		}
	}
	memset(image, 0, sizeof(image));
	return (struct oriel_client_snapshot){ .pixels = screen,
		.width = WIDTH,
		.height = HEIGHT,
		.stride = STRIDE,
		.cursor = { .visible = true, .serial = 1, .pixels = image } };
}

static void set_image(uint32_t x, uint32_t y, uint8_t b, uint8_t g, uint8_t r, uint8_t a) {
	uint8_t *pixel = &image[(y * 64 + x) * 4];
	pixel[0] = b;
	pixel[1] = g;
	pixel[2] = r;
	pixel[3] = a;
}

static void test_rows_are_rgb(void **state) {
	(void)state;
	struct oriel_client_snapshot snapshot = make_snapshot();
	for (uint32_t y = 0; y < HEIGHT; y++) {
		uint8_t rgb[WIDTH * 3 + 1];
		rgb[WIDTH * 3] = 0xee;
		picture_make_row(&snapshot, false, y, rgb);
		for (uint32_t x = 0; x < WIDTH; x++) {
			CHECK(rgb[x * 3] == 200 && rgb[x * 3 + 1] == 100 + y && rgb[x * 3 + 2] == x,
					"pixel %u,%u", x, y);
		}
		CHECK(rgb[WIDTH * 3] == 0xee, "row %u is too long", y);
	}
}

static void test_blending(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint8_t b, g, r, a;
		uint8_t want[3]; // R, G, B over 200, 101, 10
	} cases[] = {
		{ "transparent", 0, 0, 0, 0, { 200, 101, 10 } },
		{ "opaque", 1, 2, 3, 255, { 3, 2, 1 } },
		{ "half black", 0, 0, 0, 128, { 100, 50, 5 } },
		{ "half white", 128, 128, 128, 128, { 228, 178, 133 } },
		{ "added light", 9, 8, 7, 0, { 207, 109, 19 } },
		{ "colour above alpha is cut", 255, 255, 255, 1, { 255, 255, 255 } },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_client_snapshot snapshot = make_snapshot();
		snapshot.cursor.x = 8;
		snapshot.cursor.y = -4;
		snapshot.cursor.hot_x = 30; // says nothing about where to draw
		snapshot.cursor.hot_y = 30;
		set_image(2, 5, cases[i].b, cases[i].g, cases[i].r, cases[i].a);
		uint8_t rgb[WIDTH * 3];
		picture_make_row(&snapshot, true, 1, rgb);
		CHECK(memcmp(&rgb[30], cases[i].want, 3) == 0, "%s: %u %u %u", cases[i].name,
				rgb[30], rgb[31], rgb[32]);
		picture_make_row(&snapshot, false, 1, rgb);
		CHECK(rgb[30] == 200, "%s: not wanted", cases[i].name);
		snapshot.cursor.visible = false;
		picture_make_row(&snapshot, true, 1, rgb);
		CHECK(rgb[30] == 200, "%s: not visible", cases[i].name);
	}
}

static void test_cursor_at_the_edges(void **state) {
	(void)state;
	static const struct {
		const char *name;
		int32_t x, y;
		uint32_t first, last; // columns of row 1 that it covers; first > last: none
	} cases[] = {
		{ "inside", 3, 0, 3, 66 },
		{ "left edge", -63, 0, 0, 0 },
		{ "off the left edge", -64, 0, 1, 0 },
		{ "right edge", 69, 0, 69, 69 },
		{ "off the right edge", 70, 0, 1, 0 },
		{ "last row", 0, -62, 0, 63 },
		{ "above", 0, -63, 1, 0 },
		{ "first row", 0, 1, 0, 63 },
		{ "below", 0, 2, 1, 0 },
		{ "far away", INT32_MAX, INT32_MIN, 1, 0 },
		{ "far away the other way", INT32_MIN, INT32_MAX, 1, 0 },
		{ "far right", INT32_MAX, 0, 1, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_client_snapshot snapshot = make_snapshot();
		memset(image, 255, sizeof(image));
		snapshot.cursor.x = cases[i].x;
		snapshot.cursor.y = cases[i].y;
		uint8_t rgb[WIDTH * 3];
		picture_make_row(&snapshot, true, 1, rgb);
		for (uint32_t x = 0; x < WIDTH; x++) {
			bool covered = x >= cases[i].first && x <= cases[i].last;
			CHECK((rgb[x * 3] == 255) == covered, "%s: column %u", cases[i].name, x);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_rgb),
		cmocka_unit_test(test_blending),
		cmocka_unit_test(test_cursor_at_the_edges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
