// SPDX-License-Identifier: MIT
/*
 * Tests of the queues: turns, interrupts, kicks, starting and stopping, resets, and rings that
 * break.
 */
#include "device/device.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define INFO VIRTIO_GPU_CMD_GET_DISPLAY_INFO

static void submit_many(struct device_rig *rig, unsigned int queue, int n) {
	const struct gpu_command cmd =
			queue == RIG_CURSOR ? gpu_move_cursor(0, 1, 1) : gpu_command_of(INFO);
	for (int i = 0; i < n; i++) {
		device_rig_submit(rig, queue, &cmd);
	}
}

static void begin(struct device_rig *rig) {
	device_rig_init_rings(rig, NULL, 256, 16);
	device_rig_start(rig);
	device_rig_run(rig);
}

static void test_turns(void **state) {
	(void)state;
	static const struct {
		uint32_t n_chains, n_turns;
	} cases[] = { { 1, 1 }, { 63, 1 }, { 64, 1 }, { 65, 2 }, { 200, 4 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct device_rig rig;
		begin(&rig);
		submit_many(&rig, RIG_CONTROL, (int)cases[i].n_chains);
		device_rig_kick(&rig, RIG_CONTROL);
		uint32_t n_done = 0;
		for (uint32_t turn = 1; turn <= cases[i].n_turns; turn++) {
			device_rig_dispatch(&rig);
			uint32_t want = turn < cases[i].n_turns ? 64 : cases[i].n_chains - n_done;
			uint32_t n = device_rig_collect_all(&rig, RIG_CONTROL);
			CHECK(n == want, "%u chains, turn %u: %u", cases[i].n_chains, turn, n);
			CHECK(rig.told[RIG_CONTROL].n_interrupts == turn,
					"%u chains, turn %u: %u interrupts", cases[i].n_chains,
					turn, rig.told[RIG_CONTROL].n_interrupts);
			n_done += n;
		}
		device_rig_run(&rig);
		assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, cases[i].n_turns);
		assert_int_equal(rig.told[RIG_CURSOR].n_interrupts, 0);
		// A guest that was told not to kick is told to again.
		submit_many(&rig, RIG_CONTROL, 1);
		assert_true(fake_ring_kick_is_wanted(&rig.rings[RIG_CONTROL]));
		device_rig_finish(&rig);
	}
}

/** However long the guest makes its chains, a turn is not much longer for it. */
static void test_turns_of_long_chains(void **state) {
	(void)state;
	enum { N_BUFS = 4000, N_TURNS = 2 };
	static const struct fake_buf empty[N_BUFS];
	const uint32_t n_a_turn = ORIEL_TURN_DESCS / N_BUFS + 1;
	struct device_rig rig;
	begin(&rig);
	for (uint32_t i = 0; i < n_a_turn * N_TURNS; i++) {
		fake_ring_add_indirect(&rig.rings[RIG_CONTROL], empty, N_BUFS, 0);
	}
	fake_ring_publish(&rig.rings[RIG_CONTROL]);
	device_rig_kick(&rig, RIG_CONTROL);
	for (uint32_t turn = 0; turn < N_TURNS; turn++) {
		device_rig_dispatch(&rig);
		struct fake_used used;
		uint32_t n = 0;
		while (fake_ring_collect(&rig.rings[RIG_CONTROL], &used)) {
			n++;
		}
		CHECK(n == n_a_turn, "turn %u: %u of %u", turn, n, n_a_turn);
	}
	device_rig_finish(&rig);
}

/** H-040: a control queue that is never empty does not starve the cursor queue. */
static void test_no_starvation(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	submit_many(&rig, RIG_CONTROL, 200);
	device_rig_kick(&rig, RIG_CONTROL);
	for (int i = 0; i < 10; i++) {
		submit_many(&rig, RIG_CURSOR, 1);
		device_rig_kick(&rig, RIG_CURSOR);
		device_rig_dispatch(&rig);
		device_rig_dispatch(&rig);
		assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
		submit_many(&rig, RIG_CONTROL, (int)device_rig_collect_all(&rig, RIG_CONTROL));
		if (rig.guest.next_gpa > FAKE_GUEST_BASE + RIG_MAIN_SIZE / 2) {
			break;
		}
	}
	device_rig_finish(&rig);
}

/** The cursor waits for one control command, however many there are; also if its kick is late. */
static void test_cursor_first(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	submit_many(&rig, RIG_CONTROL, 5);
	submit_many(&rig, RIG_CURSOR, 1);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_dispatch(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 1);
	device_rig_dispatch(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 4);
	device_rig_finish(&rig);
}

static void test_no_interrupt_unless_wanted(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	fake_ring_want_interrupts(&rig.rings[RIG_CONTROL], false);
	submit_many(&rig, RIG_CONTROL, 3);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 3);
	assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, 0);
	device_rig_finish(&rig);
}

static void test_event_idx(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init_rings(&rig, NULL, 256, 16);
	device_rig_set_features(&rig, 1ull << ORIEL_VIRTIO_F_EVENT_IDX);
	rig.rings[RIG_CONTROL].event_idx = true;
	device_rig_start_queue(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	struct fake_ring *ring = &rig.rings[RIG_CONTROL];
	assert_true(fake_ring_kick_is_wanted(ring));
	// When the 5th request is used; in a packed ring that is its 10th slot.
	fake_ring_want_interrupt_at(ring, ring->packed ? 10 : 5);
	static const int steps[][2] = { { 4, 0 }, { 1, 1 }, { 3, 1 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(steps); i++) {
		submit_many(&rig, RIG_CONTROL, steps[i][0]);
		device_rig_kick(&rig, RIG_CONTROL);
		device_rig_run(&rig);
		assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), steps[i][0]);
		assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, steps[i][1]);
		assert_true(fake_ring_kick_is_wanted(ring));
	}
	device_rig_finish(&rig);
}

static uint64_t read_eventfd(int fd) {
	uint64_t count = 0;
	ssize_t n = read(fd, &count, sizeof(count));
	return n == (ssize_t)sizeof(count) ? count : 0;
}

/** Kicks and interrupts through descriptors, which the device duplicates. */
static void test_descriptors(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	size_t n_fds = count_open_fds();
	int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int second = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(kick >= 0 && call >= 0 && second >= 0);
	struct oriel_virtio_queue config = device_rig_config(&rig, RIG_CONTROL);
	config.kick_fd = kick;
	config.call_fd = call;
	assert_int_equal(oriel_virtio_start_queue(rig.virtio, RIG_CONTROL, &config), 0);
	close(call); // ours is another one
	call = fcntl(rig.gpu->queues[RIG_CONTROL].ring.call_fd, F_DUPFD_CLOEXEC, 0);
	device_rig_run(&rig);
	submit_many(&rig, RIG_CONTROL, 2);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0); // nobody kicked
	assert_int_equal(eventfd_write(kick, 3), 0);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 2);
	assert_int_equal(read_eventfd(call), 1);
	assert_int_equal(read_eventfd(kick), 0); // drained
	assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, 0);

	// Another call descriptor; none; one that is not open.
	assert_int_equal(oriel_virtio_set_call_fd(rig.virtio, RIG_CONTROL, second), 0);
	submit_many(&rig, RIG_CONTROL, 1);
	assert_int_equal(eventfd_write(kick, 1), 0);
	device_rig_run(&rig);
	assert_int_equal(read_eventfd(call), 0);
	assert_int_equal(read_eventfd(second), 1);
	assert_int_equal(oriel_virtio_set_call_fd(rig.virtio, RIG_CONTROL, 9999), -EBADF);
	assert_int_equal(oriel_virtio_set_call_fd(rig.virtio, RIG_CONTROL, -1), 0);
	submit_many(&rig, RIG_CONTROL, 1);
	assert_int_equal(eventfd_write(kick, 1), 0);
	device_rig_run(&rig);
	assert_int_equal(read_eventfd(second), 0);
	assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, 1);
	assert_int_equal(oriel_virtio_set_call_fd(rig.virtio, 2, -1), -EINVAL);

	// A kick for a queue that stops is left alone.
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	assert_int_equal(eventfd_write(kick, 1), 0);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	assert_int_equal(read_eventfd(kick), 1);
	close(kick);
	close(call);
	close(second);
	assert_int_equal(count_open_fds(), n_fds);
	device_rig_finish(&rig);
}

static void test_start_errors(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	size_t n_fds = count_open_fds();
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int call = eventfd(0, EFD_CLOEXEC);
	const struct oriel_virtio_queue good = device_rig_config(&rig, RIG_CONTROL);
	const bool packed = rig.rings[RIG_CONTROL].packed;
	assert_int_equal(oriel_virtio_start_queue(rig.virtio, 2, &good), -EINVAL);
	struct {
		const char *name;
		int err;
		struct oriel_virtio_queue config;
	} cases[] = {
		{ "size 0", -EINVAL, good },
		{ "too large", -EINVAL, good },
		{ "no power of two", packed ? 0 : -EINVAL, good },
		{ "misaligned", -EINVAL, good },
		{ "outside", -EFAULT, good },
		{ "kick descriptor not open", -EBADF, good },
		{ "kick descriptor that cannot be polled", -EPERM, good },
		{ "call descriptor not open", -EBADF, good },
		{ "outside, with descriptors", -EFAULT, good },
	};
	cases[0].config.size = 0;
	cases[1].config.size = 512;
	cases[2].config.size = 24;
	cases[3].config.desc_gpa += 8;
	cases[4].config.device_gpa = 0x7fff0000;
	cases[5].config.kick_fd = 9999;
	cases[6].config.kick_fd = file;
	cases[7].config.call_fd = 9999;
	cases[7].config.kick_fd = call;
	cases[8].config.device_gpa = 0x7fff0000;
	cases[8].config.call_fd = call;
	cases[8].config.kick_fd = call;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int err = oriel_virtio_start_queue(rig.virtio, RIG_CONTROL, &cases[i].config);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		if (err == 0) {
			oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
			device_rig_run(&rig);
		}
	}
	close(file);
	close(call);
	assert_int_equal(count_open_fds(), n_fds);
	device_rig_start(&rig);
	assert_int_equal(oriel_virtio_start_queue(rig.virtio, RIG_CONTROL, &good), -EBUSY);
	device_rig_create(&rig, 1, 4, 4);
	device_rig_finish(&rig);
}

static int start_and_reset(void *user) {
	struct device_rig *rig = user;
	const struct oriel_virtio_queue config = device_rig_config(rig, RIG_CONTROL);
	int err = oriel_virtio_start_queue(rig->virtio, RIG_CONTROL, &config);
	if (err == 0) {
		oriel_virtio_reset(rig->virtio);
	}
	return err;
}

static void test_start_without_memory(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	// Slots, spans, and of a split ring what is in flight.
	const bool packed = rig.rings[RIG_CONTROL].packed;
	assert_int_equal(fail_alloc_each(start_and_reset, &rig), packed ? 2 : 3);
	device_rig_finish(&rig);
}

/** Chains that came before the start, or whose kick nobody heard, are served. */
static void test_start_looks_at_the_ring(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	submit_many(&rig, RIG_CONTROL, 2);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
	device_rig_start_queue(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 2);
	device_rig_finish(&rig);
}

/** All state stays when queues stop; they go on where they were, wherever that is. */
static void test_stop_and_go_on(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	// Near the end of indices, and of slots.
	fake_ring_restart_at(&rig.rings[RIG_CONTROL],
			rig.rings[RIG_CONTROL].packed ? RIG_RING_SIZE - 3 : 0xfffe);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL); // not started
	oriel_virtio_stop_queue(rig.virtio, 2);           // not there
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 4, 4);
	for (int i = 0; i < 4; i++) {
		submit_many(&rig, RIG_CONTROL, 1);
		oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL); // before it is looked at
		oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
		assert_int_equal(rig.told[RIG_CONTROL].n_stopped, i);
		device_rig_kick(&rig, RIG_CONTROL);
		device_rig_run(&rig);
		assert_int_equal(rig.told[RIG_CONTROL].n_stopped, i + 1);
		assert_int_equal(rig.told[RIG_CONTROL].base,
				device_rig_config(&rig, RIG_CONTROL).base);
		assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
		device_rig_start_queue(&rig, RIG_CONTROL);
		device_rig_run(&rig);
		assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 1);
	}
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(rig.told[RIG_CURSOR].n_stopped, 0);
	device_rig_finish(&rig);
}

static void test_reset(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	const uint64_t all = UINT64_MAX;
	size_t n_fds = count_open_fds();
	oriel_virtio_reset(rig.virtio); // of nothing
	for (int i = 0; i < 3; i++) {
		device_rig_start(&rig);
		device_rig_create_backed(&rig, 1, 512, 512);
		const struct oriel_rect rect = { 0, 0, 512, 512 };
		assert_int_equal(device_rig_type(&rig, gpu_set_scanout(1, 1, rect)), OK);
		assert_int_equal(device_rig_type(&rig, gpu_update_cursor(0, 0, 1, 1)), OK);
		submit_many(&rig, RIG_CONTROL, 2);
		if (i == 1) {
			oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
		}
		device_rig_kick(&rig, RIG_CONTROL);
		fake_display_forget(&rig.display);
		oriel_virtio_reset(rig.virtio);
		assert_int_equal(rig.display.n_events, 2); // off, and the resource is gone
		assert_int_equal(rig.display.events[0].type, FAKE_SCANOUT);
		assert_int_equal(rig.display.events[0].resource_id, 0);
		assert_int_equal(rig.display.events[1].type, FAKE_DROP);
		assert_int_equal(rig.display.events[1].resource_id, 1);
		struct oriel_gpu_statistics s = device_rig_statistics(&rig);
		assert_int_equal(s.n_resources + s.host_memory + s.backing_memory, 0);
		assert_int_equal(count_open_fds(), n_fds);
		memset(fake_guest_get(&rig.guest, FAKE_GUEST_BASE, 65536), 0xa5, 65536);
		device_rig_run(&rig);
		const uint8_t *bytes = fake_guest_get(&rig.guest, FAKE_GUEST_BASE, 65536);
		for (size_t k = 0; k < 65536; k++) {
			CHECK(bytes[k] == 0xa5, "byte %zu was written after a reset", k);
		}
		assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 0);
		assert_int_equal(rig.gpu->features & all, 0);
		memset(fake_guest_get(&rig.guest, FAKE_GUEST_BASE, 65536), 0, 65536);
		fake_ring_restart(&rig.rings[RIG_CONTROL]);
		fake_ring_restart(&rig.rings[RIG_CURSOR]);
	}
	device_rig_finish(&rig);
}

static void test_broken_ring(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	rig.display.answers = FAKE_ANSWERS_LATER;
	submit_many(&rig, RIG_CONTROL, 1); // waits
	rig.display.answers = FAKE_ANSWERS_LATER;
	const struct gpu_command create = gpu_create_2d(1, 1, 4, 4);
	device_rig_submit(&rig, RIG_CONTROL, &create);
	const struct fake_buf outside = { 0, 1, false };
	fake_ring_add(&rig.rings[RIG_CONTROL], &outside, 1);
	(void)fake_ring_publish(&rig.rings[RIG_CONTROL]);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	assert_string_equal(rig.told[RIG_CONTROL].reason, "a descriptor outside guest memory");
	// What was done before is shown, what ends later is not.
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 1);
	for (int i = 0; i < 3; i++) {
		fake_display_answer(&rig.display, 0);
		device_rig_kick(&rig, RIG_CONTROL);
		device_rig_run(&rig);
	}
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
	assert_int_equal(device_rig_type(&rig, gpu_move_cursor(0, 1, 1)), OK);
	assert_int_equal(rig.told[RIG_CURSOR].n_needs_reset, 0);

	oriel_virtio_reset(rig.virtio);
	rig.display.answers = FAKE_CANNOT_ANSWER;
	fake_ring_restart(&rig.rings[RIG_CONTROL]);
	fake_ring_restart(&rig.rings[RIG_CURSOR]);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 4, 4);
	// And again: it is told anew.
	fake_ring_break(&rig.rings[RIG_CONTROL]);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 2);
	device_rig_finish(&rig);
}

/** A broken queue does not hear kicks, however many. */
static void test_kicks_of_a_broken_ring(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct oriel_virtio_queue config = device_rig_config(&rig, RIG_CONTROL);
	config.kick_fd = kick;
	assert_int_equal(oriel_virtio_start_queue(rig.virtio, RIG_CONTROL, &config), 0);
	fake_ring_break(&rig.rings[RIG_CONTROL]);
	assert_int_equal(eventfd_write(kick, 1), 0);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	assert_int_equal(eventfd_write(kick, 1), 0);
	device_rig_run(&rig);
	assert_int_equal(read_eventfd(kick), 1);
	close(kick);
	device_rig_finish(&rig);
}

/** The ring's own memory goes: it is broken at once, without a kick; another change is nothing. */
static void test_memory_of_the_ring(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_add_memory(&rig, 0x40000000, 4096);
	device_rig_create(&rig, 1, 4, 4);
	device_rig_hide_memory(&rig, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	device_rig_run(&rig);
	for (unsigned int queue = 0; queue < 2; queue++) {
		assert_int_equal(rig.told[queue].n_needs_reset, 1);
	}
	device_rig_show_memory(&rig, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	device_rig_finish(&rig);
}

/** A ring that breaks while it stops: both are told. */
static void test_break_while_stopping(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 4, 4);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_hide_memory(&rig, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	// Behind the one request, which took two slots of a packed ring.
	assert_int_equal(rig.told[RIG_CONTROL].base,
			rig.rings[RIG_CONTROL].packed ? 0x80028002 : 1);
	device_rig_finish(&rig);
}

/*
 * Whoever is told may do anything to the device.
 */

static void destroy_now(void *user, unsigned int queue, uint32_t base) {
	(void)queue;
	(void)base;
	struct device_rig *rig = user;
	oriel_gpu_destroy(rig->gpu);
	rig->gpu = NULL;
}

static void start_again(void *user, unsigned int queue, uint32_t base) {
	struct device_rig *rig = user;
	rig->told[queue].n_stopped++;
	struct oriel_virtio_queue config = device_rig_config(rig, queue);
	config.base = base;
	assert_int_equal(oriel_virtio_start_queue(rig->virtio, queue, &config), 0);
}

static void reset_now(void *user, unsigned int queue, const char *reason) {
	(void)reason;
	struct device_rig *rig = user;
	rig->told[queue].n_needs_reset++;
	oriel_virtio_reset(rig->virtio);
}

static void reset_in_interrupt(void *user, unsigned int queue) {
	struct device_rig *rig = user;
	rig->told[queue].n_interrupts++;
	oriel_virtio_reset(rig->virtio);
}

static void test_listeners_that_act(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	const struct oriel_virtio_listener again = {
		.handle_queue_stopped = start_again,
		.handle_needs_reset = reset_now,
		.interrupt = reset_in_interrupt,
		.user = &rig,
	};
	oriel_virtio_set_listener(rig.virtio, &again);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	submit_many(&rig, RIG_CONTROL, 1);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_interrupts, 1);
	fake_ring_restart(&rig.rings[RIG_CONTROL]);
	device_rig_start(&rig);
	fake_ring_break(&rig.rings[RIG_CONTROL]);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	fake_ring_restart(&rig.rings[RIG_CONTROL]);
	device_rig_start(&rig);
	const struct oriel_virtio_listener end = {
		.handle_queue_stopped = destroy_now,
		.user = &rig,
	};
	oriel_virtio_set_listener(rig.virtio, &end);
	oriel_virtio_stop_queue(rig.virtio, RIG_CURSOR);
	device_rig_run(&rig);
	assert_null(rig.gpu);
	device_rig_finish(&rig);
}

/** Nobody listens: everything works, nobody is told. */
static void test_no_listener(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	oriel_virtio_set_listener(rig.virtio, NULL);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 4, 4);
	oriel_virtio_stop_queue(rig.virtio, RIG_CURSOR);
	fake_ring_break(&rig.rings[RIG_CONTROL]);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	device_rig_start_queue(&rig, RIG_CURSOR); // it was stopped
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_turns_of_long_chains),
		cmocka_unit_test(test_no_starvation),
		cmocka_unit_test(test_cursor_first),
		cmocka_unit_test(test_no_interrupt_unless_wanted),
		cmocka_unit_test(test_event_idx),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_start_errors),
		cmocka_unit_test(test_start_without_memory),
		cmocka_unit_test(test_start_looks_at_the_ring),
		cmocka_unit_test(test_stop_and_go_on),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_broken_ring),
		cmocka_unit_test(test_kicks_of_a_broken_ring),
		cmocka_unit_test(test_memory_of_the_ring),
		cmocka_unit_test(test_break_while_stopping),
		cmocka_unit_test(test_listeners_that_act),
		cmocka_unit_test(test_no_listener),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
