// SPDX-License-Identifier: MIT
/*
 * Tests of fences: what is fenced goes back in the order of submission, whatever waits and whatever
 * fails; what is not goes back when it is done.
 */
#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <errno.h>
#include <inttypes.h>

#define INFO VIRTIO_GPU_CMD_GET_DISPLAY_INFO
#define OK VIRTIO_GPU_RESP_OK_NODATA

static void begin(struct device_rig *rig) {
	device_rig_init(rig, NULL);
	device_rig_start(rig);
	rig->display.answers = FAKE_ANSWERS_LATER;
}

static uint16_t submit(struct device_rig *rig, struct gpu_command cmd) {
	return device_rig_submit(rig, RIG_CONTROL, &cmd);
}

static void run(struct device_rig *rig) {
	device_rig_kick(rig, RIG_CONTROL);
	device_rig_run(rig);
}

static void check_next(struct device_rig *rig, uint32_t type, uint64_t fence_id, const char *name) {
	struct rig_reply reply;
	CHECK(device_rig_collect(rig, RIG_CONTROL, &reply), "%s: nothing came", name);
	CHECK(reply.hdr.type == type && reply.hdr.fence_id == fence_id, "%s: 0x%x, fence %" PRIu64,
			name, reply.hdr.type, reply.hdr.fence_id);
}

static void check_none(struct device_rig *rig, const char *name) {
	struct rig_reply reply;
	CHECK(!device_rig_collect(rig, RIG_CONTROL, &reply), "%s: 0x%x came", name, reply.hdr.type);
}

static void test_order(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	submit(&rig, gpu_command_fenced(gpu_create_2d(1, 1, 4, 4), 10));
	submit(&rig, gpu_command_fenced(gpu_command_of(INFO), 11)); // waits
	submit(&rig, gpu_command_fenced(gpu_unref(1), 12));
	submit(&rig, gpu_command_fenced(gpu_unref(1), 13));    // an error
	submit(&rig, gpu_create_2d(2, 1, 4, 4));               // not fenced
	submit(&rig, gpu_command_fenced(gpu_get_edid(0), 14)); // waits too
	submit(&rig, gpu_command_fenced(gpu_command_of(0xffff), 15));
	run(&rig);
	check_next(&rig, OK, 10, "before");
	check_next(&rig, OK, 0, "not fenced");
	check_none(&rig, "behind what waits");
	// It was carried out all the same.
	assert_int_equal(device_rig_statistics(&rig).n_resources, 1);

	// The one that was asked later is answered first.
	struct oriel_display_query *second =
			oriel_container_of(rig.display.open.prev, struct oriel_display_query, link);
	oriel_list_remove(&second->link);
	second->done(second, -ETIMEDOUT, NULL);
	run(&rig);
	check_none(&rig, "out of order");
	fake_display_answer(&rig.display, -ETIMEDOUT);
	assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, 1);
	run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, 2);
	check_next(&rig, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, 11, "answered");
	check_next(&rig, OK, 12, "behind it");
	check_next(&rig, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, 13, "error");
	check_next(&rig, VIRTIO_GPU_RESP_OK_EDID, 14, "answered before");
	check_next(&rig, VIRTIO_GPU_RESP_ERR_UNSPEC, 15, "unknown");
	check_none(&rig, "end");
	device_rig_finish(&rig);
}

/** Fence ids play no part: 0, repeated, falling. */
static void test_ids(void **state) {
	(void)state;
	static const uint64_t ids[] = { 7, 7, 0, 0, UINT64_MAX, 3, 7 };
	struct device_rig rig;
	begin(&rig);
	submit(&rig, gpu_command_fenced(gpu_command_of(INFO), 99));
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ids); i++) {
		submit(&rig, gpu_command_fenced(gpu_create_2d((uint32_t)i + 1, 1, 4, 4), ids[i]));
	}
	run(&rig);
	check_none(&rig, "waiting");
	fake_display_answer(&rig.display, 0);
	run(&rig);
	check_next(&rig, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, 99, "first");
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ids); i++) {
		check_next(&rig, OK, ids[i], "then");
	}
	device_rig_finish(&rig);
}

/** Contexts and rings are for 3D: there is one timeline, whatever the header says. */
static void test_one_timeline(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	submit(&rig, gpu_command_fenced(gpu_command_of(INFO), 1));
	struct gpu_command cmd =
			gpu_command_with(gpu_command_fenced(gpu_create_2d(1, 1, 4, 4), 2), 3, 5);
	cmd.bytes[20] = 9; // ring_idx
	submit(&rig, cmd);
	run(&rig);
	check_none(&rig, "another context");
	fake_display_answer(&rig.display, 0);
	run(&rig);
	check_next(&rig, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, 1, "first");
	check_next(&rig, OK, 2, "second");
	device_rig_finish(&rig);
}

/** The cursor queue has a timeline of its own. */
static void test_cursor_queue(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	submit(&rig, gpu_command_fenced(gpu_command_of(INFO), 1));
	run(&rig);
	struct rig_reply reply =
			device_rig_call(&rig, gpu_command_fenced(gpu_move_cursor(0, 1, 1), 2));
	assert_int_equal(reply.hdr.fence_id, 2);
	device_rig_finish(&rig);
}

static void test_stop_and_reset(void **state) {
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct device_rig rig;
		begin(&rig);
		submit(&rig, gpu_command_fenced(gpu_command_of(INFO), 1));
		submit(&rig, gpu_command_fenced(gpu_create_2d(1, 1, 4, 4), 2));
		run(&rig);
		if (k == 0) {
			oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
			device_rig_run(&rig);
			check_next(&rig, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, 1, "first");
			check_next(&rig, OK, 2, "second");
			assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
		} else {
			oriel_virtio_reset(rig.virtio);
			device_rig_run(&rig);
			check_none(&rig, "after a reset");
		}
		device_rig_finish(&rig);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_one_timeline),
		cmocka_unit_test(test_cursor_queue),
		cmocka_unit_test(test_stop_and_reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
