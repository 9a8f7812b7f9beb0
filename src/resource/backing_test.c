// SPDX-License-Identifier: MIT
/* Tests of backing.h: resolving, merging, budgets exact on every path, maps that change. */
#include "resource/backing.h"

#include "fixture/check.h"

#include <errno.h>
#include <string.h>

#define PAGE 4096u

struct fixture {
	struct oriel_memory *memory;
	struct oriel_mem_map *map;
	struct oriel_budget budget;
	struct oriel_backing backing;
	uint8_t low[4 * PAGE], high[4 * PAGE];
};

static void setup(struct fixture *f) {
	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < sizeof(f->low); i++) {
		f->low[i] = (uint8_t)(i * 7);
		f->high[i] = (uint8_t)(i * 13);
	}
	assert_int_equal(oriel_memory_create(&f->memory), 0);
	// Two regions side by side in guest addresses, apart here.
	assert_int_equal(oriel_memory_add_mapped(f->memory, 0x10000, sizeof(f->low), f->low), 0);
	assert_int_equal(oriel_memory_add_mapped(f->memory, 0x10000 + sizeof(f->low),
					 sizeof(f->high), f->high),
			0);
	f->map = oriel_memory_hold_map(f->memory);
	f->budget.limit = 4096;
	oriel_backing_init(&f->backing, &f->budget);
}

static void finish(struct fixture *f) {
	oriel_backing_detach(&f->backing);
	assert_true(f->budget.used == 0);
	oriel_mem_map_release(f->map);
	oriel_memory_destroy(f->memory);
}

static void read_all(struct fixture *f, uint8_t *ret, size_t size) {
	struct oriel_scatter_cursor cursor = oriel_scatter_seek(&f->backing.scatter, 0);
	oriel_scatter_cursor_read(&cursor, ret, size);
}

static void test_entries_become_one_stretch(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	assert_int_equal(oriel_backing_begin(&f.backing, 3, f.map), 0);
	// Crosses the two regions; continues it; overlaps.
	assert_int_equal(oriel_backing_append(&f.backing, 0x10000 + 4 * PAGE - 8, 16, 1 << 20), 0);
	assert_int_equal(oriel_backing_append(&f.backing, 0x10000 + 4 * PAGE + 8, 8, 1 << 20), 0);
	assert_int_equal(oriel_backing_append(&f.backing, 0x10003, 5, 1 << 20), 0);
	oriel_backing_end(&f.backing);
	assert_true(f.backing.attached && f.backing.scatter.size == 29);
	assert_int_equal(f.backing.len, 2); // the first two touch
	uint8_t expected[29], got[29];
	memcpy(expected, f.low + 4 * PAGE - 8, 8);
	memcpy(expected + 8, f.high, 16);
	memcpy(expected + 24, f.low + 3, 5);
	read_all(&f, got, sizeof(got));
	assert_memory_equal(got, expected, sizeof(got));
	finish(&f);
}

static const struct {
	const char *name;
	uint64_t gpa;
	uint32_t length;
	int err;
} bad_cases[] = {
	{ "H-111 length 0", 0x10000, 0, -EINVAL },
	{ "H-110 unmapped", 0, 8, -EFAULT },
	{ "H-110 runs out", 0x10000 + 8 * PAGE - 1, 2, -EFAULT },
	{ "H-110 wraps", UINT64_MAX - 3, 8, -EFAULT },
	{ "H-110 longest", 0x10000, UINT32_MAX, -EFAULT },
	{ "over the limit", 0x10000, 101, -EOVERFLOW },
};

static void test_bad_entries(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad_cases); i++) {
		struct fixture f;
		setup(&f);
		assert_int_equal(oriel_backing_begin(&f.backing, 1, f.map), 0);
		int err = oriel_backing_append(&f.backing, bad_cases[i].gpa, bad_cases[i].length,
				100);
		CHECK(err == bad_cases[i].err, "%s: %d", bad_cases[i].name, err);
		assert_false(f.backing.attached);
		finish(&f);
	}
}

static void test_lists_are_charged(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	assert_int_equal(oriel_backing_begin(&f.backing, 1000, f.map), -EDQUOT);
	assert_int_equal(oriel_backing_begin(&f.backing, SIZE_MAX / 2, f.map), -EDQUOT);
	assert_true(f.budget.used == 0);
	assert_int_equal(oriel_backing_begin(&f.backing, 0, f.map), 0); // H-115
	oriel_backing_end(&f.backing);
	assert_true(f.backing.attached && f.backing.scatter.size == 0);
	oriel_backing_detach(&f.backing);
	assert_int_equal(oriel_backing_begin(&f.backing, 10, f.map), 0);
	assert_true(f.budget.used > 0);
	finish(&f);
}

static void test_memory_that_goes_and_comes_back(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	assert_int_equal(oriel_backing_begin(&f.backing, 1, f.map), 0);
	assert_int_equal(oriel_backing_append(&f.backing, 0x10000 + 4 * PAGE, 64, 1 << 20), 0);
	oriel_backing_end(&f.backing);

	assert_int_equal(oriel_memory_remove_region(f.memory, 0x10000 + 4 * PAGE, 4 * PAGE), 0);
	struct oriel_mem_map *without = oriel_memory_hold_map(f.memory);
	oriel_backing_handle_map_change(&f.backing, without);
	assert_true(f.backing.attached && f.backing.lost);
	assert_true(f.backing.scatter.size == 0);

	// It comes back somewhere else.
	assert_int_equal(oriel_memory_add_mapped(f.memory, 0x10000 + 4 * PAGE, PAGE, f.low + PAGE),
			0);
	struct oriel_mem_map *again = oriel_memory_hold_map(f.memory);
	oriel_backing_handle_map_change(&f.backing, again);
	assert_false(f.backing.lost);
	uint8_t got[64];
	read_all(&f, got, sizeof(got));
	assert_memory_equal(got, f.low + PAGE, sizeof(got));
	oriel_mem_map_release(without);
	oriel_mem_map_release(again);
	finish(&f);
}

/** Memory that is added moves nothing: the list is not written anew. Other changes write it. */
static void test_memory_that_is_added(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	static uint8_t more[PAGE];
	assert_int_equal(oriel_backing_judge(&f.backing, f.map), ORIEL_MEM_GONE); // there is none
	assert_int_equal(oriel_backing_begin(&f.backing, 2, f.map), 0);
	assert_int_equal(oriel_backing_append(&f.backing, 0x10000, 64, 1 << 20), 0);
	assert_int_equal(oriel_backing_append(&f.backing, 0x10000 + 4 * PAGE, 64, 1 << 20), 0);
	oriel_backing_end(&f.backing);
	f.backing.scatter.pieces[0].hva = more; // a mark

	assert_int_equal(oriel_memory_add_mapped(f.memory, 0x1000, PAGE, more), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(f.memory);
	assert_int_equal(oriel_backing_judge(&f.backing, map), ORIEL_MEM_KEPT);
	oriel_backing_handle_map_change(&f.backing, map);
	assert_ptr_equal(f.backing.map, map);
	assert_ptr_equal(f.backing.scatter.pieces[0].hva, more);
	oriel_mem_map_release(map);

	// Other memory goes: the pages are kept, and nobody looks for a mark.
	assert_int_equal(oriel_memory_remove_region(f.memory, 0x1000, PAGE), 0);
	map = oriel_memory_hold_map(f.memory);
	assert_int_equal(oriel_backing_judge(&f.backing, map), ORIEL_MEM_KEPT);
	oriel_backing_handle_map_change(&f.backing, map);
	assert_ptr_equal(f.backing.scatter.pieces[0].hva, f.low);
	oriel_mem_map_release(map);

	// Some of its own: there is another place for it, and then none.
	assert_int_equal(oriel_memory_remove_region(f.memory, 0x10000, 4 * PAGE), 0);
	assert_int_equal(oriel_memory_add_mapped(f.memory, 0x10000, 4 * PAGE, f.low), 0);
	map = oriel_memory_hold_map(f.memory);
	assert_int_equal(oriel_backing_judge(&f.backing, map), ORIEL_MEM_MOVED);
	oriel_mem_map_release(map);
	assert_int_equal(oriel_memory_remove_region(f.memory, 0x10000 + 4 * PAGE, 4 * PAGE), 0);
	map = oriel_memory_hold_map(f.memory);
	assert_int_equal(oriel_backing_judge(&f.backing, map), ORIEL_MEM_GONE);
	oriel_mem_map_release(map);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_become_one_stretch),
		cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_lists_are_charged),
		cmocka_unit_test(test_memory_that_goes_and_comes_back),
		cmocka_unit_test(test_memory_that_is_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
