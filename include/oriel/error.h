// SPDX-License-Identifier: MIT
/*
 * What the error codes of this library mean.
 *
 * Every function that can fail returns int: 0, or a negative errno value. Out parameters are left
 * untouched on failure. The codes have one meaning each, everywhere:
 *
 *   -EBADMSG     malformed bytes
 *   -EINVAL      well formed, but not allowed
 *   -EFAULT      outside guest memory
 *   -ENOENT      no such id
 *   -EEXIST      the id is taken
 *   -EDQUOT      over a budget or limit
 *   -ENOMEM      the host has no memory
 *   -EOVERFLOW   a size cannot be represented
 *   -EOPNOTSUPP  not built in, or not negotiated
 *   -EPROTO      the peer broke its protocol: close it
 *   -EBUSY       in use
 *   -EAGAIN      not now; it will be possible later
 *   -ENOTCONN    the peer is gone
 *   -ETIMEDOUT   a deadline passed
 *   -EIO         anything else
 *
 * Errors of system calls that have no place in this list are passed on as they are.
 */
#ifndef ORIEL_ERROR_H
#define ORIEL_ERROR_H

#include <errno.h>

#endif
