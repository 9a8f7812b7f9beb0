// SPDX-License-Identifier: MIT
/* Tests of log.h: levels, silence, the limit for what guests cause, errno. */
#include "host/log.h"

#include "fixture/check.h"

#include <errno.h>
#include <string.h>

struct lines {
	int count;
	char last[512];
};

static void take_line(enum oriel_log_level level, const char *msg, void *user) {
	(void)level;
	struct lines *lines = user;
	lines->count++;
	strncpy(lines->last, msg, sizeof(lines->last) - 1);
	errno = 5;
}

static void test_levels(void **state) {
	(void)state;
	struct lines lines = { 0 };
	struct oriel_log_sink sink = { .fn = take_line,
		.user = &lines,
		.max_level = ORIEL_LOG_INFO };
	struct oriel_log log;
	oriel_log_init(&log, &sink);
	errno = 3;
	oriel_log(&log, ORIEL_LOG_INFO, "scanout %d: %s", 1, "on");
	assert_string_equal(lines.last, "scanout 1: on");
	assert_int_equal(errno, 3);
	oriel_log(&log, ORIEL_LOG_DEBUG, "not wanted");
	assert_int_equal(lines.count, 1);
	oriel_log_init(&log, NULL);
	oriel_log(&log, ORIEL_LOG_ERROR, "silence");
	oriel_log_guest(&log, "silence");
	assert_int_equal(lines.count, 1);
}

static void test_guest_lines_are_limited(void **state) {
	(void)state;
	struct lines lines = { 0 };
	struct oriel_log_sink sink = { .fn = take_line,
		.user = &lines,
		.max_level = ORIEL_LOG_WARN };
	struct oriel_log log;
	oriel_log_init(&log, &sink);
	log.guest_limit.interval_ns = UINT64_MAX; // one window, however slow the machine
	for (int i = 0; i < 1000; i++) {
		oriel_log_guest(&log, "bad command %d", i);
	}
	assert_int_equal(lines.count, (int)ORIEL_LOG_GUEST_BURST);
	log.guest_limit.interval_ns = 0; // a window that is over
	oriel_log_guest(&log, "again");
	assert_int_equal(lines.count, (int)ORIEL_LOG_GUEST_BURST + 2);
	assert_string_equal(lines.last, "log: 995 lines like this were left out");
}

static void test_life_lines_are_limited(void **state) {
	(void)state;
	struct lines lines = { 0 };
	struct oriel_log_sink sink = { .fn = take_line,
		.user = &lines,
		.max_level = ORIEL_LOG_INFO };
	struct oriel_log log;
	oriel_log_init(&log, &sink);
	log.life_limit.interval_ns = UINT64_MAX;
	for (int i = 0; i < 1000; i++) {
		oriel_log_life(&log, "reset %d", i);
	}
	assert_int_equal(lines.count, (int)ORIEL_LOG_LIFE_BURST);
	oriel_log_guest(&log, "a warning is counted apart");
	assert_int_equal(lines.count, (int)ORIEL_LOG_LIFE_BURST + 1);
	log.life_limit.interval_ns = 0;
	oriel_log_life(&log, "again");
	assert_int_equal(lines.count, (int)ORIEL_LOG_LIFE_BURST + 3);
	assert_string_equal(lines.last, "log: 960 lines like this were left out");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_guest_lines_are_limited),
		cmocka_unit_test(test_life_lines_are_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
