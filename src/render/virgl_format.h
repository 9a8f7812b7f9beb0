// SPDX-License-Identifier: MIT
/*
 * What virgl's numbers of formats and targets mean for sizes: how many bytes a block of texels
 * takes, whether a resource can exist, and which bytes of a backing a transfer touches. Pure.
 *
 * virglrenderer checks these too, but older versions in 32 bits, and not all of them: see
 * virgl/resource.c. It is not of virgl/ alone: who records a renderer's work must know what a
 * transfer reads.
 */
#ifndef ORIEL_RENDER_VIRGL_FORMAT_H
#define ORIEL_RENDER_VIRGL_FORMAT_H

#include "base/compiler.h"
#include "render/render3d.h"

#include <stdbool.h>
#include <stdint.h>

/** Targets, as RESOURCE_CREATE_3D has them. */
enum oriel_virgl_target {
	VIRGL_TARGET_BUFFER = 0,
	VIRGL_TARGET_1D = 1,
	VIRGL_TARGET_2D = 2,
	VIRGL_TARGET_3D = 3,
	VIRGL_TARGET_CUBE = 4,
	VIRGL_TARGET_RECT = 5,
	VIRGL_TARGET_1D_ARRAY = 6,
	VIRGL_TARGET_2D_ARRAY = 7,
	VIRGL_TARGET_CUBE_ARRAY = 8,
};

/** Texels are stored in blocks; one texel a block, unless the format is a compressed one. */
struct oriel_virgl_block {
	uint8_t width, height; // texels
	uint8_t size;          // bytes
};

/** The block of a format, or false if that is not a format in which one image is one plane. */
bool oriel_virgl_get_block(uint32_t format, struct oriel_virgl_block *ret);

/**
 * Whether such a resource can exist at all, whatever the GPU is.
 *
 * Returns 0, -EINVAL, or -ENOMEM if its texels take more than limit_bytes.
 */
ORIEL_MUST_CHECK
int oriel_virgl_check_resource(const struct oriel_render3d_resource *res, uint64_t limit_bytes);

/** A transfer, resolved: each layer of the box is height_blocks rows of row_size bytes. */
struct oriel_virgl_extent {
	uint32_t row_size;
	uint32_t stride;
	uint32_t height_blocks;
	uint64_t layer_stride;
	uint64_t layer_size; // from a layer's first byte to its last
	uint64_t size;       // from the first layer's first byte to the last layer's last
};

/**
 * Whether a transfer's box lies in the resource and its bytes in a backing of backing_size bytes.
 *
 * An empty box is not allowed. Returns 0 or -EINVAL.
 */
ORIEL_MUST_CHECK
int oriel_virgl_resolve_transfer(const struct oriel_render3d_resource *res,
		const struct oriel_render3d_transfer *transfer, uint64_t backing_size,
		struct oriel_virgl_extent *ret);

#endif
