// SPDX-License-Identifier: MIT
/*
 * Tests of rings in a session: the front-end plays QEMU's order of messages (start, stop and cont,
 * reboots with and without RESET_DEVICE), and orders that are unusual.
 */
#include "fixture/vhost_rig.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define USER(offset) (RIG_LOW_USER + (offset))

static const uint32_t fresh[2] = { 0, 0 };

// What vhost_rig_start() makes of a device, after the first line.
#define STARTED \
	"start 0: 64 at 0x0, 0x0 0x1000 0x2000\n" \
	"start 1: 16 at 0x0, 0x4000 0x5000 0x6000\n" \
	"call 0\n" \
	"call 1\n"

/** A session that has been started for the first time. */
static void begin(struct vhost_rig *rig) {
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_start(rig, 0, fresh);
	CHECK_TRACE(rig, "features 0x100000002\n" STARTED);
}

/** A ring that only lacks its ENABLE. */
static void prepare(struct vhost_rig *rig, uint32_t i, uint32_t base) {
	vhost_rig_state(rig, VHOST_USER_SET_VRING_NUM, i, 16);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_BASE, i, base);
	vhost_rig_addr(rig, i, USER(0), USER(0x1000), USER(0x2000));
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, i, rig->kick_fds[i]);
}

static bool is_readable(int fd) {
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	return poll(&pollfd, 1, 0) == 1;
}

static void test_start_and_stop(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	assert_int_equal(rig->n_gpu_fds, 1);
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 8);
	rig->device.served = 5;
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	CHECK_TRACE(rig, "stop 0\nstop 1\n");
	assert_int_equal(bases[0], 5);
	assert_int_equal(bases[1], 5);
	assert_true(rig->n_lines[ORIEL_LOG_INFO] <= 10);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 0);
}

static void test_stop_and_cont_keep_all(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 5;
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	vhost_rig_start(rig, 0, bases);
	CHECK_TRACE(rig, "stop 0\nstop 1\n"
			 "start 0: 64 at 0x5, 0x0 0x1000 0x2000\n"
			 "start 1: 16 at 0x5, 0x4000 0x5000 0x6000\n"
			 "call 0\ncall 1\n");
	assert_int_equal(rig->n_gpu_fds, 2);
	// Nothing served in between: the base stays, and so does the guest.
	rig->device.served = 0;
	vhost_rig_stop(rig, bases);
	assert_int_equal(bases[0], 5);
	vhost_rig_start(rig, 0, bases);
	assert_null(strstr(fake_virtio_take_trace(&rig->device), "reset"));
}

static void test_reboot_with_reset_device(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 5;
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	fake_virtio_take_trace(&rig->device);
	vhost_rig_plain(rig, VHOST_USER_RESET_DEVICE, -1);
	CHECK_TRACE(rig, "reset\nfeatures 0x100000002\n");
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 0);
	// Memory and the GPU socket are still there: QEMU does not send the regions again.
	vhost_rig_start(rig, 0x100, fresh);
	CHECK_TRACE(rig, "start 0: 64 at 0x0, 0x100 0x1100 0x2100\n"
			 "start 1: 16 at 0x0, 0x4100 0x5100 0x6100\n"
			 "call 0\ncall 1\n");
	assert_int_equal(oriel_memory_count_regions(rig->device.base.memory), 2);
	assert_true(rig->gpu_fd >= 0);
	// A ring that breaks is told on the descriptor that was given before the reset.
	rig->device.base.listener.handle_needs_reset(rig->device.base.listener.user, 1, "broken");
	assert_true(is_readable(rig->err_fds[1]));
	assert_false(is_readable(rig->err_fds[0]));
}

// A front-end that does not say it: QEMU's generic device, or one without RESET_DEVICE.
static void test_reboot_without_reset_device(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 5;
	uint32_t bases[2];
	for (int i = 0; i < 3; i++) {
		vhost_rig_stop(rig, bases);
		vhost_rig_start(rig, 0, fresh);
		CHECK_TRACE(rig, "stop 0\nstop 1\nreset\nfeatures 0x100000002\n" STARTED);
		assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 8);
	}
}

static void test_rings_that_stopped_at_their_beginning(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	vhost_rig_start(rig, 0, fresh);
	CHECK_TRACE(rig, "stop 0\nstop 1\n" STARTED); // a resume
	vhost_rig_stop(rig, bases);
	vhost_rig_start(rig, 0x100, fresh);
	CHECK_TRACE(rig, "stop 0\nstop 1\nreset\nfeatures 0x100000002\n"
			 "start 0: 64 at 0x0, 0x100 0x1100 0x2100\n"
			 "start 1: 16 at 0x0, 0x4100 0x5100 0x6100\n"
			 "call 0\ncall 1\n");
	// Elsewhere, but not at the beginning: resumed all the same.
	rig->device.served = 7;
	vhost_rig_stop(rig, bases);
	vhost_rig_start(rig, 0, bases);
	assert_null(strstr(fake_virtio_take_trace(&rig->device), "reset"));
}

static void test_any_part_that_lies_elsewhere(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	uint64_t parts[3] = { USER(0), USER(0x1000), USER(0x2000) };
	for (size_t i = 0; i < 4; i++) {
		vhost_rig_get_base(rig, 0);
		parts[i % 3] += i < 3 ? 0x100 : 0;
		vhost_rig_addr(rig, 0, parts[0], parts[1], parts[2]);
		fake_virtio_take_trace(&rig->device);
		vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 0, rig->kick_fds[0]);
		bool was_reset = strstr(fake_virtio_take_trace(&rig->device), "reset") != NULL;
		CHECK(was_reset == (i < 3), "part %zu", i);
	}
}

static void test_other_features_are_another_driver(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	for (uint32_t i = 0; i < 2; i++) {
		vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, i, rig->kick_fds[i]);
	}
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, UINT64_C(0x140000003));
	fake_virtio_take_trace(&rig->device);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_TRACE(rig, "reset\nfeatures 0x100000003\nstart 0: 64 at 0x0, 0x0 0x1000 0x2000\n");
}

static void test_packed_rings_begin_elsewhere(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, UINT64_C(0x540000000));
	prepare(rig, 0, 0x80008000);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_NUM, 0, 3); // any size will do
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_TRACE(rig, "features 0x500000000\nstart 0: 3 at 0x80008000, 0x0 0x1000 0x2000\n");
	// As before: a resume. Elsewhere: another driver.
	assert_int_equal(vhost_rig_get_base(rig, 0), 0x80008000);
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 0, rig->kick_fds[0]);
	CHECK_TRACE(rig, "stop 0\nstart 0: 3 at 0x80008000, 0x0 0x1000 0x2000\n");
	vhost_rig_get_base(rig, 0);
	rig->device.served = 0x7fff8000;
	prepare(rig, 0, 0x80008000);
	CHECK_TRACE(rig, "stop 0\nreset\nfeatures 0x500000000\n"
			 "start 0: 16 at 0x80008000, 0x0 0x1000 0x2000\n");
	// At 0, which is not where a packed ring begins: resumed.
	assert_int_equal(vhost_rig_get_base(rig, 0), 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_NUM, 0, 64);
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 0, rig->kick_fds[0]);
	CHECK_TRACE(rig, "stop 0\nstart 0: 64 at 0x0, 0x0 0x1000 0x2000\n");
}

static void test_the_first_ring_to_start_is_judged(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 5;
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	fake_virtio_take_trace(&rig->device);
	prepare(rig, 1, 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	CHECK_TRACE(rig, "reset\nfeatures 0x100000002\nstart 1: 16 at 0x0, 0x0 0x1000 0x2000\n");
	// One reset is enough, and a ring that has not run since shows nothing.
	vhost_rig_state(rig, VHOST_USER_SET_VRING_BASE, 0, 77);
	assert_int_equal(vhost_rig_get_base(rig, 0), 77);
	prepare(rig, 0, 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_TRACE(rig, "start 0: 16 at 0x0, 0x0 0x1000 0x2000\n");
}

static void test_queue_0_is_judged_in_any_case(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 5;
	uint32_t bases[2];
	vhost_rig_stop(rig, bases);
	rig->device.is_slow = true;
	fake_virtio_take_trace(&rig->device);
	prepare(rig, 1, 5);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	prepare(rig, 0, 0);
	CHECK_TRACE(rig, "start 1: 16 at 0x5, 0x0 0x1000 0x2000\n");
	// The ring that runs already is stopped in good order, and goes on after the reset.
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_TRACE(rig, "stop 1\n");
	fake_virtio_report_stop(&rig->device, 1);
	vhost_rig_run(rig);
	CHECK_TRACE(rig, "reset\nfeatures 0x100000002\n"
			 "start 0: 16 at 0x0, 0x0 0x1000 0x2000\n"
			 "start 1: 16 at 0xa, 0x0 0x1000 0x2000\n");
}

static void test_a_restart_of_queue_1_alone(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 5;
	vhost_rig_get_base(rig, 1);
	prepare(rig, 1, 0);
	CHECK_TRACE(rig, "stop 1\nstart 1: 16 at 0x0, 0x0 0x1000 0x2000\n");
}

static void test_replies_wait_for_a_slow_stop(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.is_slow = true;
	rig->device.served = 9;
	// All at once: what follows the one that waits is there already.
	uint8_t bytes[128];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	struct oriel_vhost_ring_state zero = { 0, 0 };
	struct oriel_vhost_ring_state one = { 1, 0 };
	oriel_vhost_encode_ring_state(&w, VHOST_USER_GET_VRING_BASE, 0, &zero);
	oriel_vhost_encode_plain(&w, VHOST_USER_GET_QUEUE_NUM, 0);
	oriel_vhost_encode_ring_state(&w, VHOST_USER_SET_VRING_ENABLE, 0, &one);
	vhost_rig_send_raw(rig, bytes, (size_t)(w.cur - bytes), NULL, 0);
	vhost_rig_run(rig);
	struct vhost_rig_reply reply;
	assert_false(vhost_rig_receive(rig, &reply));
	CHECK_TRACE(rig, "stop 0\n");
	fake_virtio_report_stop(&rig->device, 0);
	// Not from inside the device.
	assert_false(vhost_rig_receive(rig, &reply));
	vhost_rig_run(rig);
	assert_true(vhost_rig_receive(rig, &reply));
	assert_int_equal(reply.header.request, VHOST_USER_GET_VRING_BASE);
	assert_int_equal(reply.header.size, 8);
	assert_int_equal(reply.payload[4], 9);
	assert_true(vhost_rig_receive(rig, &reply));
	assert_int_equal(reply.header.request, VHOST_USER_GET_QUEUE_NUM);
	CHECK_TRACE(rig, "stop 1\n");
	fake_virtio_report_stop(&rig->device, 1);
	vhost_rig_run(rig);
	assert_int_equal(vhost_rig_get_base(rig, 1), 9);
}

static void test_a_device_goes_while_it_stops(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.is_slow = true;
	vhost_rig_state(rig, VHOST_USER_GET_VRING_BASE, 0, 0);
	oriel_vhost_user_destroy(rig->session);
	rig->session = NULL;
	CHECK_TRACE(rig, "stop 0\nreset\nmemory 0\n");
	assert_false(rig->has_ended);
	vhost_rig_run(rig);
	vhost_rig_connect(rig);
	begin(rig);
	vhost_rig_state(rig, VHOST_USER_GET_VRING_BASE, 0, 0);
	vhost_rig_plain(rig, VHOST_USER_GET_FEATURES, -1);
	vhost_rig_hang_up(rig);
	assert_true(rig->has_ended);
	assert_int_equal(rig->end_err, 0);
	CHECK_TRACE(rig, "stop 0\nreset\nmemory 0\n");
	// Both in one turn of the loop.
	vhost_rig_connect(rig);
	begin(rig);
	vhost_rig_state(rig, VHOST_USER_GET_VRING_BASE, 0, 0);
	fake_virtio_report_stop(&rig->device, 0);
	vhost_rig_hang_up(rig);
	assert_true(rig->has_ended);
	assert_int_equal(rig->end_err, 0);
}

static void test_a_kick_before_the_start_is_not_lost(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, 1 << VHOST_USER_F_PROTOCOL_FEATURES);
	oriel_eventfd_signal(rig->kick_fds[0]);
	prepare(rig, 0, 0);
	oriel_eventfd_signal(rig->kick_fds[0]);
	vhost_rig_run(rig);
	CHECK_TRACE(rig, "features 0x0\n");
	assert_true(is_readable(rig->kick_fds[0]));
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_TRACE(rig, "start 0: 16 at 0x0, 0x0 0x1000 0x2000\n");
	assert_true(is_readable(rig->device.queues[0].config.kick_fd));
}

// They are the front-end's too, and it may want to wait in a read.
static void test_flags_of_descriptors_are_left_alone(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	int fd = eventfd(0, EFD_CLOEXEC);
	for (uint32_t request = 12; request <= 14; request++) {
		vhost_rig_ring_fd(rig, request, 0, fd);
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	}
	oriel_fd_close(&fd);
}

static void test_a_ring_without_a_kick_descriptor(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	assert_int_equal(rig->device.n_kicks, 0);
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 1, -1);
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_CALL, 1, -1);
	CHECK_TRACE(rig, "stop 1\nstart 1: 16 at 0x0, 0x4000 0x5000 0x6000 no kick\ncall 1 none\n");
	for (int i = 0; i < 10000 && rig->device.n_kicks < 3; i++) {
		assert_int_equal(oriel_loop_dispatch(rig->loop, 10), 0);
	}
	assert_true(rig->device.n_kicks >= 3);
	vhost_rig_get_base(rig, 1);
	size_t n_kicks = rig->device.n_kicks;
	assert_int_equal(oriel_loop_dispatch(rig->loop, 10), 0); // the last one that was due
	struct pollfd pollfd = { .fd = oriel_loop_get_fd(rig->loop), .events = POLLIN };
	assert_int_equal(poll(&pollfd, 1, 10), 0);
	assert_int_equal(rig->device.n_kicks, n_kicks);
}

static void test_enable_may_come_first_and_for_nothing(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, 1 << VHOST_USER_F_PROTOCOL_FEATURES);
	rig->asks = true;
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, i, 1), 0);
	}
	CHECK_TRACE(rig, "features 0x0\n");
	prepare(rig, 0, 3);
	CHECK_TRACE(rig, "start 0: 16 at 0x3, 0x0 0x1000 0x2000\n");
	// A queue that was never set up, and one that has only a base.
	assert_int_equal(vhost_rig_get_base(rig, 1), 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_BASE, 1, 77);
	assert_int_equal(vhost_rig_get_base(rig, 1), 77);
	assert_int_equal(vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 0), 0);
	CHECK_TRACE(rig, "");
	// It had not run, so it is free to begin elsewhere.
	assert_int_equal(vhost_rig_get_base(rig, 0), 3);
	prepare(rig, 1, 0);
	assert_int_equal(vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1), 0);
	CHECK_TRACE(rig, "stop 0\nstart 1: 16 at 0x0, 0x0 0x1000 0x2000\n");
}

static void test_a_disabled_ring_goes_on_where_it_was(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	rig->device.served = 6;
	for (uint32_t i = 0; i < 3; i++) {
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 0);
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 0);
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 0);
		CHECK_TRACE(rig, "stop 0\nstop 1\n");
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1);
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1);
		const char *trace = fake_virtio_take_trace(&rig->device);
		assert_null(strstr(trace, "reset"));
		assert_int_equal(rig->device.queues[0].config.base, 6 * (i + 1));
	}
	// The one that was handed its base and the one that was not, together.
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 0);
	uint32_t base = vhost_rig_get_base(rig, 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_BASE, 0, base);
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 0, rig->kick_fds[0]);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	assert_null(strstr(fake_virtio_take_trace(&rig->device), "reset"));
	assert_true(rig->device.queues[0].is_started);
	// What GET_VRING_BASE said before it ran again does not count any more.
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	assert_null(strstr(fake_virtio_take_trace(&rig->device), "reset"));
	assert_int_equal(rig->device.queues[0].config.base, base + 6);
}

static void test_without_protocol_features_a_kick_starts(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_add_memory(rig);
	prepare(rig, 0, 0);
	CHECK_TRACE(rig, ""); // no features yet
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, UINT64_C(1) << 32);
	CHECK_TRACE(rig, "features 0x100000000\n"
			 "start 0: 16 at 0x0, 0x0 0x1000 0x2000 no call\n");
	prepare(rig, 1, 0);
	CHECK_TRACE(rig, "start 1: 16 at 0x0, 0x0 0x1000 0x2000 no call\n");
	vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 0);
	CHECK_TRACE(rig, "stop 1\n");
}

static void test_memory_may_change_while_rings_run(void **state) {
	struct vhost_rig *rig = *state;
	begin(rig);
	struct oriel_vhost_region region = { 0x200000000, 0x1000, 0x7f2000000000, 0 };
	int fd = vhost_rig_make_file(0x1000);
	vhost_rig_region(rig, VHOST_USER_ADD_MEM_REG, &region, fd);
	CHECK_TRACE(rig, "memory 3\n");
	vhost_rig_region(rig, VHOST_USER_REM_MEM_REG, &region, fd);
	CHECK_TRACE(rig, "memory 2\n");
	oriel_fd_close(&fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vhost_rig_setup, vhost_rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_start_and_stop),
		TEST(test_stop_and_cont_keep_all),
		TEST(test_reboot_with_reset_device),
		TEST(test_reboot_without_reset_device),
		TEST(test_rings_that_stopped_at_their_beginning),
		TEST(test_any_part_that_lies_elsewhere),
		TEST(test_other_features_are_another_driver),
		TEST(test_packed_rings_begin_elsewhere),
		TEST(test_the_first_ring_to_start_is_judged),
		TEST(test_queue_0_is_judged_in_any_case),
		TEST(test_a_restart_of_queue_1_alone),
		TEST(test_replies_wait_for_a_slow_stop),
		TEST(test_a_device_goes_while_it_stops),
		TEST(test_a_kick_before_the_start_is_not_lost),
		TEST(test_flags_of_descriptors_are_left_alone),
		TEST(test_a_ring_without_a_kick_descriptor),
		TEST(test_enable_may_come_first_and_for_nothing),
		TEST(test_a_disabled_ring_goes_on_where_it_was),
		TEST(test_without_protocol_features_a_kick_starts),
		TEST(test_memory_may_change_while_rings_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
