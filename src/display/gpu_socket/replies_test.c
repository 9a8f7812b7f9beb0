// SPDX-License-Identifier: MIT
/* Tests of replies.h: what is asked when, and what each query is told, also late or never. */
#include "fixture/replies_rig.h"

static void test_nobody_there(void **state) {
	struct fixture *f = *state;
	assert_int_equal(ask(f, 0, ORIEL_QUERY_INFO, 0), -ENOTCONN);
	assert_int_equal(ask(f, 1, ORIEL_QUERY_EDID, 0), -ENOTCONN);
	check_answers(f, 0, NOT_YET, "info");
	assert_int_equal(next(f), 0);
	assert_int_equal(f->replies.deadline_ns, 0);
}

static void test_negotiation_sets_what_is_used(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	assert_int_equal(f->replies.features, 1); // DMABUF2 is not
}

static void test_questions_wait_for_the_negotiation(void **state) {
	struct fixture *f = *state;
	oriel_gpu_socket_replies_connect(&f->replies, f->now);
	ask_edid(f, 0, 2);
	ask_info(f, 1);
	assert_int_equal(ask(f, 2, ORIEL_QUERY_INFO, 9), 0); // which head does not matter
	assert_int_equal(next(f), 1);
	assert_int_equal(next(f), 0);
	assert_int_equal(reply_features(f, 1), 0);
	assert_int_equal(next(f), 2);
	assert_int_equal(next(f), 1101); // with its barrier
	assert_int_equal(next(f), 0);
	assert_int_equal(reply_edid(f), 0);
	check_answers(f, 0, 0, "edid");
	assert_int_equal(f->questions[0].reply.edid_size, 256);
	assert_memory_equal(f->questions[0].reply.edid, f->edid, 256);
	assert_int_equal(next(f), 0); // the barrier is still to come
	assert_int_equal(reply_features(f, 1), 0);
	assert_int_equal(next(f), 3);
	assert_int_equal(reply_info(f, 800), 0);
	for (size_t i = 1; i < 3; i++) {
		check_answers(f, i, 0, "info");
		assert_int_equal(width_of(f, i), 800);
	}
	assert_int_equal(next(f), 0);
}

static void test_later_questions_are_asked_anew(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_info(f, 0);
	assert_int_equal(next(f), 3);
	ask_info(f, 1); // perhaps because the size has changed since
	assert_int_equal(reply_info(f, 800), 0);
	check_answers(f, 0, 0, "first");
	check_answers(f, 1, NOT_YET, "second");
	assert_int_equal(next(f), 3);
	assert_int_equal(reply_info(f, 900), 0);
	assert_int_equal(width_of(f, 1), 900);
}

static void test_heads_do_not_share_their_edids(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_edid(f, 0, 1);
	ask_edid(f, 1, 2);
	ask_edid(f, 2, 1);
	assert_int_equal(next(f), 1101);
	assert_int_equal(reply_edid(f), 0);
	check_answers(f, 0, 0, "head 1");
	check_answers(f, 2, 0, "head 1 too");
	check_answers(f, 1, NOT_YET, "head 2");
	assert_int_equal(reply_features(f, 1), 0);
	assert_int_equal(next(f), 1101);
}

static void test_no_such_head(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_edid(f, 0, 5);
	assert_int_equal(next(f), 1101);
	assert_int_equal(reply_edid(f), 0);
	assert_int_equal(reply_features(f, 1), 0);
	ask_edid(f, 1, 5);
	assert_int_equal(next(f), 1101);
	assert_int_equal(reply_features(f, 1), 0); // the head went meanwhile
	check_answers(f, 1, -ENOENT, "barrier first");
	ask_info(f, 2);
	assert_int_equal(next(f), 3);
	oriel_gpu_socket_replies_disconnect(&f->replies);
	assert_int_equal(ask(f, 3, ORIEL_QUERY_EDID, 5), -ENOTCONN); // and is forgotten
}

static void test_without_the_feature_no_edid_is_asked(void **state) {
	struct fixture *f = *state;
	oriel_gpu_socket_replies_connect(&f->replies, f->now);
	ask_info(f, 0);
	ask_edid(f, 1, 0);
	ask_edid(f, 2, 1);
	assert_int_equal(next(f), 1);
	assert_int_equal(reply_features(f, 2), 0);
	check_answers(f, 1, -EOPNOTSUPP, "asked before");
	check_answers(f, 2, -EOPNOTSUPP, "asked before");
	check_answers(f, 0, NOT_YET, "info");
	ask_edid(f, 3, 0);
	check_answers(f, 3, -EOPNOTSUPP, "asked after");
	assert_int_equal(next(f), 2);
	assert_int_equal(next(f), 3);
	// The next connection may have it.
	oriel_gpu_socket_replies_connect(&f->replies, f->now);
	ask_edid(f, 4, 0);
	check_answers(f, 4, NOT_YET, "on the next connection");
}

static void test_deadline(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_info(f, 0);
	f->now += 10;
	ask_edid(f, 1, 0);
	assert_int_equal(next(f), 3);
	f->now += TIMEOUT - 11;
	oriel_gpu_socket_replies_expire(&f->replies, f->now);
	check_answers(f, 0, NOT_YET, "a tick before");
	f->now++;
	assert_int_equal(f->replies.deadline_ns, f->now);
	oriel_gpu_socket_replies_expire(&f->replies, f->now);
	check_answers(f, 0, -ETIMEDOUT, "on the wire");
	check_answers(f, 1, NOT_YET, "ten ticks before");
	assert_int_equal(f->replies.deadline_ns, f->now + 10);
	f->now += 10;
	oriel_gpu_socket_replies_expire(&f->replies, f->now);
	check_answers(f, 1, -ETIMEDOUT, "never sent");
	assert_int_equal(f->replies.deadline_ns, 0);

	// The answer comes late, and is good for the next time.
	assert_int_equal(next(f), 0);
	assert_int_equal(reply_info(f, 800), 0);
	ask_info(f, 2);
	assert_int_equal(next(f), 3);
	oriel_gpu_socket_replies_expire(&f->replies, f->now + TIMEOUT);
	check_answers(f, 2, 0, "from memory");
	assert_int_equal(width_of(f, 2), 800);
	check_answers(f, 0, -ETIMEDOUT, "not told twice");
}

static void test_deadline_of_the_negotiation(void **state) {
	struct fixture *f = *state;
	oriel_gpu_socket_replies_connect(&f->replies, f->now);
	assert_int_equal(next(f), 1);
	assert_int_equal(f->replies.deadline_ns, f->now + TIMEOUT);
	ask_edid(f, 0, 0);
	oriel_gpu_socket_replies_expire(&f->replies, f->now + TIMEOUT - 1);
	assert_false(f->replies.ready);
	oriel_gpu_socket_replies_expire(&f->replies, f->now + TIMEOUT);
	assert_true(f->replies.ready); // pictures need no answer
	check_answers(f, 0, -ETIMEDOUT, "edid");
	assert_int_equal(f->replies.deadline_ns, 0);
	assert_int_equal(next(f), 0);
	assert_int_equal(reply_features(f, 1), 0);
	assert_int_equal(next(f), 2);
}

static void test_flush_and_drop(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_info(f, 0);
	assert_int_equal(next(f), 3);
	ask_info(f, 1);
	ask_edid(f, 2, 0);
	oriel_gpu_socket_replies_flush(&f->replies);
	for (size_t i = 0; i < 3; i++) {
		check_answers(f, i, -ETIMEDOUT, "flush");
	}
	ask_info(f, 3);
	assert_int_equal(reply_info(f, 800), 0); // to the first, so not for this one
	check_answers(f, 3, NOT_YET, "in sync");
	oriel_gpu_socket_replies_flush(&f->replies);
	check_answers(f, 3, 0, "flush from memory");

	ask_info(f, 4);
	assert_int_equal(next(f), 3);
	ask_edid(f, 5, 0);
	oriel_gpu_socket_replies_drop(&f->replies);
	assert_int_equal(reply_info(f, 900), 0);
	assert_int_equal(next(f), 0);
	oriel_gpu_socket_replies_expire(&f->replies, f->now + TIMEOUT);
	oriel_gpu_socket_replies_disconnect(&f->replies);
	check_answers(f, 4, NOT_YET, "dropped");
	check_answers(f, 5, NOT_YET, "dropped");
}

static void test_new_connection_asks_again(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_info(f, 0);
	assert_int_equal(next(f), 3);
	ask_edid(f, 1, 0);
	oriel_gpu_socket_replies_connect(&f->replies, f->now + 5);
	assert_int_equal(next(f), 1);
	assert_int_equal(reply_features(f, 1), 0);
	assert_int_equal(next(f), 2);
	assert_int_equal(next(f), 3); // in the old order
	assert_int_equal(reply_info(f, 800), 0);
	check_answers(f, 0, 0, "info");
	assert_int_equal(next(f), 1101);
	oriel_gpu_socket_replies_expire(&f->replies, f->now + TIMEOUT);
	check_answers(f, 1, -ETIMEDOUT, "the old deadline holds");
}

static void test_disconnect(void **state) {
	struct fixture *f = *state;
	negotiate(f);
	ask_info(f, 0);
	assert_int_equal(next(f), 3);
	ask_edid(f, 1, 0);
	oriel_gpu_socket_replies_disconnect(&f->replies);
	check_answers(f, 0, -ENOTCONN, "on the wire");
	check_answers(f, 1, -ENOTCONN, "waiting");
	assert_int_equal(next(f), 0);
	assert_int_equal(f->replies.deadline_ns, 0);
	// What was learned stays, until it is to be forgotten.
	negotiate(f);
	ask_info(f, 2);
	assert_int_equal(next(f), 3);
	assert_int_equal(reply_info(f, 800), 0);
	oriel_gpu_socket_replies_disconnect(&f->replies);
	ask_info(f, 3);
	check_answers(f, 3, 0, "at once");
	assert_int_equal(width_of(f, 3), 800);
	oriel_gpu_socket_replies_forget(&f->replies);
	assert_int_equal(ask(f, 4, ORIEL_QUERY_INFO, 0), -ENOTCONN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_nobody_there),
		TEST(test_negotiation_sets_what_is_used),
		TEST(test_questions_wait_for_the_negotiation),
		TEST(test_later_questions_are_asked_anew),
		TEST(test_heads_do_not_share_their_edids),
		TEST(test_no_such_head),
		TEST(test_without_the_feature_no_edid_is_asked),
		TEST(test_deadline),
		TEST(test_deadline_of_the_negotiation),
		TEST(test_flush_and_drop),
		TEST(test_new_connection_asks_again),
		TEST(test_disconnect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
