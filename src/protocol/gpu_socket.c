// SPDX-License-Identifier: MIT
/*
 * See gpu_socket.h. The insides of the replies are those of the device's own responses (virtio 1.3,
 * 5.7.6.8), so virtio_gpu.h has their layout.
 */
#include "protocol/gpu_socket.h"

#define CURSOR_PAYLOAD 12u
#define CURSOR_IMAGE_PAYLOAD (20u + ORIEL_GPU_MESSAGE_CURSOR_BYTES)
#define SCANOUT_PAYLOAD 12u
#define DMABUF_SCANOUT_PAYLOAD 40u
#define DMABUF_SCANOUT2_PAYLOAD 48u
#define DMABUF_UPDATE_PAYLOAD 20u
#define GET_EDID_PAYLOAD 4u

static void write_header(struct oriel_writer *w, enum oriel_gpu_message_type type, uint32_t flags,
		uint32_t size) {
	oriel_write_u32(w, (uint32_t)type);
	oriel_write_u32(w, flags);
	oriel_write_u32(w, size);
}

static void write_rect(struct oriel_writer *w, const struct oriel_rect *rect) {
	oriel_write_u32(w, rect->x);
	oriel_write_u32(w, rect->y);
	oriel_write_u32(w, rect->width);
	oriel_write_u32(w, rect->height);
}

static void write_cursor(struct oriel_writer *w, const struct oriel_gpu_message_cursor *cursor) {
	oriel_write_u32(w, cursor->scanout_id);
	oriel_write_u32(w, (uint32_t)cursor->x);
	oriel_write_u32(w, (uint32_t)cursor->y);
}

static void write_dmabuf(struct oriel_writer *w, const struct oriel_gpu_message_dmabuf *dmabuf) {
	oriel_write_u32(w, dmabuf->scanout_id);
	write_rect(w, &dmabuf->rect);
	oriel_write_u32(w, dmabuf->fd_width);
	oriel_write_u32(w, dmabuf->fd_height);
	oriel_write_u32(w, dmabuf->fd_stride);
	oriel_write_u32(w, dmabuf->fd_flags);
	oriel_write_u32(w, dmabuf->fourcc);
}

void oriel_gpu_message_encode_plain(struct oriel_writer *w, enum oriel_gpu_message_type type) {
	write_header(w, type, 0, 0);
}

void oriel_gpu_message_encode_set_features(struct oriel_writer *w, uint64_t features) {
	write_header(w, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 0,
			ORIEL_GPU_MESSAGE_FEATURES_PAYLOAD);
	oriel_write_u64(w, features);
}

void oriel_gpu_message_encode_get_edid(struct oriel_writer *w, uint32_t scanout_id) {
	write_header(w, VHOST_USER_GPU_GET_EDID, 0, GET_EDID_PAYLOAD);
	oriel_write_u32(w, scanout_id);
}

void oriel_gpu_message_encode_cursor(struct oriel_writer *w,
		const struct oriel_gpu_message_cursor *cursor, bool visible) {
	write_header(w, visible ? VHOST_USER_GPU_CURSOR_POS : VHOST_USER_GPU_CURSOR_POS_HIDE, 0,
			CURSOR_PAYLOAD);
	write_cursor(w, cursor);
}

void oriel_gpu_message_encode_cursor_image(struct oriel_writer *w,
		const struct oriel_gpu_message_cursor_image *image) {
	write_header(w, VHOST_USER_GPU_CURSOR_UPDATE, 0, CURSOR_IMAGE_PAYLOAD);
	write_cursor(w, &image->at);
	oriel_write_u32(w, image->hot_x);
	oriel_write_u32(w, image->hot_y);
	oriel_write_bytes(w, image->pixels, ORIEL_GPU_MESSAGE_CURSOR_BYTES);
}

void oriel_gpu_message_encode_scanout(struct oriel_writer *w,
		const struct oriel_gpu_message_scanout *scanout) {
	write_header(w, VHOST_USER_GPU_SCANOUT, 0, SCANOUT_PAYLOAD);
	oriel_write_u32(w, scanout->scanout_id);
	oriel_write_u32(w, scanout->width);
	oriel_write_u32(w, scanout->height);
}

/** Payload bytes of an UPDATE of this rectangle; more than 32 bits if no message can have them. */
static uint64_t update_payload(const struct oriel_rect *rect) {
	uint64_t n_pixels = (uint64_t)rect->width * rect->height;
	if (n_pixels > UINT32_MAX) {
		return UINT64_MAX;
	}
	return ORIEL_GPU_MESSAGE_UPDATE_PAYLOAD + n_pixels * 4u;
}

void oriel_gpu_message_encode_update(struct oriel_writer *w, uint32_t scanout_id,
		const struct oriel_rect *rect) {
	uint64_t size = update_payload(rect);
	if (size > UINT32_MAX) {
		w->failed = true;
		return;
	}
	write_header(w, VHOST_USER_GPU_UPDATE, 0, (uint32_t)size);
	oriel_write_u32(w, scanout_id);
	write_rect(w, rect);
}

void oriel_gpu_message_encode_dmabuf_scanout(struct oriel_writer *w,
		const struct oriel_gpu_message_dmabuf *dmabuf) {
	write_header(w, VHOST_USER_GPU_DMABUF_SCANOUT, 0, DMABUF_SCANOUT_PAYLOAD);
	write_dmabuf(w, dmabuf);
}

void oriel_gpu_message_encode_dmabuf_scanout2(struct oriel_writer *w,
		const struct oriel_gpu_message_dmabuf *dmabuf) {
	write_header(w, VHOST_USER_GPU_DMABUF_SCANOUT2, 0, DMABUF_SCANOUT2_PAYLOAD);
	write_dmabuf(w, dmabuf);
	oriel_write_u64(w, dmabuf->modifier);
}

void oriel_gpu_message_encode_dmabuf_update(struct oriel_writer *w, uint32_t scanout_id,
		const struct oriel_rect *rect) {
	write_header(w, VHOST_USER_GPU_DMABUF_UPDATE, 0, DMABUF_UPDATE_PAYLOAD);
	oriel_write_u32(w, scanout_id);
	write_rect(w, rect);
}

void oriel_gpu_message_encode_features_reply(struct oriel_writer *w, uint64_t features) {
	write_header(w, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, VHOST_USER_GPU_MSG_FLAG_REPLY,
			ORIEL_GPU_MESSAGE_FEATURES_PAYLOAD);
	oriel_write_u64(w, features);
}

void oriel_gpu_message_encode_info_reply(struct oriel_writer *w,
		const struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS]) {
	write_header(w, VHOST_USER_GPU_GET_DISPLAY_INFO, VHOST_USER_GPU_MSG_FLAG_REPLY,
			ORIEL_GPU_MESSAGE_INFO_PAYLOAD);
	struct oriel_ctrl_hdr hdr = { .type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO };
	oriel_encode_ctrl_hdr(w, &hdr);
	oriel_encode_resp_display_info(w, heads);
}

void oriel_gpu_message_encode_edid_reply(struct oriel_writer *w, const uint8_t *edid, size_t size) {
	write_header(w, VHOST_USER_GPU_GET_EDID, VHOST_USER_GPU_MSG_FLAG_REPLY,
			ORIEL_GPU_MESSAGE_EDID_PAYLOAD);
	struct oriel_ctrl_hdr hdr = { .type = VIRTIO_GPU_RESP_OK_EDID };
	oriel_encode_ctrl_hdr(w, &hdr);
	oriel_encode_resp_edid(w, edid, size);
}

void oriel_gpu_message_encode_dmabuf_update_reply(struct oriel_writer *w) {
	write_header(w, VHOST_USER_GPU_DMABUF_UPDATE, VHOST_USER_GPU_MSG_FLAG_REPLY, 0);
}

/** Whether the reader came to the payload's end, no more and no less. */
static bool is_complete(const struct oriel_reader *r) {
	return !r->failed && oriel_reader_left(r) == 0;
}

static void read_rect(struct oriel_reader *r, struct oriel_rect *ret) {
	ret->x = oriel_read_u32(r);
	ret->y = oriel_read_u32(r);
	ret->width = oriel_read_u32(r);
	ret->height = oriel_read_u32(r);
}

static void read_cursor(struct oriel_reader *r, struct oriel_gpu_message_cursor *ret) {
	ret->scanout_id = oriel_read_u32(r);
	ret->x = (int32_t)oriel_read_u32(r);
	ret->y = (int32_t)oriel_read_u32(r);
}

static void read_dmabuf(struct oriel_reader *r, struct oriel_gpu_message_dmabuf *ret) {
	ret->scanout_id = oriel_read_u32(r);
	read_rect(r, &ret->rect);
	ret->fd_width = oriel_read_u32(r);
	ret->fd_height = oriel_read_u32(r);
	ret->fd_stride = oriel_read_u32(r);
	ret->fd_flags = oriel_read_u32(r);
	ret->fourcc = oriel_read_u32(r);
}

int oriel_gpu_message_decode_header(struct oriel_reader *r, struct oriel_gpu_message_header *ret) {
	struct oriel_gpu_message_header header;
	header.request = oriel_read_u32(r);
	header.flags = oriel_read_u32(r);
	header.size = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = header;
	return 0;
}

int oriel_gpu_message_decode_features(struct oriel_reader *r, uint64_t *ret) {
	uint64_t features = oriel_read_u64(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = features;
	return 0;
}

int oriel_gpu_message_decode_get_edid(struct oriel_reader *r, uint32_t *ret) {
	uint32_t scanout_id = oriel_read_u32(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = scanout_id;
	return 0;
}

int oriel_gpu_message_decode_cursor(struct oriel_reader *r, struct oriel_gpu_message_cursor *ret) {
	struct oriel_gpu_message_cursor cursor;
	read_cursor(r, &cursor);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = cursor;
	return 0;
}

int oriel_gpu_message_decode_cursor_image(struct oriel_reader *r,
		struct oriel_gpu_message_cursor_image *ret) {
	struct oriel_gpu_message_cursor_image image;
	read_cursor(r, &image.at);
	image.hot_x = oriel_read_u32(r);
	image.hot_y = oriel_read_u32(r);
	image.pixels = oriel_reader_get(r, ORIEL_GPU_MESSAGE_CURSOR_BYTES);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = image;
	return 0;
}

int oriel_gpu_message_decode_scanout(struct oriel_reader *r,
		struct oriel_gpu_message_scanout *ret) {
	struct oriel_gpu_message_scanout scanout;
	scanout.scanout_id = oriel_read_u32(r);
	scanout.width = oriel_read_u32(r);
	scanout.height = oriel_read_u32(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = scanout;
	return 0;
}

int oriel_gpu_message_decode_update(struct oriel_reader *r, struct oriel_gpu_message_update *ret) {
	struct oriel_gpu_message_update update;
	update.scanout_id = oriel_read_u32(r);
	read_rect(r, &update.rect);
	uint64_t size = update_payload(&update.rect);
	if (r->failed || size > UINT32_MAX) {
		return -EBADMSG;
	}
	update.pixels = oriel_reader_get(r, (size_t)size - ORIEL_GPU_MESSAGE_UPDATE_PAYLOAD);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = update;
	return 0;
}

int oriel_gpu_message_decode_dmabuf_scanout(struct oriel_reader *r,
		struct oriel_gpu_message_dmabuf *ret) {
	struct oriel_gpu_message_dmabuf dmabuf = { 0 };
	read_dmabuf(r, &dmabuf);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = dmabuf;
	return 0;
}

int oriel_gpu_message_decode_dmabuf_scanout2(struct oriel_reader *r,
		struct oriel_gpu_message_dmabuf *ret) {
	struct oriel_gpu_message_dmabuf dmabuf = { 0 };
	read_dmabuf(r, &dmabuf);
	dmabuf.modifier = oriel_read_u64(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = dmabuf;
	return 0;
}

int oriel_gpu_message_decode_dmabuf_update(struct oriel_reader *r,
		struct oriel_gpu_message_update *ret) {
	struct oriel_gpu_message_update update = { 0 };
	update.scanout_id = oriel_read_u32(r);
	read_rect(r, &update.rect);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = update;
	return 0;
}

/** Whether a reply of exactly size bytes begins with a response header of this type. */
static bool has_response(struct oriel_reader *r, size_t size, uint32_t type) {
	if (oriel_reader_left(r) != size) {
		return false;
	}
	struct oriel_ctrl_hdr hdr;
	return oriel_decode_ctrl_hdr(r, &hdr) == 0 && hdr.type == type;
}

int oriel_gpu_message_decode_info(struct oriel_reader *r,
		struct oriel_display_one ret[VIRTIO_GPU_MAX_SCANOUTS]) {
	if (!has_response(r, ORIEL_GPU_MESSAGE_INFO_PAYLOAD, VIRTIO_GPU_RESP_OK_DISPLAY_INFO)) {
		return -EBADMSG;
	}
	return oriel_decode_resp_display_info(r, ret);
}

int oriel_gpu_message_decode_edid(struct oriel_reader *r, uint8_t ret[ORIEL_EDID_MAX_SIZE],
		size_t *ret_size) {
	if (!has_response(r, ORIEL_GPU_MESSAGE_EDID_PAYLOAD, VIRTIO_GPU_RESP_OK_EDID)) {
		return -EBADMSG;
	}
	return oriel_decode_resp_edid(r, ret, ret_size);
}
