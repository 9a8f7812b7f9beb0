// SPDX-License-Identifier: MIT
/*
 * Scanouts and cursors that the 3D renderer has drawn (virtio 1.3, 5.7.6.8).
 *
 * Their pixels are in the renderer, so before a display sees them they are read back: the damage,
 * into an image of ours that viewers map. A scanout has two such images. One is on the screen while
 * the other is filled, with what was damaged since it was last there; then they change places. So a
 * picture is never seen half done, however slow the renderer is.
 *
 * While a read-back for a control request is under way, the next request waits: flushes and
 * changes of scanouts take effect in the order in which they were submitted. Cursors have a small
 * image of their own, and never hold the control queue up.
 *
 * Where the renderer can export a 3D resource and a display takes dma-bufs, the scanout has one
 * beside the image. Then a flush only has the renderer finish drawing; pixels are read back while
 * some display needs them, and all that is missing once one begins to. A lost renderer takes no
 * dma-buf along.
 */
#ifndef ORIEL_READBACK_H
#define ORIEL_READBACK_H

#include "device/readback_image.h"
#include "device/request.h"

/** Cursors that are read at once. */
#define ORIEL_READBACK_CURSORS 4u

struct oriel_readback_scanout {
	struct oriel_resource *res; // held: the guest's; NULL: the scanout shows no such thing
	struct oriel_rect src;      // the part of it that is shown; as large as the images
	struct oriel_readback_image images[2];
	unsigned int front; // the one that is on the screen, if any is
	// The front image into which what was missing is being read, or NULL.
	const struct oriel_resource *fetching;

	// A SET_SCANOUT whose picture is still being read, and what there was before it.
	bool is_entering;
	bool wants_fetch;               // a display has asked meanwhile
	struct oriel_resource *old_res; // held; NULL: no such thing
	struct oriel_rect old_src;
};

struct oriel_readback {
	struct oriel_readback_scanout scanouts[ORIEL_MAX_SCANOUTS];
	struct oriel_readback_image cursors; // ORIEL_READBACK_CURSORS of them, one below the other
	uint32_t n_cursor_reads;             // since the start
	uint32_t n_pending_cursors;
	uint64_t cursor_serials[ORIEL_MAX_SCANOUTS]; // count updates
	uint32_t last_image_id;
};

/**
 * Show a rendered resource on a scanout, for a SET_SCANOUT. A flip between resources of one size
 * shows at the next flush, anything else as soon as it was read.
 *
 * Returns the response, or ORIEL_RESP_PENDING.
 */
enum oriel_resp oriel_readback_show(struct oriel_request *req, uint32_t scanout_id,
		struct oriel_resource *res, const struct oriel_rect *src);

/** A request that read back is over: if it was a SET_SCANOUT that failed, nothing has changed. */
void oriel_readback_end(struct oriel_gpu *gpu);

/** Present rect of a rendered resource on all scanouts that show it, for a RESOURCE_FLUSH. */
enum oriel_resp oriel_readback_flush(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_rect *rect);

/** Read what is missing on a scanout, and present it: for displays (oriel_fetch_pixels_fn). */
void oriel_readback_fetch(struct oriel_gpu *gpu, uint32_t scanout_id);

/**
 * Read a cursor's image, and set it then: for an UPDATE_CURSOR, which does not wait.
 *
 * Returns 0, -EINVAL if it is not 64x64, -EAGAIN if too many are being read, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_readback_cursor(struct oriel_gpu *gpu, const struct oriel_resource *res,
		const struct oriel_cmd_update_cursor *cmd);

/** What is being read for a scanout's cursor is not to be shown any more. */
void oriel_readback_forget_cursor(struct oriel_gpu *gpu, uint32_t scanout_id);

/** The scanout shows something else now, or nothing. */
void oriel_readback_leave(struct oriel_gpu *gpu, uint32_t scanout_id);

/** Turn off every scanout that shows res, as its UNREF does. */
void oriel_readback_remove(struct oriel_gpu *gpu, const struct oriel_resource *res);

/** A 2D resource is not rendered any more: scanouts show the device's own pixels of it again. */
void oriel_readback_show_own(struct oriel_gpu *gpu, const struct oriel_resource *res);

/** The renderer is lost, and the images with it: scanouts keep the last picture. */
void oriel_readback_forget(struct oriel_gpu *gpu);

/** Let everything go; the screen was cleared, and the renderer is or will be reset. */
void oriel_readback_clear(struct oriel_gpu *gpu);

#endif
