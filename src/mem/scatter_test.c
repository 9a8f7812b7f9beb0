// SPDX-License-Identifier: MIT
/* Tests of scatter.h: merging, finding and copying, held against a plain copy of the bytes. */
#include "mem/scatter.h"

#include "fixture/check.h"
#include "fixture/fail_alloc.h"

#include <errno.h>
#include <string.h>

#define SIZE 64u

/** Pieces of a row of bytes, as (offset, size); what follows directly must be merged. */
struct layout {
	const char *name;
	struct {
		size_t offset, size;
	} pieces[6];
	size_t n_pieces;
	size_t n_merged;
};

static const struct layout layouts[] = {
	{ "nothing", { { 0 } }, 0, 0 },
	{ "one piece", { { 8, 16 } }, 1, 1 },
	{ "neighbours", { { 0, 8 }, { 8, 8 }, { 16, 1 } }, 3, 1 },
	{ "a gap", { { 0, 8 }, { 9, 8 } }, 2, 2 },
	{ "backwards", { { 8, 8 }, { 0, 8 } }, 2, 2 },
	{ "the same twice", { { 8, 8 }, { 8, 8 } }, 2, 2 },
	{ "empty ones between neighbours", { { 0, 8 }, { 30, 0 }, { 8, 8 } }, 3, 1 },
	{ "many", { { 60, 4 }, { 0, 1 }, { 2, 3 }, { 5, 1 }, { 40, 7 }, { 20, 9 } }, 6, 5 },
};

struct fixture {
	uint8_t row[SIZE];
	uint8_t expected[SIZE];
	struct oriel_scatter scatter;
};

static void setup(struct fixture *f, const struct layout *layout) {
	for (size_t i = 0; i < SIZE; i++) {
		f->row[i] = (uint8_t)(i + 1);
	}
	oriel_scatter_init(&f->scatter);
	size_t size = 0;
	for (size_t i = 0; i < layout->n_pieces; i++) {
		struct oriel_span span = { f->row + layout->pieces[i].offset,
			layout->pieces[i].size };
		int err = oriel_scatter_append(&f->scatter, &span);
		CHECK(err == 0, "%s: append %zu: %d", layout->name, i, err);
		memcpy(f->expected + size, span.hva, span.size);
		size += span.size;
	}
	CHECK(f->scatter.size == size, "%s: size", layout->name);
	CHECK(f->scatter.len == layout->n_merged, "%s: %zu pieces", layout->name, f->scatter.len);
}

static void test_every_range_reads_the_same(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(layouts); i++) {
		struct fixture f;
		setup(&f, &layouts[i]);
		const size_t size = (size_t)f.scatter.size;
		for (size_t start = 0; start <= size; start++) {
			struct oriel_scatter_cursor cursor = oriel_scatter_seek(&f.scatter, start);
			for (size_t end = start; end <= size; end++) {
				struct oriel_scatter_cursor copy = cursor;
				uint8_t out[SIZE];
				oriel_scatter_cursor_read(&copy, out, end - start);
				CHECK(memcmp(out, f.expected + start, end - start) == 0,
						"%s: [%zu, %zu)", layouts[i].name, start, end);
				CHECK(copy.offset == end, "%s: at %zu", layouts[i].name, end);
				// Going on is the same as seeking.
				oriel_scatter_cursor_read(&copy, out, size - end);
				CHECK(memcmp(out, f.expected + end, size - end) == 0,
						"%s: [%zu, %zu)", layouts[i].name, end, size);
			}
		}
		oriel_scatter_finish(&f.scatter);
	}
}

static void test_advance_is_seek(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(layouts); i++) {
		struct fixture f;
		setup(&f, &layouts[i]);
		for (size_t from = 0; from <= f.scatter.size; from++) {
			for (size_t to = from; to <= f.scatter.size; to++) {
				struct oriel_scatter_cursor a =
						oriel_scatter_seek(&f.scatter, from);
				struct oriel_scatter_cursor b = oriel_scatter_seek(&f.scatter, to);
				oriel_scatter_cursor_advance(&a, to);
				CHECK(a.i == b.i && a.offset == b.offset, "%s: %zu to %zu",
						layouts[i].name, from, to);
			}
		}
		oriel_scatter_finish(&f.scatter);
	}
}

static void test_sizes_do_not_wrap(void **state) {
	(void)state;
	struct oriel_scatter scatter;
	oriel_scatter_init(&scatter);
	uint8_t byte;
	// No byte of it is touched.
	struct oriel_span most = { &byte, SIZE_MAX };
	struct oriel_span one = { &byte, 1 };
	assert_int_equal(oriel_scatter_append(&scatter, &most), 0);
	assert_int_equal(oriel_scatter_append(&scatter, &one), -EOVERFLOW);
	assert_int_equal(scatter.len, 1);
	assert_true(scatter.size == SIZE_MAX);
	oriel_scatter_finish(&scatter);
}

static void test_reserved_room_needs_no_memory(void **state) {
	(void)state;
	struct oriel_scatter scatter;
	oriel_scatter_init(&scatter);
	uint8_t row[2 * SIZE] = { 0 };
	assert_int_equal(oriel_scatter_reserve(&scatter, SIZE), 0);
	fail_alloc_at(1);
	for (size_t i = 0; i < SIZE; i++) {
		struct oriel_span span = { row + 2 * i, 1 };
		CHECK(oriel_scatter_append(&scatter, &span) == 0, "piece %zu", i);
	}
	assert_int_equal(oriel_scatter_reserve(&scatter, 1), 0);
	struct oriel_span more = { row, 1 };
	assert_int_equal(oriel_scatter_append(&scatter, &more), -ENOMEM);
	assert_int_equal(scatter.len, SIZE);
	assert_int_equal(scatter.size, SIZE);
	fail_alloc_at(1);
	assert_int_equal(oriel_scatter_reserve(&scatter, 2 * SIZE), -ENOMEM);
	fail_alloc_at(0);
	assert_int_equal(oriel_scatter_append(&scatter, &more), 0);
	assert_int_equal(scatter.size, SIZE + 1);
	oriel_scatter_finish(&scatter);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_range_reads_the_same),
		cmocka_unit_test(test_advance_is_seek),
		cmocka_unit_test(test_sizes_do_not_wrap),
		cmocka_unit_test(test_reserved_room_needs_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
