// SPDX-License-Identifier: MIT
/* Contexts of virglrenderer, and what runs in them. */
#include "render/virgl/virgl.h"

#include "base/arith.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <virglrenderer.h>

struct virgl_context *virgl_get_context(const struct virgl *virgl, uint32_t ctx_id) {
	return oriel_id_table_get(&virgl->contexts, ctx_id);
}

int virgl_create_context(struct virgl *virgl, const struct oriel_render3d_op *op) {
	const struct oriel_render3d_context *wanted = &op->context;
	uint32_t capset_id = wanted->capset_id;
	if (capset_id == 0) {
		capset_id = virgl->base.capsets.capsets[virgl->base.capsets.len - 1].id;
	}
	if (op->ctx_id == 0 || oriel_capset_table_get(&virgl->base.capsets, capset_id) == NULL) {
		return -EINVAL;
	}
	if (virgl_get_context(virgl, op->ctx_id) != NULL) {
		return -EEXIST;
	}
	struct virgl_context *ctx = calloc(1, sizeof(*ctx));
	if (ctx == NULL) {
		return -ENOMEM;
	}
	ctx->id = op->ctx_id;
	virgl_timeline_init(&ctx->timeline, op->ctx_id);
	int err = oriel_id_table_insert(&virgl->contexts, ctx->id, ctx);
	if (err != 0) {
		free(ctx);
		return err;
	}
	virgl_close_fence(virgl);
	size_t name_len = strnlen(wanted->name, sizeof(wanted->name) - 1);
	err = virgl_renderer_context_create_with_flags(ctx->id, capset_id, (uint32_t)name_len,
			wanted->name);
	virgl_leave_contexts(virgl);
	if (err != 0) {
		oriel_id_table_remove(&virgl->contexts, ctx->id);
		free(ctx);
		return -ENOMEM;
	}
	return 0;
}

/** Destroy one whose fences are all back. */
static void context_destroy(struct virgl *virgl, struct virgl_context *ctx) {
	oriel_id_table_remove(&virgl->contexts, ctx->id);
	virgl_renderer_context_destroy(ctx->id);
	virgl_leave_contexts(virgl);
	// Those that took too long.
	virgl_finish_timeline(virgl, &ctx->timeline);
	free(ctx);
}

int virgl_destroy_context(struct virgl *virgl, uint32_t ctx_id) {
	struct virgl_context *ctx = virgl_get_context(virgl, ctx_id);
	if (ctx == NULL) {
		return -ENOENT;
	}
	// All of them, not only this context's: 0.10.4 forgets whichever it is waiting for.
	virgl_wait_for_fences(virgl);
	context_destroy(virgl, ctx);
	return 0;
}

void virgl_destroy_all_contexts(struct virgl *virgl) {
	virgl_wait_for_fences(virgl);
	uint32_t cursor = 0;
	struct virgl_context *ctx;
	while ((ctx = oriel_id_table_next(&virgl->contexts, &cursor)) != NULL) {
		context_destroy(virgl, ctx);
		cursor = 0;
	}
}

int virgl_attach_resource(struct virgl *virgl, const struct oriel_render3d_op *op, bool attach) {
	if (virgl_get_context(virgl, op->ctx_id) == NULL ||
			virgl_get_resource(virgl, op->resource_id) == NULL) {
		return -ENOENT;
	}
	if (attach) {
		virgl_renderer_ctx_attach_resource((int)op->ctx_id, (int)op->resource_id);
	} else {
		virgl_renderer_ctx_detach_resource((int)op->ctx_id, (int)op->resource_id);
	}
	return 0;
}

uint32_t *virgl_copy_commands(const struct oriel_render3d_commands *commands) {
	if (commands->size > VIRGL_MAX_COMMANDS_SIZE) {
		return NULL;
	}
	uint32_t *copy = malloc(oriel_max_u32(commands->size, 1));
	if (copy == NULL) {
		return NULL;
	}
	struct oriel_span_cursor cursor = commands->bytes;
	if (oriel_span_cursor_read(&cursor, copy, commands->size) != commands->size) {
		free(copy);
		return NULL;
	}
	return copy;
}

/** The same into the buffer that is kept. Returns 0, -ENOMEM, or -EINVAL if there are fewer. */
static int keep_commands(struct virgl *virgl, const struct oriel_render3d_commands *commands) {
	if (commands->size > virgl->commands_capacity) {
		free(virgl->commands);
		virgl->commands_capacity = 0;
		size_t capacity = 4096;
		while (capacity < commands->size) {
			capacity *= 2;
		}
		virgl->commands = malloc(capacity);
		if (virgl->commands == NULL) {
			return -ENOMEM;
		}
		virgl->commands_capacity = capacity;
	}
	struct oriel_span_cursor cursor = commands->bytes;
	size_t n_read = oriel_span_cursor_read(&cursor, virgl->commands, commands->size);
	return n_read == commands->size ? 0 : -EINVAL;
}

/**
 * Whether commands of this many words follow each other to the end. virglrenderer runs what comes
 * before a command that is too long, then breaks the context, and reports success.
 */
static bool commands_are_whole(const uint32_t *words, uint32_t n_words) {
	uint32_t i = 0;
	while (i < n_words) {
		uint32_t n_following = words[i] >> 16;
		if (n_following >= n_words - i) {
			return false;
		}
		i += n_following + 1;
	}
	return true;
}

static int context_run(struct virgl *virgl, uint32_t ctx_id, uint32_t *words, uint32_t size) {
	uint32_t n_words = size / 4;
	if (!commands_are_whole(words, n_words)) {
		oriel_log_guest(&virgl->log, "virgl: context %" PRIu32 ": a command is cut off",
				ctx_id);
		return -EIO;
	}
	virgl_enter_context(virgl, ctx_id);
	return virgl_renderer_submit_cmd(words, (int)ctx_id, (int)n_words) == 0 ? 0 : -EIO;
}

int virgl_run_commands(struct virgl *virgl, const struct oriel_render3d_op *op, uint32_t *copy) {
	const struct oriel_render3d_commands *commands = &op->commands;
	struct virgl_context *ctx = virgl_get_context(virgl, op->ctx_id);
	if (ctx == NULL) {
		return -ENOENT;
	}
	ctx->has_drawn = true;
	if (commands->size % 4 != 0 || commands->size > VIRGL_MAX_COMMANDS_SIZE) {
		return -EINVAL;
	}
	if (commands->size == 0) {
		return 0;
	}
	if (copy != NULL) {
		return context_run(virgl, op->ctx_id, copy, commands->size);
	}
	int err = keep_commands(virgl, commands);
	if (err == 0) {
		err = context_run(virgl, op->ctx_id, virgl->commands, commands->size);
	}
	if (virgl->commands_capacity > VIRGL_KEPT_COMMANDS_SIZE) {
		free(virgl->commands);
		virgl->commands = NULL;
		virgl->commands_capacity = 0;
	}
	return err;
}
