// SPDX-License-Identifier: MIT
/* Tests of span.h: every way to cut a row of bytes into spans and into calls. */
#include "mem/span.h"

#include "base/compiler.h"
#include "fixture/check.h"

#include <string.h>

#define SIZE 6u

/** The row "abcdef" cut behind each byte whose bit is set in cuts. Returns how many spans. */
static size_t cut(uint8_t *row, unsigned cuts, struct oriel_span *spans) {
	size_t n = 0;
	size_t start = 0;
	for (size_t i = 0; i < SIZE; i++) {
		if (i + 1 == SIZE || (cuts & 1u << i) != 0) {
			spans[n++] = (struct oriel_span){ row + start, i + 1 - start };
			start = i + 1;
		}
	}
	return n;
}

static void test_every_cut_reads_the_same(void **state) {
	(void)state;
	uint8_t row[SIZE + 1] = "abcdef";
	struct oriel_span spans[SIZE];
	for (unsigned cuts = 0; cuts < 1u << (SIZE - 1); cuts++) {
		size_t n = cut(row, cuts, spans);
		for (size_t first = 0; first <= SIZE + 1; first++) {
			struct oriel_span_cursor cursor = { .spans = spans, .len = n };
			char out[2 * SIZE + 2] = "";
			size_t got = oriel_span_cursor_read(&cursor, out, first);
			CHECK(got == (first < SIZE ? first : SIZE), "cuts %x, %zu", cuts, first);
			got += oriel_span_cursor_read(&cursor, out + got, SIZE);
			CHECK(got == SIZE && strcmp(out, "abcdef") == 0, "cuts %x, %zu: %s", cuts,
					first, out);
			CHECK(cursor.len == 0, "cuts %x, %zu: spans left", cuts, first);
			CHECK(oriel_span_cursor_read(&cursor, out, 1) == 0, "cuts %x", cuts);
		}
	}
}

static void test_every_cut_writes_the_same(void **state) {
	(void)state;
	struct oriel_span spans[SIZE];
	for (unsigned cuts = 0; cuts < 1u << (SIZE - 1); cuts++) {
		for (size_t skip = 0; skip <= SIZE + 1; skip++) {
			uint8_t row[SIZE + 1] = "......";
			struct oriel_span_cursor cursor = { .spans = spans,
				.len = cut(row, cuts, spans) };
			size_t left = skip < SIZE ? SIZE - skip : 0;
			size_t n_skipped = oriel_span_cursor_skip(&cursor, skip);
			CHECK(n_skipped == SIZE - left, "cuts %x, skip %zu", cuts, skip);
			size_t n_written = oriel_span_cursor_write(&cursor, "123456789", 9);
			CHECK(n_written == left, "cuts %x, skip %zu", cuts, skip);
			char expected[SIZE + 1] = "......";
			memcpy(expected + SIZE - left, "123456", left);
			CHECK(strcmp((char *)row, expected) == 0, "cuts %x, skip %zu: %s", cuts,
					skip, row);
		}
	}
}

static void test_nothing_in_nothing(void **state) {
	(void)state;
	struct oriel_span_cursor cursor = { 0 };
	char byte = 'x';
	assert_int_equal(oriel_span_cursor_read(&cursor, &byte, 1), 0);
	assert_int_equal(oriel_span_cursor_write(&cursor, &byte, 1), 0);
	assert_int_equal(oriel_span_cursor_skip(&cursor, 1), 0);
	assert_int_equal(byte, 'x');
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut_reads_the_same),
		cmocka_unit_test(test_every_cut_writes_the_same),
		cmocka_unit_test(test_nothing_in_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
