// SPDX-License-Identifier: MIT
/* Tests of screen.h with a display that writes down what it is told. */
#include "display/screen.h"

#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct recorder {
	struct oriel_display base;
	char text[1024];
	struct oriel_display_query *query;
};

__attribute__((format(printf, 2, 3))) static void note(struct oriel_display *display,
		const char *format, ...) {
	struct recorder *r = oriel_container_of(display, struct recorder, base);
	size_t used = strlen(r->text);
	va_list args;
	va_start(args, format);
	vsnprintf(r->text + used, sizeof(r->text) - used, format, args);
	va_end(args);
}

static void note_scanout(struct oriel_display *display, uint32_t i) {
	const struct oriel_scanout *scanout = &display->screen->scanouts[i];
	note(display, "scanout %u %ux%u;", i, scanout->src.width, scanout->src.height);
}

static void note_present(struct oriel_display *display, uint32_t i, const struct oriel_rect *d) {
	note(display, "present %u %u,%u %ux%u;", i, d->x, d->y, d->width, d->height);
}

static void note_cursor(struct oriel_display *display, uint32_t i) {
	const struct oriel_cursor *cursor = &display->screen->cursors[i];
	note(display, "cursor %u %s %d,%d;", i, cursor->visible ? "on" : "off", cursor->x,
			cursor->y);
}

static void note_move(struct oriel_display *display, uint32_t i) {
	const struct oriel_cursor *cursor = &display->screen->cursors[i];
	note(display, "move %u %d,%d;", i, cursor->x, cursor->y);
}

static void note_drop(struct oriel_display *display, struct oriel_resource *res) {
	note(display, "drop %u;", res->id);
}

static int take_query(struct oriel_display *display, struct oriel_display_query *query) {
	oriel_container_of(display, struct recorder, base)->query = query;
	return 0;
}

static bool can_answer(struct oriel_display *display) {
	(void)display;
	return true;
}

static void forget_query(struct oriel_display *display) {
	oriel_container_of(display, struct recorder, base)->query = NULL;
}

static const struct oriel_display_impl recorder_impl = {
	.name = "recorder",
	.handle_scanout = note_scanout,
	.present = note_present,
	.handle_cursor = note_cursor,
	.move_cursor = note_move,
	.handle_resource_drop = note_drop,
};

static const struct oriel_display_impl answering_impl = {
	.name = "answering",
	.handle_scanout = note_scanout,
	.present = note_present,
	.handle_cursor = note_cursor,
	.move_cursor = note_move,
	.query = take_query,
	.can_answer = can_answer,
	.flush_queries = forget_query,
	.drop_queries = forget_query,
};

struct fixture {
	struct oriel_resource_limits limits;
	struct oriel_resource_table table;
	struct oriel_screen screen;
	struct recorder display;
	struct oriel_resource *res;
};

static void setup(struct fixture *f) {
	memset(f, 0, sizeof(*f));
	f->limits.pixels.limit = 1 << 20;
	f->limits.count.limit = 4;
	f->limits.max_dimension = 1000;
	oriel_resource_table_init(&f->table, &f->limits);
	oriel_screen_init(&f->screen, 2);
	oriel_display_init(&f->display.base, &recorder_impl);
	oriel_screen_attach(&f->screen, &f->display.base);
	assert_int_equal(oriel_resource_create_2d(&f->table, 5, oriel_format_get(2), 100, 80,
					 &f->res),
			0);
}

static void finish(struct fixture *f) {
	oriel_screen_finish(&f->screen);
	oriel_resource_table_finish(&f->table);
	assert_true(f->limits.pixels.used == 0);
}

static void expect(struct recorder *r, const char *text) {
	assert_string_equal(r->text, text);
	r->text[0] = '\0';
}

static void test_flush_reaches_every_scanout_of_the_resource(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	oriel_screen_set_scanout(&f.screen, 0, f.res, &(struct oriel_rect){ 0, 0, 100, 80 });
	oriel_screen_set_scanout(&f.screen, 1, f.res, &(struct oriel_rect){ 10, 20, 30, 40 });
	expect(&f.display, "scanout 0 100x80;scanout 1 30x40;");
	oriel_screen_flush(&f.screen, f.res, &(struct oriel_rect){ 0, 0, 15, 25 });
	expect(&f.display, "present 0 0,0 15x25;present 1 0,0 5x5;");
	oriel_screen_flush(&f.screen, f.res, &(struct oriel_rect){ 0, 0, 10, 80 });
	expect(&f.display, "present 0 0,0 10x80;");
	oriel_screen_flush(&f.screen, f.res, &(struct oriel_rect){ 50, 50, 0, 0 });
	expect(&f.display, "");
	// The same again costs nothing; another part does.
	oriel_screen_set_scanout(&f.screen, 1, f.res, &(struct oriel_rect){ 10, 20, 30, 40 });
	expect(&f.display, "");
	oriel_screen_set_scanout(&f.screen, 1, f.res, &(struct oriel_rect){ 11, 20, 30, 40 });
	expect(&f.display, "scanout 1 30x40;");
	finish(&f);
}

static void test_removed_resource_turns_its_scanouts_off(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	oriel_screen_set_scanout(&f.screen, 1, f.res, &(struct oriel_rect){ 0, 0, 9, 9 });
	expect(&f.display, "scanout 1 9x9;");
	oriel_screen_remove_resource(&f.screen, f.res);
	oriel_resource_drop(&f.table, f.res);
	expect(&f.display, "scanout 1 0x0;drop 5;");
	assert_null(f.screen.scanouts[1].res);
	assert_true(f.limits.pixels.used == 0);
	finish(&f);
}

static void test_cursor_life(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	static uint8_t pixels[ORIEL_CURSOR_BYTES];
	pixels[7] = 9;
	oriel_screen_move_cursor(&f.screen, 1, 3, 4); // H-128: before any image
	expect(&f.display, "move 1 3,4;");
	assert_int_equal(oriel_screen_set_cursor(&f.screen, 1, pixels, 64, UINT32_MAX, -5, 6), 0);
	expect(&f.display, "cursor 1 on -5,6;");
	const struct oriel_cursor *cursor = &f.screen.cursors[1];
	assert_int_equal(cursor->pixels[7], 9);
	assert_int_equal(cursor->hot_x, 63); // H-126
	assert_int_equal(cursor->hot_y, 63);
	oriel_screen_hide_cursor(&f.screen, 1, 8, 9);
	expect(&f.display, "cursor 1 off 8,9;");
	oriel_screen_move_cursor(&f.screen, 1, INT32_MIN, INT32_MAX);
	assert_false(cursor->visible);
	finish(&f);
}

static void test_late_display_is_shown_everything(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	static const uint8_t pixels[ORIEL_CURSOR_BYTES];
	oriel_screen_set_scanout(&f.screen, 1, f.res, &(struct oriel_rect){ 4, 4, 20, 10 });
	assert_int_equal(oriel_screen_set_cursor(&f.screen, 0, pixels, 0, 0, 1, 2), 0);
	struct recorder late = { 0 };
	oriel_display_init(&late.base, &recorder_impl);
	oriel_screen_attach(&f.screen, &late.base);
	expect(&late, "cursor 0 on 1,2;scanout 1 20x10;present 1 0,0 20x10;");
	oriel_screen_detach(&late.base);
	oriel_screen_detach(&late.base);
	oriel_screen_move_cursor(&f.screen, 0, 7, 7);
	expect(&late, "");
	oriel_screen_clear(&f.screen);
	assert_int_equal(f.screen.cursors[0].serial, 0);
	finish(&f);
}

static void test_query_goes_to_who_can_answer(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_display_query query = { .type = ORIEL_QUERY_INFO };
	assert_int_equal(oriel_screen_query(&f.screen, &query), -ENOTCONN);
	assert_false(oriel_screen_can_answer(&f.screen));
	struct recorder answering = { 0 };
	oriel_display_init(&answering.base, &answering_impl);
	oriel_screen_attach(&f.screen, &answering.base);
	assert_true(oriel_screen_can_answer(&f.screen));
	assert_int_equal(oriel_screen_query(&f.screen, &query), 0);
	assert_ptr_equal(answering.query, &query);
	oriel_screen_detach(&answering.base);
	assert_null(answering.query); // nobody could reach it any more
	finish(&f);
}

static bool needs_no_pixels(struct oriel_display *display, uint32_t i) {
	(void)display;
	(void)i;
	return false;
}

static const struct oriel_display_impl content_impl = {
	.name = "content with a dma-buf",
	.handle_scanout = note_scanout,
	.present = note_present,
	.handle_cursor = note_cursor,
	.move_cursor = note_move,
	.needs_pixels = needs_no_pixels,
};

static void fetch(struct oriel_screen *screen, uint32_t i) {
	oriel_screen_set_behind(screen, i, false);
}

static void fetch_later(struct oriel_screen *screen, uint32_t i) {
	(void)screen;
	(void)i;
}

static void test_dmabuf_is_part_of_the_picture(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *res = f.res;
	int fd = memfd_create("no-dmabuf", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	const struct oriel_dmabuf_layout layout = { .format = res->format,
		.width = 30,
		.height = 20,
		.stride = 400 };
	struct oriel_picture picture = { .res = res, .src = { 0, 0, 30, 20 }, .is_behind = true };
	assert_int_equal(oriel_dmabuf_create_take(fd, &layout, &picture.dmabuf), 0);
	f.screen.fetch_pixels = fetch;
	f.display.text[0] = '\0';
	oriel_screen_set_picture(&f.screen, 0, &picture);
	oriel_dmabuf_release(picture.dmabuf);
	assert_string_equal(f.display.text, "scanout 0 30x20;");
	assert_true(oriel_screen_needs_pixels(&f.screen, 0)); // it does not know dma-bufs

	// One that does: pixels are fetched for the other one only.
	oriel_screen_detach(&f.display.base);
	assert_false(oriel_screen_needs_pixels(&f.screen, 0));
	struct recorder content = { 0 };
	oriel_display_init(&content.base, &content_impl);
	content.base.dmabufs = ORIEL_DISPLAY_TAKES_DMABUFS;
	oriel_screen_attach(&f.screen, &content.base);
	assert_string_equal(content.text, "scanout 0 30x20;present 0 0,0 30x20;");
	assert_int_equal(oriel_screen_get_dmabufs(&f.screen), ORIEL_DISPLAY_TAKES_DMABUFS);
	assert_true(f.screen.scanouts[0].is_behind);
	f.screen.fetch_pixels = fetch_later; // old ones are not presented
	f.display.text[0] = '\0';
	oriel_screen_attach(&f.screen, &f.display.base);
	assert_string_equal(f.display.text, "scanout 0 30x20;");
	oriel_screen_detach(&f.display.base);
	f.screen.fetch_pixels = fetch;
	oriel_screen_attach(&f.screen, &f.display.base);
	assert_false(f.screen.scanouts[0].is_behind);

	// The same picture without it is another one, and so the file is closed.
	content.text[0] = '\0';
	oriel_screen_set_scanout(&f.screen, 0, res, &picture.src);
	assert_string_equal(content.text, "scanout 0 30x20;");
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_true(oriel_screen_needs_pixels(&f.screen, 0));
	oriel_screen_detach(&content.base);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flush_reaches_every_scanout_of_the_resource),
		cmocka_unit_test(test_removed_resource_turns_its_scanouts_off),
		cmocka_unit_test(test_cursor_life),
		cmocka_unit_test(test_late_display_is_shown_everything),
		cmocka_unit_test(test_dmabuf_is_part_of_the_picture),
		cmocka_unit_test(test_query_goes_to_who_can_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
