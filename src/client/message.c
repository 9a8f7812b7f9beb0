// SPDX-License-Identifier: MIT
/*
 * What the server says: one function a message, each judging before anything changes.
 *
 * docs/display-protocol.md, 2 and 5.
 */
#include "client/client.h"

#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>

static int refuse_short(struct oriel_client *client) {
	return oriel_client_refuse(client, "a message that is too short");
}

static int handle_welcome(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_welcome welcome;
	if (oriel_share_decode_welcome(r, &welcome) < 0) {
		return refuse_short(client);
	}
	if (client->welcomed) {
		return oriel_client_refuse(client, "a second WELCOME");
	}
	if (welcome.magic != ORIEL_SHARE_MAGIC) {
		return oriel_client_refuse(client, "a server of something else");
	}
	if (welcome.version != ORIEL_SHARE_VERSION || (welcome.features & ~client->wanted) != 0) {
		return oriel_client_refuse(client, "a version or features that were not wanted");
	}
	if (welcome.n_scanouts > ORIEL_CLIENT_MAX_SCANOUTS) {
		return oriel_client_refuse(client, "too many scanouts");
	}
	client->welcomed = true;
	client->features = welcome.features;
	client->n_scanouts = welcome.n_scanouts;
	client->event.type = ORIEL_CLIENT_WELCOME;
	return 0;
}

/** The oldest request must have this token; it is answered now. */
static int finish_request(struct oriel_client *client, uint32_t token) {
	if (client->n_tokens == 0 || client->tokens[0] != token) {
		return oriel_client_refuse(client, "an answer that nobody asked for");
	}
	client->n_tokens--;
	memmove(&client->tokens[0], &client->tokens[1],
			client->n_tokens * sizeof(client->tokens[0]));
	return 0;
}

static int handle_error(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_error error;
	if (oriel_share_decode_error(r, &error) < 0) {
		return refuse_short(client);
	}
	if (error.token != 0) {
		int err = finish_request(client, error.token);
		if (err < 0) {
			return err;
		}
	}
	// It may end up on a terminal.
	for (uint32_t i = 0; i < error.text_size; i++) {
		char c = error.text[i];
		client->text[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	client->text[error.text_size] = '\0';
	client->event.type = ORIEL_CLIENT_ERROR;
	client->event.token = error.token;
	client->event.code = error.code;
	client->event.text = client->text;
	return 0;
}

static int handle_buffer_take(struct oriel_client *client, struct oriel_reader *r, int fd) {
	struct oriel_share_buffer_info info;
	if (oriel_share_decode_buffer(r, &info) < 0) {
		oriel_fd_close(&fd);
		return refuse_short(client);
	}
	return oriel_client_buffer_create_take(client, &info, fd);
}

static void say_released(struct oriel_client *client, uint32_t buffer_id) {
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_number(&w, ORIEL_SHARE_RELEASED, buffer_id);
	oriel_fd_output_end_take(&client->out, &w, -1);
}

static int handle_gone(struct oriel_client *client, struct oriel_reader *r) {
	uint32_t id;
	if (oriel_share_decode_number(r, &id) < 0) {
		return refuse_short(client);
	}
	struct oriel_client_buffer *buffer = oriel_client_buffer_get(client, id);
	if (buffer == NULL) {
		return oriel_client_refuse(client, "GONE of a buffer that was not announced");
	}
	oriel_client_buffer_destroy(client, buffer);
	say_released(client, id);
	return 0;
}

static struct oriel_client_dmabuf get_dmabuf(const struct oriel_client_buffer *buffer,
		const struct oriel_rect *src) {
	return (struct oriel_client_dmabuf){
		.fd = buffer->fd,
		.modifier = buffer->modifier,
		.offset = buffer->offset,
		.stride = buffer->stride,
		.width = buffer->width,
		.height = buffer->height,
		.x = src->x,
		.y = src->y,
	};
}

static int handle_config(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_config config;
	if (oriel_share_decode_config(r, &config) < 0) {
		return refuse_short(client);
	}
	if (config.scanout_id >= ORIEL_CLIENT_MAX_SCANOUTS) {
		return oriel_client_refuse(client, "CONFIG of no scanout");
	}
	struct oriel_client_head *head = &client->heads[config.scanout_id];
	struct oriel_client_scanout scanout = { 0 };
	struct oriel_client_dmabuf dmabuf = { 0 };
	if (config.buffer_id != 0) {
		const struct oriel_client_buffer *buffer =
				oriel_client_buffer_get(client, config.buffer_id);
		if (buffer == NULL) {
			return oriel_client_refuse(client,
					"CONFIG with a buffer that was not announced");
		}
		if (oriel_rect_is_empty(&config.src) ||
				!oriel_rect_fits(&config.src, buffer->width, buffer->height)) {
			return oriel_client_refuse(client, "CONFIG with a part outside the buffer");
		}
		if (buffer->bytes != NULL) {
			scanout.pixels = buffer->bytes + buffer->offset +
					 (size_t)config.src.y * buffer->stride +
					 (size_t)config.src.x * 4;
		}
		if (buffer->fd >= 0) {
			dmabuf = get_dmabuf(buffer, &config.src);
			scanout.dmabuf = &head->dmabuf;
		}
		scanout.width = config.src.width;
		scanout.height = config.src.height;
		scanout.stride = buffer->stride;
		scanout.fourcc = buffer->fourcc;
		scanout.sequence = head->scanout.sequence;
	}
	if ((client->frames >> config.scanout_id & 1) == 0) {
		return 0; // crossed with a SUBSCRIBE
	}
	head->scanout = scanout;
	head->dmabuf = dmabuf;
	head->buffer_id = config.buffer_id;
	client->event.type = ORIEL_CLIENT_SCANOUT;
	client->event.scanout = config.scanout_id;
	return 0;
}

static int handle_frame(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_frame frame;
	if (oriel_share_decode_frame(r, &frame) < 0) {
		return refuse_short(client);
	}
	if (frame.scanout_id >= ORIEL_CLIENT_MAX_SCANOUTS) {
		return oriel_client_refuse(client, "FRAME of no scanout");
	}
	struct oriel_client_head *head = &client->heads[frame.scanout_id];
	if (head->buffer_id == 0) {
		return 0; // crossed with a SUBSCRIBE
	}
	const struct oriel_rect *damage = &frame.damage;
	if (oriel_rect_is_empty(damage) ||
			!oriel_rect_fits(damage, head->scanout.width, head->scanout.height)) {
		return oriel_client_refuse(client, "FRAME with damage outside the scanout");
	}
	head->scanout.sequence = frame.sequence;
	head->in_frame = true;
	head->last_sequence = frame.sequence;
	client->event.type = ORIEL_CLIENT_FRAME;
	client->event.scanout = frame.scanout_id;
	client->event.sequence = frame.sequence;
	client->event.damage = (struct oriel_client_rect){ damage->x, damage->y, damage->width,
		damage->height };
	return 0;
}

static int handle_cursor_image(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_cursor_image m;
	if (oriel_share_decode_cursor_image(r, &m) < 0) {
		return refuse_short(client);
	}
	if (m.scanout_id >= ORIEL_CLIENT_MAX_SCANOUTS || m.width != ORIEL_CLIENT_CURSOR_SIDE ||
			m.height != ORIEL_CLIENT_CURSOR_SIDE || m.serial == 0 ||
			m.hot_x >= m.width || m.hot_y >= m.height) {
		return oriel_client_refuse(client, "a cursor that cannot be");
	}
	struct oriel_client_head *head = &client->heads[m.scanout_id];
	if (head->image == NULL) {
		head->image = calloc(1, ORIEL_SHARE_CURSOR_BYTES);
		if (head->image == NULL) {
			return -ENOMEM;
		}
	}
	memcpy(head->image, m.pixels, ORIEL_SHARE_CURSOR_BYTES);
	head->cursor.pixels = head->image;
	head->cursor.serial = m.serial;
	head->cursor.hot_x = m.hot_x;
	head->cursor.hot_y = m.hot_y;
	return 0; // CURSOR follows
}

static int handle_cursor(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_cursor m;
	if (oriel_share_decode_cursor(r, &m) < 0) {
		return refuse_short(client);
	}
	if (m.scanout_id >= ORIEL_CLIENT_MAX_SCANOUTS) {
		return oriel_client_refuse(client, "CURSOR of no scanout");
	}
	struct oriel_client_cursor *cursor = &client->heads[m.scanout_id].cursor;
	bool visible = (m.flags & ORIEL_SHARE_CURSOR_VISIBLE) != 0;
	if (visible && (m.serial == 0 || m.serial != cursor->serial)) {
		return oriel_client_refuse(client, "CURSOR with an image that did not come");
	}
	if ((client->cursors >> m.scanout_id & 1) == 0) {
		return 0; // crossed with a SUBSCRIBE
	}
	cursor->visible = visible;
	cursor->x = m.x;
	cursor->y = m.y;
	client->event.type = ORIEL_CLIENT_CURSOR;
	client->event.scanout = m.scanout_id;
	return 0;
}

/** What a snapshot says of itself, as of any buffer. */
static struct oriel_share_buffer_info get_info(const struct oriel_share_snapshot *m) {
	return (struct oriel_share_buffer_info){
		.buffer_id = m->buffer_id,
		.size = m->size,
		.stride = m->stride,
		.fourcc = m->fourcc,
		.width = m->width,
		.height = m->height,
	};
}

static int handle_snapshot_take(struct oriel_client *client, struct oriel_reader *r, int fd) {
	struct oriel_share_snapshot m;
	const char *wrong = NULL;
	bool visible = false;
	if (oriel_share_decode_snapshot(r, &m) < 0) {
		wrong = "a message that is too short";
	} else {
		visible = (m.flags & ORIEL_SHARE_CURSOR_VISIBLE) != 0;
		if (m.fourcc != ORIEL_SHARE_XR24 || visible != (m.cursor_offset != 0) ||
				(visible && !oriel_range_fits(m.cursor_offset,
							    ORIEL_SHARE_CURSOR_BYTES, m.size)) ||
				m.hot_x >= ORIEL_CLIENT_CURSOR_SIDE ||
				m.hot_y >= ORIEL_CLIENT_CURSOR_SIDE) {
			wrong = "a snapshot that cannot be";
		}
	}
	int err = wrong != NULL ? oriel_client_refuse(client, wrong)
				: finish_request(client, m.token);
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	struct oriel_share_buffer_info info = get_info(&m);
	err = oriel_client_buffer_create_take(client, &info, fd);
	if (err < 0) {
		return err;
	}
	const uint8_t *bytes = oriel_client_buffer_get(client, m.buffer_id)->bytes;
	client->snapshot_id = m.buffer_id;
	client->snapshot = (struct oriel_client_snapshot){
		.pixels = bytes,
		.width = m.width,
		.height = m.height,
		.stride = m.stride,
		.sequence = m.sequence,
		.cursor = { .visible = visible,
				.x = m.cursor_x,
				.y = m.cursor_y,
				.hot_x = m.hot_x,
				.hot_y = m.hot_y,
				.serial = m.cursor_serial,
				.pixels = visible ? bytes + m.cursor_offset : NULL },
	};
	client->event.type = ORIEL_CLIENT_SNAPSHOT;
	client->event.scanout = m.scanout_id;
	client->event.token = m.token;
	client->event.snapshot = &client->snapshot;
	return 0;
}

static int handle_pong(struct oriel_client *client, struct oriel_reader *r) {
	uint32_t token;
	if (oriel_share_decode_number(r, &token) < 0) {
		return refuse_short(client);
	}
	client->event.type = ORIEL_CLIENT_PONG;
	client->event.token = token;
	return 0;
}

static int handle_size_set(struct oriel_client *client, struct oriel_reader *r) {
	uint32_t token;
	if (oriel_share_decode_number(r, &token) < 0) {
		return refuse_short(client);
	}
	int err = finish_request(client, token);
	if (err < 0) {
		return err;
	}
	client->event.type = ORIEL_CLIENT_SIZE_SET;
	client->event.token = token;
	return 0;
}

static int handle_input_done(struct oriel_client *client, struct oriel_reader *r) {
	struct oriel_share_input_done done;
	if (oriel_share_decode_input_done(r, &done) < 0) {
		return refuse_short(client);
	}
	if (client->n_syncs == 0 || client->syncs[0] != done.token) {
		return oriel_client_refuse(client, "INPUT_DONE that nobody asked for");
	}
	client->n_syncs--;
	memmove(&client->syncs[0], &client->syncs[1], client->n_syncs * sizeof(client->syncs[0]));
	client->event.type = ORIEL_CLIENT_INPUT_DONE;
	client->event.token = done.token;
	client->event.n_dropped = done.n_dropped;
	return 0;
}

static int handle_plain(struct oriel_client *client, const struct oriel_share_header *header,
		struct oriel_reader *r) {
	switch (header->type) {
	case ORIEL_SHARE_WELCOME:
		return handle_welcome(client, r);
	case ORIEL_SHARE_ERROR:
		return handle_error(client, r);
	case ORIEL_SHARE_GONE:
		return handle_gone(client, r);
	case ORIEL_SHARE_CONFIG:
		return handle_config(client, r);
	case ORIEL_SHARE_FRAME:
		return handle_frame(client, r);
	case ORIEL_SHARE_CURSOR_IMAGE:
		return handle_cursor_image(client, r);
	case ORIEL_SHARE_CURSOR:
		return handle_cursor(client, r);
	case ORIEL_SHARE_PONG:
		return handle_pong(client, r);
	case ORIEL_SHARE_SIZE_SET:
		return handle_size_set(client, r);
	case ORIEL_SHARE_INPUT_DONE:
		return handle_input_done(client, r);
	default:
		if ((header->flags & ORIEL_SHARE_SKIPPABLE) != 0) {
			return 0;
		}
		return oriel_client_refuse(client, "a message of unknown type");
	}
}

int oriel_client_handle_message_take(struct oriel_client *client,
		const struct oriel_share_header *header, struct oriel_reader *r, int fd) {
	bool is_first = header->type == ORIEL_SHARE_WELCOME || header->type == ORIEL_SHARE_ERROR;
	if (!client->welcomed && !is_first) {
		oriel_fd_close(&fd);
		return oriel_client_refuse(client, "another message before WELCOME");
	}
	switch (header->type) {
	case ORIEL_SHARE_BUFFER:
		return handle_buffer_take(client, r, fd);
	case ORIEL_SHARE_SNAPSHOT:
		return handle_snapshot_take(client, r, fd);
	default:
		oriel_fd_close(&fd); // one that has no business there
		return handle_plain(client, header, r);
	}
}
