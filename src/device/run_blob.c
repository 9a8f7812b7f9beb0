// SPDX-License-Identifier: MIT
/*
 * Making blobs (virtio 1.3, 5.7.6.8: RESOURCE_CREATE_BLOB), and taking their memory away
 * (RESOURCE_DETACH_BACKING). Those of the guest's memory; blobs of the host's are objects that a
 * context made, and no renderer makes any yet.
 */
#include "device/attach.h"
#include "device/device.h"

#include <inttypes.h>

#define BIT(feature) (1ull << (feature))

#define KNOWN_FLAGS \
	(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE | \
			VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE)

/** What is wrong with a blob, or NULL. */
static const char *find_fault(const struct oriel_gpu *gpu,
		const struct oriel_cmd_create_blob *cmd) {
	const bool is_host = cmd->blob_mem == VIRTIO_GPU_BLOB_MEM_HOST3D ||
			     cmd->blob_mem == VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;
	if (cmd->blob_mem != VIRTIO_GPU_BLOB_MEM_GUEST &&
			!(is_host && oriel_gpu_has_feature(gpu, VIRTIO_GPU_F_VIRGL))) {
		return "no such memory, or not without 3D";
	}
	if (cmd->blob_mem == VIRTIO_GPU_BLOB_MEM_HOST3D && cmd->n_entries != 0) {
		return "guest memory for a blob that has none";
	}
	if ((cmd->blob_flags & ~KNOWN_FLAGS) != 0) {
		return "unknown flags";
	}
	if ((cmd->blob_flags & VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE) != 0 &&
			(gpu->features & BIT(VIRTIO_GPU_F_RESOURCE_UUID)) == 0) {
		return "sharing between devices needs RESOURCE_UUID";
	}
	return cmd->size == 0 || cmd->size > INT64_MAX ? "a size that cannot be" : NULL;
}

/** A blob of the host's: there are contexts, but none of them has an object to make one from. */
static enum oriel_resp fail_host_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		const struct oriel_cmd_create_blob *cmd) {
	if (oriel_context_get(&gpu->contexts, req->hdr.ctx_id) == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_CONTEXT_ID,
				"there is no context %" PRIu32, req->hdr.ctx_id);
	}
	return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
			"resource %" PRIu32 ": context %" PRIu32 " has no object %" PRIu64,
			cmd->resource_id, req->hdr.ctx_id, cmd->blob_id);
}

enum oriel_resp oriel_run_create_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_create_blob cmd;
	if (oriel_decode_create_blob(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	if (cmd.resource_id == 0 || oriel_resource_get(&gpu->resources, cmd.resource_id) != NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"id %" PRIu32 " is %s", cmd.resource_id,
				cmd.resource_id == 0 ? "not allowed" : "taken");
	}
	const char *fault = find_fault(gpu, &cmd);
	if (fault != NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": %s", cmd.resource_id, fault);
	}
	if (cmd.blob_mem != VIRTIO_GPU_BLOB_MEM_GUEST) {
		return fail_host_blob(gpu, req, &cmd);
	}
	struct oriel_resource *res;
	int err = oriel_resource_create_blob(&gpu->resources, cmd.resource_id, cmd.size, &res);
	if (err < 0) {
		return oriel_request_fail(req, oriel_resp_from_error(err),
				"resource %" PRIu32 ": too many, or no memory", cmd.resource_id);
	}
	if (cmd.n_entries == 0) {
		return ORIEL_RESP_OK_NODATA; // RESOURCE_ATTACH_BACKING may follow
	}
	enum oriel_resp resp = oriel_attach_entries(gpu, req, res, cmd.n_entries);
	if (resp != ORIEL_RESP_OK_NODATA) {
		oriel_resource_drop(&gpu->resources, res);
	}
	return resp;
}

static void detach(struct oriel_request *req);

static void handle_gathered(struct oriel_request *req, int err) {
	struct oriel_gpu *gpu = req->queue->gpu;
	const uint32_t i = req->flush.scanout_id;
	// What cannot be gathered is shown as it was.
	oriel_blob_handle_gathered(gpu, i, err);
	if (gpu->screen.scanouts[i].dmabuf == NULL) { // else it is presented when that goes
		oriel_screen_flush(&gpu->screen, gpu->blobs[i].image, &req->transfer.rect);
	}
	req->flush.scanout_id++;
	detach(req);
}

/** Gather the last picture for the next scanout that has none of it, or detach. */
static void detach(struct oriel_request *req) {
	struct oriel_gpu *gpu = req->queue->gpu;
	for (uint32_t i = req->flush.scanout_id; i < gpu->screen.n_scanouts; i++) {
		if (oriel_blob_is_missing(gpu, i, req->res)) {
			struct oriel_blob_scanout *scanout = &gpu->blobs[i];
			struct oriel_render_source source;
			const struct oriel_rect all = oriel_blob_get_damage(scanout,
					&scanout->layout.rect, &source);
			req->flush.scanout_id = i;
			oriel_request_begin_transfer(req, scanout->image, &all, &source,
					handle_gathered);
			return;
		}
	}
	oriel_blob_drop_dmabuf(gpu, req->res);
	oriel_backing_detach(&req->res->backing);
	oriel_request_finish(req, ORIEL_RESP_OK_NODATA);
}

enum oriel_resp oriel_blob_detach(struct oriel_request *req, struct oriel_resource *blob) {
	if (oriel_request_keep(req) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	req->res = oriel_resource_hold(blob);
	req->flush.scanout_id = 0;
	detach(req);
	return ORIEL_RESP_PENDING;
}
