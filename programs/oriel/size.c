// SPDX-License-Identifier: MIT
/* `oriel size`: give a scanout another size, through the display socket. */
#include "oriel/command.h"

#include "common/parse.h"
#include "oriel/common_options.h"
#include "oriel/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_S 5u
#define MAX_SIZE_PX 16384u
#define MAX_HZ 1000u

static const char command[] = "oriel size";

struct options {
	struct common_options common;
	struct oriel_client_size size;
};

static const char help[] =
		"usage: oriel size [OPTION]... WIDTHxHEIGHT[@HERTZ]\n"
		"       oriel size [OPTION]... off\n"
		"\n"
		"Tell a running guest that its monitor has another size now, or is unplugged.\n"
		"\n"
		"  -s, --socket=PATH  the display socket of the machine's oriel-gpu\n"
		"  -n, --name=NAME    or the machine's name\n"
		"      --scanout=N    which screen, from 0; default: 0\n"
		"  -h, --help         print this\n"
		"\n" PLACE_HELP "\n"
		"Exit status: 0 if the guest is told, 1 if not, 2 for wrong usage.\n";

static const struct option long_options[] = {
	COMMON_LONG_OPTIONS,
	COMMON_LONG_OPTION_SCANOUT,
	{ 0 },
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

static int take_words(void *user, int n, char **words) {
	struct options *options = user;
	if (n != 1 || parse_size(words[0], &options->size) < 0) {
		return arguments_fail(command, NULL, "one WIDTHxHEIGHT[@HERTZ], or off, is needed");
	}
	return 0;
}

static const struct common_syntax syntax = {
	.command = command,
	.help = help,
	.long_options = long_options,
	.take_words = take_words,
};

static int set_size(const struct options *options) {
	struct session session = { .command = command, .timeout_s = TIMEOUT_S };
	int err = session_open(&session, &options->common.place);
	if (err < 0) {
		return STATUS_FAILED;
	}
	const struct oriel_client_event *event;
	err = session_wait(&session, ORIEL_CLIENT_WELCOME, &event);
	if (err == 0) {
		uint32_t token;
		err = oriel_client_request_size(session.client, options->common.scanout,
				&options->size, &token);
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
	int status;
	return common_options_parse(&syntax, argc, argv, &options, &status) ? set_size(&options)
									    : status;
}
