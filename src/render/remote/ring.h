// SPDX-License-Identifier: MIT
/*
 * A ring of fixed slots in memory shared with one other process, and its doorbell.
 *
 * Theory of operation. One end produces, the other consumes. Each end writes one index, head or
 * tail, which only ever counts up (modulo 2^32, masked when used) and keeps its own value in
 * private memory: what it reads back from shared memory is the other's word only, and is held
 * against the ring's size before it is believed. A slot is copied out before anybody looks at it.
 *
 * A consumer that finds nothing says that it sleeps, looks once more, and then waits for its
 * doorbell. A producer that published something rings if the consumer sleeps, and wakes it once. A
 * producer that finds no room does the same the other way round: it says that it waits, and the
 * consumer rings the other direction's bell.
 *
 * The doorbell is a socketpair, not an eventfd: its ends are files of their own, so that nobody can
 * make the other's calls block; and not a pipe, because ringing must not raise SIGPIPE.
 *
 * This is the one place of the render link with atomics. An end trusts the other with nothing but
 * progress: wrong indices are -EPROTO, and a bell that is not rung costs the liar its answers.
 */
#ifndef ORIEL_RENDER_REMOTE_RING_H
#define ORIEL_RENDER_REMOTE_RING_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/** Bytes of control words at the beginning of shared memory for one ring: a cache line for each. */
#define ORIEL_RENDER_RING_CONTROL_SIZE 256u

struct oriel_render_ring {
	// In shared memory.
	uint32_t *head;    // the producer's: slots published
	uint32_t *tail;    // the consumer's: slots taken
	uint32_t *sleeps;  // 1: the consumer wants the doorbell
	uint32_t *no_room; // 1: the producer wants to hear of room
	uint8_t *slots;

	uint32_t slot_size;
	uint32_t n_slots; // a power of two
	uint32_t mine;    // this end's own index
	uint32_t theirs;  // the other's, as it was last seen
};

/** Begin one end of a ring whose control words and slots are there. All indices are 0. */
void oriel_render_ring_init(struct oriel_render_ring *ring, uint8_t *control, uint8_t *slots,
		uint32_t slot_size, uint32_t n_slots);

/** Producer: how many slots are free, or -EPROTO. */
ORIEL_MUST_CHECK
int oriel_render_ring_get_room(struct oriel_render_ring *ring);

/** Producer: publish a slot, for which there is room. */
void oriel_render_ring_push(struct oriel_render_ring *ring, const uint8_t *slot);

/** Producer: whether the consumer sleeps, and is to be woken. True once for each sleep. */
bool oriel_render_ring_needs_bell(struct oriel_render_ring *ring);

/** Producer: say that there is no room. Returns whether there is still none, or -EPROTO. */
ORIEL_MUST_CHECK
int oriel_render_ring_wait_for_room(struct oriel_render_ring *ring);

/** Consumer: copy the next slot out. Returns 1, 0 if there is none, or -EPROTO. */
ORIEL_MUST_CHECK
int oriel_render_ring_pop(struct oriel_render_ring *ring, uint8_t *slot);

/** Consumer: whether the producer waits for room, and is to be told. True once for each wait. */
bool oriel_render_ring_needs_room_bell(struct oriel_render_ring *ring);

/** Consumer: say that it sleeps. Returns 1 if the ring is still empty, 0 if not, or -EPROTO. */
ORIEL_MUST_CHECK
int oriel_render_ring_sleep(struct oriel_render_ring *ring);

/** Ring the doorbell at the other end of this stream socket. A full one is as good as rung. */
void oriel_render_bell_ring(int fd);

/** Take some of the rings of the other end. */
void oriel_render_bell_drain(int fd);

#endif
