// SPDX-License-Identifier: MIT
/* See crowd.h. */
#include "oriel-vnc/crowd.h"

#include <assert.h>

/** How many members are of a machine. */
static size_t count(const struct crowd_member *const *members, size_t n, uint64_t machine) {
	size_t n_found = 0;
	for (size_t i = 0; i < n; i++) {
		n_found += members[i] != NULL && members[i]->machine == machine;
	}
	return n_found;
}

size_t crowd_choose(const struct crowd_member *const *members, size_t n) {
	size_t chosen = n, n_most = 0;
	for (size_t i = 0; i < n; i++) {
		if (members[i] == NULL) {
			continue;
		}
		const size_t n_here = count(members, n, members[i]->machine);
		if (n_here > n_most ||
				(n_here == n_most &&
						members[i]->number < members[chosen]->number)) {
			chosen = i;
			n_most = n_here;
		}
	}
	assert(chosen < n);
	return chosen;
}
