// SPDX-License-Identifier: MIT
/* Blocks, and resources and transfers at and beyond their limits. */
#include "render/virgl_format.h"

#include "fixture/check.h"

#include <errno.h>

#define GIB ((uint64_t)1 << 30)
#define BGRA 1u
#define DXT1 105u

static const struct {
	const char *name;
	uint32_t format;
	struct oriel_virgl_block block; // size 0: unknown
} block_cases[] = {
	{ "none", 0, { 0 } },
	{ "B8G8R8A8", BGRA, { 1, 1, 4 } },
	{ "B5G6R5", 7, { 1, 1, 2 } },
	{ "two planes", 166, { 0 } },
	{ "three floats", 30, { 1, 1, 12 } },
	{ "four doubles", 27, { 1, 1, 32 } },
	{ "R8", 64, { 1, 1, 1 } },
	{ "R8G8B8", 66, { 1, 1, 3 } },
	{ "R16G16B16A16 half floats", 94, { 1, 1, 8 } },
	{ "four 32-bit integers", 200, { 1, 1, 16 } },
	{ "DXT1", DXT1, { 4, 4, 8 } },
	{ "DXT5", 108, { 4, 4, 16 } },
	{ "ASTC 12x10", 291, { 12, 10, 16 } },
	{ "ASTC 12x12 sRGB", 306, { 12, 12, 16 } },
	{ "behind ASTC", 307, { 0 } },
	{ "largest", UINT32_MAX, { 0 } },
};

static void test_blocks(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(block_cases); i++) {
		struct oriel_virgl_block block = { 0 };
		bool known = oriel_virgl_get_block(block_cases[i].format, &block);
		const struct oriel_virgl_block *wanted = &block_cases[i].block;
		CHECK(known == (wanted->size != 0), "%s", block_cases[i].name);
		CHECK(block.width == wanted->width && block.height == wanted->height &&
						block.size == wanted->size,
				"%s: %ux%u, %u bytes", block_cases[i].name, block.width,
				block.height, block.size);
	}
}

/** In the order of RESOURCE_CREATE_3D; the usual one is 64 x 32 pixels of BGRA. */
static const struct {
	const char *name;
	struct oriel_render3d_resource res;
	int err;
} resource_cases[] = {
	{ "an image", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 0, 0, 0 }, 0 },
	{ "no width", { VIRGL_TARGET_2D, BGRA, 2, 0, 32, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "no height", { VIRGL_TARGET_2D, BGRA, 2, 64, 0, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "no depth", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 0, 1, 0, 0, 0 }, -EINVAL },
	{ "no layers", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 0, 0, 0, 0 }, -EINVAL },
	{ "2D of two layers", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 2, 0, 0, 0 }, -EINVAL },
	{ "2D that is deep", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 2, 1, 0, 0, 0 }, -EINVAL },
	{ "as wide as can be", { VIRGL_TARGET_2D, BGRA, 2, 16384, 32, 1, 1, 0, 0, 0 }, 0 },
	{ "wider", { VIRGL_TARGET_2D, BGRA, 2, 16385, 32, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "absurdly high", { VIRGL_TARGET_2D, BGRA, 2, 64, UINT32_MAX, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "all levels", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 6, 0, 0 }, 0 },
	{ "a level too many", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 7, 0, 0 }, -EINVAL },
	{ "absurd levels", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 64, 0, 0 }, -EINVAL },
	{ "four samples", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 0, 4, 0 }, 0 },
	{ "absurd samples", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 0, UINT32_MAX, 0 }, -EINVAL },
	{ "samples and levels", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 1, 4, 0 }, -EINVAL },
	{ "unknown target", { 9, BGRA, 2, 64, 32, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "unknown format", { VIRGL_TARGET_2D, 999, 2, 64, 32, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "unknown flag", { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 0, 0, 8 }, -EINVAL },
	{ "cube", { VIRGL_TARGET_CUBE, BGRA, 2, 64, 64, 1, 6, 0, 0, 0 }, 0 },
	{ "cube of five", { VIRGL_TARGET_CUBE, BGRA, 2, 64, 64, 1, 5, 0, 0, 0 }, -EINVAL },
	{ "cube not square", { VIRGL_TARGET_CUBE, BGRA, 2, 64, 32, 1, 6, 0, 0, 0 }, -EINVAL },
	{ "buffer of 1 GiB", { VIRGL_TARGET_BUFFER, BGRA, 2, 1u << 30, 1, 1, 1, 0, 0, 0 }, 0 },
	{ "larger", { VIRGL_TARGET_BUFFER, BGRA, 2, (1u << 30) + 1, 1, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "rows of a buffer", { VIRGL_TARGET_BUFFER, BGRA, 2, 64, 32, 1, 1, 0, 0, 0 }, -EINVAL },
	{ "1 GiB", { VIRGL_TARGET_2D, BGRA, 2, 16384, 16384, 1, 1, 0, 0, 0 }, 0 },
	{ "1 GiB and a level", { VIRGL_TARGET_2D, BGRA, 2, 16384, 16384, 1, 1, 1, 0, 0 }, -ENOMEM },
	{ "16384 cubed", { VIRGL_TARGET_3D, 200, 2, 16384, 16384, 16384, 1, 0, 0, 0 }, -ENOMEM },
};

static void test_resources(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(resource_cases); i++) {
		int err = oriel_virgl_check_resource(&resource_cases[i].res, GIB);
		CHECK(err == resource_cases[i].err, "%s: %d", resource_cases[i].name, err);
	}
}

/** Of a BGRA image of 64 x 32 with two levels, and a backing of one image, 8192 bytes. */
static const struct {
	const char *name;
	struct oriel_render3d_transfer transfer;
	int err;
	uint64_t size;
} transfer_cases[] = {
	{ "all", { .box = { 0, 0, 0, 64, 32, 1 } }, 0, 8192 },
	{ "none", { .box = { 0, 0, 0, 0, 32, 1 } }, -EINVAL, 0 },
	{ "no layer", { .box = { 0, 0, 0, 64, 32, 0 } }, -EINVAL, 0 },
	{ "too wide", { .box = { 1, 0, 0, 64, 32, 1 } }, -EINVAL, 0 },
	{ "x + width wraps", { .box = { UINT32_MAX, 0, 0, 2, 1, 1 } }, -EINVAL, 0 },
	{ "too high", { .box = { 0, 1, 0, 64, 32, 1 } }, -EINVAL, 0 },
	{ "second layer", { .box = { 0, 0, 1, 64, 32, 1 } }, -EINVAL, 0 },
	{ "two layers", { .box = { 0, 0, 0, 64, 32, 2 } }, -EINVAL, 0 },
	{ "level 1", { .box = { 0, 0, 0, 32, 16, 1 }, .level = 1 }, 0, 2048 },
	{ "level 1, too wide", { .box = { 0, 0, 0, 33, 16, 1 }, .level = 1 }, -EINVAL, 0 },
	{ "level 2", { .box = { 0, 0, 0, 1, 1, 1 }, .level = 2 }, -EINVAL, 0 },
	{ "level 2^31", { .box = { 0, 0, 0, 1, 1, 1 }, .level = 1u << 31 }, -EINVAL, 0 },
	{ "part, rows as the level's", { .box = { 3, 5, 0, 2, 3, 1 } }, 0, 2 * 256 + 8 },
	{ "part, tight", { .box = { 3, 5, 0, 2, 3, 1 }, .stride = 8 }, 0, 24 },
	{ "rows overlap", { .box = { 3, 5, 0, 2, 3, 1 }, .stride = 4 }, -EINVAL, 0 },
	{ "half a pixel", { .box = { 3, 5, 0, 2, 3, 1 }, .stride = 10 }, -EINVAL, 0 },
	{ "to the last byte", { .box = { 0, 0, 0, 2, 3, 1 }, .offset = 8192 - 520 }, 0, 520 },
	{ "one further", { .box = { 0, 0, 0, 2, 3, 1 }, .offset = 8192 - 519 }, -EINVAL, 0 },
	{ "offset wraps", { .box = { 0, 0, 0, 2, 3, 1 }, .offset = UINT64_MAX - 8 }, -EINVAL, 0 },
	{ "2^32 and a bit in all", { .box = { 0, 0, 0, 64, 17, 1 }, .stride = 1u << 28 }, -EINVAL,
			0 },
};

static void test_transfers(void **state) {
	(void)state;
	const struct oriel_render3d_resource res = { VIRGL_TARGET_2D, BGRA, 2, 64, 32, 1, 1, 1, 0,
		0 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(transfer_cases); i++) {
		struct oriel_virgl_extent extent = { .size = 0 };
		int err = oriel_virgl_resolve_transfer(&res, &transfer_cases[i].transfer, 8192,
				&extent);
		CHECK(err == transfer_cases[i].err && extent.size == transfer_cases[i].size,
				"%s: %d, %llu bytes", transfer_cases[i].name, err,
				(unsigned long long)extent.size);
	}
}

static void test_layers(void **state) {
	(void)state;
	const struct oriel_render3d_resource res = { VIRGL_TARGET_2D_ARRAY, BGRA, 2, 64, 32, 1, 3,
		0, 0, 0 };
	struct oriel_render3d_transfer transfer = { .box = { 0, 0, 1, 64, 32, 2 } };
	struct oriel_virgl_extent extent;
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 16384, &extent), 0);
	assert_int_equal(extent.layer_stride, 8192);
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 16383, &extent), -EINVAL);
	transfer.layer_stride = 8191;
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 16384, &extent), -EINVAL);
	transfer.layer_stride = UINT32_MAX;
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, UINT32_MAX, &extent),
			-EINVAL);
}

static void test_compressed(void **state) {
	(void)state;
	const struct oriel_render3d_resource res = { VIRGL_TARGET_2D, DXT1, 2, 10, 9, 1, 1, 0, 0,
		0 };
	struct oriel_virgl_extent extent;
	struct oriel_render3d_transfer transfer = { .box = { 0, 0, 0, 10, 9, 1 } };
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 9 * 8, &extent), 0);
	assert_int_equal(extent.size, 9 * 8); // 3 x 3 blocks
	transfer.box = (struct oriel_box){ 8, 8, 0, 2, 1, 1 };
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 72, &extent), 0);
	transfer.box = (struct oriel_box){ 2, 0, 0, 4, 4, 1 };
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 72, &extent), -EINVAL);
	transfer.box = (struct oriel_box){ 0, 0, 0, 5, 4, 1 };
	assert_int_equal(oriel_virgl_resolve_transfer(&res, &transfer, 72, &extent), -EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_transfers),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_compressed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
