// SPDX-License-Identifier: MIT
/* See scatter.h. */
#include "mem/scatter.h"

#include "base/arith.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void oriel_scatter_init(struct oriel_scatter *scatter) {
	*scatter = (struct oriel_scatter){ 0 };
}

void oriel_scatter_finish(struct oriel_scatter *scatter) {
	free(scatter->pieces);
	oriel_scatter_init(scatter);
}

int oriel_scatter_reserve(struct oriel_scatter *scatter, size_t capacity) {
	if (capacity <= scatter->capacity) {
		return 0;
	}
	struct oriel_scatter_piece *pieces = calloc(capacity, sizeof(*pieces));
	if (pieces == NULL) {
		return -ENOMEM;
	}
	if (scatter->len > 0) {
		memcpy(pieces, scatter->pieces, scatter->len * sizeof(*pieces));
	}
	free(scatter->pieces);
	scatter->pieces = pieces;
	scatter->capacity = capacity;
	return 0;
}

static uint64_t start_of(const struct oriel_scatter *scatter, size_t i) {
	return i == 0 ? 0 : scatter->pieces[i - 1].end;
}

int oriel_scatter_append(struct oriel_scatter *scatter, const struct oriel_span *span) {
	uint64_t end;
	if (oriel_u64_add(scatter->size, span->size, &end) < 0) {
		return -EOVERFLOW;
	}
	if (span->size == 0) {
		return 0;
	}
	if (scatter->len > 0) {
		size_t last = scatter->len - 1;
		struct oriel_scatter_piece *piece = &scatter->pieces[last];
		if (piece->hva + (piece->end - start_of(scatter, last)) == span->hva) {
			piece->end = end;
			scatter->size = end;
			return 0;
		}
	}
	if (scatter->len == scatter->capacity) {
		int err = oriel_scatter_reserve(scatter,
				scatter->capacity == 0 ? 4 : scatter->capacity * 2);
		if (err < 0) {
			return err;
		}
	}
	scatter->pieces[scatter->len++] =
			(struct oriel_scatter_piece){ .hva = span->hva, .end = end };
	scatter->size = end;
	return 0;
}

struct oriel_scatter_cursor oriel_scatter_seek(const struct oriel_scatter *scatter,
		uint64_t offset) {
	assert(offset <= scatter->size);
	size_t low = 0;
	size_t high = scatter->len;
	while (low < high) { // the first piece that ends behind offset
		size_t middle = (low + high) / 2;
		if (scatter->pieces[middle].end > offset) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return (struct oriel_scatter_cursor){ .scatter = scatter, .i = low, .offset = offset };
}

void oriel_scatter_cursor_read(struct oriel_scatter_cursor *cursor, void *dst, size_t size) {
	const struct oriel_scatter *scatter = cursor->scatter;
	assert(size <= scatter->size - cursor->offset);
	uint8_t *out = dst;
	while (size > 0) {
		const struct oriel_scatter_piece *piece = &scatter->pieces[cursor->i];
		const uint8_t *hva = piece->hva + (cursor->offset - start_of(scatter, cursor->i));
		size_t part = (size_t)oriel_min_u64(size, piece->end - cursor->offset);
		memcpy(out, hva, part);
		out += part;
		size -= part;
		cursor->offset += part;
		if (cursor->offset == piece->end) {
			cursor->i++;
		}
	}
}

void oriel_scatter_cursor_advance(struct oriel_scatter_cursor *cursor, uint64_t offset) {
	const struct oriel_scatter *scatter = cursor->scatter;
	assert(offset >= cursor->offset && offset <= scatter->size);
	while (cursor->i < scatter->len && scatter->pieces[cursor->i].end <= offset) {
		cursor->i++;
	}
	cursor->offset = offset;
}
