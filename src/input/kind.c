// SPDX-License-Identifier: MIT
/* What the two kinds of input devices are: see include/oriel/input.h and input.h. */
#include "input/input.h"

#include <linux/input-event-codes.h>
#include <linux/input.h>

/** The codes that Linux has no key for are left out: 0, 84, 195 to 199 and 249 on. */
static const struct oriel_input_codes keyboard_codes[] = {
	{ EV_KEY, KEY_ESC, KEY_KPDOT }, { EV_KEY, KEY_ZENKAKUHANKAKU, KEY_F24 },
	{ EV_KEY, KEY_PLAYCD, KEY_MICMUTE }, { EV_LED, LED_NUML, LED_SCROLLL },
	{ EV_REP, REP_DELAY, REP_PERIOD }, // by which drivers let the guest repeat keys
};

static const struct oriel_input_codes tablet_codes[] = {
	{ EV_KEY, BTN_LEFT, BTN_EXTRA },
	{ EV_REL, REL_HWHEEL, REL_HWHEEL },
	{ EV_REL, REL_WHEEL, REL_WHEEL },
	{ EV_REL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES },
	{ EV_ABS, ABS_X, ABS_Y },
};

static const struct oriel_input_axis tablet_axes[] = {
	{ ABS_X, 0, ORIEL_INPUT_MAX_POSITION },
	{ ABS_Y, 0, ORIEL_INPUT_MAX_POSITION },
};

static const struct oriel_input_identity keyboard = {
	.name = "Oriel keyboard",
	.serial = "",
	.bus = BUS_VIRTUAL,
	.product = 1,
	.version = 1,
	.codes = keyboard_codes,
	.n_codes = ORIEL_ARRAY_LEN(keyboard_codes),
};

static const struct oriel_input_identity tablet = {
	.name = "Oriel tablet",
	.serial = "",
	.bus = BUS_VIRTUAL,
	.product = 2,
	.version = 1,
	.codes = tablet_codes,
	.n_codes = ORIEL_ARRAY_LEN(tablet_codes),
	.axes = tablet_axes,
	.n_axes = ORIEL_ARRAY_LEN(tablet_axes),
};

const struct oriel_input_identity *oriel_input_find_kind(enum oriel_input_kind kind) {
	switch (kind) {
	case ORIEL_INPUT_KEYBOARD:
		return &keyboard;
	case ORIEL_INPUT_TABLET:
		return &tablet;
	}
	return NULL;
}
