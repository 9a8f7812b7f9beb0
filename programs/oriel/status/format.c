// SPDX-License-Identifier: MIT
/* See format.h. */
#include "oriel/status/format.h"

#include "base/compiler.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

const char *format_count(char ret[FORMAT_SIZE], uint64_t count) {
	char digits[FORMAT_SIZE];
	const int n = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	size_t k = 0;
	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0) {
			ret[k++] = ',';
		}
		ret[k++] = digits[i];
	}
	ret[k] = '\0';
	return ret;
}

/** Three digits of value / scale, and a unit. */
static const char *format_scaled(char ret[FORMAT_SIZE], uint64_t value, uint64_t scale,
		const char *unit) {
	const double scaled = (double)value / (double)scale;
	// What would be rounded to 10 or 100 has one digit less behind the point.
	const int n_digits = scale == 1 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
	snprintf(ret, FORMAT_SIZE, "%.*f %s", n_digits, scaled, unit);
	return ret;
}

const char *format_bytes(char ret[FORMAT_SIZE], uint64_t bytes) {
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t i = 0;
	uint64_t scale = 1;
	while (i + 1 < ORIEL_ARRAY_LEN(units) && bytes / scale >= 1024) {
		scale *= 1024;
		i++;
	}
	if (scale > 1 && bytes % scale == 0) {
		snprintf(ret, FORMAT_SIZE, "%" PRIu64 " %s", bytes / scale, units[i]);
		return ret;
	}
	return format_scaled(ret, bytes, scale, units[i]);
}

const char *format_ns(char ret[FORMAT_SIZE], uint64_t ns) {
	return ns < 1000         ? format_scaled(ret, ns, 1, "ns")
	       : ns < 1000000    ? format_scaled(ret, ns, 1000, "us")
	       : ns < 1000000000 ? format_scaled(ret, ns, 1000000, "ms")
				 : format_scaled(ret, ns, 1000000000, "s");
}

const char *format_time(char ret[FORMAT_SIZE], uint64_t ms) {
	static const struct {
		uint64_t seconds;
		const char *unit;
	} rows[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	const uint64_t seconds = ms / 1000;
	size_t i = 0;
	while (i + 1 < ORIEL_ARRAY_LEN(rows) && seconds < rows[i].seconds) {
		i++;
	}
	if (i + 1 == ORIEL_ARRAY_LEN(rows)) {
		snprintf(ret, FORMAT_SIZE, "%" PRIu64 " s", seconds);
	} else {
		snprintf(ret, FORMAT_SIZE, "%" PRIu64 " %s %" PRIu64 " %s",
				seconds / rows[i].seconds, rows[i].unit,
				seconds % rows[i].seconds / rows[i + 1].seconds, rows[i + 1].unit);
	}
	return ret;
}
