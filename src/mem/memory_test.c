// SPDX-License-Identifier: MIT
/* Tests of include/oriel/memory.h: the table, and which changes whom sees. */
#include "oriel/memory.h"

#include "fixture/check.h"
#include "fixture/fail_alloc.h"
#include "mem/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 0x1000u

static uint8_t bytes[2 * SIZE];

static const struct {
	const char *name;
	uint64_t gpa;
	uint64_t size;
	int err;
} additions[] = {
	// The table has [0x1000, 0x2000) and [0x3000, 0x4000).
	{ "nothing", 0x5000, 0, -EINVAL },
	{ "the same again", 0x1000, SIZE, -EEXIST },
	{ "its first byte", 0x1000, 1, -EEXIST },
	{ "its last byte", 0x1fff, 1, -EEXIST },
	{ "up to its first byte", 0, 0x1001, -EEXIST },
	{ "around it", 0, 0x2800, -EEXIST },
	{ "between, but a byte too long", 0x2000, SIZE + 1, -EEXIST },
	{ "from within", 0x1800, SIZE, -EEXIST },
	{ "beyond the last address", UINT64_MAX, 2, -EINVAL },
	{ "as many bytes as there are", 1, UINT64_MAX, -EEXIST },
	{ "one address too far", 2, UINT64_MAX, -EINVAL },
	{ "before, touching", 0, SIZE, 0 },
	{ "between, touching both", 0x2000, SIZE, 0 },
	{ "behind, touching", 0x4000, 1, 0 },
	{ "the last address", UINT64_MAX, 1, 0 },
};

static void test_additions(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(additions); i++) {
		struct oriel_memory *memory;
		assert_int_equal(oriel_memory_create(&memory), 0);
		assert_int_equal(oriel_memory_add_mapped(memory, 0x3000, SIZE, bytes), 0);
		assert_int_equal(oriel_memory_add_mapped(memory, 0x1000, SIZE, bytes), 0);

		int err = oriel_memory_add_mapped(memory, additions[i].gpa, additions[i].size,
				bytes);
		CHECK(err == additions[i].err, "%s: %d", additions[i].name, err);
		size_t n = oriel_memory_count_regions(memory);
		CHECK(n == (err == 0 ? 3 : 2), "%s: %zu regions", additions[i].name, n);
		// What is taken is closed for every reason to refuse it.
		int fd = memfd_create("test", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, SIZE), 0);
		int again = oriel_memory_add_region_take(memory, additions[i].gpa,
				additions[i].size, 0, fd);
		CHECK(again == (err == 0 ? -EEXIST : err), "%s: %d", additions[i].name, again);
		CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF, "%s: open", additions[i].name);
		oriel_memory_destroy(memory);
	}
}

static void test_the_table_gets_full(void **state) {
	(void)state;
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	for (size_t i = 0; i < ORIEL_MEMORY_MAX_REGIONS; i++) {
		int err = oriel_memory_add_mapped(memory, i * SIZE, SIZE, bytes);
		CHECK(err == 0, "region %zu: %d", i, err);
	}
	const uint64_t end = ORIEL_MEMORY_MAX_REGIONS * (uint64_t)SIZE;
	assert_int_equal(oriel_memory_add_mapped(memory, end, SIZE, bytes), -EDQUOT);
	assert_int_equal(oriel_memory_remove_region(memory, 7 * SIZE, SIZE), 0);
	assert_int_equal(oriel_memory_add_mapped(memory, end, SIZE, bytes), 0);
	assert_int_equal(oriel_memory_count_regions(memory), ORIEL_MEMORY_MAX_REGIONS);
	oriel_memory_clear(memory);
	assert_int_equal(oriel_memory_count_regions(memory), 0);
	oriel_memory_destroy(memory);
}

static void test_removals(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint64_t gpa, size;
		int err;
	} rows[] = {
		{ "another address", 0x1001, SIZE, -ENOENT },
		{ "another size", 0x1000, SIZE - 1, -ENOENT },
		{ "both", 0x1000, 2 * SIZE, -ENOENT },
		{ "the first", 0x1000, SIZE, 0 },
		{ "the first again", 0x1000, SIZE, -ENOENT },
		{ "the second", 0x2000, SIZE, 0 },
		{ "from an empty table", 0x2000, SIZE, -ENOENT },
	};
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	assert_int_equal(oriel_memory_add_mapped(memory, 0x1000, SIZE, bytes), 0);
	assert_int_equal(oriel_memory_add_mapped(memory, 0x2000, SIZE, bytes + SIZE), 0);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		int err = oriel_memory_remove_region(memory, rows[i].gpa, rows[i].size);
		CHECK(err == rows[i].err, "%s: %d", rows[i].name, err);
	}
	oriel_memory_destroy(memory);
}

/** H-056: who holds a map keeps what it shows, however the table changes. */
static void test_a_held_map_stays(void **state) {
	(void)state;
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(pwrite(fd, "a", 1, 0), 1);
	assert_int_equal(oriel_memory_add_region_take(memory, SIZE, SIZE, 0, fd), 0);
	struct oriel_mem_map *old = oriel_memory_hold_map(memory);
	uint8_t *hva = oriel_mem_map_get(old, SIZE, SIZE);
	assert_int_equal(hva[0], 'a');

	assert_int_equal(oriel_memory_remove_region(memory, SIZE, SIZE), 0);
	assert_int_equal(oriel_memory_add_mapped(memory, SIZE, SIZE, bytes), 0);
	struct oriel_mem_map *new = oriel_memory_hold_map(memory);
	assert_ptr_equal(oriel_mem_map_get(new, SIZE, SIZE), bytes);
	assert_ptr_equal(oriel_mem_map_get(old, SIZE, SIZE), hva);
	oriel_memory_clear(memory);
	assert_ptr_equal(oriel_mem_map_get(new, SIZE, SIZE), bytes);
	assert_int_equal(hva[0], 'a');
	oriel_mem_map_release(new);

	// A second hold; and the table goes first.
	oriel_mem_map_release(oriel_mem_map_hold(old));
	oriel_memory_destroy(memory);
	assert_int_equal(hva[0], 'a');
	oriel_mem_map_release(old);
	// The region went with its last map.
	assert_int_equal(msync(hva, SIZE, MS_ASYNC), -1);
	assert_int_equal(errno, ENOMEM);
}

static void test_destruction(void **state) {
	(void)state;
	oriel_memory_destroy(NULL);
	oriel_mem_map_release(NULL);
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(oriel_memory_add_region_take(memory, SIZE, SIZE, 0, fd), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	void *hva = oriel_mem_map_get(map, SIZE, SIZE);
	oriel_mem_map_release(map);
	assert_int_equal(msync(hva, SIZE, MS_ASYNC), 0);
	oriel_memory_destroy(memory);
	assert_int_equal(msync(hva, SIZE, MS_ASYNC), -1);
	assert_int_equal(errno, ENOMEM);
}

static int attempt_all(void *user) {
	(void)user;
	struct oriel_memory *memory;
	int err = oriel_memory_create(&memory);
	if (err < 0) {
		return err;
	}
	int fd = memfd_create("test", MFD_CLOEXEC);
	if (fd < 0) {
		err = -errno;
	} else if (ftruncate(fd, SIZE) < 0) {
		close(fd);
		err = -errno;
	} else {
		err = oriel_memory_add_region_take(memory, 0, SIZE, 0, fd);
	}
	if (err == 0) {
		err = oriel_memory_add_mapped(memory, SIZE, SIZE, bytes);
	}
	if (err == 0) {
		err = oriel_memory_remove_region(memory, 0, SIZE);
		// A failed change changes nothing.
		CHECK(oriel_memory_count_regions(memory) == (err == 0 ? 1 : 2), "error %d", err);
	}
	oriel_memory_clear(memory); // cannot fail
	CHECK(oriel_memory_count_regions(memory) == 0, "not cleared");
	oriel_memory_destroy(memory);
	return err;
}

static void test_every_allocation_may_fail(void **state) {
	(void)state;
	// Table, registry, empty map; file, mapping, region, map; region, map; map.
	assert_int_equal(fail_alloc_each(attempt_all, NULL), 10);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_additions),
		cmocka_unit_test(test_the_table_gets_full),
		cmocka_unit_test(test_removals),
		cmocka_unit_test(test_a_held_map_stays),
		cmocka_unit_test(test_destruction),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
