// SPDX-License-Identifier: MIT
/*
 * virtio-gpu commands of contexts and of 3D: bytes in, struct out, and back.
 *
 * The standard names these commands and leaves their layout to Linux's virtio_gpu.h. What the
 * numbers of a resource mean (target, format, bind, flags) is virgl's business, and so is what a
 * command buffer holds. As in virtio_gpu.h: the decoders read only the body, behind the control
 * header, which also carries ctx_id.
 */
#ifndef ORIEL_PROTOCOL_VIRTIO_GPU_3D_H
#define ORIEL_PROTOCOL_VIRTIO_GPU_3D_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "protocol/virtio_gpu_defs.h"

#define ORIEL_CTX_NAME_SIZE 64u

/** Texels of one mip level: a rectangle of an image, layers (z and depth) of a 3D one or array. */
struct oriel_box {
	uint32_t x, y, z;
	uint32_t width, height, depth;
};

struct oriel_cmd_ctx_create {
	uint32_t name_len;     // may be more than there is room for
	uint32_t context_init; // VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK and reserved bits
	uint8_t name[ORIEL_CTX_NAME_SIZE]; // not terminated
};

/** CTX_ATTACH_RESOURCE and CTX_DETACH_RESOURCE. */
struct oriel_cmd_ctx_resource {
	uint32_t resource_id;
};

struct oriel_cmd_create_3d {
	uint32_t resource_id;
	uint32_t target;
	uint32_t format;
	uint32_t bind;
	uint32_t width, height, depth;
	uint32_t array_size;
	uint32_t last_level;
	uint32_t n_samples;
	uint32_t flags;
};

/** TRANSFER_TO_HOST_3D and TRANSFER_FROM_HOST_3D. */
struct oriel_cmd_transfer_3d {
	struct oriel_box box;
	uint64_t offset; // of the box's first texel in the backing, bytes
	uint32_t resource_id;
	uint32_t level;
	uint32_t stride;       // of rows in the backing, bytes; 0: tight
	uint32_t layer_stride; // of layers in the backing, bytes; 0: tight
};

struct oriel_cmd_submit_3d {
	uint32_t size; // bytes of commands, which follow
};

struct oriel_cmd_map_blob {
	uint32_t resource_id;
	uint64_t offset; // into the host-visible region
};

struct oriel_cmd_unmap_blob {
	uint32_t resource_id;
};

ORIEL_MUST_CHECK
int oriel_decode_ctx_create(struct oriel_reader *r, struct oriel_cmd_ctx_create *ret);
ORIEL_MUST_CHECK
int oriel_decode_ctx_resource(struct oriel_reader *r, struct oriel_cmd_ctx_resource *ret);
ORIEL_MUST_CHECK
int oriel_decode_create_3d(struct oriel_reader *r, struct oriel_cmd_create_3d *ret);
ORIEL_MUST_CHECK
int oriel_decode_transfer_3d(struct oriel_reader *r, struct oriel_cmd_transfer_3d *ret);
ORIEL_MUST_CHECK
int oriel_decode_submit_3d(struct oriel_reader *r, struct oriel_cmd_submit_3d *ret);
ORIEL_MUST_CHECK
int oriel_decode_map_blob(struct oriel_reader *r, struct oriel_cmd_map_blob *ret);
ORIEL_MUST_CHECK
int oriel_decode_unmap_blob(struct oriel_reader *r, struct oriel_cmd_unmap_blob *ret);

// The same layouts written: for tests, and for whoever plays a guest.

void oriel_encode_ctx_create(struct oriel_writer *w, const struct oriel_cmd_ctx_create *cmd);
void oriel_encode_ctx_resource(struct oriel_writer *w, const struct oriel_cmd_ctx_resource *cmd);
void oriel_encode_create_3d(struct oriel_writer *w, const struct oriel_cmd_create_3d *cmd);
void oriel_encode_transfer_3d(struct oriel_writer *w, const struct oriel_cmd_transfer_3d *cmd);
void oriel_encode_submit_3d(struct oriel_writer *w, const struct oriel_cmd_submit_3d *cmd);
void oriel_encode_map_blob(struct oriel_writer *w, const struct oriel_cmd_map_blob *cmd);
void oriel_encode_unmap_blob(struct oriel_writer *w, const struct oriel_cmd_unmap_blob *cmd);

#endif
