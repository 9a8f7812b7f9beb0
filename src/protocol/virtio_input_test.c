// SPDX-License-Identifier: MIT
/* Tests of virtio_input.h against bytes put together from the tables of virtio 1.3, 5.8. */
#include "protocol/virtio_input.h"

#include "fixture/check.h"

#include <linux/input-event-codes.h>

static const struct oriel_input_codes codes[] = {
	{ EV_KEY, 1, 9 },
	{ EV_KEY, BTN_LEFT, BTN_LEFT },
	{ EV_REL, REL_WHEEL, REL_WHEEL },
	{ EV_ABS, ABS_X, ABS_Y },
	{ EV_MSC, 0, 1023 },
};
static const struct oriel_input_axis axes[] = { { ABS_X, 0, 32767 }, { ABS_Y, 5, 0x01020304 } };
static const struct oriel_input_identity identity = {
	.name = "a name",
	.serial = "a serial",
	.bus = 0x0102,
	.vendor = 0x0304,
	.product = 0x0506,
	.version = 0x0708,
	.codes = codes,
	.n_codes = ORIEL_ARRAY_LEN(codes),
	.axes = axes,
	.n_axes = ORIEL_ARRAY_LEN(axes),
};

static const struct row {
	const char *name;
	uint8_t select, subsel, size;
	uint8_t value[40];
} rows[] = {
	{ "name", 0x01, 0, 6, "a name" },
	{ "serial", 0x02, 0, 8, "a serial" },
	{ "ids", 0x03, 0, 8, { 2, 1, 4, 3, 6, 5, 8, 7 } },
	{ "keys", 0x11, 0x01, 35, { 0xfe, 0x03, [34] = 0x01 } },
	{ "relative", 0x11, 0x02, 2, { 0, 0x01 } },
	{ "absolute", 0x11, 0x03, 1, { 0x03 } },
	{ "x", 0x12, 0, 20, { 0, 0, 0, 0, 0xff, 0x7f } },
	{ "y", 0x12, 1, 20, { 5, 0, 0, 0, 4, 3, 2, 1 } },
};

static const struct row *find_row(uint32_t select, uint32_t subsel) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		if (rows[i].select == select && rows[i].subsel == subsel) {
			return &rows[i];
		}
	}
	return NULL;
}

/** SPEC-280: size is 0 for everything that the device does not have, and no byte is left over. */
static void test_every_selection(void **state) {
	(void)state;
	for (uint32_t i = 0; i < 256 * 256; i++) {
		const uint8_t select = (uint8_t)(i >> 8);
		const uint8_t subsel = (uint8_t)i;
		const struct row *row = find_row(select, subsel);
		uint8_t want[136] = { select, subsel };
		if (row != NULL) {
			want[2] = row->size;
			memcpy(want + 8, row->value, sizeof(row->value));
		} else if (select == 0x11 && subsel == EV_MSC) { // as many as there can be
			want[2] = 128;
			memset(want + 8, 0xff, 128);
		}
		uint8_t bytes[136];
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_encode_input_config(&w, &identity, select, subsel);
		CHECK(!w.failed && w.cur == bytes + sizeof(bytes), "0x%04x: length", i);
		for (size_t k = 0; k < sizeof(bytes); k++) {
			CHECK(bytes[k] == want[k], "0x%04x: byte %zu is 0x%02x, not 0x%02x", i, k,
					bytes[k], want[k]);
		}
	}
}

static void test_a_long_name_is_cut(void **state) {
	(void)state;
	char name[200];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	const struct oriel_input_identity other = { .name = name, .serial = "" };
	uint8_t bytes[136];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_encode_input_config(&w, &other, VIRTIO_INPUT_CFG_ID_NAME, 0);
	assert_false(w.failed);
	assert_int_equal(bytes[2], 128);
	assert_int_equal(bytes[135], 'x');
}

static void test_events(void **state) {
	(void)state;
	const struct oriel_input_event event = { 0x0102, 0x0304, 0xfffffffe };
	static const uint8_t want[] = { 2, 1, 4, 3, 0xfe, 0xff, 0xff, 0xff };
	uint8_t bytes[8];
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		struct oriel_writer w = oriel_writer_of(bytes, n);
		oriel_encode_input_event(&w, &event);
		CHECK(w.failed == (n < sizeof(bytes)), "room for %zu", n);
	}
	assert_memory_equal(bytes, want, sizeof(want));
}

static void test_codes(void **state) {
	(void)state;
	static const struct {
		uint8_t type;
		uint32_t code;
		bool has;
	} cases[] = {
		{ EV_KEY, 0, false },
		{ EV_KEY, 1, true },
		{ EV_KEY, 9, true },
		{ EV_KEY, 10, false },
		{ EV_KEY, BTN_LEFT, true },
		{ EV_KEY, 0x10000 + 1, false },
		{ EV_REL, 1, false },
		{ EV_SW, 1, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		bool has = oriel_input_has_code(&identity, cases[i].type, cases[i].code);
		CHECK(has == cases[i].has, "%u %u", cases[i].type, cases[i].code);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_selection),
		cmocka_unit_test(test_a_long_name_is_cut),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
