// SPDX-License-Identifier: MIT
/* See render_dump.h. Offsets and sizes: docs/dump.md. */
#include "protocol/render_dump.h"

#include "base/arith.h"

#include <errno.h>

#define MAX_ERROR 4095u
/** Of a packed word: a run of equal pixels, and not pixels one by one. */
#define RUN_BIT (1u << 31)
/** As many bytes as any command may read back. */
#define MAX_DATA_SIZE (UINT64_C(4) << 30)

static int judge(const struct oriel_reader *r) {
	return r->failed || oriel_reader_left(r) != 0 ? -EBADMSG : 0;
}

int oriel_render_dump_decode_header(struct oriel_reader *r) {
	const uint64_t magic = oriel_read_u64(r);
	const uint32_t version = oriel_read_u32(r);
	const uint32_t reserved = oriel_read_u32(r);
	if (judge(r) < 0 || magic != ORIEL_RENDER_DUMP_MAGIC) {
		return -EBADMSG;
	}
	return version == ORIEL_RENDER_DUMP_VERSION && reserved == 0 ? 0 : -EPROTO;
}

void oriel_render_dump_encode_header(struct oriel_writer *w) {
	oriel_write_u64(w, ORIEL_RENDER_DUMP_MAGIC);
	oriel_write_u32(w, ORIEL_RENDER_DUMP_VERSION);
	oriel_write_u32(w, 0);
}

int oriel_render_dump_decode_record(struct oriel_reader *r, struct oriel_render_dump_record *ret) {
	struct oriel_render_dump_record m;
	m.kind = oriel_read_u32(r);
	m.size = oriel_read_u32(r);
	m.time_ns = oriel_read_u64(r);
	if (judge(r) < 0 || m.size > ORIEL_RENDER_DUMP_MAX_BODY_SIZE) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_dump_encode_record(struct oriel_writer *w,
		const struct oriel_render_dump_record *m) {
	oriel_write_u32(w, m->kind);
	oriel_write_u32(w, m->size);
	oriel_write_u64(w, m->time_ns);
}

int oriel_render_dump_decode_memory(struct oriel_reader *r, struct oriel_render_dump_memory *ret) {
	struct oriel_render_dump_memory m;
	m.resource_id = oriel_read_u32(r);
	m.row_size = oriel_read_u32(r);
	m.n_rows = oriel_read_u32(r);
	m.stride = oriel_read_u32(r);
	m.offset = oriel_read_u64(r);
	if (r->failed || m.row_size == 0 || m.n_rows == 0 || m.stride < m.row_size) {
		return -EBADMSG;
	}
	const uint64_t size = (uint64_t)m.row_size * m.n_rows; // 32 bits by 32 bits
	uint64_t end;
	if (size > ORIEL_RENDER_DUMP_MAX_MEMORY_SIZE ||
			oriel_u64_add(m.offset, (uint64_t)m.stride * m.n_rows, &end) < 0) {
		return -EBADMSG;
	}
	m.bytes = oriel_reader_get(r, (size_t)size);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_dump_encode_memory(struct oriel_writer *w,
		const struct oriel_render_dump_memory *m) {
	oriel_write_u32(w, m->resource_id);
	oriel_write_u32(w, m->row_size);
	oriel_write_u32(w, m->n_rows);
	oriel_write_u32(w, m->stride);
	oriel_write_u64(w, m->offset);
}

int oriel_render_dump_decode_result(struct oriel_reader *r, struct oriel_render_dump_result *ret) {
	struct oriel_render_dump_result m = { 0 };
	m.number = oriel_read_u64(r);
	const uint32_t err = oriel_read_u32(r);
	const uint32_t has_data = oriel_read_u32(r);
	m.checksum = oriel_read_u64(r);
	m.n_rows = oriel_read_u64(r);
	m.row_size = oriel_read_u32(r);
	m.picture_size = oriel_read_u32(r);
	if (r->failed || err > MAX_ERROR || has_data > 1) {
		return -EBADMSG;
	}
	m.err = -(int32_t)err;
	m.has_data = has_data == 1;
	const bool has_rows = m.row_size != 0 && m.n_rows != 0;
	if (m.has_data != has_rows || (m.has_data && m.n_rows > MAX_DATA_SIZE / m.row_size) ||
			(!m.has_data && (m.picture_size != 0 || m.checksum != 0))) {
		return -EBADMSG;
	}
	if (m.picture_size != 0 && m.n_rows > ORIEL_RENDER_DUMP_MAX_BODY_SIZE / 4 / m.row_size) {
		return -EBADMSG;
	}
	m.picture = oriel_reader_get(r, m.picture_size);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_dump_encode_result(struct oriel_writer *w,
		const struct oriel_render_dump_result *m) {
	oriel_write_u64(w, m->number);
	oriel_write_u32(w, (uint32_t)-m->err);
	oriel_write_u32(w, m->has_data ? 1 : 0);
	oriel_write_u64(w, m->checksum);
	oriel_write_u64(w, m->n_rows);
	oriel_write_u32(w, m->row_size);
	oriel_write_u32(w, m->picture_size);
}

/*
 * Checksums and pictures (4).
 */

static uint64_t mix(uint64_t checksum, uint64_t word) {
	checksum = (checksum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return checksum ^ checksum >> 29;
}

uint64_t oriel_render_dump_sum(uint64_t checksum, const uint8_t *bytes, size_t size) {
	struct oriel_reader r = oriel_reader_of(bytes, size);
	while (oriel_reader_left(&r) >= 8) {
		checksum = mix(checksum, oriel_read_u64(&r));
	}
	uint64_t rest = 0;
	const size_t left = oriel_reader_left(&r);
	for (size_t i = 0; i < left; i++) {
		rest = rest << 8 | oriel_read_u8(&r);
	}
	return mix(mix(checksum, rest), size);
}

size_t oriel_render_dump_get_packed_size(size_t n_pixels) {
	return (n_pixels + 1) * 8; // a word for each at worst: runs of one
}

static size_t count_equal(const uint8_t *pixels, size_t n) {
	size_t len = 1;
	while (len < n && memcmp(pixels + len * 4, pixels, 4) == 0) {
		len++;
	}
	return len;
}

/** How many pixels come before the next three that are equal: a shorter run does not pay. */
static size_t count_different(const uint8_t *pixels, size_t n) {
	size_t len = 1;
	while (len < n && (n - len < 3 || count_equal(pixels + len * 4, 3) < 3)) {
		len++;
	}
	return len;
}

size_t oriel_render_dump_pack(const uint8_t *pixels, size_t n_pixels, uint8_t *packed) {
	struct oriel_writer w =
			oriel_writer_of(packed, oriel_render_dump_get_packed_size(n_pixels));
	size_t i = 0;
	while (i < n_pixels) {
		// A count has 31 bits.
		const size_t n = oriel_min_size(n_pixels - i, RUN_BIT - 1);
		const uint8_t *here = pixels + i * 4;
		size_t len = count_equal(here, n);
		if (len >= 3) {
			oriel_write_u32(&w, RUN_BIT | (uint32_t)len);
			oriel_write_bytes(&w, here, 4);
		} else {
			len = count_different(here, n);
			oriel_write_u32(&w, (uint32_t)len);
			oriel_write_bytes(&w, here, len * 4);
		}
		i += len;
	}
	return (size_t)(w.cur - packed);
}

int oriel_render_dump_unpack(const uint8_t *packed, size_t size, uint8_t *pixels, size_t n_pixels) {
	struct oriel_reader r = oriel_reader_of(packed, size);
	size_t i = 0;
	while (i < n_pixels) {
		const uint32_t word = oriel_read_u32(&r);
		const size_t len = word & (RUN_BIT - 1);
		const bool is_run = (word & RUN_BIT) != 0;
		if (len == 0 || len > n_pixels - i) {
			return -EBADMSG; // also at the end of the bytes
		}
		const uint8_t *from = oriel_reader_get(&r, is_run ? 4 : len * 4);
		if (from == NULL) {
			return -EBADMSG;
		}
		for (size_t j = 0; is_run && j < len; j++) {
			memcpy(pixels + (i + j) * 4, from, 4);
		}
		if (!is_run) {
			memcpy(pixels + i * 4, from, len * 4);
		}
		i += len;
	}
	return judge(&r);
}
