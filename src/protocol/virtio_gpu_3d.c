// SPDX-License-Identifier: MIT
/* See virtio_gpu_3d.h. Field orders are those of Linux's virtio_gpu.h. */
#include "protocol/virtio_gpu_3d.h"

#include <errno.h>

static struct oriel_box read_box(struct oriel_reader *r) {
	struct oriel_box box;
	box.x = oriel_read_u32(r);
	box.y = oriel_read_u32(r);
	box.z = oriel_read_u32(r);
	box.width = oriel_read_u32(r);
	box.height = oriel_read_u32(r);
	box.depth = oriel_read_u32(r);
	return box;
}

static void write_box(struct oriel_writer *w, const struct oriel_box *box) {
	oriel_write_u32(w, box->x);
	oriel_write_u32(w, box->y);
	oriel_write_u32(w, box->z);
	oriel_write_u32(w, box->width);
	oriel_write_u32(w, box->height);
	oriel_write_u32(w, box->depth);
}

// CTX_CREATE.

int oriel_decode_ctx_create(struct oriel_reader *r, struct oriel_cmd_ctx_create *ret) {
	struct oriel_cmd_ctx_create m;
	m.name_len = oriel_read_u32(r);
	m.context_init = oriel_read_u32(r);
	oriel_read_bytes(r, m.name, sizeof(m.name));
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_ctx_create(struct oriel_writer *w, const struct oriel_cmd_ctx_create *cmd) {
	oriel_write_u32(w, cmd->name_len);
	oriel_write_u32(w, cmd->context_init);
	oriel_write_bytes(w, cmd->name, sizeof(cmd->name));
}

// CTX_ATTACH_RESOURCE, CTX_DETACH_RESOURCE.

int oriel_decode_ctx_resource(struct oriel_reader *r, struct oriel_cmd_ctx_resource *ret) {
	struct oriel_cmd_ctx_resource m;
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_ctx_resource(struct oriel_writer *w, const struct oriel_cmd_ctx_resource *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}

// RESOURCE_CREATE_3D.

int oriel_decode_create_3d(struct oriel_reader *r, struct oriel_cmd_create_3d *ret) {
	struct oriel_cmd_create_3d m;
	m.resource_id = oriel_read_u32(r);
	m.target = oriel_read_u32(r);
	m.format = oriel_read_u32(r);
	m.bind = oriel_read_u32(r);
	m.width = oriel_read_u32(r);
	m.height = oriel_read_u32(r);
	m.depth = oriel_read_u32(r);
	m.array_size = oriel_read_u32(r);
	m.last_level = oriel_read_u32(r);
	m.n_samples = oriel_read_u32(r);
	m.flags = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_create_3d(struct oriel_writer *w, const struct oriel_cmd_create_3d *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->target);
	oriel_write_u32(w, cmd->format);
	oriel_write_u32(w, cmd->bind);
	oriel_write_u32(w, cmd->width);
	oriel_write_u32(w, cmd->height);
	oriel_write_u32(w, cmd->depth);
	oriel_write_u32(w, cmd->array_size);
	oriel_write_u32(w, cmd->last_level);
	oriel_write_u32(w, cmd->n_samples);
	oriel_write_u32(w, cmd->flags);
	oriel_write_zeros(w, 4);
}

// TRANSFER_TO_HOST_3D, TRANSFER_FROM_HOST_3D.

int oriel_decode_transfer_3d(struct oriel_reader *r, struct oriel_cmd_transfer_3d *ret) {
	struct oriel_cmd_transfer_3d m;
	m.box = read_box(r);
	m.offset = oriel_read_u64(r);
	m.resource_id = oriel_read_u32(r);
	m.level = oriel_read_u32(r);
	m.stride = oriel_read_u32(r);
	m.layer_stride = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_transfer_3d(struct oriel_writer *w, const struct oriel_cmd_transfer_3d *cmd) {
	write_box(w, &cmd->box);
	oriel_write_u64(w, cmd->offset);
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_u32(w, cmd->level);
	oriel_write_u32(w, cmd->stride);
	oriel_write_u32(w, cmd->layer_stride);
}

// SUBMIT_3D.

int oriel_decode_submit_3d(struct oriel_reader *r, struct oriel_cmd_submit_3d *ret) {
	struct oriel_cmd_submit_3d m;
	m.size = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_submit_3d(struct oriel_writer *w, const struct oriel_cmd_submit_3d *cmd) {
	oriel_write_u32(w, cmd->size);
	oriel_write_zeros(w, 4);
}

// RESOURCE_MAP_BLOB.

int oriel_decode_map_blob(struct oriel_reader *r, struct oriel_cmd_map_blob *ret) {
	struct oriel_cmd_map_blob m;
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	m.offset = oriel_read_u64(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_map_blob(struct oriel_writer *w, const struct oriel_cmd_map_blob *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
	oriel_write_u64(w, cmd->offset);
}

// RESOURCE_UNMAP_BLOB.

int oriel_decode_unmap_blob(struct oriel_reader *r, struct oriel_cmd_unmap_blob *ret) {
	struct oriel_cmd_unmap_blob m;
	m.resource_id = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_encode_unmap_blob(struct oriel_writer *w, const struct oriel_cmd_unmap_blob *cmd) {
	oriel_write_u32(w, cmd->resource_id);
	oriel_write_zeros(w, 4);
}
