// SPDX-License-Identifier: MIT
/*
 * The display socket's server and its client library against each other: what the library says a
 * screen looks like is what the guest drew.
 */
#include "oriel/client.h"

#include "fixture/check.h"
#include "fixture/share_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct view {
	struct rig *rig;
	struct oriel_client *client;
	uint8_t *picture; // what has been painted, 4 bytes a pixel, 64x64
	unsigned int n_frames;
	uint64_t sequence;
};

/** Copy the damage into the picture, as a viewer does. */
static void paint(struct view *view, const struct oriel_client_event *event) {
	const struct oriel_client_scanout *scanout =
			oriel_client_get_scanout(view->client, event->scanout);
	const struct oriel_client_rect *damage = &event->damage;
	for (uint32_t y = damage->y; y < damage->y + damage->height; y++) {
		memcpy(&view->picture[(y * 64 + damage->x) * 4],
				scanout->pixels + (size_t)y * scanout->stride + damage->x * 4,
				damage->width * 4);
	}
	view->n_frames++;
	view->sequence = event->sequence;
}

/** Let both ends run until nothing more happens; frames are painted and ended. */
static void run_view(struct view *view) {
	for (int n_idle = 0; n_idle < 3; n_idle++) { // what is said and answered takes two turns
		const struct oriel_client_event *event;
		int err = oriel_client_wait(view->client, 0, &event);
		if (err == 0 && event->type == ORIEL_CLIENT_FRAME) {
			paint(view, event);
			assert_int_equal(oriel_client_end_frame(view->client, event->scanout), 0);
		}
		if (err == 0) {
			n_idle = 0;
		} else {
			assert_int_equal(err, -EAGAIN);
		}
		rig_run_share(view->rig);
	}
}

static void view_begin(struct view *view, struct rig *rig) {
	*view = (struct view){ .rig = rig, .picture = calloc(64 * 64, 4) };
	assert_non_null(view->picture);
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(oriel_share_add_client_take(rig->share, fds[0]), 0);
	assert_int_equal(oriel_client_create_take(fds[1], &view->client), 0);
	assert_int_equal(oriel_client_subscribe(view->client, 3, 3), 0);
	run_view(view);
}

static void view_end(struct view *view) {
	oriel_client_destroy(view->client);
	free(view->picture);
}

static bool shows(const struct view *view, const struct oriel_resource *res) {
	for (uint32_t y = 0; y < res->height; y++) {
		if (memcmp(&view->picture[y * 64 * 4], res->pixels + (size_t)y * res->stride,
				    res->width * 4) != 0) {
			return false;
		}
	}
	return true;
}

static void test_a_viewer_sees_what_is_drawn(void **state) {
	struct rig *rig = *state;
	struct view view;
	view_begin(&view, rig);
	assert_int_equal(oriel_client_count_scanouts(view.client), 4);
	struct oriel_resource *front = rig_create(rig, 1, 64, 64);
	struct oriel_resource *back = rig_create(rig, 2, 64, 64);
	uint32_t seed = 1;
	for (uint32_t i = 0; i < 200; i++) {
		struct oriel_resource *res = i % 3 == 0 ? front : back;
		seed = seed * 1103515245 + 12345;
		uint32_t x = seed >> 16 & 31;
		uint32_t y = seed >> 21 & 31;
		for (uint32_t row = y; row < y + 32; row++) {
			memset(res->pixels + row * res->stride + x * 4, (int)(seed >> 8), 32 * 4);
		}
		rig_set(rig, 0, res);
		rig_flush(rig, res, x, y, 32, 32);
		if (i % 5 == 0) {
			run_view(&view);
			assert_true(shows(&view, res));
		}
	}
	run_view(&view);
	assert_true(view.n_frames > 40 && view.n_frames < 200); // some were merged
	assert_int_equal(view.sequence, 200);
	rig_drop(rig, front);
	rig_drop(rig, back);
	run_view(&view);
	assert_null(oriel_client_get_scanout(view.client, 0)->pixels);
	assert_int_equal(rig->share->buffers.held.used, 0); // the library has released them
	view_end(&view);
	rig_run_share(rig);
}

static void test_snapshot_and_cursor(void **state) {
	struct rig *rig = *state;
	struct view view;
	view_begin(&view, rig);
	static uint8_t image[ORIEL_CURSOR_BYTES];
	for (size_t i = 0; i < sizeof(image); i++) {
		image[i] = (uint8_t)(i * 13);
	}
	struct oriel_resource *res = rig_create_format(rig, 1, 40, 30, 67); // R8G8B8A8
	rig_show(rig, 1, res);
	assert_int_equal(oriel_screen_set_cursor(&rig->screen, 1, image, 1, 2, -3, 4), 0);
	run_view(&view);
	const struct oriel_client_cursor *cursor = oriel_client_get_cursor(view.client, 1);
	assert_true(cursor->visible);
	assert_memory_equal(cursor->pixels, image, sizeof(image));

	for (uint32_t i = 0; i < 20; i++) { // more than may be held: each is released
		uint32_t token;
		assert_int_equal(oriel_client_request_snapshot(view.client, i % 2, &token), 0);
		const struct oriel_client_event *event = NULL;
		int err;
		do {
			rig_run_share(rig);
			err = oriel_client_wait(view.client, 0, &event);
			rig_run_share(rig);
		} while (err == -EAGAIN);
		assert_int_equal(err, 0);
		assert_int_equal(event->token, token);
		if (i % 2 == 0) {
			assert_int_equal(event->type, ORIEL_CLIENT_ERROR);
			assert_string_equal(event->text, "scanout 0 is off");
			continue;
		}
		assert_int_equal(event->type, ORIEL_CLIENT_SNAPSHOT);
		const struct oriel_client_snapshot *s = event->snapshot;
		assert_int_equal(s->width, 40);
		assert_int_equal(s->height, 30);
		assert_int_equal(s->sequence, 1);
		for (size_t k = 0; k < 40 * 30 * 4; k += 4) {
			CHECK(s->pixels[k] == res->pixels[k + 2] &&
							s->pixels[k + 1] == res->pixels[k + 1] &&
							s->pixels[k + 2] == res->pixels[k] &&
							s->pixels[k + 3] == 255,
					"pixel %zu", k / 4);
		}
		assert_true(s->cursor.visible);
		assert_int_equal(s->cursor.x, -3);
		assert_int_equal(s->cursor.hot_y, 2);
		assert_memory_equal(s->cursor.pixels, image, sizeof(image));
	}
	run_view(&view);
	assert_int_equal(rig->share->buffers.held.used, 0);
	view_end(&view);
	rig_run_share(rig);
}

// A viewer that goes in the middle of things leaves nothing behind, nor does a device that goes.
static void test_either_may_go(void **state) {
	struct rig *rig = *state;
	struct view view;
	view_begin(&view, rig);
	struct oriel_resource *res = rig_create(rig, 1, 64, 64);
	rig_show(rig, 0, res);
	uint32_t token;
	assert_int_equal(oriel_client_request_snapshot(view.client, 0, &token), 0);
	const struct oriel_client_event *event;
	assert_int_equal(oriel_client_wait(view.client, 0, &event), 0);
	view_end(&view);
	rig_run_share(rig);
	assert_int_equal(oriel_share_count_clients(rig->share), 0);
	assert_int_equal(rig->share->buffers.held.used, 0);

	view_begin(&view, rig);
	assert_true(shows(&view, res));
	oriel_share_destroy(rig->share);
	rig->share = NULL;
	int err;
	do {
		err = oriel_client_wait(view.client, 0, &event);
	} while (err == 0);
	assert_int_equal(err, -ENOTCONN);
	view_end(&view);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_a_viewer_sees_what_is_drawn),
		RIG_TEST(test_snapshot_and_cursor),
		RIG_TEST(test_either_may_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
