// SPDX-License-Identifier: MIT
/*
 * Keys: from what viewers send to the codes of the guest's keyboard (linux/input-event-codes.h).
 *
 * A viewer tells which key it is (QEMU's extension: the number that a PC keyboard sends), and then
 * the layouts of both sides may be any. Or it tells which character (a keysym), and then the key
 * is looked for in the layout that the guest is said to have, with the modifiers it takes there.
 */
#ifndef ORIEL_VNC_KEYBOARD_H
#define ORIEL_VNC_KEYBOARD_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Keysyms that a keymap may have. pc105 with four levels has fewer than 500. */
#define KEYMAP_MAX_KEYS 1024

/** How a keysym is typed. */
struct keymap_key {
	uint32_t keysym;
	uint16_t code;
	bool shift, level3;
	bool any_shift; // Shift and level 3 make no difference: a function key, say
};

/** By keysym, each once, in the way that takes the fewest modifiers. */
struct keymap {
	size_t n_keys;
	struct keymap_key keys[KEYMAP_MAX_KEYS];
};

/**
 * Make the keymap of a layout: "us", or with a variant "us:intl".
 *
 * Returns 0, -EINVAL if there is no such layout, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int keymap_init(struct keymap *keymap, const char *layout);

/** The way to type a keysym; NULL: there is none. */
const struct keymap_key *keymap_find(const struct keymap *keymap, uint32_t keysym);

/** The code of a key by a PC keyboard's number, as QEMU's extension has it; 0: none. */
uint16_t keyboard_code_of_number(uint32_t number);

/** What a viewer holds down. */
#define INPUT_MAX_HELD 32

struct input {
	struct {
		uint32_t keysym; // or the number, with HELD_BY_NUMBER
		uint16_t code;   // 0: free
	} held[INPUT_MAX_HELD];
	uint8_t buttons;   // of RFB
	bool has_pointer;  // the viewer has pointed anywhere
	uint64_t moved_ns; // when it did last
};

#endif
