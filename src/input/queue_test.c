// SPDX-License-Identifier: MIT
/* Tests of queue.c: whole reports, kicks, interrupts, stopping, and guests that are wrong. */
#include "input/input.h"

#include "fixture/check.h"
#include "fixture/fail_alloc.h"
#include "fixture/input_rig.h"
#include "oriel/stats.h"

#include <errno.h>

static void press(struct input_rig *rig, uint32_t key) {
	oriel_sender_send_key(rig->senders[0], key, true);
	oriel_sender_send_key(rig->senders[0], key, false);
}

/** SPEC-282: two events of a key come together or not at all, however few buffers there are. */
static void test_whole_reports(void **state) {
	(void)state;
	for (int event_idx = 0; event_idx <= 1; event_idx++) {
		struct input_rig rig;
		input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 4);
		const uint64_t event_bit = 1ull << ORIEL_VIRTIO_F_EVENT_IDX;
		input_rig_start_as(&rig,
				event_idx != 0 ? RIG_ALL_FEATURES : RIG_ALL_FEATURES & ~event_bit);
		press(&rig, KEY_A);
		press(&rig, KEY_B);
		assert_true(input_rig_got(&rig, ""));
		input_rig_add(&rig, 1);
		assert_true(input_rig_got(&rig, ""));
		input_rig_add(&rig, 1);
		assert_true(input_rig_got(&rig, "k30+; "));
		input_rig_add(&rig, 3);
		assert_true(input_rig_got(&rig, "k30-; "));
		input_rig_add(&rig, 3);
		assert_true(input_rig_got(&rig, "k48+; k48-; "));
		// With nothing to tell, kicks are not wanted.
		input_rig_add(&rig, 4);
		assert_true(input_rig_got(&rig, ""));
		press(&rig, KEY_C);
		assert_true(input_rig_got(&rig, "k46+; k46-; "));
		input_rig_finish(&rig);
	}
}

static void test_interrupts_come_once_a_turn(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 64);
	input_rig_start_as(&rig, RIG_ALL_FEATURES & ~(1ull << ORIEL_VIRTIO_F_EVENT_IDX));
	input_rig_add(&rig, 64);
	for (uint32_t key = KEY_1; key < KEY_9; key++) {
		press(&rig, key);
	}
	assert_int_equal(input_rig_collect(&rig), 32);
	assert_int_equal(rig.told[RIG_EVENTQ].n_interrupts, 1);
	input_rig_finish(&rig);
}

/** SPEC-283: buffers that are too small go back empty; the good ones among them are used. */
static void test_small_buffers(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
	input_rig_start(&rig);
	const uint64_t at = fake_guest_alloc(&rig.guest, 64, 8);
	const struct fake_buf small = { at, 7, true };
	const struct fake_buf readable = { at, 8, false };
	const struct fake_buf good = { at + 8, 8, true };
	const struct fake_buf large = { at + 16, 40, true };
	const struct fake_buf pieces[] = { { at + 8, 3, true }, { at + 11, 5, true } };
	input_rig_add_as(&rig, RIG_EVENTQ, &small, 1);
	input_rig_add_as(&rig, RIG_EVENTQ, &good, 1);
	input_rig_add_as(&rig, RIG_EVENTQ, &readable, 1);
	fake_ring_publish(&rig.rings[RIG_EVENTQ]);
	press(&rig, KEY_A);
	assert_true(input_rig_got(&rig, "e0 e0 ")); // the good one is kept
	input_rig_add_as(&rig, RIG_EVENTQ, &large, 1);
	if (fake_ring_publish(&rig.rings[RIG_EVENTQ])) {
		oriel_virtio_kick(rig.virtio, RIG_EVENTQ);
	}
	assert_true(input_rig_got(&rig, "k30+; "));
	input_rig_add_as(&rig, RIG_EVENTQ, pieces, 2);
	input_rig_add(&rig, 1);
	assert_true(input_rig_got(&rig, "k30-; "));
	input_rig_finish(&rig);
}

/** Too few buffers for a report stay in the ring: a driver would take them for events. */
static void test_a_stop_leaves_good_buffers(void **state) {
	(void)state;
	for (int event_idx = 0; event_idx <= 1; event_idx++) {
		struct input_rig rig;
		input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
		const uint64_t event_bit = 1ull << ORIEL_VIRTIO_F_EVENT_IDX;
		input_rig_start_as(&rig,
				event_idx != 0 ? RIG_ALL_FEATURES : RIG_ALL_FEATURES & ~event_bit);
		press(&rig, KEY_A);
		input_rig_run(&rig);
		input_rig_add(&rig, 1);
		input_rig_run(&rig);
		oriel_virtio_stop_queue(rig.virtio, RIG_EVENTQ);
		assert_true(input_rig_got(&rig, ""));
		assert_int_equal(rig.told[RIG_EVENTQ].base, rig.rings[0].packed ? 0x80008000u : 0);
		input_rig_finish(&rig);
	}
}

/** What was kept in hand goes back at a stop, so that the base is what was used. */
static void test_a_stop_empties_the_hand(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
	input_rig_start(&rig);
	const uint64_t at = fake_guest_alloc(&rig.guest, 64, 8);
	const struct fake_buf good = { at + 8, 8, true };
	const struct fake_buf small = { at, 7, true };
	input_rig_add_as(&rig, RIG_EVENTQ, &good, 1);
	input_rig_add_as(&rig, RIG_EVENTQ, &small, 1);
	fake_ring_publish(&rig.rings[RIG_EVENTQ]);
	press(&rig, KEY_A);
	assert_true(input_rig_got(&rig, "e0 "));
	oriel_virtio_stop_queue(rig.virtio, RIG_EVENTQ);
	assert_int_equal(rig.told[RIG_EVENTQ].n_stopped, 0);
	assert_true(input_rig_got(&rig, "e0 "));
	assert_int_equal(rig.told[RIG_EVENTQ].n_stopped, 1);
	const uint32_t base = rig.told[RIG_EVENTQ].base;
	assert_int_equal(base, rig.rings[0].packed ? 0x80028002u : 2);
	// It is a pause: what was typed before and meanwhile comes when it is over.
	press(&rig, KEY_B);
	input_rig_start_queue(&rig, RIG_EVENTQ, base);
	input_rig_add(&rig, 8);
	assert_true(input_rig_got(&rig, "k30+; k30-; k48+; k48-; "));
	input_rig_finish(&rig);
}

static void test_status_buffers_go_back(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 128);
	input_rig_start(&rig);
	const uint64_t at = fake_guest_alloc(&rig.guest, 4096, 8);
	const struct fake_buf shapes[][3] = {
		{ { at, 8, false } },
		{ { at, 1, false } },
		{ { at, 4000, false } },
		{ { at, 8, true } },
		{ { at, 3, false }, { at, 3, false }, { at, 3, true } },
	};
	static const size_t n_bufs[] = { 1, 1, 1, 1, 3 };
	for (uint32_t i = 0; i < 90; i++) { // more than a turn
		input_rig_add_as(&rig, RIG_STATUSQ, shapes[i % 5 == 4 && i > 4 ? 0 : i % 5],
				i % 5 == 4 && i > 4 ? 1 : n_bufs[i % 5]);
	}
	if (fake_ring_publish(&rig.rings[RIG_STATUSQ])) {
		oriel_virtio_kick(rig.virtio, RIG_STATUSQ);
	}
	input_rig_run(&rig);
	struct fake_used used;
	uint32_t n = 0;
	while (fake_ring_collect(&rig.rings[RIG_STATUSQ], &used)) {
		assert_int_equal(used.written, 0);
		n++;
	}
	assert_int_equal(n, 90);
	assert_int_equal(rig.n_log_lines, 0);
	assert_true(fake_ring_kick_is_wanted(&rig.rings[RIG_STATUSQ]));
	input_rig_finish(&rig);
}

/**
 * However long the guest makes its chains, a turn reads so many descriptors and not many more. One
 * chain alone stays in the event queue: a key takes two.
 */
static void test_long_chains(void **state) {
	(void)state;
	enum { N_BUFS = ORIEL_INPUT_TURN_DESCS / 2, N_CHAINS = 7 };
	static struct fake_buf bufs[N_BUFS]; // empty, but for one
	for (unsigned int queue = 0; queue < 2; queue++) {
		struct input_rig rig;
		input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
		input_rig_start(&rig);
		bufs[N_BUFS - 1].gpa = fake_guest_alloc(&rig.guest, 8, 8);
		bufs[N_BUFS - 1].size = 7; // for an event it takes 8
		bufs[N_BUFS - 1].writable = true;
		struct fake_ring *ring = &rig.rings[queue];
		for (unsigned int i = 0; i < N_CHAINS; i++) {
			fake_ring_add_indirect(ring, bufs, N_BUFS, 0);
		}
		fake_ring_publish(ring);
		oriel_virtio_kick(rig.virtio, queue);
		press(&rig, KEY_A);
		for (uint32_t n = 2; n < N_CHAINS; n += 2) {
			assert_int_equal(oriel_loop_dispatch(rig.loop, 0), 0);
			struct fake_used used;
			uint32_t n_back = 0;
			while (fake_ring_collect(ring, &used)) {
				n_back++;
			}
			CHECK(n_back == 2, "queue %u: %u at %u", queue, n_back, n);
		}
		input_rig_finish(&rig);
	}
}

/** With two wrong buffers, for a queue that looks at none before it has two. */
static void break_ring(struct fake_ring *ring) {
	fake_ring_break(ring);
	if (ring->packed) {
		const uint16_t next = fake_ring_advance(ring, ring->next_avail, 1);
		fake_ring_set_slot(ring, next & 0x7fff, 0, 1, 0, fake_ring_available_flags(next));
	}
}

/** A ring that breaks ends its queue until a reset; the other queue goes on. */
static void test_broken_rings(void **state) {
	(void)state;
	for (unsigned int queue = 0; queue < 2; queue++) {
		struct input_rig rig;
		input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
		input_rig_start(&rig);
		input_rig_add(&rig, 4);
		break_ring(&rig.rings[queue]);
		oriel_virtio_kick(rig.virtio, queue);
		for (int i = 0; i < 3; i++) {
			press(&rig, KEY_A);
			input_rig_run(&rig);
		}
		CHECK(rig.told[queue].n_needs_reset == 1, "queue %u: %u", queue,
				rig.told[queue].n_needs_reset);
		CHECK(rig.told[1 - queue].n_needs_reset == 0, "queue %u: the other", queue);
		CHECK(rig.n_log_lines == 1, "queue %u: %u lines", queue, rig.n_log_lines);
		assert_int_equal(oriel_sender_sync(rig.senders[0], 5), 0);
		if (queue == RIG_EVENTQ) {
			// Everything is dropped, so that nobody waits: presses, and what waited.
			CHECK(strncmp(rig.answers, "5/", 2) == 0, "%s", rig.answers);
		}
		oriel_virtio_stop_queue(rig.virtio, queue);
		input_rig_run(&rig);
		CHECK(rig.told[queue].n_stopped == 1, "queue %u: stop", queue);
		input_rig_reset(&rig);
		rig.text[0] = '\0';
		input_rig_start(&rig);
		input_rig_add(&rig, 4);
		press(&rig, KEY_B);
		assert_true(input_rig_got(&rig, "k48+; k48-; "));
		input_rig_finish(&rig);
	}
}

/** A ring with fewer entries than a report has events: it is dropped, not cut. */
static void test_a_ring_that_is_too_small(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_TABLET, 2);
	input_rig_start(&rig);
	input_rig_add(&rig, 2);
	const struct oriel_pointer_place place = { 1, 1, 100, 100 };
	oriel_sender_send_pointer(rig.senders[0], 0, &place);
	oriel_sender_send_button(rig.senders[0], 0, BTN_LEFT, true);
	assert_int_equal(oriel_sender_sync(rig.senders[0], 1), 0);
	assert_true(input_rig_got(&rig, "k272+; "));
	assert_true(input_rig_answered(&rig, "1/1; "));
	input_rig_finish(&rig);
}

/** Memory that goes takes the ring with it; buffers in hand are not written any more. */
static void test_memory_that_goes(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
	input_rig_start(&rig);
	const uint64_t at = fake_guest_alloc(&rig.guest, 64, 8);
	const struct fake_buf good = { at + 8, 8, true };
	const struct fake_buf small = { at, 7, true };
	input_rig_add_as(&rig, RIG_EVENTQ, &good, 1);
	input_rig_add_as(&rig, RIG_EVENTQ, &small, 1);
	fake_ring_publish(&rig.rings[RIG_EVENTQ]);
	press(&rig, KEY_A);
	assert_true(input_rig_got(&rig, "e0 "));
	struct oriel_memory *memory = oriel_virtio_get_memory(rig.virtio);
	const uint64_t size = rig.guest.regions[0].size;
	assert_int_equal(oriel_memory_remove_region(memory, FAKE_GUEST_BASE, size), 0);
	oriel_virtio_handle_memory_change(rig.virtio);
	assert_true(input_rig_got(&rig, "e0 "));
	assert_int_equal(rig.told[RIG_EVENTQ].n_needs_reset, 1);
	assert_int_equal(rig.told[RIG_STATUSQ].n_needs_reset, 1);
	input_rig_finish(&rig);
}

/** What came, and what did not: before there is a driver, and with it. */
static void test_statistics(void **state) {
	(void)state;
	struct input_rig rig;
	input_rig_init(&rig, ORIEL_INPUT_KEYBOARD, 16);
	struct oriel_input_statistics s = { .size = sizeof(s) };
	oriel_sender_send_key(rig.senders[0], KEY_A, true);
	oriel_input_get_statistics(rig.input, &s);
	assert_false(s.is_running);
	assert_int_equal(s.n_reports, 0);
	assert_int_equal(s.n_dropped, 1);
	input_rig_start(&rig);
	input_rig_add(&rig, 8);
	press(&rig, KEY_B);
	assert_true(input_rig_got(&rig, "k48+; k48-; "));
	press(&rig, KEY_C);
	press(&rig, KEY_D); // there are buffers for two of these four
	assert_true(input_rig_got(&rig, "k46+; k46-; "));
	oriel_input_get_statistics(rig.input, &s);
	assert_true(s.is_running);
	assert_int_equal(s.n_reports, 4);
	assert_int_equal(s.n_dropped, 1);
	oriel_virtio_reset(rig.virtio);
	oriel_input_get_statistics(rig.input, &s);
	assert_false(s.is_running);
	assert_int_equal(s.n_reports, 4);
	assert_int_equal(s.n_dropped, 3);
	input_rig_finish(&rig);
}

static int attempt(void *user) {
	(void)user;
	struct oriel_loop *loop = NULL;
	struct oriel_input *input = NULL;
	int err = oriel_loop_create(&loop);
	if (err == 0) {
		const struct oriel_input_options options = { .size = sizeof(options),
			.kind = ORIEL_INPUT_TABLET };
		err = oriel_input_create(loop, &options, &input);
		oriel_input_destroy(input);
		oriel_loop_destroy(loop);
	}
	return err;
}

static void test_no_memory(void **state) {
	(void)state;
	assert_true(fail_alloc_each(attempt, NULL) > 3);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_reports),
		cmocka_unit_test(test_interrupts_come_once_a_turn),
		cmocka_unit_test(test_small_buffers),
		cmocka_unit_test(test_a_stop_leaves_good_buffers),
		cmocka_unit_test(test_a_stop_empties_the_hand),
		cmocka_unit_test(test_status_buffers_go_back),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_broken_rings),
		cmocka_unit_test(test_a_ring_that_is_too_small),
		cmocka_unit_test(test_memory_that_goes),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
