// SPDX-License-Identifier: MIT
/* Tests of damage.h: what is added is covered, little is shown in vain, and order is kept. */
#include "display/damage.h"

#include "fixture/check.h"

#include <string.h>

static const struct {
	const char *name;
	struct oriel_rect a, b;
	uint32_t n; // rectangles that come of it
} merge_cases[] = {
	{ "nothing before", { 0, 0, 0, 0 }, { 0, 0, 1000, 1000 }, 1 },
	{ "nothing after", { 0, 0, 1000, 1000 }, { 7, 7, 0, 5 }, 1 },
	{ "the same", { 10, 10, 100, 100 }, { 10, 10, 100, 100 }, 1 },
	{ "inside", { 0, 0, 1000, 1000 }, { 10, 10, 100, 100 }, 1 },
	{ "side by side", { 0, 0, 500, 1000 }, { 500, 0, 500, 1000 }, 1 },
	{ "small ones near each other", { 0, 0, 16, 16 }, { 40, 40, 16, 16 }, 1 },
	{ "far corners", { 0, 0, 16, 16 }, { 984, 984, 16, 16 }, 2 },
	{ "a gap of 4096 pixels", { 0, 0, 64, 1 }, { 0, 65, 64, 1 }, 1 },
	{ "a gap of 4160 pixels", { 0, 0, 64, 1 }, { 0, 66, 64, 1 }, 2 },
};

static void test_merges(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(merge_cases); i++) {
		struct oriel_damage damage = { 0 };
		oriel_damage_add(&damage, &merge_cases[i].a);
		oriel_damage_add(&damage, &merge_cases[i].b);
		CHECK(damage.n == merge_cases[i].n, "%s: %u", merge_cases[i].name, damage.n);
	}
}

static void test_order_and_end(void **state) {
	(void)state;
	struct oriel_damage damage = { 0 };
	for (uint32_t i = 0; i < 5; i++) {
		const struct oriel_rect rect = { i * 10000, 0, 1, 1 };
		oriel_damage_add(&damage, &rect);
	}
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(oriel_damage_take(&damage).x, i * 10000);
	}
	assert_true(oriel_damage_is_empty(&damage));
	const struct oriel_rect none = oriel_damage_take(&damage);
	assert_true(oriel_rect_is_empty(&none));
	const struct oriel_rect rect = { 3, 4, 5, 6 };
	oriel_damage_add(&damage, &rect);
	oriel_damage_set(&damage, &none);
	assert_true(oriel_damage_is_empty(&damage));
}

/** A bridge between two that were apart makes one of three, in the place of the oldest. */
static void test_a_bridge(void **state) {
	(void)state;
	struct oriel_damage damage = { 0 };
	const struct oriel_rect rects[] = { { 0, 0, 1000, 10 }, { 0, 500, 1000, 10 },
		{ 5000, 5000, 1, 1 }, { 0, 10, 1000, 490 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rects); i++) {
		oriel_damage_add(&damage, &rects[i]);
	}
	assert_int_equal(damage.n, 2);
	const struct oriel_rect want = { 0, 0, 1000, 510 };
	const struct oriel_rect first = oriel_damage_take(&damage);
	assert_true(oriel_rect_equals(&first, &want));
}

/** Two that stay apart until the third makes one of them fit to the other, which was looked at. */
static void test_a_missing_quarter(void **state) {
	(void)state;
	struct oriel_damage damage = { 0 };
	const struct oriel_rect rects[] = { { 0, 0, 1000, 1000 }, { 1000, 0, 1000, 500 },
		{ 1000, 500, 1000, 500 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rects); i++) {
		oriel_damage_add(&damage, &rects[i]);
		assert_int_equal(damage.n, i == 1 ? 2 : 1);
	}
}

/** Whatever is added, every pixel of it is in some rectangle, and there are never too many. */
static void test_everything_is_covered(void **state) {
	(void)state;
	enum { SIDE = 200 };
	static uint8_t wanted[SIDE][SIDE];
	uint32_t seed = 1;
	for (int round = 0; round < 200; round++) {
		struct oriel_damage damage = { 0 };
		memset(wanted, 0, sizeof(wanted));
		for (int i = 0; i < 60; i++) {
			seed = seed * 1103515245u + 12345u;
			struct oriel_rect rect = { seed >> 8 & 127, seed >> 16 & 127, 1, 1 };
			rect.width += seed >> 24 & 63;
			rect.height += seed >> 5 & 63;
			oriel_damage_add(&damage, &rect);
			assert_true(damage.n <= ORIEL_DAMAGE_MAX_RECTS);
			for (uint32_t y = rect.y; y < rect.y + rect.height; y++) {
				memset(&wanted[y][rect.x], 1, rect.width);
			}
		}
		while (!oriel_damage_is_empty(&damage)) {
			struct oriel_rect rect = oriel_damage_take(&damage);
			assert_true(oriel_rect_fits(&rect, SIDE, SIDE));
			for (uint32_t y = rect.y; y < rect.y + rect.height; y++) {
				memset(&wanted[y][rect.x], 0, rect.width);
			}
		}
		for (size_t i = 0; i < sizeof(wanted); i++) {
			assert_int_equal(((const uint8_t *)wanted)[i], 0);
		}
	}
}

/** Far more dots than there are rectangles, spread over a wide picture. */
static void test_many_dots(void **state) {
	(void)state;
	struct oriel_damage damage = { 0 };
	for (uint32_t i = 0; i < 100; i++) {
		const struct oriel_rect rect = { i * 160, i * 160, 1, 1 };
		oriel_damage_add(&damage, &rect);
		assert_int_equal(damage.n, oriel_min_u32(i + 1, ORIEL_DAMAGE_MAX_RECTS));
	}
	uint64_t sum = 0;
	while (!oriel_damage_is_empty(&damage)) {
		struct oriel_rect rect = oriel_damage_take(&damage);
		sum += (uint64_t)rect.width * rect.height;
	}
	// One rectangle would be 250 million pixels; cut into 16 along the diagonal, a 16th.
	assert_true(sum < 40u * 1000 * 1000);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merges),
		cmocka_unit_test(test_order_and_end),
		cmocka_unit_test(test_a_bridge),
		cmocka_unit_test(test_a_missing_quarter),
		cmocka_unit_test(test_everything_is_covered),
		cmocka_unit_test(test_many_dots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
