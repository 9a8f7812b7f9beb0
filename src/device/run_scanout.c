// SPDX-License-Identifier: MIT
/* What the outputs show (virtio 1.3, 5.7.6.8: SET_SCANOUT, SET_SCANOUT_BLOB). */
#include "device/device.h"
#include "device/twin.h"

#include <inttypes.h>

/** The part of a log line that says which rectangle of which resource. */
#define RECT_FORMAT "%" PRIu32 ",%" PRIu32 " %" PRIu32 "x%" PRIu32 " of %" PRIu32 "x%" PRIu32
#define RECT_VALUES(rect, res) \
	(rect).x, (rect).y, (rect).width, (rect).height, (res)->width, (res)->height

static enum oriel_resp fail_scanout(const struct oriel_gpu *gpu, struct oriel_request *req,
		uint32_t scanout_id) {
	return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_SCANOUT_ID,
			"scanout %" PRIu32 " of %" PRIu32, scanout_id, gpu->screen.n_scanouts);
}

static enum oriel_resp fail_resource(struct oriel_request *req, uint32_t scanout_id,
		uint32_t resource_id) {
	return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
			"scanout %" PRIu32 ": there is no resource %" PRIu32, scanout_id,
			resource_id);
}

/** Resource 0 means off; drivers put anything into the rectangle then. */
static enum oriel_resp turn_off(struct oriel_gpu *gpu, uint32_t scanout_id) {
	oriel_screen_set_scanout(&gpu->screen, scanout_id, NULL, NULL);
	oriel_blob_leave(gpu, scanout_id);
	oriel_readback_leave(gpu, scanout_id);
	return ORIEL_RESP_OK_NODATA;
}

static enum oriel_resp show(struct oriel_gpu *gpu, struct oriel_request *req,
		const struct oriel_cmd_set_scanout *cmd) {
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd->resource_id);
	if (res == NULL) {
		return fail_resource(req, cmd->scanout_id, cmd->resource_id);
	}
	if (res->is_blob || res->format == NULL || oriel_rect_is_empty(&cmd->rect) ||
			!oriel_rect_fits(&cmd->rect, res->width, res->height)) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"scanout %" PRIu32 ": resource %" PRIu32 ": " RECT_FORMAT,
				cmd->scanout_id, cmd->resource_id, RECT_VALUES(cmd->rect, res));
	}
	if (res->is_lost) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
				"scanout %" PRIu32 ": resource %" PRIu32
				" was lost with its renderer",
				cmd->scanout_id, cmd->resource_id);
	}
	if (oriel_resource_is_rendered(res)) {
		return oriel_readback_show(req, cmd->scanout_id, res, &cmd->rect);
	}
	// Viewers map what is shown. If that cannot be, the scanout stays as it was.
	int err = oriel_resource_share(res);
	if (err < 0) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_OUT_OF_MEMORY,
				"scanout %" PRIu32 ": resource %" PRIu32 ": no memory to share",
				cmd->scanout_id, cmd->resource_id);
	}
	oriel_screen_set_scanout(&gpu->screen, cmd->scanout_id, res, &cmd->rect);
	oriel_blob_leave(gpu, cmd->scanout_id);
	oriel_readback_leave(gpu, cmd->scanout_id);
	return ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_run_set_scanout(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_set_scanout cmd;
	if (oriel_decode_set_scanout(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	if (cmd.scanout_id >= gpu->screen.n_scanouts) {
		return fail_scanout(gpu, req, cmd.scanout_id);
	}
	if (cmd.resource_id == 0) {
		return turn_off(gpu, cmd.scanout_id);
	}
	return show(gpu, req, &cmd);
}

/** Whether the shown part of the picture that cmd describes lies in the picture and in blob. */
static bool layout_fits(const struct oriel_cmd_set_scanout_blob *cmd,
		const struct oriel_resource *blob) {
	const struct oriel_rect *rect = &cmd->rect;
	const uint64_t stride = cmd->strides[0];
	const uint64_t offset = cmd->offsets[0];
	if (oriel_rect_is_empty(rect) || !oriel_rect_fits(rect, cmd->width, cmd->height) ||
			stride < (uint64_t)cmd->width * ORIEL_BYTES_PER_PIXEL) {
		return false;
	}
	// Viewers take pixels for 32-bit words.
	if (stride % ORIEL_BYTES_PER_PIXEL != 0 || offset % ORIEL_BYTES_PER_PIXEL != 0) {
		return false;
	}
	// The last row need not be whole. The products are of 32 bits each.
	uint64_t last_row = ((uint64_t)rect->y + rect->height - 1) * stride;
	uint64_t end;
	return oriel_u64_add(last_row,
			       offset + ((uint64_t)rect->x + rect->width) * ORIEL_BYTES_PER_PIXEL,
			       &end) == 0 &&
	       end <= blob->blob_size;
}

static enum oriel_resp show_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		const struct oriel_cmd_set_scanout_blob *cmd) {
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd->resource_id);
	if (res == NULL) {
		return fail_resource(req, cmd->scanout_id, cmd->resource_id);
	}
	const struct oriel_format *format = oriel_format_get(cmd->format);
	if (!res->is_blob || format == NULL || !layout_fits(cmd, res)) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"scanout %" PRIu32 ": resource %" PRIu32 ": %s", cmd->scanout_id,
				cmd->resource_id,
				!res->is_blob    ? "no blob"
				: format == NULL ? "no such format"
						 : "the picture does not fit the blob");
	}
	if (!res->backing.attached) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
				"scanout %" PRIu32 ": resource %" PRIu32 " has no backing",
				cmd->scanout_id, cmd->resource_id);
	}
	const struct oriel_blob_layout layout = { format, cmd->rect, cmd->offsets[0],
		cmd->strides[0] };
	const uint64_t n_before = gpu->udmabuf.n_tried;
	int err = oriel_blob_show(gpu, cmd->scanout_id, res, &layout);
	// To look for the pages of a new dma-buf takes long as well: it is the turn's last thing,
	// but for small ones.
	uint64_t *share = &req->queue->turn_bytes;
	*share -= oriel_min_u64(*share, gpu->udmabuf.n_tried - n_before);
	if (err < 0) {
		return oriel_request_fail(req, oriel_resp_from_error(err),
				"scanout %" PRIu32 ": resource %" PRIu32
				": over a limit, or no memory",
				cmd->scanout_id, cmd->resource_id);
	}
	oriel_readback_leave(gpu, cmd->scanout_id);
	return ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_run_set_scanout_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_set_scanout_blob cmd;
	if (oriel_decode_set_scanout_blob(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	if (cmd.scanout_id >= gpu->screen.n_scanouts) {
		return fail_scanout(gpu, req, cmd.scanout_id);
	}
	if (cmd.resource_id == 0) {
		return turn_off(gpu, cmd.scanout_id);
	}
	return show_blob(gpu, req, &cmd);
}
