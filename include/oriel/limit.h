// SPDX-License-Identifier: MIT
/*
 * Limits in options: a number, or one of these words. 0 is the default, as in every option.
 */
#ifndef ORIEL_LIMIT_H
#define ORIEL_LIMIT_H

#include <stdint.h>

/** No limit at all, or as much as the implementation can. */
#define ORIEL_LIMIT_OFF UINT64_MAX

/** Nothing at all. */
#define ORIEL_LIMIT_NONE (UINT64_MAX - 1)

#endif
