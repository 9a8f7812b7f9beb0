// SPDX-License-Identifier: MIT
/*
 * Logging for objects of the library: a copy of the embedder's sink, and a rate limit for what a
 * guest or peer can cause.
 *
 * Each object that logs has one of these. A line starts with what it is about ("scanout 0: …") and
 * has numbers with units. Logging keeps errno.
 */
#ifndef ORIEL_HOST_LOG_H
#define ORIEL_HOST_LOG_H

#include "base/compiler.h"
#include "base/rate_limit.h"
#include "oriel/log.h"

/** Lines per second that a guest or peer can cause in one object. */
#define ORIEL_LOG_GUEST_BURST 5u
#define ORIEL_LOG_GUEST_INTERVAL_NS 1000000000u

/** Lines of life-cycle: a guest's boot has some twenty, and a guest can boot all the time. */
#define ORIEL_LOG_LIFE_BURST 40u
#define ORIEL_LOG_LIFE_INTERVAL_NS 10000000000u

struct oriel_log {
	struct oriel_log_sink sink;
	struct oriel_rate_limit guest_limit;
	struct oriel_rate_limit life_limit;
};

/** Begin a log. sink may be NULL: silence. */
void oriel_log_init(struct oriel_log *log, const struct oriel_log_sink *sink);

/** Log a line that only the embedder or the host can cause. */
ORIEL_PRINTF(3, 4)
void oriel_log(struct oriel_log *log, enum oriel_log_level level, const char *format, ...);

/** Log at info what a guest can cause again and again by being reset. */
ORIEL_PRINTF(2, 3)
void oriel_log_life(struct oriel_log *log, const char *format, ...);

/** Log a warning that a guest or a peer can cause as often as it likes. */
ORIEL_PRINTF(2, 3)
void oriel_log_guest(struct oriel_log *log, const char *format, ...);

#endif
