// SPDX-License-Identifier: MIT
/* Tests of pixels.h: all formats against the channel indices of format.h, at any alignment. */
#include "display/gpu_socket/pixels.h"

#include "fixture/check.h"

#include <string.h>

#define MAX_PIXELS 67u

static void test_every_format(void **state) {
	(void)state;
	uint8_t src[MAX_PIXELS * 4 + 4], dst[MAX_PIXELS * 4 + 8];
	for (size_t i = 0; i < sizeof(src); i++) {
		src[i] = (uint8_t)(i * 7 + 3);
	}
	size_t n_formats = 0;
	for (const struct oriel_format *f = oriel_format_at(0); f != NULL;
			f = oriel_format_at(++n_formats)) {
		for (size_t n = 0; n <= MAX_PIXELS; n++) {
			size_t shift = n % 4;
			memset(dst, 0xee, sizeof(dst));
			oriel_pixels_copy_as_bgrx(dst + shift, src + shift, n, f);
			for (size_t i = 0; i < n; i++) {
				const uint8_t *p = src + shift + i * 4, *q = dst + shift + i * 4;
				CHECK(q[0] == p[f->i_blue] && q[1] == p[f->i_green] &&
								q[2] == p[f->i_red],
						"%s: pixel %zu of %zu", f->name, i, n);
			}
			CHECK(dst[shift + n * 4] == 0xee, "%s: %zu: wrote too much", f->name, n);
			CHECK(shift == 0 || dst[shift - 1] == 0xee, "%s: wrote before", f->name);
		}
	}
	assert_int_equal(n_formats, 8);
}

static const struct {
	const char *name;
	struct oriel_rect rect;
} rect_cases[] = {
	{ "all", { 0, 0, 16, 8 } },
	{ "whole rows", { 0, 3, 16, 4 } },
	{ "a column", { 15, 0, 1, 8 } },
	{ "a pixel", { 7, 5, 1, 1 } },
	{ "inside", { 3, 2, 9, 5 } },
};

static void test_rectangles(void **state) {
	(void)state;
	uint8_t pixels[16 * 8 * 4], dst[sizeof(pixels) + 1];
	for (size_t i = 0; i < sizeof(pixels); i++) {
		pixels[i] = (uint8_t)(i ^ i >> 8);
	}
	struct oriel_resource res = { .width = 16,
		.height = 8,
		.stride = 64,
		.pixels = pixels,
		.format = oriel_format_get(121) };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rect_cases); i++) {
		const struct oriel_rect *rect = &rect_cases[i].rect;
		memset(dst, 0xee, sizeof(dst));
		res.pixels = pixels;
		oriel_pixels_copy_rect_as_bgrx(dst, &res, rect);
		for (uint32_t k = 0; k < rect->width * rect->height; k++) {
			uint32_t x = rect->x + k % rect->width, y = rect->y + k / rect->width;
			const uint8_t *p = pixels + y * 64 + x * 4;
			CHECK(dst[k * 4] == p[1] && dst[k * 4 + 1] == p[2] &&
							dst[k * 4 + 2] == p[3],
					"%s: pixel %u", rect_cases[i].name, k);
		}
		size_t size = (size_t)rect->width * rect->height * 4;
		CHECK(dst[size] == 0xee, "%s: wrote too much", rect_cases[i].name);

		res.pixels = NULL;
		oriel_pixels_copy_rect_as_bgrx(dst, &res, rect);
		for (size_t k = 0; k < size; k++) {
			CHECK(dst[k] == 0, "%s: not black at %zu", rect_cases[i].name, k);
		}
		CHECK(dst[size] == 0xee, "%s: too much black", rect_cases[i].name);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format),
		cmocka_unit_test(test_rectangles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
