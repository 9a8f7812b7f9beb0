// SPDX-License-Identifier: MIT
/*
 * Tests of contexts, 3D resources, fences, losses and resets, over a renderer whose operations come
 * back when the test says so.
 */
#include "device/device.h"

#include "fixture/fail_alloc.h"
#include "fixture/rig_3d.h"

/** SPEC-262, H-213: nothing of 3D without VIRGL, and VIRGL only with a renderer. */
static void test_2d_device(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	const uint64_t bits = 1ull << VIRTIO_GPU_F_VIRGL | 1ull << VIRTIO_GPU_F_CONTEXT_INIT;
	assert_int_equal(oriel_virtio_get_features(rig.virtio) & bits, 0);
	device_rig_start(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_get_capset_info(0)), UNSPEC);
	assert_int_equal(device_rig_type(&rig, gpu_ctx_create(1, 0, "")), UNSPEC);
	assert_int_equal(device_rig_type(&rig, gpu_create_3d(1, 2, SIDE, SIDE)), UNSPEC);
	device_rig_finish(&rig);

	struct fixture f;
	begin_with(&f, (struct oriel_gpu_options){ 0 }, all_features & ~bits);
	assert_int_equal(oriel_virtio_get_features(f.rig.virtio) & bits, bits);
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_create(1, 0, "")), UNSPEC);
	assert_int_equal(f.renderer.n_ops, 0);
	finish(&f);
}

/** SPEC-240 to SPEC-242. */
static void test_capsets(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	uint8_t config[20];
	oriel_virtio_read_config(f.rig.virtio, 0, config, sizeof(config));
	assert_int_equal(config[12], 2); // num_capsets
	struct rig_reply reply = device_rig_call(&f.rig, gpu_get_capset_info(1));
	assert_int_equal(reply.hdr.type, VIRTIO_GPU_RESP_OK_CAPSET_INFO);
	assert_int_equal(reply.written, 40);
	struct oriel_reader r = oriel_reader_of(reply.body, 16);
	assert_int_equal(oriel_read_u32(&r), VIRTIO_GPU_CAPSET_VIRGL2);
	assert_int_equal(oriel_read_u32(&r), 2);
	assert_int_equal(oriel_read_u32(&r), 1000);
	assert_int_equal(device_rig_type(&f.rig, gpu_get_capset_info(2)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_get_capset_info(UINT32_MAX)), BAD_PARAMETER);
	reply = device_rig_call(&f.rig, gpu_get_capset(2, 2));
	assert_int_equal(reply.hdr.type, VIRTIO_GPU_RESP_OK_CAPSET);
	assert_int_equal(reply.written, 1024);
	assert_memory_equal(reply.body, f.renderer.base.capsets.capsets[1].data, 1000);
	assert_int_equal(device_rig_type(&f.rig, gpu_get_capset(2, 3)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_get_capset(4, 0)), BAD_PARAMETER);
	finish(&f);
}

/** SPEC-260, SPEC-261, H-200 to H-204, H-206. */
static void test_contexts(void **state) {
	(void)state;
	struct fixture f;
	begin_with(&f, (struct oriel_gpu_options){ .max_contexts = 2 }, all_features);
	struct device_rig *rig = &f.rig;
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(0, 0, "")), BAD_CONTEXT);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(7, 2, "a\x1b[31m\xff")), OK);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(7, 0, "")), BAD_CONTEXT);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(8, 4, "")), BAD_PARAMETER);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(8, 0x102, "")), BAD_PARAMETER);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(8, 1, "")), OK);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(9, 0, "")), TOO_MUCH);
	assert_int_equal(device_rig_type(rig, gpu_submit_3d(9, 1, 4)), BAD_CONTEXT);
	assert_int_equal(device_rig_type(rig, gpu_ctx_destroy(0)), BAD_CONTEXT);
	assert_int_equal(device_rig_type(rig, gpu_ctx_destroy(7)), OK);
	assert_int_equal(device_rig_type(rig, gpu_ctx_destroy(7)), BAD_CONTEXT);
	assert_int_equal(device_rig_type(rig, gpu_submit_3d(7, 1, 4)), BAD_CONTEXT);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(7, 0, "again")), OK);
	f.renderer.prompt_err = -EINVAL;
	assert_int_equal(device_rig_type(rig, gpu_ctx_destroy(8)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(rig, gpu_ctx_create(8, 0, "")), BAD_PARAMETER);
	assert_int_equal(device_rig_type(rig, gpu_submit_3d(8, 1, 4)), BAD_CONTEXT);
	finish(&f);
}

/** H-214: sizes are held against the chain before anything else. */
static void test_submit(void **state) {
	(void)state;
	struct fixture f;
	begin_with(&f, (struct oriel_gpu_options){ .max_submit_size = 64 }, all_features);
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_create(1, 0, "")), OK);
	manual_renderer3d_forget(&f.renderer);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 4, 20)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 4, UINT32_MAX - 3)),
			BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 4, 7)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 17, 68)), TOO_MUCH);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 4, 0)), OK);
	assert_int_equal(f.renderer.n_ops, 0);
	// The command in pieces of 5 bytes, and what follows its size is not of it.
	struct gpu_command cmd = gpu_submit_3d(1, 16, 60);
	const struct rig_chain chain = { RIG_ROOM, 5 };
	assert_int_equal(device_rig_call_as(&f.rig, RIG_CONTROL, cmd.bytes, cmd.size, &chain)
					 .hdr.type,
			OK);
	assert_int_equal(f.renderer.n_ops, 1);
	assert_int_equal(f.renderer.ops[0].commands_size, 60);
	assert_memory_equal(f.renderer.ops[0].commands, cmd.bytes + 32, 60);
	f.renderer.prompt_err = -EIO;
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 1, 4)), UNSPEC);
	finish(&f);
}

/** SPEC-230, H-221, L-12: fenced responses leave in order, errors and 2D commands too. */
static void test_global_fences(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	uint16_t a = submit(&f, gpu_command_fenced(gpu_submit_3d(1, 1, 4), 7));
	uint16_t b = submit(&f, gpu_command_fenced(gpu_submit_3d(99, 1, 4), 0));   // an error
	uint16_t c = submit(&f, gpu_command_fenced(gpu_create_2d(5, 2, 4, 4), 7)); // 2D
	expect_none(&f);
	uint16_t d = submit(&f, gpu_create_2d(6, 2, 4, 4)); // not fenced
	expect_next(&f, d, OK);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_FENCE), 3);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_FENCE, 0);
	expect_next(&f, a, OK);
	expect_none(&f);
	manual_renderer3d_finish_all(&f.renderer, 0);
	expect_next(&f, b, BAD_CONTEXT);
	expect_next(&f, c, OK);
	finish(&f);
}

/** H-216 to H-220, H-225: timelines of rings go their own ways, and say so. */
static void test_ring_fences(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	uint16_t a = submit(&f, gpu_command_fenced(gpu_submit_3d(1, 1, 4), 1));
	struct gpu_command cmd = on_ring(gpu_submit_3d(1, 1, 4), 1, 63, UINT64_MAX);
	uint16_t b = submit(&f, cmd);
	struct manual_op *fence = manual_renderer3d_find(&f.renderer, ORIEL_RENDER3D_FENCE);
	assert_false(fence->op->fence.is_global);
	assert_int_equal(fence->op->fence.ring_idx, 63);
	struct oriel_render3d_op *op = fence->op;
	fence->op = NULL;
	op->done(op, 0);
	device_rig_run(&f.rig);
	struct rig_reply reply;
	assert_true(device_rig_collect(&f.rig, RIG_CONTROL, &reply));
	assert_int_equal(reply.head, b);
	assert_int_equal(reply.hdr.flags, VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX);
	assert_int_equal(reply.hdr.ring_idx, 63);
	assert_true(reply.hdr.fence_id == UINT64_MAX);
	expect_none(&f);
	manual_renderer3d_finish_all(&f.renderer, -EINVAL); // a fence that could not be made
	expect_next(&f, a, OK);

	assert_int_equal(device_rig_call(&f.rig, on_ring(gpu_submit_3d(1, 1, 4), 1, 64, 5))
					 .hdr.type,
			BAD_PARAMETER);
	reply = device_rig_call(&f.rig, on_ring(gpu_create_2d(9, 2, 4, 4), 77, 0, 6));
	assert_int_equal(reply.hdr.type, BAD_CONTEXT);
	assert_true(reply.hdr.fence_id == 6);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(9)),
			BAD_RESOURCE); // it was not executed
	finish(&f);
}

/** H-205, H-224: fences of a context that goes are answered, and another one may have its id. */
static void test_context_goes_with_fences(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	uint16_t a = submit(&f, on_ring(gpu_submit_3d(1, 1, 4), 1, 0, 1));
	uint16_t b = submit(&f, gpu_ctx_destroy(1));
	expect_next(&f, b, OK);
	uint16_t c = submit(&f, gpu_ctx_create(1, 0, "new"));
	expect_next(&f, c, OK);
	uint16_t d = submit(&f, on_ring(gpu_submit_3d(1, 1, 4), 1, 0, 2));
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_FENCE, 0);
	expect_next(&f, a, OK);
	expect_none(&f);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_FENCE, 0);
	expect_next(&f, d, OK);
	finish(&f);
}

/** H-210 and the budget: nothing is half registered. */
static void test_create_3d(void **state) {
	(void)state;
	struct fixture f;
	begin_with(&f, (struct oriel_gpu_options){ .max_3d_memory = SIDE * SIDE * 4 },
			all_features);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(0, 2, SIDE, SIDE)), BAD_RESOURCE);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, 0, SIDE)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, SIDE, SIDE + 1)), TOO_MUCH);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, UINT32_MAX, UINT32_MAX)),
			TOO_MUCH);
	const struct oriel_cmd_create_3d huge = { 1, 3, 31, 2, UINT32_MAX, UINT32_MAX, UINT32_MAX,
		UINT32_MAX, 14, UINT32_MAX, UINT32_MAX };
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d_as(&huge)), TOO_MUCH);
	assert_int_equal(f.renderer.n_ops, 0);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, SIDE, SIDE)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, 1, 1)), BAD_RESOURCE);
	assert_int_equal(device_rig_statistics(&f.rig).memory_3d, SIDE * SIDE * 4);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(1)), OK);
	assert_int_equal(device_rig_statistics(&f.rig).memory_3d, 0);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_UNREF_RESOURCE), 1);
	f.renderer.prompt_err = -EINVAL;
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, SIDE, SIDE)), BAD_PARAMETER);
	assert_int_equal(device_rig_statistics(&f.rig).memory_3d, 0);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(1)), BAD_RESOURCE);
	f.renderer.is_prompt = false;
	// Used before it is known that there is none.
	const uint16_t a = submit(&f, gpu_create_3d(1, 2, SIDE, SIDE));
	const uint16_t b = submit(&f, gpu_attach(1, NULL, 0, 0));
	const uint16_t c = submit(&f, gpu_set_scanout(0, 1, ALL));
	manual_renderer3d_finish_all(&f.renderer, -EINVAL);
	expect_next(&f, b, OK);
	expect_next(&f, a, BAD_PARAMETER);
	expect_next(&f, c, BAD_PARAMETER);
	f.renderer.is_prompt = true;
	f.renderer.prompt_err = 0;
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, SIDE, SIDE)), OK);
	f.renderer.prompt_err = -ENOMEM;
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_create(7, 0, "x")), TOO_MUCH);
	f.renderer.prompt_err = 0;
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_create(7, 0, "x")), OK);
	finish(&f);
}

/** A backing of no entries is the device's alone: there is nothing to map. */
static void test_empty_backing(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_3d(1, 2, SIDE, SIDE)), OK);
	f.renderer.prompt_err = -EINVAL;
	assert_int_equal(device_rig_type(&f.rig, gpu_attach(1, NULL, 0, 0)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_attach(1, NULL, 0, 0)), UNSPEC);
	assert_int_equal(manual_renderer3d_count(&f.renderer, ORIEL_RENDER3D_ATTACH_BACKING), 0);
	f.renderer.prompt_err = 0;
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(1)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(1)), UNSPEC);
	finish(&f);
}

/** H-163, H-164, H-170: blobs of the host's need a context, and no context has any. */
static void test_host_blob(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	struct oriel_cmd_create_blob blob = { .resource_id = 5, .size = 4096 };
	for (blob.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D;
			blob.blob_mem <= VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST; blob.blob_mem++) {
		const struct gpu_command cmd = gpu_create_blob(&blob, NULL, 0);
		assert_int_equal(device_rig_type(&f.rig, cmd), BAD_CONTEXT);
		assert_int_equal(device_rig_type(&f.rig, gpu_command_with(cmd, 0, 1)), UNSPEC);
		assert_int_equal(device_rig_type(&f.rig, gpu_command_with(cmd, 0, 2)), BAD_CONTEXT);
	}
	blob.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D;
	blob.n_entries = 1;
	const struct gpu_command cmd = gpu_create_blob(&blob, NULL, 0);
	assert_int_equal(device_rig_type(&f.rig, gpu_command_with(cmd, 0, 1)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(5)), BAD_RESOURCE);
	finish(&f);
}

/** Have a command fail for lack of memory at each allocation, and then succeed. */
static void fail_each(struct fixture *f, struct gpu_command cmd, const char *name) {
	const struct rig_chain chain = { RIG_ROOM, 5 }; // a response in so many pieces takes memory
	uint32_t n_failed = 0;
	for (size_t n = 1;; n++) {
		const struct oriel_gpu_statistics before = device_rig_statistics(&f->rig);
		const size_t n_ops = f->renderer.n_ops;
		fail_alloc_at(n);
		const uint32_t type = device_rig_call_as(&f->rig, RIG_CONTROL, cmd.bytes, cmd.size,
				&chain)
						      .hdr.type;
		const bool has_failed = fail_alloc_has_failed();
		fail_alloc_at(0);
		CHECK(type == (has_failed ? (uint32_t)TOO_MUCH : (uint32_t)OK), "%s: %zu: 0x%x",
				name, n, type);
		if (!has_failed) {
			break;
		}
		n_failed++;
		const struct oriel_gpu_statistics after = device_rig_statistics(&f->rig);
		CHECK(after.n_resources == before.n_resources, "%s: %zu: resources", name, n);
		CHECK(after.n_contexts == before.n_contexts, "%s: %zu: contexts", name, n);
		CHECK(after.backing_memory == before.backing_memory, "%s: %zu: backing", name, n);
		CHECK(after.memory_3d == before.memory_3d, "%s: %zu: 3D", name, n);
		CHECK(f->renderer.n_ops == n_ops, "%s: %zu: the renderer was told", name, n);
	}
	CHECK(n_failed > 0, "%s: needs no memory", name);
}

/** What fails for lack of memory has not been done, neither here nor in the renderer. */
static void test_no_memory(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	const struct oriel_mem_entry entry = {
		fake_guest_alloc(&f.rig.guest, SIDE * SIDE * 4, 4096), SIDE * SIDE * 4
	};
	fail_each(&f, gpu_ctx_create(2, 0, "x"), "CTX_CREATE");
	fail_each(&f, gpu_create_3d(1, 2, SIDE, SIDE), "CREATE_3D");
	fail_each(&f, gpu_attach(1, &entry, 1, 1), "ATTACH_BACKING");
	fail_each(&f, gpu_detach(1), "DETACH_BACKING");
	fail_each(&f, gpu_unref(1), "UNREF");
	fail_each(&f, gpu_ctx_destroy(2), "CTX_DESTROY");
	finish(&f);
}

/** H-215: pending requests are answered; 3D is lost, 2D and its picture are not. */
static void test_loss(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	f.renderer.is_prompt = false;
	uint16_t a = submit(&f, gpu_command_fenced(gpu_submit_3d(1, 1, 4), 1));
	uint16_t b = submit(&f, gpu_flush(1, ALL));
	expect_none(&f);
	manual_renderer3d_finish_all(&f.renderer, -ENOTCONN);
	f.renderer.base.listener.handle_lost(f.renderer.base.listener.user, "tried");
	expect_next(&f, a, UNSPEC);
	expect_next(&f, b, UNSPEC);
	f.renderer.is_prompt = true;
	manual_renderer3d_forget(&f.renderer);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 1, 4)), UNSPEC);
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(1, ALL)), UNSPEC);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(1, 1, ALL)), UNSPEC);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(1)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_destroy(1)), OK);
	assert_int_equal(f.renderer.n_ops, 0); // the new renderer knows none of them
	assert_int_equal(device_rig_type(&f.rig, gpu_ctx_create(1, 0, "")), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_submit_3d(1, 1, 4)), OK);
	device_rig_create_backed(&f.rig, 4, SIDE, SIDE);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, 4, ALL)), OK);
	finish(&f);
}

/** H-223: a reset drops what is pending; what comes back later touches nothing. */
static void test_reset(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	f.renderer.is_prompt = false;
	(void)submit(&f, gpu_command_fenced(gpu_submit_3d(1, 1, 4), 1));
	(void)submit(&f, gpu_transfer_3d(VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, 1, 1, SIDE, SIDE));
	(void)submit(&f, gpu_flush(1, ALL));
	assert_true(oriel_virtio_is_settled(f.rig.virtio));
	oriel_virtio_reset(f.rig.virtio);
	assert_false(oriel_virtio_is_settled(f.rig.virtio));
	assert_int_equal(device_rig_statistics(&f.rig).n_resources, 0);
	assert_int_equal(device_rig_statistics(&f.rig).n_contexts, 0);
	manual_renderer3d_finish_all(&f.renderer, 0);
	assert_true(oriel_virtio_is_settled(f.rig.virtio));
	assert_int_equal(device_rig_statistics(&f.rig).memory_3d, 0);
	assert_int_equal(device_rig_statistics(&f.rig).host_memory, 0);
	finish(&f);
}

/** A change of guest memory: the renderer lets go of the old, and gets the new. */
static void test_memory_change(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	show_3d(&f, 1);
	manual_renderer3d_forget(&f.renderer);
	f.renderer.is_prompt = false;
	device_rig_add_memory(&f.rig, 0x100000000, 4096);
	assert_int_equal(f.renderer.n_ops, 3);
	assert_int_equal(f.renderer.ops[0].type, ORIEL_RENDER3D_DETACH_BACKING);
	assert_int_equal(f.renderer.ops[1].type, ORIEL_RENDER3D_SET_MEMORY);
	assert_int_equal(f.renderer.ops[2].type, ORIEL_RENDER3D_ATTACH_BACKING);
	assert_false(oriel_virtio_is_settled(f.rig.virtio));
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_DETACH_BACKING, 0);
	manual_renderer3d_finish(&f.renderer, ORIEL_RENDER3D_SET_MEMORY, 0);
	assert_true(oriel_virtio_is_settled(f.rig.virtio));
	finish(&f);
}

/** Without room in the renderer the control queue waits, and the cursor queue does not. */
static void test_full(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	f.renderer.is_full = true;
	uint16_t a = submit(&f, gpu_create_2d(3, 2, 4, 4));
	expect_none(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_move_cursor(0, 1, 1)), OK);
	f.renderer.is_full = false;
	f.renderer.base.listener.handle_room(f.renderer.base.listener.user);
	expect_next(&f, a, OK);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_2d_device),
		cmocka_unit_test(test_capsets),
		cmocka_unit_test(test_contexts),
		cmocka_unit_test(test_submit),
		cmocka_unit_test(test_global_fences),
		cmocka_unit_test(test_ring_fences),
		cmocka_unit_test(test_context_goes_with_fences),
		cmocka_unit_test(test_create_3d),
		cmocka_unit_test(test_empty_backing),
		cmocka_unit_test(test_host_blob),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_memory_change),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
