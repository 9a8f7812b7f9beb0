// SPDX-License-Identifier: MIT
/*
 * The interface of 3D renderers: an operation goes in, its result comes back later, once.
 *
 * A 3D renderer has contexts and resources of its own, which operations name by the guest's ids;
 * it knows no rings, no scanouts and no `struct oriel_resource`. Operations are messages, so that
 * the same interface serves a renderer in this process (virgl/) and one in another (remote/), which
 * may die at any time.
 *
 * Theory of operation. Operations are carried out in the order of submission, and their results
 * come back in that order, fences excepted: a fence comes back when the GPU has done what was
 * submitted on its timeline before it, and orders nothing else. Each operation belongs to its
 * submitter, who keeps it, and what it points to, unchanged until `done` is called.
 *
 * Loss. A renderer that crashes or hangs is lost. Then every pending operation comes back with
 * -ENOTCONN, in order; by that time nothing touches guest memory any more on its behalf. After the
 * last of them handle_lost() is called: all contexts, resources and images are gone, and only the
 * memory table is still known. Operations may be submitted on at once: they wait for the next
 * renderer, or come back with -ENOTCONN if there will be none soon.
 *
 * Who gets guest memory back (UNREF, DETACH_BACKING, TRANSFER_FROM_HOST, SET_MEMORY, RESET) may
 * rely on `done`: whatever its error is, the renderer does not touch that memory any more.
 */
#ifndef ORIEL_RENDER3D_H
#define ORIEL_RENDER3D_H

#include "base/list.h"
#include "base/rect.h"
#include "mem/map.h"
#include "oriel/renderer3d.h"
#include "protocol/virtio_gpu_3d.h"
#include "resource/backing.h"
#include "resource/dmabuf.h"

/** The most capsets that a renderer has; ids are 1 to 63. */
#define ORIEL_MAX_CAPSETS 8u
/** The most bytes of one capset. VIRGL2's are about 1,400. */
#define ORIEL_MAX_CAPSET_SIZE 4096u

/** What a renderer can do for one kind of context: opaque to all but the guest's user space. */
struct oriel_capset {
	uint32_t id;      // virtio 1.3, 5.7.6.8
	uint32_t version; // the newest
	uint32_t size;    // of data, bytes
	uint8_t data[ORIEL_MAX_CAPSET_SIZE];
};

/** In the order of GET_CAPSET_INFO's indices. */
struct oriel_capset_table {
	uint32_t len;
	struct oriel_capset capsets[ORIEL_MAX_CAPSETS];
};

enum oriel_render3d_type {
	/** Create context ctx_id. -EINVAL: the capset is not known. */
	ORIEL_RENDER3D_CREATE_CONTEXT = 1,
	/** Destroy context ctx_id. Fences on its timelines come back before, if they can. */
	ORIEL_RENDER3D_DESTROY_CONTEXT,
	/** Let context ctx_id use resource resource_id. Again is a no-op. */
	ORIEL_RENDER3D_ATTACH_RESOURCE,
	ORIEL_RENDER3D_DETACH_RESOURCE,
	/** Create resource resource_id. -EINVAL: there is no such thing; -ENOMEM. */
	ORIEL_RENDER3D_CREATE_RESOURCE,
	/** Forget resource resource_id and its backing. */
	ORIEL_RENDER3D_UNREF_RESOURCE,
	/** Tie guest memory to a resource that has none. */
	ORIEL_RENDER3D_ATTACH_BACKING,
	ORIEL_RENDER3D_DETACH_BACKING,
	/** Copy a box from the backing to the resource, or back. */
	ORIEL_RENDER3D_TRANSFER_TO_HOST,
	ORIEL_RENDER3D_TRANSFER_FROM_HOST,
	/** Run a command buffer in context ctx_id. */
	ORIEL_RENDER3D_SUBMIT,
	/** Comes back when the GPU is done with what was submitted on the timeline before it. */
	ORIEL_RENDER3D_FENCE,
	/** Make an image of ours known, which pixels can be read into. */
	ORIEL_RENDER3D_ADD_IMAGE,
	ORIEL_RENDER3D_REMOVE_IMAGE,
	/** Copy a rectangle of a resource, as the guest would see it, into an image. */
	ORIEL_RENDER3D_READ_PIXELS,
	/** Guest memory is this from now on. No resource has a backing at that time. */
	ORIEL_RENDER3D_SET_MEMORY,
	/** Destroy all contexts, resources and images. */
	ORIEL_RENDER3D_RESET,
	/**
	 * Have a resource seen outside: what was submitted to any context before is drawn when this
	 * comes back. With wants_file, give a dma-buf of it as well. -EOPNOTSUPP: that cannot be.
	 */
	ORIEL_RENDER3D_EXPORT,
	ORIEL_RENDER3D_N_TYPES,
};

/** "SUBMIT_3D" and the like, for logs. */
const char *oriel_render3d_type_get_name(enum oriel_render3d_type type);

#define ORIEL_CONTEXT_NAME_SIZE 65u

struct oriel_render3d_op;

/**
 * An operation is complete; err is 0 or a negative errno. Called once per submitted operation, on
 * the device thread, possibly before submit returns. May submit other operations, and may free op.
 */
typedef void (*oriel_render3d_done_fn)(struct oriel_render3d_op *op, int err);

struct oriel_render3d_context {
	uint32_t capset_id; // 0: the renderer's choice
	char name[ORIEL_CONTEXT_NAME_SIZE];
};

/** As in RESOURCE_CREATE_3D; formats, targets and binds are virgl's. */
struct oriel_render3d_resource {
	uint32_t target;
	uint32_t format;
	uint32_t bind;
	uint32_t width, height, depth;
	uint32_t array_size;
	uint32_t last_level;
	uint32_t n_samples;
	uint32_t flags; // VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP
};

struct oriel_render3d_transfer {
	struct oriel_box box;
	uint64_t offset; // into the backing, bytes
	uint32_t level;
	uint32_t stride;       // bytes; 0: as tight as the level's rows are, also for a part of it
	uint32_t layer_stride; // bytes; 0: as many rows as the level has
};

/** Read from the guest's chain during submit, once, and not used afterwards. */
struct oriel_render3d_commands {
	struct oriel_span_cursor bytes; // at least size
	uint32_t size;                  // a multiple of 4
};

struct oriel_render3d_fence {
	bool is_global; // the timeline of no context; then ctx_id is 0 and ring_idx too
	uint8_t ring_idx;
};

struct oriel_render3d_image {
	// ADD_IMAGE: a memfd of at least size bytes, borrowed until done. It can be sealed: a
	// renderer that is not trusted makes sure that it cannot be cut off.
	int fd;
	uint64_t size; // of which the renderer maps this much, writable
};

struct oriel_render3d_read {
	uint32_t image_id;
	struct oriel_rect rect; // of the resource's level 0, from the top
	uint64_t offset;        // of the rectangle's first pixel in the image, bytes
	uint32_t stride;        // of the image, bytes
};

struct oriel_render3d_export {
	bool wants_file;
	// With it: what the picture is known to be. The order of its channels in memory may be
	// another one there, which the dma-buf then says.
	const struct oriel_format *format;
	uint32_t width, height;
	// The result: a hold of it is whose `done` it comes back to. NULL before, and on errors.
	struct oriel_dmabuf *dmabuf;
};

/** What a renderer says about a file that it exports. */
struct oriel_render3d_file {
	uint32_t fourcc;
	uint64_t modifier;
	uint64_t offset; // bytes
	uint32_t stride; // bytes
};

struct oriel_render3d_op {
	enum oriel_render3d_type type;
	oriel_render3d_done_fn done;

	uint32_t ctx_id;      // where the operation has one; 0: none
	uint32_t resource_id; // likewise; of ADD_IMAGE and REMOVE_IMAGE: the image's id
	union {
		struct oriel_render3d_context context;
		struct oriel_render3d_resource resource;
		// Attached and not lost. Read during submit or, if that is from within a done,
		// before the call returns that the done was made from. What it points to is guest
		// memory, which stays mapped until it is detached.
		const struct oriel_backing *backing;
		struct oriel_render3d_transfer transfer;
		struct oriel_render3d_commands commands;
		struct oriel_render3d_fence fence;
		struct oriel_render3d_image image;
		struct oriel_render3d_read read;
		struct oriel_render3d_export exported;
		struct oriel_mem_map *map;
	};

	// The renderer's, while it has the operation.
	struct oriel_link link;
	uint64_t sequence;
	int err;       // to come back with
	void *payload; // a copy of what it pointed to
};

/** Whom a renderer tells. Any function may be NULL. Not called from within submit. */
struct oriel_renderer3d_listener {
	/** See above. reason is a line without newline that names what was running. */
	void (*handle_lost)(void *user, const char *reason);
	/** There is room again: oriel_renderer3d_is_full() turned false. */
	void (*handle_room)(void *user);
	void *user;
};

/** Functions that a renderer implements. All but one are required. */
struct oriel_renderer3d_impl {
	const char *name;
	/** Carry op out and call op->done, now or later. */
	void (*submit)(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op);
	bool (*is_full)(const struct oriel_renderer3d *renderer);
	/** Have all that is pending come back now, with -ECANCELED unless it is done. */
	void (*cancel)(struct oriel_renderer3d *renderer);
	/** May be NULL. Let the clocks of timeouts stand still, or go on; the same again is no
	 * news. */
	void (*set_paused)(struct oriel_renderer3d *renderer, bool paused);
	/** Free everything, including the struct that embeds renderer. No operation is pending. */
	void (*destroy)(struct oriel_renderer3d *renderer);
};

/** The base of every 3D renderer: embed it. */
struct oriel_renderer3d {
	const struct oriel_renderer3d_impl *impl;
	struct oriel_renderer3d_listener listener;
	/** What it can do: known when it was created, and the same for its whole life. */
	struct oriel_capset_table capsets;
	/** Whether it can export at all: one export, of its own, has succeeded. */
	bool can_export;
};

/**
 * For implementers: make the result of an export of a file that has just been made, or that came
 * from a renderer which is not trusted.
 *
 * Owns: fd is taken, also on failure. Returns 0, -EINVAL if it cannot be such a picture, -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_render3d_export_make_take(struct oriel_render3d_export *exported, int fd,
		const struct oriel_render3d_file *file);

/** For implementers: begin the base; capsets may be filled in later. */
void oriel_renderer3d_init(struct oriel_renderer3d *renderer,
		const struct oriel_renderer3d_impl *impl);

/** Set who is told; NULL: nobody. */
void oriel_renderer3d_set_listener(struct oriel_renderer3d *renderer,
		const struct oriel_renderer3d_listener *listener);

/** The capset with this id, or NULL. */
const struct oriel_capset *oriel_capset_table_get(const struct oriel_capset_table *table,
		uint32_t id);

/** Submit an operation. What it says was checked as far as it can be without the renderer. */
void oriel_renderer3d_submit(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op);

/**
 * Give up: everything that is pending comes back before this returns, with -ECANCELED unless it is
 * done. It may be carried out all the same, so guest memory must stay until the renderer is
 * destroyed.
 */
void oriel_renderer3d_cancel(struct oriel_renderer3d *renderer);

/**
 * The guest is paused, or goes on: meanwhile nothing counts as late. For whoever waits for nothing.
 */
void oriel_renderer3d_set_paused(struct oriel_renderer3d *renderer, bool paused);

/**
 * Whether so much is under way that nothing should be begun that can wait. What is submitted all
 * the same is taken.
 */
bool oriel_renderer3d_is_full(const struct oriel_renderer3d *renderer);

#endif
