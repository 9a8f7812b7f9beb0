// SPDX-License-Identifier: MIT
/* See penalty.h. */
#include "oriel-vnc/penalty.h"

void penalty_add(struct penalty *penalty, uint64_t machine, int64_t now_ms) {
	int64_t *until_ms = &penalty->all_until_ms; // if there is no place
	for (size_t i = 0; i < PENALTY_MACHINES; i++) {
		if (penalty->places[i].machine == machine ||
				penalty->places[i].until_ms <= now_ms) {
			penalty->places[i].machine = machine;
			until_ms = &penalty->places[i].until_ms;
			break;
		}
	}
	*until_ms = now_ms + PENALTY_MS;
}

int64_t penalty_get_ms(const struct penalty *penalty, uint64_t machine, int64_t now_ms) {
	int64_t until_ms = penalty->all_until_ms;
	for (size_t i = 0; i < PENALTY_MACHINES; i++) {
		if (penalty->places[i].machine == machine &&
				penalty->places[i].until_ms > until_ms) {
			until_ms = penalty->places[i].until_ms;
		}
	}
	return until_ms > now_ms ? until_ms - now_ms : 0;
}
