// SPDX-License-Identifier: MIT
/*
 * Resources of virglrenderer, their backing, and transfers.
 *
 * What virglrenderer 0.10.4 does wrong is kept from it here:
 *  - sums of a transfer wrap at 32 bits: the extent is checked beforehand (virgl_format.c);
 *  - of a box of several layers it reads back only one: layers are transferred one by one;
 *  - it reads a buffer whose format has more than a byte a texel behind its end: buffers are always
 *    made with a format of one byte, theirs means nothing;
 *  - it keeps an image that has Y_0_TOP upside down, and copies between images forget that: the
 * flag is left out. It says how GL is to show a texture, and we show none; a guest sees no
 * difference;
 *  - it looks for memory to share on the first render node, whichever GPU is rendering: the binds
 *    that ask for such memory are left out. Exports do without (image.c).
 */
#include "render/virgl/virgl.h"

#include "base/arith.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <virglrenderer.h>

#define FORMAT_R8_UNORM 64u

#define BIND_SAMPLER_VIEW (1u << 3)
#define BIND_CURSOR (1u << 16)
#define BIND_SCANOUT (1u << 18)
#define BIND_SHARED (1u << 20)
#define BIND_LINEAR (1u << 22)

static_assert(sizeof(struct oriel_box) == 6 * sizeof(uint32_t), "as virgl_box is");

struct virgl_resource *virgl_get_resource(const struct virgl *virgl, uint32_t resource_id) {
	return oriel_id_table_get(&virgl->resources, resource_id);
}

static bool format_is_offered(const struct virgl *virgl, uint32_t format) {
	return format < 512 && (virgl->formats[format / 64] >> (format % 64) & 1) != 0;
}

static int resource_create(struct virgl *virgl, const struct virgl_resource *res) {
	const struct oriel_render3d_resource *desc = &res->desc;
	struct virgl_renderer_resource_create_args args = {
		.handle = res->id,
		.target = desc->target,
		.format = desc->format,
		.bind = desc->bind,
		.width = desc->width,
		.height = desc->height,
		.depth = desc->depth,
		.array_size = desc->array_size,
		.last_level = desc->last_level,
		.nr_samples = desc->n_samples,
		.flags = desc->flags & ~VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP,
	};
	if (desc->target == VIRGL_TARGET_BUFFER) {
		args.format = FORMAT_R8_UNORM;
	} else {
		const uint32_t shared = BIND_CURSOR | BIND_SCANOUT | BIND_SHARED | BIND_LINEAR;
		args.bind = desc->bind & ~shared;
		if (args.bind == 0 && desc->bind != 0) {
			args.bind = BIND_SAMPLER_VIEW;
		}
	}
	virgl_enter_context(virgl, 0);
	int err = virgl_renderer_resource_create(&args, NULL, 0);
	return err == 0 ? 0 : err == ENOMEM || err == -ENOMEM ? -ENOMEM : -EINVAL;
}

int virgl_create_resource(struct virgl *virgl, const struct oriel_render3d_op *op) {
	const struct oriel_render3d_resource *desc = &op->resource;
	int err = oriel_virgl_check_resource(desc, VIRGL_MAX_RESOURCE_SIZE);
	if (err != 0) {
		return err;
	}
	bool is_buffer = desc->target == VIRGL_TARGET_BUFFER;
	if (op->resource_id == 0 || (!is_buffer && !format_is_offered(virgl, desc->format))) {
		return -EINVAL;
	}
	if (virgl_get_resource(virgl, op->resource_id) != NULL) {
		return -EEXIST;
	}
	struct virgl_resource *res = calloc(1, sizeof(*res));
	if (res == NULL) {
		return -ENOMEM;
	}
	res->id = op->resource_id;
	res->desc = *desc;
	err = oriel_id_table_insert(&virgl->resources, res->id, res);
	if (err != 0) {
		free(res);
		return err;
	}
	err = resource_create(virgl, res);
	if (err != 0) {
		oriel_id_table_remove(&virgl->resources, res->id);
		free(res);
	}
	return err;
}

static void resource_forget_backing(struct virgl_resource *res) {
	if (res->iovecs == NULL) {
		return;
	}
	virgl_renderer_resource_detach_iov((int)res->id, NULL, NULL);
	free(res->iovecs);
	res->iovecs = NULL;
	res->n_iovecs = 0;
	res->backing_size = 0;
}

static void resource_unref(struct virgl *virgl, struct virgl_resource *res) {
	resource_forget_backing(res);
	virgl_enter_context(virgl, 0);
	virgl_renderer_resource_unref(res->id);
	oriel_id_table_remove(&virgl->resources, res->id);
	free(res);
}

int virgl_unref_resource(struct virgl *virgl, uint32_t resource_id) {
	struct virgl_resource *res = virgl_get_resource(virgl, resource_id);
	if (res == NULL) {
		return -ENOENT;
	}
	resource_unref(virgl, res);
	return 0;
}

void virgl_unref_all_resources(struct virgl *virgl) {
	uint32_t cursor = 0;
	struct virgl_resource *res;
	while ((res = oriel_id_table_next(&virgl->resources, &cursor)) != NULL) {
		resource_unref(virgl, res);
		cursor = 0;
	}
}

int virgl_attach_backing(struct virgl *virgl, const struct oriel_render3d_op *op) {
	struct virgl_resource *res = virgl_get_resource(virgl, op->resource_id);
	if (res == NULL) {
		return -ENOENT;
	}
	if (res->iovecs != NULL) {
		return -EEXIST;
	}
	const struct oriel_scatter *scatter = &op->backing->scatter;
	if (scatter->len == 0) {
		return -EINVAL;
	}
	struct iovec *iovecs = calloc(scatter->len, sizeof(*iovecs));
	if (iovecs == NULL) {
		return -ENOMEM;
	}
	uint64_t offset = 0;
	for (size_t i = 0; i < scatter->len; i++) {
		iovecs[i].iov_base = scatter->pieces[i].hva;
		iovecs[i].iov_len = (size_t)(scatter->pieces[i].end - offset);
		offset = scatter->pieces[i].end;
	}
	int err = virgl_renderer_resource_attach_iov((int)res->id, iovecs, (int)scatter->len);
	if (err != 0) {
		free(iovecs);
		return -EINVAL;
	}
	res->iovecs = iovecs;
	res->n_iovecs = scatter->len;
	res->backing_size = scatter->size;
	return 0;
}

int virgl_detach_backing(struct virgl *virgl, uint32_t resource_id) {
	struct virgl_resource *res = virgl_get_resource(virgl, resource_id);
	if (res == NULL) {
		return -ENOENT;
	}
	resource_forget_backing(res);
	return 0;
}

/** One layer, whose first byte is at offset of iovecs. */
static int transfer_layer(const struct oriel_render3d_op *op, uint32_t i_layer, uint32_t stride,
		uint64_t offset, struct iovec *iovecs, size_t n_iovecs) {
	const struct oriel_render3d_transfer *transfer = &op->transfer;
	struct oriel_box box = transfer->box;
	box.z += i_layer;
	box.depth = 1;
	int err;
	if (op->type == ORIEL_RENDER3D_TRANSFER_TO_HOST) {
		err = virgl_renderer_transfer_write_iov(op->resource_id, op->ctx_id,
				(int)transfer->level, stride, 0, (struct virgl_box *)&box, offset,
				iovecs, (unsigned int)n_iovecs);
	} else {
		err = virgl_renderer_transfer_read_iov(op->resource_id, op->ctx_id, transfer->level,
				stride, 0, (struct virgl_box *)&box, offset, iovecs, (int)n_iovecs);
	}
	return err == 0 ? 0 : -EIO;
}

int virgl_run_transfer(struct virgl *virgl, const struct oriel_render3d_op *op) {
	struct virgl_resource *res = virgl_get_resource(virgl, op->resource_id);
	if (res == NULL || (op->ctx_id != 0 && virgl_get_context(virgl, op->ctx_id) == NULL)) {
		return -ENOENT;
	}
	if (res->iovecs == NULL) {
		return -EOPNOTSUPP;
	}
	struct oriel_virgl_extent extent;
	int err = oriel_virgl_resolve_transfer(&res->desc, &op->transfer, res->backing_size,
			&extent);
	if (err != 0) {
		return err;
	}
	struct virgl_context *ctx = virgl_get_context(virgl, op->ctx_id);
	if (ctx != NULL) {
		ctx->has_drawn = true;
	}
	virgl_enter_context(virgl, op->ctx_id);
	uint64_t offset = op->transfer.offset;
	for (uint32_t i = 0; i < op->transfer.box.depth && err == 0; i++) {
		err = transfer_layer(op, i, extent.stride, offset, res->iovecs, res->n_iovecs);
		offset += extent.layer_stride;
	}
	return err;
}
