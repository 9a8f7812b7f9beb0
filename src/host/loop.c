// SPDX-License-Identifier: MIT
/*
 * The event loop of include/oriel/loop.h.
 *
 * One epoll instance carries everything, so that its descriptor alone tells an outer loop that
 * there is work: timers share one timerfd, armed to the earliest deadline, and deferred calls that
 * are left over when a dispatch ends are announced by an eventfd, if anybody ever asked for the
 * descriptor. While a dispatch runs neither is touched, so the hot path costs one epoll_wait().
 *
 * A removed source stays allocated until the end of the dispatch, because events for it may already
 * have been fetched. A source is on exactly one of the lists `sources` and `removed`.
 */
#include "oriel/loop.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#define MAX_EVENTS 32

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_DEFERRED };

struct oriel_source {
	struct oriel_loop *loop;
	struct oriel_link link;
	enum source_kind kind;
	bool removed;
	void *user;

	// SOURCE_FD
	oriel_fd_fn fd_fn;
	int fd;
	uint32_t events;

	// SOURCE_TIMER and SOURCE_DEFERRED
	oriel_call_fn call_fn;
	uint64_t deadline_ns;            // 0: not armed
	struct oriel_link deferred_link; // in loop->pending while pending
};

struct oriel_loop {
	int epoll_fd;
	int timer_fd;
	int wake_fd;
	bool dispatching;
	bool is_polled; // by an outer loop: it asked for the descriptor
	bool wake_signalled;
	uint64_t armed_ns; // what timer_fd is set to; 0: disarmed
	uint64_t max_poll_ns;
	uint64_t poll_ns; // how long the next wait polls before it sleeps: 0, or max_poll_ns

	struct oriel_link sources; // fds and deferred
	struct oriel_link timers;
	struct oriel_link removed;
	struct oriel_link pending; // deferred_link of deferred sources that are to run
};

uint64_t oriel_now_ns(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int watch(struct oriel_loop *loop, int fd, void *tag) {
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		return oriel_errno();
	}
	return 0;
}

int oriel_loop_create(struct oriel_loop **ret) {
	struct oriel_loop *loop = calloc(1, sizeof(*loop));
	if (loop == NULL) {
		return -ENOMEM;
	}
	oriel_list_init(&loop->sources);
	oriel_list_init(&loop->timers);
	oriel_list_init(&loop->removed);
	oriel_list_init(&loop->pending);
	loop->timer_fd = -1;
	loop->wake_fd = -1;

	int err = 0;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		err = oriel_errno();
		goto fail;
	}
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->timer_fd < 0 || loop->wake_fd < 0) {
		err = oriel_errno();
		goto fail;
	}
	err = watch(loop, loop->timer_fd, &loop->timer_fd);
	if (err == 0) {
		err = watch(loop, loop->wake_fd, &loop->wake_fd);
	}
	if (err < 0) {
		goto fail;
	}
	*ret = loop;
	return 0;
fail:
	oriel_loop_destroy(loop);
	return err;
}

/** Tell the outer loop, if there is one, of calls that are pending. */
static void announce_pending(struct oriel_loop *loop) {
	if (loop->is_polled && !loop->dispatching && !loop->wake_signalled &&
			!oriel_list_is_empty(&loop->pending)) {
		oriel_eventfd_signal(loop->wake_fd);
		loop->wake_signalled = true;
	}
}

int oriel_loop_get_fd(struct oriel_loop *loop) {
	loop->is_polled = true;
	announce_pending(loop);
	return loop->epoll_fd;
}

static void arm_timer(struct oriel_loop *loop) {
	uint64_t earliest = 0;
	oriel_list_for_each(link, following, &loop->timers) {
		struct oriel_source *source = oriel_container_of(link, struct oriel_source, link);
		uint64_t deadline = source->deadline_ns;
		if (deadline != 0 && (earliest == 0 || deadline < earliest)) {
			earliest = deadline;
		}
	}
	if (earliest == loop->armed_ns) {
		return;
	}
	struct itimerspec spec = { 0 };
	spec.it_value.tv_sec = (time_t)(earliest / 1000000000u);
	spec.it_value.tv_nsec = (long)(earliest % 1000000000u);
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	loop->armed_ns = earliest;
}

static void run_timers(struct oriel_loop *loop) {
	oriel_eventfd_drain(loop->timer_fd); // a timerfd is read like an eventfd
	loop->armed_ns = 0;
	uint64_t now = oriel_now_ns();
	// A callback may remove any timer, so begin again after each.
	bool ran = true;
	while (ran) {
		ran = false;
		oriel_list_for_each(link, following, &loop->timers) {
			struct oriel_source *source =
					oriel_container_of(link, struct oriel_source, link);
			if (source->deadline_ns != 0 && source->deadline_ns <= now) {
				source->deadline_ns = 0;
				source->call_fn(source->user);
				ran = true;
				break;
			}
		}
	}
}

static void run_deferred(struct oriel_loop *loop) {
	// Only what is pending now: a call that sets itself again lets the descriptors go first.
	struct oriel_link batch;
	oriel_list_init(&batch);
	while (!oriel_list_is_empty(&loop->pending)) {
		struct oriel_link *link = loop->pending.next;
		oriel_list_remove(link);
		oriel_list_append(&batch, link);
	}
	while (!oriel_list_is_empty(&batch)) {
		struct oriel_link *link = batch.next;
		struct oriel_source *source =
				oriel_container_of(link, struct oriel_source, deferred_link);
		oriel_list_remove(link);
		source->call_fn(source->user);
	}
}

static void free_removed(struct oriel_loop *loop) {
	while (!oriel_list_is_empty(&loop->removed)) {
		struct oriel_link *link = loop->removed.next;
		oriel_list_remove(link);
		free(oriel_container_of(link, struct oriel_source, link));
	}
}

static void run_event(struct oriel_loop *loop, const struct epoll_event *event) {
	if (event->data.ptr == &loop->timer_fd) {
		run_timers(loop);
		return;
	}
	if (event->data.ptr == &loop->wake_fd) {
		oriel_eventfd_drain(loop->wake_fd);
		loop->wake_signalled = false;
		return;
	}
	struct oriel_source *source = event->data.ptr;
	if (!source->removed) {
		source->fd_fn(source->user, source->fd, event->events);
	}
}

void oriel_loop_set_max_poll_ns(struct oriel_loop *loop, uint32_t max_ns) {
	loop->max_poll_ns = max_ns;
	loop->poll_ns = 0;
}

/** Look again and again, for as long as the last wait says that it is worth it. */
static int poll_events(const struct oriel_loop *loop, struct epoll_event *events,
		uint64_t began_ns) {
	int n_events = 0;
	while (n_events == 0 && oriel_now_ns() - began_ns < loop->poll_ns) {
		n_events = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, 0);
	}
	return n_events;
}

/**
 * Wait until something is due. To be woken takes longer than many a command, so a sleep that ends
 * within the bound lets the next wait poll, and one that does not ends that.
 */
static int wait_for_events(struct oriel_loop *loop, struct epoll_event *events, int timeout_ms) {
	if (timeout_ms >= 0 || loop->max_poll_ns == 0) {
		return epoll_wait(loop->epoll_fd, events, MAX_EVENTS, timeout_ms);
	}
	const uint64_t began_ns = oriel_now_ns();
	int n_events = poll_events(loop, events, began_ns);
	if (n_events == 0) {
		n_events = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, timeout_ms);
		const bool was_short = oriel_now_ns() - began_ns <= loop->max_poll_ns;
		loop->poll_ns = was_short ? loop->max_poll_ns : 0;
	}
	return n_events;
}

int oriel_loop_dispatch(struct oriel_loop *loop, int timeout_ms) {
	assert(!loop->dispatching);
	struct epoll_event events[MAX_EVENTS];
	if (!oriel_list_is_empty(&loop->pending)) {
		timeout_ms = 0;
	}
	int n_events = wait_for_events(loop, events, timeout_ms);
	if (n_events < 0) {
		return errno == EINTR ? 0 : oriel_errno();
	}
	loop->dispatching = true;
	for (int i = 0; i < n_events; i++) {
		run_event(loop, &events[i]);
	}
	run_deferred(loop);
	loop->dispatching = false;
	free_removed(loop);
	arm_timer(loop);
	announce_pending(loop);
	return 0;
}

static struct oriel_source *source_create(struct oriel_loop *loop, enum source_kind kind,
		void *user) {
	struct oriel_source *source = calloc(1, sizeof(*source));
	if (source == NULL) {
		return NULL;
	}
	source->loop = loop;
	source->kind = kind;
	source->user = user;
	source->fd = -1;
	oriel_list_init(&source->link);
	oriel_list_init(&source->deferred_link);
	return source;
}

int oriel_loop_add_fd(struct oriel_loop *loop, int fd, uint32_t events, oriel_fd_fn fn, void *user,
		struct oriel_source **ret) {
	struct oriel_source *source = source_create(loop, SOURCE_FD, user);
	if (source == NULL) {
		return -ENOMEM;
	}
	source->fd_fn = fn;
	source->fd = fd;
	if (events != 0) {
		struct epoll_event event = { .events = events, .data.ptr = source };
		if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
			int err = oriel_errno();
			free(source);
			return err;
		}
	}
	source->events = events;
	oriel_list_append(&loop->sources, &source->link);
	*ret = source;
	return 0;
}

void oriel_source_set_events(struct oriel_source *source, uint32_t events) {
	assert(source->kind == SOURCE_FD);
	if (source->events == events) {
		return;
	}
	// Waiting for nothing means leaving epoll, which reports EPOLLHUP whether asked or not.
	int op = source->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
	struct epoll_event event = { .events = events, .data.ptr = source };
	if (epoll_ctl(source->loop->epoll_fd, op, source->fd, &event) == 0) {
		source->events = events;
	}
}

int oriel_loop_add_timer(struct oriel_loop *loop, oriel_call_fn fn, void *user,
		struct oriel_source **ret) {
	struct oriel_source *source = source_create(loop, SOURCE_TIMER, user);
	if (source == NULL) {
		return -ENOMEM;
	}
	source->call_fn = fn;
	oriel_list_append(&loop->timers, &source->link);
	*ret = source;
	return 0;
}

void oriel_source_set_deadline(struct oriel_source *source, uint64_t deadline_ns) {
	assert(source->kind == SOURCE_TIMER);
	source->deadline_ns = deadline_ns;
	if (!source->loop->dispatching) {
		arm_timer(source->loop);
	}
}

int oriel_loop_add_deferred(struct oriel_loop *loop, oriel_call_fn fn, void *user,
		struct oriel_source **ret) {
	struct oriel_source *source = source_create(loop, SOURCE_DEFERRED, user);
	if (source == NULL) {
		return -ENOMEM;
	}
	source->call_fn = fn;
	oriel_list_append(&loop->sources, &source->link);
	*ret = source;
	return 0;
}

void oriel_source_set_pending(struct oriel_source *source) {
	assert(source->kind == SOURCE_DEFERRED);
	struct oriel_loop *loop = source->loop;
	if (!oriel_list_is_empty(&source->deferred_link)) {
		return; // it keeps its place
	}
	oriel_list_append(&loop->pending, &source->deferred_link);
	announce_pending(loop);
}

void oriel_source_remove(struct oriel_source *source) {
	if (source == NULL) {
		return;
	}
	struct oriel_loop *loop = source->loop;
	if (source->kind == SOURCE_FD && source->events != 0) {
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	}
	source->removed = true;
	oriel_list_remove(&source->deferred_link);
	oriel_list_remove(&source->link);
	if (loop->dispatching) {
		oriel_list_append(&loop->removed, &source->link);
	} else {
		free(source);
	}
}

void oriel_loop_destroy(struct oriel_loop *loop) {
	if (loop == NULL) {
		return;
	}
	assert(!loop->dispatching);
	assert(oriel_list_is_empty(&loop->sources) && oriel_list_is_empty(&loop->timers));
	oriel_fd_close(&loop->epoll_fd);
	oriel_fd_close(&loop->timer_fd);
	oriel_fd_close(&loop->wake_fd);
	free(loop);
}
