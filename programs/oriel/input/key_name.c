// SPDX-License-Identifier: MIT
/* See key_name.h. */
#include "oriel/input/key_name.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <string.h>

static const struct {
	const char *name;
	uint16_t key;
} names[] = {
	{ "a", KEY_A },
	{ "b", KEY_B },
	{ "c", KEY_C },
	{ "d", KEY_D },
	{ "e", KEY_E },
	{ "f", KEY_F },
	{ "g", KEY_G },
	{ "h", KEY_H },
	{ "i", KEY_I },
	{ "j", KEY_J },
	{ "k", KEY_K },
	{ "l", KEY_L },
	{ "m", KEY_M },
	{ "n", KEY_N },
	{ "o", KEY_O },
	{ "p", KEY_P },
	{ "q", KEY_Q },
	{ "r", KEY_R },
	{ "s", KEY_S },
	{ "t", KEY_T },
	{ "u", KEY_U },
	{ "v", KEY_V },
	{ "w", KEY_W },
	{ "x", KEY_X },
	{ "y", KEY_Y },
	{ "z", KEY_Z },
	{ "0", KEY_0 },
	{ "1", KEY_1 },
	{ "2", KEY_2 },
	{ "3", KEY_3 },
	{ "4", KEY_4 },
	{ "5", KEY_5 },
	{ "6", KEY_6 },
	{ "7", KEY_7 },
	{ "8", KEY_8 },
	{ "9", KEY_9 },
	{ "f1", KEY_F1 },
	{ "f2", KEY_F2 },
	{ "f3", KEY_F3 },
	{ "f4", KEY_F4 },
	{ "f5", KEY_F5 },
	{ "f6", KEY_F6 },
	{ "f7", KEY_F7 },
	{ "f8", KEY_F8 },
	{ "f9", KEY_F9 },
	{ "f10", KEY_F10 },
	{ "f11", KEY_F11 },
	{ "f12", KEY_F12 },
	{ "f13", KEY_F13 },
	{ "f14", KEY_F14 },
	{ "f15", KEY_F15 },
	{ "f16", KEY_F16 },
	{ "f17", KEY_F17 },
	{ "f18", KEY_F18 },
	{ "f19", KEY_F19 },
	{ "f20", KEY_F20 },
	{ "f21", KEY_F21 },
	{ "f22", KEY_F22 },
	{ "f23", KEY_F23 },
	{ "f24", KEY_F24 },
	// What changes the meaning of others. Without a side, it is the left one.
	{ "shift", KEY_LEFTSHIFT },
	{ "leftshift", KEY_LEFTSHIFT },
	{ "rightshift", KEY_RIGHTSHIFT },
	{ "ctrl", KEY_LEFTCTRL },
	{ "leftctrl", KEY_LEFTCTRL },
	{ "rightctrl", KEY_RIGHTCTRL },
	{ "alt", KEY_LEFTALT },
	{ "leftalt", KEY_LEFTALT },
	{ "altgr", KEY_RIGHTALT },
	{ "rightalt", KEY_RIGHTALT },
	{ "super", KEY_LEFTMETA },
	{ "meta", KEY_LEFTMETA },
	{ "leftmeta", KEY_LEFTMETA },
	{ "rightmeta", KEY_RIGHTMETA },
	{ "capslock", KEY_CAPSLOCK },
	{ "numlock", KEY_NUMLOCK },
	{ "scrolllock", KEY_SCROLLLOCK },
	{ "compose", KEY_COMPOSE },
	{ "menu", KEY_COMPOSE },
	// Around the letters.
	{ "esc", KEY_ESC },
	{ "tab", KEY_TAB },
	{ "enter", KEY_ENTER },
	{ "space", KEY_SPACE },
	{ "backspace", KEY_BACKSPACE },
	{ "grave", KEY_GRAVE },
	{ "minus", KEY_MINUS },
	{ "equal", KEY_EQUAL },
	{ "leftbrace", KEY_LEFTBRACE },
	{ "rightbrace", KEY_RIGHTBRACE },
	{ "backslash", KEY_BACKSLASH },
	{ "semicolon", KEY_SEMICOLON },
	{ "apostrophe", KEY_APOSTROPHE },
	{ "comma", KEY_COMMA },
	{ "dot", KEY_DOT },
	{ "slash", KEY_SLASH },
	{ "102nd", KEY_102ND },
	{ "insert", KEY_INSERT },
	{ "delete", KEY_DELETE },
	{ "home", KEY_HOME },
	{ "end", KEY_END },
	{ "pageup", KEY_PAGEUP },
	{ "pagedown", KEY_PAGEDOWN },
	{ "up", KEY_UP },
	{ "down", KEY_DOWN },
	{ "left", KEY_LEFT },
	{ "right", KEY_RIGHT },
	{ "print", KEY_SYSRQ },
	{ "sysrq", KEY_SYSRQ },
	{ "pause", KEY_PAUSE },
	// The block of numbers.
	{ "kp0", KEY_KP0 },
	{ "kp1", KEY_KP1 },
	{ "kp2", KEY_KP2 },
	{ "kp3", KEY_KP3 },
	{ "kp4", KEY_KP4 },
	{ "kp5", KEY_KP5 },
	{ "kp6", KEY_KP6 },
	{ "kp7", KEY_KP7 },
	{ "kp8", KEY_KP8 },
	{ "kp9", KEY_KP9 },
	{ "kpdot", KEY_KPDOT },
	{ "kpenter", KEY_KPENTER },
	{ "kpplus", KEY_KPPLUS },
	{ "kpminus", KEY_KPMINUS },
	{ "kpasterisk", KEY_KPASTERISK },
	{ "kpslash", KEY_KPSLASH },
	// The machine and its sounds.
	{ "power", KEY_POWER },
	{ "sleep", KEY_SLEEP },
	{ "wakeup", KEY_WAKEUP },
	{ "mute", KEY_MUTE },
	{ "volumedown", KEY_VOLUMEDOWN },
	{ "volumeup", KEY_VOLUMEUP },
	{ "playpause", KEY_PLAYPAUSE },
	{ "nextsong", KEY_NEXTSONG },
	{ "previoussong", KEY_PREVIOUSSONG },
	{ "brightnessdown", KEY_BRIGHTNESSDOWN },
	{ "brightnessup", KEY_BRIGHTNESSUP },
};

int key_name_find(const char *name, size_t size, uint32_t *ret) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(names); i++) {
		if (strlen(names[i].name) == size && strncmp(names[i].name, name, size) == 0) {
			*ret = names[i].key;
			return 0;
		}
	}
	return -ENOENT;
}

int key_chord_parse(const char *text, struct key_chord *ret, const char **ret_name,
		size_t *ret_size) {
	struct key_chord chord = { .n = 0 };
	const char *name = text;
	while (true) {
		const size_t size = strcspn(name, "+");
		uint32_t key;
		if (key_name_find(name, size, &key) < 0) {
			*ret_name = name;
			*ret_size = size;
			return -ENOENT;
		}
		for (size_t i = 0; i < chord.n; i++) {
			if (chord.keys[i] == key) {
				return -EEXIST;
			}
		}
		if (chord.n == KEY_CHORD_MAX) {
			return -E2BIG;
		}
		chord.keys[chord.n++] = key;
		if (name[size] == '\0') {
			*ret = chord;
			return 0;
		}
		name += size + 1;
	}
}
