// SPDX-License-Identifier: MIT
/*
 * Tests of render_link.h.
 *
 * A row gives a struct and, apart from it, where each of its fields lies on the wire: the offsets
 * are those of the tables in docs/render-link.md, 3 to 6. The encoder must make these bytes and the
 * decoder must lead back to them.
 */
#include "protocol/render_link.h"

#include "fixture/check.h"

#include <errno.h>

#define MAX_STRUCT_SIZE 256
#define MAX_SIZE 128

struct field {
	size_t offset;
	size_t size;
	uint64_t value;
};

struct row {
	const char *name;
	size_t size; // of the message or slot
	size_t struct_size;
	const void *value;
	int (*decode)(struct oriel_reader *r, void *ret);
	void (*encode)(struct oriel_writer *w, const void *m);
	struct field fields[20]; // size 0 ends it
};

#define THUNKS(name) \
	static int decode_##name(struct oriel_reader *r, void *ret) { \
		return oriel_render_link_decode_##name(r, ret); \
	} \
	static void encode_##name(struct oriel_writer *w, const void *m) { \
		oriel_render_link_encode_##name(w, m); \
	}

THUNKS(setup)
THUNKS(region)
THUNKS(file)
THUNKS(hello)
THUNKS(exported)
THUNKS(request)
THUNKS(reply)

#define OF(name, ...) \
	.struct_size = sizeof(struct oriel_render_link_##name), \
	.value = &(const struct oriel_render_link_##name)__VA_ARGS__, .decode = decode_##name, \
	.encode = encode_##name

#define A 0x01020304u
#define B 0x11121314u
#define C 0x21222324u
#define D 0x31323334u
#define E 0x41424344u
#define F 0x51525354u
#define G 0x61626364u
#define LONG UINT64_C(0x0102030405060708)

static const struct row rows[] = {
	{ "setup", 24, OF(setup, { A, B, LONG }),
			{ { 0, 4, 0x101 }, { 8, 4, A }, { 12, 4, B }, { 16, 8, LONG } } },
	{ "region", 40, OF(region, { A, B, LONG, LONG + 1, LONG + 2 }),
			{ { 0, 4, 0x102 }, { 4, 4, A }, { 8, 4, B }, { 16, 8, LONG },
					{ 24, 8, LONG + 1 }, { 32, 8, LONG + 2 } } },
	{ "file", 16, OF(file, { A }), { { 0, 4, 0x103 }, { 4, 4, A } } },
	{ "hello", 24, OF(hello, { A, B, C, false }),
			{ { 0, 4, 1 }, { 8, 4, A }, { 12, 4, B }, { 16, 4, C } } },
	{ "hello of one who exports", 24, OF(hello, { A, B, C, true }),
			{ { 0, 4, 1 }, { 8, 4, A }, { 12, 4, B }, { 16, 4, C }, { 20, 4, 1 } } },
	{ "exported", 32, OF(exported, { A, B, C, LONG, LONG + 1 }),
			{ { 0, 4, 3 }, { 4, 4, A }, { 8, 4, B }, { 12, 4, C }, { 16, 8, LONG },
					{ 24, 8, LONG + 1 } } },
	{ "SUBMIT", 128,
			OF(request, { .sequence = LONG,
						    .type = 11,
						    .ctx_id = A,
						    .resource_id = B,
						    .payload_offset = 0x8000,
						    .payload_size = 0x1234 }),
			{ { 0, 8, LONG }, { 8, 4, 11 }, { 12, 4, A }, { 16, 4, B },
					{ 24, 8, 0x8000 }, { 32, 4, 0x1234 } } },
	{ "CTX_CREATE", 128, OF(request, { .type = 1, .context = { A, { 'g', 'l' } } }),
			{ { 8, 4, 1 }, { 40, 4, A }, { 44, 2, 0x6c67 } } },
	{ "RESOURCE_CREATE_3D", 128,
			OF(request, { .type = 5, .resource = { A, B, C, D, E, F, G, 1, 2, 3 } }),
			{ { 8, 4, 5 }, { 40, 4, A }, { 44, 4, B }, { 48, 4, C }, { 52, 4, D },
					{ 56, 4, E }, { 60, 4, F }, { 64, 4, G }, { 68, 4, 1 },
					{ 72, 4, 2 }, { 76, 4, 3 } } },
	{ "TRANSFER_TO_HOST_3D", 128,
			OF(request, { .type = 9,
						    .transfer = { { A, B, C, D, E, F }, LONG, G, 1,
								    2 } }),
			{ { 8, 4, 9 }, { 40, 4, A }, { 44, 4, B }, { 48, 4, C }, { 52, 4, D },
					{ 56, 4, E }, { 60, 4, F }, { 64, 8, LONG }, { 72, 4, G },
					{ 76, 4, 1 }, { 80, 4, 2 } } },
	{ "fence", 128, OF(request, { .type = 12, .fence = { 1, 63 } }),
			{ { 8, 4, 12 }, { 40, 4, 1 }, { 44, 4, 63 } } },
	{ "add image", 128, OF(request, { .type = 13, .fd_number = A, .image = { LONG } }),
			{ { 8, 4, 13 }, { 20, 4, A }, { 40, 8, LONG } } },
	{ "read pixels", 128, OF(request, { .type = 15, .read = { A, { B, C, D, E }, LONG, F } }),
			{ { 8, 4, 15 }, { 40, 4, A }, { 44, 4, B }, { 48, 4, C }, { 52, 4, D },
					{ 56, 4, E }, { 60, 4, F }, { 64, 8, LONG } } },
	{ "set memory", 128, OF(request, { .type = 16, .memory = { A } }),
			{ { 8, 4, 16 }, { 40, 4, A } } },
	{ "reset", 128, OF(request, { .type = 17 }), { { 8, 4, 17 } } },
	{ "export", 128, OF(request, { .type = 18, .exported = { 1, A, B, C } }),
			{ { 8, 4, 18 }, { 40, 4, 1 }, { 44, 4, A }, { 48, 4, B }, { 52, 4, C } } },
	{ "reply", 32, OF(reply, { LONG, -EIO, 0 }), { { 0, 8, LONG }, { 8, 4, EIO } } },
	{ "good reply", 32, OF(reply, { LONG, 0, A }), { { 0, 8, LONG }, { 12, 4, A } } },
};

static void make_golden(const struct row *row, uint8_t *bytes) {
	memset(bytes, 0, MAX_SIZE);
	for (const struct field *f = row->fields; f->size > 0; f++) {
		for (size_t i = 0; i < f->size; i++) {
			bytes[f->offset + i] = (uint8_t)(f->value >> (8 * i));
		}
	}
}

static void test_layouts(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t golden[MAX_SIZE], bytes[MAX_SIZE];
		make_golden(row, golden);
		memset(bytes, 0xee, sizeof(bytes));
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		row->encode(&w, row->value);
		CHECK((size_t)(w.cur - bytes) == row->size, "%s: size", row->name);
		for (size_t k = 0; k < row->size; k++) {
			CHECK(bytes[k] == golden[k], "%s: byte %zu is %#x", row->name, k, bytes[k]);
		}
		// And back: what is decoded encodes to the same bytes.
		uint8_t value[MAX_STRUCT_SIZE];
		struct oriel_reader r = oriel_reader_of(golden, row->size);
		CHECK(row->decode(&r, value) == 0, "%s: refused", row->name);
		memset(bytes, 0xee, sizeof(bytes));
		w = oriel_writer_of(bytes, sizeof(bytes));
		row->encode(&w, value);
		CHECK(memcmp(bytes, golden, row->size) == 0, "%s: there and back", row->name);
	}
}

static void test_every_other_length_is_refused(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		uint8_t golden[MAX_SIZE + 1] = { 0 };
		make_golden(&rows[i], golden);
		for (size_t size = 0; size <= rows[i].size + 1; size++) {
			uint8_t value[MAX_STRUCT_SIZE], before[MAX_STRUCT_SIZE];
			memset(value, 0x5a, sizeof(value));
			memset(before, 0x5a, sizeof(before));
			struct oriel_reader r = oriel_reader_of(golden, size);
			int err = rows[i].decode(&r, value);
			const bool is_right = size == rows[i].size;
			CHECK(err == (is_right ? 0 : -EBADMSG), "%s: %zu bytes: %d", rows[i].name,
					size, err);
			CHECK(is_right || memcmp(value, before, sizeof(value)) == 0,
					"%s: %zu bytes: *ret is touched", rows[i].name, size);
		}
	}
}

/** One word of a slot is replaced: the decoder must see it. */
static const struct {
	const char *name;
	uint32_t type; // of a request; 0: a reply
	size_t offset;
	uint32_t word;
	int err;
} words[] = {
	{ "operation 0", 1, 8, 0, -EBADMSG },
	{ "the last operation", 1, 8, 18, 0 },
	{ "one behind it", 1, 8, 19, -EBADMSG },
	{ "no such operation", 1, 8, UINT32_MAX, -EBADMSG },
	{ "a payload up to the arena's end", 11, 24, ORIEL_RENDER_LINK_ARENA_SIZE, 0 },
	{ "a payload behind it", 11, 24, ORIEL_RENDER_LINK_ARENA_SIZE + 1, -EBADMSG },
	{ "a payload of all the arena", 11, 32, ORIEL_RENDER_LINK_ARENA_SIZE, 0 },
	{ "a payload of one byte more", 11, 32, ORIEL_RENDER_LINK_ARENA_SIZE + 1, -EBADMSG },
	{ "an offset of 64 bits", 11, 28, 1, -EBADMSG },
	{ "a fence that is twice global", 12, 40, 2, -EBADMSG },
	{ "ring 63", 12, 44, 63, 0 },
	{ "ring 64", 12, 44, 64, -EBADMSG },
	{ "an export of two files", 18, 40, 2, -EBADMSG },
	{ "the largest error", 0, 8, 4095, 0 },
	{ "one more", 0, 8, 4096, -EBADMSG },
	{ "a negative error", 0, 8, (uint32_t)-EIO, -EBADMSG },
	{ "a file", 0, 12, 1, 0 },
	{ "reserved bytes", 0, 16, 1, -EBADMSG },
	{ "more of them", 0, 28, 1, -EBADMSG },
};

static void test_values(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(words); i++) {
		uint8_t slot[ORIEL_RENDER_LINK_REQUEST_SIZE] = { 0 };
		const bool is_reply = words[i].type == 0;
		struct oriel_writer w = oriel_writer_of(slot + 8, 4);
		oriel_write_u32(&w, words[i].type);
		w = oriel_writer_of(slot + words[i].offset, 4);
		oriel_write_u32(&w, words[i].word);
		struct oriel_reader r = oriel_reader_of(slot,
				is_reply ? ORIEL_RENDER_LINK_REPLY_SIZE : sizeof(slot));
		struct oriel_render_link_request request;
		struct oriel_render_link_reply reply;
		int err = is_reply ? oriel_render_link_decode_reply(&r, &reply)
				   : oriel_render_link_decode_request(&r, &request);
		CHECK(err == words[i].err, "%s: %d", words[i].name, err);
	}
}

static void test_capsets(void **state) {
	(void)state;
	static uint8_t data[ORIEL_RENDER_LINK_MAX_CAPSET_SIZE + 1];
	static uint8_t bytes[ORIEL_RENDER_LINK_MAX_MESSAGE_SIZE + 1];
	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7);
	}
	static const uint32_t sizes[] = { 0, 1, 308, ORIEL_RENDER_LINK_MAX_CAPSET_SIZE,
		ORIEL_RENDER_LINK_MAX_CAPSET_SIZE + 1 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		const struct oriel_render_link_capset capset = { 2, 3, sizes[i], data };
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_render_link_encode_capset(&w, &capset);
		const size_t size = (size_t)(w.cur - bytes);
		assert_int_equal(size, 24 + sizes[i]);
		struct oriel_render_link_capset back = { 0 };
		struct oriel_reader r = oriel_reader_of(bytes, size);
		int err = oriel_render_link_decode_capset(&r, &back);
		const bool fits = sizes[i] <= ORIEL_RENDER_LINK_MAX_CAPSET_SIZE;
		CHECK(err == (fits ? 0 : -EBADMSG), "%u bytes: %d", sizes[i], err);
		if (fits) {
			assert_int_equal(back.id, 2);
			assert_int_equal(back.version, 3);
			assert_int_equal(back.size, sizes[i]);
			assert_memory_equal(back.data, data, sizes[i]);
		}
		for (size_t n = 0; n < size; n++) {
			r = oriel_reader_of(bytes, n);
			assert_int_equal(oriel_render_link_decode_capset(&r, &back), -EBADMSG);
		}
	}
}

static void test_types_of_messages(void **state) {
	(void)state;
	const uint8_t bytes[] = { 3, 1, 0, 0, 9 };
	assert_int_equal(oriel_render_link_get_message_type(bytes, 5), ORIEL_RENDER_LINK_FILE);
	assert_int_equal(oriel_render_link_get_message_type(bytes, 3), 0);
	// A message of another type is none of this.
	uint8_t file[16] = { 2, 1 };
	struct oriel_render_link_file ret;
	struct oriel_reader r = oriel_reader_of(file, sizeof(file));
	assert_int_equal(oriel_render_link_decode_file(&r, &ret), -EBADMSG);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_every_other_length_is_refused),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_capsets),
		cmocka_unit_test(test_types_of_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
