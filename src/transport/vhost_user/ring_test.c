// SPDX-License-Identifier: MIT
/*
 * Tests of rings in a session: the front-end plays QEMU's order of messages (start, stop and cont,
 * reboots with and without RESET_DEVICE), and orders that are unusual.
 */
#include "fixture/vhost_rig.h"

#include "base/fd.h"

#include <errno.h>
#include <poll.h>
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

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_start_and_stop, vhost_rig_setup,
				vhost_rig_teardown),
		cmocka_unit_test_setup_teardown(test_stop_and_cont_keep_all, vhost_rig_setup,
				vhost_rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
