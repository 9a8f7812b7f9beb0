// SPDX-License-Identifier: MIT
/*
 * Pixels from guest memory to the host's copy (virtio 1.3, 5.7.6.8: TRANSFER_TO_HOST_2D).
 *
 * A transfer that is longer than what its queue's turn may move goes in slices of whole rows, each
 * an operation of the renderer. The offset is that of the rectangle's first pixel in the backing,
 * and rows lie the resource's stride apart, as all drivers have it (the standard's text speaks of
 * the resource instead).
 */
#include "device/device.h"

#include <inttypes.h>

/** At least so much is moved at once: no cursor and no line of text is ever seen half done. */
#define MIN_SLICE_BYTES (64u * 1024u)

static void handle_done(struct oriel_render_op *op, int err) {
	struct oriel_request *req = oriel_container_of(op, struct oriel_request, transfer.op);
	struct oriel_transfer *transfer = &req->transfer;
	if (err == 0 && transfer->next_row < transfer->rect.height) {
		return; // the queue goes on with it
	}
	if (req->queue->current == req) {
		req->queue->current = NULL;
	}
	if (err < 0) {
		(void)oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "resource %" PRIu32 ": %s",
				req->res->id, err == -ENOMEM ? "no memory" : "the backing is lost");
	}
	oriel_request_finish(req, oriel_resp_from_error(err));
}

void oriel_transfer_continue(struct oriel_request *req) {
	struct oriel_gpu_queue *queue = req->queue;
	struct oriel_transfer *transfer = &req->transfer;
	const uint64_t row_bytes = (uint64_t)transfer->rect.width * ORIEL_BYTES_PER_PIXEL;
	const uint32_t n_left = transfer->rect.height - transfer->next_row;
	const uint64_t slice_bytes =
			queue->turn_bytes > MIN_SLICE_BYTES ? queue->turn_bytes : MIN_SLICE_BYTES;
	uint64_t n_rows = slice_bytes / row_bytes;
	n_rows = n_rows == 0 ? 1 : oriel_min_u64(n_rows, n_left);

	transfer->op.rect = transfer->rect;
	transfer->op.rect.y += transfer->next_row;
	transfer->op.rect.height = (uint32_t)n_rows;
	transfer->op.offset =
			transfer->offset + (uint64_t)transfer->next_row * transfer->op.res->stride;
	transfer->next_row += (uint32_t)n_rows;
	queue->turn_bytes -= oriel_min_u64(queue->turn_bytes, n_rows * row_bytes);
	queue->current = n_rows < n_left ? req : NULL;
	oriel_renderer_submit(queue->gpu->renderer, &transfer->op);
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
	int err = oriel_renderer_check_transfer(res, &cmd.rect, cmd.offset);
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
	req->transfer = (struct oriel_transfer){
		.op = { .type = ORIEL_RENDER_TRANSFER_TO_HOST_2D, .res = res, .done = handle_done },
		.rect = cmd.rect,
		.offset = cmd.offset,
	};
	oriel_transfer_continue(req);
	return ORIEL_RESP_PENDING;
}
