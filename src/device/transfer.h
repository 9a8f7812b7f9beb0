// SPDX-License-Identifier: MIT
/*
 * A transfer in slices: guest pixels to a host image, for TRANSFER_TO_HOST_2D and for flushes of
 * guest blobs.
 *
 * What is longer than the queue's turn may move goes in slices of whole rows, each an operation of
 * the renderer. Until its last slice was begun, the request is its queue's `current` one, and
 * nothing is popped behind it.
 */
#ifndef ORIEL_TRANSFER_H
#define ORIEL_TRANSFER_H

#include "render/render.h"

struct oriel_request;

/** All slices are done, or one failed: err is 0 or a negative errno. */
typedef void (*oriel_transfer_done_fn)(struct oriel_request *req, int err);

struct oriel_transfer {
	struct oriel_render_op op; // the slice that is under way
	struct oriel_rect rect;
	struct oriel_render_source source;
	uint32_t next_row; // of the rectangle
	oriel_transfer_done_fn done;
};

/**
 * Begin a transfer to rect of res, which is not empty, for a request that was kept.
 *
 * oriel_renderer_check_transfer() has allowed it. res and the source's backing must stay until
 * done is called, which may be before this returns.
 */
void oriel_transfer_begin(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_rect *rect, const struct oriel_render_source *source,
		oriel_transfer_done_fn done);

/** Go on with the transfer of a request that is its queue's current one. */
void oriel_transfer_continue(struct oriel_request *req);

#endif
