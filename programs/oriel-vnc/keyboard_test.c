// SPDX-License-Identifier: MIT
/* Tests of keyboard.h. */
#include "oriel-vnc/keyboard.h"

#include "fixture/check.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <xkbcommon/xkbcommon-keysyms.h>

static struct keymap keymap;

static void test_numbers(void **state) {
	(void)state;
	static const struct {
		uint32_t number;
		uint16_t code; // 0: none
	} cases[] = { { 0, 0 }, { 1, KEY_ESC }, { 30, KEY_A }, { 0x56, KEY_102ND },
		{ 0x57, KEY_F11 }, { 0x58, KEY_F12 }, { 0x55, 0 }, { 0x54, KEY_SYSRQ }, { 0x80, 0 },
		{ 0x9c, KEY_KPENTER }, { 0xc8, KEY_UP }, { 0xdb, KEY_LEFTMETA }, { 0xff, 0 },
		{ 0x100, 0 }, { UINT32_MAX, 0 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		CHECK(keyboard_code_of_number(cases[i].number) == cases[i].code, "%#x",
				cases[i].number);
	}
}

static void test_us(void **state) {
	(void)state;
	static const struct {
		uint32_t keysym;
		uint16_t code;
		bool shift, level3, any_shift;
	} cases[] = {
		{ 'a', KEY_A, false, false, false },
		{ 'A', KEY_A, true, false, false },
		{ '1', KEY_1, false, false, false },
		{ '!', KEY_1, true, false, false },
		{ XKB_KEY_Return, KEY_ENTER, false, false, true },
		{ XKB_KEY_F5, KEY_F5, false, false, true },
		{ XKB_KEY_Shift_L, KEY_LEFTSHIFT, false, false, true },
		{ XKB_KEY_Left, KEY_LEFT, false, false, true },
		{ XKB_KEY_KP_7, KEY_7, false, false, false },
	};
	assert_int_equal(keymap_init(&keymap, "us"), 0);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const struct keymap_key *key = keymap_find(&keymap, cases[i].keysym);
		CHECK(key != NULL, "%#x", cases[i].keysym);
		CHECK(key->code == cases[i].code && key->shift == cases[i].shift &&
						key->level3 == cases[i].level3 &&
						key->any_shift == cases[i].any_shift,
				"%#x: code %u, %d %d %d", cases[i].keysym, key->code, key->shift,
				key->level3, key->any_shift);
	}
	assert_null(keymap_find(&keymap, XKB_KEY_Cyrillic_a));
	assert_null(keymap_find(&keymap, 0));
	assert_null(keymap_find(&keymap, UINT32_MAX));
}

static void test_other_layouts(void **state) {
	(void)state;
	assert_int_equal(keymap_init(&keymap, "de"), 0);
	const struct keymap_key *key = keymap_find(&keymap, '@');
	assert_non_null(key);
	assert_int_equal(key->code, KEY_Q);
	assert_true(key->level3 && !key->shift);
	assert_int_equal(keymap_find(&keymap, 'z')->code, KEY_Y);
	assert_int_equal(keymap_init(&keymap, "us:dvorak"), 0);
	assert_int_equal(keymap_find(&keymap, 'o')->code, KEY_S);
	assert_int_equal(keymap_init(&keymap, "ru"), 0);
	assert_non_null(keymap_find(&keymap, XKB_KEY_Cyrillic_a));
	static const char *const wrong[] = { "", ":", "nosuch", "us:nosuch", "../us" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(wrong); i++) {
		CHECK(keymap_init(&keymap, wrong[i]) == -EINVAL, "'%s'", wrong[i]);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_us),
		cmocka_unit_test(test_other_layouts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
