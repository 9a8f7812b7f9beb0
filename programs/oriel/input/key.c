// SPDX-License-Identifier: MIT
/* `oriel key`: press keys of the guest's keyboard, by their names. */
#include "oriel/command.h"

#include "oriel/common_options.h"
#include "oriel/input/key_name.h"
#include "oriel/input/typist.h"

#include <errno.h>
#include <stdio.h>

static const char command[] = "oriel key";

struct options {
	struct common_options common;
	char **chords;
	int n_chords;
};

static const char help[] =
		"usage: oriel key [OPTION]... KEY[+KEY...]...\n"
		"\n"
		"Press keys of a running guest, those joined by + together, and release them.\n"
		"\n"
		"  -s, --socket=PATH  the display socket of the machine's oriel-gpu\n"
		"  -n, --name=NAME    or the machine's name\n"
		"  -h, --help         print this\n"
		"\n"
		"A KEY is named as Linux names it: a to z, 0 to 9, f1 to f24, enter, esc, tab,\n"
		"space, backspace, delete, up, pageup, kp5, ...; and ctrl, alt, altgr, shift,\n"
		"super, menu.\n"
		"\n" PLACE_HELP "\n"
		"Exit status: 0 if the guest took them, 1 if not, 2 for wrong usage.\n";

static const struct option long_options[] = {
	COMMON_LONG_OPTIONS,
	{ 0 },
};

/** Say why it is none. */
static int check_chord(const char *text, struct key_chord *ret) {
	const char *name;
	size_t size;
	char line[128];
	int err = key_chord_parse(text, ret, &name, &size);
	if (err == -ENOENT) {
		snprintf(line, sizeof(line), "'%.*s' is not a key", size < 64 ? (int)size : 64,
				name);
		return arguments_fail(command, NULL, line);
	}
	if (err == -EEXIST) {
		return arguments_fail(command, text, "a key comes twice");
	}
	if (err < 0) {
		return arguments_fail(command, text, "too many keys at once");
	}
	return 0;
}

static int press(struct typist *typist, const struct key_chord *chord) {
	int err = 0;
	for (size_t i = 0; err == 0 && i < chord->n; i++) {
		err = typist_send_key(typist, chord->keys[i], true);
	}
	for (size_t i = chord->n; err == 0 && i > 0; i--) {
		err = typist_send_key(typist, chord->keys[i - 1], false);
	}
	return err;
}

/** All are judged before one is pressed. */
static int take_words(void *user, int n, char **words) {
	struct options *options = user;
	if (n == 0) {
		return arguments_fail(command, NULL, "a key is needed");
	}
	for (int i = 0; i < n; i++) {
		struct key_chord chord;
		int err = check_chord(words[i], &chord);
		if (err < 0) {
			return err;
		}
	}
	options->chords = words;
	options->n_chords = n;
	return 0;
}

static const struct common_syntax syntax = {
	.command = command,
	.help = help,
	.long_options = long_options,
	.take_words = take_words,
};

int run_key(int argc, char **argv) {
	struct options options = { 0 };
	int status;
	if (!common_options_parse(&syntax, argc, argv, &options, &status)) {
		return status;
	}
	struct typist typist;
	if (typist_open(&typist, command, &options.common.place) < 0) {
		return STATUS_FAILED;
	}
	int err = 0;
	for (int i = 0; err == 0 && i < options.n_chords; i++) {
		struct key_chord chord;
		err = check_chord(options.chords[i], &chord);
		if (err == 0) {
			err = press(&typist, &chord);
		}
	}
	if (err == 0) {
		err = typist_sync(&typist);
	}
	typist_close(&typist);
	return err == 0 ? STATUS_OK : STATUS_FAILED;
}
