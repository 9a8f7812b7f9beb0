// SPDX-License-Identifier: MIT
/*
 * Dma-bufs of guest memory, by Linux's /dev/udmabuf: pages of memory files, in any order, as one.
 *
 * The kernel takes whole pages of memfds that are sealed against shrinking, up to limits of its own
 * (parameters of the module: 1,024 runs of pages and 64 MiB by default). What it refuses is
 * gathered instead; so is a picture that does not begin at a page, since a dma-buf does.
 */
#ifndef ORIEL_UDMABUF_H
#define ORIEL_UDMABUF_H

#include "resource/resource.h"

#include <linux/udmabuf.h>

/** Runs of pages that are tried: whatever the module's limit was set to, a list has its end. */
#define ORIEL_UDMABUF_MAX_ITEMS 16384u

/** Make one of a list: a descriptor in *ret, or -errno. The ioctl, unless a test says otherwise. */
typedef int (*oriel_udmabuf_create_fn)(int fd, struct udmabuf_create_list *list, int *ret);

struct oriel_udmabuf {
	int fd; // of /dev/udmabuf; -1: there is none
	oriel_udmabuf_create_fn create;
	uint64_t n_tried; // bytes of all pictures that the kernel was asked for
};

/** A picture in a blob. */
struct oriel_udmabuf_picture {
	const struct oriel_format *format;
	uint32_t width, height; // pixels, not 0
	uint64_t stride;        // bytes
	uint64_t start;         // of its first pixel in the blob, bytes
};

void oriel_udmabuf_init(struct oriel_udmabuf *udmabuf);
void oriel_udmabuf_finish(struct oriel_udmabuf *udmabuf);

/** Owns: fd, /dev/udmabuf or -1, is taken. */
void oriel_udmabuf_set_take(struct oriel_udmabuf *udmabuf, int fd);

/**
 * The dma-buf of a picture that lies in the blob: the one that the blob has, or a new one that
 * takes its place. Valid: as long as the blob has it; hold it.
 *
 * Returns NULL if there can be none.
 */
struct oriel_dmabuf *oriel_udmabuf_get(struct oriel_udmabuf *udmabuf, struct oriel_resource *blob,
		const struct oriel_udmabuf_picture *picture);

#endif
