// SPDX-License-Identifier: MIT
/*
 * A transfer in slices: guest pixels to a host image, for TRANSFER_TO_HOST_2D, and for the images
 * of guest blobs.
 *
 * What is longer than its owner may move in one turn goes in slices of whole rows, each an
 * operation of the renderer. The owner runs one slice after another until it is told that it was
 * the last.
 */
#ifndef ORIEL_TRANSFER_H
#define ORIEL_TRANSFER_H

#include "render/render.h"

struct oriel_transfer;

/** All slices are done, or one failed: err is 0 or a negative errno. */
typedef void (*oriel_transfer_done_fn)(struct oriel_transfer *transfer, int err);

struct oriel_transfer {
	struct oriel_render_op op; // the slice that is under way
	struct oriel_rect rect;
	struct oriel_render_source source;
	uint32_t next_row; // of the rectangle
	oriel_transfer_done_fn done;
};

/**
 * Begin a transfer to rect of res, which is not empty; nothing is moved yet. res and the source's
 * backing must stay until done is called, or the transfer is not run any more.
 */
void oriel_transfer_init(struct oriel_transfer *transfer, struct oriel_resource *res,
		const struct oriel_rect *rect, const struct oriel_render_source *source,
		oriel_transfer_done_fn done);

/**
 * Run the next slice, of *share bytes at most, unless that is very little; so many are taken off
 * it. done may be called before this returns, and may begin the transfer anew.
 */
void oriel_transfer_run(struct oriel_transfer *transfer, struct oriel_renderer *renderer,
		uint64_t *share);

#endif
