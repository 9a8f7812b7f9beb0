// SPDX-License-Identifier: MIT
/* Tests of picture.h. */
#include "oriel-vnc/picture.h"

#include "fixture/check.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 200u
#define HEIGHT 50u
#define STRIDE (WIDTH * 4 + 12)
#define MAX_PARTS 64

struct parts {
	size_t n;
	struct oriel_rect list[MAX_PARTS];
};

static void note(void *user, const struct oriel_rect *part) {
	struct parts *parts = user;
	assert_true(parts->n < MAX_PARTS);
	parts->list[parts->n++] = *part;
}

static uint32_t make_fourcc(const char *name) {
	return (uint32_t)name[0] | (uint32_t)name[1] << 8 | (uint32_t)name[2] << 16 |
	       (uint32_t)name[3] << 24;
}

/** A scanout of noise. The caller frees its pixels. */
static struct oriel_client_scanout make_scanout(const char *fourcc) {
	uint8_t *pixels = malloc(STRIDE * HEIGHT);
	assert_non_null(pixels);
	for (size_t i = 0; i < STRIDE * HEIGHT; i++) {
		pixels[i] = (uint8_t)(i * 7 + i / 251);
	}
	return (struct oriel_client_scanout){ .pixels = pixels,
		.width = WIDTH,
		.height = HEIGHT,
		.stride = STRIDE,
		.fourcc = make_fourcc(fourcc) };
}

static uint32_t pixel_of(const struct picture *picture, uint32_t x, uint32_t y) {
	return picture->pixels[y * picture->width + x];
}

static void test_formats(void **state) {
	(void)state;
	static const struct {
		const char *fourcc;
		int red, green, blue; // which byte
	} cases[] = { { "XR24", 2, 1, 0 }, { "AR24", 2, 1, 0 }, { "BX24", 1, 2, 3 },
		{ "BA24", 1, 2, 3 }, { "XB24", 0, 1, 2 }, { "AB24", 0, 1, 2 }, { "RX24", 3, 2, 1 },
		{ "RA24", 3, 2, 1 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct picture picture = { 0 };
		struct parts parts = { 0 };
		struct oriel_client_scanout scanout = make_scanout(cases[i].fourcc);
		struct oriel_rect all = { 0, 0, WIDTH, HEIGHT };
		assert_int_equal(picture_set_size(&picture, WIDTH, HEIGHT), 0);
		picture_copy(&picture, &scanout, &all, note, &parts);
		for (uint32_t y = 0; y < HEIGHT; y++) {
			for (uint32_t x = 0; x < WIDTH; x++) {
				const uint8_t *p = scanout.pixels + y * STRIDE + x * 4;
				uint32_t wanted = (uint32_t)p[cases[i].red] |
						  (uint32_t)p[cases[i].green] << 8 |
						  (uint32_t)p[cases[i].blue] << 16;
				CHECK(pixel_of(&picture, x, y) == wanted, "%s at %u,%u",
						cases[i].fourcc, x, y);
			}
		}
		picture_finish(&picture);
		free((void *)scanout.pixels);
	}
}

/** One pixel anywhere: one part, which has it; nothing outside the damage is looked at. */
static void test_changes(void **state) {
	(void)state;
	struct picture picture = { 0 };
	struct parts parts = { 0 };
	struct oriel_client_scanout scanout = make_scanout("XR24");
	uint8_t *pixels = (uint8_t *)scanout.pixels;
	const struct oriel_rect all = { 0, 0, WIDTH, HEIGHT }, part = { 3, 5, 150, 40 };
	assert_int_equal(picture_set_size(&picture, WIDTH, HEIGHT), 0);
	picture_copy(&picture, &scanout, &all, note, &parts);
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x += 7) {
			bool inside = x >= part.x && x < part.x + part.width && y >= part.y &&
				      y < part.y + part.height;
			parts.n = 0;
			pixels[y * STRIDE + x * 4] ^= 1;
			picture_copy(&picture, &scanout, &part, note, &parts);
			CHECK(parts.n == (inside ? 1 : 0), "%u,%u: %zu parts", x, y, parts.n);
			const struct oriel_rect dot = { x, y, 1, 1 };
			struct oriel_rect met = oriel_rect_intersect(&parts.list[0], &dot);
			CHECK(!inside || !oriel_rect_is_empty(&met), "%u,%u is not named", x, y);
			CHECK(!inside || parts.list[0].width * parts.list[0].height <= 64 * 16,
					"%u,%u: too much is named", x, y);
			pixels[y * STRIDE + x * 4] ^= 1;
			picture_copy(&picture, &scanout, &all, note, &parts);
		}
	}
	// X and A are no change.
	pixels[3] ^= 255;
	parts.n = 0;
	picture_copy(&picture, &scanout, &all, note, &parts);
	assert_int_equal(parts.n, 0);
	picture_finish(&picture);
	free(pixels);
}

/** Neighbours are one part, and what lies between changes is not in any. */
static void test_runs(void **state) {
	(void)state;
	struct picture picture = { 0 };
	struct parts parts = { 0 };
	struct oriel_client_scanout scanout = make_scanout("XR24");
	const struct oriel_rect all = { 0, 0, WIDTH, 16 };
	assert_int_equal(picture_set_size(&picture, WIDTH, HEIGHT), 0);
	picture_copy(&picture, &scanout, &all, note, &parts);
	assert_int_equal(parts.n, 1);
	assert_int_equal(parts.list[0].width, WIDTH);
	for (uint32_t tile = 0; tile < 4; tile += 2) {
		((uint8_t *)scanout.pixels)[tile * 64 * 4] ^= 255;
	}
	parts.n = 0;
	picture_copy(&picture, &scanout, &all, note, &parts);
	assert_int_equal(parts.n, 2);
	assert_int_equal(parts.list[0].x, 0);
	assert_int_equal(parts.list[1].x, 128);
	assert_int_equal(parts.list[1].width, 64);
	picture_finish(&picture);
	free((void *)scanout.pixels);
}

/** The words fit into any size, or are left out. */
static void test_no_signal(void **state) {
	(void)state;
	static const uint32_t sizes[][2] = { { 1, 1 }, { 60, 7 }, { 61, 7 }, { 62, 7 }, { 62, 6 },
		{ 1, 1000 }, { 1000, 1 }, { 1280, 800 }, { 4096, 16 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		struct picture picture = { 0 };
		assert_int_equal(picture_set_size(&picture, sizes[i][0], sizes[i][1]), 0);
		picture_draw_no_signal(&picture);
		CHECK(pixel_of(&picture, 0, 0) != 0, "%ux%u", sizes[i][0], sizes[i][1]);
		picture_finish(&picture);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_no_signal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
