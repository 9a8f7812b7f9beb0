// SPDX-License-Identifier: MIT
/*
 * Responses of virtio-gpu and its configuration space; see virtio_gpu.h.
 *
 * virtio 1.3, 5.7.6.8 and 5.7.4.
 */
#include "protocol/virtio_gpu.h"

#include <errno.h>

void oriel_encode_resp_display_info(struct oriel_writer *w,
		const struct oriel_display_one displays[VIRTIO_GPU_MAX_SCANOUTS]) {
	for (size_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		const struct oriel_display_one *one = &displays[i];
		oriel_write_u32(w, one->rect.x);
		oriel_write_u32(w, one->rect.y);
		oriel_write_u32(w, one->rect.width);
		oriel_write_u32(w, one->rect.height);
		oriel_write_u32(w, one->enabled ? 1 : 0);
		oriel_write_u32(w, 0); // flags
	}
}

int oriel_decode_resp_display_info(struct oriel_reader *r,
		struct oriel_display_one ret[VIRTIO_GPU_MAX_SCANOUTS]) {
	struct oriel_display_one displays[VIRTIO_GPU_MAX_SCANOUTS];
	for (size_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct oriel_display_one *one = &displays[i];
		one->rect.x = oriel_read_u32(r);
		one->rect.y = oriel_read_u32(r);
		one->rect.width = oriel_read_u32(r);
		one->rect.height = oriel_read_u32(r);
		one->enabled = oriel_read_u32(r) != 0;
		oriel_read_skip(r, 4);
	}
	if (r->failed) {
		return -EBADMSG;
	}
	memcpy(ret, displays, sizeof(displays));
	return 0;
}

void oriel_encode_resp_edid(struct oriel_writer *w, const uint8_t *edid, size_t size) {
	if (size > ORIEL_EDID_MAX_SIZE) {
		w->failed = true;
		return;
	}
	oriel_write_u32(w, (uint32_t)size);
	oriel_write_zeros(w, 4);
	oriel_write_bytes(w, edid, size);
	oriel_write_zeros(w, ORIEL_EDID_MAX_SIZE - size);
}

int oriel_decode_resp_edid(struct oriel_reader *r, uint8_t ret[ORIEL_EDID_MAX_SIZE],
		size_t *ret_size) {
	uint32_t size = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	const uint8_t *edid = oriel_reader_get(r, ORIEL_EDID_MAX_SIZE);
	if (edid == NULL || size > ORIEL_EDID_MAX_SIZE) {
		r->failed = true;
		return -EBADMSG;
	}
	memcpy(ret, edid, ORIEL_EDID_MAX_SIZE);
	*ret_size = size;
	return 0;
}

void oriel_encode_resp_uuid(struct oriel_writer *w, const uint8_t uuid[ORIEL_RESP_UUID_SIZE]) {
	oriel_write_bytes(w, uuid, ORIEL_RESP_UUID_SIZE);
}

int oriel_decode_resp_uuid(struct oriel_reader *r, uint8_t ret[ORIEL_RESP_UUID_SIZE]) {
	const uint8_t *uuid = oriel_reader_get(r, ORIEL_RESP_UUID_SIZE);
	if (uuid == NULL) {
		return -EBADMSG;
	}
	memcpy(ret, uuid, ORIEL_RESP_UUID_SIZE);
	return 0;
}

void oriel_encode_resp_capset_info(struct oriel_writer *w, const struct oriel_capset_info *info) {
	oriel_write_u32(w, info->id);
	oriel_write_u32(w, info->max_version);
	oriel_write_u32(w, info->max_size);
	oriel_write_zeros(w, 4);
}

int oriel_decode_resp_capset_info(struct oriel_reader *r, struct oriel_capset_info *ret) {
	struct oriel_capset_info info;
	info.id = oriel_read_u32(r);
	info.max_version = oriel_read_u32(r);
	info.max_size = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = info;
	return 0;
}

void oriel_encode_gpu_config(struct oriel_writer *w, uint32_t events_read, uint32_t num_scanouts,
		uint32_t num_capsets, uint32_t blob_alignment) {
	oriel_write_u32(w, events_read);
	oriel_write_u32(w, 0); // events_clear
	oriel_write_u32(w, num_scanouts);
	oriel_write_u32(w, num_capsets);
	oriel_write_u32(w, blob_alignment);
}
