// SPDX-License-Identifier: MIT
/* Tests of map.h: looking guest addresses up. */
#include "mem/map.h"

#include "base/arith.h"
#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Where regions lie: two that touch, one apart, one that ends where addresses end. Host bytes hold
 * their guest address's lowest byte xor the region's number.
 */
#define LOW 0x1000u
#define MIDDLE 0x1100u
#define APART 0x8000u
#define TOP (UINT64_MAX - 0xff)
#define SIZE 0x100u

static const uint64_t bases[] = { LOW, MIDDLE, APART, TOP };
// Apart from each other here, so that a walk over the edge goes wrong.
static uint8_t bytes[ORIEL_ARRAY_LEN(bases)][SIZE + 64];

struct fixture {
	struct oriel_memory *memory;
	struct oriel_mem_map *map;
};

static int setup(void **state) {
	static struct fixture f;
	assert_int_equal(oriel_memory_create(&f.memory), 0);
	// Not in the order of their addresses.
	static const size_t order[] = { 2, 0, 3, 1 };
	for (size_t k = 0; k < ORIEL_ARRAY_LEN(order); k++) {
		size_t i = order[k];
		for (size_t n = 0; n < SIZE; n++) {
			bytes[i][n] = (uint8_t)(n ^ i << 4);
		}
		assert_int_equal(oriel_memory_add_mapped(f.memory, bases[i], SIZE, bytes[i]), 0);
	}
	f.map = oriel_memory_hold_map(f.memory);
	*state = &f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	oriel_mem_map_release(f->map);
	oriel_memory_destroy(f->memory);
	return 0;
}

struct piece {
	size_t region;
	size_t offset;
	size_t size;
};

static const struct {
	const char *name;
	uint64_t gpa;
	uint64_t size;
	int n; // spans, or an error
	struct piece pieces[2];
} ranges[] = {
	{ "a whole region", APART, SIZE, 1, { { 2, 0, SIZE } } },
	{ "its first byte", APART, 1, 1, { { 2, 0, 1 } } },
	{ "its last byte", APART + SIZE - 1, 1, 1, { { 2, SIZE - 1, 1 } } },
	{ "the byte before it", APART - 1, 1, -EFAULT, { { 0 } } },
	{ "the byte behind it", APART + SIZE, 1, -EFAULT, { { 0 } } },
	{ "one byte more than it", APART, SIZE + 1, -EFAULT, { { 0 } } },
	{ "one byte before, too", APART - 1, SIZE, -EFAULT, { { 0 } } },
	{ "H-022: two regions that touch", MIDDLE - 1, 2, 2, { { 0, SIZE - 1, 1 }, { 1, 0, 1 } } },
	{ "H-022: all of both", LOW, 2 * SIZE, 2, { { 0, 0, SIZE }, { 1, 0, SIZE } } },
	{ "H-020: more than both", LOW, 2 * SIZE + 1, -EFAULT, { { 0 } } },
	{ "H-020: nothing there", 0, 4096, -EFAULT, { { 0 } } },
	{ "the end of all addresses", TOP, SIZE, 1, { { 3, 0, SIZE } } },
	{ "the last address", UINT64_MAX, 1, 1, { { 3, SIZE - 1, 1 } } },
	{ "H-020: beyond it", TOP, SIZE + 1, -EFAULT, { { 0 } } },
	{ "H-020: wrapping into memory", TOP + 1, (uint64_t)LOW + SIZE, -EFAULT, { { 0 } } },
	{ "H-020: all of it", LOW, UINT64_MAX, -EFAULT, { { 0 } } },
	{ "nothing, in memory", LOW, 0, 0, { { 0 } } },
	{ "nothing, outside", 0, 0, 0, { { 0 } } },
};

static void test_resolve(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ranges); i++) {
		struct oriel_span spans[4] = { { 0 } };
		int n = oriel_mem_map_resolve(f->map, ranges[i].gpa, ranges[i].size, spans, 4);
		CHECK(n == ranges[i].n, "%s: %d", ranges[i].name, n);
		for (int k = 0; k < n; k++) {
			const struct piece *piece = &ranges[i].pieces[k];
			CHECK(spans[k].hva == bytes[piece->region] + piece->offset &&
							spans[k].size == piece->size,
					"%s: span %d", ranges[i].name, k);
		}
		if (n > 0) {
			int less = oriel_mem_map_resolve(f->map, ranges[i].gpa, ranges[i].size,
					spans, (size_t)n - 1);
			CHECK(less == -EDQUOT, "%s: room for too few: %d", ranges[i].name, less);
		}
	}
}

static void test_get(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ranges); i++) {
		void *hva = oriel_mem_map_get(f->map, ranges[i].gpa, ranges[i].size);
		const struct piece *piece = &ranges[i].pieces[0];
		uint8_t *expected = ranges[i].n == 1 ? bytes[piece->region] + piece->offset : NULL;
		CHECK(ranges[i].size == 0 || hva == expected, "%s: %p", ranges[i].name, hva);
	}
}

static void test_read_and_write(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ranges); i++) {
		// Longer than all memory: it is refused before that many bytes were copied.
		static uint8_t buf[4 * SIZE];
		size_t size = (size_t)oriel_min_u64(ranges[i].size, sizeof(buf));
		int expected = ranges[i].n < 0 ? -EFAULT : 0;
		if (size != ranges[i].size && expected == 0) {
			continue;
		}
		int err = oriel_mem_map_read(f->map, ranges[i].gpa, buf, size);
		CHECK(err == expected, "%s: read: %d", ranges[i].name, err);
		for (size_t k = 0, n = 0; err == 0 && n < size; k++) {
			const struct piece *piece = &ranges[i].pieces[k];
			CHECK(memcmp(buf + n, bytes[piece->region] + piece->offset, piece->size) ==
							0,
					"%s: piece %zu", ranges[i].name, k);
			memset(buf + n, (int)(0x40 + i), piece->size);
			n += piece->size;
		}
		err = oriel_mem_map_write(f->map, ranges[i].gpa, buf, size);
		CHECK(err == expected, "%s: write: %d", ranges[i].name, err);
		for (size_t k = 0, n = 0; err == 0 && n < size; k++) {
			const struct piece *piece = &ranges[i].pieces[k];
			const uint8_t *at = bytes[piece->region] + piece->offset;
			for (size_t b = 0; b < piece->size; b++) {
				CHECK(at[b] == 0x40 + i, "%s: byte %zu", ranges[i].name, b);
			}
			n += piece->size;
		}
	}
}

/** What becomes of memory when one of two regions that touch is made anew, and another one goes. */
static void test_judge(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *name;
		uint64_t gpa;
		uint64_t size;
		enum oriel_mem_fate fate;
	} cases[] = {
		{ "nothing", 0, 0, ORIEL_MEM_KEPT },
		{ "kept", LOW, SIZE, ORIEL_MEM_KEPT },
		{ "kept, but the last byte", LOW, SIZE + 1, ORIEL_MEM_MOVED },
		{ "kept, but the first byte", MIDDLE - 1, 1, ORIEL_MEM_KEPT },
		{ "made anew", MIDDLE, SIZE, ORIEL_MEM_MOVED },
		{ "behind it", MIDDLE, SIZE + 1, ORIEL_MEM_GONE },
		{ "gone", APART + SIZE - 1, 1, ORIEL_MEM_GONE },
		{ "the end of all addresses", TOP, SIZE, ORIEL_MEM_KEPT },
	};
	assert_int_equal(oriel_memory_remove_region(f->memory, MIDDLE, SIZE), 0);
	assert_int_equal(oriel_memory_add_mapped(f->memory, MIDDLE, SIZE, bytes[1]), 0);
	assert_int_equal(oriel_memory_remove_region(f->memory, APART, SIZE), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(f->memory);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		enum oriel_mem_fate fate =
				oriel_mem_map_judge(map, f->map, cases[i].gpa, cases[i].size);
		CHECK(fate == cases[i].fate, "%s: %d", cases[i].name, (int)fate);
	}
	oriel_mem_map_release(map);
}

static void test_keeps_all(void **state) {
	struct fixture *f = *state;
	static const uint64_t added[] = { 0, APART + SIZE, 0x9000 };
	assert_true(oriel_mem_map_keeps_all(f->map, f->map));
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(added); i++) { // in front, beside, between
		assert_int_equal(oriel_memory_add_mapped(f->memory, added[i], SIZE, bytes[0]), 0);
		struct oriel_mem_map *more = oriel_memory_hold_map(f->memory);
		CHECK(oriel_mem_map_keeps_all(more, f->map), "more: %zu", i);
		CHECK(!oriel_mem_map_keeps_all(f->map, more), "less: %zu", i);
		oriel_mem_map_release(more);
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bases); i++) { // each anew
		struct oriel_mem_map *before = oriel_memory_hold_map(f->memory);
		assert_int_equal(oriel_memory_remove_region(f->memory, bases[i], SIZE), 0);
		assert_int_equal(oriel_memory_add_mapped(f->memory, bases[i], SIZE, bytes[i]), 0);
		struct oriel_mem_map *anew = oriel_memory_hold_map(f->memory);
		CHECK(!oriel_mem_map_keeps_all(anew, before), "anew: %zu", i);
		oriel_mem_map_release(anew);
		oriel_mem_map_release(before);
	}
}

static void test_no_memory_at_all(void **state) {
	(void)state;
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	struct oriel_span span;
	uint8_t byte = 7;
	assert_int_equal(oriel_mem_map_resolve(map, 0, 1, &span, 1), -EFAULT);
	assert_int_equal(oriel_mem_map_resolve(map, 0, 0, &span, 1), 0);
	assert_null(oriel_mem_map_get(map, 0, 1));
	assert_int_equal(oriel_mem_map_read(map, 0, &byte, 1), -EFAULT);
	assert_int_equal(oriel_mem_map_write(map, 0, &byte, 1), -EFAULT);
	assert_int_equal(byte, 7);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
}

static void test_regions_say_what_to_map_elsewhere(void **state) {
	(void)state;
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("map_test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0x3000), 0);
	assert_int_equal(pwrite(fd, "here", 4, 0x1080), 4);
	assert_int_equal(oriel_memory_add_mapped(memory, 0x9000, SIZE, bytes[0]), 0);
	assert_int_equal(oriel_memory_add_region_take(memory, 0x4000, 0x1000, 0x1080, fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1); // taken: what the region has is its own
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	oriel_memory_destroy(memory);

	assert_int_equal(oriel_mem_map_count_regions(map), 2);
	struct oriel_mem_region_info info = oriel_mem_map_get_region(map, 0);
	assert_int_equal(info.gpa, 0x4000);
	assert_int_equal(info.size, 0x1000);
	assert_int_equal(info.fd_offset, 0x1080);
	char there[4];
	assert_int_equal(pread(info.fd, there, sizeof(there), (off_t)info.fd_offset), 4);
	assert_memory_equal(there, "here", 4);
	assert_int_equal(fcntl(info.fd, F_GETFD), FD_CLOEXEC);
	struct oriel_mem_region_info mapped = oriel_mem_map_get_region(map, 1);
	assert_int_equal(mapped.gpa, 0x9000);
	assert_int_equal(mapped.fd, -1);
	oriel_mem_map_release(map);
	assert_int_equal(fcntl(info.fd, F_GETFD), -1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_resolve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_get, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_and_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_judge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeps_all, setup, teardown),
		cmocka_unit_test(test_no_memory_at_all),
		cmocka_unit_test(test_regions_say_what_to_map_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
