// SPDX-License-Identifier: MIT
/*
 * Tests of the packed ring: slots, wrap counters, used descriptors, and who notifies whom.
 *
 * Rows are named by the hostile inputs (H) and conformance checks (SPEC) that they try. Positions
 * are written as the ring has them: a slot, and the wrap counter as bit 15 (WRAP).
 */
#include "base/arith.h"
#include "base/bytes.h"
#include "fixture/virtq_rig.h"

#define RING_SIZE 5u
#define DATA (FAKE_GUEST_BASE + 0x8000u)
#define OUTSIDE 0x1000u
#define WRAP 0x8000u

static uint32_t base_of(uint16_t at) {
	return at * 0x10001u;
}

/** Start a queue whose driver has come to this position. */
static void start_at(struct virtq_rig *rig, uint16_t size, uint16_t at, bool event_idx) {
	virtq_rig_init_as(rig, size, true);
	rig->ring.event_idx = event_idx;
	fake_ring_restart_at(&rig->ring, at);
	virtq_rig_start(rig);
}

/** Write an available descriptor for one writable byte at a position. */
static void place(struct virtq_rig *rig, uint16_t at, uint16_t id, uint16_t flags) {
	fake_ring_set_slot(&rig->ring, at & 0x7fff, DATA, 1, id,
			flags | FAKE_DESC_WRITE | fake_ring_available_flags(at));
}

static struct oriel_chain pop(struct virtq_rig *rig) {
	struct oriel_chain chain = { 0 };
	int err = oriel_virtq_pop(rig->vq, &chain);
	CHECK(err == 0, "pop: %d %s", err, virtq_rig_reason(rig));
	return chain;
}

static void check_breaks(struct virtq_rig *rig, const char *name, const char *reason) {
	struct oriel_chain chain = { .id = 0x7777 };
	uint32_t n = oriel_virtq_count_in_flight(rig->vq);
	int err = oriel_virtq_pop(rig->vq, &chain);
	CHECK(err == -EBADMSG, "%s: %d", name, err);
	CHECK(chain.id == 0x7777, "%s: *ret was written", name);
	CHECK(strstr(virtq_rig_reason(rig), reason) != NULL, "%s: %s", name, virtq_rig_reason(rig));
	CHECK(oriel_virtq_count_in_flight(rig->vq) == n, "%s", name);
}

static void test_configs(void **state) {
	(void)state;
	enum {
		DESC = FAKE_GUEST_BASE + 0x1000,
		DRIVER = FAKE_GUEST_BASE + 0x2000,
		DEVICE = FAKE_GUEST_BASE + 0x3000,
		END = RIG_APART_GPA + RIG_APART_SIZE,
	};
	static const struct {
		const char *name;
		uint16_t size;
		uint64_t desc, driver, device;
		uint32_t base;
		int err;
	} rows[] = {
		{ "a good one", 5, DESC, DRIVER, DEVICE, 0x80008000, 0 },
		{ "H-049: size 1", 1, DESC, DRIVER, DEVICE, 0x80008000, 0 },
		{ "size 0", 0, DESC, DRIVER, DEVICE, 0x80008000, -EINVAL },
		{ "size 32769", 32769, DESC, DRIVER, DEVICE, 0x80008000, -EINVAL },
		{ "H-049: size 32768, not in memory", 32768, FAKE_GUEST_BASE, END - 8, END - 4,
				0x80008000, -EFAULT },
		{ "SPEC-070: ring at 8", 5, DESC + 8, DRIVER, DEVICE, 0x80008000, -EINVAL },
		{ "SPEC-070: driver's area at 2", 5, DESC, DRIVER + 2, DEVICE, 0x80008000,
				-EINVAL },
		{ "SPEC-070: device's area at 2", 5, DESC, DRIVER, DEVICE + 2, 0x80008000,
				-EINVAL },
		{ "areas at 4", 5, DESC, DRIVER + 4, DEVICE + 4, 0x80008000, 0 },
		{ "ring not there", 5, OUTSIDE, DRIVER, DEVICE, 0x80008000, -EFAULT },
		{ "driver's area not there", 5, DESC, OUTSIDE, DEVICE, 0x80008000, -EFAULT },
		{ "device's area not there", 5, DESC, DRIVER, OUTSIDE, 0x80008000, -EFAULT },
		{ "ring up to the end", 5, END - 80, DRIVER, DEVICE, 0x80008000, 0 },
		{ "ring beyond it", 5, END - 64, DRIVER, DEVICE, 0x80008000, -EFAULT },
		{ "areas at the end", 5, DESC, END - 8, END - 4, 0x80008000, 0 },
		{ "driver's area beyond it", 5, DESC, END, DEVICE, 0x80008000, -EFAULT },
		{ "device's area beyond it", 5, DESC, DRIVER, END, 0x80008000, -EFAULT },
		{ "driver's area in the ring", 5, DESC, DESC + 76, DEVICE, 0x80008000, -EINVAL },
		{ "driver's area behind it", 5, DESC, DESC + 80, DEVICE, 0x80008000, 0 },
		{ "device's area in the ring", 5, DESC, DRIVER, DESC + 76, 0x80008000, -EINVAL },
		{ "device's area behind it", 5, DESC, DRIVER, DESC + 80, 0x80008000, 0 },
		{ "areas before it", 5, DESC, DESC - 4, DESC - 8, 0x80008000, 0 },
		{ "one area for both", 5, DESC, DRIVER, DRIVER, 0x80008000, -EINVAL },
		{ "areas that touch", 5, DESC, DRIVER, DRIVER + 4, 0x80008000, 0 },
		{ "the last slot", 5, DESC, DRIVER, DEVICE, 0x00040004, 0 },
		{ "a slot beyond the ring", 5, DESC, DRIVER, DEVICE, 0x00050005, -EINVAL },
		{ "a slot far beyond the ring", 5, DESC, DRIVER, DEVICE, 0xffffffff, -EINVAL },
	};
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, true);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct oriel_virtq_config config = {
			.size = rows[i].size,
			.desc_gpa = rows[i].desc,
			.driver_gpa = rows[i].driver,
			.device_gpa = rows[i].device,
			.base = rows[i].base,
			.packed = true,
		};
		int err = oriel_virtq_start(rig.vq, &config, rig.map);
		CHECK(err == rows[i].err, "%s: %d", rows[i].name, err);
		CHECK(oriel_virtq_is_started(rig.vq) == (err == 0), "%s", rows[i].name);
		uint32_t base = oriel_virtq_stop(rig.vq);
		CHECK(base == (err == 0 ? rows[i].base : 0), "%s: 0x%x", rows[i].name, base);
	}
	virtq_rig_finish(&rig);
}

/** A region may begin at any byte of its file; what is accessed atomically must not. */
static void test_host_alignment(void **state) {
	(void)state;
	static _Alignas(8) uint8_t bytes[3][128];
	for (size_t part = 0; part < 3; part++) {
		for (size_t shift = 0; shift <= 4; shift++) {
			struct oriel_memory *memory;
			assert_int_equal(oriel_memory_create(&memory), 0);
			for (size_t k = 0; k < 3; k++) {
				uint8_t *hva = bytes[k] + (k == part ? shift : 0);
				assert_int_equal(oriel_memory_add_mapped(memory, 0x1000 * (k + 1),
								 80, hva),
						0);
			}
			struct oriel_mem_map *map = oriel_memory_hold_map(memory);
			const struct oriel_virtq_config config = {
				.size = 5,
				.desc_gpa = 0x1000,
				.driver_gpa = 0x2000,
				.device_gpa = 0x3000,
				.base = 0x80008000,
				.packed = true,
			};
			struct oriel_virtq *vq;
			assert_int_equal(oriel_virtq_create(&vq), 0);
			int err = oriel_virtq_start(vq, &config, map);
			CHECK(err == (shift % 4 == 0 ? 0 : -EFAULT), "part %zu, shift %zu: %d",
					part, shift, err);
			oriel_virtq_destroy(vq);
			oriel_mem_map_release(map);
			oriel_memory_destroy(memory);
		}
	}
}

/** SPEC-073: of the four states of a descriptor one is available, and it depends on the counter. */
static void test_flags(void **state) {
	(void)state;
	enum { both = FAKE_DESC_AVAIL | FAKE_DESC_USED };
	// The other bits do not say whose it is.
	static const uint16_t values[] = { 0, FAKE_DESC_AVAIL, FAKE_DESC_USED, both, 0x7f78,
		0x7f78 | FAKE_DESC_AVAIL, 0x7f78 | FAKE_DESC_USED, 0x7f78 | both };
	for (uint16_t i = 0; i < 2 * RING_SIZE * ORIEL_ARRAY_LEN(values); i++) {
		const uint16_t flags = values[i / (2 * RING_SIZE)];
		const uint16_t slot = i % RING_SIZE;
		const bool wrap = i / RING_SIZE % 2 == 1;
		struct virtq_rig rig;
		start_at(&rig, RING_SIZE, slot | (wrap ? WRAP : 0), false);
		fake_ring_set_slot(&rig.ring, slot, DATA, 1, 3, flags);
		bool expected = (flags & both) == (wrap ? FAKE_DESC_AVAIL : FAKE_DESC_USED);
		uint32_t n = oriel_virtq_count_available(rig.vq);
		CHECK(n == expected, "slot %u, wrap %d, 0x%x: %u", slot, wrap, flags, n);
		CHECK(oriel_virtq_enable_kicks(rig.vq) == expected, "slot %u, wrap %d, 0x%x", slot,
				wrap, flags);
		struct oriel_chain chain;
		int err = oriel_virtq_pop(rig.vq, &chain);
		CHECK(err == (expected ? 0 : -EAGAIN), "slot %u, wrap %d, 0x%x: %d", slot, wrap,
				flags, err);
		virtq_rig_finish(&rig);
	}
}

/** A list of n descriptors, unpublished. Returns its id. */
static uint16_t add(struct virtq_rig *rig, uint16_t n) {
	struct fake_buf bufs[8];
	for (uint16_t i = 0; i < n; i++) {
		bufs[i] = (struct fake_buf){ DATA + i, 1, true };
	}
	return fake_ring_add(&rig->ring, bufs, n);
}

/**
 * SPEC-071, SPEC-076: a ring filled with two lists, of every length, at every position; they come
 * in order, and are used in the other one.
 */
static void run_two_lists(uint16_t size, uint16_t at, uint16_t n_first) {
	const uint16_t n[2] = { n_first, (uint16_t)(size - n_first) };
	struct virtq_rig rig;
	start_at(&rig, size, at, true);
	uint16_t ids[2];
	uint16_t n_lists = 0;
	for (uint16_t i = 0; i < 2 && n[i] > 0; i++) {
		ids[i] = add(&rig, n[i]);
		n_lists++;
	}
	assert_int_equal(oriel_virtq_count_available(rig.vq), 0);
	fake_ring_publish(&rig.ring);
	assert_int_equal(oriel_virtq_count_available(rig.vq), n_lists);
	for (uint16_t i = 0; i < n_lists; i++) {
		struct oriel_chain chain = pop(&rig);
		CHECK(chain.id == ids[i] && chain.n_slots == n[i], "size %u at 0x%x: %u", size, at,
				chain.n_slots);
		CHECK(chain.n_writable_bytes == n[i], "size %u at 0x%x", size, at);
	}
	struct oriel_chain none;
	CHECK(oriel_virtq_pop(rig.vq, &none) == -EAGAIN, "size %u at 0x%x", size, at);

	for (uint16_t i = n_lists; i > 0; i--) {
		oriel_virtq_push(rig.vq, ids[i - 1], n[i - 1], i);
	}
	struct fake_used used = { 0 };
	CHECK(!fake_ring_collect(&rig.ring, &used), "size %u at 0x%x: too soon", size, at);
	oriel_virtq_publish(rig.vq);
	for (uint16_t i = n_lists; i > 0; i--) {
		CHECK(fake_ring_collect(&rig.ring, &used), "size %u at 0x%x: %u", size, at, i);
		CHECK(used.id == ids[i - 1] && used.written == i, "size %u at 0x%x", size, at);
	}
	uint32_t base = oriel_virtq_stop(rig.vq);
	CHECK(base == base_of(at ^ WRAP), "size %u at 0x%x: 0x%x", size, at, base);
	virtq_rig_finish(&rig);
}

static void test_every_length_everywhere(void **state) {
	(void)state;
	static const uint16_t sizes[] = { 1, 2, 3, 5, 7, 8 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		for (uint16_t slot = 0; slot < sizes[i]; slot++) {
			for (uint16_t n = 1; n <= sizes[i]; n++) {
				run_two_lists(sizes[i], slot, n);
				run_two_lists(sizes[i], slot | WRAP, n);
			}
		}
	}
}

/** SPEC-076: many rounds of lists of all lengths, several in flight, used in another order. */
static void test_many_rounds(void **state) {
	(void)state;
	for (uint16_t size = 3; size <= 16; size++) {
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, size, true);
		virtq_rig_start(&rig);
		for (uint32_t i = 0; i < 3000; i++) {
			const uint16_t n[2] = { (uint16_t)(1 + i % (size - 1u)),
				(uint16_t)(1 + i / 7 % 2) };
			const bool both = n[0] + n[1] <= size;
			uint16_t ids[2] = { add(&rig, n[0] <= 8 ? n[0] : 8) };
			ids[1] = both ? add(&rig, n[1]) : 0;
			fake_ring_publish(&rig.ring);
			struct oriel_chain first = pop(&rig);
			CHECK(first.id == ids[0], "size %u, %u", size, i);
			if (both) {
				struct oriel_chain second = pop(&rig);
				CHECK(second.id == ids[1], "size %u, %u", size, i);
				oriel_virtq_push(rig.vq, second.id, second.n_slots, i);
			}
			oriel_virtq_push(rig.vq, first.id, first.n_slots, i);
			oriel_virtq_publish(rig.vq);
			struct fake_used used = { 0 };
			CHECK(!both || fake_ring_collect(&rig.ring, &used), "size %u, %u", size, i);
			CHECK(!both || used.id == ids[1], "size %u, %u", size, i);
			CHECK(fake_ring_collect(&rig.ring, &used), "size %u, %u", size, i);
			CHECK(used.id == ids[0] && used.written == i, "size %u, %u", size, i);
			CHECK(!fake_ring_collect(&rig.ring, &used), "size %u, %u", size, i);
		}
		virtq_rig_finish(&rig);
	}
}

/** What was counted is not counted again, and what came since is. */
static void test_count(void **state) {
	(void)state;
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, 7, true);
	virtq_rig_start(&rig);
	for (uint32_t i = 0; i < 50; i++) {
		add(&rig, 2);
		add(&rig, 1);
		fake_ring_publish(&rig.ring);
		assert_int_equal(oriel_virtq_count_available(rig.vq), 2);
		add(&rig, 3);
		fake_ring_publish(&rig.ring);
		if (i % 2 == 0) { // else one is popped that was not counted
			assert_int_equal(oriel_virtq_count_available(rig.vq), 3);
		}
		for (uint32_t n = 2; n < 3; n--) {
			virtq_rig_serve(&rig, 0);
			assert_int_equal(oriel_virtq_count_available(rig.vq), n);
		}
		oriel_virtq_publish(rig.vq);
		struct fake_used used;
		while (fake_ring_collect(&rig.ring, &used)) {
		}
	}
	// The guest makes one list of two that were counted.
	place(&rig, rig.ring.next_avail, 0, 0);
	place(&rig, fake_ring_advance(&rig.ring, rig.ring.next_avail, 1), 0, 0);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 2);
	place(&rig, rig.ring.next_avail, 0, FAKE_DESC_NEXT);
	assert_int_equal(pop(&rig).n_slots, 2);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 0);
	virtq_rig_finish(&rig);
}

/** A guest that changes lists after they were counted: the count is right again in the end. */
static void test_count_of_what_changes(void **state) {
	(void)state;
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, 7, true);
	virtq_rig_start(&rig);
	// One of three becomes three of one.
	place(&rig, 0 | WRAP, 0, FAKE_DESC_NEXT);
	place(&rig, 1 | WRAP, 0, FAKE_DESC_NEXT);
	place(&rig, 2 | WRAP, 0, 0);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 1);
	place(&rig, 0 | WRAP, 0, 0);
	place(&rig, 1 | WRAP, 0, 0);
	pop(&rig);
	pop(&rig);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 1);
	pop(&rig);
	// One without an end becomes one of one.
	place(&rig, 3 | WRAP, 0, FAKE_DESC_NEXT);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 1);
	place(&rig, 3 | WRAP, 0, 0);
	pop(&rig);
	place(&rig, 4 | WRAP, 0, 0);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 1);
	virtq_rig_finish(&rig);
}

/** Lists that were counted and are not there any more do not stay counted. */
static void test_lists_taken_back(void **state) {
	(void)state;
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, 7, true);
	virtq_rig_start(&rig);
	for (uint16_t i = 0; i < 3; i++) {
		place(&rig, i | WRAP, 0, 0);
	}
	assert_int_equal(oriel_virtq_count_available(rig.vq), 3);
	pop(&rig);
	place(&rig, 1, 0, 0);
	struct oriel_chain chain;
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EAGAIN);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 0);
	place(&rig, 1 | WRAP, 0, 0);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 2);
	virtq_rig_finish(&rig);
}

/** H-045: ids are echoed, whatever they are, and may be in flight twice. */
static void test_ids(void **state) {
	(void)state;
	static const uint16_t ids[RING_SIZE] = { RING_SIZE, 0xffff, 1, 1, 0x8000 };
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, true);
	virtq_rig_start(&rig);
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		place(&rig, i | WRAP, ids[i], 0);
	}
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		assert_int_equal(pop(&rig).id, ids[i]);
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), i + 1);
	}
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		oriel_virtq_push(rig.vq, ids[RING_SIZE - 1 - i], 1, i);
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), RING_SIZE - 1 - i);
	}
	oriel_virtq_publish(rig.vq);
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		const uint8_t *desc = fake_guest_get(&rig.guest, rig.ring.desc_gpa + 16 * i, 16);
		struct oriel_reader r = oriel_reader_of(desc + 8, 8);
		assert_int_equal(oriel_read_u32(&r), i);
		assert_int_equal(oriel_read_u16(&r), ids[RING_SIZE - 1 - i]);
		// SPEC-077: WRITE if and only if something was written.
		assert_int_equal(oriel_read_u16(&r),
				fake_ring_used_flags(WRAP) | (i > 0 ? FAKE_DESC_WRITE : 0));
	}
	virtq_rig_finish(&rig);
}

/** H-046: a slot is not the driver's before it was shown as used. */
static void test_slots_in_flight(void **state) {
	(void)state;
	enum { POPPED, PUSHED, PUBLISHED };
	for (int stage = POPPED; stage <= PUBLISHED; stage++) {
		for (uint16_t n_last = 1; n_last <= 2; n_last++) {
			struct virtq_rig rig;
			virtq_rig_init_as(&rig, RING_SIZE, true);
			virtq_rig_start(&rig);
			// Slots 0 and 1, 2, and the last two; the last is free if n_last is 1.
			uint16_t id = add(&rig, 2);
			add(&rig, 1);
			add(&rig, n_last);
			fake_ring_publish(&rig.ring);
			for (int i = 0; i < 3; i++) {
				pop(&rig);
			}
			if (stage >= PUSHED) {
				oriel_virtq_push(rig.vq, id, 2, 0);
			}
			if (stage == PUBLISHED) {
				oriel_virtq_publish(rig.vq);
			}
			// A list of what is free and one slot more; or of what is not free.
			const bool has_free = n_last == 1;
			if (has_free) {
				place(&rig, 4 | WRAP, 2, FAKE_DESC_NEXT);
			}
			place(&rig, 0, 3, 0);
			if (stage == PUBLISHED) {
				struct oriel_chain chain = pop(&rig);
				assert_int_equal(chain.n_slots, has_free ? 2 : 1);
				assert_int_equal(chain.id, 3);
			} else {
				uint32_t n = oriel_virtq_count_available(rig.vq);
				assert_int_equal(n, has_free ? 1 : 0);
				check_breaks(&rig, "in flight",
						has_free ? "longer than the free part"
							 : "that is in flight");
			}
			virtq_rig_finish(&rig);
		}
	}
}

/** SPEC-074, SPEC-076: nothing is written but id, length and flags of the used descriptors. */
static void test_nothing_else_is_written(void **state) {
	(void)state;
	struct virtq_rig rig;
	start_at(&rig, RING_SIZE, 3 | WRAP, true);
	uint8_t *ram = fake_guest_get(&rig.guest, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	for (size_t i = 0; i < 0x8000; i++) {
		ram[DATA - FAKE_GUEST_BASE + i] = (uint8_t)(i * 7);
	}
	const struct fake_buf bufs[] = { { DATA, 32, false }, { DATA + 64, 32, true } };
	add(&rig, 3);                                  // slots 3, 4, 0: id 0
	fake_ring_add_indirect(&rig.ring, bufs, 2, 0); // slot 1: id 1
	fake_ring_publish(&rig.ring);
	static uint8_t expected[RIG_MAIN_SIZE];
	memcpy(expected, ram, RIG_MAIN_SIZE);
	uint8_t *ring = expected + (rig.ring.desc_gpa - FAKE_GUEST_BASE);
	const struct oriel_chain first = pop(&rig);
	const struct oriel_chain second = pop(&rig);
	assert_int_equal(first.n_slots, 3);
	// The second is used in slot 3, the first in slot 4; the guest sees neither.
	oriel_virtq_push(rig.vq, second.id, second.n_slots, 0x01020304);
	oriel_virtq_push(rig.vq, first.id, first.n_slots, 0);
	memcpy(ring + 16 * 3 + 8, "\4\3\2\1\1\0", 6);
	memcpy(ring + 16 * 4 + 8, "\0\0\0\0\0\0\x80\x80", 8);
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	oriel_virtq_publish(rig.vq);
	memcpy(ring + 16 * 3 + 14, "\x82\x80", 2);
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	// We are at slot 2, in the next round.
	assert_false(oriel_virtq_enable_kicks(rig.vq));
	memcpy(expected + (rig.ring.used_gpa - FAKE_GUEST_BASE), "\2\0\2\0", 4);
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	oriel_virtq_disable_kicks(rig.vq);
	memcpy(expected + (rig.ring.used_gpa - FAKE_GUEST_BASE), "\0\0\1\0", 4);
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	// Nor is anything when the queue stops.
	oriel_virtq_stop(rig.vq);
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	virtq_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configs),
		cmocka_unit_test(test_host_alignment),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_every_length_everywhere),
		cmocka_unit_test(test_many_rounds),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_count_of_what_changes),
		cmocka_unit_test(test_lists_taken_back),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_slots_in_flight),
		cmocka_unit_test(test_nothing_else_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
