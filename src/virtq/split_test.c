// SPDX-License-Identifier: MIT
/*
 * Tests of the split ring: indices, used elements, and who notifies whom.
 *
 * Rows are named by the hostile inputs (H) and conformance checks (SPEC) that they try.
 */
#include "fixture/virtq_rig.h"

#define RING_SIZE 8u
#define DATA (FAKE_GUEST_BASE + 0x8000u)

static const struct fake_buf one_buf = { DATA, 16, true };

static uint16_t add_one(struct virtq_rig *rig) {
	return fake_ring_add(&rig->ring, &one_buf, 1);
}

/** Start a queue whose driver has come to idx. */
static void start_at(struct virtq_rig *rig, uint16_t size, uint16_t idx, bool event_idx) {
	virtq_rig_init(rig, size);
	rig->ring.event_idx = event_idx;
	fake_ring_restart_at(&rig->ring, idx);
	virtq_rig_start(rig);
}

static void test_available_index(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint16_t base;
		uint16_t idx;
		int err;
		uint32_t n_available;
	} rows[] = {
		{ "nothing there", 0, 0, -EAGAIN, 0 },
		{ "one chain", 0, 1, 0, 1 },
		{ "a full ring", 0, RING_SIZE, 0, RING_SIZE },
		{ "H-001: one more than the ring has", 0, RING_SIZE + 1, -EBADMSG, 0 },
		{ "H-001: 0x8000 ahead", 3, 0x8003, -EBADMSG, 0 },
		{ "H-001: 0xffff ahead", 3, 2, -EBADMSG, 0 },
		{ "H-002: back by one", 5, 4, -EBADMSG, 0 },
		{ "H-002: back by a ring", 16, 8, -EBADMSG, 0 },
		{ "a full ring across the wrap", 0xfffc, 4, 0, RING_SIZE },
		{ "H-001: more than that", 0xfffc, 5, -EBADMSG, 0 },
		{ "H-002: back across the wrap", 0, 0xffff, -EBADMSG, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		struct virtq_rig rig;
		start_at(&rig, RING_SIZE, rows[i].base, false);
		for (uint16_t k = 0; k < RING_SIZE; k++) {
			add_one(&rig);
		}
		fake_ring_set_avail_idx(&rig.ring, rows[i].idx);
		uint32_t n = oriel_virtq_count_available(rig.vq);
		CHECK(n == rows[i].n_available, "%s: %u", rows[i].name, n);

		struct oriel_chain chain;
		int err = oriel_virtq_pop(rig.vq, &chain);
		CHECK(err == rows[i].err, "%s: %d", rows[i].name, err);
		bool is_broken = err == -EBADMSG;
		CHECK(oriel_virtq_is_broken(rig.vq, NULL) == is_broken, "%s", rows[i].name);
		CHECK(oriel_virtq_count_in_flight(rig.vq) == (err == 0), "%s", rows[i].name);
		// Broken is broken, also when the guest repents.
		fake_ring_set_avail_idx(&rig.ring, (uint16_t)(rows[i].base + 1));
		err = oriel_virtq_pop(rig.vq, &chain);
		CHECK(!is_broken || err == -EBADMSG, "%s: %d", rows[i].name, err);
		uint16_t base = (uint16_t)oriel_virtq_stop(rig.vq);
		CHECK(!is_broken || base == rows[i].base, "%s: base %u", rows[i].name, base);
		virtq_rig_finish(&rig);
	}
}

/** H-002, later: what was seen to be there is served, then the step back is noticed. */
static void test_an_index_that_goes_back(void **state) {
	(void)state;
	struct virtq_rig rig;
	start_at(&rig, RING_SIZE, 0, false);
	add_one(&rig);
	add_one(&rig);
	fake_ring_publish(&rig.ring);
	virtq_rig_serve(&rig, 0);
	fake_ring_set_avail_idx(&rig.ring, 0);
	virtq_rig_serve(&rig, 0);
	struct oriel_chain chain;
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EBADMSG);
	virtq_rig_finish(&rig);
}

static void test_heads(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint16_t heads[3];
		const char *broken; // at the last one
		bool completes;     // each before the next is popped
	} rows[] = {
		{ "H-003: N", { 0, 1, RING_SIZE }, "head outside", false },
		{ "H-003: N + 1", { 0, 1, RING_SIZE + 1 }, "head outside", false },
		{ "H-003: 0xffff", { 0, 1, 0xffff }, "head outside", false },
		{ "N - 1", { 0, 1, RING_SIZE - 1 }, NULL, false },
		{ "H-004: one that is in flight", { 0, 1, 0 }, "in flight", false },
		{ "H-004: the one before", { 0, 1, 1 }, "in flight", false },
		{ "H-005: the same again and again", { 1, 1, 1 }, NULL, true },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		struct virtq_rig rig;
		start_at(&rig, RING_SIZE, 0, false);
		for (uint16_t k = 0; k < RING_SIZE; k++) {
			fake_ring_set_desc(&rig.ring, k, DATA, 16, FAKE_DESC_WRITE, 0);
		}
		for (size_t k = 0; k < 3; k++) {
			fake_ring_add_head(&rig.ring, rows[i].heads[k]);
		}
		fake_ring_publish(&rig.ring);
		for (size_t k = 0; k < 3; k++) {
			struct oriel_chain chain;
			int err = oriel_virtq_pop(rig.vq, &chain);
			bool breaks = k == 2 && rows[i].broken != NULL;
			CHECK(err == (breaks ? -EBADMSG : 0), "%s: %zu: %d", rows[i].name, k, err);
			if (breaks) {
				CHECK(strstr(virtq_rig_reason(&rig), rows[i].broken) != NULL, "%s",
						rows[i].name);
				continue;
			}
			CHECK(chain.id == rows[i].heads[k], "%s: %zu", rows[i].name, k);
			if (rows[i].completes) {
				oriel_virtq_push(rig.vq, chain.id, chain.n_slots, (uint32_t)k);
			}
		}
		oriel_virtq_publish(rig.vq);
		uint16_t used_idx = fake_ring_get_used_idx(&rig.ring);
		CHECK(used_idx == (rows[i].completes ? 3 : 0), "%s: %u", rows[i].name, used_idx);
		virtq_rig_finish(&rig);
	}
}

/** Every bit of the bitmap of what is in flight, in the largest rings that there are. */
static void test_every_head_in_flight(void **state) {
	(void)state;
	static const uint16_t sizes[] = { 1, 2, 64, 128, 1024 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		struct virtq_rig rig;
		start_at(&rig, sizes[i], 0xfff0, false);
		for (uint16_t k = 0; k < sizes[i]; k++) {
			add_one(&rig);
		}
		fake_ring_publish(&rig.ring);
		for (uint16_t k = 0; k < sizes[i]; k++) {
			struct oriel_chain chain;
			assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
			assert_int_equal(chain.id, k);
			assert_int_equal(oriel_virtq_count_in_flight(rig.vq), k + 1);
		}
		struct oriel_chain chain;
		assert_int_equal(oriel_virtq_pop(rig.vq, &chain), -EAGAIN);
		for (uint16_t k = sizes[i]; k > 0; k--) {
			oriel_virtq_push(rig.vq, (uint16_t)(k - 1), 1, k);
		}
		assert_int_equal(oriel_virtq_count_in_flight(rig.vq), 0);
		oriel_virtq_publish(rig.vq);
		// SPEC-063: each once, in the order of completion.
		for (uint16_t k = sizes[i]; k > 0; k--) {
			struct fake_used used;
			assert_true(fake_ring_collect(&rig.ring, &used));
			assert_int_equal(used.id, k - 1);
			assert_int_equal(used.written, k);
		}
		struct fake_used used;
		assert_false(fake_ring_collect(&rig.ring, &used));
		virtq_rig_finish(&rig);
	}
}

/** More chains than an index has values; several in flight, given back in another order. */
static void test_long_after_the_wrap(void **state) {
	(void)state;
	struct virtq_rig rig;
	start_at(&rig, 4, 0, true);
	for (uint32_t i = 0; i < 70000; i += 3) {
		uint16_t heads[3];
		for (size_t k = 0; k < 3; k++) {
			heads[k] = add_one(&rig);
			fake_ring_publish(&rig.ring);
		}
		for (size_t k = 0; k < 3; k++) {
			struct oriel_chain chain;
			CHECK(oriel_virtq_pop(rig.vq, &chain) == 0, "%u", i);
			CHECK(chain.id == heads[k], "%u", i);
		}
		for (size_t k = 0; k < 3; k++) {
			oriel_virtq_push(rig.vq, heads[2 - k], 1, i);
		}
		oriel_virtq_publish(rig.vq);
		for (size_t k = 0; k < 3; k++) {
			struct fake_used used = { 0 };
			CHECK(fake_ring_collect(&rig.ring, &used), "%u", i);
			CHECK(used.id == heads[2 - k] && used.written == i, "%u", i);
		}
	}
	virtq_rig_finish(&rig);
}

/** SPEC-052, H-036: without the feature only bit 0 of the flags counts. */
static void test_interrupts_by_flags(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint16_t flags;
		bool wanted;
	} rows[] = {
		{ "SPEC-052: 0", 0, true },
		{ "SPEC-052: 1", 1, false },
		{ "H-036: all bits but 0", 0xfffe, true },
		{ "H-036: all bits", 0xffff, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		for (uint16_t event = 0; event < 4; event++) {
			struct virtq_rig rig;
			start_at(&rig, RING_SIZE, 0, false);
			fake_ring_set_avail_flags(&rig.ring, rows[i].flags);
			fake_ring_set_used_event(&rig.ring, event);
			CHECK(!oriel_virtq_publish(rig.vq), "%s: for nothing", rows[i].name);
			add_one(&rig);
			fake_ring_publish(&rig.ring);
			virtq_rig_serve(&rig, 16);
			CHECK(fake_ring_get_used_idx(&rig.ring) == 0, "%s: too soon", rows[i].name);
			bool wanted = oriel_virtq_publish(rig.vq);
			CHECK(wanted == rows[i].wanted, "%s: event %u", rows[i].name, event);
			CHECK(fake_ring_get_used_idx(&rig.ring) == 1, "%s", rows[i].name);
			CHECK(!oriel_virtq_publish(rig.vq), "%s: twice", rows[i].name);
			// SPEC-052: when the driver changes its mind, the next one counts.
			fake_ring_set_avail_flags(&rig.ring, 0);
			add_one(&rig);
			fake_ring_publish(&rig.ring);
			virtq_rig_serve(&rig, 16);
			CHECK(oriel_virtq_publish(rig.vq), "%s: later", rows[i].name);
			virtq_rig_finish(&rig);
		}
	}
}

/** SPEC-053: exactly if the batch has the element whose index is used_event. */
static void test_interrupts_by_event(void **state) {
	(void)state;
	static const uint16_t starts[] = { 0, 1, 0x7ffe, 0xfffc, 0xfffd, 0xffff };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(starts); i++) {
		for (uint16_t n = 1; n <= RING_SIZE; n++) {
			for (int k = -3; k < (int)RING_SIZE + 3; k++) {
				const uint16_t event = (uint16_t)(starts[i] + k);
				struct virtq_rig rig;
				start_at(&rig, RING_SIZE, starts[i], true);
				fake_ring_set_used_event(&rig.ring, event);
				fake_ring_set_avail_flags(&rig.ring, k & 1); // does not count
				for (uint16_t c = 0; c < n; c++) {
					add_one(&rig);
				}
				fake_ring_publish(&rig.ring);
				for (uint16_t c = 0; c < n; c++) {
					virtq_rig_serve(&rig, 0);
				}
				bool wanted = oriel_virtq_publish(rig.vq);
				CHECK(wanted == (k >= 0 && k < n), "at %u, %u chains, event %u",
						starts[i], n, event);
				CHECK(!oriel_virtq_publish(rig.vq), "at %u: twice", starts[i]);
				virtq_rig_finish(&rig);
			}
		}
	}
}

/** SPEC-058: the flags say whether kicks are wanted. */
static void test_kicks_by_flags(void **state) {
	(void)state;
	struct virtq_rig rig;
	virtq_rig_init(&rig, RING_SIZE);
	fake_ring_set_used_flags(&rig.ring, 1); // left behind by somebody
	virtq_rig_start(&rig);
	assert_int_equal(fake_ring_get_used_flags(&rig.ring), 0);
	add_one(&rig);
	assert_true(fake_ring_publish(&rig.ring));
	oriel_virtq_disable_kicks(rig.vq);
	assert_int_equal(fake_ring_get_used_flags(&rig.ring), 1);
	add_one(&rig);
	assert_false(fake_ring_publish(&rig.ring));
	// H-037: ours is what counts.
	fake_ring_set_used_flags(&rig.ring, 0xffff);
	// SPEC-061: two chains came for which there may be no kick.
	assert_true(oriel_virtq_enable_kicks(rig.vq));
	assert_int_equal(fake_ring_get_used_flags(&rig.ring), 0);
	virtq_rig_serve(&rig, 0);
	assert_true(oriel_virtq_enable_kicks(rig.vq));
	virtq_rig_serve(&rig, 0);
	assert_false(oriel_virtq_enable_kicks(rig.vq));
	virtq_rig_finish(&rig);
}

/** SPEC-059: avail_event says for which chain a kick is wanted; the flags stay 0. */
static void test_kicks_by_event(void **state) {
	(void)state;
	static const uint16_t starts[] = { 0, 7, 0x7fff, 0xfffe, 0xffff };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(starts); i++) {
		struct virtq_rig rig;
		virtq_rig_init(&rig, RING_SIZE);
		rig.ring.event_idx = true;
		fake_ring_restart_at(&rig.ring, starts[i]);
		fake_ring_set_used_flags(&rig.ring, 1);
		virtq_rig_start(&rig);
		CHECK(fake_ring_get_used_flags(&rig.ring) == 0, "at %u", starts[i]);
		CHECK(fake_ring_get_avail_event(&rig.ring) == starts[i], "at %u", starts[i]);
		add_one(&rig);
		CHECK(fake_ring_publish(&rig.ring), "at %u: the first", starts[i]);
		oriel_virtq_disable_kicks(rig.vq);
		CHECK(fake_ring_get_used_flags(&rig.ring) == 0, "at %u", starts[i]);
		add_one(&rig);
		CHECK(!fake_ring_publish(&rig.ring), "at %u: while it is polled", starts[i]);
		virtq_rig_serve(&rig, 0);
		CHECK(oriel_virtq_enable_kicks(rig.vq), "at %u: one more is there", starts[i]);
		virtq_rig_serve(&rig, 0);
		CHECK(!oriel_virtq_enable_kicks(rig.vq), "at %u: empty", starts[i]);
		uint16_t event = fake_ring_get_avail_event(&rig.ring);
		CHECK(event == (uint16_t)(starts[i] + 2), "at %u: event %u", starts[i], event);
		add_one(&rig);
		add_one(&rig);
		CHECK(fake_ring_publish(&rig.ring), "at %u: a batch", starts[i]);
		virtq_rig_finish(&rig);
	}
}

/** SPEC-060, H-038, H-039. */
static void test_kicks_for_nothing_and_no_kicks(void **state) {
	(void)state;
	struct virtq_rig rig;
	start_at(&rig, RING_SIZE, 0, false);
	for (int i = 0; i < 100000; i++) {
		struct oriel_chain chain;
		CHECK(oriel_virtq_pop(rig.vq, &chain) == -EAGAIN, "%d", i);
		CHECK(!oriel_virtq_enable_kicks(rig.vq), "%d", i);
		CHECK(!oriel_virtq_publish(rig.vq), "%d", i);
	}
	assert_int_equal(fake_ring_get_used_idx(&rig.ring), 0);
	// Without a kick it is there all the same.
	add_one(&rig);
	fake_ring_publish(&rig.ring);
	assert_int_equal(oriel_virtq_count_available(rig.vq), 1);
	virtq_rig_serve(&rig, 0);
	virtq_rig_finish(&rig);
}

/** H-037: what the guest writes where only we may write does not count. */
static void test_a_used_index_of_the_guests(void **state) {
	(void)state;
	struct virtq_rig rig;
	start_at(&rig, RING_SIZE, 10, true);
	fake_ring_set_used_event(&rig.ring, 11);
	for (uint16_t i = 10; i < 20; i++) {
		fake_ring_set_used_idx(&rig.ring, (uint16_t)(i * 1000));
		add_one(&rig);
		fake_ring_publish(&rig.ring);
		virtq_rig_serve(&rig, i);
		CHECK(oriel_virtq_publish(rig.vq) == (i == 11), "%u", i);
		CHECK(fake_ring_get_used_idx(&rig.ring) == i + 1, "%u", i);
		struct fake_used used = { 0 };
		CHECK(fake_ring_collect(&rig.ring, &used) && used.written == i, "%u", i);
	}
	virtq_rig_finish(&rig);
}

/** SPEC-043, SPEC-045: only the used ring is written, and there only what must be. */
static void test_nothing_else_is_written(void **state) {
	(void)state;
	struct virtq_rig rig;
	start_at(&rig, RING_SIZE, 0, true);
	uint8_t *ram = fake_guest_get(&rig.guest, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	for (size_t i = 0; i < 0x8000; i++) {
		ram[DATA - FAKE_GUEST_BASE + i] = (uint8_t)(i * 7);
	}
	const struct fake_buf bufs[] = { { DATA, 32, false }, { DATA + 64, 32, true } };
	fake_ring_add_indirect(&rig.ring, bufs, 2, 1);
	fake_ring_add(&rig.ring, bufs, 2);
	fake_ring_publish(&rig.ring);
	// What is there, and what shall be there.
	static uint8_t expected[RIG_MAIN_SIZE];
	memcpy(expected, ram, RIG_MAIN_SIZE);
	uint8_t *used = expected + (rig.ring.used_gpa - FAKE_GUEST_BASE);
	used[2] = 2;  // used.idx
	used[8] = 32; // element 0: head 0, 32 bytes
	used[4 + 8] = 2;
	used[4 + 8 + 4] = 5;         // element 1: head 2, 5 bytes
	used[4 + 8 * RING_SIZE] = 2; // avail_event

	assert_int_equal(virtq_rig_serve(&rig, 32), 0);
	assert_int_equal(virtq_rig_serve(&rig, 5), 2);
	oriel_virtq_publish(rig.vq);
	assert_false(oriel_virtq_enable_kicks(rig.vq));
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	// Nor is anything when the queue stops (H-050).
	oriel_virtq_stop(rig.vq);
	assert_memory_equal(ram, expected, RIG_MAIN_SIZE);
	virtq_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_available_index),
		cmocka_unit_test(test_an_index_that_goes_back),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_every_head_in_flight),
		cmocka_unit_test(test_long_after_the_wrap),
		cmocka_unit_test(test_interrupts_by_flags),
		cmocka_unit_test(test_interrupts_by_event),
		cmocka_unit_test(test_kicks_by_flags),
		cmocka_unit_test(test_kicks_by_event),
		cmocka_unit_test(test_kicks_for_nothing_and_no_kicks),
		cmocka_unit_test(test_a_used_index_of_the_guests),
		cmocka_unit_test(test_nothing_else_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
