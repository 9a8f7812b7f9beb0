// SPDX-License-Identifier: MIT
/* The forwarders of render.h: what is wrong with an operation is found here, for every renderer. */
#include "render/render.h"

#include <assert.h>

void oriel_renderer_init(struct oriel_renderer *renderer, const struct oriel_renderer_impl *impl) {
	assert(impl->submit != NULL && impl->destroy != NULL && impl->name != NULL);
	renderer->impl = impl;
}

int oriel_renderer_check_transfer(const struct oriel_resource *res, const struct oriel_rect *rect,
		uint64_t offset) {
	if (!oriel_rect_fits(rect, res->width, res->height)) {
		return -EINVAL;
	}
	if (!res->backing.attached) {
		return -EOPNOTSUPP;
	}
	if (res->backing.lost) {
		return -EFAULT;
	}
	if (oriel_rect_is_empty(rect)) {
		return 0;
	}
	// Both factors were bounded by the resource's size, so this cannot overflow.
	uint64_t extent = (uint64_t)(rect->height - 1) * res->stride +
			  (uint64_t)rect->width * ORIEL_BYTES_PER_PIXEL;
	return oriel_range_fits(offset, extent, res->backing.scatter.size) ? 0 : -EINVAL;
}

static int check_cursor(const struct oriel_render_op *op) {
	bool fits = op->res->width == ORIEL_CURSOR_SIDE && op->res->height == ORIEL_CURSOR_SIDE;
	return fits ? 0 : -EINVAL;
}

void oriel_renderer_submit(struct oriel_renderer *renderer, struct oriel_render_op *op) {
	int err = op->type == ORIEL_RENDER_TRANSFER_TO_HOST_2D
				  ? oriel_renderer_check_transfer(op->res, &op->rect, op->offset)
				  : check_cursor(op);
	if (err == 0) {
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
