// SPDX-License-Identifier: MIT
/*
 * The file that oriel-render --dump writes, version 1: docs/dump.md, whose sections are named here.
 *
 * Pure: bytes in, struct out, and back. Decoders expect exactly what they are named after, and
 * return 0, or -EBADMSG if bytes are missing, too many, or cannot be; *ret is then untouched. A
 * file may come from anywhere: nothing in it is believed, and every size has a limit.
 */
#ifndef ORIEL_PROTOCOL_RENDER_DUMP_H
#define ORIEL_PROTOCOL_RENDER_DUMP_H

#include "base/bytes.h"
#include "base/compiler.h"

#define ORIEL_RENDER_DUMP_MAGIC UINT64_C(0x4433524c4549524f) // "ORIELR3D"
#define ORIEL_RENDER_DUMP_VERSION 1u
/** Bytes of the file's header and of a record's. */
#define ORIEL_RENDER_DUMP_HEADER_SIZE 16u
#define ORIEL_RENDER_DUMP_RECORD_SIZE 16u

/** What follows a record's header: a command buffer is the largest, at 64 MiB. */
#define ORIEL_RENDER_DUMP_MAX_BODY_SIZE ((64u << 20) + 4096u)
/** Bytes of guest memory in one record. */
#define ORIEL_RENDER_DUMP_MAX_MEMORY_SIZE (1u << 20)
#define ORIEL_RENDER_DUMP_MEMORY_SIZE 24u // of its body, without the bytes
#define ORIEL_RENDER_DUMP_RESULT_SIZE 40u // likewise, without a picture
#define ORIEL_RENDER_DUMP_MAX_DESCRIPTION_SIZE 256u

/** Kinds of records (3). Numbers are part of the format. */
enum oriel_render_dump_kind {
	ORIEL_RENDER_DUMP_DESCRIPTION = 1, // text: what rendered
	ORIEL_RENDER_DUMP_OPERATION = 2,   // a request of the render link, and its payload
	ORIEL_RENDER_DUMP_MEMORY = 3,      // what the next operation reads of guest memory
	ORIEL_RENDER_DUMP_RESULT = 4,      // of an operation: an error, or what was read back
	ORIEL_RENDER_DUMP_END = 5,         // nothing is missing
};

struct oriel_render_dump_record {
	uint32_t kind;
	uint32_t size;    // of the body, bytes
	uint64_t time_ns; // since the beginning
};

/** Rows of a resource's backing. */
struct oriel_render_dump_memory {
	uint32_t resource_id;
	uint32_t row_size; // bytes
	uint32_t n_rows;
	uint32_t stride;      // bytes from a row to the next
	uint64_t offset;      // of the first, into the backing
	const uint8_t *bytes; // n_rows * row_size; decoded: valid as long as the body
};

struct oriel_render_dump_result {
	uint64_t number; // of the operation, from 0
	int32_t err;     // 0 or a negative errno
	bool has_data;   // then the rest says what was read back
	uint64_t checksum;
	uint64_t n_rows;
	uint32_t row_size; // bytes
	// oriel_render_dump_unpack() makes the rows of it; size 0: there is only the checksum.
	uint32_t picture_size;
	const uint8_t *picture; // decoded: valid as long as the body
};

/** The file's header. Decoding: -EPROTO if it is of another version. */
ORIEL_MUST_CHECK
int oriel_render_dump_decode_header(struct oriel_reader *r);
void oriel_render_dump_encode_header(struct oriel_writer *w);

/** Also -EBADMSG for a body that is larger than any. Unknown kinds are for the reader to judge. */
ORIEL_MUST_CHECK
int oriel_render_dump_decode_record(struct oriel_reader *r, struct oriel_render_dump_record *ret);
void oriel_render_dump_encode_record(struct oriel_writer *w,
		const struct oriel_render_dump_record *m);

/** Also -EBADMSG for rows that overlap, or whose end cannot be counted. */
ORIEL_MUST_CHECK
int oriel_render_dump_decode_memory(struct oriel_reader *r, struct oriel_render_dump_memory *ret);
/** Without the bytes. */
void oriel_render_dump_encode_memory(struct oriel_writer *w,
		const struct oriel_render_dump_memory *m);

ORIEL_MUST_CHECK
int oriel_render_dump_decode_result(struct oriel_reader *r, struct oriel_render_dump_result *ret);
/** Without the picture. */
void oriel_render_dump_encode_result(struct oriel_writer *w,
		const struct oriel_render_dump_result *m);

/** Go on with a checksum, which begins as 0, over the next bytes. In pieces it is another one. */
uint64_t oriel_render_dump_sum(uint64_t checksum, const uint8_t *bytes, size_t size);

/** The most bytes that n_pixels pixels of 32 bits can be packed into. */
size_t oriel_render_dump_get_packed_size(size_t n_pixels);
/** Pack pixels: runs of equal ones become one. Returns how many bytes it took of those. */
size_t oriel_render_dump_pack(const uint8_t *pixels, size_t n_pixels, uint8_t *packed);
/** The reverse. -EBADMSG unless it is exactly n_pixels pixels; some may have been written. */
ORIEL_MUST_CHECK
int oriel_render_dump_unpack(const uint8_t *packed, size_t size, uint8_t *pixels, size_t n_pixels);

#endif
