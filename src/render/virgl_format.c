// SPDX-License-Identifier: MIT
/* See virgl_format.h. The numbers are those of the virgl protocol. */
#include "render/virgl_format.h"

#include "base/arith.h"

/** More layers no GL has. */
#define MAX_LAYERS 2048u
/** The largest image, either way; also the 2D device's limit. */
#define MAX_DIMENSION_PX 16384u
/** The largest buffer: GL takes signed 32-bit sizes, and virglrenderer adds some of them up. */
#define MAX_BUFFER_SIZE (1u << 30)
#define MAX_SAMPLES 32u
/** Y_0_TOP, and two about mapping that virglrenderer knows. */
#define KNOWN_FLAGS 7u

/** Formats first to last, in which the n-th has n channels of this many bytes, at most four. */
struct family {
	uint16_t first, last;
	uint8_t channel_size;
};

static const struct family families[] = {
	{ 24, 27, 8 },   // 64-bit floats
	{ 28, 47, 4 },   // 32 bits: float, and four kinds of integers
	{ 48, 63, 2 },   // 16 bits
	{ 64, 67, 1 },   // 8 bits: normalised,
	{ 69, 72, 1 },   // scaled,
	{ 74, 77, 1 },   // signed,
	{ 82, 85, 1 },   // and signed, scaled
	{ 87, 90, 4 },   // fixed
	{ 91, 94, 2 },   // half floats
	{ 177, 184, 1 }, // integers: 8,
	{ 185, 192, 2 }, // 16,
	{ 193, 200, 4 }, // and 32 bits
};

/** Formats first to last, all with this block. */
struct run {
	uint16_t first, last;
	struct oriel_virgl_block block;
};

static const struct run runs[] = {
	{ 1, 4, { 1, 1, 4 } },      // 8888, blue first or alpha first
	{ 5, 7, { 1, 1, 2 } },      // 5551, 4444, 565
	{ 8, 8, { 1, 1, 4 } },      // 10-bit
	{ 9, 11, { 1, 1, 1 } },     // luminance, alpha, intensity
	{ 12, 13, { 1, 1, 2 } },    // two of them, or one of 16 bits
	{ 16, 16, { 1, 1, 2 } },    // depth
	{ 17, 22, { 1, 1, 4 } },    // depth, with stencil or without
	{ 23, 23, { 1, 1, 1 } },    // stencil
	{ 68, 68, { 1, 1, 4 } },    // 8888, red last
	{ 95, 95, { 1, 1, 1 } },    // sRGB:
	{ 96, 96, { 1, 1, 2 } },    //
	{ 97, 97, { 1, 1, 3 } },    //
	{ 98, 104, { 1, 1, 4 } },   //
	{ 105, 106, { 4, 4, 8 } },  // S3TC:
	{ 107, 108, { 4, 4, 16 } }, //
	{ 109, 110, { 4, 4, 8 } },  //
	{ 111, 112, { 4, 4, 16 } }, //
	{ 113, 114, { 4, 4, 8 } },  // RGTC, one channel
	{ 115, 116, { 4, 4, 16 } }, // and two
	{ 121, 121, { 1, 1, 4 } },  // 8888, red last
	{ 122, 122, { 1, 1, 2 } },  // 5551 without alpha
	{ 123, 125, { 1, 1, 4 } },  // 10-bit, packed floats, shared exponent
	{ 126, 126, { 1, 1, 8 } },  // depth in 32 bits, with stencil
	{ 128, 129, { 1, 1, 4 } },  // 10-bit
	{ 131, 131, { 1, 1, 4 } },  // 10-bit
	{ 134, 134, { 1, 1, 4 } },  // 8888 without alpha
	{ 135, 135, { 1, 1, 2 } },  // 4444 without alpha
	{ 136, 137, { 1, 1, 4 } },  // stencil beside depth
	{ 138, 138, { 1, 1, 8 } },  //
	{ 139, 139, { 1, 1, 1 } },  // 233
	{ 140, 140, { 1, 1, 4 } },  // luminance and the like, of 16 bits
	{ 141, 142, { 1, 1, 2 } },  //
	{ 143, 144, { 4, 4, 8 } },  // LATC
	{ 145, 146, { 4, 4, 16 } }, //
	{ 147, 148, { 1, 1, 1 } },  // luminance and the like, signed
	{ 149, 149, { 1, 1, 2 } },  //
	{ 150, 150, { 1, 1, 1 } },  //
	{ 151, 152, { 1, 1, 2 } },  //
	{ 153, 153, { 1, 1, 4 } },  //
	{ 154, 156, { 1, 1, 2 } },  //
	{ 157, 157, { 1, 1, 4 } },  // luminance and the like, floats
	{ 158, 158, { 1, 1, 2 } },  //
	{ 159, 160, { 1, 1, 4 } },  //
	{ 161, 161, { 1, 1, 8 } },  //
	{ 162, 162, { 1, 1, 4 } },  //
	{ 170, 171, { 1, 1, 2 } },  // red and alpha
	{ 172, 176, { 1, 1, 4 } },  // 10-bit
	{ 201, 203, { 1, 1, 1 } },  // luminance and the like, integers: 8,
	{ 204, 204, { 1, 1, 2 } },  //
	{ 205, 207, { 1, 1, 1 } },  //
	{ 208, 208, { 1, 1, 2 } },  //
	{ 209, 211, { 1, 1, 2 } },  // 16,
	{ 212, 212, { 1, 1, 4 } },  //
	{ 213, 215, { 1, 1, 2 } },  //
	{ 216, 216, { 1, 1, 4 } },  //
	{ 217, 219, { 1, 1, 4 } },  // and 32 bits
	{ 220, 220, { 1, 1, 8 } },  //
	{ 221, 223, { 1, 1, 4 } },  //
	{ 224, 224, { 1, 1, 8 } },  //
	{ 225, 225, { 1, 1, 4 } },  // 10-bit
	{ 226, 226, { 4, 4, 8 } },  // ETC1
	{ 229, 233, { 1, 1, 4 } },  // 8888 and 10-bit, without alpha
	{ 234, 238, { 1, 1, 8 } },  // 16 bits, without alpha
	{ 239, 241, { 1, 1, 16 } }, // 32 bits, without alpha
	{ 242, 242, { 1, 1, 2 } },  // red and alpha: 8,
	{ 243, 245, { 1, 1, 4 } },  // 16,
	{ 246, 246, { 1, 1, 8 } },  // 32,
	{ 247, 248, { 1, 1, 2 } },  // and once more, integers
	{ 249, 250, { 1, 1, 4 } },  //
	{ 251, 252, { 1, 1, 8 } },  //
	{ 253, 253, { 1, 1, 4 } },  // 10-bit
	{ 254, 254, { 1, 1, 2 } },  // 565, sRGB
	{ 255, 258, { 4, 4, 16 } }, // BPTC
	{ 263, 264, { 1, 1, 2 } },  // green and red
	{ 265, 266, { 1, 1, 4 } },  //
	{ 267, 268, { 1, 1, 4 } },  // 8888, signed
	{ 269, 272, { 4, 4, 8 } },  // ETC2
	{ 273, 274, { 4, 4, 16 } }, //
	{ 275, 276, { 4, 4, 8 } },  //
	{ 277, 278, { 4, 4, 16 } }, //
	{ 308, 308, { 1, 1, 4 } },  // 10-bit, without alpha
	{ 311, 311, { 1, 1, 2 } },  // 4444
	{ 312, 312, { 1, 1, 1 } },  // sRGB of one channel
	{ 313, 313, { 1, 1, 2 } },  // and two
};

/** ASTC: formats 279 on, once linear and once sRGB, 16 bytes a block of these many texels. */
#define ASTC_FIRST 279u
static const uint8_t astc_blocks[][2] = {
	{ 4, 4 },
	{ 5, 4 },
	{ 5, 5 },
	{ 6, 5 },
	{ 6, 6 },
	{ 8, 5 },
	{ 8, 6 },
	{ 8, 8 },
	{ 10, 5 },
	{ 10, 6 },
	{ 10, 8 },
	{ 10, 10 },
	{ 12, 10 },
	{ 12, 12 },
};

bool oriel_virgl_get_block(uint32_t format, struct oriel_virgl_block *ret) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(families); i++) {
		const struct family *f = &families[i];
		if (format >= f->first && format <= f->last) {
			uint32_t n_channels = (format - f->first) % 4 + 1;
			*ret = (struct oriel_virgl_block){ 1, 1,
				(uint8_t)(n_channels * f->channel_size) };
			return true;
		}
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(runs); i++) {
		if (format >= runs[i].first && format <= runs[i].last) {
			*ret = runs[i].block;
			return true;
		}
	}
	size_t n_astc = ORIEL_ARRAY_LEN(astc_blocks);
	if (format >= ASTC_FIRST && format < ASTC_FIRST + 2 * n_astc) {
		const uint8_t *block = astc_blocks[(format - ASTC_FIRST) % n_astc];
		*ret = (struct oriel_virgl_block){ block[0], block[1], 16 };
		return true;
	}
	return false;
}

/** For any level: what asks may not have been checked to be a resource that there can be. */
static uint32_t minify(uint32_t size, uint32_t level) {
	return level < 32 ? oriel_max_u32(size >> level, 1) : 1;
}

static uint32_t count_blocks(uint32_t n_texels, uint32_t per_block) {
	return n_texels / per_block + (n_texels % per_block != 0 ? 1 : 0);
}

static bool target_is_array(uint32_t target) {
	return target == VIRGL_TARGET_1D_ARRAY || target == VIRGL_TARGET_2D_ARRAY ||
	       target == VIRGL_TARGET_CUBE_ARRAY;
}

static bool shape_is_valid(const struct oriel_render3d_resource *res) {
	uint32_t largest = res->target == VIRGL_TARGET_BUFFER ? MAX_BUFFER_SIZE : MAX_DIMENSION_PX;
	if (res->width == 0 || res->height == 0 || res->depth == 0 || res->array_size == 0 ||
			res->width > largest || res->height > largest || res->depth > largest ||
			res->array_size > MAX_LAYERS) {
		return false;
	}
	if (res->depth != 1 && res->target != VIRGL_TARGET_3D) {
		return false;
	}
	switch (res->target) {
	case VIRGL_TARGET_BUFFER:
	case VIRGL_TARGET_1D:
		return res->height == 1 && res->array_size == 1;
	case VIRGL_TARGET_1D_ARRAY:
		return res->height == 1;
	case VIRGL_TARGET_2D:
	case VIRGL_TARGET_RECT:
	case VIRGL_TARGET_3D:
		return res->array_size == 1;
	case VIRGL_TARGET_2D_ARRAY:
		return true;
	case VIRGL_TARGET_CUBE:
		return res->width == res->height && res->array_size == 6;
	case VIRGL_TARGET_CUBE_ARRAY:
		return res->width == res->height && res->array_size % 6 == 0;
	default:
		return false;
	}
}

static bool levels_are_valid(const struct oriel_render3d_resource *res) {
	if (res->n_samples > MAX_SAMPLES) {
		return false;
	}
	if (res->n_samples > 0 &&
			(res->last_level > 0 ||
					(res->target != VIRGL_TARGET_2D &&
							res->target != VIRGL_TARGET_2D_ARRAY))) {
		return false;
	}
	if (res->last_level == 0) {
		return true;
	}
	if (res->target == VIRGL_TARGET_BUFFER || res->target == VIRGL_TARGET_RECT) {
		return false;
	}
	uint32_t largest = oriel_max_u32(oriel_max_u32(res->width, res->height), res->depth);
	return res->last_level < 32 && largest >> res->last_level != 0;
}

int oriel_virgl_check_resource(const struct oriel_render3d_resource *res, uint64_t limit_bytes) {
	struct oriel_virgl_block block;
	if (!oriel_virgl_get_block(res->format, &block) || !shape_is_valid(res) ||
			!levels_are_valid(res) || (res->flags & ~KNOWN_FLAGS) != 0) {
		return -EINVAL;
	}
	if (res->target == VIRGL_TARGET_BUFFER) {
		return res->width <= limit_bytes ? 0 : -ENOMEM;
	}
	uint64_t size = 0;
	for (uint32_t level = 0; level <= res->last_level; level++) {
		// At most 2^14 blocks each way, 2^14 layers, and 2^9 bytes of samples: no overflow.
		uint64_t columns = count_blocks(minify(res->width, level), block.width);
		uint64_t rows = count_blocks(minify(res->height, level), block.height);
		uint64_t layers = (uint64_t)minify(res->depth, level) * res->array_size;
		size += columns * rows * layers * block.size * oriel_max_u32(res->n_samples, 1);
	}
	return size <= limit_bytes ? 0 : -ENOMEM;
}

/** Whether [x, x + len) consists of whole blocks of an image that is size texels long. */
static bool blocks_fit(uint32_t x, uint32_t len, uint32_t size, uint32_t per_block) {
	return oriel_range_fits(x, len, size) && x % per_block == 0 &&
	       (len % per_block == 0 || x + len == size);
}

static bool box_is_valid(const struct oriel_render3d_resource *res,
		const struct oriel_render3d_transfer *transfer,
		const struct oriel_virgl_block *block) {
	const struct oriel_box *box = &transfer->box;
	if (box->width == 0 || box->height == 0 || box->depth == 0 ||
			transfer->level > res->last_level) {
		return false;
	}
	uint32_t layers = target_is_array(res->target) || res->target == VIRGL_TARGET_CUBE
					  ? res->array_size
					  : minify(res->depth, transfer->level);
	return blocks_fit(box->x, box->width, minify(res->width, transfer->level), block->width) &&
	       blocks_fit(box->y, box->height, minify(res->height, transfer->level),
			       block->height) &&
	       oriel_range_fits(box->z, box->depth, layers);
}

int oriel_virgl_resolve_transfer(const struct oriel_render3d_resource *res,
		const struct oriel_render3d_transfer *transfer, uint64_t backing_size,
		struct oriel_virgl_extent *ret) {
	struct oriel_virgl_block block;
	if (res->target == VIRGL_TARGET_BUFFER) {
		block = (struct oriel_virgl_block){ 1, 1, 1 }; // a buffer's places are bytes
	} else if (!oriel_virgl_get_block(res->format, &block)) {
		return -EINVAL;
	}
	if (!box_is_valid(res, transfer, &block)) {
		return -EINVAL;
	}
	struct oriel_virgl_extent e = { 0 };
	e.row_size = count_blocks(transfer->box.width, block.width) * block.size;
	e.height_blocks = count_blocks(transfer->box.height, block.height);
	uint32_t level_width = minify(res->width, transfer->level);
	uint32_t level_height = minify(res->height, transfer->level);
	uint32_t level_stride = count_blocks(level_width, block.width) * block.size;
	e.stride = transfer->stride != 0 ? transfer->stride : level_stride;
	// GL counts a stride in texels.
	if (e.stride < e.row_size || e.stride % block.size != 0) {
		return -EINVAL;
	}
	e.layer_size = (uint64_t)(e.height_blocks - 1) * e.stride + e.row_size;
	e.layer_stride = transfer->layer_stride != 0
					 ? transfer->layer_stride
					 : (uint64_t)count_blocks(level_height, block.height) *
							   e.stride;
	if (transfer->box.depth > 1 && e.layer_stride < e.layer_size) {
		return -EINVAL;
	}
	// layer_stride is below 2^46, depth at most 2^14: no overflow.
	e.size = (transfer->box.depth - 1) * e.layer_stride + e.layer_size;
	if (!oriel_range_fits(transfer->offset, e.size, backing_size)) {
		return -EINVAL;
	}
	*ret = e;
	return 0;
}
