// SPDX-License-Identifier: MIT
/*
 * See region.h.
 *
 * The fault handler walks the registry's list without a lock. It runs on the thread that touched
 * guest memory, at that instruction, and no code touches guest memory while it changes the list; so
 * the list is whole whenever the handler sees it. The signal fences keep the compiler to that.
 *
 * A file that cannot be written is mapped privately: reading works, and what we write stays with
 * us, at most the region's size. So no writer needs to know, and none can fault.
 */
#include "mem/region.h"

#include "base/arith.h"
#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
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
	region->fd = -1;
	oriel_list_append(&registry->regions, &region->link);
	// Partner: oriel_region_registry_handle_fault().
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
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

/** What mmap() and munmap() want offsets and sizes of this file to be multiples of. */
static uint64_t page_size_of(int fd) {
	struct statfs fs;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0) {
		return (uint64_t)fs.f_bsize;
	}
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void *map_file(int fd, size_t size, off_t offset) {
	const int prot = PROT_READ | PROT_WRITE;
	void *mapping = mmap(NULL, size, prot, MAP_SHARED | MAP_NORESERVE, fd, offset);
	// Opened for reading only, or sealed against writing.
	if (mapping == MAP_FAILED && (errno == EACCES || errno == EPERM)) {
		mapping = mmap(NULL, size, prot, MAP_PRIVATE | MAP_NORESERVE, fd, offset);
	}
	return mapping;
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
	int copy;
	err = oriel_fd_dup(fd, &copy);
	if (err < 0) {
		return err;
	}
	// The region may begin and end inside a page.
	const uint64_t page = page_size_of(fd);
	const uint64_t lead = fd_offset % page;
	const uint64_t used = size + lead;
	const size_t mapping_size = (size_t)(used + (page - used % page) % page);
	void *mapping = map_file(fd, mapping_size, (off_t)(fd_offset - lead));
	if (mapping == MAP_FAILED) {
		err = oriel_errno();
		oriel_fd_close(&copy);
		return err;
	}
	struct oriel_region *region;
	err = oriel_region_create_mapped(registry, gpa, size, (uint8_t *)mapping + lead, &region);
	if (err < 0) {
		munmap(mapping, mapping_size);
		oriel_fd_close(&copy);
		return err;
	}
	region->fd = copy;
	region->fd_offset = fd_offset;
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
	__atomic_signal_fence(__ATOMIC_SEQ_CST); // partner as in oriel_region_create_mapped()
	if (region->mapping != NULL) {
		munmap(region->mapping, region->mapping_size);
	}
	oriel_fd_close(&region->fd);
	oriel_region_registry_release(region->registry);
	free(region);
}

static bool put_zeros(struct oriel_region *region) {
	// Zeros that cannot be read either: it is not for want of a file.
	if (region->lost) {
		return false;
	}
	const int saved_errno = errno; // of whoever was interrupted
	void *zeros = mmap(region->mapping, region->mapping_size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	errno = saved_errno;
	region->lost = zeros != MAP_FAILED;
	return region->lost;
}

bool oriel_region_registry_handle_fault(struct oriel_region_registry *registry, void *address) {
	const uintptr_t at = (uintptr_t)address;
	oriel_list_for_each(link, following, &registry->regions) {
		struct oriel_region *region = oriel_container_of(link, struct oriel_region, link);
		const uintptr_t start = (uintptr_t)region->mapping;
		if (region->mapping != NULL && at >= start && at - start < region->mapping_size) {
			return put_zeros(region);
		}
	}
	return false;
}
