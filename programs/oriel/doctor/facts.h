// SPDX-License-Identifier: MIT
/*
 * What a probe found out: lines "key=value" in its text. Whoever writes them may crash between two
 * of them, and drivers put remarks in between; so a reader takes what it knows and leaves the rest.
 *
 * Values come from drivers and other programs, and go to a terminal: whatever is no printable ASCII
 * character is a '?' in them.
 */
#ifndef ORIEL_PROGRAM_FACTS_H
#define ORIEL_PROGRAM_FACTS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Facts beyond this are left out. A machine with 16 GPUs has about 100. */
#define FACTS_MAX 256u

struct fact {
	const char *key;
	const char *value;
};

struct facts {
	size_t n;
	struct fact items[FACTS_MAX];
	const char *remark; // the last line that was no fact, which is mostly why it ended; or NULL
};

/** Split text, which is changed, and which must stay as long as the facts are used. */
void facts_read(struct facts *facts, char *text);

/** The last value that was given for key, or NULL. */
const char *facts_get(const struct facts *facts, const char *key);

/** The next value for key from *i on, which goes past it; NULL if there is none. */
const char *facts_next(const struct facts *facts, const char *key, size_t *i);

/** A fact that is a number from 0 to max. Returns 0, or -ENOENT if there is none such. */
ORIEL_MUST_CHECK
int facts_get_number(const struct facts *facts, const char *key, uint64_t max, uint64_t *ret);

/** Whether the fact is there and is 1. */
bool facts_is_true(const struct facts *facts, const char *key);

/** Write one. A NULL value is left out. */
void fact_write(FILE *out, const char *key, const char *value);
void fact_write_number(FILE *out, const char *key, int64_t value);

/** Write what is tried next: if the probe ends there, that is where. Read it as "step". */
void fact_write_step(FILE *out, const char *what);

#endif
