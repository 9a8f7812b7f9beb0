// SPDX-License-Identifier: MIT
/* Tests of key_name.h. */
#include "oriel/input/key_name.h"

#include "fixture/check.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>

static void test_chords(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int err;
		size_t n;
		uint32_t keys[KEY_CHORD_MAX];
		const char *wrong;
	} cases[] = {
		{ "a", 0, 1, { KEY_A }, NULL },
		{ "ctrl+alt+f2", 0, 3, { KEY_LEFTCTRL, KEY_LEFTALT, KEY_F2 }, NULL },
		{ "shift+102nd", 0, 2, { KEY_LEFTSHIFT, KEY_102ND }, NULL },
		{ "a+b+c+d+e+f+g+h", 0, 8,
				{ KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H }, NULL },
		{ "a+b+c+d+e+f+g+h+i", -E2BIG, 0, { 0 }, NULL },
		{ "alt+leftalt", -EEXIST, 0, { 0 }, NULL },
		{ "", -ENOENT, 0, { 0 }, "" },
		{ "ctrl+", -ENOENT, 0, { 0 }, "" },
		{ "+a", -ENOENT, 0, { 0 }, "" },
		{ "ctrl+Alt+f2", -ENOENT, 0, { 0 }, "Alt" },
		{ "f", 0, 1, { KEY_F }, NULL },
		{ "f25", -ENOENT, 0, { 0 }, "f25" },
		{ "ctrl alt", -ENOENT, 0, { 0 }, "ctrl alt" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct key_chord chord = { .n = 99 };
		const char *name = NULL;
		size_t size = 0;
		int err = key_chord_parse(cases[i].text, &chord, &name, &size);
		CHECK(err == cases[i].err, "'%s': %d", cases[i].text, err);
		CHECK(chord.n == (err == 0 ? cases[i].n : 99), "'%s': %zu keys", cases[i].text,
				chord.n);
		for (size_t k = 0; err == 0 && k < chord.n; k++) {
			CHECK(chord.keys[k] == cases[i].keys[k], "'%s': key %zu", cases[i].text, k);
		}
		CHECK((name != NULL) == (err == -ENOENT), "'%s': name", cases[i].text);
		CHECK(name == NULL || (size == strlen(cases[i].wrong) &&
						      strncmp(name, cases[i].wrong, size) == 0),
				"'%s': '%.*s'", cases[i].text, (int)size, name);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_chords) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
