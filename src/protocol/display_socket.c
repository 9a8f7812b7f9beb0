// SPDX-License-Identifier: MIT
/* See display_socket.h. Offsets and sizes: docs/display-protocol.md, 4 and 5. */
#include "protocol/display_socket.h"

#include <assert.h>
#include <errno.h>

static const struct {
	uint16_t type;
	uint16_t size; // without text or pixels
	uint8_t n_fds;
} messages[] = {
	{ ORIEL_SHARE_HELLO, 24, 0 },
	{ ORIEL_SHARE_SUBSCRIBE, 16, 0 },
	{ ORIEL_SHARE_TAKEN, 24, 0 },
	{ ORIEL_SHARE_RELEASED, 12, 0 },
	{ ORIEL_SHARE_GET_SNAPSHOT, 16, 0 },
	{ ORIEL_SHARE_PING, 12, 0 },
	{ ORIEL_SHARE_KEY, 16, 0 },
	{ ORIEL_SHARE_POINTER, 20, 0 },
	{ ORIEL_SHARE_BUTTON, 20, 0 },
	{ ORIEL_SHARE_WHEEL, 20, 0 },
	{ ORIEL_SHARE_INPUT_SYNC, 12, 0 },
	{ ORIEL_SHARE_SET_SIZE, 32, 0 },
	{ ORIEL_SHARE_WELCOME, 48, 0 },
	{ ORIEL_SHARE_ERROR, 20, 0 },
	{ ORIEL_SHARE_BUFFER, 56, 1 },
	{ ORIEL_SHARE_GONE, 12, 0 },
	{ ORIEL_SHARE_CONFIG, 32, 0 },
	{ ORIEL_SHARE_FRAME, 40, 0 },
	{ ORIEL_SHARE_CURSOR_IMAGE, 40, 0 },
	{ ORIEL_SHARE_CURSOR, 32, 0 },
	{ ORIEL_SHARE_SNAPSHOT, 88, 1 },
	{ ORIEL_SHARE_PONG, 12, 0 },
	{ ORIEL_SHARE_INPUT_DONE, 16, 0 },
	{ ORIEL_SHARE_SIZE_SET, 12, 0 },
};

uint32_t oriel_share_get_message_size(uint16_t type) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(messages); i++) {
		if (messages[i].type == type) {
			return messages[i].size;
		}
	}
	return 0;
}

static int32_t to_signed(uint32_t value) {
	return value <= INT32_MAX ? (int32_t)value : -(int32_t)(UINT32_MAX - value) - 1;
}

static void read_rect(struct oriel_reader *r, struct oriel_rect *ret) {
	ret->x = oriel_read_u32(r);
	ret->y = oriel_read_u32(r);
	ret->width = oriel_read_u32(r);
	ret->height = oriel_read_u32(r);
}

static void write_rect(struct oriel_writer *w, const struct oriel_rect *rect) {
	oriel_write_u32(w, rect->x);
	oriel_write_u32(w, rect->y);
	oriel_write_u32(w, rect->width);
	oriel_write_u32(w, rect->height);
}

/*
 * Decoders.
 */

int oriel_share_decode_header(struct oriel_reader *r, struct oriel_share_header *ret) {
	struct oriel_share_header h;
	h.size = oriel_read_u32(r);
	h.type = oriel_read_u16(r);
	h.flags = oriel_read_u8(r);
	h.n_fds = oriel_read_u8(r);
	if (r->failed) {
		return -EBADMSG;
	}
	if (h.size < ORIEL_SHARE_HEADER_SIZE || h.size > ORIEL_SHARE_MAX_MESSAGE_SIZE ||
			h.n_fds > 1) {
		return -EPROTO;
	}
	*ret = h;
	return 0;
}

int oriel_share_decode_hello(struct oriel_reader *r, struct oriel_share_hello *ret) {
	struct oriel_share_hello m;
	m.magic = oriel_read_u32(r);
	m.version = oriel_read_u32(r);
	m.features = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_subscribe(struct oriel_reader *r, struct oriel_share_subscribe *ret) {
	struct oriel_share_subscribe m;
	m.frames = oriel_read_u32(r);
	m.cursors = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_taken(struct oriel_reader *r, struct oriel_share_taken *ret) {
	struct oriel_share_taken m;
	m.scanout_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	m.sequence = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_get_snapshot(struct oriel_reader *r, struct oriel_share_get_snapshot *ret) {
	struct oriel_share_get_snapshot m;
	m.token = oriel_read_u32(r);
	m.scanout_id = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_key(struct oriel_reader *r, struct oriel_share_key *ret) {
	struct oriel_share_key m;
	m.key = oriel_read_u32(r);
	m.state = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_pointer(struct oriel_reader *r, struct oriel_share_pointer *ret) {
	struct oriel_share_pointer m;
	m.scanout_id = oriel_read_u32(r);
	m.x = oriel_read_u32(r);
	m.y = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_button(struct oriel_reader *r, struct oriel_share_button *ret) {
	struct oriel_share_button m;
	m.scanout_id = oriel_read_u32(r);
	m.button = oriel_read_u32(r);
	m.state = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_wheel(struct oriel_reader *r, struct oriel_share_wheel *ret) {
	struct oriel_share_wheel m;
	m.scanout_id = oriel_read_u32(r);
	m.vertical = to_signed(oriel_read_u32(r));
	m.horizontal = to_signed(oriel_read_u32(r));
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_set_size(struct oriel_reader *r, struct oriel_share_set_size *ret) {
	struct oriel_share_set_size m;
	m.token = oriel_read_u32(r);
	m.scanout_id = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	m.refresh_mhz = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_welcome(struct oriel_reader *r, struct oriel_share_welcome *ret) {
	struct oriel_share_welcome m;
	m.magic = oriel_read_u32(r);
	m.version = oriel_read_u32(r);
	m.features = oriel_read_u64(r);
	m.n_scanouts = oriel_read_u32(r);
	m.max_message_size = oriel_read_u32(r);
	m.max_held_bytes = oriel_read_u64(r);
	m.max_snapshots = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_error(struct oriel_reader *r, struct oriel_share_error *ret) {
	struct oriel_share_error m;
	m.token = oriel_read_u32(r);
	m.code = oriel_read_u32(r);
	m.text_size = oriel_read_u32(r);
	if (r->failed || m.text_size > ORIEL_SHARE_MAX_TEXT_SIZE) {
		return -EBADMSG;
	}
	m.text = (const char *)oriel_reader_get(r, m.text_size);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_buffer(struct oriel_reader *r, struct oriel_share_buffer_info *ret) {
	struct oriel_share_buffer_info m;
	m.buffer_id = oriel_read_u32(r);
	m.flags = oriel_read_u32(r);
	m.size = oriel_read_u64(r);
	m.stride = oriel_read_u32(r);
	m.fourcc = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	m.modifier = oriel_read_u64(r);
	m.offset = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_config(struct oriel_reader *r, struct oriel_share_config *ret) {
	struct oriel_share_config m;
	m.scanout_id = oriel_read_u32(r);
	m.buffer_id = oriel_read_u32(r);
	read_rect(r, &m.src);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_frame(struct oriel_reader *r, struct oriel_share_frame *ret) {
	struct oriel_share_frame m;
	m.scanout_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	m.sequence = oriel_read_u64(r);
	read_rect(r, &m.damage);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_cursor_image(struct oriel_reader *r, struct oriel_share_cursor_image *ret) {
	struct oriel_share_cursor_image m;
	m.scanout_id = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	m.hot_x = oriel_read_u32(r);
	m.hot_y = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	m.serial = oriel_read_u64(r);
	// Bounded before they are multiplied.
	if (r->failed || m.width > ORIEL_SHARE_MAX_MESSAGE_SIZE ||
			m.height > ORIEL_SHARE_MAX_MESSAGE_SIZE) {
		return -EBADMSG;
	}
	uint64_t size = (uint64_t)m.width * m.height * 4u;
	if (size > ORIEL_SHARE_MAX_MESSAGE_SIZE) {
		return -EBADMSG;
	}
	m.pixels = oriel_reader_get(r, (size_t)size);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_cursor(struct oriel_reader *r, struct oriel_share_cursor *ret) {
	struct oriel_share_cursor m;
	m.scanout_id = oriel_read_u32(r);
	m.flags = oriel_read_u32(r);
	m.x = to_signed(oriel_read_u32(r));
	m.y = to_signed(oriel_read_u32(r));
	m.serial = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_snapshot(struct oriel_reader *r, struct oriel_share_snapshot *ret) {
	struct oriel_share_snapshot m;
	m.token = oriel_read_u32(r);
	m.scanout_id = oriel_read_u32(r);
	m.buffer_id = oriel_read_u32(r);
	m.flags = oriel_read_u32(r);
	m.size = oriel_read_u64(r);
	m.stride = oriel_read_u32(r);
	m.fourcc = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	m.sequence = oriel_read_u64(r);
	m.cursor_x = to_signed(oriel_read_u32(r));
	m.cursor_y = to_signed(oriel_read_u32(r));
	m.hot_x = oriel_read_u32(r);
	m.hot_y = oriel_read_u32(r);
	m.cursor_serial = oriel_read_u64(r);
	m.cursor_offset = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_input_done(struct oriel_reader *r, struct oriel_share_input_done *ret) {
	struct oriel_share_input_done m;
	m.token = oriel_read_u32(r);
	m.n_dropped = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

int oriel_share_decode_number(struct oriel_reader *r, uint32_t *ret) {
	uint32_t number = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = number;
	return 0;
}

/*
 * Encoders.
 */

void oriel_share_encode_header(struct oriel_writer *w, const struct oriel_share_header *header) {
	oriel_write_u32(w, header->size);
	oriel_write_u16(w, header->type);
	oriel_write_u8(w, header->flags);
	oriel_write_u8(w, header->n_fds);
}

/** The header of a message with so many bytes of text or pixels. */
static void begin(struct oriel_writer *w, enum oriel_share_type type, uint32_t extra) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(messages); i++) {
		if (messages[i].type == type) {
			struct oriel_share_header header = {
				.size = messages[i].size + extra,
				.type = messages[i].type,
				.n_fds = messages[i].n_fds,
			};
			oriel_share_encode_header(w, &header);
			return;
		}
	}
	assert(false);
}

void oriel_share_encode_hello(struct oriel_writer *w, const struct oriel_share_hello *m) {
	begin(w, ORIEL_SHARE_HELLO, 0);
	oriel_write_u32(w, m->magic);
	oriel_write_u32(w, m->version);
	oriel_write_u64(w, m->features);
}

void oriel_share_encode_subscribe(struct oriel_writer *w, const struct oriel_share_subscribe *m) {
	begin(w, ORIEL_SHARE_SUBSCRIBE, 0);
	oriel_write_u32(w, m->frames);
	oriel_write_u32(w, m->cursors);
}

void oriel_share_encode_taken(struct oriel_writer *w, const struct oriel_share_taken *m) {
	begin(w, ORIEL_SHARE_TAKEN, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_zeros(w, 4);
	oriel_write_u64(w, m->sequence);
}

void oriel_share_encode_get_snapshot(struct oriel_writer *w,
		const struct oriel_share_get_snapshot *m) {
	begin(w, ORIEL_SHARE_GET_SNAPSHOT, 0);
	oriel_write_u32(w, m->token);
	oriel_write_u32(w, m->scanout_id);
}

void oriel_share_encode_key(struct oriel_writer *w, const struct oriel_share_key *m) {
	begin(w, ORIEL_SHARE_KEY, 0);
	oriel_write_u32(w, m->key);
	oriel_write_u32(w, m->state);
}

void oriel_share_encode_pointer(struct oriel_writer *w, const struct oriel_share_pointer *m) {
	begin(w, ORIEL_SHARE_POINTER, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->x);
	oriel_write_u32(w, m->y);
}

void oriel_share_encode_button(struct oriel_writer *w, const struct oriel_share_button *m) {
	begin(w, ORIEL_SHARE_BUTTON, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->button);
	oriel_write_u32(w, m->state);
}

void oriel_share_encode_wheel(struct oriel_writer *w, const struct oriel_share_wheel *m) {
	begin(w, ORIEL_SHARE_WHEEL, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, (uint32_t)m->vertical);
	oriel_write_u32(w, (uint32_t)m->horizontal);
}

void oriel_share_encode_set_size(struct oriel_writer *w, const struct oriel_share_set_size *m) {
	begin(w, ORIEL_SHARE_SET_SIZE, 0);
	oriel_write_u32(w, m->token);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->width);
	oriel_write_u32(w, m->height);
	oriel_write_u32(w, m->refresh_mhz);
	oriel_write_zeros(w, 4);
}

void oriel_share_encode_welcome(struct oriel_writer *w, const struct oriel_share_welcome *m) {
	begin(w, ORIEL_SHARE_WELCOME, 0);
	oriel_write_u32(w, m->magic);
	oriel_write_u32(w, m->version);
	oriel_write_u64(w, m->features);
	oriel_write_u32(w, m->n_scanouts);
	oriel_write_u32(w, m->max_message_size);
	oriel_write_u64(w, m->max_held_bytes);
	oriel_write_u32(w, m->max_snapshots);
	oriel_write_zeros(w, 4);
}

void oriel_share_encode_error(struct oriel_writer *w, const struct oriel_share_error *m) {
	uint32_t text_size = oriel_min_u32(m->text_size, ORIEL_SHARE_MAX_TEXT_SIZE);
	begin(w, ORIEL_SHARE_ERROR, text_size);
	oriel_write_u32(w, m->token);
	oriel_write_u32(w, m->code);
	oriel_write_u32(w, text_size);
	oriel_write_bytes(w, m->text, text_size);
}

void oriel_share_encode_buffer(struct oriel_writer *w, const struct oriel_share_buffer_info *m) {
	begin(w, ORIEL_SHARE_BUFFER, 0);
	oriel_write_u32(w, m->buffer_id);
	oriel_write_u32(w, m->flags);
	oriel_write_u64(w, m->size);
	oriel_write_u32(w, m->stride);
	oriel_write_u32(w, m->fourcc);
	oriel_write_u32(w, m->width);
	oriel_write_u32(w, m->height);
	oriel_write_u64(w, m->modifier);
	oriel_write_u64(w, m->offset);
}

void oriel_share_encode_config(struct oriel_writer *w, const struct oriel_share_config *m) {
	begin(w, ORIEL_SHARE_CONFIG, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->buffer_id);
	write_rect(w, &m->src);
}

void oriel_share_encode_frame(struct oriel_writer *w, const struct oriel_share_frame *m) {
	begin(w, ORIEL_SHARE_FRAME, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_zeros(w, 4);
	oriel_write_u64(w, m->sequence);
	write_rect(w, &m->damage);
}

void oriel_share_encode_cursor_image(struct oriel_writer *w,
		const struct oriel_share_cursor_image *m) {
	assert(m->width <= ORIEL_SHARE_CURSOR_SIDE && m->height <= ORIEL_SHARE_CURSOR_SIDE);
	uint32_t size = m->width * m->height * 4u;
	begin(w, ORIEL_SHARE_CURSOR_IMAGE, size);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->width);
	oriel_write_u32(w, m->height);
	oriel_write_u32(w, m->hot_x);
	oriel_write_u32(w, m->hot_y);
	oriel_write_zeros(w, 4);
	oriel_write_u64(w, m->serial);
	oriel_write_bytes(w, m->pixels, size);
}

void oriel_share_encode_cursor(struct oriel_writer *w, const struct oriel_share_cursor *m) {
	begin(w, ORIEL_SHARE_CURSOR, 0);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->flags);
	oriel_write_u32(w, (uint32_t)m->x);
	oriel_write_u32(w, (uint32_t)m->y);
	oriel_write_u64(w, m->serial);
}

void oriel_share_encode_snapshot(struct oriel_writer *w, const struct oriel_share_snapshot *m) {
	begin(w, ORIEL_SHARE_SNAPSHOT, 0);
	oriel_write_u32(w, m->token);
	oriel_write_u32(w, m->scanout_id);
	oriel_write_u32(w, m->buffer_id);
	oriel_write_u32(w, m->flags);
	oriel_write_u64(w, m->size);
	oriel_write_u32(w, m->stride);
	oriel_write_u32(w, m->fourcc);
	oriel_write_u32(w, m->width);
	oriel_write_u32(w, m->height);
	oriel_write_u64(w, m->sequence);
	oriel_write_u32(w, (uint32_t)m->cursor_x);
	oriel_write_u32(w, (uint32_t)m->cursor_y);
	oriel_write_u32(w, m->hot_x);
	oriel_write_u32(w, m->hot_y);
	oriel_write_u64(w, m->cursor_serial);
	oriel_write_u64(w, m->cursor_offset);
}

void oriel_share_encode_input_done(struct oriel_writer *w, const struct oriel_share_input_done *m) {
	begin(w, ORIEL_SHARE_INPUT_DONE, 0);
	oriel_write_u32(w, m->token);
	oriel_write_u32(w, m->n_dropped);
}

void oriel_share_encode_number(struct oriel_writer *w, enum oriel_share_type type,
		uint32_t number) {
	begin(w, type, 0);
	oriel_write_u32(w, number);
}
