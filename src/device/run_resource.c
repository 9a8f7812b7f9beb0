// SPDX-License-Identifier: MIT
/*
 * Making and unmaking resources, their backing and their UUIDs (virtio 1.3, 5.7.6.8).
 *
 * The responses to RESOURCE_UNREF and RESOURCE_DETACH_BACKING give guest memory back: by then
 * nothing reads it any more.
 */
#include "device/attach.h"
#include "device/device.h"
#include "device/twin.h"

#include <inttypes.h>

static enum oriel_resp fail_no_resource(struct oriel_request *req, uint32_t id) {
	return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
			"there is no resource %" PRIu32, id);
}

enum oriel_resp oriel_run_create_2d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_create_2d cmd;
	if (oriel_decode_create_2d(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	if (cmd.resource_id == 0 || oriel_resource_get(&gpu->resources, cmd.resource_id) != NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_RESOURCE_ID,
				"id %" PRIu32 " is %s", cmd.resource_id,
				cmd.resource_id == 0 ? "not allowed" : "taken");
	}
	const struct oriel_format *format = oriel_format_get(cmd.format);
	if (format == NULL) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": no format %" PRIu32, cmd.resource_id,
				cmd.format);
	}
	struct oriel_resource *res;
	int err = oriel_resource_create_2d(&gpu->resources, cmd.resource_id, format, cmd.width,
			cmd.height, &res);
	if (err < 0) {
		return oriel_request_fail(req, oriel_resp_from_error(err),
				"resource %" PRIu32 ": %" PRIu32 "x%" PRIu32 ": %s",
				cmd.resource_id, cmd.width, cmd.height,
				err == -EINVAL ? "empty" : "over a limit, or no memory");
	}
	oriel_count_largest(&gpu->counts.largest_dimension, oriel_max_u32(cmd.width, cmd.height));
	return ORIEL_RESP_OK_NODATA;
}

/** How a request ends that the renderer has a part in: of a 2D resource, which is ours, well. */
static oriel_work_done_fn get_done(const struct oriel_resource *res) {
	return res->is_3d ? oriel_work_finish_request : oriel_twin_finish_request;
}

/** Whether the 3D renderer knows the resource, or will when it gets there. */
static bool is_in_renderer(const struct oriel_resource *res) {
	return (res->is_3d && !res->is_lost) || res->twin.exists;
}

/** Work after which the renderer does not touch the resource's backing any more. */
static int begin_giving_back(struct oriel_request *req, const struct oriel_resource *res,
		enum oriel_render3d_type type, struct oriel_work **ret) {
	int err = oriel_work_create_for(req, type, ret);
	if (err < 0) {
		return err;
	}
	(*ret)->op.resource_id = res->id;
	(*ret)->gives_memory_back = true;
	(*ret)->map = res->backing.map != NULL ? oriel_mem_map_hold(res->backing.map) : NULL;
	return 0;
}

enum oriel_resp oriel_run_unref(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_unref cmd;
	if (oriel_decode_unref(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return fail_no_resource(req, cmd.resource_id);
	}
	struct oriel_work *work = NULL;
	if (is_in_renderer(res) &&
			begin_giving_back(req, res, ORIEL_RENDER3D_UNREF_RESOURCE, &work) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	const oriel_work_done_fn done = get_done(res);
	oriel_blob_remove(gpu, res);
	oriel_readback_remove(gpu, res);
	oriel_twin_remove(gpu, res);
	oriel_screen_remove_resource(&gpu->screen, res);
	oriel_resource_drop(&gpu->resources, res);
	return work != NULL ? oriel_work_submit_for(work, req, done) : ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_run_attach_backing(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_attach_backing cmd;
	if (oriel_decode_attach_backing(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return fail_no_resource(req, cmd.resource_id);
	}
	if (res->backing.attached) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
				"resource %" PRIu32 " has a backing already", cmd.resource_id);
	}
	enum oriel_resp resp = oriel_attach_entries(gpu, req, res, cmd.n_entries);
	// A list of no entries is a backing, too, but nothing that a renderer could map.
	if (resp != ORIEL_RESP_OK_NODATA || cmd.n_entries == 0 || !is_in_renderer(res)) {
		return resp;
	}
	struct oriel_work *work;
	if (oriel_work_create_for(req, ORIEL_RENDER3D_ATTACH_BACKING, &work) < 0) {
		oriel_backing_detach(&res->backing);
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	work->op.resource_id = res->id;
	work->op.backing = &res->backing;
	return oriel_work_submit_for(work, req, get_done(res));
}

enum oriel_resp oriel_run_detach_backing(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_detach_backing cmd;
	if (oriel_decode_detach_backing(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return fail_no_resource(req, cmd.resource_id);
	}
	if (!res->backing.attached) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
				"resource %" PRIu32 " has no backing", cmd.resource_id);
	}
	if (res->is_blob) {
		return oriel_blob_detach(req, res);
	}
	struct oriel_work *work = NULL;
	if (is_in_renderer(res) &&
			begin_giving_back(req, res, ORIEL_RENDER3D_DETACH_BACKING, &work) < 0) {
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	oriel_backing_detach(&res->backing);
	return work != NULL ? oriel_work_submit_for(work, req, get_done(res))
			    : ORIEL_RESP_OK_NODATA;
}

enum oriel_resp oriel_run_assign_uuid(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body) {
	struct oriel_cmd_assign_uuid cmd;
	if (oriel_decode_assign_uuid(body, &cmd) < 0) {
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	}
	struct oriel_resource *res = oriel_resource_get(&gpu->resources, cmd.resource_id);
	if (res == NULL) {
		return fail_no_resource(req, cmd.resource_id);
	}
	int err = oriel_resource_assign_uuid(res);
	if (err < 0) {
		return oriel_request_fail(req, oriel_resp_from_error(err),
				"resource %" PRIu32 ": no random bytes", cmd.resource_id);
	}
	oriel_encode_resp_uuid(oriel_request_get_body(req), res->uuid);
	return ORIEL_RESP_OK_RESOURCE_UUID;
}
