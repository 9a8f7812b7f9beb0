// SPDX-License-Identifier: MIT
/* `oriel size`: give a scanout another size, through the display socket. */
#include "oriel/command.h"

#include "common/arguments.h"
#include "common/parse.h"
#include "oriel/place.h"
#include "oriel/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_S 5u
#define MAX_SIZE_PX 16384u
#define MAX_HZ 1000u

static const char command[] = "oriel size";

struct options {
	struct place_wanted place;
	uint32_t scanout;
	bool help;
	struct oriel_client_size size;
};

static void print_help(void) {
	fputs("usage: oriel size [OPTION]... WIDTHxHEIGHT[@HERTZ]\n"
	      "       oriel size [OPTION]... off\n"
	      "\n"
	      "Tell a running guest that its monitor has another size now, or is unplugged.\n"
	      "\n"
	      "  -s, --socket=PATH  the display socket of the machine's oriel-gpu\n"
	      "  -n, --name=NAME    or the machine's name\n"
	      "      --scanout=N    which screen, from 0; default: 0\n"
	      "  -h, --help         print this\n"
	      "\n" PLACE_HELP "\n"
	      "Exit status: 0 if the guest is told, 1 if not, 2 for wrong usage.\n",
			stdout);
}

enum { OPTION_SCANOUT = 256 };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "name", required_argument, NULL, 'n' },
	{ "scanout", required_argument, NULL, OPTION_SCANOUT },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int handle_option(void *user, int option) {
	struct options *options = user;
	uint64_t number = 0;
	switch (option) {
	case 's':
		options->place.socket = optarg;
		return 0;
	case 'n':
		options->place.name = optarg;
		return 0;
	case OPTION_SCANOUT:
		if (oriel_parse_number(optarg, ORIEL_CLIENT_MAX_SCANOUTS - 1, &number) < 0) {
			return arguments_fail(command, NULL,
					"--scanout needs a number from 0 to 15");
		}
		options->scanout = (uint32_t)number;
		return 0;
	default: // 'h'
		options->help = true;
		return 0;
	}
}

static const struct arguments_syntax syntax = {
	.command = command,
	.short_options = ":s:n:h",
	.long_options = long_options,
	.handle_option = handle_option,
};

/** "WxH[@HZ]" or "off". */
static int parse_size(char *text, struct oriel_client_size *ret) {
	struct oriel_client_size size = { 0 };
	if (strcmp(text, "off") == 0) {
		*ret = size;
		return 0;
	}
	char *at = strchr(text, '@');
	uint64_t hz = 0;
	if (at != NULL) {
		*at = '\0';
		if (oriel_parse_number(at + 1, MAX_HZ, &hz) < 0 || hz == 0) {
			return -EINVAL;
		}
	}
	if (oriel_parse_size(text, MAX_SIZE_PX, &size.width, &size.height) < 0) {
		return -EINVAL;
	}
	size.refresh_mhz = (uint32_t)hz * 1000;
	*ret = size;
	return 0;
}

static int parse(int argc, char **argv, struct options *ret) {
	struct options options = { 0 };
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err < 0) {
		return err;
	}
	if (!options.help) {
		if (argc - optind != 1 || parse_size(argv[optind], &options.size) < 0) {
			return arguments_fail(command, NULL,
					"one WIDTHxHEIGHT[@HERTZ], or off, is needed");
		}
	}
	*ret = options;
	return 0;
}

static int set_size(const struct options *options) {
	struct place_path path;
	if (place_find_socket(command, &options->place, "display.sock", &path) < 0) {
		return STATUS_FAILED;
	}
	struct session session = {
		.command = command,
		.socket = path.text,
		.timeout_s = TIMEOUT_S,
	};
	int err = session_open(&session);
	if (err < 0) {
		return STATUS_FAILED;
	}
	const struct oriel_client_event *event;
	err = session_wait(&session, ORIEL_CLIENT_WELCOME, &event);
	if (err == 0) {
		uint32_t token;
		err = oriel_client_request_size(session.client, options->scanout, &options->size,
				&token);
		if (err < 0) {
			(void)session_fail(&session, err);
		}
	}
	if (err == 0) {
		err = session_wait(&session, ORIEL_CLIENT_SIZE_SET, &event);
	}
	session_close(&session);
	return err == 0 ? STATUS_OK : STATUS_FAILED;
}

int run_size(int argc, char **argv) {
	struct options options = { 0 };
	if (parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	if (options.help) {
		print_help();
		return STATUS_OK;
	}
	return set_size(&options);
}
