// SPDX-License-Identifier: MIT
/* Tests of the statistics: what was done is what is counted, no more and no less. */
#include "device/device.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define INVALID_ID VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID

static const struct oriel_rect all = { 0, 0, 8, 4 };

static struct oriel_gpu_command_statistics get_command(const struct device_rig *rig,
		const char *name) {
	struct oriel_gpu_command_statistics row = { .size = sizeof(row) };
	for (uint32_t i = 0; oriel_gpu_get_command_statistics(rig->gpu, i, &row); i++) {
		if (strcmp(row.name, name) == 0) {
			return row;
		}
	}
	fail_msg("there is no %s", name);
	return row;
}

static struct oriel_gpu_queue_statistics get_queue(const struct device_rig *rig, uint32_t i) {
	struct oriel_gpu_queue_statistics queue = { .size = sizeof(queue) };
	assert_true(oriel_gpu_get_queue_statistics(rig->gpu, i, &queue));
	return queue;
}

static struct oriel_gpu_feature get_feature(const struct device_rig *rig, uint32_t bit) {
	struct oriel_gpu_feature row = { .size = sizeof(row) };
	for (uint32_t i = 0; oriel_gpu_get_feature(rig->gpu, i, &row); i++) {
		if (row.bit == bit) {
			return row;
		}
	}
	fail_msg("there is no feature %u", bit);
	return row;
}

static void test_commands(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint64_t n, n_errors;
	} rows[] = {
		{ "RESOURCE_CREATE_2D", 3, 1 },
		{ "RESOURCE_UNREF", 2, 1 },
		{ "GET_DISPLAY_INFO", 1, 0 },
		{ "MOVE_CURSOR", 1, 0 },
		{ "SUBMIT_3D", 1, 1 },
		{ "unknown", 2, 2 },
		{ "SET_SCANOUT", 0, 0 },
	};
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 8, 4);
	device_rig_create(&rig, 2, 4, 8);
	(void)device_rig_type(&rig, gpu_create_2d(1, 1, 4, 4)); // taken
	(void)device_rig_type(&rig, gpu_unref(2));
	(void)device_rig_type(&rig, gpu_unref(2)); // gone
	(void)device_rig_type(&rig, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	(void)device_rig_type(&rig, gpu_move_cursor(0, 1, 1));
	(void)device_rig_type(&rig, gpu_command_of(VIRTIO_GPU_CMD_SUBMIT_3D)); // not negotiated
	(void)device_rig_type(&rig, gpu_command_of(0x0fff));
	(void)device_rig_call_as(&rig, RIG_CONTROL, "short", 5, &(struct rig_chain){ RIG_ROOM, 0 });
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct oriel_gpu_command_statistics row = get_command(&rig, rows[i].name);
		CHECK(row.n == rows[i].n && row.n_errors == rows[i].n_errors,
				"%s: %" PRIu64 ", errors %" PRIu64, rows[i].name, row.n,
				row.n_errors);
	}
	const struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	assert_int_equal(s.n_commands, 10);
	assert_int_equal(s.n_errors, 5);
	assert_int_equal(s.errors[0], 3); // UNSPEC
	assert_int_equal(s.errors[INVALID_ID - VIRTIO_GPU_RESP_ERR_UNSPEC], 2);
	assert_int_equal(s.errors[1] + s.errors[2] + s.errors[4] + s.errors[5], 0);
	assert_int_equal(get_command(&rig, "RESOURCE_UNREF").type, VIRTIO_GPU_CMD_RESOURCE_UNREF);
	device_rig_finish(&rig);
}

static void test_frames(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create_backed(&rig, 1, 8, 4);
	(void)device_rig_type(&rig, gpu_flush(1, all)); // nobody shows it
	assert_int_equal(device_rig_statistics(&rig).n_frames, 0);
	(void)device_rig_type(&rig, gpu_set_scanout(0, 1, all));
	(void)device_rig_type(&rig, gpu_set_scanout(1, 1, (struct oriel_rect){ 4, 0, 4, 4 }));
	(void)device_rig_type(&rig, gpu_flush(1, all));                                // both
	(void)device_rig_type(&rig, gpu_flush(1, (struct oriel_rect){ 1, 1, 2, 2 }));  // the first
	(void)device_rig_type(&rig, gpu_flush(1, (struct oriel_rect){ 0, 0, 99, 1 })); // wrong
	const struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	assert_int_equal(s.n_frames, 3);
	assert_int_equal(s.damage, (8 * 4 + 4 * 4 + 2 * 2) * 4);
	assert_int_equal(s.frame_latency.n, 2); // flushes, not heads
	assert_int_equal(s.fence_latency.n, 0);
	assert_true(s.frame_latency.p50_ns > 0 && s.frame_latency.p50_ns <= s.frame_latency.p99_ns);
	assert_true(s.frame_latency.p99_ns <= s.frame_latency.max_ns);
	struct oriel_gpu_head_statistics head = { .size = sizeof(head) };
	assert_true(oriel_gpu_get_head_statistics(rig.gpu, 0, &head));
	assert_int_equal(head.n_frames, 2);
	assert_int_equal(head.shown_width, 8);
	assert_true(oriel_gpu_get_head_statistics(rig.gpu, 1, &head));
	assert_int_equal(head.n_frames, 1);
	assert_int_equal(head.shown_width, 4);
	assert_int_equal(head.refresh_mhz, 60000);
	assert_false(oriel_gpu_get_head_statistics(rig.gpu, 2, &head));
	oriel_virtio_reset(rig.virtio);
	assert_int_equal(device_rig_statistics(&rig).n_frames, 3); // counts stay
	assert_true(oriel_gpu_get_head_statistics(rig.gpu, 0, &head));
	assert_int_equal(head.shown_width, 0);
	device_rig_finish(&rig);
}

/** Only fenced requests are timed, and from their start to the moment they go back. */
static void test_fences(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	rig.display.answers = FAKE_ANSWERS_LATER;
	const struct gpu_command waits =
			gpu_command_fenced(gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO), 1);
	const struct gpu_command behind = gpu_command_fenced(gpu_unref(1), 2); // an error
	const struct gpu_command free_one = gpu_create_2d(1, 1, 4, 4);
	(void)device_rig_submit(&rig, RIG_CONTROL, &waits);
	(void)device_rig_submit(&rig, RIG_CONTROL, &behind);
	(void)device_rig_submit(&rig, RIG_CONTROL, &free_one);
	const uint64_t before_ns = oriel_now_ns();
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(device_rig_statistics(&rig).fence_latency.n, 0);
	assert_int_equal(get_queue(&rig, RIG_CONTROL).depth, 2);
	const uint64_t seen_ns = oriel_now_ns();
	while (oriel_now_ns() < seen_ns + 1000000) {
		// Time has to pass: it is what is measured.
	}
	const uint64_t answer_ns = oriel_now_ns();
	fake_display_answer(&rig.display, -ETIMEDOUT);
	device_rig_run(&rig);
	const struct oriel_durations d = device_rig_statistics(&rig).fence_latency;
	assert_int_equal(d.n, 2);
	CHECK(d.p50_ns >= answer_ns - seen_ns, "%" PRIu64 " ns", d.p50_ns);
	CHECK(d.max_ns <= oriel_now_ns() - before_ns, "%" PRIu64 " ns", d.max_ns);
	assert_int_equal(get_queue(&rig, RIG_CONTROL).depth, 0);
	device_rig_finish(&rig);
}

static void test_queues(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	struct oriel_gpu_queue_statistics queue = get_queue(&rig, RIG_CONTROL);
	assert_string_equal(queue.name, "controlq");
	assert_false(queue.is_running);
	assert_int_equal(queue.ring_size, 0);
	assert_false(device_rig_statistics(&rig).is_running);
	device_rig_start(&rig);
	const struct gpu_command cmd = gpu_get_edid(0);
	for (unsigned int i = 0; i < 5; i++) {
		(void)device_rig_submit(&rig, RIG_CONTROL, &cmd);
	}
	assert_int_equal(get_queue(&rig, RIG_CONTROL).depth, 5);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	(void)device_rig_collect_all(&rig, RIG_CONTROL);
	(void)device_rig_type(&rig, gpu_get_edid(0));
	queue = get_queue(&rig, RIG_CONTROL);
	assert_true(queue.is_running);
	assert_int_equal(queue.ring_size, RIG_RING_SIZE);
	assert_int_equal(queue.depth, 0);
	assert_int_equal(queue.peak_depth, 5);
	assert_int_equal(queue.n_requests, 6);
	assert_int_equal(queue.n_turns, 2);
	assert_int_equal(get_queue(&rig, RIG_CURSOR).n_requests, 0);
	assert_false(oriel_gpu_get_queue_statistics(rig.gpu, 2, &queue));
	assert_true(device_rig_statistics(&rig).is_running);
	device_rig_finish(&rig);
}

static void test_limits(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	(void)device_rig_create_backed(&rig, 1, 32, 2048);          // 64 pages, in one piece or not
	(void)device_rig_type(&rig, gpu_create_2d(2, 1, 20000, 1)); // too large
	device_rig_create(&rig, 3, 4, 4);
	(void)device_rig_type(&rig, gpu_unref(1));
	const struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	assert_int_equal(s.n_resources, 1);
	assert_int_equal(s.peak_resources, 2);
	assert_int_equal(s.host_memory, 64);
	assert_int_equal(s.peak_host_memory, 32 * 2048 * 4 + 64);
	assert_int_equal(s.backing_memory, 0);
	assert_true(s.peak_backing_memory > 0);
	assert_int_equal(s.largest_dimension, 2048);
	assert_int_equal(s.max_dimension, 16384);
	assert_true(s.largest_backing >= 1);
	assert_int_equal(s.max_backing_entries, 262144);
	assert_int_equal(s.largest_chain, 2); // a request and its response
	assert_int_equal(s.max_chain, 4096);
	assert_int_equal(s.max_submit_size, 64u << 20);
	assert_int_equal(s.max_rings, 64);
	assert_int_equal(s.n_heads, 2);
	assert_int_equal(s.max_heads, 16);
	assert_true(s.n_memory_regions >= 1 && s.guest_memory >= RIG_MAIN_SIZE);
	device_rig_finish(&rig);
}

static void test_features(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	oriel_virtio_reset(rig.virtio); // the rig has negotiated packed rings, if it has them
	const uint64_t n_resets = device_rig_statistics(&rig).n_resets;
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_EDID).state, ORIEL_FEATURE_NO_DRIVER);
	assert_true(get_feature(&rig, VIRTIO_GPU_F_EDID).is_offered);
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_VIRGL).state, ORIEL_FEATURE_NO_RENDERER);
	assert_false(get_feature(&rig, VIRTIO_GPU_F_VIRGL).is_offered);
	device_rig_set_features(&rig, (1u << VIRTIO_GPU_F_EDID) | (1u << VIRTIO_GPU_F_VIRGL));
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_EDID).state, ORIEL_FEATURE_ON);
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_RESOURCE_BLOB).state,
			ORIEL_FEATURE_DECLINED);
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_VIRGL).state, ORIEL_FEATURE_NO_RENDERER);
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_BLOB_ALIGNMENT).state,
			ORIEL_FEATURE_NOT_IMPLEMENTED);
	assert_string_equal(get_feature(&rig, VIRTIO_GPU_F_EDID).name, "VIRTIO_GPU_F_EDID");
	assert_int_equal(device_rig_statistics(&rig).n_resets, n_resets);
	oriel_virtio_reset(rig.virtio);
	oriel_virtio_reset(rig.virtio); // of nothing
	assert_int_equal(device_rig_statistics(&rig).n_resets, n_resets + 1);
	assert_int_equal(get_feature(&rig, VIRTIO_GPU_F_EDID).state, ORIEL_FEATURE_NO_DRIVER);
	device_rig_finish(&rig);
}

/** Callers of other versions: as much is filled as they have. */
static void test_sizes_of_callers(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	struct {
		struct oriel_gpu_queue_statistics queue;
		uint8_t behind[16];
	} later;
	memset(&later, 0xee, sizeof(later));
	later.queue.size = sizeof(later);
	assert_true(oriel_gpu_get_queue_statistics(rig.gpu, 0, &later.queue));
	assert_int_equal(later.queue.size, sizeof(later));
	assert_int_equal(later.queue.n_requests, 0);
	assert_int_equal(later.behind[0], 0xee);
	memset(&later, 0xee, sizeof(later));
	later.queue.size = 0; // forgotten
	assert_true(oriel_gpu_get_queue_statistics(rig.gpu, 0, &later.queue));
	assert_int_equal(later.queue.n_requests, 0xeeeeeeeeeeeeeeee);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_fences),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_sizes_of_callers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
