// SPDX-License-Identifier: MIT
/*
 * What a renderer has, as far as one must know it to say which bytes an operation reads or writes:
 * resources, their backings, and images. The recorder and the player each keep one.
 */
#ifndef ORIEL_RENDER_RECORD_WORLD_H
#define ORIEL_RENDER_RECORD_WORLD_H

#include "base/id_table.h"
#include "render/render3d.h"

struct record_resource {
	uint32_t id;
	struct oriel_render3d_resource desc;
	struct oriel_scatter backing; // of size 0: none
};

struct record_image {
	uint32_t id;
	uint8_t *map;
	uint64_t size;                // bytes
	struct oriel_scatter scatter; // the same
};

struct record_world {
	struct oriel_id_table resources;
	struct oriel_id_table images;
	/** The last image that pixels were read into, its width and their format. Kept when it is
	 * removed, until the next. NULL: none. */
	struct record_image *last;
	uint32_t last_stride; // bytes
	uint32_t last_format;
	bool last_is_removed;
};

/** Rows of bytes in guest memory or in an image. */
struct record_rows {
	const struct oriel_scatter *scatter;
	const struct oriel_render3d_resource *desc; // of what is transferred
	uint64_t offset;
	uint64_t stride;
	uint64_t layer_stride;
	uint32_t row_size; // bytes
	uint32_t n_rows;   // of a layer
	uint32_t n_layers;
};

void record_world_init(struct record_world *world);
void record_world_finish(struct record_world *world);

struct record_resource *record_world_get_resource(const struct record_world *world, uint32_t id);

/**
 * Operation op was carried out without an error: remember what that changed.
 *
 * backing: of ATTACH_BACKING, whose own may be gone; its pieces are taken. Returns 0 or -ENOMEM.
 */
ORIEL_MUST_CHECK
int record_world_apply(struct record_world *world, const struct oriel_render3d_op *op,
		struct oriel_scatter *backing);

/**
 * The rows that a transfer of a box of resource_id reads or writes in the backing of backing_id.
 * Returns whether there are any, and they lie in that.
 */
bool record_world_get_transfer(const struct record_world *world, uint32_t resource_id,
		uint32_t backing_id, const struct oriel_render3d_transfer *transfer,
		struct record_rows *ret);

/** The rows that a transfer or a READ_PIXELS reads or writes. Returns whether there are any. */
bool record_world_get_rows(const struct record_world *world, const struct oriel_render3d_op *op,
		struct record_rows *ret);

/** The place of the i-th row, of all layers; row_size bytes can be read there. */
struct oriel_scatter_cursor record_rows_seek(const struct record_rows *rows, uint64_t i);
uint64_t record_rows_count(const struct record_rows *rows);

/** Whether a row is one of pixels of four bytes. */
bool record_rows_are_pixels(const struct record_rows *rows);

/** The checksum of all rows. buf has room for RECORD_PIECE_SIZE bytes. */
#define RECORD_PIECE_SIZE (64u << 10)
uint64_t record_rows_sum(const struct record_rows *rows, uint8_t *buf);

#endif
