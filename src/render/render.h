// SPDX-License-Identifier: MIT
/*
 * The renderer interface: an operation goes in, its result comes back later, once.
 *
 * Operations are messages, so that the same interface serves a renderer in this process, which is
 * done before submit returns, and one in another process, which is not. Each operation belongs to
 * its submitter, who keeps it unchanged until `done` is called. Operations of one renderer are
 * carried out in the order of submission.
 *
 * A renderer knows resources; it does not know scanouts, rings or guests.
 */
#ifndef ORIEL_RENDER_H
#define ORIEL_RENDER_H

#include "base/rect.h"
#include "oriel/renderer.h"
#include "resource/resource.h"

enum oriel_render_op_type {
	/** Copy guest pixels, those of source, to rect of res. */
	ORIEL_RENDER_TRANSFER_TO_HOST_2D,
	/** Copy the pixels of res, a 64x64 image or a blob's first bytes, to cursor. */
	ORIEL_RENDER_READ_CURSOR,
};

struct oriel_render_op;

/**
 * An operation is complete; err is 0 or a negative errno. Called once per submitted operation, on
 * the device thread, possibly before submit returns. May submit other operations, and may free op.
 */
typedef void (*oriel_render_done_fn)(struct oriel_render_op *op, int err);

/** Where a transfer's pixels are: rows in a backing, which must stay until done. */
struct oriel_render_source {
	const struct oriel_backing *backing;
	uint64_t offset; // of the rectangle's first pixel
	uint64_t stride; // bytes from one row to the next
};

struct oriel_render_op {
	enum oriel_render_op_type type;
	struct oriel_resource *res; // must stay until done
	oriel_render_done_fn done;

	// TRANSFER_TO_HOST_2D. rect lies in the resource.
	struct oriel_rect rect;
	struct oriel_render_source source;

	// READ_CURSOR: room for ORIEL_CURSOR_BYTES; the raw words of the image, B8G8R8A8 in memory
	// whatever its format says (virtio-gpu drivers agree on that, and on alpha being honoured).
	uint8_t *cursor;
};

/** Functions that a renderer implements. */
struct oriel_renderer_impl {
	const char *name;

	/** Required. Carry op out and call op->done, now or later. Arguments were checked. */
	void (*submit)(struct oriel_renderer *renderer, struct oriel_render_op *op);

	/** Required. Free everything, including the struct that embeds renderer. No op is pending.
	 */
	void (*destroy)(struct oriel_renderer *renderer);
};

/** The base of every renderer: embed it. */
struct oriel_renderer {
	const struct oriel_renderer_impl *impl;
};

/** For implementers: begin the base. */
void oriel_renderer_init(struct oriel_renderer *renderer, const struct oriel_renderer_impl *impl);

/** The backing of res itself, with rows as far apart as its own: what TRANSFER_TO_HOST_2D means. */
struct oriel_render_source oriel_render_source_of(const struct oriel_resource *res,
		uint64_t offset);

/**
 * Whether a transfer can be carried out: for whoever submits it in slices, which must all succeed
 * or not begin.
 *
 * Returns what oriel_renderer_submit() would fail with, or 0.
 */
ORIEL_MUST_CHECK
int oriel_renderer_check_transfer(const struct oriel_resource *res, const struct oriel_rect *rect,
		const struct oriel_render_source *source);

/**
 * Submit an operation.
 *
 * Results: 0; -EFAULT if the backing is lost; -EOPNOTSUPP if there is no backing; -EINVAL if the
 * rectangle is outside the resource, the source outside the backing, or a cursor has another size
 * than 64x64 (a blob: fewer bytes); -ENOMEM. An error leaves the pixels as they were.
 */
void oriel_renderer_submit(struct oriel_renderer *renderer, struct oriel_render_op *op);

#endif
