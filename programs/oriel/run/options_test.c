// SPDX-License-Identifier: MIT
/* Tests of the command line: what it means. What is refused, and how, tests/program/run.py tries.
 */
#include "oriel/run/options.h"

#include "fixture/check.h"

#include <errno.h>
#include <string.h>

#define MAX_WORDS 24

/** Parse words, which end with NULL; the options borrow argv's memory. */
static int parse(const char *const *words, char **argv, struct run_options *ret) {
	int argc = 0;
	for (; words[argc] != NULL; argc++) {
		argv[argc] = (char *)(uintptr_t)words[argc];
	}
	argv[argc] = NULL;
	return run_options_parse(argc, argv, ret);
}

static void test_defaults(void **state) {
	(void)state;
	char *argv[MAX_WORDS];
	struct run_options options;
	const char *const words[] = { "run", "--disk=d", NULL };
	assert_int_equal(parse(words, argv, &options), 0);
	assert_int_equal(options.gpu, RUN_GPU_AUTO);
	assert_int_equal(options.display, RUN_DISPLAY_WEB);
	assert_int_equal(options.firmware, RUN_FIRMWARE_AUTO);
	assert_true(options.has_network);
	assert_int_equal(options.memory_mib, 2048);
	assert_int_equal(options.n_cpus, 2);
	assert_int_equal(options.n_heads, 1);
	assert_int_equal(options.width, 0);
	assert_int_equal(options.port, 0);
	assert_int_equal(options.grace_s, 10);
	assert_int_equal(options.n_disks, 1);
	assert_string_equal(options.disks[0], "d");
	assert_null(options.more[0]);
	assert_false(options.is_dry || options.is_verbose || options.help);
}

static void test_all(void **state) {
	(void)state;
	char *argv[MAX_WORDS];
	struct run_options options;
	const char *const words[] = { "run", "--gpu=2d", "--display", "vnc", "--mem=16MiB",
		"--cpus=255", "--disk=a", "--disk", "b", "--cdrom=c", "--kernel=k", "--initrd=i",
		"--append=", "--heads=16", "--size=16384x1", "--name=n", "--port=65535",
		"--net=none", "--grace=0", "--dry-run", "-v", NULL };
	assert_int_equal(parse(words, argv, &options), 0);
	assert_int_equal(options.gpu, RUN_GPU_2D);
	assert_int_equal(options.display, RUN_DISPLAY_VNC);
	assert_int_equal(options.memory_mib, 16);
	assert_int_equal(options.n_cpus, 255);
	assert_int_equal(options.n_disks, 2);
	assert_string_equal(options.disks[1], "b");
	assert_string_equal(options.cdrom, "c");
	assert_string_equal(options.kernel, "k");
	assert_string_equal(options.initrd, "i");
	assert_string_equal(options.append, "");
	assert_int_equal(options.n_heads, 16);
	assert_int_equal(options.width, 16384);
	assert_int_equal(options.height, 1);
	assert_string_equal(options.name, "n");
	assert_int_equal(options.port, 65535);
	assert_false(options.has_network);
	assert_int_equal(options.grace_s, 0);
	assert_true(options.is_dry && options.is_verbose);
}

/** What is behind "--" is QEMU's, whatever it looks like. */
static void test_more(void **state) {
	(void)state;
	char *argv[MAX_WORDS];
	struct run_options options;
	const char *const words[] = { "run", "--disk=d", "--", "--mem=1GiB", "x", "--", NULL };
	assert_int_equal(parse(words, argv, &options), 0);
	assert_int_equal(options.memory_mib, 2048);
	assert_string_equal(options.more[0], "--mem=1GiB");
	assert_string_equal(options.more[1], "x");
	assert_string_equal(options.more[2], "--");
	assert_null(options.more[3]);
	assert_false(options.is_snapshot);
}

/** Disks that are not written need not let us write. */
static void test_snapshot(void **state) {
	(void)state;
	static const struct {
		const char *words[6];
		bool want;
	} cases[] = {
		{ { "run", "--disk=d", "--", "-snapshot" }, true },
		{ { "run", "--disk=d", "--", "-x", "--snapshot" }, true },
		{ { "run", "--disk=d", "--", "snapshot" }, false },
		{ { "run", "--disk=-snapshot" }, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		char *argv[MAX_WORDS];
		struct run_options options;
		assert_int_equal(parse(cases[i].words, argv, &options), 0);
		CHECK(options.is_snapshot == cases[i].want, "case %zu", i);
	}
}

/** QEMU's arguments may name a disk, so none need be ours. */
static void test_more_boots(void **state) {
	(void)state;
	char *argv[MAX_WORDS];
	struct run_options options;
	const char *const words[] = { "run", "--", "-hda", "x", NULL };
	assert_int_equal(parse(words, argv, &options), 0);
	assert_int_equal(options.n_disks, 0);
}

static void test_no_gpu_has_no_display(void **state) {
	(void)state;
	char *argv[MAX_WORDS];
	struct run_options options;
	const char *const words[] = { "run", "--gpu=off", "--disk=d", NULL };
	assert_int_equal(parse(words, argv, &options), 0);
	assert_int_equal(options.display, RUN_DISPLAY_NONE);
}

static void test_disks_at_most(void **state) {
	(void)state;
	char *argv[MAX_WORDS];
	struct run_options options = { .n_disks = 77 };
	const char *words[MAX_WORDS] = { "run" };
	for (size_t i = 0; i < RUN_MAX_DISKS; i++) {
		words[i + 1] = "--disk=d";
	}
	struct run_options eight;
	assert_int_equal(parse(words, argv, &eight), 0);
	assert_int_equal(eight.n_disks, RUN_MAX_DISKS);
	words[RUN_MAX_DISKS + 1] = "--disk=d";
	assert_int_equal(parse(words, argv, &options), -EINVAL);
	assert_int_equal(options.n_disks, 77);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_more_boots),
		cmocka_unit_test(test_no_gpu_has_no_display),
		cmocka_unit_test(test_disks_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
