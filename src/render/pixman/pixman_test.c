// SPDX-License-Identifier: MIT
/*
 * Tests of the 2D renderer, and of what the forwarder refuses: every transfer is compared with a
 * plain model of virtio-gpu.md 1.10, over contiguous, scattered and misaligned backings.
 */
#include "render/render.h"

#include "fixture/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GPA 0x100000u
#define MEMORY_SIZE 65536u

struct fixture {
	struct oriel_memory *memory;
	struct oriel_mem_map *map;
	uint8_t *guest;
	struct oriel_resource_limits limits;
	struct oriel_resource_table table;
	struct oriel_renderer *renderer;
	struct oriel_resource *res;
};

struct result {
	struct oriel_render_op op;
	int n_done;
	int err;
};

static void take_result(struct oriel_render_op *op, int err) {
	struct result *result = oriel_container_of(op, struct result, op);
	result->n_done++;
	result->err = err;
}

static int submit(struct fixture *f, struct result *result) {
	result->op.res = f->res;
	result->op.done = take_result;
	result->n_done = 0;
	oriel_renderer_submit(f->renderer, &result->op);
	assert_int_equal(result->n_done, 1);
	return result->err;
}

static int transfer(struct fixture *f, struct oriel_rect rect, uint64_t offset) {
	struct result result = {
		.op = { .type = ORIEL_RENDER_TRANSFER_TO_HOST_2D,
				.rect = rect,
				.source = oriel_render_source_of(f->res, offset) }
	};
	return submit(f, &result);
}

static void setup(struct fixture *f, uint32_t width, uint32_t height) {
	*f = (struct fixture){ .limits = { .pixels = { .limit = 1u << 24 },
					       .count = { .limit = 4 },
					       .backing = { .limit = 1u << 24 },
					       .max_dimension = 4096 } };
	f->guest = calloc(1, MEMORY_SIZE);
	assert_non_null(f->guest);
	for (uint32_t i = 0; i < MEMORY_SIZE; i++) {
		f->guest[i] = (uint8_t)(i * 31 + (i >> 8) * 17 + 3);
	}
	assert_int_equal(oriel_memory_create(&f->memory), 0);
	assert_int_equal(oriel_memory_add_mapped(f->memory, GPA, MEMORY_SIZE, f->guest), 0);
	f->map = oriel_memory_hold_map(f->memory);
	oriel_resource_table_init(&f->table, &f->limits);
	assert_int_equal(oriel_pixman_renderer_create(&f->renderer), 0);
	assert_int_equal(oriel_resource_create_2d(&f->table, 1, oriel_format_get(1), width, height,
					 &f->res),
			0);
}

static void finish(struct fixture *f) {
	oriel_renderer_destroy(f->renderer);
	oriel_resource_table_finish(&f->table);
	oriel_mem_map_release(f->map);
	oriel_memory_destroy(f->memory);
	free(f->guest);
}

/** Back the resource with pieces of piece_size bytes, gap bytes apart. */
static void attach(struct fixture *f, uint32_t start, uint32_t piece_size, uint32_t gap,
		uint32_t total) {
	size_t n = (total + piece_size - 1) / piece_size;
	assert_int_equal(oriel_backing_begin(&f->res->backing, n, f->map), 0);
	for (uint32_t done = 0; done < total; done += piece_size) {
		uint32_t size = total - done < piece_size ? total - done : piece_size;
		assert_int_equal(oriel_backing_append(&f->res->backing, GPA + start, size,
						 UINT32_MAX),
				0);
		start += piece_size + gap;
	}
	oriel_backing_end(&f->res->backing);
}

/** The byte of guest memory at an offset of the backing that attach() made. */
static uint8_t backing_byte(const struct fixture *f, uint32_t start, uint32_t piece_size,
		uint32_t gap, uint64_t offset) {
	return f->guest[start + offset / piece_size * (piece_size + gap) + offset % piece_size];
}

static const struct {
	const char *name;
	uint32_t start, piece_size, gap;
} layouts[] = {
	{ "one piece", 0, 4096, 0 },
	{ "misaligned piece", 3, 4096, 0 },
	{ "rows", 0, 148, 12 },
	{ "7 bytes", 1, 7, 2 },
	{ "1 byte", 5, 1, 3 },
};

static const struct {
	struct oriel_rect rect;
	uint64_t offset;
} rects[] = {
	{ { 0, 0, 37, 11 }, 0 },
	{ { 5, 3, 7, 4 }, (3 * 37 + 5) * 4 },
	{ { 36, 10, 1, 1 }, (10 * 37 + 36) * 4 },
	{ { 2, 1, 9, 10 }, 6 }, // an offset that has nothing to do with the rectangle
	{ { 0, 4, 37, 3 }, 4 * 37 * 4 },
	{ { 3, 3, 0, 5 }, 0 },
};

static void test_transfers_follow_the_model(void **state) {
	(void)state;
	const uint32_t width = 37, height = 11, stride = width * 4;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(layouts); i++) {
		struct fixture f;
		setup(&f, width, height);
		attach(&f, layouts[i].start, layouts[i].piece_size, layouts[i].gap,
				stride * height);
		uint8_t *model = calloc(1, stride * height);
		assert_non_null(model);
		for (size_t k = 0; k < ORIEL_ARRAY_LEN(rects); k++) {
			struct oriel_rect rect = rects[k].rect;
			for (uint32_t y = 0; y < rect.height; y++) {
				for (uint32_t x = 0; x < rect.width * 4; x++) {
					uint64_t source = rects[k].offset + y * stride + x;
					model[(rect.y + y) * stride + rect.x * 4 + x] =
							backing_byte(&f, layouts[i].start,
									layouts[i].piece_size,
									layouts[i].gap, source);
				}
			}
			int err = transfer(&f, rect, rects[k].offset);
			CHECK(err == 0, "%s, rect %zu: %d", layouts[i].name, k, err);
			CHECK(memcmp(f.res->pixels, model, stride * height) == 0, "%s, rect %zu",
					layouts[i].name, k);
		}
		free(model);
		finish(&f);
	}
}

static const struct {
	const char *name;
	struct oriel_rect rect;
	uint64_t offset;
	int err;
} bad_transfers[] = {
	{ "H-101 one column outside", { 1, 0, 16, 1 }, 0, -EINVAL },
	{ "H-101 one row outside", { 0, 16, 1, 1 }, 0, -EINVAL },
	{ "H-101 x wraps", { UINT32_MAX, 0, 2, 1 }, 0, -EINVAL },
	{ "H-102 offset 2^32", { 0, 0, 1, 1 }, 1ull << 32, -EINVAL },
	{ "H-102 offset 2^63", { 0, 0, 1, 1 }, 1ull << 63, -EINVAL },
	{ "H-102 largest offset", { 0, 0, 16, 16 }, UINT64_MAX, -EINVAL },
	{ "H-103 one byte behind the backing", { 0, 0, 16, 16 }, 1, -EINVAL },
	{ "the last byte", { 0, 0, 16, 16 }, 0, 0 },
};

static void test_bad_transfers(void **state) {
	(void)state;
	struct fixture f;
	setup(&f, 16, 16);
	assert_int_equal(transfer(&f, (struct oriel_rect){ 0, 0, 1, 1 }, 0), -EOPNOTSUPP);
	attach(&f, 0, 1024, 0, 1024);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad_transfers); i++) {
		int err = transfer(&f, bad_transfers[i].rect, bad_transfers[i].offset);
		CHECK(err == bad_transfers[i].err, "%s: %d", bad_transfers[i].name, err);
	}
	assert_int_equal(oriel_memory_remove_region(f.memory, GPA, MEMORY_SIZE), 0);
	struct oriel_mem_map *empty = oriel_memory_hold_map(f.memory);
	oriel_backing_handle_map_change(&f.res->backing, empty);
	assert_int_equal(transfer(&f, (struct oriel_rect){ 0, 0, 1, 1 }, 0), -EFAULT);
	oriel_mem_map_release(empty);
	finish(&f);
}

static void test_cursor(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t width, height;
		int err;
	} cases[] = {
		{ "64x64", 64, 64, 0 },
		{ "H-124 63x64", 63, 64, -EINVAL },
		{ "H-124 64x65", 64, 65, -EINVAL },
		{ "H-124 1x1", 1, 1, -EINVAL },
	};
	uint8_t *pixels = calloc(1, ORIEL_CURSOR_BYTES);
	assert_non_null(pixels);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct fixture f;
		setup(&f, cases[i].width, cases[i].height);
		assert_int_equal(oriel_resource_allocate(f.res), 0);
		memset(f.res->pixels, 0x5a, f.res->size);
		memset(pixels, 0, ORIEL_CURSOR_BYTES);
		struct result result = { .op = { .type = ORIEL_RENDER_READ_CURSOR,
							 .cursor = pixels } };
		int err = submit(&f, &result);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		uint8_t last = pixels[ORIEL_CURSOR_BYTES - 1];
		CHECK(last == (err == 0 ? 0x5a : 0), "%s", cases[i].name);
		finish(&f);
	}
	free(pixels);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfers_follow_the_model),
		cmocka_unit_test(test_bad_transfers),
		cmocka_unit_test(test_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
