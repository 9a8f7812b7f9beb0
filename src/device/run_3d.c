// SPDX-License-Identifier: MIT
/*
 * 3D resources (virtio 1.3, 5.7.6.8: RESOURCE_CREATE_3D, TRANSFER_TO_HOST_3D,
 * TRANSFER_FROM_HOST_3D), and the host-visible memory that there is not: RESOURCE_MAP_BLOB and
 * RESOURCE_UNMAP_BLOB.
 *
 * An id is registered when its request is put to the renderer, and later commands follow it there
 * in order. If the renderer refuses, the id is free again by the time the guest is told.
 */
#include "device/device.h"
#include "device/twin.h"

#include <inttypes.h>

/** The widest texel there is has four 32-bit channels. */
#define MAX_TEXEL_BYTES 16u
/** virgl's target of a resource that has bytes, and no picture. */
#define TARGET_BUFFER 0u

/**
 * How many bytes a resource may take in the renderer: an estimate, from above but for drivers' own
 * needs. -EOVERFLOW if nothing can have so many.
 */
static int estimate_size(const struct oriel_cmd_create_3d *cmd, size_t *ret) {
	const uint32_t factors[] = { cmd->height, cmd->depth, cmd->array_size, cmd->n_samples,
		cmd->last_level > 0 ? 2 : 1 }; // all levels are at most the first again
	const struct oriel_format *format = oriel_format_get(cmd->format);
	size_t size = cmd->width;
	int err = oriel_size_mul(size,
			cmd->target == TARGET_BUFFER ? 1
			: format != NULL             ? ORIEL_BYTES_PER_PIXEL
						     : MAX_TEXEL_BYTES,
			&size);
	for (size_t i = 0; err == 0 && i < ORIEL_ARRAY_LEN(factors); i++) {
		err = oriel_size_mul(size, factors[i] != 0 ? factors[i] : 1, &size);
	}
	if (err == 0) {
		*ret = size;
	}
	return err;
}

static void handle_created(struct oriel_work *work, int err) {
	struct oriel_gpu *gpu = work->gpu;
	struct oriel_resource *res = work->res;
	if (err < 0) {
		res->is_lost = true;
	}
	if (err < 0 && work->req != NULL && oriel_resource_get(&gpu->resources, res->id) == res) {
		// The guest may have shown it already.
		oriel_readback_remove(gpu, res);
		oriel_screen_remove_resource(&gpu->screen, res);
		oriel_resource_drop(&gpu->resources, res);
	}
	oriel_work_finish_request(work, err);
}

enum oriel_resp oriel_run_create_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_create_3d cmd;
	if (oriel_decode_create_3d(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	const uint32_t id = cmd.resource_id;
	if (id == 0 || oriel_resource_get(&gpu->resources, id) != NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"id %" PRIu32 " is %s", id, id == 0 ? "not allowed" : "taken");
	}
	struct oriel_work *work;
	if (oriel_work_create_for(req, ORIEL_RENDER3D_CREATE_RESOURCE, &work) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	struct oriel_resource *res;
	size_t size = 0;
	int err = cmd.width == 0 || cmd.height == 0 || cmd.depth == 0 || cmd.array_size == 0
				  ? -EINVAL
				  : estimate_size(&cmd, &size);
	if (err == 0) {
		err = oriel_resource_create_3d(&gpu->resources, id, oriel_format_get(cmd.format),
				cmd.width, cmd.height, size, &res);
	}
	if (err < 0) {
		oriel_work_discard(work);
		return oriel_request_fail(req, oriel_resp_from_error(err),
				"resource %" PRIu32 ": %" PRIu32 "x%" PRIu32 "x%" PRIu32 ": %s", id,
				cmd.width, cmd.height, cmd.depth,
				err == -EINVAL ? "empty" : "over a limit, or no memory");
	}
	gpu->is_3d_used = true;
	if (cmd.target != TARGET_BUFFER) { // whose width is its bytes
		oriel_count_largest(&gpu->counts.largest_dimension,
				oriel_max_u32(cmd.width, cmd.height));
	}
	work->res = oriel_resource_hold(res);
	work->op.resource_id = id;
	work->op.resource = (struct oriel_render3d_resource){ cmd.target, cmd.format, cmd.bind,
		cmd.width, cmd.height, cmd.depth, cmd.array_size, cmd.last_level, cmd.n_samples,
		cmd.flags };
	return oriel_work_submit_for(work, req, handle_created);
}

/** What is wrong with transferring, or ORIEL_RESP_OK_NODATA. */
static enum oriel_resp check_transfer(struct oriel_gpu *gpu, struct oriel_request *req,
		const struct oriel_cmd_transfer_3d *cmd, struct oriel_resource **ret) {
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd->resource_id);
	if (res == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"there is no resource %" PRIu32, cmd->resource_id);
	}
	const uint32_t ctx_id = req->hdr.ctx_id;
	const struct oriel_context *ctx = oriel_context_get(&gpu->contexts, ctx_id);
	if (ctx_id != 0 && ctx == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_CONTEXT_ID,
				"there is no context %" PRIu32, ctx_id);
	}
	const bool is_lost = res->is_lost || (ctx != NULL && ctx->is_lost);
	if (is_lost || !res->backing.attached || res->backing.lost) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "resource %" PRIu32 ": %s",
				res->id,
				is_lost ? "lost with the renderer" : "no backing, or it is lost");
	}
	if (cmd->offset > res->backing.scatter.size) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": offset %" PRIu64 " of %" PRIu64, res->id,
				cmd->offset, res->backing.scatter.size);
	}
	*ret = res;
	return ORIEL_RESP_OK_NODATA;
}

static enum oriel_resp run_transfer(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body, enum oriel_render3d_type type) {
	struct oriel_cmd_transfer_3d cmd;
	struct oriel_resource *res = NULL;
	if (oriel_decode_transfer_3d(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	enum oriel_resp resp = check_transfer(gpu, req, &cmd, &res);
	if (resp != ORIEL_RESP_OK_NODATA) {
		return resp;
	}
	if (res->is_blob) {
		return ORIEL_RESP_OK_NODATA; // as for a 2D transfer: it is guest memory already
	}
	struct oriel_work *work;
	if (!res->is_3d && oriel_twin_make(gpu, res) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	if (oriel_work_create_for(req, type, &work) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	if (type == ORIEL_RENDER3D_TRANSFER_TO_HOST) {
		res->twin.is_newer = res->twin.exists;
	}
	work->gives_memory_back = type == ORIEL_RENDER3D_TRANSFER_FROM_HOST;
	work->map = oriel_mem_map_hold(res->backing.map);
	work->op.ctx_id = req->hdr.ctx_id;
	work->op.resource_id = res->id;
	work->op.transfer = (struct oriel_render3d_transfer){ cmd.box, cmd.offset, cmd.level,
		cmd.stride, cmd.layer_stride };
	return oriel_work_submit_for(work, req, oriel_work_finish_request);
}

enum oriel_resp oriel_run_transfer_to_host_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	return run_transfer(gpu, req, body, ORIEL_RENDER3D_TRANSFER_TO_HOST);
}

enum oriel_resp oriel_run_transfer_from_host_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	return run_transfer(gpu, req, body, ORIEL_RENDER3D_TRANSFER_FROM_HOST);
}

enum oriel_resp oriel_run_map_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	(void)gpu;
	(void)body;
	return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "there is no host-visible memory");
}

enum oriel_resp oriel_run_unmap_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	(void)gpu;
	(void)body;
	return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "there is no host-visible memory");
}
