// SPDX-License-Identifier: MIT
/*
 * See resource.h.
 *
 * Pixels are always mapped memory, never from the heap: fresh pages are zero and cost nothing until
 * they are touched, and a free gives them back at once.
 */
#include "resource/resource.h"

#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define SHARED_SEALS (SIZE_SEALS | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

void oriel_resource_table_init(struct oriel_resource_table *table,
		struct oriel_resource_limits *limits) {
	*table = (struct oriel_resource_table){ .limits = limits };
	oriel_id_table_init(&table->ids);
}

/** Unmap pixels and close their memfd. */
static void free_pixels(struct oriel_resource *res) {
	if (res->pixels != NULL) {
		munmap(res->pixels, res->size);
		res->pixels = NULL;
	}
	oriel_fd_close(&res->memfd);
}

int oriel_resource_set_dmabuf_take(struct oriel_resource *res, struct oriel_dmabuf *dmabuf) {
	assert(res->dmabuf == NULL);
	int err = oriel_budget_charge(&res->limits->dmabufs, 1);
	if (err < 0) {
		oriel_dmabuf_release(dmabuf);
		return err;
	}
	res->dmabuf = dmabuf;
	return 0;
}

void oriel_resource_drop_dmabuf(struct oriel_resource *res) {
	if (res->dmabuf != NULL) {
		oriel_budget_credit(&res->limits->dmabufs, 1);
		oriel_dmabuf_release(res->dmabuf);
		res->dmabuf = NULL;
	}
}

static void resource_destroy(struct oriel_resource *res) {
	oriel_backing_detach(&res->backing);
	free_pixels(res);
	if (res->pixel_budget != NULL) {
		oriel_budget_credit(res->pixel_budget, res->size);
	}
	free(res);
}

/** Bytes of a width x height image, and of a row. */
static int image_size(uint32_t width, uint32_t height, uint32_t *ret_stride, size_t *ret_size) {
	size_t stride, size;
	int err = oriel_size_mul(width, ORIEL_BYTES_PER_PIXEL, &stride);
	if (err == 0) {
		err = oriel_size_mul(stride, height, &size);
	}
	if (err < 0 || stride > UINT32_MAX) {
		return -EOVERFLOW;
	}
	*ret_stride = (uint32_t)stride;
	*ret_size = size;
	return 0;
}

/** A new resource without pixels, that is in no table yet. */
static int resource_create(struct oriel_resource_table *table, struct oriel_resource **ret) {
	struct oriel_resource *res = calloc(1, sizeof(*res));
	if (res == NULL) {
		return -ENOMEM;
	}
	res->memfd = -1;
	res->serial = ++table->last_serial;
	res->limits = table->limits;
	oriel_backing_init(&res->backing, &table->limits->backing);
	*ret = res;
	return 0;
}

/** A new image, charged for, that is in no table yet. */
static int image_create(struct oriel_resource_table *table, const struct oriel_format *format,
		uint32_t width, uint32_t height, struct oriel_resource **ret) {
	struct oriel_resource_limits *limits = table->limits;
	uint32_t stride = 0;
	size_t size = 0;
	if (width == 0 || height == 0) {
		return -EINVAL;
	}
	int err = image_size(width, height, &stride, &size);
	if (err < 0) {
		return err;
	}
	if (width > limits->max_dimension || height > limits->max_dimension) {
		return -EDQUOT;
	}
	struct oriel_resource *res;
	err = resource_create(table, &res);
	if (err < 0) {
		return err;
	}
	res->format = format;
	res->width = width;
	res->height = height;
	res->stride = stride;
	res->size = size;
	err = oriel_budget_charge(&limits->pixels, size);
	if (err < 0) {
		resource_destroy(res);
		return err;
	}
	res->pixel_budget = &limits->pixels;
	*ret = res;
	return 0;
}

static bool id_is_taken(const struct oriel_resource_table *table, uint32_t id) {
	return id == 0 || oriel_id_table_get(&table->ids, id) != NULL;
}

/** Enter a new resource, which is taken, into the table. */
static int enter_take(struct oriel_resource_table *table, uint32_t id, struct oriel_resource *res) {
	int err = oriel_budget_charge(&table->limits->count, 1);
	if (err == 0) {
		err = oriel_id_table_insert(&table->ids, id, res);
		if (err < 0) {
			oriel_budget_credit(&table->limits->count, 1);
		}
	}
	if (err < 0) {
		resource_destroy(res);
		return err;
	}
	res->id = id;
	return 0;
}

int oriel_resource_create_2d(struct oriel_resource_table *table, uint32_t id,
		const struct oriel_format *format, uint32_t width, uint32_t height,
		struct oriel_resource **ret) {
	if (id_is_taken(table, id)) {
		return -EEXIST;
	}
	struct oriel_resource *res;
	int err = image_create(table, format, width, height, &res);
	if (err == 0) {
		err = enter_take(table, id, res);
	}
	if (err == 0) {
		*ret = res;
	}
	return err;
}

int oriel_resource_create_3d(struct oriel_resource_table *table, uint32_t id,
		const struct oriel_format *format, uint32_t width, uint32_t height, size_t size,
		struct oriel_resource **ret) {
	if (id_is_taken(table, id)) {
		return -EEXIST;
	}
	struct oriel_resource *res;
	int err = resource_create(table, &res);
	if (err < 0) {
		return err;
	}
	res->is_3d = true;
	res->format = format;
	res->width = width;
	res->height = height;
	res->size = size;
	err = oriel_budget_charge(&table->limits->memory_3d, size);
	if (err < 0) {
		resource_destroy(res);
		return err;
	}
	res->pixel_budget = &table->limits->memory_3d;
	err = enter_take(table, id, res);
	if (err == 0) {
		*ret = res;
	}
	return err;
}

int oriel_resource_create_blob(struct oriel_resource_table *table, uint32_t id, uint64_t size,
		struct oriel_resource **ret) {
	if (id_is_taken(table, id)) {
		return -EEXIST;
	}
	struct oriel_resource *res;
	int err = resource_create(table, &res);
	if (err < 0) {
		return err;
	}
	res->is_blob = true;
	res->blob_size = size;
	err = enter_take(table, id, res);
	if (err == 0) {
		*ret = res;
	}
	return err;
}

int oriel_resource_create_unnamed(struct oriel_resource_table *table,
		const struct oriel_format *format, uint32_t width, uint32_t height,
		struct oriel_resource **ret) {
	struct oriel_resource *res;
	int err = image_create(table, format, width, height, &res);
	if (err < 0) {
		return err;
	}
	res->n_holds = 1;
	res->dropped = true; // nobody else has it
	*ret = res;
	return 0;
}

struct oriel_resource *oriel_resource_get(const struct oriel_resource_table *table, uint32_t id) {
	return oriel_id_table_get(&table->ids, id);
}

/** Let go of a resource that is out of the table, or will be. */
static void let_go(struct oriel_resource_table *table, struct oriel_resource *res) {
	assert(!res->dropped);
	oriel_budget_credit(&table->limits->count, 1);
	res->dropped = true;
	oriel_resource_drop_dmabuf(res);
	oriel_backing_detach(&res->backing);
	if (res->n_holds == 0) {
		resource_destroy(res);
	}
}

void oriel_resource_drop(struct oriel_resource_table *table, struct oriel_resource *res) {
	oriel_id_table_remove(&table->ids, res->id);
	let_go(table, res);
}

struct oriel_resource *oriel_resource_table_next(const struct oriel_resource_table *table,
		uint32_t *cursor) {
	return oriel_id_table_next(&table->ids, cursor);
}

void oriel_resource_table_clear(struct oriel_resource_table *table) {
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_resource_table_next(table, &cursor);
	while (res != NULL) {
		let_go(table, res);
		res = oriel_resource_table_next(table, &cursor);
	}
	oriel_id_table_finish(&table->ids);
	oriel_id_table_init(&table->ids);
}

void oriel_resource_table_finish(struct oriel_resource_table *table) {
	oriel_resource_table_clear(table);
	oriel_id_table_finish(&table->ids);
}

struct oriel_resource *oriel_resource_hold(struct oriel_resource *res) {
	res->n_holds++;
	return res;
}

void oriel_resource_release(struct oriel_resource *res) {
	if (res == NULL) {
		return;
	}
	assert(res->n_holds > 0);
	res->n_holds--;
	if (res->n_holds == 0 && res->dropped) {
		resource_destroy(res);
	}
}

/** A sealable memfd of the resource's size, mapped for us. */
static int create_memfd(const struct oriel_resource *res, int seals, int *ret_fd,
		uint8_t **ret_pixels) {
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("oriel-resource", flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) {
		fd = memfd_create("oriel-resource", flags); // Linux before 6.3
	}
	if (fd < 0) {
		return oriel_errno();
	}
	int err = 0;
	void *pixels = MAP_FAILED;
	if (ftruncate(fd, (off_t)res->size) < 0) {
		err = oriel_errno();
	} else {
		pixels = mmap(NULL, res->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (pixels == MAP_FAILED) {
			err = oriel_errno();
		}
	}
	// Our own mapping, made before, stays writable.
	if (err == 0 && fcntl(fd, F_ADD_SEALS, seals) < 0) {
		err = oriel_errno();
		munmap(pixels, res->size);
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	*ret_fd = fd;
	*ret_pixels = pixels;
	return 0;
}

int oriel_resource_allocate(struct oriel_resource *res) {
	if (res->pixels != NULL) {
		return 0;
	}
	if (res->size >= ORIEL_RESOURCE_MEMFD_BYTES) {
		return create_memfd(res, SHARED_SEALS, &res->memfd, &res->pixels) < 0 ? -ENOMEM : 0;
	}
	void *pixels = mmap(NULL, res->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (pixels == MAP_FAILED) {
		return -ENOMEM;
	}
	res->pixels = pixels;
	return 0;
}

static int share(struct oriel_resource *res, int seals) {
	if (res->memfd >= 0) {
		return 0;
	}
	int fd;
	uint8_t *pixels;
	int err = create_memfd(res, seals, &fd, &pixels);
	if (err < 0) {
		return err;
	}
	if (res->pixels != NULL) {
		memcpy(pixels, res->pixels, res->size);
		munmap(res->pixels, res->size);
	}
	res->memfd = fd;
	res->pixels = pixels;
	return 0;
}

int oriel_resource_share(struct oriel_resource *res) {
	return share(res, SHARED_SEALS);
}

int oriel_resource_share_unsealed(struct oriel_resource *res) {
	assert(res->memfd < 0); // or it has its seals
	return share(res, SIZE_SEALS);
}

int oriel_resource_seal(struct oriel_resource *res) {
	return fcntl(res->memfd, F_ADD_SEALS, SHARED_SEALS) < 0 ? oriel_errno() : 0;
}

int oriel_resource_assign_uuid(struct oriel_resource *res) {
	if (res->has_uuid) {
		return 0;
	}
	uint8_t uuid[ORIEL_UUID_SIZE];
	if (getrandom(uuid, sizeof(uuid), 0) != (ssize_t)sizeof(uuid)) {
		return oriel_errno();
	}
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); // version 4: random
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); // the variant of RFC 4122
	memcpy(res->uuid, uuid, sizeof(uuid));
	res->has_uuid = true;
	return 0;
}

void oriel_resource_table_handle_map_change(struct oriel_resource_table *table,
		struct oriel_mem_map *map) {
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_resource_table_next(table, &cursor);
	while (res != NULL) {
		oriel_backing_handle_map_change(&res->backing, map);
		res = oriel_resource_table_next(table, &cursor);
	}
}
