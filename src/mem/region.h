// SPDX-License-Identifier: MIT
/*
 * A region of guest memory: counted, shared by all maps that have it. Private to this folder.
 *
 * Every region is also in the registry of the table it was made for, so that a fault can be traced
 * to it even when only an old map still holds it. The registry is counted too and outlives the
 * table.
 */
#ifndef ORIEL_MEM_REGION_H
#define ORIEL_MEM_REGION_H

#include "base/compiler.h"
#include "base/list.h"
#include "mem/map.h"

struct oriel_region_registry {
	uint32_t n_refs; // the table, and each region
	struct oriel_link regions;
};

struct oriel_region {
	uint32_t n_refs;
	struct oriel_region_registry *registry;
	struct oriel_link link;

	uint64_t gpa;
	uint64_t size;
	uint8_t *hva;

	// What we mapped ourselves, whole pages; NULL if the embedder did.
	uint8_t *mapping;
	size_t mapping_size;
	bool lost; // zero pages are in its place; only the fault handler looks

	// The file, ours, for whoever maps it in another process; -1 if the embedder mapped it.
	int fd;
	uint64_t fd_offset;
};

struct oriel_mem_map {
	uint32_t n_refs;
	struct oriel_region *found; // by the last lookup, or NULL; saves most searches
	size_t n_regions;
	struct oriel_region *regions[]; // sorted by gpa, disjoint
};

/** A registry with one reference. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_region_registry_create(struct oriel_region_registry **ret);
void oriel_region_registry_release(struct oriel_region_registry *registry);

/** Map part of a file; fd is borrowed, and duplicated. See oriel_memory_add_region_take(). */
ORIEL_MUST_CHECK
int oriel_region_create(struct oriel_region_registry *registry, uint64_t gpa, uint64_t size,
		uint64_t fd_offset, int fd, struct oriel_region **ret);

/** Use memory that is mapped already. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_region_create_mapped(struct oriel_region_registry *registry, uint64_t gpa, uint64_t size,
		void *hva, struct oriel_region **ret);

struct oriel_region *oriel_region_hold(struct oriel_region *region);
void oriel_region_release(struct oriel_region *region);

/** Put zero pages over the region that has address. Async-signal-safe. */
bool oriel_region_registry_handle_fault(struct oriel_region_registry *registry, void *address);

#endif
