// SPDX-License-Identifier: MIT
/*
 * Fences: see virgl.h for when they are made.
 *
 * Our sequence numbers go to virglrenderer as cookies. It waits for fences one after the other, so
 * a report of one is a report of all before it on that timeline. Of the global timeline it keeps
 * only 32 bits, which are compared modulo 2^32: there are never that many pending.
 */
#include "render/virgl/virgl.h"

#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <virglrenderer.h>

/** A GPU that takes longer has crashed. */
#define WAIT_LIMIT_NS 5000000000u

void virgl_timeline_init(struct virgl_timeline *timeline, uint32_t ctx_id) {
	*timeline = (struct virgl_timeline){ .ctx_id = ctx_id };
	oriel_list_init(&timeline->fences);
}

static void inbox_push(struct virgl_inbox *inbox, const struct virgl_report *report) {
	pthread_mutex_lock(&inbox->mutex);
	bool was_empty = inbox->len == 0;
	if (!was_empty && inbox->reports[inbox->len - 1].ctx_id == report->ctx_id) {
		inbox->reports[inbox->len - 1] = *report; // says all that the older one says
	} else if (inbox->len < inbox->capacity) {
		inbox->reports[inbox->len++] = *report;
	} // else: a fence was reported twice, or one that was given up
	pthread_mutex_unlock(&inbox->mutex);
	if (was_empty) {
		oriel_eventfd_signal(inbox->event_fd);
	}
}

void virgl_write_fence(void *cookie, uint32_t fence) {
	struct virgl *virgl = cookie;
	inbox_push(&virgl->inbox, &(struct virgl_report){ .sequence = fence });
}

void virgl_write_context_fence(void *cookie, uint32_t ctx_id, uint32_t ring_idx,
		uint64_t fence_id) {
	struct virgl *virgl = cookie;
	(void)ring_idx; // we only ask for ring 0
	inbox_push(&virgl->inbox, &(struct virgl_report){ .ctx_id = ctx_id, .sequence = fence_id });
}

/** Make room for one report more, so that virglrenderer's thread never has to. */
static int inbox_reserve(struct virgl_inbox *inbox, size_t n_reports) {
	int err = 0;
	pthread_mutex_lock(&inbox->mutex);
	if (n_reports > inbox->capacity) {
		size_t capacity = inbox->capacity == 0 ? 64 : 2 * inbox->capacity;
		void *reports = reallocarray(inbox->reports, capacity, sizeof(*inbox->reports));
		if (reports == NULL) {
			err = -ENOMEM;
		} else {
			inbox->reports = reports;
			inbox->capacity = capacity;
		}
	}
	pthread_mutex_unlock(&inbox->mutex);
	return err;
}

static bool inbox_pop(struct virgl_inbox *inbox, struct virgl_report *ret) {
	pthread_mutex_lock(&inbox->mutex);
	bool has_report = inbox->len > 0;
	if (has_report) {
		*ret = inbox->reports[0];
		inbox->len--;
		memmove(&inbox->reports[0], &inbox->reports[1],
				inbox->len * sizeof(inbox->reports[0]));
	}
	pthread_mutex_unlock(&inbox->mutex);
	return has_report;
}

static void fence_finish(struct virgl *virgl, struct oriel_render3d_op *op) {
	oriel_list_remove(&op->link);
	virgl->n_fences--;
	if (virgl->was_full) {
		oriel_source_set_pending(virgl->batch_source); // which tells that there is room
	}
	// Of one that could not be made, the error waited here for its turn.
	virgl_finish_op(op, op->err);
}

/** Whether a fence is among those which a report is about. */
static bool report_covers(const struct virgl_report *report, const struct oriel_render3d_op *op) {
	if (op->sequence == 0) {
		return false; // not made yet
	}
	if (report->ctx_id != 0) {
		return op->sequence <= report->sequence;
	}
	return (int32_t)((uint32_t)op->sequence - (uint32_t)report->sequence) <= 0;
}

static void report_apply(struct virgl *virgl, const struct virgl_report *report) {
	struct virgl_timeline *timeline = &virgl->global;
	if (report->ctx_id != 0) {
		// It may be gone, and its id may be another's: sequence numbers are not reused.
		struct virgl_context *ctx = virgl_get_context(virgl, report->ctx_id);
		if (ctx == NULL) {
			return;
		}
		timeline = &ctx->timeline;
	}
	oriel_list_for_each(link, following, &timeline->fences) {
		struct oriel_render3d_op *op =
				oriel_container_of(link, struct oriel_render3d_op, link);
		if (!report_covers(report, op)) {
			break;
		}
		fence_finish(virgl, op);
	}
}

void virgl_finish_reported(struct virgl *virgl) {
	oriel_eventfd_drain(virgl->inbox.event_fd);
	struct virgl_report report;
	while (inbox_pop(&virgl->inbox, &report)) {
		report_apply(virgl, &report);
	}
}

void virgl_finish_timeline(struct virgl *virgl, struct virgl_timeline *timeline) {
	oriel_list_for_each(link, following, &timeline->fences) {
		fence_finish(virgl, oriel_container_of(link, struct oriel_render3d_op, link));
	}
}

/** Let virglrenderer put a fence behind all that was done in the current context. */
static int timeline_make_fence(struct virgl *virgl, const struct virgl_timeline *timeline,
		uint64_t sequence) {
	int err = inbox_reserve(&virgl->inbox, (size_t)virgl->n_fences + 1);
	if (err != 0) {
		return err;
	}
	if (timeline->ctx_id == 0) {
		err = virgl_renderer_create_fence((int)(uint32_t)sequence, 0);
	} else {
		err = virgl_renderer_context_create_fence(timeline->ctx_id,
				VIRGL_RENDERER_FENCE_FLAG_MERGEABLE, 0, sequence);
	}
	return err == 0 ? 0 : -ENOMEM;
}

/** Let all fences that were not made yet be one: this, or none if err tells why not. */
static void timeline_settle(struct virgl *virgl, struct virgl_timeline *timeline, uint64_t sequence,
		int err) {
	struct oriel_link *link = timeline->fences.prev;
	for (; link != &timeline->fences; link = link->prev) {
		struct oriel_render3d_op *op =
				oriel_container_of(link, struct oriel_render3d_op, link);
		if (op->sequence != 0) {
			break;
		}
		op->sequence = sequence;
		op->err = err;
	}
	if (err == 0) {
		return;
	}
	if (link == &timeline->fences) {
		virgl_finish_timeline(virgl, timeline);
		return;
	}
	// Errors keep their place: they come back with the fence before them.
	sequence = oriel_container_of(link, struct oriel_render3d_op, link)->sequence;
	for (link = link->next; link != &timeline->fences; link = link->next) {
		oriel_container_of(link, struct oriel_render3d_op, link)->sequence = sequence;
	}
}

void virgl_close_fence(struct virgl *virgl) {
	struct virgl_timeline *timeline = virgl->open;
	if (timeline == NULL) {
		return;
	}
	virgl->open = NULL; // first: entering a context closes what is open
	virgl_enter_context(virgl,
			timeline->ctx_id != 0 ? timeline->ctx_id : virgl->current_ctx_id);
	uint64_t sequence = ++virgl->last_sequence;
	int err = timeline_make_fence(virgl, timeline, sequence);
	if (err != 0) {
		oriel_log_guest(&virgl->log, "virgl: a fence could not be made");
	}
	timeline_settle(virgl, timeline, sequence, err);
}

void virgl_submit_fence(struct virgl *virgl, struct oriel_render3d_op *op) {
	struct virgl_timeline *timeline = &virgl->global;
	if (!op->fence.is_global) {
		struct virgl_context *ctx = virgl_get_context(virgl, op->ctx_id);
		if (ctx == NULL || op->fence.ring_idx != 0) {
			virgl_finish_op(op, ctx == NULL ? -ENOENT : -EINVAL);
			return;
		}
		timeline = &ctx->timeline;
	}
	if (virgl->open != NULL && virgl->open != timeline) {
		virgl_close_fence(virgl);
	}
	op->sequence = 0;
	op->err = 0;
	oriel_list_append(&timeline->fences, &op->link);
	virgl->n_fences++;
	virgl->was_full |= virgl->n_fences >= VIRGL_MAX_FENCES;
	if (virgl->open == NULL) {
		virgl->open = timeline;
		oriel_source_set_pending(virgl->batch_source);
	}
}

/** Whether a fence of this timeline was made and not reported yet. */
static bool timeline_waits(const struct virgl_timeline *timeline) {
	const struct oriel_link *first = timeline->fences.next;
	return first != &timeline->fences &&
	       oriel_container_of(first, const struct oriel_render3d_op, link)->sequence != 0;
}

static bool virgl_has_made_fences(const struct virgl *virgl) {
	if (timeline_waits(&virgl->global)) {
		return true;
	}
	uint32_t cursor = 0;
	const struct virgl_context *ctx;
	while ((ctx = oriel_id_table_next(&virgl->contexts, &cursor)) != NULL) {
		if (timeline_waits(&ctx->timeline)) {
			return true;
		}
	}
	return false;
}

void virgl_wait_for_fences(struct virgl *virgl) {
	virgl_close_fence(virgl);
	struct pollfd fds[] = {
		{ .fd = virgl->inbox.event_fd, .events = POLLIN },
		{ .fd = virgl_renderer_get_poll_fd(), .events = POLLIN },
	};
	uint64_t end_ns = oriel_now_ns() + WAIT_LIMIT_NS;
	virgl_finish_reported(virgl);
	while (virgl_has_made_fences(virgl)) {
		if (oriel_now_ns() >= end_ns) {
			oriel_log_guest(&virgl->log, "virgl: the GPU does not finish its work");
			return;
		}
		poll(fds, ORIEL_ARRAY_LEN(fds), 100);
		if (fds[1].revents != 0) {
			virgl_renderer_poll();
			virgl->is_current_known = false;
		}
		virgl_finish_reported(virgl);
	}
}

/** A turn of the loop is over: fences that nobody could join any more are made. */
static void handle_batch(void *user) {
	struct virgl *virgl = user;
	virgl_begin_callbacks(virgl);
	virgl_close_fence(virgl);
	virgl_end_callbacks(virgl);
	if (virgl->was_full && virgl->n_fences < VIRGL_MAX_FENCES) {
		virgl->was_full = false;
		const struct oriel_renderer3d_listener *listener = &virgl->base.listener;
		if (listener->handle_room != NULL) {
			listener->handle_room(listener->user);
		}
	}
}

static void handle_inbox(void *user, int fd, uint32_t events) {
	struct virgl *virgl = user;
	(void)fd;
	(void)events;
	virgl_begin_callbacks(virgl);
	virgl_finish_reported(virgl);
	virgl_end_callbacks(virgl);
}

static void handle_poll(void *user, int fd, uint32_t events) {
	struct virgl *virgl = user;
	(void)fd;
	(void)events;
	virgl_begin_callbacks(virgl);
	virgl_close_fence(virgl);
	virgl_renderer_poll();
	virgl->is_current_known = false; // it looked into each context that has queries
	virgl_end_callbacks(virgl);
}

int virgl_fences_init(struct virgl *virgl) {
	virgl_timeline_init(&virgl->global, 0);
	int err = pthread_mutex_init(&virgl->inbox.mutex, NULL);
	if (err != 0) {
		return -err;
	}
	virgl->inbox.has_mutex = true;
	virgl->inbox.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (virgl->inbox.event_fd < 0) {
		return oriel_errno();
	}
	err = oriel_loop_add_deferred(virgl->loop, handle_batch, virgl, &virgl->batch_source);
	if (err != 0) {
		return err;
	}
	return oriel_loop_add_fd(virgl->loop, virgl->inbox.event_fd, EPOLLIN, handle_inbox, virgl,
			&virgl->inbox_source);
}

int virgl_fences_watch(struct virgl *virgl) {
	int fd = virgl_renderer_get_poll_fd();
	if (fd < 0) {
		oriel_log(&virgl->log, ORIEL_LOG_ERROR, "virgl: virglrenderer makes no thread");
		return -ENODEV;
	}
	return oriel_loop_add_fd(virgl->loop, fd, EPOLLIN, handle_poll, virgl, &virgl->poll_source);
}

void virgl_fences_finish(struct virgl *virgl) {
	oriel_source_remove(virgl->inbox_source);
	oriel_source_remove(virgl->batch_source);
	oriel_fd_close(&virgl->inbox.event_fd);
	free(virgl->inbox.reports);
	if (virgl->inbox.has_mutex) {
		pthread_mutex_destroy(&virgl->inbox.mutex);
	}
}
