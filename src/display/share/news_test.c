// SPDX-License-Identifier: MIT
/* Tests of what clients are told: buffers, configurations, frames, cursors. */
#include "fixture/share_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void test_a_screen_that_is_on_is_told_at_once(void **state) {
	struct rig *rig = *state;
	rig_show(rig, 0, rig_create(rig, 1, 64, 48));
	struct peer *peer = rig_join(rig, 1, 0);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	assert_int_equal(peer->buffer.size, 64 * 48 * 4);
	assert_int_equal(peer->buffer.stride, 64 * 4);
	assert_int_equal(peer->buffer.fourcc, 0x34325258);
	assert_int_equal(peer->buffer.offset, 0);
	assert_int_equal(peer->buffer.flags, 0);
	assert_int_equal(peer->buffer.modifier, 0);
}

static void test_the_descriptor_is_the_memory_and_cannot_be_written(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	rig_show(rig, 0, res);
	struct peer *peer = rig_join(rig, 1, 0);
	int fd = peer->buffer_fds[1];
	const uint8_t *pixels = mmap(NULL, res->size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(pixels != MAP_FAILED);
	assert_memory_equal(pixels, res->pixels, res->size);
	res->pixels[1234] ^= 0xff; // the guest draws: no copy is between
	assert_int_equal(pixels[1234], res->pixels[1234]);
	munmap((void *)pixels, res->size);

	assert_true(mmap(NULL, res->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	int seals = fcntl(fd, F_GET_SEALS);
	int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
	assert_int_equal(seals & wanted, wanted);
}

static void test_one_frame_is_in_flight_and_damage_is_merged(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	struct peer *peer = rig_join(rig, 1, 0);
	assert_true(peer_said(peer, ""));
	rig_show(rig, 0, res);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	rig_flush(rig, res, 1, 2, 3, 4);
	rig_run(rig);
	rig_flush(rig, res, 10, 20, 5, 6);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #3 1,2 14x24; "));
	rig_flush(rig, res, 9, 9, 1, 1);
	peer_send_taken(peer, 0, 1); // again: not what is waited for
	peer_send_taken(peer, 0, 2); // never was sent
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_taken(peer, 0, 3);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #4 9,9 1x1; "));
	peer_send_taken(peer, 0, 4);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	rig_flush(rig, res, 5, 5, 1, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #5 5,5 1x1; "));
}

static void test_flushes_of_one_turn_are_one_frame(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_set(rig, 0, res);
	for (uint32_t i = 0; i < 10; i++) {
		rig_flush(rig, res, i, i, 1, 1);
	}
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #10 0,0 64x48; "));
}

static void test_damage_and_source_are_in_their_own_pixels(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 100, 100);
	struct peer *peer = rig_join(rig, 3, 0);
	struct oriel_rect left = { 10, 20, 30, 40 };
	struct oriel_rect right = { 40, 20, 30, 40 };
	oriel_screen_set_scanout(&rig->screen, 0, res, &left);
	oriel_screen_set_scanout(&rig->screen, 1, res, &right);
	rig_flush(rig, res, 0, 0, 100, 100);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 1 100x100; CONFIG 0: 1 10,20 30x40; "
				    "FRAME 0: #1 0,0 30x40; CONFIG 1: 1 40,20 30x40; "
				    "FRAME 1: #1 0,0 30x40; "));
	peer_send_taken(peer, 0, 1);
	peer_send_taken(peer, 1, 1);
	rig_flush(rig, res, 35, 25, 10, 5); // across the border
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #2 25,5 5x5; FRAME 1: #2 0,5 5x5; "));
	peer_send_taken(peer, 1, 2);
	rig_flush(rig, res, 45, 30, 1, 1); // only in the right one
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 1: #3 5,10 1x1; "));
}

static void test_a_guest_that_flips_has_its_buffers_announced_once(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *front = rig_create(rig, 1, 64, 48);
	struct oriel_resource *back = rig_create(rig, 2, 64, 48);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_show(rig, 0, front);
	peer_send_taken(peer, 0, 1);
	rig_show(rig, 0, back);
	peer_send_taken(peer, 0, 2);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; BUFFER 2 64x48; "
				    "CONFIG 0: 2 0,0 64x48; FRAME 0: #2 0,0 64x48; "));
	for (uint64_t i = 3; i < 7; i++) {
		rig_show(rig, 0, i % 2 == 1 ? front : back);
		peer_send_taken(peer, 0, i);
	}
	assert_true(peer_said(peer, "CONFIG 0: 1 0,0 64x48; FRAME 0: #3 0,0 64x48; "
				    "CONFIG 0: 2 0,0 64x48; FRAME 0: #4 0,0 64x48; "
				    "CONFIG 0: 1 0,0 64x48; FRAME 0: #5 0,0 64x48; "
				    "CONFIG 0: 2 0,0 64x48; FRAME 0: #6 0,0 64x48; "));
}

// What was set and not flushed is not shown; but see the next test but one.
static void test_a_configuration_waits_for_its_flush(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *front = rig_create(rig, 1, 64, 48);
	struct oriel_resource *back = rig_create(rig, 2, 32, 32);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_show(rig, 0, front);
	rig_set(rig, 0, back);
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	rig_flush(rig, back, 3, 3, 1, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 2 32x32; CONFIG 0: 2 0,0 32x32; "
				    "FRAME 0: #2 0,0 32x32; "));
}

// While a frame is in flight, the guest shows another buffer and the first again: nothing but
// damage is left of it, and that is everything.
static void test_a_configuration_that_is_over_is_skipped(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *front = rig_create(rig, 1, 64, 48);
	struct oriel_resource *back = rig_create(rig, 2, 32, 32);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_show(rig, 0, front);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	rig_show(rig, 0, back);
	rig_set(rig, 0, front);
	rig_flush(rig, front, 1, 1, 1, 1);
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #3 0,0 64x48; "));
	rig_drop(rig, back); // was never announced
	rig_run(rig);
	assert_true(peer_said(peer, ""));
}

static void test_off_waits_for_nothing_and_the_buffer_goes_after_it(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_show(rig, 0, res);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	rig_drop(rig, res);
	assert_int_equal(rig->limits.pixels.used, 0); // the guest does not pay for viewers
	rig_run(rig);
	assert_true(peer_said(peer, "CONFIG 0: 0 0,0 0x0; GONE 1; "));
	assert_int_equal(rig->share->buffers.held.used, ORIEL_SHARE_LEAST_CHARGE);
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_int_equal(rig->share->buffers.held.used, 0);

	// On again: the frame from before is still in flight.
	res = rig_create(rig, 1, 16, 16);
	rig_show(rig, 0, res);
	assert_true(peer_said(peer, ""));
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 2 16x16; CONFIG 0: 2 0,0 16x16; "
				    "FRAME 0: #2 0,0 16x16; "));
}

static void test_a_buffer_that_is_shown_still_is_not_gone_yet(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *front = rig_create(rig, 1, 64, 48);
	struct oriel_resource *back = rig_create(rig, 2, 64, 48);
	struct peer *peer = rig_join(rig, 1, 0);
	rig_show(rig, 0, front);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	rig_set(rig, 0, back); // not flushed, but now it is all there is
	rig_drop(rig, front);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 2 64x48; CONFIG 0: 2 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; GONE 1; "));
}

static void test_scanouts_that_are_not_subscribed_are_not_mentioned(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	struct peer *peer = rig_join(rig, 2, 2);
	rig_show(rig, 0, res);
	oriel_screen_move_cursor(&rig->screen, 0, 1, 1);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_subscribe(peer, 1, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	peer_send_subscribe(peer, 0, 0);
	rig_flush(rig, res, 0, 0, 1, 1);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_subscribe(peer, 1, 0); // begins anew, without TAKEN
	rig_run(rig);
	assert_true(peer_said(peer, "CONFIG 0: 1 0,0 64x48; FRAME 0: #2 0,0 64x48; "));
	peer_send_subscribe(peer, 0, 0);
	rig_run(rig);
	rig_drop(rig, res);
	rig_run(rig);
	assert_true(peer_said(peer, "GONE 1; ")); // the client has it all the same
}

static void test_each_client_has_its_own_pace(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	struct peer *slow = rig_join(rig, 1, 0);
	struct peer *fast = rig_join(rig, 1, 0);
	rig_show(rig, 0, res);
	const char *begin = "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; FRAME 0: #1 0,0 64x48; ";
	assert_true(peer_said(slow, begin));
	assert_true(peer_said(fast, begin));
	for (uint32_t i = 1; i <= 3; i++) {
		peer_send_taken(fast, 0, i);
		rig_flush(rig, res, i, i, 1, 1);
		rig_run(rig);
	}
	assert_true(peer_said(fast, "FRAME 0: #2 1,1 1x1; FRAME 0: #3 2,2 1x1; "
				    "FRAME 0: #4 3,3 1x1; "));
	assert_true(peer_said(slow, ""));
	peer_send_taken(slow, 0, 1);
	rig_run(rig);
	assert_true(peer_said(slow, "FRAME 0: #4 1,1 3x3; "));
	rig_drop(rig, res);
	rig_run(rig);
	// One buffer, held by two, is charged once and until both let go.
	assert_int_equal(rig->share->buffers.held.used, ORIEL_SHARE_LEAST_CHARGE);
	peer_send_number(fast, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_int_equal(rig->share->buffers.held.used, ORIEL_SHARE_LEAST_CHARGE);
	peer_finish(slow); // as good as RELEASED
	rig_run_share(rig);
	assert_int_equal(rig->share->buffers.held.used, 0);
	assert_int_equal(oriel_share_count_clients(rig->share), 1);
}

static void test_cursors(void **state) {
	struct rig *rig = *state;
	static uint8_t pixels[ORIEL_CURSOR_BYTES];
	memset(pixels, 0x5a, sizeof(pixels));
	struct peer *peer = rig_join(rig, 0, 3);
	assert_true(peer_said(peer, ""));
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 1, pixels, 4, 5, -7, 9), 0);
	rig_run(rig);
	assert_true(peer_said(peer, "IMAGE 1: #1 hot 4,5; CURSOR 1: at -7,9 #1; "));
	assert_memory_equal(peer->pixels, pixels, sizeof(pixels));
	oriel_screen_move_cursor(&rig->screen, 1, 1, 2);
	oriel_screen_move_cursor(&rig->screen, 1, 3, 4);
	rig_run(rig);
	assert_true(peer_said(peer, "CURSOR 1: at 3,4 #1; "));
	oriel_screen_hide_cursor(&rig->screen, 1, 5, 6);
	rig_run(rig);
	assert_true(peer_said(peer, "CURSOR 1: hidden 5,6 #0; "));
	pixels[0] = 1;
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 1, pixels, 0, 63, 0, 0), 0);
	rig_run(rig);
	assert_true(peer_said(peer, "IMAGE 1: #2 hot 0,63; CURSOR 1: at 0,0 #2; "));

	// One who comes later hears of the cursor that was set, and of no other.
	struct peer *late = rig_join(rig, 0, 3);
	assert_true(peer_said(late, "IMAGE 1: #2 hot 0,63; CURSOR 1: at 0,0 #2; "));

	// A reset hides it; a new image is a new one, though the screen counts from 1 again.
	oriel_screen_clear(&rig->screen);
	rig_run(rig);
	assert_true(peer_said(peer, "CURSOR 1: hidden 0,0 #0; "));
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 1, pixels, 0, 0, 0, 0), 0);
	rig_run(rig);
	assert_true(peer_said(peer, "IMAGE 1: #3 hot 0,0; CURSOR 1: at 0,0 #3; "));
}

// Moves before any image, and a cursor that was hidden when a client came.
static void test_cursors_without_image(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 0, 1);
	oriel_screen_move_cursor(&rig->screen, 0, 3, 4);
	rig_run(rig);
	assert_true(peer_said(peer, "CURSOR 0: hidden 3,4 #0; "));
	static uint8_t pixels[ORIEL_CURSOR_BYTES];
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 0, pixels, 0, 0, 0, 0), 0);
	oriel_screen_hide_cursor(&rig->screen, 0, 8, 9);
	rig_run(rig);
	assert_true(peer_said(peer, "CURSOR 0: hidden 8,9 #0; "));
	struct peer *late = rig_join(rig, 0, 1);
	assert_true(peer_said(late, "CURSOR 0: hidden 8,9 #0; "));
}

static void test_a_device_that_is_detached_takes_all_with_it(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *front = rig_create(rig, 1, 64, 48);
	struct oriel_resource *back = rig_create(rig, 2, 64, 48);
	static uint8_t pixels[ORIEL_CURSOR_BYTES];
	struct peer *peer = rig_join(rig, 1, 1);
	rig_show(rig, 0, back);
	peer_send_taken(peer, 0, 1);
	rig_show(rig, 0, front);
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 0, pixels, 0, 0, 0, 0), 0);
	rig_run(rig);
	peer->text[0] = '\0';
	oriel_screen_detach(oriel_share_get_display(rig->share));
	oriel_screen_detach(oriel_share_get_display(rig->share)); // a no-op
	rig_run(rig);
	assert_true(peer_said(peer,
			"CONFIG 0: 0 0,0 0x0; CURSOR 0: hidden 0,0 #0; GONE 1; GONE 2; "));
	peer_send_get_snapshot(peer, 5, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 5: 5; "));
	// The resources may go without a word, and another device come.
	oriel_resource_drop(&rig->table, back);
	oriel_screen_attach(&rig->screen, oriel_share_get_display(rig->share));
	peer_send_taken(peer, 0, 2);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 3 64x48; CONFIG 0: 3 0,0 64x48; "
				    "FRAME 0: #3 0,0 64x48; IMAGE 0: #2 hot 0,0; "
				    "CURSOR 0: at 0,0 #2; "));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_a_screen_that_is_on_is_told_at_once),
		RIG_TEST(test_the_descriptor_is_the_memory_and_cannot_be_written),
		RIG_TEST(test_one_frame_is_in_flight_and_damage_is_merged),
		RIG_TEST(test_flushes_of_one_turn_are_one_frame),
		RIG_TEST(test_damage_and_source_are_in_their_own_pixels),
		RIG_TEST(test_a_guest_that_flips_has_its_buffers_announced_once),
		RIG_TEST(test_a_configuration_waits_for_its_flush),
		RIG_TEST(test_a_configuration_that_is_over_is_skipped),
		RIG_TEST(test_off_waits_for_nothing_and_the_buffer_goes_after_it),
		RIG_TEST(test_a_buffer_that_is_shown_still_is_not_gone_yet),
		RIG_TEST(test_scanouts_that_are_not_subscribed_are_not_mentioned),
		RIG_TEST(test_each_client_has_its_own_pace),
		RIG_TEST(test_cursors),
		RIG_TEST(test_cursors_without_image),
		RIG_TEST(test_a_device_that_is_detached_takes_all_with_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
