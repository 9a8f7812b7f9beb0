// SPDX-License-Identifier: MIT
/*
 * Tests of the GPU socket with dma-bufs: what is sent, with which descriptors, at which pace, and
 * when pixels are sent after all. The files are no dma-bufs; the front-end does not look into them.
 */
#include "display/gpu_socket/sender.h"
#include "fixture/check.h"
#include "fixture/gpu_socket_rig.h"

#include <unistd.h>

#define BGRX 2u
#define TILED UINT64_C(0x0300000000000010)

#define N_SCANOUTS(rig) ((rig)->fake.counts[VHOST_USER_GPU_DMABUF_SCANOUT])
#define N_SCANOUTS2(rig) ((rig)->fake.counts[VHOST_USER_GPU_DMABUF_SCANOUT2])
#define N_UPDATES(rig) ((rig)->fake.counts[VHOST_USER_GPU_DMABUF_UPDATE])
#define N_PIXELS(rig) ((rig)->fake.counts[VHOST_USER_GPU_UPDATE])

static int setup(void **state) {
	int err = gpu_rig_setup(state);
	struct gpu_rig *f = *state;
	f->sends_dmabufs = true;
	gpu_rig_create(f, 0);
	return err;
}

struct shown {
	struct oriel_resource *res;
	struct oriel_dmabuf *dmabuf; // the screen's
};

/** Show a resource of 100x60 with a dma-buf. */
static struct shown show(struct gpu_rig *f, uint32_t scanout_id, uint32_t id, uint64_t modifier) {
	struct oriel_resource *res = screen_rig_add(&f->test, id, BGRX, 100, 60);
	struct oriel_dmabuf *dmabuf = screen_rig_make_dmabuf(res, modifier);
	screen_rig_show_dmabuf(&f->test, scanout_id, res, dmabuf);
	oriel_dmabuf_release(dmabuf);
	return (struct shown){ res, dmabuf };
}

static void flush(struct gpu_rig *f, struct oriel_resource *res, struct oriel_rect rect) {
	oriel_screen_flush(&f->test.screen, res, &rect);
}

static void test_a_picture(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	assert_int_equal(f->fake.set_features, 3);
	const struct shown shown = show(f, 0, 1, 0);
	gpu_rig_check(f, "shown");
	const struct fake_scanout *scanout = &f->fake.scanouts[0];
	assert_true(scanout->dmabuf_fd >= 0);
	assert_int_equal(scanout->dmabuf.fd_stride, shown.res->stride + 64);
	assert_int_equal(scanout->dmabuf.fd_width, 100);
	assert_int_equal(scanout->dmabuf.fd_height, 60);
	assert_int_equal(scanout->dmabuf.fd_flags, 0);
	assert_int_equal(scanout->dmabuf.fourcc, shown.res->format->fourcc);
	assert_int_equal(scanout->updated.width, 100);
	assert_int_equal(N_SCANOUTS2(f), 1);
	flush(f, shown.res, (struct oriel_rect){ 5, 6, 7, 8 });
	gpu_rig_check(f, "flushed");
	assert_true(oriel_rect_equals(&scanout->updated, &(struct oriel_rect){ 5, 6, 7, 8 }));
	assert_int_equal(N_SCANOUTS2(f), 1);
	assert_int_equal(N_SCANOUTS(f), 0);
	assert_int_equal(N_PIXELS(f), 0);
	assert_false(gpu_rig_is_awake(f));
}

/** Without DMABUF2 a linear picture goes by the older message, and a tiled one as pixels. */
static void test_without_modifiers(void **state) {
	struct gpu_rig *f = *state;
	f->fake.features = 1;
	gpu_rig_connect_pumped(f);
	show(f, 0, 1, ORIEL_MODIFIER_LINEAR);
	show(f, 1, 2, ORIEL_MODIFIER_INVALID);
	gpu_rig_check(f, "linear, or unknown");
	assert_int_equal(N_SCANOUTS(f), 2);
	assert_int_equal(N_PIXELS(f), 0);
	show(f, 2, 3, TILED);
	gpu_rig_check(f, "tiled");
	assert_int_equal(N_SCANOUTS(f), 2);
	assert_int_equal(N_SCANOUTS2(f), 0);
	assert_int_equal(N_PIXELS(f), 1);
	assert_true(oriel_screen_needs_pixels(&f->test.screen, 2));
	assert_false(oriel_screen_needs_pixels(&f->test.screen, 1));
}

static void test_with_modifiers(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	show(f, 2, 3, TILED);
	gpu_rig_check(f, "tiled");
	assert_int_equal(f->fake.scanouts[2].dmabuf.modifier, TILED);
	assert_false(oriel_screen_needs_pixels(&f->test.screen, 2));
}

/** A flip is a DMABUF_SCANOUT, the old descriptor goes, and going back is one again. */
static void test_flips(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	struct shown shown[2] = { show(f, 0, 1, 0), show(f, 0, 2, 0) };
	struct oriel_dmabuf *first = screen_rig_make_dmabuf(shown[0].res, 0);
	gpu_rig_check(f, "both, at once");
	assert_int_equal(N_SCANOUTS2(f), 1);
	for (uint32_t i = 1; i <= 3; i++) {
		screen_rig_show_dmabuf(&f->test, 0, shown[0].res, first);
		gpu_rig_check(f, "there");
		struct oriel_dmabuf *second = screen_rig_make_dmabuf(shown[1].res, 0);
		screen_rig_show_dmabuf(&f->test, 0, shown[1].res, second);
		oriel_dmabuf_release(second);
		gpu_rig_check(f, "and back");
		assert_int_equal(N_SCANOUTS2(f), 1 + 2 * i);
	}
	assert_int_equal(first->n_holds, 1);
	oriel_dmabuf_release(first);
}

/** The same dma-buf, of which less is shown: the front-end is told the new size. */
static void test_smaller_part(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	const struct shown shown = show(f, 0, 1, 0);
	struct oriel_dmabuf *dmabuf = oriel_dmabuf_hold(shown.dmabuf);
	gpu_rig_pump(f);
	const struct oriel_picture part = { .res = shown.res,
		.src = { 0, 0, 50, 40 },
		.dmabuf = dmabuf };
	oriel_screen_set_picture(&f->test.screen, 0, &part);
	flush(f, shown.res, part.src);
	gpu_rig_pump(f);
	assert_int_equal(N_SCANOUTS2(f), 2);
	assert_int_equal(f->fake.scanouts[0].dmabuf.rect.width, 50);
	assert_int_equal(f->fake.scanouts[0].dmabuf.rect.height, 40);
	oriel_dmabuf_release(dmabuf);
}

/** One DMABUF_UPDATE is under way on a connection, whatever is flushed; what comes is merged. */
static void test_pace(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	f->fake.holds_updates = true;
	const struct shown a = show(f, 0, 1, 0);
	const struct shown b = show(f, 1, 2, 0);
	for (uint32_t i = 0; i < 20; i++) {
		flush(f, a.res, (struct oriel_rect){ i, i, 10, 10 });
		flush(f, b.res, (struct oriel_rect){ 50 + i, i, 10, 10 });
		gpu_rig_pump(f);
	}
	assert_int_equal(f->fake.n_open_updates, 1);
	assert_int_equal(N_UPDATES(f), 1);
	assert_false(gpu_rig_is_awake(f));
	gpu_front_end_answer_update(&f->fake);
	gpu_rig_pump(f);
	assert_int_equal(N_UPDATES(f), 2);
	assert_int_equal(f->fake.scanouts[1].updated.width, 100); // its first: all of it
	gpu_front_end_answer_update(&f->fake);
	gpu_rig_pump(f);
	assert_int_equal(N_UPDATES(f), 3);
	assert_int_equal(f->fake.scanouts[0].updated.width, 28); // the first was in time
	gpu_front_end_answer_update(&f->fake);
	gpu_rig_check(f, "nothing is left");
	assert_int_equal(N_UPDATES(f), 3);
}

/** Cursors and questions do not wait for it. */
static void test_others_go_on(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	f->fake.holds_updates = true;
	show(f, 0, 1, 0);
	gpu_rig_pump(f);
	assert_int_equal(f->fake.n_open_updates, 1);
	screen_rig_set_cursor(&f->test, 0, 3, 4);
	assert_int_equal(gpu_rig_ask(f, ORIEL_QUERY_EDID, 0), 0);
	struct oriel_resource *plain = screen_rig_add(&f->test, 9, BGRX, 30, 20);
	screen_rig_show(&f->test, 1, plain);
	gpu_rig_check(f, "meanwhile");
	assert_int_equal(f->question.err, 0);
	assert_int_equal(f->fake.n_open_updates, 1);
}

/** An answer that does not come holds nothing up for ever, and may come late. */
static void test_deadline(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_create(f, 1);
	gpu_rig_connect_pumped(f);
	f->fake.holds_updates = true;
	const struct shown shown = show(f, 0, 1, 0);
	gpu_rig_pump(f);
	flush(f, shown.res, (struct oriel_rect){ 1, 2, 3, 4 });
	while (N_UPDATES(f) < 2) {
		assert_int_equal(oriel_loop_dispatch(f->loop, -1), 0);
		gpu_front_end_poll(&f->fake);
	}
	gpu_front_end_answer_update(&f->fake);
	gpu_front_end_answer_update(&f->fake);
	gpu_rig_check(f, "late answers");
	assert_false(f->fake.is_closed);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 0);
	f->fake.holds_updates = false;
	flush(f, shown.res, (struct oriel_rect){ 5, 6, 7, 8 });
	gpu_rig_check(f, "as before");
	assert_int_equal(f->fake.scanouts[0].updated.height, 8);
}

/** An answer to nothing is no answer: the display falls silent. */
static void test_answer_to_nothing(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	gpu_front_end_answer_update(&f->fake);
	gpu_rig_pump(f);
	assert_int_equal(f->n_lines[ORIEL_LOG_WARN], 1);
	show(f, 0, 1, 0);
	gpu_rig_pump(f);
	assert_int_equal(N_UPDATES(f), 0);
}

static void test_off(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	const struct shown shown = show(f, 0, 1, 0);
	gpu_rig_check(f, "on");
	oriel_screen_remove_resource(&f->test.screen, shown.res);
	oriel_resource_drop(&f->test.table, shown.res);
	gpu_rig_check(f, "off");
	assert_int_equal(f->fake.scanouts[0].dmabuf_fd, -1);
	assert_int_equal(N_UPDATES(f), 1);
}

/** To pixels and back: a dma-buf is taken off before a surface comes, and all of it is sent. */
static void test_to_pixels_and_back(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	const struct shown shown = show(f, 0, 1, 0);
	struct oriel_resource *plain = screen_rig_add(&f->test, 2, BGRX, 100, 60);
	gpu_rig_check(f, "as a dma-buf");
	for (uint32_t i = 1; i <= 3; i++) {
		screen_rig_show(&f->test, 0, plain);
		screen_rig_update(&f->test, plain, 1, 2, 3, 4);
		gpu_rig_check(f, "as pixels");
		assert_int_equal(f->fake.scanouts[0].dmabuf_fd, -1);
		assert_int_equal(f->fake.counts[VHOST_USER_GPU_SCANOUT], i);
		struct oriel_dmabuf *dmabuf = screen_rig_make_dmabuf(shown.res, 0);
		screen_rig_show_dmabuf(&f->test, 0, shown.res, dmabuf);
		oriel_dmabuf_release(dmabuf);
		gpu_rig_check(f, "as a dma-buf again");
		assert_true(f->fake.scanouts[0].dmabuf_fd >= 0);
	}
}

/** What the protocol has no words for goes as pixels. */
static void test_what_cannot_be_said(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	struct oriel_resource *res = screen_rig_add(&f->test, 1, BGRX, 100, 60);
	struct oriel_dmabuf *dmabuf = screen_rig_make_dmabuf(res, 0);
	const struct oriel_picture part = { .res = res,
		.src = { 10, 0, 50, 20 },
		.dmabuf = dmabuf,
		.dmabuf_x = 10 };
	oriel_screen_set_picture(&f->test.screen, 0, &part);
	oriel_screen_flush(&f->test.screen, res, &part.src);
	gpu_rig_check(f, "a part");
	assert_int_equal(N_PIXELS(f), 1);
	assert_int_equal(N_UPDATES(f), 0);
	dmabuf->layout.offset = 64;
	screen_rig_show_dmabuf(&f->test, 1, res, dmabuf);
	gpu_rig_check(f, "an offset");
	assert_int_equal(N_PIXELS(f), 3); // the first scanout shows it, too
	assert_int_equal(N_UPDATES(f), 0);
	dmabuf->layout.offset = 0;
	dmabuf->layout.is_bottom_up = true;
	screen_rig_show_dmabuf(&f->test, 2, res, dmabuf);
	gpu_rig_check(f, "bottom up");
	assert_int_equal(f->fake.scanouts[2].dmabuf.fd_flags, 1);
	oriel_dmabuf_release(dmabuf);
}

/** A front-end that was not said to take them gets pixels. */
static void test_not_asked_for(void **state) {
	struct gpu_rig *f = *state;
	f->sends_dmabufs = false;
	gpu_rig_create(f, 0);
	gpu_rig_connect_pumped(f);
	assert_int_equal(f->fake.set_features, 1);
	show(f, 0, 1, 0);
	gpu_rig_check(f, "pixels");
	assert_int_equal(N_UPDATES(f), 0);
	assert_int_equal(N_PIXELS(f), 1);
	assert_int_equal(oriel_screen_get_dmabufs(&f->test.screen), 0);
}

/** A new connection is told everything anew, also what was under way on the last one. */
static void test_new_connection(void **state) {
	struct gpu_rig *f = *state;
	gpu_rig_connect_pumped(f);
	f->fake.holds_updates = true;
	const struct shown shown = show(f, 0, 1, 0);
	gpu_rig_pump(f);
	f->fake.holds_updates = false;
	gpu_rig_connect_pumped(f);
	gpu_rig_check(f, "again");
	assert_int_equal(N_SCANOUTS2(f), 2);
	flush(f, shown.res, (struct oriel_rect){ 1, 2, 3, 4 });
	gpu_rig_check(f, "and on");
	assert_int_equal(f->fake.scanouts[0].updated.height, 4);
}

static uint32_t n_fetches;

static void count_fetch(struct oriel_screen *screen, uint32_t scanout_id) {
	n_fetches++;
	oriel_screen_set_behind(screen, scanout_id, false);
}

/** Once it is known that a picture goes as pixels, they are fetched. */
static void test_pixels_are_fetched(void **state) {
	struct gpu_rig *f = *state;
	f->test.screen.fetch_pixels = count_fetch;
	n_fetches = 0;
	show(f, 0, 1, 0);
	const struct shown tiled = show(f, 1, 2, TILED);
	oriel_screen_set_behind(&f->test.screen, 0, true);
	oriel_screen_set_behind(&f->test.screen, 1, true);
	f->fake.features = 0;
	gpu_rig_connect_pumped(f);
	assert_int_equal(n_fetches, 1);
	assert_true(f->test.screen.scanouts[0].is_behind);
	assert_false(f->test.screen.scanouts[1].is_behind);
	flush(f, tiled.res, (struct oriel_rect){ 0, 0, 100, 60 });
	gpu_rig_check(f, "as pixels");
}

static void fetch_later(struct oriel_screen *screen, uint32_t scanout_id) {
	(void)screen;
	(void)scanout_id;
}

/** Old pixels are not sent while the new ones are fetched. */
static void test_pixels_come_late(void **state) {
	struct gpu_rig *f = *state;
	f->test.screen.fetch_pixels = fetch_later;
	const struct shown tiled = show(f, 1, 2, TILED);
	oriel_screen_set_behind(&f->test.screen, 1, true);
	f->fake.features = 0;
	gpu_rig_connect_pumped(f);
	assert_int_equal(N_PIXELS(f), 0);
	oriel_screen_set_behind(&f->test.screen, 1, false);
	flush(f, tiled.res, (struct oriel_rect){ 0, 0, 100, 60 });
	gpu_rig_check(f, "as pixels");
	assert_int_equal(N_PIXELS(f), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_picture, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_without_modifiers, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_with_modifiers, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_flips, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_smaller_part, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_pace, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_others_go_on, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_answer_to_nothing, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_off, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_to_pixels_and_back, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_said, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_not_asked_for, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_new_connection, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_pixels_are_fetched, setup, gpu_rig_teardown),
		cmocka_unit_test_setup_teardown(test_pixels_come_late, setup, gpu_rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
