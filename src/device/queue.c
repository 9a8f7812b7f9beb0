// SPDX-License-Identifier: MIT
/* See queue.h. */
#include "device/queue.h"

#include "device/device.h"
#include "device/gpu_3d.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/** How long a queue that stops waits for the renderer: a VMM, and its user, wait for us. */
#define STOP_PATIENCE_NS 1000000000ull

static const char *const names[ORIEL_GPU_N_QUEUES] = { "controlq", "cursorq" };

bool oriel_gpu_queue_is_running(const struct oriel_gpu_queue *queue) {
	return oriel_virtio_ring_is_running(&queue->ring);
}

bool oriel_gpu_queue_is_started(const struct oriel_gpu_queue *queue) {
	return oriel_virtio_ring_is_started(&queue->ring);
}

void oriel_gpu_queue_schedule(struct oriel_gpu_queue *queue) {
	// What a turn serves and finishes it shows by itself.
	if (!queue->in_turn) {
		oriel_virtio_ring_schedule(&queue->ring);
	}
}

bool oriel_gpu_queue_has_passed_on(const struct oriel_gpu_queue *queue) {
	return queue->current == NULL || queue->current->prepared == NULL;
}

/** Finish a request for which the renderer takes too long, unless its end gives memory back. */
static void finish_early(struct oriel_request *req) {
	const bool awaited = req->awaits_fence;
	req->awaits_fence = false;
	oriel_work_abandon_fence(req);
	if (req->work != NULL && req->work->gives_memory_back) {
		return; // it ends with that work, and does not wait for the GPU then
	}
	const bool is_pending = req->work != NULL || req->prepared != NULL;
	if (req->prepared != NULL) {
		oriel_request_end_slices(req);
	}
	oriel_work_abandon(req);
	if (is_pending) {
		oriel_request_finish(req, oriel_request_fail(req, ORIEL_RESP_ERR_UNSPEC,
							  "the renderer takes too long, and the "
							  "guest is to be stopped"));
	} else if (awaited && req->finished) {
		oriel_gpu_queue_handle_fence(req->queue, req->timeline);
	}
}

/** The queue stops, and the renderer did not answer in time. */
static void run_out_of_patience(void *user) {
	struct oriel_gpu_queue *queue = user;
	if (!queue->ring.stopping) {
		return;
	}
	queue->is_out_of_patience = true;
	oriel_gpu_queue_schedule(queue); // for UPDATE_CURSORs that wait
	// What one of them lets go leaves the list too, so it is walked by what is left.
	for (uint32_t i = 0; i < queue->n_slots; i++) {
		struct oriel_request *req = &queue->slots[i];
		if (req->is_taken &&
				(req->work != NULL || req->prepared != NULL || req->awaits_fence)) {
			finish_early(req);
		}
	}
}

/** Let go of what a started queue has. Returns the base to go on from. */
static uint32_t release(struct oriel_gpu_queue *queue) {
	const uint32_t base = oriel_virtio_ring_stop(&queue->ring);
	free(queue->slots);
	queue->slots = NULL;
	queue->current = NULL;
	queue->is_out_of_patience = false;
	queue->n_slots = 0;
	if (queue->patience != NULL) {
		oriel_source_set_deadline(queue->patience, 0);
	}
	oriel_gpu_3d_update_clock(queue->gpu);
	return base;
}

/** Give one request's chain back to the ring. */
static void give_back(struct oriel_gpu_queue *queue, struct oriel_request *req) {
	if (req->fenced) {
		oriel_histogram_add(&queue->gpu->counts.fence_latency,
				oriel_now_ns() - req->begun_ns);
	}
	oriel_virtq_push(queue->ring.vq, req->chain_id, req->n_slots, req->written);
	oriel_request_end(req);
	req->is_taken = false;
	oriel_list_append(&queue->free, &req->link);
}

void oriel_gpu_queue_handle_fence(struct oriel_gpu_queue *queue, struct oriel_timeline *timeline) {
	struct oriel_request *req = oriel_timeline_leave(timeline);
	while (req != NULL) {
		// The next one, if there is one, holds the context that the timeline belongs to.
		const bool is_last = oriel_list_is_empty(&timeline->requests);
		give_back(queue, req);
		req = is_last ? NULL : oriel_timeline_leave(timeline);
	}
	oriel_gpu_queue_schedule(queue); // somebody has to publish it
}

void oriel_gpu_queue_handle_finished(struct oriel_gpu_queue *queue, struct oriel_request *req) {
	if (req->timeline != NULL) {
		oriel_gpu_queue_handle_fence(queue, req->timeline);
		return;
	}
	give_back(queue, req);
	oriel_gpu_queue_schedule(queue);
}

static void begin_request(struct oriel_gpu_queue *queue, const struct oriel_chain *chain) {
	struct oriel_request *req =
			oriel_container_of(queue->free.next, struct oriel_request, link);
	oriel_list_remove(&req->link);
	oriel_request_begin(req, queue, chain);
	oriel_list_append(&queue->in_flight, &req->link);
	queue->n_begun++;
	oriel_count_largest(&queue->gpu->counts.largest_chain,
			chain->n_readable + chain->n_writable);
	oriel_command_run(queue->gpu, req);
	oriel_cursor_run_waiting(queue->gpu); // one may have waited just for this
}

/** Whether the next request has to wait: for the one before, or for room in the renderer. */
static bool is_blocked(const struct oriel_gpu_queue *queue) {
	const struct oriel_gpu *gpu = queue->gpu;
	return queue->ring.index == VIRTIO_GPU_QUEUE_CONTROL && gpu->renderer3d != NULL &&
	       (gpu->blocked_by != NULL || oriel_renderer3d_is_full(gpu->renderer3d));
}

/** Whether the next slice of the current request has to wait for room in the renderer. */
static bool waits_for_room(const struct oriel_gpu_queue *queue) {
	return !oriel_gpu_queue_has_passed_on(queue) &&
	       oriel_renderer3d_is_full(queue->gpu->renderer3d);
}

/**
 * Whether this is the control queue, and the cursor's has something to do. A move is small, and a
 * hand feels when it comes late; the commands of a 3D program are many, and each is copied.
 */
static bool lets_cursor_first(const struct oriel_gpu_queue *queue) {
	const struct oriel_gpu_queue *cursor = oriel_gpu_get_cursor_queue(queue->gpu);
	return queue != cursor && oriel_gpu_queue_is_running(cursor) &&
	       !oriel_list_is_empty(&cursor->free) &&
	       oriel_virtq_count_available(cursor->ring.vq) > 0;
}

/** Serve chains until the turn's share is used up. Returns whether there may be more to do. */
static bool serve(struct oriel_gpu_queue *queue) {
	uint32_t n_chains = 0;
	uint32_t n_descs = 0;
	queue->turn_bytes = ORIEL_TURN_BYTES;
	oriel_virtq_disable_kicks(queue->ring.vq);
	while (n_chains < ORIEL_TURN_CHAINS && n_descs < ORIEL_TURN_DESCS &&
			queue->turn_bytes > 0) {
		if (queue->current != NULL) {
			if (waits_for_room(queue)) {
				return false;
			}
			queue->current->run_slice(queue->current);
			continue;
		}
		// Without a free slot the queue waits: whatever finishes gives it another turn.
		if (queue->ring.stopping || oriel_list_is_empty(&queue->free) ||
				is_blocked(queue)) {
			return false;
		}
		struct oriel_chain chain;
		int err = oriel_virtq_pop(queue->ring.vq, &chain);
		if (err == -EAGAIN && oriel_virtq_enable_kicks(queue->ring.vq)) {
			continue;
		}
		if (err < 0) {
			return false;
		}
		n_chains++;
		n_descs += chain.n_descs;
		begin_request(queue, &chain);
		if (lets_cursor_first(queue)) {
			oriel_gpu_queue_schedule(oriel_gpu_get_cursor_queue(queue->gpu));
			return true; // and this queue's next turn comes behind the cursor's
		}
	}
	return true;
}

/** End a stop if all that was popped has gone back. */
static void complete_stop(struct oriel_gpu_queue *queue) {
	if (!queue->ring.stopping || oriel_virtq_count_in_flight(queue->ring.vq) > 0) {
		return;
	}
	oriel_virtio_ring_tell_stopped(&queue->ring, release(queue));
}

uint32_t oriel_gpu_queue_get_depth(const struct oriel_gpu_queue *queue) {
	return oriel_virtq_count_in_flight(queue->ring.vq) +
	       oriel_virtq_count_available(queue->ring.vq);
}

static void run_turn(void *user) {
	struct oriel_gpu_queue *queue = user;
	const uint64_t n_before = queue->n_begun;
	queue->peak_depth = oriel_max_u32(queue->peak_depth, oriel_gpu_queue_get_depth(queue));
	queue->in_turn = true;
	bool has_more = serve(queue);
	queue->in_turn = false;
	queue->n_turns += queue->n_begun != n_before ? 1 : 0;
	oriel_cursor_run_waiting(queue->gpu); // may end what this queue was blocked by
	oriel_virtio_ring_publish(&queue->ring);
	if (has_more) {
		oriel_gpu_queue_schedule(queue);
	}
	// Whoever is told may do anything to the device, so these come last, and only one of them.
	if (!oriel_virtio_ring_tell_broken(&queue->ring)) {
		complete_stop(queue);
	}
}

int oriel_gpu_queue_init(struct oriel_gpu_queue *queue, struct oriel_gpu *gpu, unsigned int index) {
	*queue = (struct oriel_gpu_queue){
		.gpu = gpu,
	};
	oriel_list_init(&queue->free);
	oriel_list_init(&queue->in_flight);
	oriel_list_init(&queue->waiting);
	oriel_timeline_init(&queue->timeline);
	const struct oriel_virtio_ring_owner owner = {
		.virtio = &gpu->base,
		.loop = gpu->loop,
		.log = &gpu->log,
		.run_turn = run_turn,
		.user = queue,
	};
	int err = oriel_virtio_ring_init(&queue->ring, index, names[index], &owner);
	if (err == 0) {
		err = oriel_loop_add_timer(gpu->loop, run_out_of_patience, queue, &queue->patience);
	}
	return err;
}

void oriel_gpu_queue_finish(struct oriel_gpu_queue *queue) {
	if (queue->ring.vq != NULL) {
		oriel_gpu_queue_reset(queue);
	}
	oriel_virtio_ring_finish(&queue->ring);
	oriel_source_remove(queue->patience);
	queue->patience = NULL;
}

static int allocate_slots(struct oriel_gpu_queue *queue, uint16_t ring_size) {
	const uint32_t size = oriel_min_u32(ring_size, ORIEL_MAX_IN_FLIGHT);
	queue->slots = calloc(size, sizeof(*queue->slots));
	if (queue->slots == NULL) {
		return -ENOMEM;
	}
	queue->n_slots = size;
	oriel_list_init(&queue->free);
	for (uint32_t i = 0; i < size; i++) {
		oriel_list_append(&queue->free, &queue->slots[i].link);
	}
	return 0;
}

int oriel_gpu_queue_start(struct oriel_gpu_queue *queue, const struct oriel_virtio_queue *config) {
	if (oriel_gpu_queue_is_started(queue)) {
		return -EBUSY;
	}
	int err = allocate_slots(queue, config->size);
	if (err == 0) {
		err = oriel_virtio_ring_start(&queue->ring, config, queue->gpu->features);
	}
	if (err < 0) {
		(void)release(queue);
		return err;
	}
	oriel_gpu_3d_update_clock(queue->gpu);
	return 0;
}

void oriel_gpu_queue_stop(struct oriel_gpu_queue *queue) {
	if (!oriel_virtio_ring_begin_stop(&queue->ring)) {
		return;
	}
	// What waits for a display is answered now, from what is known.
	oriel_screen_flush_queries(&queue->gpu->screen);
	oriel_source_set_deadline(queue->patience, oriel_now_ns() + STOP_PATIENCE_NS);
}

static void drop_all(struct oriel_link *requests) {
	oriel_list_for_each(link, following, requests) {
		oriel_request_end(oriel_container_of(link, struct oriel_request, link));
	}
}

void oriel_gpu_queue_reset(struct oriel_gpu_queue *queue) {
	drop_all(&queue->in_flight);
	drop_all(&queue->waiting);
	(void)release(queue);
}
