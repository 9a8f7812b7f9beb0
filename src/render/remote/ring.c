// SPDX-License-Identifier: MIT
/*
 * See ring.h.
 *
 * Why nobody sleeps through a slot: a producer stores head, then a full fence, then loads sleeps;
 * a consumer stores sleeps, then a full fence, then loads head. Whatever the order of the two, one
 * of them sees the other's store. The same holds for no_room and tail.
 */
#include "render/remote/ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LINE 64u // bytes: what processors keep in one piece

static uint32_t *word_at(uint8_t *control, uint32_t i) {
	return (uint32_t *)(void *)(control + (size_t)i * LINE);
}

void oriel_render_ring_init(struct oriel_render_ring *ring, uint8_t *control, uint8_t *slots,
		uint32_t slot_size, uint32_t n_slots) {
	assert((n_slots & (n_slots - 1)) == 0);
	*ring = (struct oriel_render_ring){
		.head = word_at(control, 0),
		.tail = word_at(control, 1),
		.sleeps = word_at(control, 2),
		.no_room = word_at(control, 3),
		.slots = slots,
		.slot_size = slot_size,
		.n_slots = n_slots,
	};
}

static uint8_t *slot_of(const struct oriel_render_ring *ring, uint32_t index) {
	return ring->slots + (size_t)(index & (ring->n_slots - 1)) * ring->slot_size;
}

int oriel_render_ring_get_room(struct oriel_render_ring *ring) {
	if (ring->mine - ring->theirs < ring->n_slots / 2) {
		return (int)(ring->n_slots - (ring->mine - ring->theirs)); // at least
	}
	// Partner: oriel_render_ring_pop(). A slot is written only after its reader is done.
	ring->theirs = __atomic_load_n(ring->tail, __ATOMIC_ACQUIRE);
	const uint32_t n_used = ring->mine - ring->theirs;
	return n_used > ring->n_slots ? -EPROTO : (int)(ring->n_slots - n_used);
}

void oriel_render_ring_push(struct oriel_render_ring *ring, const uint8_t *slot) {
	memcpy(slot_of(ring, ring->mine), slot, ring->slot_size);
	ring->mine++;
	// Partner: oriel_render_ring_pop() and oriel_render_ring_sleep(), which load it.
	__atomic_store_n(ring->head, ring->mine, __ATOMIC_RELEASE);
}

/** Whether the flag is up, after a fence; then it is taken down. */
static bool take_flag(uint32_t *flag) {
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(flag, __ATOMIC_RELAXED) != 0 &&
	       __atomic_exchange_n(flag, 0, __ATOMIC_RELAXED) != 0;
}

/** Put the flag up, before a fence. */
static void put_flag(uint32_t *flag) {
	__atomic_store_n(flag, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool oriel_render_ring_needs_bell(struct oriel_render_ring *ring) {
	return take_flag(ring->sleeps); // partner: oriel_render_ring_sleep()
}

int oriel_render_ring_wait_for_room(struct oriel_render_ring *ring) {
	put_flag(ring->no_room);                   // partner: oriel_render_ring_needs_room_bell()
	ring->theirs = ring->mine - ring->n_slots; // forget what was seen
	int room = oriel_render_ring_get_room(ring);
	return room < 0 ? room : room == 0;
}

int oriel_render_ring_pop(struct oriel_render_ring *ring, uint8_t *slot) {
	if (ring->theirs == ring->mine) {
		// Partner: oriel_render_ring_push().
		ring->theirs = __atomic_load_n(ring->head, __ATOMIC_ACQUIRE);
		if (ring->theirs - ring->mine > ring->n_slots) {
			return -EPROTO;
		}
	}
	if (ring->theirs == ring->mine) {
		return 0;
	}
	memcpy(slot, slot_of(ring, ring->mine), ring->slot_size);
	ring->mine++;
	// Partner: oriel_render_ring_get_room(). The slot was read before it is given back.
	__atomic_store_n(ring->tail, ring->mine, __ATOMIC_RELEASE);
	return 1;
}

bool oriel_render_ring_needs_room_bell(struct oriel_render_ring *ring) {
	return take_flag(ring->no_room); // partner: oriel_render_ring_wait_for_room()
}

int oriel_render_ring_sleep(struct oriel_render_ring *ring) {
	put_flag(ring->sleeps); // partner: oriel_render_ring_needs_bell()
	const uint32_t head = __atomic_load_n(ring->head, __ATOMIC_ACQUIRE);
	if (head - ring->mine > ring->n_slots) {
		return -EPROTO;
	}
	if (head == ring->mine) {
		return 1;
	}
	// Awake: a bell that is on its way already is drained when it comes.
	__atomic_store_n(ring->sleeps, 0, __ATOMIC_RELAXED);
	return 0;
}

void oriel_render_bell_ring(int fd) {
	const uint8_t byte = 1;
	ssize_t n = send(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n;
}

void oriel_render_bell_drain(int fd) {
	uint8_t bytes[64];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	(void)n;
}
