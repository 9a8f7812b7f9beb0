// SPDX-License-Identifier: MIT
/*
 * Tests of the player with recordings that nobody made: cut off anywhere, broken anywhere, and
 * asking for what cannot be.
 */
#include "fixture/check.h"
#include "fixture/record_rig.h"
#include "protocol/render_dump.h"
#include "protocol/render_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct record_rig rig;
static struct fake_renderer3d other;
static char log_text[4096];

static void take_log(enum oriel_log_level level, const char *msg, void *user) {
	(void)level;
	(void)user;
	snprintf(log_text, sizeof(log_text), "%s", msg);
}

static const struct oriel_render_play_options options = { .size = sizeof(options),
	.log = { .fn = take_log, .max_level = ORIEL_LOG_ERROR },
	.max_memory = 1u << 20 };

static int set_up(void **state) {
	(void)state;
	record_rig_init(&rig);
	fake_renderer3d_init(&other);
	other.is_silent = true;
	log_text[0] = '\0';
	return 0;
}

static int tear_down(void **state) {
	(void)state;
	record_rig_finish(&rig);
	fake_renderer3d_finish(&other);
	return 0;
}

/** A recording with a bit of everything. Its bytes are to be freed. */
static uint8_t *make_recording(size_t *ret_size) {
	static const struct oriel_render3d_transfer transfer = { .box = { 0, 0, 0, 16, 1, 1 } };
	record_rig_start(&rig);
	assert_int_equal(record_rig_create(&rig, 4, 64, 0), 0);
	assert_int_equal(record_rig_attach(&rig, 4, 0, 64), 0);
	assert_int_equal(record_rig_transfer(&rig, true, 4, &transfer), 0);
	assert_int_equal(record_rig_transfer(&rig, false, 4, &transfer), 0);
	assert_int_equal(record_rig_submit(&rig, (const uint32_t[]){ 0 }, 1), 0);
	assert_int_equal(record_rig_simple(&rig, ORIEL_RENDER3D_FENCE, 3, 0), 0);
	assert_int_equal(record_rig_create(&rig, 5, 4, 4), 0);
	assert_int_equal(record_rig_add_image(&rig, 7, 64, 64), 0);
	const struct oriel_render3d_op op = { .type = ORIEL_RENDER3D_READ_PIXELS,
		.resource_id = 5,
		.read = { 7, { 0, 0, 4, 4 }, 0, 16 } };
	assert_int_equal(record_rig_run(&rig, &op), 0);
	record_rig_stop(&rig);
	return record_rig_read(&rig, ret_size);
}

/** A recording that was cut off is played up to there; one without its header is none. */
static void test_every_prefix(void **state) {
	(void)state;
	size_t size;
	uint8_t *bytes = make_recording(&size);
	for (size_t n = 0; n <= size; n++) {
		struct oriel_render_play_result result;
		record_rig_write(&rig, bytes, n);
		int err = record_rig_play(&rig, &options, &other, &result);
		CHECK(err == (n < 16 ? -EBADMSG : 0), "%zu of %zu bytes: %d", n, size, err);
		CHECK(err < 0 || result.is_whole == (n == size), "%zu of %zu bytes", n, size);
		CHECK(result.n_different == 0, "%zu of %zu bytes", n, size);
		CHECK((err < 0) == (log_text[0] != '\0'), "%zu bytes: \"%s\"", n, log_text);
		log_text[0] = '\0';
	}
	free(bytes);
}

/** Whatever one byte is changed to, nothing happens but an error or a difference. */
static void test_every_byte(void **state) {
	(void)state;
	size_t size;
	uint8_t *bytes = make_recording(&size);
	for (size_t i = 0; i < size; i++) {
		static const uint8_t changes[] = { 1, 0x80, 0xff };
		const uint8_t byte = bytes[i];
		for (size_t j = 0; j < ORIEL_ARRAY_LEN(changes); j++) {
			struct oriel_render_play_result result;
			bytes[i] = (uint8_t)(byte ^ changes[j]);
			record_rig_write(&rig, bytes, size);
			// The fake knows 16 ids.
			fake_renderer3d_finish(&other);
			fake_renderer3d_init(&other);
			other.is_careful = true;
			int err = record_rig_play(&rig, &options, &other, &result);
			CHECK(err == 0 || err == -EBADMSG || err == -EPROTO || err == -EDQUOT,
					"byte %zu: %d", i, err);
		}
		bytes[i] = byte;
	}
	free(bytes);
}

/*
 * Recordings that are written by hand.
 */

static uint8_t hand[8192];
static struct oriel_writer hand_w;

static void begin(void) {
	hand_w = oriel_writer_of(hand, sizeof(hand));
	oriel_render_dump_encode_header(&hand_w);
}

static void write_record(uint32_t kind, uint32_t size) {
	const struct oriel_render_dump_record record = { .kind = kind, .size = size };
	oriel_render_dump_encode_record(&hand_w, &record);
}

static void write_op(struct oriel_render_link_request request, const void *payload, uint32_t size) {
	write_record(ORIEL_RENDER_DUMP_OPERATION, ORIEL_RENDER_LINK_REQUEST_SIZE + size);
	request.payload_size = size;
	request.fd_number = size > 0 ? 1 : 0;
	oriel_render_link_encode_request(&hand_w, &request);
	oriel_write_bytes(&hand_w, payload, size);
}

static int play_hand(struct oriel_render_play_result *ret) {
	assert_true(!hand_w.failed);
	record_rig_write(&rig, hand, (size_t)(hand_w.cur - hand));
	return record_rig_play(&rig, &options, &other, ret);
}

static void write_backed_buffer(uint64_t size) {
	uint8_t payload[8];
	struct oriel_writer w = oriel_writer_of(payload, sizeof(payload));
	oriel_write_u64(&w, size);
	write_op((struct oriel_render_link_request){ .type = ORIEL_RENDER_LINK_CREATE_RESOURCE,
				 .resource_id = 4,
				 .resource = { 0, 64, 16, 4096, 1, 1, 1, 0, 0, 0 } },
			NULL, 0);
	write_op((struct oriel_render_link_request){ .sequence = 1,
				 .type = ORIEL_RENDER_LINK_ATTACH_BACKING,
				 .resource_id = 4 },
			payload, sizeof(payload));
}

static void test_backings(void **state) {
	(void)state;
	static const struct {
		uint64_t size;
		int err;
	} cases[] = { { 1, 0 }, { 1u << 20, 0 }, { (1u << 20) + 1, -EDQUOT },
		{ UINT64_MAX, -EDQUOT }, { 0, -EBADMSG } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_render_play_result result;
		begin();
		write_backed_buffer(cases[i].size);
		int err = play_hand(&result);
		CHECK(err == cases[i].err, "row %zu: %d, %s", i, err, log_text);
	}
}

static void test_memory(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_render_dump_memory memory;
		int err;
	} cases[] = {
		{ "all", { 4, 64, 1, 64, 0, NULL }, 0 }, { "the end", { 4, 8, 1, 8, 56, NULL }, 0 },
		{ "rows to the end", { 4, 8, 2, 56, 0, NULL }, 0 },
		{ "one behind", { 4, 8, 1, 8, 57, NULL }, -EBADMSG },
		{ "rows behind", { 4, 8, 2, 57, 0, NULL }, -EBADMSG },
		{ "far away", { 4, 8, 1, 8, UINT64_MAX - 8, NULL }, -EBADMSG },
		{ "of no backing", { 5, 8, 1, 8, 0, NULL }, 0 }, // it was refused here
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		static const uint8_t zeros[64];
		const struct oriel_render_dump_memory *memory = &cases[i].memory;
		const uint32_t size = memory->row_size * memory->n_rows;
		struct oriel_render_play_result result;
		begin();
		write_backed_buffer(64);
		write_record(ORIEL_RENDER_DUMP_MEMORY, ORIEL_RENDER_DUMP_MEMORY_SIZE + size);
		oriel_render_dump_encode_memory(&hand_w, memory);
		oriel_write_bytes(&hand_w, zeros, size);
		int err = play_hand(&result);
		CHECK(err == cases[i].err, "%s: %d, %s", cases[i].name, err, log_text);
	}
}

static void test_operations(void **state) {
	(void)state;
	static const uint8_t payload[16] = { 1 };
	static const struct {
		const char *name;
		struct oriel_render_link_request request;
		uint32_t size;
		int err;
	} cases[] = {
		{ "the first", { .type = ORIEL_RENDER_LINK_RESET }, 0, 0 },
		{ "out of turn", { .type = ORIEL_RENDER_LINK_RESET, .sequence = 1 }, 0, -EBADMSG },
		{ "no type", { .type = 19 }, 0, -EBADMSG },
		{ "a payload too many", { .type = ORIEL_RENDER_LINK_RESET }, 8, -EBADMSG },
		{ "no size", { .type = ORIEL_RENDER_LINK_ADD_IMAGE }, 0, -EBADMSG },
		{ "half a size", { .type = ORIEL_RENDER_LINK_ADD_IMAGE }, 4, -EBADMSG },
		{ "two sizes", { .type = ORIEL_RENDER_LINK_ATTACH_BACKING }, 16, -EBADMSG },
		{ "an export", { .type = ORIEL_RENDER_LINK_EXPORT }, 0, -EBADMSG },
		{ "commands", { .type = ORIEL_RENDER_LINK_SUBMIT }, 16, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_render_play_result result;
		begin();
		write_op(cases[i].request, payload, cases[i].size);
		int err = play_hand(&result);
		CHECK(err == cases[i].err, "%s: %d, %s", cases[i].name, err, log_text);
	}
}

static void test_records(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t kind, size;
		int err;
	} cases[] = {
		{ "end", ORIEL_RENDER_DUMP_END, 0, 0 },
		{ "no kind", 6, 0, -EBADMSG },
		{ "kind 0", 0, 0, -EBADMSG },
		{ "a short operation", ORIEL_RENDER_DUMP_OPERATION, 127, -EBADMSG },
		{ "short memory", ORIEL_RENDER_DUMP_MEMORY, 23, -EBADMSG },
		{ "a short result", ORIEL_RENDER_DUMP_RESULT, 39, -EBADMSG },
		{ "a result of nothing", ORIEL_RENDER_DUMP_RESULT, 40, 0 },
		{ "a description", ORIEL_RENDER_DUMP_DESCRIPTION, 256, 0 },
		{ "a long one", ORIEL_RENDER_DUMP_DESCRIPTION, 257, -EBADMSG },
		{ "too large", ORIEL_RENDER_DUMP_DESCRIPTION, UINT32_MAX, -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_render_play_result result;
		begin();
		write_record(cases[i].kind, cases[i].size);
		oriel_write_zeros(&hand_w, cases[i].size < 512 ? cases[i].size : 0);
		int err = play_hand(&result);
		CHECK(err == cases[i].err, "%s: %d, %s", cases[i].name, err, log_text);
	}
}

/** What a terminal might obey is not shown. */
static void test_description(void **state) {
	(void)state;
	struct oriel_render_play_result result;
	begin();
	write_record(ORIEL_RENDER_DUMP_DESCRIPTION, 6);
	oriel_write_bytes(&hand_w, "a\033[2Jb", 6);
	assert_int_equal(play_hand(&result), 0);
	assert_string_equal(result.description, "a?[2Jb");
}

/** More fences than a renderer takes are waited for. */
static void test_fences(void **state) {
	(void)state;
	struct oriel_render_play_result result;
	begin();
	for (uint32_t i = 0; i < 20; i++) {
		write_op((struct oriel_render_link_request){ .sequence = i,
					 .type = ORIEL_RENDER_LINK_FENCE,
					 .ctx_id = 1 },
				NULL, 0);
	}
	assert_int_equal(play_hand(&result), 0);
	assert_int_equal(result.n_fences, 20);
}

int main(void) {
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_every_prefix),
		ROW(test_every_byte),
		ROW(test_backings),
		ROW(test_memory),
		ROW(test_operations),
		ROW(test_records),
		ROW(test_description),
		ROW(test_fences),
	};
#undef ROW
	return cmocka_run_group_tests(tests, NULL, NULL);
}
