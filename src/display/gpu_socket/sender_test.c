// SPDX-License-Identifier: MIT
/*
 * Tests of sender.h: which message comes next, without any socket. What is written goes into a
 * front-end that complains of broken rules and whose pictures are compared with the screen.
 */
#include "display/gpu_socket/sender.h"

#include "fixture/check.h"
#include "fixture/screen_rig.h"

#include <fcntl.h>
#include <stdlib.h>

#define BGRX 2u
#define RGBA 67u

struct fixture {
	struct screen_rig test;
	struct gpu_front_end fake;
	struct oriel_gpu_socket_sender sender;
	struct oriel_display display;
	uint8_t *message;
	size_t n_in_place;   // bytes of the last message that were not copied
	uint32_t type;       // of the last message: UPDATE for a SCANOUT with its UPDATE
	uint32_t scanout_id; // that it is about
	struct oriel_rect rect;
};

static struct fixture *fixture_of(struct oriel_display *display) {
	return oriel_container_of(display, struct fixture, display);
}

static void handle_scanout(struct oriel_display *display, uint32_t scanout_id) {
	oriel_gpu_socket_sender_handle_scanout(&fixture_of(display)->sender, display->screen,
			scanout_id);
}

static void present(struct oriel_display *display, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	oriel_gpu_socket_sender_present(&fixture_of(display)->sender, display->screen, scanout_id,
			damage);
}

static void handle_cursor(struct oriel_display *display, uint32_t scanout_id) {
	oriel_gpu_socket_sender_handle_cursor(&fixture_of(display)->sender, scanout_id);
}

static void move_cursor(struct oriel_display *display, uint32_t scanout_id) {
	oriel_gpu_socket_sender_move_cursor(&fixture_of(display)->sender, scanout_id);
}

static const struct oriel_display_impl impl = {
	.name = "sender",
	.handle_scanout = handle_scanout,
	.present = present,
	.handle_cursor = handle_cursor,
	.move_cursor = move_cursor,
};

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	screen_rig_init(&f->test, ORIEL_MAX_SCANOUTS);
	gpu_front_end_init(&f->fake);
	oriel_gpu_socket_sender_init(&f->sender);
	oriel_display_init(&f->display, &impl);
	oriel_screen_attach(&f->test.screen, &f->display);
	oriel_gpu_socket_sender_handle_connection(&f->sender, &f->test.screen);
	f->message = calloc(1, ORIEL_GPU_SOCKET_MAX_MESSAGE);
	assert_non_null(f->message);
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	free(f->message);
	oriel_gpu_socket_sender_finish(&f->sender);
	gpu_front_end_finish(&f->fake);
	screen_rig_finish(&f->test);
	free(f);
	return 0;
}

/** Write one message, and note what it is. Returns whether there was one. */
static bool step(struct fixture *f) {
	struct oriel_writer w = oriel_writer_of(f->message, ORIEL_GPU_SOCKET_MAX_MESSAGE);
	struct oriel_gpu_socket_pixels pixels;
	oriel_gpu_socket_sender_write_next(&f->sender, &f->test.screen, &w, &pixels);
	assert_false(w.failed);
	size_t size = (size_t)(w.cur - f->message);
	f->n_in_place = pixels.size;
	f->type = 0;
	if (size == 0) {
		return false;
	}
	struct oriel_reader r = oriel_reader_of(f->message, size);
	struct oriel_gpu_message_header header;
	assert_int_equal(oriel_gpu_message_decode_header(&r, &header), 0);
	if (header.request == VHOST_USER_GPU_SCANOUT && oriel_reader_left(&r) > header.size) {
		oriel_read_skip(&r, header.size);
		assert_int_equal(oriel_gpu_message_decode_header(&r, &header), 0);
		assert_int_equal(header.request, VHOST_USER_GPU_UPDATE);
	}
	f->type = header.request;
	f->scanout_id = oriel_read_u32(&r);
	f->rect.x = oriel_read_u32(&r);
	f->rect.y = oriel_read_u32(&r);
	f->rect.width = oriel_read_u32(&r);
	f->rect.height = oriel_read_u32(&r);
	gpu_front_end_feed_take(&f->fake, f->message, size,
			pixels.fd >= 0 ? fcntl(pixels.fd, F_DUPFD_CLOEXEC, 0) : -1);
	gpu_front_end_feed(&f->fake, pixels.bytes, pixels.size);
	return true;
}

/** Everything that there is to send. Returns the number of messages. */
static uint32_t run(struct fixture *f) {
	uint32_t n = 0;
	while (step(f)) {
		n++;
		CHECK(n < 100000, "does not end");
	}
	return n;
}

static void check(struct fixture *f, const char *name) {
	run(f);
	screen_rig_check(&f->test, &f->fake, name);
}

static void test_nothing_to_say(void **state) {
	struct fixture *f = *state;
	assert_int_equal(run(f), 0);
}

static void test_every_format(void **state) {
	struct fixture *f = *state;
	for (size_t i = 0; oriel_format_at(i) != NULL; i++) {
		struct oriel_resource *res = screen_rig_add(&f->test, (uint32_t)i + 1,
				oriel_format_at(i)->value, 33, 17);
		screen_rig_show(&f->test, 0, res);
		check(f, oriel_format_at(i)->name);
		screen_rig_update(&f->test, res, 5, 6, 7, 8);
		assert_true(step(f));
		assert_int_equal(f->rect.x, 5);
		assert_int_equal(f->rect.height, 8);
		check(f, oriel_format_at(i)->name);
	}
	// One size only: one SCANOUT is enough for all.
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 1);
}

static const struct {
	const char *name;
	uint32_t format;
	struct oriel_rect rect;
	size_t n_in_place; // bytes
} copy_cases[] = {
	{ "whole rows", BGRX, { 0, 3, 50, 7 }, 50 * 7 * 4 },
	{ "all of it", BGRX, { 0, 0, 50, 40 }, 50 * 40 * 4 },
	{ "part of a row", BGRX, { 9, 39, 30, 1 }, 30 * 4 },
	{ "parts of rows", BGRX, { 9, 3, 30, 2 }, 0 },
	{ "all but a column", BGRX, { 1, 0, 49, 40 }, 0 },
	{ "another order", RGBA, { 0, 3, 50, 7 }, 0 },
};

static void test_what_lies_together_is_not_copied(void **state) {
	struct fixture *f = *state;
	for (uint32_t i = 0; i < ORIEL_ARRAY_LEN(copy_cases); i++) {
		const struct oriel_rect *rect = &copy_cases[i].rect;
		struct oriel_resource *res =
				screen_rig_add(&f->test, i + 1, copy_cases[i].format, 50, 40);
		screen_rig_show(&f->test, 0, res);
		check(f, "before");
		screen_rig_update(&f->test, res, rect->x, rect->y, rect->width, rect->height);
		assert_true(step(f));
		CHECK(f->n_in_place == copy_cases[i].n_in_place, "%s: %zu bytes",
				copy_cases[i].name, f->n_in_place);
		check(f, copy_cases[i].name);
	}
}

static void test_size_goes_out_with_its_update(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 100, 50);
	struct oriel_rect all = { 0, 0, 100, 50 };
	oriel_screen_set_scanout(&f->test.screen, 0, res, &all);
	assert_int_equal(run(f), 0); // not before it is flushed
	struct oriel_rect part = { 10, 10, 1, 1 };
	oriel_screen_flush(&f->test.screen, res, &part);
	assert_int_equal(run(f), 1); // both in one, and the whole picture
	check(f, "first");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 1);
}

static void test_new_resource_waits_for_its_flush(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *a = screen_rig_add(&f->test, 1, BGRX, 40, 30);
	struct oriel_resource *b = screen_rig_add(&f->test, 2, RGBA, 40, 30);
	screen_rig_show(&f->test, 0, a);
	check(f, "first");
	struct oriel_rect all = { 0, 0, 40, 30 }, part = { 1, 1, 1, 1 };
	oriel_screen_flush(&f->test.screen, a, &all);
	oriel_screen_set_scanout(&f->test.screen, 0, b, &all);
	assert_int_equal(run(f), 0);
	// A flush of any part of it shows it all: nobody said where it differs from the first.
	oriel_screen_flush(&f->test.screen, b, &part);
	check(f, "second");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 1);
}

static void test_off(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 40, 30);
	screen_rig_show(&f->test, 3, res);
	screen_rig_turn_off(&f->test, 3);
	assert_int_equal(run(f), 0); // it was never shown
	screen_rig_show(&f->test, 3, res);
	check(f, "on");
	screen_rig_turn_off(&f->test, 3);
	assert_int_equal(run(f), 1);
	check(f, "off");
	screen_rig_show(&f->test, 3, res);
	check(f, "on again");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 3);
	// Off and on between two messages: no need to tell.
	screen_rig_turn_off(&f->test, 3);
	screen_rig_show(&f->test, 3, res);
	check(f, "blink");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 3);
}

static void test_part_of_a_resource(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, RGBA, 200, 100);
	struct oriel_rect src = { 13, 7, 50, 60 };
	oriel_screen_set_scanout(&f->test.screen, 1, res, &src);
	oriel_screen_flush(&f->test.screen, res, &src);
	check(f, "part");
	screen_rig_update(&f->test, res, 0, 0, 20, 20);
	assert_true(step(f));
	struct oriel_rect want = { 0, 0, 7, 13 };
	assert_true(oriel_rect_equals(&f->rect, &want));
	check(f, "corner");
	src.x++;
	oriel_screen_set_scanout(&f->test.screen, 1, res, &src);
	oriel_screen_flush(&f->test.screen, res, &src);
	check(f, "panned");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 1);
}

static void test_bands(void **state) {
	struct fixture *f = *state;
	// 512 KiB are 65 rows and a half of 2000 pixels.
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	screen_rig_show(&f->test, 0, res);
	for (uint32_t y = 0; y < 200; y += 65) {
		assert_true(step(f));
		struct oriel_rect want = { 0, y, 2000, y + 65 < 200 ? 65 : 200 - y };
		CHECK(oriel_rect_equals(&f->rect, &want), "band at %u", y);
	}
	assert_false(step(f));
	check(f, "bands");
	assert_in_range(f->fake.largest_message, 1, 20 + ORIEL_GPU_SOCKET_BAND_BYTES);
}

static void test_damage_behind_and_before_the_band(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	screen_rig_show(&f->test, 0, res);
	assert_true(step(f)); // rows 0 to 64
	// What is still to come needs no second message; what is gone does.
	screen_rig_update(&f->test, res, 0, 100, 10, 10);
	assert_int_equal(run(f), 3);
	check(f, "behind");
	screen_rig_update(&f->test, res, 0, 0, 2000, 200);
	assert_true(step(f));
	screen_rig_update(&f->test, res, 3, 60, 10, 10);
	assert_int_equal(run(f), 4);
	check(f, "before");
}

static void test_drawing_at_the_top_does_not_starve_the_bottom(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	screen_rig_show(&f->test, 0, res);
	bool bottom = false;
	for (int i = 0; i < 8 && !bottom; i++) {
		assert_true(step(f));
		bottom = f->rect.y + f->rect.height == 200;
		screen_rig_update(&f->test, res, 0, 0, 100, 100);
	}
	assert_true(bottom);
	check(f, "top and bottom");
}

static void test_size_change_between_bands(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *a = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	struct oriel_resource *b = screen_rig_add(&f->test, 2, RGBA, 1500, 300);
	screen_rig_show(&f->test, 0, a);
	assert_true(step(f));
	screen_rig_show(&f->test, 0, b);
	check(f, "larger");
	screen_rig_show(&f->test, 0, a);
	assert_true(step(f));
	screen_rig_turn_off(&f->test, 0);
	check(f, "off between bands");
	screen_rig_show(&f->test, 0, b);
	assert_true(step(f));
	oriel_screen_remove_resource(&f->test.screen, b);
	oriel_resource_drop(&f->test.table, b);
	check(f, "gone between bands");
}

static void test_size_change_in_one_direction(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *name;
		uint32_t width, height;
	} sizes[] = { { "first", 40, 30 }, { "higher", 40, 31 }, { "wider", 41, 31 },
		{ "lower", 41, 30 }, { "narrower", 40, 30 } };
	for (uint32_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		struct oriel_resource *res = screen_rig_add(&f->test, i + 1, BGRX, sizes[i].width,
				sizes[i].height);
		screen_rig_show(&f->test, 0, res);
		check(f, sizes[i].name);
		assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], i + 1);
	}
}

static void test_bands_take_turns(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	for (uint32_t i = 4; i < 7; i++) {
		screen_rig_show(&f->test, i, res);
	}
	for (uint32_t n = 0; n < 12; n++) {
		assert_true(step(f));
		CHECK(f->scanout_id == 4 + n % 3, "band %u is of scanout %u", n, f->scanout_id);
	}
	check(f, "three scanouts");
}

static void test_sixteen_scanouts(void **state) {
	struct fixture *f = *state;
	for (uint32_t i = 0; i < 16; i++) {
		struct oriel_resource *res = screen_rig_add(&f->test, i + 1,
				oriel_format_at(i % 8)->value, 30 + i, 20 + 2 * i);
		screen_rig_show(&f->test, i, res);
		screen_rig_set_cursor(&f->test, i, (int32_t)i * 10 - 50, -3);
	}
	check(f, "sixteen");
}

static void test_large_pictures_are_cut(void **state) {
	struct fixture *f = *state;
	// Without pixels, so black; 16384 wide leaves 4096 rows of 256 MiB.
	struct oriel_resource *res = screen_rig_add_empty(&f->test, 1, BGRX, 40000, 40000);
	screen_rig_show(&f->test, 0, res);
	assert_true(step(f));
	assert_int_equal(f->fake.scanouts[0].width, 16384);
	assert_int_equal(f->fake.scanouts[0].height, 4096);
	assert_int_equal(f->rect.width, 16384);
	assert_int_equal(f->rect.height, 8);
	f->sender.scanouts[0].frame = (struct oriel_rect){ 0 }; // the rest is not worth the time
	// Damage beyond is nothing to send.
	struct oriel_rect beyond = { 16384, 0, 10, 10 }, across = { 16380, 4090, 100, 100 };
	oriel_screen_flush(&f->test.screen, res, &beyond);
	assert_int_equal(run(f), 0);
	oriel_screen_flush(&f->test.screen, res, &across);
	assert_true(step(f));
	struct oriel_rect want = { 16380, 4090, 4, 6 };
	assert_true(oriel_rect_equals(&f->rect, &want));
	assert_false(step(f));

	res = screen_rig_add_empty(&f->test, 2, BGRX, 10, 20000);
	screen_rig_show(&f->test, 1, res);
	run(f);
	assert_int_equal(f->fake.scanouts[1].height, 16384);
	assert_string_equal(f->fake.complaint, "");
}

static void test_cursor(void **state) {
	struct fixture *f = *state;
	oriel_screen_move_cursor(&f->test.screen, 0, 5, 5); // hidden
	oriel_screen_hide_cursor(&f->test.screen, 0, 5, 5);
	assert_int_equal(run(f), 0);
	screen_rig_set_cursor(&f->test, 0, -5, 7);
	oriel_screen_move_cursor(&f->test.screen, 0, -6, -7);
	assert_int_equal(run(f), 1);
	check(f, "image");
	for (int32_t i = 0; i < 10; i++) {
		oriel_screen_move_cursor(&f->test.screen, 0, i, 2 * i);
	}
	assert_true(step(f));
	assert_int_equal(f->type, VHOST_USER_GPU_CURSOR_POS);
	assert_false(step(f));
	check(f, "moves are merged");
	oriel_screen_hide_cursor(&f->test.screen, 0, 1, 1);
	oriel_screen_move_cursor(&f->test.screen, 0, 2, 2);
	assert_true(step(f));
	assert_int_equal(f->type, VHOST_USER_GPU_CURSOR_POS_HIDE);
	assert_false(step(f));
	check(f, "hidden");
	// A reset begins to count images anew: another image must not be taken for the first.
	oriel_screen_clear(&f->test.screen);
	screen_rig_set_cursor(&f->test, 0, 8, 9);
	check(f, "after a reset");
	oriel_screen_clear(&f->test.screen);
	check(f, "cleared");
}

static void test_cursors_go_first_but_not_for_ever(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	screen_rig_show(&f->test, 0, res);
	screen_rig_set_cursor(&f->test, 5, 1, 1);
	assert_true(step(f));
	assert_int_equal(f->type, VHOST_USER_GPU_CURSOR_UPDATE);
	uint32_t n_before = 1;
	while (f->type != VHOST_USER_GPU_UPDATE) {
		screen_rig_set_cursor(&f->test, 5, 1, 1);
		assert_true(step(f));
		n_before++;
		CHECK(n_before < 100, "no band gets its turn");
	}
	screen_rig_set_cursor(&f->test, 5, 1, 1);
	assert_true(step(f));
	assert_int_equal(f->type, VHOST_USER_GPU_CURSOR_UPDATE); // first again
	check(f, "both");
	// Without pictures cursors need not wait for their turn.
	for (uint32_t i = 0; i < 100; i++) {
		oriel_screen_move_cursor(&f->test.screen, 5, (int32_t)i, 0);
		assert_true(step(f));
	}
	check(f, "cursors only");
}

static void test_new_connection(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	for (uint32_t i = 0; i < 3; i++) {
		screen_rig_show(&f->test, i, res);
		screen_rig_set_cursor(&f->test, i, 1, 2);
	}
	check(f, "first");
	uint32_t n_scanouts = f->fake.counts[VHOST_USER_GPU_SCANOUT];
	assert_int_equal(n_scanouts, 3);
	// While there is none, one scanout and one cursor go.
	screen_rig_turn_off(&f->test, 1);
	oriel_screen_hide_cursor(&f->test.screen, 2, 0, 0);
	oriel_screen_move_cursor(&f->test.screen, 0, 3, 4);
	for (uint32_t i = 0; i < 16; i++) {
		f->fake.scanouts[i].has_surface = false;
	}
	oriel_gpu_socket_sender_handle_connection(&f->sender, &f->test.screen);
	check(f, "second");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], n_scanouts + 3);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_CURSOR_UPDATE], 5);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_CURSOR_POS_HIDE], 1);
	// What was off and told so is not told again.
	oriel_gpu_socket_sender_handle_connection(&f->sender, &f->test.screen);
	for (uint32_t i = 0; i < 16; i++) {
		f->fake.scanouts[i].has_surface = false;
	}
	check(f, "third");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], n_scanouts + 5);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_CURSOR_POS_HIDE], 1);
}

static void test_new_connection_between_bands(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 200);
	screen_rig_show(&f->test, 0, res);
	assert_true(step(f));
	oriel_gpu_socket_sender_handle_connection(&f->sender, &f->test.screen);
	f->fake.scanouts[0].has_surface = false;
	assert_int_equal(run(f), 4); // from the top
	check(f, "whole");
}

static void test_new_connection_between_scanout_and_flush(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 20, 20);
	struct oriel_rect all = { 0, 0, 20, 20 };
	oriel_screen_set_scanout(&f->test.screen, 0, res, &all);
	oriel_gpu_socket_sender_handle_connection(&f->sender, &f->test.screen);
	assert_int_equal(run(f), 0);
	oriel_screen_flush(&f->test.screen, res, &all);
	check(f, "flushed");
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_say),
		TEST(test_every_format),
		TEST(test_what_lies_together_is_not_copied),
		TEST(test_size_goes_out_with_its_update),
		TEST(test_new_resource_waits_for_its_flush),
		TEST(test_off),
		TEST(test_part_of_a_resource),
		TEST(test_bands),
		TEST(test_damage_behind_and_before_the_band),
		TEST(test_drawing_at_the_top_does_not_starve_the_bottom),
		TEST(test_size_change_between_bands),
		TEST(test_size_change_in_one_direction),
		TEST(test_bands_take_turns),
		TEST(test_sixteen_scanouts),
		TEST(test_large_pictures_are_cut),
		TEST(test_cursor),
		TEST(test_cursors_go_first_but_not_for_ever),
		TEST(test_new_connection),
		TEST(test_new_connection_between_bands),
		TEST(test_new_connection_between_scanout_and_flush),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
