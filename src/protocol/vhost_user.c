// SPDX-License-Identifier: MIT
/* See vhost_user.h. */
#include "protocol/vhost_user.h"

#include <errno.h>

#define REGION_SIZE 32u

/** In a SET_VRING_KICK, SET_VRING_CALL or SET_VRING_ERR: the ring, and whether no fd comes. */
#define RING_FD_INDEX_MASK UINT64_C(0xff)
#define RING_FD_NONE UINT64_C(0x100)

static void write_header(struct oriel_writer *w, uint32_t request, uint32_t flags, size_t size) {
	oriel_write_u32(w, request);
	oriel_write_u32(w, VHOST_USER_VERSION | flags);
	oriel_write_u32(w, (uint32_t)size);
}

static void write_region(struct oriel_writer *w, const struct oriel_vhost_region *region) {
	oriel_write_u64(w, region->gpa);
	oriel_write_u64(w, region->size);
	oriel_write_u64(w, region->user);
	oriel_write_u64(w, region->fd_offset);
}

void oriel_vhost_encode_plain(struct oriel_writer *w, uint32_t request, uint32_t flags) {
	write_header(w, request, flags, 0);
}

void oriel_vhost_encode_u64(struct oriel_writer *w, uint32_t request, uint32_t flags,
		uint64_t value) {
	write_header(w, request, flags, ORIEL_VHOST_U64_PAYLOAD);
	oriel_write_u64(w, value);
}

void oriel_vhost_encode_ring_state(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_ring_state *state) {
	write_header(w, request, flags, ORIEL_VHOST_RING_STATE_PAYLOAD);
	oriel_write_u32(w, state->index);
	oriel_write_u32(w, state->num);
}

void oriel_vhost_encode_ring_addresses(struct oriel_writer *w, uint32_t flags,
		const struct oriel_vhost_ring_addresses *addresses) {
	write_header(w, VHOST_USER_SET_VRING_ADDR, flags, ORIEL_VHOST_RING_ADDRESSES_PAYLOAD);
	oriel_write_u32(w, addresses->index);
	oriel_write_u32(w, addresses->flags);
	oriel_write_u64(w, addresses->desc_user);
	oriel_write_u64(w, addresses->used_user);
	oriel_write_u64(w, addresses->avail_user);
	oriel_write_u64(w, addresses->log_gpa);
}

void oriel_vhost_encode_ring_fd(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_ring_fd *fd) {
	uint64_t value = (fd->index & RING_FD_INDEX_MASK) | (fd->has_fd ? 0 : RING_FD_NONE);
	oriel_vhost_encode_u64(w, request, flags, value);
}

void oriel_vhost_encode_region(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_region *region) {
	write_header(w, request, flags, ORIEL_VHOST_REGION_PAYLOAD);
	oriel_write_zeros(w, 8);
	write_region(w, region);
}

void oriel_vhost_encode_table(struct oriel_writer *w, uint32_t flags,
		const struct oriel_vhost_table *table) {
	if (table->n_regions > ORIEL_VHOST_MAX_TABLE_REGIONS) {
		w->failed = true;
		return;
	}
	write_header(w, VHOST_USER_SET_MEM_TABLE, flags,
			ORIEL_VHOST_TABLE_PAYLOAD + table->n_regions * REGION_SIZE);
	oriel_write_u32(w, (uint32_t)table->n_regions);
	oriel_write_u32(w, 0);
	for (size_t i = 0; i < table->n_regions; i++) {
		write_region(w, &table->regions[i]);
	}
}

void oriel_vhost_encode_config(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_config *config) {
	if (config->size > ORIEL_VHOST_MAX_CONFIG_SIZE) {
		w->failed = true;
		return;
	}
	write_header(w, request, flags, ORIEL_VHOST_CONFIG_PAYLOAD + config->size);
	oriel_write_u32(w, config->offset);
	oriel_write_u32(w, config->size);
	oriel_write_u32(w, config->flags);
	oriel_write_bytes(w, config->bytes, config->size);
}

/** Whether the reader came to the payload's end, no more and no less. */
static bool is_complete(const struct oriel_reader *r) {
	return !r->failed && oriel_reader_left(r) == 0;
}

static void read_region(struct oriel_reader *r, struct oriel_vhost_region *ret) {
	ret->gpa = oriel_read_u64(r);
	ret->size = oriel_read_u64(r);
	ret->user = oriel_read_u64(r);
	ret->fd_offset = oriel_read_u64(r);
}

int oriel_vhost_decode_header(struct oriel_reader *r, struct oriel_vhost_header *ret) {
	struct oriel_vhost_header header;
	header.request = oriel_read_u32(r);
	header.flags = oriel_read_u32(r);
	header.size = oriel_read_u32(r);
	if (r->failed) {
		return -EBADMSG;
	}
	*ret = header;
	return 0;
}

int oriel_vhost_decode_u64(struct oriel_reader *r, uint64_t *ret) {
	uint64_t value = oriel_read_u64(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = value;
	return 0;
}

int oriel_vhost_decode_ring_state(struct oriel_reader *r, struct oriel_vhost_ring_state *ret) {
	struct oriel_vhost_ring_state state;
	state.index = oriel_read_u32(r);
	state.num = oriel_read_u32(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = state;
	return 0;
}

int oriel_vhost_decode_ring_addresses(struct oriel_reader *r,
		struct oriel_vhost_ring_addresses *ret) {
	struct oriel_vhost_ring_addresses addresses;
	addresses.index = oriel_read_u32(r);
	addresses.flags = oriel_read_u32(r);
	addresses.desc_user = oriel_read_u64(r);
	addresses.used_user = oriel_read_u64(r);
	addresses.avail_user = oriel_read_u64(r);
	addresses.log_gpa = oriel_read_u64(r);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = addresses;
	return 0;
}

int oriel_vhost_decode_ring_fd(struct oriel_reader *r, struct oriel_vhost_ring_fd *ret) {
	uint64_t value = oriel_read_u64(r);
	if (!is_complete(r) || (value & ~(RING_FD_INDEX_MASK | RING_FD_NONE)) != 0) {
		return -EBADMSG;
	}
	ret->index = (uint32_t)(value & RING_FD_INDEX_MASK);
	ret->has_fd = (value & RING_FD_NONE) == 0;
	return 0;
}

int oriel_vhost_decode_region(struct oriel_reader *r, struct oriel_vhost_region *ret) {
	struct oriel_vhost_region region;
	oriel_read_skip(r, 8);
	read_region(r, &region);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = region;
	return 0;
}

int oriel_vhost_decode_table(struct oriel_reader *r, struct oriel_vhost_table *ret) {
	struct oriel_vhost_table table = { 0 };
	table.n_regions = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (table.n_regions > ORIEL_VHOST_MAX_TABLE_REGIONS) {
		return -EBADMSG;
	}
	for (size_t i = 0; i < table.n_regions; i++) {
		read_region(r, &table.regions[i]);
	}
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = table;
	return 0;
}

int oriel_vhost_decode_config(struct oriel_reader *r, struct oriel_vhost_config *ret) {
	struct oriel_vhost_config config;
	config.offset = oriel_read_u32(r);
	config.size = oriel_read_u32(r);
	config.flags = oriel_read_u32(r);
	if (config.size > ORIEL_VHOST_MAX_CONFIG_SIZE) {
		return -EBADMSG;
	}
	config.bytes = oriel_reader_get(r, config.size);
	if (!is_complete(r)) {
		return -EBADMSG;
	}
	*ret = config;
	return 0;
}
