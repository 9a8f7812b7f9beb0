// SPDX-License-Identifier: MIT
/*
 * Guest memory: which guest physical addresses exist, and where they lie in this process.
 *
 * Whoever owns the guest's address space (a transport, or a VMM that links the library) adds and
 * removes regions; the device only looks addresses up. A change becomes visible to the device when
 * oriel_virtio_handle_memory_change() is called. Regions that requests in flight still use stay
 * mapped until those are done.
 *
 * Thread: the device thread, but for oriel_memory_handle_fault().
 */
#ifndef ORIEL_MEMORY_H
#define ORIEL_MEMORY_H

#include <oriel/export.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_memory;

/** The most regions that a table may have. */
#define ORIEL_MEMORY_MAX_REGIONS 509

/** Create an empty table. Returns 0 or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_memory_create(struct oriel_memory **ret);

/**
 * Map size bytes of fd, from fd_offset, at guest address gpa.
 *
 * fd_offset need not be a multiple of the page size. A file that cannot be written gives a region
 * that can be read; what the device writes there, nobody else sees.
 *
 * Owns: fd is taken: it is closed by this call, whatever it returns.
 *
 * Returns 0, -EINVAL if size is 0, an address range wraps, or the file is shorter than the region,
 * -EEXIST if it overlaps another region, -EDQUOT if the table is full, -ENOMEM, or -errno from
 * fstat() or mmap().
 */
ORIEL_API_CHECKED
int oriel_memory_add_region_take(struct oriel_memory *memory, uint64_t gpa, uint64_t size,
		uint64_t fd_offset, int fd);

/**
 * Use size bytes at hva, which the embedder has mapped already, at guest address gpa.
 *
 * Owns: nothing. The bytes must stay mapped until the region was removed, the device was told so,
 * and it has no request in flight.
 *
 * Returns 0, -EINVAL, -EEXIST, -EDQUOT or -ENOMEM as oriel_memory_add_region_take().
 */
ORIEL_API_CHECKED
int oriel_memory_add_mapped(struct oriel_memory *memory, uint64_t gpa, uint64_t size, void *hva);

/** Remove the region that starts at gpa and has exactly this size. Returns 0, -ENOENT or -ENOMEM.
 */
ORIEL_API_CHECKED
int oriel_memory_remove_region(struct oriel_memory *memory, uint64_t gpa, uint64_t size);

/** Remove all regions. */
ORIEL_API
void oriel_memory_clear(struct oriel_memory *memory);

/** How many regions there are. */
ORIEL_API
size_t oriel_memory_count_regions(const struct oriel_memory *memory);

/**
 * Handle a SIGBUS at address: if it lies in a region that oriel_memory_add_region_take() mapped,
 * put zero pages over that whole region and mark it lost, so that the faulting access can go on.
 *
 * A front-end can truncate the file behind a region at any time; without this call, made from the
 * program's SIGBUS handler, the next access kills the process. Async-signal-safe. Works on the
 * thread that uses the memory.
 *
 * Returns whether the address was in such a region, so that the access may be tried again. What the
 * embedder has mapped, the embedder must mend.
 */
ORIEL_API
bool oriel_memory_handle_fault(struct oriel_memory *memory, void *address);

/** Destroy a table. Regions still in use stay mapped until their last user is done. NULL: no-op. */
ORIEL_API
void oriel_memory_destroy(struct oriel_memory *memory);

#ifdef __cplusplus
}
#endif

#endif
