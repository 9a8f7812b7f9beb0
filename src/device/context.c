// SPDX-License-Identifier: MIT
/* See context.h. */
#include "device/context.h"

#include <assert.h>
#include <stdlib.h>

void oriel_context_table_init(struct oriel_context_table *table, uint64_t limit) {
	*table = (struct oriel_context_table){ .count = { .limit = limit } };
	oriel_id_table_init(&table->ids);
}

int oriel_context_create(struct oriel_context_table *table, uint32_t id,
		struct oriel_context **ret) {
	int err = oriel_budget_charge(&table->count, 1);
	if (err < 0) {
		return err;
	}
	struct oriel_context *ctx = calloc(1, sizeof(*ctx));
	err = ctx != NULL ? oriel_id_table_insert(&table->ids, id, ctx) : -ENOMEM;
	if (err < 0) {
		free(ctx);
		oriel_budget_credit(&table->count, 1);
		return err;
	}
	ctx->id = id;
	ctx->n_holds = 1;
	oriel_id_table_init(&ctx->resources);
	*ret = ctx;
	return 0;
}

struct oriel_context *oriel_context_get(const struct oriel_context_table *table, uint32_t id) {
	return oriel_id_table_get(&table->ids, id);
}

struct oriel_context *oriel_context_table_next(const struct oriel_context_table *table,
		uint32_t *cursor) {
	return oriel_id_table_next(&table->ids, cursor);
}

void oriel_context_drop(struct oriel_context_table *table, struct oriel_context *ctx) {
	oriel_id_table_remove(&table->ids, ctx->id);
	oriel_budget_credit(&table->count, 1);
	oriel_context_release(ctx);
}

void oriel_context_table_clear(struct oriel_context_table *table) {
	uint32_t cursor = 0;
	struct oriel_context *ctx = oriel_context_table_next(table, &cursor);
	while (ctx != NULL) {
		oriel_context_release(ctx);
		ctx = oriel_context_table_next(table, &cursor);
	}
	oriel_id_table_finish(&table->ids);
	oriel_id_table_init(&table->ids);
	table->count.used = 0; // those that are still held do not count
}

struct oriel_context *oriel_context_hold(struct oriel_context *ctx) {
	ctx->n_holds++;
	return ctx;
}

void oriel_context_release(struct oriel_context *ctx) {
	if (ctx == NULL) {
		return;
	}
	assert(ctx->n_holds > 0);
	ctx->n_holds--;
	if (ctx->n_holds == 0) {
		oriel_id_table_finish(&ctx->resources);
		free(ctx->timelines);
		free(ctx);
	}
}

int oriel_context_get_timeline(struct oriel_context *ctx, uint32_t ring_idx,
		struct oriel_timeline **ret) {
	assert(ring_idx < ORIEL_MAX_RINGS);
	if (ctx->timelines == NULL) {
		struct oriel_timeline *timelines = calloc(ORIEL_MAX_RINGS, sizeof(*timelines));
		if (timelines == NULL) {
			return -ENOMEM;
		}
		for (uint32_t i = 0; i < ORIEL_MAX_RINGS; i++) {
			oriel_timeline_init(&timelines[i]);
		}
		ctx->timelines = timelines;
	}
	*ret = &ctx->timelines[ring_idx];
	return 0;
}
