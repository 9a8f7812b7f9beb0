// SPDX-License-Identifier: MIT
/*
 * Keymaps: which keys make a character, on the keyboard that the guest believes to have.
 *
 * keymap_xkb.c asks xkbcommon; keymap_none.c is for builds without it.
 */
#ifndef ORIEL_PROGRAM_KEYMAP_H
#define ORIEL_PROGRAM_KEYMAP_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keymap;

/** A character's key, and what is held with it. */
struct keymap_stroke {
	uint32_t key; // KEY_*
	bool with_shift;
	bool with_altgr;
};

/**
 * Load a keymap by its layout, as "us", and variant, as in "de:nodeadkeys".
 *
 * Returns 0, -ENOENT if there is none like it, -EOPNOTSUPP if this build has no keymaps, or
 * -ENOMEM.
 */
ORIEL_MUST_CHECK
int keymap_create(const char *name, struct keymap **ret);

/** How a character (Unicode) is typed. Returns 0, or -ENOENT if the keymap has no key for it. */
ORIEL_MUST_CHECK
int keymap_find(const struct keymap *keymap, uint32_t character, struct keymap_stroke *ret);

/** NULL is a no-op. */
void keymap_destroy(struct keymap *keymap);

#endif
