// SPDX-License-Identifier: MIT
/*
 * A request: one chain of a queue, from pop to publish.
 *
 * It lives in a slot that was allocated when its queue started, and is finished exactly once: by
 * the command code when its handler returns a response, or by whoever the handler handed it to
 * (ORIEL_RESP_PENDING). A fenced request joins its timeline when its header was read, and its chain
 * goes back when all that joined before it have gone back (timeline.h).
 *
 * Guest bytes are fetched once: the header, then as much of the body as the command's fixed part
 * has; a handler streams the rest. virtio 1.3, 5.7.6.7.
 */
#ifndef ORIEL_REQUEST_H
#define ORIEL_REQUEST_H

#include "base/list.h"
#include "device/transfer.h"
#include "display/display.h"
#include "mem/map.h"
#include "protocol/virtio_gpu.h"
#include "render/render.h"
#include "render/render3d.h"
#include "virtq/virtq.h"

struct oriel_gpu;
struct oriel_gpu_queue;
struct oriel_command;
struct oriel_request;
struct oriel_context;
struct oriel_timeline;
struct oriel_work;

/** What a handler answers: the type of the response header, or that the answer comes later. */
enum oriel_resp {
	/** The handler gave the request to somebody who finishes it, or has finished it already. */
	ORIEL_RESP_PENDING = 0,
	ORIEL_RESP_OK_NODATA = VIRTIO_GPU_RESP_OK_NODATA,
	ORIEL_RESP_OK_DISPLAY_INFO = VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
	ORIEL_RESP_OK_CAPSET_INFO = VIRTIO_GPU_RESP_OK_CAPSET_INFO,
	ORIEL_RESP_OK_CAPSET = VIRTIO_GPU_RESP_OK_CAPSET,
	ORIEL_RESP_OK_EDID = VIRTIO_GPU_RESP_OK_EDID,
	ORIEL_RESP_OK_RESOURCE_UUID = VIRTIO_GPU_RESP_OK_RESOURCE_UUID,
	ORIEL_RESP_ERR_UNSPEC = VIRTIO_GPU_RESP_ERR_UNSPEC,
	ORIEL_RESP_ERR_OUT_OF_MEMORY = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
	ORIEL_RESP_ERR_INVALID_SCANOUT_ID = VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
	ORIEL_RESP_ERR_INVALID_RESOURCE_ID = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
	ORIEL_RESP_ERR_INVALID_CONTEXT_ID = VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
	ORIEL_RESP_ERR_INVALID_PARAMETER = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
};

/** The largest response: GET_CAPSET's. */
#define ORIEL_MAX_RESPONSE_SIZE (ORIEL_CTRL_HDR_SIZE + ORIEL_MAX_CAPSET_SIZE)

/** Spans of a response's place that a slot has room for itself; real drivers need one. */
#define ORIEL_REQUEST_INLINE_SPANS 4u

/** Carries out the next slice of a request that is its queue's current one. */
typedef void (*oriel_slice_fn)(struct oriel_request *req);

/** A request's transfer is done; err is 0 or a negative errno. */
typedef void (*oriel_transferred_fn)(struct oriel_request *req, int err);

struct oriel_request {
	struct oriel_gpu_queue *queue;
	struct oriel_link link; // free, in flight, or waiting for the control queue
	bool is_taken;          // not free

	// The chain. Its spans are the ring's, and good until the next pop, unless they were kept.
	uint16_t chain_id;
	uint16_t n_slots;
	struct oriel_span_cursor readable; // behind what was read
	uint64_t n_readable_bytes;         // of them
	struct oriel_span_cursor writable; // from its start
	uint64_t n_writable_bytes;
	struct oriel_mem_map *map; // held by a kept request, else NULL
	struct oriel_span inline_spans[ORIEL_REQUEST_INLINE_SPANS];
	struct oriel_span *more_spans; // if inline_spans are too few; owned

	struct oriel_ctrl_hdr hdr;
	const struct oriel_command *command; // NULL: no such command
	uint8_t row;                         // of the command table; ORIEL_N_COMMANDS: none

	// The fence. A 3D device also waits for the GPU (fence.h).
	bool fenced;
	bool awaits_fence;
	uint64_t begun_ns;               // when it was taken
	struct oriel_work *fence;        // pending, or NULL
	struct oriel_timeline *timeline; // NULL: not fenced
	struct oriel_context *ctx;       // held: the timeline is one of its; or NULL
	struct oriel_link timeline_link;

	// Once finished: bytes written.
	bool finished;
	uint32_t written;

	// What a pending command needs.
	struct oriel_work *work;     // of the 3D renderer, or NULL
	struct oriel_work *prepared; // owned: submitted when the slices before it are done; or NULL
	struct oriel_resource *res;  // held, or NULL
	oriel_slice_fn run_slice;    // as long as it is its queue's current one
	union {
		uint32_t next_twin; // where the walk over a context's resources goes on
		struct oriel_display_query query;
		struct {
			struct oriel_transfer transfer;
			oriel_transferred_fn transferred;
			struct {
				struct oriel_rect rect;   // as the guest said it
				uint32_t scanout_id;      // that is being gathered for
				uint32_t n_scanouts;      // behind the last one
				struct oriel_rect damage; // that is being read back
				uint64_t begun_ns;        // when it was taken; 0: it is no flush
				bool has_shown;           // something
			} flush;
		};
		struct {
			struct oriel_cmd_update_cursor cmd;
			uint64_t ticket; // of the last control request to wait for
		} cursor;
	};
};

/** Begin a request of queue from a chain that was just popped. */
void oriel_request_begin(struct oriel_request *req, struct oriel_gpu_queue *queue,
		const struct oriel_chain *chain);

/** Copy the next size bytes of the request to buf. Returns 0, or -EBADMSG if there are fewer. */
ORIEL_MUST_CHECK
int oriel_request_read(struct oriel_request *req, void *buf, size_t size);

/**
 * Make what the request still needs independent of the ring: the place of its response. Whoever
 * returns ORIEL_RESP_PENDING calls this first. Again is a no-op.
 *
 * Returns 0 or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_request_keep(struct oriel_request *req);

/**
 * Begin a transfer to rect of res, which is not empty, for a request that was kept. Until its last
 * slice was run, the request is its queue's `current` one, and nothing is popped behind it.
 *
 * oriel_renderer_check_transfer() has allowed it. res and the source's backing must stay until
 * transferred is called, which may be before this returns.
 */
void oriel_request_begin_transfer(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_rect *rect, const struct oriel_render_source *source,
		oriel_transferred_fn transferred);

/**
 * A request that was kept is its queue's current one until oriel_request_end_slices(): nothing is
 * popped behind it, and run_slice is called in each turn, for as long as the turn's share lasts.
 */
void oriel_request_begin_slices(struct oriel_request *req, oriel_slice_fn run_slice);
void oriel_request_end_slices(struct oriel_request *req);

/** Where a handler writes the response's body, before it returns or finishes. Valid until then. */
struct oriel_writer *oriel_request_get_body(struct oriel_request *req);

/** Finish: write the response, and give the chain back as soon as its timeline allows. */
void oriel_request_finish(struct oriel_request *req, enum oriel_resp resp);

/** Free what the request holds; it is given back to its queue, or dropped by a reset. */
void oriel_request_end(struct oriel_request *req);

/** Log why a request fails (rate-limited), and return resp. */
ORIEL_PRINTF(3, 4)
enum oriel_resp oriel_request_fail(struct oriel_request *req, enum oriel_resp resp,
		const char *format, ...);

/** The response for an error that came from a lower layer. */
enum oriel_resp oriel_resp_from_error(int err);

#endif
