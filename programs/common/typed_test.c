// SPDX-License-Identifier: MIT
/* Tests of typed.h: what is left of a text in a message. */
#include "common/typed.h"

#include "base/compiler.h"

#include "fixture/check.h"

#include <string.h>

static void test_what_is_seen(void **state) {
	(void)state;
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "a b", "a b" },
		{ "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac" },
		{ "a\nb\tc\x7f", "a?b?c?" },
		{ "\x1b[2J", "?[2J" },
		{ "\xc2\x9b", "?" }, // the same in one character
		{ "\xff\xc3x\xe2\x82", "??x??" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		char ret[TYPED_SIZE];
		CHECK(strcmp(typed_copy(cases[i].text, ret), cases[i].want) == 0, "%s, not %s", ret,
				cases[i].want);
	}
}

/** A long text is cut, and not in the middle of a character. */
static void test_long_ones(void **state) {
	(void)state;
	for (size_t n = TYPED_SIZE - 4; n < TYPED_SIZE + 4; n++) {
		char text[TYPED_SIZE + 8], ret[TYPED_SIZE];
		memset(text, 'x', n);
		memcpy(text + n, "\xc3\xa4", 3);
		const size_t len = strlen(typed_copy(text, ret));
		const size_t want = n + 2 < TYPED_SIZE ? n + 2
				    : n < TYPED_SIZE   ? n
						       : TYPED_SIZE - 1;
		CHECK(len == want && strncmp(ret, text, len) == 0, "%zu: %zu", n, len);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_seen),
		cmocka_unit_test(test_long_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
