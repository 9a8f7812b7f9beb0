// SPDX-License-Identifier: MIT
/*
 * Messages of virtio-gpu: bytes to struct and back (virtio 1.3, 5.7.6.7 to 5.7.6.10).
 *
 * Pure functions over private memory; whether a value makes sense is the device's business. A
 * decoder expects the reader right behind the control header, takes the fixed part of its request
 * and leaves the reader at the variable part. It returns 0, or -EBADMSG if bytes are missing, with
 * *ret untouched and the reader failed. Padding is skipped when read and zero when written.
 *
 * An encoder writes what its decoder reads; too little room fails the writer. The encoders of
 * requests and the decoders of responses are for the driver's side: tests, examples, tools.
 */
#ifndef ORIEL_VIRTIO_GPU_H
#define ORIEL_VIRTIO_GPU_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/rect.h"
#include "protocol/virtio_gpu_defs.h"

/** In front of every request and response: 24 bytes. */
struct oriel_ctrl_hdr {
	uint32_t type;
	uint32_t flags;
	uint64_t fence_id;
	uint32_t ctx_id;
	uint8_t ring_idx;
};

/** A run of guest memory, in the variable part of ATTACH_BACKING and CREATE_BLOB. */
struct oriel_mem_entry {
	uint64_t gpa;
	uint32_t length; // bytes
};

struct oriel_cmd_create_2d {
	uint32_t resource_id;
	uint32_t format;
	uint32_t width, height; // pixels
};

struct oriel_cmd_unref {
	uint32_t resource_id;
};

struct oriel_cmd_set_scanout {
	struct oriel_rect rect;
	uint32_t scanout_id;
	uint32_t resource_id; // 0 disables the scanout
};

struct oriel_cmd_flush {
	struct oriel_rect rect;
	uint32_t resource_id;
};

struct oriel_cmd_transfer_to_host_2d {
	struct oriel_rect rect;
	uint64_t offset; // of the rectangle's first pixel in the backing, bytes
	uint32_t resource_id;
};

struct oriel_cmd_attach_backing {
	uint32_t resource_id;
	uint32_t n_entries; // struct oriel_mem_entry follow
};

struct oriel_cmd_detach_backing {
	uint32_t resource_id;
};

struct oriel_cmd_get_capset_info {
	uint32_t capset_index;
};

struct oriel_cmd_get_capset {
	uint32_t capset_id;
	uint32_t capset_version;
};

struct oriel_cmd_get_edid {
	uint32_t scanout_id;
};

struct oriel_cmd_assign_uuid {
	uint32_t resource_id;
};

struct oriel_cmd_create_blob {
	uint32_t resource_id;
	uint32_t blob_mem;
	uint32_t blob_flags;
	uint32_t n_entries; // struct oriel_mem_entry follow
	uint64_t blob_id;
	uint64_t size; // bytes
};

struct oriel_cmd_set_scanout_blob {
	struct oriel_rect rect;
	uint32_t scanout_id;
	uint32_t resource_id; // 0 disables the scanout
	uint32_t width, height;
	uint32_t format;
	uint32_t strides[4]; // bytes, one a plane
	uint32_t offsets[4]; // bytes, one a plane
};

/** UPDATE_CURSOR and MOVE_CURSOR; the latter means only the position. */
struct oriel_cmd_update_cursor {
	uint32_t scanout_id;
	int32_t x, y;         // negative where the image hangs over the left or upper edge
	uint32_t resource_id; // 0 hides the cursor
	uint32_t hot_x, hot_y;
};

/** One of the 16 entries of RESP_OK_DISPLAY_INFO. */
struct oriel_display_one {
	struct oriel_rect rect;
	bool enabled;
};

struct oriel_capset_info {
	uint32_t id;
	uint32_t max_version;
	uint32_t max_size; // bytes
};

ORIEL_MUST_CHECK
int oriel_decode_ctrl_hdr(struct oriel_reader *r, struct oriel_ctrl_hdr *ret);
ORIEL_MUST_CHECK
int oriel_decode_mem_entry(struct oriel_reader *r, struct oriel_mem_entry *ret);

ORIEL_MUST_CHECK
int oriel_decode_create_2d(struct oriel_reader *r, struct oriel_cmd_create_2d *ret);
ORIEL_MUST_CHECK
int oriel_decode_unref(struct oriel_reader *r, struct oriel_cmd_unref *ret);
ORIEL_MUST_CHECK
int oriel_decode_set_scanout(struct oriel_reader *r, struct oriel_cmd_set_scanout *ret);
ORIEL_MUST_CHECK
int oriel_decode_flush(struct oriel_reader *r, struct oriel_cmd_flush *ret);
ORIEL_MUST_CHECK
int oriel_decode_transfer_to_host_2d(struct oriel_reader *r,
		struct oriel_cmd_transfer_to_host_2d *ret);
ORIEL_MUST_CHECK
int oriel_decode_attach_backing(struct oriel_reader *r, struct oriel_cmd_attach_backing *ret);
ORIEL_MUST_CHECK
int oriel_decode_detach_backing(struct oriel_reader *r, struct oriel_cmd_detach_backing *ret);
ORIEL_MUST_CHECK
int oriel_decode_get_capset_info(struct oriel_reader *r, struct oriel_cmd_get_capset_info *ret);
ORIEL_MUST_CHECK
int oriel_decode_get_capset(struct oriel_reader *r, struct oriel_cmd_get_capset *ret);
ORIEL_MUST_CHECK
int oriel_decode_get_edid(struct oriel_reader *r, struct oriel_cmd_get_edid *ret);
ORIEL_MUST_CHECK
int oriel_decode_assign_uuid(struct oriel_reader *r, struct oriel_cmd_assign_uuid *ret);
ORIEL_MUST_CHECK
int oriel_decode_create_blob(struct oriel_reader *r, struct oriel_cmd_create_blob *ret);
ORIEL_MUST_CHECK
int oriel_decode_set_scanout_blob(struct oriel_reader *r, struct oriel_cmd_set_scanout_blob *ret);
ORIEL_MUST_CHECK
int oriel_decode_update_cursor(struct oriel_reader *r, struct oriel_cmd_update_cursor *ret);

void oriel_encode_ctrl_hdr(struct oriel_writer *w, const struct oriel_ctrl_hdr *hdr);
void oriel_encode_mem_entry(struct oriel_writer *w, const struct oriel_mem_entry *entry);

void oriel_encode_create_2d(struct oriel_writer *w, const struct oriel_cmd_create_2d *cmd);
void oriel_encode_unref(struct oriel_writer *w, const struct oriel_cmd_unref *cmd);
void oriel_encode_set_scanout(struct oriel_writer *w, const struct oriel_cmd_set_scanout *cmd);
void oriel_encode_flush(struct oriel_writer *w, const struct oriel_cmd_flush *cmd);
void oriel_encode_transfer_to_host_2d(struct oriel_writer *w,
		const struct oriel_cmd_transfer_to_host_2d *cmd);
void oriel_encode_attach_backing(struct oriel_writer *w,
		const struct oriel_cmd_attach_backing *cmd);
void oriel_encode_detach_backing(struct oriel_writer *w,
		const struct oriel_cmd_detach_backing *cmd);
void oriel_encode_get_capset_info(struct oriel_writer *w,
		const struct oriel_cmd_get_capset_info *cmd);
void oriel_encode_get_capset(struct oriel_writer *w, const struct oriel_cmd_get_capset *cmd);
void oriel_encode_get_edid(struct oriel_writer *w, const struct oriel_cmd_get_edid *cmd);
void oriel_encode_assign_uuid(struct oriel_writer *w, const struct oriel_cmd_assign_uuid *cmd);
void oriel_encode_create_blob(struct oriel_writer *w, const struct oriel_cmd_create_blob *cmd);
void oriel_encode_set_scanout_blob(struct oriel_writer *w,
		const struct oriel_cmd_set_scanout_blob *cmd);
void oriel_encode_update_cursor(struct oriel_writer *w, const struct oriel_cmd_update_cursor *cmd);

// Responses, behind the header. The flags of a display are undefined: they are written as 0.

void oriel_encode_resp_display_info(struct oriel_writer *w,
		const struct oriel_display_one displays[VIRTIO_GPU_MAX_SCANOUTS]);
/** More than ORIEL_EDID_MAX_SIZE bytes fail the writer; fewer are followed by zeros. */
void oriel_encode_resp_edid(struct oriel_writer *w, const uint8_t *edid, size_t size);
void oriel_encode_resp_uuid(struct oriel_writer *w, const uint8_t uuid[ORIEL_RESP_UUID_SIZE]);
void oriel_encode_resp_capset_info(struct oriel_writer *w, const struct oriel_capset_info *info);

ORIEL_MUST_CHECK
int oriel_decode_resp_display_info(struct oriel_reader *r,
		struct oriel_display_one ret[VIRTIO_GPU_MAX_SCANOUTS]);
/** -EBADMSG also if the response claims more bytes than there can be. */
ORIEL_MUST_CHECK
int oriel_decode_resp_edid(struct oriel_reader *r, uint8_t ret[ORIEL_EDID_MAX_SIZE],
		size_t *ret_size);
ORIEL_MUST_CHECK
int oriel_decode_resp_uuid(struct oriel_reader *r, uint8_t ret[ORIEL_RESP_UUID_SIZE]);
ORIEL_MUST_CHECK
int oriel_decode_resp_capset_info(struct oriel_reader *r, struct oriel_capset_info *ret);

/** The configuration space, ORIEL_GPU_CONFIG_SIZE bytes; events_clear reads as 0 (5.7.4). */
void oriel_encode_gpu_config(struct oriel_writer *w, uint32_t events_read, uint32_t num_scanouts,
		uint32_t num_capsets, uint32_t blob_alignment);

#endif
