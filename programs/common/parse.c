// SPDX-License-Identifier: MIT
/* See parse.h. */
#include "common/parse.h"

#include "base/arith.h"

#include <string.h>

/** The number at *text, which goes on behind it. */
static int take_number(const char **text, uint64_t max, uint64_t *ret) {
	const char *c = *text;
	uint64_t value = 0;
	if (*c < '0' || *c > '9') {
		return -EINVAL;
	}
	for (; *c >= '0' && *c <= '9'; c++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
				__builtin_add_overflow(value, (uint64_t)(*c - '0'), &value)) {
			return -EINVAL;
		}
	}
	if (value > max) {
		return -EINVAL;
	}
	*text = c;
	*ret = value;
	return 0;
}

int oriel_parse_number(const char *text, uint64_t max, uint64_t *ret) {
	uint64_t value;
	int err = take_number(&text, max, &value);
	if (err < 0 || *text != '\0') {
		return -EINVAL;
	}
	*ret = value;
	return 0;
}

int oriel_parse_bytes(const char *text, uint64_t *ret) {
	static const struct {
		const char *name;
		unsigned int shift;
	} units[] = { { "B", 0 }, { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 }, { "TiB", 40 } };
	uint64_t value;
	int err = take_number(&text, UINT64_MAX, &value);
	if (err < 0) {
		return err;
	}
	if (*text == '\0' && value == 0) {
		*ret = 0;
		return 0;
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(units); i++) {
		if (strcmp(text, units[i].name) == 0 && value <= UINT64_MAX >> units[i].shift) {
			*ret = value << units[i].shift;
			return 0;
		}
	}
	return -EINVAL;
}

int oriel_parse_size(const char *text, uint32_t max, uint32_t *ret_width, uint32_t *ret_height) {
	uint64_t width, height;
	int err = take_number(&text, max, &width);
	if (err < 0 || *text != 'x') {
		return -EINVAL;
	}
	text++;
	err = take_number(&text, max, &height);
	if (err < 0 || *text != '\0' || width == 0 || height == 0) {
		return -EINVAL;
	}
	*ret_width = (uint32_t)width;
	*ret_height = (uint32_t)height;
	return 0;
}

bool oriel_is_gpu_name(const char *word) {
	static const char *const prefixes[] = { "node:", "pci:", "egl:" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(prefixes); i++) {
		const size_t size = strlen(prefixes[i]);
		if (strncmp(word, prefixes[i], size) == 0 && word[size] != '\0') {
			return true;
		}
	}
	return strcmp(word, "auto") == 0 || strcmp(word, "software") == 0;
}
