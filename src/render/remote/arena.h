// SPDX-License-Identifier: MIT
/*
 * Bytes of payload in shared memory: taken in one order and given back in the same.
 *
 * A ring of bytes in which each payload lies in one piece. What does not fit before the end begins
 * at the start, and the rest of the end goes with it. Only the device keeps this; where a payload
 * lies is in its request.
 */
#ifndef ORIEL_RENDER_REMOTE_ARENA_H
#define ORIEL_RENDER_REMOTE_ARENA_H

#include <stdbool.h>
#include <stdint.h>

/** Payloads begin at multiples of this. */
#define ORIEL_RENDER_ARENA_ALIGNMENT 8u

struct oriel_render_arena {
	uint64_t size; // bytes, a multiple of the alignment
	uint64_t head; // bytes ever taken, padding included
	uint64_t tail; // bytes ever given back
};

/**
 * Take size bytes (not 0): they begin at *ret_offset, and are given back with *ret_end.
 *
 * Returns whether there is room.
 */
bool oriel_render_arena_take(struct oriel_render_arena *arena, uint64_t size, uint64_t *ret_offset,
		uint64_t *ret_end);

/** Give back everything up to an end, which was taken and not given back. */
void oriel_render_arena_give_back(struct oriel_render_arena *arena, uint64_t end);

/** Bytes that are taken. */
uint64_t oriel_render_arena_get_used(const struct oriel_render_arena *arena);

#endif
