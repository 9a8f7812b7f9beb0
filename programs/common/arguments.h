// SPDX-License-Identifier: MIT
/*
 * Command lines: one loop around getopt_long(), and one way to say what is wrong with them.
 *
 * What is said is always one line: the command, what it is about if that was typed, what was
 * expected, and where to read more.
 */
#ifndef ORIEL_ARGUMENTS_H
#define ORIEL_ARGUMENTS_H

#include "base/compiler.h"

#include <getopt.h>

struct arguments_syntax {
	const char *command;       // as people type it: "oriel shot"
	const char *short_options; // as for getopt(), and ':' before all others
	const struct option *long_options;

	/**
	 * Take one option, whose value is in optarg, into the caller's struct. Returns 0, or a
	 * negative errno after having said why. Never called for what is no option of the syntax.
	 */
	int (*handle_option)(void *options, int option);
};

/**
 * Take all options; what is left begins at argv[optind].
 *
 * Returns 0, or a negative errno after one line was printed.
 */
ORIEL_MUST_CHECK
int arguments_parse(const struct arguments_syntax *syntax, int argc, char **argv, void *options);

/** Say what is wrong with a command line of command; subject, which is put before it, may be NULL.
 * Returns -EINVAL. */
int arguments_fail(const char *command, const char *subject, const char *what);

/** Say what the value of an option, which is in optarg, should have been. Returns -EINVAL. */
int arguments_fail_value(const char *command, const struct option *long_options, int option,
		const char *expected);

/** Take the value of an option, which must not be empty. Returns 0, or -EINVAL after saying so. */
ORIEL_MUST_CHECK
int arguments_take_text(const char *command, const struct option *long_options, int option,
		const char *expected, const char **ret);

#endif
