// SPDX-License-Identifier: MIT
/* What people typed, in messages. */
#ifndef ORIEL_TYPED_H
#define ORIEL_TYPED_H

/** Room for what was typed; longer texts are cut. */
#define TYPED_SIZE 256

/**
 * Copy what was typed so that a message with it stays one line: with '?' for what is no character
 * that can be seen, or no UTF-8. Returns ret.
 */
const char *typed_copy(const char *text, char ret[TYPED_SIZE]);

#endif
