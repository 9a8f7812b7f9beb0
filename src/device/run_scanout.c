// SPDX-License-Identifier: MIT
/* What the outputs show, and when (virtio 1.3, 5.7.6.8: SET_SCANOUT, RESOURCE_FLUSH). */
#include "device/device.h"

#include <inttypes.h>

/** The part of a log line that says which rectangle of which resource. */
#define RECT_FORMAT "%" PRIu32 ",%" PRIu32 " %" PRIu32 "x%" PRIu32 " of %" PRIu32 "x%" PRIu32
#define RECT_VALUES(rect, res) \
	(rect).x, (rect).y, (rect).width, (rect).height, (res)->width, (res)->height

static enum oriel_resp show(struct oriel_gpu *gpu, struct oriel_request *req,
		const struct oriel_cmd_set_scanout *cmd) {
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd->resource_id);
	if (res == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"scanout %" PRIu32 ": there is no resource %" PRIu32,
				cmd->scanout_id, cmd->resource_id);
	}
	if (oriel_rect_is_empty(&cmd->rect) ||
			!oriel_rect_fits(&cmd->rect, res->width, res->height)) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"scanout %" PRIu32 ": resource %" PRIu32 ": " RECT_FORMAT,
				cmd->scanout_id, cmd->resource_id, RECT_VALUES(cmd->rect, res));
	}
	// Viewers map what is shown. If that cannot be, the scanout stays as it was.
	int err = oriel_resource_share(res);
	if (err < 0) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_OUT_OF_MEMORY,
				"scanout %" PRIu32 ": resource %" PRIu32 ": no memory to share",
				cmd->scanout_id, cmd->resource_id);
	}
	oriel_screen_set_scanout(&gpu->screen, cmd->scanout_id, res, &cmd->rect);
	return ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_run_set_scanout(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_set_scanout cmd;
	if (oriel_decode_set_scanout(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	if (cmd.scanout_id >= gpu->screen.n_scanouts) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_SCANOUT_ID,
				"scanout %" PRIu32 " of %" PRIu32, cmd.scanout_id,
				gpu->screen.n_scanouts);
	}
	if (cmd.resource_id == 0) { // off; drivers put anything into the rectangle
		oriel_screen_set_scanout(&gpu->screen, cmd.scanout_id, NULL, NULL);
		return ORIEL_RESP_OK_NODATA;
	}
	return show(gpu, req, &cmd);
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
	if (!oriel_rect_fits(&cmd.rect, res->width, res->height)) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": " RECT_FORMAT, cmd.resource_id,
				RECT_VALUES(cmd.rect, res));
	}
	oriel_screen_flush(&gpu->screen, res, &cmd.rect);
	return ORIEL_RESP_OK_NODATA;
}
