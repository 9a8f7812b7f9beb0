// SPDX-License-Identifier: MIT
/* See work.h. */
#include "device/work.h"

#include "device/context.h"
#include "device/device.h"
#include "device/gpu_3d.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/** More than a queue has requests: what is kept for later is then less than what is in use. */
#define MAX_FREE 1024u

void oriel_work_list_init(struct oriel_work_list *works) {
	*works = (struct oriel_work_list){ 0 };
	oriel_list_init(&works->pending);
	oriel_list_init(&works->free);
}

void oriel_work_list_finish(struct oriel_work_list *works) {
	oriel_list_for_each(link, following, &works->free) {
		free(oriel_container_of(link, struct oriel_work, link));
	}
	oriel_list_init(&works->free);
	assert(oriel_list_is_empty(&works->pending));
}

int oriel_work_create(struct oriel_gpu *gpu, enum oriel_render3d_type type,
		struct oriel_work **ret) {
	struct oriel_work_list *works = &gpu->works;
	struct oriel_work *work;
	if (oriel_list_is_empty(&works->free)) {
		work = calloc(1, sizeof(*work));
		if (work == NULL) {
			return -ENOMEM;
		}
	} else {
		work = oriel_container_of(works->free.next, struct oriel_work, link);
		oriel_list_remove(&work->link);
		works->n_free--;
	}
	*work = (struct oriel_work){ .gpu = gpu, .op = { .type = type } };
	oriel_list_init(&work->link);
	*ret = work;
	return 0;
}

bool oriel_work_take_reserve(struct oriel_gpu *gpu, struct oriel_work *ret[2]) {
	struct oriel_work *reserve = gpu->works.reserve;
	if (reserve[0].is_reserve || reserve[1].is_reserve) {
		return false;
	}
	for (size_t i = 0; i < 2; i++) {
		reserve[i] = (struct oriel_work){ .gpu = gpu, .is_reserve = true };
		oriel_list_init(&reserve[i].link);
		ret[i] = &reserve[i];
	}
	return true;
}

void oriel_work_discard(struct oriel_work *work) {
	oriel_mem_map_release(work->map);
	oriel_resource_release(work->res);
	oriel_context_release(work->ctx);
	oriel_list_remove(&work->link);
	if (work->is_reserve) {
		*work = (struct oriel_work){ 0 }; // and can be taken again
		return;
	}
	if (work->gpu->works.n_free >= MAX_FREE) {
		free(work);
		return;
	}
	oriel_list_append(&work->gpu->works.free, &work->link);
	work->gpu->works.n_free++;
}

static void forget_request(struct oriel_work *work) {
	if (work->req != NULL) {
		work->req->work = work->req->work == work ? NULL : work->req->work;
		work->req->fence = work->req->fence == work ? NULL : work->req->fence;
		work->req = NULL;
	}
}

static void handle_done(struct oriel_render3d_op *op, int err) {
	struct oriel_work *work = oriel_container_of(op, struct oriel_work, op);
	struct oriel_gpu *gpu = work->gpu;
	oriel_list_remove(&work->link);
	gpu->works.n_settling -= work->settles ? 1 : 0;
	if (work->done != NULL) {
		work->done(work, err);
	}
	forget_request(work);
	const bool settles = work->settles;
	oriel_work_discard(work);
	if (!settles) {
		return;
	}
	oriel_gpu_3d_handle_settled_work(gpu); // which may submit more that settles
	if (gpu->works.n_settling == 0) {
		oriel_virtio_tell_settled(&gpu->base);
	}
}

void oriel_work_submit(struct oriel_work *work) {
	struct oriel_gpu *gpu = work->gpu;
	work->op.done = handle_done;
	oriel_list_append(&gpu->works.pending, &work->link);
	if (work->settles) {
		gpu->works.n_settling++;
		oriel_gpu_3d_update_clock(gpu);
	}
	oriel_renderer3d_submit(gpu->renderer3d, &work->op);
}

int oriel_work_create_for(struct oriel_request *req, enum oriel_render3d_type type,
		struct oriel_work **ret) {
	// A command buffer is read during submit, out of a chain that keeping lets go of.
	const struct oriel_span_cursor readable = req->readable;
	int err = oriel_request_keep(req);
	if (err == 0) {
		err = oriel_work_create(req->queue->gpu, type, ret);
	}
	if (err == 0 && type == ORIEL_RENDER3D_SUBMIT) {
		(*ret)->op.commands.bytes = readable;
	}
	return err;
}

enum oriel_resp oriel_work_submit_for(struct oriel_work *work, struct oriel_request *req,
		oriel_work_done_fn done) {
	assert(req->map != NULL); // it was kept
	work->req = req;
	work->done = done;
	req->work = work;
	oriel_work_submit(work);
	return ORIEL_RESP_PENDING;
}

void oriel_work_abandon_fence(struct oriel_request *req) {
	if (req->fence != NULL) {
		req->fence->req = NULL;
		req->fence = NULL;
	}
}

void oriel_work_abandon(struct oriel_request *req) {
	if (req->prepared != NULL) {
		oriel_work_discard(req->prepared);
		req->prepared = NULL;
	}
	if (req->work != NULL) {
		req->work->req = NULL;
		req->work = NULL;
	}
	oriel_work_abandon_fence(req);
}

void oriel_work_finish_request(struct oriel_work *work, int err) {
	struct oriel_request *req = work->req;
	if (req == NULL) {
		return;
	}
	forget_request(work);
	enum oriel_resp resp = oriel_resp_from_error(err);
	if (err < 0) {
		(void)oriel_request_fail(req, resp, "%s %" PRIu32 ": the renderer: %s",
				work->op.resource_id != 0 ? "resource" : "context",
				work->op.resource_id != 0 ? work->op.resource_id : work->op.ctx_id,
				err == -ENOTCONN ? "lost"
				: err == -EINVAL ? "not possible so"
				: err == -ENOMEM ? "no memory"
						 : "refused");
	}
	oriel_request_finish(req, resp);
}
