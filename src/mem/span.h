// SPDX-License-Identifier: MIT
/*
 * Spans: pieces of guest memory as host pointers, and reading and writing across many of them.
 *
 * The bytes may change at any moment under us. Whatever decides something is copied out first.
 */
#ifndef ORIEL_SPAN_H
#define ORIEL_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct oriel_span {
	uint8_t *hva;
	size_t size;
};

/** A place in a row of spans. Free to copy. Begin with { .spans = …, .len = … }. */
struct oriel_span_cursor {
	const struct oriel_span *spans;
	size_t len;    // spans left, the current one included
	size_t offset; // into the current span
};

/** Copy the next size bytes to buf and go on behind them. Returns how many there were. */
size_t oriel_span_cursor_read(struct oriel_span_cursor *cursor, void *buf, size_t size);

/** Copy size bytes from buf to the next places. Returns how many there was room for. */
size_t oriel_span_cursor_write(struct oriel_span_cursor *cursor, const void *buf, size_t size);

/** Go size bytes further. Returns how many there were. */
size_t oriel_span_cursor_skip(struct oriel_span_cursor *cursor, size_t size);

#endif
