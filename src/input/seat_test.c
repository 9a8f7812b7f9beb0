// SPDX-License-Identifier: MIT
/* Tests of seat.c and input.c: what senders do, and what the guest gets of it. */
#include "input/input.h"

#include "fixture/check.h"
#include "fixture/input_rig.h"

#include <errno.h>
#include <stdio.h>

static void begin(struct input_rig *rig, enum oriel_input_kind kind) {
	input_rig_init(rig, kind, 256);
	input_rig_start(rig);
	input_rig_add(rig, 200);
}

static void key(struct input_rig *rig, int sender, uint32_t code, bool is_pressed) {
	oriel_sender_send_key(rig->senders[sender], code, is_pressed);
}

static void test_a_key_belongs_to_who_holds_it_last(void **state) {
	(void)state;
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_KEYBOARD);
	key(&rig, 0, KEY_LEFTSHIFT, true);
	key(&rig, 0, KEY_LEFTSHIFT, true); // again: the guest repeats
	key(&rig, 1, KEY_LEFTSHIFT, true);
	key(&rig, 1, KEY_A, false); // not held
	assert_true(input_rig_got(&rig, "k42+; "));
	key(&rig, 0, KEY_LEFTSHIFT, false);
	assert_true(input_rig_got(&rig, ""));
	key(&rig, 0, KEY_LEFTSHIFT, false);
	key(&rig, 1, KEY_LEFTSHIFT, false);
	assert_true(input_rig_got(&rig, "k42-; "));
	input_rig_finish(&rig);
}

static void test_a_sender_that_goes_lets_go(void **state) {
	(void)state;
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_KEYBOARD);
	key(&rig, 0, KEY_LEFTCTRL, true);
	key(&rig, 0, KEY_A, true);
	key(&rig, 1, KEY_A, true);
	assert_true(input_rig_got(&rig, "k29+; k30+; "));
	key(&rig, 0, KEY_B, true); // on its way
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	oriel_sender_destroy(rig.senders[0]);
	rig.senders[0] = NULL;
	assert_true(input_rig_got(&rig, "k48+; k29-; k48-; "));
	assert_true(input_rig_answered(&rig, ""));
	oriel_sender_destroy(rig.senders[1]);
	rig.senders[1] = NULL;
	assert_true(input_rig_got(&rig, "k30-; "));
	input_rig_finish(&rig);
}

static void test_what_a_keyboard_has(void **state) {
	(void)state;
	static const uint32_t bad[] = { 0, 84, 195, 199, 249, BTN_LEFT, 0x117, 0x118, 0x300,
		0x10001, UINT32_MAX };
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_KEYBOARD);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad); i++) {
		key(&rig, 0, bad[i], true);
		key(&rig, 0, bad[i], false);
	}
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	assert_true(input_rig_answered(&rig, "1/22; "));
	assert_true(input_rig_got(&rig, ""));
	static const uint32_t good[] = { 1, 83, 85, 194, 200, 248 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(good); i++) {
		key(&rig, 0, good[i], true);
	}
	assert_true(input_rig_got(&rig, "k1+; k83+; k85+; k194+; k200+; k248+; "));
	// There is no tablet on this seat.
	const struct oriel_pointer_place place = { 1, 1, 10, 10 };
	oriel_sender_send_pointer(rig.senders[0], 0, &place);
	oriel_sender_send_button(rig.senders[0], 0, BTN_LEFT, true);
	oriel_sender_send_wheel(rig.senders[0], 0, 1, 1);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 2), 0);
	assert_true(input_rig_answered(&rig, "2/3; "));
	input_rig_finish(&rig);
}

static void test_positions(void **state) {
	(void)state;
	static const struct {
		struct oriel_pointer_place place;
		const char *got;
	} cases[] = {
		{ { 0, 0, 1280, 800 }, "x0 y0; " },
		{ { 1279, 799, 1280, 800 }, "x32767 y32767; " },
		{ { 1280, UINT32_MAX, 1280, 800 }, "x32767 y32767; " },
		{ { 1, 1, 3, 2 }, "x16384 y32767; " },
		{ { 0, 5, 1, 1 }, "x0 y0; " },
		{ { 16383, 1, 16384, 16384 }, "x32767 y3; " },
	};
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_TABLET);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		oriel_sender_send_pointer(rig.senders[0], 0, &cases[i].place);
		CHECK(input_rig_got(&rig, cases[i].got), "%zu", i);
	}
	const struct oriel_pointer_place nowhere = { 0, 0, 0, 0 };
	oriel_sender_send_pointer(rig.senders[0], 0, &nowhere);
	oriel_sender_send_pointer(rig.senders[0], 1, &cases[0].place);
	oriel_sender_send_pointer(rig.senders[0], UINT32_MAX, &cases[0].place);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 3), 0);
	assert_true(input_rig_answered(&rig, "3/3; "));
	assert_true(input_rig_got(&rig, ""));
	input_rig_finish(&rig);
}

/** Guests go back to pixels in two ways; both must come to the pixel that was meant. */
static void test_every_pixel_comes_back(void **state) {
	(void)state;
	static const uint32_t sizes[] = { 2, 3, 640, 1280, 1366, 1920, 2560, 3840, 8192 };
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_TABLET);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		const uint64_t size = sizes[i];
		for (uint32_t x = 0; x < size; x++) {
			const struct oriel_pointer_place place = { x, 0, sizes[i], 1 };
			oriel_sender_send_pointer(rig.senders[0], 0, &place);
			const uint64_t value =
					oriel_reports_get_first(&rig.input->reports)->position.x;
			CHECK(value * size / 32768 == x, "%u of %u: %u", x, sizes[i],
					(unsigned int)value);
			CHECK(value * (size - 1) / 32767 == x, "%u of %u: %u", x, sizes[i],
					(unsigned int)value);
		}
	}
	input_rig_finish(&rig);
}

static void test_positions_are_merged_while_nobody_reads(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_TABLET, 4);
	input_rig_start(&rig);
	for (uint32_t i = 0; i < 1000; i++) {
		const struct oriel_pointer_place place = { i, i, 1000, 1000 };
		oriel_sender_send_pointer(rig.senders[0], 0, &place);
	}
	oriel_sender_send_button(rig.senders[0], 0, BTN_LEFT, true);
	const struct oriel_pointer_place origin = { 0, 0, 1000, 1000 };
	oriel_sender_send_pointer(rig.senders[0], 0, &origin);
	oriel_sender_send_button(rig.senders[0], 0, BTN_LEFT, false);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	input_rig_add(&rig, 3);
	assert_true(input_rig_got(&rig, "x32767 y32767; "));
	input_rig_add(&rig, 4);
	assert_true(input_rig_got(&rig, "k272+; "));
	input_rig_add(&rig, 2);
	assert_true(input_rig_got(&rig, "x0 y0; "));
	assert_true(input_rig_answered(&rig, ""));
	input_rig_add(&rig, 1);
	assert_true(input_rig_got(&rig, "k272-; "));
	assert_true(input_rig_answered(&rig, "1/0; "));
	input_rig_finish(&rig);
}

static void test_wheels(void **state) {
	(void)state;
	static const struct {
		int32_t vertical, horizontal;
		const char *got;
	} cases[] = {
		{ 120, 0, "r8:1 r11:120; " },
		{ -240, 0, "r8:-2 r11:-240; " },
		{ 60, 0, "r11:60; " },
		{ 60, 0, "r8:1 r11:60; " },
		{ -30, 0, "r11:-30; " },
		{ 149, 0, "r11:149; " }, // 119 in all
		{ 1, 0, "r8:1 r11:1; " },
		{ 0, 120, "r6:1 r12:120; " },
		{ 0, -119, "r12:-119; " },
		{ 120, -1, "r8:1 r11:120; r6:-1 r12:-1; " },
		{ 0, 0, "" },
		{ INT32_MAX, 0, "r8:17895697 r11:2147483647; " }, // 7 are left
		{ INT32_MIN, 0, "r8:-17895697 r11:-2147483648; " },
	};
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_TABLET);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		oriel_sender_send_wheel(rig.senders[0], 0, cases[i].vertical, cases[i].horizontal);
		CHECK(input_rig_got(&rig, cases[i].got), "%zu", i);
	}
	input_rig_finish(&rig);
}

/** Turns that wait are added; detents are counted when the guest gets them. */
static void test_wheels_that_wait(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_TABLET, 4);
	input_rig_start(&rig);
	for (int i = 0; i < 100; i++) {
		oriel_sender_send_wheel(rig.senders[0], 0, 12, 0);
	}
	assert_int_equal(oriel_sender_sync(rig.senders[0], 4), 0);
	input_rig_add(&rig, 3);
	assert_true(input_rig_got(&rig, "r8:10 r11:1200; "));
	assert_true(input_rig_answered(&rig, "4/0; "));
	input_rig_finish(&rig);
}

/** A full queue drops presses, says so, and never a release. */
static void test_a_full_queue(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 4);
	input_rig_start(&rig);
	for (int i = 0; i < 300; i++) {
		key(&rig, 0, KEY_A, true);
		key(&rig, 0, KEY_A, false);
	}
	key(&rig, 0, KEY_B, true); // full
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	// 2 reports a key, 2 that are kept for the one that is pressed, as many for others, and
	// room for a position.
	for (int i = 0; i < 2 * 63; i++) {
		input_rig_add(&rig, 2);
		CHECK(input_rig_got(&rig, i % 2 == 0 ? "k30+; " : "k30-; "), "report %d", i);
	}
	assert_true(input_rig_answered(&rig, "1/238; "));
	input_rig_add(&rig, 2);
	assert_true(input_rig_got(&rig, ""));
	key(&rig, 0, KEY_B, true); // it does not hold what was dropped
	assert_true(input_rig_got(&rig, "k48+; "));
	input_rig_add(&rig, 2);
	key(&rig, 0, KEY_B, false);
	assert_true(input_rig_got(&rig, "k48-; "));
	input_rig_finish(&rig);
}

/** Who holds all that it can, and turns the wheel for ever, leaves room for others. */
static void test_a_greedy_sender(void **state) {
	(void)state;
	struct input_rig rig;
	begin(&rig, ORIEL_INPUT_KEYBOARD);
	uint32_t n = 0;
	for (uint32_t code = KEY_ESC; code <= KEY_F10; code++) {
		key(&rig, 0, code, true);
		n += input_rig_collect(&rig); // two for each key
	}
	assert_int_equal(n, 2 * 63);
	rig.text[0] = '\0';
	key(&rig, 1, KEY_PAUSE, true);
	assert_true(input_rig_got(&rig, "k119+; "));
	key(&rig, 0, KEY_ESC, false);
	key(&rig, 0, KEY_1, false);
	assert_true(input_rig_got(&rig, "k1-; k2-; "));
	key(&rig, 0, KEY_F10, true);
	assert_true(input_rig_got(&rig, "k68+; "));
	input_rig_finish(&rig);

	input_rig_init(&rig, ORIEL_INPUT_TABLET, 4);
	input_rig_start(&rig);
	for (int i = 0; i < 1000; i++) {
		oriel_sender_send_wheel(rig.senders[0], 0, i % 2 == 0 ? 1 : -1, 0);
	}
	oriel_sender_send_button(rig.senders[1], 0, BTN_LEFT, true);
	assert_int_equal(oriel_sender_sync(rig.senders[1], 9), 0);
	for (int i = 0; i < 126; i++) {
		input_rig_add(&rig, 2);
		CHECK(input_rig_got(&rig, i % 2 == 0 ? "r11:1; " : "r11:-1; "), "%d", i);
	}
	input_rig_add(&rig, 3); // all that went the same way was added to the last one
	assert_true(input_rig_got(&rig, "r8:3 r11:437; "));
	input_rig_add(&rig, 2);
	assert_true(input_rig_got(&rig, "k272+; "));
	assert_true(input_rig_answered(&rig, "9/0; "));
	input_rig_finish(&rig);
}

static void test_no_driver(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 256);
	key(&rig, 0, KEY_A, true);
	key(&rig, 0, KEY_B, true);
	key(&rig, 0, KEY_B, false);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	assert_true(input_rig_answered(&rig, "1/2; "));
	input_rig_start(&rig);
	input_rig_add(&rig, 100);
	assert_true(input_rig_got(&rig, ""));
	key(&rig, 0, KEY_A, false); // pressed before there was anybody to tell
	key(&rig, 0, KEY_B, true);
	assert_true(input_rig_got(&rig, "k48+; "));
	input_rig_finish(&rig);
}

/** A reset drops what waits, answers who waits for it, and the next driver begins with nothing. */
static void test_a_reset(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 4);
	input_rig_start(&rig);
	input_rig_add(&rig, 2);
	key(&rig, 0, KEY_A, true);
	key(&rig, 1, KEY_B, true);
	key(&rig, 0, KEY_C, true);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 7), 0);
	assert_int_equal(oriel_sender_sync(rig.senders[1], 8), 0);
	assert_true(input_rig_got(&rig, "k30+; "));
	assert_true(input_rig_answered(&rig, ""));
	input_rig_reset(&rig);
	assert_true(input_rig_answered(&rig, "8/1; 7/1; "));
	input_rig_start(&rig);
	input_rig_add(&rig, 4);
	key(&rig, 0, KEY_A, false); // the new driver was not told
	key(&rig, 1, KEY_B, false);
	assert_true(input_rig_got(&rig, ""));
	key(&rig, 0, KEY_A, true);
	key(&rig, 0, KEY_A, false);
	assert_true(input_rig_got(&rig, "k30+; k30-; "));
	input_rig_finish(&rig);
}

static void test_syncs(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 4);
	input_rig_start(&rig);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	assert_true(input_rig_answered(&rig, "1/0; ")); // nothing to wait for
	for (uint32_t i = 0; i < ORIEL_INPUT_MAX_SYNCS; i++) {
		key(&rig, 0, KEY_A, i % 2 == 0);
		assert_int_equal(oriel_sender_sync(rig.senders[0], i), 0);
	}
	assert_int_equal(oriel_sender_sync(rig.senders[0], 99), -EAGAIN);
	// Another sender has nothing of its own on the way.
	assert_int_equal(oriel_sender_sync(rig.senders[1], 50), 0);
	assert_true(input_rig_answered(&rig, "50/0; "));
	for (uint32_t i = 0; i < ORIEL_INPUT_MAX_SYNCS; i++) {
		input_rig_add(&rig, 2);
		assert_true(input_rig_got(&rig, i % 2 == 0 ? "k30+; " : "k30-; "));
		char answer[16];
		snprintf(answer, sizeof(answer), "%u/0; ", i);
		assert_true(input_rig_answered(&rig, answer));
	}
	assert_int_equal(oriel_sender_sync(rig.senders[0], 99), 0);
	assert_true(input_rig_answered(&rig, "99/0; "));
	input_rig_finish(&rig);
}

/** 5.8.4: select and subsel are written alone, together, or with all the rest. */
static void test_config(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 4);
	uint8_t config[140];
	const uint8_t name = VIRTIO_INPUT_CFG_ID_NAME;
	oriel_virtio_write_config(rig.virtio, 0, &name, 1);
	oriel_virtio_read_config(rig.virtio, 0, config, sizeof(config));
	assert_int_equal(config[2], strlen("Oriel keyboard"));
	assert_memory_equal(config + 8, "Oriel keyboard", 14);
	uint8_t all[136] = { VIRTIO_INPUT_CFG_EV_BITS, EV_REP, 99, [8] = 0xff };
	oriel_virtio_write_config(rig.virtio, 0, all, sizeof(all));
	oriel_virtio_read_config(rig.virtio, 2, config, 1);
	assert_int_equal(config[0], 1); // the guest is to repeat keys
	const uint8_t leds = EV_LED;
	oriel_virtio_write_config(rig.virtio, 1, &leds, 1);
	oriel_virtio_read_config(rig.virtio, 0, config, 9);
	assert_int_equal(config[0], VIRTIO_INPUT_CFG_EV_BITS);
	assert_int_equal(config[1], EV_LED);
	assert_int_equal(config[8], 7);
	oriel_virtio_write_config(rig.virtio, 2, all, 100); // nothing that can be written
	oriel_virtio_write_config(rig.virtio, UINT32_MAX, all, 1);
	oriel_virtio_read_config(rig.virtio, 0, config, 2);
	assert_int_equal(config[1], EV_LED);
	oriel_virtio_read_config(rig.virtio, 136, config, 4);
	assert_int_equal(config[0], 0);
	input_rig_reset(&rig);
	oriel_virtio_read_config(rig.virtio, 0, config, 3);
	assert_int_equal(config[0], 0);
	assert_int_equal(config[2], 0);
	input_rig_finish(&rig);
}

static void test_options(void **state) {
	(void)state;
	struct oriel_loop *loop = NULL;
	struct oriel_input *input = NULL;
	assert_int_equal(oriel_loop_create(&loop), 0);
	struct oriel_input_options options = { .size = sizeof(options) };
	assert_int_equal(oriel_input_create(loop, &options, &input), -EINVAL);
	options.kind = ORIEL_INPUT_TABLET;
	options.size--;
	assert_int_equal(oriel_input_create(loop, &options, &input), -EINVAL);
	assert_null(input);
	options.size++;
	options.name = "mine";
	options.serial = "17";
	assert_int_equal(oriel_input_create(loop, &options, &input), 0);
	const uint8_t serial = VIRTIO_INPUT_CFG_ID_SERIAL;
	uint8_t config[11];
	struct oriel_virtio *virtio = oriel_input_get_virtio(input);
	assert_int_equal(oriel_virtio_get_device_id(virtio), 18);
	assert_int_equal(oriel_virtio_count_queues(virtio), 2);
	oriel_virtio_write_config(virtio, 0, &serial, 1);
	oriel_virtio_read_config(virtio, 0, config, sizeof(config));
	assert_int_equal(config[2], 2);
	assert_memory_equal(config + 8, "17", 3);
	struct oriel_seat *seat = NULL;
	assert_int_equal(oriel_seat_create(&seat), 0);
	assert_int_equal(oriel_seat_set_tablet(seat, 15, input), 0);
	assert_int_equal(oriel_seat_set_tablet(seat, 16, input), -EINVAL);
	oriel_seat_destroy(seat);
	oriel_input_destroy(input);
	oriel_loop_destroy(loop);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_key_belongs_to_who_holds_it_last),
		cmocka_unit_test(test_a_sender_that_goes_lets_go),
		cmocka_unit_test(test_what_a_keyboard_has),
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_every_pixel_comes_back),
		cmocka_unit_test(test_positions_are_merged_while_nobody_reads),
		cmocka_unit_test(test_wheels),
		cmocka_unit_test(test_wheels_that_wait),
		cmocka_unit_test(test_a_full_queue),
		cmocka_unit_test(test_a_greedy_sender),
		cmocka_unit_test(test_no_driver),
		cmocka_unit_test(test_a_reset),
		cmocka_unit_test(test_syncs),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
