// SPDX-License-Identifier: MIT
/*
 * Twins: 2D resources in the 3D renderer.
 *
 * A 2D resource (a console, a dumb buffer, a cursor) always lives in the device, where no driver
 * can take it along. But a guest's 3D programs may use it, too: Linux attaches every buffer to the
 * context that opened it. So when a context that has one attached first submits, or a 3D transfer
 * names one, the renderer gets a twin of it: same id, same size, same backing.
 *
 * From then on 2D transfers go to both. What the renderer may have drawn into counts (is_newer):
 * displays see what is read back from there (readback.h). The other resources of a 3D guest never
 * leave the device. With the renderer, twins are lost; the device's own pixels are shown again.
 */
#ifndef ORIEL_TWIN_H
#define ORIEL_TWIN_H

#include "device/request.h"

/** Whether the resource's pixels are those of the renderer. */
static inline bool oriel_resource_is_rendered(const struct oriel_resource *res) {
	return res->is_3d || res->twin.is_newer;
}

/** Give a 2D resource its twin, if it has none. 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_twin_make(struct oriel_gpu *gpu, struct oriel_resource *res);

/** Attach a 2D resource to a context; again is a no-op. 0, -EDQUOT or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_twin_attach(struct oriel_gpu *gpu, struct oriel_context *ctx, struct oriel_resource *res);

/** Detach it. A no-op if it is not attached. */
void oriel_twin_detach(struct oriel_gpu *gpu, struct oriel_context *ctx,
		struct oriel_resource *res);

/** Detach all: the context goes. */
void oriel_twin_detach_all(struct oriel_gpu *gpu, struct oriel_context *ctx);

/** A 2D resource goes: detach it from all contexts. */
void oriel_twin_remove(struct oriel_gpu *gpu, struct oriel_resource *res);

/**
 * A context is to submit for the first time: its 2D resources get twins, as many as the share of
 * the turn and the renderer have room for. Begin with *cursor 0, and again where it was, while no
 * command is run.
 *
 * Returns 0 when all have theirs, -EAGAIN if there are more to make, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_twin_make_some(struct oriel_gpu *gpu, struct oriel_context *ctx, uint32_t *cursor,
		uint64_t *turn_share);

/** For work that a 2D resource's request has the twin do as well: it is done, whatever err is. */
void oriel_twin_finish_request(struct oriel_work *work, int err);

/**
 * A 2D transfer to a resource with a twin was done: do it there, too, and finish the request.
 *
 * Returns the response, or ORIEL_RESP_PENDING.
 */
enum oriel_resp oriel_twin_transfer(struct oriel_request *req, const struct oriel_rect *rect,
		uint64_t offset);

/** The renderer is lost. */
void oriel_twin_forget(struct oriel_gpu *gpu);

#endif
