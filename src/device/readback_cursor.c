// SPDX-License-Identifier: MIT
/* Cursors that the renderer has drawn: see readback.h. */
#include "device/device.h"
#include "device/readback.h"

static void handle_cursor(struct oriel_work *work, int err) {
	struct oriel_gpu *gpu = work->gpu;
	const struct oriel_cmd_update_cursor *cmd = &work->cursor;
	gpu->readback.n_pending_cursors--;
	oriel_gpu_queue_schedule(oriel_gpu_get_cursor_queue(gpu)); // one may wait for this
	// A reset, or a later update, has made it old news.
	if (err < 0 || gpu->readback.cursors.image != work->res ||
			gpu->readback.cursor_serials[cmd->scanout_id] != work->cursor_serial ||
			cmd->scanout_id >= gpu->screen.n_scanouts) {
		return;
	}
	const struct oriel_cursor *cursor = &gpu->screen.cursors[cmd->scanout_id];
	err = oriel_screen_set_cursor(&gpu->screen, cmd->scanout_id,
			work->res->pixels + work->op.read.offset, cmd->hot_x, cmd->hot_y, cursor->x,
			cursor->y);
	if (err < 0) {
		oriel_log_guest(&gpu->log, "cursorq: no memory for a cursor");
	}
}

void oriel_readback_forget_cursor(struct oriel_gpu *gpu, uint32_t scanout_id) {
	gpu->readback.cursor_serials[scanout_id]++;
}

int oriel_readback_cursor(struct oriel_gpu *gpu, const struct oriel_resource *res,
		const struct oriel_cmd_update_cursor *cmd) {
	struct oriel_readback *readback = &gpu->readback;
	if (res->format == NULL || res->width != ORIEL_CURSOR_SIDE ||
			res->height != ORIEL_CURSOR_SIDE) {
		return -EINVAL;
	}
	if (readback->n_pending_cursors == ORIEL_READBACK_CURSORS) {
		return -EAGAIN;
	}
	int err = 0;
	if (readback->cursors.id == 0) {
		oriel_readback_drop_image(gpu, &readback->cursors);
		err = oriel_readback_make_image(gpu,
				oriel_format_get(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM),
				ORIEL_CURSOR_SIDE, ORIEL_CURSOR_SIDE * ORIEL_READBACK_CURSORS,
				&readback->cursors);
	}
	struct oriel_work *work;
	if (err == 0) {
		err = oriel_work_create(gpu, ORIEL_RENDER3D_READ_PIXELS, &work);
	}
	if (err < 0) {
		return err;
	}
	const uint32_t slot = readback->n_cursor_reads++ % ORIEL_READBACK_CURSORS;
	work->op.resource_id = res->id;
	work->op.read = (struct oriel_render3d_read){
		.image_id = readback->cursors.id,
		.rect = { 0, 0, ORIEL_CURSOR_SIDE, ORIEL_CURSOR_SIDE },
		.offset = (uint64_t)slot * ORIEL_CURSOR_BYTES,
		.stride = ORIEL_CURSOR_SIDE * ORIEL_BYTES_PER_PIXEL,
	};
	work->res = oriel_resource_hold(readback->cursors.image);
	work->cursor = *cmd;
	work->cursor_serial = ++readback->cursor_serials[cmd->scanout_id];
	work->done = handle_cursor;
	readback->n_pending_cursors++;
	oriel_screen_move_cursor(&gpu->screen, cmd->scanout_id, cmd->x, cmd->y);
	oriel_work_submit(work);
	return 0;
}
