// SPDX-License-Identifier: MIT
/*
 * Tests of a queue's life: which split rings it starts on (for packed ones see packed_test.c), how
 * it stops, and memory that goes away.
 */
#include "fixture/fail_alloc.h"
#include "fixture/virtq_rig.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_SIZE 8u
#define DATA (FAKE_GUEST_BASE + 0x8000u)
#define OUTSIDE 0x1000u

// Addresses in the rig's main region at which a ring of 8 fits.
#define DESC (FAKE_GUEST_BASE + 0x1000u)
#define AVAIL (FAKE_GUEST_BASE + 0x2000u)
#define USED (FAKE_GUEST_BASE + 0x3000u)
#define END (RIG_APART_GPA + RIG_APART_SIZE)

static const struct fake_buf one_buf = { DATA, 16, true };

static void test_configs(void **state) {
	(void)state;
	enum { EVENT_IDX = 1 };
	static const struct {
		const char *name;
		uint16_t size;
		uint64_t desc, avail, used;
		int features;
		int err;
	} rows[] = {
		{ "a good one", 8, DESC, AVAIL, USED, 0, 0 },
		{ "size 1", 1, DESC, AVAIL, USED, 0, 0 },
		{ "H-034: size 0", 0, DESC, AVAIL, USED, 0, -EINVAL },
		{ "H-034: size 3", 3, DESC, AVAIL, USED, 0, -EINVAL },
		{ "H-034: size 0xffff", 0xffff, DESC, AVAIL, USED, 0, -EINVAL },
		{ "H-034: size 0xc000", 0xc000, DESC, AVAIL, USED, 0, -EINVAL },
		{ "the largest, too near to each other", 32768, DESC, AVAIL, USED, 0, -EINVAL },
		{ "SPEC-040, H-035: descriptors at 8", 8, DESC + 8, AVAIL, USED, 0, -EINVAL },
		{ "SPEC-040, H-035: available ring at 1", 8, DESC, AVAIL + 1, USED, 0, -EINVAL },
		{ "SPEC-040, H-035: used ring at 2", 8, DESC, AVAIL, USED + 2, 0, -EINVAL },
		{ "available ring at 2", 8, DESC, AVAIL + 2, USED, 0, 0 },
		{ "used ring at 4", 8, DESC, AVAIL, USED + 4, 0, 0 },
		{ "H-035: descriptors not there", 8, OUTSIDE, AVAIL, USED, 0, -EFAULT },
		{ "H-035: available ring not there", 8, DESC, OUTSIDE, USED, 0, -EFAULT },
		{ "H-035: used ring not there", 8, DESC, AVAIL, OUTSIDE, 0, -EFAULT },
		{ "H-035: at the end of all addresses", 8, ~0xfull, AVAIL, USED, 0, -EFAULT },
		{ "descriptors up to the end", 8, END - 128, AVAIL, USED, 0, 0 },
		{ "H-035: descriptors beyond it", 8, END - 112, AVAIL, USED, 0, -EFAULT },
		{ "available ring up to the end", 8, DESC, END - 20, USED, 0, 0 },
		{ "H-035: available ring beyond it", 8, DESC, END - 18, USED, 0, -EFAULT },
		{ "used ring up to the end", 8, DESC, AVAIL, END - 68, 0, 0 },
		{ "H-035: used ring beyond it", 8, DESC, AVAIL, END - 64, 0, -EFAULT },
		{ "H-035: no room for used_event", 8, DESC, END - 20, USED, EVENT_IDX, -EFAULT },
		{ "room for used_event", 8, DESC, END - 22, USED, EVENT_IDX, 0 },
		{ "H-035: no room for avail_event", 8, DESC, AVAIL, END - 68, EVENT_IDX, -EFAULT },
		{ "room for avail_event", 8, DESC, AVAIL, END - 72, EVENT_IDX, 0 },
		{ "H-035: it crosses regions", 8, RIG_NEXT_GPA - 64, AVAIL, USED, 0, -EFAULT },
		{ "H-035: all at once", 8, DESC, DESC, DESC, 0, -EINVAL },
		{ "H-035: the available ring in the descriptors", 8, DESC, DESC + 126, USED, 0,
				-EINVAL },
		{ "the available ring behind them", 8, DESC, DESC + 128, USED, 0, 0 },
		{ "H-035: the used ring in the available ring", 8, DESC, AVAIL, AVAIL + 16, 0,
				-EINVAL },
		{ "the used ring behind it", 8, DESC, AVAIL, AVAIL + 20, 0, 0 },
		{ "H-035: in its used_event", 8, DESC, AVAIL, AVAIL + 20, EVENT_IDX, -EINVAL },
		{ "H-035: the descriptors in the used ring", 8, USED + 64, AVAIL, USED, 0,
				-EINVAL },
		{ "the descriptors behind it", 8, USED + 80, AVAIL, USED, 0, 0 },
		{ "touching from below: used, descriptors", 8, DESC, AVAIL, DESC - 68, 0, 0 },
		{ "H-035: overlapping from below: used, descriptors", 8, DESC, AVAIL, DESC - 64, 0,
				-EINVAL },
		{ "touching from below: available, descriptors", 8, DESC, DESC - 20, USED, 0, 0 },
		{ "H-035: overlapping from below: available, descriptors", 8, DESC, DESC - 18, USED,
				0, -EINVAL },
		{ "touching from below: used, available", 8, DESC, USED + 68, USED, 0, 0 },
		{ "H-035: overlapping from below: used, available", 8, DESC, USED + 66, USED, 0,
				-EINVAL },
	};
	struct virtq_rig rig;
	virtq_rig_init(&rig, RING_SIZE);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct oriel_virtq_config config = {
			.size = rows[i].size,
			.desc_gpa = rows[i].desc,
			.driver_gpa = rows[i].avail,
			.device_gpa = rows[i].used,
			.event_idx = (rows[i].features & EVENT_IDX) != 0,
		};
		int err = oriel_virtq_start(rig.vq, &config, rig.map);
		CHECK(err == rows[i].err, "%s: %d", rows[i].name, err);
		CHECK(oriel_virtq_is_started(rig.vq) == (err == 0), "%s", rows[i].name);
		CHECK((oriel_virtq_get_map(rig.vq) == rig.map) == (err == 0), "%s", rows[i].name);
		oriel_virtq_stop(rig.vq);
		CHECK(!oriel_virtq_is_started(rig.vq), "%s", rows[i].name);
	}
	virtq_rig_finish(&rig);
}

/** A region may begin at any byte of its file; what is accessed atomically must not. */
static void test_host_alignment(void **state) {
	(void)state;
	static const struct {
		const char *name;
		size_t avail_shift, used_shift;
		int err;
	} rows[] = {
		{ "all aligned", 0, 0, 0 },
		{ "available ring at 1", 1, 0, -EFAULT },
		{ "available ring at 2", 2, 0, 0 },
		{ "used ring at 1", 0, 1, -EFAULT },
		{ "used ring at 2", 0, 2, -EFAULT },
		{ "used ring at 4", 0, 4, 0 },
	};
	static _Alignas(8) uint8_t desc[256], avail[64], used[256];
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		struct oriel_memory *memory;
		assert_int_equal(oriel_memory_create(&memory), 0);
		uint8_t *hvas[] = { desc + 1, avail + rows[i].avail_shift,
			used + rows[i].used_shift };
		for (size_t k = 0; k < 3; k++) {
			uint64_t gpa = 0x1000 * (k + 1);
			assert_int_equal(oriel_memory_add_mapped(memory, gpa, k == 1 ? 32 : 128,
							 hvas[k]),
					0);
		}
		struct oriel_mem_map *map = oriel_memory_hold_map(memory);
		const struct oriel_virtq_config config = {
			.size = 8,
			.desc_gpa = 0x1000,
			.driver_gpa = 0x2000,
			.device_gpa = 0x3000,
		};
		struct oriel_virtq *vq;
		assert_int_equal(oriel_virtq_create(&vq), 0);
		int err = oriel_virtq_start(vq, &config, map);
		CHECK(err == rows[i].err, "%s: %d", rows[i].name, err);
		oriel_virtq_destroy(vq);
		oriel_mem_map_release(map);
		oriel_memory_destroy(memory);
	}
}

static void test_the_largest_ring(void **state) {
	(void)state;
	struct virtq_rig rig;
	virtq_rig_init(&rig, RING_SIZE);
	fake_guest_add(&rig.guest, 0x1000000, 32768 * 16);
	fake_guest_add(&rig.guest, 0x2000000, 32768 * 2 + 6);
	fake_guest_add(&rig.guest, 0x3000000, 32768 * 8 + 6);
	struct oriel_mem_map *map = oriel_memory_hold_map(rig.guest.memory);
	struct oriel_virtq_config config = {
		.size = 32768,
		.desc_gpa = 0x1000000,
		.driver_gpa = 0x2000000,
		.device_gpa = 0x3000000,
		.event_idx = true,
		.base = 0x8000,
	};
	assert_int_equal(oriel_virtq_start(rig.vq, &config, map), 0);
	oriel_mem_map_release(map); // the queue has its own hold
	struct oriel_chain chain;
	// Zeros: the index is exactly a ring ahead, and head 0 is an empty chain; then again.
	assert_int_equal(oriel_virtq_count_available(rig.vq), 32768);
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EBADMSG);
	virtq_rig_finish(&rig);
}

static void test_indices_at_start(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint16_t base, used, expected;
	} rows[] = {
		{ "both fresh", 0, 0, 0 },
		{ "both the same", 77, 77, 77 },
		{ "chains were lost between", 77, 75, 75 },
		{ "a whole ring of them", 77, 69, 69 },
		{ "more than a ring: it is not believed", 77, 68, 77 },
		{ "used is ahead: it is not believed", 77, 78, 77 },
		{ "across the wrap", 3, 0xfffd, 0xfffd },
		{ "not believed across the wrap", 0xfffd, 3, 0xfffd },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		struct virtq_rig rig;
		virtq_rig_init(&rig, RING_SIZE);
		fake_ring_restart_at(&rig.ring, rows[i].base);
		fake_ring_set_used_idx(&rig.ring, rows[i].used);
		virtq_rig_start(&rig);
		fake_ring_add(&rig.ring, &one_buf, 1);
		fake_ring_publish(&rig.ring);
		virtq_rig_serve(&rig, 9);
		oriel_virtq_publish(rig.vq);
		uint16_t used = fake_ring_get_used_idx(&rig.ring);
		CHECK(used == (uint16_t)(rows[i].expected + 1), "%s: %u", rows[i].name, used);
		uint32_t base = oriel_virtq_stop(rig.vq);
		CHECK(base == (uint16_t)(rows[i].base + 1), "%s: base %u", rows[i].name, base);
		virtq_rig_finish(&rig);
	}
}

/** The same ring, served by one queue after the other, goes on where it was. */
static void test_stop_and_go_on(void **state) {
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	struct oriel_virtq_config config = fake_ring_config(&rig.ring);
	for (uint32_t i = 0; i < 20; i++) {
		CHECK(oriel_virtq_start(rig.vq, &config, rig.map) == 0, "%u", i);
		fake_ring_add(&rig.ring, &one_buf, 1);
		fake_ring_add(&rig.ring, &one_buf, 1);
		fake_ring_publish(&rig.ring);
		uint16_t head = virtq_rig_serve(&rig, i);
		oriel_virtq_publish(rig.vq);
		config.base = oriel_virtq_stop(rig.vq);
		struct fake_used used = { 0 };
		CHECK(fake_ring_collect(&rig.ring, &used) && used.id == head, "%u", i);
		CHECK(config.base == fake_ring_config(&rig.ring).base, "0x%x", config.base);

		// The other chain is still there for whoever starts next.
		CHECK(oriel_virtq_start(rig.vq, &config, rig.map) == 0, "%u", i);
		virtq_rig_serve(&rig, i);
		oriel_virtq_publish(rig.vq);
		config.base = oriel_virtq_stop(rig.vq);
		CHECK(fake_ring_collect(&rig.ring, &used) && used.id != head, "%u", i);
	}
	virtq_rig_finish(&rig);
}

static void test_a_stopped_queue(void **state) {
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	for (int i = 0; i < 2; i++) { // before it was ever started, and afterwards
		struct oriel_chain chain;
		const char *reason = "untouched";
		assert_false(oriel_virtq_is_started(rig.vq));
		assert_false(oriel_virtq_is_broken(rig.vq, &reason));
		assert_string_equal(reason, "untouched");
		assert_null(oriel_virtq_get_map(rig.vq));
		assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EAGAIN);
		assert_int_equal(oriel_virtq_count_available(rig.vq), 0);
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), 0);
		oriel_virtq_push(rig.vq, 0, 1, 0);
		assert_false(oriel_virtq_publish(rig.vq));
		assert_false(oriel_virtq_enable_kicks(rig.vq));
		oriel_virtq_disable_kicks(rig.vq);
		assert_int_equal(oriel_virtq_stop(rig.vq), 0);
		virtq_rig_start(&rig);
		oriel_virtq_stop(rig.vq);
	}
	oriel_virtq_destroy(NULL);
	virtq_rig_finish(&rig);
}

/** What was done before the ring broke is shown; nothing after it is. */
static void test_a_broken_queue_says_no_more(void **state) {
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	virtq_rig_start(&rig);
	const struct fake_buf bad_buf = { OUTSIDE, 1, true };
	fake_ring_add(&rig.ring, &one_buf, 1);
	fake_ring_add(&rig.ring, &one_buf, 1);
	fake_ring_add(&rig.ring, &bad_buf, 1);
	fake_ring_publish(&rig.ring);
	virtq_rig_serve(&rig, 16);
	struct oriel_chain chain;
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
	struct oriel_chain bad;
	assert_int_equal(oriel_virtq_pop(rig.vq, &bad), -EBADMSG);
	oriel_virtq_push(rig.vq, chain.id, chain.n_slots, 16);
	assert_int_equal(oriel_virtq_count_in_flight(rig.vq), 0);
	oriel_virtq_disable_kicks(rig.vq);
	assert_int_equal(rig.ring.packed ? fake_ring_get_device_event(&rig.ring)
					 : fake_ring_get_used_flags(&rig.ring),
			0);
	assert_true(oriel_virtq_publish(rig.vq));
	struct fake_used used;
	assert_true(fake_ring_collect(&rig.ring, &used));
	assert_false(oriel_virtq_publish(rig.vq));
	assert_false(oriel_virtq_enable_kicks(rig.vq));
	assert_false(fake_ring_collect(&rig.ring, &used));

	// The first reason stays; a new start is a new life.
	assert_string_equal(virtq_rig_reason(&rig), "a descriptor outside guest memory");
	assert_int_equal(oriel_virtq_pop(rig.vq, &bad), -EBADMSG);
	oriel_virtq_stop(rig.vq);
	assert_string_equal(virtq_rig_reason(&rig), "");
	fake_ring_restart(&rig.ring);
	virtq_rig_start(&rig);
	fake_ring_add(&rig.ring, &one_buf, 1);
	fake_ring_publish(&rig.ring);
	virtq_rig_serve(&rig, 0);
	virtq_rig_finish(&rig);
}

/** The ring moves to another place in this process; chains in flight are pushed there. */
static void test_another_map(void **state) {
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	virtq_rig_start(&rig);
	fake_ring_add(&rig.ring, &one_buf, 1);
	fake_ring_publish(&rig.ring);
	struct oriel_chain chain;
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);

	static uint8_t before[RIG_MAIN_SIZE];
	uint8_t *ram = fake_guest_get(&rig.guest, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	uint8_t *moved = calloc(1, RIG_MAIN_SIZE);
	memcpy(before, ram, RIG_MAIN_SIZE);
	memcpy(moved, ram, RIG_MAIN_SIZE);
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	assert_int_equal(oriel_memory_add_mapped(memory, FAKE_GUEST_BASE, RIG_MAIN_SIZE, moved), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	assert_int_equal(oriel_virtq_set_map(rig.vq, map), 0);
	assert_ptr_equal(oriel_virtq_get_map(rig.vq), map);
	oriel_virtq_push(rig.vq, chain.id, chain.n_slots, 16);
	oriel_virtq_publish(rig.vq);
	assert_memory_equal(ram, before, RIG_MAIN_SIZE);
	memcpy(ram, moved, RIG_MAIN_SIZE); // only to have a look at it
	struct fake_used used;
	assert_true(fake_ring_collect(&rig.ring, &used));
	assert_int_equal(used.written, 16);
	oriel_virtq_stop(rig.vq);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
	free(moved);
	virtq_rig_finish(&rig);
}

/** H-056: a map without the ring breaks the queue; a map that has it again does not mend it. */
static void test_a_map_without_the_ring(void **state) {
	for (int without = 0; without < 3; without++) {
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
		fake_guest_add(&rig.guest, 0x1000000, 0x1000);
		oriel_mem_map_release(rig.map);
		rig.map = oriel_memory_hold_map(rig.guest.memory);
		// One part of the ring is in the region that will go.
		uint64_t *parts[] = { &rig.ring.desc_gpa, &rig.ring.avail_gpa, &rig.ring.used_gpa };
		*parts[without] = 0x1000000;
		fake_ring_restart(&rig.ring);
		virtq_rig_start(&rig);
		fake_ring_add(&rig.ring, &one_buf, 1);
		fake_ring_publish(&rig.ring);
		struct oriel_chain chain;
		assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);

		assert_int_equal(oriel_memory_remove_region(rig.guest.memory, 0x1000000, 0x1000),
				0);
		struct oriel_mem_map *map = oriel_memory_hold_map(rig.guest.memory);
		CHECK(oriel_virtq_set_map(rig.vq, map) == -EFAULT, "without %d", without);
		oriel_mem_map_release(map);
		CHECK(oriel_virtq_is_broken(rig.vq, NULL), "without %d", without);
		CHECK(oriel_virtq_is_started(rig.vq), "without %d", without);
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), 1);
		oriel_virtq_push(rig.vq, chain.id, chain.n_slots, 16);
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), 0);
		assert_false(oriel_virtq_publish(rig.vq));
		assert_false(oriel_virtq_enable_kicks(rig.vq));
		oriel_virtq_disable_kicks(rig.vq);
		assert_int_equal(oriel_virtq_count_available(rig.vq), 0);
		assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EBADMSG);
		assert_int_equal(oriel_virtq_set_map(rig.vq, rig.map), 0);
		assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EBADMSG);
		assert_int_equal(oriel_virtq_stop(rig.vq), rig.ring.packed ? 0x80008001 : 1);
		virtq_rig_finish(&rig);
	}
}

static struct oriel_memory *faulting; // the handler's way in

static void handle_sigbus(int number, siginfo_t *info, void *context) {
	(void)context;
	if (!oriel_memory_handle_fault(faulting, info->si_addr)) {
		signal(number, SIG_DFL);
	}
}

/** H-057: the file behind the ring is truncated. Everything reads as zeros, nothing crashes. */
static void test_lost_memory(void **state) {
	const bool packed = virtq_rig_is_packed(state);
	struct sigaction action = { .sa_sigaction = handle_sigbus, .sa_flags = SA_SIGINFO };
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	for (uint32_t i = 0; i < 2 * RING_SIZE; i++) {
		// Packed: every slot with both wrap counters.
		const uint32_t at = i % RING_SIZE | (i < RING_SIZE ? 0x8000u : 0);
		const uint32_t base = packed ? at | at << 16 : i;
		int fd = memfd_create("test", MFD_CLOEXEC);
		assert_int_equal(ftruncate(fd, 0x10000), 0);
		assert_int_equal(oriel_memory_create(&faulting), 0);
		assert_int_equal(oriel_memory_add_region_take(faulting, 0, 0x10000, 0, dup(fd)), 0);
		struct oriel_mem_map *map = oriel_memory_hold_map(faulting);
		struct oriel_virtq *vq;
		assert_int_equal(oriel_virtq_create(&vq), 0);
		const struct oriel_virtq_config config = {
			.size = RING_SIZE,
			.desc_gpa = 0x1000,
			.driver_gpa = 0x3000,
			.device_gpa = 0x5000,
			.base = base,
			.event_idx = i % 2 == 1,
			.packed = packed,
		};
		assert_int_equal(oriel_virtq_start(vq, &config, map), 0);
		assert_int_equal(ftruncate(fd, 0), 0);
		struct oriel_chain chain;
		int err = oriel_virtq_pop(vq, &chain);
		// An index of 0 is a jump; zeros are nobody's descriptors.
		bool is_sound = packed || base == 0;
		CHECK(err == (is_sound ? -EAGAIN : -EBADMSG), "base 0x%x: %d", base, err);
		oriel_virtq_enable_kicks(vq);
		oriel_virtq_disable_kicks(vq);
		oriel_virtq_publish(vq);
		CHECK(oriel_virtq_stop(vq) == base, "base 0x%x", base);
		oriel_virtq_destroy(vq);
		oriel_mem_map_release(map);
		oriel_memory_destroy(faulting);
		close(fd);
	}
}

static int attempt_start(void *user) {
	struct virtq_rig *rig = user;
	struct oriel_virtq *vq;
	int err = oriel_virtq_create(&vq);
	if (err < 0) {
		return err;
	}
	struct oriel_virtq_config config = fake_ring_config(&rig->ring);
	err = oriel_virtq_start(vq, &config, rig->map);
	CHECK(oriel_virtq_is_started(vq) == (err == 0), "%d", err);
	oriel_virtq_destroy(vq);
	return err;
}

static void test_every_allocation_may_fail(void **state) {
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	// The queue, its spans, and the heads in flight of a split ring.
	assert_int_equal(fail_alloc_each(attempt_start, &rig), rig.ring.packed ? 2 : 3);
	virtq_rig_finish(&rig);
}

/** Whoever counted chains, and wants more than there are, is kicked for the next one. */
static void test_kicks_behind_what_was_counted(void **state) {
	for (int event_idx = 0; event_idx <= 1; event_idx++) {
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, 4, virtq_rig_is_packed(state));
		rig.ring.event_idx = event_idx != 0;
		virtq_rig_start(&rig);
		const struct fake_buf buf = { fake_guest_alloc(&rig.guest, 8, 8), 8, true };
		for (uint32_t n = 1; n <= 4; n++) {
			oriel_virtq_disable_kicks(rig.vq);
			(void)oriel_virtq_count_available(rig.vq);
			fake_ring_add(&rig.ring, &buf, 1);
			fake_ring_publish(&rig.ring);
			bool more = oriel_virtq_enable_kicks_behind(rig.vq, n - 1);
			CHECK(more, "%d: chain %u came in the meantime", event_idx, n);
			CHECK(oriel_virtq_count_available(rig.vq) == n, "%d: %u", event_idx, n);
			more = oriel_virtq_enable_kicks_behind(rig.vq, n);
			CHECK(!more, "%d: behind %u", event_idx, n);
			CHECK(fake_ring_kick_is_wanted(&rig.ring), "%d: behind %u", event_idx, n);
		}
		for (uint32_t n = 4; n > 0; n--) {
			virtq_rig_serve(&rig, 0);
			CHECK(oriel_virtq_count_available(rig.vq) == n - 1, "%d: %u", event_idx, n);
			bool more = oriel_virtq_enable_kicks_behind(rig.vq, n - 1);
			CHECK(!more, "%d: %u left", event_idx, n - 1);
		}
		virtq_rig_finish(&rig);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configs),
		cmocka_unit_test(test_host_alignment),
		cmocka_unit_test(test_the_largest_ring),
		cmocka_unit_test(test_indices_at_start),
		VIRTQ_RIG_BOTH(test_kicks_behind_what_was_counted),
		VIRTQ_RIG_BOTH(test_stop_and_go_on),
		VIRTQ_RIG_BOTH(test_a_stopped_queue),
		VIRTQ_RIG_BOTH(test_a_broken_queue_says_no_more),
		VIRTQ_RIG_BOTH(test_another_map),
		VIRTQ_RIG_BOTH(test_a_map_without_the_ring),
		VIRTQ_RIG_BOTH(test_lost_memory),
		VIRTQ_RIG_BOTH(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
