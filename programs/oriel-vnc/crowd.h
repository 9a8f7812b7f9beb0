// SPDX-License-Identifier: MIT
/*
 * Who makes room at a door, when more come than there are places.
 *
 * Whoever came first would be pushed out by anybody who connects without end. So it is one of the
 * machine that has most places, and of those the one that came first: such a machine pushes out its
 * own, while one that has a single place keeps it as long as any other has more.
 */
#ifndef ORIEL_VNC_CROWD_H
#define ORIEL_VNC_CROWD_H

#include <stddef.h>
#include <stdint.h>

struct crowd_member {
	uint64_t machine; // where it came from: address_get_machine()
	uint64_t number;  // counts all that come: who came first has the smallest
};

/** The one that makes room: an index of the n members, of which at least one is not NULL. */
size_t crowd_choose(const struct crowd_member *const *members, size_t n);

#endif
