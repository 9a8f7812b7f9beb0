// SPDX-License-Identifier: MIT
/* Tests of facts.h: what is read of texts, of which none can be trusted. */
#include "oriel/doctor/facts.h"

#include "fixture/check.h"

#include <errno.h>
#include <string.h>

static char text[8192];
static struct facts facts;

static void read_facts(const char *from) {
	assert_true(strlen(from) < sizeof(text));
	strcpy(text, from);
	facts_read(&facts, text);
}

static void test_facts_among_other_lines(void **state) {
	(void)state;
	read_facts("libEGL warning: x=1\nversion=1.5\n\n  \nname=a = "
		   "b\r\nempty=\n=no\nKey=no\nlast=half");
	assert_int_equal(facts.n, 4);
	assert_string_equal(facts_get(&facts, "version"), "1.5");
	assert_string_equal(facts_get(&facts, "name"), "a = b");
	assert_string_equal(facts_get(&facts, "empty"), "");
	assert_string_equal(facts_get(&facts, "last"), "half");
	assert_null(facts_get(&facts, "nam"));
	assert_null(facts_get(&facts, ""));
	assert_string_equal(facts.remark, "Key=no");
	read_facts("");
	assert_int_equal(facts.n, 0);
	assert_null(facts.remark);
}

static void test_terminals_are_spared(void **state) {
	(void)state;
	read_facts("name=\33[31mred\a\xff\x7f\n\33]0;title\a\n");
	assert_string_equal(facts_get(&facts, "name"), "?[31mred???");
	assert_string_equal(facts.remark, "?]0;title?");
}

static void test_repeated_ones(void **state) {
	(void)state;
	read_facts("step=one\ncapset=1\nstep=two\ncapset=2\n");
	assert_string_equal(facts_get(&facts, "step"), "two");
	size_t i = 0;
	assert_string_equal(facts_next(&facts, "capset", &i), "1");
	assert_string_equal(facts_next(&facts, "capset", &i), "2");
	assert_null(facts_next(&facts, "capset", &i));
	assert_null(facts_next(&facts, "capset", &i));
}

static void test_more_than_there_is_room_for(void **state) {
	(void)state;
	text[0] = '\0';
	for (size_t i = 0; i <= FACTS_MAX; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "k%zu=%zu\n", i, i);
	}
	facts_read(&facts, text);
	assert_int_equal(facts.n, FACTS_MAX);
	assert_string_equal(facts_get(&facts, "k255"), "255");
	assert_null(facts_get(&facts, "k256"));
}

static void test_numbers(void **state) {
	(void)state;
	read_facts("n=9\nbig=10\nword=9x\nminus=-1\nyes=1\nno=0\n");
	uint64_t number = 77;
	assert_int_equal(facts_get_number(&facts, "n", 9, &number), 0);
	assert_int_equal(number, 9);
	number = 77;
	static const char *const wrong[] = { "big", "word", "minus", "none" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(wrong); i++) {
		CHECK(facts_get_number(&facts, wrong[i], 9, &number) == -ENOENT, "%s", wrong[i]);
		CHECK(number == 77, "%s", wrong[i]);
	}
	assert_true(facts_is_true(&facts, "yes"));
	assert_false(facts_is_true(&facts, "no"));
	assert_false(facts_is_true(&facts, "n"));
	assert_false(facts_is_true(&facts, "none"));
}

static void test_what_is_written_is_read(void **state) {
	(void)state;
	FILE *out = fmemopen(text, sizeof(text), "w");
	fact_write(out, "name", "a name");
	fact_write(out, "none", NULL);
	fact_write_number(out, "number", -3);
	fact_write_step(out, "eglInitialize");
	fclose(out);
	facts_read(&facts, text);
	assert_int_equal(facts.n, 3);
	assert_string_equal(facts_get(&facts, "name"), "a name");
	assert_string_equal(facts_get(&facts, "number"), "-3");
	assert_string_equal(facts_get(&facts, "step"), "eglInitialize");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_among_other_lines),
		cmocka_unit_test(test_terminals_are_spared),
		cmocka_unit_test(test_repeated_ones),
		cmocka_unit_test(test_more_than_there_is_room_for),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_is_written_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
