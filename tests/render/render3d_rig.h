// SPDX-License-Identifier: MIT
/*
 * For tests of 3D renderers, whichever: a renderer, its loop, a guest's memory, and operations that
 * are waited for.
 */
#ifndef ORIEL_TEST_RENDER3D_RIG_H
#define ORIEL_TEST_RENDER3D_RIG_H

#include "fixture/check.h"
#include "oriel/loop.h"
#include "render/render3d.h"
#include "render/virgl_commands.h"

/** The guest's memory: a memfd, so that other processes can have it too. */
#define RENDER3D_RIG_RAM_GPA 0x100000u
#define RENDER3D_RIG_RAM_SIZE (16u << 20)
#define RENDER3D_RIG_MAX_BACKINGS 64

/** Formats of virgl that tests use. */
#define RIG_FORMAT_BGRA 1u
#define RIG_FORMAT_R8 64u

/** Binds: to render to and to sample. */
#define RIG_BIND_PICTURE 10u

/** How a renderer is made, and what else then ends with it. */
struct render3d_maker {
	/** 0, -ENODEV to skip the tests, or another error. */
	int (*create)(struct oriel_loop *loop, struct oriel_renderer3d **ret, void *user);
	/** Called after the renderer is destroyed. May be NULL. */
	void (*finish)(void *user);
	void *user;
};

struct render3d_rig {
	const struct render3d_maker *maker;
	struct oriel_loop *loop;
	struct oriel_renderer3d *renderer;

	struct oriel_memory *memory;
	struct oriel_mem_map *map;
	int ram_fd;
	uint8_t *ram; // what the guest sees at RENDER3D_RIG_RAM_GPA

	struct oriel_budget budget;
	struct oriel_backing backings[RENDER3D_RIG_MAX_BACKINGS];
	uint32_t n_backings;

	uint32_t n_done; // operations that came back
};

/** An operation and what became of it. */
struct rig_op {
	struct oriel_render3d_op op;
	struct render3d_rig *rig;
	bool is_done;
	int err;
	uint32_t n_earlier; // operations of the rig that came back before
	struct oriel_span span;
};

/** Make everything. Returns 0, or -ENODEV: there is no renderer here. */
ORIEL_MUST_CHECK
int render3d_rig_create(struct render3d_rig *rig, const struct render3d_maker *maker);
void render3d_rig_destroy(struct render3d_rig *rig);

/** Forget all that a test made, on both sides. */
void render3d_rig_reset(struct render3d_rig *rig);

/** Submit; it comes back whenever it does. */
void rig_submit(struct render3d_rig *rig, struct rig_op *op);
/** Run the loop until op is back. */
void rig_wait(struct render3d_rig *rig, struct rig_op *op);
/** Both. Returns op's error. */
int rig_run(struct render3d_rig *rig, const struct oriel_render3d_op *op);

// The usual operations. All wait, and return the operation's error.

int rig_create_context(struct render3d_rig *rig, uint32_t ctx_id);
int rig_destroy_context(struct render3d_rig *rig, uint32_t ctx_id);
int rig_attach(struct render3d_rig *rig, uint32_t ctx_id, uint32_t resource_id);
/** A 2D picture with these flags. */
int rig_create_picture(struct render3d_rig *rig, uint32_t resource_id, uint32_t format,
		uint32_t width, uint32_t height, uint32_t flags);
int rig_create_buffer(struct render3d_rig *rig, uint32_t resource_id, uint32_t size);
int rig_unref(struct render3d_rig *rig, uint32_t resource_id);
/** Backing of n_pieces pieces of piece_size bytes, gap bytes apart, from offset of the RAM on. */
int rig_attach_backing(struct render3d_rig *rig, uint32_t resource_id, uint32_t offset,
		uint32_t piece_size, uint32_t n_pieces, uint32_t gap);
int rig_detach_backing(struct render3d_rig *rig, uint32_t resource_id);
int rig_transfer(struct render3d_rig *rig, bool to_host, uint32_t ctx_id, uint32_t resource_id,
		const struct oriel_render3d_transfer *transfer);
/** Run commands, of which there may be none. */
int rig_submit_commands(struct render3d_rig *rig, uint32_t ctx_id,
		const struct virgl_commands *commands);
int rig_add_image(struct render3d_rig *rig, uint32_t image_id, int fd, uint64_t size);

/** Begin an operation that runs commands; commands must stay until it is back. */
void rig_op_commands(struct rig_op *op, uint32_t ctx_id, struct virgl_commands *commands);
/** Begin a fence of a context's ring, or of the global timeline. */
void rig_op_fence(struct rig_op *op, uint32_t ctx_id, uint8_t ring_idx);
void rig_op_global_fence(struct rig_op *op);

/** A memfd of size zero bytes, and where it is mapped. Aborts the test on failure. */
int rig_memfd(uint64_t size, uint8_t **ret_map);

#endif
