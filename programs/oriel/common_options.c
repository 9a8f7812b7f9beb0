// SPDX-License-Identifier: MIT
/* See common_options.h. */
#include "oriel/common_options.h"

#include "common/parse.h"
#include "oriel/command.h"

#include <oriel/client.h>
#include <stdio.h>

/** A command line that is being taken. */
struct taking {
	const struct common_syntax *syntax;
	void *options;
};

static int take_scanout(const struct common_syntax *syntax, uint32_t *ret) {
	uint64_t number;
	if (oriel_parse_number(optarg, ORIEL_CLIENT_MAX_SCANOUTS - 1, &number) < 0) {
		return arguments_fail(syntax->command, NULL,
				"--scanout needs a number from 0 to 15");
	}
	*ret = (uint32_t)number;
	return 0;
}

static int take_option(void *user, int option) {
	const struct taking *taking = user;
	const char *command = taking->syntax->command;
	const struct option *long_options = taking->syntax->long_options;
	struct common_options *common = taking->options;
	switch (option) {
	case 's':
		return arguments_take_text(command, long_options, option, "a path",
				&common->place.socket);
	case 'n':
		common->place.name = optarg;
		return place_is_name(optarg) ? 0
					     : arguments_fail_value(command, long_options, option,
							       "the name of a machine");
	case 'h':
		common->help = true;
		return 0;
	case COMMON_OPTION_SCANOUT:
		return take_scanout(taking->syntax, &common->scanout);
	default:
		return taking->syntax->handle_option(taking->options, option);
	}
}

static int take_words(const struct common_syntax *syntax, int n, char **words, void *options) {
	if (syntax->take_words != NULL) {
		return syntax->take_words(options, n, words);
	}
	return n == 0 ? 0 : arguments_fail(syntax->command, words[0], "not an option");
}

bool common_options_parse(const struct common_syntax *syntax, int argc, char **argv, void *options,
		int *ret_status) {
	const struct common_options *common = options;
	const struct arguments_syntax arguments = {
		.command = syntax->command,
		.short_options = ":s:n:h",
		.long_options = syntax->long_options,
		.handle_option = take_option,
	};
	struct taking taking = { syntax, options };
	*ret_status = STATUS_USAGE;
	if (arguments_parse(&arguments, argc, argv, &taking) < 0) {
		return false;
	}
	if (common->help) {
		fputs(syntax->help, stdout);
		*ret_status = STATUS_OK;
		return false;
	}
	return take_words(syntax, argc - optind, argv + optind, options) == 0;
}
