// SPDX-License-Identifier: MIT
/* Tests of report.h: the text that people see, to the last space. */
#include "oriel/doctor/report.h"

#include "fixture/check.h"

#include <stdlib.h>
#include <string.h>

static struct report report;
static char *text;
static size_t size;

static int setup(void **state) {
	(void)state;
	report = (struct report){ 0 };
	return 0;
}

/** What is printed now, in text. */
static void print(size_t columns, bool has_colour) {
	FILE *out = open_memstream(&text, &size);
	report_print(&report, &(struct report_style){ out, columns, has_colour });
	fclose(out);
}

static void expect(size_t columns, bool has_colour, const char *want) {
	print(columns, has_colour);
	CHECK(strcmp(text, want) == 0, "got\n%s\nwanted\n%s", text, want);
	free(text);
}

static void test_rows_and_sections(void **state) {
	(void)state;
	struct report_row *row = report_add(&report, "Machine", "memfd", "everything");
	report_set(row, REPORT_ON, "sealed memory works");
	report_advise(row, "not needed when it is on");
	row = report_add(&report, "Machine", "kvm", "full speed");
	report_set(row, REPORT_OFF, "/dev/kvm: %s", "not there");
	report_advise(row, "modprobe %s", "kvm");
	expect(100, false,
			"Machine\n"
			"  memfd               on        sealed memory works\n"
			"  kvm                 off       /dev/kvm: not there\n"
			"                                for: full speed\n"
			"                                do:  modprobe kvm\n");
	expect(100, false, ""); // nothing twice
	row = report_add(&report, "Oriel", "3D", NULL);
	report_set(row, REPORT_DEGRADED, "software");
	expect(100, false,
			"\nOriel\n"
			"  3D                  degraded  software\n");
}

static void test_colour(void **state) {
	(void)state;
	report_set(report_add(&report, "S", "a", NULL), REPORT_ON, "x");
	report_set(report_add(&report, "S", "b", NULL), REPORT_OFF, "x");
	report_set(report_add(&report, "S", "c", NULL), REPORT_DEGRADED, "x");
	expect(100, true,
			"S\n"
			"  a                   \33[32mon\33[0m        x\n"
			"  b                   \33[31moff\33[0m       x\n"
			"  c                   \33[33mdegraded\33[0m  x\n");
}

static void test_long_texts_are_wrapped(void **state) {
	(void)state;
	struct report_row *row = report_add(&report, "S", "a", "one two three four five six");
	report_set(row, REPORT_OFF, "1234567890 1234567890 12345 6 and more");
	report_advise(row, "awordthatislongerthanalinecanbehere but this is not");
	expect(10, false, // as 60, the least
			"S\n"
			"  a                   off       1234567890 1234567890 12345\n"
			"                                6 and more\n"
			"                                for: one two three four five\n"
			"                                     six\n"
			"                                do:  awordthatislongerthanalinecanbehere\n"
			"                                     but this is not\n");
}

static void test_no_line_is_too_long(void **state) {
	(void)state;
	for (size_t columns = 0; columns < 200; columns++) {
		report = (struct report){ 0 };
		struct report_row *row = report_add(&report, "S", "a", "w w w w w w w w w w w w w");
		memset(row->found, 'x', sizeof(row->found) - 1);
		for (size_t i = 0; i < sizeof(row->found) - 1; i += 7) {
			row->found[i] = ' ';
		}
		print(columns, false);
		size_t most = columns < 60 ? 60 : columns > 100 ? 100 : columns;
		char *rest = NULL;
		for (char *line = strtok_r(text, "\n", &rest); line != NULL;
				line = strtok_r(NULL, "\n", &rest)) {
			CHECK(strlen(line) <= most, "%zu columns: %s", columns, line);
			CHECK(line[strlen(line) - 1] != ' ', "%zu columns: '%s'", columns, line);
		}
		free(text);
	}
}

static void test_names_and_rows_that_do_not_fit(void **state) {
	(void)state;
	for (size_t i = 0; i < REPORT_MAX_ROWS + 5; i++) {
		struct report_row *row = report_add(&report, "S",
				"a name that is longer than a name can possibly be", NULL);
		report_set(row, REPORT_ON, "%zu", i);
	}
	assert_int_equal(report.n_rows, REPORT_MAX_ROWS - 1);
	assert_int_equal(report.n_dropped, 6);
	assert_string_equal(report.rows[0].name, "a name that is longer than a na");
}

static void test_terminals_are_spared(void **state) {
	(void)state;
	struct report_row *row = report_add(&report, "S", "a", NULL);
	report_set(row, REPORT_OFF, "%s", "a\33[31mb\xff\n");
	report_advise(row, "%s", "\a");
	assert_string_equal(row->found, "a?[31mb??");
	assert_string_equal(row->remedy, "?");
}

static void test_files_are_no_terminals(void **state) {
	(void)state;
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	FILE *out = tmpfile();
	struct report_style style;
	report_style_init(&style, out);
	fclose(out);
	assert_false(style.has_colour);
	assert_int_equal(style.columns, REPORT_MAX_COLUMNS);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rows_and_sections, setup),
		cmocka_unit_test_setup(test_colour, setup),
		cmocka_unit_test_setup(test_long_texts_are_wrapped, setup),
		cmocka_unit_test_setup(test_no_line_is_too_long, setup),
		cmocka_unit_test_setup(test_names_and_rows_that_do_not_fit, setup),
		cmocka_unit_test_setup(test_terminals_are_spared, setup),
		cmocka_unit_test_setup(test_files_are_no_terminals, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
