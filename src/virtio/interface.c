// SPDX-License-Identifier: MIT
/* The forwarders of include/oriel/virtio.h: arguments are checked here, once, for every device. */
#include "oriel/virtio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void oriel_virtio_init(struct oriel_virtio *virtio, const struct oriel_virtio_impl *impl,
		uint32_t device_id, unsigned int n_queues, struct oriel_memory *memory) {
	assert(impl->get_features != NULL && impl->set_features != NULL);
	assert(impl->read_config != NULL && impl->write_config != NULL);
	assert(impl->handle_memory_change != NULL && impl->reset != NULL && impl->kick != NULL);
	assert(impl->start_queue != NULL && impl->stop_queue != NULL && impl->set_call_fd != NULL);
	assert(n_queues <= sizeof(virtio->max_queue_size) / sizeof(virtio->max_queue_size[0]));
	*virtio = (struct oriel_virtio){ .impl = impl,
		.device_id = device_id,
		.n_queues = n_queues,
		.memory = memory };
}

void oriel_virtio_set_listener(struct oriel_virtio *virtio,
		const struct oriel_virtio_listener *listener) {
	virtio->listener = listener != NULL ? *listener : (struct oriel_virtio_listener){ 0 };
}

struct oriel_memory *oriel_virtio_get_memory(struct oriel_virtio *virtio) {
	return virtio->memory;
}

uint32_t oriel_virtio_get_device_id(const struct oriel_virtio *virtio) {
	return virtio->device_id;
}

unsigned int oriel_virtio_count_queues(const struct oriel_virtio *virtio) {
	return virtio->n_queues;
}

uint16_t oriel_virtio_get_max_queue_size(const struct oriel_virtio *virtio, unsigned int queue) {
	return queue < virtio->n_queues ? virtio->max_queue_size[queue] : 0;
}

uint64_t oriel_virtio_get_features(struct oriel_virtio *virtio) {
	return virtio->impl->get_features(virtio);
}

void oriel_virtio_set_features(struct oriel_virtio *virtio, uint64_t features) {
	virtio->features = features;
	virtio->impl->set_features(virtio, features);
}

void oriel_virtio_read_config(struct oriel_virtio *virtio, uint32_t offset, void *buf,
		size_t size) {
	memset(buf, 0, size);
	virtio->impl->read_config(virtio, offset, buf, size);
}

void oriel_virtio_write_config(struct oriel_virtio *virtio, uint32_t offset, const void *buf,
		size_t size) {
	virtio->impl->write_config(virtio, offset, buf, size);
}

void oriel_virtio_handle_memory_change(struct oriel_virtio *virtio) {
	virtio->impl->handle_memory_change(virtio);
}

int oriel_virtio_start_queue(struct oriel_virtio *virtio, unsigned int queue,
		const struct oriel_virtio_queue *config) {
	if (queue >= virtio->n_queues || config->size == 0 ||
			config->size > virtio->max_queue_size[queue]) {
		return -EINVAL;
	}
	return virtio->impl->start_queue(virtio, queue, config);
}

void oriel_virtio_stop_queue(struct oriel_virtio *virtio, unsigned int queue) {
	if (queue < virtio->n_queues) {
		virtio->impl->stop_queue(virtio, queue);
	}
}

int oriel_virtio_set_call_fd(struct oriel_virtio *virtio, unsigned int queue, int call_fd) {
	if (queue >= virtio->n_queues) {
		return -EINVAL;
	}
	return virtio->impl->set_call_fd(virtio, queue, call_fd);
}

void oriel_virtio_kick(struct oriel_virtio *virtio, unsigned int queue) {
	if (queue < virtio->n_queues) {
		virtio->impl->kick(virtio, queue);
	}
}

void oriel_virtio_reset(struct oriel_virtio *virtio) {
	virtio->features = 0;
	virtio->impl->reset(virtio);
}

bool oriel_virtio_is_settled(const struct oriel_virtio *virtio) {
	return virtio->impl->is_settled == NULL || virtio->impl->is_settled(virtio);
}

void oriel_virtio_tell_settled(struct oriel_virtio *virtio) {
	if (virtio->listener.handle_settled != NULL) {
		virtio->listener.handle_settled(virtio->listener.user);
	}
}
