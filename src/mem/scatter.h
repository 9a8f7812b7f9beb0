// SPDX-License-Identifier: MIT
/*
 * A scatter list: guest pages that together look like one stretch of bytes.
 *
 * Spans with prefix sums, neighbours merged, so that finding an offset is a binary search and
 * copying rows one after the other does not search at all.
 */
#ifndef ORIEL_SCATTER_H
#define ORIEL_SCATTER_H

#include "base/compiler.h"
#include "mem/span.h"

struct oriel_scatter_piece {
	uint8_t *hva;
	uint64_t end; // offset behind this piece's last byte
};

struct oriel_scatter {
	struct oriel_scatter_piece *pieces; // owned
	size_t len;
	size_t capacity;
	uint64_t size; // bytes in all
};

void oriel_scatter_init(struct oriel_scatter *scatter);

/** Free the pieces. */
void oriel_scatter_finish(struct oriel_scatter *scatter);

/** Make room for capacity pieces in all, so that appending that many cannot fail. 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_scatter_reserve(struct oriel_scatter *scatter, size_t capacity);

/** Append a span, merging it with the last piece if they touch. 0, -ENOMEM or -EOVERFLOW. */
ORIEL_MUST_CHECK
int oriel_scatter_append(struct oriel_scatter *scatter, const struct oriel_span *span);

/** A place in a scatter list; reading on from it needs no search. */
struct oriel_scatter_cursor {
	const struct oriel_scatter *scatter;
	size_t i;
	uint64_t offset; // from the start of the list
};

/** The place at offset. It may be the end. */
struct oriel_scatter_cursor oriel_scatter_seek(const struct oriel_scatter *scatter,
		uint64_t offset);

/**
 * Copy size bytes at the cursor, which must be there, to dst and go on behind them.
 *
 * Reads each byte of guest memory once.
 */
void oriel_scatter_cursor_read(struct oriel_scatter_cursor *cursor, void *dst, size_t size);

/** Go to a later (or the same) offset, walking from here. */
void oriel_scatter_cursor_advance(struct oriel_scatter_cursor *cursor, uint64_t offset);

#endif
