// SPDX-License-Identifier: MIT
/*
 * One of the GPU's two queues: turns, slots, stopping.
 *
 * A kick, or a deferred call when there is more to do, gives the queue a turn: at most
 * ORIEL_TURN_CHAINS chains, ORIEL_TURN_DESCS descriptors, and ORIEL_TURN_BYTES bytes of pixels or
 * backing lists, so that no queue starves the other or anything else on the loop. The control
 * queue's turn also ends, behind the command that it is at, when the cursor's queue has something
 * to do. What the turn finished is shown to the guest at its end, with one interrupt at most.
 *
 * A long transfer is carried out in slices: it is then the queue's `current` request, and nothing
 * is popped before its last slice was begun, so commands keep their order. So are the twins that a
 * context's first commands need (twin.h), which also wait for room in the renderer.
 *
 * Stopping takes time: nothing is popped any more, and when all that was popped has gone back the
 * transport is told. A reset takes none: requests are dropped.
 */
#ifndef ORIEL_GPU_QUEUE_H
#define ORIEL_GPU_QUEUE_H

#include "device/timeline.h"
#include "virtio/ring.h"

/** Requests that a queue has at once, however large its ring is: more wait in the ring. */
#define ORIEL_MAX_IN_FLIGHT 1024u

#define ORIEL_TURN_CHAINS 64u
#define ORIEL_TURN_DESCS 65536u // and those of the chain that is over it
#define ORIEL_TURN_BYTES (4u * 1024u * 1024u)

struct oriel_gpu_queue {
	struct oriel_gpu *gpu;
	struct oriel_virtio_ring ring; // "controlq", "cursorq"
	struct oriel_source *patience; // timer: while it stops

	// While started.
	struct oriel_request *slots; // as many as the ring has entries, within the limit
	uint32_t n_slots;
	struct oriel_link free;
	struct oriel_link in_flight; // popped and not given back, but for those that wait
	struct oriel_link waiting;   // UPDATE_CURSORs that wait for the control queue
	struct oriel_timeline timeline;
	struct oriel_request *current; // in the middle of its slices, or NULL
	bool in_turn;                  // it is being served
	bool is_out_of_patience;       // it stops, and has waited long enough for the renderer

	// Counts requests that were begun, since the device was made.
	uint64_t n_begun;
	uint64_t n_turns;    // in which some were
	uint32_t peak_depth; // requests in the ring or in flight, when a turn began

	// This turn's.
	uint64_t turn_bytes; // of pixels and backing lists that may still be read
};

/** Begin a stopped queue. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_gpu_queue_init(struct oriel_gpu_queue *queue, struct oriel_gpu *gpu, unsigned int index);

/** Drop everything and free. Also for one whose init failed, or that is all zeros. */
void oriel_gpu_queue_finish(struct oriel_gpu_queue *queue);

/** See oriel_virtio_start_queue(). */
ORIEL_MUST_CHECK
int oriel_gpu_queue_start(struct oriel_gpu_queue *queue, const struct oriel_virtio_queue *config);

/** See oriel_virtio_stop_queue(). The transport is told from a later turn. */
void oriel_gpu_queue_stop(struct oriel_gpu_queue *queue);

/** Stop at once, drop all requests, tell nobody. */
void oriel_gpu_queue_reset(struct oriel_gpu_queue *queue);

/** Give the queue a turn soon. A no-op if it is stopped. */
void oriel_gpu_queue_schedule(struct oriel_gpu_queue *queue);

/** A request was finished: give back what its timeline lets go. */
void oriel_gpu_queue_handle_finished(struct oriel_gpu_queue *queue, struct oriel_request *req);

/** A fence of the timeline has come: give back what it lets go. */
void oriel_gpu_queue_handle_fence(struct oriel_gpu_queue *queue, struct oriel_timeline *timeline);

/** Whether all that was begun has also been carried out here, or is with the renderer. */
bool oriel_gpu_queue_has_passed_on(const struct oriel_gpu_queue *queue);

/** Requests that wait in the ring or are in flight. */
uint32_t oriel_gpu_queue_get_depth(const struct oriel_gpu_queue *queue);

/** Whether it has a ring, also one that is broken or being stopped. */
bool oriel_gpu_queue_is_started(const struct oriel_gpu_queue *queue);

/** Whether requests are still taken from the ring: started, sound, and not stopping. */
bool oriel_gpu_queue_is_running(const struct oriel_gpu_queue *queue);

#endif
