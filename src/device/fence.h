// SPDX-License-Identifier: MIT
/*
 * Fences of a 3D device (virtio 1.3, 5.7.6.7: VIRTIO_GPU_FLAG_FENCE).
 *
 * Which timeline a fenced request joins, and what it waits for there. A driver takes the return of
 * a fenced request for the end of all rendering that was submitted on its timeline before. So where
 * there are contexts, every fenced request of the control queue, also of a 2D command, is followed
 * by a fence of the renderer's, and goes back when that has come. What the renderer cannot fence
 * counts as done.
 */
#ifndef ORIEL_FENCE_H
#define ORIEL_FENCE_H

#include "device/request.h"

/**
 * A request's header was read: if it is fenced, have it join its timeline.
 *
 * Returns ORIEL_RESP_OK_NODATA, or the response if it names a timeline that there is not: then it
 * is in none, and goes back at once.
 */
enum oriel_resp oriel_fence_begin(struct oriel_gpu *gpu, struct oriel_request *req);

/** The request was run, and awaits a fence: have the renderer make it. */
void oriel_fence_submit(struct oriel_gpu *gpu, struct oriel_request *req);

#endif
