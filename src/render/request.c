// SPDX-License-Identifier: MIT
/* See request.h. */
#include "render/request.h"

#include <assert.h>
#include <string.h>

// The protocol's numbers are the interface's.
static_assert((int)ORIEL_RENDER_LINK_CREATE_CONTEXT == (int)ORIEL_RENDER3D_CREATE_CONTEXT &&
				(int)ORIEL_RENDER_LINK_SUBMIT == (int)ORIEL_RENDER3D_SUBMIT &&
				(int)ORIEL_RENDER_LINK_RESET == (int)ORIEL_RENDER3D_RESET &&
				(int)ORIEL_RENDER_LINK_EXPORT == (int)ORIEL_RENDER3D_EXPORT &&
				(int)ORIEL_RENDER_LINK_EXPORT + 1 == (int)ORIEL_RENDER3D_N_TYPES,
		"the numbers of operations are part of the protocol");

void oriel_render3d_write_request(const struct oriel_render3d_op *op,
		struct oriel_render_link_request *m) {
	switch (op->type) {
	case ORIEL_RENDER3D_CREATE_CONTEXT:
		m->context.capset_id = op->context.capset_id;
		memcpy(m->context.name, op->context.name, sizeof(m->context.name));
		return;
	case ORIEL_RENDER3D_CREATE_RESOURCE:
		m->resource.target = op->resource.target;
		m->resource.format = op->resource.format;
		m->resource.bind = op->resource.bind;
		m->resource.width = op->resource.width;
		m->resource.height = op->resource.height;
		m->resource.depth = op->resource.depth;
		m->resource.array_size = op->resource.array_size;
		m->resource.last_level = op->resource.last_level;
		m->resource.n_samples = op->resource.n_samples;
		m->resource.flags = op->resource.flags;
		return;
	case ORIEL_RENDER3D_TRANSFER_TO_HOST:
	case ORIEL_RENDER3D_TRANSFER_FROM_HOST:
		m->transfer.box = op->transfer.box;
		m->transfer.offset = op->transfer.offset;
		m->transfer.level = op->transfer.level;
		m->transfer.stride = op->transfer.stride;
		m->transfer.layer_stride = op->transfer.layer_stride;
		return;
	case ORIEL_RENDER3D_FENCE:
		m->fence.is_global = op->fence.is_global ? 1 : 0;
		m->fence.ring_idx = op->fence.ring_idx;
		return;
	case ORIEL_RENDER3D_ADD_IMAGE:
		m->image.size = op->image.size;
		return;
	case ORIEL_RENDER3D_READ_PIXELS:
		m->read.image_id = op->read.image_id;
		m->read.rect = op->read.rect;
		m->read.offset = op->read.offset;
		m->read.stride = op->read.stride;
		return;
	case ORIEL_RENDER3D_SET_MEMORY:
		m->memory.n_regions = (uint32_t)oriel_mem_map_count_regions(op->map);
		return;
	case ORIEL_RENDER3D_EXPORT:
		if (op->exported.wants_file) {
			m->exported.wants_file = 1;
			m->exported.fourcc = op->exported.format->fourcc;
			m->exported.width = op->exported.width;
			m->exported.height = op->exported.height;
		}
		return;
	default: // nothing but ids, or a payload
		return;
	}
}

static void read_resource(const struct oriel_render_link_request *request,
		struct oriel_render3d_resource *ret) {
	ret->target = request->resource.target;
	ret->format = request->resource.format;
	ret->bind = request->resource.bind;
	ret->width = request->resource.width;
	ret->height = request->resource.height;
	ret->depth = request->resource.depth;
	ret->array_size = request->resource.array_size;
	ret->last_level = request->resource.last_level;
	ret->n_samples = request->resource.n_samples;
	ret->flags = request->resource.flags;
}

void oriel_render3d_read_request(const struct oriel_render_link_request *m,
		struct oriel_render3d_op *op) {
	op->type = (enum oriel_render3d_type)m->type;
	op->ctx_id = m->ctx_id;
	op->resource_id = m->resource_id;
	switch (op->type) {
	case ORIEL_RENDER3D_CREATE_CONTEXT:
		op->context.capset_id = m->context.capset_id;
		memcpy(op->context.name, m->context.name, sizeof(m->context.name));
		op->context.name[ORIEL_CONTEXT_NAME_SIZE - 1] = '\0';
		return;
	case ORIEL_RENDER3D_CREATE_RESOURCE:
		read_resource(m, &op->resource);
		return;
	case ORIEL_RENDER3D_TRANSFER_TO_HOST:
	case ORIEL_RENDER3D_TRANSFER_FROM_HOST:
		op->transfer.box = m->transfer.box;
		op->transfer.offset = m->transfer.offset;
		op->transfer.level = m->transfer.level;
		op->transfer.stride = m->transfer.stride;
		op->transfer.layer_stride = m->transfer.layer_stride;
		return;
	case ORIEL_RENDER3D_FENCE:
		op->fence.is_global = m->fence.is_global != 0;
		op->fence.ring_idx = (uint8_t)m->fence.ring_idx;
		return;
	case ORIEL_RENDER3D_ADD_IMAGE:
		op->image.fd = -1;
		op->image.size = m->image.size;
		return;
	case ORIEL_RENDER3D_READ_PIXELS:
		op->read.image_id = m->read.image_id;
		op->read.rect = m->read.rect;
		op->read.offset = m->read.offset;
		op->read.stride = m->read.stride;
		return;
	case ORIEL_RENDER3D_SUBMIT:
		op->commands.size = m->payload_size;
		return;
	case ORIEL_RENDER3D_EXPORT:
		op->exported = (struct oriel_render3d_export){
			.wants_file = m->exported.wants_file != 0,
			.width = m->exported.width,
			.height = m->exported.height,
		};
		op->exported.format = oriel_format_find(m->exported.fourcc); // or NULL
		return;
	default: // nothing but ids, or a payload
		return;
	}
}
