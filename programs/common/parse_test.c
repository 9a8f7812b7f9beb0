// SPDX-License-Identifier: MIT
/* Tests of parse.h. */
#include "common/parse.h"

#include "fixture/check.h"

static void test_numbers(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int64_t value; // -1: refused
	} cases[] = { { "0", 0 }, { "17", 17 }, { "100", 100 }, { "101", -1 }, { "", -1 },
		{ " 1", -1 }, { "1 ", -1 }, { "-1", -1 }, { "+1", -1 }, { "0x10", -1 },
		{ "18446744073709551617", -1 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint64_t value = 12345;
		int err = oriel_parse_number(cases[i].text, 100, &value);
		CHECK((err == 0) == (cases[i].value >= 0), "'%s'", cases[i].text);
		CHECK(value == (err == 0 ? (uint64_t)cases[i].value : 12345), "'%s'",
				cases[i].text);
	}
}

static void test_gpu_names(void **state) {
	(void)state;
	static const struct {
		const char *word;
		bool is_one;
	} cases[] = { { "auto", true }, { "software", true }, { "node:/dev/dri/x", true },
		{ "pci:0000:01:00.0", true }, { "egl:0", true }, { "", false }, { "none", false },
		{ "node:", false }, { "egl", false }, { "Auto", false }, { "autox", false } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		CHECK(oriel_is_gpu_name(cases[i].word) == cases[i].is_one, "'%s'", cases[i].word);
	}
}

static void test_bytes(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int64_t value;
	} cases[] = { { "0", 0 }, { "7B", 7 }, { "3KiB", 3072 }, { "2MiB", 2 << 20 },
		{ "1GiB", 1 << 30 }, { "1TiB", 1ll << 40 }, { "5", -1 }, { "1GB", -1 },
		{ "1G", -1 }, { "MiB", -1 }, { "1 MiB", -1 }, { "99999999999TiB", -1 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint64_t value = 12345;
		int err = oriel_parse_bytes(cases[i].text, &value);
		CHECK((err == 0) == (cases[i].value >= 0), "'%s'", cases[i].text);
		CHECK(value == (err == 0 ? (uint64_t)cases[i].value : 12345), "'%s'",
				cases[i].text);
	}
}

static void test_sizes(void **state) {
	(void)state;
	static const struct {
		const char *text;
		uint32_t width, height; // 0: refused
	} cases[] = { { "1280x800", 1280, 800 }, { "1x16384", 1, 16384 }, { "0x1", 0, 0 },
		{ "1x16385", 0, 0 }, { "1280", 0, 0 }, { "1280x", 0, 0 }, { "x800", 0, 0 },
		{ "1280x800x", 0, 0 }, { "1280X800", 0, 0 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint32_t width = 0, height = 0;
		int err = oriel_parse_size(cases[i].text, 16384, &width, &height);
		CHECK((err == 0) == (cases[i].width != 0), "'%s'", cases[i].text);
		CHECK(width == cases[i].width && height == cases[i].height, "'%s'", cases[i].text);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_gpu_names),
		cmocka_unit_test(test_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
