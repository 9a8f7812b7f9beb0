// SPDX-License-Identifier: MIT
/* See door.h. */
#include "oriel-gpu/door.h"

#include "common/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

/** How long to wait when nobody can be let in because descriptors or memory have run out. */
#define RETRY_NS 1000000000u

/** Log lines about other users, in each RETRY_NS. */
#define TURNED_AWAY_BURST 5

static void handle_ready(void *user, int fd, uint32_t events) {
	struct door *door = user;
	(void)fd;
	(void)events;
	int peer_fd;
	uint64_t suppressed;
	int err = listener_accept(&door->listener, &peer_fd);
	if (err == 0) {
		door->fn(door->user, peer_fd);
	} else if (err == -EPERM) {
		if (oriel_rate_limit_allows(&door->turned_away, oriel_now_ns(), &suppressed)) {
			log_print(&door->log, ORIEL_LOG_WARN, "%s: turned another user away",
					door->listener.path);
		}
	} else if (err != -EAGAIN) {
		// The connection still waits, so the loop would come back at once, for ever.
		log_print(&door->log, ORIEL_LOG_ERROR, "%s: cannot accept for now: %s",
				door->listener.path, strerror(-err));
		oriel_source_set_events(door->source, 0);
		oriel_source_set_deadline(door->retry, oriel_now_ns() + RETRY_NS);
	}
}

static void handle_retry(void *user) {
	struct door *door = user;
	oriel_source_set_events(door->source, door->shut ? 0 : EPOLLIN);
}

int door_init(struct door *door, struct oriel_loop *loop, const struct oriel_log_sink *log,
		const char *path, door_fn fn, void *user) {
	*door = (struct door){
		.log = *log,
		.turned_away = { .interval_ns = RETRY_NS, .burst = TURNED_AWAY_BURST },
		.fn = fn,
		.user = user,
	};
	int err = listener_open(&door->listener, "oriel-gpu", path);
	if (err < 0) {
		return err; // it said why
	}
	err = oriel_loop_add_timer(loop, handle_retry, door, &door->retry);
	if (err == 0) {
		err = oriel_loop_add_fd(loop, door->listener.fd, EPOLLIN, handle_ready, door,
				&door->source);
	}
	if (err < 0) {
		fprintf(stderr, "oriel-gpu: %s: %s\n", path, strerror(-err));
		oriel_source_remove(door->retry);
		listener_close(&door->listener);
		*door = (struct door){ 0 };
	}
	return err;
}

void door_set_shut(struct door *door, bool shut) {
	door->shut = shut;
	oriel_source_set_events(door->source, shut ? 0 : EPOLLIN);
}

void door_finish(struct door *door) {
	if (door->source == NULL) {
		return;
	}
	oriel_source_remove(door->source);
	oriel_source_remove(door->retry);
	listener_close(&door->listener);
	*door = (struct door){ 0 };
}
