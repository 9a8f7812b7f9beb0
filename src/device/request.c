// SPDX-License-Identifier: MIT
/* See request.h. */
#include "device/request.h"

#include "device/device.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void oriel_request_begin(struct oriel_request *req, struct oriel_gpu_queue *queue,
		const struct oriel_chain *chain) {
	*req = (struct oriel_request){
		.queue = queue,
		.is_taken = true,
		.row = ORIEL_N_COMMANDS,
		.chain_id = chain->id,
		.n_slots = chain->n_slots,
		.readable = { .spans = chain->readable, .len = chain->n_readable },
		.n_readable_bytes = chain->n_readable_bytes,
		.writable = { .spans = chain->writable, .len = chain->n_writable },
		.n_writable_bytes = chain->n_writable_bytes,
	};
	oriel_list_init(&req->link);
	oriel_list_init(&req->timeline_link);
}

int oriel_request_read(struct oriel_request *req, void *buf, size_t size) {
	if (req->n_readable_bytes < size) {
		return -EBADMSG;
	}
	size_t n = oriel_span_cursor_read(&req->readable, buf, size);
	assert(n == size);
	req->n_readable_bytes -= size;
	return 0;
}

/** How many of the first writable spans a response can reach. */
static size_t count_spans_to_keep(const struct oriel_request *req) {
	size_t n = 0;
	for (size_t size = 0; n < req->writable.len && size < ORIEL_MAX_RESPONSE_SIZE; n++) {
		size += oriel_min_size(req->writable.spans[n].size, ORIEL_MAX_RESPONSE_SIZE);
	}
	return n;
}

int oriel_request_keep(struct oriel_request *req) {
	if (req->map != NULL) {
		return 0;
	}
	size_t n = count_spans_to_keep(req);
	struct oriel_span *spans = req->inline_spans;
	if (n > ORIEL_REQUEST_INLINE_SPANS) {
		// Bounded: a slot's response has at most so many bytes, in as many pieces.
		spans = calloc(n, sizeof(*spans));
		if (spans == NULL) {
			return -ENOMEM;
		}
		req->more_spans = spans;
	}
	for (size_t i = 0; i < n; i++) {
		spans[i] = req->writable.spans[i];
	}
	req->writable = (struct oriel_span_cursor){ .spans = spans, .len = n };
	req->readable = (struct oriel_span_cursor){ 0 };
	req->n_readable_bytes = 0;
	req->map = oriel_mem_map_hold(oriel_virtq_get_map(req->queue->ring.vq));
	return 0;
}

void oriel_request_begin_slices(struct oriel_request *req, oriel_slice_fn run_slice) {
	req->run_slice = run_slice;
	req->queue->current = req;
}

void oriel_request_end_slices(struct oriel_request *req) {
	assert(req->queue->current == req);
	req->queue->current = NULL;
}

static void handle_transferred(struct oriel_transfer *transfer, int err) {
	struct oriel_request *req = oriel_container_of(transfer, struct oriel_request, transfer);
	oriel_request_end_slices(req);
	req->transferred(req, err);
}

static void continue_transfer(struct oriel_request *req) {
	struct oriel_gpu_queue *queue = req->queue;
	oriel_transfer_run(&req->transfer, queue->gpu->renderer, &queue->turn_bytes);
}

void oriel_request_begin_transfer(struct oriel_request *req, struct oriel_resource *res,
		const struct oriel_rect *rect, const struct oriel_render_source *source,
		oriel_transferred_fn transferred) {
	oriel_transfer_init(&req->transfer, res, rect, source, handle_transferred);
	req->transferred = transferred;
	oriel_request_begin_slices(req, continue_transfer);
	continue_transfer(req);
}

struct oriel_writer *oriel_request_get_body(struct oriel_request *req) {
	struct oriel_gpu *gpu = req->queue->gpu;
	gpu->body = oriel_writer_of(gpu->response + ORIEL_CTRL_HDR_SIZE,
			sizeof(gpu->response) - ORIEL_CTRL_HDR_SIZE);
	return &gpu->body;
}

/** virtio 1.3, 5.7.6.7: flags, fence_id and ctx_id come back if the request was fenced. */
static void write_header(const struct oriel_request *req, enum oriel_resp resp, uint8_t *bytes) {
	struct oriel_ctrl_hdr hdr = { .type = (uint32_t)resp };
	if (req->fenced) {
		hdr.flags = VIRTIO_GPU_FLAG_FENCE;
		hdr.fence_id = req->hdr.fence_id;
		hdr.ctx_id = req->hdr.ctx_id;
		if (req->ctx != NULL) {
			hdr.flags |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
			hdr.ring_idx = req->hdr.ring_idx;
		}
	}
	struct oriel_writer w = oriel_writer_of(bytes, ORIEL_CTRL_HDR_SIZE);
	oriel_encode_ctrl_hdr(&w, &hdr);
}

/** What the next control request waited for is done, or will never be: it may be taken. */
static void unblock(const struct oriel_request *req) {
	struct oriel_gpu *gpu = req->queue->gpu;
	if (gpu->blocked_by == req) {
		gpu->blocked_by = NULL;
		oriel_readback_end(gpu);
		oriel_gpu_queue_schedule(req->queue);
	}
}

void oriel_request_finish(struct oriel_request *req, enum oriel_resp resp) {
	assert(resp != ORIEL_RESP_PENDING && !req->finished);
	struct oriel_gpu *gpu = req->queue->gpu;
	size_t size = ORIEL_CTRL_HDR_SIZE;
	if (resp != ORIEL_RESP_OK_NODATA && resp < ORIEL_RESP_ERR_UNSPEC) {
		assert(!gpu->body.failed);
		size = (size_t)(gpu->body.cur - gpu->response);
	}
	write_header(req, resp, gpu->response);
	// A chain without room for all of it gets the beginning.
	size = (size_t)oriel_min_u64(size, req->n_writable_bytes);
	size_t written = oriel_span_cursor_write(&req->writable, gpu->response, size);
	assert(written == size);

	oriel_count_command(&gpu->counts, req->row, resp);
	req->written = (uint32_t)size;
	req->finished = true;
	unblock(req); // its fence may take long, and is for the guest alone
	oriel_gpu_queue_handle_finished(req->queue, req);
}

void oriel_request_end(struct oriel_request *req) {
	unblock(req);
	oriel_work_abandon(req);
	oriel_list_remove(&req->link);
	oriel_list_remove(&req->timeline_link);
	oriel_context_release(req->ctx);
	req->ctx = NULL;
	oriel_resource_release(req->res);
	req->res = NULL;
	oriel_mem_map_release(req->map);
	req->map = NULL;
	free(req->more_spans);
	req->more_spans = NULL;
}

enum oriel_resp oriel_request_fail(struct oriel_request *req, enum oriel_resp resp,
		const char *format, ...) {
	char reason[160];
	va_list args;
	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	oriel_log_guest(&req->queue->gpu->log, "%s: %s: %s", req->queue->ring.name,
			req->command != NULL ? req->command->name : "request", reason);
	return resp;
}

enum oriel_resp oriel_resp_from_error(int err) {
	switch (err) {
	case 0:
		return ORIEL_RESP_OK_NODATA;
	case -ENOMEM:
	case -EDQUOT: // over the guest's budget
	case -EOVERFLOW:
		return ORIEL_RESP_ERR_OUT_OF_MEMORY;
	case -EINVAL:
	case -EBADMSG:
		return ORIEL_RESP_ERR_INVALID_PARAMETER;
	default:
		return ORIEL_RESP_ERR_UNSPEC;
	}
}
