// SPDX-License-Identifier: MIT
/* See render3d_table.h. Rows of the reference that a test is about are named in its comment. */
#include "render/render3d_table.h"

#include "base/fd.h"
#include "render/render3d_picture.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

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
	const struct oriel_render3d_transfer all = picture_whole(16, 8);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &all), 0);
	for (uint32_t i = 0; i < 16 * 8; i++) {
		CHECK(picture_get_pixel(rig.ram, i) == picture_pattern(i % 16, i / 16), "pixel %u",
				i);
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
			{ picture_pattern(2, 1), picture_pattern(3, 1), picture_pattern(4, 1),
					picture_pattern(5, 1) },
			{ picture_pattern(2, 2), RED, BLUE, picture_pattern(5, 2) },
			{ picture_pattern(2, 3), GREEN, RED, picture_pattern(5, 3) },
		};
		for (uint32_t y = 0; y < 3; y++) {
			assert_memory_equal(rig.ram + 8 + 24 * y, wanted[y], 16);
			assert_int_equal(picture_get_pixel(rig.ram + 8 + 24 * y + 16, 0),
					0); // between
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
	assert_int_equal(see_pixel(RES, 1, 0), picture_pattern(1, 0));
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
		picture_fill_pattern(picture + 10, 16, 8);
		for (uint32_t i = 0; i < 17; i++) {
			memcpy(rig.ram + i * 40, picture + i * 34, 34);
			memset(rig.ram + i * 40 + 34, 0xee, 6);
		}
		struct oriel_render3d_transfer t = picture_whole(16, 8);
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
		memcpy(rig.ram + i * 4, &(uint32_t){ picture_pattern(i, 0) }, 4);
	}
	struct oriel_render3d_transfer t = { .box = { 0, 0, 1, 4, 4, 2 },
		.stride = 16,
		.layer_stride = 100 };
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &t), 0);
	memset(rig.ram, 0, 4096);
	t.layer_stride = 64;
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &t), 0);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(picture_get_pixel(rig.ram, i), picture_pattern(i, 0));
		assert_int_equal(picture_get_pixel(rig.ram + 64, i), picture_pattern(i + 25, 0));
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
	assert_int_equal(see_pixel(RES, 0, 0), picture_pattern(0, 0));
	assert_int_equal(see_pixel(RES, 15, 7), picture_pattern(15, 7));
}

static void test_transfer_refused(void **state) {
	(void)state;
	const struct oriel_render3d_transfer all = picture_whole(16, 8);
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
	const struct oriel_render3d_transfer all = picture_whole(16, 8);
	assert_int_equal(rig_transfer(&rig, true, 0, RES, &all), -EOPNOTSUPP);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &all), -EOPNOTSUPP);
	for (uint32_t i = 0; i < 512; i++) {
		assert_int_equal(rig.ram[i], 0x42);
	}
	assert_int_equal(see_pixel(RES, 3, 3), picture_pattern(3, 3));
	assert_int_equal(rig_attach_backing(&rig, RES, 8192, 512, 1, 0), 0);
	assert_int_equal(rig_transfer(&rig, false, 0, RES, &all), 0);
	assert_int_equal(picture_get_pixel(rig.ram + 8192, 16 * 3 + 3), picture_pattern(3, 3));
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
				CHECK(picture_get_pixel(map + 40 + 28 * y, x) ==
								picture_pattern(2 + x, 1 + y),
						"flags %u: %u, %u", flags, x, y);
			}
			assert_int_equal(picture_get_pixel(map + 40 + 28 * y, 3), 0xabababab);
		}
		assert_int_equal(picture_get_pixel(map + 36, 0), 0xabababab);
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

/** Export a resource. Returns the error; *ret is to be released. */
static int export_file(uint32_t resource_id, uint32_t width, uint32_t height,
		struct oriel_dmabuf **ret) {
	struct rig_op own = { 0 };
	own.op.type = ORIEL_RENDER3D_EXPORT;
	own.op.resource_id = resource_id;
	own.op.exported = (struct oriel_render3d_export){ .wants_file = true,
		.format = oriel_format_get(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = width,
		.height = height };
	rig_submit(&rig, &own);
	rig_wait(&rig, &own);
	*ret = own.op.exported.dmabuf;
	return own.err;
}

/** Whether a dma-buf shows the pattern; the guest's B, G and R may lie in another order there. */
static void check_exported(const struct oriel_dmabuf *dmabuf) {
	const struct oriel_dmabuf_layout *layout = &dmabuf->layout;
	const struct oriel_format *format = layout->format;
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	assert_int_equal(ioctl(dmabuf->fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	const uint8_t *map = mmap(NULL, (size_t)layout->size, PROT_READ, MAP_SHARED, dmabuf->fd, 0);
	assert_true(map != MAP_FAILED);
	for (uint32_t y = 0; y < 8; y++) {
		for (uint32_t x = 0; x < 16; x++) {
			const uint8_t *pixel = map + layout->offset + (size_t)y * layout->stride +
					       (size_t)x * 4;
			const uint32_t seen = (uint32_t)pixel[format->i_blue] |
					      (uint32_t)pixel[format->i_green] << 8 |
					      (uint32_t)pixel[format->i_red] << 16;
			CHECK(seen == (picture_pattern(x, y) & 0xffffff), "%u, %u: 0x%x", x, y,
					seen);
		}
	}
	munmap((void *)(uintptr_t)map, (size_t)layout->size);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	assert_int_equal(ioctl(dmabuf->fd, DMA_BUF_IOCTL_SYNC, &sync), 0);
	printf("exported, and mapped: %s\n", format->name);
}

/** As a file if the renderer says that it can; and what is there is always published. */
static void test_export(void **state) {
	(void)state;
	const struct oriel_render3d_op publish = { .type = ORIEL_RENDER3D_EXPORT,
		.resource_id = RES };
	struct oriel_dmabuf *dmabuf = NULL;
	assert_int_equal(rig_run(&rig, &publish), -ENOENT);
	assert_int_equal(export_file(RES, 16, 8, &dmabuf), -ENOENT);
	make_picture(RES, 0);
	assert_int_equal(rig_run(&rig, &publish), 0);
	assert_int_equal(export_file(RES, 16, 9, &dmabuf), -EINVAL);
	assert_int_equal(rig_create_buffer(&rig, OTHER, 16 * 8 * 4), 0);
	assert_int_equal(export_file(OTHER, 16, 8, &dmabuf), -EINVAL);
	assert_null(dmabuf);
	int err = export_file(RES, 16, 8, &dmabuf);
	if (!rig.renderer->can_export) {
		assert_int_equal(err, -EOPNOTSUPP);
		assert_null(dmabuf);
		return;
	}
	assert_int_equal(err, 0);
	if (oriel_dmabuf_is_linear(dmabuf)) {
		check_exported(dmabuf);
		// It lives on when the resource is gone.
		assert_int_equal(rig_unref(&rig, RES), 0);
		check_exported(dmabuf);
	}
	oriel_dmabuf_release(dmabuf);
}

int render3d_table_reset(void **state) {
	(void)state;
	render3d_rig_reset(&rig);
	return 0;
}

int render3d_table_run(const struct render3d_maker *maker) {
#define ROW(f) cmocka_unit_test_teardown(f, render3d_table_reset)
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
		ROW(test_export),
	};
#undef ROW
	if (render3d_rig_create(&rig, maker) != 0) {
		return RENDER3D_TABLE_SKIPPED;
	}
	int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
	n_failed += render3d_table_run_drawing();
	render3d_rig_destroy(&rig);
	return n_failed;
}
