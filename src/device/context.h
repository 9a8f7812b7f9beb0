// SPDX-License-Identifier: MIT
/*
 * Contexts: what a guest's 3D programs have each for themselves (virtio 1.3, 5.7.6.8: CTX_CREATE).
 *
 * What a context is made of lives in the renderer. Here are its name, so to say, its timelines, and
 * which 2D resources it may use (twin.h). A context is counted: it stays until the last request
 * has left its timelines, though its id is free at once and may be used for another.
 */
#ifndef ORIEL_CONTEXT_H
#define ORIEL_CONTEXT_H

#include "base/budget.h"
#include "base/id_table.h"
#include "device/timeline.h"

/** Rings that a context has, each with a timeline (Linux: MAX_RINGS). */
#define ORIEL_MAX_RINGS 64u

struct oriel_resource;

struct oriel_context {
	uint32_t id;
	uint32_t n_holds; // the table's is one
	bool is_lost;     // it was a renderer's that is gone
	bool has_submitted;
	struct oriel_timeline *timelines; // ORIEL_MAX_RINGS; NULL until one is used
	struct oriel_id_table resources;  // 2D ones that are attached, by id
};

struct oriel_context_table {
	struct oriel_id_table ids;
	struct oriel_budget count;
};

void oriel_context_table_init(struct oriel_context_table *table, uint64_t limit);

/** Let all contexts go; the table is empty then and may be used on. */
void oriel_context_table_clear(struct oriel_context_table *table);

/** Create a context under id, which must be free. 0, -EDQUOT, or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_context_create(struct oriel_context_table *table, uint32_t id,
		struct oriel_context **ret);

/** The context with this id, or NULL. Valid until it is dropped; hold it to keep it. */
struct oriel_context *oriel_context_get(const struct oriel_context_table *table, uint32_t id);

/** The contexts one by one, in no order: start with *cursor = 0, until NULL. */
struct oriel_context *oriel_context_table_next(const struct oriel_context_table *table,
		uint32_t *cursor);

/** Take the context out of the table and let go of it. */
void oriel_context_drop(struct oriel_context_table *table, struct oriel_context *ctx);

struct oriel_context *oriel_context_hold(struct oriel_context *ctx);

/** Let go of a hold. NULL is a no-op. */
void oriel_context_release(struct oriel_context *ctx);

/** The timeline of a ring, which is less than ORIEL_MAX_RINGS. 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_context_get_timeline(struct oriel_context *ctx, uint32_t ring_idx,
		struct oriel_timeline **ret);

#endif
