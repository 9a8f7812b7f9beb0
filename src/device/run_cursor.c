// SPDX-License-Identifier: MIT
/*
 * Cursors (virtio 1.3, 5.7.6.10: UPDATE_CURSOR, MOVE_CURSOR).
 *
 * Drivers upload a cursor on the control queue and show it on this one, not all of them with a
 * fence between. So an UPDATE waits until the control requests that were there when it was popped
 * have been begun, and behind other UPDATEs; never longer than that, and never for their fences. A
 * MOVE never waits: behind a waiting UPDATE of its scanout, its position becomes the UPDATE's.
 */
#include "device/device.h"
#include "device/twin.h"

#include <inttypes.h>

static enum oriel_resp check_scanout(const struct oriel_gpu *gpu, struct oriel_request *req,
		const struct oriel_cmd_update_cursor *cmd) {
	if (cmd->scanout_id < gpu->screen.n_scanouts) {
		return ORIEL_RESP_OK_NODATA;
	}
	return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_SCANOUT_ID,
			"scanout %" PRIu32 " of %" PRIu32, cmd->scanout_id, gpu->screen.n_scanouts);
}

struct cursor_read {
	struct oriel_render_op op;
	int err;
};

static void handle_read(struct oriel_render_op *op, int err) {
	oriel_container_of(op, struct cursor_read, op)->err = err;
}

/** Read the image of res, a 64x64 resource, into gpu->cursor_pixels. */
static int read_image(struct oriel_gpu *gpu, struct oriel_resource *res) {
	// The pixels of 2D resources are in this process, so the answer is there at once.
	struct cursor_read read = {
		.op = { .type = ORIEL_RENDER_READ_CURSOR,
				.res = res,
				.done = handle_read,
				.cursor = gpu->cursor_pixels },
		.err = -EIO,
	};
	oriel_renderer_submit(gpu->renderer, &read.op);
	return read.err;
}

/** Show the image of a resource whose pixels are here. */
static int set_image(struct oriel_gpu *gpu, struct oriel_resource *res,
		const struct oriel_cmd_update_cursor *cmd) {
	int err = read_image(gpu, res);
	if (err < 0) {
		return err;
	}
	return oriel_screen_set_cursor(&gpu->screen, cmd->scanout_id, gpu->cursor_pixels,
			cmd->hot_x, cmd->hot_y, cmd->x, cmd->y);
}

static enum oriel_resp update(struct oriel_gpu *gpu, struct oriel_request *req) {
	const struct oriel_cmd_update_cursor *cmd = &req->cursor.cmd;
	oriel_readback_forget_cursor(gpu, cmd->scanout_id);
	if (cmd->resource_id == 0) {
		oriel_screen_hide_cursor(&gpu->screen, cmd->scanout_id, cmd->x, cmd->y);
		return ORIEL_RESP_OK_NODATA;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd->resource_id);
	if (res == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"there is no resource %" PRIu32, cmd->resource_id);
	}
	int err = -EIO;
	if (!res->is_lost) {
		err = oriel_resource_is_rendered(res) ? oriel_readback_cursor(gpu, res, cmd)
						      : set_image(gpu, res, cmd);
	}
	if (err < 0) {
		return oriel_request_fail(req, oriel_resp_from_error(err),
				"resource %" PRIu32 ": %s", cmd->resource_id,
				err == -EINVAL   ? "a cursor has 64x64 pixels"
				: err == -ENOMEM ? "no memory"
				: err == -EAGAIN ? "the renderer takes too long"
						 : "no backing, or it is lost");
	}
	return ORIEL_RESP_OK_NODATA;
}

/**
 * Whether all control requests up to this one have been begun, or never will be, and there is room
 * to read a cursor back: behind commands that draw it. A queue that is to stop does not wait for
 * ever.
 */
static bool is_due(struct oriel_gpu *gpu, uint64_t ticket) {
	const struct oriel_gpu_queue *control = oriel_gpu_get_control_queue(gpu);
	const struct oriel_gpu_queue *cursor = oriel_gpu_get_cursor_queue(gpu);
	if (gpu->readback.n_pending_cursors == ORIEL_READBACK_CURSORS) {
		return cursor->is_out_of_patience;
	}
	return (control->n_begun >= ticket && oriel_gpu_queue_has_passed_on(control)) ||
	       !oriel_gpu_queue_is_running(control) || !oriel_gpu_queue_is_running(cursor);
}

void oriel_cursor_run_waiting(struct oriel_gpu *gpu) {
	struct oriel_gpu_queue *queue = oriel_gpu_get_cursor_queue(gpu);
	while (!oriel_list_is_empty(&queue->waiting)) {
		struct oriel_request *req =
				oriel_container_of(queue->waiting.next, struct oriel_request, link);
		if (!is_due(gpu, req->cursor.ticket)) {
			return;
		}
		oriel_list_remove(&req->link);
		oriel_list_append(&queue->in_flight, &req->link);
		oriel_request_finish(req, update(gpu, req));
	}
}

enum oriel_resp oriel_run_update_cursor(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_update_cursor cmd;
	if (oriel_decode_update_cursor(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	enum oriel_resp resp = check_scanout(gpu, req, &cmd);
	if (resp != ORIEL_RESP_OK_NODATA) {
		return resp;
	}
	const struct oriel_gpu_queue *control = oriel_gpu_get_control_queue(gpu);
	req->cursor.cmd = cmd;
	req->cursor.ticket = control->n_begun + oriel_virtq_count_available(control->ring.vq);
	bool waits = !is_due(gpu, req->cursor.ticket) || !oriel_list_is_empty(&req->queue->waiting);
	if (!waits || oriel_request_keep(req) < 0) {
		return update(gpu, req);
	}
	oriel_list_remove(&req->link);
	oriel_list_append(&req->queue->waiting, &req->link);
	oriel_gpu_queue_schedule(oriel_gpu_get_control_queue(gpu));
	return ORIEL_RESP_PENDING;
}

/** The last UPDATE of a scanout that waits, or NULL. */
static struct oriel_request *find_waiting(struct oriel_gpu_queue *queue, uint32_t scanout_id) {
	struct oriel_request *found = NULL;
	oriel_list_for_each(link, following, &queue->waiting) {
		struct oriel_request *req = oriel_container_of(link, struct oriel_request, link);
		if (req->cursor.cmd.scanout_id == scanout_id) {
			found = req;
		}
	}
	return found;
}

enum oriel_resp oriel_run_move_cursor(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_update_cursor cmd;
	if (oriel_decode_update_cursor(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	enum oriel_resp resp = check_scanout(gpu, req, &cmd);
	if (resp != ORIEL_RESP_OK_NODATA) {
		return resp;
	}
	struct oriel_request *waiting = find_waiting(req->queue, cmd.scanout_id);
	if (waiting != NULL) {
		waiting->cursor.cmd.x = cmd.x;
		waiting->cursor.cmd.y = cmd.y;
	} else {
		oriel_screen_move_cursor(&gpu->screen, cmd.scanout_id, cmd.x, cmd.y);
	}
	return ORIEL_RESP_OK_NODATA;
}
