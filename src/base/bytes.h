// SPDX-License-Identifier: MIT
/*
 * Little-endian reader and writer over private memory.
 *
 * Decoders read fields one statement at a time and look at `failed` once, at the end: the first
 * short read fails the reader for good and every later read gives 0. Writers do the same for room.
 * Compilers turn the byte loops into single loads and stores.
 */
#ifndef ORIEL_BYTES_H
#define ORIEL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct oriel_reader {
	const uint8_t *cur;
	const uint8_t *end;
	bool failed;
};

struct oriel_writer {
	uint8_t *cur;
	uint8_t *end;
	bool failed;
};

static inline struct oriel_reader oriel_reader_of(const void *bytes, size_t size) {
	const uint8_t *start = bytes; // nothing may be NULL, to which nothing can be added
	return (struct oriel_reader){ .cur = start, .end = size > 0 ? start + size : start };
}

static inline struct oriel_writer oriel_writer_of(void *bytes, size_t size) {
	uint8_t *start = bytes;
	return (struct oriel_writer){ .cur = start, .end = size > 0 ? start + size : start };
}

/** Bytes not yet read; 0 once failed. */
static inline size_t oriel_reader_left(const struct oriel_reader *r) {
	return r->failed ? 0 : (size_t)(r->end - r->cur);
}

/** The next size bytes, or NULL (and failed) if there are fewer. Valid as long as the memory. */
static inline const uint8_t *oriel_reader_get(struct oriel_reader *r, size_t size) {
	if (r->failed || (size_t)(r->end - r->cur) < size) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *bytes = r->cur;
	r->cur += size;
	return bytes;
}

static inline void oriel_read_bytes(struct oriel_reader *r, void *ret, size_t size) {
	const uint8_t *bytes = oriel_reader_get(r, size);
	if (bytes == NULL) {
		memset(ret, 0, size);
		return;
	}
	memcpy(ret, bytes, size);
}

static inline void oriel_read_skip(struct oriel_reader *r, size_t size) {
	(void)oriel_reader_get(r, size);
}

static inline uint8_t oriel_read_u8(struct oriel_reader *r) {
	const uint8_t *b = oriel_reader_get(r, 1);
	return b != NULL ? b[0] : 0;
}

static inline uint16_t oriel_read_u16(struct oriel_reader *r) {
	const uint8_t *b = oriel_reader_get(r, 2);
	return b != NULL ? (uint16_t)((uint32_t)b[0] | (uint32_t)b[1] << 8) : 0;
}

static inline uint32_t oriel_read_u32(struct oriel_reader *r) {
	const uint8_t *b = oriel_reader_get(r, 4);
	return b != NULL ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
					       (uint32_t)b[3] << 24
			 : 0;
}

static inline uint64_t oriel_read_u64(struct oriel_reader *r) {
	const uint8_t *b = oriel_reader_get(r, 8);
	if (b == NULL) {
		return 0;
	}
	uint64_t v = 0;
	for (int i = 7; i >= 0; i--) {
		v = v << 8 | b[i];
	}
	return v;
}

static inline uint8_t *oriel_writer_get(struct oriel_writer *w, size_t size) {
	if (w->failed || (size_t)(w->end - w->cur) < size) {
		w->failed = true;
		return NULL;
	}
	uint8_t *bytes = w->cur;
	w->cur += size;
	return bytes;
}

static inline void oriel_write_bytes(struct oriel_writer *w, const void *bytes, size_t size) {
	uint8_t *b = oriel_writer_get(w, size);
	if (b != NULL && size > 0) {
		memcpy(b, bytes, size);
	}
}

static inline void oriel_write_zeros(struct oriel_writer *w, size_t size) {
	uint8_t *b = oriel_writer_get(w, size);
	if (b != NULL) {
		memset(b, 0, size);
	}
}

static inline void oriel_write_u8(struct oriel_writer *w, uint8_t v) {
	oriel_write_bytes(w, &v, 1);
}

static inline void oriel_write_u16(struct oriel_writer *w, uint16_t v) {
	uint8_t b[2] = { (uint8_t)v, (uint8_t)(v >> 8) };
	oriel_write_bytes(w, b, sizeof(b));
}

static inline void oriel_write_u32(struct oriel_writer *w, uint32_t v) {
	uint8_t b[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };
	oriel_write_bytes(w, b, sizeof(b));
}

static inline void oriel_write_u64(struct oriel_writer *w, uint64_t v) {
	oriel_write_u32(w, (uint32_t)v);
	oriel_write_u32(w, (uint32_t)(v >> 32));
}

#endif
