// SPDX-License-Identifier: MIT
/* See udmabuf.h. */
#include "device/udmabuf.h"

#include "base/arith.h"
#include "base/error.h"
#include "base/fd.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int create_list(int fd, struct udmabuf_create_list *list, int *ret) {
	int dmabuf = ioctl(fd, UDMABUF_CREATE_LIST, list);
	if (dmabuf < 0) {
		return oriel_errno();
	}
	*ret = dmabuf;
	return 0;
}

void oriel_udmabuf_init(struct oriel_udmabuf *udmabuf) {
	*udmabuf = (struct oriel_udmabuf){ .fd = -1, .create = create_list };
}

void oriel_udmabuf_finish(struct oriel_udmabuf *udmabuf) {
	oriel_fd_close(&udmabuf->fd);
}

void oriel_udmabuf_set_take(struct oriel_udmabuf *udmabuf, int fd) {
	oriel_fd_close(&udmabuf->fd);
	udmabuf->fd = fd;
}

/** A list that grows. */
struct items {
	struct udmabuf_create_list *list; // NULL: none yet
	uint32_t capacity;
};

static int append_item(struct items *items, const struct udmabuf_create_item *item) {
	const uint32_t n = items->list != NULL ? items->list->count : 0;
	if (n == ORIEL_UDMABUF_MAX_ITEMS) {
		return -EDQUOT;
	}
	if (n == items->capacity) {
		const uint32_t capacity = n != 0 ? 2 * n : 16;
		struct udmabuf_create_list *list =
				calloc(1, sizeof(*list) + capacity * sizeof(*item));
		if (list == NULL) {
			return -ENOMEM;
		}
		list->flags = UDMABUF_FLAGS_CLOEXEC;
		list->count = n;
		for (uint32_t i = 0; i < n; i++) {
			list->list[i] = items->list->list[i];
		}
		free(items->list);
		items->list = list;
		items->capacity = capacity;
	}
	items->list->list[items->list->count++] = *item;
	return 0;
}

/** Append the pages at gpa, of one region or of several. They must be whole, in a file. */
static int append_pages(struct items *items, const struct oriel_mem_map *map, uint64_t gpa,
		uint64_t size) {
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const size_t n_regions = oriel_mem_map_count_regions(map);
	for (size_t i = 0; i < n_regions && size > 0; i++) {
		const struct oriel_mem_region_info region = oriel_mem_map_get_region(map, i);
		if (gpa < region.gpa || gpa - region.gpa >= region.size) {
			continue;
		}
		const uint64_t at = gpa - region.gpa;
		const struct udmabuf_create_item item = {
			.memfd = (uint32_t)region.fd,
			.offset = region.fd_offset + at,
			.size = oriel_min_u64(size, region.size - at),
		};
		if (region.fd < 0 || item.offset % page != 0 || item.size % page != 0) {
			return -EINVAL;
		}
		int err = append_item(items, &item);
		if (err < 0) {
			return err;
		}
		gpa += item.size;
		size -= item.size;
	}
	return size == 0 ? 0 : -EFAULT;
}

/** List the pages of the backing's bytes from start on; both are multiples of a page. */
static int list_pages(struct items *items, const struct oriel_backing *backing, uint64_t start,
		uint64_t size) {
	int err = 0;
	for (size_t i = 0; err == 0 && i < backing->len && size > 0; i++) {
		const struct oriel_backing_entry *entry = &backing->entries[i];
		if (start >= entry->size) {
			start -= entry->size;
			continue;
		}
		const uint64_t n = oriel_min_u64(size, entry->size - start);
		err = append_pages(items, backing->map, entry->gpa + start, n);
		start = 0;
		size -= n;
	}
	return err;
}

/** Bytes of the file: whole pages, and if the blob has them the last row's gap, too. */
static int get_size(const struct oriel_resource *blob, const struct oriel_udmabuf_picture *picture,
		uint64_t *ret) {
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t all = oriel_min_u64(blob->backing.scatter.size, blob->blob_size);
	// A backing may end within a page, whose rest is not the blob's.
	const uint64_t there = (all - oriel_min_u64(all, picture->start)) / page * page;
	const uint64_t needed = (picture->height - 1) * picture->stride +
				(uint64_t)picture->width * ORIEL_BYTES_PER_PIXEL;
	if (picture->start % page != 0 || picture->stride > UINT32_MAX || needed > there) {
		return -EINVAL;
	}
	const uint64_t wanted = (picture->height * picture->stride + page - 1) / page * page;
	*ret = oriel_min_u64(there, wanted);
	return 0;
}

static int create(const struct oriel_udmabuf *udmabuf, const struct oriel_resource *blob,
		const struct oriel_udmabuf_picture *picture, struct oriel_dmabuf **ret) {
	uint64_t size = 0;
	struct items items = { 0 };
	int fd = -1;
	int err = get_size(blob, picture, &size);
	if (err == 0) {
		err = list_pages(&items, &blob->backing, picture->start, size);
	}
	if (err == 0) {
		err = udmabuf->create(udmabuf->fd, items.list, &fd);
	}
	free(items.list);
	if (err < 0) {
		return err;
	}
	const struct oriel_dmabuf_layout layout = {
		.format = picture->format,
		.modifier = ORIEL_MODIFIER_LINEAR,
		.width = picture->width,
		.height = picture->height,
		.stride = (uint32_t)picture->stride,
		.is_guest_memory = true,
	};
	return oriel_dmabuf_create_take(fd, &layout, ret);
}

/** Whether the dma-buf that a blob has is of this picture. */
static bool fits(const struct oriel_resource *blob, const struct oriel_udmabuf_picture *picture) {
	const struct oriel_dmabuf_layout *layout = &blob->dmabuf->layout;
	return layout->format == picture->format && layout->width == picture->width &&
	       layout->height == picture->height && layout->stride == picture->stride &&
	       blob->dmabuf_start == picture->start;
}

struct oriel_dmabuf *oriel_udmabuf_get(struct oriel_udmabuf *udmabuf, struct oriel_resource *blob,
		const struct oriel_udmabuf_picture *picture) {
	if (blob->dmabuf != NULL && fits(blob, picture)) {
		return blob->dmabuf;
	}
	oriel_resource_drop_dmabuf(blob);
	if (udmabuf->fd < 0 || blob->backing.lost) {
		return NULL;
	}
	udmabuf->n_tried += picture->height * picture->stride;
	struct oriel_dmabuf *dmabuf = NULL;
	if (create(udmabuf, blob, picture, &dmabuf) < 0 ||
			oriel_resource_set_dmabuf_take(blob, dmabuf) < 0) {
		return NULL;
	}
	blob->dmabuf_start = picture->start;
	return dmabuf;
}
