// SPDX-License-Identifier: MIT
/*
 * What 3D adds to the device as a whole: features, memory changes, resets, and losing the renderer.
 *
 * All of it does nothing on a 2D device.
 */
#ifndef ORIEL_GPU_3D_H
#define ORIEL_GPU_3D_H

#include "device/device.h"

/** Begin; renderer3d may be NULL. */
void oriel_gpu_3d_init(struct oriel_gpu *gpu, struct oriel_renderer3d *renderer3d);

void oriel_gpu_3d_finish(struct oriel_gpu *gpu);

/** The features that need the renderer, as far as it has them. */
uint64_t oriel_gpu_3d_get_features(const struct oriel_gpu *gpu);

/** Guest memory changes: have the renderer let go of all backings, then get them again. */
ORIEL_MUST_CHECK
int oriel_gpu_3d_begin_memory_change(struct oriel_gpu *gpu);
/** err is what the beginning returned; without memory the renderer lets go of all that it has. */
void oriel_gpu_3d_end_memory_change(struct oriel_gpu *gpu, struct oriel_mem_map *map, int err);

/** Work that settles has come back. */
void oriel_gpu_3d_handle_settled_work(struct oriel_gpu *gpu);

/**
 * Let the renderer's clock stand still, or go on: it does while the control queue is stopped, as a
 * paused guest's is, unless whoever stopped it waits for the renderer.
 */
void oriel_gpu_3d_update_clock(struct oriel_gpu *gpu);

/** Drop all contexts, here and there. Requests and the screen were reset before. */
void oriel_gpu_3d_reset(struct oriel_gpu *gpu);

#endif
