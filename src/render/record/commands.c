// SPDX-License-Identifier: MIT
/* See commands.h. The numbers are those of the virgl protocol. */
#include "render/record/commands.h"

#include "base/bytes.h"

#define TRANSFER3D 43u
#define TRANSFER3D_LEN 13u
#define TRANSFER3D_TO_HOST 1u
#define COPY_TRANSFER3D 45u
#define COPY_TRANSFER3D_LEN 14u
#define COPY_FROM_HOST 2u // a bit of its flags

static uint32_t word_at(const uint8_t *bytes, uint32_t i) {
	struct oriel_reader r = oriel_reader_of(bytes + (size_t)i * 4, 4);
	return oriel_read_u32(&r);
}

/** What both have: resource, level, usage, stride, layer stride, box, and where the bytes are. */
static void read_transfer(struct oriel_reader *r, struct record_transfer *t) {
	t->resource_id = oriel_read_u32(r);
	t->transfer.level = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	t->transfer.stride = oriel_read_u32(r);
	t->transfer.layer_stride = oriel_read_u32(r);
	t->transfer.box.x = oriel_read_u32(r);
	t->transfer.box.y = oriel_read_u32(r);
	t->transfer.box.z = oriel_read_u32(r);
	t->transfer.box.width = oriel_read_u32(r);
	t->transfer.box.height = oriel_read_u32(r);
	t->transfer.box.depth = oriel_read_u32(r);
}

bool record_commands_find(const uint8_t *bytes, uint32_t n_words, uint32_t *i,
		struct record_transfer *ret) {
	while (*i < n_words) {
		const uint32_t header = word_at(bytes, *i);
		const uint32_t len = header >> 16;
		if (len >= n_words - *i) {
			return false;
		}
		struct oriel_reader r =
				oriel_reader_of(bytes + (size_t)(*i + 1) * 4, (size_t)len * 4);
		*i += len + 1;
		const uint32_t command = header & 0xff;
		struct record_transfer t = { 0 };
		bool reads = false;
		if (command == TRANSFER3D && len == TRANSFER3D_LEN) {
			read_transfer(&r, &t);
			t.backing_id = t.resource_id;
			t.transfer.offset = oriel_read_u32(&r);
			reads = oriel_read_u32(&r) == TRANSFER3D_TO_HOST;
		} else if (command == COPY_TRANSFER3D && len == COPY_TRANSFER3D_LEN) {
			read_transfer(&r, &t);
			t.backing_id = oriel_read_u32(&r);
			t.transfer.offset = oriel_read_u32(&r);
			reads = (oriel_read_u32(&r) & COPY_FROM_HOST) == 0;
		}
		if (reads) {
			*ret = t;
			return true;
		}
	}
	return false;
}
