// SPDX-License-Identifier: MIT
/* See virtq.h: what does not depend on the ring's layout. */
#include "virtq/layout.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int oriel_virtq_create(struct oriel_virtq **ret) {
	struct oriel_virtq *vq = calloc(1, sizeof(*vq));
	if (vq == NULL) {
		return -ENOMEM;
	}
	*ret = vq;
	return 0;
}

void oriel_virtq_destroy(struct oriel_virtq *vq) {
	if (vq != NULL) {
		oriel_virtq_stop(vq);
		free(vq);
	}
}

bool virtq_is_apart(uint64_t a_gpa, uint64_t a_size, uint64_t b_gpa, uint64_t b_size) {
	return a_gpa < b_gpa ? b_gpa - a_gpa >= a_size : a_gpa - b_gpa >= b_size;
}

int virtq_break(struct oriel_virtq *vq, const char *reason) {
	if (vq->broken == NULL) {
		vq->broken = reason;
	}
	return -EBADMSG;
}

int oriel_virtq_start(struct oriel_virtq *vq, const struct oriel_virtq_config *config,
		struct oriel_mem_map *map) {
	assert(vq->map == NULL);
	vq->layout = config->packed ? &virtq_packed_layout : &virtq_split_layout;
	int err = vq->layout->check_config(config);
	if (err < 0) {
		return err;
	}
	vq->config = *config;
	vq->map = oriel_mem_map_hold(map);
	err = vq->layout->map_ring(vq);
	if (err < 0) {
		goto fail;
	}
	vq->spans = calloc(ORIEL_VIRTQ_MAX_SPANS, sizeof(*vq->spans));
	if (vq->spans == NULL) {
		err = -ENOMEM;
		goto fail;
	}
	vq->is_mapped = true;
	err = vq->layout->begin(vq, config->base);
	if (err < 0) {
		goto fail;
	}
	return 0;
fail:
	oriel_virtq_stop(vq);
	return err;
}

uint32_t oriel_virtq_stop(struct oriel_virtq *vq) {
	if (vq->map == NULL) {
		return 0;
	}
	uint32_t base = vq->layout->get_base(vq);
	// Nothing is written any more: the guest may use the memory for something else by now.
	oriel_mem_map_release(vq->map);
	free(vq->spans);
	vq->layout->end(vq);
	*vq = (struct oriel_virtq){ 0 };
	return base;
}

int oriel_virtq_set_map(struct oriel_virtq *vq, struct oriel_mem_map *map) {
	assert(vq->map != NULL);
	struct oriel_mem_map *old = vq->map;
	vq->map = oriel_mem_map_hold(map);
	oriel_mem_map_release(old);
	vq->is_mapped = vq->layout->map_ring(vq) == 0;
	if (!vq->is_mapped) {
		virtq_break(vq, "the ring is not in guest memory any more");
		return -EFAULT;
	}
	return 0;
}

struct oriel_mem_map *oriel_virtq_get_map(const struct oriel_virtq *vq) {
	return vq->map;
}

bool oriel_virtq_is_started(const struct oriel_virtq *vq) {
	return vq->map != NULL;
}

bool oriel_virtq_is_broken(const struct oriel_virtq *vq, const char **ret_reason) {
	if (vq->broken != NULL && ret_reason != NULL) {
		*ret_reason = vq->broken;
	}
	return vq->broken != NULL;
}

int oriel_virtq_pop(struct oriel_virtq *vq, struct oriel_chain *ret) {
	if (vq->broken != NULL) {
		return -EBADMSG;
	}
	return vq->map != NULL ? vq->layout->pop(vq, ret) : -EAGAIN;
}

uint32_t oriel_virtq_count_available(struct oriel_virtq *vq) {
	return vq->is_mapped ? vq->layout->count_available(vq) : 0;
}

uint32_t oriel_virtq_count_in_flight(const struct oriel_virtq *vq) {
	return vq->n_in_flight;
}

void oriel_virtq_push(struct oriel_virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written) {
	if (vq->map != NULL) {
		vq->layout->push(vq, id, n_slots, written);
	}
}

bool oriel_virtq_publish(struct oriel_virtq *vq) {
	return vq->is_mapped && vq->layout->publish(vq);
}

bool oriel_virtq_enable_kicks(struct oriel_virtq *vq) {
	return vq->is_mapped && vq->broken == NULL && vq->layout->enable_kicks(vq);
}

bool oriel_virtq_enable_kicks_behind(struct oriel_virtq *vq, uint32_t n_counted) {
	return vq->is_mapped && vq->broken == NULL &&
	       vq->layout->enable_kicks_behind(vq, n_counted);
}

void oriel_virtq_disable_kicks(struct oriel_virtq *vq) {
	if (vq->is_mapped && vq->broken == NULL) {
		vq->layout->disable_kicks(vq);
	}
}
