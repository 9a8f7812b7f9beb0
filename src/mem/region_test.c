// SPDX-License-Identifier: MIT
/*
 * Tests of regions that are files: what is mapped, and what happens when the file shrinks (H-057).
 *
 * The SIGBUS handler is the program's part; the one here is as small as it can be.
 */
#include "fixture/check.h"
#include "fixture/fail_alloc.h"
#include "mem/map.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define GPA 0x10000u

static struct oriel_memory *table; // the handler's way in
static volatile sig_atomic_t n_faults;

static void handle_sigbus(int signal_number, siginfo_t *info, void *context) {
	(void)context;
	n_faults++;
	if (!oriel_memory_handle_fault(table, info->si_addr)) {
		signal(signal_number, SIG_DFL);
	}
}

/** cmocka has a handler of its own around every test, so this is called inside them. */
static void catch_faults(void) {
	n_faults = 0;
	struct sigaction action = { .sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO };
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
}

static int setup(void **state) {
	(void)state;
	return oriel_memory_create(&table);
}

static int teardown(void **state) {
	(void)state;
	oriel_memory_destroy(table);
	return 0;
}

/** A file of n pages, whose bytes are their page's number plus 1. */
static int make_file(size_t n_pages) {
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(fd >= 0 && ftruncate(fd, (off_t)(n_pages * PAGE)) == 0, "no file");
	for (size_t i = 0; i < n_pages; i++) {
		uint8_t page[PAGE];
		memset(page, (int)i + 1, sizeof(page));
		CHECK(pwrite(fd, page, PAGE, (off_t)(i * PAGE)) == (ssize_t)PAGE, "page %zu", i);
	}
	return fd;
}

static uint8_t *get(uint64_t gpa, uint64_t size) {
	struct oriel_mem_map *map = oriel_memory_hold_map(table);
	uint8_t *hva = oriel_mem_map_get(map, gpa, size);
	oriel_mem_map_release(map);
	return hva;
}

static const struct {
	const char *name;
	uint64_t offset;
	uint64_t size;
	int err;
	uint8_t first, last; // byte there
} files[] = {
	// The file has 3 pages.
	{ "all of it", 0, 3 * PAGE, 0, 1, 3 },
	{ "its last page", 2 * PAGE, PAGE, 0, 3, 3 },
	{ "from within a page", PAGE - 1, 2, 0, 1, 2 },
	{ "its last byte", 3 * PAGE - 1, 1, 0, 3, 3 },
	{ "from within a page to the end", PAGE + 1, 2 * PAGE - 1, 0, 2, 3 },
	{ "a byte more than there is", 0, 3 * PAGE + 1, -EINVAL, 0, 0 },
	{ "a byte behind it", 3 * PAGE, 1, -EINVAL, 0, 0 },
	{ "an offset that wraps", UINT64_MAX, 2, -EINVAL, 0, 0 },
	{ "an offset that no file has", INT64_MAX, 1, -EINVAL, 0, 0 },
	{ "a size that no file has", 1, INT64_MAX, -EINVAL, 0, 0 },
};

static void test_parts_of_files(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(files); i++) {
		const size_t n_fds = count_open_fds();
		int fd = make_file(3);
		int err = oriel_memory_add_region_take(table, GPA, files[i].size, files[i].offset,
				fd);
		CHECK(err == files[i].err, "%s: %d", files[i].name, err);
		// The region has one, which is not the one that was taken.
		CHECK(count_open_fds() == n_fds + (err == 0 ? 1 : 0), "%s: descriptors",
				files[i].name);
		CHECK(fcntl(fd, F_GETFD) < 0, "%s: not closed", files[i].name);
		if (err == 0) {
			const uint8_t *hva = get(GPA, files[i].size);
			CHECK(hva != NULL, "%s: not there", files[i].name);
			CHECK(hva[0] == files[i].first, "%s: first byte", files[i].name);
			CHECK(hva[files[i].size - 1] == files[i].last, "%s: last", files[i].name);
		}
		oriel_memory_clear(table);
		CHECK(count_open_fds() == n_fds, "%s: a descriptor is open", files[i].name);
	}
	assert_int_equal(oriel_memory_add_region_take(table, GPA, PAGE, 0, -1), -EBADF);
}

static void test_writes_reach_the_file(void **state) {
	(void)state;
	int fd = make_file(1);
	int ours = dup(fd);
	assert_int_equal(oriel_memory_add_region_take(table, GPA, PAGE - 8, 8, fd), 0);
	get(GPA, 1)[0] = 99;
	uint8_t byte;
	assert_int_equal(pread(ours, &byte, 1, 8), 1);
	assert_int_equal(byte, 99);
	close(ours);
}

/** H-113: reading works, writing harms nobody. */
static void test_files_that_cannot_be_written(void **state) {
	(void)state;
	for (int is_sealed = 0; is_sealed <= 1; is_sealed++) {
		int fd = make_file(2);
		char path[64];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		int taken = is_sealed ? dup(fd) : open(path, O_RDONLY | O_CLOEXEC);
		assert_true(taken >= 0);
		assert_true(!is_sealed || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);
		int err = oriel_memory_add_region_take(table, GPA, 2 * PAGE, 0, taken);
		CHECK(err == 0, "sealed %d: %d", is_sealed, err);
		uint8_t *hva = get(GPA, 2 * PAGE);
		CHECK(hva[PAGE] == 2, "sealed %d", is_sealed);
		hva[PAGE] = 77;
		uint8_t byte;
		assert_int_equal(pread(fd, &byte, 1, (off_t)PAGE), 1);
		CHECK(byte == 2, "sealed %d: it was written", is_sealed);
		oriel_memory_clear(table);
		close(fd);
	}
}

static void test_a_truncated_file_reads_as_zeros(void **state) {
	(void)state;
	catch_faults();
	int fd = make_file(4);
	int ours = dup(fd);
	// The region begins inside a page, and the page before it must not be touched either.
	assert_int_equal(oriel_memory_add_region_take(table, GPA, 2 * PAGE, PAGE + 8, fd), 0);
	assert_int_equal(oriel_memory_add_region_take(table, 2 * GPA, PAGE, 0, make_file(1)), 0);
	volatile uint8_t *hva = get(GPA, 2 * PAGE);
	assert_int_equal(hva[0], 2);

	assert_int_equal(ftruncate(ours, (off_t)PAGE), 0);
	assert_int_equal(hva[2 * PAGE - 1], 0);
	assert_int_equal(n_faults, 1);
	// The whole region is lost at once, and can be written.
	assert_int_equal(hva[0], 0);
	hva[0] = 5;
	assert_int_equal(hva[0], 5);
	assert_int_equal(n_faults, 1);
	// Its neighbour is not.
	assert_int_equal(get(2 * GPA, 1)[0], 1);
	// Nothing comes back when the file grows again.
	assert_int_equal(ftruncate(ours, 4 * (off_t)PAGE), 0);
	assert_int_equal(pwrite(ours, "x", 1, (off_t)PAGE + 8), 1);
	assert_int_equal(hva[0], 5);
	close(ours);
}

static void test_a_region_of_an_old_map_is_found(void **state) {
	(void)state;
	catch_faults();
	int fd = make_file(1);
	int ours = dup(fd);
	assert_int_equal(oriel_memory_add_region_take(table, GPA, PAGE, 0, fd), 0);
	struct oriel_mem_map *old = oriel_memory_hold_map(table);
	oriel_memory_clear(table);
	assert_int_equal(ftruncate(ours, 0), 0);
	uint8_t byte = 9;
	assert_int_equal(oriel_mem_map_read(old, GPA, &byte, 1), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(n_faults, 1);
	oriel_mem_map_release(old);
	close(ours);
}

static void test_addresses_that_are_not_ours(void **state) {
	(void)state;
	static uint8_t embedders[PAGE];
	assert_int_equal(oriel_memory_add_mapped(table, 2 * GPA, PAGE, embedders), 0);
	assert_int_equal(oriel_memory_add_region_take(table, GPA, PAGE, 0, make_file(1)), 0);
	uint8_t *hva = get(GPA, PAGE);
	embedders[0] = 1;
	assert_false(oriel_memory_handle_fault(table, NULL));
	assert_false(oriel_memory_handle_fault(table, embedders));
	assert_false(oriel_memory_handle_fault(table, hva - 1));
	assert_false(oriel_memory_handle_fault(table, hva + PAGE));
	assert_int_equal(hva[0], 1);
	assert_int_equal(embedders[0], 1);

	errno = ENOTTY;
	assert_true(oriel_memory_handle_fault(table, hva + PAGE - 1));
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(hva[0], 0);
	// Zero pages cannot fault for want of a file: trying again would not end.
	assert_false(oriel_memory_handle_fault(table, hva));
	// If there is no memory for zero pages, the program hears so.
	oriel_memory_clear(table);
	assert_int_equal(oriel_memory_add_region_take(table, GPA, PAGE, 0, make_file(1)), 0);
	fail_alloc_at(1);
	assert_false(oriel_memory_handle_fault(table, get(GPA, 1)));
	assert_int_equal(errno, ENOTTY);
	fail_alloc_at(0);
	assert_int_equal(get(GPA, 1)[0], 1);
}

/** Huge pages: offsets and sizes that are no multiples of theirs, and no page to be had. */
static void test_huge_pages(void **state) {
	(void)state;
	catch_faults();
	const size_t huge = 2u << 20;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	if (fd < 0 || ftruncate(fd, (off_t)(2 * huge)) < 0) {
		skip(); // not every host has them
	}
	assert_int_equal(oriel_memory_add_region_take(table, GPA, huge, PAGE, fd), 0);
	volatile uint8_t *hva = get(GPA, huge);
	assert_non_null(hva);
	assert_int_equal((uintptr_t)hva % huge, PAGE);
	assert_int_equal(hva[huge - 1], 0);
	oriel_memory_clear(table);
	uint8_t in_core;
	assert_int_equal(mincore((void *)((uintptr_t)hva - PAGE), PAGE, &in_core), -1);
	assert_int_equal(errno, ENOMEM); // unmapped
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_parts_of_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writes_reach_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_that_cannot_be_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_truncated_file_reads_as_zeros, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_a_region_of_an_old_map_is_found, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_addresses_that_are_not_ours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_huge_pages, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
