// SPDX-License-Identifier: MIT
/* See fence.h. */
#include "device/fence.h"

#include "device/device.h"

#include <inttypes.h>

/** Whether the header names a ring of its context: then that is its timeline. */
static bool names_ring(const struct oriel_gpu *gpu, const struct oriel_ctrl_hdr *hdr) {
	return (hdr->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) != 0 &&
	       oriel_gpu_has_feature(gpu, VIRTIO_GPU_F_CONTEXT_INIT);
}

static enum oriel_resp find_ring(struct oriel_gpu *gpu, struct oriel_request *req) {
	const struct oriel_ctrl_hdr *hdr = &req->hdr;
	if (hdr->ring_idx >= ORIEL_MAX_RINGS) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER, "ring %u of %u",
				hdr->ring_idx, ORIEL_MAX_RINGS);
	}
	struct oriel_context *ctx = oriel_context_get(&gpu->contexts, hdr->ctx_id);
	if (ctx == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_CONTEXT_ID,
				"a fence of context %" PRIu32 ", which there is not", hdr->ctx_id);
	}
	if (oriel_context_get_timeline(ctx, hdr->ring_idx, &req->timeline) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	req->ctx = oriel_context_hold(ctx);
	oriel_count_largest(&gpu->counts.largest_ring, hdr->ring_idx + 1u);
	return ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_fence_begin(struct oriel_gpu *gpu, struct oriel_request *req) {
	req->fenced = (req->hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0;
	if (!req->fenced) {
		return ORIEL_RESP_OK_NODATA;
	}
	req->begun_ns = oriel_now_ns();
	if (names_ring(gpu, &req->hdr)) {
		enum oriel_resp resp = find_ring(gpu, req);
		if (resp != ORIEL_RESP_OK_NODATA) {
			return resp;
		}
	} else {
		req->timeline = &req->queue->timeline;
	}
	oriel_timeline_join(req->timeline, req);
	req->awaits_fence = req->queue->ring.index == VIRTIO_GPU_QUEUE_CONTROL &&
			    gpu->contexts.ids.len > 0;
	return ORIEL_RESP_OK_NODATA;
}

static void handle_fence(struct oriel_work *work, int err) {
	(void)err; // whatever became of it, there is nothing more to wait for
	struct oriel_request *req = work->req;
	if (req != NULL) {
		req->fence = NULL;
		work->req = NULL;
		req->awaits_fence = false;
		oriel_gpu_queue_handle_fence(req->queue, req->timeline);
	}
}

void oriel_fence_submit(struct oriel_gpu *gpu, struct oriel_request *req) {
	struct oriel_work *work;
	if (oriel_work_create(gpu, ORIEL_RENDER3D_FENCE, &work) < 0) {
		req->awaits_fence = false;
		oriel_gpu_queue_handle_fence(req->queue, req->timeline);
		return;
	}
	work->op.fence.is_global = req->ctx == NULL;
	if (req->ctx != NULL) {
		work->op.ctx_id = req->ctx->id;
		work->op.fence.ring_idx = req->hdr.ring_idx;
	}
	work->req = req;
	work->done = handle_fence;
	req->fence = work;
	oriel_work_submit(work);
}
