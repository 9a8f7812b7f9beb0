// SPDX-License-Identifier: MIT
/* Tests of crowd.h. */
#include "oriel-vnc/crowd.h"

#include "base/compiler.h"

#include "fixture/check.h"

#define MAX_MEMBERS 6

/** Members as pairs of machine and number; machine 0: none is there. */
static const struct {
	const char *name;
	struct crowd_member members[MAX_MEMBERS];
	size_t chosen;
} cases[] = {
	{ "one", { { 0 }, { 7, 9 } }, 1 },
	{ "all of one machine: the first", { { 7, 5 }, { 7, 3 }, { 7, 4 } }, 1 },
	{ "each of another: the first", { { 1, 5 }, { 2, 6 }, { 3, 3 } }, 2 },
	{ "the only one of its machine stays, though it was first",
			{ { 1, 1 }, { 2, 4 }, { 0 }, { 2, 3 }, { 2, 5 } }, 3 },
	{ "of two machines with as many, the first", { { 1, 3 }, { 2, 2 }, { 2, 4 }, { 1, 5 } },
			1 },
};

static void test_choose(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const struct crowd_member *members[MAX_MEMBERS] = { NULL };
		for (size_t k = 0; k < MAX_MEMBERS; k++) {
			if (cases[i].members[k].machine != 0) {
				members[k] = &cases[i].members[k];
			}
		}
		const size_t chosen = crowd_choose(members, MAX_MEMBERS);
		CHECK(chosen == cases[i].chosen, "%s: %zu", cases[i].name, chosen);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
