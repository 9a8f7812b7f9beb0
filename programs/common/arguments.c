// SPDX-License-Identifier: MIT
/* See arguments.h. */
#include "common/arguments.h"

#include "common/typed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int arguments_fail(const char *command, const char *subject, const char *what) {
	char typed[TYPED_SIZE];
	if (subject == NULL) {
		fprintf(stderr, "%s: %s; '%s --help' says more\n", command, what, command);
	} else {
		fprintf(stderr, "%s: %s: %s; '%s --help' says more\n", command,
				subject[0] != '\0' ? typed_copy(subject, typed) : "''", what,
				command);
	}
	return -EINVAL;
}

int arguments_fail_value(const char *command, const struct option *long_options, int option,
		const char *expected) {
	const struct option *row = long_options;
	while (row->val != option) {
		row++;
	}
	char typed[TYPED_SIZE];
	fprintf(stderr, "%s: --%s: '%s' is not %s; '%s --help' says more\n", command, row->name,
			typed_copy(optarg, typed), expected, command);
	return -EINVAL;
}

int arguments_take_text(const char *command, const struct option *long_options, int option,
		const char *expected, const char **ret) {
	if (optarg[0] == '\0') {
		return arguments_fail_value(command, long_options, option, expected);
	}
	*ret = optarg;
	return 0;
}

/** Whether the argument is "--NAME" or "--NAME=VALUE" of the long option with this letter. */
static bool is_long_form(const struct arguments_syntax *syntax, const char *argument, int letter) {
	for (const struct option *o = syntax->long_options; o->name != NULL; o++) {
		if (o->val == letter && strncmp(argument, "--", 2) == 0 &&
				strncmp(argument + 2, o->name, strcspn(argument + 2, "=")) == 0) {
			return true;
		}
	}
	return false;
}

/** getopt_long() returned ':' or '?'; argument is the one before optind. */
static int fail_option(const struct arguments_syntax *syntax, int option, const char *argument) {
	const char letter[] = { '-', (char)optopt, '\0' };
	if (option == ':') {
		bool is_letter = optopt < 256 && !is_long_form(syntax, argument, optopt);
		return arguments_fail(syntax->command, is_letter ? letter : argument,
				"needs a value");
	}
	if (optopt == 0) {
		return arguments_fail(syntax->command, argument, "no such option");
	}
	if (optopt >= 256 || is_long_form(syntax, argument, optopt)) {
		return arguments_fail(syntax->command, argument, "takes no value");
	}
	return arguments_fail(syntax->command, letter, "no such option");
}

int arguments_parse(const struct arguments_syntax *syntax, int argc, char **argv, void *options) {
	optind = 0; // glibc and musl: begin anew
	opterr = 0;
	for (;;) {
		int option = getopt_long(argc, argv, syntax->short_options, syntax->long_options,
				NULL);
		if (option == -1) {
			return 0;
		}
		int err = option == ':' || option == '?'
					  ? fail_option(syntax, option, argv[optind - 1])
					  : syntax->handle_option(options, option);
		if (err < 0) {
			return err;
		}
	}
}
