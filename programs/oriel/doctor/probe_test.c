// SPDX-License-Identifier: MIT
/* Tests of probe.h: children that do all that drivers do. */
#include "oriel/doctor/probe.h"

#include "base/compiler.h"
#include "fixture/check.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/** For children that end. Long, because a loaded machine is no reason to fail. */
#define PATIENCE_MS 60000
/** For those that do not. */
#define SHORT_MS 300

static int count_fds(void) {
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;
	while (readdir(dir) != NULL) {
		n++;
	}
	closedir(dir);
	return n;
}

static int answer(FILE *out, const void *arg) {
	fprintf(out, "answer=%s\n", (const char *)arg);
	printf("not for us\n");
	fflush(stdout);
	fprintf(stderr, "a driver's remark\n");
	return 0;
}

static int answer_with_zeroes(FILE *out, const void *arg) {
	(void)arg;
	fwrite("a\0b\n", 1, 4, out);
	return 7;
}

static int crash(FILE *out, const void *arg) {
	fprintf(out, "before=1\nwithout an end");
	fflush(out);
	raise(*(const int *)arg);
	return 0;
}

static int crash_unflushed(FILE *out, const void *arg) {
	(void)arg;
	fprintf(out, "before=1\n");
	abort();
}

/** Closes the pipe too: its end is no end of the child. */
static int hang(FILE *out, const void *arg) {
	(void)arg;
	signal(SIGTERM, SIG_IGN);
	fprintf(out, "before=1\n");
	fclose(out);
	close(STDERR_FILENO);
	while (pause() < 0) {
	}
	return 0;
}

static int flood(FILE *out, const void *arg) {
	size_t size = *(const size_t *)arg;
	for (size_t i = 0; i < size; i++) {
		fputc(i % 64 == 63 ? '\n' : 'x', out);
	}
	return 0;
}

static int flood_for_ever(FILE *out, const void *arg) {
	(void)arg;
	while (fputs("and so on\n", out) >= 0) {
	}
	return 0;
}

/** Leaves a process that keeps the pipe open, and says its number. */
static int leave_another(FILE *out, const void *arg) {
	(void)arg;
	pid_t pid = fork();
	if (pid == 0) {
		for (;;) {
			pause();
		}
	}
	fprintf(out, "%d\n", (int)pid);
	return 0;
}

static int say_surroundings(FILE *out, const void *arg) {
	(void)arg;
	struct rlimit core;
	getrlimit(RLIMIT_CORE, &core);
	struct sigaction action;
	sigaction(SIGUSR1, NULL, &action);
	char byte;
	fprintf(out, "core=%d default=%d input=%d leader=%d\n", (int)core.rlim_cur,
			action.sa_handler == SIG_DFL, (int)read(STDIN_FILENO, &byte, 1),
			getpgrp() == getpid());
	return 0;
}

static void test_what_it_says_comes_back(void **state) {
	(void)state;
	struct probe_result result;
	assert_int_equal(probe_run(answer, "42", PATIENCE_MS, &result), 0);
	assert_true(probe_is_clean(&result));
	assert_string_equal(result.text, "answer=42\na driver's remark\n");
	assert_false(result.is_cut);
	probe_finish(&result);
	assert_int_equal(probe_run(answer_with_zeroes, NULL, PATIENCE_MS, &result), 0);
	assert_false(probe_is_clean(&result));
	assert_int_equal(result.code, 7);
	assert_string_equal(result.text, "a?b\n");
	probe_finish(&result);
}

static void test_crashes(void **state) {
	(void)state;
	static const struct {
		int number;
		const char *words;
	} cases[] = {
		{ SIGSEGV, "crashed (SIGSEGV)" },
		{ SIGBUS, "crashed (SIGBUS)" },
		{ SIGABRT, "crashed (SIGABRT)" },
		{ SIGILL, "crashed (SIGILL)" },
		{ SIGKILL, "crashed (SIGKILL)" },
		{ SIGUSR2, "crashed (signal 12)" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct probe_result result;
		char words[64];
		assert_int_equal(probe_run(crash, &cases[i].number, PATIENCE_MS, &result), 0);
		probe_describe(&result, words, sizeof(words));
		CHECK(strcmp(words, cases[i].words) == 0, "%s, not %s", words, cases[i].words);
		CHECK(!probe_is_clean(&result), "%s", words);
		assert_string_equal(result.text, "before=1\nwithout an end");
		probe_finish(&result);
	}
	struct probe_result result;
	assert_int_equal(probe_run(crash_unflushed, NULL, PATIENCE_MS, &result), 0);
	assert_string_equal(result.text, "before=1\n");
	probe_finish(&result);
}

static void test_hang(void **state) {
	(void)state;
	struct probe_result result;
	char words[64];
	assert_int_equal(probe_run(hang, NULL, SHORT_MS, &result), 0);
	assert_int_equal(result.end, PROBE_HUNG);
	assert_false(result.is_stuck);
	probe_describe(&result, words, sizeof(words));
	assert_string_equal(words, "did not answer within 0.3 s");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // nothing is left
	probe_finish(&result);
	result = (struct probe_result){ .end = PROBE_HUNG, .timeout_ms = 10000, .is_stuck = true };
	probe_describe(&result, words, sizeof(words));
	assert_string_equal(words, "did not answer within 10 s, and cannot be killed");
}

static void test_too_much_text_is_cut(void **state) {
	(void)state;
	static const struct {
		size_t size;
		size_t kept;
		bool is_cut;
	} cases[] = {
		{ PROBE_MAX_TEXT_BYTES - 1, PROBE_MAX_TEXT_BYTES - 1, false },
		{ PROBE_MAX_TEXT_BYTES, PROBE_MAX_TEXT_BYTES, false },
		{ PROBE_MAX_TEXT_BYTES + 1, PROBE_MAX_TEXT_BYTES, true },
		{ PROBE_MAX_TEXT_BYTES * 3, PROBE_MAX_TEXT_BYTES, true },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct probe_result result;
		assert_int_equal(probe_run(flood, &cases[i].size, PATIENCE_MS, &result), 0);
		CHECK(probe_is_clean(&result), "%zu", cases[i].size);
		CHECK(strlen(result.text) == cases[i].kept, "%zu", cases[i].size);
		CHECK(result.is_cut == cases[i].is_cut, "%zu", cases[i].size);
		probe_finish(&result);
	}
	struct probe_result result;
	assert_int_equal(probe_run(flood_for_ever, NULL, SHORT_MS, &result), 0);
	assert_int_equal(result.end, PROBE_HUNG);
	probe_finish(&result);
}

static void test_what_it_leaves_behind_is_killed(void **state) {
	(void)state;
	struct probe_result result;
	assert_int_equal(probe_run(leave_another, NULL, PATIENCE_MS, &result), 0);
	assert_true(probe_is_clean(&result));
	pid_t pid = (pid_t)strtol(result.text, NULL, 10);
	assert_true(pid > 0);
	// We are its reaper (see main), so that its end can be waited for and seen.
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	probe_finish(&result);
}

static void handle_nothing(int number) {
	(void)number;
}

static void test_surroundings(void **state) {
	(void)state;
	struct probe_result result;
	signal(SIGUSR1, handle_nothing);
	assert_int_equal(probe_run(say_surroundings, NULL, PATIENCE_MS, &result), 0);
	signal(SIGUSR1, SIG_DFL);
	assert_string_equal(result.text, "core=0 default=1 input=0 leader=1\n");
	probe_finish(&result);
}

static void test_programs(void **state) {
	(void)state;
	struct probe_result result;
	char *echo[] = { "/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL };
	assert_int_equal(probe_run(probe_exec, echo, PATIENCE_MS, &result), 0);
	assert_int_equal(result.code, 3);
	assert_string_equal(result.text, "out\nerr\n");
	probe_finish(&result);
	char *none[] = { "/nonexistent/program", NULL };
	char words[64];
	assert_int_equal(probe_run(probe_exec, none, PATIENCE_MS, &result), 0);
	assert_string_equal(result.text, "No such file or directory\n");
	probe_describe(&result, words, sizeof(words));
	assert_string_equal(words, "ended with exit status 127");
	probe_finish(&result);
}

static void test_no_descriptor_is_lost(void **state) {
	(void)state;
	struct probe_result result;
	int before = count_fds();
	assert_int_equal(probe_run(answer, "1", PATIENCE_MS, &result), 0);
	probe_finish(&result);
	assert_int_equal(probe_run(hang, NULL, SHORT_MS, &result), 0);
	probe_finish(&result);
	assert_int_equal(count_fds(), before);
	// No descriptor to be had: an error, and nothing left.
	struct rlimit limit, none;
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	int err = probe_run(answer, "1", PATIENCE_MS, &result);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(err, -EMFILE);
	assert_int_equal(count_fds(), before);
}

int main(void) {
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_says_comes_back),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_too_much_text_is_cut),
		cmocka_unit_test(test_what_it_leaves_behind_is_killed),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_no_descriptor_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
