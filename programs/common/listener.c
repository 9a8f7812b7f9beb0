// SPDX-License-Identifier: MIT
/* See listener.h. */
#include "common/listener.h"

#include "base/error.h"
#include "base/fd.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int make_address(const char *path, struct sockaddr_un *ret) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	if (len >= sizeof(address.sun_path)) {
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, len);
	*ret = address;
	return 0;
}

/** Whether somebody listens at the address: 0, -ECONNREFUSED if nobody does, or why it cannot be
 * told. */
static int probe(const struct sockaddr_un *address) {
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return oriel_errno();
	}
	int err = 0;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
		err = errno == EAGAIN ? 0 : oriel_errno(); // many wait for whoever listens
	}
	oriel_fd_close(&fd);
	return err;
}

/** Something is at the path: remove it if it is a socket of nobody's. */
static int remove_stale(const char *program, const struct sockaddr_un *address) {
	const char *path = address->sun_path;
	struct stat st;
	if (lstat(path, &st) < 0) {
		return oriel_errno();
	}
	if (!S_ISSOCK(st.st_mode)) {
		fprintf(stderr, "%s: %s: exists and is not a socket; not touched\n", program, path);
		return -EEXIST;
	}
	int err = probe(address);
	if (err == 0) {
		fprintf(stderr, "%s: %s: in use by another process\n", program, path);
		return -EADDRINUSE;
	}
	if (err != -ECONNREFUSED) {
		fprintf(stderr, "%s: %s: exists, and may be in use: %s; not touched\n", program,
				path, strerror(-err));
		return err;
	}
	if (unlink(path) < 0) {
		err = oriel_errno();
		fprintf(stderr, "%s: %s: nobody listens there, but it cannot be removed: %s\n",
				program, path, strerror(-err));
		return err;
	}
	return 0;
}

static int bind_private(int fd, const struct sockaddr_un *address) {
	mode_t mask = umask(0177);
	int err = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? oriel_errno()
										   : 0;
	umask(mask);
	return err;
}

int listener_open(struct listener *listener, const char *program, const char *path) {
	*listener = (struct listener){ .path = path, .fd = -1 };
	struct sockaddr_un address;
	int err = make_address(path, &address);
	if (err < 0) {
		fprintf(stderr, "%s: %s: longer than the %zu bytes a socket's path may have\n",
				program, path, sizeof(address.sun_path) - 1);
		return err;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err = oriel_errno();
		fprintf(stderr, "%s: %s: cannot make a socket: %s\n", program, path,
				strerror(-err));
		return err;
	}
	err = bind_private(fd, &address);
	if (err == -EADDRINUSE) {
		err = remove_stale(program, &address);
		if (err < 0) {
			goto fail; // it said why
		}
		err = bind_private(fd, &address);
	}
	struct stat st;
	if (err == 0 && (listen(fd, BACKLOG) < 0 || lstat(path, &st) < 0)) {
		err = oriel_errno();
	}
	if (err < 0) {
		fprintf(stderr, "%s: %s: cannot listen there: %s\n", program, path, strerror(-err));
		goto fail;
	}
	listener->fd = fd;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	return 0;
fail:
	oriel_fd_close(&fd);
	return err;
}

int listener_accept(struct listener *listener, int *ret) {
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		return errno == EWOULDBLOCK || errno == ECONNABORTED ? -EAGAIN : oriel_errno();
	}
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
			(peer.uid != geteuid() && peer.uid != 0)) {
		oriel_fd_close(&fd);
		return -EPERM;
	}
	*ret = fd;
	return 0;
}

void listener_close(struct listener *listener) {
	struct stat st;
	if (listener->fd >= 0 && lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
			st.st_ino == listener->inode) {
		unlink(listener->path);
	}
	oriel_fd_close(&listener->fd);
}
