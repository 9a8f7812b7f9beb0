// SPDX-License-Identifier: MIT
/*
 * The render link, version 1: docs/render-link.md, whose sections are named here. Both ends use it:
 * render/remote/ of the device, and of the process that renders.
 *
 * Pure: bytes in, struct out, and back. Encoders write a whole message or slot; decoders expect
 * exactly one, and return 0, or -EBADMSG if bytes are missing, too many, or cannot be; *ret is then
 * untouched. What a value means to an end is judged by that end.
 */
#ifndef ORIEL_PROTOCOL_RENDER_LINK_H
#define ORIEL_PROTOCOL_RENDER_LINK_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/rect.h"
#include "protocol/virtio_gpu_3d.h"

#define ORIEL_RENDER_LINK_MAGIC 0x4c52524fu // "ORRL"
#define ORIEL_RENDER_LINK_VERSION 1u

/** Where what lies in the shared memory (4). */
#define ORIEL_RENDER_LINK_REQUEST_OFFSET 0x1000u
#define ORIEL_RENDER_LINK_REQUEST_SIZE 128u
#define ORIEL_RENDER_LINK_N_REQUESTS 1024u
#define ORIEL_RENDER_LINK_REPLY_OFFSET 0x21000u
#define ORIEL_RENDER_LINK_REPLY_SIZE 32u
#define ORIEL_RENDER_LINK_N_REPLIES 4096u
#define ORIEL_RENDER_LINK_ARENA_OFFSET 0x80000u
#define ORIEL_RENDER_LINK_ARENA_SIZE 0x1000000u // 16 MiB
#define ORIEL_RENDER_LINK_MEMORY_SIZE \
	(ORIEL_RENDER_LINK_ARENA_OFFSET + ORIEL_RENDER_LINK_ARENA_SIZE)

#define ORIEL_RENDER_LINK_MAX_CAPSETS 8u
#define ORIEL_RENDER_LINK_MAX_CAPSET_SIZE 4096u
#define ORIEL_RENDER_LINK_MAX_MESSAGE_SIZE (24u + ORIEL_RENDER_LINK_MAX_CAPSET_SIZE)
#define ORIEL_RENDER_LINK_NAME_SIZE 64u
#define ORIEL_RENDER_LINK_BACKING_ENTRY_SIZE 16u
#define ORIEL_RENDER_LINK_MAX_ERROR 4095

/** Messages of the socket (3). */
enum oriel_render_link_message_type {
	ORIEL_RENDER_LINK_HELLO = 1,    // of the renderer
	ORIEL_RENDER_LINK_CAPSET = 2,   // of the renderer
	ORIEL_RENDER_LINK_EXPORTED = 3, // of the renderer
	ORIEL_RENDER_LINK_SETUP = 0x101,
	ORIEL_RENDER_LINK_REGION = 0x102,
	ORIEL_RENDER_LINK_FILE = 0x103,
};

struct oriel_render_link_setup {
	uint32_t magic;
	uint32_t version;
	uint64_t memory_size;
};

struct oriel_render_link_region {
	uint32_t number;
	uint32_t index; // in its table: the one with 0 begins a new table
	uint64_t gpa;
	uint64_t size;
	uint64_t fd_offset;
};

struct oriel_render_link_file {
	uint32_t number;
};

struct oriel_render_link_hello {
	uint32_t magic;
	uint32_t version;
	uint32_t n_capsets;
	bool can_export;
};

struct oriel_render_link_exported {
	uint32_t number;
	uint32_t stride; // bytes
	uint32_t fourcc;
	uint64_t modifier;
	uint64_t offset; // bytes
};

struct oriel_render_link_capset {
	uint32_t id;
	uint32_t version;
	uint32_t size;
	const uint8_t *data; // decoded: valid as long as the message
};

/** Operations (5). Numbers are part of the protocol, and those of enum oriel_render3d_type. */
enum oriel_render_link_type {
	ORIEL_RENDER_LINK_CREATE_CONTEXT = 1,
	ORIEL_RENDER_LINK_DESTROY_CONTEXT = 2,
	ORIEL_RENDER_LINK_ATTACH_RESOURCE = 3,
	ORIEL_RENDER_LINK_DETACH_RESOURCE = 4,
	ORIEL_RENDER_LINK_CREATE_RESOURCE = 5,
	ORIEL_RENDER_LINK_UNREF_RESOURCE = 6,
	ORIEL_RENDER_LINK_ATTACH_BACKING = 7,
	ORIEL_RENDER_LINK_DETACH_BACKING = 8,
	ORIEL_RENDER_LINK_TRANSFER_TO_HOST = 9,
	ORIEL_RENDER_LINK_TRANSFER_FROM_HOST = 10,
	ORIEL_RENDER_LINK_SUBMIT = 11,
	ORIEL_RENDER_LINK_FENCE = 12,
	ORIEL_RENDER_LINK_ADD_IMAGE = 13,
	ORIEL_RENDER_LINK_REMOVE_IMAGE = 14,
	ORIEL_RENDER_LINK_READ_PIXELS = 15,
	ORIEL_RENDER_LINK_SET_MEMORY = 16,
	ORIEL_RENDER_LINK_RESET = 17,
	ORIEL_RENDER_LINK_EXPORT = 18,
};

/** One slot of the request ring. */
struct oriel_render_link_request {
	uint64_t sequence;
	uint32_t type;
	uint32_t ctx_id;
	uint32_t resource_id;
	uint32_t fd_number;      // of the message whose descriptor belongs to it; 0: none
	uint64_t payload_offset; // in the arena, or 0 in the file fd_number
	uint32_t payload_size;   // bytes; 0: none
	union {
		struct {
			uint32_t capset_id;
			uint8_t name[ORIEL_RENDER_LINK_NAME_SIZE]; // ends at the first zero
		} context;
		struct {
			uint32_t target, format, bind;
			uint32_t width, height, depth;
			uint32_t array_size, last_level, n_samples, flags;
		} resource;
		struct {
			struct oriel_box box;
			uint64_t offset;
			uint32_t level, stride, layer_stride;
		} transfer;
		struct {
			uint32_t is_global; // 0 or 1
			uint32_t ring_idx;  // below 64
		} fence;
		struct {
			uint64_t size;
		} image;
		struct {
			uint32_t image_id;
			struct oriel_rect rect;
			uint64_t offset;
			uint32_t stride;
		} read;
		struct {
			uint32_t n_regions;
		} memory;
		struct {
			uint32_t wants_file; // 0 or 1; the rest is for 1
			uint32_t fourcc;
			uint32_t width, height;
		} exported;
	};
};

/** One slot of the reply ring. */
struct oriel_render_link_reply {
	uint64_t sequence;
	int32_t err;        // 0 or a negative errno
	uint32_t fd_number; // of the EXPORTED that belongs to it; 0: none
};

/** The type of a message, or 0 if it is too short to have one. */
uint32_t oriel_render_link_get_message_type(const void *bytes, size_t size);

ORIEL_MUST_CHECK
int oriel_render_link_decode_setup(struct oriel_reader *r, struct oriel_render_link_setup *ret);
ORIEL_MUST_CHECK
int oriel_render_link_decode_region(struct oriel_reader *r, struct oriel_render_link_region *ret);
ORIEL_MUST_CHECK
int oriel_render_link_decode_file(struct oriel_reader *r, struct oriel_render_link_file *ret);
/** Also -EBADMSG for flags that there are not. */
ORIEL_MUST_CHECK
int oriel_render_link_decode_hello(struct oriel_reader *r, struct oriel_render_link_hello *ret);
ORIEL_MUST_CHECK
int oriel_render_link_decode_exported(struct oriel_reader *r,
		struct oriel_render_link_exported *ret);
/** Also -EBADMSG if the capset is larger than it may be. */
ORIEL_MUST_CHECK
int oriel_render_link_decode_capset(struct oriel_reader *r, struct oriel_render_link_capset *ret);
/**
 * Also -EBADMSG for a type that there is not, a payload outside the arena, or a bad fence or
 * export.
 */
ORIEL_MUST_CHECK
int oriel_render_link_decode_request(struct oriel_reader *r, struct oriel_render_link_request *ret);
/** Also -EBADMSG for an error that is positive or no errno, or reserved bytes that are not 0. */
ORIEL_MUST_CHECK
int oriel_render_link_decode_reply(struct oriel_reader *r, struct oriel_render_link_reply *ret);

void oriel_render_link_encode_setup(struct oriel_writer *w,
		const struct oriel_render_link_setup *m);
void oriel_render_link_encode_region(struct oriel_writer *w,
		const struct oriel_render_link_region *m);
void oriel_render_link_encode_file(struct oriel_writer *w, const struct oriel_render_link_file *m);
void oriel_render_link_encode_hello(struct oriel_writer *w,
		const struct oriel_render_link_hello *m);
void oriel_render_link_encode_exported(struct oriel_writer *w,
		const struct oriel_render_link_exported *m);
void oriel_render_link_encode_capset(struct oriel_writer *w,
		const struct oriel_render_link_capset *m);
/** Writes a whole slot. */
void oriel_render_link_encode_request(struct oriel_writer *w,
		const struct oriel_render_link_request *m);
/** Writes a whole slot. */
void oriel_render_link_encode_reply(struct oriel_writer *w,
		const struct oriel_render_link_reply *m);

#endif
