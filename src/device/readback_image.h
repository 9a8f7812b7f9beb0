// SPDX-License-Identifier: MIT
/*
 * The images of ours that read-backs go to: for scanouts and cursors that the 3D renderer has drawn
 * (readback.h).
 *
 * The renderer maps an image; then it is sealed, and viewers get it. One that it could not map, or
 * that could not be sealed, is not for displays: the next picture gets another one. What says to
 * the renderer that an image goes is there from the start, so that it never keeps one for the lack
 * of memory here.
 */
#ifndef ORIEL_READBACK_IMAGE_H
#define ORIEL_READBACK_IMAGE_H

#include "base/rect.h"
#include "resource/resource.h"

struct oriel_gpu;
struct oriel_work;

struct oriel_readback_image {
	struct oriel_resource *image; // held; NULL: not made yet
	uint32_t id;                  // as the renderer knows it; 0: not (any more)
	struct oriel_rect stale;      // what is not as in the resource
	struct oriel_work *removal;   // owned: to be submitted when it goes, if the renderer has it
};

/** Make an image of this size, in an empty place; the renderer is told of it. */
ORIEL_MUST_CHECK
int oriel_readback_make_image(struct oriel_gpu *gpu, const struct oriel_format *format,
		uint32_t width, uint32_t height, struct oriel_readback_image *ret);

/** Have the renderer forget an image, and let it go ourselves; the screen may still show it. */
void oriel_readback_drop_image(struct oriel_gpu *gpu, struct oriel_readback_image *image);

/** The image of a scanout's, or of the cursors, that these pixels are, or NULL. */
struct oriel_readback_image *oriel_readback_find_image(struct oriel_gpu *gpu,
		const struct oriel_resource *pixels);

/** Whether an image is there that will do for src of res. */
bool oriel_readback_image_fits(const struct oriel_readback_image *image,
		const struct oriel_resource *res, const struct oriel_rect *src);

static inline struct oriel_rect oriel_readback_all_of(const struct oriel_resource *image) {
	return (struct oriel_rect){ 0, 0, image->width, image->height };
}

#endif
