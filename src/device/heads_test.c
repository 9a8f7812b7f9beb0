// SPDX-License-Identifier: MIT
/*
 * Tests of heads that change: what the guest is told, when it is notified, and that no change is
 * lost between its question and its clearing the event.
 */
#include "device/device.h"

#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <errno.h>
#include <string.h>

static uint32_t n_notified;

static void count_notification(void *user) {
	(void)user;
	n_notified++;
}

static void begin(struct device_rig *rig, enum fake_answers answers) {
	device_rig_init(rig, NULL); // two heads
	rig->display.answers = answers;
	struct oriel_virtio_listener listener = rig->virtio->listener;
	listener.handle_config_change = count_notification;
	oriel_virtio_set_listener(rig->virtio, &listener);
	n_notified = 0;
}

static struct oriel_gpu_head head_of(uint32_t width, uint32_t height) {
	return (struct oriel_gpu_head){ .size = sizeof(struct oriel_gpu_head),
		.width = width,
		.height = height };
}

static uint32_t read_events(struct device_rig *rig) {
	uint8_t bytes[4];
	oriel_virtio_read_config(rig->virtio, 0, bytes, sizeof(bytes));
	struct oriel_reader r = oriel_reader_of(bytes, sizeof(bytes));
	return oriel_read_u32(&r);
}

static void clear_events(struct device_rig *rig, uint8_t bits) {
	const uint8_t bytes[4] = { bits };
	oriel_virtio_write_config(rig->virtio, 4, bytes, sizeof(bytes));
}

static void ask(struct device_rig *rig, struct oriel_display_one ret[VIRTIO_GPU_MAX_SCANOUTS]) {
	struct rig_reply reply =
			device_rig_call(rig, gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
	struct oriel_reader r = oriel_reader_of(reply.body, ORIEL_RESP_DISPLAY_INFO_SIZE);
	assert_int_equal(oriel_decode_resp_display_info(&r, ret), 0);
}

static void test_a_change_is_told(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_CANNOT_ANSWER);
	struct oriel_gpu_head head = head_of(800, 600);
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 0, &head), 0);
	assert_int_equal(n_notified + read_events(&rig), 0); // nobody runs who could ask
	device_rig_start(&rig);
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	ask(&rig, heads);
	assert_int_equal(heads[0].rect.width, 800);

	head = head_of(1024, 768);
	head.x = 7;
	head.y = 8;
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 0, &head), 0);
	assert_int_equal(n_notified, 1);
	assert_int_equal(read_events(&rig), VIRTIO_GPU_EVENT_DISPLAY);
	ask(&rig, heads);
	const struct oriel_rect want = { 7, 8, 1024, 768 };
	assert_true(heads[0].enabled && oriel_rect_equals(&heads[0].rect, &want));
	clear_events(&rig, 0xfe); // not that one
	assert_int_equal(read_events(&rig), VIRTIO_GPU_EVENT_DISPLAY);
	clear_events(&rig, 1);
	assert_int_equal(read_events(&rig), 0);
	assert_int_equal(n_notified, 1);

	head.is_off = true;
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 0, &head), 0);
	ask(&rig, heads);
	static const struct oriel_rect none;
	assert_true(!heads[0].enabled && oriel_rect_equals(&heads[0].rect, &none));
	assert_true(heads[1].enabled);
	device_rig_finish(&rig);
}

static void test_no_change_is_lost(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_CANNOT_ANSWER);
	device_rig_start(&rig);
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	struct oriel_gpu_head head = head_of(800, 600);
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 0, &head), 0);
	ask(&rig, heads);
	head = head_of(640, 480); // the driver has asked, and has not cleared the event yet
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 0, &head), 0);
	assert_int_equal(n_notified, 1); // it has been told, and has not looked
	clear_events(&rig, 1);
	assert_int_equal(n_notified, 2);
	assert_int_equal(read_events(&rig), VIRTIO_GPU_EVENT_DISPLAY);
	ask(&rig, heads);
	assert_int_equal(heads[0].rect.width, 640);
	clear_events(&rig, 1);
	assert_int_equal(read_events(&rig), 0);
	oriel_virtio_reset(rig.virtio);
	device_rig_start(&rig);
	assert_int_equal(read_events(&rig), 0);
	device_rig_finish(&rig);
}

static void test_what_cannot_be(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_CANNOT_ANSWER);
	device_rig_start(&rig);
	const struct oriel_gpu_head good = head_of(800, 600);
	const struct {
		const char *name;
		uint32_t i;
		struct oriel_gpu_head head;
	} cases[] = {
		{ "no such head", 2, good },
		{ "no size", 0, { .size = good.size - 1, .width = 1, .height = 1 } },
		{ "no width", 0, { .size = good.size, .height = 1 } },
		{ "too wide", 0, { .size = good.size, .width = 16385, .height = 1 } },
		{ "too slow", 0, { .size = good.size, .width = 1, .height = 1, .refresh_mhz = 9 } },
		{ "far out", 0, { .size = good.size, .x = INT32_MAX, .width = 1, .height = 1 } },
		{ "long name", 0,
				{ .size = good.size,
						.width = 1,
						.height = 1,
						.name = "14 characters!" } },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int err = oriel_gpu_set_head(rig.gpu, cases[i].i, &cases[i].head);
		CHECK(err == -EINVAL, "%s: %d", cases[i].name, err);
	}
	assert_int_equal(n_notified + read_events(&rig), 0);
	device_rig_finish(&rig);
}

/** The EDID says what was asked for; of a size of the VMM's own, no millimetres. */
static void test_monitors(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_CANNOT_ANSWER);
	device_rig_start(&rig);
	struct oriel_gpu_head head = head_of(1920, 1080);
	head.refresh_mhz = 75000;
	head.width_mm = 600;
	head.height_mm = 340;
	head.name = "13 characters";
	head.serial = "42";
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 1, &head), 0);
	struct oriel_edid_mode mode = { .width_px = 1920,
		.height_px = 1080,
		.refresh_mhz = 75000,
		.width_mm = 600,
		.height_mm = 340,
		.name = "13 characters",
		.serial = "42" };
	uint8_t want[ORIEL_EDID_BUF_SIZE], got[ORIEL_EDID_MAX_SIZE];
	size_t want_size, got_size;
	for (int is_vmms = 0; is_vmms < 2; is_vmms++) {
		if (is_vmms == 1) {
			rig.display.answers = FAKE_ANSWERS_NOW;
			rig.display.reply.heads[1] =
					(struct oriel_head){ .rect = { 0, 0, 500, 400 },
						.enabled = true };
			struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
			ask(&rig, heads);
			rig.display.answers = FAKE_CANNOT_ANSWER;
			mode.width_px = 500;
			mode.height_px = 400;
			mode.width_mm = 0;
			mode.height_mm = 0;
		}
		assert_int_equal(oriel_edid_encode(&mode, want, &want_size), 0);
		struct rig_reply reply = device_rig_call(&rig, gpu_get_edid(1));
		struct oriel_reader r = oriel_reader_of(reply.body, ORIEL_RESP_EDID_SIZE);
		assert_int_equal(oriel_decode_resp_edid(&r, got, &got_size), 0);
		assert_int_equal(got_size, want_size);
		assert_memory_equal(got, want, want_size);
	}
	device_rig_finish(&rig);
}

/** A viewer's wish: names and density stay, neighbours move; the VMM's heads are the VMM's. */
static void test_resize(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_CANNOT_ANSWER);
	device_rig_start(&rig);
	struct oriel_gpu_head head = head_of(1000, 500);
	head.width_mm = 200;
	head.height_mm = 100;
	head.name = "Left";
	assert_int_equal(oriel_gpu_set_head(rig.gpu, 0, &head), 0);
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	ask(&rig, heads);
	clear_events(&rig, 1);
	const uint32_t x = heads[1].rect.x;
	const struct oriel_wanted_size size = { 1500, 750, 50000 };
	n_notified = 0;
	assert_int_equal(oriel_screen_set_size(&rig.gpu->screen, 0, &size), 0);
	assert_int_equal(n_notified, 1);
	ask(&rig, heads);
	assert_int_equal(heads[0].rect.width, 1500);
	assert_int_equal(heads[1].rect.x, x + 500);
	const struct oriel_edid_mode *monitor = &rig.gpu->heads.monitors[0];
	assert_int_equal(monitor->width_mm, 300);
	assert_int_equal(monitor->height_mm, 150);
	assert_int_equal(monitor->refresh_mhz, 50000);
	assert_string_equal(monitor->name, "Left");

	const struct oriel_wanted_size off = { 0 };
	assert_int_equal(oriel_screen_set_size(&rig.gpu->screen, 0, &off), 0);
	ask(&rig, heads);
	assert_false(heads[0].enabled);
	const struct oriel_wanted_size flat = { 5, 0, 0 };
	const struct oriel_wanted_size huge = { 16385, 1, 0 };
	assert_int_equal(oriel_screen_set_size(&rig.gpu->screen, 0, &flat), -EINVAL);
	assert_int_equal(oriel_screen_set_size(&rig.gpu->screen, 0, &huge), -EINVAL);
	rig.display.answers = FAKE_ANSWERS_NOW;
	assert_int_equal(oriel_screen_set_size(&rig.gpu->screen, 0, &size), -EOPNOTSUPP);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_change_is_told),
		cmocka_unit_test(test_no_change_is_lost),
		cmocka_unit_test(test_what_cannot_be),
		cmocka_unit_test(test_monitors),
		cmocka_unit_test(test_resize),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
