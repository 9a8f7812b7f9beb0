// SPDX-License-Identifier: MIT
/* See blob.h. */
#include "device/blob.h"

#include "device/device.h"

#include <assert.h>

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

int oriel_blob_show(struct oriel_gpu *gpu, uint32_t scanout_id, struct oriel_resource *blob,
		const struct oriel_blob_layout *layout) {
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	if (!image_fits(scanout, layout)) {
		struct oriel_resource *image;
		int err = create_image(gpu, layout, &image);
		if (err < 0) {
			return err;
		}
		const struct oriel_rect all = { .width = image->width, .height = image->height };
		oriel_screen_set_scanout(&gpu->screen, scanout_id, image, &all);
		oriel_blob_leave(gpu, scanout_id);
		scanout->image = image;
	}
	struct oriel_resource *old = scanout->blob;
	scanout->is_stale = scanout->is_stale || old != blob ||
			    !oriel_rect_equals(&scanout->layout.rect, &layout->rect) ||
			    scanout->layout.offset != layout->offset ||
			    scanout->layout.stride != layout->stride;
	scanout->blob = oriel_resource_hold(blob); // may be the same one
	scanout->layout = *layout;
	oriel_resource_release(old);
	return 0;
}

void oriel_blob_leave(struct oriel_gpu *gpu, uint32_t scanout_id) {
	struct oriel_blob_scanout *scanout = &gpu->blobs[scanout_id];
	struct oriel_resource *image = scanout->image;
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

void oriel_blob_clear(struct oriel_gpu *gpu) {
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		oriel_blob_leave(gpu, i);
	}
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
	damage.x -= oriel_rect_is_empty(&damage) ? 0 : layout->rect.x;
	damage.y -= oriel_rect_is_empty(&damage) ? 0 : layout->rect.y;
	return damage;
}
