// SPDX-License-Identifier: MIT
/* Tests of words: what a shell and QEMU make of them. */
#include "oriel/run/words.h"

#include "fixture/check.h"

#include <stdlib.h>
#include <string.h>

static void check_printed(const struct words *words, const char *want) {
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	words_print(words, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, want);
	free(text);
}

static void test_list(void **state) {
	(void)state;
	struct words words = { 0 };
	words_add(&words, "a");
	words_addf(&words, "%d-%s", 7, "b");
	assert_int_equal(words.len, 2);
	assert_false(words.failed);
	assert_string_equal(words.items[0], "a");
	assert_string_equal(words.items[1], "7-b");
	assert_null(words.items[2]);
	words_finish(&words);
	assert_int_equal(words.len, 0);
	assert_null(words.items);
}

static void test_quotes(void **state) {
	(void)state;
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "plain-1.2_3/4:5@6%7+8,9=", "plain-1.2_3/4:5@6%7+8,9=" },
		{ "", "''" },
		{ "two words", "'two words'" },
		{ "$HOME", "'$HOME'" },
		{ "a~", "'a~'" },
		{ "*", "'*'" },
		{ "#", "'#'" },
		{ "it's", "'it'\\''s'" },
		{ "a\nb", "'a\nb'" },
		{ "\xc3\xa4", "'\xc3\xa4'" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct words words = { 0 };
		words_add(&words, cases[i].word);
		check_printed(&words, cases[i].want);
		words_finish(&words);
	}
}

static void test_lines(void **state) {
	(void)state;
	struct words words = { 0 };
	words_add(&words, "program");
	words_add(&words, "-m");
	words_add(&words, "1G");
	words_add(&words, "--flag");
	check_printed(&words, "program \\\n    -m 1G \\\n    --flag");
	words_finish(&words);
}

static void test_commas(void **state) {
	(void)state;
	static const struct {
		const char *text;
		size_t size;
		const char *want;
	} cases[] = {
		{ "a,b", 16, "a,,b" },
		{ ",", 16, ",," },
		{ ",,,", 16, ",,,,,," },
		{ "abc", 16, "abc" },
		{ "abcdef", 4, "ab" }, // cut, but never between two commas
		{ "a,b", 4, "a,," },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		char ret[16];
		memset(ret, '#', sizeof(ret));
		assert_string_equal(words_escape(cases[i].text, ret, cases[i].size), cases[i].want);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_commas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
