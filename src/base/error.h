// SPDX-License-Identifier: MIT
/*
 * The error that a failed system call left behind.
 *
 * Negative errno values are the errors of every interface in Oriel; their closed meanings are in
 * include/oriel/error.h.
 */
#ifndef ORIEL_BASE_ERROR_H
#define ORIEL_BASE_ERROR_H

#include <errno.h>

/** -errno, but never 0: so that a failure path cannot look like success to a reader or analyser. */
static inline int oriel_errno(void) {
	int err = errno;
	return err > 0 ? -err : -EIO;
}

#endif
