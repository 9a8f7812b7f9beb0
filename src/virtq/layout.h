// SPDX-License-Identifier: MIT
/*
 * What the files of this folder share: the queue's state, and the interface between it and a ring
 * layout. Private to the folder.
 */
#ifndef ORIEL_VIRTQ_LAYOUT_H
#define ORIEL_VIRTQ_LAYOUT_H

#include "virtq/virtq.h"

/** A descriptor, fetched once (virtio 1.3, 2.7.5 and 2.8.5). */
struct virtq_desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags;
	uint16_t next; // split
	uint16_t id;   // packed
};

#define VIRTQ_DESC_SIZE 16u
#define VIRTQ_DESC_F_NEXT 1u
#define VIRTQ_DESC_F_WRITE 2u
#define VIRTQ_DESC_F_INDIRECT 4u
#define VIRTQ_DESC_F_AVAIL 0x80u  // packed
#define VIRTQ_DESC_F_USED 0x8000u // packed

/** Entries of the largest ring, of either layout. */
#define VIRTQ_MAX_SIZE 32768u

/** Functions of a ring layout. The queue is started and not broken, unless they say otherwise. */
struct virtq_layout {
	/** Whether a ring like this can be: 0 or -EINVAL. */
	int (*check_config)(const struct oriel_virtq_config *config);
	/** Look the ring's parts up in vq->map. -EFAULT if one is not there. */
	int (*map_ring)(struct oriel_virtq *vq);
	/** Set the indices at start, and ask for kicks; the ring is mapped. 0 or -ENOMEM. */
	int (*begin)(struct oriel_virtq *vq, uint32_t base);
	/** Free what begin allocated; also if it failed, or was not called. */
	void (*end)(struct oriel_virtq *vq);
	/** Where to go on from. The ring need not be mapped. */
	uint32_t (*get_base)(const struct oriel_virtq *vq);
	int (*pop)(struct oriel_virtq *vq, struct oriel_chain *ret);
	uint32_t (*count_available)(struct oriel_virtq *vq);
	/** Give a chain back, to the ring unless the queue is broken, and in our books always. */
	void (*push)(struct oriel_virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written);
	/** The queue may be broken: what was pushed before still counts. */
	bool (*publish)(struct oriel_virtq *vq);
	bool (*enable_kicks)(struct oriel_virtq *vq);
	bool (*enable_kicks_behind)(struct oriel_virtq *vq, uint32_t n_counted);
	void (*disable_kicks)(struct oriel_virtq *vq);
};

extern const struct virtq_layout virtq_split_layout;
extern const struct virtq_layout virtq_packed_layout;

/** Whether two parts of a ring have no byte in common. */
bool virtq_is_apart(uint64_t a_gpa, uint64_t a_size, uint64_t b_gpa, uint64_t b_size);

/** The parts of a split ring as host pointers (virtio 1.3, 2.7). */
struct virtq_split {
	const uint8_t *desc;
	uint8_t *avail; // flags, idx, ring[size], used_event
	uint8_t *used;  // flags, idx, {id, len}[size], avail_event

	// Free-running, masked at use.
	uint16_t next_avail; // of the next chain to pop
	uint16_t seen_avail; // avail.idx as last read; chains before it are there
	uint16_t next_used;  // our own: what the guest writes to used.idx does not count
	uint16_t published;  // used.idx as last written

	uint64_t *in_flight; // one bit per head; allocated while started
};

/** A place in a packed ring: a slot, and the wrap counter there, which toggles behind the last. */
struct virtq_position {
	uint16_t slot;
	bool wrap;
};

/** The parts of a packed ring as host pointers (virtio 1.3, 2.8). */
struct virtq_packed {
	uint8_t *ring;
	const uint8_t *driver_event;
	uint8_t *device_event;

	struct virtq_position next_avail; // of the next list to pop
	struct virtq_position next_used;  // of the next used descriptor
	struct virtq_position published;  // where the guest looks for the next used descriptor
	uint16_t first_flags;             // of the one at `published`, once it is to be shown
	uint16_t n_batch;                 // slots pushed and not published: published to next_used
	uint16_t n_taken;                 // slots that are ours: published to next_avail

	// What was counted of the lists that are there, so that no slot is counted twice.
	struct virtq_position counted; // where to go on
	uint16_t n_counted_slots;      // next_avail to there
	uint16_t n_counted_lists;
	bool counted_in_list; // it is in the middle of one
};

struct oriel_virtq {
	const struct virtq_layout *layout;
	struct oriel_virtq_config config;
	struct oriel_mem_map *map; // held while started; NULL: stopped
	bool is_mapped;            // the ring's pointers are good
	const char *broken;        // why, or NULL

	struct oriel_span *spans; // of the chain popped last; allocated while started
	size_t n_spans;
	uint32_t n_in_flight;

	// As the layout says; the other is all zeros.
	struct virtq_split split;
	struct virtq_packed packed;
};

/** Break the queue; returns -EBADMSG. reason is static. */
int virtq_break(struct oriel_virtq *vq, const char *reason);

/**
 * Walk a chain of a split ring, direct descriptors and perhaps an indirect table at its end, into
 * *ret and vq->spans. Returns 0 or -EBADMSG, the queue broken.
 */
int virtq_walk_split(struct oriel_virtq *vq, uint16_t head, struct oriel_chain *ret);

/**
 * The same for a list of a packed ring that begins at next_avail, or an indirect table alone.
 *
 * flags are those of its first descriptor, read with acquire: they say that it is available. The
 * list may have max_slots slots. Fills in the id and the number of slots.
 */
int virtq_walk_packed(struct oriel_virtq *vq, uint16_t flags, uint16_t max_slots,
		struct oriel_chain *ret);

/** Whether flags say that the descriptor at this position was made available. */
static inline bool virtq_is_available(uint16_t flags, bool wrap) {
	return ((flags & VIRTQ_DESC_F_AVAIL) != 0) == wrap &&
	       ((flags & VIRTQ_DESC_F_USED) != 0) != wrap;
}

/** The position n slots on; n is not above the ring's size. */
static inline struct virtq_position virtq_advance(struct virtq_position from, uint32_t n,
		uint16_t size) {
	uint32_t slot = from.slot + n;
	bool has_wrapped = slot >= size;
	return (struct virtq_position){ (uint16_t)(has_wrapped ? slot - size : slot),
		from.wrap != has_wrapped };
}

#endif
