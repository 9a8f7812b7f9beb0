// SPDX-License-Identifier: MIT
/* See ask.h. */
#include "oriel/status/ask.h"

#include "base/error.h"
#include "base/fd.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 5000
/** No reply of a device is so long; what else answers there may go on for ever. */
#define MAX_REPLY (1024u * 1024u)

struct talk {
	int fd;
	int64_t deadline_ms;
	char *reply; // a line, when it is whole
	size_t size, capacity;
};

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int fail(const char *command, const char *socket, const char *what) {
	fprintf(stderr, "%s: %s: %s\n", command, socket, what);
	return -EIO;
}

static int connect_to(struct talk *talk, const char *socket_path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t len = strlen(socket_path);
	if (len == 0 || len >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, socket_path, len);
	talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (talk->fd < 0) {
		return oriel_errno();
	}
	// Nobody waits for ever for a device that does not accept.
	const struct timeval timeout = { .tv_sec = TIMEOUT_MS / 1000 };
	if (setsockopt(talk->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
			connect(talk->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		return oriel_errno();
	}
	return 0;
}

static int send_all(const struct talk *talk, const char *bytes, size_t size) {
	while (size > 0) {
		ssize_t n = send(talk->fd, bytes, size, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR) {
			return oriel_errno();
		}
		bytes += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int make_room(struct talk *talk) {
	if (talk->size + 1 < talk->capacity) {
		return 0;
	}
	if (talk->capacity >= MAX_REPLY) {
		return -EMSGSIZE;
	}
	const size_t capacity = talk->capacity == 0 ? 16384 : talk->capacity * 2;
	char *reply = realloc(talk->reply, capacity);
	if (reply == NULL) {
		return -ENOMEM;
	}
	talk->reply = reply;
	talk->capacity = capacity;
	return 0;
}

/** Receive until there is a line. Returns 0, -ETIMEDOUT, -ENOTCONN, or another negative errno. */
static int receive_line(struct talk *talk) {
	for (;;) {
		int64_t left_ms = talk->deadline_ms - get_now_ms();
		struct pollfd polled = { .fd = talk->fd, .events = POLLIN };
		int ready = poll(&polled, 1, left_ms > 0 ? (int)left_ms : 0);
		if (ready <= 0) {
			if (ready < 0 && errno == EINTR) {
				continue;
			}
			return ready == 0 ? -ETIMEDOUT : oriel_errno();
		}
		int err = make_room(talk);
		if (err < 0) {
			return err;
		}
		ssize_t n = recv(talk->fd, talk->reply + talk->size,
				talk->capacity - talk->size - 1, MSG_DONTWAIT);
		if (n <= 0) {
			if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
				continue;
			}
			return n == 0 ? -ENOTCONN : oriel_errno();
		}
		char *end = memchr(talk->reply + talk->size, '\n', (size_t)n);
		talk->size += (size_t)n;
		talk->reply[talk->size] = '\0';
		if (end != NULL) {
			*end = '\0';
			return 0;
		}
	}
}

static const char *describe(int err) {
	switch (err) {
	case -ETIMEDOUT:
	case -EAGAIN: // of connect() and send(), which have a timeout
		return "no answer within 5 s";
	case -ENOTCONN:
	case -EPIPE:
	case -ECONNRESET:
		return "closed by the other side";
	case -EMSGSIZE:
		return "what answers there is no oriel-gpu";
	default:
		return strerror(-err);
	}
}

/** What is under "ok"; else say why there is none. */
static int read_reply(const char *command, const char *socket, const char *line,
		struct json_object **ret) {
	struct json_object *reply = json_tokener_parse(line);
	struct json_object *ok = NULL, *error = NULL, *text = NULL;
	int err = 0;
	if (json_object_is_type(reply, json_type_object) &&
			json_object_object_get_ex(reply, "ok", &ok) &&
			json_object_is_type(ok, json_type_object)) {
		*ret = json_object_get(ok);
	} else if (json_object_is_type(reply, json_type_object) &&
			json_object_object_get_ex(reply, "error", &error) &&
			json_object_object_get_ex(error, "text", &text)) {
		err = fail(command, socket, json_object_get_string(text));
	} else {
		err = fail(command, socket, "what answers there is no oriel-gpu");
	}
	json_object_put(reply);
	return err;
}

int ask_control(const char *command, const struct place_path *path, const char *request,
		struct json_object **ret) {
	struct talk talk = { .fd = -1, .deadline_ms = get_now_ms() + TIMEOUT_MS };
	const char *socket = path->text;
	int err = connect_to(&talk, socket);
	if (err < 0 && err != -EAGAIN) {
		oriel_fd_close(&talk.fd);
		return place_fail_connect(command, path, err);
	}
	if (err == 0) {
		err = send_all(&talk, request, strlen(request));
	}
	// One client too many is told so before it has asked.
	if (err == 0 || err == -EPIPE) {
		err = receive_line(&talk);
	}
	err = err == 0 ? read_reply(command, socket, talk.reply, ret)
		       : fail(command, socket, describe(err));
	oriel_fd_close(&talk.fd);
	free(talk.reply);
	return err;
}
