// SPDX-License-Identifier: MIT
/*
 * Names of keys, as people type them: those of Linux in lower case, without KEY_, and a few more
 * that are shorter.
 */
#ifndef ORIEL_PROGRAM_KEY_NAME_H
#define ORIEL_PROGRAM_KEY_NAME_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

/** Keys that are pressed together. */
#define KEY_CHORD_MAX 8u

struct key_chord {
	uint32_t keys[KEY_CHORD_MAX]; // in the order of pressing
	size_t n;
};

/** The code of the key whose name has size bytes. Returns 0 or -ENOENT. */
ORIEL_MUST_CHECK
int key_name_find(const char *name, size_t size, uint32_t *ret);

/**
 * Parse "ctrl+alt+f2".
 *
 * Returns 0, -ENOENT with the name that is none in *ret_name (*ret_size bytes), -E2BIG if there are
 * too many, or -EEXIST if one comes twice.
 */
ORIEL_MUST_CHECK
int key_chord_parse(const char *text, struct key_chord *ret, const char **ret_name,
		size_t *ret_size);

#endif
