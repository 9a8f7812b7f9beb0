// SPDX-License-Identifier: MIT
/*
 * What a viewer types and points at, for the guest. See viewer.h, keyboard.h.
 *
 * The viewer's messages are only read while the display socket takes ours (viewer.c), so there is
 * always room for the few that one of them makes. What a viewer holds when it goes is released by
 * the display socket's server, which sees this process's connection end however it ends.
 */
#include "oriel-vnc/viewer.h"

#include <linux/input-event-codes.h>
#include <time.h>
#include <xkbcommon/xkbcommon-keysyms.h>

/** One detent of a wheel. */
#define DETENT 120

/** Bits of RFB's button mask: three buttons, four ways of the wheel, and one more button. */
#define WHEEL_UP 3
#define WHEEL_RIGHT 6
#define N_BUTTON_BITS 8

/** Marks a number of a key in input.held, where keysyms have only 30 bits. */
#define HELD_BY_NUMBER 0x80000000u

/** A viewer that moved its pointer within this time is not told where the guest has it. */
#define POINTING_NS UINT64_C(1000000000)

static uint64_t get_now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool takes_input(const struct viewer *viewer) {
	return viewer->display != NULL && !viewer->setup->options->view_only &&
	       oriel_client_has_input(viewer->display);
}

static void send_key(struct viewer *viewer, uint32_t code, bool is_pressed) {
	int err = oriel_client_send_key(viewer->display, code, is_pressed);
	if (err < 0) {
		viewer_log(viewer, ORIEL_LOG_WARN, "key %u is lost: the device takes no more",
				code);
	}
}

static bool is_held(const struct viewer *viewer, uint16_t code) {
	for (size_t i = 0; i < INPUT_MAX_HELD; i++) {
		if (viewer->input.held[i].code == code) {
			return true;
		}
	}
	return false;
}

/** Release what was pressed under this name. Returns whether something was. */
static bool release(struct viewer *viewer, uint32_t name) {
	for (size_t i = 0; i < INPUT_MAX_HELD; i++) {
		if (viewer->input.held[i].code != 0 && viewer->input.held[i].keysym == name) {
			uint16_t code = viewer->input.held[i].code;
			viewer->input.held[i].code = 0;
			if (!is_held(viewer, code)) {
				send_key(viewer, code, false);
			}
			return true;
		}
	}
	return false;
}

/** Press a key, and remember under which name. A key that is held is pressed again: it repeats. */
static void press(struct viewer *viewer, uint32_t name, uint16_t code) {
	for (size_t i = 0; i < INPUT_MAX_HELD; i++) {
		if (viewer->input.held[i].code != 0 && viewer->input.held[i].keysym == name) {
			return; // the guest repeats it by itself
		}
	}
	for (size_t i = 0; i < INPUT_MAX_HELD; i++) {
		if (viewer->input.held[i].code == 0) {
			viewer->input.held[i].keysym = name;
			viewer->input.held[i].code = code;
			send_key(viewer, code, true);
			return;
		}
	}
}

/** Make a modifier be as a keysym needs it, by its keys, and say which were changed. */
static uint32_t adjust(struct viewer *viewer, const uint16_t codes[2], bool wanted) {
	uint32_t changed = 0;
	for (uint32_t i = 0; i < 2; i++) {
		if (!wanted && is_held(viewer, codes[i])) {
			send_key(viewer, codes[i], false);
			changed |= 1u << i;
		}
	}
	if (wanted && !is_held(viewer, codes[0]) && !is_held(viewer, codes[1])) {
		send_key(viewer, codes[0], true);
		changed = 1;
	}
	return changed;
}

static void undo(struct viewer *viewer, const uint16_t codes[2], bool wanted, uint32_t changed) {
	for (uint32_t i = 0; i < 2; i++) {
		if ((changed >> i & 1) != 0) {
			send_key(viewer, codes[i], !wanted);
		}
	}
}

/** Press the key of a keysym, with the modifiers that it takes in the guest's layout. */
static void press_keysym(struct viewer *viewer, uint32_t keysym, const struct keymap_key *key) {
	static const uint16_t shift[2] = { KEY_LEFTSHIFT, KEY_RIGHTSHIFT };
	static const uint16_t level3[2] = { KEY_RIGHTALT, KEY_RIGHTALT };
	if (key->any_shift) {
		press(viewer, keysym, key->code);
		return;
	}
	uint32_t shifts = adjust(viewer, shift, key->shift);
	// Alt alone is a shortcut's, and no business of a character that does not need it.
	uint32_t level3s = key->level3 ? adjust(viewer, level3, true) : 0;
	press(viewer, keysym, key->code);
	undo(viewer, level3, true, level3s);
	undo(viewer, shift, key->shift, shifts);
}

void input_handle_key(rfbBool is_down, rfbKeySym keysym, rfbClientPtr client) {
	struct viewer *viewer = client->clientData;
	if (!takes_input(viewer)) {
		return;
	}
	if (!is_down) {
		(void)release(viewer, keysym);
		return;
	}
	// Keysyms have the locks in them already; the guest must not count them twice.
	if (keysym == XKB_KEY_Caps_Lock || keysym == XKB_KEY_Num_Lock ||
			keysym == XKB_KEY_Shift_Lock) {
		return;
	}
	const struct keymap_key *key = keymap_find(viewer->setup->keymap, keysym);
	if (key == NULL) {
		viewer_log(viewer, ORIEL_LOG_DEBUG, "no key makes keysym %#x", keysym);
		return;
	}
	press_keysym(viewer, keysym, key);
}

void input_handle_key_code(struct viewer *viewer, bool is_down, uint32_t keysym, uint32_t number) {
	if (!takes_input(viewer)) {
		return;
	}
	uint16_t code = keyboard_code_of_number(number);
	if (code == 0) { // a viewer that does not know which key it was
		input_handle_key(is_down, keysym, viewer->client);
		return;
	}
	uint32_t name = HELD_BY_NUMBER | number;
	if (is_down) {
		press(viewer, name, code);
	} else {
		(void)release(viewer, name);
	}
}

static void send_button(struct viewer *viewer, unsigned int bit, bool is_pressed) {
	static const uint32_t codes[N_BUTTON_BITS] = { BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, 0, 0, 0, 0,
		BTN_SIDE };
	static const int32_t wheel[][2] = { { DETENT, 0 }, { -DETENT, 0 }, { 0, -DETENT },
		{ 0, DETENT } };
	uint32_t head = viewer->setup->options->head;
	int err = 0;
	if (bit < WHEEL_UP || bit > WHEEL_RIGHT) {
		err = oriel_client_send_button(viewer->display, head, codes[bit], is_pressed);
	} else if (is_pressed) {
		const int32_t *turn = wheel[bit - WHEEL_UP];
		err = oriel_client_send_wheel(viewer->display, head, turn[0], turn[1]);
	}
	if (err < 0) {
		viewer_log(viewer, ORIEL_LOG_WARN, "a button is lost: the device takes no more");
	}
}

void input_handle_pointer(int mask, int x, int y, rfbClientPtr client) {
	struct viewer *viewer = client->clientData;
	struct input *input = &viewer->input;
	if (!takes_input(viewer)) {
		return;
	}
	// Also where this viewer was before: others may have moved the pointer meanwhile. A
	// position that is lost is followed by another.
	int err = oriel_client_send_pointer(viewer->display, viewer->setup->options->head,
			x < 0 ? 0 : (uint32_t)x, y < 0 ? 0 : (uint32_t)y);
	(void)err;
	input->has_pointer = true;
	input->moved_ns = get_now_ns();
	uint8_t changed = input->buttons ^ (uint8_t)mask;
	input->buttons = (uint8_t)mask;
	for (unsigned int bit = 0; bit < N_BUTTON_BITS; bit++) {
		if ((changed >> bit & 1) != 0) {
			send_button(viewer, bit, (mask >> bit & 1) != 0);
		}
	}
}

bool input_is_pointing(const struct viewer *viewer) {
	return viewer->input.has_pointer && get_now_ns() - viewer->input.moved_ns < POINTING_NS;
}
