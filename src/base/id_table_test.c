// SPDX-License-Identifier: MIT
/* Tests of id_table.h against a plain model, over inserts and removals in a scattered order. */
#include "base/id_table.h"

#include "fixture/check.h"

#include <errno.h>
#include <stdlib.h>

#define N_IDS 5000u

static uint32_t id_at(uint32_t i) {
	return i * 2654435761u; // odd multiplier: all different
}

static void test_extremes(void **state) {
	(void)state;
	struct oriel_id_table table;
	oriel_id_table_init(&table);
	int a, b;
	assert_null(oriel_id_table_get(&table, 0));
	assert_null(oriel_id_table_remove(&table, 7));
	assert_int_equal(oriel_id_table_insert(&table, 0, &a), 0);
	assert_int_equal(oriel_id_table_insert(&table, UINT32_MAX, &b), 0);
	assert_int_equal(oriel_id_table_insert(&table, 0, &b), -EEXIST);
	assert_ptr_equal(oriel_id_table_get(&table, 0), &a);
	assert_ptr_equal(oriel_id_table_get(&table, UINT32_MAX), &b);
	assert_ptr_equal(oriel_id_table_remove(&table, 0), &a);
	assert_null(oriel_id_table_get(&table, 0));
	assert_int_equal(table.len, 1);
	oriel_id_table_finish(&table);
}

static void test_against_model(void **state) {
	(void)state;
	struct oriel_id_table table;
	oriel_id_table_init(&table);
	bool *present = calloc(N_IDS, sizeof(*present));
	assert_non_null(present);
	uint32_t random = 1;
	uint32_t n_present = 0;
	for (uint32_t step = 0; step < 20 * N_IDS; step++) {
		random = random * 1664525u + 1013904223u;
		uint32_t i = (random >> 8) % N_IDS;
		void *object = &present[i];
		if (present[i]) {
			assert_ptr_equal(oriel_id_table_remove(&table, id_at(i)), object);
			n_present--;
		} else {
			assert_null(oriel_id_table_get(&table, id_at(i)));
			assert_int_equal(oriel_id_table_insert(&table, id_at(i), object), 0);
			n_present++;
		}
		present[i] = !present[i];
	}
	assert_int_equal(table.len, n_present);
	uint32_t n_walked = 0;
	uint32_t cursor = 0;
	for (bool *p = oriel_id_table_next(&table, &cursor); p != NULL;
			p = oriel_id_table_next(&table, &cursor)) {
		assert_true(*p);
		n_walked++;
	}
	assert_int_equal(n_walked, n_present);
	for (uint32_t i = 0; i < N_IDS; i++) {
		void *expected = present[i] ? &present[i] : NULL;
		CHECK(oriel_id_table_get(&table, id_at(i)) == expected, "i=%u", i);
	}
	oriel_id_table_finish(&table);
	free(present);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_against_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
