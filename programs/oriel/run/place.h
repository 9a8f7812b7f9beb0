// SPDX-License-Identifier: MIT
/*
 * The folder of a running machine: $XDG_RUNTIME_DIR/oriel/NAME, else /tmp/oriel-UID/NAME.
 *
 * A lock on the folder itself says that it is in use. Nothing in it outlives the machine: a process
 * of its own, the sweeper, removes it as soon as this program ends, in whatever way. What a lost
 * one left behind is removed by whoever takes the name next.
 */
#ifndef ORIEL_RUN_PLACE_H
#define ORIEL_RUN_PLACE_H

#include "base/compiler.h"

#include <stddef.h>
#include <sys/types.h>

/** The longest path: with any of our sockets' names behind it, it still is a socket's address. */
#define PLACE_MAX_PATH 88u

struct place {
	char path[PLACE_MAX_PATH];
	char parent[PLACE_MAX_PATH];
	int fd;       // the folder, locked; -1: none
	int lifeline; // as long as this is open, the sweeper waits
	pid_t sweeper;
};

/** Where the machine called name would be. Returns 0, or -ENAMETOOLONG after saying so. */
ORIEL_MUST_CHECK
int place_find(struct place *place, const char *name);

/**
 * Make the folder that was found, and lock it. Call it while there are no other children.
 *
 * Returns 0, -EBUSY if it is in use, or -errno; each has been said.
 */
ORIEL_MUST_CHECK
int place_open(struct place *place);

/** Remove the folder and all in it. */
void place_close(struct place *place);

#endif
