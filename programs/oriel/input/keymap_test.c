// SPDX-License-Identifier: MIT
/* Tests of keymap.h: what the keyboards of three countries have. */
#include "oriel/input/keymap.h"

#include "fixture/check.h"

#include <errno.h>
#include <linux/input-event-codes.h>

static void test_characters(void **state) {
	(void)state;
	static const struct {
		uint32_t character;
		int err;
		struct keymap_stroke stroke;
		const char *keymap;
	} cases[] = {
		{ 'a', 0, { KEY_A, false, false }, "us" },
		{ 'A', 0, { KEY_A, true, false }, "us" },
		{ '/', 0, { KEY_SLASH, false, false }, "us" },
		{ '?', 0, { KEY_SLASH, true, false }, "us" },
		{ '\n', 0, { KEY_ENTER, false, false }, "us" },
		{ '\t', 0, { KEY_TAB, false, false }, "us" },
		{ ' ', 0, { KEY_SPACE, false, false }, "us" },
		{ '|', 0, { KEY_BACKSLASH, true, false }, "us" },
		{ '(', 0, { KEY_9, true, false }, "us" }, // and not KEY_KPLEFTPAREN
		{ '*', 0, { KEY_8, true, false }, "us" },
		{ '=', 0, { KEY_EQUAL, false, false }, "us" },
		{ '\b', 0, { KEY_BACKSPACE, false, false }, "us" },
		{ 0xe4, -ENOENT, { 0 }, "us" },
		{ 0x20ac, -ENOENT, { 0 }, "us" },
		{ 'y', 0, { KEY_Z, false, false }, "de" },
		{ 0xe4, 0, { KEY_APOSTROPHE, false, false }, "de" },
		{ 0xc4, 0, { KEY_APOSTROPHE, true, false }, "de" },
		{ '@', 0, { KEY_Q, false, true }, "de" },
		{ '|', 0, { KEY_102ND, false, true }, "de" },
		{ 0x20ac, 0, { KEY_E, false, true }, "de" },
		{ '^', -ENOENT, { 0 }, "de" }, // a dead key
		{ '^', 0, { KEY_GRAVE, false, false }, "de:nodeadkeys" },
		{ '1', 0, { KEY_1, true, false }, "fr" },
		{ 0x43f, 0, { KEY_G, false, false }, "ru" },
		{ 0x4e00, -ENOENT, { 0 }, "de" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct keymap *keymap = NULL;
		CHECK(keymap_create(cases[i].keymap, &keymap) == 0, "%s", cases[i].keymap);
		struct keymap_stroke stroke = { 0 };
		int err = keymap_find(keymap, cases[i].character, &stroke);
		CHECK(err == cases[i].err && stroke.key == cases[i].stroke.key &&
						stroke.with_shift == cases[i].stroke.with_shift &&
						stroke.with_altgr == cases[i].stroke.with_altgr,
				"U+%04X of %s: %d, key %u%s%s", cases[i].character, cases[i].keymap,
				err, stroke.key, stroke.with_shift ? ", Shift" : "",
				stroke.with_altgr ? ", AltGr" : "");
		keymap_destroy(keymap);
	}
}

/** All that can be seen of ASCII is on an American keyboard. */
static void test_all_of_ascii(void **state) {
	(void)state;
	struct keymap *keymap = NULL;
	assert_int_equal(keymap_create("us", &keymap), 0);
	for (uint32_t c = ' '; c <= '~'; c++) {
		struct keymap_stroke stroke;
		CHECK(keymap_find(keymap, c, &stroke) == 0, "'%c'", (char)c);
		CHECK(stroke.key <= KEY_SLASH || stroke.key == KEY_SPACE, "'%c': %u", (char)c,
				stroke.key);
	}
	keymap_destroy(keymap);
}

static void test_names(void **state) {
	(void)state;
	static const char *const bad[] = { "", ":", "nowhere", "de:nonsense", ":nodeadkeys" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad); i++) {
		struct keymap *keymap = NULL;
		int err = keymap_create(bad[i], &keymap);
		CHECK(err == -ENOENT && keymap == NULL, "'%s': %d", bad[i], err);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_all_of_ascii),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
