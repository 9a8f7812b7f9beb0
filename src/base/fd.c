// SPDX-License-Identifier: MIT
/* See fd.h. */
#include "base/fd.h"

#include "base/error.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

void oriel_fd_close(int *fd) {
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
	*fd = -1;
}

int oriel_fd_dup(int fd, int *ret) {
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		return oriel_errno();
	}
	*ret = copy;
	return 0;
}

int oriel_fd_set_nonblocking(int fd) {
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		return oriel_errno();
	}
	return 0;
}

void oriel_eventfd_signal(int fd) {
	uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));
	(void)n;
}

void oriel_eventfd_signal_shared(int fd) {
	// Eventfds cannot be written with RWF_NOWAIT. Only we fill it: what poll() says holds.
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	if (poll(&room, 1, 0) > 0 && (room.revents & POLLOUT) != 0) {
		oriel_eventfd_signal(fd);
	}
}

void oriel_eventfd_drain(int fd) {
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n;
}

void oriel_eventfd_drain_shared(int fd) {
	uint64_t count;
	struct iovec iov = { .iov_base = &count, .iov_len = sizeof(count) };
	ssize_t n = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);
	if (n < 0 && errno == EOPNOTSUPP) { // not an eventfd, or Linux before 5.8
		n = read(fd, &count, sizeof(count));
	}
}
