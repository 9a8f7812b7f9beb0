// SPDX-License-Identifier: MIT
/*
 * Reading a recording, record by record, from a descriptor. What is read is bounded before it is
 * kept; what it means is for the player.
 */
#ifndef ORIEL_RENDER_RECORD_READER_H
#define ORIEL_RENDER_RECORD_READER_H

#include "protocol/render_dump.h"

struct record_reader {
	int fd;            // borrowed
	uint64_t position; // of the record that was read last, bytes: for the log
	uint64_t end;      // of it
	struct oriel_render_dump_record record;
	uint8_t *body; // record.size bytes; valid until the next
	size_t capacity;
	// What was read ahead.
	uint8_t ahead[64u << 10];
	size_t ahead_begin, ahead_end;
};

/** Begin, and read the file's header. Returns 0, -EBADMSG, -EPROTO, or -errno; then finish. */
ORIEL_MUST_CHECK
int record_reader_init(struct record_reader *reader, int fd);
void record_reader_finish(struct record_reader *reader);

/**
 * Read the next record. Returns 1, 0 at the end of the file, also if that is within a record (it
 * was cut off), -EBADMSG, -ENOMEM, or -errno.
 */
ORIEL_MUST_CHECK
int record_reader_next(struct record_reader *reader);

#endif
