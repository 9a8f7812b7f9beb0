// SPDX-License-Identifier: MIT
/* Tests of resource.h and format.h: accounting on every path, holds, sharing, seals, UUIDs. */
#include "resource/resource.h"

#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fixture {
	struct oriel_resource_limits limits;
	struct oriel_resource_table table;
	const struct oriel_format *format;
};

static void setup(struct fixture *f) {
	*f = (struct fixture){ .limits = {
					       .pixels = { .limit = 1u << 22 },
					       .count = { .limit = 3 },
					       .backing = { .limit = 1u << 16 },
					       .max_dimension = 16384,
			       } };
	oriel_resource_table_init(&f->table, &f->limits);
	f->format = oriel_format_get(2);
	assert_non_null(f->format);
}

static void finish(struct fixture *f) {
	oriel_resource_table_finish(&f->table);
	assert_true(f->limits.pixels.used == 0);
	assert_true(f->limits.count.used == 0);
	assert_true(f->limits.backing.used == 0);
}

static const struct {
	const char *name;
	uint32_t id, width, height;
	int err;
} create_cases[] = {
	{ "id 0", 0, 4, 4, -EEXIST },
	{ "empty width", 1, 0, 4, -EINVAL },
	{ "empty height", 1, 4, 0, -EINVAL },
	{ "widest row wraps 32 bits", 1, 0x40000001u, 1, -EOVERFLOW },
	{ "largest numbers", 1, UINT32_MAX, UINT32_MAX, -EOVERFLOW },
	{ "product wraps 32 bits", 1, 65536, 65536, -EDQUOT },
	{ "over the dimension", 1, 16385, 1, -EDQUOT },
	{ "at the dimension", 1, 16384, 1, 0 },
	{ "exactly the budget", 1, 1024, 1024, 0 },
	{ "one row over the budget", 1, 1024, 1025, -EDQUOT },
};

static void test_create_checks_and_charges(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(create_cases); i++) {
		struct fixture f;
		setup(&f);
		struct oriel_resource *res = NULL;
		int err = oriel_resource_create_2d(&f.table, create_cases[i].id, f.format,
				create_cases[i].width, create_cases[i].height, &res);
		CHECK(err == create_cases[i].err, "%s: %d", create_cases[i].name, err);
		uint64_t expected = err == 0 ? (uint64_t)create_cases[i].width *
								    create_cases[i].height * 4
					     : 0;
		CHECK(f.limits.pixels.used == expected, "%s", create_cases[i].name);
		CHECK((res != NULL) == (err == 0), "%s", create_cases[i].name);
		finish(&f);
	}
}

static void test_count_and_duplicates(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *res = NULL, *other = NULL;
	assert_int_equal(oriel_resource_create_2d(&f.table, 7, f.format, 4, 4, &res), 0);
	assert_int_equal(oriel_resource_create_2d(&f.table, 7, f.format, 4, 4, &other), -EEXIST);
	assert_int_equal(oriel_resource_create_2d(&f.table, 8, f.format, 4, 4, &other), 0);
	assert_true(other->serial != res->serial);
	assert_int_equal(oriel_resource_create_2d(&f.table, 9, f.format, 4, 4, &other), 0);
	assert_int_equal(oriel_resource_create_2d(&f.table, 10, f.format, 4, 4, &other), -EDQUOT);
	assert_ptr_equal(oriel_resource_get(&f.table, 7), res);
	oriel_resource_drop(&f.table, res);
	assert_null(oriel_resource_get(&f.table, 7));
	assert_int_equal(oriel_resource_create_2d(&f.table, 10, f.format, 4, 4, &other), 0);
	finish(&f);
}

static void test_held_pixels_outlive_the_drop(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *res = NULL;
	assert_int_equal(oriel_resource_create_2d(&f.table, 1, f.format, 16, 16, &res), 0);
	assert_int_equal(oriel_resource_allocate(res), 0);
	res->pixels[5] = 0x55;
	oriel_resource_hold(res);
	oriel_resource_hold(res);
	oriel_resource_drop(&f.table, res);
	assert_int_equal(res->pixels[5], 0x55);
	oriel_resource_release(res);
	assert_true(f.limits.pixels.used == 1024);
	oriel_resource_release(res);
	assert_true(f.limits.pixels.used == 0);
	finish(&f);
}

static void test_sharing_keeps_pixels_and_seals(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t side;
		bool memfd_at_once;
	} cases[] = { { "small", 16, false }, { "1 MiB", 512, true } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct fixture f;
		setup(&f);
		struct oriel_resource *res = NULL;
		assert_int_equal(oriel_resource_create_2d(&f.table, 1, f.format, cases[i].side,
						 cases[i].side, &res),
				0);
		assert_int_equal(oriel_resource_allocate(res), 0);
		CHECK((res->memfd >= 0) == cases[i].memfd_at_once, "%s", cases[i].name);
		CHECK(res->pixels[res->size - 1] == 0, "%s: new memory is zero", cases[i].name);
		memset(res->pixels, 0xab, res->size);
		assert_int_equal(oriel_resource_share(res), 0);
		CHECK(res->pixels[res->size - 1] == 0xab, "%s", cases[i].name);
		uint8_t byte = 0;
		assert_int_equal(pread(res->memfd, &byte, 1, (off_t)res->size - 1), 1);
		CHECK(byte == 0xab, "%s", cases[i].name);
		// Nobody else can write, resize or unseal it; we still can write.
		void *map = mmap(NULL, res->size, PROT_READ | PROT_WRITE, MAP_SHARED, res->memfd,
				0);
		CHECK(map == MAP_FAILED, "%s", cases[i].name);
		assert_int_equal(ftruncate(res->memfd, 1), -1);
		assert_int_equal(fcntl(res->memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
		map = mmap(NULL, res->size, PROT_READ, MAP_SHARED, res->memfd, 0);
		assert_true(map != MAP_FAILED);
		res->pixels[0] = 0x12;
		CHECK(*(uint8_t *)map == 0x12, "%s: same memory", cases[i].name);
		munmap(map, res->size);
		finish(&f);
	}
}

static void test_uuid_is_version_4_and_stays(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *a = NULL, *b = NULL;
	assert_int_equal(oriel_resource_create_2d(&f.table, 1, f.format, 1, 1, &a), 0);
	assert_int_equal(oriel_resource_create_2d(&f.table, 2, f.format, 1, 1, &b), 0);
	assert_int_equal(oriel_resource_assign_uuid(a), 0);
	assert_int_equal(oriel_resource_assign_uuid(b), 0);
	assert_int_equal(a->uuid[6] >> 4, 4);
	assert_int_equal(a->uuid[8] >> 6, 2);
	uint8_t first[ORIEL_UUID_SIZE];
	memcpy(first, a->uuid, sizeof(first));
	assert_int_equal(oriel_resource_assign_uuid(a), 0);
	assert_memory_equal(first, a->uuid, sizeof(first));
	assert_memory_not_equal(a->uuid, b->uuid, sizeof(first));
	finish(&f);
}

/** Whatever the ids' order in the table is, all go, and it can be used again. */
static void test_clear(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	f.limits.count.limit = 2000;
	for (uint32_t n = 0; n < 2000; n = n * 3 + 1) {
		for (int again = 0; again < 10; again++) {
			struct oriel_resource *res;
			for (uint32_t i = 0; i < n; i++) {
				assert_int_equal(oriel_resource_create_2d(&f.table, (i + 1) * 77,
								 f.format, 1, 1, &res),
						0);
			}
			assert_int_equal(f.limits.count.used, n);
			oriel_resource_table_clear(&f.table);
			assert_int_equal(f.limits.count.used, 0);
			assert_int_equal(f.table.ids.len, 0);
		}
		finish(&f); // the next one spreads its ids differently
		oriel_resource_table_init(&f.table, &f.limits);
	}
	finish(&f);
}

static void test_formats(void **state) {
	(void)state;
	size_t n = 0;
	for (const struct oriel_format *format; (format = oriel_format_at(n)) != NULL; n++) {
		CHECK(oriel_format_get(format->value) == format, "%s", format->name);
		int channels = 1 << format->i_red | 1 << format->i_green | 1 << format->i_blue |
			       1 << format->i_alpha;
		CHECK(channels == 15, "%s", format->name);
		// The name lists the bytes in memory order.
		CHECK(format->name[2 * format->i_red] == 'R', "%s", format->name);
		CHECK(format->name[2 * format->i_green] == 'G', "%s", format->name);
		CHECK(format->name[2 * format->i_blue] == 'B', "%s", format->name);
		CHECK((format->name[2 * format->i_alpha] == 'A') == format->has_alpha, "%s",
				format->name);
	}
	assert_int_equal(n, 8);
	static const uint32_t unknown[] = { 0, 5, 66, 69, 120, 135, UINT32_MAX };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(unknown); i++) {
		CHECK(oriel_format_get(unknown[i]) == NULL, "%u", unknown[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_checks_and_charges),
		cmocka_unit_test(test_count_and_duplicates),
		cmocka_unit_test(test_held_pixels_outlive_the_drop),
		cmocka_unit_test(test_sharing_keeps_pixels_and_seals),
		cmocka_unit_test(test_uuid_is_version_4_and_stays),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
