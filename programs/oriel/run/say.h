// SPDX-License-Identifier: MIT
/*
 * What `oriel run` says: lines on standard error that begin with "oriel run: ", and one about
 * whatever takes longer than people wait without a word.
 */
#ifndef ORIEL_RUN_SAY_H
#define ORIEL_RUN_SAY_H

#include "base/compiler.h"

ORIEL_PRINTF(1, 2)
void say(const char *format, ...);

/** From now on something is waited for: if it takes over two seconds, say so. what is borrowed. */
void say_waiting(const char *what);

/** It is over. */
void say_waiting_end(void);

/** Make bytes of others printable: what would move a terminal's cursor becomes '?'. */
void say_clean(char *text);

#endif
