// SPDX-License-Identifier: MIT
/*
 * Guest memory as the front-end describes it: it fills the device's table, and remembers where each
 * region lies in the front-end's process, because that is how ring addresses are given.
 *
 * A change either happens or leaves everything as it was, but for a whole table that finds no
 * memory in the middle: then there are no regions at all.
 */
#ifndef ORIEL_VHOST_MEMORY_H
#define ORIEL_VHOST_MEMORY_H

#include "base/compiler.h"
#include "oriel/memory.h"
#include "protocol/vhost_user.h"

struct oriel_vhost_memory {
	struct oriel_memory *table; // the device's
	size_t n_regions;
	struct oriel_vhost_region regions[ORIEL_MEMORY_MAX_REGIONS]; // in no order
};

void oriel_vhost_memory_init(struct oriel_vhost_memory *memory, struct oriel_memory *table);

/**
 * Replace all regions.
 *
 * Owns: fds, one for each region, are taken.
 *
 * Returns as oriel_memory_add_region_take(), or -EEXIST also if two regions overlap in the
 * front-end's process.
 */
ORIEL_MUST_CHECK
int oriel_vhost_memory_set_take(struct oriel_vhost_memory *memory,
		const struct oriel_vhost_table *table, int *fds);

/** Add a region. Owns: fd is taken. Returns as oriel_vhost_memory_set_take(). */
ORIEL_MUST_CHECK
int oriel_vhost_memory_add_take(struct oriel_vhost_memory *memory,
		const struct oriel_vhost_region *region, int fd);

/** Remove the region with these addresses and size. Returns 0, -ENOENT or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_vhost_memory_remove(struct oriel_vhost_memory *memory,
		const struct oriel_vhost_region *region);

/** Remove all regions. */
void oriel_vhost_memory_clear(struct oriel_vhost_memory *memory);

/** The guest physical address of what lies at user in the front-end's process. 0 or -EFAULT. */
ORIEL_MUST_CHECK
int oriel_vhost_memory_translate(const struct oriel_vhost_memory *memory, uint64_t user,
		uint64_t *ret);

#endif
