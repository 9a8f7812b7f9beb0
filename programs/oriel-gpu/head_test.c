// SPDX-License-Identifier: MIT
/* Tests of --head: what is taken, to the last digit, and what is refused. */
#include "oriel-gpu/head.h"

#include "fixture/check.h"

#include <errno.h>
#include <string.h>

static void test_good(void **state) {
	(void)state;
	static const struct {
		const char *text;
		struct head want;
	} cases[] = {
		{ "1x1", { .width = 1, .height = 1 } },
		{ "16384x16384", { .width = 16384, .height = 16384 } },
		{ "800x600@75", { .width = 800, .height = 600, .refresh_mhz = 75000 } },
		{ "800x600@59.94", { .width = 800, .height = 600, .refresh_mhz = 59940 } },
		{ "800x600@10", { .width = 800, .height = 600, .refresh_mhz = 10000 } },
		{ "800x600@1000", { .width = 800, .height = 600, .refresh_mhz = 1000000 } },
		// 96 dots are 25.4 mm.
		{ "960x480,dpi=96", { .width = 960,
						    .height = 480,
						    .width_mm = 254,
						    .height_mm = 127 } },
		{ "800x600,mm=300x200", { .width = 800,
							.height = 600,
							.width_mm = 300,
							.height_mm = 200 } },
		{ "800x600,name=13 characters,serial=7", { .width = 800,
									 .height = 600,
									 .name = "13 characters",
									 .serial = "7" } },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct head head;
		const char *expected;
		CHECK(head_parse(cases[i].text, &head, &expected) == 0, "%s", cases[i].text);
		CHECK(memcmp(&head, &cases[i].want, sizeof(head)) == 0, "%s", cases[i].text);
	}
}

static void test_bad(void **state) {
	(void)state;
	static const char *const cases[] = { "", "800", "0x600", "16385x1", "800x600@", "800x600@9",
		"800x600@9.999", "800x600@1001", "800x600@1000.001", "800x600@60.1234",
		"800x600@60.", "800x600@.5", "800x600@-1", "800x600,", "800x600,dpi=0",
		"800x600,dpi=10001", "800x600,mm=0x1",
		"800x600,name=", "800x600,name=14 characters!", "800x600,serial=\t",
		"800x600,colour=red", "800x600 ,dpi=1",
		"800x600,name=0123456789012345678901234567890123456789012345678901234567890",
		"01234567890123456789012345678901234567890123456789012345678901234567890x1" };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct head head = { .width = 77 };
		const char *expected = NULL;
		CHECK(head_parse(cases[i], &head, &expected) == -EINVAL, "%s", cases[i]);
		CHECK(expected != NULL && head.width == 77, "%s", cases[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
