// SPDX-License-Identifier: MIT
/*
 * Tests of the server: turns, deadlines, and what a client costs. What it says is tested where it
 * is made, and with the whole daemon in tests/wire/test_control.py.
 */
#include "control/control.h"
#include "control/request.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** What the server takes for now lies so far behind, or before, the loop's clock. */
static int64_t offset_ns;

uint64_t __real_oriel_now_ns(void);
uint64_t __wrap_oriel_now_ns(void);

uint64_t __wrap_oriel_now_ns(void) {
	return __real_oriel_now_ns() + (uint64_t)offset_ns;
}

struct fixture {
	struct device_rig rig;
	struct oriel_control *control;
	enum oriel_log_level level;
	unsigned int n_log_lines;
	int n_fds; // before the test
};

static struct fixture f;

static void count_line(enum oriel_log_level level, const char *msg, void *user) {
	(void)level;
	(void)msg;
	(void)user;
	f.n_log_lines++;
}

static void get_facts(void *user, struct oriel_control_facts *facts) {
	(void)user;
	facts->vmm_display = "off";
}

static void describe(int32_t pid, struct oriel_control_peer *ret) {
	*ret = (struct oriel_control_peer){ .pid = pid };
}

static int count_fds(void) {
	int n = 0;
	for (int fd = 0; fd < 256; fd++) {
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	}
	return n;
}

static int setup(void **state) {
	(void)state;
	offset_ns = 0;
	f = (struct fixture){ .level = ORIEL_LOG_INFO, .n_fds = count_fds() };
	device_rig_init(&f.rig, NULL);
	const struct oriel_control_options options = {
		.loop = f.rig.loop,
		.log = { .fn = count_line, .max_level = ORIEL_LOG_DEBUG },
		.gpu = f.rig.gpu,
		.log_level = &f.level,
		.get_facts = get_facts,
		.describe = describe,
	};
	return oriel_control_create(&options, &f.control);
}

static int teardown(void **state) {
	(void)state;
	offset_ns = 0;
	oriel_control_destroy(f.control);
	device_rig_finish(&f.rig);
	assert_int_equal(count_fds(), f.n_fds);
	return 0;
}

/** Connect a client. Returns our end, which does not block. */
static int join(void) {
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			0);
	int err = oriel_control_add_client_take(f.control, ends[1]);
	assert_true(err == 0 || err == -EDQUOT);
	return ends[0];
}

static void say(int fd, const char *text) {
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/** Read what is there. Returns its size, 0 at the end, or -EAGAIN. */
static ssize_t hear(int fd, char *ret, size_t size) {
	ssize_t n = recv(fd, ret, size - 1, MSG_DONTWAIT);
	ret[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : n;
}

/** One turn at a time: replies come in order, and other sources are served between them. */
static void test_one_request_a_turn(void **state) {
	(void)state;
	char text[4096];
	int fd = join();
	say(fd, "{\"do\":\"log-level\",\"id\":1}\n{\"do\":\"log-level\",\"id\":2}\n"
		"{\"do\":\"log-level\",\"id\":3}\n");
	device_rig_dispatch(&f.rig);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "{\"id\":1,"));
	assert_null(strstr(text, "{\"id\":3,"));
	device_rig_run(&f.rig);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "{\"id\":3,"));
	close(fd);
	device_rig_run(&f.rig);
}

/** However many clients ask at once, one is answered in a turn, and all in theirs. */
static void test_one_client_a_turn(void **state) {
	(void)state;
	int fds[ORIEL_CONTROL_MAX_CLIENTS];
	char text[4096];
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		fds[i] = join();
		say(fds[i], "{\"do\":\"log-level\"}\n{\"do\":\"log-level\"}\n");
	}
	for (size_t turn = 0; turn < 2 * ORIEL_CONTROL_MAX_CLIENTS; turn++) {
		device_rig_dispatch(&f.rig);
		for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
			const bool is_its_turn = i == turn % ORIEL_CONTROL_MAX_CLIENTS;
			CHECK((hear(fds[i], text, sizeof(text)) > 0) == is_its_turn,
					"turn %zu: %zu", turn, i);
		}
	}
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		close(fds[i]);
	}
	device_rig_run(&f.rig);
}

static void test_a_client_that_goes(void **state) {
	(void)state;
	const int n_fds = count_fds();
	for (unsigned int i = 0; i < 3; i++) {
		int fd = join();
		say(fd, i == 0 ? "{\"do\"" : "{\"do\":\"status\"}\n{\"do\":\"status\"}\n");
		device_rig_dispatch(&f.rig);
		if (i == 2) {
			say(fd, "{");
		}
		close(fd);
		device_rig_run(&f.rig);
		CHECK(count_fds() == n_fds, "%u", i);
	}
}

/** From now on deadlines of so many milliseconds are due in 300 ms, by the loop's clock. */
static void be_late(uint32_t ms) {
	offset_ns = -(int64_t)(ms - 300) * 1000000;
}

/** Deadlines are what they are again; wait for the one that was set before. */
static void wait_for_deadline(void) {
	offset_ns = 0;
	int err = oriel_loop_dispatch(f.rig.loop, 5000);
	assert_int_equal(err, 0);
	device_rig_run(&f.rig);
}

static void test_deadline_of_a_line(void **state) {
	(void)state;
	char text[4096];
	int fd = join();
	be_late(ORIEL_CONTROL_LINE_MS);
	say(fd, "{\"do\":");
	device_rig_run(&f.rig);
	say(fd, "\"status\""); // what comes later does not put it off
	offset_ns = 0;
	device_rig_dispatch(&f.rig);
	wait_for_deadline();
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"timeout\""));
	assert_int_equal(hear(fd, text, sizeof(text)), 0);
	assert_int_equal(f.n_log_lines, 1);
	close(fd);
}

/** A line that was begun behind another one is late when that one was answered long ago. */
static void test_deadline_of_a_line_behind_another(void **state) {
	(void)state;
	char text[4096];
	int fd = join();
	be_late(ORIEL_CONTROL_LINE_MS);
	say(fd, "{\"do\":\"log-level\"}\n{\"do\":");
	device_rig_run(&f.rig);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	wait_for_deadline();
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"timeout\""));
	close(fd);
}

static void test_deadline_of_the_next_request(void **state) {
	(void)state;
	char text[4096];
	be_late(ORIEL_CONTROL_IDLE_MS);
	int fd = join();
	wait_for_deadline();
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"timeout\""));
	close(fd);
	// One that asked in time has as much again.
	fd = join();
	say(fd, "{\"do\":\"log-level\"}\n");
	device_rig_run(&f.rig);
	assert_true(hear(fd, text, sizeof(text)) > 0);
	assert_int_equal(hear(fd, text, sizeof(text)), -EAGAIN);
	close(fd);
	device_rig_run(&f.rig);
}

/** A reply that is not taken is in the way of this client's next one, and of nothing else. */
static void test_deadline_of_a_reply(void **state) {
	(void)state;
	int ends[2];
	const int small = 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	be_late(ORIEL_CONTROL_REPLY_MS);
	assert_int_equal(oriel_control_add_client_take(f.control, ends[1]), 0);
	size_t n_requests = 0;
	while (send(ends[0], "{\"do\":\"status\"}\n", 16, MSG_NOSIGNAL) == 16) {
		device_rig_run(&f.rig);
		n_requests++;
		assert_true(n_requests < 100000);
	}
	assert_int_equal(errno, EAGAIN);
	wait_for_deadline();
	assert_int_equal(send(ends[0], "x", 1, MSG_NOSIGNAL), -1);
	assert_true(errno == EPIPE || errno == ECONNRESET);
	close(ends[0]);
}

static void test_no_more_than_sixteen(void **state) {
	(void)state;
	char text[4096];
	int fds[ORIEL_CONTROL_MAX_CLIENTS];
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		fds[i] = join();
	}
	int extra = join();
	assert_true(hear(extra, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"too-many-clients\""));
	assert_int_equal(hear(extra, text, sizeof(text)), 0);
	close(extra);
	close(fds[7]);
	device_rig_run(&f.rig);
	fds[7] = join();
	say(fds[7], "{\"do\":\"hello\"}\n");
	device_rig_run(&f.rig);
	assert_true(hear(fds[7], text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"ok\""));
	for (size_t i = 0; i < ORIEL_CONTROL_MAX_CLIENTS; i++) {
		close(fds[i]);
	}
	device_rig_run(&f.rig);
}

/** A line's length, on both sides of the limit. */
static void test_length_of_a_line(void **state) {
	(void)state;
	static char line[ORIEL_CONTROL_MAX_LINE + 1];
	char text[4096];
	for (size_t size = ORIEL_CONTROL_MAX_LINE; size <= ORIEL_CONTROL_MAX_LINE + 1; size++) {
		int fd = join();
		memset(line, ' ', sizeof(line));
		memcpy(line, "{\"do\":\"hello\"}", 14);
		line[size - 1] = '\n';
		for (size_t n = 0; n < size;) {
			ssize_t sent = send(fd, line + n, size - n, MSG_NOSIGNAL);
			assert_true(sent > 0 || errno == EAGAIN || errno == EPIPE);
			if (sent < 0 && errno == EPIPE) {
				break;
			}
			n += sent > 0 ? (size_t)sent : 0;
			device_rig_run(&f.rig);
		}
		device_rig_run(&f.rig);
		assert_true(hear(fd, text, sizeof(text)) > 0);
		assert_non_null(strstr(text,
				size == ORIEL_CONTROL_MAX_LINE ? "\"ok\"" : "\"too-long\""));
		close(fd);
		device_rig_run(&f.rig);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_one_request_a_turn),
		TEST(test_one_client_a_turn),
		TEST(test_a_client_that_goes),
		TEST(test_deadline_of_a_line),
		TEST(test_deadline_of_a_line_behind_another),
		TEST(test_deadline_of_the_next_request),
		TEST(test_deadline_of_a_reply),
		TEST(test_no_more_than_sixteen),
		TEST(test_length_of_a_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
