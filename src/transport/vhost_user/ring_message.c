// SPDX-License-Identifier: MIT
/*
 * The messages about rings. They note what the front-end wants; ring.c makes it happen.
 */
#include "base/fd.h"
#include "oriel/virtio.h"
#include "transport/vhost_user/session.h"

#include <errno.h>

/** The ring of this index, which the current message is about from now on. NULL: none. */
static struct oriel_vhost_ring *get_ring(struct oriel_vhost_user *session, uint32_t index) {
	if (index >= oriel_virtio_count_queues(session->device) ||
			index >= ORIEL_VHOST_MAX_QUEUES) {
		return NULL;
	}
	session->current.i_ring = index;
	return &session->rings[index];
}

/** Decode a message that is a ring and a number. */
static int decode_state(struct oriel_vhost_user *session, struct oriel_reader *r,
		struct oriel_vhost_ring **ret_ring, uint32_t *ret_num) {
	struct oriel_vhost_ring_state state;
	int err = oriel_vhost_decode_ring_state(r, &state);
	if (err < 0) {
		return err;
	}
	struct oriel_vhost_ring *ring = get_ring(session, state.index);
	if (ring == NULL) {
		return -EBADMSG;
	}
	*ret_ring = ring;
	*ret_num = state.num;
	return 0;
}

/** Decode a message that is a ring and perhaps a descriptor, which is the caller's; -1: none. */
static int decode_fd(struct oriel_vhost_user *session, struct oriel_reader *r,
		struct oriel_vhost_ring **ret_ring, int *ret_fd) {
	struct oriel_vhost_ring_fd message;
	int err = oriel_vhost_decode_ring_fd(r, &message);
	if (err < 0) {
		return err;
	}
	struct oriel_vhost_ring *ring = get_ring(session, message.index);
	if (ring == NULL || message.has_fd != (session->in.n_fds > 0)) {
		return -EBADMSG;
	}
	*ret_ring = ring;
	*ret_fd = oriel_fd_input_take_fd(&session->in);
	return 0;
}

int oriel_vhost_run_set_vring_num(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	uint32_t size;
	int err = decode_state(session, r, &ring, &size);
	if (err < 0) {
		return err;
	}
	const uint32_t i = session->current.i_ring;
	bool is_packed = (session->features >> ORIEL_VIRTIO_F_RING_PACKED & 1) != 0;
	bool is_good = size > 0 && size <= oriel_virtio_get_max_queue_size(session->device, i) &&
		       (is_packed || (size & (size - 1)) == 0);
	ring->size = is_good ? size : 0;
	ring->has_failed = false;
	return is_good ? 0 : -EINVAL;
}

int oriel_vhost_run_set_vring_base(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	uint32_t base;
	int err = decode_state(session, r, &ring, &base);
	if (err < 0) {
		return err;
	}
	ring->base = base;
	ring->has_failed = false;
	return 0;
}

int oriel_vhost_run_set_vring_addr(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring_addresses addresses;
	int err = oriel_vhost_decode_ring_addresses(r, &addresses);
	if (err < 0) {
		return err;
	}
	struct oriel_vhost_ring *ring = get_ring(session, addresses.index);
	if (ring == NULL) {
		return -EBADMSG;
	}
	// Looked up again at each start; now only to tell the front-end while it listens.
	uint64_t gpa;
	err = oriel_vhost_memory_translate(&session->memory, addresses.desc_user, &gpa);
	if (err == 0) {
		err = oriel_vhost_memory_translate(&session->memory, addresses.used_user, &gpa);
	}
	if (err == 0) {
		err = oriel_vhost_memory_translate(&session->memory, addresses.avail_user, &gpa);
	}
	ring->has_addresses = err == 0;
	ring->addresses = addresses;
	ring->has_failed = false;
	return err;
}

int oriel_vhost_run_set_vring_kick(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	int fd;
	int err = decode_fd(session, r, &ring, &fd);
	if (err < 0) {
		return err;
	}
	// It stays unread until the ring starts.
	oriel_fd_close(&ring->kick_fd);
	ring->kick_fd = fd;
	ring->has_kick = true;
	ring->has_new_kick = true;
	ring->has_failed = false;
	return 0;
}

int oriel_vhost_run_set_vring_call(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	int fd;
	int err = decode_fd(session, r, &ring, &fd);
	if (err < 0) {
		return err;
	}
	oriel_fd_close(&ring->call_fd);
	ring->call_fd = fd;
	if (ring->run != ORIEL_VHOST_RUNNING) {
		return 0;
	}
	return oriel_virtio_set_call_fd(session->device, session->current.i_ring, fd);
}

int oriel_vhost_run_set_vring_err(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	int fd;
	int err = decode_fd(session, r, &ring, &fd);
	if (err < 0) {
		return err;
	}
	oriel_fd_close(&ring->err_fd);
	ring->err_fd = fd;
	return 0;
}

int oriel_vhost_run_set_vring_enable(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	uint32_t enable;
	int err = decode_state(session, r, &ring, &enable);
	if (err < 0) {
		return err;
	}
	if (enable > 1) {
		return -EINVAL;
	}
	ring->enable = enable == 1 ? ORIEL_VHOST_ENABLE_YES : ORIEL_VHOST_ENABLE_NO;
	ring->has_failed = false;
	return 0;
}

int oriel_vhost_run_get_vring_base(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_ring *ring;
	uint32_t ignored;
	int err = decode_state(session, r, &ring, &ignored);
	if (err < 0) {
		return err;
	}
	// Without a kick it does not run.
	oriel_fd_close(&ring->kick_fd);
	ring->has_kick = false;
	return 0;
}

void oriel_vhost_finish_get_vring_base(struct oriel_vhost_user *session, struct oriel_writer *w) {
	struct oriel_vhost_ring *ring = &session->rings[session->current.i_ring];
	ring->handed_out = ring->base;
	ring->was_handed_out = true;
	struct oriel_vhost_ring_state state = { session->current.i_ring, ring->base };
	oriel_vhost_encode_ring_state(w, VHOST_USER_GET_VRING_BASE, VHOST_USER_FLAG_REPLY, &state);
}
