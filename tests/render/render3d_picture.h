// SPDX-License-Identifier: MIT
/* What the parts of the table of 3D renderers share: the rig, and pictures that are looked at. */
#ifndef ORIEL_TEST_RENDER3D_PICTURE_H
#define ORIEL_TEST_RENDER3D_PICTURE_H

#include "render/render3d_rig.h"

#define RES 7u
#define OTHER 8u
#define CTX 3u
#define IMAGE 21u

#define RED 0xffff0000u
#define BLUE 0xff0000ffu
#define GREEN 0xff00ff00u

/** One renderer serves all rows, reset after each. */
extern struct render3d_rig rig;

uint32_t picture_get_pixel(const uint8_t *bytes, size_t i);

/** A picture in which no two pixels are alike, with whole alpha. */
uint32_t picture_pattern(uint32_t x, uint32_t y);
void picture_fill_pattern(uint8_t *bytes, uint32_t width, uint32_t height);

struct oriel_render3d_transfer picture_whole(uint32_t width, uint32_t height);

/** A 16 x 8 picture with the pattern in it, whose backing is the start of the RAM. */
void make_picture(uint32_t resource_id, uint32_t flags);

int read_pixels(uint32_t resource_id, uint32_t image_id, const struct oriel_rect *rect,
		uint64_t offset, uint32_t stride);

/** A pixel of level 0, by way of an image. */
uint32_t see_pixel(uint32_t resource_id, uint32_t x, uint32_t y);

#endif
