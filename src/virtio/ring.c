// SPDX-License-Identifier: MIT
/* See ring.h. */
#include "virtio/ring.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

bool oriel_virtio_ring_is_started(const struct oriel_virtio_ring *ring) {
	return ring->vq != NULL && oriel_virtq_is_started(ring->vq);
}

bool oriel_virtio_ring_is_running(const struct oriel_virtio_ring *ring) {
	return oriel_virtio_ring_is_started(ring) && !oriel_virtq_is_broken(ring->vq, NULL) &&
	       !ring->stopping;
}

void oriel_virtio_ring_schedule(struct oriel_virtio_ring *ring) {
	if (oriel_virtio_ring_is_started(ring)) {
		oriel_source_set_pending(ring->turn);
	}
}

static void run_turn(void *user) {
	struct oriel_virtio_ring *ring = user;
	if (oriel_virtio_ring_is_started(ring)) {
		ring->owner.run_turn(ring->owner.user);
	}
}

static void handle_kick(void *user, int fd, uint32_t events) {
	struct oriel_virtio_ring *ring = user;
	oriel_eventfd_drain_shared(fd);
	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		// No eventfd, and its other end is gone: it would be reported for ever.
		oriel_source_remove(ring->kick);
		ring->kick = NULL;
	}
	run_turn(ring);
}

int oriel_virtio_ring_init(struct oriel_virtio_ring *ring, unsigned int index, const char *name,
		const struct oriel_virtio_ring_owner *owner) {
	*ring = (struct oriel_virtio_ring){
		.owner = *owner,
		.index = index,
		.name = name,
		.kick_fd = -1,
		.call_fd = -1,
	};
	int err = oriel_virtq_create(&ring->vq);
	if (err == 0) {
		err = oriel_loop_add_deferred(owner->loop, run_turn, ring, &ring->turn);
	}
	return err;
}

void oriel_virtio_ring_finish(struct oriel_virtio_ring *ring) {
	if (ring->vq != NULL) {
		(void)oriel_virtio_ring_stop(ring);
		oriel_virtq_destroy(ring->vq);
		ring->vq = NULL;
	}
	oriel_source_remove(ring->turn);
	ring->turn = NULL;
}

static int add_kick(struct oriel_virtio_ring *ring, int kick_fd) {
	if (kick_fd < 0) {
		return 0;
	}
	int err = oriel_fd_dup(kick_fd, &ring->kick_fd);
	if (err == 0) {
		err = oriel_loop_add_fd(ring->owner.loop, ring->kick_fd, EPOLLIN, handle_kick, ring,
				&ring->kick);
	}
	return err;
}

static int start_virtq(struct oriel_virtio_ring *ring, const struct oriel_virtio_queue *config,
		uint64_t features) {
	struct oriel_virtq_config vq_config = {
		.size = config->size,
		.desc_gpa = config->desc_gpa,
		.driver_gpa = config->driver_gpa,
		.device_gpa = config->device_gpa,
		.base = config->base,
		.event_idx = (features >> ORIEL_VIRTIO_F_EVENT_IDX & 1) != 0,
		.indirect = (features >> ORIEL_VIRTIO_F_INDIRECT_DESC & 1) != 0,
		.packed = (features >> ORIEL_VIRTIO_F_RING_PACKED & 1) != 0,
	};
	struct oriel_mem_map *map =
			oriel_memory_hold_map(oriel_virtio_get_memory(ring->owner.virtio));
	int err = oriel_virtq_start(ring->vq, &vq_config, map);
	oriel_mem_map_release(map);
	return err;
}

int oriel_virtio_ring_start(struct oriel_virtio_ring *ring, const struct oriel_virtio_queue *config,
		uint64_t features) {
	if (oriel_virtio_ring_is_started(ring)) {
		return -EBUSY;
	}
	int err = add_kick(ring, config->kick_fd);
	if (err == 0) {
		err = oriel_virtio_ring_set_call_fd(ring, config->call_fd);
	}
	if (err == 0) {
		err = start_virtq(ring, config, features);
	}
	if (err < 0) {
		(void)oriel_virtio_ring_stop(ring);
		return err;
	}
	ring->size = config->size;
	oriel_virtio_ring_schedule(ring);
	return 0;
}

uint32_t oriel_virtio_ring_stop(struct oriel_virtio_ring *ring) {
	oriel_source_remove(ring->kick);
	ring->kick = NULL;
	oriel_fd_close(&ring->kick_fd);
	oriel_fd_close(&ring->call_fd);
	ring->size = 0;
	ring->stopping = false;
	ring->broken_told = false;
	return oriel_virtq_stop(ring->vq);
}

/** Nothing that the guest adds matters any more, but there is something to do. */
static void ignore_kicks(struct oriel_virtio_ring *ring) {
	if (ring->kick != NULL) {
		oriel_source_set_events(ring->kick, 0);
	}
	oriel_virtio_ring_schedule(ring);
}

bool oriel_virtio_ring_begin_stop(struct oriel_virtio_ring *ring) {
	if (!oriel_virtio_ring_is_started(ring) || ring->stopping) {
		return false;
	}
	ring->stopping = true;
	ignore_kicks(ring);
	return true;
}

void oriel_virtio_ring_tell_stopped(const struct oriel_virtio_ring *ring, uint32_t base) {
	const struct oriel_virtio_listener *listener = &ring->owner.virtio->listener;
	if (listener->handle_queue_stopped != NULL) {
		listener->handle_queue_stopped(listener->user, ring->index, base);
	}
}

bool oriel_virtio_ring_tell_broken(struct oriel_virtio_ring *ring) {
	const char *reason;
	if (ring->broken_told || !oriel_virtq_is_broken(ring->vq, &reason)) {
		return false;
	}
	ring->broken_told = true;
	ignore_kicks(ring); // the turn is for a stop that may be under way
	oriel_log_guest(ring->owner.log, "%s: broken until reset: %s", ring->name, reason);
	if (ring->owner.handle_broken != NULL) {
		ring->owner.handle_broken(ring->owner.user);
	}
	const struct oriel_virtio_listener *listener = &ring->owner.virtio->listener;
	if (listener->handle_needs_reset != NULL) {
		listener->handle_needs_reset(listener->user, ring->index, reason);
	}
	return true;
}

int oriel_virtio_ring_set_call_fd(struct oriel_virtio_ring *ring, int call_fd) {
	int fd = -1;
	if (call_fd >= 0) {
		int err = oriel_fd_dup(call_fd, &fd);
		if (err < 0) {
			return err;
		}
	}
	oriel_fd_close(&ring->call_fd);
	ring->call_fd = fd;
	ring->call_may_block = fd >= 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
	return 0;
}

static void call(const struct oriel_virtio_ring *ring) {
	if (ring->call_may_block) {
		oriel_eventfd_signal_shared(ring->call_fd);
	} else {
		oriel_eventfd_signal(ring->call_fd);
	}
}

void oriel_virtio_ring_publish(struct oriel_virtio_ring *ring) {
	if (!oriel_virtq_publish(ring->vq)) {
		return;
	}
	const struct oriel_virtio_listener *listener = &ring->owner.virtio->listener;
	if (ring->call_fd >= 0) {
		call(ring);
	} else if (listener->interrupt != NULL) {
		listener->interrupt(listener->user, ring->index);
	}
}

void oriel_virtio_ring_handle_memory_change(struct oriel_virtio_ring *ring) {
	if (!oriel_virtio_ring_is_started(ring)) {
		return;
	}
	struct oriel_mem_map *map =
			oriel_memory_hold_map(oriel_virtio_get_memory(ring->owner.virtio));
	int err = oriel_virtq_set_map(ring->vq, map);
	oriel_mem_map_release(map);
	if (err < 0) {
		oriel_virtio_ring_schedule(ring); // the turn tells that it broke
	}
}
