// SPDX-License-Identifier: MIT
/* The forwarders of render.h: what is wrong with an operation is found here, for every renderer. */
#include "render/render.h"

#include <assert.h>

void oriel_renderer_init(struct oriel_renderer *renderer, const struct oriel_renderer_impl *impl) {
	assert(impl->submit != NULL && impl->destroy != NULL && impl->name != NULL);
	renderer->impl = impl;
}

struct oriel_render_source oriel_render_source_of(const struct oriel_resource *res,
		uint64_t offset) {
	return (struct oriel_render_source){ &res->backing, offset, res->stride };
}

/** Whether pixels can be read from a backing at all. */
static int check_backing(const struct oriel_backing *backing) {
	if (!backing->attached) {
		return -EOPNOTSUPP;
	}
	return backing->lost ? -EFAULT : 0;
}

int oriel_renderer_check_transfer(const struct oriel_resource *res, const struct oriel_rect *rect,
		const struct oriel_render_source *source) {
	if (!oriel_rect_fits(rect, res->width, res->height)) {
		return -EINVAL;
	}
	int err = check_backing(source->backing);
	if (err < 0 || oriel_rect_is_empty(rect)) {
		return err;
	}
	// 32 bits by 32 bits; with a row it may be too much.
	assert(source->stride <= UINT32_MAX);
	uint64_t extent;
	err = oriel_u64_add((uint64_t)(rect->height - 1) * source->stride,
			(uint64_t)rect->width * ORIEL_BYTES_PER_PIXEL, &extent);
	return err == 0 && oriel_range_fits(source->offset, extent, source->backing->scatter.size)
			       ? 0
			       : -EINVAL;
}

static int check_cursor(const struct oriel_resource *res) {
	if (!res->is_blob) {
		bool fits = res->width == ORIEL_CURSOR_SIDE && res->height == ORIEL_CURSOR_SIDE;
		return fits ? 0 : -EINVAL;
	}
	if (res->blob_size < ORIEL_CURSOR_BYTES) {
		return -EINVAL;
	}
	int err = check_backing(&res->backing);
	// Entries cover the blob, but a list may be empty: then it is as if there was none.
	return err == 0 && res->backing.scatter.size < ORIEL_CURSOR_BYTES ? -EOPNOTSUPP : err;
}

void oriel_renderer_submit(struct oriel_renderer *renderer, struct oriel_render_op *op) {
	int err = op->type == ORIEL_RENDER_TRANSFER_TO_HOST_2D
				  ? oriel_renderer_check_transfer(op->res, &op->rect, &op->source)
				  : check_cursor(op->res);
	if (err == 0 && !op->res->is_blob) {
		err = oriel_resource_allocate(op->res);
	}
	if (err < 0) {
		op->done(op, err);
		return;
	}
	renderer->impl->submit(renderer, op);
}

void oriel_renderer_destroy(struct oriel_renderer *renderer) {
	if (renderer != NULL) {
		renderer->impl->destroy(renderer);
	}
}
