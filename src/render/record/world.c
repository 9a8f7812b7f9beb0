// SPDX-License-Identifier: MIT
/* See world.h. */
#include "render/record/world.h"

#include "protocol/render_dump.h"
#include "render/virgl_format.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

void record_world_init(struct record_world *world) {
	*world = (struct record_world){ 0 };
	oriel_id_table_init(&world->resources);
	oriel_id_table_init(&world->images);
}

struct record_resource *record_world_get_resource(const struct record_world *world, uint32_t id) {
	return oriel_id_table_get(&world->resources, id);
}

static void free_resource(struct record_resource *res) {
	if (res != NULL) {
		oriel_scatter_finish(&res->backing);
		free(res);
	}
}

static void free_image(struct record_image *image) {
	if (image != NULL) {
		munmap(image->map, (size_t)image->size);
		oriel_scatter_finish(&image->scatter);
		free(image);
	}
}

static void remove_image(struct record_world *world, uint32_t id) {
	struct record_image *image = oriel_id_table_remove(&world->images, id);
	if (image != NULL && image == world->last) {
		world->last_is_removed = true;
		return;
	}
	free_image(image);
}

static void forget_all(struct record_world *world) {
	void *object;
	uint32_t cursor = 0;
	while ((object = oriel_id_table_next(&world->resources, &cursor)) != NULL) {
		struct record_resource *res = object;
		(void)oriel_id_table_remove(&world->resources, res->id);
		free_resource(res);
		cursor = 0;
	}
	cursor = 0;
	while ((object = oriel_id_table_next(&world->images, &cursor)) != NULL) {
		remove_image(world, ((struct record_image *)object)->id);
		cursor = 0;
	}
}

void record_world_finish(struct record_world *world) {
	forget_all(world);
	if (world->last_is_removed) {
		free_image(world->last);
	}
	oriel_id_table_finish(&world->resources);
	oriel_id_table_finish(&world->images);
}

static int add_resource(struct record_world *world, const struct oriel_render3d_op *op) {
	struct record_resource *res = calloc(1, sizeof(*res));
	if (res == NULL) {
		return -ENOMEM;
	}
	res->id = op->resource_id;
	res->desc = op->resource;
	oriel_scatter_init(&res->backing);
	int err = oriel_id_table_insert(&world->resources, res->id, res);
	if (err < 0) {
		free_resource(res);
	}
	return err == -EEXIST ? 0 : err; // a renderer that takes that knows what it does
}

static int add_image(struct record_world *world, const struct oriel_render3d_op *op) {
	struct stat st;
	if (op->image.size == 0 || fstat(op->image.fd, &st) < 0 ||
			(uint64_t)st.st_size < op->image.size) {
		return 0; // a renderer that takes that reads no pixels into it
	}
	struct record_image *image = calloc(1, sizeof(*image));
	if (image == NULL) {
		return -ENOMEM;
	}
	oriel_scatter_init(&image->scatter);
	image->id = op->resource_id;
	image->size = op->image.size;
	void *map = mmap(NULL, (size_t)image->size, PROT_READ, MAP_SHARED, op->image.fd, 0);
	if (map == MAP_FAILED) {
		free(image);
		return -ENOMEM;
	}
	image->map = map;
	const struct oriel_span span = { .hva = map, .size = (size_t)image->size };
	int err = oriel_scatter_append(&image->scatter, &span);
	if (err == 0) {
		err = oriel_id_table_insert(&world->images, image->id, image);
	}
	if (err < 0) {
		free_image(image);
	}
	return err == -EEXIST ? 0 : err;
}

static void attach(struct record_world *world, uint32_t id, struct oriel_scatter *backing) {
	struct record_resource *res = record_world_get_resource(world, id);
	if (res != NULL) {
		oriel_scatter_finish(&res->backing);
		res->backing = *backing;
		oriel_scatter_init(backing);
	}
}

static void keep_last(struct record_world *world, const struct oriel_render3d_op *op) {
	struct record_image *image = oriel_id_table_get(&world->images, op->read.image_id);
	const struct record_resource *res = record_world_get_resource(world, op->resource_id);
	if (image == NULL || res == NULL || oriel_rect_is_empty(&op->read.rect)) {
		return;
	}
	if (world->last_is_removed) {
		free_image(world->last);
	}
	world->last = image;
	world->last_is_removed = false;
	world->last_stride = op->read.stride;
	world->last_format = res->desc.format;
}

int record_world_apply(struct record_world *world, const struct oriel_render3d_op *op,
		struct oriel_scatter *backing) {
	struct record_resource *res;
	switch (op->type) {
	case ORIEL_RENDER3D_CREATE_RESOURCE:
		return add_resource(world, op);
	case ORIEL_RENDER3D_UNREF_RESOURCE:
		free_resource(oriel_id_table_remove(&world->resources, op->resource_id));
		return 0;
	case ORIEL_RENDER3D_ATTACH_BACKING:
		attach(world, op->resource_id, backing);
		return 0;
	case ORIEL_RENDER3D_DETACH_BACKING:
		res = record_world_get_resource(world, op->resource_id);
		if (res != NULL) {
			oriel_scatter_finish(&res->backing);
		}
		return 0;
	case ORIEL_RENDER3D_ADD_IMAGE:
		return add_image(world, op);
	case ORIEL_RENDER3D_REMOVE_IMAGE:
		remove_image(world, op->resource_id);
		return 0;
	case ORIEL_RENDER3D_READ_PIXELS:
		keep_last(world, op);
		return 0;
	case ORIEL_RENDER3D_RESET:
		forget_all(world);
		return 0;
	default:
		return 0;
	}
}

bool record_world_get_transfer(const struct record_world *world, uint32_t resource_id,
		uint32_t backing_id, const struct oriel_render3d_transfer *transfer,
		struct record_rows *ret) {
	const struct record_resource *res = record_world_get_resource(world, resource_id);
	const struct record_resource *backed = record_world_get_resource(world, backing_id);
	struct oriel_virgl_extent extent;
	if (res == NULL || backed == NULL ||
			oriel_virgl_resolve_transfer(&res->desc, transfer, backed->backing.size,
					&extent) < 0) {
		return false;
	}
	*ret = (struct record_rows){
		.scatter = &backed->backing,
		.desc = &res->desc,
		.offset = transfer->offset,
		.stride = extent.stride,
		.layer_stride = extent.layer_stride,
		.row_size = extent.row_size,
		.n_rows = extent.height_blocks,
		.n_layers = transfer->box.depth,
	};
	return true;
}

static bool get_read(const struct record_world *world, const struct oriel_render3d_op *op,
		struct record_rows *ret) {
	const struct oriel_render3d_read *read = &op->read;
	const struct record_resource *res = record_world_get_resource(world, op->resource_id);
	const struct record_image *image = oriel_id_table_get(&world->images, read->image_id);
	if (res == NULL || image == NULL || oriel_rect_is_empty(&read->rect) ||
			!oriel_rect_fits(&read->rect, res->desc.width, res->desc.height)) {
		return false;
	}
	// At most 2^30 texels a row, and rows.
	const uint64_t row_size = (uint64_t)read->rect.width * 4;
	const uint64_t size = (read->rect.height - 1) * (uint64_t)read->stride + row_size;
	if (row_size > UINT32_MAX || read->stride < row_size ||
			!oriel_range_fits(read->offset, size, image->size)) {
		return false;
	}
	*ret = (struct record_rows){
		.scatter = &image->scatter,
		.desc = &res->desc,
		.offset = read->offset,
		.stride = read->stride,
		.row_size = (uint32_t)row_size,
		.n_rows = read->rect.height,
		.n_layers = 1,
	};
	return true;
}

bool record_world_get_rows(const struct record_world *world, const struct oriel_render3d_op *op,
		struct record_rows *ret) {
	switch (op->type) {
	case ORIEL_RENDER3D_TRANSFER_TO_HOST:
	case ORIEL_RENDER3D_TRANSFER_FROM_HOST:
		return record_world_get_transfer(world, op->resource_id, op->resource_id,
				&op->transfer, ret);
	case ORIEL_RENDER3D_READ_PIXELS:
		return get_read(world, op, ret);
	default:
		return false;
	}
}

uint64_t record_rows_count(const struct record_rows *rows) {
	return (uint64_t)rows->n_rows * rows->n_layers;
}

struct oriel_scatter_cursor record_rows_seek(const struct record_rows *rows, uint64_t i) {
	return oriel_scatter_seek(rows->scatter,
			rows->offset + i / rows->n_rows * rows->layer_stride +
					i % rows->n_rows * rows->stride);
}

bool record_rows_are_pixels(const struct record_rows *rows) {
	struct oriel_virgl_block block;
	return rows->desc->target != VIRGL_TARGET_BUFFER && rows->row_size % 4 == 0 &&
	       oriel_virgl_get_block(rows->desc->format, &block) && block.width == 1 &&
	       block.size == 4;
}

uint64_t record_rows_sum(const struct record_rows *rows, uint8_t *buf) {
	uint64_t checksum = 0;
	const uint64_t n = record_rows_count(rows);
	for (uint64_t i = 0; i < n; i++) {
		struct oriel_scatter_cursor cursor = record_rows_seek(rows, i);
		for (size_t left = rows->row_size; left > 0;) {
			const size_t size = oriel_min_size(left, RECORD_PIECE_SIZE);
			oriel_scatter_cursor_read(&cursor, buf, size);
			checksum = oriel_render_dump_sum(checksum, buf, size);
			left -= size;
		}
	}
	return checksum;
}
