// SPDX-License-Identifier: MIT
/*
 * Tests of resources, their backing and UUIDs from the guest's side: each error of virtio-gpu in
 * the order of the checks, limits at their edge, and that budgets are exact whatever happens.
 */
#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <inttypes.h>
#include <string.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC

#define AT FAKE_GUEST_BASE
#define END (FAKE_GUEST_BASE + RIG_MAIN_SIZE)

static void check_counts(const struct device_rig *rig, uint64_t n_resources, uint64_t host_memory,
		const char *name) {
	struct oriel_gpu_statistics s = device_rig_statistics(rig);
	CHECK(s.n_resources == n_resources, "%s: %" PRIu64 " resources", name, s.n_resources);
	CHECK(s.host_memory == host_memory, "%s: %" PRIu64 " bytes", name, s.host_memory);
}

static void test_create(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t id, format, width, height;
		uint32_t type;
	} cases[] = {
		{ "good", 2, 2, 3, 5, OK },
		{ "largest id", UINT32_MAX, 134, 1, 1, OK },
		{ "H-081 id 0", 0, 2, 1, 1, BAD_RESOURCE },
		{ "H-081 id 0 comes before the format", 0, 0, 0, 0, BAD_RESOURCE },
		{ "H-082 id taken", 1, 2, 1, 1, BAD_RESOURCE },
		{ "H-082 id taken comes before the format", 1, 0, 0, 0, BAD_RESOURCE },
		{ "H-083 format 0", 2, 0, 1, 1, BAD_PARAMETER },
		{ "H-083 format 5", 2, 5, 1, 1, BAD_PARAMETER },
		{ "H-083 format 66", 2, 66, 1, 1, BAD_PARAMETER },
		{ "H-083 format comes before the size", 2, UINT32_MAX, 65536, 65536,
				BAD_PARAMETER },
		{ "H-084 0x0", 2, 1, 0, 0, BAD_PARAMETER },
		{ "H-084 0xN", 2, 1, 0, 1, BAD_PARAMETER },
		{ "H-084 Nx0", 2, 1, 1, 0, BAD_PARAMETER },
		{ "H-085 65536x65536", 2, 1, 65536, 65536, NO_MEMORY },
		{ "H-085 0x40000001x1", 2, 1, 0x40000001, 1, NO_MEMORY },
		{ "H-085 largest", 2, 1, UINT32_MAX, UINT32_MAX, NO_MEMORY },
		{ "H-086 1x0x7fffffff", 2, 1, 1, 0x7fffffff, NO_MEMORY },
		{ "widest", 2, 1, 16384, 1, OK },
		{ "too wide", 2, 1, 16385, 1, NO_MEMORY },
		{ "highest", 2, 1, 1, 16384, OK },
		{ "too high", 2, 1, 1, 16385, NO_MEMORY },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct device_rig rig;
		device_rig_init(&rig, NULL);
		device_rig_start(&rig);
		device_rig_create(&rig, 1, 10, 20);
		uint32_t type = device_rig_type(&rig,
				gpu_create_2d(cases[i].id, cases[i].format, cases[i].width,
						cases[i].height));
		CHECK(type == cases[i].type, "%s: 0x%x", cases[i].name, type);
		uint64_t size = type == OK ? (uint64_t)cases[i].width * cases[i].height * 4 : 0;
		check_counts(&rig, type == OK ? 2 : 1, 800 + size, cases[i].name);
		assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
		if (type == OK) {
			assert_int_equal(device_rig_type(&rig, gpu_unref(cases[i].id)), OK);
		}
		check_counts(&rig, 0, 0, cases[i].name);
		device_rig_finish(&rig);
	}
}

static void test_all_formats(void **state) {
	(void)state;
	static const uint32_t formats[] = { 1, 2, 3, 4, 67, 68, 121, 134 };
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	for (uint32_t i = 0; i < ORIEL_ARRAY_LEN(formats); i++) {
		uint32_t type = device_rig_type(&rig, gpu_create_2d(i + 1, formats[i], 4, 4));
		CHECK(type == OK, "format %u: 0x%x", formats[i], type);
	}
	device_rig_finish(&rig);
}

static void test_limits(void **state) {
	(void)state;
	const struct oriel_gpu_options options = {
		.max_resources = 3,
		.max_host_memory = 1000,
		.max_dimension = 20,
	};
	struct device_rig rig;
	device_rig_init(&rig, &options);
	device_rig_start(&rig);
	assert_int_equal(device_rig_statistics(&rig).max_resources, 3);
	assert_int_equal(device_rig_statistics(&rig).max_host_memory, 1000);
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(1, 1, 21, 1)), NO_MEMORY);
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(1, 1, 20, 12)), OK); // 960
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(2, 1, 11, 1)), NO_MEMORY);
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(2, 1, 9, 1)), OK);
	check_counts(&rig, 2, 996, "nearly full");
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(3, 1, 1, 1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(4, 1, 1, 1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_create_2d(5, 1, 1, 1)), NO_MEMORY); // a 4th
	check_counts(&rig, 3, 44, "full");
	device_rig_finish(&rig);
}

static void test_unref(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_unref(0)), BAD_RESOURCE);
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), BAD_RESOURCE);
	device_rig_create_backed(&rig, 1, 64, 64);
	assert_int_equal(device_rig_type(&rig, gpu_update_cursor(1, 1, 0, 0)), OK);
	const struct oriel_rect all = { 0, 0, 64, 64 };
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(0, 1, all)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_set_scanout(1, 1, all)), OK);
	fake_display_forget(&rig.display);

	// H-088: scanouts go dark, the cursor's image stays.
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(rig.display.n_events, 3);
	assert_int_equal(rig.display.events[0].type, FAKE_SCANOUT);
	assert_int_equal(rig.display.events[0].resource_id, 0);
	assert_int_equal(rig.display.events[1].type, FAKE_SCANOUT);
	assert_int_equal(rig.display.events[1].scanout_id, 1);
	assert_int_equal(rig.display.events[2].type, FAKE_DROP);
	assert_int_equal(rig.display.events[2].resource_id, 1);
	struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	assert_int_equal(s.n_resources + s.host_memory + s.backing_memory, 0);
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), BAD_RESOURCE);
	device_rig_finish(&rig);
}

static void test_attach(void **state) {
	(void)state;
	static const struct oriel_mem_entry one[] = { { AT, 4096 } };
	static const struct oriel_mem_entry last_byte[] = { { END - 1, 1 } };
	static const struct oriel_mem_entry behind[] = { { AT, 4096 }, { END - 1, 2 } };
	static const struct oriel_mem_entry before[] = { { AT - 1, 2 } };
	static const struct oriel_mem_entry wraps[] = { { UINT64_MAX - 1, 4 } };
	static const struct oriel_mem_entry largest[] = { { AT, UINT32_MAX } };
	static const struct oriel_mem_entry empty[] = { { AT, 4096 }, { AT, 0 }, { AT, 1 } };
	static const struct oriel_mem_entry empty_outside[] = { { 0, 0 } };
	static const struct {
		const char *name;
		uint32_t id;
		const struct oriel_mem_entry *entries;
		uint32_t n_entries, n_told;
		uint32_t type;
	} cases[] = {
		{ "good", 1, one, 1, 1, OK },
		{ "unknown resource", 9, one, 1, 1, BAD_RESOURCE },
		{ "unknown resource comes before the number", 0, one, 1, UINT32_MAX, BAD_RESOURCE },
		{ "H-114 backed", 2, one, 1, 1, UNSPEC },
		{ "H-114 backed comes before the number", 2, one, 1, UINT32_MAX, UNSPEC },
		{ "H-106 largest number", 1, one, 1, UINT32_MAX, BAD_PARAMETER },
		{ "H-107 a number whose bytes wrap", 1, one, 1, 0x10000000, BAD_PARAMETER },
		{ "H-108 one more than there are", 1, one, 1, 2, BAD_PARAMETER },
		{ "H-109 fewer than there are", 1, behind, 2, 1, OK },
		{ "H-110 the last byte", 1, last_byte, 1, 1, OK },
		{ "H-110 a byte behind memory", 1, behind, 2, 2, BAD_PARAMETER },
		{ "H-110 a byte before memory", 1, before, 1, 1, BAD_PARAMETER },
		{ "H-110 wraps", 1, wraps, 1, 1, BAD_PARAMETER },
		{ "H-110 largest length", 1, largest, 1, 1, BAD_PARAMETER },
		{ "H-111 length 0", 1, empty, 3, 3, BAD_PARAMETER },
		{ "H-111 length 0, outside", 1, empty_outside, 1, 1, BAD_PARAMETER },
		{ "H-115 no entries", 1, NULL, 0, 0, OK },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct device_rig rig;
		device_rig_init(&rig, NULL);
		device_rig_start(&rig);
		device_rig_create_backed(&rig, 2, 4, 4);
		uint64_t before_it = device_rig_statistics(&rig).backing_memory;
		device_rig_create(&rig, 1, 4, 4);
		uint32_t type = device_rig_type(&rig,
				gpu_attach(cases[i].id, cases[i].entries, cases[i].n_entries,
						cases[i].n_told));
		CHECK(type == cases[i].type, "%s: 0x%x", cases[i].name, type);
		uint64_t now = device_rig_statistics(&rig).backing_memory;
		bool is_charged = type == OK && cases[i].n_told > 0;
		CHECK((now > before_it) == is_charged, "%s: the budget", cases[i].name);
		// Whatever came before, it is detached or can be attached.
		uint32_t next = device_rig_type(&rig,
				type == OK ? gpu_detach(1) : gpu_attach(1, one, 1, 1));
		CHECK(next == OK, "%s: then 0x%x", cases[i].name, next);
		assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
		now = device_rig_statistics(&rig).backing_memory;
		CHECK(now == before_it, "%s: the budget at the end", cases[i].name);
		device_rig_finish(&rig);
	}
}

/** Lists that are longer than what is fetched at once, apart and touching. */
static void test_long_lists(void **state) {
	(void)state;
	struct oriel_mem_entry entries[GPU_COMMAND_MAX_ENTRIES];
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 16, 8);
	uint64_t gpa = fake_guest_alloc(&rig.guest, 16384, 4096);
	for (uint32_t i = 0; i < GPU_COMMAND_MAX_ENTRIES; i++) {
		entries[i] = (struct oriel_mem_entry){ gpa + (uint64_t)i * 8, 4 };
		memset(fake_guest_get(&rig.guest, entries[i].gpa, 8), (int)i + 1, 4);
	}
	const struct oriel_rect all = { 0, 0, 16, 8 };
	for (uint32_t n = 127; n <= 128; n++) {
		assert_int_equal(device_rig_type(&rig, gpu_attach(1, entries, n, n)), OK);
		uint32_t type = device_rig_type(&rig, gpu_transfer(1, all, 0));
		assert_int_equal(type, n == 128 ? OK : BAD_PARAMETER);
		assert_int_equal(device_rig_type(&rig, gpu_detach(1)), OK);
	}
	// The last entry is looked at too.
	entries[127].length = 0;
	assert_int_equal(device_rig_type(&rig, gpu_attach(1, entries, 128, 128)), BAD_PARAMETER);
	assert_int_equal(device_rig_statistics(&rig).backing_memory, 0);
	device_rig_finish(&rig);
}

static void test_backing_limits(void **state) {
	(void)state;
	static const struct oriel_mem_entry entries[] = { { AT, 8 }, { AT, 8 }, { AT, 8 },
		{ AT, 8 } };
	struct device_rig rig;
	struct oriel_gpu_options options = { .max_backing_entries = 3 };
	device_rig_init(&rig, &options);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 4, 4);
	assert_int_equal(device_rig_type(&rig, gpu_attach(1, entries, 4, 4)), BAD_PARAMETER);
	assert_int_equal(device_rig_type(&rig, gpu_attach(1, entries, 3, 3)), OK);
	uint64_t cost = device_rig_statistics(&rig).backing_memory;
	device_rig_finish(&rig);

	for (uint64_t k = 0; k < 2; k++) {
		options = (struct oriel_gpu_options){ .max_backing_memory = cost - 1 + k };
		device_rig_init(&rig, &options);
		device_rig_start(&rig);
		device_rig_create(&rig, 1, 4, 4);
		assert_int_equal(device_rig_type(&rig, gpu_attach(1, entries, 3, 3)),
				k == 0 ? NO_MEMORY : OK);
		assert_int_equal(device_rig_statistics(&rig).backing_memory, k == 0 ? 0 : cost);
		assert_int_equal(device_rig_type(&rig, gpu_detach(1)), k == 0 ? UNSPEC : OK);
		assert_int_equal(device_rig_statistics(&rig).backing_memory, 0);
		device_rig_finish(&rig);
	}
}

static void test_detach(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_detach(1)), BAD_RESOURCE);
	device_rig_create_backed(&rig, 1, 4, 4);
	assert_int_equal(device_rig_type(&rig, gpu_detach(1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_detach(1)), UNSPEC);
	assert_int_equal(device_rig_statistics(&rig).backing_memory, 0);
	device_rig_finish(&rig);
}

static void test_uuid(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	assert_int_equal(device_rig_type(&rig, gpu_assign_uuid(1)), BAD_RESOURCE);
	uint8_t uuids[3][16];
	device_rig_create(&rig, 1, 4, 4);
	device_rig_create(&rig, 2, 4, 4);
	for (uint32_t i = 0; i < 3; i++) { // 1, 2, 1 again
		struct rig_reply reply = device_rig_call(&rig, gpu_assign_uuid(1 + i % 2));
		assert_int_equal(reply.hdr.type, VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
		assert_int_equal(reply.written, 40);
		memcpy(uuids[i], reply.body, 16);
		assert_int_equal(uuids[i][6] >> 4, 4);
		assert_int_equal(uuids[i][8] >> 6, 2);
	}
	assert_memory_equal(uuids[0], uuids[2], 16);
	assert_memory_not_equal(uuids[0], uuids[1], 16);
	device_rig_finish(&rig);
}

/** The longest lists are a turn each: the other queue is served in between. */
static void test_the_longest_lists_are_a_turn_each(void **state) {
	(void)state;
	const uint64_t apart = 0x40000000;
	const uint32_t n_entries = 262144;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_add_memory(&rig, apart, n_entries * ORIEL_MEM_ENTRY_SIZE);
	uint8_t *list = fake_guest_get(&rig.guest, apart, n_entries * ORIEL_MEM_ENTRY_SIZE);
	struct oriel_writer w = oriel_writer_of(list, n_entries * ORIEL_MEM_ENTRY_SIZE);
	for (uint32_t i = 0; i < n_entries; i++) {
		const struct oriel_mem_entry entry = { AT, 1 };
		oriel_encode_mem_entry(&w, &entry);
	}
	struct fake_ring *ring = &rig.rings[RIG_CONTROL];
	for (uint32_t id = 1; id <= 3; id++) {
		device_rig_create(&rig, id, 4, 4);
	}
	for (uint32_t id = 1; id <= 3; id++) {
		const struct gpu_command cmd = gpu_attach(id, NULL, 0, n_entries);
		const struct fake_buf bufs[] = {
			{ fake_guest_alloc_bytes(&rig.guest, cmd.bytes, cmd.size),
					(uint32_t)cmd.size, false },
			{ apart, n_entries * ORIEL_MEM_ENTRY_SIZE, false },
		};
		fake_ring_add(ring, bufs, 2);
	}
	(void)fake_ring_publish(ring);
	for (int turn = 0; turn < 3; turn++) {
		struct fake_used used;
		device_rig_kick(&rig, RIG_CONTROL);
		device_rig_dispatch(&rig);
		assert_true(fake_ring_collect(ring, &used));
		assert_false(fake_ring_collect(ring, &used));
	}
	assert_int_equal(device_rig_statistics(&rig).n_errors, 0);
	device_rig_finish(&rig);
}

/** H-056: pages go, and come back somewhere else. */
static void test_memory_change(void **state) {
	(void)state;
	const uint64_t apart = 0x40000000;
	const struct oriel_mem_entry entry = { apart, 4096 };
	const struct oriel_rect all = { 0, 0, 32, 32 };
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 32, 32);
	device_rig_add_memory(&rig, apart, 4096);
	assert_int_equal(device_rig_type(&rig, gpu_attach(1, &entry, 1, 1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_transfer(1, all, 0)), OK);
	device_rig_hide_memory(&rig, apart, 4096);
	assert_int_equal(device_rig_type(&rig, gpu_transfer(1, all, 0)), UNSPEC);
	device_rig_show_memory(&rig, apart, 4096);
	assert_int_equal(device_rig_type(&rig, gpu_transfer(1, all, 0)), OK);
	device_rig_hide_memory(&rig, apart, 4096);
	assert_int_equal(device_rig_type(&rig, gpu_detach(1)), OK);
	assert_int_equal(device_rig_type(&rig, gpu_attach(1, &entry, 1, 1)), BAD_PARAMETER);
	assert_int_equal(device_rig_statistics(&rig).backing_memory, 0);
	device_rig_finish(&rig);
}

/** An entry that crosses regions costs more; changes of memory do not add to it. */
static void test_memory_changes_cost_nothing(void **state) {
	(void)state;
	const uint64_t apart = 0x40000000;
	const struct oriel_mem_entry entry = { END - 4096, 8192 };
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_add_memory(&rig, END, 4096);
	device_rig_create(&rig, 1, 32, 32);
	assert_int_equal(device_rig_type(&rig, gpu_attach(1, &entry, 1, 1)), OK);
	uint64_t cost = device_rig_statistics(&rig).backing_memory;
	device_rig_add_memory(&rig, apart, 4096);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(device_rig_statistics(&rig).backing_memory, cost);
		device_rig_hide_memory(&rig, apart, 4096);
		assert_int_equal(device_rig_statistics(&rig).backing_memory, cost);
		device_rig_show_memory(&rig, apart, 4096);
	}
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(device_rig_statistics(&rig).backing_memory, 0);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_all_formats),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_unref),
		cmocka_unit_test(test_attach),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_backing_limits),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_the_longest_lists_are_a_turn_each),
		cmocka_unit_test(test_memory_change),
		cmocka_unit_test(test_memory_changes_cost_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
