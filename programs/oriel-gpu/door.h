// SPDX-License-Identifier: MIT
/*
 * A door: a listener in the loop, which can be shut for a while.
 *
 * Who comes while it is shut waits in the socket's backlog.
 */
#ifndef ORIEL_PROGRAM_DOOR_H
#define ORIEL_PROGRAM_DOOR_H

#include "base/compiler.h"
#include "base/rate_limit.h"
#include "common/listener.h"

#include <oriel/log.h>
#include <oriel/loop.h>
#include <stdbool.h>

/** Somebody came in. Owns: fd is taken; it is connected, non-blocking and close-on-exec. */
typedef void (*door_fn)(void *user, int fd);

/** All zeros is a door that was never opened, which may be finished. */
struct door {
	struct listener listener;
	struct oriel_source *source; // NULL: not opened
	struct oriel_source *retry;  // timer: after running out of descriptors
	bool shut;
	struct oriel_log_sink log;
	struct oriel_rate_limit turned_away;
	door_fn fn;
	void *user;
};

/**
 * Listen at path, which must outlive the door, and call fn for whoever connects.
 *
 * Returns 0, or a negative errno after having printed what is wrong.
 */
ORIEL_MUST_CHECK
int door_init(struct door *door, struct oriel_loop *loop, const struct oriel_log_sink *log,
		const char *path, door_fn fn, void *user);

/** Let the next ones wait, or come in again. */
void door_set_shut(struct door *door, bool shut);

/** Stop listening and remove the socket's path. */
void door_finish(struct door *door);

#endif
