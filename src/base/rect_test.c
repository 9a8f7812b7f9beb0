// SPDX-License-Identifier: MIT
/* Tests of rect.h. */
#include "base/rect.h"

#include "fixture/check.h"

static const struct {
	const char *name;
	struct oriel_rect rect;
	bool fits;
} fit_cases[] = {
	{ "all of it", { 0, 0, 10, 20 }, true },
	{ "one column too wide", { 0, 0, 11, 20 }, false },
	{ "one row too high", { 0, 1, 10, 20 }, false },
	{ "x wraps", { UINT32_MAX, 0, 2, 1 }, false },
	{ "y wraps", { 0, UINT32_MAX, 1, 2 }, false },
	{ "empty at the corner", { 10, 20, 0, 0 }, true },
	{ "empty outside", { 11, 0, 0, 0 }, false },
};

static void test_fits(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(fit_cases); i++) {
		CHECK(oriel_rect_fits(&fit_cases[i].rect, 10, 20) == fit_cases[i].fits, "%s",
				fit_cases[i].name);
	}
}

static const struct {
	const char *name;
	struct oriel_rect a, b, both, either;
} pair_cases[] = {
	{ "corner", { 0, 0, 4, 4 }, { 2, 3, 4, 4 }, { 2, 3, 2, 1 }, { 0, 0, 6, 7 } },
	{ "touching is apart", { 0, 0, 4, 4 }, { 4, 0, 4, 4 }, { 0, 0, 0, 0 }, { 0, 0, 8, 4 } },
	{ "inside", { 0, 0, 9, 9 }, { 2, 2, 1, 1 }, { 2, 2, 1, 1 }, { 0, 0, 9, 9 } },
	{ "empty adds nothing", { 3, 3, 2, 2 }, { 0, 0, 0, 5 }, { 0, 0, 0, 0 }, { 3, 3, 2, 2 } },
};

static void test_intersect_and_unite(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(pair_cases); i++) {
		const struct oriel_rect *a = &pair_cases[i].a, *b = &pair_cases[i].b;
		struct oriel_rect both = oriel_rect_intersect(a, b);
		struct oriel_rect either = oriel_rect_unite(b, a);
		CHECK(oriel_rect_equals(&both, &pair_cases[i].both), "%s", pair_cases[i].name);
		CHECK(oriel_rect_equals(&either, &pair_cases[i].either), "%s", pair_cases[i].name);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_intersect_and_unite),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
