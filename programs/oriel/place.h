// SPDX-License-Identifier: MIT
/*
 * Finding a socket of a machine that runs: in $XDG_RUNTIME_DIR/oriel/NAME, or /tmp/oriel-UID/NAME,
 * as `oriel run` makes them (run/place.h), unless somebody says something else.
 */
#ifndef ORIEL_PROGRAM_PLACE_H
#define ORIEL_PROGRAM_PLACE_H

#include "base/compiler.h"

#include <limits.h>
#include <stdbool.h>

/** What was said on the command line; NULL: nothing. */
struct place_wanted {
	const char *socket; // --socket
	const char *name;   // --name
};

struct place_path {
	char text[PATH_MAX];
	bool was_typed; // behind --socket
};

/** For a command's --help. */
#define PLACE_HELP \
	"Without --socket, --name says which of the machines that 'oriel run' has started;\n" \
	"without either, it is the only one.\n"

/** Whether a machine can be called so. */
bool place_is_name(const char *text);

/**
 * Find a socket, which is called file in a machine's folder ("control.sock"). If a socket was
 * named, that is it, whether it exists or not; a machine that is named must have one.
 *
 * Returns 0, or a negative errno after having printed one line that begins with command.
 */
ORIEL_MUST_CHECK
int place_find_socket(const char *command, const struct place_wanted *place, const char *file,
		struct place_path *ret);

/** Print that the socket cannot be connected to, with err. Returns err. */
int place_fail_connect(const char *command, const struct place_path *path, int err);

#endif
