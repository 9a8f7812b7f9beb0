// SPDX-License-Identifier: MIT
/*
 * A table from 32-bit ids, chosen by a guest, to objects.
 *
 * Open addressing with a multiplicative hash whose multiplier is drawn per table, so a guest cannot
 * aim for collisions. Lookup, insertion and removal take constant time however many ids there are.
 * The table owns its slots, never the objects. It grows by doubling and never shrinks.
 */
#ifndef ORIEL_ID_TABLE_H
#define ORIEL_ID_TABLE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct oriel_id_slot {
	uint32_t id;
	void *object; // NULL: free
};

struct oriel_id_table {
	struct oriel_id_slot *slots; // NULL until the first insertion
	uint32_t n_slots;            // a power of two, or 0
	uint32_t len;
	uint32_t multiplier; // odd
};

/** Begin an empty table. Allocates nothing. */
void oriel_id_table_init(struct oriel_id_table *table);

/** Free the slots. The objects are the caller's. */
void oriel_id_table_finish(struct oriel_id_table *table);

/** The object with this id, or NULL. Valid as long as the object is. */
void *oriel_id_table_get(const struct oriel_id_table *table, uint32_t id);

/**
 * Enter object, which must not be NULL, under id.
 *
 * Returns 0, -EEXIST if the id is taken, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_id_table_insert(struct oriel_id_table *table, uint32_t id, void *object);

/** Remove id and return its object, or NULL if there is none. */
void *oriel_id_table_remove(struct oriel_id_table *table, uint32_t id);

/**
 * The objects one by one, in no order: start with *cursor = 0, until NULL.
 *
 * Nothing may be inserted or removed between the calls of one walk.
 */
void *oriel_id_table_next(const struct oriel_id_table *table, uint32_t *cursor);

#endif
