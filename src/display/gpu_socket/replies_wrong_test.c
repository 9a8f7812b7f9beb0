// SPDX-License-Identifier: MIT
/* Tests of replies.h: answers that are out of bounds, malformed or not answers, and wild askers. */
#include "fixture/replies_rig.h"

static void test_heads_are_bounded(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	static const struct {
		const char *name;
		struct oriel_display_one one;
		struct oriel_head want;
	} cases[] = {
		{ "plain", { { 1, 2, 3, 4 }, true }, { { 1, 2, 3, 4 }, true } },
		{ "off", { { 1, 2, 3, 4 }, false }, { { 1, 2, 3, 4 }, false } },
		{ "no width", { { 0, 0, 0, 600 }, true }, { { 0, 0, 0, 600 }, false } },
		{ "no height", { { 0, 0, 800, 0 }, true }, { { 0, 0, 800, 0 }, false } },
		{ "all ones", { { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX }, true },
				{ { 262144, 262144, 16384, 16384 }, true } },
		{ "largest", { { 262144, 0, 16384, 16384 }, true },
				{ { 262144, 0, 16384, 16384 }, true } },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint8_t bytes[512];
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		struct oriel_display_one heads[16] = { [15] = cases[i].one };
		oriel_gpu_message_encode_info_reply(&w, heads);
		ask_info(f, 0);
		assert_int_equal(next(f), 3);
		assert_int_equal(reply_bytes(f, bytes, (size_t)(w.cur - bytes)), 0);
		const struct oriel_head *head = &f->questions[0].reply.heads[15];
		CHECK(oriel_rect_equals(&head->rect, &cases[i].want.rect), "%s", cases[i].name);
		CHECK(head->enabled == cases[i].want.enabled, "%s", cases[i].name);
		CHECK(!f->questions[0].reply.heads[0].enabled, "%s", cases[i].name);
	}
}

static void test_bad_edids(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	static const struct {
		const char *name;
		size_t at; // what to change
		uint8_t by;
		size_t size;
		int err;
	} cases[] = {
		{ "good", 0, 0, 256, 0 },
		{ "padded with zeros", 0, 0, 1024, 0 },
		{ "magic", 0, 1, 256, -EBADMSG },
		{ "a byte of the first block", 20, 1, 256, -EBADMSG },
		{ "first checksum", 127, 1, 256, -EBADMSG },
		{ "second checksum", 255, 1, 256, -EBADMSG },
		{ "a byte of the padding", 1023, 1, 1024, -EBADMSG },
		{ "an extension that is not there", 0, 0, 128, -EBADMSG },
		{ "no block", 0, 0, 0, -EBADMSG },
		{ "half a block", 0, 0, 64, -EBADMSG },
		{ "two blocks and a half", 0, 0, 320, -EBADMSG },
		{ "too large", 0, 0, 1152, -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		uint8_t bytes[2048] = { 0 };
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_gpu_message_encode_edid_reply(&w, f->edid, sizeof(f->edid));
		uint8_t *payload = bytes + ORIEL_GPU_MESSAGE_HEADER_SIZE;
		payload[24] = (uint8_t)cases[i].size;
		payload[25] = (uint8_t)(cases[i].size >> 8);
		payload[32 + cases[i].at] ^= cases[i].by;
		ask_edid(f, 0, 0);
		assert_int_equal(next(f), 1101);
		int err = reply_bytes(f, bytes, (size_t)(w.cur - bytes));
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		check_answers(f, 0, cases[i].err, cases[i].name);
		CHECK(err < 0 || f->questions[0].reply.edid_size == cases[i].size, "%s",
				cases[i].name);
		assert_int_equal(reply_features(f, 1), 0);
	}
	// The good ones are remembered, whatever came after them.
	ask_edid(f, 1, 0);
	oriel_gpu_socket_replies_flush(&f->replies);
	check_answers(f, 1, 0, "memory");
	assert_int_equal(f->questions[1].reply.edid_size, 1024);
}

static void test_replies_of_the_wrong_size(void **state) {
	struct fixture *f = *state;
	static const uint32_t sizes[] = { 0, 1, 7, 9, 407, 409, 1055, 1057, 4096 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(sizes); i++) {
		uint8_t bytes[5000] = { 0 };
		struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
		struct oriel_display_one heads[16] = { 0 };
		oriel_gpu_message_encode_info_reply(&w, heads);
		bytes[8] = (uint8_t)sizes[i];
		bytes[9] = (uint8_t)(sizes[i] >> 8);
		bytes[0] = VHOST_USER_GPU_GET_PROTOCOL_FEATURES;
		oriel_gpu_socket_replies_connect(&f->replies, f->now);
		assert_int_equal(next(f), 1);
		CHECK(reply_bytes(f, bytes, sizeof(bytes)) == -EBADMSG, "features: %u", sizes[i]);
		assert_true(f->replies.ready); // without features, but on we go
		assert_int_equal(next(f), 2);

		ask_info(f, 0);
		assert_int_equal(next(f), 3);
		bytes[0] = VHOST_USER_GPU_GET_DISPLAY_INFO;
		CHECK(reply_bytes(f, bytes, sizeof(bytes)) == -EBADMSG, "info: %u", sizes[i]);
		check_answers(f, 0, -EBADMSG, "info");

		negotiate(f);
		ask_edid(f, 1, 0);
		assert_int_equal(next(f), 1101);
		bytes[0] = VHOST_USER_GPU_GET_EDID;
		CHECK(reply_bytes(f, bytes, sizeof(bytes)) == -EBADMSG, "edid: %u", sizes[i]);
		check_answers(f, 1, -EBADMSG, "edid");
	}
}

/** Bring the stream into one of its states. */
static void enter(struct fixture *f, enum oriel_gpu_socket_request request) {
	if (request == ORIEL_REQUEST_FEATURES) {
		oriel_gpu_socket_replies_connect(&f->replies, f->now);
		assert_int_equal(next(f), 1);
		return;
	}
	negotiate(f);
	if (request == ORIEL_REQUEST_INFO) {
		ask_info(f, 0);
		assert_int_equal(next(f), 3);
	} else if (request != ORIEL_REQUEST_NONE) {
		ask_edid(f, 0, 0);
		assert_int_equal(next(f), 1101);
		if (request == ORIEL_REQUEST_BARRIER) {
			assert_int_equal(reply_edid(f), 0);
		}
	}
	assert_int_equal(f->replies.request, request);
}

static void test_only_what_was_asked_is_an_answer(void **state) {
	struct fixture *f = *state;
	static const struct {
		enum oriel_gpu_socket_request request;
		uint32_t good[2];
	} cases[] = {
		{ ORIEL_REQUEST_NONE, { 0, 0 } },
		{ ORIEL_REQUEST_FEATURES, { 1, 1 } },
		{ ORIEL_REQUEST_INFO, { 3, 3 } },
		{ ORIEL_REQUEST_EDID, { 11, 1 } },
		{ ORIEL_REQUEST_BARRIER, { 1, 1 } },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		enter(f, cases[i].request);
		for (uint32_t type = 0; type < 20; type++) {
			bool good = type != 0 &&
				    (type == cases[i].good[0] || type == cases[i].good[1]);
			struct oriel_gpu_message_header h = { type, 4, 4096 };
			int err = oriel_gpu_socket_replies_check(&f->replies, &h);
			CHECK(err == (good ? 0 : -EPROTO), "state %zu: type %u", i, type);
			h.size++;
			err = oriel_gpu_socket_replies_check(&f->replies, &h);
			CHECK(err == -EPROTO, "state %zu: type %u: too large", i, type);
			h.size = 8;
			h.flags = 3;
			err = oriel_gpu_socket_replies_check(&f->replies, &h);
			CHECK(err == -EPROTO, "state %zu: type %u: no reply", i, type);
		}
		oriel_gpu_socket_replies_drop(&f->replies);
	}
}

static void ask_another(struct question *question) {
	struct fixture *f = question->fixture;
	question->then = NULL;
	size_t i = (size_t)(question - f->questions) + 4;
	assert_int_equal(ask(f, i, question->query.type, question->query.scanout_id), 0);
	(void)next(f); // and it may go out at once
}

static void drop_all(struct question *question) {
	oriel_gpu_socket_replies_drop(&question->fixture->replies);
}

static void test_askers_that_ask_from_inside(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	for (size_t i = 0; i < 3; i++) {
		ask_info(f, i);
		f->questions[i].then = ask_another;
	}
	assert_int_equal(next(f), 3);
	assert_int_equal(reply_info(f, 800), 0);
	for (size_t i = 0; i < 3; i++) {
		check_answers(f, i, 0, "first");
		check_answers(f, i + 4, NOT_YET, "asked from inside");
	}
	assert_int_equal(reply_info(f, 900), 0);
	check_answers(f, 4, 0, "went out from inside");
	assert_int_equal(width_of(f, 4), 900);
	assert_int_equal(next(f), 3);
	oriel_gpu_socket_replies_drop(&f->replies);

	// Each way of answering: the ones from inside are not answered by the same call.
	negotiate(f);
	oriel_gpu_socket_replies_forget(&f->replies);
	for (size_t i = 0; i < 3; i++) {
		ask_edid(f, i, 0);
		f->questions[i].then = ask_another;
	}
	oriel_gpu_socket_replies_flush(&f->replies);
	for (size_t i = 0; i < 3; i++) {
		check_answers(f, i, -ETIMEDOUT, "flushed");
		check_answers(f, i + 4, NOT_YET, "asked in flush");
	}
	oriel_gpu_socket_replies_drop(&f->replies);
}

static void test_askers_that_drop_from_inside(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	for (int way = 0; way < 4; way++) {
		for (size_t i = 0; i < 3; i++) {
			ask_info(f, i);
			f->questions[i].then = drop_all;
		}
		assert_int_equal(next(f), 3);
		ask_info(f, 3);
		switch (way) {
		case 0:
			assert_int_equal(reply_info(f, 800), 0);
			break;
		case 1:
			oriel_gpu_socket_replies_flush(&f->replies);
			break;
		case 2:
			oriel_gpu_socket_replies_expire(&f->replies, f->now + TIMEOUT);
			break;
		default:
			oriel_gpu_socket_replies_disconnect(&f->replies);
			break;
		}
		CHECK(f->questions[0].n_answers == 1, "way %d", way);
		for (size_t i = 1; i < 4; i++) {
			check_answers(f, i, NOT_YET, "dropped");
		}
		negotiate(f);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_heads_are_bounded),
		TEST(test_bad_edids),
		TEST(test_replies_of_the_wrong_size),
		TEST(test_only_what_was_asked_is_an_answer),
		TEST(test_askers_that_ask_from_inside),
		TEST(test_askers_that_drop_from_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
