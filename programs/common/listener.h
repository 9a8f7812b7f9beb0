// SPDX-License-Identifier: MIT
/*
 * A listening Unix socket at a path that this program owns.
 *
 * The socket is made with mode 0600. A path that is in use, or is something else than a socket, is
 * left alone; a socket that nobody listens on any more is replaced. At the end the path is removed
 * only if it is still ours.
 */
#ifndef ORIEL_LISTENER_H
#define ORIEL_LISTENER_H

#include "base/compiler.h"

#include <stdbool.h>
#include <sys/types.h>

struct listener {
	const char *path; // borrowed
	int fd;           // -1: not listening
	dev_t device;     // of the socket's inode
	ino_t inode;
};

/**
 * Listen at path, which must outlive the listener. Prints what is wrong.
 *
 * program is the name that messages begin with. Returns 0 or a negative errno.
 */
ORIEL_MUST_CHECK
int listener_open(struct listener *listener, const char *program, const char *path);

/**
 * Accept a connection, non-blocking and close-on-exec, of the same user or root.
 *
 * Returns 0, -EAGAIN if there is none, -EPERM after closing one of another user, or -errno.
 */
ORIEL_MUST_CHECK
int listener_accept(struct listener *listener, int *ret);

/** Stop listening and remove the path if it is ours. */
void listener_close(struct listener *listener);

#endif
