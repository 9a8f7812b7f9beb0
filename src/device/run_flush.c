// SPDX-License-Identifier: MIT
/*
 * Showing what was drawn (virtio 1.3, 5.7.6.8: RESOURCE_FLUSH).
 *
 * A flush of an image tells the screen, and moves nothing. A flush of a guest blob gathers the
 * damage first, scanout by scanout; that may take more than one turn of the queue. Where all
 * displays show the blob's memory itself, nothing is gathered.
 */
#include "device/device.h"
#include "device/twin.h"

#include <inttypes.h>

/** The part of a rectangle whose far edges 32 bits can say. */
static struct oriel_rect clip(const struct oriel_rect *rect) {
	struct oriel_rect r = *rect;
	r.width = oriel_min_u32(r.width, UINT32_MAX - r.x);
	r.height = oriel_min_u32(r.height, UINT32_MAX - r.y);
	return r;
}

/** A flush that shows something begins here: when it was taken. */
static uint64_t get_begin(const struct oriel_request *req) {
	return req->fenced ? req->begun_ns : oriel_now_ns();
}

void oriel_flush_count(const struct oriel_request *req) {
	if (req->flush.begun_ns != 0 && req->flush.has_shown) {
		oriel_histogram_add(&req->queue->gpu->counts.frame_latency,
				oriel_now_ns() - req->flush.begun_ns);
	}
}

static void flush_blob(struct oriel_request *req);

static void finish_gathering(struct oriel_request *req, int err) {
	const struct oriel_gpu *gpu = req->queue->gpu;
	(void)oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
			"scanout %" PRIu32 ": resource %" PRIu32 ": %s", req->flush.scanout_id,
			gpu->blobs[req->flush.scanout_id].blob->id,
			err == -ENOMEM ? "no memory" : "no backing, or it is lost");
	oriel_request_finish(req, oriel_resp_from_error(err));
}

static void handle_gathered(struct oriel_request *req, int err) {
	struct oriel_gpu *gpu = req->queue->gpu;
	if (err < 0) {
		finish_gathering(req, err);
		return;
	}
	oriel_blob_handle_gathered(gpu, req->flush.scanout_id, 0);
	oriel_screen_flush(&gpu->screen, gpu->blobs[req->flush.scanout_id].image,
			&req->transfer.rect);
	req->flush.has_shown = true;
	req->flush.scanout_id++;
	flush_blob(req);
}

/** Gather for the next scanout that shows the blob and the damage, or finish. */
static void flush_blob(struct oriel_request *req) {
	struct oriel_gpu *gpu = req->queue->gpu;
	for (uint32_t i = req->flush.scanout_id; i < gpu->screen.n_scanouts; i++) {
		const struct oriel_blob_scanout *scanout = &gpu->blobs[i];
		if (scanout->blob != req->res) {
			continue;
		}
		struct oriel_render_source source;
		struct oriel_rect damage =
				oriel_blob_get_damage(scanout, &req->flush.rect, &source);
		if (oriel_rect_is_empty(&damage)) {
			continue;
		}
		if (oriel_blob_present_dmabuf(gpu, i, &req->flush.rect)) {
			continue;
		}
		req->flush.scanout_id = i;
		int err = oriel_renderer_check_transfer(scanout->image, &damage, &source);
		if (err < 0) {
			finish_gathering(req, err);
			return;
		}
		oriel_request_begin_transfer(req, scanout->image, &damage, &source,
				handle_gathered);
		return;
	}
	oriel_flush_count(req);
	oriel_request_finish(req, ORIEL_RESP_OK_NODATA);
}

enum oriel_resp oriel_run_flush(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_flush cmd;
	if (oriel_decode_flush(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"there is no resource %" PRIu32, cmd.resource_id);
	}
	if (res->is_blob) {
		if (oriel_request_keep(req) < 0) {
			return ORIEL_RESP_ERR_OUT_OF_MEMORY;
		}
		req->res = oriel_resource_hold(res);
		req->flush.rect = clip(&cmd.rect);
		req->flush.scanout_id = 0;
		req->flush.begun_ns = get_begin(req);
		flush_blob(req);
		return ORIEL_RESP_PENDING;
	}
	if (!oriel_rect_fits(&cmd.rect, res->width, res->height)) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": %" PRIu32 ",%" PRIu32 " %" PRIu32 "x%" PRIu32
				" of %" PRIu32 "x%" PRIu32,
				cmd.resource_id, cmd.rect.x, cmd.rect.y, cmd.rect.width,
				cmd.rect.height, res->width, res->height);
	}
	if (res->is_lost) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
				"resource %" PRIu32 " was lost with its renderer", cmd.resource_id);
	}
	if (oriel_resource_is_rendered(res)) {
		req->flush.begun_ns = get_begin(req);
		return oriel_readback_flush(req, res, &cmd.rect);
	}
	if (oriel_screen_shows(&gpu->screen, res)) {
		req->flush.begun_ns = get_begin(req);
		req->flush.has_shown = oriel_screen_flush(&gpu->screen, res, &cmd.rect);
		oriel_flush_count(req);
	}
	return ORIEL_RESP_OK_NODATA;
}
