// SPDX-License-Identifier: MIT
/* `oriel status`: what a running oriel-gpu does, from its control socket. */
#include "oriel/command.h"

#include "common/parse.h"
#include "oriel/common_options.h"
#include "oriel/status/ask.h"
#include "oriel/status/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_INTERVAL_S 3600u

static const char command[] = "oriel status";

struct options {
	struct common_options common;
	bool json;
	uint32_t watch_s; // 0: once
};

static const char help[] =
		"usage: oriel status [OPTION]...\n"
		"\n"
		"Say what a running oriel-gpu does: who is connected, what is on and what is off "
		"and\n"
		"why, how much of its limits is in use, and how long frames and fences take.\n"
		"\n"
		"  -s, --socket=PATH      the control socket of the machine's oriel-gpu\n"
		"  -n, --name=NAME        or the machine's name\n"
		"      --json             print it as JSON (docs/control-socket.md)\n"
		"      --watch[=SECONDS]  again and again, every second or so many\n"
		"  -h, --help             print this\n"
		"\n" PLACE_HELP "\n"
		"Exit status: 0 if it answered, 1 if not, 2 for wrong usage.\n";

enum { OPTION_JSON = 256, OPTION_WATCH };

static const struct option long_options[] = {
	COMMON_LONG_OPTIONS,
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "watch", optional_argument, NULL, OPTION_WATCH },
	{ 0 },
};

static int handle_option(void *user, int option) {
	struct options *options = user;
	uint64_t number = 1;
	switch (option) {
	case OPTION_JSON:
		options->json = true;
		return 0;
	default: // OPTION_WATCH
		if (optarg != NULL && (oriel_parse_number(optarg, MAX_INTERVAL_S, &number) < 0 ||
						      number == 0)) {
			return arguments_fail(command, NULL,
					"--watch needs a number of seconds from 1 to 3600");
		}
		options->watch_s = (uint32_t)number;
		return 0;
	}
}

static const struct common_syntax syntax = {
	.command = command,
	.help = help,
	.long_options = long_options,
	.handle_option = handle_option,
};

static bool is_coloured(void) {
	const char *terminal = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) && (no_colour == NULL || no_colour[0] == '\0') &&
	       (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/** Print it. Returns 0, or -EIO after having said that it cannot be written. */
static int print(const struct options *options, struct json_object *status,
		struct json_object *before) {
	const bool replaces = is_coloured() && options->watch_s > 0 && !options->json;
	if (options->json) {
		const int flags = options->watch_s > 0 ? JSON_C_TO_STRING_PLAIN
						       : JSON_C_TO_STRING_PRETTY;
		puts(json_object_to_json_string_ext(status,
				flags | JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		fputs(replaces ? "\033[H" : before != NULL ? "\n" : "", stdout);
		screen_print(stdout, is_coloured(), status, before);
		fputs(replaces ? "\033[J" : "", stdout);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("oriel status: standard output");
		return -EIO;
	}
	return 0;
}

static int show(const struct options *options) {
	struct place_path path;
	int err = place_find_socket(command, &options->common.place, "control.sock", &path);
	struct json_object *before = NULL;
	bool again = err == 0;
	if (again && options->watch_s > 0 && !options->json && is_coloured()) {
		fputs("\033[2J", stdout);
	}
	while (again) {
		struct json_object *status = NULL;
		err = ask_control(command, &path, "{\"do\":\"status\"}\n", &status);
		if (err == 0) {
			err = print(options, status, before);
		}
		json_object_put(before);
		before = status;
		again = err == 0 && options->watch_s > 0;
		if (again) {
			const struct timespec interval = { .tv_sec = options->watch_s };
			nanosleep(&interval, NULL);
		}
	}
	json_object_put(before);
	return err == 0 ? STATUS_OK : STATUS_FAILED;
}

int run_status(int argc, char **argv) {
	struct options options = { 0 };
	int status;
	return common_options_parse(&syntax, argc, argv, &options, &status) ? show(&options)
									    : status;
}
