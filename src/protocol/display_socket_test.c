// SPDX-License-Identifier: MIT
/*
 * Tests of display_socket.h.
 *
 * A row gives a struct and, apart from it, where each of its fields lies on the wire: the offsets
 * are those of the tables in docs/display-protocol.md, 4 and 5. The encoder must make these bytes
 * and the decoder must lead back to them.
 */
#include "protocol/display_socket.h"

#include "fixture/check.h"

#include <assert.h>
#include <errno.h>

#define MAX_STRUCT_SIZE 128
#define MAX_SIZE 128

struct field {
	size_t offset;
	size_t size;
	uint64_t value;
};

struct row {
	const char *name;
	uint16_t type;
	size_t size;  // of the message
	size_t extra; // bytes of text or pixels in it, counting up from 1
	uint8_t n_fds;
	size_t struct_size;
	const void *value;
	int (*decode)(struct oriel_reader *r, void *ret);
	void (*encode)(struct oriel_writer *w, const void *m);
	struct field fields[18]; // size 0 ends it
};

static const uint8_t counting[] = { 1, 2, 3, 4, 5, 6, 7, 8 };

#define THUNKS(name, struct_name) \
	static int decode_##name(struct oriel_reader *r, void *ret) { \
		return oriel_share_decode_##name(r, ret); \
	} \
	static void encode_##name(struct oriel_writer *w, const void *m) { \
		oriel_share_encode_##name(w, m); \
	} \
	static_assert(sizeof(struct struct_name) <= MAX_STRUCT_SIZE, "too small")

THUNKS(hello, oriel_share_hello);
THUNKS(subscribe, oriel_share_subscribe);
THUNKS(taken, oriel_share_taken);
THUNKS(get_snapshot, oriel_share_get_snapshot);
THUNKS(key, oriel_share_key);
THUNKS(pointer, oriel_share_pointer);
THUNKS(button, oriel_share_button);
THUNKS(wheel, oriel_share_wheel);
THUNKS(set_size, oriel_share_set_size);
THUNKS(welcome, oriel_share_welcome);
THUNKS(error, oriel_share_error);
THUNKS(buffer, oriel_share_buffer_info);
THUNKS(config, oriel_share_config);
THUNKS(frame, oriel_share_frame);
THUNKS(cursor_image, oriel_share_cursor_image);
THUNKS(cursor, oriel_share_cursor);
THUNKS(snapshot, oriel_share_snapshot);
THUNKS(input_done, oriel_share_input_done);

static int decode_number(struct oriel_reader *r, void *ret) {
	return oriel_share_decode_number(r, ret);
}

#define NUMBER_ENCODER(name, type) \
	static void encode_##name(struct oriel_writer *w, const void *m) { \
		oriel_share_encode_number(w, type, *(const uint32_t *)m); \
	} \
	static_assert(type != 0, "no such type")

NUMBER_ENCODER(released, ORIEL_SHARE_RELEASED);
NUMBER_ENCODER(ping, ORIEL_SHARE_PING);
NUMBER_ENCODER(gone, ORIEL_SHARE_GONE);
NUMBER_ENCODER(pong, ORIEL_SHARE_PONG);
NUMBER_ENCODER(input_sync, ORIEL_SHARE_INPUT_SYNC);
NUMBER_ENCODER(size_set, ORIEL_SHARE_SIZE_SET);

#define MESSAGE(name, struct_name, ...) \
	.struct_size = sizeof(struct struct_name), \
	.value = &(const struct struct_name)__VA_ARGS__, .decode = decode_##name, \
	.encode = encode_##name

#define NUMBER(name) \
	.size = 12, .struct_size = 4, .value = &(const uint32_t){ 0x01020304 }, \
	.decode = decode_number, .encode = encode_##name, .fields = { { 8, 4, 0x01020304 } }

#define A 0x01020304u
#define B 0x11121314u
#define C 0x21222324u
#define D 0x31323334u
#define E 0x41424344u
#define F 0x5152535455565758u
#define G 0x6162636465666768u
#define H 0x7172737475767778u

static const struct row rows[] = {
	{ "HELLO", 0x0001, 24, MESSAGE(hello, oriel_share_hello, { A, B, F }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 8, F } } },
	{ "SUBSCRIBE", 0x0002, 16, MESSAGE(subscribe, oriel_share_subscribe, { A, B }),
			.fields = { { 8, 4, A }, { 12, 4, B } } },
	{ "TAKEN", 0x0003, 24, MESSAGE(taken, oriel_share_taken, { A, F }),
			.fields = { { 8, 4, A }, { 16, 8, F } } },
	{ "RELEASED", 0x0004, NUMBER(released) },
	{ "GET_SNAPSHOT", 0x0005, 16, MESSAGE(get_snapshot, oriel_share_get_snapshot, { A, B }),
			.fields = { { 8, 4, A }, { 12, 4, B } } },
	{ "PING", 0x0006, NUMBER(ping) },
	{ "KEY", 0x0040, 16, MESSAGE(key, oriel_share_key, { A, B }),
			.fields = { { 8, 4, A }, { 12, 4, B } } },
	{ "POINTER", 0x0041, 20, MESSAGE(pointer, oriel_share_pointer, { A, B, C }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, C } } },
	{ "BUTTON", 0x0042, 20, MESSAGE(button, oriel_share_button, { A, B, C }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, C } } },
	{ "WHEEL", 0x0043, 20, MESSAGE(wheel, oriel_share_wheel, { A, -120, INT32_MIN }),
			.fields = { { 8, 4, A }, { 12, 4, 0xffffff88 }, { 16, 4, 0x80000000 } } },
	{ "INPUT_SYNC", 0x0044, NUMBER(input_sync) },
	{ "INPUT_DONE", 0x0140, 16, MESSAGE(input_done, oriel_share_input_done, { A, B }),
			.fields = { { 8, 4, A }, { 12, 4, B } } },
	{ "SET_SIZE", 0x0050, 32, MESSAGE(set_size, oriel_share_set_size, { A, B, C, D, E }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, C }, { 20, 4, D },
					{ 24, 4, E } } },
	{ "SIZE_SET", 0x0150, NUMBER(size_set) },
	{ "WELCOME", 0x0101, 48, MESSAGE(welcome, oriel_share_welcome, { A, B, F, C, D, G, E }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 8, F }, { 24, 4, C },
					{ 28, 4, D }, { 32, 8, G }, { 40, 4, E } } },
	{ "ERROR", 0x0102, 25, 5,
			MESSAGE(error, oriel_share_error, { A, B, (const char *)counting, 5 }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, 5 } } },
	{ "ERROR without text", 0x0102, 20, MESSAGE(error, oriel_share_error, { A, B, "", 0 }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, 0 } } },
	{ "BUFFER", 0x0103, 56, .n_fds = 1,
			MESSAGE(buffer, oriel_share_buffer_info, { A, B, F, C, D, E, A, G, H }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 8, F }, { 24, 4, C },
					{ 28, 4, D }, { 32, 4, E }, { 36, 4, A }, { 40, 8, G },
					{ 48, 8, H } } },
	{ "GONE", 0x0104, NUMBER(gone) },
	{ "CONFIG", 0x0105, 32, MESSAGE(config, oriel_share_config, { A, B, { B, C, D, E } }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, B }, { 20, 4, C },
					{ 24, 4, D }, { 28, 4, E } } },
	{ "FRAME", 0x0106, 40, MESSAGE(frame, oriel_share_frame, { A, F, { B, C, D, E } }),
			.fields = { { 8, 4, A }, { 16, 8, F }, { 24, 4, B }, { 28, 4, C },
					{ 32, 4, D }, { 36, 4, E } } },
	{ "CURSOR_IMAGE", 0x0107, 48, 8,
			MESSAGE(cursor_image, oriel_share_cursor_image,
					{ A, 2, 1, C, D, F, counting }),
			.fields = { { 8, 4, A }, { 12, 4, 2 }, { 16, 4, 1 }, { 20, 4, C },
					{ 24, 4, D }, { 32, 8, F } } },
	{ "CURSOR", 0x0108, 32, MESSAGE(cursor, oriel_share_cursor, { A, B, -2, INT32_MIN, F }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, 0xfffffffe },
					{ 20, 4, 0x80000000 }, { 24, 8, F } } },
	{ "SNAPSHOT", 0x0109, 88, .n_fds = 1,
			MESSAGE(snapshot, oriel_share_snapshot,
					{ A, B, C, D, F, E, A, B, C, G, -1, INT32_MAX, D, E, H,
							F }),
			.fields = { { 8, 4, A }, { 12, 4, B }, { 16, 4, C }, { 20, 4, D },
					{ 24, 8, F }, { 32, 4, E }, { 36, 4, A }, { 40, 4, B },
					{ 44, 4, C }, { 48, 8, G }, { 56, 4, 0xffffffff },
					{ 60, 4, 0x7fffffff }, { 64, 4, D }, { 68, 4, E },
					{ 72, 8, H }, { 80, 8, F } } },
	{ "PONG", 0x010a, NUMBER(pong) },
};

/** The bytes of a row's message; what no field covers is reserved. */
static void row_make_bytes(const struct row *row, uint8_t reserved, uint8_t *ret) {
	memset(ret, reserved, row->size);
	const struct field header[] = { { 0, 4, row->size }, { 4, 2, row->type }, { 6, 1, 0 },
		{ 7, 1, row->n_fds } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(header) + ORIEL_ARRAY_LEN(row->fields); i++) {
		const struct field *f = i < ORIEL_ARRAY_LEN(header)
							? &header[i]
							: &row->fields[i - ORIEL_ARRAY_LEN(header)];
		for (size_t k = 0; k < f->size; k++) {
			ret[f->offset + k] = (uint8_t)(f->value >> (8 * k));
		}
	}
	memcpy(ret + row->size - row->extra, counting, row->extra);
}

static void test_encode_gives_the_golden_bytes(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t golden[MAX_SIZE];
		uint8_t bytes[MAX_SIZE];
		row_make_bytes(row, 0, golden);
		memset(bytes, 0xee, sizeof(bytes));
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		row->encode(&w, row->value);
		CHECK(!w.failed, "%s", row->name);
		CHECK((size_t)(w.cur - bytes) == row->size, "%s: %td bytes", row->name,
				w.cur - bytes);
		for (size_t k = 0; k < row->size; k++) {
			CHECK(bytes[k] == golden[k], "%s: byte %zu is %02x, not %02x", row->name, k,
					bytes[k], golden[k]);
		}
		CHECK(oriel_share_get_message_size(row->type) == row->size - row->extra, "%s",
				row->name);
	}
}

static void test_decode_then_encode_gives_the_same_bytes(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t golden[MAX_SIZE];
		uint8_t junk[MAX_SIZE]; // reserved fields and what follows are not looked at
		uint8_t bytes[MAX_SIZE];
		row_make_bytes(row, 0, golden);
		memset(junk, 0xff, sizeof(junk));
		row_make_bytes(row, 0xff, junk);

		struct oriel_reader r = oriel_reader_of(junk, sizeof(junk));
		struct oriel_share_header header;
		int err = oriel_share_decode_header(&r, &header);
		CHECK(err == 0, "%s: %d", row->name, err);
		CHECK(header.size == row->size && header.type == row->type && header.flags == 0 &&
						header.n_fds == row->n_fds,
				"%s: header", row->name);
		uint64_t value[MAX_STRUCT_SIZE / 8];
		err = row->decode(&r, value);
		CHECK(err == 0, "%s: %d", row->name, err);
		CHECK((size_t)(r.cur - junk) == row->size, "%s: took %td bytes", row->name,
				r.cur - junk);

		struct oriel_writer w = oriel_writer_of(bytes, row->size);
		row->encode(&w, value);
		CHECK(!w.failed, "%s", row->name);
		CHECK(memcmp(bytes, golden, row->size) == 0, "%s: other bytes", row->name);
	}
}

static void test_every_prefix_is_refused(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t golden[MAX_SIZE];
		row_make_bytes(row, 0, golden);
		for (size_t n = 0; n < row->size - ORIEL_SHARE_HEADER_SIZE; n++) {
			uint64_t value[MAX_STRUCT_SIZE / 8];
			uint64_t before[MAX_STRUCT_SIZE / 8];
			memset(value, 0xa5, sizeof(value));
			memset(before, 0xa5, sizeof(before));
			struct oriel_reader r =
					oriel_reader_of(golden + ORIEL_SHARE_HEADER_SIZE, n);
			int err = row->decode(&r, value);
			CHECK(err == -EBADMSG, "%s: n=%zu err=%d", row->name, n, err);
			CHECK(memcmp(value, before, sizeof(value)) == 0,
					"%s: n=%zu: *ret clobbered", row->name, n);
		}
	}
}

static void test_every_short_room_fails_the_writer(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		for (size_t n = 0; n < row->size; n++) {
			uint8_t bytes[MAX_SIZE];
			memset(bytes, 0xee, sizeof(bytes));
			struct oriel_writer w = oriel_writer_of(bytes, n);
			row->encode(&w, row->value);
			CHECK(w.failed, "%s: n=%zu", row->name, n);
			CHECK(bytes[n] == 0xee, "%s: n=%zu: wrote past the end", row->name, n);
		}
	}
}

static void test_headers(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint8_t bytes[8];
		size_t len;
		int err;
	} cases[] = {
		{ "smallest", { 8, 0, 0, 0, 6, 0, 0, 0 }, 8, 0 },
		{ "size 7", { 7, 0, 0, 0, 6, 0, 0, 0 }, 8, -EPROTO },
		{ "size 0", { 0, 0, 0, 0, 6, 0, 0, 0 }, 8, -EPROTO },
		{ "largest", { 0, 0, 1, 0, 6, 0, 0, 0 }, 8, 0 },
		{ "one too large", { 1, 0, 1, 0, 6, 0, 0, 0 }, 8, -EPROTO },
		{ "largest number", { 255, 255, 255, 255, 6, 0, 0, 0 }, 8, -EPROTO },
		{ "one descriptor", { 8, 0, 0, 0, 6, 0, 0, 1 }, 8, 0 },
		{ "two descriptors", { 8, 0, 0, 0, 6, 0, 0, 2 }, 8, -EPROTO },
		{ "unknown type and flags", { 8, 0, 0, 0, 0xee, 0xee, 0xff, 0 }, 8, 0 },
		{ "seven bytes", { 8, 0, 0, 0, 6, 0, 0, 0 }, 7, -EBADMSG },
		{ "no bytes", { 0 }, 0, -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_share_header h = { .size = 77 };
		struct oriel_reader r = oriel_reader_of(cases[i].bytes, cases[i].len);
		int err = oriel_share_decode_header(&r, &h);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		CHECK(err == 0 || h.size == 77, "%s: *ret clobbered", cases[i].name);
	}
}

static void test_texts_and_images_that_cannot_be(void **state) {
	(void)state;
	static uint8_t bytes[ORIEL_SHARE_MAX_MESSAGE_SIZE];
	static const struct {
		const char *name;
		uint32_t width, height;
		int err;
	} cases[] = {
		{ "64x64", 64, 64, 0 },
		{ "empty", 0, 64, 0 },
		{ "as large as a message", 128, 128, -EBADMSG },
		{ "wider than a message", 65537, 0, -EBADMSG },
		{ "higher than a message", 0, 65537, -EBADMSG },
		{ "product wraps 32 bits", 65536, 65536, -EBADMSG },
		{ "product wraps to few", 0x40000001, 4, -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_write_u32(&w, 0);
		oriel_write_u32(&w, cases[i].width);
		oriel_write_u32(&w, cases[i].height);
		struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes) - 8);
		struct oriel_share_cursor_image m = { .width = 77 };
		int err = oriel_share_decode_cursor_image(&r, &m);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		CHECK(err == 0 || m.width == 77, "%s: *ret clobbered", cases[i].name);
	}
	for (uint32_t size = 255; size <= 257; size++) {
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_write_zeros(&w, 8);
		oriel_write_u32(&w, size);
		struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes) - 8);
		struct oriel_share_error m = { .token = 77 };
		int err = oriel_share_decode_error(&r, &m);
		CHECK(err == (size <= 256 ? 0 : -EBADMSG), "text of %u bytes: %d", size, err);
	}
}

static void test_a_long_text_is_cut(void **state) {
	(void)state;
	char text[300];
	memset(text, 'x', sizeof(text));
	uint8_t bytes[400];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	struct oriel_share_error m = { .code = 1, .text = text, .text_size = sizeof(text) };
	oriel_share_encode_error(&w, &m);
	assert_false(w.failed);
	assert_int_equal(w.cur - bytes, 20 + 256);
	struct oriel_reader r = oriel_reader_of(bytes + 8, sizeof(bytes) - 8);
	assert_int_equal(oriel_share_decode_error(&r, &m), 0);
	assert_int_equal(m.text_size, 256);
}

// docs/display-protocol.md, 13.
static void test_the_example_of_the_document(void **state) {
	(void)state;
	static const uint8_t golden[] = {
		0x18, 0, 0, 0, 1, 0, 0, 0, 0x4f, 0x52, 0x49, 0x4c, 1, 0, 0, 0,       //
		0, 0, 0, 0, 0, 0, 0, 0,                                              // HELLO
		0x10, 0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,                   // GET_SNAPSHOT
		0x30, 0, 0, 0, 1, 1, 0, 0, 0x4f, 0x52, 0x49, 0x4c, 1, 0, 0, 0,       //
		0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 1, 0,                   //
		0, 0, 0, 0x10, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,                   // WELCOME
		0x58, 0, 0, 0, 9, 1, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0,                   //
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0x12, 0, 0, 0, 0, 0,                //
		0, 0x0a, 0, 0, 0x58, 0x52, 0x32, 0x34, 0x80, 2, 0, 0, 0xe0, 1, 0, 0, //
		3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,                      //
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 // SNAPSHOT
	};
	uint8_t bytes[sizeof(golden)];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_share_encode_hello(&w,
			&(struct oriel_share_hello){ ORIEL_SHARE_MAGIC, ORIEL_SHARE_VERSION, 0 });
	oriel_share_encode_get_snapshot(&w, &(struct oriel_share_get_snapshot){ 7, 0 });
	oriel_share_encode_welcome(&w,
			&(struct oriel_share_welcome){ ORIEL_SHARE_MAGIC, ORIEL_SHARE_VERSION, 0,
					16, ORIEL_SHARE_MAX_MESSAGE_SIZE, 256u << 20, 4 });
	oriel_share_encode_snapshot(&w, &(struct oriel_share_snapshot){ .token = 7,
							.buffer_id = 1,
							.size = 640 * 480 * 4,
							.stride = 640 * 4,
							.fourcc = ORIEL_SHARE_XR24,
							.width = 640,
							.height = 480,
							.sequence = 3 });
	assert_false(w.failed);
	assert_ptr_equal(w.cur, bytes + sizeof(bytes));
	assert_memory_equal(bytes, golden, sizeof(golden));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_gives_the_golden_bytes),
		cmocka_unit_test(test_decode_then_encode_gives_the_same_bytes),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_every_short_room_fails_the_writer),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_texts_and_images_that_cannot_be),
		cmocka_unit_test(test_a_long_text_is_cut),
		cmocka_unit_test(test_the_example_of_the_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
