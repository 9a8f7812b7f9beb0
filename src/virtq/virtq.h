// SPDX-License-Identifier: MIT
/*
 * A virtqueue, seen from the device: chains of buffers come out, used chains go back.
 *
 * One interface over two ring layouts, split and packed; in a packed ring a chain is what the
 * standard calls a list. It knows addresses, descriptors and notification suppression; it does not
 * know what the buffers mean, and does not log: a ring that cannot be trusted is reported once,
 * with a reason, and stays broken until it is started again.
 *
 * Guest memory is read with one fetch per field. Indices are free-running and masked at use.
 * virtio 1.3, 2.6 to 2.8.
 */
#ifndef ORIEL_VIRTQ_H
#define ORIEL_VIRTQ_H

#include "mem/map.h"

#include <stdbool.h>

/**
 * Descriptors in one chain, those of an indirect table included, but not the one that points to it.
 * Linux sends over 1,000.
 */
#define ORIEL_VIRTQ_MAX_CHAIN 4096u

/** Spans that one chain may resolve to: descriptors, and some that cross regions. */
#define ORIEL_VIRTQ_MAX_SPANS (2u * ORIEL_VIRTQ_MAX_CHAIN)

/** What is needed to start a queue. */
struct oriel_virtq_config {
	uint16_t size;       // entries, 1 to 32768; a power of two for a split ring
	uint64_t desc_gpa;   // descriptor table (split), descriptor ring (packed)
	uint64_t driver_gpa; // available ring; driver event area
	uint64_t device_gpa; // used ring; device event area

	/**
	 * Where to go on, as oriel_virtq_stop() returned it.
	 *
	 * Split: the next available index (low 16 bits), 0 for a fresh ring; the used index is what
	 * the used ring says. Packed: slots and wrap counters, as vhost-user carries them: next
	 * available slot (bits 0 to 14), its wrap counter (15), the same of the next used
	 * descriptor (16 to 31); 0x80008000 for a fresh ring.
	 */
	uint32_t base;

	bool event_idx; // VIRTIO_F_EVENT_IDX was negotiated
	bool indirect;  // VIRTIO_F_INDIRECT_DESC was negotiated; otherwise such descriptors break
			// the queue
	bool packed;    // VIRTIO_F_RING_PACKED was negotiated
};

/**
 * A chain popped from a queue.
 *
 * The spans, readable ones first, belong to the queue and are valid until the next pop; the memory
 * behind them as long as the map is held that was current at the pop (oriel_virtq_get_map()).
 */
struct oriel_chain {
	uint16_t id;       // to be given back with oriel_virtq_push(). Packed: any number, and
			   // chains in flight may share it: the guest's business
	uint16_t n_slots;  // ring slots that the chain takes; 1 in a split ring
	uint32_t n_descs;  // descriptors that were read for it, empty ones too: what it has cost
	size_t n_readable; // number of readable spans
	size_t n_writable; // number of writable spans
	uint64_t n_readable_bytes;
	uint64_t n_writable_bytes;
	const struct oriel_span *readable;
	const struct oriel_span *writable;
};

struct oriel_virtq;

/** Create a queue, stopped. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_virtq_create(struct oriel_virtq **ret);

/** Destroy a queue. NULL is a no-op. */
void oriel_virtq_destroy(struct oriel_virtq *vq);

/**
 * Start a stopped queue on the given map, which it holds until it is stopped. It asks for kicks;
 * chains that came before need none, so look at the queue.
 *
 * Returns 0, -EINVAL for a bad size, misaligned or overlapping parts, or the base that is
 * no slot of a packed ring, -EFAULT if a part of the
 * ring does not lie in one region of guest memory, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_virtq_start(struct oriel_virtq *vq, const struct oriel_virtq_config *config,
		struct oriel_mem_map *map);

/**
 * Stop a queue (a no-op if it is) and return the base to go on from.
 *
 * Chains in flight are forgotten, pushed ones that were not published too. Guest memory is not
 * written.
 */
uint32_t oriel_virtq_stop(struct oriel_virtq *vq);

/**
 * Go over to another map; the ring keeps its guest addresses.
 *
 * Returns 0, or -EFAULT if the ring is not in it: the queue is broken then.
 */
ORIEL_MUST_CHECK
int oriel_virtq_set_map(struct oriel_virtq *vq, struct oriel_mem_map *map);

/** The map that pops resolve addresses in, or NULL while stopped. Borrowed. */
struct oriel_mem_map *oriel_virtq_get_map(const struct oriel_virtq *vq);

bool oriel_virtq_is_started(const struct oriel_virtq *vq);

/** Whether the ring was found untrustworthy; *ret_reason, if not NULL, is then a static string. */
bool oriel_virtq_is_broken(const struct oriel_virtq *vq, const char **ret_reason);

/**
 * Take the next chain.
 *
 * Returns 0, -EAGAIN if the ring is empty (or the queue stopped), or -EBADMSG if the ring is
 * broken.
 */
ORIEL_MUST_CHECK
int oriel_virtq_pop(struct oriel_virtq *vq, struct oriel_chain *ret);

/**
 * How many chains can be popped right now, as the ring claims (bounded by its size). Cheap when
 * called often: in a packed ring, what was counted before and is not popped yet is believed.
 */
uint32_t oriel_virtq_count_available(struct oriel_virtq *vq);

/** Chains popped and not pushed back yet; never more than the ring has entries. */
uint32_t oriel_virtq_count_in_flight(const struct oriel_virtq *vq);

/**
 * Give a chain in flight back, with its id and n_slots as they were popped and the number of bytes
 * written. The guest sees it at the next publish; if the queue is broken, never.
 */
void oriel_virtq_push(struct oriel_virtq *vq, uint16_t id, uint16_t n_slots, uint32_t written);

/**
 * Show the guest all chains that were pushed, at once; also those pushed before the queue broke.
 *
 * Returns whether the guest wants to be interrupted for them.
 */
bool oriel_virtq_publish(struct oriel_virtq *vq);

/**
 * Ask the guest to kick when it adds a chain; with event_idx, exactly for the next one.
 *
 * Returns whether chains came in the meantime: then the queue must be looked at again, because no
 * kick may come for them.
 */
bool oriel_virtq_enable_kicks(struct oriel_virtq *vq);

/**
 * The same for who needs more chains at once than oriel_virtq_count_available() has just counted,
 * n_counted, and leaves those in the ring.
 *
 * Returns whether more came since.
 */
bool oriel_virtq_enable_kicks_behind(struct oriel_virtq *vq, uint32_t n_counted);

/** Tell the guest that kicks are not needed while we poll the ring. A hint. */
void oriel_virtq_disable_kicks(struct oriel_virtq *vq);

#endif
