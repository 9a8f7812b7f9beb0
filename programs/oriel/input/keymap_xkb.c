// SPDX-License-Identifier: MIT
/*
 * See keymap.h: keymaps of xkbcommon.
 *
 * All keys of a keyboard's main block, and all levels that Shift and AltGr reach, are asked what
 * character they make. Of several ways the one with the fewest keys is taken, on keys that every
 * keyboard has. Keys outside the block depend on Num Lock, or are such that only xkb knows them.
 * Dead keys and Compose are not used.
 */
#include "oriel/input/keymap.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

/** An X keycode is Linux's and this. */
#define XKB_OFFSET 8u
#define MAX_WAYS 16u

struct keymap {
	struct xkb_context *context;
	struct xkb_keymap *xkb;
	xkb_mod_mask_t shift, altgr; // 0: there is none
};

/** Those that every keyboard has, and then those that some have. */
static const struct {
	uint32_t first, last;
} main_block[] = {
	{ KEY_1, KEY_RIGHTSHIFT - 1 },
	{ KEY_SPACE, KEY_SPACE },
	{ KEY_102ND, KEY_102ND },
	{ KEY_RO, KEY_RO },
	{ KEY_YEN, KEY_YEN },
};

/** The key by which the third level is reached: only the right Alt, which keyboards have. */
static bool has_altgr(struct xkb_keymap *xkb) {
	const xkb_keysym_t *syms;
	int n = xkb_keymap_key_get_syms_by_level(xkb, KEY_RIGHTALT + XKB_OFFSET, 0, 0, &syms);
	return n == 1 && syms[0] == XKB_KEY_ISO_Level3_Shift;
}

static xkb_mod_mask_t get_mask(struct xkb_keymap *xkb, const char *name) {
	xkb_mod_index_t i = xkb_keymap_mod_get_index(xkb, name);
	return i != XKB_MOD_INVALID && i < 32 ? (xkb_mod_mask_t)1 << i : 0;
}

int keymap_create(const char *name, struct keymap **ret) {
	char layout[64];
	const size_t size = strcspn(name, ":");
	if (size == 0 || size >= sizeof(layout)) {
		return -ENOENT;
	}
	snprintf(layout, sizeof(layout), "%.*s", (int)size, name);
	struct keymap *keymap = calloc(1, sizeof(*keymap));
	if (keymap == NULL) {
		return -ENOMEM;
	}
	const struct xkb_rule_names names = {
		.rules = "evdev",
		.model = "pc105",
		.layout = layout,
		.variant = name[size] == ':' ? name + size + 1 : "",
		.options = "",
	};
	keymap->context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
	if (keymap->context != NULL) {
		xkb_context_set_log_level(keymap->context, XKB_LOG_LEVEL_CRITICAL);
		keymap->xkb = xkb_keymap_new_from_names(keymap->context, &names,
				XKB_KEYMAP_COMPILE_NO_FLAGS);
	}
	if (keymap->xkb == NULL) {
		keymap_destroy(keymap);
		return -ENOENT;
	}
	keymap->shift = get_mask(keymap->xkb, XKB_MOD_NAME_SHIFT);
	keymap->altgr = has_altgr(keymap->xkb) ? get_mask(keymap->xkb, "Mod5") : 0;
	*ret = keymap;
	return 0;
}

/** How a level of a key is reached with Shift and AltGr alone. Returns how many of them, or -1. */
static int find_way(const struct keymap *keymap, xkb_keycode_t code, xkb_level_index_t level,
		struct keymap_stroke *ret) {
	xkb_mod_mask_t masks[MAX_WAYS];
	const size_t n = xkb_keymap_key_get_mods_for_level(keymap->xkb, code, 0, level, masks,
			MAX_WAYS);
	int best = -1;
	for (size_t i = 0; i < n; i++) {
		if ((masks[i] & ~(keymap->shift | keymap->altgr)) != 0) {
			continue;
		}
		const bool with_shift = (masks[i] & keymap->shift) != 0;
		const bool with_altgr = (masks[i] & keymap->altgr) != 0;
		const int n_held = with_shift + with_altgr;
		if (best < 0 || n_held < best) {
			best = n_held;
			*ret = (struct keymap_stroke){ code - XKB_OFFSET, with_shift, with_altgr };
		}
	}
	return best;
}

/** How a key makes a character. Returns how many others are held for it, or -1 if it does not. */
static int find_on_key(const struct keymap *keymap, uint32_t key, uint32_t character,
		struct keymap_stroke *ret) {
	const xkb_keycode_t code = key + XKB_OFFSET;
	const xkb_level_index_t n_levels = xkb_keymap_num_levels_for_key(keymap->xkb, code, 0);
	for (xkb_level_index_t level = 0; level < n_levels; level++) {
		const xkb_keysym_t *syms;
		int n = xkb_keymap_key_get_syms_by_level(keymap->xkb, code, 0, level, &syms);
		if (n == 1 && xkb_keysym_to_utf32(syms[0]) == character) {
			n = find_way(keymap, code, level, ret);
			if (n >= 0) {
				return n;
			}
		}
	}
	return -1;
}

int keymap_find(const struct keymap *keymap, uint32_t character, struct keymap_stroke *ret) {
	const uint32_t wanted = character == '\n' ? '\r' : character;
	int best = -1;
	for (size_t i = 0; best < 0 && i < ORIEL_ARRAY_LEN(main_block); i++) {
		for (uint32_t key = main_block[i].first; key <= main_block[i].last; key++) {
			struct keymap_stroke stroke;
			int n = find_on_key(keymap, key, wanted, &stroke);
			if (n >= 0 && (best < 0 || n < best)) {
				best = n;
				*ret = stroke;
			}
		}
	}
	return best >= 0 ? 0 : -ENOENT;
}

void keymap_destroy(struct keymap *keymap) {
	if (keymap != NULL) {
		xkb_keymap_unref(keymap->xkb);
		xkb_context_unref(keymap->context);
		free(keymap);
	}
}
