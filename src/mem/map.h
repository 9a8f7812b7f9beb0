// SPDX-License-Identifier: MIT
/*
 * The memory map: one immutable state of the table of include/oriel/memory.h.
 *
 * Each change of the table makes a new map; who needs addresses to stay mapped holds the map that
 * they were looked up in. Maps share their regions, which are counted too; a region is unmapped
 * when the last map that has it goes.
 *
 * Lookup is by binary search. A range may cross regions that lie side by side in guest addresses;
 * it then yields more than one span. A lost region (see oriel_memory_handle_fault()) reads as
 * zeros.
 */
#ifndef ORIEL_MEM_MAP_H
#define ORIEL_MEM_MAP_H

#include "base/compiler.h"
#include "mem/span.h"
#include "oriel/memory.h"

struct oriel_mem_map;

/** Hold the current map of a table. Never fails; pair with oriel_mem_map_release(). */
struct oriel_mem_map *oriel_memory_hold_map(struct oriel_memory *memory);

struct oriel_mem_map *oriel_mem_map_hold(struct oriel_mem_map *map);

/** Release a hold. NULL is a no-op. */
void oriel_mem_map_release(struct oriel_mem_map *map);

/**
 * Look [gpa, gpa + size) up as spans, in order, into at most max_spans places.
 *
 * Size 0 gives no spans, wherever gpa is.
 *
 * Returns how many spans were written, -EFAULT if any byte is outside guest memory or the range
 * wraps, or -EDQUOT if max_spans is too small.
 */
ORIEL_MUST_CHECK
int oriel_mem_map_resolve(const struct oriel_mem_map *map, uint64_t gpa, uint64_t size,
		struct oriel_span *spans, size_t max_spans);

/**
 * The host pointer of [gpa, gpa + size), which must lie in one region.
 *
 * Valid: as long as the map is held. Returns NULL if the range is not in one region.
 */
void *oriel_mem_map_get(const struct oriel_mem_map *map, uint64_t gpa, uint64_t size);

/** What becomes of memory that was looked up in one map, in another one. */
enum oriel_mem_fate {
	ORIEL_MEM_KEPT,  // it is in the same regions: what was looked up is as good as before
	ORIEL_MEM_MOVED, // it is there, in others
	ORIEL_MEM_GONE,  // not all of it is there
};

/** The fate of [gpa, gpa + size), which is wholly in old, when map takes old's place. */
enum oriel_mem_fate oriel_mem_map_judge(const struct oriel_mem_map *map,
		const struct oriel_mem_map *old, uint64_t gpa, uint64_t size);

/** Whether all regions of old are in map, too: then all that was looked up there is kept. */
bool oriel_mem_map_keeps_all(const struct oriel_mem_map *map, const struct oriel_mem_map *old);

/** A region, for whoever maps it in another process. */
struct oriel_mem_region_info {
	uint64_t gpa;
	uint64_t size;
	uint64_t fd_offset;
	int fd; // borrowed: valid as long as the map is held; -1 if there is only a mapping
};

size_t oriel_mem_map_count_regions(const struct oriel_mem_map *map);

/** The i-th region, in the order of addresses. i must be below the count. */
struct oriel_mem_region_info oriel_mem_map_get_region(const struct oriel_mem_map *map, size_t i);

/** Copy size bytes at gpa to buf. Returns 0 or -EFAULT (buf may then be partly written). */
ORIEL_MUST_CHECK
int oriel_mem_map_read(const struct oriel_mem_map *map, uint64_t gpa, void *buf, size_t size);

/** Copy size bytes from buf to gpa. Returns 0 or -EFAULT (some may have been written). */
ORIEL_MUST_CHECK
int oriel_mem_map_write(const struct oriel_mem_map *map, uint64_t gpa, const void *buf,
		size_t size);

#endif
