// SPDX-License-Identifier: MIT
/* See transfer.h. */
#include "device/transfer.h"

#include "base/arith.h"

/** At least so much is moved at once: no cursor and no line of text is ever seen half done. */
#define MIN_SLICE_BYTES (64u * 1024u)

static void handle_slice(struct oriel_render_op *op, int err) {
	struct oriel_transfer *transfer = oriel_container_of(op, struct oriel_transfer, op);
	if (err < 0 || transfer->next_row == transfer->rect.height) {
		transfer->done(transfer, err);
	}
}

void oriel_transfer_init(struct oriel_transfer *transfer, struct oriel_resource *res,
		const struct oriel_rect *rect, const struct oriel_render_source *source,
		oriel_transfer_done_fn done) {
	*transfer = (struct oriel_transfer){
		.op = { .type = ORIEL_RENDER_TRANSFER_TO_HOST_2D,
				.res = res,
				.done = handle_slice },
		.rect = *rect,
		.source = *source,
		.done = done,
	};
}

void oriel_transfer_run(struct oriel_transfer *transfer, struct oriel_renderer *renderer,
		uint64_t *share) {
	const uint64_t row_bytes = (uint64_t)transfer->rect.width * ORIEL_BYTES_PER_PIXEL;
	const uint32_t n_left = transfer->rect.height - transfer->next_row;
	const uint64_t slice_bytes = *share > MIN_SLICE_BYTES ? *share : MIN_SLICE_BYTES;
	uint64_t n_rows = slice_bytes / row_bytes;
	n_rows = n_rows == 0 ? 1 : oriel_min_u64(n_rows, n_left);

	transfer->op.rect = transfer->rect;
	transfer->op.rect.y += transfer->next_row;
	transfer->op.rect.height = (uint32_t)n_rows;
	transfer->op.source = transfer->source;
	transfer->op.source.offset += transfer->next_row * transfer->source.stride;
	transfer->next_row += (uint32_t)n_rows;
	*share -= oriel_min_u64(*share, n_rows * row_bytes);
	oriel_renderer_submit(renderer, &transfer->op);
}
