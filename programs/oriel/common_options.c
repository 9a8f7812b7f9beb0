// SPDX-License-Identifier: MIT
/* See common_options.h. */
#include "oriel/common_options.h"

#include "common/parse.h"
#include "oriel/command.h"

#include <oriel/client.h>
#include <stdio.h>

int common_options_handle(struct common_options *options, int option) {
	switch (option) {
	case 's':
		options->place.socket = optarg;
		break;
	case 'n':
		options->place.name = optarg;
		break;
	default: // 'h'
		options->help = true;
		break;
	}
	return 0;
}

int common_options_parse_scanout(const char *command, uint32_t *ret) {
	uint64_t number;
	if (oriel_parse_number(optarg, ORIEL_CLIENT_MAX_SCANOUTS - 1, &number) < 0) {
		return arguments_fail(command, NULL, "--scanout needs a number from 0 to 15");
	}
	*ret = (uint32_t)number;
	return 0;
}

static int take_words(const struct common_syntax *syntax, int n, char **words, void *options) {
	if (syntax->take_words != NULL) {
		return syntax->take_words(options, n, words);
	}
	return n == 0 ? 0 : arguments_fail(syntax->arguments.command, words[0], "not an option");
}

bool common_options_parse(const struct common_syntax *syntax, int argc, char **argv, void *options,
		int *ret_status) {
	const struct common_options *common = options;
	*ret_status = STATUS_USAGE;
	if (arguments_parse(&syntax->arguments, argc, argv, options) < 0) {
		return false;
	}
	if (common->help) {
		fputs(syntax->help, stdout);
		*ret_status = STATUS_OK;
		return false;
	}
	return take_words(syntax, argc - optind, argv + optind, options) == 0;
}
