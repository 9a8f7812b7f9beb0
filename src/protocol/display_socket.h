// SPDX-License-Identifier: MIT
/*
 * Messages of the display socket, version 1: docs/display-protocol.md, whose sections are named
 * here. Both ends use them: display/share is the server, client/ the client.
 *
 * Pure: bytes in, struct out, and back. Encoders write a whole message, header included; too little
 * room fails the writer. Decoders expect the reader behind the header, bounded by the message's
 * size; they return 0, or -EBADMSG if bytes are missing, with *ret untouched. Bytes behind the
 * known fields are left alone (2). Values are judged by the callers. Reserved fields are written as
 * 0 and skipped when read.
 */
#ifndef ORIEL_DISPLAY_SOCKET_H
#define ORIEL_DISPLAY_SOCKET_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/rect.h"

#define ORIEL_SHARE_MAGIC 0x4c49524fu // "ORIL"
#define ORIEL_SHARE_VERSION 1u
#define ORIEL_SHARE_HEADER_SIZE 8u
#define ORIEL_SHARE_MAX_MESSAGE_SIZE 65536u
#define ORIEL_SHARE_MAX_TEXT_SIZE 256u
#define ORIEL_SHARE_MAX_SCANOUTS 16u
#define ORIEL_SHARE_CURSOR_SIDE 64u
#define ORIEL_SHARE_CURSOR_BYTES (ORIEL_SHARE_CURSOR_SIDE * ORIEL_SHARE_CURSOR_SIDE * 4u)
#define ORIEL_SHARE_XR24 0x34325258u // the format of snapshots
#define ORIEL_SHARE_MAX_INPUT_SYNCS 16u

enum oriel_share_type {
	ORIEL_SHARE_HELLO = 0x0001,
	ORIEL_SHARE_SUBSCRIBE = 0x0002,
	ORIEL_SHARE_TAKEN = 0x0003,
	ORIEL_SHARE_RELEASED = 0x0004,
	ORIEL_SHARE_GET_SNAPSHOT = 0x0005,
	ORIEL_SHARE_PING = 0x0006,
	ORIEL_SHARE_KEY = 0x0040, // feature INPUT, to INPUT_SYNC
	ORIEL_SHARE_POINTER = 0x0041,
	ORIEL_SHARE_BUTTON = 0x0042,
	ORIEL_SHARE_WHEEL = 0x0043,
	ORIEL_SHARE_INPUT_SYNC = 0x0044,
	ORIEL_SHARE_SET_SIZE = 0x0050, // feature SIZES

	ORIEL_SHARE_WELCOME = 0x0101,
	ORIEL_SHARE_ERROR = 0x0102,
	ORIEL_SHARE_BUFFER = 0x0103,
	ORIEL_SHARE_GONE = 0x0104,
	ORIEL_SHARE_CONFIG = 0x0105,
	ORIEL_SHARE_FRAME = 0x0106,
	ORIEL_SHARE_CURSOR_IMAGE = 0x0107,
	ORIEL_SHARE_CURSOR = 0x0108,
	ORIEL_SHARE_SNAPSHOT = 0x0109,
	ORIEL_SHARE_PONG = 0x010a,
	ORIEL_SHARE_INPUT_DONE = 0x0140, // feature INPUT
	ORIEL_SHARE_SIZE_SET = 0x0150,   // feature SIZES
};

/** Codes of ERROR (10). */
enum oriel_share_code {
	ORIEL_SHARE_CODE_PROTOCOL = 1,
	ORIEL_SHARE_CODE_VERSION = 2,
	ORIEL_SHARE_CODE_TOO_MANY_CLIENTS = 3,
	ORIEL_SHARE_CODE_OVER_BUDGET = 4,
	ORIEL_SHARE_CODE_NO_SUCH_SCANOUT = 5,
	ORIEL_SHARE_CODE_SCANOUT_OFF = 6,
	ORIEL_SHARE_CODE_TOO_MANY_SNAPSHOTS = 7,
	ORIEL_SHARE_CODE_NO_MEMORY = 8,
	ORIEL_SHARE_CODE_TIMEOUT = 9,
	ORIEL_SHARE_CODE_NOT_OURS = 10,
	ORIEL_SHARE_CODE_BAD_SIZE = 11,
};

/** In the features of HELLO and WELCOME (2). */
#define ORIEL_SHARE_FEATURE_DMABUF (UINT64_C(1) << 0)
#define ORIEL_SHARE_FEATURE_INPUT (UINT64_C(1) << 1)
#define ORIEL_SHARE_FEATURE_SIZES (UINT64_C(1) << 2)

/** In the header's flags: who does not know the type ignores the message. */
#define ORIEL_SHARE_SKIPPABLE 0x01u

/** In the flags of BUFFER. */
#define ORIEL_SHARE_BUFFER_DMABUF 0x01u

/** In the flags of CURSOR and SNAPSHOT. */
#define ORIEL_SHARE_CURSOR_VISIBLE 0x01u

struct oriel_share_header {
	uint32_t size; // of the message, header included
	uint16_t type;
	uint8_t flags;
	uint8_t n_fds;
};

struct oriel_share_hello {
	uint32_t magic;
	uint32_t version;
	uint64_t features;
};

struct oriel_share_subscribe {
	uint32_t frames; // bit i: scanout i
	uint32_t cursors;
};

struct oriel_share_taken {
	uint32_t scanout_id;
	uint64_t sequence;
};

struct oriel_share_get_snapshot {
	uint32_t token;
	uint32_t scanout_id;
};

struct oriel_share_key {
	uint32_t key;   // a Linux KEY_ code
	uint32_t state; // 0 released, 1 pressed
};

struct oriel_share_pointer {
	uint32_t scanout_id;
	uint32_t x, y; // pixels of the scanout
};

struct oriel_share_button {
	uint32_t scanout_id;
	uint32_t button; // a Linux BTN_ code
	uint32_t state;  // 0 released, 1 pressed
};

struct oriel_share_wheel {
	uint32_t scanout_id;
	int32_t vertical, horizontal; // 1/120 of a detent; positive: up, right
};

struct oriel_share_set_size {
	uint32_t token;
	uint32_t scanout_id;
	uint32_t width, height; // pixels; 0, 0: no monitor
	uint32_t refresh_mhz;   // 0: 60,000
};

struct oriel_share_welcome {
	uint32_t magic;
	uint32_t version;
	uint64_t features;
	uint32_t n_scanouts;
	uint32_t max_message_size;
	uint64_t max_held_bytes;
	uint32_t max_snapshots;
};

struct oriel_share_error {
	uint32_t token;
	uint32_t code;
	const char *text; // not terminated; decoded: valid as long as the message
	uint32_t text_size;
};

struct oriel_share_buffer_info {
	uint32_t buffer_id;
	uint32_t flags;
	uint64_t size;   // bytes of the file
	uint32_t stride; // bytes
	uint32_t fourcc;
	uint32_t width, height; // pixels
	uint64_t modifier;
	uint64_t offset; // bytes to the first pixel
};

struct oriel_share_config {
	uint32_t scanout_id;
	uint32_t buffer_id;    // 0: off
	struct oriel_rect src; // in pixels of the buffer; all 0: off
};

struct oriel_share_frame {
	uint32_t scanout_id;
	uint64_t sequence;
	struct oriel_rect damage; // in pixels of the scanout
};

struct oriel_share_cursor_image {
	uint32_t scanout_id;
	uint32_t width, height;
	uint32_t hot_x, hot_y;
	uint64_t serial;
	const uint8_t *pixels; // width * height * 4 bytes; decoded: valid as long as the message
};

struct oriel_share_cursor {
	uint32_t scanout_id;
	uint32_t flags;
	int32_t x, y; // of the image's top left pixel
	uint64_t serial;
};

struct oriel_share_snapshot {
	uint32_t token;
	uint32_t scanout_id;
	uint32_t buffer_id;
	uint32_t flags;
	uint64_t size;   // bytes of the file
	uint32_t stride; // bytes
	uint32_t fourcc;
	uint32_t width, height;
	uint64_t sequence;
	int32_t cursor_x, cursor_y;
	uint32_t hot_x, hot_y;
	uint64_t cursor_serial;
	uint64_t cursor_offset; // 0: not visible
};

struct oriel_share_input_done {
	uint32_t token;
	uint32_t n_dropped; // events since the last one
};

/**
 * Decode a header.
 *
 * Returns 0, -EBADMSG if bytes are missing, or -EPROTO if it cannot be one: a size below 8 or above
 * 65,536, or more than one descriptor.
 */
ORIEL_MUST_CHECK
int oriel_share_decode_header(struct oriel_reader *r, struct oriel_share_header *ret);

ORIEL_MUST_CHECK
int oriel_share_decode_hello(struct oriel_reader *r, struct oriel_share_hello *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_subscribe(struct oriel_reader *r, struct oriel_share_subscribe *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_taken(struct oriel_reader *r, struct oriel_share_taken *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_get_snapshot(struct oriel_reader *r, struct oriel_share_get_snapshot *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_key(struct oriel_reader *r, struct oriel_share_key *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_pointer(struct oriel_reader *r, struct oriel_share_pointer *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_button(struct oriel_reader *r, struct oriel_share_button *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_wheel(struct oriel_reader *r, struct oriel_share_wheel *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_set_size(struct oriel_reader *r, struct oriel_share_set_size *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_welcome(struct oriel_reader *r, struct oriel_share_welcome *ret);
/** Also -EBADMSG if the text is longer than it may be. */
ORIEL_MUST_CHECK
int oriel_share_decode_error(struct oriel_reader *r, struct oriel_share_error *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_buffer(struct oriel_reader *r, struct oriel_share_buffer_info *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_config(struct oriel_reader *r, struct oriel_share_config *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_frame(struct oriel_reader *r, struct oriel_share_frame *ret);
/** Also -EBADMSG if width * height pixels are more than the message has. */
ORIEL_MUST_CHECK
int oriel_share_decode_cursor_image(struct oriel_reader *r, struct oriel_share_cursor_image *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_cursor(struct oriel_reader *r, struct oriel_share_cursor *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_snapshot(struct oriel_reader *r, struct oriel_share_snapshot *ret);
ORIEL_MUST_CHECK
int oriel_share_decode_input_done(struct oriel_reader *r, struct oriel_share_input_done *ret);
/** The one number of RELEASED and GONE (a buffer), or PING, PONG and INPUT_SYNC (a token). */
ORIEL_MUST_CHECK
int oriel_share_decode_number(struct oriel_reader *r, uint32_t *ret);

/*
 * Encoders. Each sets type, size and n_fds of its header; a descriptor is the caller's to attach.
 */

void oriel_share_encode_header(struct oriel_writer *w, const struct oriel_share_header *header);
void oriel_share_encode_hello(struct oriel_writer *w, const struct oriel_share_hello *m);
void oriel_share_encode_subscribe(struct oriel_writer *w, const struct oriel_share_subscribe *m);
void oriel_share_encode_taken(struct oriel_writer *w, const struct oriel_share_taken *m);
void oriel_share_encode_get_snapshot(struct oriel_writer *w,
		const struct oriel_share_get_snapshot *m);
void oriel_share_encode_key(struct oriel_writer *w, const struct oriel_share_key *m);
void oriel_share_encode_pointer(struct oriel_writer *w, const struct oriel_share_pointer *m);
void oriel_share_encode_button(struct oriel_writer *w, const struct oriel_share_button *m);
void oriel_share_encode_wheel(struct oriel_writer *w, const struct oriel_share_wheel *m);
void oriel_share_encode_set_size(struct oriel_writer *w, const struct oriel_share_set_size *m);
void oriel_share_encode_welcome(struct oriel_writer *w, const struct oriel_share_welcome *m);
/** A text that is too long is cut. */
void oriel_share_encode_error(struct oriel_writer *w, const struct oriel_share_error *m);
void oriel_share_encode_buffer(struct oriel_writer *w, const struct oriel_share_buffer_info *m);
void oriel_share_encode_config(struct oriel_writer *w, const struct oriel_share_config *m);
void oriel_share_encode_frame(struct oriel_writer *w, const struct oriel_share_frame *m);
/** The image must be 64x64 at most. */
void oriel_share_encode_cursor_image(struct oriel_writer *w,
		const struct oriel_share_cursor_image *m);
void oriel_share_encode_cursor(struct oriel_writer *w, const struct oriel_share_cursor *m);
void oriel_share_encode_snapshot(struct oriel_writer *w, const struct oriel_share_snapshot *m);
void oriel_share_encode_input_done(struct oriel_writer *w, const struct oriel_share_input_done *m);
/** type is RELEASED, GONE, PING, PONG, INPUT_SYNC or SIZE_SET. */
void oriel_share_encode_number(struct oriel_writer *w, enum oriel_share_type type, uint32_t number);

/** Bytes of a message, header included, without its text or pixels. 0: no such type. */
uint32_t oriel_share_get_message_size(uint16_t type);

#endif
