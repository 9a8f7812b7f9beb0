// SPDX-License-Identifier: MIT
/* See include/oriel/stats.h: the device's part of it, out of what its files count. */
#include "oriel/stats.h"

#include "base/sized.h"
#include "device/device.h"

#include <string.h>

#define BIT(feature) (1ull << (feature))
#define DEFAULT_REFRESH_MHZ 60000u

static struct oriel_durations get_durations(const struct oriel_histogram *histogram) {
	return (struct oriel_durations){
		.n = histogram->n,
		.p50_ns = oriel_histogram_get_percentile(histogram, 500),
		.p90_ns = oriel_histogram_get_percentile(histogram, 900),
		.p99_ns = oriel_histogram_get_percentile(histogram, 990),
		.max_ns = histogram->max,
	};
}

static void fill_use(const struct oriel_gpu *gpu, struct oriel_gpu_statistics *ret) {
	const struct oriel_resource_limits *limits = &gpu->limits;
	const struct {
		const struct oriel_budget *budget;
		uint64_t *used, *peak, *limit;
	} rows[] = {
		{ &limits->count, &ret->n_resources, &ret->peak_resources, &ret->max_resources },
		{ &limits->pixels, &ret->host_memory, &ret->peak_host_memory,
				&ret->max_host_memory },
		{ &limits->backing, &ret->backing_memory, &ret->peak_backing_memory,
				&ret->max_backing_memory },
		{ &limits->memory_3d, &ret->memory_3d, &ret->peak_3d_memory, &ret->max_3d_memory },
		{ &gpu->contexts.count, &ret->n_contexts, &ret->peak_contexts, &ret->max_contexts },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		*rows[i].used = rows[i].budget->used;
		*rows[i].peak = rows[i].budget->peak;
		*rows[i].limit = rows[i].budget->limit;
	}
	ret->largest_backing = gpu->counts.largest_backing;
	ret->max_backing_entries = gpu->max_backing_entries;
	ret->largest_dimension = gpu->counts.largest_dimension;
	ret->max_dimension = limits->max_dimension == UINT32_MAX ? ORIEL_LIMIT_OFF
								 : limits->max_dimension;
	ret->largest_submit = gpu->counts.largest_submit;
	ret->max_submit_size = gpu->max_submit_size;
	ret->largest_chain = gpu->counts.largest_chain;
	ret->max_chain = ORIEL_VIRTQ_MAX_CHAIN;
	ret->largest_ring = gpu->counts.largest_ring;
	ret->max_rings = ORIEL_MAX_RINGS;
}

static void fill_counts(const struct oriel_gpu *gpu, struct oriel_gpu_statistics *ret) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(gpu->counts.commands); i++) {
		ret->n_commands += gpu->counts.commands[i].n;
		ret->n_errors += gpu->counts.commands[i].n_errors;
	}
	memcpy(ret->errors, gpu->counts.errors, sizeof(ret->errors));
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		ret->n_frames += gpu->screen.n_frames[i];
	}
	ret->damage = gpu->screen.damage;
	ret->frame_latency = get_durations(&gpu->counts.frame_latency);
	ret->fence_latency = get_durations(&gpu->counts.fence_latency);
}

static void fill_memory(const struct oriel_gpu *gpu, struct oriel_gpu_statistics *ret) {
	struct oriel_mem_map *map = oriel_memory_hold_map(gpu->memory);
	ret->n_memory_regions = oriel_mem_map_count_regions(map);
	for (size_t i = 0; i < ret->n_memory_regions; i++) {
		ret->guest_memory += oriel_mem_map_get_region(map, i).size;
	}
	oriel_mem_map_release(map);
}

static bool is_running(const struct oriel_gpu *gpu) {
	bool is = false;
	for (unsigned int i = 0; i < ORIEL_GPU_N_QUEUES; i++) {
		is = is || oriel_gpu_queue_is_started(&gpu->queues[i]);
	}
	return is;
}

/** What is offered. A device does not change by being asked. */
static uint64_t get_offered(const struct oriel_gpu *gpu) {
	return gpu->base.impl->get_features((struct oriel_virtio *)(uintptr_t)&gpu->base);
}

void oriel_gpu_get_statistics(const struct oriel_gpu *gpu,
		struct oriel_gpu_statistics *statistics) {
	struct oriel_gpu_statistics all = {
		.n_heads = gpu->screen.n_scanouts,
		.max_heads = ORIEL_MAX_SCANOUTS,
		.is_running = is_running(gpu),
		.n_resets = gpu->counts.n_resets,
		.offered_features = get_offered(gpu),
		.accepted_features = gpu->features,
	};
	fill_use(gpu, &all);
	fill_counts(gpu, &all);
	fill_memory(gpu, &all);
	oriel_sized_copy(statistics, &all, sizeof(all));
}

bool oriel_gpu_get_queue_statistics(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_queue_statistics *statistics) {
	if (index >= ORIEL_GPU_N_QUEUES) {
		return false;
	}
	const struct oriel_gpu_queue *queue = &gpu->queues[index];
	const struct oriel_gpu_queue_statistics all = {
		.name = queue->ring.name,
		.is_running = oriel_gpu_queue_is_running(queue),
		.is_broken = oriel_virtq_is_broken(queue->ring.vq, NULL),
		.ring_size = queue->ring.size,
		.depth = oriel_gpu_queue_get_depth(queue),
		.peak_depth = queue->peak_depth,
		.n_requests = queue->n_begun,
		.n_turns = queue->n_turns,
	};
	oriel_sized_copy(statistics, &all, sizeof(all));
	return true;
}

bool oriel_gpu_get_command_statistics(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_command_statistics *statistics) {
	if (index >= ORIEL_ARRAY_LEN(gpu->counts.commands)) {
		return false;
	}
	struct oriel_gpu_command_statistics all = {
		.name = "unknown",
		.n = gpu->counts.commands[index].n,
		.n_errors = gpu->counts.commands[index].n_errors,
	};
	if (index < ORIEL_N_COMMANDS) {
		const struct oriel_command *command = oriel_command_get_row(index);
		all.type = command->type;
		all.name = command->name;
	}
	oriel_sized_copy(statistics, &all, sizeof(all));
	return true;
}

static enum oriel_feature_state judge(const struct oriel_gpu *gpu, uint32_t bit, bool is_offered,
		bool needs_renderer) {
	if (!is_offered && needs_renderer) {
		return gpu->renderer3d == NULL ? ORIEL_FEATURE_NO_RENDERER
					       : ORIEL_FEATURE_NO_CAPSET;
	}
	if (!is_offered) {
		return ORIEL_FEATURE_NOT_IMPLEMENTED;
	}
	if ((gpu->features >> bit & 1) != 0) {
		return ORIEL_FEATURE_ON;
	}
	if (gpu->base.features == 0 && !is_running(gpu)) {
		return ORIEL_FEATURE_NO_DRIVER;
	}
	return (gpu->base.features >> bit & 1) != 0 ? ORIEL_FEATURE_ALONE : ORIEL_FEATURE_DECLINED;
}

bool oriel_gpu_get_feature(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_feature *feature) {
	static const struct {
		uint32_t bit;
		bool needs_renderer;
		const char *name;
	} rows[] = {
		{ VIRTIO_GPU_F_VIRGL, true, "VIRTIO_GPU_F_VIRGL" },
		{ VIRTIO_GPU_F_EDID, false, "VIRTIO_GPU_F_EDID" },
		{ VIRTIO_GPU_F_RESOURCE_UUID, false, "VIRTIO_GPU_F_RESOURCE_UUID" },
		{ VIRTIO_GPU_F_RESOURCE_BLOB, false, "VIRTIO_GPU_F_RESOURCE_BLOB" },
		{ VIRTIO_GPU_F_CONTEXT_INIT, true, "VIRTIO_GPU_F_CONTEXT_INIT" },
		{ VIRTIO_GPU_F_BLOB_ALIGNMENT, false, "VIRTIO_GPU_F_BLOB_ALIGNMENT" },
		{ ORIEL_VIRTIO_F_INDIRECT_DESC, false, "VIRTIO_F_INDIRECT_DESC" },
		{ ORIEL_VIRTIO_F_EVENT_IDX, false, "VIRTIO_F_EVENT_IDX" },
		{ ORIEL_VIRTIO_F_VERSION_1, false, "VIRTIO_F_VERSION_1" },
		{ ORIEL_VIRTIO_F_RING_PACKED, false, "VIRTIO_F_RING_PACKED" },
	};
	if (index >= ORIEL_ARRAY_LEN(rows)) {
		return false;
	}
	const uint32_t bit = rows[index].bit;
	const bool is_offered = (get_offered(gpu) & BIT(bit)) != 0;
	const struct oriel_gpu_feature all = {
		.bit = bit,
		.name = rows[index].name,
		.is_offered = is_offered,
		.state = judge(gpu, bit, is_offered, rows[index].needs_renderer),
	};
	oriel_sized_copy(feature, &all, sizeof(all));
	return true;
}

bool oriel_gpu_get_head_statistics(const struct oriel_gpu *gpu, uint32_t index,
		struct oriel_gpu_head_statistics *statistics) {
	if (index >= gpu->screen.n_scanouts) {
		return false;
	}
	const struct oriel_head *head = &gpu->heads.now[index];
	const struct oriel_scanout *scanout = &gpu->screen.scanouts[index];
	const uint32_t refresh_mhz = gpu->heads.monitors[index].refresh_mhz;
	const struct oriel_gpu_head_statistics all = {
		.is_on = head->enabled,
		.x = head->rect.x,
		.y = head->rect.y,
		.width = head->rect.width,
		.height = head->rect.height,
		.refresh_mhz = refresh_mhz != 0 ? refresh_mhz : DEFAULT_REFRESH_MHZ,
		.shown_width = scanout->src.width,
		.shown_height = scanout->src.height,
		.has_cursor = gpu->screen.cursors[index].visible,
		.n_frames = gpu->screen.n_frames[index],
	};
	oriel_sized_copy(statistics, &all, sizeof(all));
	return true;
}
