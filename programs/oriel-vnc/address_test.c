// SPDX-License-Identifier: MIT
/* Tests of address.h. */
#include "oriel-vnc/address.h"

#include "fixture/check.h"

#include <string.h>

static void test_parse(void **state) {
	(void)state;
	static const struct {
		const char *text, *written; // NULL: refused
		bool loopback, wildcard;
	} cases[] = {
		{ "127.0.0.1:5900", "127.0.0.1:5900", true, false },
		{ "localhost:0", "127.0.0.1:0", true, false },
		{ "127.255.0.9:1", "127.255.0.9:1", true, false },
		{ "0.0.0.0:65535", "0.0.0.0:65535", false, true },
		{ "192.168.1.2:80", "192.168.1.2:80", false, false },
		{ "[::1]:5900", "[::1]:5900", true, false },
		{ "[::]:5900", "[::]:5900", false, true },
		{ "[fe80::1]:1", "[fe80::1]:1", false, false },
		{ "[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", false, false },
		{ "127.0.0.1", NULL, false, false },
		{ "127.0.0.1:", NULL, false, false },
		{ "127.0.0.1:65536", NULL, false, false },
		{ "127.0.0.1:-1", NULL, false, false },
		{ "127.1:80", NULL, false, false },
		{ ":80", NULL, false, false },
		{ "[]:80", NULL, false, false },
		{ "[::1:80", NULL, false, false },
		{ "::1:80", NULL, false, false },
		{ "example.org:80", NULL, false, false },
		{ "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:80", NULL, false, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		union address address = { .room = { 0 } };
		char text[ADDRESS_TEXT_SIZE];
		int err = address_parse(cases[i].text, &address);
		CHECK((err == 0) == (cases[i].written != NULL), "'%s'", cases[i].text);
		if (err < 0) {
			CHECK(address.any.sa_family == 0, "'%s': *ret clobbered", cases[i].text);
			continue;
		}
		address_format(&address, text);
		CHECK(strcmp(text, cases[i].written) == 0, "'%s' is '%s'", cases[i].text, text);
		CHECK(address_is_loopback(&address) == cases[i].loopback, "'%s'", text);
		CHECK(address_is_wildcard(&address) == cases[i].wildcard, "'%s'", text);
	}
}

static void test_machine(void **state) {
	(void)state;
	static const struct {
		const char *one, *other;
		bool same;
	} cases[] = {
		{ "10.0.0.1:1", "10.0.0.1:2", true },
		{ "10.0.0.1:1", "10.0.0.2:1", false },
		{ "[2001:db8::1]:1", "[2001:db8::ffff:2]:1", true },
		{ "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false },
		{ "[::ffff:10.0.0.1]:1", "10.0.0.1:1", true },
		{ "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:1", false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		union address one, other;
		CHECK(address_parse(cases[i].one, &one) == 0, "'%s'", cases[i].one);
		CHECK(address_parse(cases[i].other, &other) == 0, "'%s'", cases[i].other);
		CHECK((address_get_machine(&one) == address_get_machine(&other)) == cases[i].same,
				"'%s' and '%s'", cases[i].one, cases[i].other);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machine),
		cmocka_unit_test(test_parse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
