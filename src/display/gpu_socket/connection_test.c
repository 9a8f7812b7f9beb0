// SPDX-License-Identifier: MIT
/*
 * Tests of the GPU socket display's connections: how they begin, end, follow each other and fail,
 * with the C library's help: calloc() and sendmsg() are wrapped.
 */
#include "fixture/check.h"
#include "fixture/gpu_socket_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BGRX 2u
#define RGBA 67u

// Allocations that still succeed; the one after them fails. -1: all succeed.
static int allocations_left = -1;

// What sendmsg() fails with; 0: it does not. How often it did.
static int send_error;
static uint32_t n_send_errors;

// Where messages go instead of into the socket; NULL: into the socket.
static struct gpu_front_end *sink;
static size_t n_sunk;  // bytes
static size_t n_sinks; // calls

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

void *__wrap_calloc(size_t n, size_t size) {
	if (allocations_left == 0) {
		allocations_left = -1;
		return NULL;
	}
	if (allocations_left > 0) {
		allocations_left--;
	}
	return __real_calloc(n, size);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags) {
	if (send_error != 0) {
		n_send_errors++;
		errno = send_error;
		return -1;
	}
	if (sink != NULL) {
		size_t size = 0;
		for (size_t i = 0; i < msg->msg_iovlen; i++) {
			const struct iovec *part = &msg->msg_iov[i];
			gpu_front_end_feed(sink, part->iov_base, part->iov_len);
			size += part->iov_len;
		}
		n_sunk += size;
		n_sinks++;
		return (ssize_t)size;
	}
	return __real_sendmsg(fd, msg, flags);
}

static void test_new_connection_in_a_band(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_resource *res = gpu_rig_begin_band(f);
	screen_rig_set_cursor(&f->test, 0, 1, 2);
	int old = fcntl(f->fake.fd, F_DUPFD_CLOEXEC, 0);
	assert_true(old >= 0);
	gpu_rig_connect(f);
	screen_rig_update(&f->test, res, 0, 0, 10, 10);
	gpu_rig_check(f, "second connection");
	// The old one is closed: what was in it can be read, then comes the end.
	uint8_t bytes[4096];
	ssize_t n = 1;
	while (n > 0) {
		n = recv(old, bytes, sizeof(bytes), MSG_DONTWAIT);
	}
	assert_int_equal(n, 0);
	close(old);
}

static void test_front_end_goes_and_comes(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_resource *res = gpu_rig_begin_band(f);
	screen_rig_set_cursor(&f->test, 1, 1, 2);
	uint32_t n_lines = f->n_lines[ORIEL_LOG_INFO];
	gpu_front_end_close(&f->fake);
	gpu_rig_run_alone(f);
	assert_int_equal(f->n_lines[ORIEL_LOG_INFO], n_lines + 1);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 0);
	assert_false(gpu_rig_is_awake(f));
	screen_rig_update(&f->test, res, 3, 3, 100, 100);
	oriel_screen_move_cursor(&f->test.screen, 1, 7, 7);
	gpu_rig_run_alone(f);
	assert_false(gpu_rig_is_awake(f));
	for (int i = 0; i < 3; i++) {
		gpu_rig_connect_pumped(f);
		gpu_rig_check(f, "again");
	}
	// To none, and back.
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, -1), 0);
	gpu_rig_run_alone(f);
	gpu_rig_connect_pumped(f);
	gpu_rig_check(f, "after none");
}

static void test_nonsense_silences(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_resource *res = gpu_rig_begin_band(f);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	static const uint8_t nonsense[200] = { 99 };
	for (int i = 0; i < 5; i++) {
		gpu_front_end_send(&f->fake, nonsense, sizeof(nonsense));
	}
	f->fake.max_read = 1;
	gpu_front_end_poll(&f->fake); // writes
	f->fake.max_read = 0;
	gpu_rig_run_alone(f);
	assert_int_equal(f->question.err, -ENOTCONN);
	assert_false(oriel_screen_can_answer(&f->test.screen));
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	screen_rig_update(&f->test, res, 0, 0, 1000, 500);
	gpu_rig_pump(f);
	// The begun message is whole, nothing follows it, and the socket is still there.
	assert_int_equal(f->fake.in_len, 0);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], 1);
	assert_false(f->fake.is_closed);
	assert_string_equal(f->fake.complaint, "");
	assert_false(gpu_rig_is_awake(f));
	gpu_front_end_send(&f->fake, nonsense, sizeof(nonsense));
	gpu_rig_pump(f);
	assert_false(gpu_rig_is_awake(f));
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	// It may also hang up in the middle.
	gpu_rig_connect_pumped(f);
	gpu_rig_check(f, "a new connection");
	screen_rig_update(&f->test, res, 0, 0, 1000, 500);
	gpu_rig_run_alone(f);
	gpu_front_end_send(&f->fake, nonsense, sizeof(nonsense));
	f->fake.max_read = 1;
	gpu_front_end_poll(&f->fake);
	f->fake.max_read = 0;
	gpu_rig_run_alone(f);
	gpu_front_end_close(&f->fake);
	gpu_rig_run_alone(f);
	assert_false(gpu_rig_is_awake(f));
	gpu_rig_connect_pumped(f);
	gpu_rig_check(f, "another one");
}

static void test_destroy_answers(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_begin_band(f);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	oriel_gpu_socket_destroy(f->gs);
	f->gs = NULL;
	assert_int_equal(f->question.err, -ENOTCONN);
	gpu_rig_pump(f);
	assert_true(f->fake.is_closed);
	oriel_gpu_socket_destroy(NULL);
}

static void test_descriptors_are_taken(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	// No epoll has regular files; nobody can send to a pipe.
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, file), -EPERM);
	assert_int_equal(fcntl(file, F_GETFD), -1);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), -ENOTCONN);
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, fds[1]), 0);
	gpu_rig_run_alone(f);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	// 1023 is not open.
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, 1023), -EBADF);
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 50, 40));
	gpu_rig_connect_pumped(f);
	gpu_rig_check(f, "after all that");
}

static void test_options(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_gpu_socket_options options = { .size = 0 };
	struct oriel_gpu_socket *gs = NULL;
	assert_int_equal(oriel_gpu_socket_create(f->loop, &options, &gs), -EINVAL);
	assert_null(gs);
	options.size = sizeof(options.size); // an old caller, with nothing else
	options.reply_timeout_ms = 1;
	assert_int_equal(oriel_gpu_socket_create(f->loop, &options, &gs), 0);
	oriel_gpu_socket_destroy(gs);
}

static void test_failing_allocations(void **state) {
	struct gpu_rig *f = *state;
	struct oriel_gpu_socket_options options = { .size = sizeof(options) };
	struct oriel_gpu_socket *gs = NULL;
	int n = 0;
	int err = -ENOMEM;
	while (err == -ENOMEM) {
		assert_null(gs);
		allocations_left = n++;
		err = oriel_gpu_socket_create(f->loop, &options, &gs);
	}
	allocations_left = -1;
	assert_int_equal(err, 0);
	assert_int_equal(n, 5); // the object, its buffer, two sources
	oriel_gpu_socket_destroy(gs);

	int fd = gpu_front_end_connect(&f->fake);
	allocations_left = 0;
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, fd), -ENOMEM);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void connect_from_inside(struct gpu_rig *f) {
	int fd = gpu_front_end_connect(&f->fake);
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, fd), 0);
}

static void disconnect_from_inside(struct gpu_rig *f) {
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, -1), 0);
}

static void test_another_connection_from_an_answer(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 50, 40);
	for (int i = 0; i < 4; i++) {
		screen_rig_show(&f->test, 0, res);
		f->then = i < 2 ? connect_from_inside : disconnect_from_inside;
		enum oriel_display_query_type type =
				i % 2 == 0 ? ORIEL_QUERY_INFO : ORIEL_QUERY_EDID;
		assert_int_equal(gpu_rig_ask(f, type, 0), 0);
		if (i % 2 == 0) { // the answer comes with a reply, or with the end
			gpu_rig_pump(f);
		} else {
			gpu_front_end_close(&f->fake);
			gpu_rig_run_alone(f);
		}
		assert_int_equal(f->question.err, i % 2 == 0 ? 0 : -ENOTCONN);
		assert_int_equal(oriel_screen_can_answer(&f->test.screen), i < 2);
		assert_false(gpu_rig_is_awake(f));
		if (i >= 2) {
			gpu_rig_connect_pumped(f);
		}
		gpu_rig_check(f, "after it");
	}
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 0);
}

static void test_turns_are_bounded(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	// 8 MB, and a socket that never fills.
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 2000, 1000));
	sink = &f->fake;
	size_t n_turns = 0;
	while (gpu_rig_is_awake(f)) {
		n_sunk = 0;
		gpu_rig_dispatch(f);
		n_turns++;
		CHECK(n_sunk <= 3u * 1024 * 1024, "turn %zu: %zu bytes", n_turns, n_sunk);
	}
	sink = NULL;
	assert_in_range(n_turns, 3, 6); // and not one for every band
	gpu_rig_check(f, "all of it");
}

static void test_small_messages_go_together(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 2000, 1000);
	screen_rig_show(&f->test, 0, res);
	gpu_rig_check(f, "before");
	// Ten of 16 KB are more than one batch, and no more than two.
	for (uint32_t i = 0; i < 10; i++) {
		screen_rig_update(&f->test, res, i * 150, i * 90, 64, 64);
		oriel_screen_move_cursor(&f->test.screen, i, 1, 1);
	}
	uint32_t n = f->fake.counts[VHOST_USER_GPU_UPDATE];
	sink = &f->fake;
	n_sinks = 0;
	gpu_rig_run_alone(f);
	sink = NULL;
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], n + 10);
	assert_int_equal(n_sinks, 2);
	gpu_rig_check(f, "after");
}

static void test_error_in_a_turn(void **state) {
	struct gpu_rig *f = *state;
	n_send_errors = 0;
	gpu_rig_connect_pumped(f);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_INFO, 0), 0);
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 500, 400));
	send_error = ENOBUFS;
	gpu_rig_run_alone(f);
	send_error = 0;
	assert_int_equal(n_send_errors, 1);
	assert_int_equal(f->question.err, -ENOTCONN);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	assert_false(gpu_rig_is_awake(f));
	gpu_rig_connect_pumped(f);
	gpu_rig_check(f, "a new connection");
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, gpu_rig_setup, gpu_rig_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_new_connection_in_a_band),
		TEST(test_front_end_goes_and_comes),
		TEST(test_another_connection_from_an_answer),
		TEST(test_nonsense_silences),
		TEST(test_destroy_answers),
		TEST(test_turns_are_bounded),
		TEST(test_small_messages_go_together),
		TEST(test_error_in_a_turn),
		TEST(test_descriptors_are_taken),
		TEST(test_options),
		TEST(test_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
