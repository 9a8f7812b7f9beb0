// SPDX-License-Identifier: MIT
/* Tests of fd_stream.h, over socketpairs. */
#include "base/fd_stream.h"

#include "base/arith.h"
#include "base/fd.h"
#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPACITY 4096

// Bytes that sendmsg() still takes; then the socket is full. SIZE_MAX: as the kernel likes.
static size_t room = SIZE_MAX;

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags) {
	if (room == SIZE_MAX) {
		return __real_sendmsg(fd, msg, flags);
	}
	if (room == 0) {
		errno = EAGAIN;
		return -1;
	}
	struct iovec parts[2];
	struct msghdr less = *msg;
	less.msg_iov = parts;
	size_t left = room;
	assert_true(msg->msg_iovlen <= ORIEL_ARRAY_LEN(parts));
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		parts[i] = msg->msg_iov[i];
		parts[i].iov_len = oriel_min_size(parts[i].iov_len, left);
		left -= parts[i].iov_len;
	}
	ssize_t n = __real_sendmsg(fd, &less, flags);
	room -= n > 0 ? (size_t)n : 0;
	return n;
}

struct pair {
	int a, b;
	uint8_t in_bytes[CAPACITY];
	uint8_t out_bytes[CAPACITY];
	struct oriel_fd_input in;   // on b
	struct oriel_fd_output out; // on a
	int lowest_free_fd;
};

static int get_lowest_free_fd(void) {
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	return fd;
}

static int setup(void **state) {
	struct pair *pair = calloc(1, sizeof(*pair));
	pair->lowest_free_fd = get_lowest_free_fd();
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pair->a = fds[0];
	pair->b = fds[1];
	oriel_fd_input_init(&pair->in, pair->in_bytes, sizeof(pair->in_bytes));
	oriel_fd_output_init(&pair->out, pair->out_bytes, sizeof(pair->out_bytes));
	*state = pair;
	return 0;
}

/** Every test ends with as many descriptors as it began with. */
static int teardown(void **state) {
	struct pair *pair = *state;
	oriel_fd_input_finish(&pair->in);
	oriel_fd_output_finish(&pair->out);
	oriel_fd_close(&pair->a);
	oriel_fd_close(&pair->b);
	int leaked = get_lowest_free_fd() != pair->lowest_free_fd;
	free(pair);
	return leaked;
}

/** A file that is told apart from others by its size. */
static int make_file(off_t size) {
	int fd = memfd_create("fd_stream_test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static off_t take_size(struct oriel_fd_input *in) {
	int fd = oriel_fd_input_take_fd(in);
	if (fd < 0) {
		return -1;
	}
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	return st.st_size;
}

static void queue(struct pair *pair, const char *text, int fd) {
	struct oriel_writer w = oriel_fd_output_begin(&pair->out);
	oriel_write_bytes(&w, text, strlen(text));
	oriel_fd_output_end_take(&pair->out, &w, fd);
}

/** Receive until nothing comes, and compare. */
static void expect(struct pair *pair, const char *text) {
	int err;
	do {
		err = oriel_fd_input_receive(&pair->in, pair->b);
	} while (err == 0);
	assert_int_equal(err, -EAGAIN);
	size_t size;
	const uint8_t *bytes = oriel_fd_input_get(&pair->in, &size);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(bytes, text, size);
	oriel_fd_input_consume(&pair->in, size);
}

static void test_bytes_and_descriptors_keep_their_order(void **state) {
	struct pair *pair = *state;
	queue(pair, "one ", -1);
	queue(pair, "two ", make_file(2));
	queue(pair, "three ", make_file(3));
	queue(pair, "four", -1);
	assert_int_equal(oriel_fd_output_get_size(&pair->out), 18);
	assert_int_equal(oriel_fd_output_send(&pair->out, pair->a), 0);
	assert_int_equal(oriel_fd_output_get_size(&pair->out), 0);
	expect(pair, "one two three four");
	assert_int_equal(take_size(&pair->in), 2);
	assert_int_equal(take_size(&pair->in), 3);
	assert_int_equal(take_size(&pair->in), -1);
}

// The first byte of a message is the one that its descriptor comes with, not one before it.
static void test_a_descriptor_comes_with_its_first_byte(void **state) {
	struct pair *pair = *state;
	queue(pair, "abc", -1);
	queue(pair, "def", make_file(7));
	assert_int_equal(oriel_fd_output_send(&pair->out, pair->a), 0);
	uint8_t small[3];
	struct oriel_fd_input in;
	oriel_fd_input_init(&in, small, sizeof(small));
	assert_int_equal(oriel_fd_input_receive(&in, pair->b), 0);
	assert_int_equal(in.n_fds, 0);
	assert_int_equal(oriel_fd_input_receive(&in, pair->b), -EAGAIN); // no room
	oriel_fd_input_consume(&in, 3);
	assert_int_equal(oriel_fd_input_receive(&in, pair->b), 0);
	assert_int_equal(take_size(&in), 7);
	oriel_fd_input_finish(&in);
}

// Messages of 1000 bytes, each with a descriptor, are queued whenever there is room.
static void test_reading_to_the_end_of_a_message(void **state) {
	struct pair *pair = *state;
	queue(pair, "abc", -1);
	queue(pair, "defg", make_file(7));
	assert_int_equal(oriel_fd_output_send(&pair->out, pair->a), 0);
	size_t size;
	assert_int_equal(oriel_fd_input_receive_at_most(&pair->in, pair->b, 2), 0);
	assert_int_equal(oriel_fd_input_receive_at_most(&pair->in, pair->b, 1), 0);
	assert_memory_equal(oriel_fd_input_get(&pair->in, &size), "abc", 3);
	assert_int_equal(size, 3);
	assert_int_equal(take_size(&pair->in), -1); // the next message's is not here yet
	oriel_fd_input_consume(&pair->in, 3);
	assert_int_equal(oriel_fd_input_receive_at_most(&pair->in, pair->b, CAPACITY + 1), 0);
	assert_memory_equal(oriel_fd_input_get(&pair->in, &size), "defg", 4);
	assert_int_equal(take_size(&pair->in), 7);
}

static void test_a_full_socket_is_waited_for(void **state) {
	struct pair *pair = *state;
	static const size_t size = 1000;
	static const size_t n_messages = 2000;
	static char text[1001];
	memset(text, 'x', size);
	size_t n_queued = 0;
	size_t n_received = 0; // bytes
	size_t n_fds = 0;
	size_t n_full = 0;
	while (n_received < n_messages * size) {
		int err = 0;
		while (err == 0 && n_queued < n_messages) {
			while (n_queued < n_messages &&
					oriel_fd_output_has_room(&pair->out, size, 1)) {
				queue(pair, text, make_file((off_t)n_queued + 1));
				n_queued++;
			}
			err = oriel_fd_output_send(&pair->out, pair->a);
		}
		assert_true(err == 0 || err == -EAGAIN);
		n_full += err == -EAGAIN ? 1 : 0;
		err = oriel_fd_input_receive(&pair->in, pair->b);
		assert_true(err == 0 || err == -EAGAIN);
		size_t n;
		(void)oriel_fd_input_get(&pair->in, &n);
		oriel_fd_input_consume(&pair->in, n);
		n_received += n;
		for (off_t i = take_size(&pair->in); i >= 0; i = take_size(&pair->in)) {
			n_fds++;
			assert_int_equal(i, n_fds);
		}
		// Each came with the first byte of its message.
		assert_int_equal(n_fds, (n_received + size - 1) / size);
		err = oriel_fd_output_send(&pair->out, pair->a);
		assert_true(err == 0 || err == -EAGAIN);
	}
	assert_true(n_full > 1);
	assert_int_equal(n_fds, n_messages);
}

// Two queued messages, one with a descriptor, and more from elsewhere: the socket is full after
// each of their bytes.
static void test_bytes_from_where_they_lie(void **state) {
	struct pair *pair = *state;
	static const char *all = "one two and the rest";
	for (size_t n = 0; n <= strlen(all); n++) {
		char elsewhere[] = "and the rest";
		queue(pair, "one ", -1);
		queue(pair, "two ", make_file(2));
		room = n;
		int err = oriel_fd_output_send_with(&pair->out, pair->a, (const uint8_t *)elsewhere,
				strlen(elsewhere));
		size_t n_left = oriel_fd_output_get_size(&pair->out);
		room = SIZE_MAX;
		CHECK(err == (n < strlen(all) ? -EAGAIN : 0), "%zu: %d", n, err);
		CHECK(n_left == strlen(all) - n, "%zu: %zu left", n, n_left);
		memset(elsewhere, '!', strlen(elsewhere)); // it is not looked at any more
		assert_int_equal(oriel_fd_output_send(&pair->out, pair->a), 0);
		expect(pair, all);
		assert_int_equal(take_size(&pair->in), 2);
		assert_int_equal(take_size(&pair->in), -1);
	}
}

static void test_only_bytes_from_where_they_lie(void **state) {
	struct pair *pair = *state;
	assert_int_equal(oriel_fd_output_send_with(&pair->out, pair->a, (const uint8_t *)"abc", 3),
			0);
	expect(pair, "abc");
	oriel_fd_close(&pair->b);
	assert_int_equal(oriel_fd_output_send_with(&pair->out, pair->a, (const uint8_t *)"abc", 3),
			-ENOTCONN);
}

static void test_room(void **state) {
	struct pair *pair = *state;
	assert_true(oriel_fd_output_has_room(&pair->out, CAPACITY, ORIEL_FD_STREAM_MAX_FDS));
	assert_false(oriel_fd_output_has_room(&pair->out, CAPACITY + 1, 0));
	assert_false(oriel_fd_output_has_room(&pair->out, 0, ORIEL_FD_STREAM_MAX_FDS + 1));
	queue(pair, "abc", make_file(1));
	assert_true(oriel_fd_output_has_room(&pair->out, CAPACITY - 3,
			ORIEL_FD_STREAM_MAX_FDS - 1));
	assert_false(oriel_fd_output_has_room(&pair->out, CAPACITY - 2, 0));
	assert_false(oriel_fd_output_has_room(&pair->out, 0, ORIEL_FD_STREAM_MAX_FDS));
}

/** Send bytes and n_fds descriptors in one call, as a hostile peer may. */
static void send_many(int socket, size_t n_fds) {
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = { 0 };
	char byte = 'x';
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n_fds * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	for (size_t i = 0; i < n_fds; i++) {
		memcpy(CMSG_DATA(c) + i * sizeof(int), &socket, sizeof(int));
	}
	assert_int_equal(sendmsg(socket, &msg, 0), 1);
}

static void test_too_many_descriptors_are_refused_and_closed(void **state) {
	struct pair *pair = *state;
	static const struct {
		const char *name;
		size_t first, second;
		int err;
	} cases[] = {
		{ "as many as may wait", 16, 0, 0 },
		{ "in two parts", 15, 1, 0 },
		{ "one too many", 17, 0, -EPROTO },
		{ "one too many in two parts", 16, 1, -EPROTO },
		{ "very many", 64, 0, -EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int lowest = get_lowest_free_fd();
		send_many(pair->a, cases[i].first);
		int err = oriel_fd_input_receive(&pair->in, pair->b);
		if (cases[i].second > 0) {
			CHECK(err == 0, "%s: %d", cases[i].name, err);
			send_many(pair->a, cases[i].second);
			err = oriel_fd_input_receive(&pair->in, pair->b);
		}
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		size_t n = pair->in.n_fds;
		CHECK(n == (err == 0 ? cases[i].first + cases[i].second : 0), "%s: %zu wait",
				cases[i].name, n);
		oriel_fd_input_finish(&pair->in);
		CHECK(get_lowest_free_fd() == lowest, "%s: leak", cases[i].name);
	}
}

/** Not the peer's fault: few descriptors came, but this process may open fewer. */
static void test_descriptors_that_cannot_be_opened(void **state) {
	struct pair *pair = *state;
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (rlim_t n_free = 0; n_free <= 3; n_free++) {
		send_many(pair->a, 3);
		struct rlimit tight = limit;
		tight.rlim_cur = (rlim_t)get_lowest_free_fd() + n_free;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		int err = oriel_fd_input_receive(&pair->in, pair->b);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
		CHECK(err == (n_free < 3 ? -EMFILE : 0), "%u free: %d", (unsigned int)n_free, err);
		CHECK(pair->in.n_fds == (n_free < 3 ? 0 : 3), "%u free: %zu wait",
				(unsigned int)n_free, pair->in.n_fds);
		oriel_fd_input_finish(&pair->in);
	}
}

static void test_a_peer_that_is_gone(void **state) {
	struct pair *pair = *state;
	queue(pair, "abc", make_file(1));
	assert_int_equal(oriel_fd_output_send(&pair->out, pair->a), 0);
	oriel_fd_close(&pair->a);
	assert_int_equal(oriel_fd_input_receive(&pair->in, pair->b), 0); // what it sent before
	assert_int_equal(oriel_fd_input_receive(&pair->in, pair->b), -ENOTCONN);
	queue(pair, "abc", make_file(1));
	assert_int_equal(oriel_fd_output_send(&pair->out, pair->b), -ENOTCONN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes_and_descriptors_keep_their_order, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_a_descriptor_comes_with_its_first_byte, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_reading_to_the_end_of_a_message, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_a_full_socket_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_from_where_they_lie, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_bytes_from_where_they_lie, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_descriptors_are_refused_and_closed,
				setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors_that_cannot_be_opened, setup,
				teardown),
		cmocka_unit_test_setup_teardown(test_a_peer_that_is_gone, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
