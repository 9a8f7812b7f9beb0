// SPDX-License-Identifier: MIT
/*
 * Sizes of the outputs and their EDIDs (virtio 1.3, 5.7.6.8: GET_DISPLAY_INFO, GET_EDID).
 *
 * If a display knows more than we do (the VMM's own, through the GPU socket) it is asked; the
 * request waits, within the display's deadline, while other commands go on. Without an answer ours
 * serves: the heads that the embedder asked for, or what was said last.
 */
#include "device/device.h"

#include <inttypes.h>

static void write_display_info(struct oriel_request *req) {
	struct oriel_gpu *gpu = req->queue->gpu;
	oriel_heads_write_info(&gpu->heads, gpu->screen.n_scanouts, oriel_request_get_body(req));
}

static void write_own_edid(struct oriel_request *req, uint32_t scanout_id) {
	oriel_heads_write_edid(&req->queue->gpu->heads, scanout_id, oriel_request_get_body(req));
}

static void handle_info(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply) {
	struct oriel_request *req = oriel_container_of(query, struct oriel_request, query);
	if (err == 0) {
		oriel_heads_take_answer(&req->queue->gpu->heads, reply->heads);
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
