// SPDX-License-Identifier: MIT
/*
 * Where a recording goes: a descriptor that may be slow, through a bounded buffer.
 *
 * What the descriptor takes at once is written at once: what comes last before a crash is what one
 * wants to see. The rest waits in the buffer. When that is full the writer waits for the
 * descriptor, a bounded time, and then gives up: a recording with a hole is of no use, and whoever
 * draws must not wait for a disk. Giving up is for good.
 */
#ifndef ORIEL_RENDER_RECORD_SINK_H
#define ORIEL_RENDER_RECORD_SINK_H

#include "base/compiler.h"
#include "oriel/loop.h"

#include <stddef.h>
#include <stdint.h>

/** Bytes that may wait: some seconds of a busy guest. */
#define RECORD_SINK_CAPACITY (32u << 20)
/** How long one operation, and the end of the recording, may wait for the descriptor at most. */
#define RECORD_SINK_PATIENCE_NS UINT64_C(1000000000)

struct record_sink {
	int fd;               // non-blocking, ours; -1: none, or given up
	int err;              // why it was given up; 0: it was not
	uint64_t patience_ns; // that is left
	uint8_t *bytes;       // a ring; NULL: never needed
	size_t begin, len;
	struct oriel_source *source;
};

/** Begin. Takes fd. Returns 0, -ENOMEM or -errno; then finish. */
ORIEL_MUST_CHECK
int record_sink_init_take(struct record_sink *sink, struct oriel_loop *loop, int fd);

/** Write what waits, as far as patience goes, and close. */
void record_sink_finish(struct record_sink *sink);

/** Another operation begins. */
void record_sink_renew_patience(struct record_sink *sink);

/** Write bytes, now or later. What cannot be written sets sink->err. */
void record_sink_put(struct record_sink *sink, const uint8_t *bytes, size_t size);

#endif
