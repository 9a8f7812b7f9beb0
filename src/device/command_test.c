// SPDX-License-Identifier: MIT
/*
 * Tests of the command table and of what is checked before any handler: what the first bytes of a
 * request may be (virtio 1.3, 5.7.6.7), and in which order the checks come.
 */
#include "device/command.h"

#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <string.h>

static const struct oriel_rect one_pixel = { 0, 0, 1, 1 };
static const uint32_t types[] = { 0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x10a,
	0x10b, 0x10c, 0x10d, 0x300, 0x301 };
static const uint32_t sizes[] = { 24, 40, 32, 48, 48, 56, 32, 32, 32, 32, 56, 96, 56, 56 };

/** A command of types[i] that succeeds once resource 1, backed, and 2, without, are there. */
static struct gpu_command make_good(struct device_rig *rig, size_t i) {
	static const struct oriel_mem_entry entry = { FAKE_GUEST_BASE, 4096 };
	static const struct oriel_cmd_create_blob blob = { .resource_id = 5,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.n_entries = 1,
		.size = 4096 };
	static const struct oriel_cmd_set_scanout_blob nothing = { .scanout_id = 1 };
	(void)rig;
	switch (types[i]) {
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
		return gpu_create_2d(3, 1, 64, 64);
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
		return gpu_unref(2);
	case VIRTIO_GPU_CMD_SET_SCANOUT:
		return gpu_set_scanout(0, 1, one_pixel);
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		return gpu_flush(1, one_pixel);
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		return gpu_transfer(1, one_pixel, 0);
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		return gpu_attach(2, &entry, 1, 1);
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
		return gpu_detach(1);
	case VIRTIO_GPU_CMD_GET_EDID:
		return gpu_get_edid(0);
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
		return gpu_assign_uuid(1);
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
		return gpu_create_blob(&blob, &entry, 1);
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		return gpu_set_scanout_blob(&nothing);
	case VIRTIO_GPU_CMD_UPDATE_CURSOR:
		return gpu_update_cursor(0, 1, 5, 6);
	case VIRTIO_GPU_CMD_MOVE_CURSOR:
		return gpu_move_cursor(0, 5, 6);
	default:
		return gpu_command_of(types[i]);
	}
}

static unsigned int queue_of(size_t i) {
	return types[i] >= VIRTIO_GPU_CMD_UPDATE_CURSOR ? RIG_CURSOR : RIG_CONTROL;
}

static uint32_t good_response(size_t i) {
	switch (types[i]) {
	case VIRTIO_GPU_CMD_GET_DISPLAY_INFO:
		return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
	case VIRTIO_GPU_CMD_GET_EDID:
		return VIRTIO_GPU_RESP_OK_EDID;
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
		return VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
	default:
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
}

static void begin(struct device_rig *rig) {
	device_rig_init(rig, NULL);
	device_rig_start(rig);
	device_rig_create_backed(rig, 1, 64, 64);
	device_rig_create(rig, 2, 64, 64);
}

static struct rig_reply call(struct device_rig *rig, unsigned int queue, const void *bytes,
		size_t size) {
	const struct rig_chain chain = { .room = RIG_ROOM };
	return device_rig_call_as(rig, queue, bytes, size, &chain);
}

/** Commands of 3D, whose good ones need a renderer: run_3d_test.c has them. */
static const struct {
	uint32_t type;
	uint32_t size;
	uint64_t needs;
} rows_3d[] = {
	{ VIRTIO_GPU_CMD_GET_CAPSET_INFO, 32, 1 },
	{ VIRTIO_GPU_CMD_GET_CAPSET, 32, 1 },
	{ VIRTIO_GPU_CMD_CTX_CREATE, 96, 1 },
	{ VIRTIO_GPU_CMD_CTX_DESTROY, 24, 1 },
	{ VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 32, 1 },
	{ VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, 32, 1 },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, 72, 1 },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 72, 1 },
	{ VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, 72, 1 },
	{ VIRTIO_GPU_CMD_SUBMIT_3D, 32, 1 },
	// There is no window to map into, which is judged before their size.
	{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 24, 8 },
	{ VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 24, 8 },
};

static void test_the_table(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		const struct oriel_command *command = oriel_command_get(types[i]);
		CHECK(command != NULL && command->type == types[i], "0x%x", types[i]);
		CHECK(command->body_size + ORIEL_CTRL_HDR_SIZE == sizes[i], "0x%x", types[i]);
		CHECK(command->queue == queue_of(i), "0x%x", types[i]);
		uint64_t needs = types[i] == 0x10b                        ? 4
				 : types[i] == 0x10c || types[i] == 0x10d ? 8
									  : 0;
		CHECK(command->needs == needs, "0x%x", types[i]);
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows_3d); i++) {
		const struct oriel_command *command = oriel_command_get(rows_3d[i].type);
		CHECK(command != NULL && command->type == rows_3d[i].type, "0x%x", rows_3d[i].type);
		CHECK(command->body_size + ORIEL_CTRL_HDR_SIZE == rows_3d[i].size &&
						command->needs == rows_3d[i].needs &&
						command->queue == RIG_CONTROL,
				"0x%x", rows_3d[i].type);
	}
	size_t n_found = 0;
	for (uint32_t type = 0; type < 0x1300; type++) {
		n_found += oriel_command_get(type) != NULL ? 1 : 0;
	}
	assert_int_equal(n_found, ORIEL_ARRAY_LEN(types) + ORIEL_ARRAY_LEN(rows_3d));
}

static void test_good_commands(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		struct device_rig rig;
		begin(&rig);
		struct gpu_command cmd = make_good(&rig, i);
		const bool has_entry = types[i] == 0x106 || types[i] == 0x10c;
		assert_int_equal(cmd.size - (has_entry ? 16u : 0u), sizes[i]);
		struct rig_reply reply = call(&rig, queue_of(i), cmd.bytes, cmd.size);
		CHECK(reply.hdr.type == good_response(i), "0x%x: 0x%x", types[i], reply.hdr.type);
		CHECK(reply.hdr.flags == 0 && reply.hdr.fence_id == 0 && reply.hdr.ctx_id == 0 &&
						reply.hdr.ring_idx == 0,
				"0x%x: a fence that nobody asked for", types[i]);
		device_rig_finish(&rig);
	}
}

/** H-065, H-070: refused, and not carried out. */
static void test_short_commands(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		struct device_rig rig;
		begin(&rig);
		fake_display_forget(&rig.display);
		struct oriel_gpu_statistics before = device_rig_statistics(&rig);
		for (size_t size = ORIEL_CTRL_HDR_SIZE; size < sizes[i]; size++) {
			struct gpu_command cmd = gpu_command_fenced(make_good(&rig, i), size);
			struct rig_reply reply = call(&rig, queue_of(i), cmd.bytes, size);
			CHECK(reply.hdr.type == VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
					"0x%x, %zu bytes: 0x%x", types[i], size, reply.hdr.type);
			CHECK(reply.hdr.fence_id == size, "0x%x, %zu bytes: fence", types[i], size);
		}
		struct oriel_gpu_statistics after = device_rig_statistics(&rig);
		CHECK(after.n_resources == before.n_resources &&
						after.backing_memory == before.backing_memory,
				"0x%x was carried out", types[i]);
		CHECK(rig.display.n_events == 0, "0x%x was shown", types[i]);
		device_rig_finish(&rig);
	}
}

/** H-060, H-025. */
static void test_no_header(void **state) {
	(void)state;
	for (unsigned int queue = 0; queue < 2; queue++) {
		struct device_rig rig;
		begin(&rig);
		struct gpu_command cmd = gpu_command_fenced(make_good(&rig, 0), 7);
		for (size_t size = 0; size < ORIEL_CTRL_HDR_SIZE; size++) {
			struct rig_reply reply = call(&rig, queue, cmd.bytes, size);
			CHECK(reply.written == 24, "%zu bytes: %u written", size, reply.written);
			CHECK(reply.hdr.type == VIRTIO_GPU_RESP_ERR_UNSPEC, "%zu bytes: 0x%x", size,
					reply.hdr.type);
			CHECK(reply.hdr.flags == 0 && reply.hdr.fence_id == 0, "%zu bytes: fenced",
					size);
		}
		device_rig_finish(&rig);
	}
}

/** H-061, H-062. */
static void test_unknown_types(void **state) {
	(void)state;
	static const uint32_t unknown[] = { 0, 0xff, 0x108, 0x109, 0x10e, 0x1ff, 0x200, 0x207,
		0x209, 0x20a, 0x2ff, 0x302, 0x1100, 0x1200, 0x10000, 0x1010000, 0xffffffff };
	struct device_rig rig;
	begin(&rig);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(unknown); i++) {
		for (unsigned int queue = 0; queue < 2; queue++) {
			struct gpu_command cmd = gpu_command_fenced(gpu_command_of(unknown[i]), 9);
			struct rig_reply reply = call(&rig, queue, cmd.bytes, cmd.size);
			CHECK(reply.hdr.type == VIRTIO_GPU_RESP_ERR_UNSPEC, "0x%x: 0x%x",
					unknown[i], reply.hdr.type);
			CHECK(reply.hdr.flags == VIRTIO_GPU_FLAG_FENCE && reply.hdr.fence_id == 9,
					"0x%x: fence", unknown[i]);
		}
	}
	assert_int_equal(device_rig_statistics(&rig).n_errors, 2 * ORIEL_ARRAY_LEN(unknown));
	device_rig_finish(&rig);
}

/** H-063: also if it is too short, because the queue is judged first. */
static void test_wrong_queue(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	fake_display_forget(&rig.display);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		struct gpu_command cmd = make_good(&rig, i);
		const size_t lengths[] = { cmd.size, ORIEL_CTRL_HDR_SIZE };
		for (size_t k = 0; k < 2; k++) {
			struct rig_reply reply = call(&rig, 1 - queue_of(i), cmd.bytes, lengths[k]);
			CHECK(reply.hdr.type == VIRTIO_GPU_RESP_ERR_UNSPEC, "0x%x: 0x%x", types[i],
					reply.hdr.type);
		}
	}
	assert_int_equal(rig.display.n_events, 0);
	assert_int_equal(device_rig_statistics(&rig).n_resources, 2);
	device_rig_finish(&rig);
}

/** H-064: the gate is judged before queue and size. Without its feature GET_EDID works. */
static void test_gates(void **state) {
	(void)state;
	struct device_rig rig;
	device_rig_init(&rig, NULL);
	device_rig_set_features(&rig, 0);
	device_rig_start_queue(&rig, RIG_CONTROL);
	device_rig_start_queue(&rig, RIG_CURSOR);
	device_rig_create(&rig, 1, 64, 64);
	struct gpu_command cmd = gpu_assign_uuid(1);
	assert_int_equal(call(&rig, RIG_CONTROL, cmd.bytes, cmd.size).hdr.type,
			VIRTIO_GPU_RESP_ERR_UNSPEC);
	assert_int_equal(call(&rig, RIG_CONTROL, cmd.bytes, 24).hdr.type,
			VIRTIO_GPU_RESP_ERR_UNSPEC);
	assert_int_equal(device_rig_type(&rig, gpu_get_edid(0)), VIRTIO_GPU_RESP_OK_EDID);
	device_rig_set_features(&rig, 1u << VIRTIO_GPU_F_RESOURCE_UUID);
	assert_int_equal(device_rig_type(&rig, cmd), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	device_rig_finish(&rig);
}

/** H-070: bytes behind the fixed part are nobody's. */
static void test_trailing_bytes(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		struct device_rig rig;
		begin(&rig);
		struct gpu_command cmd = make_good(&rig, i);
		uint8_t bytes[4096];
		memset(bytes, 0xff, sizeof(bytes));
		memcpy(bytes, cmd.bytes, cmd.size);
		struct rig_reply reply = call(&rig, queue_of(i), bytes, sizeof(bytes));
		CHECK(reply.hdr.type == good_response(i), "0x%x: 0x%x", types[i], reply.hdr.type);
		device_rig_finish(&rig);
	}
}

/** H-066 to H-068: flags that nobody knows, contexts that are not there, padding. */
static void test_other_header_fields(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		struct device_rig rig;
		begin(&rig);
		struct gpu_command cmd = gpu_command_with(gpu_command_fenced(make_good(&rig, i),
									  0x0102030405060708u),
				0xffffffff, 0xffffffff);
		memset(cmd.bytes + 20, 0xff, 4); // ring_idx and padding
		struct rig_reply reply = call(&rig, queue_of(i), cmd.bytes, cmd.size);
		CHECK(reply.hdr.type == good_response(i), "0x%x: 0x%x", types[i], reply.hdr.type);
		CHECK(reply.hdr.flags == VIRTIO_GPU_FLAG_FENCE, "0x%x: flags 0x%x", types[i],
				reply.hdr.flags);
		CHECK(reply.hdr.fence_id == 0x0102030405060708u && reply.hdr.ctx_id == 0xffffffff,
				"0x%x: fence", types[i]);
		device_rig_finish(&rig);

		// Only a bit that is not FENCE: nothing comes back.
		begin(&rig);
		cmd = gpu_command_with(gpu_command_fenced(make_good(&rig, i), 5), 0xfffffffe, 7);
		reply = call(&rig, queue_of(i), cmd.bytes, cmd.size);
		CHECK(reply.hdr.type == good_response(i) && reply.hdr.flags == 0 &&
						reply.hdr.fence_id == 0 && reply.hdr.ctx_id == 0,
				"0x%x: not fenced", types[i]);
		device_rig_finish(&rig);
	}
}

/** H-069, H-026 to H-028: it is carried out whatever room the response has. */
static void test_little_room(void **state) {
	(void)state;
	static const size_t rooms[] = { 0, 1, 4, 23, 24, 25, 39, 40, 41, 407, 408, 409, 1055,
		1056 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		struct device_rig rig;
		begin(&rig);
		struct gpu_command cmd = make_good(&rig, i);
		struct rig_reply whole = call(&rig, queue_of(i), cmd.bytes, cmd.size);
		device_rig_finish(&rig);
		for (size_t k = 0; k < ORIEL_ARRAY_LEN(rooms); k++) {
			begin(&rig);
			cmd = make_good(&rig, i);
			const struct rig_chain chain = { .room = rooms[k] };
			struct rig_reply reply = device_rig_call_as(&rig, queue_of(i), cmd.bytes,
					cmd.size, &chain);
			uint32_t want = whole.written < rooms[k] ? whole.written
								 : (uint32_t)rooms[k];
			CHECK(reply.written == want, "0x%x, room %zu: %u", types[i], rooms[k],
					reply.written);
			CHECK(want < 24 || reply.hdr.type == good_response(i), "0x%x, room %zu",
					types[i], rooms[k]);
			struct oriel_gpu_statistics now = device_rig_statistics(&rig);
			CHECK(now.n_errors == 0 && now.n_commands == 4, "0x%x, room %zu: not done",
					types[i], rooms[k]);
			device_rig_finish(&rig);
		}
	}
}

/** A command, and its response, in pieces of any size. */
static void test_pieces(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(types); i++) {
		for (size_t span_size = 1; span_size < 64; span_size += span_size < 8 ? 1 : 13) {
			struct device_rig rig;
			begin(&rig);
			struct gpu_command cmd = gpu_command_fenced(make_good(&rig, i), 3);
			const struct rig_chain chain = { .room = RIG_ROOM, .span_size = span_size };
			struct rig_reply reply = device_rig_call_as(&rig, queue_of(i), cmd.bytes,
					cmd.size, &chain);
			CHECK(reply.hdr.type == good_response(i) && reply.hdr.fence_id == 3,
					"0x%x, in pieces of %zu", types[i], span_size);
			device_rig_finish(&rig);
		}
	}
}

/** The guest's own mistakes are logged, but not as often as it likes. */
static void test_log(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig);
	for (int i = 0; i < 40; i++) {
		device_rig_type(&rig, gpu_unref(99));
	}
	assert_in_range(rig.n_log_lines, 1, 39);
	assert_int_equal(device_rig_statistics(&rig).n_errors, 40);
	assert_int_equal(device_rig_statistics(&rig).n_commands, 43);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_table),
		cmocka_unit_test(test_good_commands),
		cmocka_unit_test(test_short_commands),
		cmocka_unit_test(test_no_header),
		cmocka_unit_test(test_unknown_types),
		cmocka_unit_test(test_wrong_queue),
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_trailing_bytes),
		cmocka_unit_test(test_other_header_fields),
		cmocka_unit_test(test_little_room),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
