// SPDX-License-Identifier: MIT
/*
 * Tests of cursors: errors in their order, the snapshot, and the one thing in which the two queues
 * depend on each other: an UPDATE_CURSOR waits for the control entries that were there before it.
 */
#include "device/device.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"

#include <string.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

static const struct oriel_rect all = { 0, 0, 64, 64 };

/** Resource 1 is a cursor; its backing is returned. It has no pixels yet. */
static uint8_t *begin(struct device_rig *rig) {
	device_rig_init(rig, NULL);
	device_rig_start(rig);
	uint64_t gpa = device_rig_create_backed(rig, 1, 64, 64);
	return fake_guest_get(&rig->guest, gpa, ORIEL_CURSOR_BYTES);
}

static const struct fake_event *last_event(const struct device_rig *rig) {
	assert_true(rig->display.n_events > 0);
	return &rig->display.events[rig->display.n_events - 1];
}

static void check_last(const struct device_rig *rig, enum fake_event_type type, int32_t x,
		int32_t y, bool visible) {
	const struct fake_event *event = last_event(rig);
	CHECK(event->type == type && event->x == x && event->y == y && event->visible == visible,
			"event %d at %d,%d, visible %d", event->type, event->x, event->y,
			event->visible);
}

static void submit(struct device_rig *rig, unsigned int queue, struct gpu_command cmd) {
	device_rig_submit(rig, queue, &cmd);
}

/** A turn of the cursor queue alone: it was kicked, the control queue was not. */
static void run_cursor_queue(struct device_rig *rig) {
	device_rig_kick(rig, RIG_CURSOR);
	device_rig_run(rig);
}

static void test_errors(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t scanout_id, id;
		uint32_t type, move_type;
	} cases[] = {
		{ "good", 1, 1, OK, OK },
		{ "hide", 1, 0, OK, OK },
		{ "scanout 2 of 2", 2, 1, BAD_SCANOUT, BAD_SCANOUT },
		{ "largest scanout comes before the resource", UINT32_MAX, 9, BAD_SCANOUT,
				BAD_SCANOUT },
		{ "hide on a scanout that is not there", 2, 0, BAD_SCANOUT, BAD_SCANOUT },
		{ "unknown resource", 0, 9, BAD_RESOURCE, OK },
		{ "H-124 63x64", 0, 2, BAD_PARAMETER, OK },
		{ "H-124 64x65", 0, 3, BAD_PARAMETER, OK },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct device_rig rig;
		begin(&rig);
		device_rig_create(&rig, 2, 63, 64);
		device_rig_create(&rig, 3, 64, 65);
		fake_display_forget(&rig.display);
		uint32_t type = device_rig_type(&rig,
				gpu_update_cursor(cases[i].scanout_id, cases[i].id, 1, 2));
		CHECK(type == cases[i].type, "%s: 0x%x", cases[i].name, type);
		CHECK(rig.display.n_events == (type == OK ? 1u : 0u), "%s: %u events",
				cases[i].name, rig.display.n_events);
		type = device_rig_type(&rig, gpu_move_cursor(cases[i].scanout_id, 1, 2));
		CHECK(type == cases[i].move_type, "%s: moved: 0x%x", cases[i].name, type);
		device_rig_finish(&rig);
	}
}

static void test_snapshot(void **state) {
	(void)state;
	struct device_rig rig;
	uint8_t *pixels = begin(&rig);
	const struct oriel_cursor *cursor = &rig.gpu->screen.cursors[1];
	assert_int_equal(device_rig_type(&rig, gpu_transfer(1, all, 0)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(1, 1, -5, 7)), OK);
	check_last(&rig, FAKE_CURSOR, -5, 7, true);
	assert_int_equal(last_event(&rig)->scanout_id, 1);
	assert_memory_equal(cursor->pixels, pixels, ORIEL_CURSOR_BYTES);
	assert_int_equal(cursor->hot_x, 3);
	assert_int_equal(cursor->hot_y, 4);

	// What is drawn later is not seen, nor that the resource goes.
	uint8_t first = pixels[0];
	memset(pixels, 0x11, ORIEL_CURSOR_BYTES);
	assert_int_equal(device_rig_type(&rig, gpu_transfer(1, all, 0)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(cursor->pixels[0], first);
	assert_true(cursor->visible);

	assert_int_equal(device_rig_type(&rig, gpu_move_cursor(1, 8, -9)), OK);
	check_last(&rig, FAKE_MOVE, 8, -9, true);
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(1, 0, 3, 3)), OK);
	check_last(&rig, FAKE_CURSOR, 3, 3, false);
	assert_int_equal(device_rig_type(&rig, gpu_move_cursor(1, 1, 1)), OK);
	check_last(&rig, FAKE_MOVE, 1, 1, false);
	device_rig_finish(&rig);
}

/** A driver that uploads without a fence: upload, then update, and both queues kicked at once. */
static void test_update_waits_for_the_upload(void **state) {
	(void)state;
	struct device_rig rig;
	uint8_t *pixels = begin(&rig);
	submit(&rig, RIG_CONTROL, gpu_transfer(1, all, 0));
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 1, 0, 0));
	run_cursor_queue(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 1);
	assert_memory_equal(rig.gpu->screen.cursors[0].pixels, pixels, ORIEL_CURSOR_BYTES);
	device_rig_finish(&rig);
}

/** Fill the control queue so that it needs several turns, then an upload; then an update. */
static void test_update_waits_for_turns(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init_rings(&rig, NULL, 256, 16);
	device_rig_start(&rig);
	uint64_t gpa = device_rig_create_backed(&rig, 1, 64, 64);
	for (int i = 0; i < 80; i++) {
		submit(&rig, RIG_CONTROL, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	}
	submit(&rig, RIG_CONTROL, gpu_transfer(1, all, 0));
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 1, 10, 10));
	submit(&rig, RIG_CURSOR, gpu_move_cursor(0, 20, 20)); // becomes the update's
	submit(&rig, RIG_CURSOR, gpu_move_cursor(1, 5, 5));   // has nothing to do with it
	fake_display_forget(&rig.display);
	device_rig_kick(&rig, RIG_CURSOR);
	device_rig_dispatch(&rig);
	// The moves are answered, the update is not.
	struct rig_reply reply;
	assert_true(device_rig_collect(&rig, RIG_CURSOR, &reply));
	assert_true(device_rig_collect(&rig, RIG_CURSOR, &reply));
	assert_false(device_rig_collect(&rig, RIG_CURSOR, &reply));
	assert_int_equal(rig.display.n_events, 1);
	check_last(&rig, FAKE_MOVE, 5, 5, false);
	// Entries that come now are not waited for.
	submit(&rig, RIG_CONTROL, gpu_unref(1));
	device_rig_run(&rig);
	assert_true(device_rig_collect(&rig, RIG_CURSOR, &reply));
	assert_int_equal(reply.hdr.type, OK);
	const struct fake_event *event = &rig.display.events[1];
	assert_int_equal(event->type, FAKE_CURSOR);
	assert_int_equal(event->x, 20);
	assert_int_equal(event->y, 20);
	assert_memory_equal(rig.gpu->screen.cursors[0].pixels,
			fake_guest_get(&rig.guest, gpa, ORIEL_CURSOR_BYTES), ORIEL_CURSOR_BYTES);
	device_rig_finish(&rig);
}

/** Several wait: they keep their order, and a move goes to the last one of its scanout. */
static void test_many_wait(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init_rings(&rig, NULL, 256, 16);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 64, 64);
	for (int i = 0; i < 80; i++) {
		submit(&rig, RIG_CONTROL, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	}
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 1, 1, 1));
	submit(&rig, RIG_CURSOR, gpu_update_cursor(1, 1, 2, 2));
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 0, 3, 3));
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 9, 4, 4)); // an error, in its place
	submit(&rig, RIG_CURSOR, gpu_update_cursor(1, 1, 5, 5));
	submit(&rig, RIG_CURSOR, gpu_move_cursor(1, 6, 6));
	fake_display_forget(&rig.display);
	device_rig_kick(&rig, RIG_CURSOR);
	device_rig_dispatch(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
	assert_int_equal(rig.display.n_events, 0);
	device_rig_run(&rig);
	static const struct {
		uint32_t scanout_id;
		int32_t x;
		bool visible;
	} want[] = { { 0, 1, true }, { 1, 2, true }, { 0, 3, false }, { 1, 6, true } };
	assert_int_equal(rig.display.n_events, ORIEL_ARRAY_LEN(want));
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(want); i++) {
		const struct fake_event *event = &rig.display.events[i];
		CHECK(event->type == FAKE_CURSOR && event->scanout_id == want[i].scanout_id &&
						event->x == want[i].x &&
						event->visible == want[i].visible,
				"event %zu: scanout %u at %d", i, event->scanout_id, event->x);
	}
	struct rig_reply reply;
	for (int i = 0; i < 5; i++) {
		assert_true(device_rig_collect(&rig, RIG_CURSOR, &reply));
		assert_int_equal(reply.hdr.type, i == 3 ? BAD_RESOURCE : OK);
	}
	device_rig_finish(&rig);
}

/** It waits for entries to be begun, not for their fences, and not for pending ones. */
static void test_no_wait_for_fences(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	rig.display.answers = FAKE_ANSWERS_LATER;
	submit(&rig, RIG_CONTROL,
			gpu_command_fenced(gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO), 1));
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 1, 0, 0));
	run_cursor_queue(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
	device_rig_finish(&rig);
}

/** An update that waits, for 80 control entries of which the first turn takes 64. */
static void begin_waiting(struct device_rig *rig) {
	device_rig_init_rings(rig, NULL, 256, 16);
	device_rig_start(rig);
	device_rig_create(rig, 1, 64, 64);
	for (int i = 0; i < 80; i++) {
		submit(rig, RIG_CONTROL, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	}
	submit(rig, RIG_CURSOR, gpu_command_fenced(gpu_update_cursor(0, 1, 1, 1), 4));
	fake_display_forget(&rig->display);
	device_rig_kick(rig, RIG_CURSOR);
	device_rig_dispatch(rig);
	assert_int_equal(device_rig_collect_all(rig, RIG_CURSOR), 0);
	assert_int_equal(rig->display.n_events, 0);
}

static void test_stop_of_either_queue(void **state) {
	(void)state;
	for (unsigned int queue = 0; queue < 2; queue++) {
		struct device_rig rig;
		begin_waiting(&rig);
		oriel_virtio_stop_queue(rig.virtio, queue);
		device_rig_run(&rig);
		assert_int_equal(rig.told[queue].n_stopped, 1);
		assert_int_equal(rig.told[1 - queue].n_stopped, 0);
		assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
		assert_int_equal(rig.display.n_events, 1);
		device_rig_finish(&rig);
	}
}

static void test_break_of_either_queue(void **state) {
	(void)state;
	for (unsigned int queue = 0; queue < 2; queue++) {
		struct device_rig rig;
		begin_waiting(&rig);
		struct fake_ring *ring = &rig.rings[queue];
		fake_ring_break(ring);
		device_rig_kick(&rig, queue);
		device_rig_run(&rig);
		assert_int_equal(rig.told[queue].n_needs_reset, 1);
		assert_int_equal(rig.told[1 - queue].n_needs_reset, 0);
		assert_int_equal(rig.display.n_events, 1); // it was carried out
		assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR),
				queue == RIG_CURSOR ? 0 : 1);
		// A broken queue can be stopped.
		oriel_virtio_stop_queue(rig.virtio, queue);
		device_rig_run(&rig);
		assert_int_equal(rig.told[queue].n_stopped, 1);
		device_rig_finish(&rig);
	}
}

static void test_reset_while_waiting(void **state) {
	(void)state;
	struct device_rig rig;
	begin_waiting(&rig);
	oriel_virtio_reset(rig.virtio);
	fake_display_forget(&rig.display);
	device_rig_run(&rig);
	assert_int_equal(rig.display.n_events, 0);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 0);
	// Nothing of it is left: the next update is a first one.
	fake_ring_restart(&rig.rings[RIG_CONTROL]);
	fake_ring_restart(&rig.rings[RIG_CURSOR]);
	device_rig_start(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(0, 0, 2, 2)), OK);
	device_rig_finish(&rig);
}

/** Without a control queue there is nothing to wait for. */
static void test_no_control_queue(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start_queue(&rig, RIG_CURSOR);
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(0, 0, 0, 0)), OK);
	device_rig_finish(&rig);
}

/** Say that three chains more are there, or take that back. */
static void show_three(struct fake_ring *ring, bool on) {
	if (!ring->packed) {
		fake_ring_set_avail_idx(ring, (uint16_t)(ring->published + (on ? 3 : 0)));
		return;
	}
	uint16_t at = ring->next_avail;
	for (int i = 0; i < 3; i++) {
		fake_ring_set_slot(ring, at & 0x7fff, 0, 0, 0,
				on ? fake_ring_available_flags(at)
				   : fake_ring_used_flags(at ^ 0x8000));
		at = fake_ring_advance(ring, at, 1);
	}
}

/** A guest that takes entries back: the update waits for others. */
static void test_entries_taken_back(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init_rings(&rig, NULL, 256, 16);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 64, 64);
	for (int i = 0; i < 150; i++) {
		submit(&rig, RIG_CONTROL, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	}
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_dispatch(&rig);
	show_three(&rig.rings[RIG_CONTROL], true);
	submit(&rig, RIG_CURSOR, gpu_update_cursor(0, 1, 0, 0));
	device_rig_kick(&rig, RIG_CURSOR);
	device_rig_dispatch(&rig);
	show_three(&rig.rings[RIG_CONTROL], false);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 150);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 0);
	for (int i = 0; i < 3; i++) {
		submit(&rig, RIG_CONTROL, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	}
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
	device_rig_finish(&rig);
}

/** Without memory: to wait with, it goes ahead; for the image, the old one stays. */
static void test_no_memory(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	fail_alloc_at(1); // of the resource's pixels
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(0, 1, 0, 0)),
			VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	fail_alloc_at(2); // of the cursor's image
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(0, 1, 0, 0)),
			VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	fail_alloc_at(0);
	assert_int_equal(rig.display.n_events, 0);
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(0, 1, 0, 0)), OK);
	// In many pieces, behind a control entry: keeping them fails.
	struct gpu_command cmd = gpu_update_cursor(0, 1, 9, 9);
	const struct rig_chain chain = { .room = RIG_ROOM, .span_size = 20 };
	submit(&rig, RIG_CONTROL, gpu_unref(1));
	device_rig_submit_as(&rig, RIG_CURSOR, cmd.bytes, cmd.size, &chain);
	fail_alloc_at(1);
	run_cursor_queue(&rig);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	struct rig_reply reply;
	assert_true(device_rig_collect(&rig, RIG_CURSOR, &reply));
	assert_int_equal(reply.hdr.type, OK);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_update_waits_for_the_upload),
		cmocka_unit_test(test_update_waits_for_turns),
		cmocka_unit_test(test_many_wait),
		cmocka_unit_test(test_no_wait_for_fences),
		cmocka_unit_test(test_stop_of_either_queue),
		cmocka_unit_test(test_break_of_either_queue),
		cmocka_unit_test(test_reset_while_waiting),
		cmocka_unit_test(test_no_control_queue),
		cmocka_unit_test(test_entries_taken_back),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
