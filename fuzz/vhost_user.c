// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the decoders of vhost-user messages. What one accepts must come back the same from
 * its encoder, but for bytes that mean nothing.
 *
 * The first byte of the input chooses the decoder, the rest is the payload.
 */
#include "protocol/vhost_user.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "vhost_user: %s\n", what);
		abort();
	}
}

/** Decode a payload and, if it is good, encode it again, with its header. */
static bool run(uint8_t which, struct oriel_reader *r, struct oriel_writer *w) {
	union {
		struct oriel_vhost_header header;
		uint64_t number;
		struct oriel_vhost_ring_state state;
		struct oriel_vhost_ring_addresses addresses;
		struct oriel_vhost_ring_fd fd;
		struct oriel_vhost_region region;
		struct oriel_vhost_table table;
		struct oriel_vhost_config config;
	} d;
	bool is_good = false;
	switch (which % 7) {
	case 0:
		is_good = oriel_vhost_decode_u64(r, &d.number) == 0;
		if (is_good) {
			oriel_vhost_encode_u64(w, VHOST_USER_SET_FEATURES, 0, d.number);
		}
		break;
	case 1:
		is_good = oriel_vhost_decode_ring_state(r, &d.state) == 0;
		if (is_good) {
			oriel_vhost_encode_ring_state(w, VHOST_USER_SET_VRING_NUM, 0, &d.state);
		}
		break;
	case 2:
		is_good = oriel_vhost_decode_ring_addresses(r, &d.addresses) == 0;
		if (is_good) {
			oriel_vhost_encode_ring_addresses(w, 0, &d.addresses);
		}
		break;
	case 3:
		is_good = oriel_vhost_decode_ring_fd(r, &d.fd) == 0;
		if (is_good) {
			oriel_vhost_encode_ring_fd(w, VHOST_USER_SET_VRING_KICK, 0, &d.fd);
		}
		break;
	case 4:
		is_good = oriel_vhost_decode_region(r, &d.region) == 0;
		if (is_good) {
			oriel_vhost_encode_region(w, VHOST_USER_ADD_MEM_REG, 0, &d.region);
		}
		break;
	case 5:
		is_good = oriel_vhost_decode_table(r, &d.table) == 0;
		if (is_good) {
			oriel_vhost_encode_table(w, 0, &d.table);
		}
		break;
	default:
		is_good = oriel_vhost_decode_config(r, &d.config) == 0;
		if (is_good) {
			oriel_vhost_encode_config(w, VHOST_USER_SET_CONFIG, 0, &d.config);
		}
		break;
	}
	return is_good;
}

/** Padding, in a region and in a table: it is not looked at. */
static void clear_padding(uint8_t which, uint8_t *payload) {
	if (which % 7 == 4) {
		memset(payload, 0, 8);
	} else if (which % 7 == 5) {
		memset(payload + 4, 0, 4);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	struct oriel_reader r = oriel_reader_of(data + 1, size - 1);
	uint8_t bytes[512];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	if (!run(data[0], &r, &w)) {
		return 0;
	}
	must(!w.failed, "what was decoded cannot be encoded");
	must((size_t)(w.cur - bytes) == ORIEL_VHOST_HEADER_SIZE + size - 1, "another size");
	uint8_t payload[512];
	memcpy(payload, data + 1, size - 1);
	clear_padding(data[0], payload);
	must(memcmp(bytes + ORIEL_VHOST_HEADER_SIZE, payload, size - 1) == 0, "other bytes");
	struct oriel_reader header_reader = oriel_reader_of(bytes, ORIEL_VHOST_HEADER_SIZE);
	struct oriel_vhost_header header;
	must(oriel_vhost_decode_header(&header_reader, &header) == 0, "no header");
	must(header.size == size - 1 && header.flags == VHOST_USER_VERSION, "a wrong header");
	return 0;
}
