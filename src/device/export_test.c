// SPDX-License-Identifier: MIT
/*
 * Tests of 3D scanouts that are shown as dma-bufs, over a renderer whose operations come back when
 * the test says so. The files are no dma-bufs.
 */
#include "device/device.h"

#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/gpu_command_3d.h"
#include "fixture/manual_renderer3d.h"

#include <errno.h>
#include <fcntl.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define SIDE 16u

static const struct oriel_rect all = { 0, 0, SIDE, SIDE };
static const struct oriel_rect dot = { 2, 3, 4, 5 };

struct fixture {
	struct device_rig rig;
	struct manual_renderer3d renderer;
};

/** A device with a prompt renderer that can export, and a display that takes dma-bufs. */
static void begin(struct fixture *f) {
	manual_renderer3d_init(&f->renderer);
	f->renderer.base.can_export = true;
	const struct oriel_gpu_options options = { .size = sizeof(options),
		.n_heads = 2,
		.renderer3d = &f->renderer.base };
	device_rig_init(&f->rig, &options);
	device_rig_set_features(&f->rig, RIG_ALL_FEATURES & ~(1ull << ORIEL_VIRTIO_F_EVENT_IDX));
	device_rig_start_queue(&f->rig, RIG_CONTROL);
	device_rig_start_queue(&f->rig, RIG_CURSOR);
	manual_renderer3d_finish_all(&f->renderer, 0); // SET_MEMORY
	manual_renderer3d_forget(&f->renderer);
	f->renderer.is_prompt = true;
	f->rig.display.needs_no_pixels = true;
	f->rig.display.base.dmabufs = ORIEL_DISPLAY_TAKES_DMABUFS;
	for (uint32_t id = 1; id <= 2; id++) {
		assert_int_equal(device_rig_type(&f->rig, gpu_create_3d(id, 2, SIDE, SIDE)), OK);
	}
}

static void finish(struct fixture *f) {
	f->renderer.is_prompt = false;
	device_rig_finish(&f->rig);
	oriel_renderer3d_destroy(&f->renderer.base);
}

static uint32_t show(struct fixture *f, uint32_t id, struct oriel_rect rect) {
	return device_rig_type(&f->rig, gpu_set_scanout(0, id, rect));
}

static uint32_t flush(struct fixture *f, uint32_t id, struct oriel_rect rect) {
	return device_rig_type(&f->rig, gpu_flush(id, rect));
}

static const struct oriel_scanout *get_scanout(const struct fixture *f) {
	return &f->rig.gpu->screen.scanouts[0];
}

static size_t count(const struct fixture *f, enum oriel_render3d_type type) {
	return manual_renderer3d_count(&f->renderer, type);
}

static void test_nothing_is_read(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	assert_int_equal(count(&f, ORIEL_RENDER3D_EXPORT), 1);
	const struct oriel_scanout *scanout = get_scanout(&f);
	assert_non_null(scanout->dmabuf);
	assert_int_equal(scanout->dmabuf->layout.width, SIDE);
	assert_false(scanout->dmabuf->layout.is_guest_memory);
	assert_true(scanout->is_behind);
	fake_display_forget(&f.rig.display);
	assert_int_equal(flush(&f, 1, dot), OK);
	assert_int_equal(f.rig.display.n_events, 1);
	assert_true(oriel_rect_equals(&f.rig.display.events[0].rect, &dot));
	assert_int_equal(count(&f, ORIEL_RENDER3D_EXPORT), 2); // so that it is drawn
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 0);
	finish(&f);
}

/** A flush is shown when the renderer has drawn it; what comes behind it waits. */
static void test_flush_waits_for_the_renderer(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	fake_display_forget(&f.rig.display);
	f.renderer.is_prompt = false;
	const struct gpu_command first = gpu_flush(1, dot);
	const struct gpu_command second = gpu_create_2d(9, 2, 4, 4);
	device_rig_submit(&f.rig, RIG_CONTROL, &first);
	device_rig_submit(&f.rig, RIG_CONTROL, &second);
	device_rig_kick(&f.rig, RIG_CONTROL);
	device_rig_run(&f.rig);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 0);
	assert_int_equal(f.rig.display.n_events, 0);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_EXPORT, 0);
	device_rig_run(&f.rig);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 2);
	assert_int_equal(f.rig.display.n_events, 1);
	finish(&f);
}

/** Each buffer is exported once, however often it is shown; a part says where it is. */
static void test_flips_and_parts(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	const struct oriel_dmabuf *seen[2] = { NULL, NULL };
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(show(&f, 1 + i % 2, all), OK);
		const struct oriel_dmabuf *dmabuf = get_scanout(&f)->dmabuf;
		assert_true(dmabuf != NULL && (seen[i % 2] == NULL || seen[i % 2] == dmabuf));
		seen[i % 2] = dmabuf;
	}
	assert_ptr_not_equal(seen[0], seen[1]);
	assert_int_equal(count(&f, ORIEL_RENDER3D_EXPORT), 2);
	const struct oriel_rect part = { 4, 5, 6, 7 };
	fake_display_forget(&f.rig.display);
	assert_int_equal(show(&f, 1, part), OK);
	assert_int_equal(get_scanout(&f)->src.width, 6);
	assert_int_equal(get_scanout(&f)->dmabuf_x, 4);
	assert_int_equal(get_scanout(&f)->dmabuf_y, 5);
	// Another size is shown at once, as when it is read back.
	const struct fake_event *last = &f.rig.display.events[f.rig.display.n_events - 1];
	assert_int_equal(last->type, FAKE_PRESENT);
	assert_int_equal(last->rect.width, 6);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 0);
	finish(&f);
}

/** A display that needs pixels gets all that is missing, and then what is flushed. */
static void test_late_need_of_pixels(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	assert_int_equal(flush(&f, 1, dot), OK);
	struct fake_display late;
	fake_display_init(&late);
	late.needs_no_pixels = true; // until it is attached
	oriel_gpu_attach_display(f.rig.gpu, &late.base);
	late.needs_no_pixels = false;
	f.renderer.is_prompt = false;
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0); // it is under way
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 1);
	const struct manual_op *read =
			manual_renderer3d_find(&f.renderer, ORIEL_RENDER3D_READ_PIXELS);
	assert_true(oriel_rect_equals(&read->op->read.rect, &all));
	assert_true(get_scanout(&f)->is_behind);
	fake_display_forget(&late);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, 0);
	assert_false(get_scanout(&f)->is_behind);
	assert_int_equal(late.n_events, 1);
	assert_int_equal(late.events[0].rect.width, SIDE);
	// Now each flush is read, and the dma-buf is shown beside it.
	f.renderer.is_prompt = true;
	assert_int_equal(flush(&f, 1, dot), OK);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 2);
	assert_false(get_scanout(&f)->is_behind);
	assert_non_null(get_scanout(&f)->dmabuf);
	// It goes: what is flushed then is missing later.
	oriel_gpu_detach_display(f.rig.gpu, &late.base);
	assert_int_equal(flush(&f, 1, dot), OK);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 2);
	oriel_gpu_attach_display(f.rig.gpu, &late.base);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 3);
	assert_true(oriel_rect_equals(&f.rig.gpu->readback.scanouts[0].images[0].stale,
				    &(struct oriel_rect){ 0 }) ||
			oriel_rect_equals(&f.rig.gpu->readback.scanouts[0].images[1].stale,
					&(struct oriel_rect){ 0 }));
	assert_false(get_scanout(&f)->is_behind);
	oriel_gpu_detach_display(f.rig.gpu, &late.base);
	finish(&f);
}

/** Whether what is being read is rect of a resource. */
static bool is_read(struct fixture *f, uint32_t id, struct oriel_rect rect) {
	const struct manual_op *read =
			manual_renderer3d_find(&f->renderer, ORIEL_RENDER3D_READ_PIXELS);
	return read->op->resource_id == id && oriel_rect_equals(&read->op->read.rect, &rect);
}

/** One that cannot be exported, of another size: it is shown, and not the one before it again. */
static void test_another_size_without(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	f.rig.gpu->renderer3d->can_export = false;
	fake_display_forget(&f.rig.display);
	assert_int_equal(show(&f, 2, dot), OK);
	assert_null(get_scanout(&f)->dmabuf);
	assert_int_equal(get_scanout(&f)->src.width, dot.width);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 1);
	assert_int_equal(f.rig.display.events[f.rig.display.n_events - 1].type, FAKE_PRESENT);
	finish(&f);
}

/**
 * Pixels that are needed while the scanout is about to show something of another size: what is
 * shown stays what is read, and it is read when that has failed.
 */
static void test_need_of_pixels_meanwhile(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	f.renderer.is_prompt = false;
	const struct gpu_command cmd = gpu_set_scanout(0, 2, dot);
	device_rig_submit(&f.rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f.rig, RIG_CONTROL);
	device_rig_run(&f.rig);
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 0);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_EXPORT, -EIO);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 1);
	assert_true(is_read(&f, 2, dot));
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, -EIO);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 2);
	assert_true(is_read(&f, 1, all));
	fake_display_forget(&f.rig.display);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, 0);
	assert_int_equal(f.rig.display.n_events, 1);
	assert_false(get_scanout(&f)->is_behind);
	finish(&f);
}

/** What cannot be exported, or not any more, is read back; it is not asked for again. */
static void test_what_is_read_back(void **state) {
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct fixture f;
		begin(&f);
		size_t n_exports = 0;
		switch (i) {
		case 0: // the renderer cannot
			f.renderer.base.can_export = false;
			break;
		case 1: // nobody wants it
			f.rig.display.base.dmabufs = ORIEL_DISPLAY_TAKES_GUEST_DMABUFS;
			break;
		case 2: // over the budget
			f.rig.gpu->limits.dmabufs.limit = 0;
			n_exports = 1;
			break;
		default: // not this one
			f.renderer.is_prompt = false;
			n_exports = 1;
			break;
		}
		const struct gpu_command set = gpu_set_scanout(0, 1, all);
		device_rig_submit(&f.rig, RIG_CONTROL, &set);
		device_rig_kick(&f.rig, RIG_CONTROL);
		device_rig_run(&f.rig);
		if (!f.renderer.is_prompt) {
			manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_EXPORT, -EOPNOTSUPP);
			f.renderer.is_prompt = true;
			manual_renderer3d_finish_all(&f.renderer, 0);
		}
		device_rig_run(&f.rig);
		CHECK(device_rig_collect_all(&f.rig, RIG_CONTROL) == 1, "%u", i);
		CHECK(get_scanout(&f)->res != NULL && get_scanout(&f)->dmabuf == NULL, "%u", i);
		CHECK(count(&f, ORIEL_RENDER3D_READ_PIXELS) == 1, "%u", i);
		CHECK(show(&f, 1, dot) == OK && flush(&f, 1, all) == OK, "%u", i);
		CHECK(count(&f, ORIEL_RENDER3D_EXPORT) == n_exports, "%u: %zu", i,
				count(&f, ORIEL_RENDER3D_EXPORT));
		CHECK(f.rig.gpu->limits.dmabufs.used == 0, "%u", i);
		finish(&f);
	}
}

/** From a buffer with a dma-buf to one without: the old one is not shown any more. */
static void test_flip_to_one_without(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	f.rig.gpu->limits.dmabufs.limit = 1;
	assert_int_equal(show(&f, 2, all), OK);
	assert_null(get_scanout(&f)->dmabuf);
	assert_int_equal(flush(&f, 2, dot), OK);
	assert_int_equal(count(&f, ORIEL_RENDER3D_READ_PIXELS), 1);
	assert_int_equal(show(&f, 1, all), OK);
	assert_non_null(get_scanout(&f)->dmabuf);
	finish(&f);
}

/** A lost renderer leaves the picture; the guest's UNREF takes it, and the file is closed. */
static void test_loss_and_end(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 1, all), OK);
	assert_int_equal(flush(&f, 1, all), OK);
	const int fd = get_scanout(&f)->dmabuf->fd;
	f.renderer.base.listener.handle_lost(f.renderer.base.listener.user, "test");
	assert_non_null(get_scanout(&f)->dmabuf);
	// Who needs pixels now sees what there is, and nobody waits for ever.
	struct fake_display late;
	fake_display_init(&late);
	oriel_gpu_attach_display(f.rig.gpu, &late.base);
	assert_false(get_scanout(&f)->is_behind);
	oriel_gpu_detach_display(f.rig.gpu, &late.base);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(1)), OK);
	assert_null(get_scanout(&f)->res);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(f.rig.gpu->limits.dmabufs.used, 0);
	finish(&f);
}

/** A reset in the middle of an export and of a read: what comes back later is let go. */
static void test_reset(void **state) {
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct fixture f;
		begin(&f);
		if (i == 1) {
			assert_int_equal(show(&f, 1, all), OK);
		}
		f.renderer.is_prompt = false;
		if (i == 0) {
			const struct gpu_command set = gpu_set_scanout(0, 1, all);
			device_rig_submit(&f.rig, RIG_CONTROL, &set);
			device_rig_kick(&f.rig, RIG_CONTROL);
			device_rig_run(&f.rig);
		} else {
			oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
		}
		oriel_virtio_reset(f.rig.virtio);
		manual_renderer3d_finish_all(&f.renderer, 0);
		assert_null(get_scanout(&f)->res);
		assert_int_equal(f.rig.gpu->limits.dmabufs.used, 0);
		finish(&f);
	}
}

/**
 * A resource that turns out not to be one while a scanout waits for its first picture: there is
 * none, whatever a renderer says that refuses a resource and then reads it.
 */
static void test_a_creation_that_fails_late(void **state) {
	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct fixture f;
		begin(&f);
		f.renderer.base.can_export = i < 2;
		f.renderer.is_prompt = false;
		const struct gpu_command create = gpu_create_3d(5, 2, SIDE, SIDE);
		const struct gpu_command set = gpu_set_scanout(0, 5, all);
		device_rig_submit(&f.rig, RIG_CONTROL, &create);
		device_rig_submit(&f.rig, RIG_CONTROL, &set);
		device_rig_kick(&f.rig, RIG_CONTROL);
		device_rig_run(&f.rig);
		assert_int_equal(count(&f, ORIEL_RENDER3D_EXPORT), i < 2 ? 1 : 0);
		manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_CREATE_RESOURCE, -EINVAL);
		device_rig_run(&f.rig);
		manual_renderer3d_finish_all(&f.renderer, i % 2 == 0 ? -ENOENT : 0);
		device_rig_run(&f.rig);
		assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 2);
		assert_null(get_scanout(&f)->res);
		f.renderer.is_prompt = true;
		assert_int_equal(show(&f, 1, all), OK);
		finish(&f);
	}
}

/** An end of everything while a cursor's picture is being read. */
static void test_end_with_a_cursor_under_way(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(3, 2, 64, 64)), OK);
	f.renderer.is_prompt = false;
	const struct gpu_command update = gpu_update_cursor(0, 3, 0, 0);
	device_rig_submit(&f.rig, RIG_CURSOR, &update);
	device_rig_kick(&f.rig, RIG_CURSOR);
	device_rig_run(&f.rig);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_read),
		cmocka_unit_test(test_flush_waits_for_the_renderer),
		cmocka_unit_test(test_flips_and_parts),
		cmocka_unit_test(test_late_need_of_pixels),
		cmocka_unit_test(test_another_size_without),
		cmocka_unit_test(test_need_of_pixels_meanwhile),
		cmocka_unit_test(test_what_is_read_back),
		cmocka_unit_test(test_flip_to_one_without),
		cmocka_unit_test(test_loss_and_end),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_a_creation_that_fails_late),
		cmocka_unit_test(test_end_with_a_cursor_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
