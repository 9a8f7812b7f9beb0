// SPDX-License-Identifier: MIT
/* See command.h. The order of the checks, and which response each gives, is that of HACKING.md. */
#include "device/command.h"

#include "device/device.h"
#include "device/fence.h"

#include <assert.h>
#include <inttypes.h>

#define BIT(feature) (1ull << (feature))

enum { CONTROL = VIRTIO_GPU_QUEUE_CONTROL, CURSOR = VIRTIO_GPU_QUEUE_CURSOR };

// Sorted by type. GET_EDID has no gate: Windows sends it if it was merely offered, which it always
// is. MAP_BLOB and UNMAP_BLOB need host-visible memory, which there is not: whatever they say.
static const struct oriel_command commands[] = {
	{ VIRTIO_GPU_CMD_GET_DISPLAY_INFO, CONTROL, 0, 0, oriel_run_get_display_info,
			"GET_DISPLAY_INFO" },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, CONTROL, ORIEL_CMD_CREATE_2D_SIZE, 0,
			oriel_run_create_2d, "RESOURCE_CREATE_2D" },
	{ VIRTIO_GPU_CMD_RESOURCE_UNREF, CONTROL, ORIEL_CMD_UNREF_SIZE, 0, oriel_run_unref,
			"RESOURCE_UNREF" },
	{ VIRTIO_GPU_CMD_SET_SCANOUT, CONTROL, ORIEL_CMD_SET_SCANOUT_SIZE, 0, oriel_run_set_scanout,
			"SET_SCANOUT" },
	{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, CONTROL, ORIEL_CMD_FLUSH_SIZE, 0, oriel_run_flush,
			"RESOURCE_FLUSH" },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, CONTROL, ORIEL_CMD_TRANSFER_TO_HOST_2D_SIZE, 0,
			oriel_run_transfer_to_host_2d, "TRANSFER_TO_HOST_2D" },
	{ VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, CONTROL, ORIEL_CMD_ATTACH_BACKING_SIZE, 0,
			oriel_run_attach_backing, "RESOURCE_ATTACH_BACKING" },
	{ VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, CONTROL, ORIEL_CMD_DETACH_BACKING_SIZE, 0,
			oriel_run_detach_backing, "RESOURCE_DETACH_BACKING" },
	{ VIRTIO_GPU_CMD_GET_CAPSET_INFO, CONTROL, ORIEL_CMD_GET_CAPSET_INFO_SIZE,
			BIT(VIRTIO_GPU_F_VIRGL), oriel_run_get_capset_info, "GET_CAPSET_INFO" },
	{ VIRTIO_GPU_CMD_GET_CAPSET, CONTROL, ORIEL_CMD_GET_CAPSET_SIZE, BIT(VIRTIO_GPU_F_VIRGL),
			oriel_run_get_capset, "GET_CAPSET" },
	{ VIRTIO_GPU_CMD_GET_EDID, CONTROL, ORIEL_CMD_GET_EDID_SIZE, 0, oriel_run_get_edid,
			"GET_EDID" },
	{ VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, CONTROL, ORIEL_CMD_ASSIGN_UUID_SIZE,
			BIT(VIRTIO_GPU_F_RESOURCE_UUID), oriel_run_assign_uuid,
			"RESOURCE_ASSIGN_UUID" },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, CONTROL, ORIEL_CMD_CREATE_BLOB_SIZE,
			BIT(VIRTIO_GPU_F_RESOURCE_BLOB), oriel_run_create_blob,
			"RESOURCE_CREATE_BLOB" },
	{ VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, CONTROL, ORIEL_CMD_SET_SCANOUT_BLOB_SIZE,
			BIT(VIRTIO_GPU_F_RESOURCE_BLOB), oriel_run_set_scanout_blob,
			"SET_SCANOUT_BLOB" },
	{ VIRTIO_GPU_CMD_CTX_CREATE, CONTROL, ORIEL_CMD_CTX_CREATE_SIZE, BIT(VIRTIO_GPU_F_VIRGL),
			oriel_run_ctx_create, "CTX_CREATE" },
	{ VIRTIO_GPU_CMD_CTX_DESTROY, CONTROL, ORIEL_CMD_CTX_DESTROY_SIZE, BIT(VIRTIO_GPU_F_VIRGL),
			oriel_run_ctx_destroy, "CTX_DESTROY" },
	{ VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, CONTROL, ORIEL_CMD_CTX_RESOURCE_SIZE,
			BIT(VIRTIO_GPU_F_VIRGL), oriel_run_ctx_attach_resource,
			"CTX_ATTACH_RESOURCE" },
	{ VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, CONTROL, ORIEL_CMD_CTX_RESOURCE_SIZE,
			BIT(VIRTIO_GPU_F_VIRGL), oriel_run_ctx_detach_resource,
			"CTX_DETACH_RESOURCE" },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, CONTROL, ORIEL_CMD_CREATE_3D_SIZE,
			BIT(VIRTIO_GPU_F_VIRGL), oriel_run_create_3d, "RESOURCE_CREATE_3D" },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, CONTROL, ORIEL_CMD_TRANSFER_3D_SIZE,
			BIT(VIRTIO_GPU_F_VIRGL), oriel_run_transfer_to_host_3d,
			"TRANSFER_TO_HOST_3D" },
	{ VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, CONTROL, ORIEL_CMD_TRANSFER_3D_SIZE,
			BIT(VIRTIO_GPU_F_VIRGL), oriel_run_transfer_from_host_3d,
			"TRANSFER_FROM_HOST_3D" },
	{ VIRTIO_GPU_CMD_SUBMIT_3D, CONTROL, ORIEL_CMD_SUBMIT_3D_SIZE, BIT(VIRTIO_GPU_F_VIRGL),
			oriel_run_submit_3d, "SUBMIT_3D" },
	{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, CONTROL, 0, BIT(VIRTIO_GPU_F_RESOURCE_BLOB),
			oriel_run_map_blob, "RESOURCE_MAP_BLOB" },
	{ VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, CONTROL, 0, BIT(VIRTIO_GPU_F_RESOURCE_BLOB),
			oriel_run_unmap_blob, "RESOURCE_UNMAP_BLOB" },
	{ VIRTIO_GPU_CMD_UPDATE_CURSOR, CURSOR, ORIEL_CMD_UPDATE_CURSOR_SIZE, 0,
			oriel_run_update_cursor, "UPDATE_CURSOR" },
	{ VIRTIO_GPU_CMD_MOVE_CURSOR, CURSOR, ORIEL_CMD_UPDATE_CURSOR_SIZE, 0,
			oriel_run_move_cursor, "MOVE_CURSOR" },
};

static_assert(ORIEL_ARRAY_LEN(commands) == ORIEL_N_COMMANDS, "a count for each");

const struct oriel_command *oriel_command_get_row(unsigned int row) {
	assert(row < ORIEL_N_COMMANDS);
	return &commands[row];
}

const struct oriel_command *oriel_command_get(uint32_t type) {
	size_t begin = 0;
	size_t end = ORIEL_ARRAY_LEN(commands);
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (commands[middle].type == type) {
			return &commands[middle];
		}
		if (commands[middle].type < type) {
			begin = middle + 1;
		} else {
			end = middle;
		}
	}
	return NULL;
}

static int read_header(struct oriel_request *req) {
	uint8_t raw[ORIEL_CTRL_HDR_SIZE];
	int err = oriel_request_read(req, raw, sizeof(raw));
	if (err < 0) {
		return err;
	}
	struct oriel_reader r = oriel_reader_of(raw, sizeof(raw));
	return oriel_decode_ctrl_hdr(&r, &req->hdr);
}

static enum oriel_resp check_and_run(struct oriel_gpu *gpu, struct oriel_request *req,
		uint64_t size) {
	const struct oriel_command *command = oriel_command_get(req->hdr.type);
	req->command = command;
	if (command == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "no command 0x%" PRIx32,
				req->hdr.type);
	}
	req->row = (uint8_t)(command - commands);
	if ((command->needs & ~gpu->features) != 0) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "not negotiated");
	}
	if (command->queue != req->queue->ring.index) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC, "on the wrong queue");
	}
	uint8_t raw[ORIEL_MAX_REQUEST_SIZE];
	assert(command->body_size <= sizeof(raw));
	if (oriel_request_read(req, raw, command->body_size) < 0) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"%" PRIu64 " bytes, it has %u", size,
				ORIEL_CTRL_HDR_SIZE + command->body_size);
	}
	struct oriel_reader body = oriel_reader_of(raw, command->body_size);
	return command->run(gpu, req, &body);
}

void oriel_command_run(struct oriel_gpu *gpu, struct oriel_request *req) {
	const uint64_t size = req->n_readable_bytes;
	if (read_header(req) < 0) {
		oriel_request_finish(req, oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
							  "%" PRIu64 " bytes are no header", size));
		return;
	}
	// Whatever fails from here on keeps its place in the timeline.
	enum oriel_resp resp = oriel_fence_begin(gpu, req);
	const bool awaits_fence = req->awaits_fence;
	if (resp == ORIEL_RESP_OK_NODATA) {
		resp = check_and_run(gpu, req, size);
	}
	if (resp != ORIEL_RESP_PENDING) {
		oriel_request_finish(req, resp);
	}
	// It is still there if it waits for this. What was only prepared is fenced when it follows.
	if (awaits_fence && req->prepared == NULL) {
		oriel_fence_submit(gpu, req);
	}
}
