// SPDX-License-Identifier: MIT
/*
 * Backing: the guest pages that a resource is filled from.
 *
 * What the guest gave (addresses and lengths, merged where they touch) is kept, and beside it the
 * host spans it resolves to. When the memory map changes it is resolved anew; pages that are gone
 * then make the whole backing lost, until it is detached or the pages come back.
 *
 * Bytes that the two lists take are charged to a budget first.
 */
#ifndef ORIEL_BACKING_H
#define ORIEL_BACKING_H

#include "base/budget.h"
#include "mem/map.h"
#include "mem/scatter.h"

#include <stdbool.h>

struct oriel_backing_entry {
	uint64_t gpa;
	uint64_t size;
};

struct oriel_backing {
	bool attached;
	bool lost; // attached, but some page is not in the current map
	struct oriel_backing_entry *entries;
	size_t len;
	size_t capacity;
	struct oriel_scatter scatter;
	struct oriel_mem_map *map; // held: the scatter list points into it
	struct oriel_budget *budget;
	uint64_t charged;        // bytes
	size_t n_charged_pieces; // of the scatter list, among these bytes
};

/** Begin an unattached backing. budget must outlive it. */
void oriel_backing_init(struct oriel_backing *backing, struct oriel_budget *budget);

/** Detach, if attached, and free everything. May begin again with attach. */
void oriel_backing_detach(struct oriel_backing *backing);

/**
 * Begin an attachment of n_entries entries, resolved in map. The backing must be detached.
 *
 * Returns 0, -EDQUOT if the lists do not fit the budget, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_backing_begin(struct oriel_backing *backing, size_t n_entries, struct oriel_mem_map *map);

/**
 * Append one entry.
 *
 * Returns 0, -EINVAL for length 0, -EFAULT if it is not wholly in guest memory, -EOVERFLOW if the
 * sum is over limit_bytes, or -EDQUOT or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_backing_append(struct oriel_backing *backing, uint64_t gpa, uint32_t length,
		uint64_t limit_bytes);

/** End the attachment: the backing is attached. After a failed append, detach instead. */
void oriel_backing_end(struct oriel_backing *backing);

/**
 * What becomes of the pages when map takes the place of the one that they are resolved in. A
 * backing that is detached or lost has none: they are gone.
 */
enum oriel_mem_fate oriel_backing_judge(const struct oriel_backing *backing,
		const struct oriel_mem_map *map);

/** Resolve again in another map. Pages that are not there make the backing lost. */
void oriel_backing_handle_map_change(struct oriel_backing *backing, struct oriel_mem_map *map);

#endif
