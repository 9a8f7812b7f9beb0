// SPDX-License-Identifier: MIT
/* See damage.h. */
#include "display/damage.h"

#include <string.h>

void oriel_damage_set(struct oriel_damage *damage, const struct oriel_rect *rect) {
	damage->n = 0;
	oriel_damage_add(damage, rect);
}

static uint64_t area(const struct oriel_rect *rect) {
	return (uint64_t)rect->width * rect->height;
}

/** Pixels that one rectangle around both has more than the two together; 0 if it has fewer. */
static uint64_t get_waste(const struct oriel_rect *a, const struct oriel_rect *b) {
	struct oriel_rect both = oriel_rect_unite(a, b);
	uint64_t apart = area(a) + area(b);
	return area(&both) > apart ? area(&both) - apart : 0;
}

static void remove_at(struct oriel_damage *damage, uint32_t i) {
	damage->n--;
	memmove(&damage->rects[i], &damage->rects[i + 1],
			(damage->n - i) * sizeof(damage->rects[0]));
}

/** Make one rectangle of two, in the place of the older one, which is returned. */
static uint32_t merge(struct oriel_damage *damage, uint32_t i, uint32_t j) {
	uint32_t older = oriel_min_u32(i, j);
	uint32_t younger = older == i ? j : i;
	damage->rects[older] = oriel_rect_unite(&damage->rects[older], &damage->rects[younger]);
	remove_at(damage, younger);
	return older;
}

/** Merge rectangle i, which is new or has grown, with all that it costs little to merge it with. */
static void settle(struct oriel_damage *damage, uint32_t i) {
	uint32_t j = 0;
	while (j < damage->n) {
		if (j == i || get_waste(&damage->rects[i], &damage->rects[j]) >
						ORIEL_DAMAGE_SLACK_PX) {
			j++;
		} else {
			i = merge(damage, i, j);
			j = 0; // it has grown again
		}
	}
}

/** Merge the two that waste least. */
static void make_room(struct oriel_damage *damage) {
	uint32_t best_i = 0, best_j = 1;
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < damage->n; i++) {
		for (uint32_t j = i + 1; j < damage->n; j++) {
			uint64_t waste = get_waste(&damage->rects[i], &damage->rects[j]);
			if (waste < least) {
				least = waste;
				best_i = i;
				best_j = j;
			}
		}
	}
	settle(damage, merge(damage, best_i, best_j));
}

void oriel_damage_add(struct oriel_damage *damage, const struct oriel_rect *rect) {
	if (oriel_rect_is_empty(rect)) {
		return;
	}
	if (damage->n == ORIEL_DAMAGE_MAX_RECTS) {
		make_room(damage);
	}
	damage->rects[damage->n] = *rect;
	damage->n++;
	settle(damage, damage->n - 1);
}

struct oriel_rect oriel_damage_take(struct oriel_damage *damage) {
	if (damage->n == 0) {
		return (struct oriel_rect){ 0 };
	}
	struct oriel_rect first = damage->rects[0];
	remove_at(damage, 0);
	return first;
}
