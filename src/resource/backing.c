// SPDX-License-Identifier: MIT
/*
 * See backing.h.
 *
 * Each entry is resolved as it is appended, so a bad one is found before the next is read. Memory
 * is charged per entry of the guest's list, at the size that both lists need at most: an entry that
 * crosses regions takes more than one piece, and those are charged as they appear.
 */
#include "resource/backing.h"

#include <assert.h>
#include <stdlib.h>

// A range can cross every region of the table.
#define MAX_PIECES_PER_ENTRY (ORIEL_MEMORY_MAX_REGIONS + 1)
#define ENTRY_COST (sizeof(struct oriel_backing_entry) + sizeof(struct oriel_scatter_piece))

void oriel_backing_init(struct oriel_backing *backing, struct oriel_budget *budget) {
	*backing = (struct oriel_backing){ .budget = budget };
	oriel_scatter_init(&backing->scatter);
}

void oriel_backing_detach(struct oriel_backing *backing) {
	oriel_scatter_finish(&backing->scatter);
	free(backing->entries);
	oriel_mem_map_release(backing->map);
	oriel_budget_credit(backing->budget, backing->charged);
	oriel_backing_init(backing, backing->budget);
}

static int charge(struct oriel_backing *backing, uint64_t bytes) {
	int err = oriel_budget_charge(backing->budget, bytes);
	if (err == 0) {
		backing->charged += bytes;
	}
	return err;
}

int oriel_backing_begin(struct oriel_backing *backing, size_t n_entries,
		struct oriel_mem_map *map) {
	assert(!backing->attached && backing->map == NULL);
	size_t cost;
	int err = oriel_size_mul(n_entries, ENTRY_COST, &cost);
	if (err == 0) {
		err = charge(backing, cost);
	}
	if (err < 0) {
		return -EDQUOT;
	}
	backing->map = oriel_mem_map_hold(map);
	if (n_entries == 0) {
		return 0;
	}
	backing->entries = calloc(n_entries, sizeof(*backing->entries));
	if (backing->entries == NULL || oriel_scatter_reserve(&backing->scatter, n_entries) < 0) {
		oriel_backing_detach(backing);
		return -ENOMEM;
	}
	backing->capacity = n_entries;
	backing->n_charged_pieces = n_entries;
	return 0;
}

static int append_spans(struct oriel_backing *backing, const struct oriel_backing_entry *entry) {
	struct oriel_span spans[MAX_PIECES_PER_ENTRY];
	int n_spans = oriel_mem_map_resolve(backing->map, entry->gpa, entry->size, spans,
			ORIEL_ARRAY_LEN(spans));
	if (n_spans < 0) {
		return n_spans;
	}
	for (int i = 0; i < n_spans; i++) {
		// Pieces stay charged until detach, so that resolving again costs nothing.
		if (backing->scatter.len >= backing->n_charged_pieces) {
			int err = charge(backing, sizeof(struct oriel_scatter_piece));
			if (err < 0) {
				return err;
			}
			backing->n_charged_pieces++;
		}
		int err = oriel_scatter_append(&backing->scatter, &spans[i]);
		if (err < 0) {
			return err;
		}
	}
	return 0;
}

int oriel_backing_append(struct oriel_backing *backing, uint64_t gpa, uint32_t length,
		uint64_t limit_bytes) {
	if (length == 0) {
		return -EINVAL;
	}
	struct oriel_backing_entry entry = { .gpa = gpa, .size = length };
	int err = append_spans(backing, &entry);
	if (err < 0) {
		return err;
	}
	if (backing->scatter.size > limit_bytes) {
		return -EOVERFLOW;
	}
	struct oriel_backing_entry *last =
			backing->len > 0 ? &backing->entries[backing->len - 1] : NULL;
	if (last != NULL && last->gpa + last->size == gpa) {
		last->size += length;
		return 0;
	}
	assert(backing->len < backing->capacity);
	backing->entries[backing->len++] = entry;
	return 0;
}

void oriel_backing_end(struct oriel_backing *backing) {
	backing->attached = true;
}

enum oriel_mem_fate oriel_backing_judge(const struct oriel_backing *backing,
		const struct oriel_mem_map *map) {
	if (!backing->attached || backing->lost) {
		return ORIEL_MEM_GONE;
	}
	if (backing->map == map || oriel_mem_map_keeps_all(map, backing->map)) {
		return ORIEL_MEM_KEPT;
	}
	enum oriel_mem_fate worst = ORIEL_MEM_KEPT;
	for (size_t i = 0; i < backing->len && worst != ORIEL_MEM_GONE; i++) {
		const struct oriel_backing_entry *entry = &backing->entries[i];
		enum oriel_mem_fate fate =
				oriel_mem_map_judge(map, backing->map, entry->gpa, entry->size);
		worst = fate > worst ? fate : worst;
	}
	return worst;
}

void oriel_backing_handle_map_change(struct oriel_backing *backing, struct oriel_mem_map *map) {
	if (!backing->attached || backing->map == map) {
		return;
	}
	// Memory that is added moves none: there may be millions of entries, and the VMM waits.
	const bool is_kept = !backing->lost && oriel_mem_map_keeps_all(map, backing->map);
	oriel_mem_map_release(backing->map);
	backing->map = oriel_mem_map_hold(map);
	if (is_kept) {
		return;
	}
	backing->lost = false;
	// The pieces' memory stays; they are written anew.
	backing->scatter.len = 0;
	backing->scatter.size = 0;
	for (size_t i = 0; i < backing->len; i++) {
		if (append_spans(backing, &backing->entries[i]) < 0) {
			backing->scatter.len = 0;
			backing->scatter.size = 0;
			backing->lost = true;
			return;
		}
	}
}
