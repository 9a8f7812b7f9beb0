// SPDX-License-Identifier: MIT
/*
 * Guest blobs on scanouts (virtio 1.3, 5.7.6.8: SET_SCANOUT_BLOB).
 *
 * A guest blob is guest memory, which no viewer ever gets. So a scanout that shows one has an image
 * of ours, and a flush gathers the damage into it: once, however many viewers there are. The image
 * outlives page flips between blobs of one layout; after a flip its first flush gathers all of it.
 *
 * The VMM has guest memory anyway. If its display takes dma-bufs, and the kernel can make one of
 * the blob's pages (udmabuf.h), the scanout has it beside the image; then nothing is gathered as
 * long as no display needs pixels, and all of it once one does: by flushes, or between them in a
 * deferred call, a slice in each turn of the loop.
 *
 * A screen's scanout shows that image; the blob behind it is known here alone.
 */
#ifndef ORIEL_BLOB_H
#define ORIEL_BLOB_H

#include "device/transfer.h"
#include "oriel/loop.h"
#include "protocol/virtio_gpu.h"
#include "resource/resource.h"

struct oriel_gpu;

/** How a blob's bytes are a picture, and which part of it is shown. */
struct oriel_blob_layout {
	const struct oriel_format *format;
	struct oriel_rect rect; // in pixels of the picture
	uint64_t offset;        // of the picture's first pixel in the blob, bytes
	uint64_t stride;        // bytes
};

struct oriel_blob_scanout {
	struct oriel_resource *blob;  // held; NULL: the scanout shows no blob
	struct oriel_resource *image; // held; what the screen shows, as large as layout.rect
	struct oriel_blob_layout layout;
	bool is_stale;  // nothing of this blob was gathered yet, or not all that was flushed
	bool is_wanted; // a display waits for the pixels
};

/** Gathering without a request, for one scanout after another whose pixels are wanted. */
struct oriel_blob_fetch {
	struct oriel_source *turn; // deferred; as long as the device
	struct oriel_transfer transfer;
	uint32_t scanout_id;
	bool is_under_way; // transfer, for this scanout
};

/** Begin, with nothing wanted. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_blob_init_fetch(struct oriel_gpu *gpu);
void oriel_blob_finish_fetch(struct oriel_gpu *gpu);

/**
 * Show a blob on a scanout.
 *
 * Returns 0, or -EDQUOT, -EOVERFLOW or -ENOMEM: the scanout is as before.
 */
ORIEL_MUST_CHECK
int oriel_blob_show(struct oriel_gpu *gpu, uint32_t scanout_id, struct oriel_resource *blob,
		const struct oriel_blob_layout *layout);

/** The scanout shows something else now, or nothing. */
void oriel_blob_leave(struct oriel_gpu *gpu, uint32_t scanout_id);

/** Turn off every scanout that shows blob, as its UNREF does. */
void oriel_blob_remove(struct oriel_gpu *gpu, const struct oriel_resource *blob);

/**
 * Whether a scanout shows a blob without a copy, or did until its memory was mapped anew, and has
 * not the last picture: for whoever takes the blob's backing.
 */
bool oriel_blob_is_missing(const struct oriel_gpu *gpu, uint32_t scanout_id,
		const struct oriel_resource *blob);

/** A blob loses its backing: where it was shown without a copy, what was gathered is shown. */
void oriel_blob_drop_dmabuf(struct oriel_gpu *gpu, struct oriel_resource *blob);

/**
 * Guest memory is to be as map has it, and no backing was told so yet: no dma-buf stays whose pages
 * are not all kept. Where a picture is missing, it is gathered as soon as the backing was told, in
 * slices; but now, and all at once, where its pages are gone: the VMM waits to have them back, and
 * nobody else has the last picture.
 */
void oriel_blob_begin_memory_change(struct oriel_gpu *gpu, const struct oriel_mem_map *map);

/** Have what is missing on a scanout gathered soon, and presented (oriel_fetch_pixels_fn). */
void oriel_blob_fetch(struct oriel_gpu *gpu, uint32_t scanout_id);

/** All that was missing on a scanout was gathered, or cannot be (err): nobody waits any more. */
void oriel_blob_handle_gathered(struct oriel_gpu *gpu, uint32_t scanout_id, int err);

/** Let all blobs and images go; the screen was cleared. */
void oriel_blob_clear(struct oriel_gpu *gpu);

/** The part of a scanout that a flush of rect, in the picture's coordinates, damages. */
struct oriel_rect oriel_blob_get_flushed(const struct oriel_blob_scanout *scanout,
		const struct oriel_rect *rect);

/** Present damage of a scanout as its dma-buf has it, if no display needs or waits for pixels. */
bool oriel_blob_present_dmabuf(struct oriel_gpu *gpu, uint32_t scanout_id,
		const struct oriel_rect *rect);

/**
 * What a flush of rect, in the picture's coordinates, has to gather on a scanout that shows a blob:
 * the part of the image, and where its pixels come from. Empty: nothing.
 */
struct oriel_rect oriel_blob_get_damage(const struct oriel_blob_scanout *scanout,
		const struct oriel_rect *rect, struct oriel_render_source *ret_source);

#endif
