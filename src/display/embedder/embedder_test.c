// SPDX-License-Identifier: MIT
/* Tests of oriel/embedder.h: what is told, when, and how long the pixels are there. */
#include "oriel/embedder.h"

#include "display/screen.h"
#include "fixture/check.h"
#include "fixture/screen_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct fixture {
	struct screen_rig rig;
	struct oriel_embedder *embedder;
	char text[1024];
	const uint8_t *pixels;  // as told last; NULL: off
	uint8_t first_bytes[4]; // of them
};

__attribute__((format(printf, 2, 3))) static void note(struct fixture *f, const char *format, ...) {
	size_t used = strlen(f->text);
	va_list args;
	va_start(args, format);
	vsnprintf(f->text + used, sizeof(f->text) - used, format, args);
	va_end(args);
}

static void note_scanout(void *user, uint32_t i, const struct oriel_embedder_scanout *scanout) {
	struct fixture *f = user;
	// Until this call has returned the old pixels are there, and still the same.
	if (f->pixels != NULL && memcmp(f->first_bytes, f->pixels, 4) != 0) {
		note(f, "changed;");
	}
	f->pixels = NULL;
	if (scanout == NULL) {
		note(f, "off %u;", i);
		return;
	}
	note(f, "scanout %u %ux%u;", i, scanout->width, scanout->height);
	assert_ptr_equal(scanout, oriel_embedder_get_scanout(f->embedder, i));
}

static void note_frame(void *user, uint32_t i, const struct oriel_embedder_scanout *scanout,
		const struct oriel_embedder_rect *damage) {
	struct fixture *f = user;
	note(f, "frame %u %u,%u %ux%u;", i, damage->x, damage->y, damage->width, damage->height);
	f->pixels = scanout->pixels;
	memcpy(f->first_bytes, scanout->pixels, 4);
}

static void note_cursor(void *user, uint32_t i, const struct oriel_embedder_cursor *cursor) {
	note(user, "cursor %u %s %d,%d hot %u,%u;", i, cursor->visible ? "on" : "off", cursor->x,
			cursor->y, cursor->hot_x, cursor->hot_y);
}

static void note_move(void *user, uint32_t i, int32_t x, int32_t y) {
	note(user, "move %u %d,%d;", i, x, y);
}

static void setup(struct fixture *f) {
	memset(f, 0, sizeof(*f));
	screen_rig_init(&f->rig, 2);
	const struct oriel_embedder_options options = {
		.size = sizeof(options),
		.handle_scanout = note_scanout,
		.handle_frame = note_frame,
		.handle_cursor = note_cursor,
		.move_cursor = note_move,
		.user = f,
	};
	assert_int_equal(oriel_embedder_create(&options, &f->embedder), 0);
	oriel_screen_attach(&f->rig.screen, oriel_embedder_get_display(f->embedder));
}

static void finish(struct fixture *f) {
	oriel_embedder_destroy(f->embedder);
	screen_rig_finish(&f->rig);
	assert_true(f->rig.limits.pixels.used == 0);
}

static void expect(struct fixture *f, const char *text) {
	assert_string_equal(f->text, text);
	f->text[0] = '\0';
}

/** As the device does it for RESOURCE_UNREF. */
static void unref(struct fixture *f, struct oriel_resource *res) {
	oriel_screen_remove_resource(&f->rig.screen, res);
	oriel_resource_drop(&f->rig.table, res);
}

static void test_scanout_is_told_at_its_first_frame(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *res = screen_rig_add(&f.rig, 1, 2, 40, 30);
	oriel_screen_set_scanout(&f.rig.screen, 1, res, &(struct oriel_rect){ 4, 2, 20, 10 });
	expect(&f, "");
	oriel_screen_flush(&f.rig.screen, res, &(struct oriel_rect){ 0, 0, 5, 5 });
	expect(&f, "scanout 1 20x10;frame 1 0,0 20x10;"); // all of it, whatever was flushed
	oriel_screen_flush(&f.rig.screen, res, &(struct oriel_rect){ 6, 4, 30, 3 });
	expect(&f, "frame 1 2,2 18x3;");
	oriel_screen_set_scanout(&f.rig.screen, 1, res, &(struct oriel_rect){ 5, 2, 20, 10 });
	oriel_screen_flush(&f.rig.screen, res, &(struct oriel_rect){ 6, 4, 1, 1 });
	expect(&f, "scanout 1 20x10;frame 1 0,0 20x10;");
	screen_rig_turn_off(&f.rig, 1);
	expect(&f, "off 1;");
	assert_null(oriel_embedder_get_scanout(f.embedder, 1));
	finish(&f);
}

static void test_pixels_lie_where_it_says(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *res = screen_rig_add(&f.rig, 1, 67, 40, 30);
	oriel_screen_set_scanout(&f.rig.screen, 0, res, &(struct oriel_rect){ 4, 2, 20, 10 });
	oriel_screen_flush(&f.rig.screen, res, &(struct oriel_rect){ 0, 0, 40, 30 });
	const struct oriel_embedder_scanout *scanout = oriel_embedder_get_scanout(f.embedder, 0);
	assert_non_null(scanout);
	assert_int_equal(scanout->fourcc, 0x34324241); // AB24
	assert_int_equal(scanout->stride, 160);
	assert_ptr_equal(scanout->pixels, res->pixels + 2 * 160 + 4 * 4);
	assert_int_equal(scanout->memfd_size, 160 * 30);
	assert_int_equal(scanout->memfd_offset, 2 * 160 + 4 * 4);
	assert_int_equal(scanout->buffer_serial, res->serial);
	void *map = mmap(NULL, scanout->memfd_size, PROT_READ, MAP_SHARED, scanout->memfd, 0);
	assert_true(map != MAP_FAILED);
	assert_memory_equal((uint8_t *)map + scanout->memfd_offset, scanout->pixels, 9 * 160);
	munmap(map, scanout->memfd_size);
	// Only for reading: it is sealed.
	map = mmap(NULL, scanout->memfd_size, PROT_READ | PROT_WRITE, MAP_SHARED, scanout->memfd,
			0);
	assert_true(map == MAP_FAILED);
	finish(&f);
}

static void test_read_pixels(void **state) {
	(void)state;
	for (size_t i = 0; oriel_format_at(i) != NULL; i++) {
		const struct oriel_format *format = oriel_format_at(i);
		struct fixture f;
		setup(&f);
		struct oriel_resource *res = screen_rig_add(&f.rig, 1, format->value, 8, 6);
		oriel_screen_set_scanout(&f.rig.screen, 0, res, &(struct oriel_rect){ 1, 1, 6, 4 });
		oriel_screen_flush(&f.rig.screen, res, &(struct oriel_rect){ 0, 0, 8, 6 });
		uint8_t buf[2 * 16];
		memset(buf, 0x5a, sizeof(buf));
		const struct oriel_embedder_rect rect = { 2, 1, 3, 2 };
		assert_int_equal(oriel_embedder_read_pixels(f.embedder, 0, &rect, 16, buf), 0);
		for (uint32_t y = 0; y < 2; y++) {
			for (uint32_t x = 0; x < 3; x++) {
				const uint8_t *p = res->pixels + (y + 2) * 32 + (x + 3) * 4;
				const uint8_t *q = buf + y * 16 + x * 4;
				CHECK(q[0] == p[format->i_blue] && q[1] == p[format->i_green] &&
								q[2] == p[format->i_red] &&
								q[3] == 255,
						"%s: pixel %u,%u", format->name, x, y);
			}
			assert_int_equal(buf[y * 16 + 12], 0x5a); // nothing between the rows
		}
		finish(&f);
	}
}

static void test_read_pixels_refuses(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	uint8_t buf[8 * 6 * 4] = { 0 };
	assert_int_equal(oriel_embedder_read_pixels(f.embedder, 0, NULL, 32, buf), -ENOENT);
	assert_int_equal(oriel_embedder_read_pixels(f.embedder, 16, NULL, 32, buf), -ENOENT);
	screen_rig_show(&f.rig, 0, screen_rig_add(&f.rig, 1, 2, 8, 6));
	assert_int_equal(oriel_embedder_read_pixels(f.embedder, 0, NULL, 31, buf), -EINVAL);
	static const struct oriel_embedder_rect bad[] = { { 0, 0, 9, 6 }, { 0, 0, 8, 7 },
		{ 1, 0, 8, 6 }, { UINT32_MAX, 0, 2, 1 }, { 0, UINT32_MAX, 1, 2 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad); i++) {
		CHECK(oriel_embedder_read_pixels(f.embedder, 0, &bad[i], 64, buf) == -EINVAL,
				"rectangle %zu", i);
	}
	static const uint8_t nothing[sizeof(buf)];
	assert_memory_equal(buf, nothing, sizeof(buf));
	assert_int_equal(oriel_embedder_read_pixels(f.embedder, 0, NULL, 32, buf), 0);
	finish(&f);
}

static void test_page_flip(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *pages[] = { screen_rig_add(&f.rig, 1, 2, 8, 6),
		screen_rig_add(&f.rig, 2, 2, 8, 6) };
	for (size_t i = 0; i < 4; i++) {
		screen_rig_show(&f.rig, 0, pages[i % 2]);
		expect(&f, "scanout 0 8x6;frame 0 0,0 8x6;");
		assert_ptr_equal(oriel_embedder_get_scanout(f.embedder, 0)->pixels,
				pages[i % 2]->pixels);
	}
	finish(&f);
}

/** The guest unrefs what is shown before it flushes the next one. */
static void test_pixels_outlive_the_resource(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_resource *old = screen_rig_add(&f.rig, 1, 2, 8, 6);
	struct oriel_resource *new = screen_rig_add(&f.rig, 2, 2, 4, 4);
	screen_rig_show(&f.rig, 0, old);
	expect(&f, "scanout 0 8x6;frame 0 0,0 8x6;");
	oriel_screen_set_scanout(&f.rig.screen, 0, new, &(struct oriel_rect){ 0, 0, 4, 4 });
	expect(&f, "");
	// note_scanout() reads the pixels of the old one, which must still be there.
	unref(&f, old);
	expect(&f, "scanout 0 4x4;frame 0 0,0 4x4;");
	unref(&f, new);
	expect(&f, "off 0;");
	assert_true(f.rig.limits.pixels.used == 0);
	finish(&f);
}

static void test_cursor(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	assert_null(oriel_embedder_get_cursor(f.embedder, 1));
	screen_rig_set_cursor(&f.rig, 1, -3, 7);
	expect(&f, "cursor 1 on -3,7 hot 1,62;");
	oriel_screen_move_cursor(&f.rig.screen, 1, 9, 9);
	expect(&f, "move 1 9,9;");
	const struct oriel_embedder_cursor *cursor = oriel_embedder_get_cursor(f.embedder, 1);
	assert_non_null(cursor);
	assert_int_equal(cursor->x, 9);
	assert_int_equal(cursor->serial, 1);
	assert_memory_equal(cursor->pixels, f.rig.screen.cursors[1].pixels, ORIEL_CURSOR_BYTES);
	oriel_screen_hide_cursor(&f.rig.screen, 1, 4, 4);
	expect(&f, "cursor 1 off 4,4 hot 1,62;");
	assert_null(oriel_embedder_get_cursor(f.embedder, 0));
	assert_null(oriel_embedder_get_cursor(f.embedder, 2));
	finish(&f);
}

static void test_attach_and_detach(void **state) {
	(void)state;
	struct fixture f;
	setup(&f);
	struct oriel_display *display = oriel_embedder_get_display(f.embedder);
	oriel_screen_detach(display);
	expect(&f, "");
	screen_rig_show(&f.rig, 1, screen_rig_add(&f.rig, 1, 2, 8, 6));
	screen_rig_set_cursor(&f.rig, 0, 1, 2);
	assert_null(oriel_embedder_get_scanout(f.embedder, 1));
	assert_null(oriel_embedder_get_cursor(f.embedder, 0));
	oriel_screen_attach(&f.rig.screen, display);
	expect(&f, "cursor 0 on 1,2 hot 0,63;scanout 1 8x6;frame 1 0,0 8x6;");
	oriel_screen_detach(display);
	expect(&f, "cursor 0 off 0,0 hot 0,0;off 1;");
	oriel_screen_attach(&f.rig.screen, display);
	expect(&f, "cursor 0 on 1,2 hot 0,63;scanout 1 8x6;frame 1 0,0 8x6;");
	oriel_screen_clear(&f.rig.screen); // a reset
	expect(&f, "cursor 0 off 0,0 hot 0,0;off 1;");
	screen_rig_set_cursor(&f.rig, 0, 1, 2);
	f.text[0] = '\0';
	oriel_embedder_destroy(f.embedder);
	expect(&f, "");
	f.embedder = NULL;
	finish(&f);
}

static void test_without_callbacks(void **state) {
	(void)state;
	struct screen_rig rig;
	screen_rig_init(&rig, 1);
	struct oriel_embedder *embedder = NULL;
	const struct oriel_embedder_options options = { .size = sizeof(options) };
	const struct oriel_embedder_options bad = { .size = sizeof(bad) - 1 };
	assert_int_equal(oriel_embedder_create(&bad, &embedder), -EINVAL);
	assert_int_equal(oriel_embedder_create(NULL, &embedder), -EINVAL);
	assert_null(embedder);
	assert_int_equal(oriel_embedder_create(&options, &embedder), 0);
	oriel_screen_attach(&rig.screen, oriel_embedder_get_display(embedder));
	struct oriel_resource *res = screen_rig_add(&rig, 1, 2, 8, 6);
	screen_rig_show(&rig, 0, res);
	screen_rig_set_cursor(&rig, 0, 1, 2);
	oriel_screen_move_cursor(&rig.screen, 0, 3, 4);
	uint8_t buf[8 * 6 * 4];
	assert_int_equal(oriel_embedder_read_pixels(embedder, 0, NULL, 32, buf), 0);
	oriel_screen_remove_resource(&rig.screen, res);
	assert_int_equal(oriel_embedder_read_pixels(embedder, 0, NULL, 32, buf), -ENOENT);
	screen_rig_finish(&rig); // the device goes first
	assert_null(oriel_embedder_get_cursor(embedder, 0));
	oriel_embedder_destroy(embedder);
	oriel_embedder_destroy(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scanout_is_told_at_its_first_frame),
		cmocka_unit_test(test_pixels_lie_where_it_says),
		cmocka_unit_test(test_read_pixels),
		cmocka_unit_test(test_read_pixels_refuses),
		cmocka_unit_test(test_page_flip),
		cmocka_unit_test(test_pixels_outlive_the_resource),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_attach_and_detach),
		cmocka_unit_test(test_without_callbacks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
