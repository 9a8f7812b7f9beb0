// SPDX-License-Identifier: MIT
/*
 * Tests of a session's messages: what they do to the device, and what becomes of those that are
 * wrong, with and without an answer asked for.
 */
#include "fixture/vhost_rig.h"

#include "base/compiler.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define USER(offset) (RIG_LOW_USER + (offset))

static void test_features(void **state) {
	struct vhost_rig *rig = *state;
	// Bits 26 and 30 are the transport's; all others are passed on, offered or not.
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, UINT64_MAX);
	CHECK_TRACE(rig, "features 0xffffffffbbffffff\n");
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, UINT64_MAX & ~(UINT64_C(1) << 26));
	CHECK_TRACE(rig, ""); // no change for the device
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, 0);
	CHECK_TRACE(rig, "features 0x0\n");
	rig->asks = true;
	assert_int_equal(vhost_rig_u64(rig, VHOST_USER_SET_PROTOCOL_FEATURES, UINT64_MAX), 0);
	assert_int_equal(vhost_rig_plain(rig, VHOST_USER_SET_OWNER, -1), 0);
	assert_int_equal(vhost_rig_plain(rig, VHOST_USER_RESET_OWNER, -1), 0);
	CHECK_TRACE(rig, "");
}

static void test_status(void **state) {
	struct vhost_rig *rig = *state;
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 0);
	vhost_rig_u64(rig, VHOST_USER_SET_STATUS, 8);
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 8);
	rig->device.base.listener.handle_needs_reset(rig->device.base.listener.user, 9, "gone");
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 8 | 64);
	CHECK_TRACE(rig, "");
	rig->asks = true;
	assert_int_equal(vhost_rig_u64(rig, VHOST_USER_SET_STATUS, 256), 1);
	assert_int_equal(vhost_rig_u64(rig, VHOST_USER_SET_STATUS, 0), 0);
	CHECK_TRACE(rig, "reset\n");
	assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_STATUS), 0);
}

static void test_status_0_drops_the_rings(void **state) {
	struct vhost_rig *rig = *state;
	static const uint32_t fresh[2] = { 0, 0 };
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_start(rig, 0, fresh);
	fake_virtio_take_trace(&rig->device);
	vhost_rig_u64(rig, VHOST_USER_SET_STATUS, 0);
	CHECK_TRACE(rig, "reset\nfeatures 0x100000002\n");
	vhost_rig_start(rig, 0, fresh);
	assert_null(strstr(fake_virtio_take_trace(&rig->device), "reset"));
	assert_true(rig->device.queues[1].is_started);
}

static const struct {
	uint32_t offset, size;
	uint8_t first, last; // the device has 20 bytes: 0, 1, 2, …
} config_cases[] = {
	{ 0, 16, 0, 15 },
	{ 0, 20, 0, 19 },
	{ 0, 21, 0, 0 },
	{ 0, 256, 0, 0 },
	{ 15, 8, 15, 0 },
	{ 19, 1, 19, 19 },
	{ 20, 1, 0, 0 },
	{ 4096, 4, 0, 0 },
	{ 0xfffffff8, 16, 0, 0 },
	{ 0xffffffff, 256, 0, 0 },
};

static size_t write_config(uint8_t bytes[300], uint32_t offset, uint32_t size) {
	struct oriel_writer w = oriel_writer_of(bytes, 300);
	oriel_write_u32(&w, offset);
	oriel_write_u32(&w, size);
	oriel_write_u32(&w, 0);
	memset(bytes + 12, 0xee, 288);
	return ORIEL_VHOST_CONFIG_PAYLOAD + size;
}

static void test_get_config(void **state) {
	struct vhost_rig *rig = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(config_cases); i++) {
		uint8_t bytes[300];
		const uint32_t size = config_cases[i].size;
		size_t n = write_config(bytes, config_cases[i].offset, size);
		vhost_rig_send(rig, VHOST_USER_GET_CONFIG, bytes, n, NULL, 0);
		struct vhost_rig_reply reply;
		assert_true(vhost_rig_receive(rig, &reply));
		struct oriel_reader r = oriel_reader_of(reply.payload, reply.header.size);
		struct oriel_vhost_config config;
		CHECK(oriel_vhost_decode_config(&r, &config) == 0, "row %zu", i);
		CHECK(config.offset == config_cases[i].offset && config.size == size, "row %zu", i);
		CHECK(config.bytes[0] == config_cases[i].first, "row %zu", i);
		CHECK(config.bytes[size - 1] == config_cases[i].last, "row %zu", i);
	}
}

// The protocol has an answer to a wrong GET_CONFIG: an empty one.
static void test_get_config_malformed(void **state) {
	struct vhost_rig *rig = *state;
	static const struct {
		uint32_t size, payload;
	} rows[] = { { 257, 12 + 257 }, { 16, 12 + 15 }, { 16, 12 }, { 0xfffffff4, 12 }, { 0, 0 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		uint8_t bytes[300];
		write_config(bytes, 0, rows[i].size);
		vhost_rig_send(rig, VHOST_USER_GET_CONFIG, bytes, rows[i].payload, NULL, 0);
		struct vhost_rig_reply reply;
		CHECK(vhost_rig_receive(rig, &reply), "row %zu", i);
		assert_int_equal(reply.header.request, VHOST_USER_GET_CONFIG);
		assert_int_equal(reply.header.size, 0);
	}
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 5);
}

static void test_set_config(void **state) {
	struct vhost_rig *rig = *state;
	uint8_t bytes[300];
	rig->asks = true;
	size_t n = write_config(bytes, 0, 16);
	assert_int_equal(vhost_rig_send(rig, VHOST_USER_SET_CONFIG, bytes, n, NULL, 0), 0);
	n = write_config(bytes, 0xffffffff, 3);
	assert_int_equal(vhost_rig_send(rig, VHOST_USER_SET_CONFIG, bytes, n, NULL, 0), 0);
	n = write_config(bytes, 4, 0);
	assert_int_equal(vhost_rig_send(rig, VHOST_USER_SET_CONFIG, bytes, n, NULL, 0), 0);
	CHECK_TRACE(rig, "write 0x0 16 ee\nwrite 0xffffffff 3 ee\nwrite 0x4 0 00\n");
	n = write_config(bytes, 0, 16);
	assert_int_equal(vhost_rig_send(rig, VHOST_USER_SET_CONFIG, bytes, n - 1, NULL, 0), 1);
	CHECK_TRACE(rig, "");
	rig->asks = false;
	vhost_rig_send(rig, VHOST_USER_SET_CONFIG, bytes, n - 1, NULL, 0);
	assert_true(rig->has_ended);
	assert_int_equal(rig->end_err, -EPROTO);
}

static void test_gpu_socket(void **state) {
	struct vhost_rig *rig = *state;
	rig->asks = true;
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(vhost_rig_plain(rig, VHOST_USER_GPU_SET_SOCKET, rig->call_fds[0]),
				0);
		assert_int_equal(rig->n_gpu_fds, i);
	}
	assert_int_equal(fcntl(rig->gpu_fd, F_GETFD), FD_CLOEXEC);
}

/** Every message of the protocol, as it should be: its payload's size, and descriptors. */
static const struct {
	uint32_t request;
	size_t size;
	size_t n_fds;
	bool has_reply; // of its own
} messages[] = {
	{ VHOST_USER_GET_FEATURES, 0, 0, true },
	{ VHOST_USER_SET_FEATURES, 8, 0, false },
	{ VHOST_USER_SET_OWNER, 0, 0, false },
	{ VHOST_USER_RESET_OWNER, 0, 0, false },
	{ VHOST_USER_SET_MEM_TABLE, 8, 0, false },
	{ VHOST_USER_SET_VRING_NUM, 8, 0, false },
	{ VHOST_USER_SET_VRING_ADDR, 40, 0, false },
	{ VHOST_USER_SET_VRING_BASE, 8, 0, false },
	{ VHOST_USER_GET_VRING_BASE, 8, 0, true },
	{ VHOST_USER_SET_VRING_KICK, 8, 1, false },
	{ VHOST_USER_SET_VRING_CALL, 8, 1, false },
	{ VHOST_USER_SET_VRING_ERR, 8, 1, false },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0, true },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, 8, 0, false },
	{ VHOST_USER_GET_QUEUE_NUM, 0, 0, true },
	{ VHOST_USER_SET_VRING_ENABLE, 8, 0, false },
	{ VHOST_USER_SET_BACKEND_REQ_FD, 0, 1, false },
	{ VHOST_USER_SET_CONFIG, 12, 0, false },
	{ VHOST_USER_GPU_SET_SOCKET, 0, 1, false },
	{ VHOST_USER_RESET_DEVICE, 0, 0, false },
	{ VHOST_USER_GET_MAX_MEM_SLOTS, 0, 0, true },
	{ VHOST_USER_ADD_MEM_REG, 40, 1, false },
	{ VHOST_USER_REM_MEM_REG, 40, 0, false },
	{ VHOST_USER_SET_STATUS, 8, 0, false },
	{ VHOST_USER_GET_STATUS, 0, 0, true },
};

/** Send a message that is wrong: it is refused, or ends the session, with a line in the log. */
static void check_refused(struct vhost_rig *rig, bool asks, size_t i, size_t size, size_t n_fds) {
	static const uint8_t payload[64];
	int fds[20];
	for (size_t k = 0; k < n_fds; k++) {
		fds[k] = rig->call_fds[0];
	}
	const uint32_t request = messages[i].request;
	unsigned int n_lines = rig->n_lines[ORIEL_LOG_WARN];
	rig->asks = asks;
	int answer = vhost_rig_send(rig, request, payload, size, fds, n_fds);
	if (asks && !messages[i].has_reply) {
		CHECK(answer == 1, "request %u, %zu bytes, %zu fds: %d", request, size, n_fds,
				answer);
		assert_false(rig->has_ended);
		return; // the line may have been left out: there are many
	}
	CHECK(rig->has_ended && rig->end_err == -EPROTO, "request %u, %zu bytes, %zu fds", request,
			size, n_fds);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], n_lines + 1);
	vhost_rig_connect(rig);
}

static void test_every_wrong_size_and_number_of_descriptors(void **state) {
	struct vhost_rig *rig = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(messages); i++) {
		const size_t right = messages[i].size;
		for (size_t size = 0; size <= right + 1; size++) {
			if (size != right) {
				check_refused(rig, false, i, size, messages[i].n_fds);
				check_refused(rig, true, i, size, messages[i].n_fds);
			}
		}
		for (size_t n_fds = 0; n_fds <= 9; n_fds++) {
			bool is_rem = messages[i].request == VHOST_USER_REM_MEM_REG;
			if (n_fds != messages[i].n_fds && !(is_rem && n_fds <= 1)) {
				check_refused(rig, false, i, right, n_fds);
				check_refused(rig, true, i, right, n_fds);
			}
		}
	}
}

static void test_every_ring_index_that_there_is_not(void **state) {
	struct vhost_rig *rig = *state;
	static const uint32_t indexes[] = { 2, 7, 8, 255, 256, 0x7fffffff, 0xffffffff };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(indexes); i++) {
		for (uint32_t request = 8; request <= 18; request++) {
			bool has_fd = request >= 12 && request <= 14;
			if (request >= 15 && request <= 17) {
				continue;
			}
			uint8_t payload[40] = { 0 };
			struct oriel_writer w = oriel_writer_of(payload, sizeof(payload));
			oriel_write_u32(&w, indexes[i]);
			size_t size = request == VHOST_USER_SET_VRING_ADDR ? 40 : 8;
			rig->asks = request != VHOST_USER_GET_VRING_BASE;
			int answer = vhost_rig_send(rig, request, payload, size, rig->call_fds,
					has_fd ? 1 : 0);
			if (rig->asks) {
				CHECK(answer == 1, "request %u index %u", request, indexes[i]);
				rig->asks = false;
				vhost_rig_send(rig, request, payload, size, rig->call_fds,
						has_fd ? 1 : 0);
			}
			CHECK(rig->has_ended && rig->end_err == -EPROTO, "request %u index %u",
					request, indexes[i]);
			vhost_rig_connect(rig);
		}
	}
}

static void test_requests_that_are_not_offered(void **state) {
	struct vhost_rig *rig = *state;
	static const struct {
		uint32_t request;
		bool has_reply;
	} rows[] = { { 0, false }, { 6, true }, { 7, false }, { 19, false }, { 20, false },
		{ 22, true }, { 23, false }, { 26, true }, { 27, false }, { 28, true },
		{ 29, false }, { 30, true }, { 31, true }, { 32, false }, { 35, false },
		{ 41, true }, { 42, true }, { 43, true }, { 44, true }, { 45, false },
		{ 1000, false }, { UINT32_MAX, false } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		static const uint8_t payload[16];
		rig->asks = true;
		int answer = vhost_rig_send(rig, rows[i].request, payload, sizeof(payload),
				rig->call_fds, 1);
		CHECK(answer == (rows[i].has_reply ? NO_ANSWER : 1), "request %u: %d",
				rows[i].request, answer);
		CHECK(rig->has_ended == rows[i].has_reply, "request %u", rows[i].request);
		if (!rig->has_ended) {
			assert_int_equal(vhost_rig_get_u64(rig, VHOST_USER_GET_QUEUE_NUM), 2);
			rig->asks = false;
			vhost_rig_send(rig, rows[i].request, payload, sizeof(payload), NULL, 0);
		}
		CHECK(rig->has_ended && rig->end_err == -EPROTO, "request %u", rows[i].request);
		vhost_rig_connect(rig);
	}
}

static void test_the_log_names_the_request(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_plain(rig, VHOST_USER_GET_SHMEM_CONFIG, -1);
	assert_int_equal(rig->n_lines[ORIEL_LOG_WARN], 1);
	assert_string_equal(rig->last_warning, "vhost-user: GET_SHMEM_CONFIG (44): Operation not "
					       "supported; the session ends");
	vhost_rig_connect(rig);
	rig->asks = true;
	vhost_rig_state(rig, VHOST_USER_SET_VRING_NUM, 1, 3);
	assert_string_equal(rig->last_warning,
			"vhost-user: SET_VRING_NUM (8): queue 1: Invalid argument");
	// However often a front-end is wrong, it does not fill the log.
	for (int i = 0; i < 1000; i++) {
		vhost_rig_state(rig, VHOST_USER_SET_VRING_NUM, 1, 3);
	}
	assert_true(rig->n_lines[ORIEL_LOG_WARN] < 100);
}

static const struct {
	const char *name;
	uint32_t size;
	uint64_t desc, avail, used;
	int num, addr, enable; // what is answered
} ring_cases[] = {
	{ "good", 16, USER(0), USER(0x1000), USER(0x2000), 0, 0, 0 },
	{ "size 0", 0, USER(0), USER(0x1000), USER(0x2000), 1, 0, 0 },
	{ "size 3", 3, USER(0), USER(0x1000), USER(0x2000), 1, 0, 0 },
	{ "size 32, and the queue has 16", 32, USER(0), USER(0x1000), USER(0x2000), 1, 0, 0 },
	{ "size 65536", 65536, USER(0), USER(0x1000), USER(0x2000), 1, 0, 0 },
	{ "size 65536 + 16", 65552, USER(0), USER(0x1000), USER(0x2000), 1, 0, 0 },
	{ "descriptors nowhere", 16, 0, USER(0x1000), USER(0x2000), 0, 1, 0 },
	{ "available ring nowhere", 16, USER(0), USER(RIG_LOW_SIZE), USER(0x2000), 0, 1, 0 },
	{ "used ring nowhere", 16, USER(0), USER(0x1000), UINT64_MAX, 0, 1, 0 },
};

static void test_rings_that_cannot_be(void **state) {
	struct vhost_rig *rig = *state;
	vhost_rig_add_memory(rig);
	vhost_rig_u64(rig, VHOST_USER_SET_FEATURES, 1 << VHOST_USER_F_PROTOCOL_FEATURES);
	for (size_t i = 0; i < 2 * ORIEL_ARRAY_LEN(ring_cases); i++) {
		const size_t row = i / 2;
		const char *name = ring_cases[row].name;
		rig->asks = i % 2 == 0;
		fake_virtio_take_trace(&rig->device);
		int num = vhost_rig_state(rig, VHOST_USER_SET_VRING_NUM, 1, ring_cases[row].size);
		int addr = vhost_rig_addr(rig, 1, ring_cases[row].desc, ring_cases[row].avail,
				ring_cases[row].used);
		vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 1, rig->kick_fds[1]);
		int enable = vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 1);
		CHECK(!rig->has_ended, "%s", name);
		if (rig->asks) {
			CHECK(num == ring_cases[row].num && addr == ring_cases[row].addr &&
							enable == ring_cases[row].enable,
					"%s: %d %d %d", name, num, addr, enable);
		}
		CHECK(rig->device.queues[1].is_started == (row == 0), "%s", name);
		vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 0);
		vhost_rig_get_base(rig, 1);
	}
	rig->asks = true;
	assert_int_equal(vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 1, 2), 1);
}

static void test_a_device_that_refuses_a_ring(void **state) {
	struct vhost_rig *rig = *state;
	static const uint32_t fresh[2] = { 0, 0 };
	vhost_rig_handshake(rig);
	vhost_rig_add_memory(rig);
	vhost_rig_start(rig, 0, fresh);
	vhost_rig_get_base(rig, 0);
	rig->device.start_error = -EFAULT;
	rig->asks = true;
	fake_virtio_take_trace(&rig->device);
	assert_int_equal(vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 0, rig->kick_fds[0]), 1);
	CHECK_TRACE(rig, "start 0: 64 at 0x0, 0x0 0x1000 0x2000\n");
	assert_string_equal(rig->last_warning, "vhost-user: SET_VRING_KICK (12): queue 0: each "
					       "part of a ring must be in one region of "
					       "guest memory");
	// Not tried again for what is not about it, and no failure of that.
	assert_int_equal(vhost_rig_state(rig, VHOST_USER_SET_VRING_BASE, 1, 0), 0);
	CHECK_TRACE(rig, "");
	rig->device.start_error = 0;
	assert_int_equal(vhost_rig_state(rig, VHOST_USER_SET_VRING_ENABLE, 0, 1), 0);
	CHECK_TRACE(rig, "start 0: 64 at 0x0, 0x0 0x1000 0x2000\n");
	// Memory that comes later is a reason to try again, and a failure then is not its fault.
	rig->device.start_error = -EFAULT;
	vhost_rig_get_base(rig, 0);
	vhost_rig_ring_fd(rig, VHOST_USER_SET_VRING_KICK, 0, rig->kick_fds[0]);
	struct oriel_vhost_region region = { 0x200000000, 0x1000, 0x7f2000000000, 0 };
	int fd = vhost_rig_make_file(0x1000);
	fake_virtio_take_trace(&rig->device);
	assert_int_equal(vhost_rig_region(rig, VHOST_USER_ADD_MEM_REG, &region, fd), 0);
	CHECK_TRACE(rig, "memory 3\nstart 0: 64 at 0x0, 0x0 0x1000 0x2000\n");
	assert_string_equal(rig->last_warning, "queue 0: cannot be started: each part of a ring "
					       "must be in one region of guest memory");
	oriel_fd_close(&fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vhost_rig_setup, vhost_rig_teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_features),
		TEST(test_status),
		TEST(test_status_0_drops_the_rings),
		TEST(test_get_config),
		TEST(test_get_config_malformed),
		TEST(test_set_config),
		TEST(test_gpu_socket),
		TEST(test_every_wrong_size_and_number_of_descriptors),
		TEST(test_every_ring_index_that_there_is_not),
		TEST(test_requests_that_are_not_offered),
		TEST(test_the_log_names_the_request),
		TEST(test_rings_that_cannot_be),
		TEST(test_a_device_that_refuses_a_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
