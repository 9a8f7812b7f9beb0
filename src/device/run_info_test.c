// SPDX-License-Identifier: MIT
/*
 * Tests of GET_DISPLAY_INFO and GET_EDID: our own answers, and those of a display that answers at
 * once, later, never, or when the device or the display has gone in the meantime.
 */
#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"
#include "protocol/edid.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OK_INFO VIRTIO_GPU_RESP_OK_DISPLAY_INFO
#define OK_EDID VIRTIO_GPU_RESP_OK_EDID

static void begin(struct device_rig *rig, enum fake_answers answers) {
	device_rig_init(rig, NULL);
	device_rig_start(rig);
	rig->display.answers = answers;
	rig->display.reply.heads[0] =
			(struct oriel_head){ .rect = { 1, 2, 640, 480 }, .enabled = true };
	// Not enabled, and beyond the two that there are: not for the guest.
	rig->display.reply.heads[1] = (struct oriel_head){ .rect = { 3, 4, 5, 6 } };
	rig->display.reply.heads[2] =
			(struct oriel_head){ .rect = { 0, 0, 7, 7 }, .enabled = true };
	rig->display.reply.edid_size = 256;
	memset(rig->display.reply.edid, 0x5a, 256);
}

/**
 * All heads of an answer: the first has this size; the second, of which the display says that it is
 * off, was asked for, and so is on, to its right.
 */
static void check_info(const struct rig_reply *reply, struct oriel_rect rect,
		struct oriel_rect second, const char *name) {
	CHECK(reply->hdr.type == OK_INFO && reply->written == 408, "%s: 0x%x, %u bytes", name,
			reply->hdr.type, reply->written);
	struct oriel_display_one heads[VIRTIO_GPU_MAX_SCANOUTS];
	struct oriel_reader r = oriel_reader_of(reply->body, ORIEL_RESP_DISPLAY_INFO_SIZE);
	assert_int_equal(oriel_decode_resp_display_info(&r, heads), 0);
	CHECK(heads[0].enabled && oriel_rect_equals(&heads[0].rect, &rect), "%s: head 0: %ux%u",
			name, heads[0].rect.width, heads[0].rect.height);
	CHECK(heads[1].enabled == (second.width > 0) && oriel_rect_equals(&heads[1].rect, &second),
			"%s: head 1: %u,%u %ux%u", name, heads[1].rect.x, heads[1].rect.y,
			heads[1].rect.width, heads[1].rect.height);
	static const struct oriel_rect none;
	for (size_t i = 2; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK(!heads[i].enabled && oriel_rect_equals(&heads[i].rect, &none),
				"%s: head %zu is not empty", name, i);
	}
}

static const struct oriel_rect our_own = { 0, 0, 1280, 800 };
static const struct oriel_rect our_second = { 1280, 0, 1280, 800 };
static const struct oriel_rect told = { 1, 2, 640, 480 };
static const struct oriel_rect second_to_told = { 641, 0, 1280, 800 };

/** The EDID of an answer, which must be the one of a monitor of ours of this size. */
static void check_own_edid(const struct rig_reply *reply, uint32_t width, uint32_t height,
		const char *name) {
	const struct oriel_edid_mode mode = { .width_px = width, .height_px = height };
	uint8_t want[ORIEL_EDID_BUF_SIZE], got[ORIEL_EDID_MAX_SIZE];
	size_t want_size = 0, got_size = 0;
	assert_int_equal(oriel_edid_encode(&mode, want, &want_size), 0);
	CHECK(reply->hdr.type == OK_EDID && reply->written == 1056, "%s: 0x%x, %u bytes", name,
			reply->hdr.type, reply->written);
	struct oriel_reader r = oriel_reader_of(reply->body, ORIEL_RESP_EDID_SIZE);
	assert_int_equal(oriel_decode_resp_edid(&r, got, &got_size), 0);
	CHECK(got_size == want_size && memcmp(got, want, want_size) == 0, "%s: another EDID", name);
}

static void test_our_own_answers(void **state) {
	(void)state;
	for (enum fake_answers answers = FAKE_CANNOT_ANSWER; answers <= FAKE_REFUSES; answers++) {
		struct device_rig rig;
		begin(&rig, answers);
		struct rig_reply reply = device_rig_call(&rig,
				gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
		check_info(&reply, our_own, our_second, "own");
		for (uint32_t i = 0; i < 2; i++) {
			reply = device_rig_call(&rig, gpu_get_edid(i));
			check_own_edid(&reply, 1280, 800, "own");
		}
		assert_int_equal(rig.display.n_asked, answers == FAKE_REFUSES ? 3 : 0);
		device_rig_finish(&rig);
	}
}

static void test_sizes_of_options(void **state) {
	(void)state;
	static const struct {
		uint32_t width, height;
	} sizes[] = { { 1, 1 }, { 1, 16384 }, { 16384, 1 }, { 16384, 16384 }, { 1920, 1080 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		const struct oriel_gpu_options options = {
			.width = sizes[i].width,
			.height = sizes[i].height,
		};
		struct device_rig rig;
		device_rig_init(&rig, &options);
		device_rig_start(&rig);
		const struct oriel_rect rect = { 0, 0, sizes[i].width, sizes[i].height };
		struct rig_reply reply = device_rig_call(&rig,
				gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO));
		const struct oriel_rect second = { 0 }; // one head is all there is
		check_info(&reply, rect, second, "option");
		reply = device_rig_call(&rig, gpu_get_edid(0));
		check_own_edid(&reply, rect.width, rect.height, "option");
		device_rig_finish(&rig);
	}
}

/** H-080: also the heads that are off have an EDID; those that are not there have none. */
static void test_edid_errors(void **state) {
	(void)state;
	static const uint32_t bad[] = { 2, 16, UINT32_MAX };
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_NOW);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad); i++) {
		uint32_t type = device_rig_type(&rig, gpu_get_edid(bad[i]));
		CHECK(type == VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "%u: 0x%x", bad[i], type);
	}
	assert_int_equal(rig.display.n_asked, 0);
	device_rig_finish(&rig);
}

static void check_told_edid(const struct rig_reply *reply) {
	assert_int_equal(reply->hdr.type, OK_EDID);
	struct oriel_reader r = oriel_reader_of(reply->body, ORIEL_RESP_EDID_SIZE);
	uint8_t got[ORIEL_EDID_MAX_SIZE], want[256];
	size_t size = 0;
	assert_int_equal(oriel_decode_resp_edid(&r, got, &size), 0);
	assert_int_equal(size, 256);
	memset(want, 0x5a, sizeof(want));
	assert_memory_equal(got, want, 256);
}

static void test_answers_at_once(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_NOW);
	const struct gpu_command info = gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct rig_reply reply = device_rig_call(&rig, info);
	check_info(&reply, told, second_to_told, "told");
	reply = device_rig_call(&rig, gpu_get_edid(1));
	check_told_edid(&reply);

	// An error: what was said last, and an EDID of that size; one of our size for what is off.
	rig.display.err = -ETIMEDOUT;
	reply = device_rig_call(&rig, info);
	check_info(&reply, told, second_to_told, "last");
	reply = device_rig_call(&rig, gpu_get_edid(0));
	check_own_edid(&reply, 640, 480, "last");
	reply = device_rig_call(&rig, gpu_get_edid(1));
	check_own_edid(&reply, 1280, 800, "last, off");

	// A size that no EDID can say.
	rig.display.err = 0;
	rig.display.reply.heads[0].rect.width = 16385;
	reply = device_rig_call(&rig, info);
	check_info(&reply, (struct oriel_rect){ 1, 2, 16385, 480 },
			(struct oriel_rect){ 16386, 0, 1280, 800 }, "too wide");
	rig.display.err = -ETIMEDOUT;
	reply = device_rig_call(&rig, gpu_get_edid(0));
	check_own_edid(&reply, 1280, 800, "too wide");
	device_rig_finish(&rig);
}

/** Other commands go on while one waits; answers come in any order, and into many pieces. */
static void test_answers_later(void **state) {
	(void)state;
	static const size_t span_sizes[] = { 0, 1, 263, 264, 265 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(span_sizes); i++) {
		struct device_rig rig;
		begin(&rig, FAKE_ANSWERS_LATER);
		const struct rig_chain chain = { .room = RIG_ROOM, .span_size = span_sizes[i] };
		struct gpu_command cmd = gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		uint16_t info = device_rig_submit_as(&rig, RIG_CONTROL, cmd.bytes, cmd.size,
				&chain);
		cmd = gpu_get_edid(0);
		uint16_t edid = device_rig_submit_as(&rig, RIG_CONTROL, cmd.bytes, cmd.size,
				&chain);
		device_rig_kick(&rig, RIG_CONTROL);
		device_rig_run(&rig);
		assert_int_equal(fake_display_count_open(&rig.display), 2);
		for (uint32_t id = 1; id < 20; id++) { // other chains use the ring's spans
			device_rig_create(&rig, id, 8, 8);
		}
		struct rig_reply reply;
		fake_display_answer(&rig.display, 0);
		assert_false(device_rig_collect(&rig, RIG_CONTROL, &reply)); // not before a turn
		device_rig_run(&rig);
		assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
		assert_int_equal(reply.head, info);
		check_info(&reply, told, second_to_told, "later");
		fake_display_answer(&rig.display, 0);
		device_rig_run(&rig);
		assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
		assert_int_equal(reply.head, edid);
		check_told_edid(&reply);
		device_rig_finish(&rig);
	}
}

/** What there is room for comes back, also much later. */
static void test_later_with_little_room(void **state) {
	(void)state;
	static const size_t rooms[] = { 0, 1, 23, 24, 100, 407, 408, 409 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rooms); i++) {
		struct device_rig rig;
		begin(&rig, FAKE_ANSWERS_LATER);
		const struct rig_chain chain = { .room = rooms[i], .span_size = 7 };
		struct gpu_command cmd = gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		device_rig_submit_as(&rig, RIG_CONTROL, cmd.bytes, cmd.size, &chain);
		device_rig_kick(&rig, RIG_CONTROL);
		device_rig_run(&rig);
		fake_display_answer(&rig.display, 0);
		device_rig_run(&rig);
		struct rig_reply reply;
		assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
		size_t want = rooms[i] < 408 ? rooms[i] : 408;
		CHECK(reply.written == want, "room %zu: %u", rooms[i], reply.written);
		device_rig_finish(&rig);
	}
}

/** Without memory to wait with, our own answer is there at once. */
static void test_no_memory_to_wait(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_LATER);
	const struct rig_chain chain = { .room = RIG_ROOM, .span_size = 50 };
	struct gpu_command cmd = gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	device_rig_submit_as(&rig, RIG_CONTROL, cmd.bytes, cmd.size, &chain);
	device_rig_kick(&rig, RIG_CONTROL);
	fail_alloc_at(1);
	device_rig_run(&rig);
	assert_true(fail_alloc_has_failed());
	fail_alloc_at(0);
	struct rig_reply reply;
	assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
	check_info(&reply, our_own, our_second, "no memory");
	assert_int_equal(rig.display.n_asked, 0);
	device_rig_finish(&rig);
}

static void submit_two(struct device_rig *rig) {
	const struct gpu_command info = gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct gpu_command edid = gpu_get_edid(0);
	device_rig_submit(rig, RIG_CONTROL, &info);
	device_rig_submit(rig, RIG_CONTROL, &edid);
	device_rig_kick(rig, RIG_CONTROL);
	device_rig_run(rig);
	assert_int_equal(fake_display_count_open(&rig->display), 2);
}

/** A stop has them answered, and is complete afterwards. */
static void test_stop(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_LATER);
	submit_two(&rig);
	oriel_virtio_stop_queue(rig.virtio, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(rig.told[RIG_CONTROL].n_stopped, 1);
	struct rig_reply reply;
	assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
	check_info(&reply, our_own, our_second, "stopped");
	assert_true(device_rig_collect(&rig, RIG_CONTROL, &reply));
	check_own_edid(&reply, 1280, 800, "stopped");
	assert_int_equal(rig.told[RIG_CONTROL].base, device_rig_config(&rig, RIG_CONTROL).base);
	device_rig_finish(&rig);
}

static void test_reset(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_LATER);
	submit_two(&rig);
	oriel_virtio_reset(rig.virtio);
	assert_int_equal(fake_display_count_open(&rig.display), 0);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 0);
	device_rig_finish(&rig);
}

/** A display that is detached answers what it was asked: it is not reached by a reset any more. */
static void test_detach_of_the_asked(void **state) {
	(void)state;
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_LATER);
	submit_two(&rig);
	oriel_gpu_detach_display(rig.gpu, &rig.display.base);
	assert_int_equal(fake_display_count_open(&rig.display), 0);
	device_rig_run(&rig);
	assert_int_equal(device_rig_collect_all(&rig, RIG_CONTROL), 2);
	device_rig_finish(&rig);
}

/** The place of the answer is removed meanwhile: it stays mapped, and is written. */
static void test_memory_goes_meanwhile(void **state) {
	(void)state;
	const uint64_t apart = 0x40000000;
	struct device_rig rig;
	begin(&rig, FAKE_ANSWERS_LATER);
	int fd = memfd_create("guest", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	uint8_t *raw = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(raw != MAP_FAILED);
	struct oriel_memory *memory = oriel_virtio_get_memory(rig.virtio);
	assert_int_equal(oriel_memory_add_region_take(memory, apart, 4096, 0, fd), 0);
	oriel_virtio_handle_memory_change(rig.virtio);
	const struct gpu_command cmd = gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct fake_buf bufs[] = {
		{ fake_guest_alloc_bytes(&rig.guest, cmd.bytes, cmd.size), (uint32_t)cmd.size,
				false },
		{ apart, 4096, true },
	};
	fake_ring_add(&rig.rings[RIG_CONTROL], bufs, 2);
	(void)fake_ring_publish(&rig.rings[RIG_CONTROL]);
	device_rig_kick(&rig, RIG_CONTROL);
	device_rig_run(&rig);
	assert_int_equal(oriel_memory_remove_region(memory, apart, 4096), 0);
	oriel_virtio_handle_memory_change(rig.virtio);
	fake_display_answer(&rig.display, 0);
	device_rig_run(&rig);
	struct fake_used used;
	assert_true(fake_ring_collect(&rig.rings[RIG_CONTROL], &used));
	assert_int_equal(used.written, 408);
	struct oriel_reader r = oriel_reader_of(raw, 408);
	assert_int_equal(oriel_read_u32(&r), OK_INFO);
	munmap(raw, 4096);
	device_rig_finish(&rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_our_own_answers),
		cmocka_unit_test(test_sizes_of_options),
		cmocka_unit_test(test_edid_errors),
		cmocka_unit_test(test_answers_at_once),
		cmocka_unit_test(test_answers_later),
		cmocka_unit_test(test_later_with_little_room),
		cmocka_unit_test(test_no_memory_to_wait),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_detach_of_the_asked),
		cmocka_unit_test(test_memory_goes_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
