// SPDX-License-Identifier: MIT
/* See render3d_picture.h. */
#include "render/render3d_picture.h"

#include "base/fd.h"

#include <string.h>
#include <sys/mman.h>

struct render3d_rig rig;

uint32_t picture_get_pixel(const uint8_t *bytes, size_t i) {
	uint32_t pixel;
	memcpy(&pixel, bytes + i * 4, sizeof(pixel));
	return pixel;
}

/** A picture in which no two pixels are alike, with whole alpha. */
uint32_t picture_pattern(uint32_t x, uint32_t y) {
	return 0xff000000u | (x * 37 + y * 101 + 1) << 12 | (x << 6 ^ y);
}

void picture_fill_pattern(uint8_t *bytes, uint32_t width, uint32_t height) {
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			uint32_t pixel = picture_pattern(x, y);
			memcpy(bytes + ((size_t)y * width + x) * 4, &pixel, sizeof(pixel));
		}
	}
}

struct oriel_render3d_transfer picture_whole(uint32_t width, uint32_t height) {
	return (struct oriel_render3d_transfer){ .box = { 0, 0, 0, width, height, 1 } };
}

/** A 16 x 8 picture with the pattern in it, whose backing is the start of the RAM. */
void make_picture(uint32_t resource_id, uint32_t flags) {
	assert_int_equal(rig_create_picture(&rig, resource_id, RIG_FORMAT_BGRA, 16, 8, flags), 0);
	assert_int_equal(rig_attach_backing(&rig, resource_id, 0, 16 * 8 * 4, 1, 0), 0);
	picture_fill_pattern(rig.ram, 16, 8);
	const struct oriel_render3d_transfer all = picture_whole(16, 8);
	assert_int_equal(rig_transfer(&rig, true, 0, resource_id, &all), 0);
	memset(rig.ram, 0, 16 * 8 * 4);
}

int read_pixels(uint32_t resource_id, uint32_t image_id, const struct oriel_rect *rect,
		uint64_t offset, uint32_t stride) {
	return rig_run(&rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_READ_PIXELS,
					     .resource_id = resource_id,
					     .read = { .image_id = image_id,
							     .rect = *rect,
							     .offset = offset,
							     .stride = stride } });
}

/** A pixel of level 0, by way of an image. */
uint32_t see_pixel(uint32_t resource_id, uint32_t x, uint32_t y) {
	uint8_t *map;
	int fd = rig_memfd(4096, &map);
	assert_int_equal(rig_add_image(&rig, 99, fd, 4096), 0);
	const struct oriel_rect rect = { x, y, 1, 1 };
	assert_int_equal(read_pixels(resource_id, 99, &rect, 0, 4), 0);
	uint32_t pixel = picture_get_pixel(map, 0);
	assert_int_equal(rig_run(&rig,
					 &(struct oriel_render3d_op){
							 .type = ORIEL_RENDER3D_REMOVE_IMAGE,
							 .resource_id = 99 }),
			0);
	munmap(map, 4096);
	oriel_fd_close(&fd);
	return pixel;
}
