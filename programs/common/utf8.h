// SPDX-License-Identifier: MIT
/* UTF-8 that people typed. */
#ifndef ORIEL_UTF8_H
#define ORIEL_UTF8_H

#include "base/compiler.h"

#include <stdint.h>

/**
 * The next character of UTF-8 at *text, which goes on behind it.
 *
 * Returns 0, -ENODATA at the end, or -EBADMSG if it is no UTF-8.
 */
ORIEL_MUST_CHECK
int utf8_next(const char **text, uint32_t *ret);

#endif
