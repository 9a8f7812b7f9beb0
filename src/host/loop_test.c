// SPDX-License-Identifier: MIT
/* Tests of include/oriel/loop.h: each kind of source, removal from callbacks, the outer descriptor.
 */
#include "oriel/loop.h"

#include "base/fd.h"
#include "fixture/check.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct state {
	struct oriel_loop *loop;
	struct oriel_source *source;
	struct oriel_source *other;
	int n_calls;
	bool again;
};

static bool loop_is_readable(struct oriel_loop *loop) {
	struct pollfd fd = { .fd = oriel_loop_get_fd(loop), .events = POLLIN };
	return poll(&fd, 1, 0) == 1;
}

static void setup(struct state *s) {
	*s = (struct state){ 0 };
	assert_int_equal(oriel_loop_create(&s->loop), 0);
}

static void count_call(void *user) {
	struct state *s = user;
	s->n_calls++;
	if (s->again) {
		oriel_source_set_pending(s->source);
	}
}

static void count_fd(void *user, int fd, uint32_t events) {
	struct state *s = user;
	assert_true((events & EPOLLIN) != 0);
	oriel_eventfd_drain(fd);
	s->n_calls++;
}

static void remove_both(void *user, int fd, uint32_t events) {
	struct state *s = user;
	(void)fd;
	(void)events;
	s->n_calls++;
	oriel_source_remove(s->source);
	oriel_source_remove(s->other);
}

static void test_fd(void **unused) {
	(void)unused;
	struct state s;
	setup(&s);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(oriel_loop_add_fd(s.loop, fd, EPOLLIN, count_fd, &s, &s.source), 0);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 0);
	oriel_eventfd_signal(fd);
	assert_true(loop_is_readable(s.loop));
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 1);
	oriel_source_set_events(s.source, 0);
	oriel_eventfd_signal(fd);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 1);
	oriel_source_set_events(s.source, EPOLLIN);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 2);
	oriel_source_remove(s.source);
	oriel_loop_destroy(s.loop);
	oriel_fd_close(&fd);
}

static void test_removed_sources_are_not_called(void **unused) {
	(void)unused;
	struct state s;
	setup(&s);
	int a = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	int b = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(oriel_loop_add_fd(s.loop, a, EPOLLIN, remove_both, &s, &s.source), 0);
	assert_int_equal(oriel_loop_add_fd(s.loop, b, EPOLLIN, remove_both, &s, &s.other), 0);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 1);
	oriel_loop_destroy(s.loop);
	oriel_fd_close(&a);
	oriel_fd_close(&b);
}

static void test_deferred(void **unused) {
	(void)unused;
	struct state s;
	setup(&s);
	assert_false(loop_is_readable(s.loop));
	assert_int_equal(oriel_loop_add_deferred(s.loop, count_call, &s, &s.source), 0);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 0);
	oriel_source_set_pending(s.source);
	oriel_source_set_pending(s.source);
	assert_true(loop_is_readable(s.loop));
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 1);
	s.again = true; // once per dispatch, and the outer loop is told that there is more
	oriel_source_set_pending(s.source);
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 2);
	assert_true(loop_is_readable(s.loop));
	s.again = false;
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 3);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_false(loop_is_readable(s.loop));
	oriel_source_remove(s.source);
	oriel_loop_destroy(s.loop);
}

/** Who asks for the descriptor late learns of what is pending. */
static void test_asked_late(void **unused) {
	(void)unused;
	for (unsigned int dispatches = 0; dispatches < 2; dispatches++) {
		struct state s;
		setup(&s);
		assert_int_equal(oriel_loop_add_deferred(s.loop, count_call, &s, &s.source), 0);
		s.again = true;
		oriel_source_set_pending(s.source);
		if (dispatches == 1) {
			assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
		}
		assert_true(loop_is_readable(s.loop));
		s.again = false;
		assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
		assert_int_equal(s.n_calls, dispatches + 1);
		assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
		assert_false(loop_is_readable(s.loop));
		oriel_source_remove(s.source);
		oriel_loop_destroy(s.loop);
	}
}

static void set_other(void *user) {
	oriel_source_set_pending(user);
}

/** What is pending already keeps its place, and is called once. */
static void test_pending_twice(void **unused) {
	(void)unused;
	struct state s;
	setup(&s);
	struct oriel_source *first;
	assert_int_equal(oriel_loop_add_deferred(s.loop, count_call, &s, &s.source), 0);
	assert_int_equal(oriel_loop_add_deferred(s.loop, set_other, s.source, &first), 0);
	oriel_source_set_pending(first);
	oriel_source_set_pending(s.source);
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 1);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 1);
	assert_false(loop_is_readable(s.loop));
	oriel_source_remove(first);
	oriel_source_remove(s.source);
	oriel_loop_destroy(s.loop);
}

static void test_timer(void **unused) {
	(void)unused;
	struct state s;
	setup(&s);
	assert_int_equal(oriel_loop_add_timer(s.loop, count_call, &s, &s.source), 0);
	oriel_source_set_deadline(s.source, oriel_now_ns() + 3600u * 1000000000ull);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 0);
	oriel_source_set_deadline(s.source, 1); // long ago
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 1);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 1);
	oriel_source_set_deadline(s.source, 1);
	oriel_source_set_deadline(s.source, 0);
	assert_int_equal(oriel_loop_dispatch(s.loop, 0), 0);
	assert_int_equal(s.n_calls, 1);
	oriel_source_remove(s.source);
	oriel_loop_destroy(s.loop);
}

/** Make an event and a timer due while the loop polls, or would. */
static void test_polling(void **unused) {
	(void)unused;
	struct state s;
	setup(&s);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(oriel_loop_add_fd(s.loop, fd, EPOLLIN, count_fd, &s, &s.other), 0);
	assert_int_equal(oriel_loop_add_timer(s.loop, count_call, &s, &s.source), 0);
	oriel_loop_set_max_poll_ns(s.loop, UINT32_MAX);
	oriel_eventfd_signal(fd);
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0); // and the next one polls
	assert_int_equal(s.n_calls, 1);
	oriel_source_set_deadline(s.source, oriel_now_ns() + 1000000u);
	while (s.n_calls < 2) {
		assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	}
	oriel_eventfd_signal(fd);
	assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	assert_int_equal(s.n_calls, 3);
	assert_int_equal(oriel_loop_dispatch(s.loop, 1), 0); // no longer than it was told
	oriel_loop_set_max_poll_ns(s.loop, 1);               // shorter than any sleep
	oriel_source_set_deadline(s.source, oriel_now_ns() + 1000000u);
	while (s.n_calls < 4) {
		assert_int_equal(oriel_loop_dispatch(s.loop, -1), 0);
	}
	oriel_source_remove(s.source);
	oriel_source_remove(s.other);
	oriel_loop_destroy(s.loop);
	assert_int_equal(close(fd), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_removed_sources_are_not_called),
		cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_asked_late),
		cmocka_unit_test(test_pending_twice),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_polling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
