// SPDX-License-Identifier: MIT
/* Tests of sink.h: a pipe that takes everything, nothing for a while, or nothing any more. */
#include "render/record/sink.h"

#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE 4096u
#define MAX_TURNS 100000

static struct oriel_loop *loop;
static struct record_sink sink;
static int reading_end;

static int set_up(void **state) {
	(void)state;
	int ends[2];
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(oriel_loop_create(&loop), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	reading_end = ends[0];
	assert_int_equal(record_sink_init_take(&sink, loop, ends[1]), 0);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	if (reading_end >= 0) {
		close(reading_end);
	}
	record_sink_finish(&sink);
	oriel_loop_destroy(loop);
	return 0;
}

/** The n-th byte of all that is written. */
static uint8_t byte_at(size_t n) {
	return (uint8_t)(n * 7 + (n >> 8) * 3 + (n >> 16));
}

static void put(size_t begin, size_t size) {
	uint8_t *bytes = malloc(size);
	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++) {
		bytes[i] = byte_at(begin + i);
	}
	record_sink_put(&sink, bytes, size);
	free(bytes);
}

/** Read all that there is, from the begin-th byte on. Returns how much. */
static size_t take(size_t begin, size_t size) {
	static uint8_t bytes[64u << 10];
	ssize_t n = read(reading_end, bytes, size < sizeof(bytes) ? size : sizeof(bytes));
	for (ssize_t i = 0; i < n; i++) {
		CHECK(bytes[i] == byte_at(begin + (size_t)i), "byte %zu", begin + (size_t)i);
	}
	return n > 0 ? (size_t)n : 0;
}

static void test_at_once(void **state) {
	(void)state;
	put(0, 100);
	assert_int_equal(sink.len, 0);
	assert_int_equal(take(0, 1000), 100);
}

/** What the pipe does not take waits, and goes when the loop sees that it can; nothing is lost. */
static void test_later(void **state) {
	(void)state;
	const size_t size = 3u << 20;
	for (size_t n = 0; n < size; n += PIECE) {
		put(n, PIECE);
	}
	assert_int_equal(sink.err, 0);
	assert_true(sink.len > 1u << 20);
	size_t n = 0;
	for (int turn = 0; n < size && turn < MAX_TURNS; turn++) {
		n += take(n, size - n);
		assert_int_equal(oriel_loop_dispatch(loop, 0), 0);
	}
	assert_int_equal(n, size);
	assert_int_equal(sink.len, 0);
	put(n, 10); // and goes on
	assert_int_equal(take(n, 1000), 10);
}

/** The ring wraps, and what is larger than all of it goes through, if somebody reads. */
static void test_large(void **state) {
	(void)state;
	const size_t size = RECORD_SINK_CAPACITY + (9u << 20) + 13;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(sink.fd);
		size_t n = 0;
		size_t n_taken = 1;
		while (n_taken > 0) {
			n_taken = take(n, SIZE_MAX);
			n += n_taken;
		}
		_exit(n == size ? 0 : 1);
	}
	sink.patience_ns = UINT64_MAX / 2;
	put(0, 5u << 20);
	put(5u << 20, size - (5u << 20));
	record_sink_finish(&sink);
	assert_int_equal(sink.err, 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/** Nobody reads: memory is bounded, and so is the time. */
static void test_nobody_reads(void **state) {
	(void)state;
	const size_t size = RECORD_SINK_CAPACITY + (4u << 20);
	size_t n = 0;
	for (; n < size && sink.err == 0; n += 1u << 20) {
		sink.patience_ns = 1000000;
		put(n, 1u << 20);
	}
	assert_int_equal(sink.err, -ETIMEDOUT);
	assert_true(n >= RECORD_SINK_CAPACITY);
	assert_int_equal(sink.fd, -1);
	put(0, 100); // of no effect
	assert_int_equal(sink.len, 0);
}

static void test_closed(void **state) {
	(void)state;
	close(reading_end);
	reading_end = -1;
	put(0, 100);
	assert_int_equal(sink.err, -EPIPE);
	assert_int_equal(oriel_loop_dispatch(loop, 0), 0);
}

/** It is seen from the loop, too. */
static void test_closed_later(void **state) {
	(void)state;
	put(0, 2u << 20);
	assert_true(sink.len > 0 && sink.err == 0);
	close(reading_end);
	reading_end = -1;
	assert_int_equal(oriel_loop_dispatch(loop, 0), 0);
	assert_int_equal(sink.err, -EPIPE);
}

static void test_file(void **state) {
	(void)state;
	int fd = memfd_create("sink", MFD_CLOEXEC);
	struct record_sink file;
	int other = dup(fd);
	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(record_sink_init_take(&file, loop, other), 0);
	record_sink_put(&file, (const uint8_t *)"abc", 3);
	record_sink_finish(&file);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3);
	assert_int_equal(fcntl(other, F_GETFD), -1);
	close(fd);
}

int main(void) {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_at_once),
		ROW(test_later),
		ROW(test_large),
		ROW(test_nobody_reads),
		ROW(test_closed),
		ROW(test_closed_later),
		ROW(test_file),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
