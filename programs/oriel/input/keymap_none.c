// SPDX-License-Identifier: MIT
/* See keymap.h: a build without xkbcommon. */
#include "oriel/input/keymap.h"

#include <errno.h>

int keymap_create(const char *name, struct keymap **ret) {
	(void)name;
	(void)ret;
	return -EOPNOTSUPP;
}

int keymap_find(const struct keymap *keymap, uint32_t character, struct keymap_stroke *ret) {
	(void)keymap;
	(void)character;
	(void)ret;
	return -ENOENT;
}

void keymap_destroy(struct keymap *keymap) {
	(void)keymap;
}
