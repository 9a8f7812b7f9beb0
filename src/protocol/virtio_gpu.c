// SPDX-License-Identifier: MIT
/*
 * Requests of virtio-gpu and the control header; see virtio_gpu.h. Responses and the configuration
 * space are in virtio_gpu_resp.c.
 *
 * The commands are described in virtio 1.3, 5.7.6.8 (2D and blobs) and 5.7.6.10 (cursor). One
 * statement a field, in wire order: C leaves the order inside an initialiser list open.
 */
#include "protocol/virtio_gpu.h"

#include <errno.h>

static struct oriel_rect read_rect(struct oriel_reader *r) {
	struct oriel_rect rect;
	rect.x = oriel_read_u32(r);
	rect.y = oriel_read_u32(r);
	rect.width = oriel_read_u32(r);
	rect.height = oriel_read_u32(r);
	return rect;
}

static void write_rect(struct oriel_writer *w, const struct oriel_rect *rect) {
	oriel_write_u32(w, rect->x);
	oriel_write_u32(w, rect->y);
	oriel_write_u32(w, rect->width);
	oriel_write_u32(w, rect->height);
}

// 5.7.6.7.

int oriel_decode_ctrl_hdr(struct oriel_reader *r, struct oriel_ctrl_hdr *ret) {
	struct oriel_ctrl_hdr m;
	m.type = oriel_read_u32(r);
	m.flags = oriel_read_u32(r);
	m.fence_id = oriel_read_u64(r);
	m.ctx_id = oriel_read_u32(r);
	m.ring_idx = oriel_read_u8(r);
	oriel_read_skip(r, 3);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_ctrl_hdr(struct oriel_writer *w, const struct oriel_ctrl_hdr *hdr) {
	oriel_write_u32(w, hdr->type);
	oriel_write_u32(w, hdr->flags);
	oriel_write_u64(w, hdr->fence_id);
	oriel_write_u32(w, hdr->ctx_id);
	oriel_write_u8(w, hdr->ring_idx);
	oriel_write_zeros(w, 3);
}

// 5.7.6.8, struct virtio_gpu_mem_entry.

int oriel_decode_mem_entry(struct oriel_reader *r, struct oriel_mem_entry *ret) {
	struct oriel_mem_entry m;
	m.gpa = oriel_read_u64(r);
	m.length = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_mem_entry(struct oriel_writer *w, const struct oriel_mem_entry *entry) {
	oriel_write_u64(w, entry->gpa);
	oriel_write_u32(w, entry->length);
	oriel_write_zeros(w, 4);
}

// RESOURCE_CREATE_2D.

int oriel_decode_create_2d(struct oriel_reader *r, struct oriel_cmd_create_2d *ret) {
	struct oriel_cmd_create_2d m;
	m.resource_id = oriel_read_u32(r);
	m.format = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_create_2d(struct oriel_writer *w, const struct oriel_cmd_create_2d *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->format);
	oriel_write_u32(w, cmd->width);
	oriel_write_u32(w, cmd->height);
}

// RESOURCE_UNREF.

int oriel_decode_unref(struct oriel_reader *r, struct oriel_cmd_unref *ret) {
	struct oriel_cmd_unref m;
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_unref(struct oriel_writer *w, const struct oriel_cmd_unref *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}

// SET_SCANOUT.

int oriel_decode_set_scanout(struct oriel_reader *r, struct oriel_cmd_set_scanout *ret) {
	struct oriel_cmd_set_scanout m;
	m.rect = read_rect(r);
	m.scanout_id = oriel_read_u32(r);
	m.resource_id = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_set_scanout(struct oriel_writer *w, const struct oriel_cmd_set_scanout *cmd) {
	write_rect(w, &cmd->rect);
	oriel_write_u32(w, cmd->scanout_id);
	oriel_write_u32(w, cmd->resource_id);
}

// RESOURCE_FLUSH.

int oriel_decode_flush(struct oriel_reader *r, struct oriel_cmd_flush *ret) {
	struct oriel_cmd_flush m;
	m.rect = read_rect(r);
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_flush(struct oriel_writer *w, const struct oriel_cmd_flush *cmd) {
	write_rect(w, &cmd->rect);
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}

// TRANSFER_TO_HOST_2D.

int oriel_decode_transfer_to_host_2d(struct oriel_reader *r,
		struct oriel_cmd_transfer_to_host_2d *ret) {
	struct oriel_cmd_transfer_to_host_2d m;
	m.rect = read_rect(r);
	m.offset = oriel_read_u64(r);
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_transfer_to_host_2d(struct oriel_writer *w,
		const struct oriel_cmd_transfer_to_host_2d *cmd) {
	write_rect(w, &cmd->rect);
	oriel_write_u64(w, cmd->offset);
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}

// RESOURCE_ATTACH_BACKING.

int oriel_decode_attach_backing(struct oriel_reader *r, struct oriel_cmd_attach_backing *ret) {
	struct oriel_cmd_attach_backing m;
	m.resource_id = oriel_read_u32(r);
	m.n_entries = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_attach_backing(struct oriel_writer *w,
		const struct oriel_cmd_attach_backing *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->n_entries);
}

// RESOURCE_DETACH_BACKING.

int oriel_decode_detach_backing(struct oriel_reader *r, struct oriel_cmd_detach_backing *ret) {
	struct oriel_cmd_detach_backing m;
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_detach_backing(struct oriel_writer *w,
		const struct oriel_cmd_detach_backing *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}

// GET_CAPSET_INFO.

int oriel_decode_get_capset_info(struct oriel_reader *r, struct oriel_cmd_get_capset_info *ret) {
	struct oriel_cmd_get_capset_info m;
	m.capset_index = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_get_capset_info(struct oriel_writer *w,
		const struct oriel_cmd_get_capset_info *cmd) {
	oriel_write_u32(w, cmd->capset_index);
	oriel_write_zeros(w, 4);
}

// GET_CAPSET.

int oriel_decode_get_capset(struct oriel_reader *r, struct oriel_cmd_get_capset *ret) {
	struct oriel_cmd_get_capset m;
	m.capset_id = oriel_read_u32(r);
	m.capset_version = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_get_capset(struct oriel_writer *w, const struct oriel_cmd_get_capset *cmd) {
	oriel_write_u32(w, cmd->capset_id);
	oriel_write_u32(w, cmd->capset_version);
}

// GET_EDID.

int oriel_decode_get_edid(struct oriel_reader *r, struct oriel_cmd_get_edid *ret) {
	struct oriel_cmd_get_edid m;
	m.scanout_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_get_edid(struct oriel_writer *w, const struct oriel_cmd_get_edid *cmd) {
	oriel_write_u32(w, cmd->scanout_id);
	oriel_write_zeros(w, 4);
}

// RESOURCE_ASSIGN_UUID.

int oriel_decode_assign_uuid(struct oriel_reader *r, struct oriel_cmd_assign_uuid *ret) {
	struct oriel_cmd_assign_uuid m;
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_assign_uuid(struct oriel_writer *w, const struct oriel_cmd_assign_uuid *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}

// RESOURCE_CREATE_BLOB.

int oriel_decode_create_blob(struct oriel_reader *r, struct oriel_cmd_create_blob *ret) {
	struct oriel_cmd_create_blob m;
	m.resource_id = oriel_read_u32(r);
	m.blob_mem = oriel_read_u32(r);
	m.blob_flags = oriel_read_u32(r);
	m.n_entries = oriel_read_u32(r);
	m.blob_id = oriel_read_u64(r);
	m.size = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_create_blob(struct oriel_writer *w, const struct oriel_cmd_create_blob *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->blob_mem);
	oriel_write_u32(w, cmd->blob_flags);
	oriel_write_u32(w, cmd->n_entries);
	oriel_write_u64(w, cmd->blob_id);
	oriel_write_u64(w, cmd->size);
}

// SET_SCANOUT_BLOB.

int oriel_decode_set_scanout_blob(struct oriel_reader *r, struct oriel_cmd_set_scanout_blob *ret) {
	struct oriel_cmd_set_scanout_blob m;
	m.rect = read_rect(r);
	m.scanout_id = oriel_read_u32(r);
	m.resource_id = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	m.format = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(m.strides); i++) {
		m.strides[i] = oriel_read_u32(r);
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(m.offsets); i++) {
		m.offsets[i] = oriel_read_u32(r);
	}
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_set_scanout_blob(struct oriel_writer *w,
		const struct oriel_cmd_set_scanout_blob *cmd) {
	write_rect(w, &cmd->rect);
	oriel_write_u32(w, cmd->scanout_id);
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->width);
	oriel_write_u32(w, cmd->height);
	oriel_write_u32(w, cmd->format);
	oriel_write_zeros(w, 4);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cmd->strides); i++) {
		oriel_write_u32(w, cmd->strides[i]);
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cmd->offsets); i++) {
		oriel_write_u32(w, cmd->offsets[i]);
	}
}

// UPDATE_CURSOR, MOVE_CURSOR (5.7.6.10).

int oriel_decode_update_cursor(struct oriel_reader *r, struct oriel_cmd_update_cursor *ret) {
	struct oriel_cmd_update_cursor m;
	m.scanout_id = oriel_read_u32(r);
	m.x = (int32_t)oriel_read_u32(r);
	m.y = (int32_t)oriel_read_u32(r);
	oriel_read_skip(r, 4);
	m.resource_id = oriel_read_u32(r);
	m.hot_x = oriel_read_u32(r);
	m.hot_y = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_update_cursor(struct oriel_writer *w, const struct oriel_cmd_update_cursor *cmd) {
	oriel_write_u32(w, cmd->scanout_id);
	oriel_write_u32(w, (uint32_t)cmd->x);
	oriel_write_u32(w, (uint32_t)cmd->y);
	oriel_write_zeros(w, 4);
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->hot_x);
	oriel_write_u32(w, cmd->hot_y);
	oriel_write_zeros(w, 4);
}
