// SPDX-License-Identifier: MIT
/*
 * Tests of what displays see of the 3D renderer's work: read-backs, their images, and twins; over a
 * renderer whose operations come back when the test says so.
 */
#include "device/device.h"

#include "fixture/fail_alloc.h"
#include "fixture/rig_3d.h"

#include <errno.h>
#include <fcntl.h>

/** A flush waits for its read-back, and what comes behind it waits too. */
static void test_read_back(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_ADD_IMAGE), 1);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_READ_PIXELS), 1);
	fake_display_forget(&f.rig.display);
	f.renderer.is_prompt = false;

	uint16_t a = submit(&f, gpu_flush(1, (struct oriel_rect){ 2, 3, 4, 5 }));
	uint16_t b = submit(&f, gpu_create_2d(9, 2, 4, 4));
	expect_none(&f);
	// Into the other image, which has nothing yet.
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_ADD_IMAGE, 0);
	struct manual_op *read = manual_renderer3d_find(&f.renderer, ORIEL_RENDER3D_READ_PIXELS);
	assert_true(oriel_rect_equals(&read->op->read.rect, &ALL));
	assert_int_equal(f.rig.display.n_events, 0);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, 0);
	expect_next(&f, a, OK);
	expect_next(&f, b, OK);
	assert_true(f.rig.display.n_events >= 1);

	// The first image again: what was damaged since it was shown, and now.
	uint16_t c = submit(&f, gpu_flush(1, (struct oriel_rect){ 0, 0, 1, 1 }));
	read = manual_renderer3d_find(&f.renderer, ORIEL_RENDER3D_READ_PIXELS);
	assert_true(oriel_rect_equals(&read->op->read.rect, &(struct oriel_rect){ 0, 0, 6, 8 }));
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, -EINVAL);
	expect_next(&f, c, BAD_PARAMETER);

	// Gone while it is read: nobody is told, nothing breaks.
	uint16_t d = submit(&f, gpu_flush(1, ALL));
	uint16_t e = submit(&f, gpu_unref(1));
	(void)d;
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, d, OK);
	device_rig_run(&f.rig);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, e, OK);
	finish(&f);
}

/** What comes behind a fenced flush waits for the pixels, and not for the fence too. */
static void test_read_back_with_fence(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	f.renderer.is_prompt = false;
	uint16_t a = submit(&f, gpu_command_fenced(gpu_flush(1, ALL), 1));
	uint16_t b = submit(&f, gpu_submit_3d(1, 1, 4));
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_ADD_IMAGE, 0);
	device_rig_run(&f.rig);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_SUBMIT), 0);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, 0);
	device_rig_run(&f.rig);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_SUBMIT), 1);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_SUBMIT, 0);
	expect_next(&f, b, OK);
	expect_none(&f);

	// The other way around: a fence that passes does not end the flush.
	uint16_t c = submit(&f, gpu_command_fenced(gpu_flush(1, ALL), 2));
	uint16_t d = submit(&f, gpu_submit_3d(1, 1, 4));
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_FENCE, 0);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_FENCE, 0);
	expect_next(&f, a, OK);
	expect_none(&f);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_SUBMIT), 1);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_READ_PIXELS, 0);
	expect_next(&f, c, OK);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_SUBMIT, 0);
	expect_next(&f, d, OK);
	finish(&f);
}

/** A flip between buffers of one size costs one read-back, at the flush. */
static void test_flip(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(2, 2, SIDE, SIDE)), OK);
	const size_t before = manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_READ_PIXELS);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 2, ALL)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_READ_PIXELS), before);
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(2, (struct oriel_rect){ 0, 0, 1, 1 })),
			OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_READ_PIXELS),
			before + 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 0, ALL)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_REMOVE_IMAGE), 2);
	finish(&f);
}

/** How many images the renderer has, if it took all that it was given. */
static size_t count_images(const struct fixture *f) {
	return manual_renderer3d_count(&f->renderer, ORIEL_RENDER3D_ADD_IMAGE) -
	       manual_renderer3d_count(&f->renderer, ORIEL_RENDER3D_REMOVE_IMAGE);
}

/** The renderer forgets an image that displays cannot get, and the next picture has another one. */
static void test_image_that_cannot_be_sealed(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	assert_int_equal(count_images(&f), 1);
	f.renderer.is_prompt = false;
	const uint16_t a = submit(&f, gpu_flush(1, ALL));
	const struct manual_op *add = manual_renderer3d_find(&f.renderer, ORIEL_RENDER3D_ADD_IMAGE);
	assert_int_equal(fcntl(add->op->image.fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, a, TOO_MUCH);
	assert_int_equal(count_images(&f), 1);
	f.renderer.is_prompt = true;
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(1, ALL)), OK);
	assert_int_equal(count_images(&f), 2);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 0, ALL)), OK);
	assert_int_equal(count_images(&f), 0);
	finish(&f);
}

/** The renderer forgets images also when there is no memory. */
static void test_images_go_without_memory(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(1, ALL)), OK);
	assert_int_equal(count_images(&f), 2);
	struct oriel_link drained;
	oriel_list_init(&drained);
	while (!oriel_list_is_empty(&f.rig.gpu->works.free)) {
		struct oriel_work *work;
		assert_int_equal(oriel_work_create(f.rig.gpu, ORIEL_RENDER3D_RESET, &work), 0);
		oriel_list_append(&drained, &work->link);
	}
	fail_alloc_at(1);
	const uint32_t type = device_rig_type(&f.rig, gpu_set_scanout(0, 0, ALL));
	assert_false(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_int_equal(type, OK);
	assert_int_equal(count_images(&f), 0);
	oriel_list_for_each(link, following, &drained) {
		oriel_work_discard(oriel_container_of(link, struct oriel_work, link));
	}
	finish(&f);
}

/** If the renderer did not take the cursors' image, the next cursor has another one. */
static void test_cursor_image_that_was_refused(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 1, 64, 64)), OK);
	f.renderer.prompt_err = -EINVAL;
	const uint64_t before = device_rig_statistics(&f.rig).host_memory;
	for (int i = 0; i < 3; i++) {
		(void)device_rig_type(&f.rig, gpu_update_cursor(0, 1, 0, 0));
	}
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_ADD_IMAGE), 3);
	f.renderer.prompt_err = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(device_rig_type(&f.rig, gpu_update_cursor(0, 1, 0, 0)), OK);
	}
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_ADD_IMAGE), 4);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_REMOVE_IMAGE), 0);
	assert_int_equal(device_rig_statistics(&f.rig).host_memory - before,
			4 * ORIEL_CURSOR_BYTES);
	assert_true(f.rig.gpu->screen.cursors[0].visible);
	finish(&f);
}

/** A cursor queue that is to stop does not wait for ever for a renderer that hangs. */
static void test_stop_with_cursors_that_are_read(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 1, 64, 64)), OK);
	f.renderer.is_prompt = false;
	const struct gpu_command cmd = gpu_update_cursor(0, 1, 0, 0);
	for (uint32_t i = 0; i <= ORIEL_READBACK_CURSORS; i++) {
		(void)device_rig_submit(&f.rig, RIG_CURSOR, &cmd);
	}
	device_rig_kick(&f.rig, RIG_CURSOR);
	device_rig_run(&f.rig);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CURSOR), ORIEL_READBACK_CURSORS);
	oriel_virtio_stop_queue(f.rig.virtio, RIG_CURSOR);
	device_rig_run(&f.rig);
	assert_int_equal(f.rig.told[RIG_CURSOR].n_stopped, 0);
	oriel_source_set_deadline(f.rig.gpu->queues[RIG_CURSOR].patience, 1); // it is over
	device_rig_run(&f.rig);
	assert_int_equal(f.rig.told[RIG_CURSOR].n_stopped, 1);
	struct rig_reply reply;
	assert_true(device_rig_collect(&f.rig, RIG_CURSOR, &reply));
	assert_int_equal(reply.hdr.type, UNSPEC);
	finish(&f);
}

/** A 2D resource gets its twin when a context that has it submits, and not before. */
static void test_twin(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	device_rig_create_backed(&f.rig, 3, SIDE, SIDE);
	assert_int_equal(device_rig_type(&f.rig,
					 gpu_ctx_resource(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1,
							 3)),
			OK);
	manual_renderer3d_forget(&f.renderer);
	assert_int_equal(device_rig_type(&f.rig, gpu_transfer(3, ALL, 0)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 3, ALL)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(3, ALL)), OK);
	assert_int_equal(f.renderer.n_ops, 0);

	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 1, 4)), OK);
	static const enum oriel_render3d_type made[] = { ORIEL_RENDER3D_CREATE_RESOURCE,
		ORIEL_RENDER3D_ATTACH_BACKING, ORIEL_RENDER3D_TRANSFER_TO_HOST,
		ORIEL_RENDER3D_ATTACH_RESOURCE, ORIEL_RENDER3D_SUBMIT };
	assert_int_equal(f.renderer.n_ops, ORIEL_ARRAY_LEN(made));
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(made); i++) {
		assert_int_equal(f.renderer.ops[i].type, made[i]);
	}
	manual_renderer3d_forget(&f.renderer);
	assert_int_equal(device_rig_type(&f.rig, gpu_transfer(3, ALL, 0)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_TRANSFER_TO_HOST), 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(3, ALL)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_READ_PIXELS), 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(3)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_DETACH_BACKING), 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(3)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_UNREF_RESOURCE), 1);
	finish(&f);
}

/** A format that the renderer cannot draw: the resource stays 2D, also if that comes out late. */
static void test_refused_twin(void **state) {
	(void)state;
	for (int is_late = 0; is_late < 2; is_late++) {
		struct fixture f;
		begin(&f);
		device_rig_create_backed(&f.rig, 3, SIDE, SIDE);
		const struct gpu_command attach =
				gpu_ctx_resource(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1, 3);
		assert_int_equal(device_rig_type(&f.rig, attach), OK);
		assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 3, ALL)), OK);
		f.renderer.prompt_err = -EINVAL;
		f.renderer.is_prompt = !is_late;
		const uint16_t a = submit(&f, gpu_submit_3d(1, 1, 4));
		const uint16_t b = submit(&f, gpu_transfer(3, ALL, 0));
		fake_display_forget(&f.rig.display);
		const uint16_t c = submit(&f, gpu_flush(3, ALL));
		const uint16_t d = submit(&f, gpu_detach(3));
		for (int i = 0; i < 3; i++) {
			device_rig_run(&f.rig);
			manual_renderer3d_finish_all(&f.renderer, -EINVAL);
		}
		expect_next(&f, a, BAD_PARAMETER);
		expect_next(&f, b, OK);
		expect_next(&f, c, OK);
		expect_next(&f, d, OK);
		assert_true(f.rig.display.n_events > 0);
		manual_renderer3d_forget(&f.renderer);
		f.renderer.is_prompt = true;
		assert_int_equal(device_rig_type(&f.rig, gpu_flush(3, ALL)), OK);
		assert_int_equal(device_rig_type(&f.rig, attach), OK);
		assert_int_equal(device_rig_type(&f.rig, gpu_unref(3)), OK);
		assert_int_equal(f.renderer.n_ops, 0);
		finish(&f);
	}
}

/** A twin that could not be filled is not shown in place of what the device has. */
static void test_twin_without_picture(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	device_rig_create_backed(&f.rig, 3, SIDE, SIDE);
	assert_int_equal(device_rig_type(&f.rig, gpu_transfer(3, ALL, 0)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 3, ALL)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(3)), OK);
	assert_int_equal(device_rig_type(&f.rig,
					 gpu_ctx_resource(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1,
							 3)),
			OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 1, 4)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(3, ALL)), OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_READ_PIXELS), 0);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_read_back_with_fence),
		cmocka_unit_test(test_flip),
		cmocka_unit_test(test_image_that_cannot_be_sealed),
		cmocka_unit_test(test_images_go_without_memory),
		cmocka_unit_test(test_cursor_image_that_was_refused),
		cmocka_unit_test(test_stop_with_cursors_that_are_read),
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_twin_without_picture),
		cmocka_unit_test(test_refused_twin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
