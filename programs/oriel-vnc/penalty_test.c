// SPDX-License-Identifier: MIT
/* Tests of penalty.h: who waits, and how long. */
#include "oriel-vnc/penalty.h"

#include "fixture/check.h"

static void test_only_its_own_machine_waits(void **state) {
	(void)state;
	struct penalty penalty = { 0 };
	assert_int_equal(penalty_get_ms(&penalty, 0, 5000), 0); // 0 is a machine, too
	penalty_add(&penalty, 7, 5000);
	assert_int_equal(penalty_get_ms(&penalty, 7, 5000), 1000);
	assert_int_equal(penalty_get_ms(&penalty, 7, 5999), 1);
	assert_int_equal(penalty_get_ms(&penalty, 7, 6000), 0);
	assert_int_equal(penalty_get_ms(&penalty, 8, 5000), 0);
	assert_int_equal(penalty_get_ms(&penalty, 0, 5000), 0);
}

static void test_each_wrong_one_counts(void **state) {
	(void)state;
	struct penalty penalty = { 0 };
	penalty_add(&penalty, 0, 5000);
	penalty_add(&penalty, 7, 5100);
	penalty_add(&penalty, 0, 5900);
	assert_int_equal(penalty_get_ms(&penalty, 0, 6000), 900);
	assert_int_equal(penalty_get_ms(&penalty, 7, 6000), 100);
}

/** With more machines than places everybody waits, and nobody any more when a place is free. */
static void test_many_machines(void **state) {
	(void)state;
	struct penalty penalty = { 0 };
	for (uint64_t i = 0; i < PENALTY_MACHINES; i++) {
		penalty_add(&penalty, 100 + i, 5000 + (int64_t)i);
	}
	assert_int_equal(penalty_get_ms(&penalty, 7, 5100), 0);
	penalty_add(&penalty, 100, 5100); // has a place
	assert_int_equal(penalty_get_ms(&penalty, 7, 5100), 0);
	penalty_add(&penalty, 99, 5200);
	assert_int_equal(penalty_get_ms(&penalty, 7, 5200), 1000);
	assert_int_equal(penalty_get_ms(&penalty, 101, 5200), 1000);
	assert_int_equal(penalty_get_ms(&penalty, 7, 6200), 0);
	penalty_add(&penalty, 99, 6200);
	assert_int_equal(penalty_get_ms(&penalty, 99, 6200), 1000);
	assert_int_equal(penalty_get_ms(&penalty, 7, 6200), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_its_own_machine_waits),
		cmocka_unit_test(test_each_wrong_one_counts),
		cmocka_unit_test(test_many_machines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
