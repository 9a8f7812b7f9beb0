// SPDX-License-Identifier: MIT
/* The command line of oriel-render; docs/man/oriel-render.1.scd says what each option means. */
#ifndef ORIEL_RENDER_OPTIONS_H
#define ORIEL_RENDER_OPTIONS_H

#include "base/compiler.h"

#include <oriel/log.h>
#include <stdint.h>

enum action {
	ACTION_SERVE,
	ACTION_PROBE,
	ACTION_PLAY,
	ACTION_PRINT_VERSION,
	ACTION_PRINT_HELP,
};

/** Strings are borrowed from argv. */
struct options {
	enum action action;
	int fd; // the link; -1: not given
	const char *gpu;
	uint64_t max_memory_bytes;      // 0: no limit
	uint64_t max_more_memory_bytes; // likewise, beyond what it has when it is ready
	const char *dump;               // NULL: nothing is recorded
	const char *play;               // ACTION_PLAY
	const char *picture;            // NULL: none is written
	uint32_t tolerance;
	enum oriel_log_level log_level;
};

/** Parse the command line. Returns 0, or -EINVAL after having printed one line that says why. */
ORIEL_MUST_CHECK
int options_parse(int argc, char **argv, struct options *ret);

void options_print_help(void);

#endif
