// SPDX-License-Identifier: MIT
/*
 * Which rings run. See session.h for when these functions are called.
 *
 * Is it the same driver? A device must forget its guest's state when the guest was reset, and must
 * keep it when the guest was only paused, and both look alike unless RESET_DEVICE says which. What
 * differs is where a ring goes on: a paused one where GET_VRING_BASE said, a new driver's at its
 * beginning. A ring that had stopped at its beginning (it was not used, or wrapped around) is taken
 * for the same driver's unless it lies elsewhere or features have changed. So a ring is judged when
 * it starts after GET_VRING_BASE: queue 0, which no driver does without, in any case, others only
 * if they are the first to start. A ring that was merely disabled goes on without being judged.
 */
#include "transport/vhost_user/session.h"

#include "base/fd.h"
#include "oriel/virtio.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/** How often rings without a kick descriptor are looked at. */
#define POLL_INTERVAL_NS UINT64_C(1000000)

void oriel_vhost_rings_init(struct oriel_vhost_user *session) {
	for (size_t i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		session->rings[i] = (struct oriel_vhost_ring){ .kick_fd = -1,
			.call_fd = -1,
			.err_fd = -1 };
	}
}

void oriel_vhost_rings_finish(struct oriel_vhost_user *session) {
	for (size_t i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		oriel_fd_close(&session->rings[i].kick_fd);
		oriel_fd_close(&session->rings[i].call_fd);
		oriel_fd_close(&session->rings[i].err_fd);
	}
}

static unsigned int count_rings_that(const struct oriel_vhost_user *session,
		enum oriel_vhost_ring_run run) {
	unsigned int n = 0;
	for (size_t i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		n += session->rings[i].run == run ? 1 : 0;
	}
	return n;
}

static bool is_enabled(const struct oriel_vhost_user *session,
		const struct oriel_vhost_ring *ring) {
	return ring->enable == ORIEL_VHOST_ENABLE_YES ||
	       (ring->enable == ORIEL_VHOST_ENABLE_UNSET && !session->has_protocol_features);
}

static bool should_run(const struct oriel_vhost_user *session,
		const struct oriel_vhost_ring *ring) {
	return session->has_features && !session->is_new_driver && is_enabled(session, ring) &&
	       ring->has_kick && ring->has_addresses && ring->size > 0 && !ring->has_failed;
}

/** Reset the device alone: no ring runs any more. */
static void reset_device(struct oriel_vhost_user *session) {
	oriel_virtio_reset(session->device);
	if (session->has_features) {
		oriel_virtio_set_features(session->device, session->features);
	}
	session->needs_reset = false;
	session->is_new_driver = false;
	for (size_t i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		struct oriel_vhost_ring *ring = &session->rings[i];
		ring->run = ORIEL_VHOST_STOPPED;
		ring->has_run = false;
	}
}

void oriel_vhost_rings_reset(struct oriel_vhost_user *session) {
	session->current.gives_memory_back = true;
	reset_device(session);
	for (size_t i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		struct oriel_vhost_ring *ring = &session->rings[i];
		oriel_fd_close(&ring->kick_fd);
		*ring = (struct oriel_vhost_ring){ .kick_fd = -1,
			.call_fd = ring->call_fd,
			.err_fd = ring->err_fd };
	}
	oriel_log_life(&session->log, "vhost-user: device reset");
}

void oriel_vhost_rings_handle_memory_change(struct oriel_vhost_user *session) {
	session->current.gives_memory_back = true;
	oriel_virtio_handle_memory_change(session->device);
	for (size_t i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		session->rings[i].has_failed = false;
	}
}

/** Stop what runs and should not. The device may report it at once or later. */
static void stop_rings(struct oriel_vhost_user *session) {
	for (unsigned int i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		struct oriel_vhost_ring *ring = &session->rings[i];
		if (ring->run == ORIEL_VHOST_RUNNING &&
				(!should_run(session, ring) || ring->has_new_kick)) {
			ring->run = ORIEL_VHOST_STOPPING;
			oriel_virtio_stop_queue(session->device, i);
		}
	}
}

void oriel_vhost_rings_handle_stopped(struct oriel_vhost_user *session, unsigned int queue,
		uint32_t base) {
	if (queue >= ORIEL_VHOST_MAX_QUEUES || session->rings[queue].run != ORIEL_VHOST_STOPPING) {
		return;
	}
	session->rings[queue].run = ORIEL_VHOST_STOPPED;
	session->rings[queue].base = base;
	oriel_log_life(&session->log, "queue %u: stopped at 0x%" PRIx32, queue, base);
	oriel_source_set_pending(session->proceed);
}

static int get_place(const struct oriel_vhost_user *session, const struct oriel_vhost_ring *ring,
		struct oriel_vhost_ring_place *ret) {
	struct oriel_vhost_ring_place place = { .size = ring->size, .features = session->features };
	const struct oriel_vhost_ring_addresses *from = &ring->addresses;
	int err = oriel_vhost_memory_translate(&session->memory, from->desc_user, &place.desc_gpa);
	if (err == 0) {
		err = oriel_vhost_memory_translate(&session->memory, from->avail_user,
				&place.driver_gpa);
	}
	if (err == 0) {
		err = oriel_vhost_memory_translate(&session->memory, from->used_user,
				&place.device_gpa);
	}
	if (err == 0) {
		*ret = place;
	}
	return err;
}

static bool is_same_place(const struct oriel_vhost_ring_place *a,
		const struct oriel_vhost_ring_place *b) {
	return a->size == b->size && a->desc_gpa == b->desc_gpa && a->driver_gpa == b->driver_gpa &&
	       a->device_gpa == b->device_gpa && a->features == b->features;
}

/** Whether a ring that is about to start shows that the guest is not the one that we knew. */
static bool shows_new_driver(const struct oriel_vhost_user *session, unsigned int i,
		const struct oriel_vhost_ring_place *place) {
	const struct oriel_vhost_ring *ring = &session->rings[i];
	if (!ring->has_run || !ring->was_handed_out ||
			(i != 0 && count_rings_that(session, ORIEL_VHOST_RUNNING) > 0)) {
		return false;
	}
	if (ring->base != ring->handed_out) {
		return true;
	}
	bool is_packed = (session->features >> ORIEL_VIRTIO_F_RING_PACKED & 1) != 0;
	uint32_t fresh = is_packed ? ORIEL_VIRTIO_FRESH_PACKED : 0;
	return ring->base == fresh && !is_same_place(place, &ring->last);
}

static int start_ring(struct oriel_vhost_user *session, unsigned int i,
		const struct oriel_vhost_ring_place *place) {
	struct oriel_vhost_ring *ring = &session->rings[i];
	struct oriel_virtio_queue config = {
		.size = (uint16_t)ring->size, // not above the queue's largest
		.desc_gpa = place->desc_gpa,
		.driver_gpa = place->driver_gpa,
		.device_gpa = place->device_gpa,
		.base = ring->base,
		.kick_fd = ring->kick_fd,
		.call_fd = ring->call_fd,
	};
	// Before the start, which looks at the ring and may report that it is broken.
	ring->run = ORIEL_VHOST_RUNNING;
	int err = oriel_virtio_start_queue(session->device, i, &config);
	if (err < 0) {
		ring->run = ORIEL_VHOST_STOPPED;
		return err;
	}
	ring->has_run = true;
	ring->was_handed_out = false;
	ring->has_new_kick = false;
	ring->last = *place;
	if (ring->kick_fd < 0) {
		oriel_source_set_deadline(session->poll_timer, oriel_now_ns() + POLL_INTERVAL_NS);
	}
	oriel_log_life(&session->log, "queue %u: started, %" PRIu32 " entries, at 0x%" PRIx32, i,
			ring->size, ring->base);
	return 0;
}

/** Why a ring does not start, for a VMM's author. */
static const char *explain(int err) {
	switch (err) {
	case -EFAULT:
		return "each part of a ring must be in one region of guest memory";
	case -EINVAL:
		return "no ring has such a size, base or alignment";
	default:
		return strerror(-err);
	}
}

static void fail_ring(struct oriel_vhost_user *session, unsigned int i, int err) {
	session->rings[i].has_failed = true;
	if (session->current.i_ring == i) {
		session->current.err = err;
		session->current.reason = explain(err);
	} else {
		oriel_log_guest(&session->log, "queue %u: cannot be started: %s", i, explain(err));
	}
}

/** Start the first ring that should run and does not. Returns whether there was one. */
static bool start_next(struct oriel_vhost_user *session) {
	for (unsigned int i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		const struct oriel_vhost_ring *ring = &session->rings[i];
		if (ring->run != ORIEL_VHOST_STOPPED || !should_run(session, ring)) {
			continue;
		}
		struct oriel_vhost_ring_place place;
		int err = get_place(session, ring, &place);
		if (err == 0 && shows_new_driver(session, i, &place)) {
			session->is_new_driver = true;
			return true;
		}
		if (err == 0) {
			err = start_ring(session, i, &place);
		}
		if (err < 0) {
			fail_ring(session, i, err);
		}
		return true;
	}
	return false;
}

bool oriel_vhost_rings_settle(struct oriel_vhost_user *session) {
	// It ends: a ring starts or fails once, and after a reset there is no reason for another.
	do {
		stop_rings(session);
		if (count_rings_that(session, ORIEL_VHOST_STOPPING) > 0) {
			return false;
		}
		if (session->is_new_driver) {
			reset_device(session);
			oriel_log_life(&session->log, "vhost-user: device reset for a new driver");
		}
	} while (start_next(session));
	return true;
}

void oriel_vhost_rings_poll(void *user) {
	struct oriel_vhost_user *session = user;
	bool is_polled = false;
	for (unsigned int i = 0; i < ORIEL_VHOST_MAX_QUEUES; i++) {
		const struct oriel_vhost_ring *ring = &session->rings[i];
		if (ring->run == ORIEL_VHOST_RUNNING && ring->kick_fd < 0) {
			oriel_virtio_kick(session->device, i);
			is_polled = true;
		}
	}
	if (is_polled) {
		oriel_source_set_deadline(session->poll_timer, oriel_now_ns() + POLL_INTERVAL_NS);
	}
}
