// SPDX-License-Identifier: MIT
/* Tests of input.c against a sink that takes notes, and answers syncs when it is told to. */
#include "display/share/share.h"

#include "fixture/check.h"
#include "fixture/share_rig.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MAX_TOKENS 64u

static struct {
	char text[4096];
	bool is_out_of_memory;
	uint32_t n_senders;
} sink;

struct oriel_sender {
	oriel_sender_done_fn handle_done;
	void *user;
	uint32_t tokens[MAX_TOKENS];
	uint32_t n_tokens;
};

ORIEL_PRINTF(1, 2)
static void note(const char *format, ...) {
	const size_t used = strlen(sink.text);
	va_list args;
	va_start(args, format);
	vsnprintf(sink.text + used, sizeof(sink.text) - used, format, args);
	va_end(args);
}

static bool noted(const char *text) {
	const bool same = strcmp(sink.text, text) == 0;
	if (!same) {
		print_error("noted:    \"%s\"\nexpected: \"%s\"\n", sink.text, text);
	}
	sink.text[0] = '\0';
	return same;
}

static int create_sender(void *user, oriel_sender_done_fn handle_done, void *done_user,
		struct oriel_sender **ret) {
	assert_ptr_equal(user, &sink);
	if (sink.is_out_of_memory) {
		return -ENOMEM;
	}
	struct oriel_sender *sender = calloc(1, sizeof(*sender));
	assert_non_null(sender);
	sender->handle_done = handle_done;
	sender->user = done_user;
	sink.n_senders++;
	*ret = sender;
	return 0;
}

static void send_key(struct oriel_sender *sender, uint32_t key, bool is_pressed) {
	(void)sender;
	note("key %u %d; ", key, is_pressed);
}

static void send_pointer(struct oriel_sender *sender, uint32_t scanout,
		const struct oriel_pointer_place *place) {
	(void)sender;
	note("pointer %u %u,%u of %ux%u; ", scanout, place->x, place->y, place->width,
			place->height);
}

static void send_button(struct oriel_sender *sender, uint32_t scanout, uint32_t button,
		bool is_pressed) {
	(void)sender;
	note("button %u %u %d; ", scanout, button, is_pressed);
}

static void send_wheel(struct oriel_sender *sender, uint32_t scanout, int32_t vertical,
		int32_t horizontal) {
	(void)sender;
	note("wheel %u %d,%d; ", scanout, vertical, horizontal);
}

static int sync_input(struct oriel_sender *sender, uint32_t token) {
	assert_true(sender->n_tokens < MAX_TOKENS);
	sender->tokens[sender->n_tokens++] = token;
	return 0;
}

static void destroy_sender(struct oriel_sender *sender) {
	sink.n_senders--;
	free(sender);
}

/** Answer all syncs of a client. */
static void answer(struct rig *rig, unsigned int slot, uint32_t n_dropped) {
	struct oriel_sender *sender = rig->share->clients[slot]->sender;
	for (uint32_t i = 0; i < sender->n_tokens; i++) {
		sender->handle_done(sender->user, sender->tokens[i], n_dropped);
	}
	sender->n_tokens = 0;
}

static int setup(void **state) {
	int err = rig_setup(state);
	struct rig *rig = *state;
	memset(&sink, 0, sizeof(sink));
	const struct oriel_input_sink input = {
		.create_sender = create_sender,
		.send_key = send_key,
		.send_pointer = send_pointer,
		.send_button = send_button,
		.send_wheel = send_wheel,
		.sync = sync_input,
		.destroy_sender = destroy_sender,
		.user = &sink,
	};
	const struct oriel_share_options options = { .size = sizeof(options), .input = &input };
	oriel_share_destroy(rig->share);
	assert_int_equal(oriel_share_create(rig->loop, &options, &rig->share), 0);
	oriel_screen_attach(&rig->screen, oriel_share_get_display(rig->share));
	return err;
}

static int teardown(void **state) {
	int err = rig_teardown(state);
	assert_int_equal(sink.n_senders, 0);
	return err;
}

/** A client that wants input. */
static struct peer *join(struct rig *rig) {
	struct peer *peer = rig_connect(rig);
	struct oriel_share_hello hello = { ORIEL_SHARE_MAGIC, 1, ORIEL_SHARE_FEATURE_INPUT };
	PEER_SEND(peer, -1, oriel_share_encode_hello, &hello);
	rig_run(rig);
	assert_true(peer_said(peer, "WELCOME v1 4; "));
	return peer;
}

static void send_key_message(struct peer *peer, uint32_t key, uint32_t state) {
	struct oriel_share_key m = { key, state };
	PEER_SEND(peer, -1, oriel_share_encode_key, &m);
}

static void send_pointer_message(struct peer *peer, uint32_t scanout, uint32_t x, uint32_t y) {
	struct oriel_share_pointer m = { scanout, x, y };
	PEER_SEND(peer, -1, oriel_share_encode_pointer, &m);
}

static void test_events(void **state) {
	struct rig *rig = *state;
	rig_show(rig, 1, rig_create(rig, 1, 64, 32));
	struct peer *peer = join(rig);
	assert_int_equal(rig->share->clients[0]->features, ORIEL_SHARE_FEATURE_INPUT);
	send_key_message(peer, 30, 1);
	send_key_message(peer, UINT32_MAX, 0);
	send_pointer_message(peer, 1, 7, UINT32_MAX);
	send_pointer_message(peer, 0, 7, 8); // off
	send_pointer_message(peer, UINT32_MAX, 7, 8);
	struct oriel_share_button button = { 1, 272, 1 };
	PEER_SEND(peer, -1, oriel_share_encode_button, &button);
	struct oriel_share_wheel wheel = { 0, -120, INT32_MIN };
	PEER_SEND(peer, -1, oriel_share_encode_wheel, &wheel);
	rig_run(rig);
	assert_true(noted("key 30 1; key 4294967295 0; pointer 1 7,4294967295 of 64x32; "
			  "pointer 0 7,8 of 0x0; pointer 4294967295 7,8 of 0x0; button 1 272 1; "
			  "wheel 0 -120,-2147483648; "));
	peer_finish(peer);
	rig_run_share(rig);
	assert_int_equal(sink.n_senders, 0);
}

static void test_syncs(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig);
	struct peer *other = join(rig);
	for (uint32_t i = 0; i < 16; i++) {
		peer_send_number(peer, ORIEL_SHARE_INPUT_SYNC, 100 + i);
	}
	peer_send_number(other, ORIEL_SHARE_INPUT_SYNC, 0);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	answer(rig, 1, 9);
	rig_run(rig);
	assert_true(peer_said(other, "INPUT_DONE 0: 9; "));
	answer(rig, 0, 0);
	rig_run(rig);
	assert_true(strncmp(peer->text, "INPUT_DONE 100: 0; INPUT_DONE 101: 0; ", 38) == 0);
	peer->text[0] = '\0';
	// All 16 are free again; the 17th is one too many.
	for (uint32_t i = 0; i < 16; i++) {
		peer_send_number(peer, ORIEL_SHARE_INPUT_SYNC, i);
	}
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_number(peer, ORIEL_SHARE_INPUT_SYNC, 16);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 0: 1; "));
	assert_true(peer->closed);
	assert_int_equal(sink.n_senders, 1);
}

/** Read what is there, too much to be noted; the tokens of INPUT_DONE count up. */
static uint32_t count_dones(struct peer *peer, uint32_t first) {
	static uint8_t bytes[1 << 20];
	ssize_t n = recv(peer->fd, bytes + peer->len, sizeof(bytes) - peer->len, MSG_DONTWAIT);
	peer->len += n > 0 ? (size_t)n : 0;
	uint32_t n_dones = 0;
	size_t used = 0;
	while (peer->len - used >= ORIEL_SHARE_HEADER_SIZE) {
		struct oriel_reader r = oriel_reader_of(bytes + used, peer->len - used);
		struct oriel_share_header header;
		assert_int_equal(oriel_share_decode_header(&r, &header), 0);
		if (header.size > peer->len - used) {
			break;
		}
		used += header.size;
		struct oriel_share_input_done done;
		if (header.type == ORIEL_SHARE_INPUT_DONE) {
			assert_int_equal(oriel_share_decode_input_done(&r, &done), 0);
			assert_int_equal(done.token, first + n_dones++);
			assert_int_equal(done.n_dropped, 1);
		}
	}
	memmove(bytes, bytes + used, peer->len - used);
	peer->len -= used;
	return n_dones;
}

/** Answers wait for a client that does not read, and none is lost. */
static void test_answers_wait_for_room(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig);
	uint32_t n_pings = 0;
	uint64_t queued;
	do {
		queued = oriel_fd_output_get_size(&rig->share->clients[0]->out);
		peer_send_number(peer, ORIEL_SHARE_PING, n_pings++);
		if (n_pings % 64 == 0) {
			rig_run_share(rig);
		}
	} while (oriel_fd_output_get_size(&rig->share->clients[0]->out) < 60000 ||
			queued != oriel_fd_output_get_size(&rig->share->clients[0]->out));
	struct oriel_share_client *client = rig->share->clients[0];
	for (uint32_t i = 0; i < 16; i++) {
		client->n_syncs++;
		assert_int_equal(client->share->input.sync(client->sender, i), 0);
	}
	answer(rig, 0, 1);
	rig_run_share(rig);
	assert_true(client->n_dones > 0);
	uint32_t n_dones = 0;
	for (int round = 0; round < 1000 && n_dones < 16; round++) {
		n_dones += count_dones(peer, n_dones);
		rig_run_share(rig);
	}
	assert_int_equal(n_dones, 16);
	assert_int_equal(client->n_syncs, 0);
}

static void test_messages_that_cannot_be(void **state) {
	static const struct {
		const char *name;
		uint8_t bytes[20];
		size_t size;
	} cases[] = {
		{ "KEY one byte short", { 15, 0, 0, 0, 0x40, 0, 0, 0, 30, 0, 0, 0, 1 }, 15 },
		{ "KEY held", { 16, 0, 0, 0, 0x40, 0, 0, 0, 30, 0, 0, 0, 2 }, 16 },
		{ "POINTER short", { 19, 0, 0, 0, 0x41 }, 19 },
		{ "BUTTON short", { 19, 0, 0, 0, 0x42 }, 19 },
		{ "BUTTON held", { 20, 0, 0, 0, 0x42, [16] = 2 }, 20 },
		{ "WHEEL short", { 19, 0, 0, 0, 0x43 }, 19 },
		{ "INPUT_SYNC short", { 11, 0, 0, 0, 0x44 }, 11 },
		{ "a type that is none yet", { 20, 0, 0, 0, 0x45 }, 20 },
	};
	struct rig *rig = *state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct peer *peer = join(rig);
		peer_send_bytes(peer, cases[i].bytes, cases[i].size, -1);
		rig_run(rig);
		CHECK(peer_said(peer, "ERROR 0: 1; ") && peer->closed, "%s", cases[i].name);
		CHECK(noted("") && sink.n_senders == 0, "%s", cases[i].name);
	}
}

/** Who did not negotiate input must not send it. */
static void test_the_feature_is_needed(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 0, 0);
	assert_int_equal(sink.n_senders, 0);
	send_key_message(peer, 30, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 0: 1; "));
	assert_true(noted(""));
	// Without memory for a sender the server has no input.
	sink.is_out_of_memory = true;
	peer = join(rig);
	assert_int_equal(rig->share->clients[0]->features, 0);
}

static void test_a_server_without_a_sink(void **state) {
	struct rig *rig = *state;
	oriel_share_destroy(rig->share);
	const struct oriel_share_options options = { .size = sizeof(options) };
	assert_int_equal(oriel_share_create(rig->loop, &options, &rig->share), 0);
	oriel_screen_attach(&rig->screen, oriel_share_get_display(rig->share));
	struct peer *peer = join(rig);
	assert_int_equal(rig->share->clients[0]->features, 0);
	send_key_message(peer, 30, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 0: 1; "));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_events),
		TEST(test_syncs),
		TEST(test_answers_wait_for_room),
		TEST(test_messages_that_cannot_be),
		TEST(test_the_feature_is_needed),
		TEST(test_a_server_without_a_sink),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
