// SPDX-License-Identifier: MIT
/*
 * A sub-command's talk with a display socket: it connects, asks one thing, and has so much time for
 * the answer. Whatever goes wrong is printed, in one line.
 */
#ifndef ORIEL_PROGRAM_SESSION_H
#define ORIEL_PROGRAM_SESSION_H

#include "base/compiler.h"
#include "oriel/place.h"

#include <oriel/client.h>
#include <stdint.h>

struct session {
	const char *command; // for messages: "oriel shot"
	uint32_t timeout_s;

	struct place_path path;      // of the display socket
	struct oriel_client *client; // NULL: not open
	int64_t deadline_ms;
};

/**
 * Connect to a machine. The first two members are set.
 *
 * Returns 0, or a negative errno after printing why.
 */
ORIEL_MUST_CHECK
int session_open(struct session *session, const struct place_wanted *place);

/** The next event of a type. Returns 0, or a negative errno after printing why not. */
ORIEL_MUST_CHECK
int session_wait(struct session *session, enum oriel_client_event_type type,
		const struct oriel_client_event **ret);

/** Have as much time again from now on. */
void session_extend(struct session *session);

/** Print why something failed. Returns err. */
int session_fail(const struct session *session, int err);

/** Disconnect, if connected. */
void session_close(struct session *session);

#endif
