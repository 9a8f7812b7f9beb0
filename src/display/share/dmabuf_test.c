// SPDX-License-Identifier: MIT
/*
 * Tests of dma-bufs on the display socket: who gets them, who gets pixels, and when these are
 * fetched. The files are no dma-bufs; nobody looks into them.
 */
#include "fixture/share_rig.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TILED UINT64_C(0x0200000000000003)

static struct oriel_dmabuf *make_dmabuf(const struct oriel_resource *res, bool is_guest_memory) {
	const struct oriel_dmabuf_layout layout = { .format = oriel_format_at(0),
		.modifier = TILED,
		.width = 100,
		.height = 80,
		.stride = 512,
		.offset = 64,
		.is_guest_memory = is_guest_memory };
	int fd = memfd_create("no-dmabuf", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 100 * 80 * 4), 0);
	struct oriel_dmabuf *dmabuf = NULL;
	assert_int_equal(oriel_dmabuf_create_take(fd, &layout, &dmabuf), 0);
	(void)res;
	return dmabuf;
}

/** Show an image of 64x48 beside a part of a dma-buf, whose pixels are behind. */
static void show(struct rig *rig, uint32_t scanout_id, struct oriel_resource *image,
		struct oriel_dmabuf *dmabuf) {
	const struct oriel_picture picture = { .res = image,
		.src = { 0, 0, image->width, image->height },
		.dmabuf = dmabuf,
		.dmabuf_x = 7,
		.dmabuf_y = 8,
		.is_behind = true };
	oriel_screen_set_picture(&rig->screen, scanout_id, &picture);
	oriel_screen_flush(&rig->screen, image, &picture.src);
	rig_run(rig);
}

/** Connect a client that takes dma-bufs. */
static struct peer *join(struct rig *rig, uint32_t frames) {
	struct peer *peer = rig_connect(rig);
	const struct oriel_share_hello hello = { ORIEL_SHARE_MAGIC, ORIEL_SHARE_VERSION,
		ORIEL_SHARE_FEATURE_DMABUF };
	PEER_SEND(peer, -1, oriel_share_encode_hello, &hello);
	rig_run(rig);
	assert_true(peer_said(peer, "WELCOME v1 4; "));
	peer_send_subscribe(peer, frames, 0);
	rig_run(rig);
	return peer;
}

static struct {
	uint32_t n_calls;
	bool is_late;
} fetches;

static void end_fetch(struct oriel_screen *screen, uint32_t scanout_id) {
	const struct oriel_scanout *scanout = &screen->scanouts[scanout_id];
	const struct oriel_rect all = scanout->src;
	oriel_screen_set_behind(screen, scanout_id, false);
	oriel_screen_flush(screen, scanout->res, &all);
}

static void fetch(struct oriel_screen *screen, uint32_t scanout_id) {
	fetches.n_calls++;
	if (!fetches.is_late) {
		end_fetch(screen, scanout_id);
	}
}

static int setup(void **state) {
	int err = rig_setup(state);
	fetches.n_calls = 0;
	fetches.is_late = false;
	((struct rig *)*state)->screen.fetch_pixels = fetch;
	return err;
}

static void test_who_asked_gets_it(void **state) {
	struct rig *rig = *state;
	assert_int_equal(oriel_screen_get_dmabufs(&rig->screen), 0);
	struct peer *peer = join(rig, 1);
	assert_int_equal(oriel_screen_get_dmabufs(&rig->screen), ORIEL_DISPLAY_TAKES_DMABUFS);
	struct oriel_resource *image = rig_create(rig, 1, 64, 48);
	struct oriel_dmabuf *dmabuf = make_dmabuf(image, false);
	show(rig, 0, image, dmabuf);
	assert_true(peer_said(peer, "BUFFER 1 100x80; CONFIG 0: 1 7,8 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	assert_int_equal(peer->buffer.flags, ORIEL_SHARE_BUFFER_DMABUF);
	assert_true(peer->buffer.modifier == TILED);
	assert_int_equal(peer->buffer.stride, 512);
	assert_int_equal(peer->buffer.offset, 64);
	assert_int_equal(peer->buffer.size, 100 * 80 * 4);
	assert_int_equal(peer->buffer.fourcc, oriel_format_at(0)->fourcc);
	struct stat a, b;
	assert_int_equal(fstat(peer->buffer_fds[1], &a), 0);
	assert_int_equal(fstat(dmabuf->fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	// Nobody needs pixels, also when it is flushed.
	assert_false(oriel_screen_needs_pixels(&rig->screen, 0));
	peer_send_taken(peer, 0, 1);
	rig_flush(rig, image, 1, 2, 3, 4);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #2 1,2 3x4; "));
	assert_int_equal(fetches.n_calls, 0);
	oriel_dmabuf_release(dmabuf);
	// Who goes takes the wish along.
	peer_finish(peer);
	rig_run(rig);
	assert_int_equal(oriel_screen_get_dmabufs(&rig->screen), 0);
}

/** One with pixels beside one with dma-bufs: each has its own, and its own damage. */
static void test_both_kinds(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig, 1);
	struct oriel_resource *images[2] = { rig_create(rig, 1, 64, 48),
		rig_create(rig, 2, 64, 48) };
	struct oriel_dmabuf *dmabuf = make_dmabuf(images[0], false);
	show(rig, 0, images[0], dmabuf);
	assert_true(peer_said(peer, "BUFFER 1 100x80; CONFIG 0: 1 7,8 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	struct peer *plain = rig_join(rig, 1, 0);
	assert_int_equal(fetches.n_calls, 1);
	assert_true(oriel_screen_needs_pixels(&rig->screen, 0));
	assert_true(peer_said(plain, "BUFFER 2 64x48; CONFIG 0: 2 0,0 64x48; "
				     "FRAME 0: #2 0,0 64x48; "));
	assert_int_equal(plain->buffer.flags, 0);
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #2 0,0 64x48; "));
	peer_send_taken(peer, 0, 2);
	peer_send_taken(plain, 0, 2);
	// The image changes its place with another one, as after each read-back.
	struct oriel_picture picture = { .res = images[1],
		.src = { 0, 0, 64, 48 },
		.dmabuf = dmabuf,
		.dmabuf_x = 7,
		.dmabuf_y = 8 };
	oriel_screen_set_picture(&rig->screen, 0, &picture);
	rig_flush(rig, images[1], 1, 2, 3, 4);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #3 1,2 3x4; "));
	assert_true(peer_said(plain, "BUFFER 3 64x48; CONFIG 0: 3 0,0 64x48; "
				     "FRAME 0: #3 0,0 64x48; "));
	oriel_dmabuf_release(dmabuf);
}

/** Guest memory is for no client, whatever it asked for. */
static void test_guest_memory_is_for_nobody(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig, 1);
	struct oriel_resource *image = rig_create(rig, 1, 64, 48);
	struct oriel_dmabuf *dmabuf = make_dmabuf(image, true);
	show(rig, 0, image, dmabuf);
	oriel_dmabuf_release(dmabuf);
	assert_true(oriel_screen_needs_pixels(&rig->screen, 0));
	assert_int_equal(fetches.n_calls, 1);
	assert_true(peer_said(peer, "BUFFER 1 64x48; CONFIG 0: 1 0,0 64x48; "
				    "FRAME 0: #2 0,0 64x48; "));
	assert_int_equal(peer->buffer.flags, 0);
}

/** The guest's resource goes: the client has the dma-buf until it releases it, and pays for it. */
static void test_gone(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig, 1);
	struct oriel_resource *image = rig_create(rig, 1, 64, 48);
	struct oriel_resource *guests = rig_create(rig, 2, 64, 48);
	rig->limits.dmabufs.limit = 1;
	assert_int_equal(oriel_resource_set_dmabuf_take(guests, make_dmabuf(image, false)), 0);
	show(rig, 0, image, guests->dmabuf);
	assert_true(peer_said(peer, "BUFFER 1 100x80; CONFIG 0: 1 7,8 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	assert_int_equal(rig->share->buffers.held.used, 0);
	oriel_screen_set_scanout(&rig->screen, 0, NULL, NULL);
	rig_drop(rig, guests);
	rig_run(rig);
	assert_true(peer_said(peer, "CONFIG 0: 0 0,0 0x0; GONE 1; "));
	assert_true(rig->share->buffers.held.used > 0);
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 1);
	rig_run(rig);
	assert_int_equal(rig->share->buffers.held.used, 0);
	assert_true(peer_said(peer, ""));
}

/**
 * The guest flips to another resource, does not flush it, and drops the first, while the client is
 * still busy with that: what comes next is the other one, and nothing of the first is left.
 */
static void test_gone_after_a_flip(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig, 1);
	struct oriel_resource *image = rig_create(rig, 1, 64, 48);
	struct oriel_resource *guests[2] = { rig_create(rig, 2, 64, 48),
		rig_create(rig, 3, 64, 48) };
	rig->limits.dmabufs.limit = 2;
	for (size_t i = 0; i < 2; i++) {
		struct oriel_dmabuf *dmabuf = make_dmabuf(image, false);
		assert_int_equal(oriel_resource_set_dmabuf_take(guests[i], dmabuf), 0);
	}
	show(rig, 0, image, guests[0]->dmabuf);
	assert_true(peer_said(peer, "BUFFER 1 100x80; CONFIG 0: 1 7,8 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	rig_flush(rig, image, 1, 2, 3, 4);
	const struct oriel_picture picture = { .res = image,
		.src = { 0, 0, 64, 48 },
		.dmabuf = guests[1]->dmabuf,
		.is_behind = true };
	oriel_screen_set_picture(&rig->screen, 0, &picture);
	rig_drop(rig, guests[0]);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "BUFFER 2 100x80; CONFIG 0: 2 0,0 64x48; "
				    "FRAME 0: #2 0,0 64x48; GONE 1; "));
	struct stat a, b;
	assert_int_equal(fstat(peer->buffer_fds[2], &a), 0);
	assert_int_equal(fstat(guests[1]->dmabuf->fd, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 1);
	oriel_screen_set_scanout(&rig->screen, 0, NULL, NULL);
	rig_drop(rig, guests[1]);
	rig_run(rig);
	assert_true(peer_said(peer, "CONFIG 0: 0 0,0 0x0; GONE 2; "));
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 2);
	rig_run(rig);
	assert_int_equal(rig->share->buffers.by_id.len, 0);
}

/** A snapshot is of pixels: it waits until they are there, and what is behind it waits, too. */
static void test_snapshot_waits(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig, 1);
	struct oriel_resource *image = rig_create(rig, 1, 64, 48);
	struct oriel_dmabuf *dmabuf = make_dmabuf(image, false);
	show(rig, 0, image, dmabuf);
	oriel_dmabuf_release(dmabuf);
	assert_true(peer_said(peer, "BUFFER 1 100x80; CONFIG 0: 1 7,8 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	fetches.is_late = true;
	peer_send_get_snapshot(peer, 5, 0);
	peer_send_number(peer, ORIEL_SHARE_PING, 6);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	assert_true(fetches.n_calls >= 1);
	end_fetch(&rig->screen, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 5: 0 buffer 2 64x48 #2; PONG 6; "));
	peer_send_number(peer, ORIEL_SHARE_RELEASED, 2);
	// Off, or gone, in the meantime.
	oriel_screen_set_behind(&rig->screen, 0, true);
	peer_send_get_snapshot(peer, 7, 0);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	oriel_screen_set_scanout(&rig->screen, 0, NULL, NULL);
	rig_run(rig);
	assert_true(peer_said(peer, "ERROR 7: 6; CONFIG 0: 0 0,0 0x0; "));
	show(rig, 0, image, dmabuf = make_dmabuf(image, false));
	oriel_dmabuf_release(dmabuf);
	peer_send_get_snapshot(peer, 8, 0);
	rig_run(rig);
	peer_finish(peer);
	rig_run(rig);
	end_fetch(&rig->screen, 0);
	rig_run(rig);
	assert_int_equal(oriel_share_count_clients(rig->share), 0);
}

/**
 * What is waited for is not shown any more when something else is, and nobody draws that: then the
 * snapshot is of the other picture, at once, or when its own pixels are there.
 */
static void test_snapshot_of_what_comes_instead(void **state) {
	struct rig *rig = *state;
	struct peer *peer = join(rig, 1);
	struct oriel_resource *images[3] = { rig_create(rig, 1, 64, 48), rig_create(rig, 2, 32, 16),
		rig_create(rig, 3, 64, 48) };
	struct oriel_dmabuf *dmabufs[2] = { make_dmabuf(images[0], false),
		make_dmabuf(images[2], false) };
	show(rig, 0, images[0], dmabufs[0]);
	assert_true(peer_said(peer, "BUFFER 1 100x80; CONFIG 0: 1 7,8 64x48; "
				    "FRAME 0: #1 0,0 64x48; "));
	fetches.is_late = true;
	peer_send_get_snapshot(peer, 5, 0);
	rig_run(rig);
	const struct oriel_rect src = { 0, 0, 32, 16 };
	oriel_screen_set_scanout(&rig->screen, 0, images[1], &src);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 5: 0 buffer 2 32x16 #1; "));

	// Another one of the same kind: its pixels are asked for, too.
	show(rig, 0, images[0], dmabufs[0]);
	assert_true(peer_said(peer, ""));
	peer_send_taken(peer, 0, 1);
	rig_run(rig);
	assert_true(peer_said(peer, "FRAME 0: #2 0,0 64x48; "));
	peer_send_get_snapshot(peer, 6, 0);
	rig_run(rig);
	const uint32_t n_before = fetches.n_calls;
	const struct oriel_picture picture = { .res = images[2],
		.src = { 0, 0, 64, 48 },
		.dmabuf = dmabufs[1],
		.is_behind = true };
	oriel_screen_set_picture(&rig->screen, 0, &picture);
	rig_run(rig);
	assert_true(peer_said(peer, ""));
	assert_int_equal(fetches.n_calls, n_before + 1);
	end_fetch(&rig->screen, 0);
	rig_run(rig);
	assert_true(peer_said(peer, "SNAPSHOT 6: 0 buffer 3 64x48 #3; "));
	oriel_dmabuf_release(dmabufs[0]);
	oriel_dmabuf_release(dmabufs[1]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_asked_gets_it, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_both_kinds, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_guest_memory_is_for_nobody, setup,
				rig_teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_gone_after_a_flip, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_waits, setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_of_what_comes_instead, setup,
				rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
