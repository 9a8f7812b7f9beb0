// SPDX-License-Identifier: MIT
/*
 * Arithmetic on numbers that a guest or a peer chose.
 *
 * Nothing here can overflow: either the question is asked so that it cannot, or the answer is an
 * error. Use these before any +, * or << on such a number.
 */
#ifndef ORIEL_ARITH_H
#define ORIEL_ARITH_H

#include "base/compiler.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/** Whether [offset, offset + len) lies inside an object of size bytes. */
static inline bool oriel_range_fits(uint64_t offset, uint64_t len, uint64_t size) {
	return offset <= size && len <= size - offset;
}

/** a * b. -EOVERFLOW if a size_t cannot hold it. */
ORIEL_MUST_CHECK
static inline int oriel_size_mul(size_t a, size_t b, size_t *ret) {
	size_t product;
	if (__builtin_mul_overflow(a, b, &product)) {
		return -EOVERFLOW;
	}
	*ret = product;
	return 0;
}

/** a + b. -EOVERFLOW if a size_t cannot hold it. */
ORIEL_MUST_CHECK
static inline int oriel_size_add(size_t a, size_t b, size_t *ret) {
	size_t sum;
	if (__builtin_add_overflow(a, b, &sum)) {
		return -EOVERFLOW;
	}
	*ret = sum;
	return 0;
}

/** a + b for offsets. -EOVERFLOW if 64 bits cannot hold it. */
ORIEL_MUST_CHECK
static inline int oriel_u64_add(uint64_t a, uint64_t b, uint64_t *ret) {
	uint64_t sum;
	if (__builtin_add_overflow(a, b, &sum)) {
		return -EOVERFLOW;
	}
	*ret = sum;
	return 0;
}

static inline uint32_t oriel_min_u32(uint32_t a, uint32_t b) {
	return a < b ? a : b;
}

static inline uint32_t oriel_max_u32(uint32_t a, uint32_t b) {
	return a > b ? a : b;
}

static inline uint64_t oriel_min_u64(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

static inline size_t oriel_min_size(size_t a, size_t b) {
	return a < b ? a : b;
}

#endif
