// SPDX-License-Identifier: MIT
/* Tests of rate_limit.h: bursts, windows at their edge, and that nothing is lost from the count. */
#include "base/rate_limit.h"

#include "fixture/check.h"

static void test_burst_and_window_edge(void **state) {
	(void)state;
	struct oriel_rate_limit limit = { .interval_ns = 1000, .burst = 2 };
	uint64_t n = 99;
	assert_true(oriel_rate_limit_allows(&limit, 5, &n));
	assert_int_equal(n, 0);
	assert_true(oriel_rate_limit_allows(&limit, 6, &n));
	assert_false(oriel_rate_limit_allows(&limit, 7, &n));
	assert_false(oriel_rate_limit_allows(&limit, 1004, &n));
	assert_true(oriel_rate_limit_allows(&limit, 1005, &n));
	assert_int_equal(n, 2);
}

static void test_ten_thousand_events_in_ten_intervals(void **state) {
	(void)state;
	struct oriel_rate_limit limit = { .interval_ns = 1000, .burst = 5 };
	uint64_t n_passed = 0, n_suppressed = 0;
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t n = 0;
		if (oriel_rate_limit_allows(&limit, i, &n)) {
			n_passed++;
			n_suppressed += n;
		}
	}
	n_suppressed += limit.n_suppressed;
	assert_int_equal(n_passed, 50);
	assert_int_equal(n_suppressed, 9950);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_and_window_edge),
		cmocka_unit_test(test_ten_thousand_events_in_ten_intervals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
