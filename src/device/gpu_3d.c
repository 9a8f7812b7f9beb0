// SPDX-License-Identifier: MIT
/* See gpu_3d.h. */
#include "device/gpu_3d.h"

#include "device/twin.h"

#define BIT(feature) (1ull << (feature))

uint64_t oriel_gpu_3d_get_features(const struct oriel_gpu *gpu) {
	const bool has_capsets = gpu->renderer3d != NULL && gpu->renderer3d->capsets.len > 0;
	return has_capsets ? BIT(VIRTIO_GPU_F_VIRGL) | BIT(VIRTIO_GPU_F_CONTEXT_INIT) : 0;
}

/** Whether the renderer has the backing of a resource. */
static bool has_backing(const struct oriel_resource *res) {
	return res->backing.attached && !res->backing.lost && !res->is_lost &&
	       (res->is_3d || res->twin.exists);
}

/** All contexts and 3D resources are lost; the guest learns it when it uses one. */
static void lose_all(struct oriel_gpu *gpu) {
	uint32_t cursor = 0;
	struct oriel_context *ctx = oriel_context_table_next(&gpu->contexts, &cursor);
	for (; ctx != NULL; ctx = oriel_context_table_next(&gpu->contexts, &cursor)) {
		ctx->is_lost = true;
	}
	oriel_twin_forget(gpu);
	oriel_readback_forget(gpu);
	oriel_gpu_queue_schedule(oriel_gpu_get_control_queue(gpu));
}

/**
 * There is no memory to say what must be said: that the renderer lets go of guest memory. What
 * needs none is said instead, that it lets go of everything.
 */
static void drop_all(struct oriel_gpu *gpu) {
	struct oriel_work *reserve[2];
	gpu->is_3d_drop_due = !oriel_work_take_reserve(gpu, reserve);
	if (gpu->is_3d_drop_due) {
		return; // it is being said, and will be again
	}
	oriel_log(&gpu->log, ORIEL_LOG_ERROR, "3D is lost: no memory to tell the renderer");
	lose_all(gpu);
	reserve[0]->op.type = ORIEL_RENDER3D_RESET;
	reserve[0]->map = oriel_memory_hold_map(gpu->memory);
	reserve[0]->settles = true;
	reserve[1]->op.type = ORIEL_RENDER3D_SET_MEMORY;
	reserve[1]->map = oriel_memory_hold_map(gpu->memory);
	reserve[1]->op.map = reserve[1]->map;
	reserve[1]->settles = true;
	oriel_work_submit(reserve[0]);
	oriel_work_submit(reserve[1]);
}

void oriel_gpu_3d_handle_settled_work(struct oriel_gpu *gpu) {
	if (gpu->is_3d_drop_due) {
		drop_all(gpu);
	}
	oriel_gpu_3d_update_clock(gpu);
}

void oriel_gpu_3d_update_clock(struct oriel_gpu *gpu) {
	if (gpu->renderer3d == NULL) {
		return;
	}
	const struct oriel_gpu_queue *queue = oriel_gpu_get_control_queue(gpu);
	const bool is_paused = !oriel_gpu_queue_is_started(queue) && gpu->works.n_settling == 0;
	oriel_renderer3d_set_paused(gpu->renderer3d, is_paused);
}

/** Submit work on each resource whose backing the renderer has. Returns 0 or -ENOMEM. */
static int for_each_backing(struct oriel_gpu *gpu, enum oriel_render3d_type type) {
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_resource_table_next(&gpu->resources, &cursor);
	for (; res != NULL; res = oriel_resource_table_next(&gpu->resources, &cursor)) {
		struct oriel_work *work;
		if (!has_backing(res)) {
			continue;
		}
		int err = oriel_work_create(gpu, type, &work);
		if (err < 0) {
			return err;
		}
		work->op.resource_id = res->id;
		work->op.backing = &res->backing;
		work->map = oriel_mem_map_hold(res->backing.map);
		oriel_work_submit(work);
	}
	return 0;
}

static int set_memory(struct oriel_gpu *gpu, struct oriel_mem_map *map) {
	struct oriel_work *work;
	int err = oriel_work_create(gpu, ORIEL_RENDER3D_SET_MEMORY, &work);
	if (err < 0) {
		return err;
	}
	work->op.map = map;
	work->map = oriel_mem_map_hold(map);
	work->settles = true;
	oriel_work_submit(work);
	return 0;
}

int oriel_gpu_3d_begin_memory_change(struct oriel_gpu *gpu) {
	return gpu->is_3d_used ? for_each_backing(gpu, ORIEL_RENDER3D_DETACH_BACKING) : 0;
}

void oriel_gpu_3d_end_memory_change(struct oriel_gpu *gpu, struct oriel_mem_map *map, int err) {
	if (gpu->renderer3d == NULL) {
		return;
	}
	if (err == 0) {
		err = set_memory(gpu, map);
	}
	if (err == 0 && gpu->is_3d_used) {
		err = for_each_backing(gpu, ORIEL_RENDER3D_ATTACH_BACKING);
	}
	if (err < 0) {
		drop_all(gpu);
	}
}

static void handle_lost(void *user, const char *reason) {
	(void)reason; // the renderer has logged it
	lose_all(user);
}

static void handle_room(void *user) {
	struct oriel_gpu *gpu = user;
	oriel_gpu_queue_schedule(oriel_gpu_get_control_queue(gpu));
}

void oriel_gpu_3d_init(struct oriel_gpu *gpu, struct oriel_renderer3d *renderer3d) {
	oriel_work_list_init(&gpu->works);
	gpu->renderer3d = renderer3d;
	if (renderer3d != NULL) {
		const struct oriel_renderer3d_listener listener = { handle_lost, handle_room, gpu };
		oriel_renderer3d_set_listener(renderer3d, &listener);
		oriel_gpu_3d_update_clock(gpu);
	}
}

void oriel_gpu_3d_reset(struct oriel_gpu *gpu) {
	uint32_t cursor = 0;
	struct oriel_context *ctx = oriel_context_table_next(&gpu->contexts, &cursor);
	for (; ctx != NULL; ctx = oriel_context_table_next(&gpu->contexts, &cursor)) {
		oriel_twin_detach_all(gpu, ctx);
	}
	oriel_context_table_clear(&gpu->contexts);
	gpu->blocked_by = NULL;
	struct oriel_work *work;
	if (!gpu->is_3d_used) {
		return;
	}
	if (oriel_work_create(gpu, ORIEL_RENDER3D_RESET, &work) < 0) {
		drop_all(gpu);
		return;
	}
	// Whatever the renderer has of guest memory stays mapped until it has let go.
	gpu->is_3d_used = false;
	work->map = oriel_memory_hold_map(gpu->memory);
	work->settles = true;
	oriel_work_submit(work);
}

void oriel_gpu_3d_finish(struct oriel_gpu *gpu) {
	if (gpu->renderer3d == NULL) {
		return;
	}
	oriel_gpu_3d_reset(gpu);
	oriel_renderer3d_set_listener(gpu->renderer3d, NULL);
	oriel_renderer3d_cancel(gpu->renderer3d); // what comes back later would find no device
	oriel_work_list_finish(&gpu->works);
}
