// SPDX-License-Identifier: MIT
/*
 * A command line that is being put together: words, which end in an argv, or on paper for a shell.
 *
 * Adding cannot fail visibly: who runs out of memory finds it in `failed` at the end, once.
 */
#ifndef ORIEL_RUN_WORDS_H
#define ORIEL_RUN_WORDS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdio.h>

struct words {
	char **items; // ends with NULL, as an argv; NULL while there is none
	size_t len;
	bool failed; // for want of memory words are missing
};

void words_add(struct words *words, const char *word);

ORIEL_PRINTF(2, 3)
void words_addf(struct words *words, const char *format, ...);

/** Free them all, and begin anew. */
void words_finish(struct words *words);

/**
 * Write them for a shell: what needs quotes has them, and an option begins a new line, which the
 * one before continues.
 */
void words_print(const struct words *words, FILE *out);

/** Write one word for a shell, with quotes if it needs them. */
void words_print_one(const char *word, FILE *out);

/**
 * Copy text with each comma doubled, as QEMU's options want values that have some; cut if there is
 * no room. Returns ret.
 */
const char *words_escape(const char *text, char *ret, size_t size);

#endif
