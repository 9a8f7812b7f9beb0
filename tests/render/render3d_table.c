// SPDX-License-Identifier: MIT
/* See render3d_table.h. Rows of the reference that a test is about are named in its comment. */
#include "render/render3d_table.h"

#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RES 7u
#define OTHER 8u
#define CTX 3u
#define IMAGE 21u

#define RED 0xffff0000u
#define BLUE 0xff0000ffu
#define GREEN 0xff00ff00u

static struct render3d_rig rig;

static uint32_t get_pixel(const uint8_t *bytes, size_t i) {
	uint32_t pixel;
	memcpy(&pixel, bytes + i * 4, sizeof(pixel));
	return pixel;
}

/** A picture in which no two pixels are alike, with whole alpha. */
static uint32_t pattern(uint32_t x, uint32_t y) {
	return 0xff000000u | (x * 37 + y * 101 + 1) << 12 | (x << 6 ^ y);
}

static void fill_pattern(uint8_t *bytes, uint32_t width, uint32_t height) {
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint32_t pixel = pattern(x, y);
			memcpy(bytes + ((size_t)y * width + x) * 4, &pixel, sizeof(pixel));
		}
	}
}

static struct oriel_render3d_transfer whole(uint32_t width, uint32_t height) {
	return (struct oriel_render3d_transfer){ .box = { 0, 0, 0, width, height, 1 } };
}

/** A 16 x 8 picture with the pattern in it, whose backing is the start of the RAM. */
static void make_picture(uint32_t resource_id, uint32_t flags) {
	assert_int_equal(rig_create_picture(&rig, resource_id, RIG_FORMAT_BGRA, 16, 8, flags), 0);
	assert_int_equal(rig_attach_backing(&rig, resource_id, 0, 16 * 8 * 4, 1, 0), 0);
	fill_pattern(rig.ram, 16, 8);
	const struct oriel_render3d_transfer all = whole(16, 8);
	assert_int_equal(rig_transfer(&rig, true, 0, resource_id, &all), 0);
	memset(rig.ram, 0, 16 * 8 * 4);
}

static int read_pixels(uint32_t resource_id, uint32_t image_id, const struct oriel_rect *rect,
		uint64_t offset, uint32_t stride) {
	return rig_run(&rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_READ_PIXELS,
					     .resource_id = resource_id,
					     .read = { .image_id = image_id,
							     .rect = *rect,
							     .offset = offset,
							     .stride = stride } });
}

/** A pixel of level 0, by way of an image. */
static uint32_t see_pixel(uint32_t resource_id, uint32_t x, uint32_t y) {
	uint8_t *map;
	int fd = rig_memfd(4096, &map);
	assert_int_equal(rig_add_image(&rig, 99, fd, 4096), 0);
	const struct oriel_rect rect = { x, y, 1, 1 };
	assert_int_equal(read_pixels(resource_id, 99, &rect, 0, 4), 0);
	uint32_t pixel = get_pixel(map, 0);
	assert_int_equal(rig_run(&rig,
					 &(struct oriel_render3d_op){
							 .type = ORIEL_RENDER3D_REMOVE_IMAGE,
							 .resource_id = 99 }),
			0);
	munmap(map, 4096);
	oriel_fd_close(&fd);
	return pixel;
}

static void test_capsets(void **state) {
	(void)state;
	const struct oriel_capset_table *table = &rig.renderer->capsets;
	assert_true(table->len >= 2 && table->len <= ORIEL_MAX_CAPSETS);
	assert_int_equal(table->capsets[0].id, VIRTIO_GPU_CAPSET_VIRGL);
	assert_int_equal(table->capsets[1].id, VIRTIO_GPU_CAPSET_VIRGL2);
	for (uint32_t i = 0; i < table->len; i++) {
		const struct oriel_capset *capset = &table->capsets[i];
		assert_true(capset->size > 0 && capset->size <= sizeof(capset->data));
		// A capset begins with its version.
		assert_int_equal(capset->data[0], capset->version);
		for (uint32_t j = capset->size; j < sizeof(capset->data); j++) {
			assert_int_equal(capset->data[j], 0);
		}
	}
}

static void test_contexts(void **state) {
	(void)state;
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX), -EEXIST);
	assert_int_equal(rig_create_context(&rig, 0), -EINVAL);
	struct oriel_render3d_op op = { .type = ORIEL_RENDER3D_CREATE_CONTEXT,
		.ctx_id = 4,
		.context = { .capset_id = 63, .name = "x" } };
	assert_int_equal(rig_run(&rig, &op), -EINVAL);
	op.context.capset_id = VIRTIO_GPU_CAPSET_VIRGL;
	assert_int_equal(rig_run(&rig, &op), 0);
	op.ctx_id = UINT32_MAX;
	op.context.capset_id = VIRTIO_GPU_CAPSET_VIRGL2;
	assert_int_equal(rig_run(&rig, &op), 0);
	assert_int_equal(rig_destroy_context(&rig, CTX), 0);
	assert_int_equal(rig_destroy_context(&rig, CTX), -ENOENT);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
}

static void test_formats(void **state) {
	(void)state;
	// The formats of 2D resources. Not every GPU has the last four for 3D.
	const uint32_t formats[] = { 1, 2, 67, 134, 3, 4, 68, 121 };
	for (uint32_t i = 0; i < ORIEL_ARRAY_LEN(formats); i++) {
		int err = rig_create_picture(&rig, RES + i, formats[i], 16, 8, 0);
		CHECK(err == 0 || (i >= 4 && err == -EINVAL), "format %u: %d", formats[i], err);
	}
}

static void test_resource_ids(void **state) {
	(void)state;
	assert_int_equal(rig_create_picture(&rig, 0, RIG_FORMAT_BGRA, 16, 8, 0), -EINVAL);
	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), 0);
	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), -EEXIST);
	assert_int_equal(rig_unref(&rig, RES), 0);
	assert_int_equal(rig_unref(&rig, RES), -ENOENT);
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 4096, 1, 0), -ENOENT);
	assert_int_equal(rig_detach_backing(&rig, RES), -ENOENT);
	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), 0);
	assert_int_equal(rig_detach_backing(&rig, RES), 0); // had none
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 4096, 1, 0), 0);
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 4096, 1, 0), -EEXIST);
}

/** What does not exist must not be made, nor its id be taken. H-210. */
static void test_absurd_resources(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_render3d_resource res;
		int err;
	} cases[] = {
		{ "target", { 9, 1, 10, 16, 16, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "format 0", { 2, 0, 10, 16, 16, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "format 10^6", { 2, 1000000, 10, 16, 16, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "an unused number", { 2, 73, 10, 16, 16, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "no bind", { 2, 1, 0, 16, 16, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "size", { 2, 1, 10, UINT32_MAX, UINT32_MAX, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "width 0", { 2, 1, 10, 0, 16, 1, 1, 0, 0, 0 }, -EINVAL },
		{ "depth 0", { 2, 1, 10, 16, 16, 0, 1, 0, 0, 0 }, -EINVAL },
		{ "array 0", { 2, 1, 10, 16, 16, 1, 0, 0, 0, 0 }, -EINVAL },
		{ "array 2^31", { 7, 1, 10, 16, 16, 1, 1u << 31, 0, 0, 0 }, -EINVAL },
		{ "levels", { 2, 1, 10, 16, 16, 1, 1, 5, 0, 0 }, -EINVAL },
		{ "levels 2^31", { 2, 1, 10, 16, 16, 1, 1, 1u << 31, 0, 0 }, -EINVAL },
		{ "samples", { 2, 1, 10, 16, 16, 1, 1, 0, 1000, 0 }, -EINVAL },
		{ "flags", { 2, 1, 10, 16, 16, 1, 1, 0, 0, 0x80000000 }, -EINVAL },
		{ "a terabyte", { 3, 31, 10, 4096, 4096, 4096, 1, 0, 0, 0 }, -ENOMEM },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int err = rig_run(&rig,
				&(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_RESOURCE,
						.resource_id = RES,
						.resource = cases[i].res });
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		assert_int_equal(rig_unref(&rig, RES), -ENOENT);
	}
}

static void test_upload_and_back(void **state) {
	(void)state;
	make_picture(RES, 0);
	const struct oriel_render3d_transfer all = whole(16, 8);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &all), 0);
	for (uint32_t i = 0; i < 16 * 8; i++) {
		CHECK(get_pixel(rig.ram, i) == pattern(i % 16, i / 16), "pixel %u", i);
	}
}

/** Parts of pictures, with strides and offsets, in and out, from a context too. */
static void test_partial_transfers(void **state) {
	(void)state;
	for (uint32_t flags = 0; flags < 2; flags++) {
		const uint32_t res = RES + flags;
		assert_int_equal(rig_create_context(&rig, CTX + flags), 0);
		make_picture(res, flags);
		assert_int_equal(rig_attach(&rig, CTX + flags, res), 0);
		struct oriel_render3d_transfer t = { .box = { 3, 2, 0, 2, 2, 1 },
			.offset = 100,
			.stride = 20 };
		memcpy(rig.ram + 100, (uint32_t[]){ RED, BLUE }, 8);
		memcpy(rig.ram + 120, (uint32_t[]){ GREEN, RED }, 8);
		assert_int_equal(rig_transfer(&rig, true, CTX + flags, res, &t), 0);
		memset(rig.ram, 0, 512);

		t = (struct oriel_render3d_transfer){ .box = { 2, 1, 0, 4, 3, 1 },
			.offset = 8,
			.stride = 24 };
		assert_int_equal(rig_transfer(&rig, false, CTX + flags, res, &t), 0);
		const uint32_t wanted[3][4] = {
			{ pattern(2, 1), pattern(3, 1), pattern(4, 1), pattern(5, 1) },
			{ pattern(2, 2), RED, BLUE, pattern(5, 2) },
			{ pattern(2, 3), GREEN, RED, pattern(5, 3) },
		};
		for (uint32_t y = 0; y < 3; y++) {
			assert_memory_equal(rig.ram + 8 + 24 * y, wanted[y], 16);
			assert_int_equal(get_pixel(rig.ram + 8 + 24 * y + 16, 0), 0); // between
		}
		assert_int_equal(rig_detach_backing(&rig, res), 0);
	}
}

/** Without a stride, rows are as far apart as the level's own. */
static void test_default_stride(void **state) {
	(void)state;
	make_picture(RES, 0);
	const struct oriel_render3d_transfer t = { .box = { 0, 0, 0, 1, 2, 1 } };
	memcpy(rig.ram, (uint32_t[]){ RED, BLUE }, 8);
	memcpy(rig.ram + 64, (uint32_t[]){ GREEN }, 4);
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &t), 0);
	assert_int_equal(see_pixel(RES, 0, 0), RED);
	assert_int_equal(see_pixel(RES, 0, 1), GREEN);
	assert_int_equal(see_pixel(RES, 1, 0), pattern(1, 0));
}

/** Pages here and there, which break in the middle of pixels and rows. */
static void test_scattered_backing(void **state) {
	(void)state;
	for (uint32_t flags = 0; flags < 2; flags++) {
		const uint32_t res = RES + flags;
		assert_int_equal(rig_create_picture(&rig, res, RIG_FORMAT_BGRA, 16, 8, flags), 0);
		assert_int_equal(rig_attach_backing(&rig, res, 0, 34, 17, 6), 0);
		uint8_t picture[16 * 8 * 4 + 66];
		memset(picture, 0x5a, sizeof(picture));
		fill_pattern(picture + 10, 16, 8);
		for (uint32_t i = 0; i < 17; i++) {
			memcpy(rig.ram + i * 40, picture + i * 34, 34);
			memset(rig.ram + i * 40 + 34, 0xee, 6);
		}
		struct oriel_render3d_transfer t = whole(16, 8);
		t.offset = 10;
		assert_int_equal(rig_transfer(&rig, true, 0, res, &t), 0);
		for (uint32_t i = 0; i < 17; i++) {
			memset(rig.ram + i * 40, 0, 34);
		}
		assert_int_equal(rig_transfer(&rig, false, 0, res, &t), 0);
		for (uint32_t i = 0; i < 16 * 8 * 4; i++) {
			uint32_t at = i + 10;
			CHECK(rig.ram[at / 34 * 40 + at % 34] == picture[at], "byte %u", i);
		}
		for (uint32_t i = 0; i < 17; i++) {
			assert_int_equal(rig.ram[i * 40 + 34], 0xee);
			assert_int_equal(rig.ram[i * 40 + 39], 0xee);
		}
	}
}

/** Several layers at once, with space between them. */
static void test_layers(void **state) {
	(void)state;
	const struct oriel_render3d_op create = { .type = ORIEL_RENDER3D_CREATE_RESOURCE,
		.resource_id = RES,
		.resource = { 7, RIG_FORMAT_BGRA, RIG_BIND_PICTURE, 4, 4, 1, 3, 0, 0, 0 } };
	assert_int_equal(rig_run(&rig, &create), 0);
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 4096, 1, 0), 0);
	for (uint32_t i = 0; i < 200; i++) {
		memcpy(rig.ram + i * 4, &(uint32_t){ pattern(i, 0) }, 4);
	}
	struct oriel_render3d_transfer t = { .box = { 0, 0, 1, 4, 4, 2 },
		.stride = 16,
		.layer_stride = 100 };
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &t), 0);
	memset(rig.ram, 0, 4096);
	t.layer_stride = 64;
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &t), 0);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(get_pixel(rig.ram, i), pattern(i, 0));
		assert_int_equal(get_pixel(rig.ram + 64, i), pattern(i + 25, 0));
	}
}

static void test_buffer(void **state) {
	(void)state;
	assert_int_equal(rig_create_buffer(&rig, RES, 1000), 0);
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 1024, 1, 0), 0);
	memcpy(rig.ram + 50, "a buffer", 8);
	struct oriel_render3d_transfer t = { .box = { 900, 0, 0, 8, 1, 1 }, .offset = 50 };
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &t), 0);
	t.offset = 500;
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &t), 0);
	assert_memory_equal(rig.ram + 500, "a buffer", 9);
	t.box.x = 993;
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &t), -EINVAL);
}

/** Places in a buffer are bytes, whatever format it was given. H-212 */
static void test_buffer_with_format(void **state) {
	(void)state;
	const struct oriel_render3d_op create = { .type = ORIEL_RENDER3D_CREATE_RESOURCE,
		.resource_id = RES,
		.resource = { .format = 31, // of 16 bytes
				.bind = 1u << 4,
				.width = 64,
				.height = 1,
				.depth = 1,
				.array_size = 1 } };
	assert_int_equal(rig_run(&rig, &create), 0);
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 4096, 1, 0), 0);
	memset(rig.ram, 0x33, 4096);
	const struct oriel_render3d_transfer t = { .box = { 56, 0, 0, 8, 1, 1 } };
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &t), 0);
	memset(rig.ram, 0x44, 4096);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &t), 0);
	for (uint32_t i = 0; i < 4096; i++) {
		CHECK(rig.ram[i] == (i < 8 ? 0x33 : 0x44), "byte %u", i);
	}
}

/** Boxes, levels, strides and offsets that lead outside. H-211, H-212. */
static void test_wild_transfers(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_render3d_transfer transfer;
	} cases[] = {
		{ "wide", { .box = { 0, 0, 0, 17, 8, 1 } } },
		{ "x wraps", { .box = { UINT32_MAX, 0, 0, 2, 1, 1 } } },
		{ "negative", { .box = { 0, 1u << 31, 0, 1, 1u << 31, 1 } } },
		{ "deep", { .box = { 0, 0, 0, 16, 8, 2 } } },
		{ "layer", { .box = { 0, 0, 1, 16, 8, 1 } } },
		{ "level", { .box = { 0, 0, 0, 1, 1, 1 }, .level = 1 } },
		{ "level 2^32 - 1", { .box = { 0, 0, 0, 1, 1, 1 }, .level = UINT32_MAX } },
		{ "stride", { .box = { 0, 0, 0, 16, 8, 1 }, .stride = 60 } },
		{ "long stride", { .box = { 0, 0, 0, 16, 8, 1 }, .stride = 68 } },
		{ "stride 2^31", { .box = { 0, 0, 0, 1, 3, 1 }, .stride = 1u << 31 } },
		{ "offset", { .box = { 0, 0, 0, 16, 8, 1 }, .offset = 4 } },
		{ "offset 2^32", { .box = { 0, 0, 0, 1, 1, 1 }, .offset = (uint64_t)1 << 32 } },
		{ "offset wraps", { .box = { 0, 0, 0, 1, 1, 1 }, .offset = UINT64_MAX - 3 } },
	};
	make_picture(RES, 0);
	memset(rig.ram, 0x77, 4096);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		for (int to_host = 0; to_host < 2; to_host++) {
			int err = rig_transfer(&rig, to_host, 0, RES, &cases[i].transfer);
			CHECK(err == -EINVAL, "%s: %d", cases[i].name, err);
		}
	}
	for (uint32_t i = 0; i < 4096; i++) {
		assert_int_equal(rig.ram[i], 0x77);
	}
	assert_int_equal(see_pixel(RES, 0, 0), pattern(0, 0));
	assert_int_equal(see_pixel(RES, 15, 7), pattern(15, 7));
}

static void test_transfer_refused(void **state) {
	(void)state;
	const struct oriel_render3d_transfer all = whole(16, 8);
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &all), -ENOENT);
	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), 0);
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &all), -EOPNOTSUPP);
	assert_int_equal(rig_attach_backing(&rig, RES, 0, 4096, 1, 0), 0);
	assert_int_equal(rig_transfer(&rig, true, CTX, RES, &all), -ENOENT);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	// Not attached to the context. H-209
	assert_true(rig_transfer(&rig, true, CTX, RES, &all) < 0);
}

/** Pages that were given back are the guest's again. */
static void test_detached_pages(void **state) {
	(void)state;
	make_picture(RES, 0);
	assert_int_equal(rig_detach_backing(&rig, RES), 0);
	memset(rig.ram, 0x42, 512);
	const struct oriel_render3d_transfer all = whole(16, 8);
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &all), -EOPNOTSUPP);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &all), -EOPNOTSUPP);
	for (uint32_t i = 0; i < 512; i++) {
		assert_int_equal(rig.ram[i], 0x42);
	}
	assert_int_equal(see_pixel(RES, 3, 3), pattern(3, 3));
	assert_int_equal(rig_attach_backing(&rig, RES, 8192, 512, 1, 0), 0);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &all), 0);
	assert_int_equal(get_pixel(rig.ram + 8192, 16 * 3 + 3), pattern(3, 3));
}

/** The guest's row 0 is row 0, with Y_0_TOP and without; only the rectangle is written. */
static void test_read_pixels(void **state) {
	(void)state;
	uint8_t *map;
	int fd = rig_memfd(8192, &map);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 8192), 0);
	for (uint32_t flags = 0; flags < 2; flags++) {
		make_picture(RES + flags, flags);
		memset(map, 0xab, 8192);
		const struct oriel_rect rect = { 2, 1, 3, 4 };
		assert_int_equal(read_pixels(RES + flags, IMAGE, &rect, 40, 28), 0);
		for (uint32_t y = 0; y < 4; y++) {
			for (uint32_t x = 0; x < 3; x++) {
				CHECK(get_pixel(map + 40 + 28 * y, x) == pattern(2 + x, 1 + y),
						"flags %u: %u, %u", flags, x, y);
			}
			assert_int_equal(get_pixel(map + 40 + 28 * y, 3), 0xabababab);
		}
		assert_int_equal(get_pixel(map + 36, 0), 0xabababab);
		assert_int_equal(rig_detach_backing(&rig, RES + flags), 0);
	}
	munmap(map, 8192);
	oriel_fd_close(&fd);
}

static void test_read_pixels_refused(void **state) {
	(void)state;
	uint8_t *map;
	int fd = rig_memfd(4096, &map);
	const struct oriel_rect all = { 0, 0, 16, 8 };
	make_picture(RES, 0);
	assert_int_equal(read_pixels(RES, IMAGE, &all, 0, 64), -ENOENT);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 511), 0);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4096), -EEXIST);
	assert_int_equal(read_pixels(OTHER, IMAGE, &all, 0, 64), -ENOENT);
	assert_int_equal(read_pixels(RES, IMAGE, &all, 0, 64), -EINVAL); // a byte too small
	const struct oriel_rect upper = { 0, 0, 16, 7 };
	assert_int_equal(read_pixels(RES, IMAGE, &upper, 63, 64), 0);
	assert_int_equal(read_pixels(RES, IMAGE, &upper, 64, 64), -EINVAL);
	assert_int_equal(read_pixels(RES, IMAGE, &upper, UINT64_MAX, 64), -EINVAL);
	assert_int_equal(read_pixels(RES, IMAGE, &upper, 0, 60), -EINVAL);
	const struct oriel_rect outside = { 1, 0, 16, 1 };
	assert_int_equal(read_pixels(RES, IMAGE, &outside, 0, 64), -EINVAL);
	assert_int_equal(rig_create_buffer(&rig, OTHER, 4096), 0);
	const struct oriel_rect one = { 0, 0, 1, 1 };
	assert_int_equal(read_pixels(OTHER, IMAGE, &one, 0, 64), -EINVAL);
	assert_int_equal(rig_create_picture(&rig, OTHER + 1, RIG_FORMAT_R8, 16, 8, 0), 0);
	assert_int_equal(read_pixels(OTHER + 1, IMAGE, &one, 0, 64), -EINVAL);
	munmap(map, 4096);
	oriel_fd_close(&fd);
}

static void test_images(void **state) {
	(void)state;
	uint8_t *map;
	int fd = rig_memfd(4096, &map);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 0), -EINVAL);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4097), -EINVAL);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, UINT64_MAX), -EINVAL);
	const struct oriel_render3d_op remove = { .type = ORIEL_RENDER3D_REMOVE_IMAGE,
		.resource_id = IMAGE };
	assert_int_equal(rig_run(&rig, &remove), -ENOENT);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4096), 0);
	assert_int_equal(rig_run(&rig, &remove), 0);
	assert_int_equal(rig_run(&rig, &remove), -ENOENT);
	munmap(map, 4096);
	oriel_fd_close(&fd);
}

static void render_to(struct virgl_commands *commands, uint32_t handle, uint32_t resource_id) {
	virgl_put_create_surface(commands, handle, resource_id, RIG_FORMAT_BGRA);
	virgl_put_framebuffer(commands, handle);
}

/** Commands draw: a clear, and an asymmetric picture out of copies, which must not be upside down.
 */
static void test_drawing(void **state) {
	(void)state;
	static const float red[] = { 1, 0, 0, 1 };
	static const float blue[] = { 0, 0, 1, 1 };
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	for (uint32_t flags = 0; flags < 2; flags++) {
		uint32_t res = RES + 2 * flags;
		assert_int_equal(rig_create_picture(&rig, res, RIG_FORMAT_BGRA, 16, 8, flags), 0);
		assert_int_equal(rig_create_picture(&rig, res + 1, RIG_FORMAT_BGRA, 16, 8, 0), 0);
		assert_int_equal(rig_attach(&rig, CTX, res), 0);
		assert_int_equal(rig_attach(&rig, CTX, res), 0); // again: nothing
		assert_int_equal(rig_attach(&rig, CTX, res + 1), 0);
		struct virgl_commands commands = { 0 };
		render_to(&commands, res, res);
		virgl_put_clear(&commands, red);
		render_to(&commands, res + 1, res + 1);
		virgl_put_clear(&commands, blue);
		virgl_put_copy(&commands, res, 0, 0, res + 1, &(struct oriel_rect){ 0, 0, 3, 2 });
		virgl_put_inline_write(&commands, res, &(struct oriel_rect){ 8, 6, 2, 1 },
				(uint32_t[]){ GREEN, BLUE });
		assert_int_equal(rig_submit_commands(&rig, CTX, &commands), 0);
		CHECK(see_pixel(res, 0, 0) == BLUE, "flags %u", flags);
		CHECK(see_pixel(res, 2, 1) == BLUE, "flags %u", flags);
		CHECK(see_pixel(res, 3, 0) == RED, "flags %u", flags);
		CHECK(see_pixel(res, 0, 2) == RED, "flags %u", flags);
		CHECK(see_pixel(res, 0, 7) == RED, "flags %u", flags);
		CHECK(see_pixel(res, 8, 6) == GREEN, "flags %u", flags);
		CHECK(see_pixel(res, 9, 6) == BLUE, "flags %u", flags);
	}
}

static void test_submit_refused(void **state) {
	(void)state;
	struct virgl_commands commands = { 0 };
	virgl_put_nop(&commands);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), -ENOENT);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), 0);
	const struct virgl_commands none = { 0 };
	assert_int_equal(rig_submit_commands(&rig, CTX, &none), 0);
	assert_int_equal(rig_destroy_context(&rig, CTX), 0);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), -ENOENT);
}

/** Garbage is an error of its context, and of no other. H-214 */
static void test_garbage(void **state) {
	(void)state;
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX + 1), 0);
	const struct virgl_commands unknown = { .words = { 0xff }, .n_words = 1 };
	const struct virgl_commands cut_off = { .words = { 0, 5u << 16, 0 }, .n_words = 3 };
	assert_int_equal(rig_submit_commands(&rig, CTX, &cut_off), -EIO);
	assert_int_equal(rig_submit_commands(&rig, CTX, &unknown), -EIO);
	struct virgl_commands lost = { 0 };
	render_to(&lost, 1, 12345); // no such resource
	assert_int_equal(rig_submit_commands(&rig, CTX, &lost), -EIO);

	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), 0);
	assert_int_equal(rig_attach(&rig, CTX + 1, RES), 0);
	struct virgl_commands good = { 0 };
	render_to(&good, 1, RES);
	virgl_put_clear(&good, (float[]){ 0, 1, 0, 1 });
	assert_int_equal(rig_submit_commands(&rig, CTX + 1, &good), 0);
	assert_int_equal(see_pixel(RES, 4, 4), GREEN);
	assert_int_equal(rig_destroy_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
}

static void test_fences(void **state) {
	(void)state;
	struct rig_op op = { 0 };
	rig_op_global_fence(&op);
	rig_submit(&rig, &op);
	rig_wait(&rig, &op);
	assert_int_equal(op.err, 0);

	rig_op_fence(&op, CTX, 0);
	assert_int_equal(rig_run(&rig, &op.op), -ENOENT);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	rig_op_fence(&op, CTX, 0);
	assert_int_equal(rig_run(&rig, &op.op), 0);
	rig_op_fence(&op, CTX, 1); // virgl has one timeline a context
	assert_int_equal(rig_run(&rig, &op.op), -EINVAL);
}

#define N_MANY 3000u

/** Many fences on three timelines, between commands: each comes back once, in order. */
static void test_many_fences(void **state) {
	(void)state;
	struct rig_op *ops = calloc(2 * N_MANY, sizeof(*ops));
	assert_non_null(ops);
	struct virgl_commands nop = { 0 };
	virgl_put_nop(&nop);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX + 1), 0);
	for (uint32_t i = 0; i < N_MANY; i++) {
		struct rig_op *fence = &ops[2 * i + 1];
		rig_op_commands(&ops[2 * i], CTX + i / 7 % 2, &nop);
		rig_submit(&rig, &ops[2 * i]);
		if (i % 3 == 0) {
			rig_op_global_fence(fence);
		} else {
			rig_op_fence(fence, CTX + i % 3 - 1, 0);
		}
		rig_submit(&rig, fence);
		if (i % 100 == 99) {
			assert_int_equal(oriel_loop_dispatch(rig.loop, 0), 0);
		}
	}
	for (uint32_t i = 0; i < N_MANY; i++) {
		struct rig_op *fence = &ops[2 * i + 1];
		rig_wait(&rig, &ops[2 * i]);
		rig_wait(&rig, fence);
		assert_int_equal(fence->err, 0);
		CHECK(i < 3 || ops[2 * (i - 3) + 1].n_earlier < fence->n_earlier, "fence %u", i);
	}
	assert_false(oriel_renderer3d_is_full(rig.renderer));
	free(ops);
}

/** A context takes its fences with it: they come back before it is gone. H-205 */
static void test_destroy_with_fences(void **state) {
	(void)state;
	struct rig_op fences[4] = { 0 };
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	for (uint32_t i = 0; i < 4; i++) {
		rig_op_fence(&fences[i], CTX, 0);
		rig_submit(&rig, &fences[i]);
	}
	struct rig_op destroy = { .op = { .type = ORIEL_RENDER3D_DESTROY_CONTEXT, .ctx_id = CTX } };
	rig_submit(&rig, &destroy);
	rig_wait(&rig, &destroy);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(fences[i].is_done && fences[i].n_earlier < destroy.n_earlier);
	}
	// The next one of this id has nothing to do with them. H-206
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	rig_op_fence(&fences[0], CTX, 0);
	assert_int_equal(rig_run(&rig, &fences[0].op), 0);
}

static void test_reset(void **state) {
	(void)state;
	uint8_t *map;
	int fd = rig_memfd(4096, &map);
	struct rig_op fences[2] = { 0 };
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	make_picture(RES, 0);
	assert_int_equal(rig_attach(&rig, CTX, RES), 0);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4096), 0);
	rig_op_fence(&fences[0], CTX, 0);
	rig_submit(&rig, &fences[0]);
	rig_op_global_fence(&fences[1]);
	rig_submit(&rig, &fences[1]);
	render3d_rig_reset(&rig);
	assert_true(fences[0].is_done && fences[1].is_done);
	assert_int_equal(rig_destroy_context(&rig, CTX), -ENOENT);
	assert_int_equal(rig_unref(&rig, RES), -ENOENT);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4096), 0);
	make_picture(RES, 0);
	assert_int_equal(see_pixel(RES, 5, 5), pattern(5, 5));
	munmap(map, 4096);
	oriel_fd_close(&fd);
}

/** Submits the next one when it comes back. */
struct chain {
	struct oriel_render3d_op op;
	struct oriel_span span;
	uint32_t words[1];
	uint32_t n_left;
	uint32_t n_failed;
	bool is_fence;
};

static void chain_submit(struct chain *chain);

static void handle_chain(struct oriel_render3d_op *op, int err) {
	struct chain *chain = oriel_container_of(op, struct chain, op);
	chain->n_failed += err != 0;
	if (--chain->n_left > 0) {
		chain_submit(chain);
	}
}

static void chain_submit(struct chain *chain) {
	chain->is_fence = !chain->is_fence;
	chain->words[0] = 0;
	chain->span = (struct oriel_span){ .hva = (uint8_t *)chain->words, .size = 4 };
	chain->op = (struct oriel_render3d_op){ .done = handle_chain, .ctx_id = CTX };
	if (chain->is_fence) {
		chain->op.type = ORIEL_RENDER3D_FENCE;
		chain->op.fence = (struct oriel_render3d_fence){ 0 };
	} else {
		chain->op.type = ORIEL_RENDER3D_SUBMIT;
		chain->op.commands.bytes =
				(struct oriel_span_cursor){ .spans = &chain->span, .len = 1 };
		chain->op.commands.size = 4;
	}
	oriel_renderer3d_submit(rig.renderer, &chain->op);
	chain->words[0] = 0xffffffff; // read during submit, and not afterwards
}

static void test_submit_when_done(void **state) {
	(void)state;
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	struct chain chain = { .n_left = 1000 };
	chain_submit(&chain);
	uint64_t end_ns = oriel_now_ns() + 30000000000u;
	while (chain.n_left > 0) {
		CHECK(oriel_now_ns() < end_ns, "%u are left", chain.n_left);
		assert_int_equal(oriel_loop_dispatch(rig.loop, 1000), 0);
	}
	assert_int_equal(chain.n_failed, 0);
}

static int reset_rig(void **state) {
	(void)state;
	render3d_rig_reset(&rig);
	return 0;
}

int render3d_table_run(const struct render3d_maker *maker) {
#define ROW(f) cmocka_unit_test_teardown(f, reset_rig)
	const struct CMUnitTest tests[] = {
		ROW(test_capsets),
		ROW(test_contexts),
		ROW(test_formats),
		ROW(test_resource_ids),
		ROW(test_absurd_resources),
		ROW(test_upload_and_back),
		ROW(test_partial_transfers),
		ROW(test_default_stride),
		ROW(test_scattered_backing),
		ROW(test_layers),
		ROW(test_buffer),
		ROW(test_buffer_with_format),
		ROW(test_wild_transfers),
		ROW(test_transfer_refused),
		ROW(test_detached_pages),
		ROW(test_read_pixels),
		ROW(test_read_pixels_refused),
		ROW(test_images),
		ROW(test_drawing),
		ROW(test_submit_refused),
		ROW(test_garbage),
		ROW(test_fences),
		ROW(test_many_fences),
		ROW(test_destroy_with_fences),
		ROW(test_reset),
		ROW(test_submit_when_done),
	};
#undef ROW
	if (render3d_rig_create(&rig, maker) != 0) {
		return RENDER3D_TABLE_SKIPPED;
	}
	int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
	render3d_rig_destroy(&rig);
	return n_failed;
}
