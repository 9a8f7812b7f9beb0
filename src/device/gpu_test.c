// SPDX-License-Identifier: MIT
/*
 * Tests of the device as a whole: options, configuration space, features, statistics, and that
 * construction and every command survive an allocation that fails.
 */
#include "device/device.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA

static int create(const struct oriel_gpu_options *options) {
	struct oriel_loop *loop;
	struct oriel_renderer *renderer;
	struct oriel_gpu *const untouched = (struct oriel_gpu *)(void *)&loop;
	struct oriel_gpu *gpu = untouched;
	assert_int_equal(oriel_loop_create(&loop), 0);
	assert_int_equal(oriel_pixman_renderer_create(&renderer), 0);
	int err = oriel_gpu_create(loop, renderer, options, &gpu);
	if (err == 0) {
		oriel_gpu_destroy(gpu);
	} else {
		assert_ptr_equal(gpu, untouched);
	}
	oriel_renderer_destroy(renderer);
	oriel_loop_destroy(loop);
	return err;
}

static void test_options(void **state) {
	(void)state;
	const size_t size = sizeof(struct oriel_gpu_options);
	const struct {
		const char *name;
		struct oriel_gpu_options options;
		int err;
	} cases[] = {
		{ "defaults", { .size = size }, 0 },
		{ "no size", { .size = 0 }, -EINVAL },
		{ "short", { .size = size - 1 }, -EINVAL },
		{ "of a later header", { .size = size + 8 }, 0 },
		{ "16 heads", { .size = size, .n_heads = 16 }, 0 },
		{ "17 heads", { .size = size, .n_heads = 17 }, -EINVAL },
		{ "widest", { .size = size, .width = 16384 }, 0 },
		{ "too wide", { .size = size, .width = 16385 }, -EINVAL },
		{ "highest", { .size = size, .height = 16384 }, 0 },
		{ "too high", { .size = size, .height = 16385 }, -EINVAL },
		{ "largest queue", { .size = size, .control_queue_size = 32768 }, 0 },
		{ "queue too large", { .size = size, .control_queue_size = 32769 }, -EINVAL },
		{ "no power of two", { .size = size, .control_queue_size = 1023 }, 0 },
		{ "smallest queue", { .size = size, .cursor_queue_size = 1 }, 0 },
		{ "cursor queue too large", { .size = size, .cursor_queue_size = 32769 }, -EINVAL },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int err = create(&cases[i].options);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
	}
	oriel_gpu_destroy(NULL);
}

static void test_identity(void **state) {
	(void)state;
	const struct oriel_gpu_options options = { .control_queue_size = 512 };
	struct device_rig rig;
	device_rig_init_rings(&rig, &options, 16, 16);
	assert_int_equal(oriel_virtio_get_device_id(rig.virtio), 16);
	assert_int_equal(oriel_virtio_count_queues(rig.virtio), 2);
	assert_int_equal(oriel_virtio_get_max_queue_size(rig.virtio, 0), 512);
	assert_int_equal(oriel_virtio_get_max_queue_size(rig.virtio, 1), 32768);
	assert_int_equal(oriel_virtio_get_max_queue_size(rig.virtio, 2), 0);
	// EDID, RESOURCE_UUID, RESOURCE_BLOB; INDIRECT_DESC, EVENT_IDX, VERSION_1, RING_PACKED.
	assert_int_equal(oriel_virtio_get_features(rig.virtio), 0x53000000e);
	device_rig_finish(&rig);
	device_rig_init_rings(&rig, NULL, 256, 16);
	assert_int_equal(oriel_virtio_get_max_queue_size(rig.virtio, 0), 32768);
	device_rig_finish(&rig);
}

/** Of a machine that is paused and goes on, features may be set with anything in them. */
static void test_features(void **state) {
	(void)state;
	static const uint64_t all[] = { 0, UINT64_MAX, 1ull << ORIEL_VIRTIO_F_VERSION_1, 0x3f };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(all); i++) {
		struct device_rig rig;
		device_rig_init(&rig, NULL);
		device_rig_set_features(&rig, all[i]);
		rig.rings[0].event_idx = (all[i] >> ORIEL_VIRTIO_F_EVENT_IDX & 1) != 0;
		device_rig_start_queue(&rig, RIG_CONTROL);
		device_rig_create(&rig, 1, 4, 4);
		device_rig_finish(&rig);
	}
}

/** What the 20 bytes are, events_read being 0 (virtio 1.3, 5.7.4). */
static const uint8_t config_bytes[20] = { 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x10 };

/** H-053, H-054: any offset, any size. */
static void test_read_config(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	for (uint32_t offset = 0; offset <= 24; offset++) {
		for (size_t size = 0; size <= 32; size++) {
			uint8_t buf[33], want[33] = { 0 };
			memset(buf, 0xee, sizeof(buf));
			want[size] = 0xee;
			for (size_t i = 0; i < size && offset + i < 20; i++) {
				want[i] = config_bytes[offset + i];
			}
			oriel_virtio_read_config(rig.virtio, offset, buf, size);
			CHECK(memcmp(buf, want, size + 1) == 0, "%u, %zu bytes", offset, size);
		}
	}
	uint8_t buf[4] = { 1, 1, 1, 1 };
	oriel_virtio_read_config(rig.virtio, UINT32_MAX, buf, 4);
	assert_int_equal(buf[0] | buf[1] | buf[2] | buf[3], 0);
	device_rig_finish(&rig);
}

/** Only bits of events_read can be cleared, those that are 1 in events_clear's bytes. */
static void test_write_config(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	uint8_t bytes[32], buf[20], want[20];
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(0x11 * (i % 13 + 1));
	}
	for (uint32_t offset = 0; offset <= 24; offset++) {
		for (size_t size = 0; size <= sizeof(bytes); size++) {
			rig.gpu->events_read = UINT32_MAX;
			oriel_virtio_write_config(rig.virtio, offset, bytes, size);
			oriel_virtio_read_config(rig.virtio, 0, buf, sizeof(buf));
			memcpy(want, config_bytes, sizeof(want));
			for (uint32_t i = 0; i < 4; i++) {
				uint32_t at = 4 + i;
				bool is_written = at >= offset && at < offset + size;
				want[i] = is_written ? (uint8_t)~bytes[at - offset] : 0xff;
			}
			CHECK(memcmp(buf, want, sizeof(buf)) == 0, "%u, %zu bytes", offset, size);
		}
	}
	rig.gpu->events_read = UINT32_MAX;
	oriel_virtio_write_config(rig.virtio, UINT32_MAX, bytes, sizeof(bytes));
	oriel_virtio_write_config(rig.virtio, UINT32_MAX - 3, bytes, sizeof(bytes));
	assert_int_equal(rig.gpu->events_read, UINT32_MAX);
	oriel_virtio_reset(rig.virtio);
	assert_int_equal(rig.gpu->events_read, 0);
	device_rig_finish(&rig);
}

static void test_statistics(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create_backed(&rig, 1, 4, 8);
	assert_int_equal(device_rig_type(&rig, gpu_unref(9)),
			VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	assert_int_equal(s.size, sizeof(s));
	assert_int_equal(s.n_resources, 1);
	assert_int_equal(s.max_resources, 16384);
	assert_int_equal(s.host_memory, 128);
	assert_int_equal(s.max_host_memory, 1u << 30);
	assert_true(s.backing_memory > 0);
	assert_int_equal(s.max_backing_memory, 256u << 20);
	assert_int_equal(s.n_commands, 3);
	assert_int_equal(s.n_errors, 1);
	// A caller that knows less, or more, of them.
	memset(&s, 0xee, sizeof(s));
	s.size = 16;
	oriel_gpu_get_statistics(rig.gpu, &s);
	assert_int_equal(s.n_resources, 1);
	assert_int_equal(s.max_resources, 0xeeeeeeeeeeeeeeee);
	device_rig_finish(&rig);
}

static void test_limits_off_and_none(void **state) {
	(void)state;
	struct oriel_gpu_options options = {
		.max_resources = ORIEL_LIMIT_OFF,
		.max_host_memory = ORIEL_LIMIT_OFF,
		.max_backing_entries = ORIEL_LIMIT_OFF,
		.max_backing_memory = ORIEL_LIMIT_OFF,
		.max_dimension = ORIEL_LIMIT_OFF,
	};
	struct device_rig rig;
	device_rig_init(&rig, &options);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 1000000, 1000); // nothing of it is touched
	device_rig_create_backed(&rig, 2, 4, 4);
	device_rig_finish(&rig);

	uint64_t *const limits[] = { &options.max_resources, &options.max_host_memory,
		&options.max_dimension };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(limits); i++) {
		*limits[i] = ORIEL_LIMIT_NONE;
		device_rig_init(&rig, &options);
		device_rig_start(&rig);
		uint32_t type = device_rig_type(&rig, gpu_create_2d(1, 1, 1, 1));
		CHECK(type == VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, "limit %zu: 0x%x", i, type);
		device_rig_finish(&rig);
		*limits[i] = ORIEL_LIMIT_OFF;
	}
}

static int create_again(void *user) {
	(void)user;
	const struct oriel_gpu_options options = { .size = sizeof(options) };
	struct oriel_loop *loop;
	struct oriel_renderer *renderer = NULL;
	struct oriel_gpu *gpu;
	int err = oriel_loop_create(&loop);
	if (err < 0) {
		return err;
	}
	err = oriel_pixman_renderer_create(&renderer);
	if (err == 0) {
		err = oriel_gpu_create(loop, renderer, &options, &gpu);
	}
	if (err == 0) {
		oriel_gpu_destroy(gpu);
	}
	oriel_renderer_destroy(renderer);
	oriel_loop_destroy(loop);
	return err;
}

static void test_create_without_memory(void **state) {
	(void)state;
	assert_in_range(fail_alloc_each(create_again, NULL), 8, 40);
}

/** A desktop's life, in which one allocation fails: errors may come, nothing breaks or leaks. */
static bool live(size_t n) {
	const struct oriel_rect all = { 0, 0, 64, 64 };
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	const struct oriel_mem_entry entry = { FAKE_GUEST_BASE, 16384 };
	const struct gpu_command commands[] = {
		gpu_create_2d(1, 1, 64, 64),
		gpu_attach(1, &entry, 1, 1),
		gpu_transfer(1, all, 0),
		gpu_set_scanout(0, 1, all),
		gpu_flush(1, all),
		gpu_assign_uuid(1),
		gpu_update_cursor(1, 1, 0, 0),
		gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
		gpu_get_edid(0),
		gpu_detach(1),
		gpu_unref(1),
	};
	const struct rig_chain chain = { .room = RIG_ROOM, .span_size = 90 };
	rig.display.answers = FAKE_ANSWERS_NOW;
	fail_alloc_at(n);
	uint32_t n_no_memory = 0;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(commands); i++) {
		unsigned int queue = i == 6 ? RIG_CURSOR : RIG_CONTROL;
		struct rig_reply reply = device_rig_call_as(&rig, queue, commands[i].bytes,
				commands[i].size, &chain);
		CHECK(reply.hdr.type != 0, "allocation %zu, command %zu: no answer", n, i);
		n_no_memory += reply.hdr.type == VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY ? 1 : 0;
	}
	bool has_failed = fail_alloc_has_failed();
	fail_alloc_at(0);
	struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	CHECK(s.n_resources + s.host_memory + s.backing_memory == 0, "allocation %zu", n);
	CHECK(n_no_memory <= 1 && (has_failed || s.n_errors == 0), "allocation %zu", n);
	device_rig_finish(&rig);
	return has_failed;
}

static void test_commands_without_memory(void **state) {
	(void)state;
	size_t n_fds = count_open_fds();
	size_t n = 1;
	while (live(n)) {
		assert_int_equal(count_open_fds(), n_fds);
		n++;
	}
	assert_in_range(n, 8, 40);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_read_config),
		cmocka_unit_test(test_write_config),
		cmocka_unit_test(test_statistics),
		cmocka_unit_test(test_limits_off_and_none),
		cmocka_unit_test(test_create_without_memory),
		cmocka_unit_test(test_commands_without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
