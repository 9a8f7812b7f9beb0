// SPDX-License-Identifier: MIT
/*
 * See region.h.
 *
 * The fault handler walks the registry's list without a lock. It runs on the thread that touched
 * guest memory, at that instruction, and no code touches guest memory while it changes the list; so
 * the list is whole whenever the handler sees it.
 */
#include "mem/region.h"

#include "base/arith.h"
#include "base/error.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int oriel_region_registry_create(struct oriel_region_registry **ret) {
	struct oriel_region_registry *registry = calloc(1, sizeof(*registry));
	if (registry == NULL) {
		return -ENOMEM;
	}
	registry->n_refs = 1;
	oriel_list_init(&registry->regions);
	*ret = registry;
	return 0;
}

void oriel_region_registry_release(struct oriel_region_registry *registry) {
	assert(registry->n_refs > 0);
	registry->n_refs--;
	if (registry->n_refs == 0) {
		free(registry);
	}
}

int oriel_region_create_mapped(struct oriel_region_registry *registry, uint64_t gpa, uint64_t size,
		void *hva, struct oriel_region **ret) {
	struct oriel_region *region = calloc(1, sizeof(*region));
	if (region == NULL) {
		return -ENOMEM;
	}
	region->n_refs = 1;
	region->registry = registry;
	registry->n_refs++;
	region->gpa = gpa;
	region->size = size;
	region->hva = hva;
	oriel_list_append(&registry->regions, &region->link);
	*ret = region;
	return 0;
}

/** A file that is shorter than its region would make us fault. */
static int check_file(int fd, uint64_t end) {
	struct stat st;
	if (fstat(fd, &st) < 0) {
		return oriel_errno();
	}
	// Devices (hugetlbfs files are regular) have no size to hold it against.
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < end) {
		return -EINVAL;
	}
	return 0;
}

int oriel_region_create(struct oriel_region_registry *registry, uint64_t gpa, uint64_t size,
		uint64_t fd_offset, int fd, struct oriel_region **ret) {
	uint64_t end;
	if (oriel_u64_add(fd_offset, size, &end) < 0 || end > INT64_MAX) {
		return -EINVAL;
	}
	int err = check_file(fd, end);
	if (err < 0) {
		return err;
	}
	// mmap() wants an offset of whole pages; the region may begin inside one.
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t lead = fd_offset % page;
	size_t mapping_size = (size_t)(size + lead);
	void *mapping = mmap(NULL, mapping_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			fd, (off_t)(fd_offset - lead));
	if (mapping == MAP_FAILED) {
		return oriel_errno();
	}
	struct oriel_region *region;
	err = oriel_region_create_mapped(registry, gpa, size, (uint8_t *)mapping + lead, &region);
	if (err < 0) {
		munmap(mapping, mapping_size);
		return err;
	}
	region->mapping = mapping;
	region->mapping_size = mapping_size;
	*ret = region;
	return 0;
}

struct oriel_region *oriel_region_hold(struct oriel_region *region) {
	region->n_refs++;
	return region;
}

void oriel_region_release(struct oriel_region *region) {
	assert(region->n_refs > 0);
	region->n_refs--;
	if (region->n_refs > 0) {
		return;
	}
	oriel_list_remove(&region->link);
	if (region->mapping != NULL) {
		munmap(region->mapping, region->mapping_size);
	}
	oriel_region_registry_release(region->registry);
	free(region);
}

bool oriel_region_registry_handle_fault(struct oriel_region_registry *registry, void *address) {
	const uintptr_t at = (uintptr_t)address;
	oriel_list_for_each(link, following, &registry->regions) {
		struct oriel_region *region = oriel_container_of(link, struct oriel_region, link);
		uintptr_t start = (uintptr_t)region->mapping;
		if (region->mapping == NULL || at < start || at - start >= region->mapping_size) {
			continue;
		}
		// A region that is lost already cannot fault for want of a file.
		if (region->lost) {
			return false;
		}
		void *zeros = mmap(region->mapping, region->mapping_size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
		region->lost = zeros != MAP_FAILED;
		return region->lost;
	}
	return false;
}
