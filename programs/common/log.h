// SPDX-License-Identifier: MIT
/*
 * The log of a program: lines on standard error, "PROGRAM: LEVEL: MESSAGE".
 *
 * The program and the library's objects share one sink.
 */
#ifndef ORIEL_COMMON_LOG_H
#define ORIEL_COMMON_LOG_H

#include "base/compiler.h"

#include <oriel/log.h>

/** A sink that prints what is not above max_level, as from this program. */
struct oriel_log_sink log_make_sink(char *program, enum oriel_log_level max_level);

/** Log a line of the program's own. */
ORIEL_PRINTF(3, 4)
void log_print(const struct oriel_log_sink *sink, enum oriel_log_level level, const char *format,
		...);

#endif
