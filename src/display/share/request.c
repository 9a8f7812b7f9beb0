// SPDX-License-Identifier: MIT
/*
 * What clients of the display socket say, and the answers.
 *
 * A message is judged whole before anything changes. Everything that a correct client cannot send
 * is -EPROTO, with a reason for the log and for the client.
 *
 * docs/display-protocol.md, 2, 4 and 9.
 */
#include "display/share/share.h"
#include "display/share/snapshot.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static int refuse(const char *reason, const char **ret_reason) {
	*ret_reason = reason;
	return -EPROTO;
}

void oriel_share_client_queue_error(struct oriel_share_client *client, uint32_t token,
		enum oriel_share_code code, const char *format, ...) {
	char text[ORIEL_SHARE_MAX_TEXT_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct oriel_share_error error = { token, code, text, (uint32_t)strlen(text) };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_error(&w, &error);
	oriel_fd_output_end_take(&client->out, &w, -1);
}

static int handle_hello(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_hello hello;
	int err = oriel_share_decode_hello(r, &hello);
	if (err < 0 || hello.magic != ORIEL_SHARE_MAGIC) {
		return refuse("a HELLO that is none", ret_reason);
	}
	if (hello.version == 0) {
		return refuse("HELLO with version 0", ret_reason);
	}
	const struct oriel_share *share = client->share;
	uint64_t features =
			hello.features & (ORIEL_SHARE_FEATURE_DMABUF | ORIEL_SHARE_FEATURE_SIZES);
	if ((hello.features & ORIEL_SHARE_FEATURE_INPUT) != 0 &&
			oriel_share_client_begin_input(client)) {
		features |= ORIEL_SHARE_FEATURE_INPUT;
	}
	struct oriel_share_welcome welcome = {
		.magic = ORIEL_SHARE_MAGIC,
		.version = ORIEL_SHARE_VERSION, // the lower of the two: there is no lower one
		.features = features,
		.n_scanouts = share->base.screen != NULL ? share->base.screen->n_scanouts : 0,
		.max_message_size = ORIEL_SHARE_MAX_MESSAGE_SIZE,
		.max_held_bytes = share->buffers.held.limit,
		.max_snapshots = ORIEL_SHARE_MAX_SNAPSHOTS,
	};
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_welcome(&w, &welcome);
	oriel_fd_output_end_take(&client->out, &w, -1);
	client->welcomed = true;
	client->features = welcome.features;
	oriel_share_update_dmabufs(client->share);
	return 0;
}

static int handle_subscribe(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_subscribe subscribe;
	if (oriel_share_decode_subscribe(r, &subscribe) < 0) {
		return refuse("a short SUBSCRIBE", ret_reason);
	}
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		const struct oriel_share_scanout *scanout = &client->share->scanouts[i];
		struct oriel_share_client_scanout *known = &client->scanouts[i];
		if ((subscribe.frames >> i & 1) != (client->frames >> i & 1)) {
			// Begins anew, or is forgotten. src is empty if the scanout is off.
			known->told = (struct oriel_share_config){ 0 };
			known->in_flight = false;
			known->damage = (struct oriel_rect){ 0 };
			if ((subscribe.frames >> i & 1) != 0) {
				known->damage.width = scanout->src.width;
				known->damage.height = scanout->src.height;
			}
		}
		if ((subscribe.cursors >> i & 1) != (client->cursors >> i & 1)) {
			known->told_image = 0;
			known->cursor_changed = scanout->has_cursor;
		}
	}
	client->frames = subscribe.frames;
	client->cursors = subscribe.cursors;
	return 0;
}

static int handle_taken(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_taken taken;
	if (oriel_share_decode_taken(r, &taken) < 0) {
		return refuse("a short TAKEN", ret_reason);
	}
	if (taken.scanout_id >= ORIEL_MAX_SCANOUTS ||
			taken.sequence > client->scanouts[taken.scanout_id].last_sequence) {
		return refuse("TAKEN of a frame that was not sent", ret_reason);
	}
	struct oriel_share_client_scanout *known = &client->scanouts[taken.scanout_id];
	if (known->in_flight && known->last_sequence == taken.sequence) {
		known->in_flight = false;
	}
	return 0;
}

static int handle_released(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	uint32_t id;
	if (oriel_share_decode_number(r, &id) < 0) {
		return refuse("a short RELEASED", ret_reason);
	}
	struct oriel_share_buffers *buffers = &client->share->buffers;
	struct oriel_share_buffer *buffer = oriel_share_buffers_get(buffers, id);
	uint64_t bit = UINT64_C(1) << client->slot;
	if (buffer == NULL || (buffer->clients & bit) == 0) {
		return refuse("RELEASED of a buffer that it does not have", ret_reason);
	}
	if (!buffer->is_snapshot && (buffer->told_gone & bit) == 0) {
		return refuse("RELEASED of a buffer that is not gone", ret_reason);
	}
	if (buffer->is_snapshot) {
		client->n_snapshots--;
	}
	oriel_share_buffers_release(buffers, buffer, bit);
	return 0;
}

/** Copy the scanout into a new buffer of the client's, and queue the answer. */
static int queue_snapshot(struct oriel_share_client *client,
		const struct oriel_share_get_snapshot *request) {
	struct oriel_share *share = client->share;
	const struct oriel_scanout *scanout = &share->base.screen->scanouts[request->scanout_id];
	const struct oriel_cursor *cursor = &share->base.screen->cursors[request->scanout_id];
	const uint8_t *image = cursor->visible ? cursor->pixels : NULL;
	int err = oriel_resource_share(scanout->res); // it has pixels, then
	if (err < 0) {
		return err;
	}
	uint64_t size = oriel_share_snapshot_get_size(scanout, image != NULL);
	struct oriel_share_buffer *buffer = NULL;
	uint64_t bit = UINT64_C(1) << client->slot;
	err = oriel_share_buffers_add_snapshot(&share->buffers, size, bit, &buffer);
	if (err < 0) {
		return err;
	}
	int fd = -1;
	err = oriel_share_snapshot_create(scanout, image, &fd);
	if (err < 0) {
		oriel_share_buffers_release(&share->buffers, buffer, bit);
		return err;
	}
	client->n_snapshots++;
	struct oriel_share_snapshot snapshot = {
		.token = request->token,
		.scanout_id = request->scanout_id,
		.buffer_id = buffer->id,
		.flags = image != NULL ? ORIEL_SHARE_CURSOR_VISIBLE : 0,
		.size = size,
		.stride = scanout->src.width * ORIEL_BYTES_PER_PIXEL,
		.fourcc = ORIEL_SHARE_XR24,
		.width = scanout->src.width,
		.height = scanout->src.height,
		.sequence = share->scanouts[request->scanout_id].sequence,
		.cursor_x = cursor->x,
		.cursor_y = cursor->y,
		.hot_x = cursor->hot_x,
		.hot_y = cursor->hot_y,
	};
	if (image != NULL) {
		snapshot.cursor_serial = share->scanouts[request->scanout_id].image_serial;
		snapshot.cursor_offset = size - ORIEL_CURSOR_BYTES;
	}
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_snapshot(&w, &snapshot);
	oriel_fd_output_end_take(&client->out, &w, fd);
	return 0;
}

static int handle_get_snapshot(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_get_snapshot request;
	if (oriel_share_decode_get_snapshot(r, &request) < 0) {
		return refuse("a short GET_SNAPSHOT", ret_reason);
	}
	if (request.token == 0) {
		return refuse("GET_SNAPSHOT with token 0", ret_reason);
	}
	struct oriel_screen *screen = client->share->base.screen;
	uint32_t n_scanouts = screen != NULL ? screen->n_scanouts : 0;
	uint32_t token = request.token;
	uint32_t i = request.scanout_id;
	if (i >= n_scanouts) {
		oriel_share_client_queue_error(client, token, ORIEL_SHARE_CODE_NO_SUCH_SCANOUT,
				"no scanout %u: there are %u", i, n_scanouts);
		return 0;
	}
	if (screen->scanouts[i].res == NULL) {
		oriel_share_client_queue_error(client, token, ORIEL_SHARE_CODE_SCANOUT_OFF,
				"scanout %u is off", i);
		return 0;
	}
	if (client->n_snapshots >= ORIEL_SHARE_MAX_SNAPSHOTS) {
		oriel_share_client_queue_error(client, token, ORIEL_SHARE_CODE_TOO_MANY_SNAPSHOTS,
				"%u snapshots are not released yet", client->n_snapshots);
		return 0;
	}
	oriel_screen_fetch_pixels(screen, i); // a snapshot is always of pixels
	if (screen->scanouts[i].is_behind) {
		return -EINPROGRESS;
	}
	int err = queue_snapshot(client, &request);
	if (err == -EDQUOT) {
		oriel_share_client_queue_error(client, token, ORIEL_SHARE_CODE_OVER_BUDGET,
				"%ux%u pixels do not fit what clients may hold",
				screen->scanouts[i].src.width, screen->scanouts[i].src.height);
		return 0;
	}
	if (err < 0) {
		oriel_share_client_queue_error(client, token, ORIEL_SHARE_CODE_NO_MEMORY,
				"no memory for %ux%u pixels: %s", screen->scanouts[i].src.width,
				screen->scanouts[i].src.height, strerror(-err));
		return 0;
	}
	return -EAGAIN; // let others have their turn after a large copy
}

static int handle_ping(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	uint32_t token;
	if (oriel_share_decode_number(r, &token) < 0) {
		return refuse("a short PING", ret_reason);
	}
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_number(&w, ORIEL_SHARE_PONG, token);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

/** Have a scanout's size changed; the guest draws it later, if it wants to. */
static int handle_set_size(struct oriel_share_client *client, struct oriel_reader *r,
		const char **ret_reason) {
	struct oriel_share_set_size request;
	if (oriel_share_decode_set_size(r, &request) < 0) {
		return refuse("a short SET_SIZE", ret_reason);
	}
	if (request.token == 0) {
		return refuse("SET_SIZE with token 0", ret_reason);
	}
	struct oriel_screen *screen = client->share->base.screen;
	const uint32_t n_scanouts = screen != NULL ? screen->n_scanouts : 0;
	if (request.scanout_id >= n_scanouts) {
		oriel_share_client_queue_error(client, request.token,
				ORIEL_SHARE_CODE_NO_SUCH_SCANOUT, "no scanout %u: there are %u",
				request.scanout_id, n_scanouts);
		return 0;
	}
	const struct oriel_wanted_size size = { request.width, request.height,
		request.refresh_mhz };
	int err = oriel_screen_set_size(screen, request.scanout_id, &size);
	if (err == -EOPNOTSUPP) {
		oriel_share_client_queue_error(client, request.token, ORIEL_SHARE_CODE_NOT_OURS,
				"the VMM decides the sizes of its screens");
		return 0;
	}
	if (err < 0) {
		oriel_share_client_queue_error(client, request.token, ORIEL_SHARE_CODE_BAD_SIZE,
				"%ux%u at %u mHz: no monitor can be so", request.width,
				request.height, request.refresh_mhz);
		return 0;
	}
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_number(&w, ORIEL_SHARE_SIZE_SET, request.token);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

int oriel_share_client_handle_message(struct oriel_share_client *client,
		const struct oriel_share_header *header, struct oriel_reader *r,
		const char **ret_reason) {
	if (!client->welcomed && header->type != ORIEL_SHARE_HELLO) {
		return refuse("another message before HELLO", ret_reason);
	}
	if (header->type == ORIEL_SHARE_SET_SIZE &&
			(client->features & ORIEL_SHARE_FEATURE_SIZES) != 0) {
		return handle_set_size(client, r, ret_reason);
	}
	if (oriel_share_client_has_input(client, header->type)) {
		return oriel_share_client_handle_input(client, header->type, r, ret_reason);
	}
	switch (header->type) {
	case ORIEL_SHARE_HELLO:
		return client->welcomed ? refuse("a second HELLO", ret_reason)
					: handle_hello(client, r, ret_reason);
	case ORIEL_SHARE_SUBSCRIBE:
		return handle_subscribe(client, r, ret_reason);
	case ORIEL_SHARE_TAKEN:
		return handle_taken(client, r, ret_reason);
	case ORIEL_SHARE_RELEASED:
		return handle_released(client, r, ret_reason);
	case ORIEL_SHARE_GET_SNAPSHOT:
		return handle_get_snapshot(client, r, ret_reason);
	case ORIEL_SHARE_PING:
		return handle_ping(client, r, ret_reason);
	default:
		return (header->flags & ORIEL_SHARE_SKIPPABLE) != 0
				       ? 0
				       : refuse("a message of unknown type", ret_reason);
	}
}
