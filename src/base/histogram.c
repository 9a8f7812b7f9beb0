// SPDX-License-Identifier: MIT
/* See histogram.h. */
#include "base/histogram.h"

#include "base/arith.h"

#define SUB_BITS 3u
#define N_SUB (1u << SUB_BITS)

/** The bucket of a value: values below 8 have one each, then eight share a power of two. */
static size_t find_bucket(uint64_t value) {
	if (value < N_SUB) {
		return (size_t)value;
	}
	const unsigned int exponent = 63u - (unsigned int)__builtin_clzll(value);
	const size_t sub = (size_t)(value >> (exponent - SUB_BITS)) & (N_SUB - 1);
	return oriel_min_size((exponent - SUB_BITS + 1) * N_SUB + sub, ORIEL_HISTOGRAM_LEN - 1);
}

/** The largest value of a bucket that is not the last. */
static uint64_t get_end(size_t bucket) {
	if (bucket < N_SUB) {
		return bucket;
	}
	const unsigned int shift = (unsigned int)(bucket / N_SUB) - 1;
	return ((uint64_t)(N_SUB + bucket % N_SUB + 1) << shift) - 1;
}

void oriel_histogram_add(struct oriel_histogram *histogram, uint64_t value) {
	histogram->n++;
	histogram->max = value > histogram->max ? value : histogram->max;
	histogram->buckets[find_bucket(value)]++;
}

uint64_t oriel_histogram_get_percentile(const struct oriel_histogram *histogram,
		uint32_t per_mille) {
	// The smallest number of values that is at least so large a part of all.
	const uint64_t n = histogram->n;
	const uint64_t rank = n / 1000 * per_mille + (n % 1000 * per_mille + 999) / 1000;
	uint64_t n_seen = 0;
	for (size_t i = 0; i < ORIEL_HISTOGRAM_LEN - 1; i++) {
		n_seen += histogram->buckets[i];
		if (n_seen >= rank && n_seen > 0) {
			return oriel_min_u64(get_end(i), histogram->max);
		}
	}
	return histogram->max;
}
