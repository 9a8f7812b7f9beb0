// SPDX-License-Identifier: MIT
/* See keyboard.h. */
#include "oriel-vnc/keyboard.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

/** X's codes of keys are the kernel's, moved by this. */
#define XKB_OFFSET 8

#define MAX_LAYOUT 64

/*
 * Numbers of PC keys are the kernel's codes up to F12, but for a few. What has 0xe0 before it on
 * the wire has bit 7 here.
 */
#define N_EQUAL_NUMBERS 0x59u
#define NUMBER_MAX 0x100u

static const uint16_t other_numbers[NUMBER_MAX] = {
	[0x54] = KEY_SYSRQ,
	[0x59] = KEY_KPEQUAL,
	[0x5c] = KEY_KPCOMMA,
	[0x64] = KEY_F13,
	[0x65] = KEY_F14,
	[0x66] = KEY_F15,
	[0x67] = KEY_F16,
	[0x68] = KEY_F17,
	[0x69] = KEY_F18,
	[0x6a] = KEY_F19,
	[0x6b] = KEY_F20,
	[0x6c] = KEY_F21,
	[0x6d] = KEY_F22,
	[0x6e] = KEY_F23,
	[0x70] = KEY_KATAKANAHIRAGANA,
	[0x71] = KEY_HANJA,
	[0x72] = KEY_HANGEUL,
	[0x73] = KEY_RO,
	[0x76] = KEY_F24,
	[0x77] = KEY_HIRAGANA,
	[0x78] = KEY_KATAKANA,
	[0x79] = KEY_HENKAN,
	[0x7b] = KEY_MUHENKAN,
	[0x7d] = KEY_YEN,
	[0x7e] = KEY_KPCOMMA,
	[0x90] = KEY_PREVIOUSSONG,
	[0x99] = KEY_NEXTSONG,
	[0x9c] = KEY_KPENTER,
	[0x9d] = KEY_RIGHTCTRL,
	[0xa0] = KEY_MUTE,
	[0xa1] = KEY_CALC,
	[0xa2] = KEY_PLAYPAUSE,
	[0xa4] = KEY_STOPCD,
	[0xae] = KEY_VOLUMEDOWN,
	[0xb0] = KEY_VOLUMEUP,
	[0xb2] = KEY_HOMEPAGE,
	[0xb5] = KEY_KPSLASH,
	[0xb7] = KEY_SYSRQ,
	[0xb8] = KEY_RIGHTALT,
	[0xc6] = KEY_PAUSE,
	[0xc7] = KEY_HOME,
	[0xc8] = KEY_UP,
	[0xc9] = KEY_PAGEUP,
	[0xcb] = KEY_LEFT,
	[0xcd] = KEY_RIGHT,
	[0xcf] = KEY_END,
	[0xd0] = KEY_DOWN,
	[0xd1] = KEY_PAGEDOWN,
	[0xd2] = KEY_INSERT,
	[0xd3] = KEY_DELETE,
	[0xdb] = KEY_LEFTMETA,
	[0xdc] = KEY_RIGHTMETA,
	[0xdd] = KEY_COMPOSE,
	[0xde] = KEY_POWER,
	[0xdf] = KEY_SLEEP,
	[0xe3] = KEY_WAKEUP,
	[0xe5] = KEY_SEARCH,
	[0xe6] = KEY_BOOKMARKS,
	[0xe7] = KEY_REFRESH,
	[0xe8] = KEY_STOP,
	[0xe9] = KEY_FORWARD,
	[0xea] = KEY_BACK,
	[0xeb] = KEY_COMPUTER,
	[0xec] = KEY_MAIL,
	[0xed] = KEY_MEDIA,
};

uint16_t keyboard_code_of_number(uint32_t number) {
	if (number >= NUMBER_MAX) {
		return 0;
	}
	if (other_numbers[number] != 0) {
		return other_numbers[number];
	}
	return number < N_EQUAL_NUMBERS && number != 0x55 ? (uint16_t)number : 0;
}

/** What is known while a keymap is made. */
struct maker {
	struct keymap *keymap;
	struct xkb_keymap *xkb;
	xkb_mod_mask_t shift, level3;
};

static int n_modifiers(const struct keymap_key *key) {
	return (key->shift ? 1 : 0) + (key->level3 ? 2 : 0);
}

/** Keep a way to type a keysym, unless an easier one is known. */
static void add_key(struct keymap *keymap, const struct keymap_key *key) {
	for (size_t i = 0; i < keymap->n_keys; i++) {
		struct keymap_key *known = &keymap->keys[i];
		if (known->keysym == key->keysym) {
			if (n_modifiers(key) < n_modifiers(known)) {
				*known = *key;
			}
			return;
		}
	}
	if (keymap->n_keys < KEYMAP_MAX_KEYS) {
		keymap->keys[keymap->n_keys++] = *key;
	}
}

/** The modifiers that reach a level, of those that we can press. Returns whether there are such. */
static bool find_modifiers(const struct maker *maker, xkb_keycode_t code, xkb_level_index_t level,
		struct keymap_key *key) {
	xkb_mod_mask_t masks[16];
	size_t n = xkb_keymap_key_get_mods_for_level(maker->xkb, code, 0, level, masks, 16);
	for (size_t i = 0; i < n; i++) {
		if ((masks[i] & ~(maker->shift | maker->level3)) == 0) {
			key->shift = (masks[i] & maker->shift) != 0;
			key->level3 = (masks[i] & maker->level3) != 0;
			return true;
		}
	}
	return false;
}

static uint32_t sym_at(struct xkb_keymap *xkb, xkb_keycode_t code, xkb_level_index_t level) {
	const xkb_keysym_t *syms;
	return xkb_keymap_key_get_syms_by_level(xkb, code, 0, level, &syms) == 1 ? syms[0] : 0;
}

static void add_code(struct xkb_keymap *xkb, xkb_keycode_t code, void *user) {
	struct maker *maker = user;
	if (code <= XKB_OFFSET || code > XKB_OFFSET + KEY_MAX) {
		return;
	}
	xkb_level_index_t n = xkb_keymap_num_levels_for_key(xkb, code, 0);
	for (xkb_level_index_t level = 0; level < n; level++) {
		struct keymap_key key = {
			.keysym = sym_at(xkb, code, level),
			.code = (uint16_t)(code - XKB_OFFSET),
			.any_shift = n == 1 || sym_at(xkb, code, 0) == sym_at(xkb, code, 1),
		};
		if (key.keysym != 0 && find_modifiers(maker, code, level, &key)) {
			add_key(maker->keymap, &key);
		}
	}
}

static int compare_keys(const void *a, const void *b) {
	const struct keymap_key *x = a, *y = b;
	return x->keysym < y->keysym ? -1 : x->keysym > y->keysym;
}

int keymap_init(struct keymap *keymap, const char *layout) {
	char name[MAX_LAYOUT];
	size_t len = strcspn(layout, ":");
	if (len >= sizeof(name) || len == 0) {
		return -EINVAL;
	}
	memcpy(name, layout, len);
	name[len] = '\0';
	struct xkb_rule_names names = { .rules = "evdev",
		.model = "pc105",
		.layout = name,
		.variant = layout[len] == ':' ? layout + len + 1 : "",
		.options = "" };
	struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
	if (context == NULL) {
		return -ENOMEM;
	}
	xkb_context_set_log_level(context, XKB_LOG_LEVEL_CRITICAL);
	struct xkb_keymap *xkb =
			xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	xkb_context_unref(context);
	if (xkb == NULL) {
		return -EINVAL;
	}
	*keymap = (struct keymap){ 0 };
	xkb_mod_index_t level3 = xkb_keymap_mod_get_index(xkb, "Mod5");
	struct maker maker = {
		.keymap = keymap,
		.xkb = xkb,
		.shift = 1u << xkb_keymap_mod_get_index(xkb, XKB_MOD_NAME_SHIFT),
		.level3 = level3 != XKB_MOD_INVALID ? 1u << level3 : 0,
	};
	xkb_keymap_key_for_each(xkb, add_code, &maker);
	xkb_keymap_unref(xkb);
	qsort(keymap->keys, keymap->n_keys, sizeof(keymap->keys[0]), compare_keys);
	return 0;
}

/**
 * The digits of a keypad are typed as those above the letters: what the keypad's own keys do hangs
 * on the guest's Num Lock, which nobody knows here.
 */
static uint32_t plain_keysym(uint32_t keysym) {
	if (keysym >= XKB_KEY_KP_0 && keysym <= XKB_KEY_KP_9) {
		return keysym - XKB_KEY_KP_0 + XKB_KEY_0;
	}
	return keysym;
}

const struct keymap_key *keymap_find(const struct keymap *keymap, uint32_t keysym) {
	struct keymap_key wanted = { .keysym = plain_keysym(keysym) };
	return bsearch(&wanted, keymap->keys, keymap->n_keys, sizeof(keymap->keys[0]),
			compare_keys);
}
