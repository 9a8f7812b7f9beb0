// SPDX-License-Identifier: MIT
/* Tests of utf8.h: what is a character, and what is none. */
#include "common/utf8.h"

#include "fixture/check.h"

#include <errno.h>

static void test_utf8(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int err;
		uint32_t character;
		size_t size;
	} cases[] = {
		{ "a", 0, 'a', 1 },
		{ "\xc3\xa4x", 0, 0xe4, 2 },
		{ "\xe2\x82\xac", 0, 0x20ac, 3 },
		{ "\xf0\x9f\x98\x80", 0, 0x1f600, 4 },
		{ "\xf4\x8f\xbf\xbf", 0, 0x10ffff, 4 },
		{ "", -ENODATA, 0, 0 },
		{ "\x80", -EBADMSG, 0, 0 },
		{ "\xc3", -EBADMSG, 0, 0 },
		{ "\xc3y", -EBADMSG, 0, 0 },
		{ "\xe2\x82", -EBADMSG, 0, 0 },
		{ "\xc1\xbf", -EBADMSG, 0, 0 },
		{ "\xe0\x9f\xbf", -EBADMSG, 0, 0 },
		{ "\xed\xa0\x80", -EBADMSG, 0, 0 },
		{ "\xf4\x90\x80\x80", -EBADMSG, 0, 0 },
		{ "\xf8\x88\x80\x80\x80", -EBADMSG, 0, 0 },
		{ "\xff", -EBADMSG, 0, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const char *at = cases[i].text;
		uint32_t character = 0;
		int err = utf8_next(&at, &character);
		CHECK(err == cases[i].err && character == cases[i].character &&
						at == cases[i].text + cases[i].size,
				"case %zu: %d, U+%04X", i, err, character);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
