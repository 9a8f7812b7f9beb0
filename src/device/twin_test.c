// SPDX-License-Identifier: MIT
/*
 * Tests of twins that are many: the first commands of a context that has a lot attached wait for
 * them over some turns, and meanwhile anything can happen.
 */
#include "device/device.h"

#include "fixture/fail_alloc.h"
#include "fixture/rig_3d.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ID 100u
#define N_TWINS 150u
#define N_OPS_EACH 4u // create, attach the backing, fill, attach to the context

static void create_attached(struct fixture *f, uint32_t id) {
	device_rig_create_backed(&f->rig, id, SIDE, SIDE);
	assert_int_equal(device_rig_type(&f->rig,
					 gpu_ctx_resource(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 1,
							 id)),
			OK);
}

/** A context with many resources, whose first commands have had one turn. */
static uint16_t begin_submit(struct fixture *f, struct gpu_command cmd) {
	begin(f);
	for (uint32_t i = 0; i < N_TWINS; i++) {
		create_attached(f, FIRST_ID + i);
	}
	manual_renderer3d_finish_all(&f->renderer, 0);
	manual_renderer3d_forget(&f->renderer);
	f->renderer.is_prompt = false;
	const uint16_t head = device_rig_submit(&f->rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f->rig, RIG_CONTROL);
	device_rig_dispatch(&f->rig);
	return head;
}

static uint16_t begin_first_submit(struct fixture *f) {
	return begin_submit(f, gpu_command_fenced(gpu_submit_3d(1, 3, 12), 1));
}

static size_t count(const struct fixture *f, enum oriel_render3d_type type) {
	return manual_renderer3d_count(&f->renderer, type);
}

/** Some have been made, not all, and nothing follows them yet. */
static void check_in_the_middle(const struct fixture *f) {
	const size_t n = count(f, ORIEL_RENDER3D_CREATE_RESOURCE);
	CHECK(n > 0 && n <= ORIEL_TURN_CHAINS, "%zu twins in a turn", n);
	assert_int_equal(count(f, ORIEL_RENDER3D_SUBMIT), 0);
	assert_int_equal(count(f, ORIEL_RENDER3D_FENCE), 0);
}

/** Each once, then the commands, then their fence. */
static void check_all(const struct fixture *f) {
	static const enum oriel_render3d_type each[N_OPS_EACH] = { ORIEL_RENDER3D_CREATE_RESOURCE,
		ORIEL_RENDER3D_ATTACH_BACKING, ORIEL_RENDER3D_TRANSFER_TO_HOST,
		ORIEL_RENDER3D_ATTACH_RESOURCE };
	const struct manual_op *ops = f->renderer.ops;
	bool is_seen[N_TWINS] = { false };
	const size_t n = (size_t)N_TWINS * N_OPS_EACH;
	assert_true(f->renderer.n_ops >= n + 2);
	for (size_t i = 0; i < n; i++) {
		CHECK(ops[i].type == each[i % N_OPS_EACH], "operation %zu", i);
		const uint32_t which = ops[i].resource_id - FIRST_ID;
		CHECK(which < N_TWINS && is_seen[which] == (i % N_OPS_EACH != 0), "operation %zu",
				i);
		is_seen[which] = true;
	}
	assert_int_equal(ops[n].type, ORIEL_RENDER3D_SUBMIT);
	assert_int_equal(ops[n].commands_size, 12);
	assert_memory_equal(ops[n].commands, "\0\0\0\0\1\0\0\0\2\0\0\0", 12);
	assert_int_equal(ops[n + 1].type, ORIEL_RENDER3D_FENCE);
}

/** What is behind the commands waits, in its order, and the cursor does not. */
static void test_slices(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	check_in_the_middle(&f);
	const struct gpu_command cmd = gpu_create_3d(9, 2, SIDE, SIDE);
	const uint16_t b = device_rig_submit(&f.rig, RIG_CONTROL, &cmd);
	const struct gpu_command move = gpu_move_cursor(0, 1, 1);
	(void)device_rig_submit(&f.rig, RIG_CURSOR, &move);
	device_rig_kick(&f.rig, RIG_CURSOR);
	device_rig_dispatch(&f.rig);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CURSOR), 1);
	assert_int_equal(count(&f, ORIEL_RENDER3D_SUBMIT), 0);
	expect_none(&f);
	check_all(&f);
	assert_int_equal(f.renderer.ops[f.renderer.n_ops - 1].resource_id, 9);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_SUBMIT, 0);
	expect_none(&f); // it is fenced
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, a, OK);
	expect_next(&f, b, OK);

	// The second ones find them there.
	manual_renderer3d_forget(&f.renderer);
	const uint16_t c = submit(&f, gpu_submit_3d(1, 1, 4));
	assert_int_equal(f.renderer.n_ops, 1);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, c, OK);
	finish(&f);
}

/** A cursor that the commands draw is read behind them. */
static void test_cursor_waits(void **state) {
	(void)state;
	struct fixture f;
	(void)begin_first_submit(&f);
	const struct gpu_command update = gpu_update_cursor(0, FIRST_ID, 1, 1);
	(void)device_rig_submit(&f.rig, RIG_CURSOR, &update);
	device_rig_kick(&f.rig, RIG_CURSOR);
	device_rig_dispatch(&f.rig);
	assert_int_equal(count(&f, ORIEL_RENDER3D_SUBMIT), 0);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CURSOR), 0);
	device_rig_run(&f.rig);
	check_all(&f);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CURSOR), 1);
	manual_renderer3d_finish_all(&f.renderer, 0);
	finish(&f);
}

/** No more are made than the renderer has room for. */
static void test_room(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	const size_t n = f.renderer.n_ops;
	f.renderer.is_full = true;
	expect_none(&f);
	assert_int_equal(f.renderer.n_ops, n);
	f.renderer.is_full = false;
	f.renderer.base.listener.handle_room(f.renderer.base.listener.user);
	expect_none(&f);
	check_all(&f);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, a, OK);
	finish(&f);
}

/** One that has no twin yet goes: behind the commands, and its twin with it. */
static void test_unref_behind(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	bool has_twin[N_TWINS] = { false };
	for (size_t i = 0; i < f.renderer.n_ops; i++) {
		has_twin[f.renderer.ops[i].resource_id - FIRST_ID] = true;
	}
	uint32_t i = 0;
	while (has_twin[i]) {
		i++;
	}
	const uint16_t b = submit(&f, gpu_unref(FIRST_ID + i));
	check_all(&f);
	const struct manual_op *last = &f.renderer.ops[f.renderer.n_ops - 1];
	assert_int_equal(last->type, ORIEL_RENDER3D_UNREF_RESOURCE);
	assert_int_equal(last->resource_id, FIRST_ID + i);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, a, OK);
	expect_next(&f, b, OK);
	finish(&f);
}

/** A reset drops the commands before anybody has seen them, and the next driver finds nothing. */
static void test_reset(void **state) {
	(void)state;
	struct fixture f;
	(void)begin_first_submit(&f);
	oriel_virtio_reset(f.rig.virtio);
	device_rig_run(&f.rig);
	check_in_the_middle(&f);
	manual_renderer3d_finish_all(&f.renderer, 0);
	assert_true(oriel_virtio_is_settled(f.rig.virtio));
	manual_renderer3d_forget(&f.renderer);
	const struct oriel_gpu_statistics statistics = device_rig_statistics(&f.rig);
	assert_int_equal(statistics.n_resources, 0);
	assert_int_equal(statistics.n_contexts, 0);
	assert_int_equal(statistics.backing_memory, 0);
	device_rig_run(&f.rig);
	assert_int_equal(f.renderer.n_ops, 0);
	finish(&f);
}

/** A queue that is to stop gets done what it has begun. */
static void test_stop(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	oriel_virtio_stop_queue(f.rig.virtio, RIG_CONTROL);
	expect_none(&f);
	check_all(&f);
	assert_int_equal(f.rig.told[RIG_CONTROL].n_stopped, 0);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, a, OK);
	assert_int_equal(f.rig.told[RIG_CONTROL].n_stopped, 1);
	finish(&f);
}

/** But it does not wait for ever for a renderer that hangs, and never has room. */
static void test_stop_without_room(void **state) {
	(void)state;
	const struct gpu_command cmd = gpu_submit_3d(1, 3, 12);
	const struct gpu_command cmds[] = { cmd, gpu_command_fenced(cmd, 1) };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cmds); i++) {
		struct fixture f;
		const uint16_t a = begin_submit(&f, cmds[i]);
		f.renderer.is_full = true;
		oriel_virtio_stop_queue(f.rig.virtio, RIG_CONTROL);
		expect_none(&f);
		// It is over.
		oriel_source_set_deadline(f.rig.gpu->queues[RIG_CONTROL].patience, 1);
		expect_next(&f, a, UNSPEC);
		assert_int_equal(f.rig.told[RIG_CONTROL].n_stopped, 1);
		check_in_the_middle(&f);
		manual_renderer3d_finish_all(&f.renderer, 0);
		finish(&f);
	}
}

/** With the renderer the context is lost: no more twins are made for it. */
static void test_loss(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	const size_t n = f.renderer.n_ops;
	manual_renderer3d_finish_all(&f.renderer, -ENOTCONN);
	f.renderer.base.listener.handle_lost(f.renderer.base.listener.user, "tried");
	expect_none(&f);
	assert_int_equal(f.renderer.n_ops, n + 1);
	assert_int_equal(f.renderer.ops[n].type, ORIEL_RENDER3D_FENCE);
	manual_renderer3d_finish_all(&f.renderer, -ENOTCONN);
	expect_next(&f, a, UNSPEC);
	// The next renderer has no twin of them; nor does anybody think so.
	manual_renderer3d_forget(&f.renderer);
	for (uint32_t i = 0; i < N_TWINS; i++) {
		const uint16_t b = submit(&f, gpu_transfer(FIRST_ID + i, ALL, 0));
		expect_next(&f, b, OK);
	}
	assert_int_equal(f.renderer.n_ops, 0);
	finish(&f);
}

/** The renderer refuses the context late, when its commands wait already. */
static void test_context_that_was_refused(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_destroy(1)), OK);
	f.renderer.is_prompt = false;
	const uint16_t a = submit(&f, gpu_ctx_create(1, 0, "late"));
	for (uint32_t i = 0; i < N_TWINS; i++) {
		create_attached(&f, FIRST_ID + i);
	}
	const struct gpu_command cmd = gpu_submit_3d(1, 1, 4);
	const uint16_t b = device_rig_submit(&f.rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f.rig, RIG_CONTROL);
	device_rig_dispatch(&f.rig);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_CREATE_CONTEXT, -EINVAL);
	expect_next(&f, a, BAD_PARAMETER);
	expect_next(&f, b, UNSPEC);
	assert_int_equal(count(&f, ORIEL_RENDER3D_SUBMIT), 0);
	manual_renderer3d_finish_all(&f.renderer, 0);
	finish(&f);
}

/** Guest memory changes: the commands, which are in flight, are read where they were. */
static void test_memory_change(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	oriel_virtio_handle_memory_change(f.rig.virtio);
	device_rig_run(&f.rig);
	const size_t n_made = count(&f, ORIEL_RENDER3D_CREATE_RESOURCE);
	assert_int_equal(n_made, N_TWINS);
	const struct manual_op *commands =
			manual_renderer3d_find(&f.renderer, ORIEL_RENDER3D_SUBMIT);
	assert_memory_equal(commands->commands, "\0\0\0\0\1\0\0\0\2\0\0\0", 12);
	// Those that there were lost theirs, and have it again.
	const size_t n_detached = count(&f, ORIEL_RENDER3D_DETACH_BACKING);
	assert_true(n_detached > 0 && n_detached < N_TWINS);
	assert_int_equal(count(&f, ORIEL_RENDER3D_ATTACH_BACKING), N_TWINS + n_detached);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, a, OK);
	finish(&f);
}

/** Memory runs out in the middle: the next commands find the rest made before them. */
static void test_no_memory(void **state) {
	(void)state;
	struct fixture f;
	const uint16_t a = begin_first_submit(&f);
	manual_renderer3d_finish_all(&f.renderer, 0);
	while (!oriel_list_is_empty(&f.rig.gpu->works.free)) {
		struct oriel_work *work;
		assert_int_equal(oriel_work_create(f.rig.gpu, ORIEL_RENDER3D_FENCE, &work), 0);
		free(work);
	}
	fail_alloc_at(7);
	expect_none(&f);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	manual_renderer3d_finish_all(&f.renderer, 0); // its fence too
	expect_next(&f, a, TOO_MUCH);
	assert_int_equal(count(&f, ORIEL_RENDER3D_SUBMIT), 0);
	const uint16_t b = submit(&f, gpu_submit_3d(1, 1, 4));
	assert_int_equal(count(&f, ORIEL_RENDER3D_CREATE_RESOURCE), N_TWINS);
	assert_int_equal(count(&f, ORIEL_RENDER3D_SUBMIT), 1);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, b, OK);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_cursor_waits),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_unref_behind),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_without_room),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_context_that_was_refused),
		cmocka_unit_test(test_memory_change),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
