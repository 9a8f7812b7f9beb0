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
void oriel_gpu_3d_begin_memory_change(struct oriel_gpu *gpu);
void oriel_gpu_3d_end_memory_change(struct oriel_gpu *gpu, struct oriel_mem_map *map);

/** Drop all contexts, here and there. Requests and the screen were reset before. */
void oriel_gpu_3d_reset(struct oriel_gpu *gpu);

#endif
