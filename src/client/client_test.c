// SPDX-License-Identifier: MIT
/*
 * Tests of the client library against a server written by hand, a good one. hostile_test.c has the
 * others.
 */
#include "oriel/client.h"

#include "fixture/check.h"
#include "fixture/client_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void test_frames(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	assert_int_equal(oriel_client_count_scanouts(pair->client), 2);
	assert_int_equal(pair->event->scanout, 0);
	const struct oriel_client_scanout *scanout = oriel_client_get_scanout(pair->client, 0);
	assert_int_equal(scanout->width, 10);
	assert_int_equal(scanout->height, 5);
	assert_int_equal(scanout->stride, 64);
	assert_int_equal(scanout->fourcc, PAIR_AR24);
	assert_int_equal(scanout->pixels[0], (uint8_t)((64 + 8) * 7));
	assert_int_equal(scanout->pixels[4 * 64 + 9 * 4 + 3], (uint8_t)((5 * 64 + 11 * 4 + 3) * 7));
	assert_int_equal(oriel_client_end_frame(pair->client, 0), 0); // none yet: a no-op
	pair_send_frame(pair, 0, 41, 1, 2, 9, 3);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_FRAME);
	assert_int_equal(pair->event->scanout, 0);
	assert_int_equal(pair->event->sequence, 41);
	assert_int_equal(pair->event->damage.x, 1);
	assert_int_equal(pair->event->damage.height, 3);
	assert_int_equal(scanout->sequence, 41);
	assert_true(pair_said(pair, ""));
	assert_int_equal(oriel_client_end_frame(pair->client, 0), 0);
	assert_int_equal(oriel_client_end_frame(pair->client, 0), 0);
	assert_int_equal(oriel_client_end_frame(pair->client, 16), -EINVAL);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "TAKEN 0: #41; "));
	// Off, before the frame is ended: it is to be ended all the same.
	pair_send_frame(pair, 0, 42, 0, 0, 1, 1);
	pair_send_config(pair, 0, 0, 0, 0, 0, 0);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_FRAME);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	assert_null(scanout->pixels);
	assert_int_equal(scanout->width, 0);
	assert_int_equal(oriel_client_end_frame(pair->client, 0), 0);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "TAKEN 0: #42; "));
	assert_null(oriel_client_get_scanout(pair->client, 16));
	assert_null(oriel_client_get_cursor(pair->client, 16));
}

static void test_buffers_that_go(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	struct oriel_share_buffer_info info = pair_make_info(2);
	pair_send_buffer(pair, &info);
	pair_send_config(pair, 0, 2, 0, 0, 16, 8);
	peer_send_number(&pair->server, ORIEL_SHARE_GONE, 1);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "RELEASED 1; "));
	assert_non_null(oriel_client_get_scanout(pair->client, 0)->pixels);
	// One that is shown still: off, and nothing is read from it any more.
	peer_send_number(&pair->server, ORIEL_SHARE_GONE, 2);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "RELEASED 2; "));
	assert_null(oriel_client_get_scanout(pair->client, 0)->pixels);
	// Its id may be used again.
	pair_send_buffer(pair, &info);
	pair_send_config(pair, 1, 2, 0, 0, 16, 8);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	assert_int_equal(pair->event->scanout, 1);
}

/** A dma-buf comes to who asked for it; here it is a sealed memfd, which is as safe to read. */
static void test_dmabufs(void **state) {
	struct pair *pair = *state;
	assert_int_equal(oriel_client_request_dmabufs(pair->client), 0);
	assert_int_equal(oriel_client_subscribe(pair->client, 1, 0), 0);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "HELLO v1; SUBSCRIBE 1 0; "));
	assert_true((pair->server.hello.features & ORIEL_SHARE_FEATURE_DMABUF) != 0);
	assert_int_equal(oriel_client_request_dmabufs(pair->client), -EINVAL); // too late
	const struct oriel_share_welcome welcome = { .magic = ORIEL_SHARE_MAGIC,
		.version = ORIEL_SHARE_VERSION,
		.features = ORIEL_SHARE_FEATURE_DMABUF,
		.n_scanouts = 2 };
	PEER_SEND(&pair->server, -1, oriel_share_encode_welcome, &welcome);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_WELCOME);
	struct oriel_share_buffer_info info = pair_make_info(1);
	info.flags = ORIEL_SHARE_BUFFER_DMABUF;
	pair_send_buffer(pair, &info);
	info.buffer_id = 2;
	info.modifier = UINT64_C(0x0100000000000001);
	pair_send_buffer(pair, &info);
	pair_send_config(pair, 0, 1, 2, 1, 10, 5);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	const struct oriel_client_scanout *scanout = oriel_client_get_scanout(pair->client, 0);
	assert_int_equal(scanout->pixels[0], (uint8_t)((64 + 8) * 7));
	assert_non_null(scanout->dmabuf);
	assert_int_equal(scanout->dmabuf->x, 2);
	assert_int_equal(scanout->dmabuf->y, 1);
	assert_int_equal(scanout->dmabuf->width, 16);
	assert_int_equal(scanout->dmabuf->stride, 64);
	assert_true(fcntl(scanout->dmabuf->fd, F_GETFD) >= 0);
	// This one is a memfd: the kernel says so. Of a dma-buf it is asked for real in a guest.
	assert_int_equal(oriel_client_begin_read(pair->client, 0), -ENOTTY);
	assert_int_equal(oriel_client_begin_read(pair->client, 1), -EINVAL);
	const int fd = scanout->dmabuf->fd;
	// In an order that only a GPU knows: nothing to read, but something to import.
	pair_send_config(pair, 0, 2, 0, 0, 16, 8);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	assert_null(scanout->pixels);
	assert_int_equal(scanout->width, 16);
	assert_true(scanout->dmabuf->modifier == info.modifier);
	peer_send_number(&pair->server, ORIEL_SHARE_GONE, 1);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	pair_send_config(pair, 0, 0, 0, 0, 0, 0);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	assert_null(scanout->dmabuf);
}

static void send_cursor(struct pair *pair, uint32_t flags, int32_t x, int32_t y, uint64_t serial) {
	struct oriel_share_cursor cursor = { 1, flags, x, y, serial };
	PEER_SEND(&pair->server, -1, oriel_share_encode_cursor, &cursor);
}

static void test_cursors(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	static uint8_t pixels[ORIEL_SHARE_CURSOR_BYTES];
	memset(pixels, 0x44, sizeof(pixels));
	struct oriel_share_cursor_image image = { 1, 64, 64, 3, 63, 9, pixels };
	PEER_SEND(&pair->server, -1, oriel_share_encode_cursor_image, &image);
	send_cursor(pair, 1, -5, 6, 9);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_CURSOR);
	assert_int_equal(pair->event->scanout, 1);
	const struct oriel_client_cursor *cursor = oriel_client_get_cursor(pair->client, 1);
	assert_true(cursor->visible);
	assert_int_equal(cursor->x, -5);
	assert_int_equal(cursor->y, 6);
	assert_int_equal(cursor->hot_x, 3);
	assert_int_equal(cursor->hot_y, 63);
	assert_int_equal(cursor->serial, 9);
	assert_memory_equal(cursor->pixels, pixels, sizeof(pixels));
	send_cursor(pair, 0, 7, 8, 0);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_CURSOR);
	assert_false(cursor->visible);
	assert_int_equal(cursor->x, 7);
	send_cursor(pair, 1, 7, 8, 9); // the same image again
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_CURSOR);
	assert_true(cursor->visible);
	assert_int_equal(oriel_client_subscribe(pair->client, 3, 0), 0);
	assert_false(cursor->visible);
	send_cursor(pair, 1, 1, 1, 9); // crossed with that
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_false(cursor->visible);
}

static void test_snapshots(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	uint32_t token = 0;
	assert_int_equal(oriel_client_request_snapshot(pair->client, 1, &token), 0);
	assert_int_equal(token, 1);
	assert_int_equal(oriel_client_request_snapshot(pair->client, 9, &token), 0);
	assert_int_equal(token, 2);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "GET_SNAPSHOT 1: 1; GET_SNAPSHOT 2: 9; "));
	struct oriel_share_snapshot s = pair_make_snapshot(1, 50, true);
	pair_send_snapshot(pair, &s, (size_t)s.size);
	struct oriel_share_error error = { 2, 5, "no \x1b[31mscanout\n9", 16 };
	PEER_SEND(&pair->server, -1, oriel_share_encode_error, &error);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SNAPSHOT);
	assert_int_equal(pair->event->token, 1);
	assert_int_equal(pair->event->scanout, 1);
	const struct oriel_client_snapshot *got = pair->event->snapshot;
	assert_int_equal(got->width, 16);
	assert_int_equal(got->height, 8);
	assert_int_equal(got->stride, 64);
	assert_int_equal(got->sequence, 77);
	assert_int_equal(got->pixels[511], (uint8_t)(511 * 7));
	assert_true(got->cursor.visible);
	assert_int_equal(got->cursor.x, -1);
	assert_int_equal(got->cursor.y, -2);
	assert_int_equal(got->cursor.hot_x, 3);
	assert_int_equal(got->cursor.hot_y, 4);
	assert_int_equal(got->cursor.serial, 5);
	assert_ptr_equal(got->cursor.pixels, got->pixels + 512);
	assert_int_equal(got->cursor.pixels[16383], (uint8_t)((512 + 16383) * 7));
	assert_true(pair_said(pair, ""));
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_ERROR);
	assert_int_equal(pair->event->token, 2);
	assert_int_equal(pair->event->code, 5);
	assert_string_equal(pair->event->text, "no ?[31mscanout?");
	assert_true(pair_said(pair, "RELEASED 50; "));
	// Its id may be used again.
	assert_int_equal(oriel_client_request_snapshot(pair->client, 1, &token), 0);
	s = pair_make_snapshot(token, 50, false);
	pair_send_snapshot(pair, &s, (size_t)s.size);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SNAPSHOT);
	assert_null(pair->event->snapshot->cursor.pixels);
}

static void test_requests_are_limited(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	uint32_t token = 0;
	for (uint32_t i = 1; i <= ORIEL_CLIENT_MAX_REQUESTS; i++) {
		assert_int_equal(oriel_client_request_snapshot(pair->client, 0, &token), 0);
	}
	assert_int_equal(oriel_client_request_snapshot(pair->client, 0, &token), -EAGAIN);
	assert_int_equal(token, ORIEL_CLIENT_MAX_REQUESTS);
	struct oriel_share_error error = { 1, 6, "", 0 };
	PEER_SEND(&pair->server, -1, oriel_share_encode_error, &error);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_ERROR);
	assert_int_equal(oriel_client_request_snapshot(pair->client, 0, &token), 0);
}

static void test_sizes(void **state) {
	struct pair *pair = *state;
	const struct oriel_client_size size = { 800, 600, 75000 };
	uint32_t token = 77;
	assert_int_equal(oriel_client_request_size(pair->client, 1, &size, &token), -EAGAIN);
	struct oriel_share_welcome welcome = { .magic = ORIEL_SHARE_MAGIC,
		.version = 1,
		.features = ORIEL_SHARE_FEATURE_SIZES,
		.n_scanouts = 2 };
	PEER_SEND(&pair->server, -1, oriel_share_encode_welcome, &welcome);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_WELCOME);
	assert_int_equal(oriel_client_request_size(pair->client, 1, &size, &token), 0);
	assert_int_equal(token, 1);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_true(pair_said(pair, "HELLO v1; SET_SIZE 1: 1 800x600@75000; "));
	peer_send_number(&pair->server, ORIEL_SHARE_SIZE_SET, 1);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SIZE_SET);
	assert_int_equal(pair->event->token, 1);
	peer_send_number(&pair->server, ORIEL_SHARE_SIZE_SET, 1); // nobody asked again
	assert_int_equal(pair_next(pair), -EPROTO);
}

static void test_no_sizes(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	const struct oriel_client_size size = { 800, 600, 0 };
	uint32_t token = 77;
	assert_int_equal(oriel_client_request_size(pair->client, 0, &size, &token), -EOPNOTSUPP);
	assert_int_equal(token, 77);
}

static void test_pong_and_skippable(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	assert_int_equal(oriel_client_ping(pair->client, 12), 0);
	static const uint8_t skippable[] = { 9, 0, 0, 0, 0x80, 0, 1, 1, 0xee };
	peer_send_bytes(&pair->server, skippable, sizeof(skippable), pair->server.fd);
	peer_send_number(&pair->server, ORIEL_SHARE_PONG, 12);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_PONG);
	assert_int_equal(pair->event->token, 12);
	assert_true(pair_said(pair, "PING 12; "));
}

// What a SUBSCRIBE crosses with is ignored; what comes after it counts.
static void test_messages_of_the_subscription_before(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	assert_int_equal(oriel_client_subscribe(pair->client, 0, 0), 0);
	assert_null(oriel_client_get_scanout(pair->client, 0)->pixels);
	pair_send_frame(pair, 0, 5, 0, 0, 10, 5);
	pair_send_config(pair, 0, 1, 0, 0, 16, 8);
	pair_send_frame(pair, 0, 6, 0, 0, 16, 8);
	assert_int_equal(pair_next(pair), -EAGAIN);
	assert_null(oriel_client_get_scanout(pair->client, 0)->pixels);
	assert_int_equal(oriel_client_subscribe(pair->client, 1, 0), 0);
	pair_send_frame(pair, 0, 7, 15, 7, 1, 1);
	pair_send_config(pair, 0, 1, 0, 0, 16, 8);
	pair_send_frame(pair, 0, 7, 0, 0, 16, 8);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_SCANOUT);
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_FRAME);
	assert_int_equal(pair->event->damage.width, 16);
}

static void test_the_end(void **state) {
	struct pair *pair = *state;
	struct oriel_share_error error = { 0, 3, "too many clients", 16 };
	PEER_SEND(&pair->server, -1, oriel_share_encode_error, &error);
	peer_finish(&pair->server);
	// HELLO cannot be sent; what the server said is read all the same.
	assert_int_equal(pair_next(pair), ORIEL_CLIENT_ERROR);
	assert_int_equal(pair->event->token, 0);
	assert_int_equal(pair->event->code, 3);
	assert_string_equal(pair->event->text, "too many clients");
	assert_int_equal(pair_next(pair), -ENOTCONN);
	assert_int_equal(pair_next(pair), -ENOTCONN);
}

static void test_waiting(void **state) {
	struct pair *pair = *state;
	assert_int_equal(oriel_client_get_poll_events(pair->client), POLLIN | POLLOUT); // HELLO
	assert_int_equal(oriel_client_wait(pair->client, 20, &pair->event), -EAGAIN);
	assert_int_equal(oriel_client_get_poll_events(pair->client), POLLIN);
	pair_send_welcome(pair);
	assert_int_equal(oriel_client_wait(pair->client, -1, &pair->event), 0);
	assert_true(pair_said(pair, "HELLO v1; "));
}

static void test_too_much_to_send(void **state) {
	struct pair *pair = *state;
	pair_begin(pair);
	uint32_t n = 0;
	while (oriel_client_ping(pair->client, n) == 0) {
		n++;
		assert_true(n < 1000);
	}
	assert_int_equal(oriel_client_subscribe(pair->client, 1, 1), -EAGAIN);
	assert_int_equal(oriel_client_get_poll_events(pair->client), POLLOUT);
	assert_int_equal(pair_next(pair), -EAGAIN); // sends
	assert_int_equal(oriel_client_get_poll_events(pair->client), POLLIN);
	assert_int_equal(oriel_client_ping(pair->client, n), 0);
}

static void test_connect(void **state) {
	struct pair *pair = *state;
	struct oriel_client *client = NULL;
	char folder[] = "/tmp/client_test_XXXXXX";
	assert_non_null(mkdtemp(folder));
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	assert_int_equal(oriel_client_connect(address.sun_path, &client), -ENOENT);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(oriel_client_connect(address.sun_path, &client), -ECONNREFUSED);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(oriel_client_connect(address.sun_path, &client), 0);
	oriel_client_destroy(client);
	client = NULL;
	close(fd);
	unlink(address.sun_path);
	rmdir(folder);
	char path[200];
	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	assert_int_equal(oriel_client_connect(path, &client), -EINVAL);
	assert_int_equal(oriel_client_connect("", &client), -EINVAL);
	assert_null(client);
	assert_int_equal(pair_next(pair), -EAGAIN);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		PAIR_TEST(test_frames),
		PAIR_TEST(test_buffers_that_go),
		PAIR_TEST(test_dmabufs),
		PAIR_TEST(test_cursors),
		PAIR_TEST(test_snapshots),
		PAIR_TEST(test_requests_are_limited),
		PAIR_TEST(test_sizes),
		PAIR_TEST(test_no_sizes),
		PAIR_TEST(test_pong_and_skippable),
		PAIR_TEST(test_messages_of_the_subscription_before),
		PAIR_TEST(test_the_end),
		PAIR_TEST(test_waiting),
		PAIR_TEST(test_too_much_to_send),
		PAIR_TEST(test_connect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
