// SPDX-License-Identifier: MIT
/* See readback.h. */
#include "device/readback.h"

#include "device/device.h"
#include "device/twin.h"

#include <assert.h>
#include <inttypes.h>

static void flush_next(struct oriel_request *req);

/** Fetch what a display has asked for while it was open what the scanout would show. */
static void fetch_late(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	if (scanout->wants_fetch) {
		scanout->wants_fetch = false;
		oriel_readback_fetch(gpu, scanout_id);
	}
}

/** A SET_SCANOUT has done what it was to do: whatever was on the scanout before is gone. */
static void complete_entry(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	if (scanout->is_entering) {
		scanout->is_entering = false;
		oriel_resource_release(scanout->old_res);
		scanout->old_res = NULL;
		oriel_blob_leave(gpu, scanout_id);
		fetch_late(gpu, scanout_id);
	}
}

static void set_source(struct oriel_readback_scanout *scanout, struct oriel_resource *res,
		const struct oriel_rect *src) {
	struct oriel_resource *old = scanout->res;
	scanout->res = res != NULL ? oriel_resource_hold(res) : NULL; // may be the same one
	scanout->src = *src;
	oriel_resource_release(old);
	for (unsigned int i = 0; i < 2; i++) {
		struct oriel_readback_image *image = &scanout->images[i];
		image->stale = (struct oriel_rect){ 0, 0, src->width, src->height };
	}
}

void oriel_readback_end(struct oriel_gpu *gpu) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[i];
		if (scanout->is_entering) {
			scanout->is_entering = false;
			const struct oriel_rect src = scanout->old_src;
			set_source(scanout, scanout->old_res, &src);
			oriel_resource_release(scanout->old_res);
			scanout->old_res = NULL;
			fetch_late(gpu, i);
		}
	}
}

/** The dma-buf that displays get of a resource, or NULL. */
static struct oriel_dmabuf *get_dmabuf(const struct oriel_gpu *gpu,
		const struct oriel_resource *res) {
	const bool is_taken =
			(oriel_screen_get_dmabufs(&gpu->screen) & ORIEL_DISPLAY_TAKES_DMABUFS) != 0;
	return is_taken ? res->dmabuf : NULL;
}

/** Put the front image of a scanout on the screen, and the dma-buf that there is. */
static void show_front(struct oriel_gpu *gpu, uint32_t scanout_id, bool is_behind) {
	const struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	const struct oriel_readback_image *front = &scanout->images[scanout->front];
	struct oriel_picture picture = { .res = front->image,
		.src = oriel_readback_all_of(front->image) };
	picture.dmabuf = get_dmabuf(gpu, scanout->res);
	if (picture.dmabuf != NULL) {
		picture.dmabuf_x = scanout->src.x;
		picture.dmabuf_y = scanout->src.y;
		picture.is_behind = is_behind;
	}
	oriel_screen_set_picture(&gpu->screen, scanout_id, &picture);
	complete_entry(gpu, scanout_id);
}

/** Put the image that was just filled on the screen. */
static void flip(struct oriel_gpu *gpu, uint32_t scanout_id, const struct oriel_rect *damage) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	struct oriel_readback_image *old = &scanout->images[scanout->front];
	scanout->front = 1 - scanout->front;
	struct oriel_readback_image *new = &scanout->images[scanout->front];
	new->stale = (struct oriel_rect){ 0 };
	old->stale = oriel_rect_unite(&old->stale, damage);
	show_front(gpu, scanout_id, false);
	oriel_screen_flush(&gpu->screen, new->image, damage);
}

/** Whether a scanout still shows what a request on it is about: a resource may fail meanwhile. */
static bool is_shown(const struct oriel_work *work, const struct oriel_request *req) {
	return work->gpu->readback.scanouts[req->flush.scanout_id].res == req->res;
}

static void handle_read(struct oriel_work *work, int err) {
	struct oriel_request *req = work->req;
	if (req == NULL) {
		return; // the guest has moved on
	}
	if (err == 0 && !is_shown(work, req)) {
		oriel_work_finish_request(work, req->res->is_3d ? -ENOENT : 0);
		return;
	}
	if (err < 0 && !req->res->is_3d && (err == -ENOTCONN || !req->res->twin.exists)) {
		// The twin is no more: the device's own pixels are shown, or will be.
		complete_entry(work->gpu, req->flush.scanout_id);
		oriel_work_finish_request(work, 0);
		return;
	}
	if (err < 0) {
		oriel_work_finish_request(work, err);
		return;
	}
	const struct oriel_readback_image *image = oriel_readback_find_image(work->gpu, work->res);
	if (image == NULL || image->id == 0) {
		oriel_work_finish_request(work, req->res->is_3d ? -ENOMEM : 0);
		return;
	}
	work->req = NULL;
	req->work = NULL;
	flip(work->gpu, req->flush.scanout_id, &req->flush.damage);
	req->flush.has_shown = true;
	req->flush.scanout_id++;
	flush_next(req);
}

/** Have work read rect, in the scanout's coordinates, into an image of it. */
static void set_read(struct oriel_work *work, const struct oriel_readback_scanout *scanout,
		const struct oriel_readback_image *image, const struct oriel_rect *rect) {
	const uint32_t stride = image->image->stride;
	work->op.resource_id = scanout->res->id;
	work->op.read = (struct oriel_render3d_read){
		.image_id = image->id,
		.rect = { scanout->src.x + rect->x, scanout->src.y + rect->y, rect->width,
				rect->height },
		.offset = (uint64_t)rect->y * stride + (uint64_t)rect->x * ORIEL_BYTES_PER_PIXEL,
		.stride = stride,
	};
	work->res = oriel_resource_hold(image->image);
}

/** Make sure of an image that fits the scanout, in the back. */
static int prepare_back(struct oriel_gpu *gpu, struct oriel_readback_scanout *scanout) {
	struct oriel_readback_image *back = &scanout->images[1 - scanout->front];
	if (oriel_readback_image_fits(back, scanout->res, &scanout->src)) {
		return 0;
	}
	oriel_readback_drop_image(gpu, back);
	return oriel_readback_make_image(gpu, scanout->res->format, scanout->src.width,
			scanout->src.height, back);
}

/** Read damage, in the scanout's coordinates, into its back image. */
static int read_scanout(struct oriel_request *req, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	struct oriel_gpu *gpu = req->queue->gpu;
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	struct oriel_readback_image *back = &scanout->images[1 - scanout->front];
	struct oriel_work *work;
	int err = prepare_back(gpu, scanout);
	if (err == 0) {
		err = oriel_work_create(gpu, ORIEL_RENDER3D_READ_PIXELS, &work);
	}
	if (err < 0) {
		return err;
	}
	const struct oriel_rect rect = oriel_rect_unite(&back->stale, damage);
	set_read(work, scanout, back, &rect);
	work->req = req;
	work->done = handle_read;
	req->work = work;
	req->flush.scanout_id = scanout_id;
	req->flush.damage = *damage;
	oriel_work_submit(work);
	return 0;
}

/** Begin a request that reads back: nothing overtakes it. */
static int begin(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_rect *rect, uint32_t n_scanouts) {
	int err = oriel_request_keep(req);
	if (err < 0) {
		return err;
	}
	req->res = oriel_resource_hold(res);
	req->flush.rect = *rect;
	req->flush.scanout_id = 0;
	req->flush.n_scanouts = n_scanouts;
	req->queue->gpu->blocked_by = req;
	return 0;
}

static void fail(struct oriel_request *req, int err) {
	(void)oriel_request_fail(req, ORIEL_RESP_ERR_OUT_OF_MEMORY,
			"scanout %" PRIu32 ": no memory to read resource %" PRIu32 " into",
			req->flush.scanout_id, req->res->id);
	oriel_request_finish(req, oriel_resp_from_error(err));
}

/** Present damage as the dma-buf has it, if no display needs pixels. */
static bool present_dmabuf(struct oriel_gpu *gpu, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	const struct oriel_scanout *shown = &gpu->screen.scanouts[scanout_id];
	// While a picture is entering, what is shown is the one before it.
	if (scanout->is_entering || shown->dmabuf == NULL ||
			oriel_screen_needs_pixels(&gpu->screen, scanout_id)) {
		return false;
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct oriel_rect *stale = &scanout->images[i].stale;
		*stale = oriel_rect_unite(stale, damage);
	}
	oriel_screen_set_behind(&gpu->screen, scanout_id, true);
	oriel_screen_flush(&gpu->screen, shown->res, damage);
	return true;
}

/** Read for the next scanout that shows the resource and the damage, or finish. */
static void flush_next(struct oriel_request *req) {
	struct oriel_gpu *gpu = req->queue->gpu;
	for (uint32_t i = req->flush.scanout_id; i < req->flush.n_scanouts; i++) {
		const struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[i];
		struct oriel_rect damage = oriel_rect_intersect(&req->flush.rect, &scanout->src);
		if (scanout->res != req->res || oriel_rect_is_empty(&damage)) {
			continue;
		}
		damage.x -= scanout->src.x;
		damage.y -= scanout->src.y;
		if (present_dmabuf(gpu, i, &damage)) {
			continue;
		}
		req->flush.scanout_id = i;
		int err = read_scanout(req, i, &damage);
		if (err < 0) {
			fail(req, err);
		}
		return;
	}
	oriel_flush_count(req);
	oriel_request_finish(req, ORIEL_RESP_OK_NODATA);
}

/** Have a scanout show res from now on. Returns whether its images will do. */
static bool enter(struct oriel_gpu *gpu, uint32_t scanout_id, struct oriel_resource *res,
		const struct oriel_rect *src) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	const bool fits = oriel_readback_image_fits(&scanout->images[scanout->front], res, src);
	const bool changes = scanout->res != res || !oriel_rect_equals(&scanout->src, src);
	if (changes) {
		set_source(scanout, res, src);
	}
	return fits;
}

/**
 * Show the dma-buf of what a scanout is to show, if there is one. Returns whether that is all,
 * since no display needs pixels; *fits says whether the front image is one for this resource.
 */
static bool show_dmabuf(struct oriel_gpu *gpu, uint32_t scanout_id, bool *fits) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	if (get_dmabuf(gpu, scanout->res) == NULL) {
		if (*fits) {
			show_front(gpu, scanout_id, false); // without the last one's
		}
		return false;
	}
	const bool was_there = *fits;
	if (!was_there && prepare_back(gpu, scanout) == 0) {
		scanout->front = 1 - scanout->front;
		*fits = true;
	}
	if (!*fits) {
		return false;
	}
	show_front(gpu, scanout_id, true);
	if (oriel_screen_needs_pixels(&gpu->screen, scanout_id)) {
		*fits = was_there;
		return false;
	}
	if (!was_there) {
		const struct oriel_readback_image *front = &scanout->images[scanout->front];
		const struct oriel_rect all = oriel_readback_all_of(front->image);
		oriel_screen_flush(&gpu->screen, front->image, &all);
	}
	return true;
}

/** The renderer has answered: the resource has a dma-buf, or never will. */
static void handle_exported(struct oriel_work *work, int err) {
	struct oriel_request *req = work->req;
	struct oriel_resource *res = work->res;
	struct oriel_dmabuf *dmabuf = work->op.exported.dmabuf;
	if (err == 0 && (res->dropped || res->dmabuf != NULL)) {
		oriel_dmabuf_release(dmabuf);
	} else if (err == 0) {
		err = oriel_resource_set_dmabuf_take(res, dmabuf);
	}
	res->cannot_be_exported = err < 0 && err != -ENOTCONN;
	if (req == NULL) {
		return; // the guest has moved on
	}
	if (!is_shown(work, req)) {
		oriel_work_finish_request(work, err < 0 ? err : -ENOENT);
		return;
	}
	work->req = NULL;
	req->work = NULL;
	struct oriel_gpu *gpu = work->gpu;
	const uint32_t scanout_id = req->flush.scanout_id;
	bool fits = oriel_readback_image_fits(
			&gpu->readback.scanouts[scanout_id]
					 .images[gpu->readback.scanouts[scanout_id].front],
			res, &req->flush.rect);
	if (show_dmabuf(gpu, scanout_id, &fits) || fits) {
		oriel_request_finish(req, ORIEL_RESP_OK_NODATA);
	} else {
		flush_next(req);
	}
}

/** Have a resource exported before it is shown for the first time. */
static bool begin_export(struct oriel_request *req, struct oriel_resource *res, uint32_t scanout_id,
		const struct oriel_rect *src) {
	struct oriel_gpu *gpu = req->queue->gpu;
	const bool is_wanted =
			gpu->renderer3d->can_export && res->is_3d && !res->cannot_be_exported &&
			res->dmabuf == NULL &&
			(oriel_screen_get_dmabufs(&gpu->screen) & ORIEL_DISPLAY_TAKES_DMABUFS) != 0;
	struct oriel_work *work;
	if (!is_wanted || oriel_work_create(gpu, ORIEL_RENDER3D_EXPORT, &work) < 0) {
		return false;
	}
	if (begin(req, res, src, scanout_id + 1) < 0) {
		oriel_work_discard(work);
		return false;
	}
	req->flush.scanout_id = scanout_id;
	work->op.resource_id = res->id;
	work->op.exported = (struct oriel_render3d_export){ .wants_file = true,
		.format = res->format,
		.width = res->width,
		.height = res->height };
	work->res = oriel_resource_hold(res);
	work->req = req;
	work->done = handle_exported;
	req->work = work;
	oriel_work_submit(work);
	return true;
}

enum oriel_resp oriel_readback_show(struct oriel_request *req, uint32_t scanout_id,
		struct oriel_resource *res, const struct oriel_rect *src) {
	struct oriel_gpu *gpu = req->queue->gpu;
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	scanout->old_res = scanout->res != NULL ? oriel_resource_hold(scanout->res) : NULL;
	scanout->old_src = scanout->src;
	scanout->is_entering = true;
	bool fits = enter(gpu, scanout_id, res, src);
	if (begin_export(req, res, scanout_id, src)) {
		return ORIEL_RESP_PENDING;
	}
	if (show_dmabuf(gpu, scanout_id, &fits) || fits) {
		return ORIEL_RESP_OK_NODATA;
	}
	if (begin(req, res, src, scanout_id + 1) < 0) {
		oriel_readback_end(gpu);
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	req->flush.scanout_id = scanout_id;
	flush_next(req);
	return ORIEL_RESP_PENDING;
}

/** Scanouts that showed the device's own pixels, before the renderer had any. */
static void take_over(struct oriel_gpu *gpu, struct oriel_resource *res) {
	for (uint32_t i = 0; i < gpu->screen.n_scanouts; i++) {
		const struct oriel_scanout *scanout = &gpu->screen.scanouts[i];
		if (scanout->res == res) {
			const struct oriel_rect src = scanout->src;
			(void)enter(gpu, i, res, &src);
		}
	}
}

/** The renderer has drawn what is flushed: whoever has the dma-buf sees it. */
static void handle_published(struct oriel_work *work, int err) {
	struct oriel_request *req = work->req;
	if (req == NULL || err < 0) {
		oriel_work_finish_request(work, err);
		return;
	}
	work->req = NULL;
	req->work = NULL;
	flush_next(req);
}

/** Whether a scanout shows the dma-buf of res. */
static bool is_shown_as_dmabuf(const struct oriel_gpu *gpu, const struct oriel_resource *res) {
	for (uint32_t i = 0; i < gpu->screen.n_scanouts; i++) {
		if (gpu->readback.scanouts[i].res == res &&
				gpu->screen.scanouts[i].dmabuf != NULL) {
			return true;
		}
	}
	return false;
}

enum oriel_resp oriel_readback_flush(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_rect *rect) {
	struct oriel_gpu *gpu = req->queue->gpu;
	take_over(gpu, res);
	struct oriel_work *work = NULL;
	if ((is_shown_as_dmabuf(gpu, res) &&
			    oriel_work_create(gpu, ORIEL_RENDER3D_EXPORT, &work) < 0) ||
			begin(req, res, rect, gpu->screen.n_scanouts) < 0) {
		if (work != NULL) {
			oriel_work_discard(work);
		}
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	}
	if (work == NULL) {
		flush_next(req);
		return ORIEL_RESP_PENDING;
	}
	work->op.resource_id = res->id;
	work->op.exported = (struct oriel_render3d_export){ .wants_file = false };
	work->req = req;
	work->done = handle_published;
	req->work = work;
	oriel_work_submit(work);
	return ORIEL_RESP_PENDING;
}

static void handle_fetched(struct oriel_work *work, int err) {
	struct oriel_gpu *gpu = work->gpu;
	struct oriel_readback_image *image = oriel_readback_find_image(gpu, work->res);
	if (err < 0 && image != NULL) {
		image->stale = oriel_readback_all_of(image->image);
	}
	for (uint32_t i = 0; i < gpu->screen.n_scanouts; i++) {
		struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[i];
		if (scanout->fetching != work->res) {
			continue;
		}
		scanout->fetching = NULL;
		const struct oriel_readback_image *front = &scanout->images[scanout->front];
		if (front->image == work->res) {
			// What cannot be read is not asked for again: displays show what there is.
			oriel_screen_set_behind(&gpu->screen, i,
					err == 0 && !oriel_rect_is_empty(&front->stale));
			const struct oriel_rect all = oriel_readback_all_of(front->image);
			oriel_screen_flush(&gpu->screen, front->image, &all);
		}
	}
}

void oriel_readback_fetch(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	struct oriel_readback_image *front = &scanout->images[scanout->front];
	if (front->image == NULL || scanout->fetching == front->image) {
		return;
	}
	if (scanout->is_entering) {
		scanout->wants_fetch = true; // its image is of one thing, and its source another
		return;
	}
	struct oriel_work *work;
	if (front->id == 0 || oriel_rect_is_empty(&front->stale) ||
			oriel_work_create(gpu, ORIEL_RENDER3D_READ_PIXELS, &work) < 0) {
		oriel_screen_set_behind(&gpu->screen, scanout_id, false); // there are no others
		return;
	}
	const struct oriel_rect rect = front->stale;
	front->stale = (struct oriel_rect){ 0 };
	scanout->fetching = front->image;
	set_read(work, scanout, front, &rect);
	work->done = handle_fetched;
	oriel_work_submit(work);
}

void oriel_readback_leave(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	oriel_resource_release(scanout->res);
	scanout->res = NULL;
	scanout->is_entering = false;
	scanout->wants_fetch = false;
	oriel_resource_release(scanout->old_res);
	scanout->old_res = NULL;
	oriel_readback_drop_image(gpu, &scanout->images[0]);
	oriel_readback_drop_image(gpu, &scanout->images[1]);
	scanout->front = 0;
}

void oriel_readback_remove(struct oriel_gpu *gpu, const struct oriel_resource *res) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (gpu->readback.scanouts[i].res == res) {
			oriel_readback_leave(gpu, i);
		}
	}
}

/** A 2D resource whose twin is lost is shown as the device has it. */
static void show_own_pixels(struct oriel_gpu *gpu, uint32_t scanout_id) {
	const struct oriel_readback_scanout *scanout = &gpu->readback.scanouts[scanout_id];
	if (oriel_resource_share(scanout->res) == 0) { // else the last picture stays
		const struct oriel_rect src = scanout->src;
		oriel_screen_set_scanout(&gpu->screen, scanout_id, scanout->res, &src);
		oriel_screen_flush(&gpu->screen, scanout->res, &src);
		oriel_readback_leave(gpu, scanout_id);
	}
}

void oriel_readback_show_own(struct oriel_gpu *gpu, const struct oriel_resource *res) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		if (gpu->readback.scanouts[i].res == res) {
			show_own_pixels(gpu, i);
		}
	}
}

void oriel_readback_forget(struct oriel_gpu *gpu) {
	struct oriel_readback *readback = &gpu->readback;
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		struct oriel_readback_scanout *scanout = &readback->scanouts[i];
		scanout->images[0].id = 0;
		scanout->images[1].id = 0;
		if (scanout->res != NULL && !scanout->res->is_3d) {
			show_own_pixels(gpu, i);
		}
	}
	readback->cursors.id = 0;
	oriel_readback_drop_image(gpu, &readback->cursors);
}

void oriel_readback_clear(struct oriel_gpu *gpu) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		oriel_readback_leave(gpu, i);
		oriel_readback_forget_cursor(gpu, i);
	}
	oriel_readback_drop_image(gpu, &gpu->readback.cursors);
}
