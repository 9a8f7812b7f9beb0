// SPDX-License-Identifier: MIT
/*
 * The device itself: include/oriel/gpu.h, and the device contract of include/oriel/virtio.h.
 */
#include "device/device.h"

#include "device/gpu_3d.h"
#include "protocol/edid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BIT(feature) (1ull << (feature))

/** What we serve whether it was offered or not: some VMMs do not ask us (design: front-ends). */
#define RING_FEATURES \
	(BIT(ORIEL_VIRTIO_F_INDIRECT_DESC) | BIT(ORIEL_VIRTIO_F_EVENT_IDX) | \
			BIT(ORIEL_VIRTIO_F_VERSION_1) | BIT(ORIEL_VIRTIO_F_RING_PACKED))
#define GPU_FEATURES \
	(BIT(VIRTIO_GPU_F_EDID) | BIT(VIRTIO_GPU_F_RESOURCE_UUID) | BIT(VIRTIO_GPU_F_RESOURCE_BLOB))

#define DEFAULT_WIDTH 1280u
#define DEFAULT_HEIGHT 800u
#define MAX_QUEUE_SIZE 32768u // virtio 1.3, 2.7 and 2.8

#define DEFAULT_MAX_RESOURCES 16384u
#define DEFAULT_MAX_HOST_MEMORY (1024ull * 1024 * 1024)
#define DEFAULT_MAX_BACKING_ENTRIES 262144u
#define DEFAULT_MAX_BACKING_MEMORY (256ull * 1024 * 1024)
#define DEFAULT_MAX_DIMENSION 16384u
/** Resources with a dma-buf: a few for each of 16 scanouts, and less than the descriptors there
 * are. */
#define MAX_DMABUFS 256u
#define DEFAULT_MAX_CONTEXTS 256u
#define DEFAULT_MAX_3D_MEMORY (4ull * 1024 * 1024 * 1024)
#define DEFAULT_MAX_SUBMIT_SIZE (64ull * 1024 * 1024)

/** BLOB_ALIGNMENT is not offered yet, but its field must not read as 0. */
#define BLOB_ALIGNMENT 4096u

static struct oriel_gpu *gpu_of(struct oriel_virtio *virtio) {
	return oriel_container_of(virtio, struct oriel_gpu, base);
}

/**
 * Unless the embedder said how many heads there are: one, or, when a display answers for the VMM's
 * own heads (whose number nobody tells us), as many as there can be.
 */
static uint32_t count_heads(struct oriel_gpu *gpu) {
	if (gpu->heads.n_wanted != 0) {
		return gpu->heads.n_wanted;
	}
	return oriel_screen_can_answer(&gpu->screen) ? ORIEL_MAX_SCANOUTS : 1;
}

/** Heads may come while a guest runs; they go only at its reset. */
static void update_heads(struct oriel_gpu *gpu) {
	uint32_t n = count_heads(gpu);
	if (n > gpu->screen.n_scanouts) {
		oriel_screen_set_n_scanouts(&gpu->screen, n);
	}
}

static uint64_t gpu_get_features(struct oriel_virtio *virtio) {
	return GPU_FEATURES | RING_FEATURES | oriel_gpu_3d_get_features(gpu_of(virtio));
}

static void gpu_set_features(struct oriel_virtio *virtio, uint64_t features) {
	features &= gpu_get_features(virtio);
	if ((features & BIT(VIRTIO_GPU_F_VIRGL)) == 0) {
		features &= ~BIT(VIRTIO_GPU_F_CONTEXT_INIT);
	}
	gpu_of(virtio)->features = features;
}

static void gpu_read_config(struct oriel_virtio *virtio, uint32_t offset, void *buf, size_t size) {
	struct oriel_gpu *gpu = gpu_of(virtio);
	update_heads(gpu);
	uint8_t config[ORIEL_GPU_CONFIG_SIZE];
	struct oriel_writer w = oriel_writer_of(config, sizeof(config));
	oriel_encode_gpu_config(&w, gpu->events_read, gpu->screen.n_scanouts,
			gpu->renderer3d != NULL ? gpu->renderer3d->capsets.len : 0, BLOB_ALIGNMENT);
	assert(!w.failed);
	if (offset < sizeof(config)) {
		memcpy(buf, config + offset, oriel_min_size(size, sizeof(config) - offset));
	}
}

/** Tell the driver that its outputs changed: it asks for them then. */
static void raise_display_event(struct oriel_gpu *gpu) {
	if ((gpu->events_read & VIRTIO_GPU_EVENT_DISPLAY) != 0) {
		return; // it was told, and asks before or after it clears the event
	}
	gpu->events_read |= VIRTIO_GPU_EVENT_DISPLAY;
	gpu->change_of_event = gpu->heads.n_changes;
	const struct oriel_virtio_listener *listener = &gpu->base.listener;
	if (listener->handle_config_change != NULL) {
		listener->handle_config_change(listener->user);
	}
}

/** Only events_clear can be written (5.7.4); a VMM may write the whole space at once. */
static void gpu_write_config(struct oriel_virtio *virtio, uint32_t offset, const void *buf,
		size_t size) {
	struct oriel_gpu *gpu = gpu_of(virtio);
	const uint8_t *bytes = buf;
	const uint32_t before = gpu->events_read;
	for (uint32_t i = 0; i < sizeof(uint32_t); i++) {
		uint32_t at = ORIEL_GPU_CONFIG_EVENTS_CLEAR_OFFSET + i;
		if (at >= offset && at - offset < size) {
			gpu->events_read &= ~((uint32_t)bytes[at - offset] << (8 * i));
		}
	}
	// A driver that asks first and clears then would lose what changed in between. One that
	// has not asked yet will ask, and sees its event cleared.
	const bool is_cleared = (before & ~gpu->events_read & VIRTIO_GPU_EVENT_DISPLAY) != 0;
	const bool has_asked = gpu->heads.n_told >= gpu->change_of_event;
	if (is_cleared && has_asked && gpu->heads.n_told != gpu->heads.n_changes) {
		raise_display_event(gpu);
	}
}

static void gpu_handle_memory_change(struct oriel_virtio *virtio) {
	struct oriel_gpu *gpu = gpu_of(virtio);
	struct oriel_mem_map *map = oriel_memory_hold_map(gpu->memory);
	for (unsigned int i = 0; i < ORIEL_GPU_N_QUEUES; i++) {
		oriel_virtio_ring_handle_memory_change(&gpu->queues[i].ring);
	}
	oriel_blob_begin_memory_change(gpu, map);
	int err = oriel_gpu_3d_begin_memory_change(gpu);
	oriel_resource_table_handle_map_change(&gpu->resources, map);
	oriel_gpu_3d_end_memory_change(gpu, map, err);
	oriel_mem_map_release(map);
}

static int gpu_start_queue(struct oriel_virtio *virtio, unsigned int queue,
		const struct oriel_virtio_queue *config) {
	struct oriel_gpu *gpu = gpu_of(virtio);
	update_heads(gpu);
	return oriel_gpu_queue_start(&gpu->queues[queue], config);
}

static void gpu_stop_queue(struct oriel_virtio *virtio, unsigned int queue) {
	oriel_gpu_queue_stop(&gpu_of(virtio)->queues[queue]);
}

static int gpu_set_call_fd(struct oriel_virtio *virtio, unsigned int queue, int call_fd) {
	return oriel_virtio_ring_set_call_fd(&gpu_of(virtio)->queues[queue].ring, call_fd);
}

static void gpu_kick(struct oriel_virtio *virtio, unsigned int queue) {
	oriel_gpu_queue_schedule(&gpu_of(virtio)->queues[queue]);
}

/** Drop all resources, and tell the displays of each, which may have it announced to somebody. */
static void drop_resources(struct oriel_gpu *gpu) {
	uint32_t cursor = 0;
	struct oriel_resource *res = oriel_resource_table_next(&gpu->resources, &cursor);
	while (res != NULL) {
		oriel_screen_remove_resource(&gpu->screen, res);
		res = oriel_resource_table_next(&gpu->resources, &cursor);
	}
	oriel_resource_table_clear(&gpu->resources);
}

static void gpu_reset(struct oriel_virtio *virtio) {
	struct oriel_gpu *gpu = gpu_of(virtio);
	gpu->counts.n_resets += gpu->features != 0 ? 1 : 0;
	oriel_screen_drop_queries(&gpu->screen); // they live in requests
	for (unsigned int i = 0; i < ORIEL_GPU_N_QUEUES; i++) {
		oriel_gpu_queue_reset(&gpu->queues[i]);
	}
	oriel_screen_clear(&gpu->screen);
	oriel_blob_clear(gpu);
	oriel_readback_clear(gpu);
	oriel_gpu_3d_reset(gpu);
	oriel_screen_set_n_scanouts(&gpu->screen, count_heads(gpu));
	drop_resources(gpu);
	gpu->features = 0;
	gpu->events_read = 0;
}

static bool gpu_is_settled(const struct oriel_virtio *virtio) {
	return oriel_container_of(virtio, struct oriel_gpu, base)->works.n_settling == 0;
}

static const struct oriel_virtio_impl gpu_impl = {
	.get_features = gpu_get_features,
	.set_features = gpu_set_features,
	.read_config = gpu_read_config,
	.write_config = gpu_write_config,
	.handle_memory_change = gpu_handle_memory_change,
	.start_queue = gpu_start_queue,
	.stop_queue = gpu_stop_queue,
	.set_call_fd = gpu_set_call_fd,
	.kick = gpu_kick,
	.is_settled = gpu_is_settled,
	.reset = gpu_reset,
};

/** What a limit's option means. */
static uint64_t get_limit(uint64_t option, uint64_t default_value) {
	if (option == 0) {
		return default_value;
	}
	return option == ORIEL_LIMIT_NONE ? 0 : option; // ORIEL_LIMIT_OFF is ORIEL_BUDGET_OFF
}

static uint16_t get_queue_size(uint16_t option) {
	return option != 0 ? option : MAX_QUEUE_SIZE;
}

static int check_options(const struct oriel_gpu_options *options) {
	bool good = options->size >= sizeof(*options) && options->n_heads <= ORIEL_MAX_SCANOUTS &&
		    options->width <= ORIEL_EDID_MAX_SIDE &&
		    options->height <= ORIEL_EDID_MAX_SIDE &&
		    options->control_queue_size <= MAX_QUEUE_SIZE &&
		    options->cursor_queue_size <= MAX_QUEUE_SIZE;
	return good ? 0 : -EINVAL;
}

static void set_limits(struct oriel_gpu *gpu, const struct oriel_gpu_options *options) {
	gpu->limits.pixels.limit = get_limit(options->max_host_memory, DEFAULT_MAX_HOST_MEMORY);
	gpu->limits.count.limit = get_limit(options->max_resources, DEFAULT_MAX_RESOURCES);
	gpu->limits.backing.limit =
			get_limit(options->max_backing_memory, DEFAULT_MAX_BACKING_MEMORY);
	gpu->limits.dmabufs.limit = MAX_DMABUFS;
	uint64_t max_dimension = get_limit(options->max_dimension, DEFAULT_MAX_DIMENSION);
	gpu->limits.max_dimension = (uint32_t)oriel_min_u64(max_dimension, UINT32_MAX);
	gpu->limits.memory_3d.limit = get_limit(options->max_3d_memory, DEFAULT_MAX_3D_MEMORY);
	gpu->max_submit_size = get_limit(options->max_submit_size, DEFAULT_MAX_SUBMIT_SIZE);
	oriel_context_table_init(&gpu->contexts,
			get_limit(options->max_contexts, DEFAULT_MAX_CONTEXTS));
	gpu->max_backing_entries =
			get_limit(options->max_backing_entries, DEFAULT_MAX_BACKING_ENTRIES);
}

/** A viewer, or the embedder, wants a scanout to have another size. */
static int set_size(struct oriel_screen *screen, uint32_t scanout_id,
		const struct oriel_wanted_size *size) {
	struct oriel_gpu *gpu = oriel_container_of(screen, struct oriel_gpu, screen);
	if (oriel_screen_can_answer(screen)) {
		return -EOPNOTSUPP; // the VMM's window decides, and would not hear of it
	}
	int err = oriel_heads_resize(&gpu->heads, scanout_id, size);
	if (err == 0 && oriel_gpu_queue_is_running(oriel_gpu_get_control_queue(gpu))) {
		raise_display_event(gpu);
	}
	return err;
}

int oriel_gpu_resize_head(struct oriel_gpu *gpu, uint32_t i, uint32_t width, uint32_t height,
		uint32_t refresh_mhz) {
	if (i >= gpu->screen.n_scanouts) {
		return -EINVAL;
	}
	const struct oriel_wanted_size size = { width, height, refresh_mhz };
	return oriel_screen_set_size(&gpu->screen, i, &size);
}

/** A display needs pixels of what it was shown as a dma-buf before. */
static void fetch_pixels(struct oriel_screen *screen, uint32_t scanout_id) {
	struct oriel_gpu *gpu = oriel_container_of(screen, struct oriel_gpu, screen);
	if (gpu->readback.scanouts[scanout_id].res != NULL) {
		oriel_readback_fetch(gpu, scanout_id);
	} else {
		oriel_blob_fetch(gpu, scanout_id);
	}
}

int oriel_gpu_create(struct oriel_loop *loop, struct oriel_renderer *renderer,
		const struct oriel_gpu_options *options, struct oriel_gpu **ret) {
	int err = check_options(options);
	if (err < 0) {
		return err;
	}
	struct oriel_gpu *gpu = calloc(1, sizeof(*gpu));
	if (gpu == NULL) {
		return -ENOMEM;
	}
	gpu->loop = loop;
	gpu->renderer = renderer;
	oriel_log_init(&gpu->log, &options->log);
	set_limits(gpu, options);
	oriel_heads_init(&gpu->heads, options->n_heads,
			options->width != 0 ? options->width : DEFAULT_WIDTH,
			options->height != 0 ? options->height : DEFAULT_HEIGHT);
	oriel_screen_init(&gpu->screen, options->n_heads != 0 ? options->n_heads : 1);
	gpu->screen.set_size = set_size;
	gpu->screen.fetch_pixels = fetch_pixels;
	oriel_udmabuf_init(&gpu->udmabuf);
	oriel_gpu_3d_init(gpu, options->renderer3d);
	oriel_resource_table_init(&gpu->resources, &gpu->limits);
	err = oriel_memory_create(&gpu->memory);
	if (err == 0) {
		err = oriel_blob_init_fetch(gpu);
	}
	for (unsigned int i = 0; err == 0 && i < ORIEL_GPU_N_QUEUES; i++) {
		err = oriel_gpu_queue_init(&gpu->queues[i], gpu, i);
	}
	if (err < 0) {
		oriel_gpu_destroy(gpu);
		return err;
	}
	oriel_virtio_init(&gpu->base, &gpu_impl, VIRTIO_ID_GPU, ORIEL_GPU_N_QUEUES, gpu->memory);
	gpu->base.max_queue_size[VIRTIO_GPU_QUEUE_CONTROL] =
			get_queue_size(options->control_queue_size);
	gpu->base.max_queue_size[VIRTIO_GPU_QUEUE_CURSOR] =
			get_queue_size(options->cursor_queue_size);
	*ret = gpu;
	return 0;
}

struct oriel_virtio *oriel_gpu_get_virtio(struct oriel_gpu *gpu) {
	return &gpu->base;
}

int oriel_gpu_set_head(struct oriel_gpu *gpu, uint32_t i, const struct oriel_gpu_head *head) {
	if (head->size < sizeof(*head) || i >= gpu->screen.n_scanouts) {
		return -EINVAL;
	}
	int err = oriel_heads_set(&gpu->heads, i, head);
	if (err == 0 && oriel_gpu_queue_is_running(oriel_gpu_get_control_queue(gpu))) {
		raise_display_event(gpu);
	}
	return err;
}

void oriel_gpu_set_udmabuf_take(struct oriel_gpu *gpu, int fd) {
	oriel_udmabuf_set_take(&gpu->udmabuf, fd);
}

void oriel_gpu_attach_display(struct oriel_gpu *gpu, struct oriel_display *display) {
	oriel_screen_attach(&gpu->screen, display);
}

void oriel_gpu_detach_display(struct oriel_gpu *gpu, struct oriel_display *display) {
	if (display->screen == &gpu->screen) {
		oriel_screen_detach(display);
	}
}

void oriel_gpu_destroy(struct oriel_gpu *gpu) {
	if (gpu == NULL) {
		return;
	}
	oriel_screen_drop_queries(&gpu->screen);
	for (unsigned int i = 0; i < ORIEL_GPU_N_QUEUES; i++) {
		oriel_gpu_queue_finish(&gpu->queues[i]);
	}
	oriel_screen_finish(&gpu->screen);
	oriel_blob_clear(gpu);
	oriel_blob_finish_fetch(gpu);
	oriel_readback_clear(gpu);
	oriel_gpu_3d_finish(gpu);
	oriel_resource_table_finish(&gpu->resources);
	oriel_udmabuf_finish(&gpu->udmabuf);
	oriel_memory_destroy(gpu->memory);
	free(gpu);
}
