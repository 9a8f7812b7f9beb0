// SPDX-License-Identifier: MIT
/*
 * Capsets, contexts, and the commands that run in them (virtio 1.3, 5.7.6.8: GET_CAPSET_INFO to
 * GET_CAPSET, CTX_CREATE to SUBMIT_3D).
 *
 * A context is registered when its request is put to the renderer, and later commands follow it
 * there in order. If the renderer refuses, the id is free again by the time the guest is told.
 */
#include "device/device.h"
#include "device/fence.h"
#include "device/twin.h"

#include <inttypes.h>

enum oriel_resp oriel_run_get_capset_info(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_get_capset_info cmd;
	if (oriel_decode_get_capset_info(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	const struct oriel_capset_table *table = &gpu->renderer3d->capsets;
	if (cmd.capset_index >= table->len) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"capset %" PRIu32 " of %" PRIu32, cmd.capset_index, table->len);
	}
	const struct oriel_capset *capset = &table->capsets[cmd.capset_index];
	const struct oriel_capset_info info = { capset->id, capset->version, capset->size };
	oriel_encode_resp_capset_info(oriel_request_get_body(req), &info);
	return ORIEL_RESP_OK_CAPSET_INFO;
}

enum oriel_resp oriel_run_get_capset(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_get_capset cmd;
	if (oriel_decode_get_capset(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	const struct oriel_capset *capset =
			oriel_capset_table_get(&gpu->renderer3d->capsets, cmd.capset_id);
	if (capset == NULL || cmd.capset_version > capset->version) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"no capset %" PRIu32 " of version %" PRIu32, cmd.capset_id,
				cmd.capset_version);
	}
	oriel_write_bytes(oriel_request_get_body(req), capset->data, capset->size);
	return ORIEL_RESP_OK_CAPSET;
}

static enum oriel_resp fail_no_context(struct oriel_request *req) {
	return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_CONTEXT_ID,
			"there is no context %" PRIu32, req->hdr.ctx_id);
}

static enum oriel_resp fail_lost(struct oriel_request *req) {
	return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
			"context %" PRIu32 " was lost with its renderer", req->hdr.ctx_id);
}

/** What is wrong with the kind of context that is wanted, or NULL. */
static const char *find_fault(const struct oriel_gpu *gpu, uint32_t context_init) {
	if (context_init == 0) {
		return NULL;
	}
	if (!oriel_gpu_has_feature(gpu, VIRTIO_GPU_F_CONTEXT_INIT)) {
		return "a kind of context, without CONTEXT_INIT";
	}
	if ((context_init & ~VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK) != 0) {
		return "unknown bits";
	}
	return oriel_capset_table_get(&gpu->renderer3d->capsets, context_init) == NULL
			       ? "no such capset"
			       : NULL;
}

/** The name that the guest gave, fit for a log: what is not printable is a dot. */
static void copy_name(const struct oriel_cmd_ctx_create *cmd, char *ret) {
	const size_t len = oriel_min_u32(cmd->name_len, ORIEL_CTX_NAME_SIZE);
	size_t i = 0;
	for (; i < len && cmd->name[i] != '\0'; i++) {
		const uint8_t c = cmd->name[i];
		ret[i] = c >= ' ' && c <= '~' ? (char)c : '.';
	}
	ret[i] = '\0';
}

static void handle_created(struct oriel_work *work, int err) {
	struct oriel_context_table *table = &work->gpu->contexts;
	if (err < 0) {
		work->ctx->is_lost = true;
	}
	if (err < 0 && work->req != NULL && oriel_context_get(table, work->ctx->id) == work->ctx) {
		oriel_twin_detach_all(work->gpu, work->ctx);
		oriel_context_drop(table, work->ctx);
	}
	oriel_work_finish_request(work, err);
}

enum oriel_resp oriel_run_ctx_create(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_ctx_create cmd;
	if (oriel_decode_ctx_create(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	const uint32_t id = req->hdr.ctx_id;
	if (id == 0 || oriel_context_get(&gpu->contexts, id) != NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_CONTEXT_ID,
				"id %" PRIu32 " is %s", id, id == 0 ? "not allowed" : "taken");
	}
	const char *fault = find_fault(gpu, cmd.context_init);
	if (fault != NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"context %" PRIu32 ": 0x%" PRIx32 ": %s", id, cmd.context_init,
				fault);
	}
	struct oriel_work *work;
	struct oriel_context *ctx;
	if (oriel_work_create_for(req, ORIEL_RENDER3D_CREATE_CONTEXT, &work) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	if (oriel_context_create(&gpu->contexts, id, &ctx) < 0) {
		oriel_work_discard(work);
		return oriel_request_fail(req, ORIEL_RESP_ERR_OUT_OF_MEMORY,
				"context %" PRIu32 ": too many, or no memory", id);
	}
	gpu->is_3d_used = true;
	work->ctx = oriel_context_hold(ctx);
	work->op.ctx_id = id;
	work->op.context.capset_id = cmd.context_init;
	copy_name(&cmd, work->op.context.name);
	return oriel_work_submit_for(work, req, handle_created);
}

/** Work on an existing context. Returns ORIEL_RESP_OK_NODATA, or the response. */
static enum oriel_resp begin_work(struct oriel_gpu *gpu, struct oriel_request *req,
		enum oriel_render3d_type type, struct oriel_work **ret) {
	struct oriel_context *ctx = oriel_context_get(&gpu->contexts, req->hdr.ctx_id);
	if (ctx == NULL) {
		return fail_no_context(req);
	}
	if (oriel_work_create_for(req, type, ret) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	(*ret)->ctx = oriel_context_hold(ctx);
	(*ret)->op.ctx_id = ctx->id;
	return ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_run_ctx_destroy(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	(void)body;
	struct oriel_work *work;
	enum oriel_resp resp = begin_work(gpu, req, ORIEL_RENDER3D_DESTROY_CONTEXT, &work);
	if (resp != ORIEL_RESP_OK_NODATA) {
		return resp;
	}
	const bool is_lost = work->ctx->is_lost;
	oriel_twin_detach_all(gpu, work->ctx);
	oriel_context_drop(&gpu->contexts, work->ctx);
	if (is_lost) {
		oriel_work_discard(work);
		return ORIEL_RESP_OK_NODATA;
	}
	return oriel_work_submit_for(work, req, oriel_work_finish_request);
}

static enum oriel_resp attach_2d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_context *ctx, struct oriel_resource *res) {
	int err = oriel_twin_attach(gpu, ctx, res);
	return err < 0 ? oriel_request_fail(req, oriel_resp_from_error(err),
					 "resource %" PRIu32 ": no memory", res->id)
		       : ORIEL_RESP_OK_NODATA;
}

static enum oriel_resp run_ctx_resource(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body, enum oriel_render3d_type type) {
	struct oriel_cmd_ctx_resource cmd;
	if (oriel_decode_ctx_resource(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_context *ctx = oriel_context_get(&gpu->contexts, req->hdr.ctx_id);
	if (ctx == NULL) {
		return fail_no_context(req);
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"there is no resource %" PRIu32, cmd.resource_id);
	}
	const bool attaches = type == ORIEL_RENDER3D_ATTACH_RESOURCE;
	if (ctx->is_lost || res->is_lost) {
		return attaches ? fail_lost(req) : ORIEL_RESP_OK_NODATA;
	}
	if (res->is_blob) {
		return ORIEL_RESP_OK_NODATA; // guest memory, which the renderer has no use for
	}
	if (!res->is_3d) {
		if (attaches) {
			return attach_2d(gpu, req, ctx, res);
		}
		oriel_twin_detach(gpu, ctx, res);
		if (!res->twin.exists) {
			return ORIEL_RESP_OK_NODATA;
		}
	}
	struct oriel_work *work;
	enum oriel_resp resp = begin_work(gpu, req, type, &work);
	if (resp != ORIEL_RESP_OK_NODATA) {
		return resp;
	}
	work->op.resource_id = cmd.resource_id;
	return oriel_work_submit_for(work, req,
			res->is_3d ? oriel_work_finish_request : oriel_twin_finish_request);
}

enum oriel_resp oriel_run_ctx_attach_resource(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	return run_ctx_resource(gpu, req, body, ORIEL_RENDER3D_ATTACH_RESOURCE);
}

enum oriel_resp oriel_run_ctx_detach_resource(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	return run_ctx_resource(gpu, req, body, ORIEL_RENDER3D_DETACH_RESOURCE);
}

static enum oriel_resp submit(struct oriel_request *req, struct oriel_work *work) {
	uint64_t *share = &req->queue->turn_bytes;
	*share -= oriel_min_u64(*share, work->op.commands.size);
	return oriel_work_submit_for(work, req, oriel_work_finish_request);
}

/** What was prepared is to be submitted, or will not be: no more slices come before it. */
static struct oriel_work *take_prepared(struct oriel_request *req) {
	struct oriel_work *work = req->prepared;
	req->prepared = NULL;
	oriel_request_end_slices(req);
	return work;
}

/**
 * Make twins of what the context has attached, as many as there may be now, and submit its commands
 * behind the last.
 *
 * Returns the response, or ORIEL_RESP_PENDING: if the request is still the current one, there are
 * more to make.
 */
static enum oriel_resp submit_behind_twins(struct oriel_request *req) {
	struct oriel_gpu_queue *queue = req->queue;
	struct oriel_context *ctx = req->prepared->ctx;
	int err = ctx->is_lost ? -ENOTCONN
			       : oriel_twin_make_some(queue->gpu, ctx, &req->next_twin,
						 &queue->turn_bytes);
	if (err == -EAGAIN) {
		return ORIEL_RESP_PENDING;
	}
	struct oriel_work *work = take_prepared(req);
	if (err < 0) {
		oriel_work_discard(work);
		return err == -ENOTCONN ? fail_lost(req) : ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	ctx->has_submitted = true;
	return submit(req, work);
}

static void continue_submit(struct oriel_request *req) {
	struct oriel_gpu_queue *queue = req->queue;
	const bool awaits_fence = req->awaits_fence;
	enum oriel_resp resp = submit_behind_twins(req);
	if (queue->current == req) {
		return;
	}
	if (resp != ORIEL_RESP_PENDING) {
		oriel_request_finish(req, resp);
	}
	if (awaits_fence) {
		oriel_fence_submit(queue->gpu, req); // it is still there: it waits for this
	}
}

enum oriel_resp oriel_run_submit_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_submit_3d cmd;
	if (oriel_decode_submit_3d(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_context *ctx = oriel_context_get(&gpu->contexts, req->hdr.ctx_id);
	if (ctx == NULL) {
		return fail_no_context(req);
	}
	// virgl's commands are words.
	if (cmd.size > req->n_readable_bytes || cmd.size % 4 != 0) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"%" PRIu32 " bytes of commands, there are %" PRIu64, cmd.size,
				req->n_readable_bytes);
	}
	if (cmd.size > gpu->max_submit_size) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_OUT_OF_MEMORY,
				"%" PRIu32 " bytes of commands, at most %" PRIu64, cmd.size,
				gpu->max_submit_size);
	}
	if (ctx->is_lost) {
		return fail_lost(req);
	}
	if (cmd.size == 0) {
		return ORIEL_RESP_OK_NODATA;
	}
	struct oriel_work *work;
	enum oriel_resp resp = begin_work(gpu, req, ORIEL_RENDER3D_SUBMIT, &work);
	if (resp != ORIEL_RESP_OK_NODATA) {
		return resp;
	}
	work->op.commands.size = cmd.size;
	oriel_count_largest(&gpu->counts.largest_submit, cmd.size);
	if (ctx->has_submitted) {
		return submit(req, work);
	}
	req->prepared = work;
	req->next_twin = 0;
	oriel_request_begin_slices(req, continue_submit);
	return submit_behind_twins(req);
}
