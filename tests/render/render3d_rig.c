// SPDX-License-Identifier: MIT
/* See render3d_rig.h. */
#include "render/render3d_rig.h"

#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/** Nothing takes that long, unless it never comes. */
#define DEADLINE_NS 30000000000u

int rig_memfd(uint64_t size, uint8_t **ret_map) {
	int fd = memfd_create("oriel-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	*ret_map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(*ret_map != MAP_FAILED);
	return fd;
}

static void rig_create_memory(struct render3d_rig *rig) {
	rig->ram_fd = rig_memfd(RENDER3D_RIG_RAM_SIZE, &rig->ram);
	int fd;
	assert_int_equal(oriel_fd_dup(rig->ram_fd, &fd), 0);
	assert_int_equal(oriel_memory_create(&rig->memory), 0);
	assert_int_equal(oriel_memory_add_region_take(rig->memory, RENDER3D_RIG_RAM_GPA,
					 RENDER3D_RIG_RAM_SIZE, 0, fd),
			0);
	rig->map = oriel_memory_hold_map(rig->memory);
	rig->budget = (struct oriel_budget){ .limit = ORIEL_BUDGET_OFF };
}

static int rig_set_memory(struct render3d_rig *rig) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_SET_MEMORY,
					    .map = rig->map });
}

int render3d_rig_create(struct render3d_rig *rig, const struct render3d_maker *maker) {
	*rig = (struct render3d_rig){ .maker = maker, .ram_fd = -1 };
	assert_int_equal(oriel_loop_create(&rig->loop), 0);
	int err = maker->create(rig->loop, &rig->renderer, maker->user);
	if (err != 0) {
		oriel_loop_destroy(rig->loop);
		CHECK(err == -ENODEV, "no renderer: %d", err);
		return err;
	}
	rig_create_memory(rig);
	assert_int_equal(rig_set_memory(rig), 0);
	return 0;
}

static void rig_forget_backings(struct render3d_rig *rig) {
	for (uint32_t i = 0; i < rig->n_backings; i++) {
		oriel_backing_detach(&rig->backings[i]);
	}
	rig->n_backings = 0;
}

void render3d_rig_reset(struct render3d_rig *rig) {
	const struct oriel_render3d_op reset = { .type = ORIEL_RENDER3D_RESET };
	assert_int_equal(rig_run(rig, &reset), 0);
	rig_forget_backings(rig);
	memset(rig->ram, 0, RENDER3D_RIG_RAM_SIZE);
}

void render3d_rig_destroy(struct render3d_rig *rig) {
	oriel_renderer3d_destroy(rig->renderer);
	if (rig->maker->finish != NULL) {
		rig->maker->finish(rig->maker->user);
	}
	rig_forget_backings(rig);
	oriel_mem_map_release(rig->map);
	oriel_memory_destroy(rig->memory);
	munmap(rig->ram, RENDER3D_RIG_RAM_SIZE);
	oriel_fd_close(&rig->ram_fd);
	oriel_loop_destroy(rig->loop);
}

static void handle_done(struct oriel_render3d_op *op, int err) {
	struct rig_op *self = oriel_container_of(op, struct rig_op, op);
	CHECK(!self->is_done, "%s came back twice", oriel_render3d_type_get_name(op->type));
	self->is_done = true;
	self->err = err;
	self->n_earlier = self->rig->n_done++;
}

void rig_submit(struct render3d_rig *rig, struct rig_op *op) {
	op->rig = rig;
	op->is_done = false;
	op->op.done = handle_done;
	oriel_renderer3d_submit(rig->renderer, &op->op);
}

void rig_wait(struct render3d_rig *rig, struct rig_op *op) {
	uint64_t end_ns = oriel_now_ns() + DEADLINE_NS;
	while (!op->is_done) {
		CHECK(oriel_now_ns() < end_ns, "%s never comes back",
				oriel_render3d_type_get_name(op->op.type));
		assert_int_equal(oriel_loop_dispatch(rig->loop, 1000), 0);
	}
}

int rig_run(struct render3d_rig *rig, const struct oriel_render3d_op *op) {
	struct rig_op self = { .op = *op };
	rig_submit(rig, &self);
	rig_wait(rig, &self);
	return self.err;
}

int rig_create_context(struct render3d_rig *rig, uint32_t ctx_id) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_CONTEXT,
					    .ctx_id = ctx_id,
					    .context = { .name = "test" } });
}

int rig_destroy_context(struct render3d_rig *rig, uint32_t ctx_id) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_DESTROY_CONTEXT,
					    .ctx_id = ctx_id });
}

int rig_attach(struct render3d_rig *rig, uint32_t ctx_id, uint32_t resource_id) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_ATTACH_RESOURCE,
					    .ctx_id = ctx_id,
					    .resource_id = resource_id });
}

int rig_create_picture(struct render3d_rig *rig, uint32_t resource_id, uint32_t format,
		uint32_t width, uint32_t height, uint32_t flags) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_RESOURCE,
					    .resource_id = resource_id,
					    .resource = { .target = 2,
							    .format = format,
							    .bind = RIG_BIND_PICTURE,
							    .width = width,
							    .height = height,
							    .depth = 1,
							    .array_size = 1,
							    .flags = flags } });
}

int rig_create_buffer(struct render3d_rig *rig, uint32_t resource_id, uint32_t size) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_RESOURCE,
					    .resource_id = resource_id,
					    .resource = { .format = RIG_FORMAT_R8,
							    .bind = 1u << 4, // vertices
							    .width = size,
							    .height = 1,
							    .depth = 1,
							    .array_size = 1 } });
}

int rig_unref(struct render3d_rig *rig, uint32_t resource_id) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_UNREF_RESOURCE,
					    .resource_id = resource_id });
}

int rig_attach_backing(struct render3d_rig *rig, uint32_t resource_id, uint32_t offset,
		uint32_t piece_size, uint32_t n_pieces, uint32_t gap) {
	assert_true(rig->n_backings < RENDER3D_RIG_MAX_BACKINGS);
	struct oriel_backing *backing = &rig->backings[rig->n_backings++];
	oriel_backing_init(backing, &rig->budget);
	assert_int_equal(oriel_backing_begin(backing, n_pieces, rig->map), 0);
	for (uint32_t i = 0; i < n_pieces; i++) {
		uint64_t gpa = RENDER3D_RIG_RAM_GPA + offset + i * (piece_size + gap);
		assert_int_equal(oriel_backing_append(backing, gpa, piece_size, UINT64_MAX), 0);
	}
	oriel_backing_end(backing);
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_ATTACH_BACKING,
					    .resource_id = resource_id,
					    .backing = backing });
}

int rig_detach_backing(struct render3d_rig *rig, uint32_t resource_id) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_DETACH_BACKING,
					    .resource_id = resource_id });
}

int rig_transfer(struct render3d_rig *rig, bool to_host, uint32_t ctx_id, uint32_t resource_id,
		const struct oriel_render3d_transfer *transfer) {
	return rig_run(rig, &(struct oriel_render3d_op){
					    .type = to_host ? ORIEL_RENDER3D_TRANSFER_TO_HOST
							    : ORIEL_RENDER3D_TRANSFER_FROM_HOST,
					    .ctx_id = ctx_id,
					    .resource_id = resource_id,
					    .transfer = *transfer });
}

void rig_op_commands(struct rig_op *op, uint32_t ctx_id, struct virgl_commands *commands) {
	op->span = (struct oriel_span){ .hva = (uint8_t *)commands->words,
		.size = commands->n_words * 4 };
	op->op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_SUBMIT,
		.ctx_id = ctx_id,
		.commands = { .bytes = { .spans = &op->span, .len = 1 },
				.size = commands->n_words * 4 } };
}

int rig_submit_commands(struct render3d_rig *rig, uint32_t ctx_id,
		const struct virgl_commands *commands) {
	struct virgl_commands copy = *commands;
	struct rig_op op = { 0 };
	rig_op_commands(&op, ctx_id, &copy);
	rig_submit(rig, &op);
	memset(&copy, 0xff, sizeof(copy)); // read during submit, and not afterwards
	rig_wait(rig, &op);
	return op.err;
}

void rig_op_fence(struct rig_op *op, uint32_t ctx_id, uint8_t ring_idx) {
	op->op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_FENCE,
		.ctx_id = ctx_id,
		.fence = { .ring_idx = ring_idx } };
}

void rig_op_global_fence(struct rig_op *op) {
	op->op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_FENCE,
		.fence = { .is_global = true } };
}

int rig_add_image(struct render3d_rig *rig, uint32_t image_id, int fd, uint64_t size) {
	return rig_run(rig, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_ADD_IMAGE,
					    .resource_id = image_id,
					    .image = { .fd = fd, .size = size } });
}
