// SPDX-License-Identifier: MIT
/* See map.h. */
#include "mem/map.h"

#include "base/arith.h"
#include "mem/region.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct oriel_mem_map *oriel_mem_map_hold(struct oriel_mem_map *map) {
	map->n_refs++;
	return map;
}

void oriel_mem_map_release(struct oriel_mem_map *map) {
	if (map == NULL) {
		return;
	}
	assert(map->n_refs > 0);
	map->n_refs--;
	if (map->n_refs > 0) {
		return;
	}
	for (size_t i = 0; i < map->n_regions; i++) {
		oriel_region_release(map->regions[i]);
	}
	free(map);
}

static bool region_has(const struct oriel_region *region, uint64_t gpa) {
	return gpa >= region->gpa && gpa - region->gpa < region->size;
}

static struct oriel_region *search(const struct oriel_mem_map *map, uint64_t gpa) {
	size_t low = 0;
	size_t high = map->n_regions;
	while (low < high) {
		size_t middle = (low + high) / 2;
		struct oriel_region *region = map->regions[middle];
		if (region_has(region, gpa)) {
			return region;
		}
		if (gpa < region->gpa) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return NULL;
}

/** The region that has gpa, or NULL. Mostly it is the one that was found last. */
static const struct oriel_region *find_region(const struct oriel_mem_map *map, uint64_t gpa) {
	if (map->found != NULL && region_has(map->found, gpa)) {
		return map->found;
	}
	struct oriel_region *region = search(map, gpa);
	if (region != NULL) {
		// No map is const itself, and nobody can tell that this one changed.
		((struct oriel_mem_map *)(uintptr_t)map)->found = region;
	}
	return region;
}

int oriel_mem_map_resolve(const struct oriel_mem_map *map, uint64_t gpa, uint64_t size,
		struct oriel_span *spans, size_t max_spans) {
	size_t n_spans = 0;
	while (size > 0) {
		const struct oriel_region *region = find_region(map, gpa);
		if (region == NULL) {
			return -EFAULT;
		}
		if (n_spans == max_spans) {
			return -EDQUOT;
		}
		uint64_t offset = gpa - region->gpa;
		uint64_t part = oriel_min_u64(size, region->size - offset);
		spans[n_spans++] = (struct oriel_span){ .hva = region->hva + offset,
			.size = (size_t)part };
		size -= part;
		// A region never ends beyond 2^64, but may end there: then nothing follows.
		if (size > 0 && oriel_u64_add(gpa, part, &gpa) < 0) {
			return -EFAULT;
		}
	}
	return (int)n_spans;
}

enum oriel_mem_fate oriel_mem_map_judge(const struct oriel_mem_map *map,
		const struct oriel_mem_map *old, uint64_t gpa, uint64_t size) {
	enum oriel_mem_fate fate = ORIEL_MEM_KEPT;
	while (size > 0) {
		const struct oriel_region *region = find_region(map, gpa);
		if (region == NULL) {
			return ORIEL_MEM_GONE;
		}
		if (region != find_region(old, gpa)) {
			fate = ORIEL_MEM_MOVED;
		}
		const uint64_t part = oriel_min_u64(size, region->size - (gpa - region->gpa));
		size -= part;
		if (size > 0 && oriel_u64_add(gpa, part, &gpa) < 0) {
			return ORIEL_MEM_GONE;
		}
	}
	return fate;
}

bool oriel_mem_map_keeps_all(const struct oriel_mem_map *map, const struct oriel_mem_map *old) {
	size_t i = 0;
	for (size_t k = 0; k < map->n_regions && i < old->n_regions; k++) {
		i += map->regions[k] == old->regions[i] ? 1 : 0; // both are in the order of gpa
	}
	return i == old->n_regions;
}

void *oriel_mem_map_get(const struct oriel_mem_map *map, uint64_t gpa, uint64_t size) {
	const struct oriel_region *region = find_region(map, gpa);
	if (region == NULL || !oriel_range_fits(gpa - region->gpa, size, region->size)) {
		return NULL;
	}
	return region->hva + (gpa - region->gpa);
}

size_t oriel_mem_map_count_regions(const struct oriel_mem_map *map) {
	return map->n_regions;
}

struct oriel_mem_region_info oriel_mem_map_get_region(const struct oriel_mem_map *map, size_t i) {
	assert(i < map->n_regions);
	const struct oriel_region *region = map->regions[i];
	return (struct oriel_mem_region_info){ .gpa = region->gpa,
		.size = region->size,
		.fd_offset = region->fd_offset,
		.fd = region->fd };
}

int oriel_mem_map_read(const struct oriel_mem_map *map, uint64_t gpa, void *buf, size_t size) {
	uint8_t *dst = buf;
	while (size > 0) {
		const struct oriel_region *region = find_region(map, gpa);
		if (region == NULL) {
			return -EFAULT;
		}
		size_t part = (size_t)oriel_min_u64(size, region->size - (gpa - region->gpa));
		memcpy(dst, region->hva + (gpa - region->gpa), part);
		dst += part;
		size -= part;
		if (size > 0 && oriel_u64_add(gpa, part, &gpa) < 0) {
			return -EFAULT;
		}
	}
	return 0;
}

int oriel_mem_map_write(const struct oriel_mem_map *map, uint64_t gpa, const void *buf,
		size_t size) {
	const uint8_t *src = buf;
	while (size > 0) {
		const struct oriel_region *region = find_region(map, gpa);
		if (region == NULL) {
			return -EFAULT;
		}
		size_t part = (size_t)oriel_min_u64(size, region->size - (gpa - region->gpa));
		memcpy(region->hva + (gpa - region->gpa), src, part);
		src += part;
		size -= part;
		if (size > 0 && oriel_u64_add(gpa, part, &gpa) < 0) {
			return -EFAULT;
		}
	}
	return 0;
}
