// SPDX-License-Identifier: MIT
/* See control.h: connections, lines and deadlines. */
#include "control/answer.h"
#include "control/control.h"
#include "control/request.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/rate_limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define NS_PER_MS UINT64_C(1000000)
#define FIRST_CAPACITY 1024u

/** Log lines that clients can cause, in each second. */
#define LOG_BURST 5u
#define LOG_INTERVAL_NS 1000000000u

struct client {
	struct oriel_control *control;
	int fd;
	struct oriel_source *source;
	bool has_ended; // it has nothing more to say, and may still listen

	// What it said and was not answered yet. No line is longer than ORIEL_CONTROL_MAX_LINE.
	char *line;
	size_t size, capacity;
	size_t n_searched; // of them, no newline is among the first

	// The reply that its socket has not taken yet; NULL: none.
	char *reply;
	size_t n_sent;
	size_t reply_size;

	uint64_t deadline_ns;
};

struct oriel_control {
	struct oriel_control_options options;
	struct oriel_rate_limit log_limit;
	uint64_t started_ns;
	struct client *clients[ORIEL_CONTROL_MAX_CLIENTS]; // NULL: free
	size_t next;                                       // of them, to be answered
	struct oriel_source *timer;                        // for the earliest deadline
	struct oriel_source *answer;                       // deferred: lines that wait
};

bool oriel_control_is_built(void) {
	return true;
}

/** Log what a client did, at warn. */
static void log_client(struct oriel_control *control, const char *what) {
	const struct oriel_log_sink *sink = &control->options.log;
	uint64_t suppressed;
	if (sink->fn != NULL &&
			oriel_rate_limit_allows(&control->log_limit, oriel_now_ns(), &suppressed)) {
		char text[128];
		snprintf(text, sizeof(text), "control: %s", what);
		sink->fn(ORIEL_LOG_WARN, text, sink->user);
	}
}

/** Arm the timer for whoever is due first. */
static void arm(struct oriel_control *control) {
	uint64_t earliest_ns = 0;
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		const struct client *client = control->clients[i];
		if (client != NULL && (earliest_ns == 0 || client->deadline_ns < earliest_ns)) {
			earliest_ns = client->deadline_ns;
		}
	}
	oriel_source_set_deadline(control->timer, earliest_ns);
}

static void client_destroy(struct client *client) {
	struct oriel_control *control = client->control;
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		if (control->clients[i] == client) {
			control->clients[i] = NULL;
		}
	}
	oriel_source_remove(client->source);
	oriel_fd_close(&client->fd);
	free(client->line);
	free(client->reply);
	free(client);
}

/** Say a last word, if the socket takes it, behind a reply that was sent whole. */
static void refuse(struct client *client, bool too_long) {
	const char *text = oriel_control_get_goodbye(false, too_long);
	if (client->reply == NULL) {
		ssize_t n = send(client->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)n; // it goes either way
	}
	log_client(client->control, too_long ? "a client is disconnected: its line is too long"
					     : "a client is disconnected: it takes too long");
	client_destroy(client);
}

static void set_deadline(struct client *client) {
	const uint32_t ms = client->reply != NULL ? ORIEL_CONTROL_REPLY_MS
			    : client->size > 0    ? ORIEL_CONTROL_LINE_MS
						  : ORIEL_CONTROL_IDLE_MS;
	client->deadline_ns = oriel_now_ns() + ms * NS_PER_MS;
}

/** Send what is left of the reply. Returns 0 (also if some is left), or a negative errno. */
static int send_reply(struct client *client) {
	ssize_t n = send(client->fd, client->reply + client->n_sent,
			client->reply_size - client->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : oriel_errno();
	}
	client->n_sent += (size_t)n;
	if (client->n_sent == client->reply_size) {
		free(client->reply);
		client->reply = NULL;
		set_deadline(client);
	}
	return 0;
}

/** The bytes of the first whole line, with its newline; 0: there is none. */
static size_t find_line(struct client *client) {
	const char *end = client->size > client->n_searched
					  ? memchr(client->line + client->n_searched, '\n',
							    client->size - client->n_searched)
					  : NULL;
	if (end == NULL) {
		client->n_searched = client->size;
		return 0;
	}
	return (size_t)(end - client->line) + 1;
}

/** Answer the first line. */
static int answer(struct client *client, size_t size) {
	const struct oriel_control *control = client->control;
	client->reply = oriel_control_answer(&control->options, control->started_ns, client->line,
			size - 1);
	if (client->reply == NULL) {
		return -ENOMEM;
	}
	client->reply_size = strlen(client->reply);
	client->n_sent = 0;
	client->size -= size;
	memmove(client->line, client->line + size, client->size);
	client->n_searched = 0;
	set_deadline(client);
	return send_reply(client);
}

static int grow(struct client *client) {
	size_t capacity = client->capacity == 0 ? FIRST_CAPACITY : client->capacity * 2;
	char *line = realloc(client->line, capacity);
	if (line == NULL) {
		return -ENOMEM;
	}
	client->line = line;
	client->capacity = capacity;
	return 0;
}

/** Read once. Returns 0, -EAGAIN, -ENOTCONN if it is gone, or another negative errno. */
static int receive(struct client *client) {
	if (client->size == client->capacity) {
		int err = grow(client); // at most ORIEL_CONTROL_MAX_LINE: a line that long goes
		if (err < 0) {
			return err;
		}
	}
	ssize_t n = recv(client->fd, client->line + client->size, client->capacity - client->size,
			MSG_DONTWAIT);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : oriel_errno();
	}
	if (n == 0) {
		client->has_ended = true;
		return 0;
	}
	if (client->size == 0) {
		client->deadline_ns = oriel_now_ns() + ORIEL_CONTROL_LINE_MS * NS_PER_MS;
	}
	client->size += (size_t)n;
	return 0;
}

/** Whether a line can be answered; *ret_size is its size with the newline. */
static bool has_request(struct client *client, size_t *ret_size) {
	*ret_size = client->reply == NULL ? find_line(client) : 0;
	return *ret_size > 0;
}

/** Wait for what the client can do next. It may be gone after this. */
static void wait_for_more(struct client *client, int err) {
	struct oriel_control *control = client->control;
	size_t line_size;
	const bool asks = err == 0 && has_request(client, &line_size);
	if (err == 0 && client->reply == NULL && !asks && client->size >= ORIEL_CONTROL_MAX_LINE) {
		refuse(client, true);
	} else if (err < 0 || (client->has_ended && client->reply == NULL && !asks)) {
		client_destroy(client); // what it began and never ended is nobody's request
	} else {
		const bool reads = client->reply == NULL && !client->has_ended && !asks;
		oriel_source_set_events(client->source,
				(reads ? (uint32_t)EPOLLIN : 0) |
						(client->reply != NULL ? (uint32_t)EPOLLOUT : 0));
		if (asks) {
			oriel_source_set_pending(control->answer);
		}
	}
	arm(control);
}

/** Send, or read once. A line that came is answered when it is its turn. */
static void handle_socket(void *user, int fd, uint32_t events) {
	struct client *client = user;
	(void)fd;
	int err = 0;
	if (client->reply != NULL) {
		err = send_reply(client);
	} else if ((events & ~(uint32_t)EPOLLOUT) != 0 && !client->has_ended) {
		err = receive(client);
	}
	wait_for_more(client, err == -EAGAIN ? 0 : err);
}

/**
 * Answer one line, of the client whose turn it is. A reply can take a third of a millisecond to
 * make, so the loop's other sources have their turn between any two, however many clients there
 * are.
 */
static void handle_answer(void *user) {
	struct oriel_control *control = user;
	const size_t first = control->next;
	bool answered = false;
	for (size_t n = 0; n < ORIEL_CONTROL_MAX_CLIENTS; n++) {
		const size_t i = (first + n) % ORIEL_CONTROL_MAX_CLIENTS;
		struct client *client = control->clients[i];
		size_t line_size;
		if (client == NULL || !has_request(client, &line_size)) {
			continue;
		}
		if (answered) {
			oriel_source_set_pending(control->answer);
			return;
		}
		answered = true;
		control->next = (i + 1) % ORIEL_CONTROL_MAX_CLIENTS;
		wait_for_more(client, answer(client, line_size));
	}
}

static void handle_timer(void *user) {
	struct oriel_control *control = user;
	const uint64_t now_ns = oriel_now_ns();
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		if (control->clients[i] != NULL && control->clients[i]->deadline_ns <= now_ns) {
			refuse(control->clients[i], false);
		}
	}
	arm(control);
}

int oriel_control_create(const struct oriel_control_options *options, struct oriel_control **ret) {
	struct oriel_control *control = calloc(1, sizeof(*control));
	if (control == NULL) {
		return -ENOMEM;
	}
	control->options = *options;
	control->log_limit = (struct oriel_rate_limit){ .interval_ns = LOG_INTERVAL_NS,
		.burst = LOG_BURST };
	control->started_ns = oriel_now_ns();
	int err = oriel_loop_add_timer(options->loop, handle_timer, control, &control->timer);
	if (err == 0) {
		err = oriel_loop_add_deferred(options->loop, handle_answer, control,
				&control->answer);
	}
	if (err < 0) {
		oriel_control_destroy(control);
		return err;
	}
	*ret = control;
	return 0;
}

static struct client **find_place(struct oriel_control *control) {
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		if (control->clients[i] == NULL) {
			return &control->clients[i];
		}
	}
	return NULL;
}

static int turn_away_take(struct oriel_control *control, int fd) {
	const char *text = oriel_control_get_goodbye(true, false);
	ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n; // it goes either way
	oriel_fd_close(&fd);
	log_client(control, "a client is turned away: there are 16");
	return -EDQUOT;
}

int oriel_control_add_client_take(struct oriel_control *control, int fd) {
	struct client **place = find_place(control);
	if (place == NULL) {
		return turn_away_take(control, fd);
	}
	struct client *client = calloc(1, sizeof(*client));
	if (client == NULL) {
		oriel_fd_close(&fd);
		return -ENOMEM;
	}
	client->control = control;
	client->fd = fd;
	set_deadline(client);
	int err = oriel_loop_add_fd(control->options.loop, fd, EPOLLIN, handle_socket, client,
			&client->source);
	if (err < 0) {
		client_destroy(client);
		return err;
	}
	*place = client;
	arm(control);
	return 0;
}

void oriel_control_destroy(struct oriel_control *control) {
	if (control == NULL) {
		return;
	}
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		if (control->clients[i] != NULL) {
			client_destroy(control->clients[i]);
		}
	}
	oriel_source_remove(control->timer);
	oriel_source_remove(control->answer);
	free(control);
}
