// SPDX-License-Identifier: MIT
/*
 * The event loop that library objects run on: one descriptor to poll, one call to make.
 *
 * A loop has sources: descriptors, timers and deferred calls. Objects of this library add their
 * own; a program may add its own too, or may poll oriel_loop_get_fd() from whatever loop it has and
 * call oriel_loop_dispatch() when it is readable. A loop makes no threads and has no global state.
 *
 * Thread: a loop, its sources and every object made with it belong to one thread at a time.
 */
#ifndef ORIEL_LOOP_H
#define ORIEL_LOOP_H

#include <oriel/export.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_loop;
struct oriel_source;

/** Called when fd is ready. events has EPOLLIN, EPOLLOUT, EPOLLHUP and EPOLLERR as in epoll(7). */
typedef void (*oriel_fd_fn)(void *user, int fd, uint32_t events);

/** Called for a timer or a deferred call. */
typedef void (*oriel_call_fn)(void *user);

/**
 * Create a loop.
 *
 * Returns 0, -ENOMEM, or -errno from epoll_create1(), timerfd_create() or eventfd().
 */
ORIEL_API_CHECKED
int oriel_loop_create(struct oriel_loop **ret);

/**
 * The descriptor that is readable whenever a dispatch would do something. Owned by the loop.
 *
 * Keeping it so costs a little, and begins with the first call: ask for it only to poll it.
 */
ORIEL_API
int oriel_loop_get_fd(struct oriel_loop *loop);

/**
 * Wait until something is due, at most timeout_ms milliseconds (-1: for ever), and run it.
 *
 * Must not be called from a callback of the same loop.
 *
 * Returns 0, or -errno from epoll_wait() (a signal is not an error).
 */
ORIEL_API_CHECKED
int oriel_loop_dispatch(struct oriel_loop *loop, int timeout_ms);

/**
 * Let dispatches that wait for ever poll for up to max_ns nanoseconds before they sleep: what comes
 * meanwhile is served sooner, by what it takes to be woken, and a processor is busy meanwhile. They
 * do so only after a sleep that was as short as that, so a loop with nothing to do costs nothing.
 * 0, the default: never.
 */
ORIEL_API
void oriel_loop_set_max_poll_ns(struct oriel_loop *loop, uint32_t max_ns);

/**
 * Call fn whenever fd is ready for one of events (EPOLLIN, EPOLLOUT; level-triggered).
 *
 * Owns: nothing; fd is borrowed and must stay open until the source is removed.
 *
 * Returns 0, -ENOMEM, or -errno from epoll_ctl().
 */
ORIEL_API_CHECKED
int oriel_loop_add_fd(struct oriel_loop *loop, int fd, uint32_t events, oriel_fd_fn fn, void *user,
		struct oriel_source **ret);

/** Change what a descriptor's source waits for; 0 waits for nothing (and does not see EPOLLHUP). */
ORIEL_API
void oriel_source_set_events(struct oriel_source *source, uint32_t events);

/** Add a timer; it is not armed yet. Returns 0 or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_loop_add_timer(struct oriel_loop *loop, oriel_call_fn fn, void *user,
		struct oriel_source **ret);

/** Make a timer fire once, at deadline_ns of CLOCK_MONOTONIC. 0 disarms it. */
ORIEL_API
void oriel_source_set_deadline(struct oriel_source *source, uint64_t deadline_ns);

/** Add a deferred call; it is not pending yet. Returns 0 or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_loop_add_deferred(struct oriel_loop *loop, oriel_call_fn fn, void *user,
		struct oriel_source **ret);

/**
 * Run a deferred call once, after the descriptors that are ready now were served. Descriptors get
 * their turn again before a call that is set again from its own callback. One that is pending
 * already keeps its place.
 */
ORIEL_API
void oriel_source_set_pending(struct oriel_source *source);

/**
 * Remove a source. Its callback is not called any more, also when this is called from it or from
 * another callback of the same dispatch. NULL is a no-op.
 */
ORIEL_API
void oriel_source_remove(struct oriel_source *source);

/** Now, on CLOCK_MONOTONIC, in nanoseconds. */
ORIEL_API
uint64_t oriel_now_ns(void);

/** Destroy a loop, which must have no sources any more. NULL is a no-op. */
ORIEL_API
void oriel_loop_destroy(struct oriel_loop *loop);

#ifdef __cplusplus
}
#endif

#endif
