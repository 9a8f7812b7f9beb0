// SPDX-License-Identifier: MIT
/*
 * Tests of virtio_gpu.h: requests and the control header.
 *
 * A row gives a struct and, apart from it, where each of its fields lies on the wire: offsets count
 * from the start of the message, as the standard's structs do. The encoder must make these bytes
 * and the decoder must lead back to them, so a field that both put in the wrong place shows.
 */
#include "protocol/virtio_gpu.h"
#include "protocol/virtio_gpu_3d.h"

#include "fixture/check.h"

#include <assert.h>
#include <errno.h>

#define MAX_STRUCT_SIZE 128

struct field {
	size_t offset;
	size_t size;
	uint64_t value;
};

struct row {
	const char *name;
	size_t start; // bytes in front that are not the decoder's: the control header
	size_t total; // bytes of the message, that start included
	size_t struct_size;
	const void *value;
	int (*decode)(struct oriel_reader *r, void *ret);
	void (*encode)(struct oriel_writer *w, const void *cmd);
	struct field fields[18]; // size 0 ends it
};

#define THUNKS(name) \
	static int decode_##name(struct oriel_reader *r, void *ret) { \
		return oriel_decode_##name(r, ret); \
	} \
	static void encode_##name(struct oriel_writer *w, const void *value) { \
		oriel_encode_##name(w, value); \
	}

THUNKS(ctrl_hdr)
THUNKS(mem_entry)
THUNKS(create_2d)
THUNKS(unref)
THUNKS(set_scanout)
THUNKS(flush)
THUNKS(transfer_to_host_2d)
THUNKS(attach_backing)
THUNKS(detach_backing)
THUNKS(get_capset_info)
THUNKS(get_capset)
THUNKS(get_edid)
THUNKS(assign_uuid)
THUNKS(create_blob)
THUNKS(set_scanout_blob)
THUNKS(update_cursor)
THUNKS(ctx_create)
THUNKS(ctx_resource)
THUNKS(create_3d)
THUNKS(transfer_3d)
THUNKS(submit_3d)
THUNKS(map_blob)
THUNKS(unmap_blob)

#define FUNCTIONS(name) .decode = decode_##name, .encode = encode_##name

#define CMD(cmd, ...) \
	.start = 24, .struct_size = sizeof(struct oriel_cmd_##cmd), \
	.value = &(const struct oriel_cmd_##cmd)__VA_ARGS__, FUNCTIONS(cmd)

#define RECT \
	{ 0x01020304, 0x11121314, 0x21222324, 0x31323334 }

#define RECT_FIELDS \
	{ 24, 4, 0x01020304 }, { 28, 4, 0x11121314 }, { 32, 4, 0x21222324 }, { \
		36, 4, 0x31323334 \
	}

#define ID 0xa1a2a3a4u

// Offsets: Linux, include/uapi/linux/virtio_gpu.h, by offsetof().
static const struct row rows[] = {
	{ "control header", 0, 24, sizeof(struct oriel_ctrl_hdr),
			&(const struct oriel_ctrl_hdr){ .type = 0x01020304,
					.flags = 0x11121314,
					.fence_id = 0x2122232425262728,
					.ctx_id = 0x31323334,
					.ring_idx = 0x41 },
			FUNCTIONS(ctrl_hdr),
			.fields = { { 0, 4, 0x01020304 }, { 4, 4, 0x11121314 },
					{ 8, 8, 0x2122232425262728 }, { 16, 4, 0x31323334 },
					{ 20, 1, 0x41 } } },
	{ "memory entry", 0, 16, sizeof(struct oriel_mem_entry),
			&(const struct oriel_mem_entry){ 0x0102030405060708, 0x11121314 },
			FUNCTIONS(mem_entry),
			.fields = { { 0, 8, 0x0102030405060708 }, { 8, 4, 0x11121314 } } },
	{ "RESOURCE_CREATE_2D", .total = 40, CMD(create_2d, { ID, 2, 0x11121314, 0x21222324 }),
			.fields = { { 24, 4, ID }, { 28, 4, 2 }, { 32, 4, 0x11121314 },
					{ 36, 4, 0x21222324 } } },
	{ "RESOURCE_UNREF", .total = 32, CMD(unref, { ID }), .fields = { { 24, 4, ID } } },
	{ "SET_SCANOUT", .total = 48, CMD(set_scanout, { RECT, 0x51525354, ID }),
			.fields = { RECT_FIELDS, { 40, 4, 0x51525354 }, { 44, 4, ID } } },
	{ "RESOURCE_FLUSH", .total = 48, CMD(flush, { RECT, ID }),
			.fields = { RECT_FIELDS, { 40, 4, ID } } },
	{ "TRANSFER_TO_HOST_2D", .total = 56,
			CMD(transfer_to_host_2d, { RECT, 0x5152535455565758, ID }),
			.fields = { RECT_FIELDS, { 40, 8, 0x5152535455565758 }, { 48, 4, ID } } },
	{ "RESOURCE_ATTACH_BACKING", .total = 32, CMD(attach_backing, { ID, 0x51525354 }),
			.fields = { { 24, 4, ID }, { 28, 4, 0x51525354 } } },
	{ "RESOURCE_DETACH_BACKING", .total = 32, CMD(detach_backing, { ID }),
			.fields = { { 24, 4, ID } } },
	{ "GET_CAPSET_INFO", .total = 32, CMD(get_capset_info, { ID }),
			.fields = { { 24, 4, ID } } },
	{ "GET_CAPSET", .total = 32, CMD(get_capset, { ID, 0x51525354 }),
			.fields = { { 24, 4, ID }, { 28, 4, 0x51525354 } } },
	{ "GET_EDID", .total = 32, CMD(get_edid, { ID }), .fields = { { 24, 4, ID } } },
	{ "RESOURCE_ASSIGN_UUID", .total = 32, CMD(assign_uuid, { ID }),
			.fields = { { 24, 4, ID } } },
	{ "RESOURCE_CREATE_BLOB", .total = 56,
			CMD(create_blob, { ID, 1, 6, 0x51525354, 0x6162636465666768,
							 0x7172737475767778 }),
			.fields = { { 24, 4, ID }, { 28, 4, 1 }, { 32, 4, 6 },
					{ 36, 4, 0x51525354 }, { 40, 8, 0x6162636465666768 },
					{ 48, 8, 0x7172737475767778 } } },
	{ "SET_SCANOUT_BLOB", .total = 96,
			CMD(set_scanout_blob, { RECT, 0x51525354, ID, 0x61626364, 0x65666768, 67,
							      { 1, 2, 3, 0xfffffff4 },
							      { 5, 6, 7, 0xfffffff8 } }),
			.fields = { RECT_FIELDS, { 40, 4, 0x51525354 }, { 44, 4, ID },
					{ 48, 4, 0x61626364 }, { 52, 4, 0x65666768 }, { 56, 4, 67 },
					{ 64, 4, 1 }, { 68, 4, 2 }, { 72, 4, 3 },
					{ 76, 4, 0xfffffff4 }, { 80, 4, 5 }, { 84, 4, 6 },
					{ 88, 4, 7 }, { 92, 4, 0xfffffff8 } } },
	{ "UPDATE_CURSOR", .total = 56,
			CMD(update_cursor,
					{ 0x51525354, -2, INT32_MIN, ID, 0x61626364, 0x65666768 }),
			.fields = { { 24, 4, 0x51525354 }, { 28, 4, 0xfffffffe },
					{ 32, 4, 0x80000000 }, { 40, 4, ID }, { 44, 4, 0x61626364 },
					{ 48, 4, 0x65666768 } } },
	{ "CTX_CREATE", .total = 96,
			CMD(ctx_create, { 63, 0x51525304,
							"abcdefgh"
							"\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" }),
			.fields = { { 24, 4, 63 }, { 28, 4, 0x51525304 },
					{ 32, 8, 0x6867666564636261 },
					{ 40, 8, 0xf8f7f6f5f4f3f2f1 }, { 48, 8, 0 }, { 56, 8, 0 },
					{ 64, 8, 0 }, { 72, 8, 0 }, { 80, 8, 0 }, { 88, 8, 0 } } },
	{ "CTX_ATTACH_RESOURCE", .total = 32, CMD(ctx_resource, { ID }),
			.fields = { { 24, 4, ID } } },
	{ "RESOURCE_CREATE_3D", .total = 72,
			CMD(create_3d, { ID, 2, 3, 0x51525354, 5, 6, 7, 8, 9, 10, 0x61626364 }),
			.fields = { { 24, 4, ID }, { 28, 4, 2 }, { 32, 4, 3 },
					{ 36, 4, 0x51525354 }, { 40, 4, 5 }, { 44, 4, 6 },
					{ 48, 4, 7 }, { 52, 4, 8 }, { 56, 4, 9 }, { 60, 4, 10 },
					{ 64, 4, 0x61626364 } } },
	{ "TRANSFER_TO_HOST_3D", .total = 72,
			CMD(transfer_3d, { { 1, 2, 3, 4, 5, 0xfffffff6 }, 0x5152535455565758, ID, 7,
							 0x61626364, 0x71727374 }),
			.fields = { { 24, 4, 1 }, { 28, 4, 2 }, { 32, 4, 3 }, { 36, 4, 4 },
					{ 40, 4, 5 }, { 44, 4, 0xfffffff6 },
					{ 48, 8, 0x5152535455565758 }, { 56, 4, ID }, { 60, 4, 7 },
					{ 64, 4, 0x61626364 }, { 68, 4, 0x71727374 } } },
	{ "SUBMIT_3D", .total = 32, CMD(submit_3d, { 0x51525354 }),
			.fields = { { 24, 4, 0x51525354 } } },
	{ "RESOURCE_MAP_BLOB", .total = 40, CMD(map_blob, { ID, 0x5152535455565758 }),
			.fields = { { 24, 4, ID }, { 32, 8, 0x5152535455565758 } } },
	{ "RESOURCE_UNMAP_BLOB", .total = 32, CMD(unmap_blob, { ID }),
			.fields = { { 24, 4, ID } } },
};

/** The bytes of a row behind its start; what no field covers is padding. */
static void row_make_bytes(const struct row *row, uint8_t padding, uint8_t *ret) {
	uint8_t message[ORIEL_MAX_REQUEST_SIZE];
	memset(message, padding, sizeof(message));
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(row->fields); i++) {
		const struct field *f = &row->fields[i];
		for (size_t k = 0; k < f->size; k++) {
			message[f->offset + k] = (uint8_t)(f->value >> (8 * k));
		}
	}
	memcpy(ret, message + row->start, row->total - row->start);
}

static void test_encode_gives_the_golden_bytes(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		size_t size = row->total - row->start;
		uint8_t golden[ORIEL_MAX_REQUEST_SIZE];
		uint8_t bytes[ORIEL_MAX_REQUEST_SIZE];
		row_make_bytes(row, 0, golden);
		memset(bytes, 0xee, sizeof(bytes));
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		row->encode(&w, row->value);
		CHECK(!w.failed, "%s", row->name);
		CHECK((size_t)(w.cur - bytes) == size, "%s: %td bytes", row->name, w.cur - bytes);
		for (size_t k = 0; k < size; k++) {
			CHECK(bytes[k] == golden[k], "%s: byte %zu is %02x, not %02x", row->name,
					row->start + k, bytes[k], golden[k]);
		}
	}
}

static void test_decode_then_encode_gives_the_same_bytes(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		size_t size = row->total - row->start;
		uint8_t golden[ORIEL_MAX_REQUEST_SIZE];
		uint8_t junk[ORIEL_MAX_REQUEST_SIZE];
		uint8_t bytes[ORIEL_MAX_REQUEST_SIZE];
		row_make_bytes(row, 0, golden);
		row_make_bytes(row, 0xff, junk); // padding is not looked at

		uint64_t value[MAX_STRUCT_SIZE / 8];
		struct oriel_reader r = oriel_reader_of(junk, sizeof(junk));
		int err = row->decode(&r, value);
		CHECK(err == 0, "%s: %d", row->name, err);
		CHECK((size_t)(r.cur - junk) == size, "%s: took %td bytes", row->name,
				r.cur - junk);

		struct oriel_writer w = oriel_writer_of(bytes, size);
		row->encode(&w, value);
		CHECK(!w.failed, "%s", row->name);
		CHECK(memcmp(bytes, golden, size) == 0, "%s: other bytes", row->name);
	}
}

static void test_every_prefix_is_refused(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		size_t size = row->total - row->start;
		uint8_t golden[ORIEL_MAX_REQUEST_SIZE];
		row_make_bytes(row, 0, golden);
		assert_true(row->struct_size <= MAX_STRUCT_SIZE);
		for (size_t n = 0; n < size; n++) {
			uint64_t value[MAX_STRUCT_SIZE / 8];
			uint64_t before[MAX_STRUCT_SIZE / 8];
			memset(value, 0xa5, sizeof(value));
			memset(before, 0xa5, sizeof(before));
			struct oriel_reader r = oriel_reader_of(golden, n);
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
		for (size_t n = 0; n < row->total - row->start; n++) {
			uint8_t bytes[ORIEL_MAX_REQUEST_SIZE + 1];
			memset(bytes, 0xee, sizeof(bytes));
			struct oriel_writer w = oriel_writer_of(bytes, n);
			row->encode(&w, row->value);
			CHECK(w.failed, "%s: n=%zu", row->name, n);
			CHECK(bytes[n] == 0xee, "%s: n=%zu: wrote past the end", row->name, n);
		}
	}
}

// Sizes of whole requests, as the standard's structs have them.
static_assert(ORIEL_CTRL_HDR_SIZE == 24, "struct virtio_gpu_ctrl_hdr");
static_assert(ORIEL_MEM_ENTRY_SIZE == 16, "struct virtio_gpu_mem_entry");
static_assert(24 + ORIEL_CMD_CREATE_2D_SIZE == 40, "RESOURCE_CREATE_2D");
static_assert(24 + ORIEL_CMD_UNREF_SIZE == 32, "RESOURCE_UNREF");
static_assert(24 + ORIEL_CMD_SET_SCANOUT_SIZE == 48, "SET_SCANOUT");
static_assert(24 + ORIEL_CMD_FLUSH_SIZE == 48, "RESOURCE_FLUSH");
static_assert(24 + ORIEL_CMD_TRANSFER_TO_HOST_2D_SIZE == 56, "TRANSFER_TO_HOST_2D");
static_assert(24 + ORIEL_CMD_ATTACH_BACKING_SIZE == 32, "RESOURCE_ATTACH_BACKING");
static_assert(24 + ORIEL_CMD_DETACH_BACKING_SIZE == 32, "RESOURCE_DETACH_BACKING");
static_assert(24 + ORIEL_CMD_GET_CAPSET_INFO_SIZE == 32, "GET_CAPSET_INFO");
static_assert(24 + ORIEL_CMD_GET_CAPSET_SIZE == 32, "GET_CAPSET");
static_assert(24 + ORIEL_CMD_GET_EDID_SIZE == 32, "GET_EDID");
static_assert(24 + ORIEL_CMD_ASSIGN_UUID_SIZE == 32, "RESOURCE_ASSIGN_UUID");
static_assert(24 + ORIEL_CMD_CREATE_BLOB_SIZE == 56, "RESOURCE_CREATE_BLOB");
static_assert(24 + ORIEL_CMD_SET_SCANOUT_BLOB_SIZE == 96, "SET_SCANOUT_BLOB");
static_assert(24 + ORIEL_CMD_UPDATE_CURSOR_SIZE == 56, "UPDATE_CURSOR");
static_assert(24 + ORIEL_CMD_CTX_CREATE_SIZE == 96, "CTX_CREATE");
static_assert(24 + ORIEL_CMD_CTX_DESTROY_SIZE == 24, "CTX_DESTROY");
static_assert(24 + ORIEL_CMD_CTX_RESOURCE_SIZE == 32, "CTX_ATTACH_RESOURCE");
static_assert(24 + ORIEL_CMD_CREATE_3D_SIZE == 72, "RESOURCE_CREATE_3D");
static_assert(24 + ORIEL_CMD_TRANSFER_3D_SIZE == 72, "TRANSFER_TO_HOST_3D");
static_assert(24 + ORIEL_CMD_SUBMIT_3D_SIZE == 32, "SUBMIT_3D");
static_assert(24 + ORIEL_CMD_MAP_BLOB_SIZE == 40, "RESOURCE_MAP_BLOB");
static_assert(24 + ORIEL_CMD_UNMAP_BLOB_SIZE == 32, "RESOURCE_UNMAP_BLOB");

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_gives_the_golden_bytes),
		cmocka_unit_test(test_decode_then_encode_gives_the_same_bytes),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_every_short_room_fails_the_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
