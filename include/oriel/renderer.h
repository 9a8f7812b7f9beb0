// SPDX-License-Identifier: MIT
/*
 * Renderers: what carries out drawing commands for a device.
 *
 * The embedder names the renderer that it wants and hands it to the device. A renderer serves one
 * device. Thread: the device thread.
 */
#ifndef ORIEL_RENDERER_H
#define ORIEL_RENDERER_H

#include <oriel/export.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_renderer;

/** Create the 2D renderer: the CPU, through pixman. Needs no GPU. Returns 0 or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_pixman_renderer_create(struct oriel_renderer **ret);

/** Destroy a renderer that no device uses (any more). NULL is a no-op. */
ORIEL_API
void oriel_renderer_destroy(struct oriel_renderer *renderer);

#ifdef __cplusplus
}
#endif

#endif
