// SPDX-License-Identifier: MIT
/*
 * Tests of the GPU socket display as a whole, against a front-end on the other end of a real socket
 * with little room, all in one thread: whatever blocked would hang the test.
 */
#include "base/fd.h"
#include "display/gpu_socket/sender.h"
#include "fixture/check.h"
#include "fixture/screen_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BGRX 2u
#define RGBA 67u
#define SMALL 4608 // the kernel's least room for a socket's writer, in bytes
#define NOT_YET 1

struct question {
	struct oriel_display_query query;
	int err; // NOT_YET, or of the answer
	struct oriel_display_reply reply;
};

struct fixture {
	struct oriel_loop *loop;
	struct screen_rig test;
	struct gpu_front_end fake;
	struct oriel_gpu_socket *gs;
	uint32_t n_lines[4]; // logged, by level
	struct question question;
	int lowest_free_fd; // before the test
};

// Allocations that still succeed; the one after them fails. -1: all succeed.
static int allocations_left = -1;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

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

static void count_line(enum oriel_log_level level, const char *msg, void *user) {
	(void)msg;
	((struct fixture *)user)->n_lines[level]++;
}

static void create(struct fixture *f, uint32_t reply_timeout_ms) {
	struct oriel_gpu_socket_options options = { .size = sizeof(options),
		.log = { .fn = count_line, .user = f, .max_level = ORIEL_LOG_DEBUG },
		.reply_timeout_ms = reply_timeout_ms };
	assert_int_equal(oriel_gpu_socket_create(f->loop, &options, &f->gs), 0);
}

/** The lowest descriptor that is free: as before the test, unless some leaked. */
static int find_free_fd(void) {
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	close(fd);
	return fd;
}

static int setup(void **state) {
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	f->lowest_free_fd = find_free_fd();
	assert_int_equal(oriel_loop_create(&f->loop), 0);
	screen_rig_init(&f->test, ORIEL_MAX_SCANOUTS);
	gpu_front_end_init(&f->fake);
	create(f, 0);
	oriel_screen_attach(&f->test.screen, oriel_gpu_socket_get_display(f->gs));
	*state = f;
	return 0;
}

static int teardown(void **state) {
	struct fixture *f = *state;
	oriel_gpu_socket_destroy(f->gs);
	gpu_front_end_finish(&f->fake);
	screen_rig_finish(&f->test);
	oriel_loop_destroy(f->loop);
	int leaked = find_free_fd() - f->lowest_free_fd;
	free(f);
	return leaked;
}

static void dispatch(struct fixture *f) {
	assert_int_equal(oriel_loop_dispatch(f->loop, 0), 0);
}

/** Both ends, until nothing moves any more. */
static void pump(struct fixture *f) {
	for (int quiet = 0; quiet < 4; quiet++) {
		dispatch(f);
		if (gpu_front_end_poll(&f->fake)) {
			quiet = 0;
		}
	}
}

/** The display alone, as often as it likes: the front-end does not read. */
static void run_alone(struct fixture *f) {
	for (int i = 0; i < 8; i++) {
		dispatch(f);
	}
}

static void connect_with(struct fixture *f, int send_bytes) {
	int fd = gpu_front_end_connect(&f->fake, send_bytes);
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, fd), 0);
}

static void connect_pumped(struct fixture *f) {
	connect_with(f, SMALL);
	pump(f);
}

static void check(struct fixture *f, const char *name) {
	pump(f);
	screen_rig_check(&f->test, &f->fake, name);
}

/** Whether a loop around ours would be woken up: it must not be when there is nothing to do. */
static bool is_awake(struct fixture *f) {
	struct pollfd poll_fd = { .fd = oriel_loop_get_fd(f->loop), .events = POLLIN };
	return poll(&poll_fd, 1, 0) > 0;
}

static void done(struct oriel_display_query *query, int err,
		const struct oriel_display_reply *reply) {
	struct question *question = oriel_container_of(query, struct question, query);
	assert_int_equal(question->err, NOT_YET);
	question->err = err;
	if (reply != NULL) {
		question->reply = *reply;
	}
}

static int ask(struct fixture *f, enum oriel_display_query_type type, uint32_t head) {
	f->question.query = (struct oriel_display_query){ .type = type,
		.scanout_id = head,
		.done = done };
	f->question.err = NOT_YET;
	return oriel_screen_query(&f->test.screen, &f->question.query);
}

static void test_negotiation_comes_first(void **state) {
	struct fixture *f = *state;
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 30, 20));
	f->fake.is_mute = true;
	connect_pumped(f);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_GET_PROTOCOL_FEATURES], 1);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], 0);
	assert_false(is_awake(f));
	uint8_t bytes[32];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_gpu_message_encode_features_reply(&w, 3);
	gpu_front_end_send(&f->fake, bytes, (size_t)(w.cur - bytes));
	f->fake.n_open = 0;
	check(f, "negotiated");
	assert_true(f->fake.set_features == 1);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SET_PROTOCOL_FEATURES], 1);
	assert_false(is_awake(f));
}

static void test_pictures_do_not_wait_for_ever(void **state) {
	struct fixture *f = *state;
	oriel_gpu_socket_destroy(f->gs);
	create(f, 1);
	oriel_screen_attach(&f->test.screen, oriel_gpu_socket_get_display(f->gs));
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 30, 20));
	f->fake.is_mute = true;
	connect_with(f, SMALL);
	while (f->fake.counts[VHOST_USER_GPU_UPDATE] == 0) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	check(f, "without an answer");
}

static void test_every_format(void **state) {
	struct fixture *f = *state;
	connect_pumped(f);
	for (size_t i = 0; oriel_format_at(i) != NULL; i++) {
		const char *name = oriel_format_at(i)->name;
		struct oriel_resource *res = screen_rig_add(&f->test, (uint32_t)i + 1,
				oriel_format_at(i)->value, 123, 77);
		screen_rig_show(&f->test, (uint32_t)i, res);
		check(f, name);
		screen_rig_update(&f->test, res, 5, 6, 7, 8);
		check(f, name);
		screen_rig_update(&f->test, res, 122, 76, 1, 1);
		check(f, name);
		// Frames of one turn make one message if they lie together, else two.
		uint32_t n = f->fake.counts[VHOST_USER_GPU_UPDATE];
		screen_rig_update(&f->test, res, 10, 10, 20, 20);
		screen_rig_update(&f->test, res, 20, 20, 20, 20);
		check(f, name);
		assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], n + 1);
		screen_rig_update(&f->test, res, 0, 0, 2, 2);
		screen_rig_update(&f->test, res, 121, 75, 2, 2);
		check(f, name);
		assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], n + 3);
	}
}

static void test_front_end_that_does_not_read(void **state) {
	struct fixture *f = *state;
	connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, RGBA, 640, 480);
	screen_rig_show(&f->test, 0, res);
	check(f, "before");
	uint32_t n = f->fake.counts[VHOST_USER_GPU_UPDATE];
	for (uint32_t i = 0; i < 500; i++) {
		screen_rig_update(&f->test, res, i, i % 400, 100, 60);
		screen_rig_set_cursor(&f->test, i % 16, (int32_t)i, -(int32_t)i);
		oriel_screen_move_cursor(&f->test.screen, 3, (int32_t)i, 0);
		dispatch(f);
	}
	run_alone(f);
	assert_false(is_awake(f)); // it waits for room, and does not ask for it again and again
	check(f, "after");
	CHECK(f->fake.counts[VHOST_USER_GPU_UPDATE] - n < 40, "%u messages",
			f->fake.counts[VHOST_USER_GPU_UPDATE] - n);
	assert_false(is_awake(f));
	assert_in_range(f->fake.largest_message, 1, 20 + ORIEL_GPU_SOCKET_BAND_BYTES);
}

/** Leave the front-end in the middle of a band of scanout 0. */
static struct oriel_resource *begin_band(struct fixture *f) {
	connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 1000, 500);
	screen_rig_show(&f->test, 0, res);
	run_alone(f);
	f->fake.max_read = 1000;
	assert_true(gpu_front_end_poll(&f->fake));
	f->fake.max_read = 0;
	assert_true(f->fake.in_len > 0);
	return res;
}

static void test_size_change_in_a_band(void **state) {
	struct fixture *f = *state;
	begin_band(f);
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 2, RGBA, 900, 600));
	check(f, "another size");
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 2);
}

static void test_off_in_a_band(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = begin_band(f);
	oriel_screen_remove_resource(&f->test.screen, res);
	oriel_resource_drop(&f->test.table, res);
	check(f, "off");
	assert_false(f->fake.scanouts[0].has_surface);
	assert_false(is_awake(f));
}

static void test_sixteen_scanouts(void **state) {
	struct fixture *f = *state;
	connect_pumped(f);
	struct oriel_resource *all[16];
	for (uint32_t i = 0; i < 16; i++) {
		all[i] = screen_rig_add(&f->test, i + 1, oriel_format_at(i % 8)->value,
				200 + 10 * i, 300 - 5 * i);
		screen_rig_show(&f->test, i, all[i]);
		screen_rig_set_cursor(&f->test, i, (int32_t)i, 5);
	}
	check(f, "sixteen");
	for (uint32_t i = 0; i < 16; i++) {
		screen_rig_update(&f->test, all[i], i, i, 50, 60);
		if (i % 3 == 0) {
			screen_rig_turn_off(&f->test, i);
		}
	}
	check(f, "some of them");
}

static void test_new_connection_in_a_band(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = begin_band(f);
	screen_rig_set_cursor(&f->test, 0, 1, 2);
	int old = fcntl(f->fake.fd, F_DUPFD_CLOEXEC, 0);
	assert_true(old >= 0);
	connect_with(f, SMALL);
	screen_rig_update(&f->test, res, 0, 0, 10, 10);
	check(f, "second connection");
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
	struct fixture *f = *state;
	struct oriel_resource *res = begin_band(f);
	screen_rig_set_cursor(&f->test, 1, 1, 2);
	uint32_t n_lines = f->n_lines[ORIEL_LOG_INFO];
	gpu_front_end_close(&f->fake);
	run_alone(f);
	assert_int_equal(f->n_lines[ORIEL_LOG_INFO], n_lines + 1);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 0);
	assert_false(is_awake(f));
	screen_rig_update(&f->test, res, 3, 3, 100, 100);
	oriel_screen_move_cursor(&f->test.screen, 1, 7, 7);
	run_alone(f);
	assert_false(is_awake(f));
	for (int i = 0; i < 3; i++) {
		connect_pumped(f);
		check(f, "again");
	}
	// To none, and back.
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, -1), 0);
	run_alone(f);
	connect_pumped(f);
	check(f, "after none");
}

static void test_byte_by_byte(void **state) {
	struct fixture *f = *state;
	f->fake.max_read = 1;
	f->fake.max_write = 1;
	connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, RGBA, 40, 30);
	screen_rig_show(&f->test, 0, res);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	check(f, "info");
	assert_int_equal(f->question.err, 0);
	assert_int_equal(f->question.reply.heads[0].rect.width, 1280);
	assert_int_equal(ask(f, ORIEL_QUERY_EDID, 3), 0);
	screen_rig_update(&f->test, res, 1, 1, 10, 10);
	check(f, "edid");
	assert_int_equal(f->question.err, 0);
	assert_memory_equal(f->question.reply.edid, f->fake.edid, 256);
}

static void test_queries(void **state) {
	struct fixture *f = *state;
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), -ENOTCONN);
	assert_false(oriel_screen_can_answer(&f->test.screen));
	f->fake.n_outputs = 2;
	connect_with(f, SMALL);
	assert_true(oriel_screen_can_answer(&f->test.screen));
	assert_int_equal(ask(f, ORIEL_QUERY_EDID, 1), 0); // negotiation has not even begun
	pump(f);
	assert_int_equal(f->question.err, 0);
	assert_int_equal(ask(f, ORIEL_QUERY_EDID, 2), 0);
	pump(f);
	assert_int_equal(f->question.err, -ENOENT);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	pump(f);
	assert_int_equal(f->question.err, 0);

	f->fake.is_mute = true;
	assert_int_equal(ask(f, ORIEL_QUERY_EDID, 0), 0);
	pump(f);
	oriel_screen_flush_queries(&f->test.screen);
	assert_int_equal(f->question.err, -ETIMEDOUT);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	oriel_screen_drop_queries(&f->test.screen);
	gpu_front_end_close(&f->fake);
	run_alone(f);
	assert_int_equal(f->question.err, NOT_YET);
	assert_false(oriel_screen_can_answer(&f->test.screen));
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	assert_int_equal(f->question.err, 0); // from memory
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, -1), 0);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), -ENOTCONN);
}

static void test_late_answer(void **state) {
	struct fixture *f = *state;
	oriel_gpu_socket_destroy(f->gs);
	create(f, 1);
	oriel_screen_attach(&f->test.screen, oriel_gpu_socket_get_display(f->gs));
	connect_with(f, SMALL);
	while (f->fake.counts[VHOST_USER_GPU_SET_PROTOCOL_FEATURES] == 0) {
		pump(f);
	}
	f->fake.is_mute = true;
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	while (f->question.err == NOT_YET) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	assert_int_equal(f->question.err, -ETIMEDOUT);
	pump(f);
	assert_int_equal(f->fake.n_open, 1);
	// Now it comes; the next question would be answered from memory even without another.
	uint8_t bytes[512];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_gpu_message_encode_info_reply(&w, f->fake.heads);
	gpu_front_end_send(&f->fake, bytes, (size_t)(w.cur - bytes));
	f->fake.n_open = 0;
	pump(f);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	while (f->question.err == NOT_YET) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	assert_int_equal(f->question.err, 0);
	assert_int_equal(f->question.reply.heads[0].rect.height, 800);
	assert_string_equal(f->fake.complaint, "");
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 0);
}

static void test_malformed_answer(void **state) {
	struct fixture *f = *state;
	connect_pumped(f);
	f->fake.edid[20] ^= 1;
	assert_int_equal(ask(f, ORIEL_QUERY_EDID, 0), 0);
	pump(f);
	assert_int_equal(f->question.err, -EBADMSG);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	pump(f);
	assert_int_equal(f->question.err, 0);
}

static void test_nonsense_silences(void **state) {
	struct fixture *f = *state;
	struct oriel_resource *res = begin_band(f);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	static const uint8_t nonsense[200] = { 99 };
	for (int i = 0; i < 5; i++) {
		gpu_front_end_send(&f->fake, nonsense, sizeof(nonsense));
	}
	f->fake.max_read = 1;
	gpu_front_end_poll(&f->fake); // writes
	f->fake.max_read = 0;
	run_alone(f);
	assert_int_equal(f->question.err, -ENOTCONN);
	assert_false(oriel_screen_can_answer(&f->test.screen));
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	screen_rig_update(&f->test, res, 0, 0, 1000, 500);
	pump(f);
	// The begun message is whole, nothing follows it, and the socket is still there.
	assert_int_equal(f->fake.in_len, 0);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_UPDATE], 1);
	assert_false(f->fake.is_closed);
	assert_string_equal(f->fake.complaint, "");
	assert_false(is_awake(f));
	gpu_front_end_send(&f->fake, nonsense, sizeof(nonsense));
	pump(f);
	assert_false(is_awake(f));
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	// It may also hang up in the middle.
	connect_pumped(f);
	check(f, "a new connection");
	screen_rig_update(&f->test, res, 0, 0, 1000, 500);
	run_alone(f);
	gpu_front_end_send(&f->fake, nonsense, sizeof(nonsense));
	f->fake.max_read = 1;
	gpu_front_end_poll(&f->fake);
	f->fake.max_read = 0;
	run_alone(f);
	gpu_front_end_close(&f->fake);
	run_alone(f);
	assert_false(is_awake(f));
	connect_pumped(f);
	check(f, "another one");
}

static void test_attach_and_detach(void **state) {
	struct fixture *f = *state;
	struct oriel_display *display = oriel_gpu_socket_get_display(f->gs);
	oriel_screen_detach(display);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 50, 40);
	screen_rig_show(&f->test, 0, res);
	connect_pumped(f);
	assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], 0);
	oriel_screen_attach(&f->test.screen, display);
	check(f, "attached");
	// What is shown stays while it is detached, whatever happens.
	screen_rig_update(&f->test, res, 0, 0, 50, 40);
	oriel_screen_detach(display);
	screen_rig_turn_off(&f->test, 0);
	pump(f);
	assert_true(f->fake.scanouts[0].is_shown);
	screen_rig_show(&f->test, 2, res);
	oriel_screen_attach(&f->test.screen, display);
	check(f, "attached again");
}

static void test_destroy_answers(void **state) {
	struct fixture *f = *state;
	begin_band(f);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), 0);
	oriel_gpu_socket_destroy(f->gs);
	f->gs = NULL;
	assert_int_equal(f->question.err, -ENOTCONN);
	pump(f);
	assert_true(f->fake.is_closed);
	oriel_gpu_socket_destroy(NULL);
}

static void test_descriptors_are_taken(void **state) {
	struct fixture *f = *state;
	connect_pumped(f);
	// No epoll has regular files; nobody can send to a pipe.
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, file), -EPERM);
	assert_int_equal(fcntl(file, F_GETFD), -1);
	assert_int_equal(ask(f, ORIEL_QUERY_INFO, 0), -ENOTCONN);
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, fds[1]), 0);
	run_alone(f);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	// 1023 is not open.
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, 1023), -EBADF);
	screen_rig_show(&f->test, 0, screen_rig_add(&f->test, 1, BGRX, 50, 40));
	connect_pumped(f);
	check(f, "after all that");
}

static void test_options(void **state) {
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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

	int fd = gpu_front_end_connect(&f->fake, SMALL);
	allocations_left = 0;
	assert_int_equal(oriel_gpu_socket_connect_take(f->gs, fd), -ENOMEM);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_negotiation_comes_first),
		TEST(test_pictures_do_not_wait_for_ever),
		TEST(test_every_format),
		TEST(test_front_end_that_does_not_read),
		TEST(test_size_change_in_a_band),
		TEST(test_off_in_a_band),
		TEST(test_sixteen_scanouts),
		TEST(test_new_connection_in_a_band),
		TEST(test_front_end_goes_and_comes),
		TEST(test_byte_by_byte),
		TEST(test_queries),
		TEST(test_late_answer),
		TEST(test_malformed_answer),
		TEST(test_nonsense_silences),
		TEST(test_attach_and_detach),
		TEST(test_destroy_answers),
		TEST(test_descriptors_are_taken),
		TEST(test_options),
		TEST(test_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
