// SPDX-License-Identifier: MIT
/*
 * What the sub-commands for a machine that runs have in common: --socket, --name and --help, what
 * is printed then, and how wrong usage ends. A sub-command says what else it takes.
 */
#ifndef ORIEL_PROGRAM_COMMON_OPTIONS_H
#define ORIEL_PROGRAM_COMMON_OPTIONS_H

#include "common/arguments.h"
#include "oriel/place.h"

#include <stdbool.h>
#include <stdint.h>

/** What a sub-command's own struct of options begins with. */
struct common_options {
	struct place_wanted place;
	bool help;
};

#define COMMON_SHORT_OPTIONS ":s:n:h"

/** For a sub-command's table of long options. */
#define COMMON_LONG_OPTIONS \
	{ "socket", required_argument, NULL, 's' }, { "name", required_argument, NULL, 'n' }, { \
		"help", no_argument, NULL, 'h' \
	}

/** Take an option that is not the sub-command's own. Returns 0. */
int common_options_handle(struct common_options *options, int option);

/** Take the value of --scanout. Returns 0, or -EINVAL after having said what it should be. */
ORIEL_MUST_CHECK
int common_options_parse_scanout(const char *command, uint32_t *ret);

struct common_syntax {
	struct arguments_syntax arguments;
	const char *help; // what --help prints

	/**
	 * Take the words behind the options into the same struct; not called if help is asked for.
	 * Returns 0, or a negative errno after having said why. NULL: there must be none.
	 */
	int (*take_words)(void *options, int n, char **words);
};

/**
 * Take a command line into a sub-command's struct of options, which has the defaults in it.
 *
 * Returns whether to go on; if not, all is said, and *ret_status is the exit status.
 */
ORIEL_MUST_CHECK
bool common_options_parse(const struct common_syntax *syntax, int argc, char **argv, void *options,
		int *ret_status);

#endif
