// SPDX-License-Identifier: MIT
/*
 * Tests of the recorder: what passes through it reaches the renderer unchanged, and what is played
 * is the same again, to another renderer, without the guest.
 */
#include "fixture/check.h"
#include "fixture/record_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct record_rig rig;
static struct fake_renderer3d other;

static int set_up(void **state) {
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	record_rig_init(&rig);
	fake_renderer3d_init(&other);
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	record_rig_finish(&rig);
	fake_renderer3d_finish(&other);
	return 0;
}

static const struct oriel_render_play_options plain = { .size = sizeof(plain) };
static const struct oriel_render3d_transfer first_bytes = { .box = { 0, 0, 0, 16, 1, 1 } };

static struct oriel_render_play_result play(void) {
	struct oriel_render_play_result result;
	record_rig_stop(&rig);
	assert_int_equal(record_rig_play(&rig, &plain, &other, &result), 0);
	assert_true(result.is_whole);
	return result;
}

/** The player ends with a cancel and a reset of its own; before that the two were asked the same.
 */
static void check_text(void) {
	static const char own[] = "reset\n";
	const size_t size = other.text_size - (sizeof(own) - 1);
	assert_string_equal(other.text + size, own);
	CHECK(rig.fake.text_size == size && memcmp(rig.fake.text, other.text, size) == 0,
			"recorded:\n%s\nplayed:\n%s", rig.fake.text, other.text);
}

static void run_every_type(void) {
	struct oriel_memory *memory;
	assert_int_equal(oriel_memory_create(&memory), 0);
	struct oriel_mem_map *map = oriel_memory_hold_map(memory);
	struct oriel_render3d_op op = { .type = ORIEL_RENDER3D_SET_MEMORY, .map = map };
	assert_int_equal(record_rig_run(&rig, &op), 0);
	oriel_mem_map_release(map);
	oriel_memory_destroy(memory);
	op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_CONTEXT,
		.ctx_id = 3,
		.context = { 2, "glmark2" } };
	assert_int_equal(record_rig_run(&rig, &op), 0);
	assert_int_equal(record_rig_create(&rig, 4, 4096, 0), 0);
	assert_int_equal(record_rig_attach(&rig, 4, 0, 4096), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 4), 0);
	assert_int_equal(record_rig_transfer(&rig, true, 4, &first_bytes), 0);
	const uint32_t words[] = { 0x10000, 1, 0x20000, 2, 3 };
	assert_int_equal(record_rig_submit(&rig, words, ORIEL_ARRAY_LEN(words)), 0);
	assert_int_equal(record_rig_submit(&rig, words, 0), 0);
	op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_FENCE,
		.ctx_id = 3,
		.fence = { .ring_idx = 5 } };
	assert_int_equal(record_rig_run(&rig, &op), 0);
	assert_int_equal(record_rig_add_image(&rig, 7, 8192, 8192), 0);
	assert_int_equal(record_rig_create(&rig, 5, 16, 8), 0);
	op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_READ_PIXELS,
		.resource_id = 5,
		.read = { 7, { 1, 2, 3, 4 }, 128, 64 } };
	assert_int_equal(record_rig_run(&rig, &op), 0);
	assert_int_equal(record_rig_transfer(&rig, false, 4, &first_bytes), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_REMOVE_IMAGE, 0, 7), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_DETACH_RESOURCE, 3, 4), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_DETACH_BACKING, 0, 4), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_UNREF_RESOURCE, 0, 4), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_DESTROY_CONTEXT, 3, 0), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_RESET, 0, 0), 0);
}

static void test_every_type(void **state) {
	(void)state;
	record_rig_start(&rig);
	assert_int_equal(rig.recorder->capsets.len, 2);
	for (uint32_t i = 0; i < 4096; i++) {
		rig.ram[i] = (uint8_t)(i * 3);
	}
	run_every_type();
	const struct oriel_render_play_result result = play();
	check_text();
	assert_int_equal(other.command_sum, rig.fake.command_sum);
	assert_int_equal(other.n_command_bytes, rig.fake.n_command_bytes);
	assert_string_equal(result.description, "a fake");
	assert_int_equal(result.n_operations, 19);
	assert_int_equal(result.n_command_buffers, 2);
	assert_int_equal(result.n_command_bytes, 20);
	assert_int_equal(result.n_fences, 1);
	assert_int_equal(result.n_memory_bytes, 16);
	assert_int_equal(result.n_same, 2);
	assert_int_equal(result.n_different + result.n_similar + result.n_unjudged, 0);
	assert_int_equal(result.n_other_errors, 0);
	assert_int_equal(rig.n_ends, 0);
}

/** Errors are recorded, and missed when they do not come again. */
static void test_errors(void **state) {
	(void)state;
	record_rig_start(&rig);
	rig.fake.errors[ORIEL_RENDER3D_CREATE_RESOURCE] = -EINVAL;
	assert_int_equal(record_rig_create(&rig, 4, 4096, 0), -EINVAL);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_UNREF_RESOURCE, 0, 4), 0);
	other.errors[ORIEL_RENDER3D_CREATE_RESOURCE] = -EINVAL;
	struct oriel_render_play_result result = play();
	assert_int_equal(result.n_other_errors, 0);
	other.errors[ORIEL_RENDER3D_CREATE_RESOURCE] = 0;
	assert_int_equal(record_rig_play(&rig, &plain, &other, &result), 0);
	assert_int_equal(result.n_other_errors, 1);
	other.errors[ORIEL_RENDER3D_CREATE_RESOURCE] = -EINVAL;
	other.errors[ORIEL_RENDER3D_UNREF_RESOURCE] = -ENOENT;
	assert_int_equal(record_rig_play(&rig, &plain, &other, &result), 0);
	assert_int_equal(result.n_other_errors, 1);
}

/** What a transfer reads is in the recording: rows with gaps, over pieces, in several layers. */
static void test_memory(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_render3d_transfer transfer;
		uint64_t n_bytes;
	} cases[] = {
		{ "all", { { 0, 0, 0, 64, 32, 1 }, 0, 0, 0, 0 }, 64 * 32 * 4 },
		{ "a part", { { 3, 2, 0, 10, 5, 1 }, 100, 0, 300, 0 }, 10 * 5 * 4 },
		{ "over the pieces", { { 0, 0, 0, 64, 3, 1 }, 5000, 0, 0, 0 }, 64 * 3 * 4 },
		{ "outside", { { 0, 0, 0, 65, 1, 1 }, 0, 0, 0, 0 }, 0 },
		{ "behind the backing", { { 0, 0, 0, 64, 32, 1 }, 4, 0, 0, 0 }, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		set_up(NULL);
		record_rig_start(&rig);
		assert_int_equal(record_rig_create(&rig, 4, 64, 32), 0);
		assert_int_equal(record_rig_attach(&rig, 4, 16, 64 * 32 * 4), 0);
		for (uint32_t j = 0; j < RECORD_RIG_RAM_SIZE; j++) {
			rig.ram[j] = (uint8_t)(j * 5 + (j >> 8));
		}
		assert_int_equal(record_rig_transfer(&rig, true, 4, &cases[i].transfer), 0);
		const struct oriel_render_play_result result = play();
		CHECK(result.n_memory_bytes == cases[i].n_bytes, "%s: %llu", cases[i].name,
				(unsigned long long)result.n_memory_bytes);
		// The fakes keep the first 16 bytes at the offset.
		CHECK(cases[i].n_bytes == 0 || memcmp(rig.fake.resources[4].content,
							       other.resources[4].content, 16) == 0,
				"%s", cases[i].name);
		tear_down(NULL);
	}
	set_up(NULL);
}

/** A command buffer that reads memory by itself. */
static void test_commands_read_memory(void **state) {
	(void)state;
	record_rig_start(&rig);
	assert_int_equal(record_rig_create(&rig, 4, 1024, 0), 0);
	assert_int_equal(record_rig_create(&rig, 5, 1024, 0), 0);
	assert_int_equal(record_rig_attach(&rig, 5, 0, 1024), 0);
	memset(rig.ram, 0x5a, 1024);
	// A copy of 100 bytes to resource 4 from the backing of 5, and one from a backing of 4's.
	const uint32_t words[] = { 14u << 16 | 45, 4, 0, 0, 0, 0, 0, 0, 0, 100, 1, 1, 5, 200, 0,
		13u << 16 | 43, 4, 0, 0, 0, 0, 0, 0, 0, 100, 1, 1, 0, 1 };
	assert_int_equal(record_rig_submit(&rig, words, ORIEL_ARRAY_LEN(words)), 0);
	const struct oriel_render_play_result result = play();
	assert_int_equal(result.n_memory_bytes, 100);
	check_text();
}

static void read_picture(uint32_t image_size) {
	assert_int_equal(record_rig_create(&rig, 5, 16, 8), 0);
	assert_int_equal(record_rig_add_image(&rig, 7, image_size, image_size), 0);
	const struct oriel_render3d_op op = { .type = ORIEL_RENDER3D_READ_PIXELS,
		.resource_id = 5,
		.read = { 7, { 0, 0, 16, 8 }, 0, 64 } };
	assert_int_equal(record_rig_run(&rig, &op), 0);
}

/** Change a byte of the recorded picture: the last record but the one that is the end. */
static void change_picture(uint8_t by, bool also_sum) {
	size_t size;
	uint8_t *bytes = record_rig_read(&rig, &size);
	// A run of 128 pixels: eight bytes, before the end's record.
	uint8_t *pixel = &bytes[size - 16 - 4];
	assert_int_equal(pixel[0], FAKE_PIXEL);
	pixel[0] = (uint8_t)(pixel[0] + by);
	if (also_sum) {
		pixel[-4 - 40 + 16] ^= 1;
	}
	record_rig_write(&rig, bytes, size);
	free(bytes);
}

/** With another checksum pictures are compared, with a tolerance. */
static void test_tolerance(void **state) {
	(void)state;
	static const struct {
		uint8_t by;
		uint32_t tolerance;
		bool is_similar;
	} cases[] = { { 1, 0, false }, { 3, 3, true }, { 4, 3, false }, { 0xfd, 3, true },
		{ 0xfc, 3, false } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		set_up(NULL);
		record_rig_start(&rig);
		read_picture(8192);
		record_rig_stop(&rig);
		change_picture(cases[i].by, true);
		const struct oriel_render_play_options options = { .size = sizeof(options),
			.tolerance = cases[i].tolerance };
		struct oriel_render_play_result result;
		assert_int_equal(record_rig_play(&rig, &options, &other, &result), 0);
		CHECK(result.n_similar == (cases[i].is_similar ? 1 : 0), "row %zu", i);
		CHECK(result.n_different == (cases[i].is_similar ? 0 : 1), "row %zu", i);
		CHECK(result.worst_channel == (uint32_t)abs((int8_t)cases[i].by), "row %zu", i);
		CHECK(result.worst_ppm == (cases[i].is_similar ? 0 : 1000000), "row %zu", i);
		tear_down(NULL);
	}
	set_up(NULL);
}

/** Without a picture there is only the checksum. */
static void test_only_checksums(void **state) {
	(void)state;
	rig.options.has_every_picture = false;
	rig.options.picture_interval_ms = UINT32_MAX;
	record_rig_start(&rig);
	read_picture(8192); // the first is a picture
	const struct oriel_render3d_op op = { .type = ORIEL_RENDER3D_READ_PIXELS,
		.resource_id = 5,
		.read = { 7, { 0, 0, 1, 1 }, 0, 64 } };
	assert_int_equal(record_rig_run(&rig, &op), 0);
	record_rig_stop(&rig);
	size_t size;
	uint8_t *bytes = record_rig_read(&rig, &size);
	uint8_t *sum = &bytes[size - 16 - 40 + 16]; // of the last result, which has no picture
	sum[0] ^= 1;
	record_rig_write(&rig, bytes, size);
	free(bytes);
	struct oriel_render_play_result result;
	assert_int_equal(record_rig_play(&rig, &plain, &other, &result), 0);
	assert_true(result.n_same == 1 && result.n_different == 1 && result.n_unjudged == 0);
	const struct oriel_render_play_options tolerant = { .size = sizeof(tolerant),
		.tolerance = 1 };
	assert_int_equal(record_rig_play(&rig, &tolerant, &other, &result), 0);
	assert_true(result.n_same == 1 && result.n_different == 0 && result.n_unjudged == 1);
}

struct seen {
	uint32_t width, height, stride, format;
	uint8_t first;
	int n;
};

static void see(void *user, const struct oriel_render_picture *picture) {
	struct seen *seen = user;
	*seen = (struct seen){ picture->width, picture->height, picture->stride, picture->format,
		picture->pixels[0], seen->n + 1 };
}

/** The last picture is shown, also if its image was removed since. */
static void test_picture(void **state) {
	(void)state;
	record_rig_start(&rig);
	read_picture(64 * 10);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_REMOVE_IMAGE, 0, 7), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_RESET, 0, 0), 0);
	record_rig_stop(&rig);
	struct seen seen = { 0 };
	const struct oriel_render_play_options options = { .size = sizeof(options),
		.handle_picture = see,
		.user = &seen };
	struct oriel_render_play_result result;
	assert_int_equal(record_rig_play(&rig, &options, &other, &result), 0);
	assert_true(seen.n == 1 && seen.width == 16 && seen.height == 10 && seen.stride == 64 &&
			seen.format == 1 && seen.first == FAKE_PIXEL);
}

/** An export passes, with its result, and is not recorded. */
static void test_export(void **state) {
	(void)state;
	rig.fake.base.can_export = true;
	record_rig_start(&rig);
	assert_true(rig.recorder->can_export);
	assert_int_equal(record_rig_create(&rig, 4, 16, 16), 0);
	rig.fake.errors[ORIEL_RENDER3D_EXPORT] = -EOPNOTSUPP;
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_EXPORT, 0, 4), -EOPNOTSUPP);
	assert_int_equal(rig.fake.n_ops, 2);
	const struct oriel_render_play_result result = play();
	assert_int_equal(result.n_operations, 1);
	assert_int_equal(result.n_other_errors, 0);
}

/** Nobody takes the recording: the renderer goes on, and it is said once. */
static void test_it_ends(void **state) {
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	record_rig_start_take(&rig, ends[1]);
	run_every_type();
	assert_int_equal(rig.n_ends, 0);
	close(ends[0]);
	const int n = rig.n_done;
	run_every_type();
	run_every_type();
	assert_int_equal(rig.n_ends, 1);
	assert_int_equal(rig.end_err, -EPIPE);
	assert_int_equal(rig.n_done, 3 * n);
	assert_int_equal(rig.fake.n_ops, 3 * (uint64_t)n);
}

/** It ends with an operation under way whose result would have been recorded. */
static void test_it_ends_in_between(void **state) {
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	record_rig_start_take(&rig, ends[1]);
	assert_int_equal(record_rig_create(&rig, 4, 4096, 0), 0);
	assert_int_equal(record_rig_attach(&rig, 4, 0, 4096), 0);
	close(ends[0]);
	assert_int_equal(record_rig_transfer(&rig, false, 4, &first_bytes), 0);
	assert_int_equal(rig.n_ends, 1);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_RESET, 0, 0), 0);
}

int main(void) {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_every_type),
		ROW(test_errors),
		cmocka_unit_test_teardown(test_memory, tear_down),
		ROW(test_commands_read_memory),
		cmocka_unit_test_teardown(test_tolerance, tear_down),
		ROW(test_only_checksums),
		ROW(test_picture),
		ROW(test_export),
		ROW(test_it_ends),
		ROW(test_it_ends_in_between),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
