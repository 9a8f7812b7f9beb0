// SPDX-License-Identifier: MIT
/* See qmp.h. */
#include "oriel/run/qmp.h"

#include "base/error.h"
#include "base/fd.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void qmp_init(struct qmp *qmp) {
	*qmp = (struct qmp){ .fd = -1 };
}

int qmp_connect(struct qmp *qmp, const char *path) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return oriel_errno();
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	qmp->fd = fd;
	return 0;
}

void qmp_send(struct qmp *qmp, const char *command) {
	char text[128];
	int n = snprintf(text, sizeof(text), "{\"execute\":\"%s\"}\n", command);
	if (qmp->fd >= 0 && send(qmp->fd, text, (size_t)n, MSG_NOSIGNAL) != n) {
		oriel_fd_close(&qmp->fd); // it reads nothing any more
	}
}

static void handle_line(struct qmp *qmp, const char *line) {
	static const char reason[] = "\"reason\": \"";
	if (strncmp(line, "{\"QMP\"", 6) == 0) {
		qmp_send(qmp, "qmp_capabilities");
	} else if (strncmp(line, "{\"return\"", 9) == 0) {
		qmp->is_ready = true;
	} else if (strstr(line, "\"event\": \"SHUTDOWN\"") != NULL) {
		const char *at = strstr(line, reason);
		at = at != NULL ? at + strlen(reason) : "";
		snprintf(qmp->reason, sizeof(qmp->reason), "%.*s", (int)strcspn(at, "\""), at);
	}
}

static void take_byte(struct qmp *qmp, char byte) {
	if (byte == '\n') {
		qmp->line[qmp->len] = '\0';
		qmp->len = 0;
		handle_line(qmp, qmp->line);
	} else if (qmp->len + 1 < sizeof(qmp->line)) {
		qmp->line[qmp->len++] = byte; // what is longer is nothing that is looked for
	}
}

void qmp_read(struct qmp *qmp) {
	char bytes[4096];
	while (qmp->fd >= 0) {
		ssize_t n = recv(qmp->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n <= 0) {
			oriel_fd_close(&qmp->fd);
			return;
		}
		for (ssize_t i = 0; i < n; i++) {
			take_byte(qmp, bytes[i]);
		}
	}
}

void qmp_finish(struct qmp *qmp) {
	oriel_fd_close(&qmp->fd);
}
