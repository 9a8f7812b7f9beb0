// SPDX-License-Identifier: MIT
/*
 * Tests of a packed ring's event areas, and of where it goes on after a stop.
 *
 * Rows are named by the hostile inputs (H) and conformance checks (SPEC) that they try. Positions
 * are written as the ring has them: a slot, and the wrap counter as bit 15 (WRAP).
 */
#include "base/arith.h"
#include "fixture/virtq_rig.h"

#define RING_SIZE 5u
#define DATA (FAKE_GUEST_BASE + 0x8000u)
#define WRAP 0x8000u

static const struct fake_buf two_bufs[] = { { DATA, 8, false }, { DATA + 8, 8, true } };

/** Every position of a ring of RING_SIZE. */
static const uint16_t positions[] = { 0, 1, 2, 3, 4, WRAP, 1 | WRAP, 2 | WRAP, 3 | WRAP, 4 | WRAP };

/** Start a queue whose driver has come to this position. */
static void start_at(struct virtq_rig *rig, uint16_t at, bool event_idx) {
	virtq_rig_init_as(rig, RING_SIZE, true);
	rig->ring.event_idx = event_idx;
	fake_ring_restart_at(&rig->ring, at);
	virtq_rig_start(rig);
}

static void add_one(struct virtq_rig *rig) {
	fake_ring_add(&rig->ring, &two_bufs[1], 1);
}

/** Serve a batch of n_slots slots: a list of two, if there are so many, and lists of one. */
static bool serve_batch(struct virtq_rig *rig, uint16_t n_slots) {
	uint16_t n_lists = 0;
	for (uint16_t n = 0; n < n_slots; n_lists++) {
		size_t n_bufs = n == 0 && n_slots >= 2 ? 2 : 1;
		fake_ring_add(&rig->ring, two_bufs + 2 - n_bufs, n_bufs);
		n = (uint16_t)(n + n_bufs);
	}
	fake_ring_publish(&rig->ring);
	for (; n_lists > 0; n_lists--) {
		virtq_rig_serve(rig, 0);
	}
	return oriel_virtq_publish(rig->vq);
}

/** SPEC-079, H-048: what the flags say, with the feature and without it. */
static void test_interrupts_by_flags(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint16_t at, flags;
		bool wanted[2]; // without EVENT_IDX, with it
	} rows[] = {
		{ "SPEC-079: ENABLE", 0, 0, { true, true } },
		{ "SPEC-079: DISABLE", 0, 1, { false, false } },
		{ "SPEC-079: DESC, for a later one", 1 | WRAP, 2, { true, false } },
		{ "SPEC-079: DESC, for this one", WRAP, 2, { true, true } },
		{ "H-048: 3", 1 | WRAP, 3, { true, true } },
		{ "H-048: DESC, N", RING_SIZE | WRAP, 2, { true, true } },
		{ "H-048: DESC, 0x7fff", 0x7fff, 2, { true, true } },
		{ "H-048: DESC, N - 1", 4 | WRAP, 2, { true, false } },
		{ "reserved bits and DISABLE", WRAP, 0xfffd, { false, false } },
		{ "reserved bits and ENABLE", 1 | WRAP, 0xfffc, { true, true } },
	};
	for (size_t i = 0; i < 2 * ORIEL_ARRAY_LEN(rows); i++) {
		const bool event_idx = i % 2 == 1;
		const char *name = rows[i / 2].name;
		struct virtq_rig rig;
		start_at(&rig, FAKE_RING_FRESH_PACKED, event_idx);
		fake_ring_set_driver_event(&rig.ring, rows[i / 2].at, rows[i / 2].flags);
		CHECK(!oriel_virtq_publish(rig.vq), "%s: for nothing", name);
		bool wanted = serve_batch(&rig, 1);
		CHECK(wanted == rows[i / 2].wanted[event_idx], "%s, %d", name, event_idx);
		CHECK(!oriel_virtq_publish(rig.vq), "%s, %d: twice", name, event_idx);
		// When the driver changes its mind, the next one counts.
		fake_ring_set_driver_event(&rig.ring, 0, FAKE_EVENT_ENABLE);
		CHECK(serve_batch(&rig, 1), "%s, %d: later", name, event_idx);
		virtq_rig_finish(&rig);
	}
}

/** SPEC-079: exactly if the slot of the event is among those that the batch has used. */
static void test_interrupts_by_event(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(positions); i++) {
		for (uint16_t n = 1; n <= RING_SIZE; n++) {
			for (uint16_t k = 0; k < 2 * RING_SIZE; k++) {
				struct virtq_rig rig;
				start_at(&rig, positions[i], true);
				uint16_t event = fake_ring_advance(&rig.ring, positions[i], k);
				fake_ring_set_driver_event(&rig.ring, event, FAKE_EVENT_DESC);
				bool wanted = serve_batch(&rig, n);
				CHECK(wanted == (k < n), "at 0x%x, %u slots, event 0x%x",
						positions[i], n, event);
				CHECK(!oriel_virtq_publish(rig.vq), "at 0x%x: twice", positions[i]);
				virtq_rig_finish(&rig);
			}
		}
	}
}

/** The device's area says whether kicks are wanted, and with EVENT_IDX for which descriptor. */
static void test_kicks(void **state) {
	(void)state;
	for (size_t i = 0; i < 2 * ORIEL_ARRAY_LEN(positions); i++) {
		const bool event_idx = i % 2 == 1;
		const uint16_t at = positions[i / 2];
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, RING_SIZE, true);
		rig.ring.event_idx = event_idx;
		fake_ring_restart_at(&rig.ring, at);
		fake_ring_set_device_event(&rig.ring, 0, FAKE_EVENT_DISABLE); // left by somebody
		virtq_rig_start(&rig);
		uint32_t event = fake_ring_get_device_event(&rig.ring);
		CHECK(event == (event_idx ? 0x20000u | at : 0), "at 0x%x: 0x%x", at, event);
		add_one(&rig);
		CHECK(fake_ring_publish(&rig.ring), "at 0x%x: the first", at);
		oriel_virtq_disable_kicks(rig.vq);
		event = fake_ring_get_device_event(&rig.ring);
		CHECK(event >> 16 == FAKE_EVENT_DISABLE, "at 0x%x: 0x%x", at, event);
		add_one(&rig);
		CHECK(!fake_ring_publish(&rig.ring), "at 0x%x: while it is polled", at);
		virtq_rig_serve(&rig, 0);
		// What the guest writes there does not count.
		fake_ring_set_device_event(&rig.ring, 0xffff, 0xffff);
		CHECK(oriel_virtq_enable_kicks(rig.vq), "at 0x%x: one more is there", at);
		virtq_rig_serve(&rig, 0);
		CHECK(!oriel_virtq_enable_kicks(rig.vq), "at 0x%x: empty", at);
		event = fake_ring_get_device_event(&rig.ring);
		uint16_t next = fake_ring_advance(&rig.ring, at, 2);
		CHECK(event == (event_idx ? 0x20000u | next : 0), "at 0x%x: 0x%x", at, event);
		add_one(&rig);
		add_one(&rig);
		CHECK(fake_ring_publish(&rig.ring), "at 0x%x: a batch", at);
		virtq_rig_finish(&rig);
	}
}

/** Stop at every position with chains lost between used and available, and go on. */
static void test_bases(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(positions) * RING_SIZE; i++) {
		const uint16_t at = positions[i / RING_SIZE];
		const uint16_t n_lost = (uint16_t)(i % RING_SIZE);
		struct virtq_rig rig;
		start_at(&rig, at, false);
		for (uint16_t k = 0; k < n_lost; k++) {
			add_one(&rig);
		}
		fake_ring_publish(&rig.ring);
		struct oriel_chain chain;
		for (uint16_t k = 0; k < n_lost; k++) {
			assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
		}
		if (n_lost > 0) { // pushed and not published is lost too
			oriel_virtq_push(rig.vq, chain.id, chain.n_slots, 0);
		}
		uint16_t next = fake_ring_advance(&rig.ring, at, n_lost);
		struct oriel_virtq_config config = fake_ring_config(&rig.ring);
		config.base = oriel_virtq_stop(rig.vq);
		CHECK(config.base == (next | (uint32_t)at << 16), "at 0x%x: 0x%x", at, config.base);

		// It goes on behind them; the used descriptor is written where the guest waits.
		CHECK(oriel_virtq_start(rig.vq, &config, rig.map) == 0, "at 0x%x", at);
		CHECK(oriel_virtq_count_available(rig.vq) == 0, "at 0x%x", at);
		uint16_t id = fake_ring_add(&rig.ring, &two_bufs[1], 1);
		fake_ring_publish(&rig.ring);
		CHECK(virtq_rig_serve(&rig, 7) == id, "at 0x%x", at);
		oriel_virtq_publish(rig.vq);
		struct fake_used used = { 0 };
		CHECK(fake_ring_collect(&rig.ring, &used) && used.id == id, "at 0x%x", at);
		CHECK(used.written == 7, "at 0x%x", at);
		// The slots of the lost ones stay taken.
		uint16_t beyond = fake_ring_advance(&rig.ring, next, 1);
		for (uint16_t k = n_lost; k < RING_SIZE; k++) {
			fake_ring_set_slot(&rig.ring, beyond & 0x7fff, DATA, 1, 0,
					fake_ring_available_flags(beyond));
			CHECK(oriel_virtq_pop(rig.vq, &chain) == 0, "at 0x%x, %u", at, k);
			beyond = fake_ring_advance(&rig.ring, beyond, 1);
		}
		fake_ring_set_slot(&rig.ring, beyond & 0x7fff, DATA, 1, 0,
				fake_ring_available_flags(beyond));
		CHECK(oriel_virtq_pop(rig.vq, &chain) == -EBADMSG, "at 0x%x", at);
		virtq_rig_finish(&rig);
	}
}

/** A used position that cannot be is not believed: it is where the available one is. */
static void test_bases_that_cannot_be(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint16_t avail, used, expected;
	} rows[] = {
		{ "both the same", 2 | WRAP, 2 | WRAP, 2 | WRAP },
		{ "one lost", 2 | WRAP, 1 | WRAP, 1 | WRAP },
		{ "all but one lost, across the end", 2, 3 | WRAP, 3 | WRAP },
		{ "all lost: nothing would ever come", 2, 2 | WRAP, 2 },
		{ "more than a round", 2 | WRAP, 3 | WRAP, 2 | WRAP },
		{ "ahead by one, across the end", WRAP, 1 | WRAP, WRAP },
		{ "no slot of the ring", 2 | WRAP, RING_SIZE | WRAP, 2 | WRAP },
		{ "no slot of the ring, as near as one lost", 2, RING_SIZE | WRAP, 2 },
		{ "the lower half alone, fresh", WRAP, 0, WRAP },
		{ "the lower half alone, later", 3 | WRAP, 0, 3 | WRAP },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, RING_SIZE, true);
		fake_ring_restart_at(&rig.ring, rows[i].avail);
		struct oriel_virtq_config config = fake_ring_config(&rig.ring);
		config.base = rows[i].avail | (uint32_t)rows[i].used << 16;
		CHECK(oriel_virtq_start(rig.vq, &config, rig.map) == 0, "%s", rows[i].name);
		add_one(&rig);
		fake_ring_publish(&rig.ring);
		virtq_rig_serve(&rig, 0);
		oriel_virtq_publish(rig.vq);
		const uint16_t used = rows[i].expected;
		uint16_t flags = fake_ring_get_slot_flags(&rig.ring, used & 0x7fff);
		CHECK(flags == fake_ring_used_flags(used), "%s: 0x%x", rows[i].name, flags);
		uint32_t base = oriel_virtq_stop(rig.vq);
		uint32_t expected = fake_ring_advance(&rig.ring, rows[i].avail, 1) |
				    (uint32_t)fake_ring_advance(&rig.ring, used, 1) << 16;
		CHECK(base == expected, "%s: 0x%x", rows[i].name, base);
		virtq_rig_finish(&rig);
	}
}

/** H-049: every slot of the largest ring in flight, and the round after that. */
static void test_the_largest_ring(void **state) {
	(void)state;
	const uint64_t ring = 0x1000000;
	const uint32_t size = 32768;
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, true);
	rig.ring.event_idx = true;
	fake_guest_add(&rig.guest, ring, (size_t)FAKE_DESC_SIZE * size);
	oriel_mem_map_release(rig.map);
	rig.map = oriel_memory_hold_map(rig.guest.memory);
	struct oriel_virtq_config config = fake_ring_config(&rig.ring);
	config.size = (uint16_t)size;
	config.desc_gpa = ring;
	assert_int_equal(oriel_virtq_start(rig.vq, &config, rig.map), 0);
	for (uint32_t round = 0; round < 2; round++) {
		const uint16_t flags = round == 0 ? FAKE_DESC_AVAIL : FAKE_DESC_USED;
		for (uint32_t i = 0; i < size; i++) {
			fake_ring_set_table_desc(&rig.ring, ring, (uint16_t)i, DATA, 1, (uint16_t)i,
					flags);
		}
		assert_int_equal(oriel_virtq_count_available(rig.vq), size);
		for (uint32_t i = 0; i < size; i++) {
			struct oriel_chain chain = { 0 };
			assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
			assert_int_equal(chain.id, i);
		}
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), size);
		assert_int_equal(oriel_virtq_count_available(rig.vq), 0);
		for (uint32_t i = 0; i < size; i++) {
			oriel_virtq_push(rig.vq, (uint16_t)i, 1, 1);
		}
		// The last of them is the one that is asked for.
		fake_ring_set_driver_event(&rig.ring, (uint16_t)(0x7fff | (round == 0 ? WRAP : 0)),
				FAKE_EVENT_DESC);
		assert_true(oriel_virtq_publish(rig.vq));
	}
	assert_int_equal(oriel_virtq_stop(rig.vq), 0x80008000);
	virtq_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupts_by_flags),
		cmocka_unit_test(test_interrupts_by_event),
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_bases),
		cmocka_unit_test(test_bases_that_cannot_be),
		cmocka_unit_test(test_the_largest_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
