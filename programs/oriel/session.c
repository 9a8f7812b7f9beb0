// SPDX-License-Identifier: MIT
/* See session.h. */
#include "oriel/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONNECT_INTERVAL_MS 10

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int session_fail(const struct session *session, int err) {
	const struct oriel_client *client = session->client;
	const char *reason = client != NULL ? oriel_client_get_reason(client) : NULL;
	if (client == NULL && err != -ETIMEDOUT) {
		return place_fail_connect(session->command, &session->path, err);
	}
	fprintf(stderr, "%s: %s: ", session->command, session->path.text);
	if (err == -ETIMEDOUT) {
		fprintf(stderr, "no answer within %u s\n", session->timeout_s);
	} else if (err == -ENOTCONN) {
		fputs("closed by the other side\n", stderr);
	} else if (reason != NULL) {
		fprintf(stderr, "the other side sent %s\n", reason);
	} else {
		fprintf(stderr, "%s\n", strerror(-err));
	}
	return err;
}

void session_extend(struct session *session) {
	session->deadline_ms = get_now_ms() + (int64_t)session->timeout_s * 1000;
}

int session_open(struct session *session, const struct place_wanted *place) {
	session->client = NULL;
	int err = place_find_socket(session->command, place, "display.sock", &session->path);
	if (err < 0) {
		return err;
	}
	session_extend(session);
	err = oriel_client_connect(session->path.text, &session->client);
	// It may be busy accepting others.
	while (err == -EAGAIN && get_now_ms() < session->deadline_ms) {
		struct timespec interval = { .tv_nsec = CONNECT_INTERVAL_MS * 1000000 };
		nanosleep(&interval, NULL);
		err = oriel_client_connect(session->path.text, &session->client);
	}
	return err < 0 ? session_fail(session, err == -EAGAIN ? -ETIMEDOUT : err) : 0;
}

int session_wait(struct session *session, enum oriel_client_event_type type,
		const struct oriel_client_event **ret) {
	while (true) {
		int64_t left_ms = session->deadline_ms - get_now_ms();
		const struct oriel_client_event *event;
		int err = oriel_client_wait(session->client, left_ms > 0 ? (int)left_ms : 0,
				&event);
		if (err < 0) {
			return session_fail(session, err == -EAGAIN ? -ETIMEDOUT : err);
		}
		if (event->type == ORIEL_CLIENT_ERROR) {
			fprintf(stderr, "%s: %s\n", session->command, event->text);
			return -ENOENT;
		}
		if (event->type == type) {
			*ret = event;
			return 0;
		}
	}
}

void session_close(struct session *session) {
	oriel_client_destroy(session->client);
	session->client = NULL;
}
