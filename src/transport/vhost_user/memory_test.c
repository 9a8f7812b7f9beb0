// SPDX-License-Identifier: MIT
/*
 * Tests of the front-end's memory: the messages SET_MEM_TABLE, ADD_MEM_REG and REM_MEM_REG, right
 * and wrong, and the translation of its addresses.
 */
#include "transport/vhost_user/memory.h"

#include "base/compiler.h"
#include "base/fd.h"
#include "fixture/fail_alloc.h"
#include "fixture/vhost_rig.h"

#include <errno.h>
#include <unistd.h>

#define PAGE UINT64_C(0x1000)
#define LARGE (UINT64_C(1) << 40)

static const struct oriel_vhost_region low = { 0, 4 * PAGE, RIG_LOW_USER, 0 };
static const struct oriel_vhost_region high = { RIG_HIGH_GPA, 2 * PAGE, RIG_HIGH_USER, PAGE };

/** Send SET_MEM_TABLE with n_fds times a file of 16 pages. */
static int send_table(struct vhost_rig *rig, const struct oriel_vhost_region *regions, size_t n,
		size_t n_fds) {
	struct oriel_vhost_table table = { .n_regions = n };
	for (size_t i = 0; i < n; i++) {
		table.regions[i] = regions[i];
	}
	uint8_t bytes[512];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_vhost_encode_table(&w, 0, &table);
	assert_false(w.failed);
	int fds[ORIEL_VHOST_MAX_TABLE_REGIONS + 1];
	for (size_t i = 0; i < n_fds; i++) {
		fds[i] = vhost_rig_make_file(16 * PAGE);
	}
	int answer = vhost_rig_send(rig, VHOST_USER_SET_MEM_TABLE, bytes + ORIEL_VHOST_HEADER_SIZE,
			(size_t)(w.cur - bytes) - ORIEL_VHOST_HEADER_SIZE, fds, n_fds);
	for (size_t i = 0; i < n_fds; i++) {
		oriel_fd_close(&fds[i]);
	}
	return answer;
}

static int send_region(struct vhost_rig *rig, uint32_t request,
		const struct oriel_vhost_region *region, bool has_fd) {
	int fd = has_fd ? vhost_rig_make_file(16 * PAGE) : -1;
	int answer = vhost_rig_region(rig, request, region, fd);
	oriel_fd_close(&fd);
	return answer;
}

static void test_tables(void **state) {
	struct vhost_rig *rig = *state;
	const struct oriel_vhost_region regions[8] = { low, high, { 5 * PAGE, PAGE, 5, 0 },
		{ 6 * PAGE, PAGE, LARGE, 0 }, { 7 * PAGE, PAGE, 2 * LARGE, 15 * PAGE },
		{ 8 * PAGE, 1, 3 * LARGE, 0 }, { 9 * PAGE, PAGE, 4 * LARGE, 1 },
		{ UINT64_MAX - PAGE + 1, PAGE, UINT64_MAX - PAGE + 1, 0 } };
	rig->asks = true;
	assert_int_equal(send_table(rig, regions, 8, 8), 0);
	CHECK_TRACE(rig, "memory 8\n");
	assert_int_equal(send_table(rig, regions, 1, 1), 0);
	CHECK_TRACE(rig, "memory 1\n");
	assert_int_equal(send_table(rig, regions, 0, 0), 0);
	CHECK_TRACE(rig, "memory 0\n");
	// Regions that were added are part of what a table replaces.
	assert_int_equal(send_region(rig, VHOST_USER_ADD_MEM_REG, &high, true), 0);
	assert_int_equal(send_table(rig, regions, 2, 2), 0);
	CHECK_TRACE(rig, "memory 1\nmemory 2\n");
	assert_int_equal(send_region(rig, VHOST_USER_REM_MEM_REG, &low, true), 0);
	assert_int_equal(send_region(rig, VHOST_USER_REM_MEM_REG, &high, false), 0);
	CHECK_TRACE(rig, "memory 1\nmemory 0\n");
}

static void test_regions_may_touch(void **state) {
	struct vhost_rig *rig = *state;
	const struct oriel_vhost_region regions[] = { low,
		{ 4 * PAGE, PAGE, RIG_LOW_USER + 4 * PAGE, 0 },
		{ 5 * PAGE, PAGE, RIG_LOW_USER - PAGE, 0 } };
	rig->asks = true;
	assert_int_equal(send_table(rig, regions, 3, 3), 0);
	CHECK_TRACE(rig, "memory 3\n");
}

static const struct {
	const char *name;
	struct oriel_vhost_region region; // beside low
} bad_regions[] = {
	{ "empty", { 5 * PAGE, 0, LARGE, 0 } },
	{ "same", { 0, 4 * PAGE, RIG_LOW_USER, 0 } },
	{ "the first byte overlaps", { 4 * PAGE - 1, PAGE, LARGE, 0 } },
	{ "the same user address", { 5 * PAGE, PAGE, RIG_LOW_USER, 0 } },
	{ "the last user byte overlaps", { 5 * PAGE, PAGE, RIG_LOW_USER - PAGE + 1, 0 } },
	{ "the first user byte overlaps", { 5 * PAGE, PAGE, RIG_LOW_USER + 4 * PAGE - 1, 0 } },
	{ "the guest address wraps", { UINT64_MAX - PAGE + 2, PAGE, LARGE, 0 } },
	{ "the user address wraps", { 5 * PAGE, PAGE, UINT64_MAX - PAGE + 2, 0 } },
	{ "the file is too short", { 5 * PAGE, 17 * PAGE, LARGE, 0 } },
	{ "the file is a byte too short", { 5 * PAGE, PAGE, LARGE, 15 * PAGE + 1 } },
	{ "the offset wraps", { 5 * PAGE, PAGE, LARGE, UINT64_MAX - PAGE + 1 } },
	{ "all ones", { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } },
};

static void test_bad_regions_change_nothing(void **state) {
	struct vhost_rig *rig = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad_regions); i++) {
		const char *name = bad_regions[i].name;
		const struct oriel_vhost_region both[2] = { low, bad_regions[i].region };
		rig->asks = true;
		CHECK(send_table(rig, &high, 1, 1) == 0, "%s", name);
		CHECK(send_table(rig, both, 2, 2) == 1, "%s", name);
		CHECK(oriel_memory_count_regions(rig->device.base.memory) == 1, "%s", name);
		CHECK(send_region(rig, VHOST_USER_REM_MEM_REG, &high, false) == 0, "%s", name);
		CHECK(send_region(rig, VHOST_USER_ADD_MEM_REG, &low, true) == 0, "%s", name);
		CHECK(send_region(rig, VHOST_USER_ADD_MEM_REG, &both[1], true) == 1, "%s", name);
		CHECK(oriel_memory_count_regions(rig->device.base.memory) == 1, "%s", name);
		CHECK(!rig->has_ended, "%s", name);
		rig->asks = false;
		send_region(rig, VHOST_USER_ADD_MEM_REG, &both[1], true);
		CHECK(rig->has_ended && rig->end_err == -EPROTO, "%s", name);
		vhost_rig_connect(rig);
		send_table(rig, both, 2, 2);
		CHECK(rig->has_ended && rig->end_err == -EPROTO, "%s", name);
		vhost_rig_connect(rig);
		fake_virtio_take_trace(&rig->device);
	}
}

static void test_wrong_numbers_of_descriptors(void **state) {
	struct vhost_rig *rig = *state;
	rig->asks = true;
	const struct oriel_vhost_region both[2] = { low, high };
	for (size_t n_fds = 0; n_fds <= 9; n_fds++) {
		int answer = send_table(rig, both, 2, n_fds);
		CHECK(answer == (n_fds == 2 ? 0 : 1), "%zu descriptors: %d", n_fds, answer);
	}
	assert_int_equal(oriel_memory_count_regions(rig->device.base.memory), 2);
}

static void test_regions_that_are_not_there(void **state) {
	struct vhost_rig *rig = *state;
	rig->asks = true;
	assert_int_equal(send_region(rig, VHOST_USER_ADD_MEM_REG, &low, true), 0);
	struct oriel_vhost_region others[3] = { low, low, low };
	others[0].gpa = PAGE;
	others[1].size = PAGE;
	others[2].user = PAGE;
	for (size_t i = 0; i < 3; i++) {
		CHECK(send_region(rig, VHOST_USER_REM_MEM_REG, &others[i], false) == 1, "row %zu",
				i);
	}
	assert_int_equal(oriel_memory_count_regions(rig->device.base.memory), 1);
	// The offset in the file does not name a region.
	others[0] = low;
	others[0].fd_offset = PAGE;
	assert_int_equal(send_region(rig, VHOST_USER_REM_MEM_REG, &others[0], false), 0);
	assert_int_equal(send_region(rig, VHOST_USER_REM_MEM_REG, &low, false), 1);
}

static void test_as_many_regions_as_there_may_be(void **state) {
	struct vhost_rig *rig = *state;
	rig->asks = true;
	for (uint64_t i = 0; i <= ORIEL_MEMORY_MAX_REGIONS; i++) {
		struct oriel_vhost_region region = { 2 * i * PAGE, PAGE, LARGE + 2 * i * PAGE, 0 };
		int answer = send_region(rig, VHOST_USER_ADD_MEM_REG, &region, true);
		CHECK(answer == (i < ORIEL_MEMORY_MAX_REGIONS ? 0 : 1), "region %u: %d",
				(unsigned int)i, answer);
	}
	vhost_rig_hang_up(rig);
}

static void test_translation(void **state) {
	(void)state;
	struct oriel_memory *table;
	assert_int_equal(oriel_memory_create(&table), 0);
	static struct oriel_vhost_memory memory;
	oriel_vhost_memory_init(&memory, table);
	const struct oriel_vhost_table two = { 2, { low, high } };
	int fds[2] = { vhost_rig_make_file(16 * PAGE), vhost_rig_make_file(16 * PAGE) };
	assert_int_equal(oriel_vhost_memory_set_take(&memory, &two, fds), 0);
	static const struct {
		uint64_t user, gpa;
		int err;
	} rows[] = {
		{ RIG_LOW_USER - 1, 0, -EFAULT },
		{ RIG_LOW_USER, 0, 0 },
		{ RIG_LOW_USER + 4 * PAGE - 1, 4 * PAGE - 1, 0 },
		{ RIG_LOW_USER + 4 * PAGE, 0, -EFAULT },
		{ RIG_HIGH_USER - 1, 0, -EFAULT },
		{ RIG_HIGH_USER + 5, RIG_HIGH_GPA + 5, 0 },
		{ RIG_HIGH_USER + 2 * PAGE, 0, -EFAULT },
		{ 0, 0, -EFAULT },
		{ UINT64_MAX, 0, -EFAULT },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		uint64_t gpa = 77;
		int err = oriel_vhost_memory_translate(&memory, rows[i].user, &gpa);
		CHECK(err == rows[i].err, "row %zu: %d", i, err);
		CHECK(gpa == (err == 0 ? rows[i].gpa : 77), "row %zu", i);
	}
	assert_int_equal(oriel_vhost_memory_remove(&memory, &low), 0);
	uint64_t gpa;
	assert_int_equal(oriel_vhost_memory_translate(&memory, RIG_LOW_USER, &gpa), -EFAULT);
	assert_int_equal(oriel_vhost_memory_translate(&memory, RIG_HIGH_USER, &gpa), 0);
	oriel_vhost_memory_clear(&memory);
	assert_int_equal(oriel_vhost_memory_translate(&memory, RIG_HIGH_USER, &gpa), -EFAULT);
	oriel_memory_destroy(table);
}

static struct oriel_vhost_memory torn;

static int attempt_table(void *user) {
	const struct oriel_vhost_table two = { 2, { low, high } };
	int *files = user;
	int fds[2] = { dup(files[0]), dup(files[1]) };
	size_t n_before = torn.n_regions;
	int err = oriel_vhost_memory_set_take(&torn, &two, fds);
	// All, what was before, or nothing: never a part.
	assert_true(torn.n_regions == (err == 0 ? 2 : n_before) || torn.n_regions == 0);
	assert_int_equal(oriel_memory_count_regions(torn.table), torn.n_regions);
	if (err == 0) {
		oriel_vhost_memory_clear(&torn); // regions keep descriptors, which are counted
	}
	return err;
}

static void test_no_memory_for_a_table(void **state) {
	(void)state;
	struct oriel_memory *table;
	assert_int_equal(oriel_memory_create(&table), 0);
	oriel_vhost_memory_init(&torn, table);
	int files[2] = { vhost_rig_make_file(16 * PAGE), vhost_rig_make_file(16 * PAGE) };
	assert_true(fail_alloc_each(attempt_table, files) > 10);
	oriel_fd_close(&files[0]);
	oriel_fd_close(&files[1]);
	oriel_memory_destroy(table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vhost_rig_setup, vhost_rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_tables),
		TEST(test_regions_may_touch),
		TEST(test_bad_regions_change_nothing),
		TEST(test_wrong_numbers_of_descriptors),
		TEST(test_regions_that_are_not_there),
		TEST(test_as_many_regions_as_there_may_be),
		cmocka_unit_test(test_translation),
		cmocka_unit_test(test_no_memory_for_a_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
