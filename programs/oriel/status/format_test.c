// SPDX-License-Identifier: MIT
/* Tests of numbers for people, at the edges where their form changes. */
#include "oriel/status/format.h"

#include "base/compiler.h"
#include "fixture/check.h"

#include <string.h>

struct row {
	uint64_t number;
	const char *text;
};

static void check(const char *(*format)(char *, uint64_t), const struct row *rows, size_t n) {
	for (size_t i = 0; i < n; i++) {
		char text[FORMAT_SIZE];
		memset(text, 'x', sizeof(text));
		assert_ptr_equal(format(text, rows[i].number), text);
		CHECK(strcmp(text, rows[i].text) == 0, "\"%s\", not \"%s\"", text, rows[i].text);
	}
}

static void test_counts(void **state) {
	(void)state;
	static const struct row rows[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1,000" },
		{ 123456, "123,456" },
		{ 1234567, "1,234,567" },
		{ UINT64_MAX, "18,446,744,073,709,551,615" },
	};
	check(format_count, rows, ORIEL_ARRAY_LEN(rows));
}

static void test_bytes(void **state) {
	(void)state;
	static const struct row rows[] = {
		{ 0, "0 B" },
		{ 1023, "1023 B" },
		{ 1024, "1 KiB" },
		{ 1536, "1.50 KiB" },
		{ 10 * 1024 + 52, "10.1 KiB" },
		{ 102348, "99.9 KiB" },
		{ 102400, "100 KiB" },
		{ 1023 * 1024 + 1, "1023 KiB" },
		{ 1024 * 1024, "1 MiB" },
		{ 33177600, "31.6 MiB" },
		{ UINT64_C(4) << 30, "4 GiB" },
		{ UINT64_MAX, "16.0 EiB" },
	};
	check(format_bytes, rows, ORIEL_ARRAY_LEN(rows));
}

static void test_durations(void **state) {
	(void)state;
	static const struct row rows[] = {
		{ 0, "0 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 9994, "9.99 us" },
		{ 9995, "10.0 us" },
		{ 99949, "99.9 us" },
		{ 99950, "100 us" },
		{ 1500000, "1.50 ms" },
		{ UINT64_C(2000000000), "2.00 s" },
	};
	check(format_ns, rows, ORIEL_ARRAY_LEN(rows));
}

static void test_times(void **state) {
	(void)state;
	static const struct row rows[] = {
		{ 0, "0 s" },
		{ 59999, "59 s" },
		{ 60000, "1 min 0 s" },
		{ 3599000, "59 min 59 s" },
		{ 3600000, "1 h 0 min" },
		{ 86399000, "23 h 59 min" },
		{ 86400000, "1 d 0 h" },
		{ UINT64_C(90) * 86400000 + 3600000, "90 d 1 h" },
	};
	check(format_time, rows, ORIEL_ARRAY_LEN(rows));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
