// SPDX-License-Identifier: MIT
/*
 * From an operation to a request of the render link (docs/render-link.md, 5), and back: what both
 * ends of a link do, and whoever records one.
 *
 * Only what is in the operation itself. Payloads, backings, maps and descriptors are its
 * submitter's affair.
 */
#ifndef ORIEL_RENDER_REQUEST_H
#define ORIEL_RENDER_REQUEST_H

#include "protocol/render_link.h"
#include "render/render3d.h"

/** Write what op's type has; the rest of *m is the caller's. */
void oriel_render3d_write_request(const struct oriel_render3d_op *op,
		struct oriel_render_link_request *m);

/** Make an operation of a request that was decoded. Pointers and descriptors are not set. */
void oriel_render3d_read_request(const struct oriel_render_link_request *m,
		struct oriel_render3d_op *op);

#endif
