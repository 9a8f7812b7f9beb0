// SPDX-License-Identifier: MIT
/*
 * The split ring (virtio 1.3, 2.7).
 *
 * Memory order, each with its partner in the driver:
 *   avail.idx is read with acquire: the driver wrote the ring entry and the descriptors before it.
 *   used.idx is written with release: the driver that sees it sees the used elements and buffers.
 *   Between writing used.idx and reading used_event (or the flags), and between writing avail_event
 *   (or the flags) and reading avail.idx again, stands a full barrier; the driver has its own
 * between the same two accesses the other way round, so at least one side sees the other's.
 *
 * All fields are 16 or 32 bits, naturally aligned, and little-endian like the hosts we run on.
 */
#include "virtq/layout.h"

#include "base/compiler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rings are accessed in place: a big-endian host needs swaps here"
#endif

#define FLAGS_OFFSET 0u
#define IDX_OFFSET 2u
#define RING_OFFSET 4u
#define USED_ELEM_SIZE 8u

#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY 1u

static uint16_t load_u16(const uint8_t *at) {
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_RELAXED);
}

static uint16_t load_u16_acquire(const uint8_t *at) {
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void store_u16(uint8_t *at, uint16_t v) {
	__atomic_store_n((uint16_t *)(void *)at, v, __ATOMIC_RELAXED);
}

static void store_u16_release(uint8_t *at, uint16_t v) {
	__atomic_store_n((uint16_t *)(void *)at, v, __ATOMIC_RELEASE);
}

static void store_u32(uint8_t *at, uint32_t v) {
	__atomic_store_n((uint32_t *)(void *)at, v, __ATOMIC_RELAXED);
}

static size_t mask(const struct oriel_virtq *vq, uint16_t i) {
	return i & (vq->config.size - 1u);
}

/*
 * The standard has room for the event fields in every ring; without the feature nobody touches
 * them, and there are drivers that leave them out.
 */

static uint64_t avail_size(const struct oriel_virtq_config *config) {
	return RING_OFFSET + 2u * (uint64_t)config->size + (config->event_idx ? 2u : 0u);
}

static uint64_t used_size(const struct oriel_virtq_config *config) {
	return RING_OFFSET + USED_ELEM_SIZE * (uint64_t)config->size +
	       (config->event_idx ? 2u : 0u);
}

static uint64_t desc_size(const struct oriel_virtq_config *config) {
	return VIRTQ_DESC_SIZE * (uint64_t)config->size;
}

/** virtio 1.3, 2.7: sizes are powers of two; the parts are aligned to 16, 2 and 4 bytes. */
static int split_check_config(const struct oriel_virtq_config *config) {
	bool size_is_good = config->size != 0 && config->size <= VIRTQ_MAX_SIZE &&
			    (config->size & (config->size - 1)) == 0;
	bool is_aligned = config->desc_gpa % 16 == 0 && config->driver_gpa % 2 == 0 &&
			  config->device_gpa % 4 == 0;
	bool parts_are_apart = virtq_is_apart(config->desc_gpa, desc_size(config),
					       config->driver_gpa, avail_size(config)) &&
			       virtq_is_apart(config->driver_gpa, avail_size(config),
					       config->device_gpa, used_size(config)) &&
			       virtq_is_apart(config->desc_gpa, desc_size(config),
					       config->device_gpa, used_size(config));
	return size_is_good && is_aligned && parts_are_apart ? 0 : -EINVAL;
}

static int split_map_ring(struct oriel_virtq *vq) {
	const struct oriel_virtq_config *config = &vq->config;
	struct virtq_split *split = &vq->split;
	split->desc = oriel_mem_map_get(vq->map, config->desc_gpa, desc_size(config));
	split->avail = oriel_mem_map_get(vq->map, config->driver_gpa, avail_size(config));
	split->used = oriel_mem_map_get(vq->map, config->device_gpa, used_size(config));
	bool is_there = split->desc != NULL && split->avail != NULL && split->used != NULL;
	// A region may begin anywhere in its file; atomic accesses need alignment here too.
	bool is_aligned = ((uintptr_t)split->avail & 1) == 0 && ((uintptr_t)split->used & 3) == 0;
	return is_there && is_aligned ? 0 : -EFAULT;
}

static uint32_t split_get_base(const struct oriel_virtq *vq) {
	return vq->split.next_avail;
}

static uint32_t split_count_available(struct oriel_virtq *vq) {
	uint16_t n = (uint16_t)(load_u16_acquire(vq->split.avail + IDX_OFFSET) -
				vq->split.next_avail);
	return n <= vq->config.size ? n : 0;
}

/** Whether a chain is there; looks at the guest's index only when the last look is used up. */
static int check_available(struct oriel_virtq *vq) {
	struct virtq_split *split = &vq->split;
	if (split->seen_avail == split->next_avail) {
		split->seen_avail = load_u16_acquire(split->avail + IDX_OFFSET);
	}
	uint16_t n = (uint16_t)(split->seen_avail - split->next_avail);
	if (n > vq->config.size) {
		return virtq_break(vq, "the available index jumped by more than the ring's size");
	}
	return n > 0 ? 0 : -EAGAIN;
}

static int split_pop(struct oriel_virtq *vq, struct oriel_chain *ret) {
	struct virtq_split *split = &vq->split;
	int err = check_available(vq);
	if (err < 0) {
		return err;
	}
	uint16_t head = load_u16(split->avail + RING_OFFSET + 2 * mask(vq, split->next_avail));
	if (head >= vq->config.size) {
		return virtq_break(vq, "a head outside the descriptor table");
	}
	uint64_t bit = 1ull << (head % 64);
	if ((split->in_flight[head / 64] & bit) != 0) {
		return virtq_break(vq, "a head that is still in flight");
	}
	struct oriel_chain chain = { .id = head, .n_slots = 1 };
	err = virtq_walk_split(vq, head, &chain);
	if (err < 0) {
		return err;
	}
	split->in_flight[head / 64] |= bit;
	vq->n_in_flight++;
	split->next_avail++;
	*ret = chain;
	return 0;
}

static void split_push(struct oriel_virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written) {
	(void)n_slots;
	struct virtq_split *split = &vq->split;
	const uint64_t bit = 1ull << (id % 64);
	assert(id < vq->config.size && (split->in_flight[id / 64] & bit) != 0);
	split->in_flight[id / 64] &= ~bit;
	vq->n_in_flight--;
	if (vq->broken != NULL) {
		return;
	}
	uint8_t *element = split->used + RING_OFFSET + USED_ELEM_SIZE * mask(vq, split->next_used);
	store_u32(element, id);
	store_u32(element + 4, written);
	split->next_used++;
}

static bool split_publish(struct oriel_virtq *vq) {
	struct virtq_split *split = &vq->split;
	const uint16_t old = split->published;
	const uint16_t new = split->next_used;
	if (old == new) {
		return false;
	}
	store_u16_release(split->used + IDX_OFFSET, new);
	split->published = new;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->config.event_idx) {
		return (load_u16(split->avail + FLAGS_OFFSET) & AVAIL_F_NO_INTERRUPT) == 0;
	}
	uint16_t event = load_u16(split->avail + RING_OFFSET + 2u * vq->config.size);
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool split_enable_kicks_behind(struct oriel_virtq *vq, uint32_t n_counted) {
	struct virtq_split *split = &vq->split;
	const uint16_t next = (uint16_t)(split->next_avail + n_counted);
	if (vq->config.event_idx) {
		store_u16(split->used + RING_OFFSET + USED_ELEM_SIZE * vq->config.size, next);
	} else {
		store_u16(split->used + FLAGS_OFFSET, 0);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load_u16_acquire(split->avail + IDX_OFFSET) != next;
}

static bool split_enable_kicks(struct oriel_virtq *vq) {
	return split_enable_kicks_behind(vq, 0);
}

static void split_disable_kicks(struct oriel_virtq *vq) {
	// With event_idx the event stays where it is: behind us, so no kick comes.
	if (!vq->config.event_idx) {
		store_u16(vq->split.used + FLAGS_OFFSET, USED_F_NO_NOTIFY);
	}
}

static int split_begin(struct oriel_virtq *vq, uint32_t base) {
	struct virtq_split *split = &vq->split;
	split->in_flight = calloc((vq->config.size + 63u) / 64u, sizeof(*split->in_flight));
	if (split->in_flight == NULL) {
		return -ENOMEM;
	}
	split->next_avail = (uint16_t)base;
	split->seen_avail = split->next_avail;
	// The used index is in the ring alone. One that cannot be is not believed.
	uint16_t used = load_u16(split->used + IDX_OFFSET);
	bool plausible = (uint16_t)(split->next_avail - used) <= vq->config.size;
	split->next_used = plausible ? used : split->next_avail;
	split->published = split->next_used;
	// Whoever served the ring before may have left kicks off, by either means.
	store_u16(split->used + FLAGS_OFFSET, 0);
	(void)split_enable_kicks(vq);
	return 0;
}

static void split_end(struct oriel_virtq *vq) {
	free(vq->split.in_flight);
}

const struct virtq_layout virtq_split_layout = {
	.check_config = split_check_config,
	.map_ring = split_map_ring,
	.begin = split_begin,
	.end = split_end,
	.get_base = split_get_base,
	.pop = split_pop,
	.count_available = split_count_available,
	.push = split_push,
	.publish = split_publish,
	.enable_kicks = split_enable_kicks,
	.enable_kicks_behind = split_enable_kicks_behind,
	.disable_kicks = split_disable_kicks,
};
