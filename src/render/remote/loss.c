// SPDX-License-Identifier: MIT
/*
 * Loss: what ends a process, what comes back then, what is started next, and the watchdog.
 *
 * Theory of operation. A process that has done wrong, or takes too long, is killed. From then on
 * nothing is read from it; but it may still touch guest memory, so nothing comes back before its
 * end was reported. Then everything does, in order, with -ENOTCONN; the next process is started,
 * at once if the last one had lived for long; and the listener is told. A process that closed the
 * link by itself is given a moment to end, so that its exit status tells why.
 */
#include "render/remote/state.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define NS_PER_MS 1000000u
#define NS_PER_S UINT64_C(1000000000)
/** How long a process may take to end that has closed the link: a core dump is written meanwhile.
 */
#define GRACE_NS (2 * NS_PER_S)
#define FIRST_BACKOFF_NS NS_PER_S
#define MAX_BACKOFF_NS (60 * NS_PER_S)
/** A process that lived this long was a good one: the next one is not waited for. */
#define GOOD_LIFE_NS (60 * NS_PER_S)

uint64_t oriel_remote_get_clock(const struct oriel_remote *remote) {
	const uint64_t now_ns = remote->is_paused ? remote->pause_began_ns : oriel_now_ns();
	return now_ns - remote->paused_ns;
}

/** What was running, for the log. A fence is only named when nothing else is there. */
static void name_running(struct oriel_remote *remote) {
	char *name = remote->running_name;
	const size_t size = sizeof(remote->running_name);
	const struct oriel_link *stage =
			!oriel_list_is_empty(&remote->running) ? &remote->running : &remote->fences;
	if (oriel_list_is_empty(stage)) {
		snprintf(name, size, "while it had nothing to do");
		return;
	}
	const struct remote_record *record =
			oriel_container_of(stage->next, struct remote_record, stage_link);
	const struct oriel_render3d_op *op = record->op;
	const char *type = oriel_render3d_type_get_name(op->type);
	int len = snprintf(name, size, "while it ran %s", type);
	if (op->ctx_id != 0 && len > 0 && (size_t)len < size) {
		len += snprintf(name + len, size - (size_t)len, " of context %u", op->ctx_id);
	}
	if (op->resource_id != 0 && len > 0 && (size_t)len < size) {
		snprintf(name + len, size - (size_t)len, " of resource %u", op->resource_id);
	}
}

static bool can_be_lost(const struct oriel_remote *remote) {
	return remote->state == REMOTE_STARTING || remote->state == REMOTE_RUNNING;
}

static void begin_dying(struct oriel_remote *remote) {
	if (remote->state == REMOTE_STARTING) {
		snprintf(remote->running_name, sizeof(remote->running_name), "while it started");
	} else {
		name_running(remote);
	}
	remote->state = REMOTE_DYING;
	remote->armed_ns = 0;
	oriel_remote_unwatch_link(remote);
	oriel_source_set_deadline(remote->timer, 0);
}

static void kill_process(struct oriel_remote *remote) {
	if (remote->has_process && !remote->is_exited) {
		remote->options.kill(remote->options.user);
	} else {
		// There is none whose end would be reported.
		remote->is_exited = true;
		oriel_remote_defer(remote);
	}
}

void oriel_remote_lose(struct oriel_remote *remote, const char *what) {
	if (!can_be_lost(remote)) {
		return;
	}
	begin_dying(remote);
	snprintf(remote->reason, sizeof(remote->reason), "oriel-render %s, %s", what,
			remote->running_name);
	kill_process(remote);
}

void oriel_remote_lose_link(struct oriel_remote *remote) {
	if (!can_be_lost(remote)) {
		return;
	}
	// What it had answered before is answered.
	const char *wrong = NULL;
	if (oriel_remote_read_replies(remote, &wrong) < 0) {
		oriel_remote_lose(remote, wrong);
		return;
	}
	if (!can_be_lost(remote)) {
		return;
	}
	begin_dying(remote);
	oriel_source_set_deadline(remote->timer, oriel_now_ns() + GRACE_NS);
	if (!remote->has_process || remote->is_exited) {
		kill_process(remote);
	}
}

static void describe_end(struct oriel_remote *remote) {
	const int status = remote->exit_status;
	char *reason = remote->reason;
	const size_t size = sizeof(remote->reason);
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));
		snprintf(reason, size, "oriel-render was killed by SIG%s %s",
				name != NULL ? name : "?", remote->running_name);
	} else {
		snprintf(reason, size, "oriel-render exited with status %d %s", WEXITSTATUS(status),
				remote->running_name);
	}
}

static void return_everything(struct oriel_remote *remote, int err) {
	// What is submitted meanwhile is about the same lost things: it comes back, too.
	for (;;) {
		if (!oriel_list_is_empty(&remote->pending)) {
			struct remote_record *record = oriel_container_of(remote->pending.next,
					struct remote_record, link);
			oriel_remote_complete(remote, record, err);
			continue;
		}
		if (oriel_list_is_empty(&remote->orphans)) {
			return;
		}
		struct oriel_link *link = remote->orphans.next;
		oriel_list_remove(link);
		struct oriel_render3d_op *op =
				oriel_container_of(link, struct oriel_render3d_op, link);
		op->done(op, err);
	}
}

static void release_memory(struct oriel_render3d_op *op, int err) {
	(void)err; // what depends on it will fail
	oriel_mem_map_release(op->map);
	op->map = NULL;
}

static void try_start(struct oriel_remote *remote) {
	int err = oriel_remote_start(remote);
	if (err == 0) {
		err = oriel_remote_watch_link(remote);
	}
	if (err < 0) {
		oriel_log(&remote->log, ORIEL_LOG_ERROR, "renderer: cannot be started: %s",
				strerror(-err));
		oriel_remote_unwatch_link(remote);
		if (remote->has_process) {
			oriel_remote_lose(remote, "cannot be watched");
		} else {
			oriel_remote_plan_start(remote);
		}
		return;
	}
	oriel_source_set_deadline(remote->timer, remote->start_deadline_ns);
	if (remote->map != NULL) {
		remote->memory_op = (struct oriel_render3d_op){
			.type = ORIEL_RENDER3D_SET_MEMORY,
			.done = release_memory,
			.map = oriel_mem_map_hold(remote->map),
		};
		oriel_remote_send_op(remote, &remote->memory_op);
	}
}

void oriel_remote_plan_start(struct oriel_remote *remote) {
	if (remote->is_refused) {
		remote->state = REMOTE_REFUSED;
		oriel_source_set_deadline(remote->timer, 0);
		return;
	}
	const uint64_t delay_ns = remote->backoff_ns;
	remote->backoff_ns = delay_ns == 0                   ? FIRST_BACKOFF_NS
			     : delay_ns * 2 < MAX_BACKOFF_NS ? delay_ns * 2
							     : MAX_BACKOFF_NS;
	if (delay_ns == 0) {
		try_start(remote);
		return;
	}
	oriel_log(&remote->log, ORIEL_LOG_INFO, "renderer: the next one is started in %u s",
			(unsigned int)(delay_ns / NS_PER_S));
	remote->state = REMOTE_BACKOFF;
	oriel_source_set_deadline(remote->timer, oriel_now_ns() + delay_ns);
}

void oriel_remote_give_up(struct oriel_remote *remote) {
	if (can_be_lost(remote)) {
		begin_dying(remote);
		remote->options.kill(remote->options.user);
	}
	remote->state = REMOTE_REFUSED;
	remote->is_refused = true;
	oriel_source_set_deadline(remote->timer, 0);
	return_everything(remote, -ECANCELED);
}

void oriel_remote_settle(struct oriel_remote *remote) {
	if (remote->state == REMOTE_RUNNING || remote->state == REMOTE_STARTING) {
		oriel_remote_lose_link(remote); // what it had answered comes back first
	}
	oriel_remote_unwatch_link(remote);
	oriel_source_set_deadline(remote->timer, 0);
	if (remote->reason[0] == '\0') {
		describe_end(remote);
	}
	remote->state = REMOTE_SETTLING;
	remote->has_process = false;
	remote->is_exited = false;
	remote->n_losses++;
	return_everything(remote, -ENOTCONN);
	oriel_render_link_finish(&remote->link);
	oriel_remote_reset_slots(remote);
	if (remote->running_since_ns != 0 &&
			oriel_now_ns() - remote->running_since_ns >= GOOD_LIFE_NS) {
		remote->backoff_ns = 0;
	}
	// The next start begins another reason, and may be lost within this.
	char reason[ORIEL_REMOTE_REASON_SIZE];
	memcpy(reason, remote->reason, sizeof(reason));
	memcpy(remote->last_loss, reason, sizeof(reason));
	oriel_log(&remote->log, ORIEL_LOG_ERROR, "3D is lost: %s", reason);
	oriel_remote_plan_start(remote);
	if (remote->base.listener.handle_lost != NULL) {
		remote->base.listener.handle_lost(remote->base.listener.user, reason);
	}
	oriel_remote_check_room(remote);
}

/*
 * The watchdog. Its timer is only ever set to an earlier time; when it fires there is mostly
 * nothing late, and it is set anew. So it costs a call of the kernel in seconds, not in operations.
 */

static uint64_t earlier(uint64_t a, uint64_t b) {
	return a == 0 || b < a ? b : a;
}

/** When, on the watchdog's clock, the first of what is under way will be late; 0: never. */
static uint64_t get_deadline(const struct oriel_remote *remote) {
	uint64_t deadline_ns = 0;
	if (!oriel_list_is_empty(&remote->running)) {
		deadline_ns = remote->progress_ns +
			      (uint64_t)remote->options.operation_timeout_ms * NS_PER_MS;
	}
	if (!oriel_list_is_empty(&remote->fences)) {
		const struct remote_record *oldest = oriel_container_of(remote->fences.next,
				struct remote_record, stage_link);
		deadline_ns = earlier(deadline_ns,
				oldest->since_ns + (uint64_t)remote->options.fence_timeout_ms *
								   NS_PER_MS);
	}
	return deadline_ns;
}

void oriel_remote_update_watchdog(struct oriel_remote *remote) {
	const uint64_t deadline_ns = get_deadline(remote);
	if (remote->is_paused || deadline_ns == 0 ||
			(remote->armed_ns != 0 && remote->armed_ns <= deadline_ns)) {
		return;
	}
	remote->armed_ns = deadline_ns;
	oriel_source_set_deadline(remote->timer, deadline_ns + remote->paused_ns);
}

static void watch_running(struct oriel_remote *remote) {
	remote->armed_ns = 0;
	oriel_remote_go_on(remote); // it may be us who are late
	if (remote->state != REMOTE_RUNNING || remote->is_paused) {
		return;
	}
	const uint64_t deadline_ns = get_deadline(remote);
	if (deadline_ns == 0 || oriel_remote_get_clock(remote) < deadline_ns) {
		oriel_remote_update_watchdog(remote);
		return;
	}
	char what[64];
	const bool is_fence =
			oriel_list_is_empty(&remote->running) ||
			oriel_remote_get_clock(remote) <
					remote->progress_ns +
							(uint64_t)remote->options.operation_timeout_ms *
									NS_PER_MS;
	snprintf(what, sizeof(what), "made no progress for %u ms",
			is_fence ? remote->options.fence_timeout_ms
				 : remote->options.operation_timeout_ms);
	oriel_remote_lose(remote, what);
}

void oriel_remote_handle_timer(void *user) {
	struct oriel_remote *remote = user;
	switch (remote->state) {
	case REMOTE_STARTING:
		oriel_remote_lose(remote, "took too long to start");
		return;
	case REMOTE_RUNNING:
		watch_running(remote);
		return;
	case REMOTE_DYING:
		remote->options.kill(remote->options.user); // it closed the link and lives on
		return;
	case REMOTE_BACKOFF:
		try_start(remote);
		return;
	case REMOTE_SETTLING:
	case REMOTE_REFUSED:
		return;
	}
}
