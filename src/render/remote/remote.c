// SPDX-License-Identifier: MIT
/*
 * The renderer interface over a render link: see state.h.
 */
#include "oriel/remote.h"

#include "base/fd.h"
#include "base/sized.h"
#include "render/remote/state.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_START_TIMEOUT_MS 10000u
#define DEFAULT_OPERATION_TIMEOUT_MS 10000u
#define DEFAULT_FENCE_TIMEOUT_MS 60000u

static void remote_submit(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op);
static bool remote_is_full(const struct oriel_renderer3d *renderer);
static void remote_cancel(struct oriel_renderer3d *renderer);
static void remote_set_paused(struct oriel_renderer3d *renderer, bool paused);
static void remote_destroy(struct oriel_renderer3d *renderer);

static const struct oriel_renderer3d_impl remote_impl = {
	.name = "remote",
	.submit = remote_submit,
	.is_full = remote_is_full,
	.cancel = remote_cancel,
	.set_paused = remote_set_paused,
	.destroy = remote_destroy,
};

struct oriel_remote *oriel_remote_of(struct oriel_renderer3d *renderer) {
	assert(renderer->impl == &remote_impl);
	return oriel_container_of(renderer, struct oriel_remote, base);
}

static void remote_submit(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op) {
	struct oriel_remote *remote = oriel_remote_of(renderer);
	if (op->type == ORIEL_RENDER3D_SET_MEMORY) {
		// Known from now on, whatever becomes of this process.
		oriel_mem_map_release(remote->map);
		remote->map = oriel_mem_map_hold(op->map);
	}
	if (remote->state == REMOTE_REFUSED && op->type == ORIEL_RENDER3D_RESET) {
		// A new driver will ask for capsets: the process may have the right ones again.
		remote->is_refused = false;
		if (!remote->has_process) { // else when its end is reported
			oriel_remote_plan_start(remote);
		}
	}
	if (remote->state == REMOTE_BACKOFF || remote->state == REMOTE_REFUSED) {
		remote->n_operations++;
		remote->n_errors++;
		op->done(op, -ENOTCONN);
		return;
	}
	oriel_remote_send_op(remote, op);
}

static bool remote_is_full(const struct oriel_renderer3d *renderer) {
	const struct oriel_remote *remote =
			oriel_container_of(renderer, const struct oriel_remote, base);
	if (!oriel_list_is_empty(&remote->waiting) ||
			remote->n_free_slots < ORIEL_REMOTE_MIN_ROOM ||
			oriel_render_arena_get_used(&remote->arena) > remote->arena.size / 4 * 3) {
		return true;
	}
	if (remote->link.memory == NULL) {
		return false;
	}
	// Only what this end has seen of the other's index is looked at; answers renew it.
	struct oriel_render_ring ring = remote->link.requests;
	int room = oriel_render_ring_get_room(&ring);
	return room >= 0 && (uint32_t)room < ORIEL_REMOTE_MIN_ROOM;
}

void oriel_remote_check_room(struct oriel_remote *remote) {
	const bool is_full = remote_is_full(&remote->base);
	const bool was_full = remote->was_full;
	remote->was_full = is_full;
	if (was_full && !is_full && remote->base.listener.handle_room != NULL) {
		remote->base.listener.handle_room(remote->base.listener.user);
	}
}

void oriel_remote_defer(struct oriel_remote *remote) {
	oriel_source_set_pending(remote->deferred);
}

static void run_deferred(void *user) {
	struct oriel_remote *remote = user;
	if (remote->is_exited) {
		oriel_remote_settle(remote);
		return;
	}
	if (remote->state == REMOTE_RUNNING) {
		oriel_remote_go_on(remote);
	}
}

static void remote_cancel(struct oriel_renderer3d *renderer) {
	oriel_remote_give_up(oriel_remote_of(renderer));
}

static void remote_destroy(struct oriel_renderer3d *renderer) {
	struct oriel_remote *remote = oriel_remote_of(renderer);
	if (remote->has_process) {
		remote->has_process = false;
		remote->options.kill(remote->options.user);
	}
	oriel_remote_unwatch_link(remote);
	oriel_source_remove(remote->timer);
	oriel_source_remove(remote->deferred);
	oriel_render_link_finish(&remote->link);
	oriel_remote_free_records(remote);
	oriel_fd_close(&remote->exported_fd);
	oriel_mem_map_release(remote->map);
	oriel_mem_map_release(remote->memory_op.map);
	free(remote->hello);
	free(remote);
}

static uint32_t choose(uint32_t value, uint32_t otherwise) {
	return value != 0 ? value : otherwise;
}

static void set_options(struct oriel_remote *remote, const struct oriel_remote_options *options) {
	struct oriel_remote_options *own = &remote->options;
	const size_t size = options->size < sizeof(*own) ? options->size : sizeof(*own);
	memcpy(own, options, size);
	assert(own->start != NULL && own->kill != NULL);
	own->start_timeout_ms = choose(own->start_timeout_ms, DEFAULT_START_TIMEOUT_MS);
	own->operation_timeout_ms = choose(own->operation_timeout_ms, DEFAULT_OPERATION_TIMEOUT_MS);
	own->fence_timeout_ms = choose(own->fence_timeout_ms, DEFAULT_FENCE_TIMEOUT_MS);
}

static int wait_for_hello(struct oriel_remote *remote) {
	const uint64_t deadline_ns = remote->start_deadline_ns;
	for (;;) {
		const char *wrong;
		int err = oriel_remote_read_hello(remote, &wrong);
		if (err == -EPROTO) {
			oriel_log(&remote->log, ORIEL_LOG_ERROR, "renderer: %s", wrong);
		}
		if (err != -EAGAIN) {
			return err == -ENOTCONN ? -ENODEV : err;
		}
		const uint64_t now_ns = oriel_now_ns();
		if (now_ns >= deadline_ns) {
			return -ETIMEDOUT;
		}
		struct pollfd waits = { .fd = remote->link.socket, .events = POLLIN };
		(void)poll(&waits, 1, (int)((deadline_ns - now_ns) / 1000000u + 1));
	}
}

static struct oriel_remote *remote_alloc(struct oriel_loop *loop,
		const struct oriel_remote_options *options) {
	struct oriel_remote *remote = calloc(1, sizeof(*remote));
	if (remote == NULL) {
		return NULL;
	}
	oriel_renderer3d_init(&remote->base, &remote_impl);
	remote->loop = loop;
	set_options(remote, options);
	oriel_log_init(&remote->log, &remote->options.log);
	oriel_render_link_init(&remote->link);
	remote->exported_fd = -1;
	oriel_list_init(&remote->pending);
	oriel_list_init(&remote->waiting);
	oriel_list_init(&remote->running);
	oriel_list_init(&remote->fences);
	oriel_list_init(&remote->orphans);
	oriel_list_init(&remote->free_records);
	remote->arena.size = ORIEL_RENDER_LINK_ARENA_SIZE;
	oriel_remote_reset_slots(remote);
	return remote;
}

int oriel_remote_renderer_create(struct oriel_loop *loop,
		const struct oriel_remote_options *options, struct oriel_renderer3d **ret) {
	struct oriel_remote *remote = remote_alloc(loop, options);
	if (remote == NULL) {
		return -ENOMEM;
	}
	int err = oriel_loop_add_timer(loop, oriel_remote_handle_timer, remote, &remote->timer);
	if (err == 0) {
		err = oriel_loop_add_deferred(loop, run_deferred, remote, &remote->deferred);
	}
	if (err == 0) {
		err = oriel_remote_start(remote);
	}
	if (err == 0) {
		err = wait_for_hello(remote);
	}
	if (err == 0) {
		err = oriel_remote_watch_link(remote);
	}
	if (err < 0) {
		remote_destroy(&remote->base);
		return err;
	}
	oriel_log(&remote->log, ORIEL_LOG_DEBUG, "renderer: ready, %u capsets",
			remote->base.capsets.len);
	*ret = &remote->base;
	return 0;
}

void oriel_remote_handle_exit(struct oriel_renderer3d *renderer, int status) {
	struct oriel_remote *remote = oriel_remote_of(renderer);
	if (!remote->has_process || remote->is_exited) {
		return;
	}
	remote->is_exited = true;
	remote->exit_status = status;
	oriel_remote_defer(remote);
}

static void remote_set_paused(struct oriel_renderer3d *renderer, bool paused) {
	struct oriel_remote *remote = oriel_remote_of(renderer);
	if (paused == remote->is_paused) {
		return;
	}
	if (paused) {
		remote->pause_began_ns = oriel_now_ns();
	} else {
		remote->paused_ns += oriel_now_ns() - remote->pause_began_ns;
	}
	remote->is_paused = paused;
	if (remote->state == REMOTE_RUNNING) {
		remote->armed_ns = 0;
		oriel_source_set_deadline(remote->timer, 0);
		oriel_remote_update_watchdog(remote);
	}
}

void oriel_remote_get_statistics(const struct oriel_renderer3d *renderer,
		struct oriel_remote_statistics *statistics) {
	const struct oriel_remote *remote =
			oriel_container_of(renderer, const struct oriel_remote, base);
	struct oriel_remote_statistics all = {
		.n_starts = remote->n_starts,
		.n_losses = remote->n_losses,
		.n_operations = remote->n_operations,
		.n_errors = remote->n_errors,
		.is_running = remote->state == REMOTE_RUNNING,
		.is_refused = remote->is_refused,
		.n_capsets = remote->base.capsets.len,
		.last_loss = remote->last_loss,
	};
	for (const struct oriel_link *link = remote->pending.next; link != &remote->pending;
			link = link->next) {
		all.n_pending++;
	}
	if (all.is_running) {
		all.age_ns = oriel_now_ns() - remote->running_since_ns;
	}
	oriel_sized_copy(statistics, &all, sizeof(all));
}
