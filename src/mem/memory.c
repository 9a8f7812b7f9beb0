// SPDX-License-Identifier: MIT
/*
 * The memory table of include/oriel/memory.h: it makes one immutable map after another (map.h).
 */
#include "oriel/memory.h"

#include "base/arith.h"
#include "base/fd.h"
#include "mem/region.h"

#include <stdlib.h>
#include <string.h>

struct oriel_memory {
	struct oriel_region_registry *registry;
	struct oriel_mem_map *empty; // held, so that clearing needs no memory
	struct oriel_mem_map *map;   // held: the current one
};

/** A map with room for n regions and none in it. */
static struct oriel_mem_map *map_create(size_t n_regions) {
	struct oriel_mem_map *map = calloc(1, sizeof(*map) + n_regions * sizeof(map->regions[0]));
	if (map != NULL) {
		map->n_refs = 1;
	}
	return map;
}

int oriel_memory_create(struct oriel_memory **ret) {
	struct oriel_memory *memory = calloc(1, sizeof(*memory));
	if (memory == NULL) {
		return -ENOMEM;
	}
	int err = oriel_region_registry_create(&memory->registry);
	if (err == 0) {
		memory->empty = map_create(0);
		err = memory->empty == NULL ? -ENOMEM : 0;
	}
	if (err < 0) {
		oriel_memory_destroy(memory);
		return err;
	}
	memory->map = oriel_mem_map_hold(memory->empty);
	*ret = memory;
	return 0;
}

void oriel_memory_destroy(struct oriel_memory *memory) {
	if (memory == NULL) {
		return;
	}
	oriel_mem_map_release(memory->map);
	oriel_mem_map_release(memory->empty);
	if (memory->registry != NULL) {
		oriel_region_registry_release(memory->registry);
	}
	free(memory);
}

struct oriel_mem_map *oriel_memory_hold_map(struct oriel_memory *memory) {
	return oriel_mem_map_hold(memory->map);
}

size_t oriel_memory_count_regions(const struct oriel_memory *memory) {
	return memory->map->n_regions;
}

static void replace_map(struct oriel_memory *memory, struct oriel_mem_map *map) {
	oriel_mem_map_release(memory->map);
	memory->map = map;
}

/** Where a region would go in the sorted list; -EINVAL, -EEXIST or -EDQUOT if it cannot. */
static int find_place(const struct oriel_memory *memory, uint64_t gpa, uint64_t size) {
	const struct oriel_mem_map *map = memory->map;
	// The last address must exist: a region may end at 2^64, not beyond.
	if (size == 0 || gpa > UINT64_MAX - (size - 1)) {
		return -EINVAL;
	}
	if (map->n_regions == ORIEL_MEMORY_MAX_REGIONS) {
		return -EDQUOT;
	}
	size_t i = 0;
	while (i < map->n_regions && map->regions[i]->gpa < gpa) {
		i++;
	}
	bool hits_before = i > 0 && gpa - map->regions[i - 1]->gpa < map->regions[i - 1]->size;
	bool hits_after = i < map->n_regions && map->regions[i]->gpa - gpa < size;
	return hits_before || hits_after ? -EEXIST : (int)i;
}

/** A new map with region, which is taken on success, at place. */
static int insert_take(struct oriel_memory *memory, size_t place, struct oriel_region *region) {
	const struct oriel_mem_map *old = memory->map;
	struct oriel_mem_map *map = map_create(old->n_regions + 1);
	if (map == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < old->n_regions; i++) {
		map->regions[i < place ? i : i + 1] = oriel_region_hold(old->regions[i]);
	}
	map->regions[place] = region;
	map->n_regions = old->n_regions + 1;
	replace_map(memory, map);
	return 0;
}

int oriel_memory_add_region_take(struct oriel_memory *memory, uint64_t gpa, uint64_t size,
		uint64_t fd_offset, int fd) {
	int place = find_place(memory, gpa, size);
	struct oriel_region *region = NULL;
	int err = place < 0 ? place : 0;
	if (err == 0) {
		err = oriel_region_create(memory->registry, gpa, size, fd_offset, fd, &region);
	}
	oriel_fd_close(&fd);
	if (err < 0) {
		return err;
	}
	err = insert_take(memory, (size_t)place, region);
	if (err < 0) {
		oriel_region_release(region);
	}
	return err;
}

int oriel_memory_add_mapped(struct oriel_memory *memory, uint64_t gpa, uint64_t size, void *hva) {
	int place = find_place(memory, gpa, size);
	if (place < 0) {
		return place;
	}
	struct oriel_region *region;
	int err = oriel_region_create_mapped(memory->registry, gpa, size, hva, &region);
	if (err < 0) {
		return err;
	}
	err = insert_take(memory, (size_t)place, region);
	if (err < 0) {
		oriel_region_release(region);
	}
	return err;
}

int oriel_memory_remove_region(struct oriel_memory *memory, uint64_t gpa, uint64_t size) {
	const struct oriel_mem_map *old = memory->map;
	size_t place = 0;
	while (place < old->n_regions &&
			(old->regions[place]->gpa != gpa || old->regions[place]->size != size)) {
		place++;
	}
	if (place == old->n_regions) {
		return -ENOENT;
	}
	struct oriel_mem_map *map = map_create(old->n_regions - 1);
	if (map == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < old->n_regions; i++) {
		if (i != place) {
			map->regions[map->n_regions++] = oriel_region_hold(old->regions[i]);
		}
	}
	replace_map(memory, map);
	return 0;
}

void oriel_memory_clear(struct oriel_memory *memory) {
	replace_map(memory, oriel_mem_map_hold(memory->empty));
}

bool oriel_memory_handle_fault(struct oriel_memory *memory, void *address) {
	return oriel_region_registry_handle_fault(memory->registry, address);
}
