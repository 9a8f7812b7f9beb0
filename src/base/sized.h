// SPDX-License-Identifier: MIT
/*
 * Structs of the public headers that begin with `size_t size`, their own sizeof as the caller
 * compiled them: callers may know fewer fields than we do, or more.
 */
#ifndef ORIEL_SIZED_H
#define ORIEL_SIZED_H

#include "base/arith.h"

#include <string.h>

/** Copy as much of a struct of size bytes as the caller has room for, who has set to's size. */
static inline void oriel_sized_copy(void *to, const void *from, size_t size) {
	size_t room;
	memcpy(&room, to, sizeof(room));
	if (room > sizeof(room)) {
		memcpy((char *)to + sizeof(room), (const char *)from + sizeof(room),
				oriel_min_size(room, size) - sizeof(room));
	}
}

#endif
