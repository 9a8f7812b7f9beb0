// SPDX-License-Identifier: MIT
/*
 * virglrenderer behind the interface of render3d.h.
 *
 * Theory of operation. Everything but fences is done when submit returns: the operation is carried
 * out with virglrenderer, which talks to GL, and its `done` is called. What `done` submits is put
 * into a backlog and carried out after it, so that nothing recurses and the order is kept.
 *
 * Fences. virglrenderer puts a fence into the GL context that is current, so a fence must be made
 * before GL goes on with another context; and making one is much dearer than a small command.
 * So a fence is left open (fence.c) until something is submitted in another context or on another
 * timeline, or until the loop has run all that was ready: neighbours on a timeline then share one.
 * virglrenderer reports fences from a thread of its own. The report goes into an inbox, and the
 * loop's thread completes the operations.
 *
 * Ids. All ids are looked up in tables of ours before virglrenderer sees them: it answers many
 * errors with silence.
 */
#ifndef ORIEL_VIRGL_INTERNAL_H
#define ORIEL_VIRGL_INTERNAL_H

#include "base/id_table.h"
#include "host/log.h"
#include "oriel/loop.h"
#include "render/render3d.h"
#include "render/virgl/egl.h"
#include "render/virgl_format.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/** So many fences make the renderer full: four rings' worth. */
#define VIRGL_MAX_FENCES 4096u

/** What the largest resource may take; a guest's total is the device's affair. */
#define VIRGL_MAX_RESOURCE_SIZE ((uint64_t)4 << 30)

/** The device refuses longer ones before they get here. */
#define VIRGL_MAX_COMMANDS_SIZE (64u << 20)

/** A private buffer up to this size is kept from one command buffer to the next. */
#define VIRGL_KEPT_COMMANDS_SIZE (1u << 20)

/** Fences that come back in order. */
struct virgl_timeline {
	uint32_t ctx_id;          // 0: the global one
	struct oriel_link fences; // operations, in order; sequence 0: not made yet
};

struct virgl_context {
	uint32_t id;
	bool has_drawn; // since it was last published (image.c)
	struct virgl_timeline timeline;
};

struct virgl_resource {
	uint32_t id;
	struct oriel_render3d_resource desc;

	struct iovec *iovecs; // NULL: no backing. virglrenderer keeps the pointer
	size_t n_iovecs;
	uint64_t backing_size; // bytes
};

/** A mapping that pixels are read into. */
struct virgl_image {
	uint32_t id;
	uint8_t *map;
	uint64_t size; // bytes
};

/** What virglrenderer's thread reported: all fences of a timeline up to one. */
struct virgl_report {
	uint32_t ctx_id; // 0: the global timeline, where only 32 bits of sequence count
	uint64_t sequence;
};

/** From virglrenderer's thread to ours. All but the descriptor is protected by mutex. */
struct virgl_inbox {
	pthread_mutex_t mutex;
	bool has_mutex;
	int event_fd;

	struct virgl_report *reports;
	size_t len;
	size_t capacity; // at least the number of fences that can be reported
};

struct virgl {
	struct oriel_renderer3d base;
	struct oriel_loop *loop;
	struct oriel_log log;
	pthread_t thread; // the loop's

	struct virgl_egl egl;
	bool is_process_owner; // of the one place for a renderer in a process
	bool is_virgl_open;
	bool is_starting;
	uint64_t formats[8]; // bits: what the GPU can sample, render to or use as depth

	struct oriel_id_table contexts;
	struct oriel_id_table resources;
	struct oriel_id_table images;

	// Which GL context is current, as far as we know.
	uint32_t current_ctx_id;
	bool is_current_known;

	// Operations that were submitted while another one was being carried out.
	struct oriel_link backlog;
	bool is_running;

	uint32_t *commands; // a private copy of a command buffer; NULL: none kept
	size_t commands_capacity;

	// Fences.
	struct virgl_timeline global;
	struct virgl_timeline *open; // the one whose last fences are not made yet, or NULL
	struct virgl_inbox inbox;
	uint64_t last_sequence;
	uint32_t n_fences; // pending, of all timelines
	bool was_full;
	struct oriel_source *inbox_source;
	struct oriel_source *batch_source; // deferred: makes the open fence
	struct oriel_source *poll_source;  // virglrenderer wants to look at its queries
};

// virgl.c

/** GL goes on in this context; 0: the one that belongs to nobody. */
void virgl_enter_context(struct virgl *virgl, uint32_t ctx_id);

/**
 * Leave whichever context GL is in. virglrenderer makes a new context current without noting it,
 * and would take what comes next for the old one to be in the right place.
 */
void virgl_leave_contexts(struct virgl *virgl);

/**
 * Between these two, operations that are submitted wait in the backlog, which the end empties:
 * around everything that may call somebody's `done`.
 */
void virgl_begin_callbacks(struct virgl *virgl);
void virgl_end_callbacks(struct virgl *virgl);

/** The operation is complete. */
void virgl_finish_op(struct oriel_render3d_op *op, int err);

// context.c

struct virgl_context *virgl_get_context(const struct virgl *virgl, uint32_t ctx_id);
ORIEL_MUST_CHECK
int virgl_create_context(struct virgl *virgl, const struct oriel_render3d_op *op);
ORIEL_MUST_CHECK
int virgl_destroy_context(struct virgl *virgl, uint32_t ctx_id);
void virgl_destroy_all_contexts(struct virgl *virgl);
ORIEL_MUST_CHECK
int virgl_attach_resource(struct virgl *virgl, const struct oriel_render3d_op *op, bool attach);

/** A copy of what a SUBMIT's cursor leads to, or NULL. To be freed. */
uint32_t *virgl_copy_commands(const struct oriel_render3d_commands *commands);
/** Run commands; copy is what virgl_copy_commands() made earlier, or NULL: it is time now. */
ORIEL_MUST_CHECK
int virgl_run_commands(struct virgl *virgl, const struct oriel_render3d_op *op, uint32_t *copy);

// resource.c

struct virgl_resource *virgl_get_resource(const struct virgl *virgl, uint32_t resource_id);
ORIEL_MUST_CHECK
int virgl_create_resource(struct virgl *virgl, const struct oriel_render3d_op *op);
ORIEL_MUST_CHECK
int virgl_unref_resource(struct virgl *virgl, uint32_t resource_id);
void virgl_unref_all_resources(struct virgl *virgl);
ORIEL_MUST_CHECK
int virgl_attach_backing(struct virgl *virgl, const struct oriel_render3d_op *op);
ORIEL_MUST_CHECK
int virgl_detach_backing(struct virgl *virgl, uint32_t resource_id);
ORIEL_MUST_CHECK
int virgl_run_transfer(struct virgl *virgl, const struct oriel_render3d_op *op);

// image.c

ORIEL_MUST_CHECK
int virgl_add_image(struct virgl *virgl, const struct oriel_render3d_op *op);
ORIEL_MUST_CHECK
int virgl_remove_image(struct virgl *virgl, uint32_t image_id);
void virgl_remove_all_images(struct virgl *virgl);
ORIEL_MUST_CHECK
int virgl_read_pixels(struct virgl *virgl, const struct oriel_render3d_op *op);
ORIEL_MUST_CHECK
int virgl_export(struct virgl *virgl, struct oriel_render3d_op *op);
/** Find out whether exports work, by one. */
void virgl_probe_export(struct virgl *virgl);

// fence.c

void virgl_timeline_init(struct virgl_timeline *timeline, uint32_t ctx_id);

ORIEL_MUST_CHECK
int virgl_fences_init(struct virgl *virgl);
/** The sources that wait for virglrenderer, once that is open. */
ORIEL_MUST_CHECK
int virgl_fences_watch(struct virgl *virgl);
void virgl_fences_finish(struct virgl *virgl);

/** Put a FENCE on its timeline, or finish it with an error. */
void virgl_submit_fence(struct virgl *virgl, struct oriel_render3d_op *op);

/** Make the fence that is open, if one is. */
void virgl_close_fence(struct virgl *virgl);

/**
 * Wait until all fences that were made have been reported: virglrenderer must not lose a context
 * that has some. The operations are finished by the caller: see below.
 */
void virgl_wait_for_fences(struct virgl *virgl);

/** Finish the operations of the inbox. */
void virgl_finish_reported(struct virgl *virgl);

/** Finish everything on a timeline. */
void virgl_finish_timeline(struct virgl *virgl, struct virgl_timeline *timeline);

/** For virglrenderer, on its thread. */
void virgl_write_fence(void *cookie, uint32_t fence);
void virgl_write_context_fence(void *cookie, uint32_t ctx_id, uint32_t ring_idx, uint64_t fence_id);

#endif
