// SPDX-License-Identifier: MIT
/*
 * The 2D renderer: it copies, on the CPU, and is done before submit returns.
 *
 * Guest and host pixels have the same format, so a transfer is a row-wise copy out of a scatter
 * list. Where the guest's rows lie in one piece the copy is pixman's, which picks the machine's
 * widest moves; where pages break a row it is put together from them.
 */
#include "render/render.h"

#include <assert.h>
#include <pixman.h>
#include <stdlib.h>
#include <string.h>

struct pixman_renderer {
	struct oriel_renderer base;
};

static const struct oriel_renderer_impl pixman_impl;

/** The source rows if they lie in one piece of guest memory, else NULL. */
static uint8_t *get_contiguous(struct oriel_scatter_cursor cursor, uint64_t extent) {
	const struct oriel_scatter_piece *piece = &cursor.scatter->pieces[cursor.i];
	if (piece->end - cursor.offset < extent) {
		return NULL;
	}
	uint64_t start = cursor.i == 0 ? 0 : cursor.scatter->pieces[cursor.i - 1].end;
	return piece->hva + (cursor.offset - start);
}

static bool copy_rows(uint8_t *src, uint64_t src_stride, uint8_t *dst, uint32_t dst_stride,
		const struct oriel_rect *rect) {
	if ((((uintptr_t)src | src_stride | (uintptr_t)dst) & 3) != 0 || src_stride > INT32_MAX) {
		return false; // pixman works on whole words
	}
	return pixman_blt((uint32_t *)(void *)src, (uint32_t *)(void *)dst, (int)(src_stride / 4),
			(int)(dst_stride / 4), 32, 32, 0, 0, 0, 0, (int)rect->width,
			(int)rect->height);
}

static void transfer(struct oriel_render_op *op) {
	struct oriel_resource *res = op->res;
	const struct oriel_rect *rect = &op->rect;
	if (oriel_rect_is_empty(rect)) {
		return;
	}
	const size_t row_bytes = (size_t)rect->width * ORIEL_BYTES_PER_PIXEL;
	const struct oriel_render_source *source = &op->source;
	const uint64_t extent = (rect->height - 1) * source->stride + row_bytes;
	uint8_t *dst = res->pixels + (size_t)rect->y * res->stride +
		       (size_t)rect->x * ORIEL_BYTES_PER_PIXEL;
	struct oriel_scatter_cursor cursor =
			oriel_scatter_seek(&source->backing->scatter, source->offset);

	uint8_t *src = get_contiguous(cursor, extent);
	if (src != NULL && copy_rows(src, source->stride, dst, res->stride, rect)) {
		return;
	}
	if (row_bytes == res->stride && row_bytes == source->stride) { // whole rows: one stretch
		oriel_scatter_cursor_read(&cursor, dst, (size_t)extent);
		return;
	}
	for (uint32_t y = 0; y < rect->height; y++) {
		oriel_scatter_cursor_advance(&cursor, source->offset + y * source->stride);
		oriel_scatter_cursor_read(&cursor, dst, row_bytes);
		dst += res->stride;
	}
}

static void read_cursor(const struct oriel_render_op *op) {
	const struct oriel_resource *res = op->res;
	if (!res->is_blob) {
		memcpy(op->cursor, res->pixels, ORIEL_CURSOR_BYTES);
		return;
	}
	struct oriel_scatter_cursor cursor = oriel_scatter_seek(&res->backing.scatter, 0);
	oriel_scatter_cursor_read(&cursor, op->cursor, ORIEL_CURSOR_BYTES);
}

static void pixman_submit(struct oriel_renderer *renderer, struct oriel_render_op *op) {
	assert(renderer->impl == &pixman_impl);
	switch (op->type) {
	case ORIEL_RENDER_TRANSFER_TO_HOST_2D:
		transfer(op);
		break;
	case ORIEL_RENDER_READ_CURSOR:
		read_cursor(op);
		break;
	}
	op->done(op, 0);
}

static void pixman_destroy(struct oriel_renderer *renderer) {
	assert(renderer->impl == &pixman_impl);
	free(oriel_container_of(renderer, struct pixman_renderer, base));
}

static const struct oriel_renderer_impl pixman_impl = {
	.name = "pixman",
	.submit = pixman_submit,
	.destroy = pixman_destroy,
};

int oriel_pixman_renderer_create(struct oriel_renderer **ret) {
	struct pixman_renderer *pixman = calloc(1, sizeof(*pixman));
	if (pixman == NULL) {
		return -ENOMEM;
	}
	oriel_renderer_init(&pixman->base, &pixman_impl);
	*ret = &pixman->base;
	return 0;
}
