// SPDX-License-Identifier: MIT
/* `oriel type`: type a text on the guest's keyboard. */
#include "oriel/command.h"

#include "common/parse.h"
#include "common/typed.h"
#include "common/utf8.h"
#include "oriel/common_options.h"
#include "oriel/input/keymap.h"
#include "oriel/input/typist.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_DELAY_MS 10u
#define MAX_DELAY_MS 10000u

static const char command[] = "oriel type";

struct options {
	struct common_options common;
	const char *keymap;
	uint32_t delay_ms; // between characters
	const char *text;
};

/** What is held while characters are typed. */
struct held {
	bool shift, altgr;
};

static const char help[] =
		"usage: oriel type [OPTION]... TEXT\n"
		"\n"
		"Type a text on a running guest's keyboard. Newlines and tabs are keys too.\n"
		"\n"
		"  -s, --socket=PATH    the display socket of the machine's oriel-gpu\n"
		"  -n, --name=NAME      or the machine's name\n"
		"      --keymap=LAYOUT  the layout that the guest is set to, as xkb names it, "
		"with\n"
		"                       its variant: de, de:nodeadkeys; default: us\n"
		"      --delay=MS       milliseconds between characters; default: 10\n"
		"  -h, --help           print this\n"
		"\n" PLACE_HELP "\n"
		"Exit status: 0 if the guest took it, 1 if not, 2 for wrong usage.\n";

enum { OPTION_KEYMAP = 256, OPTION_DELAY };

static const struct option long_options[] = {
	COMMON_LONG_OPTIONS,
	{ "keymap", required_argument, NULL, OPTION_KEYMAP },
	{ "delay", required_argument, NULL, OPTION_DELAY },
	{ 0 },
};

static int handle_option(void *user, int option) {
	struct options *options = user;
	uint64_t number;
	switch (option) {
	case OPTION_KEYMAP:
		options->keymap = optarg;
		return 0;
	default: // OPTION_DELAY
		if (oriel_parse_number(optarg, MAX_DELAY_MS, &number) < 0) {
			return arguments_fail(command, NULL,
					"--delay needs a number of milliseconds from 0 to 10000");
		}
		options->delay_ms = (uint32_t)number;
		return 0;
	}
}

static int take_words(void *user, int n, char **words) {
	struct options *options = user;
	if (n != 1) {
		return arguments_fail(command, NULL, "one TEXT is needed");
	}
	options->text = words[0];
	return 0;
}

static const struct common_syntax syntax = {
	.command = command,
	.help = help,
	.long_options = long_options,
	.handle_option = handle_option,
	.take_words = take_words,
};

/** Say why the keymap cannot be had. Returns the exit status. */
static int fail_keymap(const struct options *options, int err) {
	char typed[TYPED_SIZE], line[TYPED_SIZE + 32];
	if (err == -EOPNOTSUPP) {
		fprintf(stderr, "%s: this build cannot: it was made without xkbcommon\n", command);
		return STATUS_FAILED;
	}
	if (err == -ENOENT) {
		snprintf(line, sizeof(line), "--keymap: there is no '%s'",
				typed_copy(options->keymap, typed));
		(void)arguments_fail(command, NULL, line);
		return STATUS_USAGE;
	}
	fprintf(stderr, "%s: %s\n", command, strerror(-err));
	return STATUS_FAILED;
}

/** Whether the keymap has all characters of the text; says which it has not. */
static int check_text(const struct keymap *keymap, const struct options *options) {
	uint32_t character;
	int err;
	const char *at = options->text;
	const char *next = at;
	while ((err = utf8_next(&next, &character)) == 0) {
		struct keymap_stroke stroke;
		if (keymap_find(keymap, character, &stroke) < 0) {
			const bool is_visible = character > ' ' && character != 0x7f &&
						(character < 0x80 || character >= 0xa0);
			fprintf(stderr,
					"%s: the keymap %s has no key for U+%04X%s%.*s%s: nothing "
					"was typed\n",
					command, options->keymap, character, is_visible ? " '" : "",
					is_visible ? (int)(next - at) : 0, at,
					is_visible ? "'" : "");
			return -ENOENT;
		}
		at = next;
	}
	if (err == -EBADMSG) {
		return arguments_fail(command, NULL, "the text is not UTF-8");
	}
	return 0;
}

/** Hold what the next character needs, and nothing else. */
static int hold(struct typist *typist, struct held *held, bool shift, bool altgr) {
	int err = 0;
	if (held->shift != shift) {
		err = typist_send_key(typist, KEY_LEFTSHIFT, shift);
		held->shift = shift;
	}
	if (err == 0 && held->altgr != altgr) {
		err = typist_send_key(typist, KEY_RIGHTALT, altgr);
		held->altgr = altgr;
	}
	return err;
}

/**
 * Give the guest's programs time for a character. The device loses none, but a guest that types
 * faster than its programs read may lose some: evdev keeps few events for each reader.
 */
static int pause_typing(struct typist *typist, uint32_t delay_ms) {
	if (delay_ms == 0) {
		return 0;
	}
	int err = typist_sync(typist);
	const struct timespec delay = { delay_ms / 1000, (long)(delay_ms % 1000) * 1000000 };
	(void)nanosleep(&delay, NULL); // shorter, if a signal comes
	return err;
}

static int type_text(struct typist *typist, const struct keymap *keymap,
		const struct options *options) {
	struct held held = { 0 };
	const char *text = options->text;
	uint32_t character;
	int err = 0;
	while (err == 0 && utf8_next(&text, &character) == 0) {
		struct keymap_stroke stroke;
		err = keymap_find(keymap, character, &stroke);
		if (err == 0) {
			err = hold(typist, &held, stroke.with_shift, stroke.with_altgr);
		}
		if (err == 0) {
			err = typist_send_key(typist, stroke.key, true);
		}
		if (err == 0) {
			err = typist_send_key(typist, stroke.key, false);
		}
		if (err == 0) {
			err = pause_typing(typist, options->delay_ms);
		}
	}
	if (err == 0) {
		err = hold(typist, &held, false, false);
	}
	return err == 0 ? typist_sync(typist) : err;
}

int run_type(int argc, char **argv) {
	struct options options = { .keymap = "us", .delay_ms = DEFAULT_DELAY_MS };
	int status;
	if (!common_options_parse(&syntax, argc, argv, &options, &status)) {
		return status;
	}
	struct keymap *keymap = NULL;
	int err = keymap_create(options.keymap, &keymap);
	if (err < 0) {
		return fail_keymap(&options, err);
	}
	err = check_text(keymap, &options);
	if (err < 0) {
		keymap_destroy(keymap);
		return err == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
	}
	struct typist typist;
	err = typist_open(&typist, command, &options.common.place);
	if (err == 0) {
		err = type_text(&typist, keymap, &options);
		typist_close(&typist);
	}
	keymap_destroy(keymap);
	return err == 0 ? STATUS_OK : STATUS_FAILED;
}
