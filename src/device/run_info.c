// SPDX-License-Identifier: MIT
/*
 * Sizes of the outputs and their EDIDs (virtio 1.3, 5.7.6.8: GET_DISPLAY_INFO, GET_EDID).
 *
 * If a display knows more than we do (the VMM's own, through the GPU socket) it is asked; the
 * request waits, within the display's deadline, while other commands go on. Without an answer ours
 * serves: the heads that the embedder asked for, or what was said last.
 */
#include "device/device.h"

#include "protocol/edid.h"

#include <inttypes.h>
#include <string.h>

static void write_display_info(struct oriel_request *req) {
	const struct oriel_gpu *gpu = req->queue->gpu;
	struct oriel_display_one displays[VIRTIO_GPU_MAX_SCANOUTS] = { 0 };
	for (uint32_t i = 0; i < gpu->screen.n_scanouts; i++) {
		if (gpu->heads[i].enabled) { // one that is not is all zeros
			displays[i].enabled = true;
			displays[i].rect = gpu->heads[i].rect;
		}
	}
	oriel_encode_resp_display_info(oriel_request_get_body(req), displays);
}

/** An EDID of our own, for the size that the head has, or would have. */
static void write_own_edid(struct oriel_request *req, uint32_t scanout_id) {
	const struct oriel_gpu *gpu = req->queue->gpu;
	const struct oriel_head *head = &gpu->heads[scanout_id];
	const struct oriel_rect *fallback = &gpu->default_heads[0].rect;
	struct oriel_edid_mode mode = {
		.width_px = head->enabled ? head->rect.width : fallback->width,
		.height_px = head->enabled ? head->rect.height : fallback->height,
	};
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size = 0;
	if (oriel_edid_encode(&mode, edid, &size) < 0) {
		// A VMM asked for a size that no EDID can say.
		mode.width_px = fallback->width;
		mode.height_px = fallback->height;
		int err = oriel_edid_encode(&mode, edid, &size);
		(void)err; // bounded when the device was made
	}
	oriel_encode_resp_edid(oriel_request_get_body(req), edid, size);
}

/**
 * Take over a display's answer. A VMM turns a head on when somebody opens its window, but those
 * that the embedder asked for are on in any case, to the right of the others.
 */
static void set_heads(struct oriel_gpu *gpu, const struct oriel_head heads[ORIEL_MAX_SCANOUTS]) {
	memcpy(gpu->heads, heads, sizeof(gpu->heads));
	uint32_t right = 0;
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		const struct oriel_rect *rect = &gpu->heads[i].rect;
		uint64_t end = gpu->heads[i].enabled ? (uint64_t)rect->x + rect->width : 0;
		right = end > right && end <= INT32_MAX ? (uint32_t)end : right;
	}
	for (uint32_t i = 0; i < gpu->n_heads_wanted; i++) {
		if (!gpu->heads[i].enabled) {
			gpu->heads[i] = gpu->default_heads[i];
			gpu->heads[i].rect.x = right;
			right += gpu->heads[i].rect.width;
		}
	}
}

static void handle_info(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply) {
	struct oriel_request *req = oriel_container_of(query, struct oriel_request, query);
	if (err == 0) {
		set_heads(req->queue->gpu, reply->heads);
	}
	write_display_info(req);
	oriel_request_finish(req, ORIEL_RESP_OK_DISPLAY_INFO);
}

static void handle_edid(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply) {
	struct oriel_request *req = oriel_container_of(query, struct oriel_request, query);
	if (err == 0) {
		oriel_encode_resp_edid(oriel_request_get_body(req), reply->edid, reply->edid_size);
	} else {
		write_own_edid(req, query->scanout_id);
	}
	oriel_request_finish(req, ORIEL_RESP_OK_EDID);
}

/** Ask the displays. Returns whether one took the question, and finishes the request. */
static bool ask(struct oriel_gpu *gpu, struct oriel_request *req,
		enum oriel_display_query_type type, uint32_t scanout_id) {
	if (!oriel_screen_can_answer(&gpu->screen) || oriel_request_keep(req) < 0) {
		return false;
	}
	req->query = (struct oriel_display_query){
		.type = type,
		.scanout_id = scanout_id,
		.done = type == ORIEL_QUERY_INFO ? handle_info : handle_edid,
	};
	return oriel_screen_query(&gpu->screen, &req->query) == 0;
}

enum oriel_resp oriel_run_get_display_info(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	(void)body;
	if (ask(gpu, req, ORIEL_QUERY_INFO, 0)) {
		return ORIEL_RESP_PENDING;
	}
	write_display_info(req);
	return ORIEL_RESP_OK_DISPLAY_INFO;
}

enum oriel_resp oriel_run_get_edid(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_get_edid cmd;
	if (oriel_decode_get_edid(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	if (cmd.scanout_id >= gpu->screen.n_scanouts) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_SCANOUT_ID,
				"scanout %" PRIu32 " of %" PRIu32, cmd.scanout_id,
				gpu->screen.n_scanouts);
	}
	if (ask(gpu, req, ORIEL_QUERY_EDID, cmd.scanout_id)) {
		return ORIEL_RESP_PENDING;
	}
	write_own_edid(req, cmd.scanout_id);
	return ORIEL_RESP_OK_EDID;
}
