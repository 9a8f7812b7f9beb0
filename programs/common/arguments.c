// SPDX-License-Identifier: MIT
/* See arguments.h. */
#include "common/arguments.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/** Room for what was typed, in a message. */
#define TYPED_SIZE 256

/**
 * Copy what was typed so that a message with it stays one line: with '?' for what is no character
 * that can be seen, and cut if there is no room. Returns ret.
 */
static const char *copy_typed(const char *text, char ret[TYPED_SIZE]) {
	const char *next = text;
	char *out = ret;
	while (*next != '\0') {
		const char *at = next;
		uint32_t character;
		const bool is_seen = utf8_next(&next, &character) == 0 && character >= ' ' &&
				     (character < 0x7f || character >= 0xa0);
		next += next == at; // behind a byte that is no UTF-8
		const size_t size = is_seen ? (size_t)(next - at) : 1;
		if (size + 1 > (size_t)(ret + TYPED_SIZE - out)) {
			break;
		}
		memcpy(out, is_seen ? at : "?", size);
		out += size;
	}
	*out = '\0';
	return ret;
}

int arguments_fail(const char *command, const char *subject, const char *what) {
	char typed[TYPED_SIZE];
	if (subject == NULL) {
		fprintf(stderr, "%s: %s; '%s --help' says more\n", command, what, command);
	} else {
		fprintf(stderr, "%s: %s: %s; '%s --help' says more\n", command,
				subject[0] != '\0' ? copy_typed(subject, typed) : "''", what,
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
			copy_typed(optarg, typed), expected, command);
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
