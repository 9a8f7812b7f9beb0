// SPDX-License-Identifier: MIT
/* Histograms: exact for small values, and within an eighth for all others. */
#include "base/histogram.h"

#include "base/compiler.h"
#include "fixture/check.h"

#include <inttypes.h>

static void test_empty(void **state) {
	(void)state;
	const struct oriel_histogram histogram = { 0 };
	assert_int_equal(oriel_histogram_get_percentile(&histogram, 500), 0);
	assert_int_equal(oriel_histogram_get_percentile(&histogram, 1000), 0);
}

static void test_small_values_are_exact(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t per_mille;
		uint64_t value;
	} cases[] = {
		{ "none of them", 0, 0 },
		{ "the first of eight", 125, 0 },
		{ "just more than that", 126, 1 },
		{ "the median is the fourth", 500, 3 },
		{ "90 % are more than seven of eight", 900, 7 },
		{ "all", 1000, 7 },
	};
	struct oriel_histogram histogram = { 0 };
	for (uint64_t value = 0; value < 8; value++) {
		oriel_histogram_add(&histogram, 7 - value); // their order does not matter
	}
	assert_int_equal(histogram.n, 8);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const uint64_t value =
				oriel_histogram_get_percentile(&histogram, cases[i].per_mille);
		CHECK(value == cases[i].value, "%s: %" PRIu64, cases[i].name, value);
	}
}

/** One value, and a huge one so that the maximum cuts nothing: the value, or a bit more. */
static void check_alone(uint64_t value) {
	struct oriel_histogram histogram = { 0 };
	oriel_histogram_add(&histogram, value);
	oriel_histogram_add(&histogram, UINT64_MAX);
	const uint64_t found = oriel_histogram_get_percentile(&histogram, 500);
	CHECK(found >= value && found - value <= value / 8, "%" PRIu64 ": %" PRIu64, value, found);
}

static void test_every_size_is_within_an_eighth(void **state) {
	(void)state;
	for (unsigned int exponent = 0; exponent < 40; exponent++) {
		const uint64_t power = UINT64_C(1) << exponent;
		check_alone(power);
		check_alone(power + power / 3);
		check_alone(power + power / 2);
		check_alone(2 * power - 1);
	}
}

static void test_largest(void **state) {
	(void)state;
	struct oriel_histogram histogram = { 0 };
	oriel_histogram_add(&histogram, UINT64_C(1) << 40);
	oriel_histogram_add(&histogram, UINT64_C(1) << 50);
	assert_int_equal(histogram.max, UINT64_C(1) << 50);
	assert_int_equal(oriel_histogram_get_percentile(&histogram, 500), UINT64_C(1) << 50);
	// The end of a bucket is never said where no value reached it.
	struct oriel_histogram one = { 0 };
	oriel_histogram_add(&one, 1000);
	assert_int_equal(oriel_histogram_get_percentile(&one, 990), 1000);
}

static void test_thousand(void **state) {
	(void)state;
	struct oriel_histogram histogram = { 0 };
	for (uint64_t i = 1; i <= 1000; i++) {
		oriel_histogram_add(&histogram, i * 1000);
	}
	static const uint32_t per_milles[] = { 1, 500, 900, 990, 1000 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(per_milles); i++) {
		const uint64_t exact = per_milles[i] * UINT64_C(1000);
		const uint64_t found = oriel_histogram_get_percentile(&histogram, per_milles[i]);
		CHECK(found >= exact && found - exact <= exact / 8, "%u: %" PRIu64, per_milles[i],
				found);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_small_values_are_exact),
		cmocka_unit_test(test_every_size_is_within_an_eighth),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_thousand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
