// SPDX-License-Identifier: MIT
/* See options.h. */
#include "oriel-render/options.h"

#include "common/arguments.h"
#include "common/parse.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void options_print_help(void) {
	fputs("usage: oriel-render --fd=N [OPTION]...\n"
	      "       oriel-render --probe [OPTION]...\n"
	      "       oriel-render --play=FILE [OPTION]...\n"
	      "\n"
	      "Renders the 3D of one virtual machine, for oriel-gpu, which starts it.\n"
	      "\n"
	      "      --fd=N               the render link: a connected socket\n"
	      "      --renderer=GPU       auto, software, node:PATH, pci:ADDRESS or egl:N;\n"
	      "                           default: auto\n"
	      "      --max-memory=SIZE    memory that it may take, with a unit, as 6GiB, or\n"
	      "                           'off'; default: off\n"
	      "      --max-more-memory=SIZE\n"
	      "                           the same of what it takes once it is ready\n"
	      "      --dump=FILE          record what it is asked for\n"
	      "      --play=FILE          play such a recording, and compare\n"
	      "      --tolerance=N        with --play: how much a channel may differ, 0 to 255;\n"
	      "                           default: 0\n"
	      "      --picture=FILE       with --play: write the last picture, as PPM\n"
	      "      --log-level=LEVEL    error, warn, info or debug; default: info\n"
	      "      --probe              print what it would render with, and exit\n"
	      "      --version            print the version\n"
	      "  -h, --help               print this\n",
			stdout);
}

static const char command[] = "oriel-render";

enum {
	OPTION_FD = 256,
	OPTION_RENDERER,
	OPTION_MAX_MEMORY,
	OPTION_MAX_MORE_MEMORY,
	OPTION_DUMP,
	OPTION_PLAY,
	OPTION_TOLERANCE,
	OPTION_PICTURE,
	OPTION_LOG_LEVEL,
	OPTION_PROBE,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "fd", required_argument, NULL, OPTION_FD },
	{ "renderer", required_argument, NULL, OPTION_RENDERER },
	{ "max-memory", required_argument, NULL, OPTION_MAX_MEMORY },
	{ "max-more-memory", required_argument, NULL, OPTION_MAX_MORE_MEMORY },
	{ "dump", required_argument, NULL, OPTION_DUMP },
	{ "play", required_argument, NULL, OPTION_PLAY },
	{ "tolerance", required_argument, NULL, OPTION_TOLERANCE },
	{ "picture", required_argument, NULL, OPTION_PICTURE },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "probe", no_argument, NULL, OPTION_PROBE },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int fail(const char *what) {
	return arguments_fail(command, NULL, what);
}

static int parse_log_level(enum oriel_log_level *ret) {
	static const char *const names[] = { "error", "warn", "info", "debug" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(names); i++) {
		if (strcmp(optarg, names[i]) == 0) {
			*ret = (enum oriel_log_level)i;
			return 0;
		}
	}
	return fail("--log-level: not error, warn, info or debug");
}

/** 0: off. */
static int parse_memory(const char *otherwise, uint64_t *ret) {
	uint64_t size = 0;
	if (strcmp(optarg, "off") != 0 && oriel_parse_bytes(optarg, &size) < 0) {
		return fail(otherwise);
	}
	*ret = size;
	return 0;
}

static int take_path(int option, const char **ret) {
	return arguments_take_text(command, long_options, option, "a path", ret);
}

/** Options of recordings. */
static int handle_record_option(struct options *options, int option) {
	uint64_t number;
	switch (option) {
	case OPTION_DUMP:
		return take_path(option, &options->dump);
	case OPTION_PLAY:
		options->action = ACTION_PLAY;
		return take_path(option, &options->play);
	case OPTION_PICTURE:
		return take_path(option, &options->picture);
	default: // OPTION_TOLERANCE
		if (oriel_parse_number(optarg, 255, &number) < 0) {
			return fail("--tolerance: not a number from 0 to 255");
		}
		options->tolerance = (uint32_t)number;
		return 0;
	}
}

static int handle_option(void *user, int option) {
	struct options *options = user;
	uint64_t number;
	switch (option) {
	case OPTION_FD:
		if (oriel_parse_number(optarg, INT_MAX, &number) < 0) {
			return fail("--fd: not the number of a file descriptor");
		}
		options->fd = (int)number;
		return 0;
	case OPTION_RENDERER:
		options->gpu = optarg;
		return oriel_is_gpu_name(optarg)
				       ? 0
				       : arguments_fail_value(command, long_options, option,
							 "auto, software, node:PATH, pci:ADDRESS "
							 "or egl:N");
	case OPTION_MAX_MEMORY:
		return parse_memory("--max-memory: not a size with its unit, as 6GiB, or off",
				&options->max_memory_bytes);
	case OPTION_MAX_MORE_MEMORY:
		return parse_memory("--max-more-memory: not a size with its unit, as 6GiB, or off",
				&options->max_more_memory_bytes);
	case OPTION_DUMP:
	case OPTION_PLAY:
	case OPTION_TOLERANCE:
	case OPTION_PICTURE:
		return handle_record_option(options, option);
	case OPTION_LOG_LEVEL:
		return parse_log_level(&options->log_level);
	case OPTION_PROBE:
		options->action = ACTION_PROBE;
		return 0;
	case OPTION_VERSION:
		options->action = ACTION_PRINT_VERSION;
		return 0;
	default: // 'h'
		options->action = ACTION_PRINT_HELP;
		return 0;
	}
}

static const struct arguments_syntax syntax = {
	.command = command,
	.short_options = ":h",
	.long_options = long_options,
	.handle_option = handle_option,
};

int options_parse(int argc, char **argv, struct options *ret) {
	struct options options = {
		.action = ACTION_SERVE,
		.fd = -1,
		.gpu = "auto",
		.log_level = ORIEL_LOG_INFO,
	};
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err < 0) {
		return err;
	}
	if (optind < argc) {
		return arguments_fail(command, argv[optind], "not an option");
	}
	if (options.action != ACTION_PLAY && (options.tolerance > 0 || options.picture != NULL)) {
		return fail("--tolerance and --picture go with --play");
	}
	if (options.action == ACTION_SERVE && options.fd < 0) {
		return fail("--fd is needed; oriel-gpu --renderer=GPU starts this program by "
			    "itself");
	}
	*ret = options;
	return 0;
}
