// SPDX-License-Identifier: MIT
/* See arena.h. Counters of 64 bits do not wrap in the life of a machine. */
#include "render/remote/arena.h"

#include <assert.h>

bool oriel_render_arena_take(struct oriel_render_arena *arena, uint64_t size, uint64_t *ret_offset,
		uint64_t *ret_end) {
	if (size > arena->size) {
		return false;
	}
	const uint64_t mask = ORIEL_RENDER_ARENA_ALIGNMENT - 1;
	const uint64_t rounded = (size + mask) & ~mask; // the arena's size is a multiple, too
	uint64_t offset = arena->head % arena->size;
	uint64_t padding = 0;
	if (rounded > arena->size - offset) {
		padding = arena->size - offset;
		offset = 0;
	}
	if (padding + rounded > arena->size - (arena->head - arena->tail)) {
		return false;
	}
	arena->head += padding + rounded;
	*ret_offset = offset;
	*ret_end = arena->head;
	return true;
}

void oriel_render_arena_give_back(struct oriel_render_arena *arena, uint64_t end) {
	assert(end - arena->tail <= arena->head - arena->tail);
	arena->tail = end;
}

uint64_t oriel_render_arena_get_used(const struct oriel_render_arena *arena) {
	return arena->head - arena->tail;
}
