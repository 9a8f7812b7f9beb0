// SPDX-License-Identifier: MIT
/* See log.h. */
#include "host/log.h"

#include "oriel/loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_SIZE 512

void oriel_log_init(struct oriel_log *log, const struct oriel_log_sink *sink) {
	*log = (struct oriel_log){ 0 };
	if (sink != NULL) {
		log->sink = *sink;
	}
	log->guest_limit.burst = ORIEL_LOG_GUEST_BURST;
	log->guest_limit.interval_ns = ORIEL_LOG_GUEST_INTERVAL_NS;
	log->life_limit.burst = ORIEL_LOG_LIFE_BURST;
	log->life_limit.interval_ns = ORIEL_LOG_LIFE_INTERVAL_NS;
}

static bool is_wanted(const struct oriel_log *log, enum oriel_log_level level) {
	const struct oriel_log_sink *sink = &log->sink;
	return sink->fn != NULL &&
	       level <= (sink->live_level != NULL ? *sink->live_level : sink->max_level);
}

void oriel_log(struct oriel_log *log, enum oriel_log_level level, const char *format, ...) {
	if (!is_wanted(log, level)) {
		return;
	}
	int saved = errno;
	char line[LINE_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log->sink.fn(level, line, log->sink.user);
	errno = saved;
}

/** Log a line if limit allows, and how many it swallowed before. */
ORIEL_PRINTF(4, 0)
static void log_limited(struct oriel_log *log, enum oriel_log_level level,
		struct oriel_rate_limit *limit, const char *format, va_list args) {
	uint64_t n_suppressed = 0;
	if (!is_wanted(log, level) ||
			!oriel_rate_limit_allows(limit, oriel_now_ns(), &n_suppressed)) {
		return;
	}
	int saved = errno;
	char line[LINE_SIZE];
	vsnprintf(line, sizeof(line), format, args);
	log->sink.fn(level, line, log->sink.user);
	errno = saved;
	if (n_suppressed > 0) {
		oriel_log(log, level, "log: %" PRIu64 " lines like this were left out",
				n_suppressed);
	}
}

void oriel_log_guest(struct oriel_log *log, const char *format, ...) {
	va_list args;
	va_start(args, format);
	log_limited(log, ORIEL_LOG_WARN, &log->guest_limit, format, args);
	va_end(args);
}

void oriel_log_life(struct oriel_log *log, const char *format, ...) {
	va_list args;
	va_start(args, format);
	log_limited(log, ORIEL_LOG_INFO, &log->life_limit, format, args);
	va_end(args);
}
