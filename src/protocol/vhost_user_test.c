// SPDX-License-Identifier: MIT
/*
 * Tests of vhost_user.h: every form of message, its golden bytes, laid out by hand from QEMU's
 * docs/interop/vhost-user.rst, every prefix of them, one byte too many, and round trips.
 */
#include "protocol/vhost_user.h"

#include "fixture/check.h"

#include <errno.h>

#define MAX_MESSAGE 512u

// Room for whatever a decoder gives, to compare and to see that it is left alone.
union decoded {
	uint64_t number;
	struct oriel_vhost_ring_state state;
	struct oriel_vhost_ring_addresses addresses;
	struct oriel_vhost_ring_fd fd;
	struct oriel_vhost_region region;
	struct oriel_vhost_table table;
	struct oriel_vhost_config config;
};

static const uint8_t config_bytes[4] = { 9, 8, 7, 6 };

static const struct oriel_vhost_ring_state state = { 1, 0x80008000 };
static const struct oriel_vhost_ring_addresses addresses = { .index = 1,
	.flags = 2,
	.desc_user = 0x1122334455667788,
	.used_user = 3,
	.avail_user = 4,
	.log_gpa = 5 };
static const struct oriel_vhost_region region = { 0x100000000, 0x2000, 0x7f0000001000, 0x1000 };
static const struct oriel_vhost_config config = { .offset = 4,
	.size = 4,
	.flags = 1,
	.bytes = config_bytes };

static void encode_plain(struct oriel_writer *w) {
	oriel_vhost_encode_plain(w, VHOST_USER_GET_FEATURES, 0);
}

static void encode_u64(struct oriel_writer *w) {
	oriel_vhost_encode_u64(w, VHOST_USER_SET_FEATURES, VHOST_USER_FLAG_NEED_REPLY,
			0x0102030405060708);
}

static void encode_state(struct oriel_writer *w) {
	oriel_vhost_encode_ring_state(w, VHOST_USER_GET_VRING_BASE, VHOST_USER_FLAG_REPLY, &state);
}

static void encode_addresses(struct oriel_writer *w) {
	oriel_vhost_encode_ring_addresses(w, 0, &addresses);
}

static void encode_kick(struct oriel_writer *w) {
	struct oriel_vhost_ring_fd fd = { 1, true };
	oriel_vhost_encode_ring_fd(w, VHOST_USER_SET_VRING_KICK, 0, &fd);
}

static void encode_no_call(struct oriel_writer *w) {
	struct oriel_vhost_ring_fd fd = { 0xff, false };
	oriel_vhost_encode_ring_fd(w, VHOST_USER_SET_VRING_CALL, 0, &fd);
}

static void encode_region(struct oriel_writer *w) {
	oriel_vhost_encode_region(w, VHOST_USER_ADD_MEM_REG, 0, &region);
}

static void encode_table(struct oriel_writer *w) {
	struct oriel_vhost_table table = { 2, { region, { 1, 2, 3, 4 } } };
	oriel_vhost_encode_table(w, 0, &table);
}

static void encode_no_regions(struct oriel_writer *w) {
	struct oriel_vhost_table table = { 0 };
	oriel_vhost_encode_table(w, 0, &table);
}

static void encode_config(struct oriel_writer *w) {
	oriel_vhost_encode_config(w, VHOST_USER_SET_CONFIG, 0, &config);
}

static int decode_u64(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_u64(r, &ret->number);
}

static int decode_state(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_ring_state(r, &ret->state);
}

static int decode_addresses(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_ring_addresses(r, &ret->addresses);
}

static int decode_fd(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_ring_fd(r, &ret->fd);
}

static int decode_region(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_region(r, &ret->region);
}

static int decode_table(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_table(r, &ret->table);
}

static int decode_config(struct oriel_reader *r, union decoded *ret) {
	return oriel_vhost_decode_config(r, &ret->config);
}

static bool is_number(const union decoded *d) {
	return d->number == 0x0102030405060708;
}

static bool is_state(const union decoded *d) {
	return d->state.index == 1 && d->state.num == 0x80008000;
}

static bool is_addresses(const union decoded *d) {
	const struct oriel_vhost_ring_addresses *a = &d->addresses;
	return a->index == 1 && a->flags == 2 && a->desc_user == 0x1122334455667788 &&
	       a->used_user == 3 && a->avail_user == 4 && a->log_gpa == 5;
}

static bool is_kick(const union decoded *d) {
	return d->fd.index == 1 && d->fd.has_fd;
}

static bool is_no_call(const union decoded *d) {
	return d->fd.index == 0xff && !d->fd.has_fd;
}

static bool is_the_region(const struct oriel_vhost_region *r) {
	return r->gpa == region.gpa && r->size == region.size && r->user == region.user &&
	       r->fd_offset == region.fd_offset;
}

static bool is_region(const union decoded *d) {
	return is_the_region(&d->region);
}

static bool is_table(const union decoded *d) {
	const struct oriel_vhost_region *second = &d->table.regions[1];
	return d->table.n_regions == 2 && is_the_region(&d->table.regions[0]) && second->gpa == 1 &&
	       second->size == 2 && second->user == 3 && second->fd_offset == 4;
}

static bool has_no_regions(const union decoded *d) {
	return d->table.n_regions == 0;
}

static bool is_config(const union decoded *d) {
	const struct oriel_vhost_config *c = &d->config;
	return c->offset == 4 && c->size == 4 && c->flags == 1 &&
	       memcmp(c->bytes, config_bytes, sizeof(config_bytes)) == 0;
}

static const struct {
	const char *name;
	void (*encode)(struct oriel_writer *w);
	uint8_t request, flags, payload; // as the protocol document has them
	uint8_t golden[48];              // the payload's first bytes
	size_t n_golden;
	int (*decode)(struct oriel_reader *r, union decoded *ret); // NULL: no payload
	bool (*is_same)(const union decoded *decoded);
} cases[] = {
	{ "plain", encode_plain, 1, 0x1, 0, { 0 }, 0, NULL, NULL },
	{ "u64", encode_u64, 2, 0x9, 8, { 8, 7, 6, 5, 4, 3, 2, 1 }, 8, decode_u64, is_number },
	{ "ring state", encode_state, 11, 0x5, 8, { 1, 0, 0, 0, 0, 0x80, 0, 0x80 }, 8, decode_state,
			is_state },
	{ "ring addresses", encode_addresses, 9, 0x1, 40,
			{ 1, 0, 0, 0, 2, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 3,
					0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5 },
			40, decode_addresses, is_addresses },
	{ "kick", encode_kick, 12, 0x1, 8, { 1 }, 8, decode_fd, is_kick },
	{ "no call", encode_no_call, 13, 0x1, 8, { 0xff, 1 }, 8, decode_fd, is_no_call },
	{ "region", encode_region, 37, 0x1, 40,
			{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0,
					0, 0x10, 0, 0, 0, 0x7f, 0, 0, 0, 0x10 },
			40, decode_region, is_region },
	{ "table", encode_table, 5, 0x1, 8 + 2 * 32,
			{ 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0,
					0, 0x10, 0, 0, 0, 0x7f, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0,
					1 },
			48, decode_table, is_table },
	{ "empty table", encode_no_regions, 5, 0x1, 8, { 0 }, 8, decode_table, has_no_regions },
	{ "config", encode_config, 25, 0x1, 16, { 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 9, 8, 7, 6 },
			16, decode_config, is_config },
};

static void test_golden_bytes(void **user) {
	(void)user;
	static uint8_t bytes[MAX_MESSAGE];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		cases[i].encode(&w);
		assert_false(w.failed);
		size_t size = (size_t)(w.cur - bytes);
		CHECK(size == 12u + cases[i].payload, "%s: %zu bytes", cases[i].name, size);
		const uint8_t header[12] = { cases[i].request, 0, 0, 0, cases[i].flags, 0, 0, 0,
			cases[i].payload, 0, 0, 0 };
		CHECK(memcmp(bytes, header, 12) == 0, "%s: header", cases[i].name);
		CHECK(memcmp(bytes + 12, cases[i].golden, cases[i].n_golden) == 0, "%s: payload",
				cases[i].name);
	}
}

static void test_round_trip_and_every_prefix(void **user) {
	(void)user;
	static uint8_t bytes[MAX_MESSAGE];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		if (cases[i].decode == NULL) {
			continue;
		}
		memset(bytes, 0, sizeof(bytes));
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		cases[i].encode(&w);
		// One byte more than the payload, too.
		for (size_t n = 0; n <= cases[i].payload + 1u; n++) {
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

static void test_no_room_fails_the_writer(void **user) {
	(void)user;
	static uint8_t bytes[MAX_MESSAGE];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_writer w = oriel_writer_of(bytes, 12u + cases[i].payload - 1u);
		cases[i].encode(&w);
		CHECK(w.failed, "%s", cases[i].name);
	}
}

static void test_header(void **user) {
	(void)user;
	static const uint8_t bytes[12] = { 8, 0, 0, 1, 9, 0, 0, 0, 0x15, 0x16, 0x17, 0x18 };
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct oriel_reader r = oriel_reader_of(bytes, n);
		struct oriel_vhost_header header = { .request = 77 };
		int err = oriel_vhost_decode_header(&r, &header);
		CHECK(err == (n == 12 ? 0 : -EBADMSG), "%zu bytes", n);
		CHECK(header.request == (n == 12 ? 0x01000008u : 77u), "%zu bytes", n);
		if (n == 12) {
			assert_int_equal(header.flags, 9);
			assert_int_equal(header.size, 0x18171615);
		}
	}
}

static void test_ring_fd_reserved_bits(void **user) {
	(void)user;
	for (unsigned int bit = 9; bit < 64; bit++) {
		uint8_t bytes[8];
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_write_u64(&w, UINT64_C(1) << bit);
		struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
		struct oriel_vhost_ring_fd fd;
		CHECK(oriel_vhost_decode_ring_fd(&r, &fd) == -EBADMSG, "bit %u", bit);
	}
}

static void test_table_limit(void **user) {
	(void)user;
	for (uint32_t n = 0; n < 20; n++) {
		uint8_t bytes[8 + 20 * 32] = { (uint8_t)n };
		struct oriel_reader r = oriel_reader_of(bytes, 8 + n * 32u);
		struct oriel_vhost_table table;
		int err = oriel_vhost_decode_table(&r, &table);
		CHECK(err == (n <= 8 ? 0 : -EBADMSG), "%u regions: %d", n, err);
	}
	// A number whose size wraps around 32 bits, and would be 8 bytes.
	static const uint8_t bytes[8] = { 0, 0, 0, 8 };
	struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
	struct oriel_vhost_table table;
	assert_int_equal(oriel_vhost_decode_table(&r, &table), -EBADMSG);
	uint8_t out[MAX_MESSAGE];
	struct oriel_writer w = oriel_writer_of(out, sizeof(out));
	table.n_regions = 9;
	oriel_vhost_encode_table(&w, 0, &table);
	assert_true(w.failed);
}

static void test_config_limit(void **user) {
	(void)user;
	static const struct {
		uint32_t size, payload;
		bool is_good;
	} rows[] = {
		{ 0, 12, true },
		{ 256, 12 + 256, true },
		{ 257, 12 + 257, false },
		{ 16, 12 + 15, false },
		{ 16, 12 + 17, false },
		{ 0xfffffff4, 0, false }, // with the header's 12 bytes it wraps to 0
		{ UINT32_MAX, 12, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		uint8_t bytes[300] = { 0 };
		struct oriel_writer w = oriel_writer_of(bytes + 4, 4);
		oriel_write_u32(&w, rows[i].size);
		struct oriel_reader r = oriel_reader_of(bytes, rows[i].payload);
		struct oriel_vhost_config c;
		int err = oriel_vhost_decode_config(&r, &c);
		CHECK(err == (rows[i].is_good ? 0 : -EBADMSG), "row %zu: %d", i, err);
	}
	uint8_t out[MAX_MESSAGE];
	struct oriel_writer w = oriel_writer_of(out, sizeof(out));
	struct oriel_vhost_config c = { .size = 257, .bytes = out };
	oriel_vhost_encode_config(&w, VHOST_USER_GET_CONFIG, 0, &c);
	assert_true(w.failed);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_round_trip_and_every_prefix),
		cmocka_unit_test(test_no_room_fails_the_writer),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_ring_fd_reserved_bits),
		cmocka_unit_test(test_table_limit),
		cmocka_unit_test(test_config_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
