// SPDX-License-Identifier: MIT
/*
 * Tests of a session as a connection: how it is made, how bytes come, how it ends, and the back-end
 * channel.
 */
#include "fixture/vhost_rig.h"

#include "base/compiler.h"
#include "base/fd.h"
#include "fixture/fail_alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/** A header by itself. */
static size_t write_header(uint8_t bytes[12], uint32_t request, uint32_t flags, uint32_t size) {
	struct oriel_writer w = oriel_writer_of(bytes, 12);
	oriel_write_u32(&w, request);
	oriel_write_u32(&w, flags);
	oriel_write_u32(&w, size);
	return 12;
}

static void test_headers_that_end_the_session(void **state) {
	struct vhost_rig *rig = *state;
	static const struct {
		const char *name;
		uint32_t request, flags, size;
	} rows[] = {
		{ "version 0", 1, 0, 0 },
		{ "version 2", 1, 2, 0 },
		{ "version 3", 1, 3, 0 },
		{ "too long", 5, 1, 4097 },
		{ "a reply", 1, 5, 0 },
		{ "much too long", 5, 9, 0xffffffff },
		{ "too long with the header", 5, 1, 0xfffffff4 },
		{ "not vhost-user", 0x54544547, 0x20202f20, 0x50545448 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		uint8_t bytes[12];
		size_t n = write_header(bytes, rows[i].request, rows[i].flags, rows[i].size);
		vhost_rig_send_raw(rig, bytes, n, rig->call_fds, i % 2);
		vhost_rig_run(rig);
		CHECK(rig->has_ended && rig->end_err == -EPROTO, "%s", rows[i].name);
		CHECK(rig->n_lines[ORIEL_LOG_WARN] == i + 1, "%s", rows[i].name);
		vhost_rig_connect(rig);
	}
	// Other flags mean nothing to us, and the longest payload is read, whatever it is.
	uint8_t bytes[12];
	vhost_rig_send_raw(rig, bytes, write_header(bytes, 1, 0xfffffff1, 0), NULL, 0);
	vhost_rig_run(rig);
	struct vhost_rig_reply reply;
	assert_true(vhost_rig_receive(rig, &reply));
	static const uint8_t payload[4096];
	rig->asks = true;
	assert_int_equal(vhost_rig_send(rig, 77, payload, sizeof(payload), NULL, 0), 1);
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_QUEUE_NUM), 2);
}

static void test_too_many_descriptors(void **state) {
	struct vhost_rig *rig = *state;
	int fds[64];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(fds); i++) {
		fds[i] = rig->call_fds[0];
	}
	uint8_t bytes[12];
	vhost_rig_send_raw(rig, bytes, write_header(bytes, 1, 1, 0), fds, ORIEL_ARRAY_LEN(fds));
	vhost_rig_run(rig);
	assert_true(rig->has_ended);
	assert_int_equal(rig->end_err, -EPROTO);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 1);
}

static void test_bytes_come_one_by_one(void **state) {
	struct vhost_rig *rig = *state;
	uint8_t bytes[20];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_vhost_encode_u64(&w, VHOST_USER_SET_FEATURES, VHOST_USER_FLAG_NEED_REPLY, 0x55);
	struct vhost_rig_reply reply;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_false(vhost_rig_receive(rig, &reply));
		vhost_rig_send_raw(rig, &bytes[i], 1, NULL, 0);
		vhost_rig_run(rig);
	}
	assert_true(vhost_rig_receive(rig, &reply));
	CHECK_TRACE(rig, "features 0x55\n");
}

static void test_many_messages_at_once_keep_their_descriptors(void **state) {
	struct vhost_rig *rig = *state;
	for (int i = 0; i < 100; i++) {
		uint8_t bytes[12];
		size_t n = write_header(bytes, VHOST_USER_GPU_SET_SOCKET, 1, 0);
		vhost_rig_send_raw(rig, bytes, n, rig->call_fds, 1);
		write_header(bytes, VHOST_USER_SET_OWNER, 1, 0);
		vhost_rig_send_raw(rig, bytes, n, NULL, 0);
	}
	assert_int_equal(oriel_loop_dispatch(rig->loop, 0), 0);
	assert_true(rig->n_gpu_fds < 100); // others get their turn
	vhost_rig_run(rig);
	assert_int_equal(rig->n_gpu_fds, 100);
	assert_false(rig->has_ended);
}

static void test_a_front_end_that_does_not_read(void **state) {
	struct vhost_rig *rig = *state;
	uint8_t bytes[12];
	size_t n = write_header(bytes, VHOST_USER_GET_QUEUE_NUM, 1, 0);
	size_t n_sent = 0;
	int n_full = 0;
	while (n_full < 2) {
		if (send(rig->fd, bytes, n, MSG_NOSIGNAL) < 0) {
			assert_int_equal(errno, EAGAIN);
			n_full++;
			vhost_rig_run(rig); // comes to rest, with replies that wait
		} else {
			n_sent++;
			n_full = 0;
		}
	}
	struct vhost_rig_reply reply;
	size_t n_received = 0;
	while (vhost_rig_receive(rig, &reply)) {
		n_received++;
		if (n_received % 10 == 0) {
			vhost_rig_run(rig);
		}
	}
	assert_true(n_sent > 100);
	assert_int_equal(n_received, n_sent);
}

static void test_the_end_within_a_message(void **state) {
	struct vhost_rig *rig = *state;
	uint8_t bytes[20];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_vhost_encode_u64(&w, VHOST_USER_SET_FEATURES, 0, 1);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		if (n > 0) {
			vhost_rig_send_raw(rig, bytes, n, rig->call_fds, n % 2);
		}
		vhost_rig_hang_up(rig);
		assert_true(rig->has_ended);
		bool is_whole = n == 0 || n == sizeof(bytes);
		CHECK(rig->end_err == (is_whole ? 0 : -EPROTO), "%zu bytes: %d", n, rig->end_err);
		fake_virtio_take_trace(&rig->device);
		vhost_rig_connect(rig);
	}
}

static void test_the_end_leaves_a_fresh_device(void **state) {
	struct vhost_rig *rig = *state;
	static const uint32_t fresh[2] = { 0, 0 };
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_start(rig, 0, fresh);
	fake_virtio_take_trace(&rig->device);
	vhost_rig_hang_up(rig);
	CHECK_TRACE(rig, "reset\nmemory 0\n");
	assert_true(rig->has_ended);
	assert_int_equal(rig->end_err, 0);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 0);
	assert_int_equal(rig->n_lines[ORIEL_LOG_ERROR], 0);
	assert_null(rig->device.base.listener.handle_queue_stopped);
	// The front-end's ends of the descriptors are all that is left of them.
	vhost_rig_connect(rig);
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_start(rig, 0, fresh);
	assert_true(rig->device.queues[1].is_started);
}

/** Read what is in the back-end channel. Returns how many bytes. */
static size_t read_channel(struct vhost_rig *rig, uint8_t *bytes, size_t size) {
	ssize_t n = recv(rig->backend_fd, bytes, size, MSG_DONTWAIT);
	return n < 0 ? 0 : (size_t)n;
}

static void change_config(struct vhost_rig *rig) {
	const struct oriel_virtio_listener *listener = &rig->device.base.listener;
	listener->handle_config_change(listener->user);
}

static void test_config_changes_are_told(void **state) {
	struct vhost_rig *rig = *state;
	change_config(rig); // there is no channel yet
	vhost_rig_handshake(rig);
	change_config(rig);
	static const uint8_t message[12] = { 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t bytes[4096];
	assert_int_equal(read_channel(rig, bytes, sizeof(bytes)), 12);
	assert_memory_equal(bytes, message, 12);
	// What QEMU answers to it is of no interest, nor are descriptors that come with it.
	int fd = rig->fd;
	rig->fd = rig->backend_fd;
	for (int i = 0; i < 100; i++) {
		vhost_rig_send_raw(rig, message, sizeof(message), rig->call_fds, 2);
	}
	rig->fd = fd;
	vhost_rig_run(rig);
	change_config(rig);
	assert_int_equal(read_channel(rig, bytes, sizeof(bytes)), 12);
	// Not to a front-end that did not accept CONFIG.
	vhost_rig_u64(rig, VHOST_USER_SET_PROTOCOL_FEATURES, 0x20);
	change_config(rig);
	assert_int_equal(read_channel(rig, bytes, sizeof(bytes)), 0);
}

static void test_a_channel_that_is_full_or_dead(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_handshake(rig);
	for (int i = 0; i < 100000; i++) {
		change_config(rig);
	}
	vhost_rig_run(rig);
	uint8_t bytes[4096];
	size_t n_bytes = 0;
	size_t n = read_channel(rig, bytes, sizeof(bytes));
	while (n > 0) {
		n_bytes += n;
		n = read_channel(rig, bytes, sizeof(bytes));
	}
	assert_true(n_bytes > 0);
	assert_int_equal(n_bytes % 12, 0);
	change_config(rig);
	assert_int_equal(read_channel(rig, bytes, sizeof(bytes)), 12);
	// Dead, seen by the loop; dead, seen when sending; another one; and no socket at all.
	oriel_fd_close(&rig->backend_fd);
	vhost_rig_run(rig);
	change_config(rig);
	vhost_rig_handshake(rig);
	oriel_fd_close(&rig->backend_fd);
	change_config(rig);
	vhost_rig_run(rig);
	vhost_rig_handshake(rig);
	vhost_rig_handshake(rig);
	change_config(rig);
	assert_int_equal(read_channel(rig, bytes, sizeof(bytes)), 12);
	vhost_rig_plain(rig, VHOST_USER_SET_BACKEND_REQ_FD, rig->call_fds[0]);
	change_config(rig);
	vhost_rig_run(rig);
	assert_false(rig->has_ended);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 0);
	// epoll refuses a file.
	int file = vhost_rig_make_file(10);
	rig->asks = true;
	assert_int_equal(vhost_rig_plain(rig, VHOST_USER_SET_BACKEND_REQ_FD, file), 1);
	oriel_fd_close(&file);
}

static void ignore_end(void *user, int err) {
	(void)err;
	++*(int *)user;
}

static int attempt_create(void *user) {
	struct vhost_rig *rig = user;
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	struct oriel_vhost_user_options options = { .size = sizeof(options),
		.handle_end = ignore_end };
	struct oriel_vhost_user *session = NULL;
	int err = oriel_vhost_user_create_take(rig->loop, &rig->device.base, &options, fds[1],
			&session);
	close(fds[0]);
	assert_true((err == 0) == (session != NULL));
	oriel_vhost_user_destroy(session);
	return err;
}

static void test_creation_fails_cleanly(void **state) {
	struct vhost_rig *rig = *state;
	oriel_vhost_user_destroy(rig->session);
	rig->session = NULL;
	assert_true(fail_alloc_each(attempt_create, rig) >= 4);
	struct oriel_vhost_user *session;
	struct oriel_vhost_user_options options = { .size = sizeof(options) - 1,
		.handle_end = ignore_end };
	int fd = dup(rig->call_fds[0]);
	assert_int_equal(oriel_vhost_user_create_take(rig->loop, &rig->device.base, &options, fd,
					 &session),
			-EINVAL);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	options = (struct oriel_vhost_user_options){ .size = sizeof(options) };
	fd = dup(rig->call_fds[0]);
	assert_int_equal(oriel_vhost_user_create_take(rig->loop, &rig->device.base, &options, fd,
					 &session),
			-EINVAL);
	// A file cannot be waited for.
	options.handle_end = ignore_end;
	fd = vhost_rig_make_file(10);
	assert_int_equal(oriel_vhost_user_create_take(rig->loop, &rig->device.base, &options, fd,
					 &session),
			-EPERM);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

// An embedder that frees the session later, and has no use for a GPU socket or a log.
static void test_the_plainest_embedder(void **state) {
	struct vhost_rig *rig = *state;
	oriel_vhost_user_destroy(rig->session);
	rig->session = NULL;
	oriel_fd_close(&rig->fd);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			0);
	int n_ends = 0;
	struct oriel_vhost_user_options options = { .size = sizeof(options),
		.handle_end = ignore_end,
		.user = &n_ends };
	struct oriel_vhost_user *session;
	assert_int_equal(oriel_vhost_user_create_take(rig->loop, &rig->device.base, &options,
					 fds[1], &session),
			0);
	rig->fd = fds[0];
	rig->asks = true;
	assert_int_equal(vhost_rig_plain(rig, VHOST_USER_GPU_SET_SOCKET, rig->call_fds[0]), 1);
	rig->asks = false;
	vhost_rig_hang_up(rig);
	assert_int_equal(n_ends, 1);
	oriel_vhost_user_destroy(session);
	oriel_vhost_user_destroy(NULL);
	assert_int_equal(n_ends, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vhost_rig_setup, vhost_rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_headers_that_end_the_session),
		TEST(test_too_many_descriptors),
		TEST(test_bytes_come_one_by_one),
		TEST(test_many_messages_at_once_keep_their_descriptors),
		TEST(test_a_front_end_that_does_not_read),
		TEST(test_the_end_within_a_message),
		TEST(test_the_end_leaves_a_fresh_device),
		TEST(test_config_changes_are_told),
		TEST(test_a_channel_that_is_full_or_dead),
		TEST(test_creation_fails_cleanly),
		TEST(test_the_plainest_embedder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
