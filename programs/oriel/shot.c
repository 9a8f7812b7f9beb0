// SPDX-License-Identifier: MIT
/*
 * `oriel shot`: a picture of a scanout, through the display socket.
 *
 * It asks for a snapshot, so the picture is whole and exact whatever the guest does meanwhile, or
 * it says in one line why there is none.
 */
#include "oriel/command.h"

#include "base/error.h"
#include "common/arguments.h"
#include "common/parse.h"
#include "oriel/output.h"
#include "oriel/place.h"
#include "oriel/png_writer.h"
#include "oriel/session.h"

#include <oriel/client.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_S 5u
#define MAX_TIMEOUT_S 86400u

static const char command[] = "oriel shot";

struct options {
	struct place_wanted place;
	uint32_t scanout;
	uint32_t timeout_s;
	bool cursor;
	bool help;
	const char *out;
};

static void print_help(void) {
	fputs("usage: oriel shot [OPTION]... OUT.png\n"
	      "\n"
	      "Write a picture of a virtual machine's screen. OUT.png may be '-': standard "
	      "output.\n"
	      "\n"
	      "  -s, --socket=PATH      the display socket of the machine's oriel-gpu\n"
	      "  -n, --name=NAME        or the machine's name\n"
	      "      --scanout=N        which screen, from 0; default: 0\n"
	      "      --cursor           draw the mouse pointer too\n"
	      "      --timeout=SECONDS  how long an answer may take; default: 5\n"
	      "  -h, --help             print this\n"
	      "\n" PLACE_HELP "\n"
	      "Exit status: 0 if the picture was written, 1 if there is none, 2 for wrong usage.\n",
			stdout);
}

enum { OPTION_SCANOUT = 256, OPTION_CURSOR, OPTION_TIMEOUT };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "name", required_argument, NULL, 'n' },
	{ "scanout", required_argument, NULL, OPTION_SCANOUT },
	{ "cursor", no_argument, NULL, OPTION_CURSOR },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
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
	case OPTION_CURSOR:
		options->cursor = true;
		return 0;
	case OPTION_TIMEOUT:
		if (oriel_parse_number(optarg, MAX_TIMEOUT_S, &number) < 0 || number == 0) {
			return arguments_fail(command, NULL,
					"--timeout needs a number of seconds from 1 to 86400");
		}
		options->timeout_s = (uint32_t)number;
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

static int parse(int argc, char **argv, struct options *ret) {
	struct options options = { .timeout_s = DEFAULT_TIMEOUT_S };
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err < 0) {
		return err;
	}
	if (!options.help) {
		if (argc - optind != 1) {
			return arguments_fail(command, NULL, "one file to write to is needed");
		}
		options.out = argv[optind];
		if (strcmp(options.out, "-") == 0 && isatty(STDOUT_FILENO)) {
			return arguments_fail(command, NULL,
					"a picture is not written to a terminal");
		}
	}
	*ret = options;
	return 0;
}

static int write_picture(const struct options *options,
		const struct oriel_client_snapshot *snapshot) {
	struct output output;
	int err = output_begin(&output, options->out);
	if (err == 0) {
		err = png_write_snapshot(snapshot, options->cursor, output.file);
		if (err == 0) {
			err = output_end(&output);
		} else {
			output_drop(&output);
		}
	}
	if (err == -EOPNOTSUPP) {
		fputs("oriel shot: built without libpng, so it cannot write pictures\n", stderr);
	} else if (err < 0) {
		fprintf(stderr, "oriel shot: %s: %s\n", options->out, strerror(-err));
	}
	return err;
}

static int take_shot(const struct options *options) {
	struct place_path path;
	if (place_find_socket(command, &options->place, "display.sock", &path) < 0) {
		return STATUS_FAILED;
	}
	struct session session = {
		.command = command,
		.socket = path.text,
		.timeout_s = options->timeout_s,
	};
	int err = session_open(&session);
	if (err < 0) {
		return STATUS_FAILED;
	}
	uint32_t token;
	err = oriel_client_request_snapshot(session.client, options->scanout, &token);
	if (err < 0) {
		(void)session_fail(&session, err);
	}
	const struct oriel_client_event *event = NULL;
	if (err == 0) {
		err = session_wait(&session, ORIEL_CLIENT_SNAPSHOT, &event);
	}
	if (err == 0) {
		err = write_picture(options, event->snapshot);
	}
	session_close(&session);
	return err == 0 ? STATUS_OK : STATUS_FAILED;
}

int run_shot(int argc, char **argv) {
	struct options options = { 0 };
	if (parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	if (options.help) {
		print_help();
		return STATUS_OK;
	}
	return take_shot(&options);
}
