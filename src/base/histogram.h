// SPDX-License-Identifier: MIT
/*
 * A histogram of durations, or of anything that may be small or very large: fixed memory, no
 * allocation, a few instructions for each value.
 *
 * Buckets grow with the values: eight for each power of two, so that a percentile is never below
 * the value that it stands for, and less than an eighth above it. Values from 2^40 on (18 minutes,
 * in nanoseconds) share the last bucket; the largest value is kept as it is.
 */
#ifndef ORIEL_HISTOGRAM_H
#define ORIEL_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define ORIEL_HISTOGRAM_LEN 305u

/** All zeros is an empty one. */
struct oriel_histogram {
	uint64_t n;
	uint64_t max;
	uint64_t buckets[ORIEL_HISTOGRAM_LEN];
};

void oriel_histogram_add(struct oriel_histogram *histogram, uint64_t value);

/**
 * The value that per_mille of 1000 values do not exceed, rounded up to its bucket's end; 500 is the
 * median. 0 if the histogram is empty.
 */
uint64_t oriel_histogram_get_percentile(const struct oriel_histogram *histogram,
		uint32_t per_mille);

#endif
