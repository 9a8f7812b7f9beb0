// SPDX-License-Identifier: MIT
/*
 * A budget: how much of something a guest, or a viewer, may make us keep.
 *
 * Whatever they can cause is charged before it is allocated and credited when it is freed. A limit
 * of 0 allows nothing; ORIEL_BUDGET_OFF allows everything.
 */
#ifndef ORIEL_BUDGET_H
#define ORIEL_BUDGET_H

#include "base/arith.h"

#include <assert.h>

#define ORIEL_BUDGET_OFF UINT64_MAX

struct oriel_budget {
	uint64_t limit;
	uint64_t used; // at most limit
	uint64_t peak; // the most that was ever used; for statistics
};

/** Charge amount. -EDQUOT, and nothing charged, if it does not fit. */
ORIEL_MUST_CHECK
static inline int oriel_budget_charge(struct oriel_budget *budget, uint64_t amount) {
	if (amount > budget->limit - budget->used) {
		return -EDQUOT;
	}
	budget->used += amount;
	if (budget->used > budget->peak) {
		budget->peak = budget->used;
	}
	return 0;
}

/** Give back what was charged. */
static inline void oriel_budget_credit(struct oriel_budget *budget, uint64_t amount) {
	assert(amount <= budget->used);
	budget->used -= amount;
}

#endif
