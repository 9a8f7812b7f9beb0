// SPDX-License-Identifier: MIT
/* See typist.h. */
#include "oriel/input/typist.h"

#include <errno.h>
#include <stdio.h>

#define TIMEOUT_S 10u

/** The device keeps more than this, so nothing is lost to a guest that is only slow. */
#define MAX_UNSYNCED 32u

int typist_open(struct typist *typist, const char *command, const struct place_wanted *place) {
	*typist = (struct typist){ .session = { .command = command, .timeout_s = TIMEOUT_S } };
	int err = session_open(&typist->session, place);
	const struct oriel_client_event *event;
	if (err == 0) {
		err = session_wait(&typist->session, ORIEL_CLIENT_WELCOME, &event);
	}
	if (err == 0 && !oriel_client_has_input(typist->session.client)) {
		fprintf(stderr,
				"%s: this machine takes no input: its oriel-gpu has neither "
				"--keyboard-socket nor --tablet-socket\n",
				command);
		err = -EOPNOTSUPP;
	}
	if (err < 0) {
		typist_close(typist);
	}
	return err;
}

int typist_sync(struct typist *typist) {
	struct session *session = &typist->session;
	session_extend(session);
	int err = oriel_client_sync_input(session->client, ++typist->token);
	if (err < 0) {
		return session_fail(session, err);
	}
	const struct oriel_client_event *event;
	err = session_wait(session, ORIEL_CLIENT_INPUT_DONE, &event);
	if (err < 0) {
		return err;
	}
	typist->n_sent = 0;
	if (event->n_dropped > 0) {
		fprintf(stderr,
				"%s: the guest did not take it: it has no such device, or no "
				"driver for it yet\n",
				session->command);
		return -EIO;
	}
	return 0;
}

/** Something was handed to the client. */
static int finish_send(struct typist *typist, int err) {
	if (err < 0) {
		return session_fail(&typist->session, err);
	}
	return ++typist->n_sent < MAX_UNSYNCED ? 0 : typist_sync(typist);
}

int typist_send_key(struct typist *typist, uint32_t key, bool is_pressed) {
	return finish_send(typist, oriel_client_send_key(typist->session.client, key, is_pressed));
}

int typist_send_pointer(struct typist *typist, uint32_t scanout, uint32_t x, uint32_t y) {
	return finish_send(typist,
			oriel_client_send_pointer(typist->session.client, scanout, x, y));
}

int typist_send_button(struct typist *typist, uint32_t scanout, uint32_t button, bool is_pressed) {
	return finish_send(typist, oriel_client_send_button(typist->session.client, scanout, button,
						   is_pressed));
}

int typist_send_wheel(struct typist *typist, uint32_t scanout, int32_t vertical,
		int32_t horizontal) {
	return finish_send(typist, oriel_client_send_wheel(typist->session.client, scanout,
						   vertical, horizontal));
}

void typist_close(struct typist *typist) {
	session_close(&typist->session);
}
