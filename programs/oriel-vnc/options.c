// SPDX-License-Identifier: MIT
/* See options.h. */
#include "oriel-vnc/options.h"

#include "common/arguments.h"
#include "common/parse.h"
#include "common/utf8.h"

#include <errno.h>
#include <oriel/client.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_VIEWERS 8u

void options_print_help(void) {
	fputs("usage: oriel-vnc --socket=PATH --listen=WHERE [OPTION]...\n"
	      "       oriel-vnc --socket=PATH --web=ADDRESS:PORT [OPTION]...\n"
	      "\n"
	      "Show a virtual machine's screen to VNC viewers and browsers.\n"
	      "\n"
	      "  -s, --socket=PATH        the display socket of the machine's oriel-gpu\n"
	      "      --listen=WHERE       serve VNC viewers at ADDRESS:PORT or unix:PATH\n"
	      "      --web=ADDRESS:PORT   serve browsers; prints the URL to open; port 0: any\n"
	      "      --password-file=FILE ask all for the password that is FILE's first line;\n"
	      "                           needed to listen beyond this machine\n"
	      "      --head=N             which screen, from 0; default: 0\n"
	      "      --view-only          take no keys, pointer or sizes from viewers\n"
	      "      --max-viewers=N      at once, 1 to 15; default: 8\n"
	      "      --keymap=LAYOUT      the guest's keyboard, for viewers that send no key\n"
	      "                           codes: us, de or us:intl; default: us\n"
	      "      --name=TEXT          what viewers call the machine; default: Oriel\n"
	      "      --novnc=DIR          where noVNC is; default: " ORIEL_NOVNC "\n"
	      "      --log-level=LEVEL    error, warn, info or debug; default: info\n"
	      "      --version            print the version\n"
	      "  -h, --help               print this\n"
	      "\n"
	      "Exit status: 0 if it was ended, 1 if it failed, 2 for wrong usage.\n",
			stdout);
}

static const char command[] = "oriel-vnc";

enum {
	OPTION_LISTEN = 256,
	OPTION_WEB,
	OPTION_PASSWORD_FILE,
	OPTION_HEAD,
	OPTION_VIEW_ONLY,
	OPTION_MAX_VIEWERS,
	OPTION_KEYMAP,
	OPTION_NAME,
	OPTION_NOVNC,
	OPTION_LOG_LEVEL,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "web", required_argument, NULL, OPTION_WEB },
	{ "password-file", required_argument, NULL, OPTION_PASSWORD_FILE },
	{ "head", required_argument, NULL, OPTION_HEAD },
	{ "view-only", no_argument, NULL, OPTION_VIEW_ONLY },
	{ "max-viewers", required_argument, NULL, OPTION_MAX_VIEWERS },
	{ "keymap", required_argument, NULL, OPTION_KEYMAP },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "novnc", required_argument, NULL, OPTION_NOVNC },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/** Text that viewers can show. */
static bool is_name(const char *text) {
	uint32_t character = 0;
	int err;
	do {
		err = utf8_next(&text, &character);
	} while (err == 0 && character >= ' ' && (character < 0x7f || character >= 0xa0));
	return err == -ENODATA;
}

static int take_text(int option, const char *expected, const char **ret) {
	return arguments_take_text(command, long_options, option, expected, ret);
}

static int fail(const char *what) {
	return arguments_fail(command, NULL, what);
}

static int set_listen(struct options *options, const char *text) {
	options->has_listen = true;
	if (strncmp(text, "unix:", 5) == 0 && text[5] != '\0') {
		options->listen_path = text + 5;
		return 0;
	}
	options->listen_path = NULL;
	return address_parse(text, &options->listen) < 0
			       ? fail("--listen needs ADDRESS:PORT, with a numeric address, or "
				      "unix:PATH")
			       : 0;
}

static int set_web(struct options *options, const char *text) {
	options->has_web = true;
	return address_parse(text, &options->web) < 0
			       ? fail("--web needs ADDRESS:PORT, with a numeric address")
			       : 0;
}

static int set_log_level(struct options *options, const char *text) {
	static const char *const names[] = { "error", "warn", "info", "debug" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			options->log_level = (enum oriel_log_level)i;
			return 0;
		}
	}
	return fail("--log-level needs error, warn, info or debug");
}

static int set_number(const char *text, uint64_t least, uint64_t most, uint32_t *ret,
		const char *what) {
	uint64_t number;
	if (oriel_parse_number(text, most, &number) < 0 || number < least) {
		return fail(what);
	}
	*ret = (uint32_t)number;
	return 0;
}

static int handle_option(void *user, int option) {
	struct options *options = user;
	switch (option) {
	case 's':
		return take_text(option, "a path", &options->socket);
	case OPTION_LISTEN:
		return set_listen(options, optarg);
	case OPTION_WEB:
		return set_web(options, optarg);
	case OPTION_PASSWORD_FILE:
		return take_text(option, "a path", &options->password_file);
	case OPTION_HEAD:
		return set_number(optarg, 0, ORIEL_CLIENT_MAX_SCANOUTS - 1, &options->head,
				"--head needs a number from 0 to 15");
	case OPTION_VIEW_ONLY:
		options->view_only = true;
		return 0;
	case OPTION_MAX_VIEWERS:
		return set_number(optarg, 1, MAX_VIEWERS, &options->max_viewers,
				"--max-viewers needs a number from 1 to 15");
	case OPTION_KEYMAP:
		return take_text(option, "a layout", &options->keymap);
	case OPTION_NAME:
		return is_name(optarg) ? take_text(option, "a name", &options->name)
				       : arguments_fail_value(command, long_options, option,
							 "a name: one line of UTF-8");
	case OPTION_NOVNC:
		return take_text(option, "a folder", &options->novnc);
	case OPTION_LOG_LEVEL:
		return set_log_level(options, optarg);
	case OPTION_VERSION:
		options->version = true;
		return 0;
	default: // 'h'
		options->help = true;
		return 0;
	}
}

static const struct arguments_syntax syntax = {
	.command = command,
	.short_options = ":s:h",
	.long_options = long_options,
	.handle_option = handle_option,
};

/** What the options must be together. */
static int check(const struct options *options) {
	if (options->socket == NULL) {
		return fail("--socket is needed");
	}
	if (!options->has_listen && !options->has_web) {
		return fail("--listen or --web is needed");
	}
	if (options->password_file != NULL) {
		return 0;
	}
	if (options->has_listen && options->listen_path == NULL &&
			!address_is_loopback(&options->listen)) {
		return fail("--listen beyond this machine needs --password-file");
	}
	if (options->has_web && !address_is_loopback(&options->web)) {
		return fail("--web beyond this machine needs --password-file");
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret) {
	struct options options = {
		.keymap = "us",
		.name = "Oriel",
		.novnc = ORIEL_NOVNC,
		.max_viewers = DEFAULT_VIEWERS,
		.log_level = ORIEL_LOG_INFO,
	};
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err == 0 && !options.help && !options.version) {
		err = optind < argc ? arguments_fail(command, argv[optind], "not an option")
				    : check(&options);
	}
	if (err < 0) {
		return err;
	}
	*ret = options;
	return 0;
}
