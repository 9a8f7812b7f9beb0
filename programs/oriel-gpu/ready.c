// SPDX-License-Identifier: MIT
/* See ready.h. */
#include "oriel-gpu/ready.h"

#include "base/error.h"
#include "base/fd.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char message[] = "READY=1";

int ready_announce(void) {
	const char *name = getenv("NOTIFY_SOCKET");
	if (name == NULL || name[0] == '\0') {
		return 0;
	}
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(name);
	if (len > sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, name, len);
	if (name[0] == '@') {
		address.sun_path[0] = '\0'; // an abstract name, which has no file
	}
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return oriel_errno();
	}
	int err = 0;
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&address,
			    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		err = oriel_errno();
	}
	oriel_fd_close(&fd);
	return err;
}
