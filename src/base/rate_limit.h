// SPDX-License-Identifier: MIT
/*
 * At most `burst` events in each interval; the rest is counted.
 *
 * The caller brings the clock, so that tests need no time.
 */
#ifndef ORIEL_RATE_LIMIT_H
#define ORIEL_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct oriel_rate_limit {
	uint64_t interval_ns;
	uint32_t burst;

	uint64_t window_start_ns;
	uint32_t n_in_window;
	uint64_t n_suppressed; // since the last event that was let through
	bool started;
};

/**
 * Whether an event at now_ns may pass.
 *
 * If so, *ret_suppressed is how many were swallowed since the last one that passed.
 */
static inline bool oriel_rate_limit_allows(struct oriel_rate_limit *limit, uint64_t now_ns,
		uint64_t *ret_suppressed) {
	if (!limit->started || now_ns - limit->window_start_ns >= limit->interval_ns) {
		limit->started = true;
		limit->window_start_ns = now_ns;
		limit->n_in_window = 0;
	}
	if (limit->n_in_window >= limit->burst) {
		limit->n_suppressed++;
		return false;
	}
	limit->n_in_window++;
	*ret_suppressed = limit->n_suppressed;
	limit->n_suppressed = 0;
	return true;
}

#endif
