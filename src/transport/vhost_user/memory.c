// SPDX-License-Identifier: MIT
/* See memory.h. */
#include "transport/vhost_user/memory.h"

#include "base/fd.h"

#include <errno.h>

void oriel_vhost_memory_init(struct oriel_vhost_memory *memory, struct oriel_memory *table) {
	memory->table = table;
	memory->n_regions = 0;
}

/** Whether two regions share an address of the front-end's process. Neither may be empty. */
static bool overlap(const struct oriel_vhost_region *a, const struct oriel_vhost_region *b) {
	return a->user <= b->user ? b->user - a->user < a->size : a->user - b->user < b->size;
}

/** Judge a region by itself and beside n others, as far as the front-end's addresses go. */
static int check_user_range(const struct oriel_vhost_region *region,
		const struct oriel_vhost_region *others, size_t n) {
	if (region->size == 0 || region->user > UINT64_MAX - (region->size - 1)) {
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) {
		if (overlap(region, &others[i])) {
			return -EEXIST;
		}
	}
	return 0;
}

int oriel_vhost_memory_add_take(struct oriel_vhost_memory *memory,
		const struct oriel_vhost_region *region, int fd) {
	int err = check_user_range(region, memory->regions, memory->n_regions);
	if (err == 0 && memory->n_regions == ORIEL_MEMORY_MAX_REGIONS) {
		err = -EDQUOT;
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	err = oriel_memory_add_region_take(memory->table, region->gpa, region->size,
			region->fd_offset, fd);
	if (err == 0) {
		memory->regions[memory->n_regions++] = *region;
	}
	return err;
}

/** Whether a whole table can be had, found out by making one that nobody uses. fds are borrowed. */
static int try_table(const struct oriel_vhost_table *table, const int *fds) {
	struct oriel_memory *scratch;
	int err = oriel_memory_create(&scratch);
	if (err < 0) {
		return err;
	}
	for (size_t i = 0; err == 0 && i < table->n_regions; i++) {
		const struct oriel_vhost_region *region = &table->regions[i];
		int fd = -1;
		err = check_user_range(region, table->regions, i);
		if (err == 0) {
			err = oriel_fd_dup(fds[i], &fd);
		}
		if (err == 0) {
			err = oriel_memory_add_region_take(scratch, region->gpa, region->size,
					region->fd_offset, fd);
		}
	}
	oriel_memory_destroy(scratch);
	return err;
}

int oriel_vhost_memory_set_take(struct oriel_vhost_memory *memory,
		const struct oriel_vhost_table *table, int *fds) {
	int err = try_table(table, fds);
	if (err == 0) {
		oriel_vhost_memory_clear(memory);
	}
	for (size_t i = 0; i < table->n_regions; i++) {
		if (err == 0) {
			err = oriel_vhost_memory_add_take(memory, &table->regions[i], fds[i]);
			if (err < 0) {
				oriel_vhost_memory_clear(memory);
			}
		} else {
			oriel_fd_close(&fds[i]);
		}
		fds[i] = -1;
	}
	return err;
}

int oriel_vhost_memory_remove(struct oriel_vhost_memory *memory,
		const struct oriel_vhost_region *region) {
	for (size_t i = 0; i < memory->n_regions; i++) {
		const struct oriel_vhost_region *r = &memory->regions[i];
		if (r->gpa != region->gpa || r->size != region->size || r->user != region->user) {
			continue;
		}
		int err = oriel_memory_remove_region(memory->table, r->gpa, r->size);
		if (err == 0) {
			memory->regions[i] = memory->regions[--memory->n_regions];
		}
		return err;
	}
	return -ENOENT;
}

void oriel_vhost_memory_clear(struct oriel_vhost_memory *memory) {
	oriel_memory_clear(memory->table);
	memory->n_regions = 0;
}

int oriel_vhost_memory_translate(const struct oriel_vhost_memory *memory, uint64_t user,
		uint64_t *ret) {
	for (size_t i = 0; i < memory->n_regions; i++) {
		const struct oriel_vhost_region *r = &memory->regions[i];
		if (user >= r->user && user - r->user < r->size) {
			*ret = r->gpa + (user - r->user); // the table has it, so it cannot wrap
			return 0;
		}
	}
	return -EFAULT;
}
