// SPDX-License-Identifier: MIT
/*
 * What the sub-commands for a machine that runs have in common: --socket, --name and --help, and
 * --scanout for those that are about a screen; what is printed then, and how wrong usage ends. A
 * sub-command says what else it takes.
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
	uint32_t scanout;
	bool help;
};

/** Beyond a sub-command's own options, which count from 256 on. */
#define COMMON_OPTION_SCANOUT 512

/** What a sub-command's table of long options has at least. */
#define COMMON_LONG_OPTIONS \
	{ "socket", required_argument, NULL, 's' }, { "name", required_argument, NULL, 'n' }, { \
		"help", no_argument, NULL, 'h' \
	}

/** And if it is about a screen. */
#define COMMON_LONG_OPTION_SCANOUT \
	{ "scanout", required_argument, NULL, COMMON_OPTION_SCANOUT }

struct common_syntax {
	const char *command; // as people type it: "oriel shot"
	const char *help;    // what --help prints
	const struct option *long_options;

	/** Take one of the sub-command's own options, as in arguments.h. NULL: it has none. */
	int (*handle_option)(void *options, int option);

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
