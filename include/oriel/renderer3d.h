// SPDX-License-Identifier: MIT
/*
 * 3D renderers: what runs the guest's OpenGL.
 *
 * A device without one is a 2D device. oriel/virgl.h (of liboriel-virgl) makes one that lives in
 * this process, and dies with it; oriel/remote.h makes one that stands for a process of its own,
 * which may die. A renderer serves one device. Thread: the device thread.
 */
#ifndef ORIEL_RENDERER3D_H
#define ORIEL_RENDERER3D_H

#include <oriel/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_renderer3d;

/** Destroy a renderer that no device uses (any more). NULL is a no-op. */
ORIEL_API
void oriel_renderer3d_destroy(struct oriel_renderer3d *renderer);

#ifdef __cplusplus
}
#endif

#endif
