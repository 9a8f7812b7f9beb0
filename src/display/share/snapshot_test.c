// SPDX-License-Identifier: MIT
/* Tests of snapshot.h: every format, and rectangles that are not the whole. */
#include "display/share/snapshot.h"

#include "fixture/check.h"
#include "resource/format.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WIDTH 7u
#define HEIGHT 5u

/** A resource whose pixel (x, y) has blue x, green y, red 200 and alpha 17. */
static struct oriel_resource make_resource(const struct oriel_format *format, uint8_t *pixels) {
	for (uint32_t y = 0; y < HEIGHT; y++) {
		for (uint32_t x = 0; x < WIDTH; x++) {
			uint8_t *pixel = &pixels[(y * WIDTH + x) * 4];
			pixel[format->i_blue] = (uint8_t)x;
			pixel[format->i_green] = (uint8_t)y;
			pixel[format->i_red] = 200;
			pixel[format->i_alpha] = 17;
		}
	}
	return (struct oriel_resource){ .format = format,
		.width = WIDTH,
		.height = HEIGHT,
		.stride = WIDTH * 4,
		.size = sizeof(*pixels) * WIDTH * HEIGHT * 4,
		.pixels = pixels };
}

static void test_every_format_and_part(void **state) {
	(void)state;
	static const struct oriel_rect parts[] = {
		{ 0, 0, WIDTH, HEIGHT },
		{ 0, 0, 1, 1 },
		{ WIDTH - 1, HEIGHT - 1, 1, 1 },
		{ 2, 1, 3, 4 },
	};
	size_t n_formats = 0;
	for (; oriel_format_at(n_formats) != NULL; n_formats++) {
		const struct oriel_format *format = oriel_format_at(n_formats);
		uint8_t pixels[WIDTH * HEIGHT * 4];
		struct oriel_resource res = make_resource(format, pixels);
		for (size_t i = 0; i < ORIEL_ARRAY_LEN(parts); i++) {
			struct oriel_scanout scanout = { .res = &res, .src = parts[i] };
			uint64_t size = oriel_share_snapshot_get_size(&scanout, false);
			CHECK(size == parts[i].width * parts[i].height * 4, "%s, part %zu",
					format->name, i);
			int fd = -1;
			int err = oriel_share_snapshot_create(&scanout, NULL, &fd);
			CHECK(err == 0, "%s, part %zu: %d", format->name, i, err);
			uint8_t copy[WIDTH * HEIGHT * 4 + 1];
			assert_int_equal(read(fd, copy, sizeof(copy)), size);
			close(fd);
			for (uint32_t k = 0; k < size / 4; k++) {
				uint32_t x = parts[i].x + k % parts[i].width;
				uint32_t y = parts[i].y + k / parts[i].width;
				const uint8_t want[4] = { (uint8_t)x, (uint8_t)y, 200, 255 };
				CHECK(memcmp(&copy[k * 4], want, 4) == 0, "%s, part %zu, %u,%u",
						format->name, i, x, y);
			}
		}
	}
	assert_int_equal(n_formats, 8);
}

// More than is converted at once, in rows that do not divide it.
static void test_large_pictures(void **state) {
	(void)state;
	static const struct {
		uint32_t width, height;
	} cases[] = { { 16384, 9 }, { 1000, 131 }, { 1, 70000 }, { 16383, 5 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint32_t width = cases[i].width;
		uint32_t height = cases[i].height;
		size_t size = (size_t)width * height * 4;
		uint8_t *pixels = calloc(1, size);
		uint8_t *copy = calloc(1, size);
		assert_true(pixels != NULL && copy != NULL);
		for (size_t k = 0; k < size; k++) {
			pixels[k] = (uint8_t)(k % 4 == 3 ? 255 : k * 7 + k / 1021);
		}
		struct oriel_resource res = { .format = oriel_format_get(2),
			.width = width,
			.height = height,
			.stride = width * 4,
			.size = size,
			.pixels = pixels };
		struct oriel_scanout scanout = { .res = &res, .src = { 0, 0, width, height } };
		int fd = -1;
		assert_int_equal(oriel_share_snapshot_create(&scanout, NULL, &fd), 0);
		assert_int_equal(read(fd, copy, size), size);
		CHECK(memcmp(copy, pixels, size) == 0, "%ux%u", width, height);
		close(fd);
		free(pixels);
		free(copy);
	}
}

static void test_cursor_follows_the_picture(void **state) {
	(void)state;
	uint8_t pixels[WIDTH * HEIGHT * 4];
	struct oriel_resource res = make_resource(oriel_format_get(1), pixels);
	struct oriel_scanout scanout = { .res = &res, .src = { 0, 0, WIDTH, HEIGHT } };
	static uint8_t cursor[ORIEL_CURSOR_BYTES];
	memset(cursor, 0x33, sizeof(cursor));
	assert_int_equal(oriel_share_snapshot_get_size(&scanout, true),
			WIDTH * HEIGHT * 4 + ORIEL_CURSOR_BYTES);
	int fd = -1;
	assert_int_equal(oriel_share_snapshot_create(&scanout, cursor, &fd), 0);
	static uint8_t copy[ORIEL_CURSOR_BYTES + 1];
	assert_int_equal(pread(fd, copy, sizeof(copy), WIDTH * HEIGHT * 4), ORIEL_CURSOR_BYTES);
	assert_memory_equal(copy, cursor, sizeof(cursor));
	close(fd);
}

static void test_it_is_sealed(void **state) {
	(void)state;
	uint8_t pixels[WIDTH * HEIGHT * 4];
	struct oriel_resource res = make_resource(oriel_format_get(2), pixels);
	struct oriel_scanout scanout = { .res = &res, .src = { 0, 0, WIDTH, HEIGHT } };
	int fd = -1;
	assert_int_equal(oriel_share_snapshot_create(&scanout, NULL, &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ~0x20, // F_SEAL_EXEC, where there is one
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, WIDTH * HEIGHT * 4);
	close(fd);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format_and_part),
		cmocka_unit_test(test_large_pictures),
		cmocka_unit_test(test_cursor_follows_the_picture),
		cmocka_unit_test(test_it_is_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
