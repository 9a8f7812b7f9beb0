// SPDX-License-Identifier: MIT
/*
 * Rectangles in pixels, as the protocol has them: unsigned, 32 bits, half-open.
 *
 * A rectangle may come from a guest with any values; oriel_rect_fits() is asked before anything
 * else. intersect and unite expect rectangles whose x + width and y + height fit 32 bits.
 */
#ifndef ORIEL_RECT_H
#define ORIEL_RECT_H

#include "base/arith.h"

struct oriel_rect {
	uint32_t x, y;
	uint32_t width, height;
};

static inline bool oriel_rect_is_empty(const struct oriel_rect *r) {
	return r->width == 0 || r->height == 0;
}

/** Whether r lies inside a width x height area. Cannot overflow. */
static inline bool oriel_rect_fits(const struct oriel_rect *r, uint32_t width, uint32_t height) {
	return oriel_range_fits(r->x, r->width, width) && oriel_range_fits(r->y, r->height, height);
}

static inline bool oriel_rect_equals(const struct oriel_rect *a, const struct oriel_rect *b) {
	return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

/** The part that both have; all zero if they do not meet. */
static inline struct oriel_rect oriel_rect_intersect(const struct oriel_rect *a,
		const struct oriel_rect *b) {
	uint32_t x0 = oriel_max_u32(a->x, b->x);
	uint32_t y0 = oriel_max_u32(a->y, b->y);
	uint32_t x1 = oriel_min_u32(a->x + a->width, b->x + b->width);
	uint32_t y1 = oriel_min_u32(a->y + a->height, b->y + b->height);
	if (x0 >= x1 || y0 >= y1) {
		return (struct oriel_rect){ 0 };
	}
	return (struct oriel_rect){ .x = x0, .y = y0, .width = x1 - x0, .height = y1 - y0 };
}

/** The smallest rectangle that covers both. An empty one adds nothing. */
static inline struct oriel_rect oriel_rect_unite(const struct oriel_rect *a,
		const struct oriel_rect *b) {
	if (oriel_rect_is_empty(a)) {
		return *b;
	}
	if (oriel_rect_is_empty(b)) {
		return *a;
	}
	uint32_t x0 = oriel_min_u32(a->x, b->x);
	uint32_t y0 = oriel_min_u32(a->y, b->y);
	uint32_t x1 = oriel_max_u32(a->x + a->width, b->x + b->width);
	uint32_t y1 = oriel_max_u32(a->y + a->height, b->y + b->height);
	return (struct oriel_rect){ .x = x0, .y = y0, .width = x1 - x0, .height = y1 - y0 };
}

#endif
