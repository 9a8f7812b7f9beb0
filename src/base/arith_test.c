// SPDX-License-Identifier: MIT
/* Tests of arith.h and budget.h: the edges, on both sides. */
#include "base/arith.h"

#include "base/budget.h"
#include "fixture/check.h"

static const struct {
	const char *name;
	uint64_t offset, len, size;
	bool fits;
} range_cases[] = {
	{ "empty in empty", 0, 0, 0, true },
	{ "all", 0, 8, 8, true },
	{ "empty at end", 8, 0, 8, true },
	{ "empty behind end", 9, 0, 8, false },
	{ "one too long", 1, 8, 8, false },
	{ "last byte", 7, 1, 8, true },
	{ "sum wraps to zero", UINT64_MAX, 1, 8, false },
	{ "length wraps", 1, UINT64_MAX, 8, false },
	{ "largest", 0, UINT64_MAX, UINT64_MAX, true },
};

static void test_range_fits(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(range_cases); i++) {
		bool fits = oriel_range_fits(range_cases[i].offset, range_cases[i].len,
				range_cases[i].size);
		CHECK(fits == range_cases[i].fits, "%s", range_cases[i].name);
	}
}

static void test_size_arithmetic_refuses_overflow(void **state) {
	(void)state;
	size_t result = 77;
	assert_int_equal(oriel_size_mul(SIZE_MAX / 2 + 1, 2, &result), -EOVERFLOW);
	assert_int_equal(oriel_size_add(SIZE_MAX, 1, &result), -EOVERFLOW);
	assert_int_equal(result, 77);
	assert_int_equal(oriel_size_mul(65536, 65536, &result), 0);
	assert_true(result == (size_t)1 << 32);
	assert_int_equal(oriel_size_add(SIZE_MAX - 1, 1, &result), 0);
	assert_true(result == SIZE_MAX);
	uint64_t sum = 5;
	assert_int_equal(oriel_u64_add(UINT64_MAX, 1, &sum), -EOVERFLOW);
	assert_true(sum == 5);
}

static void test_budget_is_exact(void **state) {
	(void)state;
	struct oriel_budget budget = { .limit = 10 };
	assert_int_equal(oriel_budget_charge(&budget, 11), -EDQUOT);
	assert_int_equal(oriel_budget_charge(&budget, 10), 0);
	assert_int_equal(oriel_budget_charge(&budget, 1), -EDQUOT);
	assert_int_equal(oriel_budget_charge(&budget, 0), 0);
	oriel_budget_credit(&budget, 4);
	assert_int_equal(oriel_budget_charge(&budget, UINT64_MAX), -EDQUOT);
	assert_int_equal(oriel_budget_charge(&budget, 4), 0);
	assert_true(budget.used == 10 && budget.peak == 10);
	struct oriel_budget none = { .limit = 0 };
	assert_int_equal(oriel_budget_charge(&none, 1), -EDQUOT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_range_fits),
		cmocka_unit_test(test_size_arithmetic_refuses_overflow),
		cmocka_unit_test(test_budget_is_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
