// SPDX-License-Identifier: MIT
/*
 * Tests of virtio_gpu.h: responses and the configuration space.
 *
 * Offsets count from the start of the response, its 24-byte header included.
 */
#include "protocol/virtio_gpu.h"

#include "fixture/check.h"

#include <assert.h>
#include <errno.h>

static_assert(24 + ORIEL_RESP_DISPLAY_INFO_SIZE == 408, "RESP_OK_DISPLAY_INFO");
static_assert(24 + ORIEL_RESP_CAPSET_INFO_SIZE == 40, "RESP_OK_CAPSET_INFO");
static_assert(24 + ORIEL_RESP_EDID_SIZE == 1056, "RESP_OK_EDID");
static_assert(24 + ORIEL_RESP_UUID_SIZE == 40, "RESP_OK_RESOURCE_UUID");
static_assert(24 + ORIEL_RESP_MAP_INFO_SIZE == 32, "RESP_OK_MAP_INFO");

#define HDR ORIEL_CTRL_HDR_SIZE

static uint32_t u32_at(const uint8_t *bytes, size_t offset) {
	const uint8_t *b = bytes + offset;
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void test_display_info(void **state) {
	(void)state;
	struct oriel_display_one displays[VIRTIO_GPU_MAX_SCANOUTS] = { 0 };
	displays[0] = (struct oriel_display_one){ { 0, 0, 1280, 800 }, true };
	displays[15] = (struct oriel_display_one){ { 0x01020304, 0x05060708, 801, 601 }, true };

	uint8_t resp[408];
	memset(resp, 0xee, sizeof(resp));
	struct oriel_writer w = oriel_writer_of(resp + HDR, sizeof(resp) - HDR);
	oriel_encode_resp_display_info(&w, displays);
	assert_false(w.failed);
	assert_ptr_equal(w.cur, w.end);
	assert_int_equal(u32_at(resp, 24 + 8), 1280);
	assert_int_equal(u32_at(resp, 24 + 12), 800);
	assert_int_equal(u32_at(resp, 24 + 16), 1);
	assert_int_equal(u32_at(resp, 24 + 20), 0);
	assert_int_equal(u32_at(resp, 24 + 15 * 24), 0x01020304);
	assert_int_equal(u32_at(resp, 24 + 15 * 24 + 4), 0x05060708);
	assert_int_equal(u32_at(resp, 24 + 15 * 24 + 8), 801);
	assert_int_equal(u32_at(resp, 24 + 15 * 24 + 12), 601);
	for (size_t i = 24 + 24; i < 24 + 15 * 24; i++) {
		CHECK(resp[i] == 0, "byte %zu", i);
	}

	struct oriel_display_one back[VIRTIO_GPU_MAX_SCANOUTS];
	memset(resp + 24 + 20, 0xff, 4); // flags are undefined
	struct oriel_reader r = oriel_reader_of(resp + HDR, sizeof(resp) - HDR);
	assert_int_equal(oriel_decode_resp_display_info(&r, back), 0);
	for (size_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK(oriel_rect_equals(&back[i].rect, &displays[i].rect), "%zu", i);
		CHECK(back[i].enabled == displays[i].enabled, "%zu", i);
	}
}

static void test_edid(void **state) {
	(void)state;
	uint8_t edid[ORIEL_EDID_MAX_SIZE];
	for (size_t i = 0; i < sizeof(edid); i++) {
		edid[i] = (uint8_t)(i * 7 + 1);
	}
	uint8_t resp[1056];
	memset(resp, 0xee, sizeof(resp));
	struct oriel_writer w = oriel_writer_of(resp + HDR, sizeof(resp) - HDR);
	oriel_encode_resp_edid(&w, edid, 256);
	assert_false(w.failed);
	assert_ptr_equal(w.cur, w.end);
	assert_int_equal(u32_at(resp, 24), 256);
	assert_int_equal(u32_at(resp, 28), 0);
	assert_memory_equal(resp + 32, edid, 256);
	for (size_t i = 32 + 256; i < sizeof(resp); i++) {
		CHECK(resp[i] == 0, "byte %zu", i);
	}

	uint8_t back[ORIEL_EDID_MAX_SIZE];
	size_t size = 0;
	struct oriel_reader r = oriel_reader_of(resp + HDR, sizeof(resp) - HDR);
	assert_int_equal(oriel_decode_resp_edid(&r, back, &size), 0);
	assert_int_equal(size, 256);
	assert_memory_equal(back, resp + 32, sizeof(back));
}

static void test_edid_size_is_bounded(void **state) {
	(void)state;
	static const uint8_t edid[ORIEL_EDID_MAX_SIZE + 1] = { 0 };
	uint8_t body[ORIEL_RESP_EDID_SIZE + 1];
	struct oriel_writer w = oriel_writer_of(body, sizeof(body));
	oriel_encode_resp_edid(&w, edid, ORIEL_EDID_MAX_SIZE + 1);
	assert_true(w.failed);

	w = oriel_writer_of(body, sizeof(body));
	oriel_encode_resp_edid(&w, edid, ORIEL_EDID_MAX_SIZE);
	assert_false(w.failed);
	assert_int_equal(w.cur - body, ORIEL_RESP_EDID_SIZE);

	uint8_t back[ORIEL_EDID_MAX_SIZE];
	size_t size = 77;
	struct oriel_reader r = oriel_reader_of(body, ORIEL_RESP_EDID_SIZE);
	assert_int_equal(oriel_decode_resp_edid(&r, back, &size), 0);
	assert_int_equal(size, 1024);
	body[0] = 1; // 1025
	back[0] = 0x5a;
	r = oriel_reader_of(body, ORIEL_RESP_EDID_SIZE);
	assert_int_equal(oriel_decode_resp_edid(&r, back, &size), -EBADMSG);
	assert_true(r.failed);
	assert_int_equal(size, 1024);
	assert_int_equal(back[0], 0x5a);
}

static void test_uuid(void **state) {
	(void)state;
	static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
	uint8_t body[16];
	struct oriel_writer w = oriel_writer_of(body, sizeof(body));
	oriel_encode_resp_uuid(&w, uuid);
	assert_false(w.failed);
	assert_memory_equal(body, uuid, sizeof(uuid));
	uint8_t back[16];
	struct oriel_reader r = oriel_reader_of(body, sizeof(body));
	assert_int_equal(oriel_decode_resp_uuid(&r, back), 0);
	assert_memory_equal(back, uuid, sizeof(uuid));
}

static void test_capset_info(void **state) {
	(void)state;
	const struct oriel_capset_info info = { .id = 2, .max_version = 3, .max_size = 0x11121314 };
	static const uint8_t golden[16] = { 2, 0, 0, 0, 3, 0, 0, 0, 0x14, 0x13, 0x12, 0x11 };
	uint8_t body[16];
	memset(body, 0xee, sizeof(body));
	struct oriel_writer w = oriel_writer_of(body, sizeof(body));
	oriel_encode_resp_capset_info(&w, &info);
	assert_false(w.failed);
	assert_memory_equal(body, golden, sizeof(golden));
	struct oriel_capset_info back;
	struct oriel_reader r = oriel_reader_of(body, sizeof(body));
	assert_int_equal(oriel_decode_resp_capset_info(&r, &back), 0);
	assert_int_equal(back.id, 2);
	assert_int_equal(back.max_version, 3);
	assert_int_equal(back.max_size, 0x11121314);
}

static void test_config_space(void **state) {
	(void)state;
	static const uint8_t golden[20] = { 1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 3, 0, 0, 0, 0,
		0x10 };
	uint8_t config[ORIEL_GPU_CONFIG_SIZE];
	memset(config, 0xee, sizeof(config));
	struct oriel_writer w = oriel_writer_of(config, sizeof(config));
	oriel_encode_gpu_config(&w, VIRTIO_GPU_EVENT_DISPLAY, 16, 3, 4096);
	assert_false(w.failed);
	assert_ptr_equal(w.cur, w.end);
	assert_memory_equal(config, golden, sizeof(golden));
}

static int decode_display_info(struct oriel_reader *r, void *ret) {
	return oriel_decode_resp_display_info(r, ret);
}

static int decode_edid(struct oriel_reader *r, void *ret) {
	size_t size = 77;
	int err = oriel_decode_resp_edid(r, ret, &size);
	CHECK(err == 0 || size == 77, "size clobbered");
	return err;
}

static int decode_uuid(struct oriel_reader *r, void *ret) {
	return oriel_decode_resp_uuid(r, ret);
}

static int decode_capset_info(struct oriel_reader *r, void *ret) {
	return oriel_decode_resp_capset_info(r, ret);
}

static const struct {
	const char *name;
	size_t size;
	int (*decode)(struct oriel_reader *r, void *ret);
} decoders[] = {
	{ "display info", ORIEL_RESP_DISPLAY_INFO_SIZE, decode_display_info },
	{ "EDID", ORIEL_RESP_EDID_SIZE, decode_edid },
	{ "UUID", ORIEL_RESP_UUID_SIZE, decode_uuid },
	{ "capset info", ORIEL_RESP_CAPSET_INFO_SIZE, decode_capset_info },
};

static void test_every_prefix_is_refused(void **state) {
	(void)state;
	static const uint8_t zeros[ORIEL_RESP_EDID_SIZE];
	static uint64_t value[160];
	static uint64_t before[160];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(decoders); i++) {
		for (size_t n = 0; n <= decoders[i].size; n++) {
			memset(value, 0xa5, sizeof(value));
			memset(before, 0xa5, sizeof(before));
			struct oriel_reader r = oriel_reader_of(zeros, n);
			int err = decoders[i].decode(&r, value);
			int wanted = n == decoders[i].size ? 0 : -EBADMSG;
			CHECK(err == wanted, "%s: n=%zu err=%d", decoders[i].name, n, err);
			bool same = memcmp(value, before, sizeof(value)) == 0;
			CHECK(same == (err < 0), "%s: n=%zu: *ret", decoders[i].name, n);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_display_info),
		cmocka_unit_test(test_edid),
		cmocka_unit_test(test_edid_size_is_bounded),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_capset_info),
		cmocka_unit_test(test_config_space),
		cmocka_unit_test(test_every_prefix_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
