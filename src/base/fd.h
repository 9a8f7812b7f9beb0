// SPDX-License-Identifier: MIT
/*
 * File descriptors. -1 is "none". Everything made here is close-on-exec.
 */
#ifndef ORIEL_FD_H
#define ORIEL_FD_H

#include "base/compiler.h"

#include <stddef.h>

/** Close *fd unless it is -1, and make it -1. Keeps errno. */
void oriel_fd_close(int *fd);

/** A close-on-exec duplicate of fd in *ret. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int oriel_fd_dup(int fd, int *ret);

/** Make fd non-blocking. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int oriel_fd_set_nonblocking(int fd);

/**
 * Add 1 to a non-blocking eventfd of ours. A full counter is as good as a written one, so nothing
 * can fail.
 */
void oriel_eventfd_signal(int fd);

/**
 * Add 1 to an eventfd that a peer made: as above, but it does not wait either if that is a blocking
 * one whose counter is full, or a full pipe.
 */
void oriel_eventfd_signal_shared(int fd);

/** Empty a non-blocking eventfd of ours. */
void oriel_eventfd_drain(int fd);

/**
 * Empty an eventfd that a peer made and still uses: its flags are not ours to change, so this does
 * not wait even if it is a blocking one. Call it when it was reported readable.
 */
void oriel_eventfd_drain_shared(int fd);

#endif
