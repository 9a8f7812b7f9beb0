// SPDX-License-Identifier: MIT
/*
 * What a client of the display socket is told without asking: buffers, configurations, frames,
 * cursors.
 *
 * Each function below compares what is with what was told and queues the difference, if there is
 * room; what finds none stays different and is found again in the next round. Order matters to the
 * client: a scanout goes off before a buffer is GONE, and a buffer is announced before it is named.
 *
 * docs/display-protocol.md, 5 to 8.
 */
#include "display/share/share.h"

#include "base/fd.h"

#include <errno.h>

/** Bytes of a BUFFER, a CONFIG and a FRAME, which belong together. */
#define FRAME_ROOM (56u + 32u + 40u)
#define CURSOR_ROOM (40u + ORIEL_CURSOR_BYTES + 32u)

static uint64_t bit_of(const struct oriel_share_client *client) {
	return UINT64_C(1) << client->slot;
}

static void queue_config(struct oriel_share_client *client,
		const struct oriel_share_config *config) {
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_config(&w, config);
	oriel_fd_output_end_take(&client->out, &w, -1);
	client->scanouts[config->scanout_id].told = *config;
}

static void queue_off(struct oriel_share_client *client, uint32_t scanout_id) {
	struct oriel_share_client_scanout *known = &client->scanouts[scanout_id];
	known->damage = (struct oriel_rect){ 0 };
	known->has_flush = false;
	if (known->told.buffer_id != 0 && oriel_fd_output_has_room(&client->out, FRAME_ROOM, 0)) {
		struct oriel_share_config off = { .scanout_id = scanout_id };
		queue_config(client, &off);
	}
}

/** Announce a dma-buf to the client, unless it has it. */
static int announce_dmabuf(struct oriel_share_client *client, struct oriel_dmabuf *dmabuf,
		struct oriel_share_buffer **ret) {
	struct oriel_share_buffers *buffers = &client->share->buffers;
	struct oriel_share_buffer *buffer = oriel_share_buffers_find_dmabuf(buffers, dmabuf);
	if (buffer != NULL && (buffer->clients & bit_of(client)) != 0) {
		*ret = buffer;
		return 0;
	}
	int fd = -1;
	int err = oriel_fd_dup(dmabuf->fd, &fd);
	if (err == 0 && buffer == NULL) {
		err = oriel_share_buffers_add_dmabuf(buffers, dmabuf, bit_of(client), &buffer);
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	buffer->clients |= bit_of(client);
	const struct oriel_dmabuf_layout *layout = &dmabuf->layout;
	const struct oriel_share_buffer_info info = {
		.buffer_id = buffer->id,
		.flags = ORIEL_SHARE_BUFFER_DMABUF,
		.size = layout->size,
		.stride = layout->stride,
		.fourcc = layout->format->fourcc,
		.width = layout->width,
		.height = layout->height,
		.modifier = layout->modifier,
		.offset = layout->offset,
	};
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_buffer(&w, &info);
	oriel_fd_output_end_take(&client->out, &w, fd);
	*ret = buffer;
	return 0;
}

/** Announce the resource's buffer to the client, unless it has it. */
static int announce(struct oriel_share_client *client, struct oriel_resource *res,
		struct oriel_share_buffer **ret) {
	struct oriel_share_buffers *buffers = &client->share->buffers;
	struct oriel_share_buffer *buffer = oriel_share_buffers_find(buffers, res);
	if (buffer != NULL && (buffer->clients & bit_of(client)) != 0) {
		*ret = buffer;
		return 0;
	}
	int fd = -1;
	int err = oriel_fd_dup(res->memfd, &fd);
	if (err < 0) {
		return err;
	}
	if (buffer == NULL) {
		err = oriel_share_buffers_add(buffers, res, bit_of(client), &buffer);
		if (err < 0) {
			oriel_fd_close(&fd);
			return err;
		}
	}
	buffer->clients |= bit_of(client);
	struct oriel_share_buffer_info info = {
		.buffer_id = buffer->id,
		.size = res->size,
		.stride = res->stride,
		.fourcc = res->format->fourcc,
		.width = res->width,
		.height = res->height,
	};
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_buffer(&w, &info);
	oriel_fd_output_end_take(&client->out, &w, fd);
	*ret = buffer;
	return 0;
}

/** Whether a scanout's pixels are up to date; if not, they will be. */
static bool has_pixels(struct oriel_share *share, uint32_t scanout_id) {
	struct oriel_screen *screen = share->base.screen;
	if (screen == NULL || scanout_id >= screen->n_scanouts) {
		return true;
	}
	oriel_screen_fetch_pixels(screen, scanout_id);
	return !screen->scanouts[scanout_id].is_behind;
}

/**
 * Queue the frame of a scanout that is on, with what must come before it. Whoever changed what is
 * shown has made all of it damage.
 */
static int queue_frame(struct oriel_share_client *client, uint32_t scanout_id) {
	const struct oriel_share_scanout *scanout = &client->share->scanouts[scanout_id];
	struct oriel_share_client_scanout *known = &client->scanouts[scanout_id];
	if (oriel_rect_is_empty(&known->damage) || known->in_flight ||
			!oriel_fd_output_has_room(&client->out, FRAME_ROOM, 1)) {
		return 0;
	}
	const bool is_dmabuf = oriel_share_client_takes_dmabuf(client, scanout);
	if (!is_dmabuf && !has_pixels(client->share, scanout_id)) {
		return 0; // present() comes with them
	}
	struct oriel_share_buffer *buffer = NULL;
	int err = is_dmabuf ? announce_dmabuf(client, scanout->dmabuf, &buffer)
			    : announce(client, scanout->res, &buffer);
	if (err < 0) {
		return err;
	}
	struct oriel_rect src = scanout->src;
	if (is_dmabuf) {
		src.x = scanout->dmabuf_x;
		src.y = scanout->dmabuf_y;
	}
	if (known->told.buffer_id != buffer->id || !oriel_rect_equals(&known->told.src, &src)) {
		struct oriel_share_config config = { scanout_id, buffer->id, src };
		queue_config(client, &config);
	}
	struct oriel_share_frame frame = { scanout_id, scanout->sequence, known->damage };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_frame(&w, &frame);
	oriel_fd_output_end_take(&client->out, &w, -1);
	known->damage = (struct oriel_rect){ 0 };
	known->has_flush = false;
	known->in_flight = true;
	client->n_frames++;
	known->last_sequence = scanout->sequence;
	return 0;
}

static void queue_cursor(struct oriel_share_client *client, uint32_t scanout_id) {
	const struct oriel_share_scanout *scanout = &client->share->scanouts[scanout_id];
	struct oriel_share_client_scanout *known = &client->scanouts[scanout_id];
	if (!known->cursor_changed || !oriel_fd_output_has_room(&client->out, CURSOR_ROOM, 0)) {
		return;
	}
	const struct oriel_screen *screen = client->share->base.screen;
	static const struct oriel_cursor none;
	const struct oriel_cursor *cursor = screen != NULL ? &screen->cursors[scanout_id] : &none;
	bool visible = cursor->visible && cursor->pixels != NULL;
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	if (visible && known->told_image != scanout->image_serial) {
		struct oriel_share_cursor_image image = {
			.scanout_id = scanout_id,
			.width = ORIEL_CURSOR_SIDE,
			.height = ORIEL_CURSOR_SIDE,
			.hot_x = cursor->hot_x,
			.hot_y = cursor->hot_y,
			.serial = scanout->image_serial,
			.pixels = cursor->pixels,
		};
		oriel_share_encode_cursor_image(&w, &image);
		known->told_image = scanout->image_serial;
	}
	struct oriel_share_cursor message = {
		.scanout_id = scanout_id,
		.flags = visible ? ORIEL_SHARE_CURSOR_VISIBLE : 0,
		.x = cursor->x,
		.y = cursor->y,
		.serial = visible ? scanout->image_serial : 0,
	};
	oriel_share_encode_cursor(&w, &message);
	oriel_fd_output_end_take(&client->out, &w, -1);
	known->cursor_changed = false;
}

/** Whether a CONFIG that the client was told names the buffer. */
static bool is_configured(const struct oriel_share_client *client, uint32_t buffer_id) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (client->scanouts[i].told.buffer_id == buffer_id) {
			return true;
		}
	}
	return false;
}

static void queue_gone(struct oriel_share_client *client) {
	oriel_list_for_each(link, following, &client->share->buffers.orphans) {
		struct oriel_share_buffer *buffer =
				oriel_container_of(link, struct oriel_share_buffer, orphan_link);
		if ((buffer->clients & ~buffer->told_gone & bit_of(client)) == 0 ||
				is_configured(client, buffer->id)) {
			continue;
		}
		if (!oriel_fd_output_has_room(&client->out, FRAME_ROOM, 0)) {
			return;
		}
		struct oriel_writer w = oriel_fd_output_begin(&client->out);
		oriel_share_encode_number(&w, ORIEL_SHARE_GONE, buffer->id);
		oriel_fd_output_end_take(&client->out, &w, -1);
		buffer->told_gone |= bit_of(client);
	}
}

int oriel_share_client_queue_news(struct oriel_share_client *client) {
	oriel_share_client_queue_dones(client);
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (client->share->scanouts[i].res == NULL || (client->frames >> i & 1) == 0) {
			queue_off(client, i);
		}
	}
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (client->share->scanouts[i].res != NULL && (client->frames >> i & 1) != 0) {
			int err = queue_frame(client, i);
			if (err < 0) {
				return err;
			}
		}
		if ((client->cursors >> i & 1) != 0) {
			queue_cursor(client, i);
		}
	}
	queue_gone(client);
	return 0;
}
