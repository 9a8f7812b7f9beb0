// SPDX-License-Identifier: MIT
/*
 * Tests of the client library against hostile servers: every lie ends the connection, maps nothing
 * that could fault, and leaks nothing. Each row has a client of its own.
 */
#include "oriel/client.h"

#include "fixture/check.h"
#include "fixture/client_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

/** What happens to a client that has begun and gets a message; the client is gone afterwards. */
static int judge(const void *bytes, size_t size, int fd, const char **ret_reason) {
	void *state = NULL;
	assert_int_equal(pair_setup(&state), 0);
	struct pair *pair = state;
	pair_begin(pair);
	uint32_t token;
	assert_int_equal(oriel_client_request_snapshot(pair->client, 0, &token), 0);
	assert_int_equal(pair_next(pair), -EAGAIN);
	peer_send_bytes(&pair->server, bytes, size, fd);
	int result;
	do {
		result = pair_next(pair);
	} while (result > 0);
	*ret_reason = oriel_client_get_reason(pair->client);
	if (result != -EAGAIN) {
		CHECK(pair_next(pair) == result, "it goes on");
	}
	assert_int_equal(pair_teardown(&state), 0);
	return result;
}

#define JUDGE(name, wanted, fd, encode, message) \
	do { \
		uint8_t judge_bytes[ORIEL_SHARE_MAX_MESSAGE_SIZE]; \
		struct oriel_writer judge_w = oriel_writer_of(judge_bytes, sizeof(judge_bytes)); \
		encode(&judge_w, message); \
		const char *judge_reason; \
		int judge_result = judge(judge_bytes, (size_t)(judge_w.cur - judge_bytes), fd, \
				&judge_reason); \
		CHECK(judge_result == (wanted), "%s: %d (%s)", name, judge_result, \
				judge_reason != NULL ? judge_reason : "no reason"); \
		CHECK((judge_reason != NULL) == (judge_result == -EPROTO), "%s: reason", name); \
	} while (0)

#define XR24 ORIEL_SHARE_XR24

static void test_buffers(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_share_buffer_info info;
		size_t file_size;
		int seals;
		int result;
	} cases[] = {
		{ "good", { 2, 0, 512, 64, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EAGAIN },
		{ "wider rows", { 2, 0, 7 * 80 + 64, 80, XR24, 16, 8, 0, 0 }, 1024, PAIR_SEALS,
				-EAGAIN },
		{ "an offset", { 2, 0, 520, 64, XR24, 16, 8, 0, 8 }, 520, PAIR_SEALS, -EAGAIN },
		{ "only sealed against shrinking", { 2, 0, 512, 64, XR24, 16, 8, 0, 0 }, 512,
				F_SEAL_SHRINK, -EAGAIN },
		{ "id 0", { 0, 0, 512, 64, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "id in use", { 1, 0, 512, 64, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "dma-buf", { 2, 1, 512, 64, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "modifier", { 2, 0, 512, 64, XR24, 16, 8, 1, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "unknown format", { 2, 0, 512, 64, 0x36314752, 16, 8, 0, 0 }, 512, PAIR_SEALS,
				-EPROTO },
		{ "width 0", { 2, 0, 512, 64, XR24, 0, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "height 0", { 2, 0, 512, 64, XR24, 16, 0, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "narrow rows", { 2, 0, 512, 63, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "stride 0", { 2, 0, 512, 0, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "one byte short", { 2, 0, 511, 64, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS,
				-EPROTO },
		{ "size 0", { 2, 0, 0, 64, XR24, 16, 8, 0, 0 }, 512, PAIR_SEALS, -EPROTO },
		{ "offset one too far", { 2, 0, 520, 64, XR24, 16, 8, 0, 9 }, 520, PAIR_SEALS,
				-EPROTO },
		{ "offset beyond size", { 2, 0, 512, 64, XR24, 16, 8, 0, 513 }, 512, PAIR_SEALS,
				-EPROTO },
		{ "offset that wraps", { 2, 0, 512, 64, XR24, 16, 8, 0, UINT64_MAX - 511 }, 512,
				PAIR_SEALS, -EPROTO },
		{ "width that wraps", { 2, 0, 512, UINT32_MAX, XR24, 0x40000001, 1, 0, 0 }, 512,
				PAIR_SEALS, -EPROTO },
		{ "largest numbers",
				{ 2, 0, UINT64_MAX, UINT32_MAX, XR24, 0x3fffffff, UINT32_MAX, 0,
						0 },
				512, PAIR_SEALS, -EPROTO },
		{ "file one byte short", { 2, 0, 512, 64, XR24, 16, 8, 0, 0 }, 511, PAIR_SEALS,
				-EPROTO },
		{ "size of more than the file", { 2, 0, 1 << 30, 64, XR24, 16, 8, 0, 0 }, 512,
				PAIR_SEALS, -EPROTO },
		{ "unsealed", { 2, 0, 512, 64, XR24, 16, 8, 0, 0 }, 512, 0, -EPROTO },
		{ "sealed in other ways", { 2, 0, 512, 64, XR24, 16, 8, 0, 0 }, 512, F_SEAL_GROW,
				-EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		int fd = pair_make_memory(cases[i].file_size, cases[i].seals);
		JUDGE(cases[i].name, cases[i].result, fd, oriel_share_encode_buffer,
				&cases[i].info);
		close(fd);
	}
}

static void test_descriptors_that_are_no_memory(void **state) {
	(void)state;
	struct oriel_share_buffer_info info = pair_make_info(2);
	int pair[2];
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	JUDGE("pipe", -EPROTO, pair[0], oriel_share_encode_buffer, &info);
	close(pair[0]);
	close(pair[1]);
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	JUDGE("device", -EPROTO, fd, oriel_share_encode_buffer, &info);
	close(fd);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	JUDGE("plain file", -EPROTO, fd, oriel_share_encode_buffer, &info);
	close(fd);
	JUDGE("none", -EPROTO, -1, oriel_share_encode_buffer, &info);
	// A memfd that cannot be read cannot be mapped.
	fd = pair_make_memory(512, PAIR_SEALS);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int write_only = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(write_only >= 0);
	JUDGE("not readable", -EACCES, write_only, oriel_share_encode_buffer, &info);
	close(write_only);
	close(fd);
}

/** The good snapshot that rows below change one thing of. */
static void test_snapshots(void **state) {
	(void)state;
	static const struct {
		const char *name;
		size_t offset; // of the field in the message
		size_t size;   // of the field
		uint64_t value;
		bool visible;
		int result;
	} cases[] = {
		{ "good", 8, 4, 1, false, -EAGAIN }, { "good with cursor", 8, 4, 1, true, -EAGAIN },
		{ "another token", 8, 4, 2, false, -EPROTO },
		{ "token 0", 8, 4, 0, false, -EPROTO }, { "buffer 0", 16, 4, 0, false, -EPROTO },
		{ "buffer in use", 16, 4, 1, false, -EPROTO },
		{ "visible without image", 20, 4, 1, false, -EPROTO },
		{ "image, but not visible", 20, 4, 0, true, -EPROTO },
		{ "too small", 24, 8, 511, false, -EPROTO },
		{ "larger than the file", 24, 8, 100000, false, -EPROTO },
		{ "narrow rows", 32, 4, 60, false, -EPROTO },
		{ "another format", 36, 4, PAIR_AR24, false, -EPROTO },
		{ "too wide", 40, 4, 17, false, -EPROTO }, { "too high", 44, 4, 9, false, -EPROTO },
		{ "hot spot beside the image", 64, 4, 64, true, -EPROTO },
		{ "hot spot below the image", 68, 4, 64, true, -EPROTO },
		{ "cursor's image one byte too far", 80, 8, 513, true, -EPROTO },
		{ "cursor's image far away", 80, 8, UINT64_MAX - 100, true, -EPROTO },
		{ "picture over the cursor", 80, 8, 4, true, -EAGAIN }, // wrong, but safe
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_share_snapshot s = pair_make_snapshot(1, 50, cases[i].visible);
		uint8_t bytes[88];
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_share_encode_snapshot(&w, &s);
		for (size_t k = 0; k < cases[i].size; k++) {
			bytes[cases[i].offset + k] = (uint8_t)(cases[i].value >> (8 * k));
		}
		int fd = pair_make_memory((size_t)s.size, PAIR_SEALS);
		const char *reason;
		int result = judge(bytes, sizeof(bytes), fd, &reason);
		CHECK(result == cases[i].result, "%s: %d", cases[i].name, result);
		close(fd);
	}
	struct oriel_share_snapshot s = pair_make_snapshot(1, 50, false);
	JUDGE("no descriptor", -EPROTO, -1, oriel_share_encode_snapshot, &s);
	int fd = pair_make_memory(512, 0);
	JUDGE("unsealed", -EPROTO, fd, oriel_share_encode_snapshot, &s);
	close(fd);
}

static void test_configurations(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_share_config config;
		int result;
	} cases[] = {
		{ "whole", { 1, 1, { 0, 0, 16, 8 } }, -EAGAIN },
		{ "last pixel", { 1, 1, { 15, 7, 1, 1 } }, -EAGAIN },
		{ "off", { 1, 0, { 0, 0, 0, 0 } }, -EAGAIN },
		{ "a scanout without number", { 16, 1, { 0, 0, 16, 8 } }, -EPROTO },
		{ "largest scanout", { UINT32_MAX, 0, { 0, 0, 0, 0 } }, -EPROTO },
		{ "unknown buffer", { 1, 2, { 0, 0, 16, 8 } }, -EPROTO },
		{ "too wide", { 1, 1, { 0, 0, 17, 8 } }, -EPROTO },
		{ "too high", { 1, 1, { 0, 0, 16, 9 } }, -EPROTO },
		{ "moved out", { 1, 1, { 1, 0, 16, 8 } }, -EPROTO },
		{ "sum wraps", { 1, 1, { UINT32_MAX, 0, 2, 8 } }, -EPROTO },
		{ "empty", { 1, 1, { 0, 0, 0, 8 } }, -EPROTO },
		{ "no height", { 1, 1, { 0, 0, 16, 0 } }, -EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		JUDGE(cases[i].name, cases[i].result, -1, oriel_share_encode_config,
				&cases[i].config);
	}
}

// Scanout 0 is 10x5 pixels, scanout 1 is off.
static void test_frames(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_share_frame frame;
		int result;
	} cases[] = {
		{ "whole", { 0, 1, { 0, 0, 10, 5 } }, -EAGAIN },
		{ "off: ignored", { 1, 1, { 0, 0, 10, 5 } }, -EAGAIN },
		{ "no scanout", { 16, 1, { 0, 0, 10, 5 } }, -EPROTO },
		{ "too wide", { 0, 1, { 0, 0, 11, 5 } }, -EPROTO },
		{ "too high", { 0, 1, { 0, 1, 10, 5 } }, -EPROTO },
		{ "empty", { 0, 1, { 0, 0, 0, 0 } }, -EPROTO },
		{ "sum wraps", { 0, 1, { 0, UINT32_MAX, 10, 5 } }, -EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		JUDGE(cases[i].name, cases[i].result, -1, oriel_share_encode_frame,
				&cases[i].frame);
	}
}

static void test_cursors(void **state) {
	(void)state;
	static uint8_t pixels[ORIEL_SHARE_CURSOR_BYTES];
	static const struct {
		const char *name;
		struct oriel_share_cursor_image image;
		int result;
	} images[] = {
		{ "good", { 0, 64, 64, 63, 63, 1, pixels }, -EAGAIN },
		{ "no scanout", { 16, 64, 64, 0, 0, 1, pixels }, -EPROTO },
		{ "narrow", { 0, 63, 64, 0, 0, 1, pixels }, -EPROTO },
		{ "low", { 0, 64, 63, 0, 0, 1, pixels }, -EPROTO },
		{ "empty", { 0, 0, 0, 0, 0, 1, pixels }, -EPROTO },
		{ "hot spot beside", { 0, 64, 64, 64, 0, 1, pixels }, -EPROTO },
		{ "hot spot below", { 0, 64, 64, 0, 64, 1, pixels }, -EPROTO },
		{ "serial 0", { 0, 64, 64, 0, 0, 0, pixels }, -EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(images); i++) {
		JUDGE(images[i].name, images[i].result, -1, oriel_share_encode_cursor_image,
				&images[i].image);
	}
	static const struct {
		const char *name;
		struct oriel_share_cursor cursor;
		int result;
	} cursors[] = {
		{ "hidden", { 0, 0, INT32_MIN, INT32_MAX, 0 }, -EAGAIN },
		{ "no scanout", { 16, 0, 0, 0, 0 }, -EPROTO },
		{ "an image that did not come", { 0, 1, 0, 0, 1 }, -EPROTO },
		{ "no image", { 0, 1, 0, 0, 0 }, -EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cursors); i++) {
		JUDGE(cursors[i].name, cursors[i].result, -1, oriel_share_encode_cursor,
				&cursors[i].cursor);
	}
}

#define HEADER(size, type, n_fds) size, 0, 0, 0, type, 1, 0, n_fds

static void test_raw_messages(void **state) {
	(void)state;
	static const struct {
		const char *name;
		size_t size;
		uint8_t bytes[64];
		int result;
	} cases[] = {
		{ "GONE of no buffer", 12, { HEADER(12, 4, 0), 9 }, -EPROTO },
		{ "GONE of 0", 12, { HEADER(12, 4, 0), 0 }, -EPROTO },
		{ "ERROR with a token of nobody", 20, { HEADER(20, 2, 0), 9 }, -EPROTO },
		{ "ERROR with its text cut", 24, { HEADER(24, 2, 0), 1, 0, 0, 0, 5, 0, 0, 0, 5 },
				-EPROTO },
		{ "second WELCOME", 48, { HEADER(48, 1, 0) }, -EPROTO },
		{ "unknown type", 8, { HEADER(8, 0xee, 0) }, -EPROTO },
		{ "INPUT_DONE of nobody", 16, { HEADER(16, 0x40, 0), 9 }, -EPROTO },
		{ "INPUT_DONE that is short", 12, { HEADER(12, 0x40, 0), 9 }, -EPROTO },
		{ "a client's type", 12, { 12, 0, 0, 0, 6, 0, 0, 0 }, -EPROTO },
		{ "size 7", 8, { HEADER(7, 0x0a, 0) }, -EPROTO },
		{ "two descriptors", 8, { HEADER(12, 0x0a, 2) }, -EPROTO },
		{ "a descriptor that did not come", 12, { HEADER(12, 0x0a, 1) }, -EPROTO },
		{ "half a header", 7, { HEADER(12, 0x0a, 0) }, -EAGAIN },
		{ "half a message", 11, { HEADER(12, 0x0a, 0) }, -EAGAIN },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const char *reason;
		int result = judge(cases[i].bytes, cases[i].size, -1, &reason);
		CHECK(result == cases[i].result, "%s: %d", cases[i].name, result);
	}
	for (uint8_t type = 1; type <= 0x0a; type++) { // every message, too short by one byte
		uint32_t size = oriel_share_get_message_size((uint16_t)(0x100 | type)) - 1;
		uint8_t bytes[128] = { HEADER(0, 0, 0), 1 };
		bytes[0] = (uint8_t)size;
		bytes[4] = type;
		const char *reason;
		int result = judge(bytes, size, -1, &reason);
		CHECK(result == -EPROTO, "short type %u: %d", type, result);
	}
}

static void test_first_words(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct oriel_share_welcome welcome;
		int result;
	} cases[] = {
		{ "good", { ORIEL_SHARE_MAGIC, 1, 0, 16, 65536, 1, 4 }, ORIEL_CLIENT_WELCOME },
		{ "no scanouts yet", { ORIEL_SHARE_MAGIC, 1, 0, 0, 65536, 1, 4 },
				ORIEL_CLIENT_WELCOME },
		{ "another magic", { 1, 1, 0, 16, 65536, 1, 4 }, -EPROTO },
		{ "version 2", { ORIEL_SHARE_MAGIC, 2, 0, 16, 65536, 1, 4 }, -EPROTO },
		{ "version 0", { ORIEL_SHARE_MAGIC, 0, 0, 16, 65536, 1, 4 }, -EPROTO },
		{ "features", { ORIEL_SHARE_MAGIC, 1, 1, 16, 65536, 1, 4 }, -EPROTO },
		{ "17 scanouts", { ORIEL_SHARE_MAGIC, 1, 0, 17, 65536, 1, 4 }, -EPROTO },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases) + 1; i++) {
		void *pair_state = NULL;
		assert_int_equal(pair_setup(&pair_state), 0);
		struct pair *pair = pair_state;
		if (i < ORIEL_ARRAY_LEN(cases)) {
			PEER_SEND(&pair->server, -1, oriel_share_encode_welcome, &cases[i].welcome);
			CHECK(pair_next(pair) == cases[i].result, "%s", cases[i].name);
		} else {
			peer_send_number(&pair->server, ORIEL_SHARE_PONG, 1);
			assert_int_equal(pair_next(pair), -EPROTO);
		}
		assert_int_equal(pair_teardown(&pair_state), 0);
	}
}

static void test_descriptors_that_nobody_named(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	int result = -EAGAIN;
	for (uint32_t i = 0; i < 20 && result == -EAGAIN; i++) {
		static const uint8_t skippable[] = { 8, 0, 0, 0, 0x80, 1, 1, 0 };
		peer_send_bytes(&pair->server, skippable, sizeof(skippable), pair->server.fd);
		result = pair_next(pair);
	}
	assert_int_equal(result, -EPROTO);
}

// A server that reads nothing gets no more than our queue, and is not waited for.
static void test_a_server_that_does_not_read(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	struct oriel_share_buffer_info info = pair_make_info(2);
	int result = -EAGAIN;
	int i = 0;
	for (; i < 100000 && (oriel_client_get_poll_events(pair->client) & POLLIN) != 0; i++) {
		info.buffer_id = 2;
		pair_send_buffer(pair, &info);
		peer_send_number(&pair->server, ORIEL_SHARE_GONE, 2);
		result = pair_next(pair);
		assert_int_equal(result, -EAGAIN);
	}
	assert_true(i < 100000);
	assert_int_equal(oriel_client_ping(pair->client, 1), -EAGAIN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_descriptors_that_are_no_memory),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_configurations),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_cursors),
		cmocka_unit_test(test_raw_messages),
		cmocka_unit_test(test_first_words),
		PAIR_TEST(test_descriptors_that_nobody_named),
		PAIR_TEST(test_a_server_that_does_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
