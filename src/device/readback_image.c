// SPDX-License-Identifier: MIT
/* See readback_image.h. */
#include "device/readback_image.h"

#include "device/device.h"

#include <inttypes.h>

/** Have the renderer forget an image, if it has it. */
static void remove_from_renderer(struct oriel_readback_image *image, bool has_it) {
	struct oriel_work *removal = image->removal;
	image->id = 0;
	image->removal = NULL;
	if (removal != NULL && has_it) {
		oriel_work_submit(removal);
	} else if (removal != NULL) {
		oriel_work_discard(removal);
	}
}

void oriel_readback_drop_image(struct oriel_gpu *gpu, struct oriel_readback_image *image) {
	remove_from_renderer(image, image->id != 0);
	if (image->image != NULL) {
		oriel_screen_remove_resource(&gpu->screen, image->image);
		oriel_resource_release(image->image);
	}
	*image = (struct oriel_readback_image){ 0 };
}

struct oriel_readback_image *oriel_readback_find_image(struct oriel_gpu *gpu,
		const struct oriel_resource *pixels) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		for (unsigned int k = 0; k < 2; k++) {
			struct oriel_readback_image *image = &gpu->readback.scanouts[i].images[k];
			if (image->image == pixels) {
				return image;
			}
		}
	}
	return gpu->readback.cursors.image == pixels ? &gpu->readback.cursors : NULL;
}

static void handle_image_added(struct oriel_work *work, int err) {
	const bool has_it = err == 0;
	if (has_it) {
		err = oriel_resource_seal(work->res);
	}
	struct oriel_readback_image *image = oriel_readback_find_image(work->gpu, work->res);
	if (err == 0 || image == NULL) {
		return;
	}
	// Viewers could write to it. Whoever reads into it is told so then.
	remove_from_renderer(image, has_it);
	oriel_screen_remove_resource(&work->gpu->screen, work->res);
	oriel_log(&work->gpu->log, ORIEL_LOG_WARN, "image %" PRIu32 " for read-backs: error %d",
			work->op.resource_id, err);
}

int oriel_readback_make_image(struct oriel_gpu *gpu, const struct oriel_format *format,
		uint32_t width, uint32_t height, struct oriel_readback_image *ret) {
	struct oriel_resource *image;
	int err = oriel_resource_create_unnamed(&gpu->resources, format, width, height, &image);
	if (err < 0) {
		return err;
	}
	struct oriel_work *work = NULL;
	struct oriel_work *removal = NULL;
	err = oriel_resource_share_unsealed(image);
	if (err == 0) {
		err = oriel_work_create(gpu, ORIEL_RENDER3D_REMOVE_IMAGE, &removal);
	}
	if (err == 0) {
		err = oriel_work_create(gpu, ORIEL_RENDER3D_ADD_IMAGE, &work);
	}
	if (err < 0) {
		if (removal != NULL) {
			oriel_work_discard(removal);
		}
		oriel_resource_release(image);
		return -ENOMEM;
	}
	uint32_t id = ++gpu->readback.last_image_id;
	work->op.resource_id = id != 0 ? id : ++gpu->readback.last_image_id;
	removal->op.resource_id = work->op.resource_id;
	work->op.image = (struct oriel_render3d_image){ image->memfd, image->size };
	work->res = oriel_resource_hold(image);
	work->done = handle_image_added;
	*ret = (struct oriel_readback_image){ image, work->op.resource_id,
		oriel_readback_all_of(image), removal };
	oriel_work_submit(work);
	return 0;
}

bool oriel_readback_image_fits(const struct oriel_readback_image *image,
		const struct oriel_resource *res, const struct oriel_rect *src) {
	return image->image != NULL && image->id != 0 && image->image->format == res->format &&
	       image->image->width == src->width && image->image->height == src->height;
}
