// SPDX-License-Identifier: MIT
/*
 * Tests of TRANSFER_TO_HOST_2D: each error in its order, and long transfers, which go in slices:
 * what is done between two of them, and what happens when something changes in their middle.
 */
#include "device/device.h"
#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"

#include <string.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define BAD_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY

/** A resource of 4 KiB rows: 1,024 of them are a turn's share, 16 the smallest slice. */
#define WIDTH 1024u
#define ROW_BYTES (WIDTH * 4u)
#define TURN_ROWS (ORIEL_TURN_BYTES / ROW_BYTES)
#define HEIGHT (2 * TURN_ROWS + TURN_ROWS / 2)
#define PIXELS_GPA 0x10000000u
#define PIXELS_SIZE (HEIGHT * ROW_BYTES)

static void test_errors(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t id;
		struct oriel_rect rect;
		uint64_t offset;
		uint32_t type;
	} cases[] = {
		{ "all of it", 1, { 0, 0, 16, 16 }, 0, OK },
		{ "H-100 unknown", 9, { 0, 0, 16, 16 }, 0, BAD_RESOURCE },
		{ "H-100 unknown comes before the rectangle", 0, { 0, 0, 17, 16 }, 0,
				BAD_RESOURCE },
		{ "H-100 without backing", 2, { 0, 0, 16, 16 }, 0, UNSPEC },
		{ "the rectangle comes before the backing", 2, { 0, 0, 17, 16 }, 0, BAD_PARAMETER },
		{ "without backing, empty", 2, { 0, 0, 0, 0 }, 0, UNSPEC },
		{ "H-101 a column outside", 1, { 1, 0, 16, 16 }, 0, BAD_PARAMETER },
		{ "H-101 a row outside", 1, { 0, 1, 16, 16 }, 0, BAD_PARAMETER },
		{ "H-101 wraps", 1, { UINT32_MAX, 0, 2, 16 }, 0, BAD_PARAMETER },
		{ "H-102 2^32", 1, { 0, 0, 1, 1 }, 1ull << 32, BAD_PARAMETER },
		{ "H-102 2^63", 1, { 0, 0, 1, 1 }, 1ull << 63, BAD_PARAMETER },
		{ "H-102 largest", 1, { 0, 0, 1, 1 }, UINT64_MAX, BAD_PARAMETER },
		{ "H-103 a byte behind the backing", 1, { 0, 0, 16, 16 }, 1, BAD_PARAMETER },
		{ "the last pixel", 1, { 0, 0, 1, 1 }, 1020, OK },
		{ "behind the last pixel", 1, { 0, 0, 1, 1 }, 1021, BAD_PARAMETER },
		{ "empty", 1, { 16, 16, 0, 0 }, 0, OK },
		{ "empty, at an offset outside", 1, { 0, 0, 0, 5 }, UINT64_MAX, OK },
	};
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create_backed(&rig, 1, 16, 16);
	device_rig_create(&rig, 2, 16, 16);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint32_t type = device_rig_type(&rig,
				gpu_transfer(cases[i].id, cases[i].rect, cases[i].offset));
		CHECK(type == cases[i].type, "%s: 0x%x", cases[i].name, type);
	}
	device_rig_finish(&rig);
}

/** The pixels of a part come from where its offset says, its rows a resource's row apart. */
static void test_pixels(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	uint64_t gpa = device_rig_create_backed(&rig, 1, 16, 16);
	const uint8_t *backing = fake_guest_get(&rig.guest, gpa, 1024);
	assert_int_equal(device_rig_type(&rig,
					 gpu_transfer(1, (struct oriel_rect){ 3, 2, 4, 5 }, 40)),
			OK);
	const struct oriel_resource *res = oriel_resource_get(&rig.gpu->resources, 1);
	for (uint32_t y = 0; y < 16; y++) {
		for (uint32_t x = 0; x < 16; x++) {
			static const uint8_t black[4];
			bool is_inside = x >= 3 && x < 7 && y >= 2 && y < 7;
			const uint8_t *want = is_inside ? backing + 40 + (y - 2) * 64 + (x - 3) * 4
							: black;
			CHECK(memcmp(res->pixels + y * 64 + x * 4, want, 4) == 0, "%u,%u", x, y);
		}
	}
	device_rig_finish(&rig);
}

/** A rig with a resource 1 that takes three turns to transfer, its backing full of noise. */
static uint8_t *begin(struct device_rig *rig) {
	device_rig_init(rig, NULL);
	device_rig_start(rig);
	device_rig_add_memory(rig, PIXELS_GPA, PIXELS_SIZE);
	uint8_t *backing = fake_guest_get(&rig->guest, PIXELS_GPA, PIXELS_SIZE);
	for (uint32_t i = 0; i < PIXELS_SIZE; i += 4) {
		const uint32_t noise = i * 2654435761u;
		memcpy(backing + i, &noise, 4);
	}
	const struct oriel_mem_entry entry = { PIXELS_GPA, PIXELS_SIZE };
	device_rig_create(rig, 1, WIDTH, HEIGHT);
	assert_int_equal(device_rig_type(rig, gpu_attach(1, &entry, 1, 1)), OK);
	return backing;
}

static void submit(struct device_rig *rig, unsigned int queue, struct gpu_command cmd) {
	device_rig_submit(rig, queue, &cmd);
}

static struct gpu_command transfer_rows(uint32_t n_rows) {
	return gpu_transfer(1, (struct oriel_rect){ 0, 0, WIDTH, n_rows }, 0);
}

static void dispatch(struct device_rig *rig) {
	device_rig_kick(rig, RIG_CONTROL);
	device_rig_dispatch(rig);
}

/** How many leading rows are as the backing has them. */
static uint32_t count_rows(struct device_rig *rig, const uint8_t *backing) {
	const struct oriel_resource *res = oriel_resource_get(&rig->gpu->resources, 1);
	uint32_t n = 0;
	while (n < HEIGHT && memcmp(res->pixels + n * ROW_BYTES, backing + n * ROW_BYTES,
					     ROW_BYTES) == 0) {
		n++;
	}
	return n;
}

static void test_slices(void **state) {
	(void)state;
	struct device_rig rig;
	const uint8_t *backing = begin(&rig);
	struct rig_reply reply;
	submit(&rig, RIG_CONTROL, gpu_command_fenced(transfer_rows(HEIGHT), 77));
	submit(&rig, RIG_CONTROL, gpu_unref(1)); // waits its turn
	for (uint32_t turn = 1; turn <= 2; turn++) {
		dispatch(&rig);
		assert_int_equal(count_rows(&rig, backing), turn * TURN_ROWS);
		assert_false(device_rig_collect(&rig, RIG_CONTROL, &reply));
		// The other queue has its turn in between.
		submit(&rig, RIG_CURSOR, gpu_move_cursor(0, 1, 1));
		device_rig_kick(&rig, RIG_CURSOR);
		device_rig_dispatch(&rig);
		assert_int_equal(device_rig_collect_all(&rig, RIG_CURSOR), 1);
		turn += count_rows(&rig, backing) > turn * TURN_ROWS ? 1 : 0;
	}
	device_rig_run(&rig);
	assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
	assert_int_equal(reply.hdr.type, OK);
	assert_int_equal(reply.hdr.fence_id, 77);
	assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
	assert_int_equal(reply.hdr.type, OK);
	assert_int_equal(device_rig_statistics(&rig).n_resources, 0);
	assert_int_equal(device_rig_statistics(&rig).host_memory, 0);
	device_rig_finish(&rig);
}

static void test_all_pixels_of_slices(void **state) {
	(void)state;
	struct device_rig rig;
	const uint8_t *backing = begin(&rig);
	assert_int_equal(device_rig_type(&rig, transfer_rows(HEIGHT)), OK);
	assert_int_equal(count_rows(&rig, backing), HEIGHT);
	// A part that is not whole rows, into the middle: every slice has its own offset.
	const struct oriel_rect part = { 100, 30, 900, HEIGHT - 40 };
	assert_int_equal(device_rig_type(&rig, gpu_transfer(1, part, 8)), OK);
	const struct oriel_resource *res = oriel_resource_get(&rig.gpu->resources, 1);
	for (uint32_t y = 0; y < part.height; y++) {
		CHECK(memcmp(res->pixels + (y + 30) * ROW_BYTES + 400, backing + 8 + y * ROW_BYTES,
				      part.width * 4) == 0,
				"row %u", y);
	}
	assert_memory_equal(res->pixels + 29 * ROW_BYTES, backing + 29 * ROW_BYTES, ROW_BYTES);
	device_rig_finish(&rig);
}

/** What a turn has left is used; but no slice is smaller than 64 KiB. */
static void test_the_share_of_a_turn(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t first, second; // rows
		uint32_t n_done;        // after one turn
	} cases[] = {
		{ "just the share", TURN_ROWS, 1, 1 },
		{ "one row too many", TURN_ROWS + 1, 1, 0 },
		{ "room for one row", TURN_ROWS - 1, 1, 2 },
		{ "room for one row, but a small slice", TURN_ROWS - 1, 16, 2 },
		{ "room for one row, and a bit more", TURN_ROWS - 1, 17, 1 },
		{ "room for more than a small slice", TURN_ROWS - 20, 20, 2 },
		{ "room for more than a small slice, not enough", TURN_ROWS - 20, 21, 1 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct device_rig rig;
		begin(&rig);
		submit(&rig, RIG_CONTROL, transfer_rows(cases[i].first));
		submit(&rig, RIG_CONTROL, transfer_rows(cases[i].second));
		dispatch(&rig);
		uint32_t n = device_rig_collect_all(&rig, RIG_CONTROL);
		CHECK(n == cases[i].n_done, "%s: %u", cases[i].name, n);
		device_rig_run(&rig);
		n += device_rig_collect_all(&rig, RIG_CONTROL);
		CHECK(n == 2, "%s: %u at the end", cases[i].name, n);
		device_rig_finish(&rig);
	}
}

/** A row that is more than a turn's share still goes: 16,384 pixels are 64 KiB. */
static void test_wide_rows(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	const struct oriel_mem_entry entry = { PIXELS_GPA, 16384 * 4 * 100 };
	device_rig_create(&rig, 2, 16384, 100);
	assert_int_equal(device_rig_type(&rig, gpu_attach(2, &entry, 1, 1)), OK);
	const struct oriel_rect all = { 0, 0, 16384, 100 };
	assert_int_equal(device_rig_type(&rig, gpu_transfer(2, all, 0)), OK);
	const struct oriel_resource *res = oriel_resource_get(&rig.gpu->resources, 2);
	assert_memory_equal(res->pixels, fake_guest_get(&rig.guest, PIXELS_GPA, entry.length),
			entry.length);
	device_rig_finish(&rig);
}

/** Its pages go, and, the other time, only others. */
static void test_memory_change_in_the_middle(void **state) {
	(void)state;
	for (int k = 0; k < 2; k++) {
		struct device_rig rig;
		const uint8_t *backing = begin(&rig);
		device_rig_add_memory(&rig, 0x40000000, 4096);
		submit(&rig, RIG_CONTROL, gpu_command_fenced(transfer_rows(HEIGHT), 5));
		dispatch(&rig);
		if (k == 0) {
			device_rig_hide_memory(&rig, 0x40000000, 4096);
		} else {
			device_rig_hide_memory(&rig, PIXELS_GPA, PIXELS_SIZE);
		}
		device_rig_run(&rig);
		struct rig_reply reply;
		assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
		assert_int_equal(reply.hdr.type, k == 0 ? OK : UNSPEC);
		assert_int_equal(reply.hdr.fence_id, 5);
		assert_int_equal(count_rows(&rig, backing), k == 0 ? HEIGHT : TURN_ROWS);
		assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
		assert_int_equal(device_rig_statistics(&rig).host_memory, 0);
		device_rig_finish(&rig);
	}
}

static void test_reset_in_the_middle(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	submit(&rig, RIG_CONTROL, gpu_command_fenced(transfer_rows(HEIGHT), 5));
	dispatch(&rig);
	oriel_virtio_reset(rig.virtio);
	struct oriel_gpu_statistics s = device_rig_statistics(&rig);
	assert_int_equal(s.n_resources + s.host_memory + s.backing_memory, 0);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
	// The queue has forgotten it.
	fake_ring_restart_at(&rig.rings[RIG_CONTROL], 0);
	fake_ring_restart_at(&rig.rings[RIG_CURSOR], 0);
	device_rig_start(&rig);
	device_rig_create(&rig, 1, 4, 4);
	device_rig_finish(&rig);
}

/** A stop waits for the end of what was begun, and takes nothing that is behind it. */
static void test_stop_in_the_middle(void **state) {
	(void)state;
	struct device_rig rig;
	const uint8_t *backing = begin(&rig);
	submit(&rig, RIG_CONTROL, transfer_rows(HEIGHT));
	submit(&rig, RIG_CONTROL, gpu_unref(1));
	dispatch(&rig);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_dispatch(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 0);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 1);
	assert_int_equal(rig.told[RIG_CONTROL].base, device_rig_config(&rig, RIG_CONTROL).base);
	assert_int_equal(count_rows(&rig, backing), HEIGHT);

	device_rig_start_queue(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 1);
	assert_int_equal(device_rig_statistics(&rig).n_resources, 0);
	device_rig_finish(&rig);
}

/** The ring breaks: the transfer ends, and nobody is told; the cursor queue goes on. */
static void test_break_in_the_middle(void **state) {
	(void)state;
	struct device_rig rig;
	const uint8_t *backing = begin(&rig);
	submit(&rig, RIG_CONTROL, transfer_rows(HEIGHT));
	dispatch(&rig);
	device_rig_hide_memory(&rig, FAKE_GUEST_BASE, RIG_MAIN_SIZE);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_needs_reset, 1);
	assert_int_equal(count_rows(&rig, backing), HEIGHT);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
	device_rig_finish(&rig);
}

static void test_no_memory(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_start(&rig);
	device_rig_create_backed(&rig, 1, 64, 64);
	const struct gpu_command cmd = gpu_transfer(1, (struct oriel_rect){ 0, 0, 64, 64 }, 0);
	fail_alloc_at(1); // the pixels
	assert_int_equal(device_rig_type(&rig, cmd), NO_MEMORY);
	assert_true(fail_alloc_has_failed());
	const struct rig_chain chain = { .room = RIG_ROOM, .span_size = 10 };
	fail_alloc_at(1); // the place of the response
	assert_int_equal(device_rig_call_as(&rig, RIG_CONTROL, cmd.bytes, cmd.size, &chain)
					 .hdr.type,
			NO_MEMORY);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_int_equal(device_rig_type(&rig, cmd), OK);
	assert_int_equal(device_rig_type(&rig, gpu_unref(1)), OK);
	assert_int_equal(device_rig_statistics(&rig).host_memory, 0);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_pixels),
		cmocka_unit_test(test_slices),
		cmocka_unit_test(test_all_pixels_of_slices),
		cmocka_unit_test(test_the_share_of_a_turn),
		cmocka_unit_test(test_wide_rows),
		cmocka_unit_test(test_memory_change_in_the_middle),
		cmocka_unit_test(test_reset_in_the_middle),
		cmocka_unit_test(test_stop_in_the_middle),
		cmocka_unit_test(test_break_in_the_middle),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
