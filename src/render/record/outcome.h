// SPDX-License-Identifier: MIT
/*
 * Outcomes: what became of operations that were played, held against what became of them when they
 * were recorded. Results come soon after their operation: only so many outcomes are kept, and one
 * whose result has not come by then is one that had nothing to tell.
 */
#ifndef ORIEL_RENDER_RECORD_OUTCOME_H
#define ORIEL_RENDER_RECORD_OUTCOME_H

#include "oriel/render_record.h"
#include "protocol/render_dump.h"
#include "render/record/world.h"

#define RECORD_N_OUTCOMES 256u

struct record_outcome {
	uint64_t number;
	bool is_open; // its result has not come
	int err;
	bool has_data;
	uint64_t checksum;
	uint64_t n_rows;
	uint32_t row_size; // bytes
};

struct record_outcomes {
	struct record_outcome ring[RECORD_N_OUTCOMES];
	uint64_t n; // outcomes so far; the i-th is at i modulo their number
	uint32_t tolerance;
	struct oriel_render_play_result *result;
};

/** An operation is done: here is its outcome. */
void record_outcomes_add(struct record_outcomes *outcomes, const struct record_outcome *outcome);

/**
 * Judge an outcome by the recorded result. rows are those of the operation, if that was the last
 * one and they are still there, else NULL.
 *
 * Returns 0, -EBADMSG if the result's picture is broken, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int record_outcomes_judge(struct record_outcomes *outcomes,
		const struct oriel_render_dump_result *recorded, const struct record_rows *rows);

/** There will be no more results. */
void record_outcomes_end(struct record_outcomes *outcomes);

#endif
