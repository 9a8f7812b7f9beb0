// SPDX-License-Identifier: MIT
/*
 * Messages of vhost-user: how a VMM (the front-end) sets up a device in another process (the
 * back-end, us), as QEMU's docs/interop/vhost-user.rst has it.
 *
 * Pure: bytes in, struct out, and back. Encoders write a whole message, header included; a writer
 * without room fails. Decoders take the payload of one message, exactly; anything else is -EBADMSG
 * and *ret is untouched. They judge the form of a message only: values are for the caller.
 *
 * The protocol is in native byte order. Oriel reads and writes little-endian, so it speaks with
 * front-ends on little-endian hosts only.
 */
#ifndef ORIEL_PROTOCOL_VHOST_USER_H
#define ORIEL_PROTOCOL_VHOST_USER_H

#include "base/bytes.h"
#include "base/compiler.h"

/** What a front-end asks for. */
enum oriel_vhost_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SEND_RARP = 19,
	VHOST_USER_NET_SET_MTU = 20,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_IOTLB_MSG = 22,
	VHOST_USER_SET_VRING_ENDIAN = 23,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_CREATE_CRYPTO_SESSION = 26,
	VHOST_USER_CLOSE_CRYPTO_SESSION = 27,
	VHOST_USER_POSTCOPY_ADVISE = 28,
	VHOST_USER_POSTCOPY_LISTEN = 29,
	VHOST_USER_POSTCOPY_END = 30,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_VRING_KICK = 35,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_GET_SHARED_OBJECT = 41,
	VHOST_USER_SET_DEVICE_STATE_FD = 42,
	VHOST_USER_CHECK_DEVICE_STATE = 43,
	VHOST_USER_GET_SHMEM_CONFIG = 44,
};

/** What a back-end asks for, on its own channel. */
enum oriel_vhost_backend_request {
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
};

/** In the header's flags. */
#define VHOST_USER_VERSION 0x1u
#define VHOST_USER_VERSION_MASK 0x3u
#define VHOST_USER_FLAG_REPLY 0x4u
#define VHOST_USER_FLAG_NEED_REPLY 0x8u

/** Feature bits of the transport, among the device's: bit numbers. */
#define VHOST_F_LOG_ALL 26
#define VHOST_USER_F_PROTOCOL_FEATURES 30

/** Protocol features: bit numbers. */
#define VHOST_USER_PROTOCOL_F_MQ 0
#define VHOST_USER_PROTOCOL_F_REPLY_ACK 3
#define VHOST_USER_PROTOCOL_F_BACKEND_REQ 5
#define VHOST_USER_PROTOCOL_F_CONFIG 9
#define VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD 10
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE 13
#define VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS 15
#define VHOST_USER_PROTOCOL_F_STATUS 16

#define ORIEL_VHOST_HEADER_SIZE 12u
/** Regions in a SET_MEM_TABLE. */
#define ORIEL_VHOST_MAX_TABLE_REGIONS 8u
/** Bytes of configuration space in a message. */
#define ORIEL_VHOST_MAX_CONFIG_SIZE 256u

/** Payload sizes; those of SET_MEM_TABLE and of the configuration are without what follows. */
#define ORIEL_VHOST_U64_PAYLOAD 8u
#define ORIEL_VHOST_RING_STATE_PAYLOAD 8u
#define ORIEL_VHOST_RING_ADDRESSES_PAYLOAD 40u
#define ORIEL_VHOST_TABLE_PAYLOAD 8u
#define ORIEL_VHOST_REGION_PAYLOAD 40u
#define ORIEL_VHOST_CONFIG_PAYLOAD 12u

struct oriel_vhost_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; // bytes of payload
};

/** SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE, GET_VRING_BASE and its reply. */
struct oriel_vhost_ring_state {
	uint32_t index;
	uint32_t num;
};

/** SET_VRING_ADDR. The first three are addresses of the front-end's own process. */
struct oriel_vhost_ring_addresses {
	uint32_t index;
	uint32_t flags;
	uint64_t desc_user, used_user, avail_user;
	uint64_t log_gpa;
};

/** SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR. */
struct oriel_vhost_ring_fd {
	uint32_t index;
	bool has_fd; // a descriptor goes with the message
};

/** A region of guest memory. */
struct oriel_vhost_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user; // where it lies in the front-end's process
	uint64_t fd_offset;
};

/** SET_MEM_TABLE; a descriptor for each region goes with it. */
struct oriel_vhost_table {
	size_t n_regions;
	struct oriel_vhost_region regions[ORIEL_VHOST_MAX_TABLE_REGIONS];
};

/** GET_CONFIG, its reply, and SET_CONFIG. */
struct oriel_vhost_config {
	uint32_t offset;
	uint32_t size; // at most ORIEL_VHOST_MAX_CONFIG_SIZE
	uint32_t flags;
	const uint8_t *bytes; // size of them
};

/*
 * Encoders. flags are the header's, without the version.
 */

/** A message that is a header only. */
void oriel_vhost_encode_plain(struct oriel_writer *w, uint32_t request, uint32_t flags);

/** A message that is one number; most replies are. */
void oriel_vhost_encode_u64(struct oriel_writer *w, uint32_t request, uint32_t flags,
		uint64_t value);

void oriel_vhost_encode_ring_state(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_ring_state *state);

/** SET_VRING_ADDR. */
void oriel_vhost_encode_ring_addresses(struct oriel_writer *w, uint32_t flags,
		const struct oriel_vhost_ring_addresses *addresses);

void oriel_vhost_encode_ring_fd(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_ring_fd *fd);

/** ADD_MEM_REG and REM_MEM_REG. */
void oriel_vhost_encode_region(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_region *region);

/** SET_MEM_TABLE. */
void oriel_vhost_encode_table(struct oriel_writer *w, uint32_t flags,
		const struct oriel_vhost_table *table);

void oriel_vhost_encode_config(struct oriel_writer *w, uint32_t request, uint32_t flags,
		const struct oriel_vhost_config *config);

/*
 * Decoders. All return 0 or -EBADMSG.
 */

/** Read a header, which more may follow. */
ORIEL_MUST_CHECK
int oriel_vhost_decode_header(struct oriel_reader *r, struct oriel_vhost_header *ret);

ORIEL_MUST_CHECK
int oriel_vhost_decode_u64(struct oriel_reader *r, uint64_t *ret);

ORIEL_MUST_CHECK
int oriel_vhost_decode_ring_state(struct oriel_reader *r, struct oriel_vhost_ring_state *ret);

ORIEL_MUST_CHECK
int oriel_vhost_decode_ring_addresses(struct oriel_reader *r,
		struct oriel_vhost_ring_addresses *ret);

ORIEL_MUST_CHECK
int oriel_vhost_decode_ring_fd(struct oriel_reader *r, struct oriel_vhost_ring_fd *ret);

ORIEL_MUST_CHECK
int oriel_vhost_decode_region(struct oriel_reader *r, struct oriel_vhost_region *ret);

/** Also refused if there are more regions than a message can have. */
ORIEL_MUST_CHECK
int oriel_vhost_decode_table(struct oriel_reader *r, struct oriel_vhost_table *ret);

/** Also refused if it is larger than a message can have. Valid: ret->bytes, as the reader's. */
ORIEL_MUST_CHECK
int oriel_vhost_decode_config(struct oriel_reader *r, struct oriel_vhost_config *ret);

#endif
