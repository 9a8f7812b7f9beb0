// SPDX-License-Identifier: MIT
/* See span.h. */
#include "mem/span.h"

#include <string.h>

enum direction { TO_BUFFER, FROM_BUFFER, NOWHERE };

static size_t move(struct oriel_span_cursor *cursor, uint8_t *buf, size_t size,
		enum direction direction) {
	size_t done = 0;
	while (done < size && cursor->len > 0) {
		size_t left = cursor->spans->size - cursor->offset;
		size_t part = size - done < left ? size - done : left;
		uint8_t *hva = cursor->spans->hva + cursor->offset;
		if (direction == TO_BUFFER) {
			memcpy(buf + done, hva, part);
		} else if (direction == FROM_BUFFER) {
			memcpy(hva, buf + done, part);
		}
		done += part;
		cursor->offset += part;
		if (part == left) {
			cursor->spans++;
			cursor->len--;
			cursor->offset = 0;
		}
	}
	return done;
}

size_t oriel_span_cursor_read(struct oriel_span_cursor *cursor, void *buf, size_t size) {
	return move(cursor, buf, size, TO_BUFFER);
}

size_t oriel_span_cursor_write(struct oriel_span_cursor *cursor, const void *buf, size_t size) {
	return move(cursor, (uint8_t *)(uintptr_t)buf, size, FROM_BUFFER);
}

size_t oriel_span_cursor_skip(struct oriel_span_cursor *cursor, size_t size) {
	return move(cursor, NULL, size, NOWHERE);
}
