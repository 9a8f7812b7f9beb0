// SPDX-License-Identifier: MIT
/*
 * The buffers that clients of the display socket have or are about to have: which, and who.
 *
 * A buffer is a resource's memory, announced to a client before it is first shown to it, or a
 * snapshot. It is entered here when the first client gets it and goes when the last one has
 * released it; each client is a bit. The table does not hold resources: while the guest has it, a
 * resource's memory is the guest's to pay for. From its drop on, only clients keep the memory, and
 * it is charged to the budget `held`, as snapshots are from the start. What is charged is at least
 * ORIEL_SHARE_LEAST_CHARGE, so that the number of buffers is bounded as well.
 *
 * docs/display-protocol.md, 6 and 10.
 */
#ifndef ORIEL_SHARE_BUFFER_H
#define ORIEL_SHARE_BUFFER_H

#include "base/budget.h"
#include "base/list.h"
#include "resource/dmabuf.h"
#include "resource/resource.h"

#define ORIEL_SHARE_LEAST_CHARGE 65536u // bytes

struct oriel_share_buffer {
	uint32_t id;
	uint64_t charge;             // bytes: its size in whole pages, or the least
	struct oriel_resource *res;  // not held; NULL: dropped by the guest, or a snapshot
	uint64_t serial;             // of res
	struct oriel_dmabuf *dmabuf; // held: it is one that the guest's resource has; else NULL
	bool is_snapshot;
	bool charged;
	uint64_t clients;              // bit i: client i has it
	uint64_t told_gone;            // bit i: client i was sent GONE
	struct oriel_link link;        // in all
	struct oriel_link orphan_link; // in orphans, once dropped
};

struct oriel_share_buffers {
	struct oriel_id_table by_id;
	struct oriel_id_table by_resource; // its serial (32 bits of it), while the guest has it
	struct oriel_link all;
	struct oriel_link orphans; // dropped by the guest, not released by all; the last one last
	struct oriel_budget held;  // bytes
	uint32_t last_id;
};

/** Begin an empty table that lets clients alone hold max_held bytes. */
void oriel_share_buffers_init(struct oriel_share_buffers *buffers, uint64_t max_held);

/** Finish a table in which no client has anything any more. */
void oriel_share_buffers_finish(struct oriel_share_buffers *buffers);

/** The buffer with this id, or NULL. */
struct oriel_share_buffer *oriel_share_buffers_get(const struct oriel_share_buffers *buffers,
		uint32_t id);

/** The buffer of a resource that the guest has, or NULL: no client has it. */
struct oriel_share_buffer *oriel_share_buffers_find(const struct oriel_share_buffers *buffers,
		const struct oriel_resource *res);

/** Enter the buffer of a resource that has none, for clients (not 0). Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_share_buffers_add(struct oriel_share_buffers *buffers, struct oriel_resource *res,
		uint64_t clients, struct oriel_share_buffer **ret);

/** The buffer of a dma-buf that the guest has, or NULL: no client has it. */
struct oriel_share_buffer *oriel_share_buffers_find_dmabuf(const struct oriel_share_buffers
									   *buffers,
		const struct oriel_dmabuf *dmabuf);

/** Enter the buffer of a dma-buf that has none, for clients (not 0). Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_share_buffers_add_dmabuf(struct oriel_share_buffers *buffers, struct oriel_dmabuf *dmabuf,
		uint64_t clients, struct oriel_share_buffer **ret);

/** Whether the guest still has it: then its memory is the guest's to pay for. */
static inline bool oriel_share_buffer_is_guests(const struct oriel_share_buffer *buffer) {
	return buffer->res != NULL || buffer->dmabuf != NULL;
}

/** Enter a snapshot of size bytes, charged, for a client. Returns 0, -EDQUOT or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_share_buffers_add_snapshot(struct oriel_share_buffers *buffers, uint64_t size,
		uint64_t client, struct oriel_share_buffer **ret);

/** A client does not have the buffer any more. It may be freed by this. */
void oriel_share_buffers_release(struct oriel_share_buffers *buffers,
		struct oriel_share_buffer *buffer, uint64_t client);

/** A client is gone: it has nothing any more. */
void oriel_share_buffers_release_all(struct oriel_share_buffers *buffers, uint64_t client);

/** The guest has dropped the buffer's resource, or the one of its dma-buf: it is an orphan. Charge
 * it, next. */
void oriel_share_buffers_orphan(struct oriel_share_buffers *buffers,
		struct oriel_share_buffer *buffer);

/** Bytes of the buffers that a client has, and of those that are charged to clients. */
void oriel_share_buffers_add_up(const struct oriel_share_buffers *buffers, uint64_t client,
		uint64_t *ret_mapped, uint64_t *ret_held);

/**
 * Charge orphans that are not charged yet.
 *
 * Returns 0, or -EDQUOT: *ret is the bit of the client that holds most, which is to go; then ask
 * again.
 */
ORIEL_MUST_CHECK
int oriel_share_buffers_charge_orphans(struct oriel_share_buffers *buffers, uint64_t *ret);

#endif
