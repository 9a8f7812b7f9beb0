// SPDX-License-Identifier: MIT
/* Tests of what clients ask for, and of clients that do wrong. */
#include "fixture/share_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_snapshot_at_any_time(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 0, 0);
	peer_send_get_snapshot(peer, 7, 0);
	peer_send_get_snapshot(peer, 8, 3);
	peer_send_get_snapshot(peer, 9, 4);
	peer_send_get_snapshot(peer, 10, UINT32_MAX);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 7: 6; ERROR 8: 6; ERROR 9: 5; ERROR 10: 5; "));

	// Set, and never flushed.
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	rig_set(rig, 0, res);
	peer_send_get_snapshot(peer, 7, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 7: 0 buffer 1 64x48 #0; "));
	const struct oriel_share_snapshot *s = &peer->snapshot;
	assert_int_equal(s->size, 64 * 48 * 4);
	assert_int_equal(s->stride, 64 * 4);
	assert_int_equal(s->fourcc, ORIEL_SHARE_XR24);
	assert_int_equal(s->flags, 0);
	assert_int_equal(s->cursor_offset, 0);

	rig_flush(rig, res, 0, 0, 1, 1);
	rig_flush(rig, res, 0, 0, 1, 1);
	peer_send_get_snapshot(peer, UINT32_MAX, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 4294967295: 0 buffer 2 64x48 #2; "));
}

static void test_snapshot_does_not_change_any_more(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	rig_show(rig, 0, res);
	struct peer *peer = rig_join(rig, 0, 0);
	peer_send_get_snapshot(peer, 1, 0);
	rig_run(rig);
	const uint8_t *pixels =
			mmap(NULL, res->size, PROT_READ, MAP_SHARED, peer->buffer_fds[1], 0);
	assert_true(pixels != MAP_FAILED);
	for (size_t i = 0; i < res->size; i++) {
		CHECK(pixels[i] == (i % 4 == 3 ? 0xff : res->pixels[i]), "byte %zu", i);
	}
	uint8_t before = pixels[0];
	res->pixels[0] ^= 0xff;
	rig_drop(rig, res);
	assert_int_equal(pixels[0], before);
	munmap((void *)pixels, 64 * 48 * 4);
}

static void test_snapshot_with_cursor(void **state) {
	struct rig *rig = *state;
	static uint8_t image[ORIEL_CURSOR_BYTES];
	for (size_t i = 0; i < sizeof(image); i++) {
		image[i] = (uint8_t)(i * 3 + i / 256);
	}
	rig_show(rig, 0, rig_create(rig, 1, 64, 48));
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 0, image, 4, 5, -6, 7), 0);
	struct peer *peer = rig_join(rig, 0, 0);
	peer_send_get_snapshot(peer, 1, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 1: 0 buffer 1 64x48 #1; "));
	const struct oriel_share_snapshot *s = &peer->snapshot;
	assert_int_equal(s->flags, ORIEL_SHARE_CURSOR_VISIBLE);
	assert_int_equal(s->cursor_x, -6);
	assert_int_equal(s->cursor_y, 7);
	assert_int_equal(s->hot_x, 4);
	assert_int_equal(s->hot_y, 5);
	assert_int_equal(s->cursor_serial, 1);
	assert_int_equal(s->cursor_offset, 64 * 48 * 4);
	assert_int_equal(s->size, 64 * 48 * 4 + ORIEL_CURSOR_BYTES);
	uint8_t copy[ORIEL_CURSOR_BYTES];
	assert_int_equal(pread(peer->buffer_fds[1], copy, sizeof(copy), 64 * 48 * 4), sizeof(copy));
	assert_memory_equal(copy, image, sizeof(copy));
}

static void test_snapshots_are_limited_and_released(void **state) {
	struct rig *rig = *state;
	rig_show(rig, 0, rig_create(rig, 1, 64, 48));
	struct peer *peer = rig_join(rig, 0, 0);
	for (uint32_t i = 1; i <= 6; i++) {
		peer_send_get_snapshot(peer, i, 0);
	}
	rig_run(rig);
	assert_true(peer_said(peer,
			"SNAPSHOT 1: 0 buffer 1 64x48 #1; SNAPSHOT 2: 0 buffer 2 64x48 #1; "
			"SNAPSHOT 3: 0 buffer 3 64x48 #1; SNAPSHOT 4: 0 buffer 4 64x48 #1; "
			"ERROR 5: 7; ERROR 6: 7; "));
	assert_int_equal(rig->share->buffers.held.used, 4 * ORIEL_SHARE_LEAST_CHARGE);
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 2);
	peer_send_get_snapshot(peer, 7, 0);
	peer_send_get_snapshot(peer, 8, 0);
	peer_send_number(peer, ORIEL_SHARE_PING, 99);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 7: 0 buffer 5 64x48 #1; ERROR 8: 7; PONG 99; "));
	assert_int_equal(rig->share->buffers.held.used, 4 * ORIEL_SHARE_LEAST_CHARGE);
	peer_finish(peer);
	rig_run_share(rig);
	assert_int_equal(rig->share->buffers.held.used, 0);
}

// 4 MiB is what clients may hold here: 1024x1024 pixels exactly.
static void test_snapshot_over_the_budget(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 0, 0);
	struct peer *other = rig_join(rig, 0, 0);
	rig_show(rig, 0, rig_create(rig, 1, 1024, 1025));
	rig_show(rig, 1, rig_create(rig, 2, 1024, 1024));
	peer_send_get_snapshot(peer, 1, 0);
	peer_send_get_snapshot(peer, 2, 1);
	peer_send_get_snapshot(peer, 3, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 1: 4; SNAPSHOT 2: 1 buffer 1 1024x1024 #1; "
				    "ERROR 3: 4; "));
	peer_send_get_snapshot(other, 4, 1);
	rig_run(rig);
	assert_true(peer_said(other, "ERROR 4: 4; "));
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 1);
	peer_send_get_snapshot(other, 5, 1);
	rig_run(rig);
	assert_true(peer_said(other, "SNAPSHOT 5: 1 buffer 2 1024x1024 #1; "));
}

static void test_who_holds_too_much_of_what_is_gone_is_disconnected(void **state) {
	struct rig *rig = *state;
	struct peer *hog = rig_join(rig, 1, 0);
	struct peer *good = rig_join(rig, 1, 0);
	uint32_t i;
	for (i = 1; i < 20 && oriel_share_count_clients(rig->share) == 2; i++) {
		struct oriel_resource *res = rig_create(rig, i, 512, 512); // 1 MiB
		rig_show(rig, 0, res);
		peer_send_taken(hog, 0, i);
		peer_send_taken(good, 0, i);
		rig_drop(rig, res);
		rig_run(rig);
		peer_send_number(good, ORIEL_SHARE_RELEASED, i);
		hog->text[0] = good->text[0] = '\0';
	}
	assert_int_equal(i, 6); // the fifth MiB was too much
	assert_false(good->closed);
	assert_true(hog->closed);
	rig_run(rig);
	assert_int_equal(rig->share->buffers.held.used, 0);
	assert_int_equal(rig->n_log_lines, 1);
}

static void test_buffer_that_does_not_fit_alone(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 1, 0);
	struct oriel_resource *res = rig_create(rig, 1, 1024, 1025);
	rig_show(rig, 0, res);
	peer->text[0] = '\0';
	rig_drop(rig, res);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 0: 4; "));
	assert_true(peer->closed);
}

static void test_clients_are_limited(void **state) {
	struct rig *rig = *state;
	for (unsigned int i = 0; i < 16; i++) {
		rig_join(rig, 1, 1);
	}
	struct peer *one_more = rig_connect(rig);
	peer_receive(one_more);
	assert_true(peer_said(one_more, "ERROR 0: 3; "));
	assert_true(one_more->closed);
	assert_int_equal(oriel_share_count_clients(rig->share), 16);
	peer_finish(rig->peers[5]);
	rig_run_share(rig);
	assert_int_equal(oriel_share_count_clients(rig->share), 15);
	rig_join(rig, 1, 1);
	assert_int_equal(oriel_share_count_clients(rig->share), 16);
}

static void test_no_clients_at_all(void **state) {
	struct rig *rig = *state;
	struct oriel_share_options options = {
		.size = sizeof(options),
		.max_clients = ORIEL_LIMIT_NONE,
	};
	struct oriel_share *share;
	assert_int_equal(oriel_share_create(rig->loop, &options, &share), 0);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(oriel_share_add_client_take(share, fds[0]), -EDQUOT);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); // it was taken
	close(fds[1]);
	oriel_share_destroy(share);
}

static void test_hello_has_a_deadline(void **state) {
	struct rig *rig = *state;
	struct peer *welcomed = rig_join(rig, 0, 0);
	struct peer *silent = rig_connect(rig);
	rig_run(rig);
	assert_true(peer_said(silent, ""));
	rig->share->clients[0]->hello_deadline_ns = 1; // means nothing any more
	rig->share->clients[1]->hello_deadline_ns = 1;
	oriel_share_arm_hello_timer(rig->share);
	rig_run(rig);
	assert_true(peer_said(silent, "ERROR 0: 9; "));
	assert_true(silent->closed);
	assert_false(welcomed->closed);
}

#define HELLO 24, 0, 0, 0, 1, 0, 0, 0, 0x4f, 0x52, 0x49, 0x4c, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define PING_7 12, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0

static const struct {
	const char *name;
	size_t size;
	uint8_t bytes[80];
	const char *answer; // NULL: WELCOME, then disconnected
} malformed_cases[] = {
	{ "PING before HELLO", 12, { PING_7 }, "ERROR 0: 1; " },
	{ "skippable before HELLO", 8, { 8, 0, 0, 0, 0xff, 0, 1, 0 }, "ERROR 0: 1; " },
	{ "wrong magic", 24, { 24, 0, 0, 0, 1, 0, 0, 0, 'X', 0x52, 0x49, 0x4c, 1 },
			"ERROR 0: 1; " },
	{ "version 0", 24, { 24, 0, 0, 0, 1, 0, 0, 0, 0x4f, 0x52, 0x49, 0x4c, 0 }, "ERROR 0: 1; " },
	{ "short HELLO", 23, { 23, 0, 0, 0, 1, 0, 0, 0, 0x4f, 0x52, 0x49, 0x4c, 1 },
			"ERROR 0: 1; " },
	{ "size 0", 8, { 0, 0, 0, 0, 1, 0, 0, 0 }, "ERROR 0: 1; " },
	{ "size 7", 8, { 7, 0, 0, 0, 1, 0, 0, 0 }, "ERROR 0: 1; " },
	{ "huge", 8, { 1, 0, 1, 0, 1, 0, 0, 0 }, "ERROR 0: 1; " },
	{ "largest size", 8, { 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0 }, "ERROR 0: 1; " },
	{ "descriptor named, none sent", 24, { 24, 0, 0, 0, 1, 0, 0, 1, 0x4f, 0x52, 0x49, 0x4c, 1 },
			"ERROR 0: 1; " },
	{ "second HELLO", 48, { HELLO, HELLO }, NULL },
	{ "unknown type", 32, { HELLO, 8, 0, 0, 0, 0x40, 0, 0, 0 }, NULL },
	{ "a server's type", 36, { HELLO, 12, 0, 0, 0, 0x04, 1, 0, 0 }, NULL },
	{ "short PING", 35, { HELLO, 11, 0, 0, 0, 6, 0, 0, 0 }, NULL },
	{ "short SUBSCRIBE", 39, { HELLO, 15, 0, 0, 0, 2, 0, 0, 0 }, NULL },
	{ "short TAKEN", 47, { HELLO, 23, 0, 0, 0, 3, 0, 0, 0 }, NULL },
	{ "TAKEN of scanout 16", 48, { HELLO, 24, 0, 0, 0, 3, 0, 0, 0, 16 }, NULL },
	{ "TAKEN of what was not sent", 48,
			{ HELLO, 24, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, NULL },
	{ "short RELEASED", 35, { HELLO, 11, 0, 0, 0, 4, 0, 0, 0 }, NULL },
	{ "RELEASED 0", 36, { HELLO, 12, 0, 0, 0, 4, 0, 0, 0 }, NULL },
	{ "RELEASED of another's", 36, { HELLO, 12, 0, 0, 0, 4, 0, 0, 0, 1 }, NULL },
	{ "short GET_SNAPSHOT", 39, { HELLO, 15, 0, 0, 0, 5, 0, 0, 0, 1 }, NULL },
	{ "GET_SNAPSHOT with token 0", 40, { HELLO, 16, 0, 0, 0, 5, 0, 0, 0 }, NULL },
};

static void test_malformed_and_misplaced_messages(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	rig_show(rig, 0, res);
	struct peer *witness = rig_join(rig, 1, 0); // has buffer 1
	witness->text[0] = '\0';
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(malformed_cases); i++) {
		unsigned int n_lines = rig->n_log_lines;
		rig->share->log.guest_limit.started = false;
		struct peer *peer = rig_connect(rig);
		peer_send_bytes(peer, malformed_cases[i].bytes, malformed_cases[i].size, -1);
		rig_run(rig);
		const char *answer = malformed_cases[i].answer != NULL
						     ? malformed_cases[i].answer
						     : "WELCOME v1 4; ERROR 0: 1; ";
		CHECK(peer_said(peer, answer), "%s", malformed_cases[i].name);
		CHECK(peer->closed, "%s: not disconnected", malformed_cases[i].name);
		CHECK(rig->n_log_lines == n_lines + 1, "%s: %u lines", malformed_cases[i].name,
				rig->n_log_lines - n_lines);
		peer_finish(peer);
		free(peer);
		rig->peers[1] = NULL;
	}
	assert_int_equal(oriel_share_count_clients(rig->share), 1);
	assert_true(peer_said(witness, ""));
}

static void test_log_lines_are_limited(void **state) {
	struct rig *rig = *state;
	for (int i = 0; i < 1000; i++) {
		struct peer *peer = rig_connect(rig);
		peer_send_number(peer, ORIEL_SHARE_PING, 1);
		rig_run_share(rig);
		peer_finish(peer);
		free(peer);
		rig->peers[0] = NULL;
	}
	assert_true(rig->n_log_lines >= 1);
	assert_true(rig->n_log_lines < 500); // 5 a second, and this does not take a minute
}

static void test_released_only_of_what_is_gone(void **state) {
	struct rig *rig = *state;
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	rig_show(rig, 0, res);
	struct peer *early = rig_join(rig, 1, 0);
	struct peer *twice = rig_join(rig, 1, 0);
	peer_send_number(early, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_true(early->closed);
	rig_drop(rig, res);
	rig_run(rig);
	peer_send_number(twice, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_false(twice->closed);
	peer_send_number(twice, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_true(twice->closed);
}

static void test_released_only_of_what_is_ones_own(void **state) {
	struct rig *rig = *state;
	rig_show(rig, 0, rig_create(rig, 1, 64, 48));
	struct peer *owner = rig_join(rig, 0, 0);
	struct peer *thief = rig_join(rig, 0, 0);
	peer_send_get_snapshot(owner, 1, 0);
	rig_run(rig);
	peer_send_number(thief, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_true(thief->closed);
	assert_int_equal(rig->share->buffers.held.used, ORIEL_SHARE_LEAST_CHARGE);
	peer_send_number(owner, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_false(owner->closed);
	assert_int_equal(rig->share->buffers.held.used, 0);
}

// Longer messages, skippable ones, higher versions, unknown features: section 2 of the document.
static void test_what_later_versions_may_send(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_connect(rig);
	static const uint8_t hello[] = { 28, 0, 0, 0, 1, 0, 0xfe, 0, 0x4f, 0x52, 0x49, 0x4c, 9, 0,
		0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4 };
	static const uint8_t skippable[65536] = { 0, 0, 1, 0, 0x40, 0, 1, 0 };
	static const uint8_t long_ping[] = { 15, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 1, 2, 3 };
	peer_send_bytes(peer, hello, sizeof(hello), -1);
	peer_send_bytes(peer, skippable, sizeof(skippable), -1);
	peer_send_bytes(peer, long_ping, sizeof(long_ping), -1);
	rig_run(rig);
	assert_true(peer_said(peer, "WELCOME v1 4; PONG 7; "));
	// A TAKEN that came late, of scanouts on and off, is no error.
	peer_send_subscribe(peer, 0xffffffff, 0xffffffff);
	struct oriel_resource *res = rig_create(rig, 1, 8, 8);
	rig_show(rig, 0, res);
	peer_send_taken(peer, 0, 1);
	peer_send_taken(peer, 0, 1);
	peer_send_taken(peer, 1, 0);
	rig_show(rig, 0, NULL);
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_false(peer->closed);
}

static void test_messages_cut_anywhere(void **state) {
	struct rig *rig = *state;
	static const uint8_t bytes[] = { HELLO, PING_7, PING_7 };
	struct peer *peer = rig_connect(rig);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		peer_send_bytes(peer, &bytes[i], 1, -1);
		rig_run_share(rig);
	}
	rig_run(rig);
	assert_true(peer_said(peer, "WELCOME v1 4; PONG 7; PONG 7; "));
}

static void test_descriptors_from_clients_are_refused_and_closed(void **state) {
	struct rig *rig = *state;
	static const uint8_t bytes[] = { HELLO };
	static const uint8_t half[] = { 24, 0, 0 };
	for (int i = 0; i < 3; i++) {
		struct peer *peer = rig_connect(rig);
		if (i == 2) {
			peer_send_hello(peer);
			rig_run(rig);
			peer->text[0] = '\0';
		}
		peer_send_bytes(peer, i == 0 ? bytes : half, i == 0 ? sizeof(bytes) : sizeof(half),
				peer->fd);
		rig_run(rig);
		CHECK(peer_said(peer, "ERROR 0: 1; "), "case %d", i);
		CHECK(peer->closed, "case %d", i);
	}
	// The teardown counts descriptors.
}

static void test_a_client_that_does_not_read_costs_nothing(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 0, 0);
	const struct oriel_share_client *client = rig->share->clients[0];
	static const uint8_t ping[] = { PING_7 };
	size_t n_sent = 0;
	// Neither end waits; what the share does not read stays in the socket, which fills.
	for (int i = 0; i < 200000; i++) {
		if (send(peer->fd, ping, sizeof(ping), MSG_DONTWAIT) == (ssize_t)sizeof(ping)) {
			n_sent++;
		}
		if (i % 1000 == 0) {
			rig_run_share(rig);
		}
	}
	rig_run_share(rig);
	assert_true(n_sent < 200000);
	assert_true(oriel_fd_output_get_size(&client->out) <= ORIEL_SHARE_MAX_MESSAGE_SIZE);
	// The guest goes on, and others see it.
	rig->peers[0] = NULL; // so that it still does not read
	struct peer *other = rig_join(rig, 1, 0);
	struct oriel_resource *res = rig_create(rig, 1, 8, 8);
	rig_show(rig, 0, res);
	assert_true(peer_said(other, "BUFFER 1 8x8; CONFIG 0: 1 0,0 8x8; FRAME 0: #1 0,0 8x8; "));

	// When it reads again, everything is answered.
	size_t n_pongs = 0;
	for (int i = 0; i < 10000 && n_pongs < n_sent; i++) {
		uint8_t bytes[12 * 256];
		ssize_t n = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		n_pongs += n > 0 ? (size_t)n / 12 : 0;
		rig_run_share(rig);
	}
	assert_int_equal(n_pongs, n_sent);
	rig->peers[1] = peer; // the other took its place
}

static void test_news_do_not_pile_up_for_a_client_that_does_not_read(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 1, 1);
	struct oriel_resource *res = rig_create(rig, 1, 64, 48);
	rig_show(rig, 0, res);
	peer->text[0] = '\0';
	static uint8_t image[ORIEL_CURSOR_BYTES];
	for (uint32_t i = 0; i < 2000; i++) {
		rig_flush(rig, res, i % 64, i % 48, 1, 1);
		assert_int_equal(oriel_screen_set_cursor(&rig->screen, 0, image, 0, 0, (int)i, 0),
				0);
		rig_run_share(rig);
	}
	// The socket took some images; the newest comes last, and few in between.
	unsigned int n_images = 0;
	uint64_t last_serial = 0;
	peer_send_taken(peer, 0, 1);
	for (int i = 0; i < 1000; i++) {
		peer->text[0] = '\0';
		rig_run(rig);
		if (peer->image.serial != last_serial) {
			n_images++;
			last_serial = peer->image.serial;
		}
	}
	assert_int_equal(last_serial, 2000);
	assert_true(n_images < 100);
	assert_int_equal(peer->frame.sequence, 2001);
}

static void test_a_flood_of_requests_for_snapshots(void **state) {
	struct rig *rig = *state;
	rig_show(rig, 0, rig_create(rig, 1, 256, 256));
	struct peer *peer = rig_join(rig, 0, 0);
	struct peer *other = rig_join(rig, 0, 0);
	for (uint32_t i = 0; i < 2000; i++) {
		peer_send_get_snapshot(peer, 1 + i % 3, 0);
		peer_send_number(peer, ORIEL_SHARE_PING, i);
	}
	// One copy a turn, so that others have theirs.
	uint64_t used = 0;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(oriel_loop_dispatch(rig->loop, 0), 0);
		uint64_t now_used = rig->share->buffers.held.used;
		assert_true(now_used - used <= 2 * 256 * 256 * 4);
		used = now_used;
	}
	peer_send_get_snapshot(other, 1, 0);
	rig_run(rig);
	assert_true(peer_said(other, "SNAPSHOT 1: 0 buffer 5 256x256 #1; "));
	assert_int_equal(rig->share->buffers.held.used, 5 * 256 * 256 * 4);
}

static void test_half_a_message_and_then_nothing(void **state) {
	struct rig *rig = *state;
	struct peer *peer = rig_join(rig, 0, 0);
	static const uint8_t half[] = { 12, 0, 0, 0, 6, 0 };
	peer_send_bytes(peer, half, sizeof(half), -1);
	rig_run(rig);
	assert_int_equal(oriel_share_count_clients(rig->share), 1);
	peer_finish(peer);
	rig_run_share(rig);
	assert_int_equal(oriel_share_count_clients(rig->share), 0);
	assert_int_equal(rig->n_log_lines, 0); // who just goes is not worth a line
}

static void test_options(void **state) {
	struct rig *rig = *state;
	static const struct {
		const char *name;
		struct oriel_share_options options;
		int err;
	} cases[] = {
		{ "defaults", { .size = sizeof(struct oriel_share_options) }, 0 },
		{ "no size", { 0 }, -EINVAL },
		{ "another size", { .size = sizeof(struct oriel_share_options) - 1 }, -EINVAL },
		{ "most clients", { .size = sizeof(struct oriel_share_options), .max_clients = 64 },
				0 },
		{ "too many clients",
				{ .size = sizeof(struct oriel_share_options), .max_clients = 65 },
				-EINVAL },
		{ "no limit",
				{ .size = sizeof(struct oriel_share_options),
						.max_clients = ORIEL_LIMIT_OFF,
						.max_client_bytes = ORIEL_LIMIT_OFF },
				0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_share *share = NULL;
		int err = oriel_share_create(rig->loop, &cases[i].options, &share);
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		CHECK((share != NULL) == (err == 0), "%s", cases[i].name);
		oriel_share_destroy(share);
	}
	assert_int_equal(oriel_share_create(rig->loop, NULL, &rig->share), -EINVAL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_snapshot_at_any_time),
		RIG_TEST(test_snapshot_does_not_change_any_more),
		RIG_TEST(test_snapshot_with_cursor),
		RIG_TEST(test_snapshots_are_limited_and_released),
		RIG_TEST(test_snapshot_over_the_budget),
		RIG_TEST(test_who_holds_too_much_of_what_is_gone_is_disconnected),
		RIG_TEST(test_buffer_that_does_not_fit_alone),
		RIG_TEST(test_clients_are_limited),
		RIG_TEST(test_no_clients_at_all),
		RIG_TEST(test_hello_has_a_deadline),
		RIG_TEST(test_malformed_and_misplaced_messages),
		RIG_TEST(test_log_lines_are_limited),
		RIG_TEST(test_released_only_of_what_is_gone),
		RIG_TEST(test_released_only_of_what_is_ones_own),
		RIG_TEST(test_what_later_versions_may_send),
		RIG_TEST(test_messages_cut_anywhere),
		RIG_TEST(test_descriptors_from_clients_are_refused_and_closed),
		RIG_TEST(test_a_client_that_does_not_read_costs_nothing),
		RIG_TEST(test_news_do_not_pile_up_for_a_client_that_does_not_read),
		RIG_TEST(test_a_flood_of_requests_for_snapshots),
		RIG_TEST(test_half_a_message_and_then_nothing),
		RIG_TEST(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
