// SPDX-License-Identifier: MIT
/*
 * Finding a socket of a machine that runs: in $XDG_RUNTIME_DIR/oriel/NAME, or /tmp/oriel-UID/NAME,
 * as `oriel run` makes them (run/place.h), unless somebody says something else.
 */
#ifndef ORIEL_PROGRAM_PLACE_H
#define ORIEL_PROGRAM_PLACE_H

#include "base/compiler.h"

#include <limits.h>

/** What was said on the command line; NULL: nothing. */
struct place_wanted {
	const char *socket; // --socket
	const char *name;   // --name
};

struct place_path {
	char text[PATH_MAX];
};

/** For a command's --help. */
#define PLACE_HELP \
	"Without --socket, --name says which of the machines that 'oriel run' has started;\n" \
	"without either, it is the only one.\n"

/**
 * Find a socket, which is called file in a machine's folder ("control.sock"). If a socket was
 * named, that is it, whether it exists or not.
 *
 * Returns 0, or a negative errno after having printed one line that begins with command.
 */
ORIEL_MUST_CHECK
int place_find_socket(const char *command, const struct place_wanted *place, const char *file,
		struct place_path *ret);

#endif
