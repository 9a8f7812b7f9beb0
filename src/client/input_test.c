// SPDX-License-Identifier: MIT
/* Tests of input.c, and of INPUT_DONE in message.c, against a server written by hand. */
#include "oriel/client.h"

#include "fixture/check.h"
#include "fixture/client_pair.h"

#include <errno.h>
#include <linux/input-event-codes.h>

static void send_welcome(struct pair *pair, uint64_t features) {
	struct oriel_share_welcome welcome = { .magic = ORIEL_SHARE_MAGIC,
		.version = 1,
		.features = features,
		.n_scanouts = 2 };
	PEER_SEND(&pair->server, -1, oriel_share_encode_welcome, &welcome);
}

static void begin(struct pair *pair) {
	send_welcome(pair, ORIEL_SHARE_FEATURE_INPUT);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_WELCOME);
	assert_true(pair_said(pair, "HELLO v1; "));
}

static void send_done(struct pair *pair, uint32_t token, uint32_t n_dropped) {
	struct oriel_share_input_done done = { token, n_dropped };
	PEER_SEND(&pair->server, -1, oriel_share_encode_input_done, &done);
}

static void test_events(void **state) {
	struct pair *pair = *state;
	begin(pair);
	assert_true(oriel_client_has_input(pair->client));
	assert_int_equal(oriel_client_send_key(pair->client, KEY_A, true), 0);
	assert_int_equal(oriel_client_send_key(pair->client, KEY_A, false), 0);
	assert_int_equal(oriel_client_send_pointer(pair->client, 1, 640, 480), 0);
	assert_int_equal(oriel_client_send_button(pair->client, 1, BTN_LEFT, true), 0);
	assert_int_equal(oriel_client_send_button(pair->client, 1, BTN_LEFT, false), 0);
	assert_int_equal(oriel_client_send_wheel(pair->client, 0, -120, INT32_MAX), 0);
	assert_int_equal(oriel_client_sync_input(pair->client, 9), 0);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "KEY 30 1; KEY 30 0; POINTER 1: 640,480; BUTTON 1: 272 1; "
				    "BUTTON 1: 272 0; WHEEL 0: -120,2147483647; INPUT_SYNC 9; "));
}

static void test_syncs_are_answered_in_order(void **state) {
	struct pair *pair = *state;
	begin(pair);
	assert_int_equal(oriel_client_sync_input(pair->client, 7), 0);
	assert_int_equal(oriel_client_sync_input(pair->client, 0), 0);
	send_done(pair, 7, 3);
	send_done(pair, 0, 0);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_INPUT_DONE);
	assert_int_equal(pair->event->token, 7);
	assert_int_equal(pair->event->n_dropped, 3);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_INPUT_DONE);
	assert_int_equal(pair->event->token, 0);
	assert_int_equal(pair->event->n_dropped, 0);
	send_done(pair, 0, 0); // nobody asked again
	assert_int_equal(pair_next(pair), -EPROTO);
}

static void test_a_done_out_of_order_is_refused(void **state) {
	struct pair *pair = *state;
	begin(pair);
	assert_int_equal(oriel_client_sync_input(pair->client, 1), 0);
	assert_int_equal(oriel_client_sync_input(pair->client, 2), 0);
	send_done(pair, 2, 0);
	assert_int_equal(pair_next(pair), -EPROTO);
}

static void test_syncs_are_limited(void **state) {
	struct pair *pair = *state;
	begin(pair);
	for (uint32_t i = 0; i < ORIEL_CLIENT_MAX_SYNCS; i++) {
		assert_int_equal(oriel_client_sync_input(pair->client, i), 0);
	}
	assert_int_equal(oriel_client_sync_input(pair->client, 99), -EAGAIN);
	send_done(pair, 0, 0);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_INPUT_DONE);
	assert_int_equal(oriel_client_sync_input(pair->client, 99), 0);
}

/** That every call says so, and sends nothing. */
static void assert_all(struct pair *pair, int err) {
	assert_false(oriel_client_has_input(pair->client));
	assert_int_equal(oriel_client_send_key(pair->client, KEY_A, true), err);
	assert_int_equal(oriel_client_send_pointer(pair->client, 0, 1, 1), err);
	assert_int_equal(oriel_client_send_button(pair->client, 0, BTN_LEFT, true), err);
	assert_int_equal(oriel_client_send_wheel(pair->client, 0, 1, 1), err);
	assert_int_equal(oriel_client_sync_input(pair->client, 1), err);
}

static void test_a_server_without_input(void **state) {
	struct pair *pair = *state;
	assert_all(pair, -EAGAIN); // not known yet
	send_welcome(pair, ORIEL_SHARE_FEATURE_SIZES);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_WELCOME);
	assert_all(pair, -EOPNOTSUPP);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "HELLO v1; "));
}

static void test_too_much_to_send(void **state) {
	struct pair *pair = *state;
	begin(pair);
	uint32_t n = 0;
	while (oriel_client_send_key(pair->client, KEY_A, n % 2 == 0) == 0) {
		n++;
		assert_true(n < 1000);
	}
	assert_int_equal(oriel_client_sync_input(pair->client, 1), -EAGAIN);
	assert_int_equal(pair_next(pair), -EAGAIN); // sends
	assert_int_equal(oriel_client_send_key(pair->client, KEY_A, true), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_events),
		PAIR_TEST(test_syncs_are_answered_in_order),
		PAIR_TEST(test_a_done_out_of_order_is_refused),
		PAIR_TEST(test_syncs_are_limited),
		PAIR_TEST(test_a_server_without_input),
		PAIR_TEST(test_too_much_to_send),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
