// SPDX-License-Identifier: MIT
/* Tests of bytes.h: byte order, and that the first short access is the last one that counts. */
#include "base/bytes.h"

#include "fixture/check.h"

static void test_reader_is_little_endian(void **state) {
	(void)state;
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
	assert_int_equal(oriel_read_u8(&r), 0x01);
	assert_int_equal(oriel_read_u16(&r), 0x0302);
	assert_int_equal(oriel_read_u32(&r), 0x07060504);
	assert_true(oriel_read_u64(&r) == 0x0f0e0d0c0b0a0908u);
	assert_false(r.failed);
	assert_int_equal(oriel_reader_left(&r), 0);
}

static void test_short_read_fails_for_good(void **state) {
	(void)state;
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
	assert_int_equal(oriel_read_u32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(oriel_read_u8(&r), 0);
	assert_int_equal(oriel_reader_left(&r), 0);
	uint8_t copy[2] = { 9, 9 };
	oriel_read_bytes(&r, copy, sizeof(copy));
	assert_int_equal(copy[0], 0);
}

static void test_writer_stops_at_the_end(void **state) {
	(void)state;
	uint8_t bytes[9];
	memset(bytes, 0xee, sizeof(bytes));
	struct oriel_writer w = oriel_writer_of(bytes, 8);
	oriel_write_u16(&w, 0x0201);
	oriel_write_u32(&w, 0x06050403);
	assert_false(w.failed);
	oriel_write_u32(&w, 0xffffffff);
	assert_true(w.failed);
	oriel_write_u8(&w, 1);
	for (uint8_t i = 0; i < 6; i++) {
		assert_int_equal(bytes[i], i + 1);
	}
	assert_int_equal(bytes[6], 0xee);
	assert_int_equal(bytes[8], 0xee);
}

static void test_writer_and_reader_agree(void **state) {
	(void)state;
	uint8_t bytes[16];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_write_u64(&w, 0xfedcba9876543210u);
	oriel_write_zeros(&w, 7);
	oriel_write_u8(&w, 0x80);
	assert_false(w.failed);
	struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
	assert_true(oriel_read_u64(&r) == 0xfedcba9876543210u);
	oriel_read_skip(&r, 7);
	assert_int_equal(oriel_read_u8(&r), 0x80);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_is_little_endian),
		cmocka_unit_test(test_short_read_fails_for_good),
		cmocka_unit_test(test_writer_stops_at_the_end),
		cmocka_unit_test(test_writer_and_reader_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
