// SPDX-License-Identifier: MIT
/*
 * Work: an operation of the 3D renderer, and who waits for it.
 *
 * The renderer may be another process, so an operation can outlive the request that it was for: a
 * reset drops requests at once, and a stopping queue does not wait for ever. So operations live
 * here, apart from requests, with all that must stay until they come back: guest memory, a
 * resource, a context.
 *
 * Work is freed when its operation came back. It is recycled, so that none is allocated in the
 * middle of things. virtio 1.3, 5.7.6.8.
 */
#ifndef ORIEL_WORK_H
#define ORIEL_WORK_H

#include "device/request.h"
#include "render/render3d.h"

struct oriel_context;
struct oriel_work;

/** The operation came back. work->req is NULL if nobody waits (any more). */
typedef void (*oriel_work_done_fn)(struct oriel_work *work, int err);

struct oriel_work {
	struct oriel_render3d_op op;
	struct oriel_gpu *gpu;
	struct oriel_link link;  // of the gpu's works, or free ones
	oriel_work_done_fn done; // may be NULL
	struct oriel_request *req;

	// Held until the operation came back, each or NULL.
	struct oriel_mem_map *map;
	struct oriel_resource *res;
	struct oriel_context *ctx;

	// A cursor that is being read (readback.h).
	struct oriel_cmd_update_cursor cursor;
	uint64_t cursor_serial;

	bool is_reserve;        // of the list's own
	bool gives_memory_back; // so nobody who waits is told before it came back
	bool settles;           // nor is the transport (oriel_virtio_is_settled())
};

struct oriel_work_list {
	struct oriel_link pending;
	struct oriel_link free;
	uint32_t n_free;
	uint32_t n_settling; // pending ones that settle

	// What must be said also when there is no memory: see oriel_work_take_reserve().
	struct oriel_work reserve[2];
};

void oriel_work_list_init(struct oriel_work_list *works);

/** Free all. None may be pending. */
void oriel_work_list_finish(struct oriel_work_list *works);

/** Work that does nothing yet. 0 or -ENOMEM. Submit it, or discard it. */
ORIEL_MUST_CHECK
int oriel_work_create(struct oriel_gpu *gpu, enum oriel_render3d_type type,
		struct oriel_work **ret);

/**
 * The same for a request, to be submitted with oriel_work_submit_for(); a SUBMIT has what is left
 * to read of it as its commands. The request is kept, so that nothing can fail any more when the
 * device has done its part.
 */
ORIEL_MUST_CHECK
int oriel_work_create_for(struct oriel_request *req, enum oriel_render3d_type type,
		struct oriel_work **ret);

/**
 * Two that need no memory, for what must be said whatever happens. They are back when the second,
 * ret[1], is, which must be submitted last. Returns whether they were not in use.
 */
bool oriel_work_take_reserve(struct oriel_gpu *gpu, struct oriel_work *ret[2]);

void oriel_work_discard(struct oriel_work *work);

/** Submit: work is the renderer's until it came back, which may be at once, and gone then. */
void oriel_work_submit(struct oriel_work *work);

/** Submit for the request that it was created for, which done finishes. Returns PENDING. */
enum oriel_resp oriel_work_submit_for(struct oriel_work *work, struct oriel_request *req,
		oriel_work_done_fn done);

/**
 * Nobody waits any more for what is pending for req: its fence, or that and all else. What is only
 * prepared is not submitted any more.
 */
void oriel_work_abandon_fence(struct oriel_request *req);
void oriel_work_abandon(struct oriel_request *req);

/** The usual done: finish the request with the response for err, and log why. */
void oriel_work_finish_request(struct oriel_work *work, int err);

#endif
