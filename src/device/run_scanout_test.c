// SPDX-License-Identifier: MIT
/* Tests of SET_SCANOUT and RESOURCE_FLUSH: each error in its order, and what displays are told. */
#include "device/device.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define BAD_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

static const struct oriel_rect all = { 0, 0, 64, 48 };
static const struct oriel_rect other = { 8, 4, 16, 12 };
static const struct oriel_rect nonsense = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };

static void begin(struct device_rig *rig) {
	device_rig_init(rig, NULL);
	device_rig_start(rig);
	device_rig_create(rig, 1, 64, 48);
	fake_display_forget(&rig->display);
}

static void check_event(const struct device_rig *rig, uint32_t i, enum fake_event_type type,
		uint32_t scanout_id, struct oriel_rect rect, const char *name) {
	CHECK(i < rig->display.n_events, "%s: only %u events", name, rig->display.n_events);
	const struct fake_event *event = &rig->display.events[i];
	CHECK(event->type == type && event->scanout_id == scanout_id, "%s: event %u is %d of %u",
			name, i, event->type, event->scanout_id);
	CHECK(oriel_rect_equals(&event->rect, &rect), "%s: event %u: %u,%u %ux%u", name, i,
			event->rect.x, event->rect.y, event->rect.width, event->rect.height);
}

static void test_set_scanout_errors(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t scanout_id, id;
		struct oriel_rect rect;
		uint32_t type;
	} cases[] = {
		{ "all of it", 1, 1, { 0, 0, 64, 48 }, OK },
		{ "H-094 1x1", 1, 1, { 63, 47, 1, 1 }, OK },
		{ "H-089 scanout 2 of 2", 2, 1, { 0, 0, 64, 48 }, BAD_SCANOUT },
		{ "H-089 scanout 31", 31, 1, { 0, 0, 64, 48 }, BAD_SCANOUT },
		{ "H-089 scanout 32 comes before the resource", 32, 9, { 0, 0, 64, 48 },
				BAD_SCANOUT },
		{ "H-089 largest scanout, off", UINT32_MAX, 0, { 0, 0, 0, 0 }, BAD_SCANOUT },
		{ "H-091 unknown resource", 1, 9, { 0, 0, 64, 48 }, BAD_RESOURCE },
		{ "H-091 unknown resource comes before the rectangle", 1, 9, { 0, 0, 0, 0 },
				BAD_RESOURCE },
		{ "H-093 no width", 1, 1, { 0, 0, 0, 48 }, BAD_PARAMETER },
		{ "H-093 no height", 1, 1, { 0, 0, 64, 0 }, BAD_PARAMETER },
		{ "H-093 x wraps", 1, 1, { UINT32_MAX, 0, 2, 48 }, BAD_PARAMETER },
		{ "H-093 y wraps", 1, 1, { 0, UINT32_MAX, 64, 2 }, BAD_PARAMETER },
		{ "H-093 a column outside", 1, 1, { 0, 0, 65, 48 }, BAD_PARAMETER },
		{ "H-093 a row outside", 1, 1, { 0, 1, 64, 48 }, BAD_PARAMETER },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct device_rig rig;
		begin(&rig);
		assert_int_equal(device_rig_type(&rig, gpu_set_scanout(1, 1, other)), OK);
		fake_display_forget(&rig.display);
		uint32_t type = device_rig_type(&rig,
				gpu_set_scanout(cases[i].scanout_id, cases[i].id, cases[i].rect));
		CHECK(type == cases[i].type, "%s: 0x%x", cases[i].name, type);
		CHECK(rig.display.n_events == (type == OK ? 1u : 0u), "%s: %u events",
				cases[i].name, rig.display.n_events);
		const struct oriel_rect *src = &rig.gpu->screen.scanouts[1].src;
		CHECK(oriel_rect_equals(src, type == OK ? &cases[i].rect : &other),
				"%s: the scanout", cases[i].name);
		device_rig_finish(&rig);
	}
}

/** H-090, H-095: off is off, whatever the rectangle; the same again is cheap. */
static void test_on_and_off(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, all)), OK);
	check_event(&rig, 0, FAKE_SCANOUT, 0, all, "on");
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, all)), OK);
	assert_int_equal(rig.display.n_events, 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 0, nonsense)), OK);
		assert_int_equal(rig.display.n_events, 2);
	}
	check_event(&rig, 1, FAKE_SCANOUT, 0, (struct oriel_rect){ 0 }, "off");
	device_rig_finish(&rig);
}

static void test_flush_errors(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t id;
		struct oriel_rect rect;
		uint32_t type;
		uint32_t n_events;
	} cases[] = {
		{ "all of it", 1, { 0, 0, 64, 48 }, OK, 1 },
		{ "H-096 id 0", 0, { 0, 0, 64, 48 }, BAD_RESOURCE, 0 },
		{ "H-096 unknown comes before the rectangle", 9, { 0, 0, 65, 48 }, BAD_RESOURCE,
				0 },
		{ "H-097 a column outside", 1, { 1, 0, 64, 48 }, BAD_PARAMETER, 0 },
		{ "H-097 a row outside", 1, { 0, 0, 64, 49 }, BAD_PARAMETER, 0 },
		{ "H-097 x wraps", 1, { UINT32_MAX, 0, 2, 2 }, BAD_PARAMETER, 0 },
		{ "H-098 empty", 1, { 0, 0, 0, 0 }, OK, 0 },
		{ "H-098 empty at the end", 1, { 64, 48, 0, 0 }, OK, 0 },
		{ "H-098 empty outside", 1, { 65, 0, 0, 0 }, BAD_PARAMETER, 0 },
		{ "on no scanout", 2, { 0, 0, 64, 48 }, OK, 0 },
	};
	struct device_rig rig;
	begin(&rig);
	device_rig_create(&rig, 2, 64, 48);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, all)), OK);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		fake_display_forget(&rig.display);
		uint32_t type = device_rig_type(&rig, gpu_flush(cases[i].id, cases[i].rect));
		CHECK(type == cases[i].type, "%s: 0x%x", cases[i].name, type);
		CHECK(rig.display.n_events == cases[i].n_events, "%s: %u events", cases[i].name,
				rig.display.n_events);
	}
	device_rig_finish(&rig);
}

/** Damage is cut to what each scanout shows, and told in its coordinates. */
static void test_flush_of_parts(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, other)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(1, 1, all)), OK);
	fake_display_forget(&rig.display);
	const struct oriel_rect damage = { 20, 0, 30, 10 };
	assert_int_equal(device_rig_type(&rig, gpu_flush(1, damage)), OK);
	assert_int_equal(rig.display.n_events, 2);
	check_event(&rig, 0, FAKE_PRESENT, 0, (struct oriel_rect){ 12, 0, 4, 6 }, "part");
	check_event(&rig, 1, FAKE_PRESENT, 1, damage, "whole");
	// Beside the first one.
	assert_int_equal(device_rig_type(&rig, gpu_flush(1, (struct oriel_rect){ 24, 0, 1, 1 })),
			OK);
	assert_int_equal(rig.display.n_events, 3);
	check_event(&rig, 2, FAKE_PRESENT, 1, (struct oriel_rect){ 24, 0, 1, 1 }, "beside");
	device_rig_finish(&rig);
}

/** A display that comes late is shown all there is; one that went is told nothing. */
static void test_displays_come_and_go(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	oriel_gpu_detach_display(rig.gpu, &rig.display.base);
	oriel_gpu_detach_display(rig.gpu, &rig.display.base);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(1, 1, other)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_flush(1, all)), OK);
	assert_int_equal(rig.display.n_events, 0);
	oriel_gpu_attach_display(rig.gpu, &rig.display.base);
	assert_int_equal(rig.display.n_events, 2);
	check_event(&rig, 0, FAKE_SCANOUT, 1, other, "late");
	check_event(&rig, 1, FAKE_PRESENT, 1, (struct oriel_rect){ 0, 0, 16, 12 }, "late");

	// Of another device: not ours to detach.
	struct device_rig second;
	begin(&second);
	oriel_gpu_detach_display(second.gpu, &rig.display.base);
	assert_non_null(rig.display.base.screen);
	device_rig_finish(&second);
	device_rig_finish(&rig);
}

/** Without memory to share, the scanout stays as it was. */
static void test_no_memory(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	device_rig_create(&rig, 2, 64, 48);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, other)), OK);
	fake_display_forget(&rig.display);
	size_t n_fds = count_open_fds();
	size_t n = 1;
	for (;; n++) {
		fail_alloc_at(n);
		uint32_t type = device_rig_type(&rig, gpu_set_scanout(0, 2, all));
		bool has_failed = fail_alloc_has_failed();
		fail_alloc_at(0);
		if (!has_failed) {
			assert_int_equal(type, OK);
			break;
		}
		assert_int_equal(type, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
		assert_int_equal(count_open_fds(), n_fds);
		assert_int_equal(rig.display.n_events, 0);
		assert_true(oriel_rect_equals(&rig.gpu->screen.scanouts[0].src, &other));
	}
	assert_in_range(n, 3, 10); // memfd, mmap
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_scanout_errors),
		cmocka_unit_test(test_on_and_off),
		cmocka_unit_test(test_flush_errors),
		cmocka_unit_test(test_flush_of_parts),
		cmocka_unit_test(test_displays_come_and_go),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
