// SPDX-License-Identifier: MIT
/* See blob.h. */
#include "device/blob.h"

#include "device/device.h"

#include "device/udmabuf.h"

/** Whether an image that is there will do for another blob. */
static bool image_fits(const struct oriel_blob_scanout *scanout,
		const struct oriel_blob_layout *layout) {
	const struct oriel_resource *image = scanout->image;
	return image != NULL && image->format == layout->format &&
	       image->width == layout->rect.width && image->height == layout->rect.height;
}

/** A new image for a layout, that viewers can map. */
static int create_image(struct oriel_gpu *gpu, const struct oriel_blob_layout *layout,
		struct oriel_resource **ret) {
	struct oriel_resource *image;
	int err = oriel_resource_create_unnamed(&gpu->resources, layout->format, layout->rect.width,
			layout->rect.height, &image);
	if (err < 0) {
		return err;
	}
	err = oriel_resource_share(image);
	if (err < 0) {
		oriel_resource_release(image);
		return -ENOMEM;
	}
	*ret = image;
	return 0;
}

/** Show an image, and beside it the blob's own memory if that can be. */
static void show_image(struct oriel_gpu *gpu, uint32_t scanout_id, struct oriel_resource *image,
		struct oriel_dmabuf *dmabuf, bool is_behind) {
	const struct oriel_picture picture = {
		.res = image,
		.src = { 0, 0, image->width, image->height },
		.dmabuf = dmabuf,
		.is_behind = is_behind,
	};
	oriel_screen_set_picture(&gpu->screen, scanout_id, &picture);
}

/** The dma-buf of a blob in a layout; NULL: nobody wants one, or it cannot be. */
static struct oriel_dmabuf *find_dmabuf(struct oriel_gpu *gpu, struct oriel_resource *blob,
		const struct oriel_blob_layout *layout) {
	const uint32_t dmabufs = oriel_screen_get_dmabufs(&gpu->screen);
	if ((dmabufs & ORIEL_DISPLAY_TAKES_GUEST_DMABUFS) == 0) {
		return NULL;
	}
	const struct oriel_udmabuf_picture picture = {
		.format = layout->format,
		.width = layout->rect.width,
		.height = layout->rect.height,
		.stride = layout->stride,
		.start = layout->offset + layout->rect.y * layout->stride +
			 (uint64_t)layout->rect.x * ORIEL_BYTES_PER_PIXEL,
	};
	return oriel_udmabuf_get(&gpu->udmabuf, blob, &picture);
}

/** What is being gathered for a scanout is of no use any more: what is wanted is begun anew. */
static void stop_fetch(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_blob_fetch *fetch = &gpu->blob_fetch;
	fetch->is_under_way = fetch->is_under_way && fetch->scanout_id != scanout_id;
}

int oriel_blob_show(struct oriel_gpu *gpu, uint32_t scanout_id, struct oriel_resource *blob,
		const struct oriel_blob_layout *layout) {
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	if (!image_fits(scanout, layout)) {
		struct oriel_resource *image;
		int err = create_image(gpu, layout, &image);
		if (err < 0) {
			return err;
		}
		show_image(gpu, scanout_id, image, NULL, false);
		oriel_blob_leave(gpu, scanout_id);
		scanout->image = image;
	}
	struct oriel_dmabuf *dmabuf = find_dmabuf(gpu, blob, layout);
	show_image(gpu, scanout_id, scanout->image, dmabuf, dmabuf != NULL);
	struct oriel_resource *old = scanout->blob;
	scanout->is_stale = scanout->is_stale || old != blob || dmabuf != NULL ||
			    !oriel_rect_equals(&scanout->layout.rect, &layout->rect) ||
			    scanout->layout.offset != layout->offset ||
			    scanout->layout.stride != layout->stride;
	stop_fetch(gpu, scanout_id);
	scanout->blob = oriel_resource_hold(blob); // may be the same one
	scanout->layout = *layout;
	oriel_resource_release(old);
	return 0;
}

void oriel_blob_leave(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	struct oriel_resource *image = scanout->image;
	stop_fetch(gpu, scanout_id);
	oriel_resource_release(scanout->blob);
	*scanout = (struct oriel_blob_scanout){ 0 };
	if (image != NULL) {
		oriel_screen_remove_resource(&gpu->screen, image); // displays let go of it, too
		oriel_resource_release(image);
	}
}

void oriel_blob_remove(struct oriel_gpu *gpu, const struct oriel_resource *blob) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (gpu->blobs[i].blob == blob) {
			oriel_blob_leave(gpu, i);
		}
	}
}

void oriel_blob_handle_gathered(struct oriel_gpu *gpu, uint32_t scanout_id, int err) {
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	stop_fetch(gpu, scanout_id);
	scanout->is_wanted = false;
	scanout->is_stale = err < 0;
	oriel_screen_set_behind(&gpu->screen, scanout_id, false);
}

static void handle_fetched(struct oriel_transfer *transfer, int err) {
	struct oriel_gpu *gpu = oriel_container_of(transfer, struct oriel_gpu, blob_fetch.transfer);
	// What cannot be gathered is not asked for again: displays show what there is.
	oriel_blob_handle_gathered(gpu, gpu->blob_fetch.scanout_id, err);
	oriel_screen_flush(&gpu->screen, transfer->op.res, &transfer->rect);
}

/** Begin to gather all of a scanout that shows a blob. */
static void begin_fetch(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_blob_fetch *fetch = &gpu->blob_fetch;
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	struct oriel_render_source source;
	const struct oriel_rect all =
			oriel_blob_get_damage(scanout, &scanout->layout.rect, &source);
	oriel_transfer_init(&fetch->transfer, scanout->image, &all, &source, handle_fetched);
	fetch->scanout_id = scanout_id;
	fetch->is_under_way = true;
}

/** Begin with the next scanout that is wanted, unless one is under way. Returns whether one is. */
static bool begin_next_fetch(struct oriel_gpu *gpu) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS && !gpu->blob_fetch.is_under_way; i++) {
		if (gpu->blobs[i].is_wanted) {
			begin_fetch(gpu, i);
		}
	}
	return gpu->blob_fetch.is_under_way;
}

static void run_fetch(void *user) {
	struct oriel_gpu *gpu = user;
	uint64_t share = ORIEL_TURN_BYTES;
	if (begin_next_fetch(gpu)) {
		oriel_source_set_pending(gpu->blob_fetch.turn); // there may be more to do
		oriel_transfer_run(&gpu->blob_fetch.transfer, gpu->renderer, &share);
	}
}

int oriel_blob_init_fetch(struct oriel_gpu *gpu) {
	return oriel_loop_add_deferred(gpu->loop, run_fetch, gpu, &gpu->blob_fetch.turn);
}

void oriel_blob_finish_fetch(struct oriel_gpu *gpu) {
	oriel_source_remove(gpu->blob_fetch.turn);
	gpu->blob_fetch.turn = NULL;
}

void oriel_blob_fetch(struct oriel_gpu *gpu, uint32_t scanout_id) {
	if (gpu->blobs[scanout_id].blob != NULL) {
		gpu->blobs[scanout_id].is_wanted = true;
		oriel_source_set_pending(gpu->blob_fetch.turn);
	}
}

bool oriel_blob_is_missing(const struct oriel_gpu *gpu, uint32_t scanout_id,
		const struct oriel_resource *blob) {
	const struct oriel_scanout *shown = &gpu->screen.scanouts[scanout_id];
	return gpu->blobs[scanout_id].blob == blob && gpu->blobs[scanout_id].is_stale &&
	       (shown->dmabuf != NULL || shown->is_behind);
}

void oriel_blob_drop_dmabuf(struct oriel_gpu *gpu, struct oriel_resource *blob) {
	// A scanout may show one that the blob itself has no more.
	for (uint32_t i = 0; i < gpu->screen.n_scanouts; i++) {
		const struct oriel_scanout *shown = &gpu->screen.scanouts[i];
		if (gpu->blobs[i].blob == blob && shown->dmabuf != NULL) {
			const struct oriel_rect all = shown->src;
			show_image(gpu, i, gpu->blobs[i].image, NULL, false);
			oriel_screen_flush(&gpu->screen, gpu->blobs[i].image, &all);
		}
	}
	oriel_resource_drop_dmabuf(blob);
}

/** Gather all of a scanout that shows a blob, at once. */
static void gather_now(struct oriel_gpu *gpu, uint32_t scanout_id) {
	uint64_t share = UINT64_MAX;
	begin_fetch(gpu, scanout_id);
	oriel_transfer_run(&gpu->blob_fetch.transfer, gpu->renderer, &share);
}

/** A scanout cannot show its blob as a dma-buf any more: its pages are other ones, or gone. */
static void show_without_dmabuf(struct oriel_gpu *gpu, uint32_t scanout_id,
		enum oriel_mem_fate fate) {
	const struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	const bool is_missing = oriel_blob_is_missing(gpu, scanout_id, scanout->blob);
	const struct oriel_rect all = gpu->screen.scanouts[scanout_id].src;
	show_image(gpu, scanout_id, scanout->image, NULL, is_missing);
	// Who gathers, now or later, also presents.
	if (!is_missing) {
		oriel_screen_flush(&gpu->screen, scanout->image, &all);
	} else if (fate == ORIEL_MEM_MOVED) {
		oriel_blob_fetch(gpu, scanout_id);
	} else {
		gather_now(gpu, scanout_id);
	}
}

void oriel_blob_begin_memory_change(struct oriel_gpu *gpu, const struct oriel_mem_map *map) {
	for (uint32_t i = 0; i < gpu->screen.n_scanouts; i++) {
		const struct oriel_scanout *shown = &gpu->screen.scanouts[i];
		const struct oriel_resource *blob = gpu->blobs[i].blob;
		// One that is behind without a dma-buf has lost it by a change just before this
		// one.
		if (blob == NULL || (shown->dmabuf == NULL && !shown->is_behind)) {
			continue;
		}
		const enum oriel_mem_fate fate = oriel_backing_judge(&blob->backing, map);
		if (fate != ORIEL_MEM_KEPT) {
			show_without_dmabuf(gpu, i, fate);
		}
	}
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_resource_table_next(&gpu->resources, &cursor);
	for (; res != NULL; res = oriel_resource_table_next(&gpu->resources, &cursor)) {
		if (res->is_blob && res->dmabuf != NULL &&
				oriel_backing_judge(&res->backing, map) != ORIEL_MEM_KEPT) {
			oriel_resource_drop_dmabuf(res); // which no scanout shows any more
		}
	}
}

void oriel_blob_clear(struct oriel_gpu *gpu) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		oriel_blob_leave(gpu, i);
	}
}

struct oriel_rect oriel_blob_get_flushed(const struct oriel_blob_scanout *scanout,
		const struct oriel_rect *rect) {
	struct oriel_rect damage = oriel_rect_intersect(rect, &scanout->layout.rect);
	damage.x -= oriel_rect_is_empty(&damage) ? 0 : scanout->layout.rect.x;
	damage.y -= oriel_rect_is_empty(&damage) ? 0 : scanout->layout.rect.y;
	return damage;
}

bool oriel_blob_present_dmabuf(struct oriel_gpu *gpu, uint32_t scanout_id,
		const struct oriel_rect *rect) {
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	if (scanout->is_wanted || oriel_screen_needs_pixels(&gpu->screen, scanout_id) ||
			gpu->screen.scanouts[scanout_id].dmabuf == NULL) {
		return false;
	}
	const struct oriel_rect damage = oriel_blob_get_flushed(scanout, rect);
	scanout->is_stale = true;
	oriel_screen_set_behind(&gpu->screen, scanout_id, true);
	oriel_screen_flush(&gpu->screen, scanout->image, &damage);
	return true;
}

struct oriel_rect oriel_blob_get_damage(const struct oriel_blob_scanout *scanout,
		const struct oriel_rect *rect, struct oriel_render_source *ret_source) {
	const struct oriel_blob_layout *layout = &scanout->layout;
	struct oriel_rect damage = oriel_rect_intersect(rect, &layout->rect);
	if (scanout->is_stale && !oriel_rect_is_empty(&damage)) {
		damage = layout->rect;
	}
	*ret_source = (struct oriel_render_source){
		.backing = &scanout->blob->backing,
		.offset = layout->offset + damage.y * layout->stride +
			  (uint64_t)damage.x * ORIEL_BYTES_PER_PIXEL,
		.stride = layout->stride,
	};
	return oriel_blob_get_flushed(scanout, &damage);
}
