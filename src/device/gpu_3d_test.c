// SPDX-License-Identifier: MIT
/*
 * Tests of what 3D adds to the device as a whole: memory that changes when there is none to say so
 * with, the renderer's clock, a scanout that could not be shown, and twins that were not made.
 */
#include "device/gpu_3d.h"

#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"
#include "fixture/gpu_command_3d.h"
#include "fixture/manual_renderer3d.h"

#define SIDE 16u
#define ALL \
	(struct oriel_rect) { \
		0, 0, SIDE, SIDE \
	}
#define N_BACKED 3u

enum {
	OK = VIRTIO_GPU_RESP_OK_NODATA,
	UNSPEC = VIRTIO_GPU_RESP_ERR_UNSPEC,
	TOO_MUCH = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
};

static struct device_rig rig;
static struct manual_renderer3d renderer;
static struct oriel_link drained; // works that the device cannot have

static int set_up(void **state) {
	(void)state;
	manual_renderer3d_init(&renderer);
	const struct oriel_gpu_options options = { .size = sizeof(options),
		.n_heads = 2,
		.renderer3d = &renderer.base };
	device_rig_init(&rig, &options);
	device_rig_set_features(&rig, RIG_ALL_FEATURES & ~(1ull << ORIEL_VIRTIO_F_EVENT_IDX) &
						      ~(1ull << ORIEL_VIRTIO_F_RING_PACKED));
	device_rig_start_queue(&rig, RIG_CONTROL);
	device_rig_start_queue(&rig, RIG_CURSOR);
	manual_renderer3d_finish_all(&renderer, 0);
	manual_renderer3d_forget(&renderer);
	renderer.is_prompt = true;
	oriel_list_init(&drained);
	return 0;
}

static void give_works_back(void) {
	oriel_list_for_each(link, following, &drained) {
		oriel_work_discard(oriel_container_of(link, struct oriel_work, link));
	}
}

static int tear_down(void **state) {
	(void)state;
	fail_alloc_at(0);
	renderer.is_prompt = false;
	give_works_back();
	device_rig_finish(&rig);
	oriel_renderer3d_destroy(&renderer.base);
	return 0;
}

/** From now on each work has to be allocated. */
static void drain_works(void) {
	while (!oriel_list_is_empty(&rig.gpu->works.free)) {
		struct oriel_work *work;
		assert_int_equal(oriel_work_create(rig.gpu, ORIEL_RENDER3D_RESET, &work), 0);
		oriel_list_append(&drained, &work->link);
	}
}

static void create_backed_3d(uint32_t id, uint32_t side) {
	const struct oriel_mem_entry entry = { fake_guest_alloc(&rig.guest, side * side * 4, 4096),
		side * side * 4 };
	assert_int_equal(device_rig_type(&rig, gpu_create_3d(id, 2, side, side)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_attach(id, &entry, 1, 1)), OK);
}

static void create_all(void) {
	assert_int_equal(device_rig_type(&rig, gpu_ctx_create(1, 0, "test")), OK);
	for (uint32_t id = 1; id <= N_BACKED; id++) {
		create_backed_3d(id, SIDE);
	}
	manual_renderer3d_forget(&renderer);
	renderer.is_prompt = false;
	drain_works();
}

/** The VMM is not answered before the renderer has said all that it was asked now. */
static void check_settles_last(void) {
	while (manual_renderer3d_count_pending(&renderer) > 0) {
		bool is_memory_pending = false;
		for (size_t i = 0; i < renderer.n_ops; i++) {
			is_memory_pending |= renderer.ops[i].op != NULL &&
					     renderer.ops[i].type != ORIEL_RENDER3D_ATTACH_BACKING;
		}
		assert_true(!is_memory_pending || !oriel_virtio_is_settled(rig.virtio));
		size_t i = 0;
		while (renderer.ops[i].op == NULL) {
			i++;
		}
		manual_renderer3d_finish(&renderer, renderer.ops[i].type, 0);
	}
	assert_true(oriel_virtio_is_settled(rig.virtio));
}

/**
 * Guest memory changes while there is no memory for the n-th thing to be said. The renderer is told
 * to let go of everything, and hears of the new table; the VMM waits for that; 3D is lost.
 */
static void test_memory_change_without_memory(void **state) {
	(void)state;
	bool has_failed = true;
	size_t n_dropped = 0;
	for (size_t n = 1; has_failed; n++) {
		set_up(NULL);
		create_all();
		fail_alloc_at(n);
		oriel_virtio_handle_memory_change(rig.virtio);
		has_failed = fail_alloc_has_failed();
		fail_alloc_at(0);
		const size_t n_resets = manual_renderer3d_count(&renderer, ORIEL_RENDER3D_RESET);
		CHECK(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_SET_MEMORY) >= 1,
				"allocation %zu: the table is not said", n);
		if (n_resets == 0) {
			CHECK(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_DETACH_BACKING) ==
							N_BACKED,
					"allocation %zu: somebody was forgotten", n);
		} else {
			n_dropped++;
			CHECK(renderer.ops[renderer.n_ops - 2].type == ORIEL_RENDER3D_RESET &&
							renderer.ops[renderer.n_ops - 1].type ==
									ORIEL_RENDER3D_SET_MEMORY,
					"allocation %zu", n);
		}
		check_settles_last();
		renderer.is_prompt = true;
		CHECK(device_rig_type(&rig, gpu_set_scanout(0, 1, ALL)) ==
						(n_resets > 0 ? UNSPEC : OK),
				"allocation %zu", n);
		assert_int_equal(device_rig_type(&rig, gpu_ctx_create(2, 0, "new")), OK);
		tear_down(NULL);
	}
	// Each DETACH, the table, and each ATTACH.
	assert_int_equal(n_dropped, 2 * N_BACKED + 1);
	set_up(NULL);
}

/** The same again, before the renderer has said anything: it is said once more, and waited for. */
static void test_twice(void **state) {
	(void)state;
	create_all();
	fail_alloc_at(1);
	oriel_virtio_handle_memory_change(rig.virtio);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_RESET), 1);
	fail_alloc_at(1);
	oriel_virtio_handle_memory_change(rig.virtio);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_RESET), 1);
	manual_renderer3d_finish(&renderer, ORIEL_RENDER3D_RESET, 0);
	manual_renderer3d_finish(&renderer, ORIEL_RENDER3D_SET_MEMORY, 0);
	assert_false(oriel_virtio_is_settled(rig.virtio));
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_RESET), 2);
	check_settles_last();
}

/** A reset without memory for it is one all the same. */
static void test_reset_without_memory(void **state) {
	(void)state;
	create_all();
	fail_alloc_at(1);
	oriel_virtio_reset(rig.virtio);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_RESET), 1);
	assert_false(oriel_virtio_is_settled(rig.virtio));
	check_settles_last();
}

/** The clock stands still while the control queue is stopped, but not for who waits for it. */
static void test_clock(void **state) {
	(void)state;
	assert_false(renderer.is_paused);
	oriel_virtio_stop_queue(rig.virtio, RIG_CURSOR);
	device_rig_run(&rig);
	assert_false(renderer.is_paused);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_run(&rig);
	assert_true(renderer.is_paused);

	// A VMM that changes memory meanwhile waits for the renderer.
	renderer.is_prompt = false;
	oriel_virtio_handle_memory_change(rig.virtio);
	assert_false(renderer.is_paused);
	manual_renderer3d_finish_all(&renderer, 0);
	assert_true(renderer.is_paused);

	device_rig_start_queue(&rig, RIG_CONTROL);
	assert_false(renderer.is_paused);
	oriel_virtio_reset(rig.virtio);
	assert_true(renderer.is_paused);
}

/** Stopping takes as long as what is under way: so long it can be late. */
static void test_clock_while_stopping(void **state) {
	(void)state;
	create_backed_3d(1, SIDE);
	renderer.is_prompt = false;
	const struct gpu_command cmd = gpu_detach(1);
	(void)device_rig_submit(&rig, RIG_CONTROL, &cmd);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 0);
	assert_false(renderer.is_paused);
	manual_renderer3d_finish_all(&renderer, 0);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	assert_true(renderer.is_paused);
}

/** What is on scanout 0 now. */
static const struct oriel_resource *get_shown(void) {
	return rig.gpu->screen.scanouts[0].res;
}

/** A first SET_SCANOUT that fails changes nothing, also when the resource is flushed later. */
static void test_failed_scanout(void **state) {
	(void)state;
	device_rig_create_backed(&rig, 9, SIDE, SIDE);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 9, ALL)), OK);
	const struct oriel_resource *before = get_shown();
	create_backed_3d(1, SIDE);
	create_backed_3d(2, 2 * SIDE);

	renderer.prompt_err = -EIO;
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, ALL)), UNSPEC);
	assert_ptr_equal(get_shown(), before);
	renderer.prompt_err = 0;
	manual_renderer3d_forget(&renderer);
	assert_int_equal(device_rig_type(&rig, gpu_flush(1, ALL)), OK);
	assert_ptr_equal(get_shown(), before);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_READ_PIXELS), 0);

	// The next one works, and then one of another size fails: the first stays, and is flushed.
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, ALL)), OK);
	assert_ptr_not_equal(get_shown(), before);
	before = get_shown();
	renderer.prompt_err = -EIO;
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 2,
							       (struct oriel_rect){ 0, 0, 2 * SIDE,
									       2 * SIDE })),
			UNSPEC);
	assert_ptr_equal(get_shown(), before);
	renderer.prompt_err = 0;
	manual_renderer3d_forget(&renderer);
	assert_int_equal(device_rig_type(&rig, gpu_flush(2, ALL)), OK);
	assert_ptr_equal(get_shown(), before);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_READ_PIXELS), 0);
	assert_int_equal(device_rig_type(&rig, gpu_flush(1, ALL)), OK);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_READ_PIXELS), 1);
	assert_int_equal(get_shown()->width, SIDE);
	// Nothing is held that should not be.
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_unref(2)), OK);
	assert_null(get_shown());
}

/** The same for want of memory, and when the guest is paused before the picture came. */
static void test_scanout_in_vain(void **state) {
	(void)state;
	create_backed_3d(1, SIDE);
	renderer.is_prompt = false;
	drain_works();
	fail_alloc_at(1);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, ALL)), TOO_MUCH);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_null(get_shown());
	assert_null(rig.gpu->readback.scanouts[0].res);

	const struct gpu_command cmd = gpu_set_scanout(0, 1, ALL);
	(void)device_rig_submit(&rig, RIG_CONTROL, &cmd);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_non_null(rig.gpu->readback.scanouts[0].res);
	oriel_virtio_reset(rig.virtio);
	assert_null(rig.gpu->readback.scanouts[0].res);
	assert_null(rig.gpu->readback.scanouts[0].old_res);
	manual_renderer3d_finish_all(&renderer, 0);
	assert_null(get_shown());
}

/** A twin that is asked for while no renderer runs: there is none, nor after the next start. */
static void test_twin_without_renderer(void **state) {
	(void)state;
	const struct gpu_command transfer =
			gpu_transfer_3d(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 1, 3, SIDE, SIDE);
	const struct gpu_command ways[] = { gpu_submit_3d(1, 1, 4), transfer };
	device_rig_create_backed(&rig, 3, SIDE, SIDE);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 3, ALL)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_ctx_create(1, 0, "")), OK);
	assert_int_equal(device_rig_type(&rig, gpu_ctx_resource(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
							       1, 3)),
			OK);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ways); i++) {
		renderer.prompt_err = -ENOTCONN;
		assert_int_equal(device_rig_type(&rig, ways[i]), UNSPEC);
		assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_CREATE_RESOURCE),
				1);
		renderer.prompt_err = 0;
		manual_renderer3d_forget(&renderer);
		fake_display_forget(&rig.display);
		assert_int_equal(device_rig_type(&rig, gpu_transfer(3, ALL, 0)), OK);
		assert_int_equal(device_rig_type(&rig, gpu_flush(3, ALL)), OK);
		assert_int_equal(renderer.n_ops, 0);
		assert_true(rig.display.n_events > 0);
	}
	assert_int_equal(device_rig_type(&rig, transfer), OK);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_CREATE_RESOURCE), 1);
	assert_int_equal(device_rig_type(&rig, gpu_flush(3, ALL)), OK);
	assert_int_equal(manual_renderer3d_count(&renderer, ORIEL_RENDER3D_READ_PIXELS), 1);
}

int main(void) {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_memory_change_without_memory, tear_down),
		ROW(test_twice),
		ROW(test_reset_without_memory),
		ROW(test_clock),
		ROW(test_clock_while_stopping),
		ROW(test_failed_scanout),
		ROW(test_scanout_in_vain),
		ROW(test_twin_without_renderer),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
