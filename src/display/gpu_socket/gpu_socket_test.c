// SPDX-License-Identifier: MIT
/*
 * Tests of the GPU socket display as a whole: pictures, cursors and questions over a real socket
 * with little room, all in one thread, so that whatever blocked would hang the test.
 */
#include "display/gpu_socket/sender.h"
#include "fixture/check.h"
#include "fixture/gpu_socket_rig.h"

#include <errno.h>

#define BGRX 2u
#define RGBA 67u

static void test_negotiation_comes_first(void **state) {
	struct gpu_rig *f = *state;
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 30, 20));
	f->fake.is_mute = true;
	gpu_rig_connect_pumped(f);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_GET_PROTOCOL_FEATURES], 1);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], 0);
	assert_false(gpu_rig_is_awake(f));
	uint8_t bytes[32];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_gpu_message_encode_features_reply(&w, 3);
	gpu_front_end_send(&f->fake, bytes, (size_t)(w.cur - bytes));
	f->fake.n_open = 0;
	gpu_rig_check(f, "negotiated");
	assert_true(f->fake.set_features == 1);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SET_PROTOCOL_FEATURES], 1);
	assert_false(gpu_rig_is_awake(f));
}

static void test_pictures_do_not_wait_for_ever(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_create(f, 1);
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 30, 20));
	f->fake.is_mute = true;
	gpu_rig_connect(f);
	while (f->fake.counts[VHOST_USER_GPU_UPDATE] == 0) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	gpu_rig_check(f, "without an answer");
}

static void test_every_format(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	for (size_t i = 0; oriel_format_at(i) != NULL; i++) {
		const char *name = oriel_format_at(i)->name;
		struct oriel_resource *res = screen_rig_add(&f->test, (uint32_t)i + 1,
				oriel_format_at(i)->value, 123, 77);
		screen_rig_show(&f->test, (uint32_t)i, res);
		gpu_rig_check(f, name);
		screen_rig_update(&f->test, res, 5, 6, 7, 8);
		gpu_rig_check(f, name);
		screen_rig_update(&f->test, res, 122, 76, 1, 1);
		gpu_rig_check(f, name);
		// Frames of one turn make one message if they lie together, else two.
		uint32_t n = f->fake.counts[VHOST_USER_GPU_UPDATE];
		screen_rig_update(&f->test, res, 10, 10, 20, 20);
		screen_rig_update(&f->test, res, 20, 20, 20, 20);
		gpu_rig_check(f, name);
		assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], n + 1);
		screen_rig_update(&f->test, res, 0, 0, 2, 2);
		screen_rig_update(&f->test, res, 121, 75, 2, 2);
		gpu_rig_check(f, name);
		assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], n + 3);
	}
}

static void test_front_end_that_does_not_read(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, RGBA, 640, 480);
	screen_rig_show(&f->test, 0, res);
	gpu_rig_check(f, "before");
	uint32_t n = f->fake.counts[VHOST_USER_GPU_UPDATE];
	for (uint32_t i = 0; i < 500; i++) {
		screen_rig_update(&f->test, res, i, i % 400, 100, 60);
		screen_rig_set_cursor(&f->test, i % 16, (int32_t)i, -(int32_t)i);
		oriel_screen_move_cursor(&f->test.screen, 3, (int32_t)i, 0);
		gpu_rig_dispatch(f);
	}
	gpu_rig_run_alone(f);
	assert_false(gpu_rig_is_awake(
			f)); // it waits for room, and does not ask for it again and again
	gpu_rig_check(f, "after");
	CHECK(f->fake.counts[VHOST_USER_GPU_UPDATE] - n < 40, "%u messages",
			f->fake.counts[VHOST_USER_GPU_UPDATE] - n);
	assert_false(gpu_rig_is_awake(f));
	assert_in_range(f->fake.largest_message, 1, 20 + ORIEL_GPU_SOCKET_BAND_BYTES);
}

static void test_size_change_in_a_band(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_begin_band(f);
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 2, RGBA, 900, 600));
	gpu_rig_check(f, "another size");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 2);
}

static void test_off_in_a_band(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_resource *res = gpu_rig_begin_band(f);
	oriel_screen_remove_resource(&f->test.screen, res);
	oriel_resource_drop(&f->test.table, res);
	gpu_rig_check(f, "off");
	assert_false(f->fake.scanouts[0].has_surface);
	assert_false(gpu_rig_is_awake(f));
}

static void test_sixteen_scanouts(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	struct oriel_resource *all[16];
	for (uint32_t i = 0; i < 16; i++) {
		all[i] = screen_rig_add(&f->test, i + 1, oriel_format_at(i % 8)->value,
				200 + 10 * i, 300 - 5 * i);
		screen_rig_show(&f->test, i, all[i]);
		screen_rig_set_cursor(&f->test, i, (int32_t)i, 5);
	}
	gpu_rig_check(f, "sixteen");
	for (uint32_t i = 0; i < 16; i++) {
		screen_rig_update(&f->test, all[i], i, i, 50, 60);
		if (i % 3 == 0) {
			screen_rig_turn_off(&f->test, i);
		}
	}
	gpu_rig_check(f, "some of them");
}

static void test_byte_by_byte(void **state) {
	struct gpu_rig *f = *state;
	f->fake.max_read = 1;
	f->fake.max_write = 1;
	gpu_rig_connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, RGBA, 40, 30);
	screen_rig_show(&f->test, 0, res);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	gpu_rig_check(f, "info");
	assert_int_equal(f->question.err, 0);
	assert_int_equal(f->question.reply.heads[0].rect.width, 1280);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_EDID, 3), 0);
	screen_rig_update(&f->test, res, 1, 1, 10, 10);
	gpu_rig_check(f, "edid");
	assert_int_equal(f->question.err, 0);
	assert_memory_equal(f->question.reply.edid, f->fake.edid, 256);
}

static void test_queries(void **state) {
	struct gpu_rig *f = *state;
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), -ENOTCONN);
	assert_false(oriel_screen_can_answer(&f->test.screen));
	f->fake.n_outputs = 2;
	gpu_rig_connect(f);
	assert_true(oriel_screen_can_answer(&f->test.screen));
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_EDID, 1), 0); // negotiation has not even begun
	gpu_rig_pump(f);
	assert_int_equal(f->question.err, 0);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_EDID, 2), 0);
	gpu_rig_pump(f);
	assert_int_equal(f->question.err, -ENOENT);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	gpu_rig_pump(f);
	assert_int_equal(f->question.err, 0);

	f->fake.is_mute = true;
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_EDID, 0), 0);
	gpu_rig_pump(f);
	oriel_screen_flush_queries(&f->test.screen);
	assert_int_equal(f->question.err, -ETIMEDOUT);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	oriel_screen_drop_queries(&f->test.screen);
	gpu_front_end_close(&f->fake);
	gpu_rig_run_alone(f);
	assert_int_equal(f->question.err, GPU_RIG_NOT_YET);
	assert_false(oriel_screen_can_answer(&f->test.screen));
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	assert_int_equal(f->question.err, 0); // from memory
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, -1), 0);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), -ENOTCONN);
}

static void test_late_answer(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_create(f, 1);
	gpu_rig_connect(f);
	while (f->fake.counts[VHOST_USER_GPU_SET_PROTOCOL_FEATURES] == 0) {
		gpu_rig_pump(f);
	}
	f->fake.is_mute = true;
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	while (f->question.err == GPU_RIG_NOT_YET) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	assert_int_equal(f->question.err, -ETIMEDOUT);
	gpu_rig_pump(f);
	assert_int_equal(f->fake.n_open, 1);
	// Now it comes; the next question would be answered from memory even without another.
	uint8_t bytes[512];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_gpu_message_encode_info_reply(&w, f->fake.heads);
	gpu_front_end_send(&f->fake, bytes, (size_t)(w.cur - bytes));
	f->fake.n_open = 0;
	gpu_rig_pump(f);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	while (f->question.err == GPU_RIG_NOT_YET) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	assert_int_equal(f->question.err, 0);
	assert_int_equal(f->question.reply.heads[0].rect.height, 800);
	assert_string_equal(f->fake.complaint, "");
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 0);
}

static void test_malformed_answer(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	f->fake.edid[20] ^= 1;
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_EDID, 0), 0);
	gpu_rig_pump(f);
	assert_int_equal(f->question.err, -EBADMSG);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	gpu_rig_pump(f);
	assert_int_equal(f->question.err, 0);
}

static void test_attach_and_detach(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_display *display = oriel_gpu_socket_get_display(f->gs);
	oriel_screen_detach(display);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 50, 40);
	screen_rig_show(&f->test, 0, res);
	gpu_rig_connect_pumped(f);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 0);
	oriel_screen_attach(&f->test.screen, display);
	gpu_rig_check(f, "attached");
	// What is shown stays while it is detached, whatever happens.
	screen_rig_update(&f->test, res, 0, 0, 50, 40);
	oriel_screen_detach(display);
	screen_rig_turn_off(&f->test, 0);
	gpu_rig_pump(f);
	assert_true(f->fake.scanouts[0].is_shown);
	screen_rig_show(&f->test, 2, res);
	oriel_screen_attach(&f->test.screen, display);
	gpu_rig_check(f, "attached again");
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, gpu_rig_setup, gpu_rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation_comes_first),
		TEST(test_pictures_do_not_wait_for_ever),
		TEST(test_every_format),
		TEST(test_front_end_that_does_not_read),
		TEST(test_size_change_in_a_band),
		TEST(test_off_in_a_band),
		TEST(test_sixteen_scanouts),
		TEST(test_byte_by_byte),
		TEST(test_queries),
		TEST(test_late_answer),
		TEST(test_malformed_answer),
		TEST(test_attach_and_detach),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
