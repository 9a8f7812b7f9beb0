// SPDX-License-Identifier: MIT
/*
 * What the device counts for include/oriel/stats.h, beside its budgets.
 *
 * Counting is a few additions; a clock is read only for what is timed: a flush that shows
 * something, and fenced requests. Nothing here changes what the device does.
 */
#ifndef ORIEL_COUNTS_H
#define ORIEL_COUNTS_H

#include "base/histogram.h"
#include "device/command.h"
#include "oriel/stats.h"

struct oriel_gpu_counts {
	/** By row of the command table; the last one is for what is no command. */
	struct {
		uint64_t n, n_errors;
	} commands[ORIEL_N_COMMANDS + 1];
	uint64_t errors[ORIEL_GPU_N_ERRORS]; // by response, from ERR_UNSPEC on
	uint64_t n_resets;

	// The largest that was let in.
	uint64_t largest_backing;   // entries
	uint64_t largest_dimension; // pixels
	uint64_t largest_submit;    // bytes
	uint64_t largest_chain;     // spans
	uint64_t largest_ring;      // ring_idx + 1

	struct oriel_histogram frame_latency; // ns
	struct oriel_histogram fence_latency; // ns
};

/** Keep value if it is the largest so far. */
static inline void oriel_count_largest(uint64_t *largest, uint64_t value) {
	*largest = value > *largest ? value : *largest;
}

/** A request of a row of the command table is answered. */
static inline void oriel_count_command(struct oriel_gpu_counts *counts, unsigned int row,
		enum oriel_resp resp) {
	counts->commands[row].n++;
	if (resp >= ORIEL_RESP_ERR_UNSPEC) {
		counts->commands[row].n_errors++;
		counts->errors[resp - ORIEL_RESP_ERR_UNSPEC]++;
	}
}

#endif
