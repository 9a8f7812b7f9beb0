// SPDX-License-Identifier: MIT
/*
 * Messages of the GPU socket: the display protocol between a vhost-user-gpu back-end (us) and its
 * front-end (QEMU), as QEMU's docs/interop/vhost-user-gpu.rst has it.
 *
 * Pure: bytes in, struct out, and back. Encoders write a whole message, header included; a writer
 * without room fails. Decoders take the payload of one message, exactly; anything else is -EBADMSG
 * and *ret is untouched. They judge the form of a message only: values are for the caller.
 *
 * The protocol is in native byte order. Oriel writes little-endian, so it speaks with front-ends on
 * little-endian hosts only; what is little-endian by the virtio standard (the structs inside the
 * replies to GET_DISPLAY_INFO and GET_EDID) looks the same as the rest here.
 */
#ifndef ORIEL_PROTOCOL_GPU_SOCKET_H
#define ORIEL_PROTOCOL_GPU_SOCKET_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/rect.h"
#include "protocol/virtio_gpu.h"

enum oriel_gpu_message_type {
	VHOST_USER_GPU_GET_PROTOCOL_FEATURES = 1,
	VHOST_USER_GPU_SET_PROTOCOL_FEATURES = 2,
	VHOST_USER_GPU_GET_DISPLAY_INFO = 3,
	VHOST_USER_GPU_CURSOR_POS = 4,
	VHOST_USER_GPU_CURSOR_POS_HIDE = 5,
	VHOST_USER_GPU_CURSOR_UPDATE = 6,
	VHOST_USER_GPU_SCANOUT = 7,
	VHOST_USER_GPU_UPDATE = 8,
	VHOST_USER_GPU_DMABUF_SCANOUT = 9,
	VHOST_USER_GPU_DMABUF_UPDATE = 10,
	VHOST_USER_GPU_GET_EDID = 11,
	VHOST_USER_GPU_DMABUF_SCANOUT2 = 12,
};

/** In the header's flags. */
#define VHOST_USER_GPU_MSG_FLAG_REPLY 0x4u

/** Protocol features: bit numbers. */
#define VHOST_USER_GPU_PROTOCOL_F_EDID 0
#define VHOST_USER_GPU_PROTOCOL_F_DMABUF2 1

#define ORIEL_GPU_MESSAGE_HEADER_SIZE 12u
#define ORIEL_GPU_MESSAGE_CURSOR_BYTES (64u * 64u * 4u)

/** Payload sizes; that of an UPDATE is without its pixels. */
#define ORIEL_GPU_MESSAGE_FEATURES_PAYLOAD 8u
#define ORIEL_GPU_MESSAGE_UPDATE_PAYLOAD 20u
#define ORIEL_GPU_MESSAGE_INFO_PAYLOAD (ORIEL_CTRL_HDR_SIZE + ORIEL_RESP_DISPLAY_INFO_SIZE)
#define ORIEL_GPU_MESSAGE_EDID_PAYLOAD (ORIEL_CTRL_HDR_SIZE + ORIEL_RESP_EDID_SIZE)

struct oriel_gpu_message_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; // bytes of payload
};

/** CURSOR_POS and CURSOR_POS_HIDE. Negative positions travel as two's complement. */
struct oriel_gpu_message_cursor {
	uint32_t scanout_id;
	int32_t x, y;
};

/** CURSOR_UPDATE. */
struct oriel_gpu_message_cursor_image {
	struct oriel_gpu_message_cursor at;
	uint32_t hot_x, hot_y;
	const uint8_t *pixels; // ORIEL_GPU_MESSAGE_CURSOR_BYTES: 64x64, B G R A in memory
};

/** SCANOUT. Empty: the scanout is off. */
struct oriel_gpu_message_scanout {
	uint32_t scanout_id;
	uint32_t width, height;
};

/** UPDATE and DMABUF_UPDATE. */
struct oriel_gpu_message_update {
	uint32_t scanout_id;
	struct oriel_rect rect;
	const uint8_t *pixels; // UPDATE, when decoded: width * height * 4 bytes, B G R X in memory
};

/**
 * In fd_flags. It has the name of the flag of 3D resources; but a front-end shows the first row at
 * the top without it, and at the bottom with it.
 */
#define VHOST_USER_GPU_DMABUF_FLAG_Y_0_TOP 0x1u

/** DMABUF_SCANOUT, and DMABUF_SCANOUT2 with its modifier. */
struct oriel_gpu_message_dmabuf {
	uint32_t scanout_id;
	struct oriel_rect rect;
	uint32_t fd_width, fd_height;
	uint32_t fd_stride; // bytes
	uint32_t fd_flags;  // bit 0: rows from the bottom up, see below
	uint32_t fourcc;
	uint64_t modifier; // SCANOUT2 only
};

/*
 * Encoders.
 */

/** A message that is a header only: type is GET_PROTOCOL_FEATURES or GET_DISPLAY_INFO. */
void oriel_gpu_message_encode_plain(struct oriel_writer *w, enum oriel_gpu_message_type type);

void oriel_gpu_message_encode_set_features(struct oriel_writer *w, uint64_t features);

void oriel_gpu_message_encode_get_edid(struct oriel_writer *w, uint32_t scanout_id);

/** CURSOR_POS if the cursor is to be seen, else CURSOR_POS_HIDE. */
void oriel_gpu_message_encode_cursor(struct oriel_writer *w,
		const struct oriel_gpu_message_cursor *cursor, bool visible);

void oriel_gpu_message_encode_cursor_image(struct oriel_writer *w,
		const struct oriel_gpu_message_cursor_image *image);

void oriel_gpu_message_encode_scanout(struct oriel_writer *w,
		const struct oriel_gpu_message_scanout *scanout);

/** UPDATE up to its pixels, which the caller writes behind it. */
void oriel_gpu_message_encode_update(struct oriel_writer *w, uint32_t scanout_id,
		const struct oriel_rect *rect);

void oriel_gpu_message_encode_dmabuf_scanout(struct oriel_writer *w,
		const struct oriel_gpu_message_dmabuf *dmabuf);

void oriel_gpu_message_encode_dmabuf_scanout2(struct oriel_writer *w,
		const struct oriel_gpu_message_dmabuf *dmabuf);

void oriel_gpu_message_encode_dmabuf_update(struct oriel_writer *w, uint32_t scanout_id,
		const struct oriel_rect *rect);

/** The replies, for a front-end. */
void oriel_gpu_message_encode_features_reply(struct oriel_writer *w, uint64_t features);

void oriel_gpu_message_encode_info_reply(struct oriel_writer *w,
		const struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS]);

/** At most ORIEL_EDID_MAX_SIZE bytes; zeros follow. */
void oriel_gpu_message_encode_edid_reply(struct oriel_writer *w, const uint8_t *edid, size_t size);

void oriel_gpu_message_encode_dmabuf_update_reply(struct oriel_writer *w);

/*
 * Decoders. All return 0 or -EBADMSG.
 */

/** Read a header, which more may follow. */
ORIEL_MUST_CHECK
int oriel_gpu_message_decode_header(struct oriel_reader *r, struct oriel_gpu_message_header *ret);

/** SET_PROTOCOL_FEATURES, or the reply to GET_PROTOCOL_FEATURES. */
ORIEL_MUST_CHECK
int oriel_gpu_message_decode_features(struct oriel_reader *r, uint64_t *ret);

ORIEL_MUST_CHECK
int oriel_gpu_message_decode_get_edid(struct oriel_reader *r, uint32_t *ret);

ORIEL_MUST_CHECK
int oriel_gpu_message_decode_cursor(struct oriel_reader *r, struct oriel_gpu_message_cursor *ret);

/** Valid: ret->pixels, as long as the reader's memory. */
ORIEL_MUST_CHECK
int oriel_gpu_message_decode_cursor_image(struct oriel_reader *r,
		struct oriel_gpu_message_cursor_image *ret);

ORIEL_MUST_CHECK
int oriel_gpu_message_decode_scanout(struct oriel_reader *r, struct oriel_gpu_message_scanout *ret);

/** Valid: ret->pixels, as long as the reader's memory. */
ORIEL_MUST_CHECK
int oriel_gpu_message_decode_update(struct oriel_reader *r, struct oriel_gpu_message_update *ret);

ORIEL_MUST_CHECK
int oriel_gpu_message_decode_dmabuf_scanout(struct oriel_reader *r,
		struct oriel_gpu_message_dmabuf *ret);

ORIEL_MUST_CHECK
int oriel_gpu_message_decode_dmabuf_scanout2(struct oriel_reader *r,
		struct oriel_gpu_message_dmabuf *ret);

ORIEL_MUST_CHECK
int oriel_gpu_message_decode_dmabuf_update(struct oriel_reader *r,
		struct oriel_gpu_message_update *ret);

/** The reply to GET_DISPLAY_INFO: also refused unless its type is OK_DISPLAY_INFO. */
ORIEL_MUST_CHECK
int oriel_gpu_message_decode_info(struct oriel_reader *r,
		struct oriel_display_one ret[VIRTIO_GPU_MAX_SCANOUTS]);

/** The reply to GET_EDID: also refused unless its type is OK_EDID and its size can be. */
ORIEL_MUST_CHECK
int oriel_gpu_message_decode_edid(struct oriel_reader *r, uint8_t ret[ORIEL_EDID_MAX_SIZE],
		size_t *ret_size);

#endif
