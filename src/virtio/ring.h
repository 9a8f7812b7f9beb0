// SPDX-License-Identifier: MIT
/*
 * A device's end of one of its queues: the virtqueue, who kicks it and who is interrupted, its
 * turns on the loop, and how it stops and breaks. What chains mean is the device's business.
 *
 * A kick runs a turn at once; whatever else gives the queue something to do schedules one. Stopping
 * takes time: oriel_virtio_ring_begin_stop() has no kicks come any more, and the device ends the
 * stop from a later turn, when it has given back all that it popped.
 */
#ifndef ORIEL_VIRTIO_RING_H
#define ORIEL_VIRTIO_RING_H

#include "host/log.h"
#include "oriel/loop.h"
#include "oriel/virtio.h"
#include "virtq/virtq.h"

/** What a ring needs of its device, which outlives it. */
struct oriel_virtio_ring_owner {
	struct oriel_virtio *virtio;
	struct oriel_loop *loop;
	struct oriel_log *log;
	oriel_call_fn run_turn;
	oriel_call_fn handle_broken; // before the transport is told; NULL: nothing to do
	void *user;                  // of both
};

struct oriel_virtio_ring {
	struct oriel_virtio_ring_owner owner;
	unsigned int index;
	const char *name; // "controlq"
	struct oriel_virtq *vq;
	struct oriel_source *turn; // deferred; as long as the device

	// While started.
	uint16_t size; // entries; 0: stopped
	int kick_fd;   // -1: none; ours
	struct oriel_source *kick;
	int call_fd;         // -1: none; ours
	bool call_may_block; // the VMM made it so
	bool stopping;
	bool broken_told;
};

/** Begin a stopped ring. Returns 0 or -ENOMEM; finish it in any case. */
ORIEL_MUST_CHECK
int oriel_virtio_ring_init(struct oriel_virtio_ring *ring, unsigned int index, const char *name,
		const struct oriel_virtio_ring_owner *owner);

/** Stop and free. Also for one whose init failed, or that is all zeros. */
void oriel_virtio_ring_finish(struct oriel_virtio_ring *ring);

/**
 * See oriel_virtio_start_queue(); features are those that were negotiated. The first turn is
 * scheduled: there may be chains whose kick went to nobody.
 */
ORIEL_MUST_CHECK
int oriel_virtio_ring_start(struct oriel_virtio_ring *ring, const struct oriel_virtio_queue *config,
		uint64_t features);

/** Stop at once, and tell nobody. Returns the base to go on from. */
uint32_t oriel_virtio_ring_stop(struct oriel_virtio_ring *ring);

/** See oriel_virtio_stop_queue(). Returns whether it was started, and not being stopped. */
bool oriel_virtio_ring_begin_stop(struct oriel_virtio_ring *ring);

/** Tell the transport that the stop is complete; the device may be gone then. */
void oriel_virtio_ring_tell_stopped(const struct oriel_virtio_ring *ring, uint32_t base);

/**
 * Tell, once, that the ring is broken: the log, the device, and the transport, which may do
 * anything to the device. Returns whether it was told just now.
 */
bool oriel_virtio_ring_tell_broken(struct oriel_virtio_ring *ring);

/** See oriel_virtio_set_call_fd(). */
ORIEL_MUST_CHECK
int oriel_virtio_ring_set_call_fd(struct oriel_virtio_ring *ring, int call_fd);

/** Show the guest what was pushed, and interrupt it if it wants that. */
void oriel_virtio_ring_publish(struct oriel_virtio_ring *ring);

/** Give the ring a turn soon. A no-op if it is stopped. */
void oriel_virtio_ring_schedule(struct oriel_virtio_ring *ring);

/** Guest memory changed: go over to the new map. If the ring is gone, the next turn finds out. */
void oriel_virtio_ring_handle_memory_change(struct oriel_virtio_ring *ring);

/** Whether it is started, also one that is broken or being stopped. */
bool oriel_virtio_ring_is_started(const struct oriel_virtio_ring *ring);

/** Whether chains are still taken from it: started, sound, and not stopping. */
bool oriel_virtio_ring_is_running(const struct oriel_virtio_ring *ring);

#endif
