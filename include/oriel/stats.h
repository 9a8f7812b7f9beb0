// SPDX-License-Identifier: MIT
/*
 * Statistics: what a device has in use, what it was asked for, and how long that took.
 *
 * Everything is counted all the time, and costs next to nothing. Counts begin when the device is
 * made and never go back, also not when the guest is reset; what is in use, and what was
 * negotiated, is as of now. Functions with an index go through the rows of a table: start at 0,
 * until they return false.
 *
 * Structs begin with `size`, their own sizeof, set by the caller; as much is filled. What a later
 * version adds comes at their ends.
 *
 * Thread: the device thread.
 */
#ifndef ORIEL_STATS_H
#define ORIEL_STATS_H

#include <oriel/export.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_gpu;
struct oriel_input;
struct oriel_share;

/**
 * Durations that were measured, in nanoseconds. A percentile is never smaller than the exact one
 * and less than an eighth larger.
 */
struct oriel_durations {
	uint64_t n;
	uint64_t p50_ns, p90_ns, p99_ns, max_ns;
};

/** Responses with an error: VIRTIO_GPU_RESP_ERR_UNSPEC and the five codes behind it. */
#define ORIEL_GPU_N_ERRORS 6

/** What a device has in use. A limit may be ORIEL_LIMIT_OFF (oriel/limit.h). */
struct oriel_gpu_statistics {
	/** sizeof(struct oriel_gpu_statistics), set by the caller. */
	size_t size;
	/** Resources that the guest has, and may have. */
	uint64_t n_resources, max_resources;
	/** Bytes of their pixels. A resource that is still on a display counts after it is gone. */
	uint64_t host_memory, max_host_memory;
	/** Bytes of backing lists. */
	uint64_t backing_memory, max_backing_memory;
	/** Since the device was made: commands, and those of them that got an error. */
	uint64_t n_commands, n_errors;
	/** 3D contexts that the guest has, and may have. */
	uint64_t n_contexts, max_contexts;
	/** Bytes that its 3D resources take in the renderer, by estimate. */
	uint64_t memory_3d, max_3d_memory;

	/** The most that there ever was at once of the above. */
	uint64_t peak_resources, peak_host_memory, peak_backing_memory, peak_contexts,
			peak_3d_memory;

	/** Limits of one thing, and the largest that was let in: entries of a backing list, */
	uint64_t largest_backing, max_backing_entries;
	/** pixels of a resource in one direction, */
	uint64_t largest_dimension, max_dimension;
	/** bytes of a command buffer, */
	uint64_t largest_submit, max_submit_size;
	/** descriptors of a request (one that crosses regions of memory counts for each), */
	uint64_t largest_chain, max_chain;
	/** and rings of a context (the highest that was named, plus 1). */
	uint64_t largest_ring, max_rings;

	/** Heads that the device has now, and can have. */
	uint32_t n_heads, max_heads;

	/** Whether a driver works: some queue is started. */
	bool is_running;
	/** Resets of a driver that had negotiated features. */
	uint64_t n_resets;
	/** Of virtio, as masks: what is offered, and what the driver took. */
	uint64_t offered_features, accepted_features;
	/** Guest memory. */
	uint64_t n_memory_regions, guest_memory;

	/** Responses of each error: [0] is ERR_UNSPEC, [5] is ERR_INVALID_PARAMETER. */
	uint64_t errors[ORIEL_GPU_N_ERRORS];

	/** Frames that were given to displays, one for each head, and bytes of their damage. */
	uint64_t n_frames, damage;
	/** From a flush that was taken from the queue to its frame's being handed to displays. */
	struct oriel_durations frame_latency;
	/** From a fenced request that was taken from the queue to its being given back. */
	struct oriel_durations fence_latency;
};

/** Fill statistics, whose size field the caller has set. */
ORIEL_API
void oriel_gpu_get_statistics(const struct oriel_gpu *gpu, struct oriel_gpu_statistics *statistics);

/** One of the device's queues. */
struct oriel_gpu_queue_statistics {
	size_t size;
	/** Static: "controlq", "cursorq". */
	const char *name;
	/** Started, sound, and not about to stop. */
	bool is_running;
	/** Whether its ring cannot be trusted: the driver has to reset the device. */
	bool is_broken;
	/** Entries of its ring; 0 while it is stopped. */
	uint32_t ring_size;
	/** Requests that wait in the ring or are being carried out: now, and at most. */
	uint32_t depth, peak_depth;
	/** Requests that were taken, and turns in which that was done: how well they are batched.
	 */
	uint64_t n_requests, n_turns;
};

ORIEL_API
bool oriel_gpu_get_queue_statistics(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_queue_statistics *statistics);

/** One type of command; there is a row for each that the device knows, and one for the rest. */
struct oriel_gpu_command_statistics {
	size_t size;
	/** As on the wire; 0: whatever was no command. */
	uint32_t type;
	/** As in the standard, without VIRTIO_GPU_CMD_; static. */
	const char *name;
	/** Those that were answered, and of them with an error. */
	uint64_t n, n_errors;
};

ORIEL_API
bool oriel_gpu_get_command_statistics(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_command_statistics *statistics);

/** Why a feature is on or off. */
enum oriel_feature_state {
	/** The driver has it. */
	ORIEL_FEATURE_ON = 0,
	/** It is offered; no driver has negotiated yet. */
	ORIEL_FEATURE_NO_DRIVER = 1,
	/** It is offered; the driver did not take it, or the VMM did not pass it on. */
	ORIEL_FEATURE_DECLINED = 2,
	/** It needs a 3D renderer, and the device has none. */
	ORIEL_FEATURE_NO_RENDERER = 3,
	/** The 3D renderer can do nothing that a guest could use. */
	ORIEL_FEATURE_NO_CAPSET = 4,
	/** The driver took it, but not the feature that it needs. */
	ORIEL_FEATURE_ALONE = 5,
	/** This version of the device does not have it. */
	ORIEL_FEATURE_NOT_IMPLEMENTED = 6,
};

/** One feature of virtio. */
struct oriel_gpu_feature {
	size_t size;
	/** The bit's number. */
	uint32_t bit;
	/** As in the standard, "VIRTIO_GPU_F_EDID"; static. */
	const char *name;
	bool is_offered;
	enum oriel_feature_state state;
};

ORIEL_API
bool oriel_gpu_get_feature(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_feature *feature);

/** One head: what the guest is told of it, and what it shows there. */
struct oriel_gpu_head_statistics {
	size_t size;
	/** Whether the guest sees a monitor; where, how large, in pixels, and how fast. */
	bool is_on;
	uint32_t x, y, width, height;
	uint32_t refresh_mhz;
	/** What the guest shows: pixels; 0 and 0: nothing. */
	uint32_t shown_width, shown_height;
	bool has_cursor;
	/** Frames that were given to displays. */
	uint64_t n_frames;
};

ORIEL_API
bool oriel_gpu_get_head_statistics(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_head_statistics *statistics);

/** The display socket as a whole. */
struct oriel_share_statistics {
	size_t size;
	uint32_t n_clients, peak_clients, max_clients;
	/** Bytes that only clients hold, now, at most, and what they may. */
	uint64_t held, peak_held, max_held;
	/** Since it was made: clients that came. */
	uint64_t n_connects;
};

ORIEL_API
void oriel_share_get_statistics(const struct oriel_share *share,
		struct oriel_share_statistics *statistics);

/** One client of the display socket. */
struct oriel_share_client_statistics {
	size_t size;
	/** Its number in the log. */
	uint32_t number;
	/** The process that connected, as the kernel says; 0: none of this machine's. */
	int32_t pid;
	/** Nanoseconds since then. */
	uint64_t age_ns;
	/** Scanouts of which it is told frames, as bits. */
	uint32_t frames;
	/** Scanouts whose last frame it has not taken yet, as bits. */
	uint32_t behind;
	/** Frames that it was told, and those that became part of a later one. */
	uint64_t n_frames, n_merged;
	/** Bytes of the buffers that it has, and of those that only clients hold. */
	uint64_t mapped, held;
};

/** The client number index, of those that are connected now. */
ORIEL_API
bool oriel_share_get_client_statistics(const struct oriel_share *share, uint32_t index,
		struct oriel_share_client_statistics *statistics);

/** An input device. */
struct oriel_input_statistics {
	size_t size;
	/** Whether the guest has a driver for it. */
	bool is_running;
	/** Reports that the guest was given, and keys, moves and turns of which it got nothing. */
	uint64_t n_reports, n_dropped;
};

ORIEL_API
void oriel_input_get_statistics(const struct oriel_input *input,
		struct oriel_input_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
