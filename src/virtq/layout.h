// SPDX-License-Identifier: MIT
/*
 * What the files of this folder share: the queue's state, and the interface between it and a ring
 * layout. Private to the folder.
 */
#ifndef ORIEL_VIRTQ_LAYOUT_H
#define ORIEL_VIRTQ_LAYOUT_H

#include "virtq/virtq.h"

/** A descriptor, fetched once (virtio 1.3, 2.7.5). */
struct virtq_desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

#define VIRTQ_DESC_SIZE 16u
#define VIRTQ_DESC_F_NEXT 1u
#define VIRTQ_DESC_F_WRITE 2u
#define VIRTQ_DESC_F_INDIRECT 4u

/** Functions of a ring layout. The queue is started and not broken, unless they say otherwise. */
struct virtq_layout {
	/** Whether a ring like this can be: 0 or -EINVAL. */
	int (*check_config)(const struct oriel_virtq_config *config);
	/** Look the ring's parts up in vq->map. -EFAULT if one is not there. */
	int (*map_ring)(struct oriel_virtq *vq);
	/** Set the indices at start, and ask for kicks; the ring is mapped. */
	void (*begin)(struct oriel_virtq *vq, uint32_t base);
	/** Where to go on from. The ring need not be mapped. */
	uint32_t (*get_base)(const struct oriel_virtq *vq);
	int (*pop)(struct oriel_virtq *vq, struct oriel_chain *ret);
	uint32_t (*count_available)(const struct oriel_virtq *vq);
	/** Give a chain back, to the ring unless the queue is broken, and in our books always. */
	void (*push)(struct oriel_virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written);
	/** The queue may be broken: what was pushed before still counts. */
	bool (*publish)(struct oriel_virtq *vq);
	bool (*enable_kicks)(struct oriel_virtq *vq);
	void (*disable_kicks)(struct oriel_virtq *vq);
};

extern const struct virtq_layout virtq_split_layout;

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
};

struct oriel_virtq {
	const struct virtq_layout *layout;
	struct oriel_virtq_config config;
	struct oriel_mem_map *map; // held while started; NULL: stopped
	bool is_mapped;            // the ring's pointers are good
	const char *broken;        // why, or NULL

	struct oriel_span *spans; // of the chain popped last; allocated while started
	size_t n_spans;
	uint64_t *in_flight; // one bit per head
	uint32_t n_in_flight;

	struct virtq_split split;
};

/** Break the queue; returns -EBADMSG. reason is static. */
int virtq_break(struct oriel_virtq *vq, const char *reason);

/**
 * Walk a chain of direct descriptors (and, at its end, an indirect table) into *ret and vq->spans.
 *
 * table has n_entries descriptors. Returns 0 or -EBADMSG, the queue broken.
 */
int virtq_walk(struct oriel_virtq *vq, const uint8_t *table, uint32_t n_entries, uint32_t head,
		struct oriel_chain *ret);

#endif
