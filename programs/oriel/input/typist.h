// SPDX-License-Identifier: MIT
/*
 * What the sub-commands that send input share: a session at which keys and a pointer are sent, no
 * faster than the guest takes them, and which knows at its end whether the guest took all.
 */
#ifndef ORIEL_PROGRAM_TYPIST_H
#define ORIEL_PROGRAM_TYPIST_H

#include "oriel/session.h"

#include <stdbool.h>

struct typist {
	struct session session;
	uint32_t n_sent; // since the last sync
	uint32_t token;
};

/** Connect to a display socket that takes input. Returns 0, or an error after printing why. */
ORIEL_MUST_CHECK
int typist_open(struct typist *typist, const char *command, const struct place_wanted *place);

/*
 * Send something. Each returns 0, or a negative errno after printing why.
 */
ORIEL_MUST_CHECK
int typist_send_key(struct typist *typist, uint32_t key, bool is_pressed);
ORIEL_MUST_CHECK
int typist_send_pointer(struct typist *typist, uint32_t scanout, uint32_t x, uint32_t y);
ORIEL_MUST_CHECK
int typist_send_button(struct typist *typist, uint32_t scanout, uint32_t button, bool is_pressed);
ORIEL_MUST_CHECK
int typist_send_wheel(struct typist *typist, uint32_t scanout, int32_t vertical,
		int32_t horizontal);

/** Wait until the guest has taken all. Returns 0, or a negative errno after printing why not. */
ORIEL_MUST_CHECK
int typist_sync(struct typist *typist);

/** Let go of everything. */
void typist_close(struct typist *typist);

#endif
