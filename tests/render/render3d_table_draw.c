// SPDX-License-Identifier: MIT
/*
 * The rows of render3d_table.h about what contexts draw, fences, and resets. Rows of the reference
 * that a test is about are named in its comment.
 */
#include "render/render3d_picture.h"
#include "render/render3d_table.h"

#include "base/fd.h"
#include "render/virgl_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void render_to(struct virgl_commands *commands, uint32_t handle, uint32_t resource_id) {
	virgl_put_create_surface(commands, handle, resource_id, RIG_FORMAT_BGRA);
	virgl_put_framebuffer(commands, handle);
}

/** Commands draw: a clear, and an asymmetric picture out of copies, which must not be upside down.
 */
static void test_drawing(void **state) {
	(void)state;
	static const float red[] = { 1, 0, 0, 1 };
	static const float blue[] = { 0, 0, 1, 1 };
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	for (uint32_t flags = 0; flags < 2; flags++) {
		uint32_t res = RES + 2 * flags;
		assert_int_equal(rig_create_picture(&rig, res, RIG_FORMAT_BGRA, 16, 8, flags), 0);
		assert_int_equal(rig_create_picture(&rig, res + 1, RIG_FORMAT_BGRA, 16, 8, 0), 0);
		assert_int_equal(rig_attach(&rig, CTX, res), 0);
		assert_int_equal(rig_attach(&rig, CTX, res), 0); // again: nothing
		assert_int_equal(rig_attach(&rig, CTX, res + 1), 0);
		struct virgl_commands commands = { 0 };
		render_to(&commands, res, res);
		virgl_put_clear(&commands, red);
		render_to(&commands, res + 1, res + 1);
		virgl_put_clear(&commands, blue);
		virgl_put_copy(&commands, res, 0, 0, res + 1, &(struct oriel_rect){ 0, 0, 3, 2 });
		virgl_put_inline_write(&commands, res, &(struct oriel_rect){ 8, 6, 2, 1 },
				(uint32_t[]){ GREEN, BLUE });
		assert_int_equal(rig_submit_commands(&rig, CTX, &commands), 0);
		CHECK(see_pixel(res, 0, 0) == BLUE, "flags %u", flags);
		CHECK(see_pixel(res, 2, 1) == BLUE, "flags %u", flags);
		CHECK(see_pixel(res, 3, 0) == RED, "flags %u", flags);
		CHECK(see_pixel(res, 0, 2) == RED, "flags %u", flags);
		CHECK(see_pixel(res, 0, 7) == RED, "flags %u", flags);
		CHECK(see_pixel(res, 8, 6) == GREEN, "flags %u", flags);
		CHECK(see_pixel(res, 9, 6) == BLUE, "flags %u", flags);
	}
}

static int submit_clear(float r, float g, float b) {
	struct virgl_commands commands = { 0 };
	virgl_put_clear(&commands, (float[]){ r, g, b, 1 });
	return rig_submit_commands(&rig, CTX, &commands);
}

/** A context draws where it did before, though others have come and gone since. */
static void test_others_come_and_go(void **state) {
	(void)state;
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), 0);
	assert_int_equal(rig_attach(&rig, CTX, RES), 0);
	struct virgl_commands commands = { 0 };
	render_to(&commands, 1, RES);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), 0);

	assert_int_equal(rig_create_context(&rig, CTX + 1), 0);
	assert_int_equal(submit_clear(0, 1, 0), 0);
	assert_int_equal(see_pixel(RES, 4, 4), GREEN);

	// Looking has left the context: be in it again.
	assert_int_equal(submit_clear(1, 0, 0), 0);
	assert_int_equal(rig_destroy_context(&rig, CTX + 1), 0);
	assert_int_equal(submit_clear(0, 0, 1), 0);
	assert_int_equal(see_pixel(RES, 4, 4), BLUE);
}

static void test_submit_refused(void **state) {
	(void)state;
	struct virgl_commands commands = { 0 };
	virgl_put_nop(&commands);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), -ENOENT);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), 0);
	const struct virgl_commands none = { 0 };
	assert_int_equal(rig_submit_commands(&rig, CTX, &none), 0);
	assert_int_equal(rig_destroy_context(&rig, CTX), 0);
	assert_int_equal(rig_submit_commands(&rig, CTX, &commands), -ENOENT);
}

/** Garbage is an error of its context, and of no other. H-214 */
static void test_garbage(void **state) {
	(void)state;
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX + 1), 0);
	const struct virgl_commands unknown = { .words = { 0xff }, .n_words = 1 };
	const struct virgl_commands cut_off = { .words = { 0, 5u << 16, 0 }, .n_words = 3 };
	assert_int_equal(rig_submit_commands(&rig, CTX, &cut_off), -EIO);
	assert_int_equal(rig_submit_commands(&rig, CTX, &unknown), -EIO);
	struct virgl_commands lost = { 0 };
	render_to(&lost, 1, 12345); // no such resource
	assert_int_equal(rig_submit_commands(&rig, CTX, &lost), -EIO);

	assert_int_equal(rig_create_picture(&rig, RES, RIG_FORMAT_BGRA, 16, 8, 0), 0);
	assert_int_equal(rig_attach(&rig, CTX + 1, RES), 0);
	struct virgl_commands good = { 0 };
	render_to(&good, 1, RES);
	virgl_put_clear(&good, (float[]){ 0, 1, 0, 1 });
	assert_int_equal(rig_submit_commands(&rig, CTX + 1, &good), 0);
	assert_int_equal(see_pixel(RES, 4, 4), GREEN);
	assert_int_equal(rig_destroy_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
}

static void test_fences(void **state) {
	(void)state;
	struct rig_op op = { 0 };
	rig_op_global_fence(&op);
	rig_submit(&rig, &op);
	rig_wait(&rig, &op);
	assert_int_equal(op.err, 0);

	rig_op_fence(&op, CTX, 0);
	assert_int_equal(rig_run(&rig, &op.op), -ENOENT);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	rig_op_fence(&op, CTX, 0);
	assert_int_equal(rig_run(&rig, &op.op), 0);
	rig_op_fence(&op, CTX, 1); // virgl has one timeline a context
	assert_int_equal(rig_run(&rig, &op.op), -EINVAL);
}

#define N_MANY 3000u

/** Many fences on three timelines, between commands: each comes back once, in order. */
static void test_many_fences(void **state) {
	(void)state;
	struct rig_op *ops = calloc(2 * N_MANY, sizeof(*ops));
	assert_non_null(ops);
	struct virgl_commands nop = { 0 };
	virgl_put_nop(&nop);
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	assert_int_equal(rig_create_context(&rig, CTX + 1), 0);
	for (uint32_t i = 0; i < N_MANY; i++) {
		struct rig_op *fence = &ops[2 * i + 1];
		rig_op_commands(&ops[2 * i], CTX + i / 7 % 2, &nop);
		rig_submit(&rig, &ops[2 * i]);
		if (i % 3 == 0) {
			rig_op_global_fence(fence);
		} else {
			rig_op_fence(fence, CTX + i % 3 - 1, 0);
		}
		rig_submit(&rig, fence);
		if (i % 100 == 99) {
			assert_int_equal(oriel_loop_dispatch(rig.loop, 0), 0);
		}
	}
	for (uint32_t i = 0; i < N_MANY; i++) {
		struct rig_op *fence = &ops[2 * i + 1];
		rig_wait(&rig, &ops[2 * i]);
		rig_wait(&rig, fence);
		assert_int_equal(fence->err, 0);
		CHECK(i < 3 || ops[2 * (i - 3) + 1].n_earlier < fence->n_earlier, "fence %u", i);
	}
	assert_false(oriel_renderer3d_is_full(rig.renderer));
	free(ops);
}

/** A context takes its fences with it: they come back before it is gone. H-205 */
static void test_destroy_with_fences(void **state) {
	(void)state;
	struct rig_op fences[4] = { 0 };
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	for (uint32_t i = 0; i < 4; i++) {
		rig_op_fence(&fences[i], CTX, 0);
		rig_submit(&rig, &fences[i]);
	}
	struct rig_op destroy = { .op = { .type = ORIEL_RENDER3D_DESTROY_CONTEXT, .ctx_id = CTX } };
	rig_submit(&rig, &destroy);
	rig_wait(&rig, &destroy);
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(fences[i].is_done && fences[i].n_earlier < destroy.n_earlier);
	}
	// The next one of this id has nothing to do with them. H-206
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	rig_op_fence(&fences[0], CTX, 0);
	assert_int_equal(rig_run(&rig, &fences[0].op), 0);
}

static void test_reset(void **state) {
	(void)state;
	uint8_t *map;
	int fd = rig_memfd(4096, &map);
	struct rig_op fences[2] = { 0 };
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	make_picture(RES, 0);
	assert_int_equal(rig_attach(&rig, CTX, RES), 0);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4096), 0);
	rig_op_fence(&fences[0], CTX, 0);
	rig_submit(&rig, &fences[0]);
	rig_op_global_fence(&fences[1]);
	rig_submit(&rig, &fences[1]);
	render3d_rig_reset(&rig);
	assert_true(fences[0].is_done && fences[1].is_done);
	assert_int_equal(rig_destroy_context(&rig, CTX), -ENOENT);
	assert_int_equal(rig_unref(&rig, RES), -ENOENT);
	assert_int_equal(rig_add_image(&rig, IMAGE, fd, 4096), 0);
	make_picture(RES, 0);
	assert_int_equal(see_pixel(RES, 5, 5), picture_pattern(5, 5));
	munmap(map, 4096);
	oriel_fd_close(&fd);
}

/** Submits the next one when it comes back. */
struct chain {
	struct oriel_render3d_op op;
	struct oriel_span span;
	uint32_t words[1];
	uint32_t n_left;
	uint32_t n_failed;
	bool is_fence;
};

static void chain_submit(struct chain *chain);

static void handle_chain(struct oriel_render3d_op *op, int err) {
	struct chain *chain = oriel_container_of(op, struct chain, op);
	chain->n_failed += err != 0;
	if (--chain->n_left > 0) {
		chain_submit(chain);
	}
}

static void chain_submit(struct chain *chain) {
	chain->is_fence = !chain->is_fence;
	chain->words[0] = 0;
	chain->span = (struct oriel_span){ .hva = (uint8_t *)chain->words, .size = 4 };
	chain->op = (struct oriel_render3d_op){ .done = handle_chain, .ctx_id = CTX };
	if (chain->is_fence) {
		chain->op.type = ORIEL_RENDER3D_FENCE;
		chain->op.fence = (struct oriel_render3d_fence){ 0 };
	} else {
		chain->op.type = ORIEL_RENDER3D_SUBMIT;
		chain->op.commands.bytes =
				(struct oriel_span_cursor){ .spans = &chain->span, .len = 1 };
		chain->op.commands.size = 4;
	}
	oriel_renderer3d_submit(rig.renderer, &chain->op);
	chain->words[0] = 0xffffffff; // read during submit, and not afterwards
}

static void test_submit_when_done(void **state) {
	(void)state;
	assert_int_equal(rig_create_context(&rig, CTX), 0);
	struct chain chain = { .n_left = 1000 };
	chain_submit(&chain);
	uint64_t end_ns = oriel_now_ns() + 30000000000u;
	while (chain.n_left > 0) {
		CHECK(oriel_now_ns() < end_ns, "%u are left", chain.n_left);
		assert_int_equal(oriel_loop_dispatch(rig.loop, 1000), 0);
	}
	assert_int_equal(chain.n_failed, 0);
}

int render3d_table_run_drawing(void) {
#define ROW(f) cmocka_unit_test_teardown(f, render3d_table_reset)
	const struct CMUnitTest tests[] = {
		ROW(test_drawing),
		ROW(test_others_come_and_go),
		ROW(test_submit_refused),
		ROW(test_garbage),
		ROW(test_fences),
		ROW(test_many_fences),
		ROW(test_destroy_with_fences),
		ROW(test_reset),
		ROW(test_submit_when_done),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
