// SPDX-License-Identifier: MIT
/* See reader.h. */
#include "render/record/reader.h"

#include "base/arith.h"
#include "base/error.h"

#include <stdlib.h>
#include <unistd.h>

/** Bodies are read in pieces, so that a size that lies does not make us allocate. */
#define PIECE_SIZE ((size_t)1 << 20)

static int read_once(int fd, uint8_t *bytes, size_t size, size_t *ret_n) {
	ssize_t n;
	do {
		n = read(fd, bytes, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return oriel_errno();
	}
	*ret_n = (size_t)n;
	return 0;
}

/** Read size bytes, or fewer at the end of the file. */
static int read_bytes(struct record_reader *reader, uint8_t *bytes, size_t size, size_t *ret_n) {
	size_t n_read = 0;
	while (n_read < size) {
		if (reader->ahead_begin == reader->ahead_end) {
			size_t n;
			int err = read_once(reader->fd, reader->ahead, sizeof(reader->ahead), &n);
			if (err < 0) {
				return err;
			}
			if (n == 0) {
				break;
			}
			reader->ahead_begin = 0;
			reader->ahead_end = n;
		}
		const size_t n = oriel_min_size(size - n_read,
				reader->ahead_end - reader->ahead_begin);
		memcpy(bytes + n_read, reader->ahead + reader->ahead_begin, n);
		reader->ahead_begin += n;
		n_read += n;
	}
	reader->end += n_read;
	*ret_n = n_read;
	return 0;
}

int record_reader_init(struct record_reader *reader, int fd) {
	memset(reader, 0, sizeof(*reader));
	reader->fd = fd;
	uint8_t bytes[ORIEL_RENDER_DUMP_HEADER_SIZE];
	size_t n;
	int err = read_bytes(reader, bytes, sizeof(bytes), &n);
	if (err < 0) {
		return err;
	}
	struct oriel_reader r = oriel_reader_of(bytes, n);
	return oriel_render_dump_decode_header(&r);
}

void record_reader_finish(struct record_reader *reader) {
	free(reader->body);
	reader->body = NULL;
}

static int reserve(struct record_reader *reader, size_t size) {
	if (size <= reader->capacity) {
		return 0;
	}
	uint8_t *body = realloc(reader->body, size);
	if (body == NULL) {
		return -ENOMEM;
	}
	reader->body = body;
	reader->capacity = size;
	return 0;
}

int record_reader_next(struct record_reader *reader) {
	uint8_t bytes[ORIEL_RENDER_DUMP_RECORD_SIZE];
	size_t n;
	reader->position = reader->end;
	int err = read_bytes(reader, bytes, sizeof(bytes), &n);
	if (err < 0 || n < sizeof(bytes)) {
		return err;
	}
	struct oriel_reader r = oriel_reader_of(bytes, n);
	err = oriel_render_dump_decode_record(&r, &reader->record);
	size_t n_read = 0;
	while (err == 0 && n_read < reader->record.size) {
		const size_t size = oriel_min_size(reader->record.size - n_read, PIECE_SIZE);
		err = reserve(reader, n_read + size);
		if (err == 0) {
			err = read_bytes(reader, reader->body + n_read, size, &n);
		}
		if (err == 0 && n < size) {
			return 0;
		}
		n_read += size;
	}
	return err < 0 ? err : 1;
}
