// SPDX-License-Identifier: MIT
/*
 * Tests of render_dump.h. Offsets are those of the tables in docs/dump.md.
 */
#include "protocol/render_dump.h"

#include "fixture/check.h"

#include <errno.h>
#include <stdlib.h>

static const uint8_t header[16] = { 'O', 'R', 'I', 'E', 'L', 'R', '3', 'D', 1 };

static void test_header(void **state) {
	(void)state;
	uint8_t bytes[16];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_dump_encode_header(&w);
	assert_true(!w.failed && w.cur == w.end);
	assert_memory_equal(bytes, header, sizeof(header));
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct oriel_reader r = oriel_reader_of(bytes, n);
		int err = oriel_render_dump_decode_header(&r);
		CHECK(err == (n == sizeof(bytes) ? 0 : -EBADMSG), "%zu bytes: %d", n, err);
	}
	bytes[8] = 2;
	struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
	assert_int_equal(oriel_render_dump_decode_header(&r), -EPROTO);
	bytes[0] = 'o';
	r = oriel_reader_of(bytes, sizeof(bytes));
	assert_int_equal(oriel_render_dump_decode_header(&r), -EBADMSG);
}

static void test_record(void **state) {
	(void)state;
	static const uint8_t golden[16] = { 4, 3, 2, 1, 0x14, 0x13, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1 };
	const struct oriel_render_dump_record record = { 0x01020304, 0x01021314,
		UINT64_C(0x0102030405060708) };
	uint8_t bytes[16];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_dump_encode_record(&w, &record);
	assert_true(!w.failed && w.cur == w.end);
	assert_memory_equal(bytes, golden, sizeof(golden));
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct oriel_render_dump_record ret = { .kind = 77 };
		struct oriel_reader r = oriel_reader_of(bytes, n);
		int err = oriel_render_dump_decode_record(&r, &ret);
		CHECK(err == (n == sizeof(bytes) ? 0 : -EBADMSG), "%zu bytes: %d", n, err);
		CHECK(ret.kind == (n == sizeof(bytes) ? record.kind : 77), "%zu bytes", n);
	}
}

static void test_record_size(void **state) {
	(void)state;
	static const struct {
		uint32_t size;
		int err;
	} cases[] = {
		{ 0, 0 },
		{ (64u << 20) + 4096, 0 },
		{ (64u << 20) + 4097, -EBADMSG },
		{ UINT32_MAX, -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint8_t bytes[16];
		struct oriel_render_dump_record record = { .kind = 1, .size = cases[i].size };
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_render_dump_encode_record(&w, &record);
		struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
		int err = oriel_render_dump_decode_record(&r, &record);
		CHECK(err == cases[i].err, "size %u: %d", cases[i].size, err);
	}
}

static void test_memory(void **state) {
	(void)state;
	// Two rows of three bytes, four apart.
	static const uint8_t golden[30] = { 4, 3, 2, 1, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 8, 7, 6,
		5, 4, 3, 2, 1, 'a', 'b', 'c', 'd', 'e', 'f' };
	const struct oriel_render_dump_memory memory = { .resource_id = 0x01020304,
		.row_size = 3,
		.n_rows = 2,
		.stride = 4,
		.offset = UINT64_C(0x0102030405060708) };
	uint8_t bytes[24];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_dump_encode_memory(&w, &memory);
	assert_true(!w.failed && w.cur == w.end);
	assert_memory_equal(bytes, golden, sizeof(bytes));
	for (size_t n = 0; n <= sizeof(golden); n++) {
		struct oriel_render_dump_memory ret = { .resource_id = 77 };
		struct oriel_reader r = oriel_reader_of(golden, n);
		int err = oriel_render_dump_decode_memory(&r, &ret);
		CHECK(err == (n == sizeof(golden) ? 0 : -EBADMSG), "%zu bytes: %d", n, err);
		CHECK(ret.resource_id == (n == sizeof(golden) ? 0x01020304u : 77u), "%zu", n);
		if (err == 0) {
			assert_true(ret.row_size == 3 && ret.n_rows == 2 && ret.stride == 4);
			assert_true(ret.offset == memory.offset);
			assert_ptr_equal(ret.bytes, golden + 24);
		}
	}
}

static void test_memory_limits(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_render_dump_memory memory;
		int err;
	} cases[] = {
		{ "most", { 1, 1u << 20, 1, 1u << 20, 0, NULL }, 0 },
		{ "more", { 1, (1u << 20) + 1, 1, (1u << 20) + 1, 0, NULL }, -EBADMSG },
		{ "many rows", { 1, 1, 1u << 20, 1, 0, NULL }, 0 },
		{ "more rows", { 1, 1, (1u << 20) + 1, 1, 0, NULL }, -EBADMSG },
		{ "product of 2^32", { 1, 1u << 16, 1u << 16, 1u << 16, 0, NULL }, -EBADMSG },
		{ "product of 2^64 and more", { 1, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, NULL },
				-EBADMSG },
		{ "no bytes", { 1, 0, 1, 1, 0, NULL }, -EBADMSG },
		{ "no rows", { 1, 1, 0, 1, 0, NULL }, -EBADMSG },
		{ "rows overlap", { 1, 4, 2, 3, 0, NULL }, -EBADMSG },
		{ "at the end", { 1, 4, 2, 4, UINT64_MAX - 8, NULL }, 0 },
		{ "wraps", { 1, 4, 2, 4, UINT64_MAX - 7, NULL }, -EBADMSG },
	};
	const size_t size = (2u << 20) + 24;
	uint8_t *bytes = calloc(1, size);
	assert_non_null(bytes);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_render_dump_memory memory = cases[i].memory;
		struct oriel_writer w = oriel_writer_of(bytes, size);
		oriel_render_dump_encode_memory(&w, &memory);
		const uint64_t n = (uint64_t)memory.row_size * memory.n_rows;
		struct oriel_reader r = oriel_reader_of(bytes, 24 + (size_t)(n & 0x1fffff));
		int err = oriel_render_dump_decode_memory(&r, &memory);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
	}
	free(bytes);
}

static void test_result(void **state) {
	(void)state;
	static const uint8_t golden[44] = { 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 9, 7, 6,
		5, 4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 'a', 'b', 'c', 'd' };
	const struct oriel_render_dump_result result = { .number = UINT64_C(0x0102030405060708),
		.has_data = true,
		.checksum = UINT64_C(0x0102030405060709),
		.n_rows = 2,
		.row_size = 4,
		.picture_size = 4 };
	uint8_t bytes[40];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_dump_encode_result(&w, &result);
	assert_true(!w.failed && w.cur == w.end);
	assert_memory_equal(bytes, golden, sizeof(bytes));
	for (size_t n = 0; n <= sizeof(golden); n++) {
		struct oriel_render_dump_result ret = { .number = 77 };
		struct oriel_reader r = oriel_reader_of(golden, n);
		int err = oriel_render_dump_decode_result(&r, &ret);
		CHECK(err == (n == sizeof(golden) ? 0 : -EBADMSG), "%zu bytes: %d", n, err);
		CHECK(ret.number == (n == sizeof(golden) ? result.number : 77), "%zu bytes", n);
		if (err == 0) {
			assert_true(ret.err == 0 && ret.has_data &&
					ret.checksum == result.checksum && ret.n_rows == 2 &&
					ret.row_size == 4 && ret.picture_size == 4);
			assert_ptr_equal(ret.picture, golden + 40);
		}
	}
}

static void test_result_limits(void **state) {
	(void)state;
	static const struct {
		const char *name;
		size_t offset;
		uint32_t value;
		int err;
	} cases[] = {
		{ "an error", 8, 22, 0 },
		{ "the last error", 8, 4095, 0 },
		{ "no error", 8, 4096, -EBADMSG },
		{ "a negative error", 8, UINT32_MAX, -EBADMSG },
		{ "data 2", 12, 2, -EBADMSG },
		{ "data without rows", 12, 1, -EBADMSG },
		{ "a checksum without data", 16, 1, -EBADMSG },
		{ "rows without data", 24, 1, 0 }, // of no bytes
		{ "a picture without data", 36, 1, -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint8_t bytes[41] = { 0 };
		struct oriel_writer w = oriel_writer_of(bytes + cases[i].offset, 4);
		oriel_write_u32(&w, cases[i].value);
		struct oriel_reader r = oriel_reader_of(bytes, cases[i].offset == 36 ? 41 : 40);
		struct oriel_render_dump_result result;
		int err = oriel_render_dump_decode_result(&r, &result);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
	}
	// 4 GiB may be read back, and a picture may be of 16 Mi pixels and a bit.
	static const struct {
		uint64_t n_rows;
		uint32_t picture_size;
		int err;
	} sizes[] = { { 1u << 30, 0, 0 }, { (1u << 30) + 1, 0, -EBADMSG },
		{ UINT64_MAX, 0, -EBADMSG }, { (16u << 18) + 256, 1, 0 },
		{ (16u << 18) + 257, 1, -EBADMSG } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		uint8_t bytes[41] = { 0 };
		const struct oriel_render_dump_result from = { .has_data = true,
			.n_rows = sizes[i].n_rows,
			.row_size = 4,
			.picture_size = sizes[i].picture_size };
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_render_dump_encode_result(&w, &from);
		struct oriel_reader r = oriel_reader_of(bytes, 40 + sizes[i].picture_size);
		struct oriel_render_dump_result result;
		int err = oriel_render_dump_decode_result(&r, &result);
		CHECK(err == sizes[i].err, "row %zu: %d", i, err);
	}
}

/** Every byte counts, and the size does. */
static void test_sum(void **state) {
	(void)state;
	uint8_t bytes[21] = { 0 };
	for (size_t n = 0; n < sizeof(bytes); n++) {
		const uint64_t sum = oriel_render_dump_sum(0, bytes, n);
		CHECK(sum != oriel_render_dump_sum(0, bytes, n + 1), "%zu bytes", n);
		CHECK(n == 0 || sum != oriel_render_dump_sum(1, bytes, n), "%zu bytes", n);
		for (size_t i = 0; i < n * 8; i++) {
			bytes[i / 8] ^= (uint8_t)(1u << i % 8);
			CHECK(sum != oriel_render_dump_sum(0, bytes, n), "%zu, bit %zu", n, i);
			bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		}
	}
	// What other versions must also say.
	assert_true(oriel_render_dump_sum(0, (const uint8_t *)"123456789", 9) ==
			UINT64_C(0xcc11eee8374e63a9));
}

static void check_pack(const char *name, const uint8_t *pixels, size_t n, size_t size) {
	uint8_t *packed = malloc(oriel_render_dump_get_packed_size(n));
	uint8_t *back = calloc(n + 1, 4);
	assert_true(packed != NULL && back != NULL);
	const size_t n_packed = oriel_render_dump_pack(pixels, n, packed);
	CHECK(n_packed <= oriel_render_dump_get_packed_size(n), "%s", name);
	CHECK(size == 0 || n_packed == size, "%s: %zu bytes", name, n_packed);
	assert_int_equal(oriel_render_dump_unpack(packed, n_packed, back, n), 0);
	assert_memory_equal(back, pixels, n * 4);
	assert_int_equal(oriel_render_dump_unpack(packed, n_packed, back, n + 1), -EBADMSG);
	assert_int_equal(oriel_render_dump_unpack(packed, n_packed, back, n - 1), -EBADMSG);
	for (size_t i = 0; i < n_packed; i++) {
		CHECK(oriel_render_dump_unpack(packed, i, back, n) == -EBADMSG, "%s: %zu", name, i);
	}
	free(packed);
	free(back);
}

static void test_pack(void **state) {
	(void)state;
	static const uint8_t pixels[4 * 8] = { 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3,
		3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5 };
	check_pack("one", pixels, 1, 8);
	check_pack("a run", pixels + 4, 3, 8);
	check_pack("a run of two", pixels + 4, 2, 12);
	check_pack("all", pixels, 8, 8 + 8 + 4 + 4 * 4);
	uint32_t noise[997];
	uint32_t seed = 1;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(noise); i++) {
		seed = seed * 1664525u + 1013904223u;
		noise[i] = seed >> 30; // runs of all lengths
	}
	check_pack("noise", (const uint8_t *)noise, ORIEL_ARRAY_LEN(noise), 0);
}

static void test_unpack_refuses(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint8_t bytes[12];
		size_t size;
	} cases[] = {
		{ "pixels of none", { 0, 0, 0, 0, 1, 2, 3, 4 }, 8 },
		{ "a run of none", { 0, 0, 0, 0x80, 1, 2, 3, 4 }, 8 },
		{ "too many", { 3, 0, 0, 0x80, 1, 2, 3, 4 }, 8 },
		{ "far too many", { 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 }, 8 },
		{ "pixels that are not there", { 2, 0, 0, 0, 1, 2, 3, 4 }, 8 },
		{ "more behind", { 2, 0, 0, 0x80, 1, 2, 3, 4, 0 }, 9 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint8_t pixels[8];
		int err = oriel_render_dump_unpack(cases[i].bytes, cases[i].size, pixels, 2);
		CHECK(err == -EBADMSG, "%s: %d", cases[i].name, err);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_record_size),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_limits),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_result_limits),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_unpack_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
