// SPDX-License-Identifier: MIT
/*
 * Tests of chains: which arrangements of descriptors are taken, and which break the queue. The
 * arrangements are a split ring's; for those of packed rings see packed_test.c.
 *
 * Rows are named by the hostile inputs (H) and conformance checks (SPEC) that they try.
 */
#include "virtq/virtq.h"

#include "base/arith.h"
#include "fixture/virtq_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RING_SIZE 8u
#define N FAKE_DESC_NEXT
#define W FAKE_DESC_WRITE
#define I FAKE_DESC_INDIRECT

#define DATA (FAKE_GUEST_BASE + 0x8000u)
#define TABLE (FAKE_GUEST_BASE + 0x4000u)
// Its first descriptor and half of the second are in the main region.
#define CROSSING_TABLE (RIG_NEXT_GPA - 24)
#define OUTSIDE 0x1000u

struct desc {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct row {
	const char *name;
	struct desc direct[RING_SIZE]; // from descriptor 0, the head; all zero: not there
	struct desc table[RING_SIZE];
	uint64_t table_gpa;   // 0: TABLE
	const char *broken;   // a part of the reason, or NULL
	size_t n_readable[2]; // spans, bytes
	size_t n_writable[2];
	bool without_indirect; // the feature is not negotiated
};

static const struct row rows[] = {
	{ .name = "one readable", .direct = { { DATA, 24, 0, 0 } }, .n_readable = { 1, 24 } },
	{ .name = "one writable", .direct = { { DATA, 24, W, 0 } }, .n_writable = { 1, 24 } },
	{ .name = "one of each; next is ignored without NEXT",
			.direct = { { DATA, 24, N, 1 }, { DATA + 24, 8, W, 999 } },
			.n_readable = { 1, 24 },
			.n_writable = { 1, 8 } },
	{ .name = "in any order of the table",
			.direct = { { DATA, 1, N, 7 }, [3] = { DATA, 4, W, 0 },
					[7] = { DATA, 2, N | W, 3 } },
			.n_readable = { 1, 1 },
			.n_writable = { 2, 6 } },
	{ .name = "unknown flags", .direct = { { DATA, 24, 0xfff8, 5 } }, .n_readable = { 1, 24 } },
	{ .name = "H-030: request and response overlap",
			.direct = { { DATA, 24, N, 1 }, { DATA, 24, W, 0 } },
			.n_readable = { 1, 24 },
			.n_writable = { 1, 24 } },

	{ .name = "H-006: next is N",
			.direct = { { DATA, 1, N, RING_SIZE } },
			.broken = "next descriptor outside" },
	{ .name = "H-006: next is 0xffff",
			.direct = { { DATA, 1, N, 0xffff } },
			.broken = "next descriptor outside" },
	{ .name = "H-007: a descriptor that follows itself",
			.direct = { { DATA, 1, N, 0 } },
			.broken = "longer than its table" },
	{ .name = "H-007: two that follow each other",
			.direct = { { DATA, 1, N, 1 }, { DATA, 1, N, 0 } },
			.broken = "longer than its table" },
	{ .name = "H-007: back to the head after N - 1 steps",
			.direct = { { DATA, 1, N, 1 }, { DATA, 1, N, 2 }, { DATA, 1, N, 3 },
					{ DATA, 1, N, 4 }, { DATA, 1, N, 5 }, { DATA, 1, N, 6 },
					{ DATA, 1, N, 7 }, { DATA, 1, N, 0 } },
			.broken = "longer than its table" },
	{ .name = "H-007: of empty descriptors",
			.direct = { { DATA, 0, N, 0 } },
			.broken = "longer than its table" },
	{ .name = "H-008: all N descriptors",
			.direct = { { DATA, 1, N, 1 }, { DATA, 1, N, 2 }, { DATA, 1, N, 3 },
					{ DATA, 1, N, 4 }, { DATA, 1, N, 5 }, { DATA, 1, N, 6 },
					{ DATA, 1, N, 7 }, { DATA, 1, W, 0 } },
			.n_readable = { 7, 7 },
			.n_writable = { 1, 1 } },

	{ .name = "H-009: INDIRECT without the feature",
			.direct = { { TABLE, 16, I, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.without_indirect = true,
			.broken = "without the feature" },
	{ .name = "H-010: INDIRECT in an indirect table",
			.direct = { { TABLE, 32, I, 0 } },
			.table = { { DATA, 1, N, 1 }, { TABLE, 16, I, 0 } },
			.broken = "table in another" },
	{ .name = "H-011: INDIRECT and NEXT, first",
			.direct = { { TABLE, 16, I | N, 1 }, { DATA, 1, W, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "behind an indirect one" },
	{ .name = "H-011: INDIRECT and NEXT, later",
			.direct = { { DATA, 1, N, 1 }, { TABLE, 16, I | N, 2 }, { DATA, 1, W, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "behind an indirect one" },
	{ .name = "H-012: a table of 0 bytes",
			.direct = { { TABLE, 0, I, 0 } },
			.broken = "table of a bad size" },
	{ .name = "H-012: of 8",
			.direct = { { TABLE, 8, I, 0 } },
			.broken = "table of a bad size" },
	{ .name = "H-012: of 24",
			.direct = { { TABLE, 24, I, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "table of a bad size" },
	{ .name = "H-013: of 0xfffffff0",
			.direct = { { TABLE, 0xfffffff0, I, 0 } },
			.broken = "table of a bad size" },
	{ .name = "H-013: of one entry too many",
			.direct = { { TABLE, 16 * (ORIEL_VIRTQ_MAX_CHAIN + 1), I, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "table of a bad size" },
	{ .name = "H-014: a table outside memory",
			.direct = { { OUTSIDE, 16, I, 0 } },
			.broken = "table outside" },
	{ .name = "H-014: half outside",
			.direct = { { RIG_NEXT_GPA + RIG_NEXT_SIZE - 8, 16, I, 0 } },
			.broken = "table outside" },
	{ .name = "H-014: that wraps",
			.direct = { { UINT64_MAX - 15, 32, I, 0 } },
			.broken = "table outside" },
	{ .name = "H-015: that crosses regions",
			.direct = { { CROSSING_TABLE, 48, I, 0 } },
			.table = { { DATA, 3, N, 1 }, { DATA, 4, N, 2 }, { DATA, 5, W, 0 } },
			.table_gpa = CROSSING_TABLE,
			.n_readable = { 2, 7 },
			.n_writable = { 1, 5 } },
	{ .name = "a table at an odd address",
			.direct = { { TABLE + 1, 32, I, 0 } },
			.table = { { DATA, 3, N, 1 }, { DATA, 4, W, 0 } },
			.table_gpa = TABLE + 1,
			.n_readable = { 1, 3 },
			.n_writable = { 1, 4 } },
	{ .name = "H-016: next is the table's length",
			.direct = { { TABLE, 32, I, 0 } },
			.table = { { DATA, 1, N, 2 }, { DATA, 1, 0, 0 }, { DATA, 1, 0, 0 } },
			.broken = "next descriptor outside" },
	{ .name = "H-016: a loop in the table",
			.direct = { { TABLE, 32, I, 0 } },
			.table = { { DATA, 1, N, 1 }, { DATA, 1, N, 0 } },
			.broken = "longer than its table" },
	{ .name = "a table longer than its chain",
			.direct = { { TABLE, 64, I, 0 } },
			.table = { { DATA, 1, 0, 0 }, { OUTSIDE, 1, I, 9 } },
			.n_readable = { 1, 1 } },
	{ .name = "H-017, SPEC-049: direct ones, then a table",
			.direct = { { DATA, 1, N, 5 }, [5] = { DATA, 2, N, 2 },
					[2] = { TABLE, 32, I, 0 } },
			.table = { { DATA, 4, N, 1 }, { DATA, 8, W, 0 } },
			.n_readable = { 3, 7 },
			.n_writable = { 1, 8 } },
	{ .name = "SPEC-049: writable ones, then a table of more",
			.direct = { { DATA, 1, N, 1 }, { DATA, 2, N | W, 2 }, { TABLE, 16, I, 0 } },
			.table = { { DATA, 4, W, 0 } },
			.n_readable = { 1, 1 },
			.n_writable = { 2, 6 } },
	{ .name = "H-018: two tables",
			.direct = { { TABLE, 16, I | N, 1 }, { TABLE, 16, I, 0 } },
			.table = { { DATA, 4, 0, 0 } },
			.broken = "behind an indirect one" },
	{ .name = "SPEC-048: WRITE on the table's descriptor",
			.direct = { { TABLE, 32, I | W, 0 } },
			.table = { { DATA, 4, N, 1 }, { DATA, 8, W, 0 } },
			.n_readable = { 1, 4 },
			.n_writable = { 1, 8 } },
	{ .name = "SPEC-048: WRITE there says nothing about what follows",
			.direct = { { DATA, 1, N, 1 }, { TABLE, 16, I | W, 0 } },
			.table = { { DATA, 4, 0, 0 } },
			.n_readable = { 2, 5 } },

	{ .name = "H-019: readable behind writable",
			.direct = { { DATA, 1, N | W, 1 }, { DATA, 1, 0, 0 } },
			.broken = "readable descriptor behind" },
	{ .name = "H-019: in a table, the writable one before it",
			.direct = { { DATA, 1, N | W, 1 }, { TABLE, 16, I, 0 } },
			.table = { { DATA, 1, 0, 0 } },
			.broken = "readable descriptor behind" },
	{ .name = "H-020: outside memory",
			.direct = { { OUTSIDE, 1, 0, 0 } },
			.broken = "descriptor outside" },
	{ .name = "H-020: address 0",
			.direct = { { 0, 4096, W, 0 } },
			.broken = "descriptor outside" },
	{ .name = "H-020: it wraps",
			.direct = { { UINT64_MAX - 7, 24, 0, 0 } },
			.broken = "descriptor outside" },
	{ .name = "H-020: into the hole",
			.direct = { { RIG_APART_GPA + RIG_APART_SIZE - 1, 2, 0, 0 } },
			.broken = "descriptor outside" },
	{ .name = "H-020: later in the chain",
			.direct = { { DATA, 24, N, 1 }, { OUTSIDE, 1, W, 0 } },
			.broken = "descriptor outside" },
	{ .name = "H-021: empty ones anywhere, in memory or not",
			.direct = { { OUTSIDE, 0, N, 1 }, { DATA, 4, N, 2 }, { DATA, 0, N, 3 },
					{ DATA, 8, N | W, 4 }, { OUTSIDE, 0, W, 0 } },
			.n_readable = { 1, 4 },
			.n_writable = { 1, 8 } },
	{ .name = "H-021: an empty readable one behind a writable one",
			.direct = { { DATA, 8, N | W, 1 }, { DATA, 0, 0, 0 } },
			.n_writable = { 1, 8 } },
	{ .name = "H-021: an empty writable one before a readable one",
			.direct = { { DATA, 0, N | W, 1 }, { DATA, 8, 0, 0 } },
			.n_readable = { 1, 8 } },
	{ .name = "H-021: nothing else", .direct = { { DATA, 0, N, 1 }, { DATA, 0, W, 0 } } },
	{ .name = "H-021: in a table",
			.direct = { { TABLE, 32, I, 0 } },
			.table = { { DATA, 0, N, 1 }, { DATA, 8, 0, 0 } },
			.n_readable = { 1, 8 } },
	{ .name = "H-022: across two regions",
			.direct = { { RIG_NEXT_GPA - 3, 8, N, 1 }, { RIG_NEXT_GPA - 1, 2, W, 0 } },
			.n_readable = { 2, 8 },
			.n_writable = { 2, 2 } },
	{ .name = "H-031: over the descriptor table itself",
			.direct = { { FAKE_GUEST_BASE, 16, N, 1 },
					{ FAKE_GUEST_BASE, 4096, W, 0 } },
			.n_readable = { 1, 16 },
			.n_writable = { 1, 4096 } },
};

static void write_row(struct virtq_rig *rig, const struct row *row) {
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		const struct desc *desc = &row->direct[i];
		if (desc->gpa == 0 && desc->len == 0) {
			// Whoever comes here without being sent breaks the queue.
			fake_ring_set_desc(&rig->ring, i, OUTSIDE, 1, I | N, 0xffff);
			continue;
		}
		fake_ring_set_desc(&rig->ring, i, desc->gpa, desc->len, desc->flags, desc->next);
	}
	uint64_t gpa = row->table_gpa != 0 ? row->table_gpa : TABLE;
	for (uint16_t i = 0; i < RING_SIZE; i++) {
		const struct desc *desc = &row->table[i];
		if (desc->gpa != 0) {
			fake_ring_set_table_desc(&rig->ring, gpa, i, desc->gpa, desc->len,
					desc->flags, desc->next);
		}
	}
	fake_ring_add_head(&rig->ring, 0);
	fake_ring_publish(&rig->ring);
}

static size_t sum_of(const struct oriel_span *spans, size_t n, const char *name) {
	size_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		CHECK(spans[i].hva != NULL && spans[i].size > 0, "%s: span %zu", name, i);
		sum += spans[i].size;
	}
	return sum;
}

static void check_chain(const struct row *row, const struct oriel_chain *chain) {
	const char *name = row->name;
	CHECK(chain->id == 0 && chain->n_slots == 1, "%s: id %u", name, chain->id);
	CHECK(chain->n_readable == row->n_readable[0], "%s: %zu", name, chain->n_readable);
	CHECK(chain->n_readable_bytes == row->n_readable[1], "%s", name);
	CHECK(chain->n_writable == row->n_writable[0], "%s: %zu", name, chain->n_writable);
	CHECK(chain->n_writable_bytes == row->n_writable[1], "%s", name);
	CHECK(sum_of(chain->readable, chain->n_readable, name) == row->n_readable[1], "%s", name);
	CHECK(sum_of(chain->writable, chain->n_writable, name) == row->n_writable[1], "%s", name);
}

static void test_chains(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct virtq_rig rig;
		virtq_rig_init(&rig, RING_SIZE);
		struct oriel_virtq_config config = fake_ring_config(&rig.ring);
		config.indirect = !row->without_indirect;
		CHECK(oriel_virtq_start(rig.vq, &config, rig.map) == 0, "%s", row->name);
		write_row(&rig, row);

		struct oriel_chain chain = { .id = 0x7777 };
		int err = oriel_virtq_pop(rig.vq, &chain);
		const char *reason = virtq_rig_reason(&rig);
		if (row->broken != NULL) {
			CHECK(err == -EBADMSG, "%s: %d", row->name, err);
			CHECK(strstr(reason, row->broken) != NULL, "%s: %s", row->name, reason);
			CHECK(chain.id == 0x7777, "%s: *ret was written", row->name);
			CHECK(oriel_virtq_count_in_flight(rig.vq) == 0, "%s", row->name);
		} else {
			CHECK(err == 0, "%s: %d, %s", row->name, err, reason);
			check_chain(row, &chain);
			CHECK(oriel_virtq_count_in_flight(rig.vq) == 1, "%s", row->name);
		}
		virtq_rig_finish(&rig);
	}
}

/** The spans are the buffers, in their order. */
static void test_bytes_come_in_order(void **state) {
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	virtq_rig_start(&rig);
	static const char text[] = "every byte in its place";
	// One byte a descriptor, half of them across the edge of two regions, in a table.
	struct fake_buf bufs[2 * sizeof(text)];
	for (size_t i = 0; i < sizeof(text); i++) {
		uint64_t gpa = RIG_NEXT_GPA - sizeof(text) / 2 + i;
		memcpy(fake_guest_get(&rig.guest, gpa, 1), text + i, 1);
		bufs[i] = (struct fake_buf){ gpa, 1, false };
		bufs[sizeof(text) + i] = (struct fake_buf){ DATA + 2 * i, 1, true };
	}
	// Direct descriptors before a table are for split rings.
	const size_t max_direct = rig.ring.packed ? 0 : RING_SIZE - 1;
	for (size_t n_direct = 0; n_direct <= max_direct; n_direct++) {
		fake_ring_add_indirect(&rig.ring, bufs, ORIEL_ARRAY_LEN(bufs), n_direct);
		fake_ring_publish(&rig.ring);
		struct oriel_chain chain;
		CHECK(oriel_virtq_pop(rig.vq, &chain) == 0, "%zu direct", n_direct);
		struct oriel_span_cursor cursor = { .spans = chain.readable,
			.len = chain.n_readable };
		char out[sizeof(text)];
		assert_int_equal(oriel_span_cursor_read(&cursor, out, sizeof(out)), sizeof(out));
		CHECK(memcmp(out, text, sizeof(out)) == 0, "%zu direct", n_direct);
		assert_int_equal(chain.n_writable, sizeof(text));
		for (size_t i = 0; i < chain.n_writable; i++) {
			CHECK(chain.writable[i].hva == fake_guest_get(&rig.guest, DATA + 2 * i, 1),
					"%zu direct: span %zu", n_direct, i);
		}
		oriel_virtq_push(rig.vq, chain.id, chain.n_slots, 0);
		oriel_virtq_publish(rig.vq);
		struct fake_used used;
		assert_true(fake_ring_collect(&rig.ring, &used));
	}
	virtq_rig_finish(&rig);
}

/** A table of n entries at the start of a region of its own, behind n_direct descriptors. */
static int pop_long(size_t n_direct, size_t n_table, struct oriel_chain *ret, char *ret_reason) {
	struct virtq_rig rig;
	virtq_rig_init(&rig, RING_SIZE);
	const uint64_t table = 0x1000000;
	fake_guest_add(&rig.guest, table, n_table * FAKE_DESC_SIZE);
	oriel_mem_map_release(rig.map);
	rig.map = oriel_memory_hold_map(rig.guest.memory);
	virtq_rig_start(&rig);
	for (size_t i = 0; i < n_direct; i++) {
		fake_ring_set_desc(&rig.ring, (uint16_t)i, DATA, 1, N, (uint16_t)(i + 1));
	}
	fake_ring_set_desc(&rig.ring, (uint16_t)n_direct, table,
			(uint32_t)(n_table * FAKE_DESC_SIZE), I, 0);
	for (size_t i = 0; i < n_table; i++) {
		fake_ring_set_table_desc(&rig.ring, table, (uint16_t)i, DATA + i, 1,
				i + 1 < n_table ? N : 0, (uint16_t)(i + 1));
	}
	fake_ring_add_head(&rig.ring, 0);
	fake_ring_publish(&rig.ring);
	int err = oriel_virtq_pop(rig.vq, ret);
	strcpy(ret_reason, virtq_rig_reason(&rig));
	virtq_rig_finish(&rig);
	return err;
}

static void test_the_longest_chain(void **state) {
	(void)state;
	struct oriel_chain chain = { 0 };
	char reason[100];
	assert_int_equal(pop_long(0, ORIEL_VIRTQ_MAX_CHAIN, &chain, reason), 0);
	assert_int_equal(chain.n_readable, ORIEL_VIRTQ_MAX_CHAIN);
	assert_int_equal(chain.n_readable_bytes, ORIEL_VIRTQ_MAX_CHAIN);
	assert_int_equal(pop_long(3, ORIEL_VIRTQ_MAX_CHAIN - 3, &chain, reason), 0);
	assert_int_equal(chain.n_readable, ORIEL_VIRTQ_MAX_CHAIN);
	assert_int_equal(pop_long(1, ORIEL_VIRTQ_MAX_CHAIN, &chain, reason), -EBADMSG);
	assert_string_equal(reason, "a chain of too many descriptors");
}

/** Each descriptor covers regions of a few bytes that touch. */
static void test_too_many_spans(void **state) {
	static uint8_t pieces[3][2];
	static struct fake_buf bufs[ORIEL_VIRTQ_MAX_SPANS / 3 + 1];
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	const uint64_t gpa = 0x2000000;
	for (size_t i = 0; i < 3; i++) {
		int err = oriel_memory_add_mapped(rig.guest.memory, gpa + 2 * i, 2, pieces[i]);
		assert_int_equal(err, 0);
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bufs); i++) {
		bufs[i] = (struct fake_buf){ gpa, 6, false };
	}
	oriel_mem_map_release(rig.map);
	rig.map = oriel_memory_hold_map(rig.guest.memory);
	const size_t n_full = ORIEL_VIRTQ_MAX_SPANS / 3;
	for (size_t n = n_full; n <= n_full + 1; n++) {
		virtq_rig_start(&rig);
		fake_ring_add_indirect(&rig.ring, bufs, n, 0);
		fake_ring_publish(&rig.ring);
		struct oriel_chain chain;
		int err = oriel_virtq_pop(rig.vq, &chain);
		if (n == n_full) {
			assert_int_equal(err, 0);
			assert_int_equal(chain.n_readable, 3 * n_full);
		} else {
			assert_int_equal(err, -EBADMSG);
			assert_string_equal(virtq_rig_reason(&rig), "a chain of too many pieces");
		}
		oriel_virtq_stop(rig.vq);
		fake_ring_restart(&rig.ring);
	}
	virtq_rig_finish(&rig);
}

/** H-023, H-024: sums have 64 bits, and no byte is touched. */
static void test_sums_beyond_32_bits(void **state) {
	const size_t size = (size_t)1 << 32;
	uint8_t *huge = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			0);
	if (huge == MAP_FAILED) {
		skip();
	}
	struct virtq_rig rig;
	virtq_rig_init_as(&rig, RING_SIZE, virtq_rig_is_packed(state));
	assert_int_equal(oriel_memory_add_mapped(rig.guest.memory, size, size, huge), 0);
	oriel_mem_map_release(rig.map);
	rig.map = oriel_memory_hold_map(rig.guest.memory);
	virtq_rig_start(&rig);
	const struct fake_buf bufs[] = {
		{ size, UINT32_MAX, false },
		{ size + 1, UINT32_MAX, false },
		{ size, UINT32_MAX, true },
		{ size, UINT32_MAX, true },
		{ size, UINT32_MAX, true },
	};
	fake_ring_add(&rig.ring, bufs, ORIEL_ARRAY_LEN(bufs));
	fake_ring_publish(&rig.ring);
	struct oriel_chain chain;
	assert_int_equal(oriel_virtq_pop(rig.vq, &chain), 0);
	assert_true(chain.n_readable_bytes == 2 * (uint64_t)UINT32_MAX);
	assert_true(chain.n_writable_bytes == 3 * (uint64_t)UINT32_MAX);
	virtq_rig_finish(&rig);
	munmap(huge, size);
}

struct mutator {
	struct virtq_rig *rig;
	uint64_t table;
	atomic_bool stop;
};

/** Changes lengths and links of a table between good and bad while the queue reads them. */
static void *mutate(void *user) {
	struct mutator *m = user;
	uint16_t i = 0;
	while (!atomic_load(&m->stop)) {
		i++;
		uint8_t *first = fake_guest_get(&m->rig->guest, m->table, 2 * FAKE_DESC_SIZE);
		// The length of the first, the flags and the link of the second.
		volatile uint16_t *len_high = (uint16_t *)(void *)(first + 10);
		volatile uint16_t *flags = (uint16_t *)(void *)(first + 16 + 12);
		volatile uint16_t *next = (uint16_t *)(void *)(first + 16 + 14);
		*len_high = i & 1 ? 0x7fff : 0;
		*flags = i & 2 ? W | N : W;
		*next = i & 4 ? 0x4000 : 2;
	}
	return NULL;
}

/** H-033: what was judged is what is used. */
static void test_a_table_that_changes(void **state) {
	(void)state;
	struct virtq_rig rig;
	virtq_rig_init(&rig, RING_SIZE);
	struct mutator m = { .rig = &rig, .table = TABLE };
	fake_ring_set_table_desc(&rig.ring, TABLE, 0, DATA, 16, N, 1);
	fake_ring_set_table_desc(&rig.ring, TABLE, 1, DATA, 16, W, 2);
	fake_ring_set_table_desc(&rig.ring, TABLE, 2, DATA, 16, W, 0);
	fake_ring_set_desc(&rig.ring, 0, TABLE, 48, I, 0);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, mutate, &m), 0);
	for (int i = 0; i < 20000; i++) {
		virtq_rig_start(&rig);
		fake_ring_add_head(&rig.ring, 0);
		fake_ring_publish(&rig.ring);
		struct oriel_chain chain;
		if (oriel_virtq_pop(rig.vq, &chain) == 0) {
			CHECK(chain.n_readable == 1 && chain.readable[0].size == 16, "turn %d", i);
			CHECK(chain.n_readable_bytes == 16, "turn %d", i);
			CHECK(chain.n_writable == 1 || chain.n_writable == 2, "turn %d", i);
			CHECK(chain.n_writable_bytes == 16 * chain.n_writable, "turn %d", i);
		}
		oriel_virtq_stop(rig.vq);
		fake_ring_restart_at(&rig.ring, 0);
	}
	atomic_store(&m.stop, true);
	pthread_join(thread, NULL);
	virtq_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains),
		VIRTQ_RIG_BOTH(test_bytes_come_in_order),
		cmocka_unit_test(test_the_longest_chain),
		VIRTQ_RIG_BOTH(test_too_many_spans),
		VIRTQ_RIG_BOTH(test_sums_beyond_32_bits),
		cmocka_unit_test(test_a_table_that_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
