// SPDX-License-Identifier: MIT
/*
 * Tests of loss: processes that crash, hang, or end, at every point; what comes back, and what is
 * started next.
 */
#include "fixture/remote_rig.h"

#include "fixture/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct remote_rig rig;

static void begin(enum rig_kind kind) {
	rig_init(&rig, kind);
	rig.options.operation_timeout_ms = 60000;
}

static void create(void) {
	assert_int_equal(rig_create(&rig), 0);
}

static int teardown(void **state) {
	(void)state;
	rig_finish(&rig);
	return 0;
}

static void check_all(int err, uint32_t from) {
	for (uint32_t i = from; i < rig.n_ops; i++) {
		CHECK(rig.ops[i].err == err && rig.ops[i].order == i + 1, "operation %u: %d, %u", i,
				rig.ops[i].err, rig.ops[i].order);
	}
}

static const struct {
	const char *name;
	enum fake_trouble trouble;
	const char *reason;
} ends[] = {
	{ "crash", FAKE_CRASH,
			"oriel-render was killed by SIGSEGV while it ran SUBMIT_3D of context 3" },
	{ "exit", FAKE_EXIT,
			"oriel-render exited with status 3 while it ran SUBMIT_3D of context 3" },
	{ "hang", FAKE_HANG,
			"oriel-render made no progress for 200 ms, while it ran SUBMIT_3D of "
			"context 3" },
};

/** Everything comes back in order; a process without the trouble follows, and knows memory. */
static void test_processes_that_end(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ends); i++) {
		begin(RIG_CHILD);
		rig.options.operation_timeout_ms = ends[i].trouble == FAKE_HANG ? 200 : 60000;
		rig.fake.trouble_at = ORIEL_RENDER3D_SUBMIT;
		rig.fake.trouble = ends[i].trouble;
		rig.fake.holds_fences = true;
		create();
		rig.fake.trouble = FAKE_GOOD; // of the next process
		rig.fake.holds_fences = false;
		rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
		rig_wait(&rig);
		rig_simple(&rig, ORIEL_RENDER3D_FENCE, 3, 0);
		uint8_t bytes[4] = { 0 };
		rig_submit_bytes(&rig, bytes, 4);
		rig_simple(&rig, ORIEL_RENDER3D_FENCE, 3, 0);
		rig_simple(&rig, ORIEL_RENDER3D_UNREF_RESOURCE, 0, 1);
		rig_wait(&rig);
		check_all(-ENOTCONN, 1);
		rig_wait_for(&rig, &rig.n_lost, 1);
		CHECK(strcmp(rig.reason, ends[i].reason) == 0, "%s: %s", ends[i].name, rig.reason);
		assert_non_null(strstr(rig.log, ends[i].reason));
		// At once, and it works.
		const uint32_t n = rig.n_ops;
		rig_simple(&rig, ORIEL_RENDER3D_CREATE_CONTEXT, 3, 0);
		rig_submit_bytes(&rig, bytes, 4);
		rig_simple(&rig, ORIEL_RENDER3D_FENCE, 3, 0);
		rig_wait(&rig);
		for (uint32_t k = n; k < rig.n_ops; k++) {
			CHECK(rig.ops[k].err == 0, "%s: operation %u: %d", ends[i].name, k,
					rig.ops[k].err);
		}
		assert_int_equal(rig.n_starts, 2);
		rig_finish(&rig);
	}
	begin(RIG_CHILD);
}

static void test_a_process_that_is_killed(void **state) {
	(void)state;
	begin(RIG_CHILD);
	rig.fake.holds_fences = true;
	create();
	rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	rig_wait(&rig);
	rig_simple(&rig, ORIEL_RENDER3D_FENCE, 7, 0);
	kill(rig.pid, SIGKILL);
	rig_wait_for(&rig, &rig.n_lost, 1);
	check_all(-ENOTCONN, 1);
	assert_string_equal(rig.reason,
			"oriel-render was killed by SIGKILL while it ran fence of context 7");
	rig_wait_for(&rig, &rig.n_starts, 2);
}

static void test_a_fence_that_never_comes(void **state) {
	(void)state;
	begin(RIG_CHILD);
	rig.options.fence_timeout_ms = 200;
	rig.fake.holds_fences = true;
	create();
	rig_simple(&rig, ORIEL_RENDER3D_FENCE, 7, 0);
	rig_wait_for(&rig, &rig.n_lost, 1);
	assert_string_equal(rig.reason, "oriel-render made no progress for 200 ms, while it ran "
					"fence of context 7");
}

/** Nothing is late while the guest is paused, and nothing is forgiven for it. */
static void test_the_clock_stands_still_while_paused(void **state) {
	(void)state;
	begin(RIG_HERE);
	rig.options.operation_timeout_ms = 50;
	rig.fake.is_async = true;
	create();
	rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	oriel_renderer3d_set_paused(rig.remote, true);
	const uint64_t until_ns = oriel_now_ns() + UINT64_C(150000000);
	while (oriel_now_ns() < until_ns) {
		assert_int_equal(oriel_loop_dispatch(rig.loop, 10), 0);
	}
	assert_int_equal(rig.n_kills, 0);
	oriel_renderer3d_set_paused(rig.remote, false);
	rig.fake.is_async = false;
	rig_wait_for(&rig, &rig.n_kills, 1);
	rig_wait_for(&rig, &rig.n_lost, 1);
	assert_int_equal(rig.ops[0].err, -ENOTCONN);
}

/** A pending operation comes back only when the process has ended: it may write until then. */
static void test_nothing_comes_back_before_the_end(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.greet = rig_say_hello;
	rig.ignores_kill = true;
	create();
	rig_simple(&rig, ORIEL_RENDER3D_TRANSFER_FROM_HOST, 3, 1);
	rig_reply(&rig, 12345, 0);
	rig_ring(&rig);
	rig_wait_for(&rig, &rig.n_kills, 1);
	rig_simple(&rig, ORIEL_RENDER3D_DETACH_BACKING, 0, 1);
	for (int i = 0; i < 20; i++) {
		rig_turn(&rig);
	}
	assert_int_equal(rig.n_done, 0);
	assert_int_equal(rig.n_starts, 1);
	rig_exit(&rig, SIGKILL);
	rig_wait(&rig);
	check_all(-ENOTCONN, 0);
	assert_int_equal(rig.n_starts, 2);
	assert_int_equal(rig.n_lost, 1);
}

/** What was answered before the end counts. */
static void test_answers_before_the_end(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.greet = rig_say_hello;
	create();
	struct rig_op *answered = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	struct rig_op *lost = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 2);
	rig_reply(&rig, answered->op.sequence, 0);
	oriel_render_link_finish(&rig.peer); // without a bell
	rig_exit(&rig, 1 << 8);
	rig_wait(&rig);
	assert_int_equal(answered->err, 0);
	assert_int_equal(lost->err, -ENOTCONN);
	assert_string_equal(rig.reason, "oriel-render exited with status 1 while it ran "
					"CTX_ATTACH_RESOURCE of context 3 of resource 2");
}

/** A process that closes the link and lives on is killed. */
static void test_a_process_that_only_closes_the_link(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.greet = rig_say_hello;
	create();
	oriel_render_link_finish(&rig.peer);
	rig_wait_for(&rig, &rig.n_kills, 1);
	rig_wait_for(&rig, &rig.n_lost, 1);
}

static void die_at_once(struct remote_rig *own) {
	oriel_render_link_finish(&own->peer);
	rig_exit(own, SIGABRT);
}

/** The second is started at once; then there is a pause, in which everything is refused. */
static void test_back_off(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.greet = rig_say_hello;
	create();
	rig.greet = die_at_once;
	die_at_once(&rig);
	rig_wait_for(&rig, &rig.n_lost, 1);
	assert_int_equal(rig.n_starts, 2);
	struct rig_op *waits = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	rig_wait_for(&rig, &rig.n_lost, 2);
	assert_int_equal(waits->err, -ENOTCONN);
	assert_string_equal(rig.reason, "oriel-render was killed by SIGABRT while it started");
	assert_int_equal(rig.n_starts, 2);
	struct oriel_remote_statistics statistics = { .size = sizeof(statistics) };
	oriel_remote_get_statistics(rig.remote, &statistics);
	assert_true(!statistics.is_running && statistics.age_ns == 0);
	struct rig_op *refused = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	assert_int_equal(refused->err, -ENOTCONN);
	assert_false(oriel_renderer3d_is_full(rig.remote));
	rig.greet = rig_say_hello;
	rig_wait_for(&rig, &rig.n_starts, 3);
	struct rig_op *served = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	rig_reply(&rig, served->op.sequence, 0);
	rig_ring(&rig);
	rig_wait(&rig);
	assert_int_equal(served->err, 0);
	oriel_remote_get_statistics(rig.remote, &statistics);
	assert_int_equal(statistics.n_starts, 3);
	assert_int_equal(statistics.n_losses, 2);
	assert_true(statistics.is_running && !statistics.is_refused);
	assert_int_equal(statistics.n_pending, 0);
	assert_true(statistics.age_ns > 0);
	assert_string_equal(statistics.last_loss,
			"oriel-render was killed by SIGABRT while it started");
}

static void test_a_start_that_fails(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.greet = rig_say_hello;
	create();
	rig.start_err = -EMFILE;
	die_at_once(&rig);
	rig_wait_for(&rig, &rig.n_lost, 1);
	assert_int_equal(rig.n_starts, 2);
	rig_wait_for(&rig, &rig.n_starts, 3); // after a second
	struct rig_op *served = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
	rig_reply(&rig, served->op.sequence, 0);
	rig_ring(&rig);
	rig_wait(&rig);
	assert_int_equal(served->err, 0);
}

static void say_nothing(struct remote_rig *own) {
	(void)own;
}

static void test_a_second_process_that_says_nothing(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.options.start_timeout_ms = 200;
	rig.greet = rig_say_hello;
	create();
	rig.greet = say_nothing;
	die_at_once(&rig);
	rig_wait_for(&rig, &rig.n_lost, 2);
	assert_string_equal(rig.reason, "oriel-render took too long to start, while it started");
	assert_int_equal(rig.n_kills, 1);
}

static void say_other_capsets(struct remote_rig *own) {
	rig_say_hello_as(own, ORIEL_RENDER_LINK_VERSION, 1);
	rig_say_capset(own, 1, 308, 8);
}

/** Another GPU is not the guest's: 3D stays lost, until the guest begins anew. */
static void test_a_second_process_with_other_capsets(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.greet = rig_say_hello;
	create();
	rig.greet = say_other_capsets;
	die_at_once(&rig);
	rig_wait_for(&rig, &rig.n_lost, 2);
	assert_non_null(strstr(rig.reason, "has become another GPU"));
	assert_int_equal(rig.remote->capsets.capsets[0].data[0], 7);
	struct rig_op *refused = rig_simple(&rig, ORIEL_RENDER3D_CREATE_CONTEXT, 3, 0);
	assert_int_equal(refused->err, -ENOTCONN);
	assert_int_equal(rig.n_starts, 2);
	rig.greet = rig_say_hello;
	rig_simple(&rig, ORIEL_RENDER3D_RESET, 0, 0);
	rig_wait_for(&rig, &rig.n_starts, 3);
}

/** The next process knows guest memory before anything else. */
static void test_memory_is_said_again(void **state) {
	(void)state;
	begin(RIG_CHILD);
	create();
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	assert_int_equal(oriel_memory_add_region_take(memory, 0, 0x1000, 0, fd), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_SET_MEMORY);
	op->map = map;
	rig_submit(&rig, op);
	rig_wait(&rig);
	kill(rig.pid, SIGKILL);
	rig_wait_for(&rig, &rig.n_lost, 1);
	struct oriel_budget budget = { .limit = ORIEL_BUDGET_OFF };
	struct oriel_backing backing;
	oriel_backing_init(&backing, &budget);
	assert_int_equal(oriel_backing_begin(&backing, 1, map), 0);
	assert_int_equal(oriel_backing_append(&backing, 0x10, 0x20, UINT64_MAX), 0);
	oriel_backing_end(&backing);
	op = rig_next(&rig, ORIEL_RENDER3D_ATTACH_BACKING);
	op->resource_id = 5;
	op->backing = &backing;
	struct rig_op *attached = rig_submit(&rig, op);
	rig_wait(&rig);
	assert_int_equal(attached->err, 0);
	oriel_backing_detach(&backing);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
}

static struct oriel_mem_map *make_map(uint32_t n_regions) {
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	for (uint32_t i = 0; i < n_regions; i++) {
		assert_int_equal(oriel_memory_add_region_take(memory, 0x10000 * (uint64_t)i, 0x1000,
						 0, dup(fd)),
				0);
	}
	close(fd);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	oriel_memory_destroy(memory);
	return map;
}

static void set_memory(struct oriel_mem_map *map) {
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_SET_MEMORY);
	op->map = map;
	rig_submit(&rig, op);
}

/** Receive n descriptors as the renderer, while the socket is filled at the other end. */
static void receive_files(uint32_t n) {
	const uint64_t deadline_ns = oriel_now_ns() + UINT64_C(20000000000);
	for (uint32_t i = 0; i < n; rig_turn(&rig)) {
		uint8_t bytes[64];
		size_t size;
		int fd = -1;
		int err = oriel_render_link_receive(&rig.peer, bytes, sizeof(bytes), &size, &fd);
		CHECK(err == 0 || (err == -EAGAIN && oriel_now_ns() < deadline_ns), "%u of %u: %d",
				i, n, err);
		if (err == 0) {
			CHECK(fd >= 0, "message %u has no descriptor", i);
			close(fd);
			i++;
		}
	}
}

static int get_lowest_free_fd(void) {
	int fd = dup(STDIN_FILENO);
	close(fd);
	return fd;
}

/** A new table while the next process is still being sent the last one, which nobody else has. */
static void test_memory_changes_while_it_is_said_again(void **state) {
	(void)state;
	const int lowest_free_fd = get_lowest_free_fd();
	for (int dies = 0; dies < 2; dies++) {
		begin(RIG_NONE);
		rig.greet = rig_say_hello;
		create();
		struct oriel_mem_map *many = make_map(ORIEL_MEMORY_MAX_REGIONS);
		set_memory(many);
		die_at_once(&rig);
		rig_wait_for(&rig, &rig.n_lost, 1);
		assert_int_equal(rig.n_starts, 2);
		oriel_mem_map_release(many);
		struct oriel_mem_map *few = make_map(2);
		set_memory(few);
		receive_files(ORIEL_MEMORY_MAX_REGIONS + 2);
		if (dies != 0) {
			die_at_once(&rig);
			rig_wait_for(&rig, &rig.n_lost, 2);
		}
		rig_finish(&rig);
		oriel_mem_map_release(few);
		assert_int_equal(get_lowest_free_fd(), lowest_free_fd);
	}
	begin(RIG_CHILD);
}

static void test_creation_fails(void **state) {
	(void)state;
	begin(RIG_NONE);
	rig.start_err = -EACCES;
	assert_int_equal(rig_create(&rig), -EACCES);
	rig.options.start_timeout_ms = 50;
	rig.greet = say_nothing;
	assert_int_equal(rig_create(&rig), -ETIMEDOUT);
	assert_int_equal(rig.n_kills, 1);
	rig.options.start_timeout_ms = 10000;
	rig.greet = die_at_once;
	assert_int_equal(rig_create(&rig), -ENODEV);
	rig.greet = rig_say_hello;
	create();
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_processes_that_end),
		TEST(test_a_process_that_is_killed),
		TEST(test_a_fence_that_never_comes),
		TEST(test_the_clock_stands_still_while_paused),
		TEST(test_nothing_comes_back_before_the_end),
		TEST(test_answers_before_the_end),
		TEST(test_a_process_that_only_closes_the_link),
		TEST(test_back_off),
		TEST(test_a_start_that_fails),
		TEST(test_a_second_process_that_says_nothing),
		TEST(test_a_second_process_with_other_capsets),
		TEST(test_memory_is_said_again),
		TEST(test_memory_changes_while_it_is_said_again),
		TEST(test_creation_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
