// SPDX-License-Identifier: MIT
/*
 * See id_table.h. Linear probing; removal moves later entries back, so there are no tombstones and
 * a table that saw a million ids is as quick as a new one. At most three quarters full.
 */
#include "base/id_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define FIRST_SLOTS 64u

static uint32_t slot_of(const struct oriel_id_table *table, uint32_t id) {
	uint32_t hash = id * table->multiplier;
	hash ^= hash >> 15;
	return hash & (table->n_slots - 1);
}

void oriel_id_table_init(struct oriel_id_table *table) {
	*table = (struct oriel_id_table){ 0 };
	uint32_t drawn = 0;
	if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) != (ssize_t)sizeof(drawn)) {
		drawn = 0x9e3779b1u; // early boot: a fixed multiplier still spreads ordinary ids
	}
	table->multiplier = drawn | 1u;
}

void oriel_id_table_finish(struct oriel_id_table *table) {
	free(table->slots);
	table->slots = NULL;
	table->n_slots = 0;
	table->len = 0;
}

/** The slot that holds id, or the free slot where its probe ends. */
static uint32_t find_slot(const struct oriel_id_table *table, uint32_t id) {
	uint32_t i = slot_of(table, id);
	while (table->slots[i].object != NULL && table->slots[i].id != id) {
		i = (i + 1) & (table->n_slots - 1);
	}
	return i;
}

void *oriel_id_table_get(const struct oriel_id_table *table, uint32_t id) {
	if (table->n_slots == 0) {
		return NULL;
	}
	return table->slots[find_slot(table, id)].object;
}

static int grow(struct oriel_id_table *table) {
	uint32_t n_slots = table->n_slots == 0 ? FIRST_SLOTS : table->n_slots * 2;
	if (n_slots < table->n_slots) {
		return -ENOMEM;
	}
	struct oriel_id_slot *slots = calloc(n_slots, sizeof(*slots));
	if (slots == NULL) {
		return -ENOMEM;
	}
	struct oriel_id_table old = *table;
	table->slots = slots;
	table->n_slots = n_slots;
	for (uint32_t i = 0; i < old.n_slots; i++) {
		if (old.slots[i].object != NULL) {
			slots[find_slot(table, old.slots[i].id)] = old.slots[i];
		}
	}
	free(old.slots);
	return 0;
}

int oriel_id_table_insert(struct oriel_id_table *table, uint32_t id, void *object) {
	assert(object != NULL);
	if (oriel_id_table_get(table, id) != NULL) {
		return -EEXIST;
	}
	if (table->len >= table->n_slots - table->n_slots / 4) {
		int err = grow(table);
		if (err < 0) {
			return err;
		}
	}
	table->slots[find_slot(table, id)] = (struct oriel_id_slot){ .id = id, .object = object };
	table->len++;
	return 0;
}

void *oriel_id_table_remove(struct oriel_id_table *table, uint32_t id) {
	if (table->n_slots == 0) {
		return NULL;
	}
	uint32_t mask = table->n_slots - 1;
	uint32_t hole = find_slot(table, id);
	void *object = table->slots[hole].object;
	if (object == NULL) {
		return NULL;
	}
	table->len--;
	table->slots[hole].object = NULL;
	for (uint32_t i = (hole + 1) & mask; table->slots[i].object != NULL; i = (i + 1) & mask) {
		uint32_t home = slot_of(table, table->slots[i].id);
		// Move the entry back unless its home lies cyclically in (hole, i].
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table->slots[hole] = table->slots[i];
			table->slots[i].object = NULL;
			hole = i;
		}
	}
	return object;
}

void *oriel_id_table_next(const struct oriel_id_table *table, uint32_t *cursor) {
	while (*cursor < table->n_slots) {
		void *object = table->slots[(*cursor)++].object;
		if (object != NULL) {
			return object;
		}
	}
	return NULL;
}
