// SPDX-License-Identifier: MIT
/*
 * `oriel shot`: a picture of a scanout, through the display socket.
 *
 * It asks for a snapshot, so the picture is whole and exact whatever the guest does meanwhile, or
 * it says in one line why there is none.
 */
#include "oriel/command.h"

#include "base/error.h"
#include "common/parse.h"
#include "common/typed.h"
#include "oriel/common_options.h"
#include "oriel/output.h"
#include "oriel/png_writer.h"
#include "oriel/session.h"

#include <oriel/client.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_S 5u
#define MAX_TIMEOUT_S 86400u

static const char command[] = "oriel shot";

struct options {
	struct common_options common;
	uint32_t timeout_s;
	bool cursor;
	const char *out;
};

static const char help[] =
		"usage: oriel shot [OPTION]... OUT.png\n"
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
		"Exit status: 0 if the picture was written, 1 if there is none, 2 for wrong "
		"usage.\n";

enum { OPTION_CURSOR = 256, OPTION_TIMEOUT };

static const struct option long_options[] = {
	COMMON_LONG_OPTIONS,
	COMMON_LONG_OPTION_SCANOUT,
	{ "cursor", no_argument, NULL, OPTION_CURSOR },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ 0 },
};

static int handle_option(void *user, int option) {
	struct options *options = user;
	uint64_t number = 0;
	switch (option) {
	case OPTION_CURSOR:
		options->cursor = true;
		return 0;
	default: // OPTION_TIMEOUT
		if (oriel_parse_number(optarg, MAX_TIMEOUT_S, &number) < 0 || number == 0) {
			return arguments_fail(command, NULL,
					"--timeout needs a number of seconds from 1 to 86400");
		}
		options->timeout_s = (uint32_t)number;
		return 0;
	}
}

static int take_words(void *user, int n, char **words) {
	struct options *options = user;
	if (n != 1 || words[0][0] == '\0') {
		return arguments_fail(command, NULL, "one file to write to is needed");
	}
	options->out = words[0];
	if (strcmp(options->out, "-") == 0 && isatty(STDOUT_FILENO)) {
		return arguments_fail(command, NULL, "a picture is not written to a terminal");
	}
	return 0;
}

static const struct common_syntax syntax = {
	.command = command,
	.help = help,
	.long_options = long_options,
	.handle_option = handle_option,
	.take_words = take_words,
};

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
		char typed[TYPED_SIZE];
		fprintf(stderr, "oriel shot: %s: %s\n", typed_copy(options->out, typed),
				strerror(-err));
	}
	return err;
}

static int take_shot(const struct options *options) {
	struct session session = { .command = command, .timeout_s = options->timeout_s };
	int err = session_open(&session, &options->common.place);
	if (err < 0) {
		return STATUS_FAILED;
	}
	uint32_t token;
	err = oriel_client_request_snapshot(session.client, options->common.scanout, &token);
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
	struct options options = { .timeout_s = DEFAULT_TIMEOUT_S };
	int status;
	return common_options_parse(&syntax, argc, argv, &options, &status) ? take_shot(&options)
									    : status;
}
