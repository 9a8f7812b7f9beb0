// SPDX-License-Identifier: MIT
/* See head.h. */
#include "oriel-gpu/head.h"

#include "common/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_SIZE_PX 16384u
#define MAX_MM 65535u
#define MAX_HZ 1000u
#define MIN_HZ 10u
#define MAX_DPI 10000u

/** The longest part between two commas. */
#define PART_SIZE 64u

/** Hertz with at most three digits behind the point, in millihertz. */
static int parse_hertz(const char *text, uint32_t *ret) {
	char whole[PART_SIZE];
	char fraction[] = "000";
	const char *point = strchr(text, '.');
	size_t len = point != NULL ? (size_t)(point - text) : strlen(text);
	memcpy(whole, text, len); // a part fits
	whole[len] = '\0';
	if (point != NULL) {
		size_t n_digits = strlen(point + 1);
		if (n_digits == 0 || n_digits > 3) {
			return -EINVAL;
		}
		memcpy(fraction, point + 1, n_digits);
	}
	uint64_t hz, mhz;
	if (oriel_parse_number(whole, MAX_HZ, &hz) < 0 ||
			oriel_parse_number(fraction, 999, &mhz) < 0) {
		return -EINVAL;
	}
	uint64_t refresh_mhz = hz * 1000 + mhz;
	if (refresh_mhz < MIN_HZ * 1000 || refresh_mhz > MAX_HZ * 1000) {
		return -EINVAL;
	}
	*ret = (uint32_t)refresh_mhz;
	return 0;
}

static int parse_mode(char *part, struct head *head) {
	char *at = strchr(part, '@');
	if (at != NULL) {
		*at = '\0';
		if (parse_hertz(at + 1, &head->refresh_mhz) < 0) {
			return -EINVAL;
		}
	}
	return oriel_parse_size(part, MAX_SIZE_PX, &head->width, &head->height);
}

/** Millimetres of a number of pixels, rounded. */
static uint32_t to_mm(uint32_t size_px, uint64_t dpi) {
	uint64_t mm = ((uint64_t)size_px * 254 + dpi * 5) / (dpi * 10);
	return mm == 0 ? 1 : mm > MAX_MM ? MAX_MM : (uint32_t)mm;
}

static int copy_text(const char *value, char ret[HEAD_TEXT_SIZE]) {
	size_t len = strlen(value);
	bool is_good = len > 0 && len < HEAD_TEXT_SIZE;
	for (size_t i = 0; i < len; i++) {
		is_good = is_good && value[i] >= ' ' && value[i] <= '~';
	}
	if (!is_good) {
		return -EINVAL;
	}
	memcpy(ret, value, len + 1);
	return 0;
}

/** One "key=value". Returns NULL, or what was expected. */
static const char *parse_property(const char *part, struct head *head) {
	uint64_t number;
	if (strncmp(part, "dpi=", 4) == 0) {
		if (oriel_parse_number(part + 4, MAX_DPI, &number) < 0 || number == 0) {
			return "dpi=N, dots per inch from 1 to 10000";
		}
		head->width_mm = to_mm(head->width, number);
		head->height_mm = to_mm(head->height, number);
		return NULL;
	}
	if (strncmp(part, "mm=", 3) == 0) {
		return oriel_parse_size(part + 3, MAX_MM, &head->width_mm, &head->height_mm) < 0
				       ? "mm=WIDTHxHEIGHT, millimetres from 1 to 65535"
				       : NULL;
	}
	if (strncmp(part, "name=", 5) == 0) {
		return copy_text(part + 5, head->name) < 0 ? "name= and 1 to 13 characters" : NULL;
	}
	if (strncmp(part, "serial=", 7) == 0) {
		return copy_text(part + 7, head->serial) < 0 ? "serial= and 1 to 13 characters"
							     : NULL;
	}
	return "dpi=, mm=, name= or serial=";
}

/** Take the part up to the next comma out of *text. Returns whether it fits. */
static bool take_part(const char **text, char part[PART_SIZE]) {
	size_t len = strcspn(*text, ",");
	if (len >= PART_SIZE) {
		return false;
	}
	memcpy(part, *text, len);
	part[len] = '\0';
	*text += len;
	return true;
}

int head_parse(const char *text, struct head *ret, const char **ret_expected) {
	struct head head = { 0 };
	char part[PART_SIZE];
	if (!take_part(&text, part) || parse_mode(part, &head) < 0) {
		*ret_expected = "WIDTHxHEIGHT[@HERTZ] in pixels, each from 1 to 16384, at 10 to "
				"1000";
		return -EINVAL;
	}
	while (*text == ',') {
		text++;
		const char *expected = take_part(&text, part) ? parse_property(part, &head)
							      : "dpi=, mm=, name= or serial=";
		if (expected != NULL) {
			*ret_expected = expected;
			return -EINVAL;
		}
	}
	*ret = head;
	return 0;
}
