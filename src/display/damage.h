// SPDX-License-Identifier: MIT
/*
 * Damage: the parts of a picture that changed, as a few rectangles.
 *
 * One rectangle around all of them would make two dots in opposite corners a whole frame. Exact
 * unions would need memory that grows with what a guest draws. So there are at most
 * ORIEL_DAMAGE_MAX_RECTS, and those that cost least to merge are merged. Rectangles may overlap;
 * what was added first comes out first.
 */
#ifndef ORIEL_DAMAGE_H
#define ORIEL_DAMAGE_H

#include "base/rect.h"

#define ORIEL_DAMAGE_MAX_RECTS 16u

/** Pixels that may be shown in vain to save one rectangle: sending them takes about as long. */
#define ORIEL_DAMAGE_SLACK_PX 4096u

/** Begin with all zeros: no damage. */
struct oriel_damage {
	struct oriel_rect rects[ORIEL_DAMAGE_MAX_RECTS];
	uint32_t n;
};

static inline bool oriel_damage_is_empty(const struct oriel_damage *damage) {
	return damage->n == 0;
}

/** Forget it, and begin with this rectangle, which may be empty. */
void oriel_damage_set(struct oriel_damage *damage, const struct oriel_rect *rect);

/** Add a rectangle. An empty one adds nothing. */
void oriel_damage_add(struct oriel_damage *damage, const struct oriel_rect *rect);

/** Take the rectangle that is there for longest; empty if there is none. */
struct oriel_rect oriel_damage_take(struct oriel_damage *damage);

#endif
