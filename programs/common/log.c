// SPDX-License-Identifier: MIT
/* See log.h. */
#include "common/log.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

/** Room for two paths and some words. */
#define MAX_LINE (2 * PATH_MAX + 256)

static void print_line(enum oriel_log_level level, const char *msg, void *user) {
	static const char *const names[] = {
		[ORIEL_LOG_ERROR] = "error",
		[ORIEL_LOG_WARN] = "warn",
		[ORIEL_LOG_INFO] = "info",
		[ORIEL_LOG_DEBUG] = "debug",
	};
	fprintf(stderr, "%s: %s: %s\n", (const char *)user, names[level], msg);
}

struct oriel_log_sink log_make_sink(char *program, enum oriel_log_level max_level) {
	return (struct oriel_log_sink){ .fn = print_line, .user = program, .max_level = max_level };
}

void log_print(const struct oriel_log_sink *sink, enum oriel_log_level level, const char *format,
		...) {
	if (level > (sink->live_level != NULL ? *sink->live_level : sink->max_level)) {
		return;
	}
	char line[MAX_LINE];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	sink->fn(level, line, sink->user);
}
