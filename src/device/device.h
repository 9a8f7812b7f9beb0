// SPDX-License-Identifier: MIT
/*
 * The GPU's state, shared by the files of this folder. Private to it.
 *
 * Theory of operation. Two queues (queue.h) take turns on the loop; a turn pops chains, which
 * become requests (request.h); the command table (command.h) checks them and calls a handler
 * (run_*.c), which works on the resource table, asks the renderer to draw, and tells the screen
 * what changed. Fenced requests go back in the order of their timelines (timeline.h). What a guest
 * makes us keep is charged to `limits`.
 *
 * All guest state is in here and goes at a reset: resources, screen, features, events. What the
 * embedder gave stays: displays, heads, renderer, options.
 */
#ifndef ORIEL_DEVICE_H
#define ORIEL_DEVICE_H

#include "device/blob.h"
#include "device/command.h"
#include "device/context.h"
#include "device/counts.h"
#include "device/heads.h"
#include "device/queue.h"
#include "device/readback.h"
#include "device/udmabuf.h"
#include "device/work.h"
#include "display/screen.h"
#include "host/log.h"
#include "oriel/gpu.h"

#define ORIEL_GPU_N_QUEUES 2u

struct oriel_gpu {
	struct oriel_virtio base;
	struct oriel_loop *loop;
	struct oriel_renderer *renderer;
	struct oriel_renderer3d *renderer3d; // NULL: a 2D device
	struct oriel_log log;

	struct oriel_memory *memory; // owned
	struct oriel_gpu_queue queues[ORIEL_GPU_N_QUEUES];
	uint64_t features; // negotiated, and of those only what we have

	struct oriel_screen screen;
	struct oriel_blob_scanout blobs[ORIEL_MAX_SCANOUTS]; // of the screen's scanouts
	struct oriel_blob_fetch blob_fetch;
	struct oriel_udmabuf udmabuf;
	struct oriel_resource_limits limits;
	struct oriel_resource_table resources;
	uint64_t max_backing_entries;
	uint64_t max_submit_size;

	// 3D.
	struct oriel_context_table contexts;
	struct oriel_work_list works;
	struct oriel_readback readback;
	// The control request that has to be finished before the next one is taken, or NULL.
	const struct oriel_request *blocked_by;
	bool is_3d_used;     // since the last reset: the renderer has something of the guest's
	bool is_3d_drop_due; // all that it has goes as soon as the works' reserve is back

	struct oriel_heads heads;
	uint32_t events_read;
	uint64_t change_of_event; // heads.n_changes when EVENT_DISPLAY was raised last

	// The response that is being written; one at a time.
	uint8_t response[ORIEL_MAX_RESPONSE_SIZE];
	struct oriel_writer body;
	// The cursor image that is being read.
	uint8_t cursor_pixels[ORIEL_CURSOR_BYTES];

	struct oriel_gpu_counts counts;
};

/** Whether a feature (a bit number) was negotiated. */
static inline bool oriel_gpu_has_feature(const struct oriel_gpu *gpu, unsigned int bit) {
	return (gpu->features >> bit & 1) != 0;
}

static inline struct oriel_gpu_queue *oriel_gpu_get_control_queue(struct oriel_gpu *gpu) {
	return &gpu->queues[VIRTIO_GPU_QUEUE_CONTROL];
}

static inline struct oriel_gpu_queue *oriel_gpu_get_cursor_queue(struct oriel_gpu *gpu) {
	return &gpu->queues[VIRTIO_GPU_QUEUE_CURSOR];
}

#endif
