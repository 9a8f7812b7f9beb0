// SPDX-License-Identifier: MIT
/*
 * The packed ring (virtio 1.3, 2.8).
 *
 * One ring of descriptors, which the driver makes available and the device makes used in the same
 * slots. Both sides go round it with a wrap counter that starts at 1 and toggles behind the last
 * slot; a descriptor's AVAIL and USED flags, held against the counter, say whose it is. A list
 * takes a row of slots. Lists are completed in any order: a used descriptor is written at the next
 * used position, names its list by the buffer id, and the position moves on by that list's slots.
 *
 * Invariant: going round, `published` <= next_used and `published` <= next_avail, by n_batch and
 * n_taken slots; n_taken is at most the ring's size. A slot counts as ours until the guest can see
 * that it is used, so a guest that makes it available before that breaks the ring, and there are
 * never more chains in flight than slots. Buffer ids are echoed and mean nothing here.
 *
 * Memory order, each with its partner in the driver:
 *   The flags of a list's first descriptor are read with acquire: the driver wrote the rest of the
 *   list before them.
 *   The flags of the first used descriptor of a batch are written last, with release: the driver
 *   looks there first, and then sees the whole batch, and buffers. It looks at the flags of the
 *   others only behind that one, so these need no order of their own.
 *   Between writing those flags and reading the driver's event area, and between writing our event
 *   area and reading the flags of the next descriptor again, stands a full barrier; the driver has
 *   its own between the same two accesses the other way round, so at least one side sees the
 *   other's.
 *
 * An event area is read and written as one field of 32 bits, so position and flags belong together.
 * All fields are naturally aligned, and little-endian like the hosts we run on (see split.c).
 */
#include "virtq/layout.h"

#include "base/compiler.h"

#include <assert.h>
#include <errno.h>

#define LEN_OFFSET 8u
#define ID_OFFSET 12u
#define FLAGS_OFFSET 14u
#define EVENT_SIZE 4u

// An event area: slot (bits 0 to 14), wrap counter (15), and flags.
#define EVENT_FLAGS_SHIFT 16u
#define EVENT_FLAGS_MASK 3u
#define EVENT_ENABLE 0u
#define EVENT_DISABLE 1u
#define EVENT_DESC 2u

static uint16_t load_u16_acquire(const uint8_t *at) {
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static uint32_t load_u32(const uint8_t *at) {
	return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
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

static uint8_t *slot_at(const struct oriel_virtq *vq, struct virtq_position position) {
	return vq->packed.ring + (size_t)position.slot * VIRTQ_DESC_SIZE;
}

/** As 16 bits, in event areas and bases. */
static uint32_t encode_position(struct virtq_position position) {
	return position.slot | (position.wrap ? 0x8000u : 0);
}

static struct virtq_position decode_position(uint32_t bits) {
	return (struct virtq_position){ bits & 0x7fff, (bits & 0x8000) != 0 };
}

/** Slots from one position forward to the other, within two rounds; both are in the ring. */
static uint32_t distance(struct virtq_position from, struct virtq_position to, uint16_t size) {
	uint32_t n = (uint32_t)to.slot + (from.wrap != to.wrap ? size : 0);
	return n >= from.slot ? n - from.slot : n + 2u * size - from.slot;
}

static uint64_t ring_size(const struct oriel_virtq_config *config) {
	return VIRTQ_DESC_SIZE * (uint64_t)config->size;
}

/** virtio 1.3, 2.8.10: any size; the parts are aligned to 16, 4 and 4 bytes. */
static int packed_check_config(const struct oriel_virtq_config *config) {
	bool size_is_good = config->size != 0 && config->size <= VIRTQ_MAX_SIZE;
	bool is_aligned = config->desc_gpa % 16 == 0 && config->driver_gpa % 4 == 0 &&
			  config->device_gpa % 4 == 0;
	bool parts_are_apart = virtq_is_apart(config->desc_gpa, ring_size(config),
					       config->driver_gpa, EVENT_SIZE) &&
			       virtq_is_apart(config->driver_gpa, EVENT_SIZE, config->device_gpa,
					       EVENT_SIZE) &&
			       virtq_is_apart(config->desc_gpa, ring_size(config),
					       config->device_gpa, EVENT_SIZE);
	bool base_is_good = decode_position(config->base).slot < config->size;
	return size_is_good && is_aligned && parts_are_apart && base_is_good ? 0 : -EINVAL;
}

static int packed_map_ring(struct oriel_virtq *vq) {
	const struct oriel_virtq_config *config = &vq->config;
	struct virtq_packed *packed = &vq->packed;
	packed->ring = oriel_mem_map_get(vq->map, config->desc_gpa, ring_size(config));
	packed->driver_event = oriel_mem_map_get(vq->map, config->driver_gpa, EVENT_SIZE);
	packed->device_event = oriel_mem_map_get(vq->map, config->device_gpa, EVENT_SIZE);
	bool is_there = packed->ring != NULL && packed->driver_event != NULL &&
			packed->device_event != NULL;
	// A region may begin anywhere in its file; atomic accesses need alignment here too.
	uintptr_t all = (uintptr_t)packed->ring | (uintptr_t)packed->driver_event |
			(uintptr_t)packed->device_event;
	return is_there && (all & 3) == 0 ? 0 : -EFAULT;
}

static uint32_t packed_get_base(const struct oriel_virtq *vq) {
	const struct virtq_packed *packed = &vq->packed;
	return encode_position(packed->next_avail) | encode_position(packed->published) << 16;
}

/** Whether the next list is there; *ret_flags are then those of its first descriptor. */
static bool has_next(const struct oriel_virtq *vq, struct virtq_position at, uint16_t *ret_flags) {
	uint16_t flags = load_u16_acquire(slot_at(vq, at) + FLAGS_OFFSET);
	*ret_flags = flags;
	return virtq_is_available(flags, at.wrap);
}

static uint32_t packed_count_available(struct oriel_virtq *vq) {
	struct virtq_packed *packed = &vq->packed;
	const uint16_t n_free = (uint16_t)(vq->config.size - packed->n_taken);
	uint16_t flags;
	while (packed->n_counted_slots < n_free && has_next(vq, packed->counted, &flags)) {
		if (!packed->counted_in_list) {
			packed->n_counted_lists++;
		}
		packed->counted_in_list = (flags & VIRTQ_DESC_F_NEXT) != 0;
		packed->n_counted_slots++;
		packed->counted = virtq_advance(packed->counted, 1, vq->config.size);
	}
	return packed->n_counted_lists;
}

/** n slots were popped, or taken back. The guest may have changed lists since they were counted. */
static void forget_counted(struct virtq_packed *packed, uint16_t n) {
	if (n < packed->n_counted_slots && packed->n_counted_lists > 0) {
		packed->n_counted_slots = (uint16_t)(packed->n_counted_slots - n);
		packed->n_counted_lists--;
		return;
	}
	packed->counted = packed->next_avail;
	packed->n_counted_slots = 0;
	packed->n_counted_lists = 0;
	packed->counted_in_list = false;
}

static int packed_pop(struct oriel_virtq *vq, struct oriel_chain *ret) {
	struct virtq_packed *packed = &vq->packed;
	uint16_t flags;
	if (!has_next(vq, packed->next_avail, &flags)) {
		forget_counted(packed, packed->n_counted_slots); // what a guest took back
		return -EAGAIN;
	}
	if (packed->n_taken == vq->config.size) {
		return virtq_break(vq, "a descriptor available again that is in flight");
	}
	struct oriel_chain chain = { 0 };
	const uint16_t max_slots = (uint16_t)(vq->config.size - packed->n_taken);
	int err = virtq_walk_packed(vq, flags, max_slots, &chain);
	if (err < 0) {
		return err;
	}
	packed->next_avail = virtq_advance(packed->next_avail, chain.n_slots, vq->config.size);
	packed->n_taken = (uint16_t)(packed->n_taken + chain.n_slots);
	forget_counted(packed, chain.n_slots);
	vq->n_in_flight++;
	*ret = chain;
	return 0;
}

static void packed_push(struct oriel_virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written) {
	struct virtq_packed *packed = &vq->packed;
	assert(vq->n_in_flight > 0 && n_slots > 0 && n_slots <= packed->n_taken - packed->n_batch);
	vq->n_in_flight--;
	if (vq->broken != NULL) {
		return;
	}
	const bool wrap = packed->next_used.wrap;
	const uint16_t flags = (uint16_t)((wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0) |
					  (written > 0 ? VIRTQ_DESC_F_WRITE : 0));
	uint8_t *desc = slot_at(vq, packed->next_used);
	store_u32(desc + LEN_OFFSET, written);
	store_u16(desc + ID_OFFSET, id);
	if (packed->n_batch == 0) {
		packed->first_flags = flags; // written by publish
	} else {
		store_u16(desc + FLAGS_OFFSET, flags);
	}
	packed->n_batch = (uint16_t)(packed->n_batch + n_slots);
	packed->next_used = virtq_advance(packed->next_used, n_slots, vq->config.size);
}

/** Whether the driver wants an interrupt for n slots that became used from `from` on. */
static bool wants_interrupt(const struct oriel_virtq *vq, struct virtq_position from, uint16_t n) {
	const uint32_t event = load_u32(vq->packed.driver_event);
	switch (event >> EVENT_FLAGS_SHIFT & EVENT_FLAGS_MASK) {
	case EVENT_DISABLE:
		return false;
	case EVENT_DESC: {
		struct virtq_position at = decode_position(event);
		bool is_good = vq->config.event_idx && at.slot < vq->config.size;
		return !is_good || distance(from, at, vq->config.size) < n;
	}
	default: // also what is reserved: too many interrupts rather than too few
		return true;
	}
}

static bool packed_publish(struct oriel_virtq *vq) {
	struct virtq_packed *packed = &vq->packed;
	const struct virtq_position from = packed->published;
	const uint16_t n = packed->n_batch;
	if (n == 0) {
		return false;
	}
	store_u16_release(slot_at(vq, from) + FLAGS_OFFSET, packed->first_flags);
	packed->published = packed->next_used;
	packed->n_batch = 0;
	packed->n_taken = (uint16_t)(packed->n_taken - n);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return wants_interrupt(vq, from, n);
}

static bool enable_kicks_at(struct oriel_virtq *vq, struct virtq_position at) {
	uint32_t event = EVENT_ENABLE << EVENT_FLAGS_SHIFT;
	if (vq->config.event_idx) {
		event = encode_position(at) | EVENT_DESC << EVENT_FLAGS_SHIFT;
	}
	store_u32(vq->packed.device_event, event);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint16_t flags;
	return has_next(vq, at, &flags);
}

static bool packed_enable_kicks(struct oriel_virtq *vq) {
	return enable_kicks_at(vq, vq->packed.next_avail);
}

static bool packed_enable_kicks_behind(struct oriel_virtq *vq, uint32_t n_counted) {
	(void)n_counted; // slots count here, not lists
	const struct virtq_packed *packed = &vq->packed;
	const bool more = enable_kicks_at(vq, packed->counted);
	// A ring whose slots are all counted has no more, whatever the guest writes.
	return more && packed->n_counted_slots + packed->n_taken < vq->config.size;
}

static void packed_disable_kicks(struct oriel_virtq *vq) {
	store_u32(vq->packed.device_event, EVENT_DISABLE << EVENT_FLAGS_SHIFT);
}

static int packed_begin(struct oriel_virtq *vq, uint32_t base) {
	struct virtq_packed *packed = &vq->packed;
	packed->next_avail = decode_position(base);
	packed->next_used = decode_position(base >> 16);
	uint32_t n = packed->next_used.slot < vq->config.size
				     ? distance(packed->next_used, packed->next_avail,
						       vq->config.size)
				     : vq->config.size;
	if (n >= vq->config.size) {
		// It cannot be, or the driver could never add anything again. There are front-ends
		// that know only the lower half.
		packed->next_used = packed->next_avail;
		n = 0;
	}
	packed->published = packed->next_used;
	packed->counted = packed->next_avail;
	packed->n_taken = (uint16_t)n; // chains that were lost: their slots stay taken
	// Whoever served the ring before may have left kicks off.
	(void)packed_enable_kicks(vq);
	return 0;
}

static void packed_end(struct oriel_virtq *vq) {
	(void)vq;
}

const struct virtq_layout virtq_packed_layout = {
	.check_config = packed_check_config,
	.map_ring = packed_map_ring,
	.begin = packed_begin,
	.end = packed_end,
	.get_base = packed_get_base,
	.pop = packed_pop,
	.count_available = packed_count_available,
	.push = packed_push,
	.publish = packed_publish,
	.enable_kicks = packed_enable_kicks,
	.enable_kicks_behind = packed_enable_kicks_behind,
	.disable_kicks = packed_disable_kicks,
};
