// SPDX-License-Identifier: MIT
/*
 * Pixels from guest memory to the host's copy (virtio 1.3, 5.7.6.8: TRANSFER_TO_HOST_2D).
 *
 * The offset is that of the rectangle's first pixel in the backing, and rows lie the resource's
 * stride apart, as all drivers have it (the standard's text speaks of the resource instead).
 */
#include "device/device.h"
#include "device/twin.h"

#include <inttypes.h>

static void handle_done(struct oriel_request *req, int err) {
	if (err < 0) {
		(void)oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "resource %" PRIu32 ": %s",
				req->res->id, err == -ENOMEM ? "no memory" : "the backing is lost");
	}
	enum oriel_resp resp = oriel_resp_from_error(err);
	if (err == 0 && req->res->twin.exists) {
		resp = oriel_twin_transfer(req, &req->transfer.rect, req->transfer.source.offset);
	}
	if (resp != ORIEL_RESP_PENDING) {
		oriel_request_finish(req, resp);
	}
}

/** The response for a transfer that cannot be. */
static enum oriel_resp fail(struct oriel_request *req,
		const struct oriel_cmd_transfer_to_host_2d *cmd, int err) {
	const char *why = err == -EOPNOTSUPP ? "no backing"
			  : err == -EFAULT   ? "the backing is lost"
					     : "outside the resource or its backing";
	return oriel_request_fail(req, oriel_resp_from_error(err),
			"resource %" PRIu32 ": %" PRIu32 ",%" PRIu32 " %" PRIu32 "x%" PRIu32
			" at offset %" PRIu64 ": %s",
			cmd->resource_id, cmd->rect.x, cmd->rect.y, cmd->rect.width,
			cmd->rect.height, cmd->offset, why);
}

/** To a resource of the renderer's, which does all of it. */
static enum oriel_resp transfer_to_3d(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_cmd_transfer_to_host_2d *cmd) {
	if (res->format == NULL || !oriel_rect_fits(&cmd->rect, res->width, res->height)) {
		return fail(req, cmd, -EINVAL);
	}
	if (!res->backing.attached || res->backing.lost || res->is_lost) {
		return fail(req, cmd, -EFAULT);
	}
	if (oriel_rect_is_empty(&cmd->rect)) {
		return ORIEL_RESP_OK_NODATA;
	}
	req->res = oriel_resource_hold(res);
	return oriel_twin_transfer(req, &cmd->rect, cmd->offset);
}

enum oriel_resp oriel_run_transfer_to_host_2d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_transfer_to_host_2d cmd;
	if (oriel_decode_transfer_to_host_2d(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"there is no resource %" PRIu32, cmd.resource_id);
	}
	if (res->is_blob) {
		return ORIEL_RESP_OK_NODATA; // Linux sends it all the same; there is nothing to do
	}
	if (res->is_3d) {
		return transfer_to_3d(req, res, &cmd);
	}
	struct oriel_render_source source = oriel_render_source_of(res, cmd.offset);
	int err = oriel_renderer_check_transfer(res, &cmd.rect, &source);
	if (err < 0) {
		return fail(req, &cmd, err);
	}
	if (oriel_rect_is_empty(&cmd.rect)) {
		return ORIEL_RESP_OK_NODATA;
	}
	if (oriel_request_keep(req) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	req->res = oriel_resource_hold(res);
	oriel_request_begin_transfer(req, res, &cmd.rect, &source, handle_done);
	return ORIEL_RESP_PENDING;
}
