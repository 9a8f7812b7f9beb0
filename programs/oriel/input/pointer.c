// SPDX-License-Identifier: MIT
/* `oriel pointer`: move the guest's pointer, click and scroll. */
#include "oriel/command.h"

#include "common/parse.h"
#include "oriel/common_options.h"
#include "oriel/input/typist.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_PX 16384u
#define MAX_DETENTS 1000u
#define DETENT 120

static const char command[] = "oriel pointer";

/** Guests take presses that follow each other faster for a bad contact. */
#define PAUSE_NS 50000000

struct options {
	struct common_options common;
	char **words; // of the actions
	int n_words;
};

static const char help[] =
		"usage: oriel pointer [OPTION]... X Y [ACTION]...\n"
		"\n"
		"Put a running guest's pointer at a pixel of the screen, and do something there.\n"
		"\n"
		"  -s, --socket=PATH  the display socket of the machine's oriel-gpu\n"
		"  -n, --name=NAME    or the machine's name\n"
		"      --scanout=N    which screen, from 0; default: 0\n"
		"  -h, --help         print this\n"
		"\n"
		"An ACTION is click, double-click, right-click, middle-click, down (press the\n"
		"left button), up (release it), scroll N (up by N; down, if N is negative),\n"
		"hscroll N (to the right), or X Y again. What is pressed at the end is released.\n"
		"\n" PLACE_HELP "\n"
		"Exit status: 0 if the guest took it, 1 if not, 2 for wrong usage.\n";

static const struct option long_options[] = {
	COMMON_LONG_OPTIONS,
	COMMON_LONG_OPTION_SCANOUT,
	{ 0 },
};

enum verb {
	VERB_MOVE,
	VERB_CLICK,
	VERB_DOWN,
	VERB_UP,
	VERB_SCROLL,
	VERB_SCROLL_HORIZONTALLY,
};

struct action {
	enum verb verb;
	uint32_t x, y;   // of MOVE
	uint32_t button; // of CLICK, DOWN and UP
	uint32_t n;      // of CLICK
	int32_t amount;  // of SCROLL: detents
};

static const struct {
	const char *name;
	struct action action;
	bool has_number;
} verbs[] = {
	{ "click", { VERB_CLICK, 0, 0, BTN_LEFT, 1, 0 }, false },
	{ "double-click", { VERB_CLICK, 0, 0, BTN_LEFT, 2, 0 }, false },
	{ "right-click", { VERB_CLICK, 0, 0, BTN_RIGHT, 1, 0 }, false },
	{ "middle-click", { VERB_CLICK, 0, 0, BTN_MIDDLE, 1, 0 }, false },
	{ "down", { VERB_DOWN, 0, 0, BTN_LEFT, 0, 0 }, false },
	{ "up", { VERB_UP, 0, 0, BTN_LEFT, 0, 0 }, false },
	{ "scroll", { VERB_SCROLL, 0, 0, 0, 0, 0 }, true },
	{ "hscroll", { VERB_SCROLL_HORIZONTALLY, 0, 0, 0, 0, 0 }, true },
};

/** What stands for a minus while options are looked for, which begin with one, too. */
#define MINUS '~'

static void hide_minuses(int argc, char **argv) {
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1] >= '0' && argv[i][1] <= '9') {
			argv[i][0] = MINUS;
		}
	}
}

static int parse_detents(const char *text, int32_t *ret) {
	uint64_t number;
	const bool is_negative = text[0] == MINUS;
	if (oriel_parse_number(text + (is_negative ? 1 : 0), MAX_DETENTS, &number) < 0) {
		return -EINVAL;
	}
	*ret = is_negative ? -(int32_t)number : (int32_t)number;
	return 0;
}

static int parse_place(char **words, int n_words, struct action *ret) {
	uint64_t x, y;
	if (n_words < 2 || oriel_parse_number(words[0], MAX_PX, &x) < 0 ||
			oriel_parse_number(words[1], MAX_PX, &y) < 0) {
		return -EINVAL;
	}
	*ret = (struct action){ .verb = VERB_MOVE, .x = (uint32_t)x, .y = (uint32_t)y };
	return 2;
}

/** The first of n_words. Returns how many words it has, or -EINVAL after having said why not. */
static int parse_action(char **words, int n_words, struct action *ret) {
	if (words[0][0] >= '0' && words[0][0] <= '9') {
		int n = parse_place(words, n_words, ret);
		return n > 0 ? n
			     : arguments_fail(command, words[0],
					       "X and Y are numbers from 0 to 16384");
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(verbs); i++) {
		if (strcmp(words[0], verbs[i].name) != 0) {
			continue;
		}
		*ret = verbs[i].action;
		if (!verbs[i].has_number) {
			return 1;
		}
		if (n_words < 2 || parse_detents(words[1], &ret->amount) < 0) {
			return arguments_fail(command, words[0],
					"it needs a number from -1000 to 1000");
		}
		return 2;
	}
	return arguments_fail(command, words[0], "not an action");
}

/** All are judged before one is carried out. */
static int take_words(void *user, int n, char **words) {
	struct options *options = user;
	struct action action;
	if (parse_place(words, n, &action) < 0) {
		return arguments_fail(command, NULL,
				"X and Y are needed first: numbers from 0 to 16384");
	}
	for (int i = 0; i < n;) {
		int n_taken = parse_action(words + i, n - i, &action);
		if (n_taken < 0) {
			return n_taken;
		}
		i += n_taken;
	}
	options->words = words;
	options->n_words = n;
	return 0;
}

static const struct common_syntax syntax = {
	.command = command,
	.help = help,
	.long_options = long_options,
	.take_words = take_words,
};

static void pause_between_presses(void) {
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	nanosleep(&pause, NULL);
}

static int click(struct typist *typist, uint32_t scanout, const struct action *action) {
	int err = 0;
	for (uint32_t i = 0; err == 0 && i < 2 * action->n; i++) {
		if (i > 0) {
			pause_between_presses();
		}
		err = typist_send_button(typist, scanout, action->button, i % 2 == 0);
		if (err == 0) {
			err = typist_sync(typist);
		}
	}
	return err;
}

/** A detent at a time, as a wheel turns. */
static int scroll(struct typist *typist, uint32_t scanout, const struct action *action) {
	const int32_t step = action->amount < 0 ? -DETENT : DETENT;
	const bool is_vertical = action->verb == VERB_SCROLL;
	int err = 0;
	for (int32_t left = action->amount; err == 0 && left != 0; left -= step / DETENT) {
		err = typist_send_wheel(typist, scanout, is_vertical ? step : 0,
				is_vertical ? 0 : step);
	}
	return err;
}

static int run(struct typist *typist, uint32_t scanout, const struct action *action) {
	switch (action->verb) {
	case VERB_MOVE:
		return typist_send_pointer(typist, scanout, action->x, action->y);
	case VERB_CLICK:
		return click(typist, scanout, action);
	case VERB_DOWN:
	case VERB_UP:
		return typist_send_button(typist, scanout, action->button,
				action->verb == VERB_DOWN);
	case VERB_SCROLL:
	case VERB_SCROLL_HORIZONTALLY:
		return scroll(typist, scanout, action);
	}
	return -EINVAL;
}

int run_pointer(int argc, char **argv) {
	struct options options = { 0 };
	int status;
	hide_minuses(argc, argv);
	if (!common_options_parse(&syntax, argc, argv, &options, &status)) {
		return status;
	}
	struct typist typist;
	if (typist_open(&typist, command, &options.common.place) < 0) {
		return STATUS_FAILED;
	}
	int err = 0;
	for (int i = 0; err == 0 && i < options.n_words;) {
		struct action action = { 0 };
		i += parse_action(options.words + i, options.n_words - i, &action); // it was judged
		err = run(&typist, options.common.scanout, &action);
	}
	if (err == 0) {
		err = typist_sync(&typist);
	}
	typist_close(&typist);
	return err == 0 ? STATUS_OK : STATUS_FAILED;
}
