// SPDX-License-Identifier: MIT
/*
 * Machines from which a wrong password came: their next viewers wait for a second, so that guessing
 * is slow however many connections it uses. Others' viewers do not wait; unless more machines guess
 * at once than there are places, when all do: one that guesses may have many addresses.
 */
#ifndef ORIEL_VNC_PENALTY_H
#define ORIEL_VNC_PENALTY_H

#include <stddef.h>
#include <stdint.h>

#define PENALTY_MS 1000
#define PENALTY_MACHINES 16

/** All zeros: nobody waits. */
struct penalty {
	struct {
		uint64_t machine; // address_get_machine()
		int64_t until_ms;
	} places[PENALTY_MACHINES];
	int64_t all_until_ms;
};

/** A wrong password has come from a machine. */
void penalty_add(struct penalty *penalty, uint64_t machine, int64_t now_ms);

/** How long a machine's next viewer waits; 0: it does not. */
int64_t penalty_get_ms(const struct penalty *penalty, uint64_t machine, int64_t now_ms);

#endif
