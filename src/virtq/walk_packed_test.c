// SPDX-License-Identifier: MIT
/*
 * Tests of lists in a packed ring: which arrangements of descriptors are taken, and which break the
 * queue.
 *
 * Rows are named by the hostile inputs (H) and conformance checks (SPEC) that they try. Positions
 * are written as the ring has them: a slot, and the wrap counter as bit 15 (WRAP).
 */
#include "base/arith.h"
#include "fixture/virtq_rig.h"

#define RING_SIZE 5u
#define DATA (FAKE_GUEST_BASE + 0x8000u)
#define OUTSIDE 0x1000u
#define WRAP 0x8000u

#define N FAKE_DESC_NEXT
#define W FAKE_DESC_WRITE
#define I FAKE_DESC_INDIRECT
#define STALE 0x10u // not available: for this test alone, no flag of the ring
#define TABLE (FAKE_GUEST_BASE + 0x4000u)
#define CROSSING_TABLE (RIG_NEXT_GPA - 24)

struct desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

static const struct row {
	const char *name;
	struct desc list[RING_SIZE];
	struct desc table[RING_SIZE];
	uint64_t table_gpa;   // 0: TABLE
	const char *broken;   // a part of the reason, or NULL
	size_t n_readable[2]; // spans, bytes
	size_t n_writable[2];
	uint16_t id, n_slots;
	bool without_indirect; // the feature is not negotiated
} rows[] = {
	{ .name = "one readable",
			.list = { { DATA, 24, 9, 0 } },
			.n_readable = { 1, 24 },
			.id = 9,
			.n_slots = 1 },
	{ .name = "SPEC-075: a list in order; the last id counts",
			.list = { { DATA, 1, 7, N }, { DATA, 2, 6, N }, { DATA, 4, 5, N | W },
					{ DATA, 8, 4, W } },
			.n_readable = { 2, 3 },
			.n_writable = { 2, 12 },
			.id = 4,
			.n_slots = 4 },
	{ .name = "a list of all slots",
			.list = { { DATA, 1, 0, N }, { DATA, 1, 0, N }, { DATA, 1, 0, N },
					{ DATA, 1, 0, N }, { DATA, 1, 3, 0 } },
			.n_readable = { 5, 5 },
			.id = 3,
			.n_slots = 5 },
	{ .name = "unknown flags",
			.list = { { DATA, 24, 1, 0x7f68 } },
			.n_readable = { 1, 24 },
			.id = 1,
			.n_slots = 1 },
	{ .name = "H-041: NEXT on all slots",
			.list = { { DATA, 1, 0, N }, { DATA, 1, 0, N }, { DATA, 1, 0, N },
					{ DATA, 1, 0, N }, { DATA, 1, 0, N } },
			.broken = "longer than the free part" },
	{ .name = "H-041: of empty descriptors",
			.list = { { DATA, 0, 0, N }, { DATA, 0, 0, N }, { DATA, 0, 0, N },
					{ DATA, 0, 0, N }, { DATA, 0, 0, N } },
			.broken = "longer than the free part" },
	{ .name = "H-042: INDIRECT and NEXT",
			.list = { { TABLE, 16, 0, I | N }, { DATA, 1, 0, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "behind an indirect one" },
	{ .name = "H-042: INDIRECT at the end of a list",
			.list = { { DATA, 1, 0, N }, { TABLE, 16, 0, I } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "indirect descriptor behind" },
	{ .name = "H-042: INDIRECT in the middle of a list",
			.list = { { DATA, 1, 0, N }, { TABLE, 16, 0, I | N }, { DATA, 1, 0, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "indirect descriptor behind" },
	{ .name = "INDIRECT without the feature",
			.list = { { TABLE, 16, 0, I } },
			.table = { { DATA, 1, 0, 0 } },
			.without_indirect = true,
			.broken = "without the feature" },
	{ .name = "H-043: a table of 0 bytes",
			.list = { { TABLE, 0, 0, I } },
			.broken = "table of a bad size" },
	{ .name = "H-043: of 24",
			.list = { { TABLE, 24, 0, I } },
			.broken = "table of a bad size" },
	{ .name = "H-043: of 0xfffffff0",
			.list = { { TABLE, 0xfffffff0, 0, I } },
			.broken = "table of a bad size" },
	{ .name = "H-043: of one entry too many",
			.list = { { TABLE, 16 * (ORIEL_VIRTQ_MAX_CHAIN + 1), 0, I } },
			.broken = "table of a bad size" },
	{ .name = "H-043: outside memory",
			.list = { { OUTSIDE, 16, 0, I } },
			.broken = "table outside" },
	{ .name = "H-043: that wraps",
			.list = { { UINT64_MAX - 15, 32, 0, I } },
			.broken = "table outside" },
	{ .name = "SPEC-078: WRITE on the table's descriptor is ignored, its id counts",
			.list = { { TABLE, 32, 77, I | W } },
			.table = { { DATA, 4, 1, 0 }, { DATA, 8, 2, W } },
			.n_readable = { 1, 4 },
			.n_writable = { 1, 8 },
			.id = 77,
			.n_slots = 1 },
	{ .name = "H-044, SPEC-078: NEXT, INDIRECT, AVAIL, USED and ids in a table",
			.list = { { TABLE, 64, 8, I } },
			.table = { { DATA, 1, 999, N | I }, { DATA, 2, 8, 0xfffd },
					{ DATA, 4, 0xffff, 0xffff }, { DATA, 8, 0, W } },
			.n_readable = { 2, 3 },
			.n_writable = { 2, 12 },
			.id = 8,
			.n_slots = 1 },
	{ .name = "a table that crosses regions",
			.list = { { CROSSING_TABLE, 48, 0, I } },
			.table = { { DATA, 3, 0, 0 }, { DATA, 4, 0, 0 }, { DATA, 5, 0, W } },
			.table_gpa = CROSSING_TABLE,
			.n_readable = { 2, 7 },
			.n_writable = { 1, 5 },
			.n_slots = 1 },
	{ .name = "every entry of a table is looked at",
			.list = { { TABLE, 32, 0, I } },
			.table = { { DATA, 3, 0, 0 }, { OUTSIDE, 4, 0, 0 } },
			.broken = "descriptor outside" },
	{ .name = "H-047: the second is not available",
			.list = { { DATA, 1, 0, N }, { DATA, 1, 0, STALE } },
			.broken = "end is not available" },
	{ .name = "H-047: the third is not available",
			.list = { { DATA, 1, 0, N }, { DATA, 1, 0, N }, { DATA, 1, 0, STALE } },
			.broken = "end is not available" },
	{ .name = "readable behind writable",
			.list = { { DATA, 1, 0, N | W }, { DATA, 1, 0, 0 } },
			.broken = "readable descriptor behind" },
	{ .name = "readable behind writable in a table",
			.list = { { TABLE, 32, 0, I } },
			.table = { { DATA, 1, 0, W }, { DATA, 1, 0, 0 } },
			.broken = "readable descriptor behind" },
	{ .name = "outside memory",
			.list = { { OUTSIDE, 1, 0, 0 } },
			.broken = "descriptor outside" },
	{ .name = "outside memory, later",
			.list = { { DATA, 1, 0, N }, { OUTSIDE, 1, 0, W } },
			.broken = "descriptor outside" },
	{ .name = "empty ones anywhere; their slots and ids count",
			.list = { { OUTSIDE, 0, 1, N }, { DATA, 4, 2, N }, { OUTSIDE, 0, 3, W } },
			.n_readable = { 1, 4 },
			.id = 3,
			.n_slots = 3 },
};

static void write_row(struct virtq_rig *rig, const struct row *row, uint16_t at) {
	for (uint16_t i = 0; i < RING_SIZE && row->list[i].gpa != 0; i++) {
		const struct desc *desc = &row->list[i];
		uint16_t state = desc->flags & STALE ? fake_ring_used_flags(at ^ WRAP)
						     : fake_ring_available_flags(at);
		fake_ring_set_slot(&rig->ring, at & 0x7fff, desc->gpa, desc->len, desc->id,
				(uint16_t)((desc->flags & ~STALE) | state));
		at = fake_ring_advance(&rig->ring, at, 1);
	}
	uint64_t gpa = row->table_gpa != 0 ? row->table_gpa : TABLE;
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		const struct desc *desc = &row->table[i];
		fake_ring_set_table_desc(&rig->ring, gpa, i, desc->gpa, desc->len, desc->id,
				desc->flags);
	}
}

static size_t sum_of(const struct oriel_span *spans, size_t n) {
	size_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		sum += spans[i].size;
	}
	return sum;
}

static void check_chain(const struct row *row, const struct oriel_chain *chain) {
	const char *name = row->name;
	CHECK(chain->id == row->id, "%s: id %u", name, chain->id);
	CHECK(chain->n_slots == row->n_slots, "%s: %u slots", name, chain->n_slots);
	CHECK(chain->n_readable == row->n_readable[0], "%s: %zu", name, chain->n_readable);
	CHECK(chain->n_readable_bytes == row->n_readable[1], "%s", name);
	CHECK(chain->n_writable == row->n_writable[0], "%s: %zu", name, chain->n_writable);
	CHECK(chain->n_writable_bytes == row->n_writable[1], "%s", name);
	CHECK(sum_of(chain->readable, chain->n_readable) == row->n_readable[1], "%s", name);
	CHECK(sum_of(chain->writable, chain->n_writable) == row->n_writable[1], "%s", name);
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

/** Each row at every position of the ring. */
static void test_lists(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows) * 2 * RING_SIZE; i++) {
		const struct row *row = &rows[i / (2 * RING_SIZE)];
		const uint16_t at = (uint16_t)(i % RING_SIZE | (i / RING_SIZE % 2) << 15);
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, RING_SIZE, true);
		fake_ring_restart_at(&rig.ring, at);
		struct oriel_virtq_config config = fake_ring_config(&rig.ring);
		config.indirect = !row->without_indirect;
		CHECK(oriel_virtq_start(rig.vq, &config, rig.map) == 0, "%s", row->name);
		write_row(&rig, row, at);
		CHECK(oriel_virtq_count_available(rig.vq) == 1, "%s", row->name);
		if (row->broken != NULL) {
			check_breaks(&rig, row->name, row->broken);
		} else {
			struct oriel_chain chain;
			int err = oriel_virtq_pop(rig.vq, &chain);
			CHECK(err == 0, "%s at 0x%x: %d, %s", row->name, at, err,
					virtq_rig_reason(&rig));
			check_chain(row, &chain);
			CHECK(oriel_virtq_count_available(rig.vq) == 0, "%s", row->name);
		}
		virtq_rig_finish(&rig);
	}
}

/** A list of more descriptors than any chain may have, in the largest ring. */
static void test_the_longest_list(void **state) {
	(void)state;
	const uint64_t ring = 0x1000000;
	for (uint16_t n = ORIEL_VIRTQ_MAX_CHAIN; n <= ORIEL_VIRTQ_MAX_CHAIN + 1; n++) {
		struct virtq_rig rig;
		virtq_rig_init_as(&rig, RING_SIZE, true);
		fake_guest_add(&rig.guest, ring, (size_t)FAKE_DESC_SIZE * 32768);
		oriel_mem_map_release(rig.map);
		rig.map = oriel_memory_hold_map(rig.guest.memory);
		struct oriel_virtq_config config = fake_ring_config(&rig.ring);
		config.size = 32768;
		config.desc_gpa = ring;
		assert_int_equal(oriel_virtq_start(rig.vq, &config, rig.map), 0);
		for (uint16_t i = 0; i < n; i++) {
			uint16_t flags = FAKE_DESC_AVAIL | (i + 1 < n ? N : 0);
			fake_ring_set_table_desc(&rig.ring, ring, i, DATA + i, 1, i, flags);
		}
		if (n > ORIEL_VIRTQ_MAX_CHAIN) {
			check_breaks(&rig, "one too many", "too many descriptors");
		} else {
			struct oriel_chain chain = { 0 };
			assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
			assert_int_equal(chain.n_slots, n);
			assert_int_equal(chain.n_readable_bytes, n);
			assert_int_equal(chain.id, n - 1);
		}
		virtq_rig_finish(&rig);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_the_longest_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
