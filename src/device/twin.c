// SPDX-License-Identifier: MIT
/* See twin.h. */
#include "device/twin.h"

#include "device/device.h"
#include "device/readback.h"

#include <inttypes.h>

/** Gallium's numbers, which virgl's protocol has: a plain image that can be drawn and sampled. */
#define TARGET_TEXTURE_2D 2u
#define BIND_RENDER_TARGET (1u << 1)
#define BIND_SAMPLER_VIEW (1u << 3)

/** What one attachment to a context may take, with room for a table that grows. */
#define ATTACHMENT_BYTES 64u

/** What one of as many as a turn has commands takes of its bytes. */
#define COMMAND_BYTES (ORIEL_TURN_BYTES / ORIEL_TURN_CHAINS)

/** Work that is for nobody in particular: it fails alone. */
static int begin(struct oriel_gpu *gpu, enum oriel_render3d_type type,
		const struct oriel_resource *res, struct oriel_work **ret) {
	int err = oriel_work_create(gpu, type, ret);
	if (err == 0) {
		(*ret)->op.resource_id = res->id;
	}
	return err;
}

static void fill_transfer(struct oriel_render3d_op *op, const struct oriel_resource *res,
		const struct oriel_rect *rect, uint64_t offset) {
	op->transfer = (struct oriel_render3d_transfer){
		.box = { rect->x, rect->y, 0, rect->width, rect->height, 1 },
		.offset = offset,
		.stride = res->width * ORIEL_BYTES_PER_PIXEL,
	};
}

/** A renderer need not have all formats of 2D: then the resource stays what it was without it. */
static void handle_created(struct oriel_work *work, int err) {
	struct oriel_resource *res = work->res;
	if (err == 0) {
		return;
	}
	if (err == -ENOTCONN) {
		// A loss is told of all at once; but where no renderer runs, none is lost.
		res->twin.exists = false;
		res->twin.is_filled = false;
		res->twin.is_newer = false;
		return;
	}
	oriel_log_guest(&work->gpu->log, "resource %" PRIu32 ": not in the renderer: error %d",
			res->id, err);
	res->twin.exists = false;
	res->twin.is_newer = false;
	res->twin.is_refused = true;
	oriel_readback_show_own(work->gpu, res);
}

static int create(struct oriel_gpu *gpu, struct oriel_resource *res) {
	struct oriel_work *work;
	int err = begin(gpu, ORIEL_RENDER3D_CREATE_RESOURCE, res, &work);
	if (err < 0) {
		return err;
	}
	work->op.resource = (struct oriel_render3d_resource){
		.target = TARGET_TEXTURE_2D,
		.format = res->format->value,
		.bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW,
		.width = res->width,
		.height = res->height,
		.depth = 1,
		.array_size = 1,
		.flags = VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP,
	};
	work->res = oriel_resource_hold(res);
	work->done = handle_created;
	res->twin.exists = true; // until the renderer says otherwise
	oriel_work_submit(work);
	return 0;
}

/** What the guest has drawn so far is what lies in its backing. */
static int fill(struct oriel_gpu *gpu, struct oriel_resource *res) {
	struct oriel_work *work;
	int err = begin(gpu, ORIEL_RENDER3D_ATTACH_BACKING, res, &work);
	if (err < 0) {
		return err;
	}
	work->op.backing = &res->backing;
	oriel_work_submit(work);
	if (res->backing.scatter.size < res->size) {
		return 0;
	}
	err = begin(gpu, ORIEL_RENDER3D_TRANSFER_TO_HOST, res, &work);
	if (err < 0) {
		return err;
	}
	const struct oriel_rect all = { 0, 0, res->width, res->height };
	fill_transfer(&work->op, res, &all, 0);
	work->map = oriel_mem_map_hold(res->backing.map);
	oriel_work_submit(work);
	res->twin.is_filled = true;
	return 0;
}

int oriel_twin_make(struct oriel_gpu *gpu, struct oriel_resource *res) {
	if (res->twin.exists || res->twin.is_refused) {
		return 0;
	}
	int err = create(gpu, res);
	if (err < 0) {
		return err;
	}
	gpu->is_3d_used = true;
	const bool has_pixels = res->backing.attached && !res->backing.lost;
	return res->twin.exists && has_pixels ? fill(gpu, res) : 0;
}

/** A context that has a 2D resource attached draws. */
static int share(struct oriel_gpu *gpu, struct oriel_resource *res, struct oriel_context *ctx) {
	int err = oriel_twin_make(gpu, res);
	if (err < 0 || !res->twin.exists) {
		return err;
	}
	struct oriel_work *work;
	err = begin(gpu, ORIEL_RENDER3D_ATTACH_RESOURCE, res, &work);
	if (err < 0) {
		return err;
	}
	// One without the picture must not be shown in place of it.
	res->twin.is_newer = res->twin.is_newer || res->twin.is_filled;
	work->op.ctx_id = ctx->id;
	oriel_work_submit(work);
	return 0;
}

/** What making the twin of a resource, if it has none, takes of a turn. */
static uint64_t get_cost(const struct oriel_resource *res) {
	const bool is_made = res->twin.exists || res->twin.is_refused;
	const uint64_t list_bytes = res->backing.len * sizeof(struct oriel_backing_entry);
	return COMMAND_BYTES + (is_made ? 0 : res->size + list_bytes);
}

int oriel_twin_make_some(struct oriel_gpu *gpu, struct oriel_context *ctx, uint32_t *cursor,
		uint64_t *turn_share) {
	while (*turn_share > 0 && !oriel_renderer3d_is_full(gpu->renderer3d)) {
		struct oriel_resource *res = oriel_id_table_next(&ctx->resources, cursor);
		if (res == NULL) {
			return 0;
		}
		*turn_share -= oriel_min_u64(*turn_share, get_cost(res));
		int err = share(gpu, res, ctx);
		if (err < 0) {
			return err;
		}
	}
	return -EAGAIN;
}

int oriel_twin_attach(struct oriel_gpu *gpu, struct oriel_context *ctx,
		struct oriel_resource *res) {
	if (oriel_id_table_get(&ctx->resources, res->id) != NULL) {
		return 0;
	}
	int err = oriel_budget_charge(&gpu->limits.backing, ATTACHMENT_BYTES);
	if (err < 0) {
		return err;
	}
	err = oriel_id_table_insert(&ctx->resources, res->id, res);
	if (err < 0) {
		oriel_budget_credit(&gpu->limits.backing, ATTACHMENT_BYTES);
		return err;
	}
	res->twin.n_contexts++;
	return ctx->has_submitted ? share(gpu, res, ctx) : 0;
}

void oriel_twin_detach(struct oriel_gpu *gpu, struct oriel_context *ctx,
		struct oriel_resource *res) {
	if (oriel_id_table_remove(&ctx->resources, res->id) != NULL) {
		res->twin.n_contexts--;
		oriel_budget_credit(&gpu->limits.backing, ATTACHMENT_BYTES);
	}
}

void oriel_twin_detach_all(struct oriel_gpu *gpu, struct oriel_context *ctx) {
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_id_table_next(&ctx->resources, &cursor);
	while (res != NULL) {
		res->twin.n_contexts--;
		oriel_budget_credit(&gpu->limits.backing, ATTACHMENT_BYTES);
		res = oriel_id_table_next(&ctx->resources, &cursor);
	}
	oriel_id_table_finish(&ctx->resources);
	oriel_id_table_init(&ctx->resources);
}

void oriel_twin_remove(struct oriel_gpu *gpu, struct oriel_resource *res) {
	uint32_t cursor = 0;
	struct oriel_context *ctx = oriel_context_table_next(&gpu->contexts, &cursor);
	while (ctx != NULL && res->twin.n_contexts > 0) {
		oriel_twin_detach(gpu, ctx, res);
		ctx = oriel_context_table_next(&gpu->contexts, &cursor);
	}
}

void oriel_twin_finish_request(struct oriel_work *work, int err) {
	(void)err; // the device has done its part, and a twin that is no more needs none
	oriel_work_finish_request(work, 0);
}

enum oriel_resp oriel_twin_transfer(struct oriel_request *req, const struct oriel_rect *rect,
		uint64_t offset) {
	struct oriel_work *work;
	if (oriel_work_create_for(req, ORIEL_RENDER3D_TRANSFER_TO_HOST, &work) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	work->op.resource_id = req->res->id;
	fill_transfer(&work->op, req->res, rect, offset);
	work->map = oriel_mem_map_hold(req->res->backing.map);
	return oriel_work_submit_for(work, req,
			req->res->is_3d ? oriel_work_finish_request : oriel_twin_finish_request);
}

void oriel_twin_forget(struct oriel_gpu *gpu) {
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_resource_table_next(&gpu->resources, &cursor);
	while (res != NULL) {
		res->twin.exists = false;
		res->twin.is_filled = false;
		res->twin.is_newer = false;
		res->twin.is_refused = false; // the next one may be another GPU
		res->is_lost = res->is_3d;
		res = oriel_resource_table_next(&gpu->resources, &cursor);
	}
}
