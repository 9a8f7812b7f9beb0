// SPDX-License-Identifier: MIT
/*
 * Tests of gpu_socket.h: every message's golden bytes, laid out by hand from QEMU's
 * docs/interop/vhost-user-gpu.rst, every prefix of them, one byte too many, and round trips.
 */
#include "protocol/gpu_socket.h"

#include "fixture/check.h"

#define MAX_MESSAGE 20000u

// Room for whatever a decoder gives, to compare and to see that it is left alone.
union decoded {
	uint8_t bytes[2048];
	uint64_t features;
	uint32_t scanout_id;
	struct oriel_gpu_message_cursor cursor;
	struct oriel_gpu_message_cursor_image image;
	struct oriel_gpu_message_scanout scanout;
	struct oriel_gpu_message_update update;
	struct oriel_gpu_message_dmabuf dmabuf;
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	struct {
		uint8_t bytes[ORIEL_EDID_MAX_SIZE];
		size_t size;
	} edid;
};

static uint8_t cursor_pixels[ORIEL_GPU_MESSAGE_CURSOR_BYTES];
static uint8_t edid_bytes[256];

static const struct oriel_gpu_message_cursor cursor = { .scanout_id = 3, .x = -2, .y = 0x104 };
static const struct oriel_gpu_message_cursor_image image = {
	.at = { .scanout_id = 3, .x = -2, .y = 0x104 },
	.hot_x = 5,
	.hot_y = 6,
	.pixels = cursor_pixels
};
static const struct oriel_gpu_message_scanout scanout = { 1, 0x780, 0x438 };
static const struct oriel_rect rect = { 7, 8, 2, 1 };
static const uint8_t update_pixels[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
static const struct oriel_gpu_message_dmabuf dmabuf = { .scanout_id = 2,
	.rect = { 1, 2, 3, 4 },
	.fd_width = 5,
	.fd_height = 6,
	.fd_stride = 20,
	.fd_flags = 1,
	.fourcc = 0x34325258,
	.modifier = 0x0102030405060708 };

static void encode_get_features(struct oriel_writer *w) {
	oriel_gpu_message_encode_plain(w, VHOST_USER_GPU_GET_PROTOCOL_FEATURES);
}

static void encode_get_info(struct oriel_writer *w) {
	oriel_gpu_message_encode_plain(w, VHOST_USER_GPU_GET_DISPLAY_INFO);
}

static void encode_set_features(struct oriel_writer *w) {
	oriel_gpu_message_encode_set_features(w, 0x8000000000000001);
}

static void encode_features_reply(struct oriel_writer *w) {
	oriel_gpu_message_encode_features_reply(w, 3);
}

static void encode_get_edid(struct oriel_writer *w) {
	oriel_gpu_message_encode_get_edid(w, 0x01020304);
}

static void encode_cursor_pos(struct oriel_writer *w) {
	oriel_gpu_message_encode_cursor(w, &cursor, true);
}

static void encode_cursor_hide(struct oriel_writer *w) {
	oriel_gpu_message_encode_cursor(w, &cursor, false);
}

static void encode_cursor_image(struct oriel_writer *w) {
	oriel_gpu_message_encode_cursor_image(w, &image);
}

static void encode_scanout(struct oriel_writer *w) {
	oriel_gpu_message_encode_scanout(w, &scanout);
}

static void encode_update(struct oriel_writer *w) {
	oriel_gpu_message_encode_update(w, 4, &rect);
	oriel_write_bytes(w, update_pixels, sizeof(update_pixels));
}

static void encode_dmabuf_scanout(struct oriel_writer *w) {
	oriel_gpu_message_encode_dmabuf_scanout(w, &dmabuf);
}

static void encode_dmabuf_scanout2(struct oriel_writer *w) {
	oriel_gpu_message_encode_dmabuf_scanout2(w, &dmabuf);
}

static void encode_dmabuf_update(struct oriel_writer *w) {
	oriel_gpu_message_encode_dmabuf_update(w, 4, &rect);
}

static void encode_dmabuf_update_reply(struct oriel_writer *w) {
	oriel_gpu_message_encode_dmabuf_update_reply(w);
}

static void encode_info_reply(struct oriel_writer *w) {
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS] = { 0 };
	heads[1] = (struct oriel_display_one){ .rect = { 1, 2, 3, 4 }, .enabled = true };
	oriel_gpu_message_encode_info_reply(w, heads);
}

static void encode_edid_reply(struct oriel_writer *w) {
	oriel_gpu_message_encode_edid_reply(w, edid_bytes, sizeof(edid_bytes));
}

static int decode_features(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_features(r, &ret->features);
}

static int decode_get_edid(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_get_edid(r, &ret->scanout_id);
}

static int decode_cursor(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_cursor(r, &ret->cursor);
}

static int decode_cursor_image(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_cursor_image(r, &ret->image);
}

static int decode_scanout(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_scanout(r, &ret->scanout);
}

static int decode_update(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_update(r, &ret->update);
}

static int decode_dmabuf_scanout(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_dmabuf_scanout(r, &ret->dmabuf);
}

static int decode_dmabuf_scanout2(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_dmabuf_scanout2(r, &ret->dmabuf);
}

static int decode_dmabuf_update(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_dmabuf_update(r, &ret->update);
}

static int decode_info(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_info(r, ret->heads);
}

static int decode_edid(struct oriel_reader *r, union decoded *ret) {
	return oriel_gpu_message_decode_edid(r, ret->edid.bytes, &ret->edid.size);
}

static bool is_features(const union decoded *d) {
	return d->features == 3 || d->features == 0x8000000000000001;
}

static bool is_edid_question(const union decoded *d) {
	return d->scanout_id == 0x01020304;
}

static bool is_cursor(const union decoded *d) {
	return d->cursor.scanout_id == 3 && d->cursor.x == -2 && d->cursor.y == 0x104;
}

static bool is_cursor_image(const union decoded *d) {
	return d->image.at.scanout_id == 3 && d->image.at.x == -2 && d->image.at.y == 0x104 &&
	       d->image.hot_x == 5 && d->image.hot_y == 6 &&
	       memcmp(d->image.pixels, cursor_pixels, sizeof(cursor_pixels)) == 0;
}

static bool is_scanout(const union decoded *d) {
	return d->scanout.scanout_id == 1 && d->scanout.width == 0x780 &&
	       d->scanout.height == 0x438;
}

static bool is_update(const union decoded *d) {
	return d->update.scanout_id == 4 && oriel_rect_equals(&d->update.rect, &rect) &&
	       memcmp(d->update.pixels, update_pixels, sizeof(update_pixels)) == 0;
}

static bool is_dmabuf(const union decoded *d) {
	const struct oriel_gpu_message_dmabuf *b = &d->dmabuf;
	return b->scanout_id == 2 && oriel_rect_equals(&b->rect, &dmabuf.rect) &&
	       b->fd_width == 5 && b->fd_height == 6 && b->fd_stride == 20 && b->fd_flags == 1 &&
	       b->fourcc == 0x34325258;
}

static bool is_dmabuf2(const union decoded *d) {
	return is_dmabuf(d) && d->dmabuf.modifier == 0x0102030405060708;
}

static bool is_dmabuf_update(const union decoded *d) {
	return d->update.scanout_id == 4 && oriel_rect_equals(&d->update.rect, &rect);
}

static bool is_info(const union decoded *d) {
	static const struct oriel_rect second = { 1, 2, 3, 4 };
	return !d->heads[0].enabled && d->heads[1].enabled &&
	       oriel_rect_equals(&d->heads[1].rect, &second) && !d->heads[15].enabled;
}

static bool is_edid(const union decoded *d) {
	return d->edid.size == sizeof(edid_bytes) &&
	       memcmp(d->edid.bytes, edid_bytes, sizeof(edid_bytes)) == 0 &&
	       d->edid.bytes[ORIEL_EDID_MAX_SIZE - 1] == 0;
}

// Golden bytes: the start of each message; what follows up to size is checked by decoding.
static const struct {
	const char *name;
	void (*encode)(struct oriel_writer *w);
	uint32_t type, flags, payload; // as the protocol document has them
	uint8_t golden[48];            // the payload's first bytes
	size_t n_golden;
	int (*decode)(struct oriel_reader *r, union decoded *ret); // NULL: no payload
	bool (*is_same)(const union decoded *decoded);
} cases[] = {
	{ "GET_PROTOCOL_FEATURES", encode_get_features, 1, 0, 0, { 0 }, 0, NULL, NULL },
	{ "GET_PROTOCOL_FEATURES reply", encode_features_reply, 1, 4, 8, { 3 }, 8, decode_features,
			is_features },
	{ "SET_PROTOCOL_FEATURES", encode_set_features, 2, 0, 8, { 1, 0, 0, 0, 0, 0, 0, 0x80 }, 8,
			decode_features, is_features },
	{ "GET_DISPLAY_INFO", encode_get_info, 3, 0, 0, { 0 }, 0, NULL, NULL },
	// The header is 24 bytes, a head 24: x, y, width, height, enabled, flags.
	{ "GET_DISPLAY_INFO reply", encode_info_reply, 3, 4, 408, { 0x01, 0x11 }, 48, decode_info,
			is_info },
	{ "CURSOR_POS", encode_cursor_pos, 4, 0, 12, { 3, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 4, 1 },
			12, decode_cursor, is_cursor },
	{ "CURSOR_POS_HIDE", encode_cursor_hide, 5, 0, 12,
			{ 3, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 4, 1 }, 12, decode_cursor,
			is_cursor },
	{ "CURSOR_UPDATE", encode_cursor_image, 6, 0, 20 + 16384,
			{ 3, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 4, 1, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0,
					1, 2, 3 },
			24, decode_cursor_image, is_cursor_image },
	{ "SCANOUT", encode_scanout, 7, 0, 12, { 1, 0, 0, 0, 0x80, 7, 0, 0, 0x38, 4 }, 12,
			decode_scanout, is_scanout },
	{ "UPDATE", encode_update, 8, 0, 28,
			{ 4, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5,
					6, 7, 8 },
			28, decode_update, is_update },
	{ "DMABUF_SCANOUT", encode_dmabuf_scanout, 9, 0, 40,
			{ 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6,
					0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 'X', 'R', '2', '4' },
			40, decode_dmabuf_scanout, is_dmabuf },
	{ "DMABUF_UPDATE", encode_dmabuf_update, 10, 0, 20,
			{ 4, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 1 }, 20,
			decode_dmabuf_update, is_dmabuf_update },
	{ "DMABUF_UPDATE reply", encode_dmabuf_update_reply, 10, 4, 0, { 0 }, 0, NULL, NULL },
	{ "GET_EDID", encode_get_edid, 11, 0, 4, { 4, 3, 2, 1 }, 4, decode_get_edid,
			is_edid_question },
	{ "GET_EDID reply", encode_edid_reply, 11, 4, 1056,
			{ 0x04, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
					0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0xfd },
			36, decode_edid, is_edid },
	{ "DMABUF_SCANOUT2", encode_dmabuf_scanout2, 12, 0, 48,
			{ 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6,
					0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 'X', 'R', '2', '4', 8, 7,
					6, 5, 4, 3, 2, 1 },
			48, decode_dmabuf_scanout2, is_dmabuf2 },
};

static int setup(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(cursor_pixels); i++) {
		cursor_pixels[i] = (uint8_t)(i ^ i >> 8);
	}
	for (size_t i = 0; i < sizeof(edid_bytes); i++) {
		edid_bytes[i] = (uint8_t)(0x100 - i);
	}
	return 0;
}

static void test_golden_bytes(void **state) {
	(void)state;
	static uint8_t bytes[MAX_MESSAGE];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		cases[i].encode(&w);
		assert_false(w.failed);
		size_t size = (size_t)(w.cur - bytes);
		CHECK(size == 12 + cases[i].payload, "%s: %zu bytes", cases[i].name, size);
		const uint8_t header[12] = { (uint8_t)cases[i].type, 0, 0, 0,
			(uint8_t)cases[i].flags, 0, 0, 0, (uint8_t)cases[i].payload,
			(uint8_t)(cases[i].payload >> 8), 0, 0 };
		CHECK(memcmp(bytes, header, 12) == 0, "%s: header", cases[i].name);
		CHECK(memcmp(bytes + 12, cases[i].golden, cases[i].n_golden) == 0, "%s: payload",
				cases[i].name);
	}
}

static void test_round_trip_and_every_prefix(void **state) {
	(void)state;
	static uint8_t bytes[MAX_MESSAGE];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		if (cases[i].decode == NULL) {
			continue;
		}
		memset(bytes, 0, sizeof(bytes));
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		cases[i].encode(&w);
		// One byte more than the payload, too.
		for (size_t n = 0; n <= cases[i].payload + 1; n++) {
			union decoded decoded, untouched;
			memset(&decoded, 0xa5, sizeof(decoded));
			memset(&untouched, 0xa5, sizeof(untouched));
			struct oriel_reader r = oriel_reader_of(bytes + 12, n);
			int err = cases[i].decode(&r, &decoded);
			bool whole = n == cases[i].payload;
			CHECK(err == (whole ? 0 : -EBADMSG), "%s: %zu bytes: %d", cases[i].name, n,
					err);
			if (whole) {
				CHECK(cases[i].is_same(&decoded), "%s", cases[i].name);
			} else {
				CHECK(memcmp(&decoded, &untouched, sizeof(decoded)) == 0,
						"%s: %zu bytes: *ret changed", cases[i].name, n);
			}
		}
	}
}

static void test_no_room_fails_the_writer(void **state) {
	(void)state;
	static uint8_t bytes[MAX_MESSAGE];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_writer w = oriel_writer_of(bytes, 12 + cases[i].payload - 1);
		cases[i].encode(&w);
		CHECK(w.failed, "%s", cases[i].name);
	}
}

static void test_header(void **state) {
	(void)state;
	static const uint8_t bytes[12] = { 8, 0, 0, 0, 4, 0, 0, 0, 0x15, 0x16, 0x17, 0x18 };
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct oriel_reader r = oriel_reader_of(bytes, n);
		struct oriel_gpu_message_header header = { .request = 77 };
		int err = oriel_gpu_message_decode_header(&r, &header);
		CHECK(err == (n == 12 ? 0 : -EBADMSG), "%zu bytes", n);
		CHECK(header.request == (n == 12 ? 8u : 77u), "%zu bytes", n);
		if (n == 12) {
			assert_int_equal(header.flags, VHOST_USER_GPU_MSG_FLAG_REPLY);
			assert_int_equal(header.size, 0x18171615);
		}
	}
}

static const struct {
	const char *name;
	struct oriel_rect rect;
	bool fits;
} update_cases[] = {
	{ "the largest", { 0, 0, 1, 0x3ffffffa }, true },
	{ "a byte too many for 32 bits", { 0, 0, 1, 0x3ffffffb }, false },
	{ "the product wraps to 0", { 0, 0, 0x10000, 0x10000 }, false },
	{ "the bytes wrap to 4", { 0, 0, 0x40000001, 1 }, false },
	{ "the bytes wrap to 0 in 64 bits", { 0, 0, 0x80000000, 0x80000000 }, false },
	{ "all ones", { 0, 0, UINT32_MAX, UINT32_MAX }, false },
};

static void test_update_sizes_do_not_wrap(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(update_cases); i++) {
		uint8_t bytes[64] = { 0 };
		struct oriel_writer w = oriel_writer_of(bytes, 32);
		oriel_gpu_message_encode_update(&w, 0, &update_cases[i].rect);
		CHECK(w.failed == !update_cases[i].fits, "%s", update_cases[i].name);
		// None of them comes with its pixels, so none may be taken.
		w = oriel_writer_of(bytes + 4, 16);
		oriel_write_u32(&w, 0);
		oriel_write_u32(&w, 0);
		oriel_write_u32(&w, update_cases[i].rect.width);
		oriel_write_u32(&w, update_cases[i].rect.height);
		for (size_t n = 20; n <= sizeof(bytes); n++) {
			struct oriel_reader r = oriel_reader_of(bytes, n);
			struct oriel_gpu_message_update update;
			CHECK(oriel_gpu_message_decode_update(&r, &update) == -EBADMSG, "%s: %zu",
					update_cases[i].name, n);
		}
	}
}

static void test_replies_of_another_type(void **state) {
	(void)state;
	static uint8_t bytes[2048];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	encode_info_reply(&w);
	bytes[12] = 0x00; // OK_NODATA
	struct oriel_reader r = oriel_reader_of(bytes + 12, ORIEL_GPU_MESSAGE_INFO_PAYLOAD);
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	assert_int_equal(oriel_gpu_message_decode_info(&r, heads), -EBADMSG);

	w = oriel_writer_of(bytes, sizeof(bytes));
	encode_edid_reply(&w);
	uint8_t edid[ORIEL_EDID_MAX_SIZE];
	size_t size = 77;
	bytes[12] = 0x01; // OK_DISPLAY_INFO
	r = oriel_reader_of(bytes + 12, ORIEL_GPU_MESSAGE_EDID_PAYLOAD);
	assert_int_equal(oriel_gpu_message_decode_edid(&r, edid, &size), -EBADMSG);
	bytes[12] = 0x04;
	bytes[12 + 25] = 4;
	bytes[12 + 24] = 1; // 1025 bytes
	r = oriel_reader_of(bytes + 12, ORIEL_GPU_MESSAGE_EDID_PAYLOAD);
	assert_int_equal(oriel_gpu_message_decode_edid(&r, edid, &size), -EBADMSG);
	assert_int_equal(size, 77);
	bytes[12 + 24] = 0;
	r = oriel_reader_of(bytes + 12, ORIEL_GPU_MESSAGE_EDID_PAYLOAD);
	assert_int_equal(oriel_gpu_message_decode_edid(&r, edid, &size), 0);
	assert_int_equal(size, 1024);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_round_trip_and_every_prefix),
		cmocka_unit_test(test_no_room_fails_the_writer),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_update_sizes_do_not_wrap),
		cmocka_unit_test(test_replies_of_another_type),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
