// SPDX-License-Identifier: MIT
/*
 * Tests of the render link with a renderer that behaves: what is submitted at one end is carried
 * out at the other, in order, and comes back.
 */
#include "fixture/remote_rig.h"

#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct remote_rig rig;

static int setup(void **state) {
	(void)state;
	rig_init(&rig, RIG_HERE);
	assert_int_equal(rig_create(&rig), 0);
	return 0;
}

static int teardown(void **state) {
	(void)state;
	rig_finish(&rig);
	return 0;
}

static void test_capsets_are_those_of_the_process(void **state) {
	(void)state;
	const struct oriel_capset_table *table = &rig.remote->capsets;
	assert_int_equal(table->len, 2);
	assert_int_equal(oriel_capset_table_get(table, 1)->size, 308);
	const struct oriel_capset *second = oriel_capset_table_get(table, 2);
	assert_int_equal(second->version, 2);
	assert_int_equal(second->size, 1380);
	assert_int_equal(second->data[0], 0x11);
	assert_int_equal(second->data[1379], 0x11);
}

static void submit_resource(void) {
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_CREATE_RESOURCE);
	op->resource_id = 5;
	op->resource = (struct oriel_render3d_resource){ .target = 2,
		.format = 1,
		.bind = 10,
		.width = 64,
		.height = 32,
		.depth = 1,
		.array_size = 3,
		.last_level = 4,
		.n_samples = 6,
		.flags = 7 };
	rig_submit(&rig, op);
}

static void submit_transfer(enum oriel_render3d_type type, uint64_t offset) {
	struct oriel_render3d_op *op = rig_next(&rig, type);
	op->ctx_id = 3;
	op->resource_id = 5;
	op->transfer = (struct oriel_render3d_transfer){ .box = { 1, 2, 3, 4, 5, 6 },
		.offset = offset,
		.level = 7,
		.stride = 8,
		.layer_stride = 9 };
	rig_submit(&rig, op);
}

/** Every field of every operation arrives; and each operation in its place. */
static void test_operations_arrive_as_they_were(void **state) {
	(void)state;
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_CREATE_CONTEXT);
	op->ctx_id = 3;
	op->context.capset_id = 2;
	memset(op->context.name, 'n', ORIEL_CONTEXT_NAME_SIZE - 1);
	rig_submit(&rig, op);
	submit_resource();
	rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 5);
	submit_transfer(ORIEL_RENDER3D_TRANSFER_TO_HOST, UINT64_C(0x100000000));
	submit_transfer(ORIEL_RENDER3D_TRANSFER_FROM_HOST, 10);
	uint8_t commands[12] = { 1, 2, 3, 250 };
	rig_submit_bytes(&rig, commands, sizeof(commands));
	op = rig_next(&rig, ORIEL_RENDER3D_FENCE);
	op->ctx_id = 3;
	op->fence.ring_idx = 63;
	rig_submit(&rig, op);
	op = rig_next(&rig, ORIEL_RENDER3D_FENCE);
	op->fence.is_global = true;
	rig_submit(&rig, op);
	op = rig_next(&rig, ORIEL_RENDER3D_READ_PIXELS);
	op->resource_id = 5;
	op->read = (struct oriel_render3d_read){ 9, { 1, 2, 3, 4 }, UINT64_C(0x200000000), 256 };
	rig_submit(&rig, op);
	rig_simple(&rig, ORIEL_RENDER3D_DETACH_RESOURCE, 3, 5);
	rig_simple(&rig, ORIEL_RENDER3D_DETACH_BACKING, 0, 5);
	rig_simple(&rig, ORIEL_RENDER3D_UNREF_RESOURCE, 0, 5);
	rig_simple(&rig, ORIEL_RENDER3D_REMOVE_IMAGE, 0, 9);
	rig_simple(&rig, ORIEL_RENDER3D_DESTROY_CONTEXT, 3, 0);
	rig_simple(&rig, ORIEL_RENDER3D_RESET, 0, 0);
	rig_wait(&rig);
	assert_string_equal(rig.fake.text,
			"CTX_CREATE ctx 3 capset 2 "
			"\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"\n"
			"RESOURCE_CREATE_3D id 5 target 2 format 1 bind 10 64x32x1 array 3 level 4 "
			"samples 6 flags 7\n"
			"CTX_ATTACH_RESOURCE ctx 3 id 5\n"
			"TRANSFER_TO_HOST_3D ctx 3 id 5 1,2,3 4x5x6 at 4294967296 level 7 "
			"stride 8,9\n"
			"TRANSFER_FROM_HOST_3D ctx 3 id 5 1,2,3 4x5x6 at 10 level 7 stride 8,9\n"
			"SUBMIT_3D ctx 3 12 bytes\n"
			"fence ctx 3 ring 63\n"
			"fence global\n"
			"read pixels id 5 image 9 1,2 3x4 at 8589934592 stride 256\n"
			"CTX_DETACH_RESOURCE ctx 3 id 5\n"
			"RESOURCE_DETACH_BACKING id 5\n"
			"RESOURCE_UNREF id 5\n"
			"remove image id 9\n"
			"CTX_DESTROY ctx 3\n"
			"reset\n");
	assert_int_equal(rig.fake.command_sum, 1 + 2 + 3 + 250);
	for (uint32_t i = 0; i < rig.n_ops; i++) {
		CHECK(rig.ops[i].order == i + 1 && rig.ops[i].err == 0, "operation %u: %u, %d", i,
				rig.ops[i].order, rig.ops[i].err);
	}
}

static void test_results_come_back(void **state) {
	(void)state;
	rig.fake.errors[ORIEL_RENDER3D_CREATE_RESOURCE] = -EINVAL;
	rig.fake.errors[ORIEL_RENDER3D_CREATE_CONTEXT] = -ENOMEM;
	// Only we may say that a renderer is lost.
	rig.fake.errors[ORIEL_RENDER3D_UNREF_RESOURCE] = -ENOTCONN;
	submit_resource();
	rig_simple(&rig, ORIEL_RENDER3D_CREATE_CONTEXT, 1, 0);
	rig_simple(&rig, ORIEL_RENDER3D_UNREF_RESOURCE, 0, 1);
	rig_simple(&rig, ORIEL_RENDER3D_DESTROY_CONTEXT, 1, 0);
	rig_wait(&rig);
	assert_int_equal(rig.ops[0].err, -EINVAL);
	assert_int_equal(rig.ops[1].err, -ENOMEM);
	assert_int_equal(rig.ops[2].err, -EIO);
	assert_int_equal(rig.ops[3].err, 0);
	struct oriel_remote_statistics statistics = { .size = sizeof(statistics) };
	oriel_remote_get_statistics(rig.remote, &statistics);
	assert_int_equal(statistics.n_operations, 4);
	assert_int_equal(statistics.n_errors, 3);
	assert_int_equal(statistics.n_starts, 1);
	assert_int_equal(statistics.n_losses, 0);
	assert_int_equal(statistics.n_capsets, 2);
	assert_string_equal(statistics.last_loss, "");
}

static struct rig_op *submit_fence(uint32_t ctx_id) {
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_FENCE);
	op->ctx_id = ctx_id;
	op->fence.is_global = ctx_id == 0;
	return rig_submit(&rig, op);
}

static void test_fences_come_when_they_are_signalled(void **state) {
	(void)state;
	rig.fake.holds_fences = true;
	struct rig_op *first = submit_fence(1);
	struct rig_op *second = submit_fence(2);
	struct rig_op *after = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 1, 1);
	rig_wait_for(&rig, &rig.n_done, 1);
	assert_int_equal(after->order, 1);
	fake_renderer3d_signal(&rig.fake, 1);
	rig_wait_for(&rig, &rig.n_done, 2);
	assert_int_equal(second->order, 2);
	assert_int_equal(first->order, 0);
	fake_renderer3d_signal(&rig.fake, 0);
	rig_wait(&rig);
	assert_int_equal(first->order, 3);
}

static void test_an_asynchronous_renderer(void **state) {
	(void)state;
	rig.fake.is_async = true;
	for (uint32_t i = 0; i < 300; i++) {
		rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, i + 1, 1);
	}
	while (rig.fake.n_ops < 300) {
		rig_turn(&rig);
	}
	assert_int_equal(rig.n_done, 0);
	fake_renderer3d_answer(&rig.fake, 100);
	rig_wait_for(&rig, &rig.n_done, 100);
	rig_turn(&rig);
	assert_int_equal(rig.n_done, 100);
	fake_renderer3d_answer(&rig.fake, 200);
	rig_wait(&rig);
	assert_int_equal(rig.ops[299].order, 300);
}

/** Payloads of every size modulo the alignment, many times round the arena; and larger ones. */
static void test_command_buffers_arrive_whole(void **state) {
	(void)state;
	static uint8_t bytes[20u << 20];
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 31 + (i >> 8));
	}
	static const uint32_t sizes[] = { 4, 8, 12, 3u << 20, (3u << 20) + 4, (4u << 20) - 4,
		4u << 20, (4u << 20) + 4, 16u << 20, sizeof(bytes) };
	uint64_t sum = 0, n_bytes = 0;
	for (uint32_t round = 0; round < 4; round++) {
		for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
			// Some together, so that the arena is full and a file takes over.
			rig_submit_bytes(&rig, bytes, sizes[i]);
			for (uint32_t k = 0; k < sizes[i]; k++) {
				sum += bytes[k];
			}
			n_bytes += sizes[i];
		}
		rig_wait(&rig);
	}
	assert_int_equal(rig.fake.n_command_bytes, n_bytes);
	assert_int_equal(rig.fake.command_sum, sum);
}

/** A chain in pieces; and one that has less than it said. */
static void test_commands_of_several_spans(void **state) {
	(void)state;
	uint8_t a[3] = { 1, 2, 3 }, b[9] = { 10, 20, 30 };
	const struct oriel_span spans[] = { { a, 3 }, { b, 9 } };
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_SUBMIT);
	op->commands.bytes = (struct oriel_span_cursor){ .spans = spans, .len = 2, .offset = 1 };
	op->commands.size = 8;
	rig_submit(&rig, op);
	struct oriel_render3d_op *more = rig_next(&rig, ORIEL_RENDER3D_SUBMIT);
	more->commands.bytes = op->commands.bytes;
	more->commands.size = 12; // there are 11
	struct rig_op *too_short = rig_submit(&rig, more);
	struct rig_op *empty = rig_simple(&rig, ORIEL_RENDER3D_SUBMIT, 1, 0);
	rig_wait(&rig);
	assert_int_equal(rig.fake.command_sum, 2 + 3 + 10 + 20 + 30);
	assert_int_equal(too_short->err, -EFAULT);
	assert_int_equal(too_short->order, 2);
	assert_int_equal(empty->err, 0);
}

static void test_more_than_the_ring_holds(void **state) {
	(void)state;
	rig.fake.is_silent = true;
	assert_false(oriel_renderer3d_is_full(rig.remote));
	const uint32_t n = 6000; // more than replies, too
	for (uint32_t i = 0; i < n; i++) {
		rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, i + 1, 1);
		if (i == ORIEL_RENDER_LINK_N_REQUESTS - 100) {
			assert_false(oriel_renderer3d_is_full(rig.remote));
		}
	}
	assert_true(oriel_renderer3d_is_full(rig.remote));
	assert_int_equal(rig.n_room, 0);
	rig_wait(&rig);
	assert_int_equal(rig.fake.n_ops, n);
	for (uint32_t i = 0; i < n; i++) {
		CHECK(rig.ops[i].order == i + 1, "operation %u is number %u", i, rig.ops[i].order);
	}
	rig_wait_for(&rig, &rig.n_room, 1);
	assert_false(oriel_renderer3d_is_full(rig.remote));
}

/** Fences use up the ring without answers: what comes behind them must get on all the same. */
static void test_a_ring_full_of_fences(void **state) {
	(void)state;
	rig.fake.holds_fences = true;
	rig.fake.is_silent = true;
	for (uint32_t i = 0; i < 2000; i++) {
		submit_fence(1);
	}
	struct rig_op *after = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 1, 1);
	rig_wait_for(&rig, &rig.n_done, 1);
	assert_int_equal(after->order, 1);
	for (uint32_t i = 0; i < 2000; i++) {
		fake_renderer3d_signal(&rig.fake, 0);
	}
	rig_wait(&rig);
}

/** A renderer that is full is not given more, and then is. */
static void test_a_local_renderer_that_is_full(void **state) {
	(void)state;
	rig.fake.is_full = true;
	rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 1, 1);
	for (int i = 0; i < 10; i++) {
		rig_turn(&rig);
	}
	assert_int_equal(rig.fake.n_ops, 0);
	rig.fake.is_full = false;
	rig.fake.base.listener.handle_room(rig.fake.base.listener.user);
	rig_wait(&rig);
}

/*
 * Guest memory and images.
 */

#define GUEST_SIZE 0x40000u

static struct oriel_memory *make_memory(uint8_t **ret) {
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, GUEST_SIZE + 0x1000), 0);
	*ret = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0x1000);
	assert_true(*ret != MAP_FAILED);
	// Two regions of one file, apart from each other in guest addresses.
	assert_int_equal(oriel_memory_add_region_take(memory, 0x100000, GUEST_SIZE / 2, 0x1000,
					 dup(fd)),
			0);
	assert_int_equal(oriel_memory_add_region_take(memory, 0x800000, GUEST_SIZE / 2,
					 0x1000 + GUEST_SIZE / 2, fd),
			0);
	return memory;
}

static void submit_memory(struct oriel_mem_map *map) {
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_SET_MEMORY);
	op->map = map;
	rig_submit(&rig, op);
}

static void attach(struct oriel_mem_map *map, struct oriel_backing *backing, uint64_t gpa,
		uint32_t size, uint64_t second_gpa, uint32_t second_size) {
	assert_int_equal(oriel_backing_begin(backing, 2, map), 0);
	assert_int_equal(oriel_backing_append(backing, gpa, size, UINT64_MAX), 0);
	assert_int_equal(oriel_backing_append(backing, second_gpa, second_size, UINT64_MAX), 0);
	oriel_backing_end(backing);
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_ATTACH_BACKING);
	op->resource_id = 5;
	op->backing = backing;
	rig_submit(&rig, op);
}

static void test_guest_memory_is_the_same_there(void **state) {
	(void)state;
	uint8_t *bytes;
	struct oriel_memory *memory = make_memory(&bytes);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	submit_memory(map);
	struct oriel_budget budget = { .limit = ORIEL_BUDGET_OFF };
	struct oriel_backing backing;
	oriel_backing_init(&backing, &budget);
	attach(map, &backing, 0x100000 + 0x100, 8, 0x800000, 0x1000);
	for (size_t i = 0; i < 8; i++) {
		bytes[0x100 + i] = (uint8_t)(1 + i);
		bytes[GUEST_SIZE / 2 + i] = (uint8_t)(9 + i);
	}
	submit_transfer(ORIEL_RENDER3D_TRANSFER_TO_HOST, 0);
	submit_transfer(ORIEL_RENDER3D_TRANSFER_FROM_HOST, 0x20);
	rig_wait(&rig);
	for (uint8_t i = 0; i < FAKE_CONTENT; i++) {
		assert_int_equal(rig.fake.resources[5].content[i], 1 + i);
		assert_int_equal(bytes[GUEST_SIZE / 2 + 0x20 - 8 + i], 1 + i);
	}
	assert_non_null(strstr(rig.fake.text, "set memory 2 regions\n"));
	assert_non_null(strstr(rig.fake.text, "ATTACH_BACKING id 5 2 entries, 4104 bytes\n"));
	// The table may change when nothing is attached; then the old addresses are gone.
	rig_simple(&rig, ORIEL_RENDER3D_DETACH_BACKING, 0, 5);
	oriel_memory_clear(memory);
	struct oriel_mem_map *empty = oriel_memory_hold_map(memory);
	submit_memory(empty);
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_ATTACH_BACKING);
	op->resource_id = 5;
	op->backing = &backing;
	struct rig_op *late = rig_submit(&rig, op);
	rig_wait(&rig);
	assert_int_equal(late->err, -EFAULT);
	oriel_backing_detach(&backing);
	oriel_mem_map_release(empty);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
	munmap(bytes, GUEST_SIZE);
}

/** A table of as many regions as there may be goes over the socket in turns. */
static void test_a_table_of_very_many_regions(void **state) {
	(void)state;
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 0x1000), 0);
	const uint32_t n = 300;
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(oriel_memory_add_region_take(memory, 0x10000 * (uint64_t)(i + 1),
						 0x1000, 0, dup(fd)),
				0);
	}
	close(fd);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	for (int i = 0; i < 4; i++) {
		submit_memory(map);
		rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 1, 1);
	}
	rig_wait(&rig);
	for (uint32_t i = 0; i < rig.n_ops; i++) {
		CHECK(rig.ops[i].err == 0 && rig.ops[i].order == i + 1, "operation %u: %d", i,
				rig.ops[i].err);
	}
	assert_int_equal(oriel_mem_map_count_regions(rig.fake.map), n);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
}

static void test_memory_that_cannot_be_shared(void **state) {
	(void)state;
	static uint8_t bytes[0x1000];
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	assert_int_equal(oriel_memory_add_mapped(memory, 0x1000, sizeof(bytes), bytes), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	submit_memory(map);
	rig_wait(&rig);
	assert_int_equal(rig.ops[0].err, -EOPNOTSUPP);
	assert_int_equal(rig.fake.n_ops, 0);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
}

static void test_pixels_are_read_into_images(void **state) {
	(void)state;
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, 0x4000), 0);
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_ADD_IMAGE);
	op->resource_id = 9;
	op->image.fd = fd;
	op->image.size = 0x4000;
	rig_submit(&rig, op);
	op = rig_next(&rig, ORIEL_RENDER3D_READ_PIXELS);
	op->resource_id = 5;
	op->read = (struct oriel_render3d_read){ 9, { 0, 0, 2, 2 }, 0x1010, 0x100 };
	rig_submit(&rig, op);
	rig_wait(&rig);
	assert_int_equal(rig.ops[1].err, 0);
	uint8_t row[10];
	assert_int_equal(pread(fd, row, sizeof(row), 0x1110 - 1), sizeof(row));
	assert_int_equal(row[0], 0);
	assert_int_equal(row[1], FAKE_PIXEL);
	assert_int_equal(row[8], FAKE_PIXEL);
	assert_int_equal(row[9], 0);
	// The renderer can write to it, and cannot cut it off.
	assert_true((fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) != 0);
	close(fd);
	int plain = memfd_create("image", MFD_CLOEXEC); // cannot be sealed
	op = rig_next(&rig, ORIEL_RENDER3D_ADD_IMAGE);
	op->resource_id = 10;
	op->image.fd = plain;
	op->image.size = 0x1000;
	struct rig_op *refused = rig_submit(&rig, op);
	rig_wait(&rig);
	assert_int_equal(refused->err, -EINVAL);
	close(plain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_capsets_are_those_of_the_process),
		TEST(test_operations_arrive_as_they_were),
		TEST(test_results_come_back),
		TEST(test_fences_come_when_they_are_signalled),
		TEST(test_an_asynchronous_renderer),
		TEST(test_command_buffers_arrive_whole),
		TEST(test_commands_of_several_spans),
		TEST(test_more_than_the_ring_holds),
		TEST(test_a_ring_full_of_fences),
		TEST(test_a_local_renderer_that_is_full),
		TEST(test_guest_memory_is_the_same_there),
		TEST(test_a_table_of_very_many_regions),
		TEST(test_memory_that_cannot_be_shared),
		TEST(test_pixels_are_read_into_images),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
