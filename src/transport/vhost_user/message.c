// SPDX-License-Identifier: MIT
/*
 * The messages of a front-end: the table that says what each looks like, what comes of one that is
 * wrong, and the handlers of those that are not about rings.
 *
 * A message that is wrong is refused if its sender listens. If it does not, the session ends:
 * sender and receiver do not mean the same any more. Rings are an exception. What a front-end says
 * of them is mostly what the guest has said, and a guest must not be able to end the session: a
 * ring that cannot be is left stopped.
 */
#include "base/fd.h"
#include "oriel/virtio.h"
#include "transport/vhost_user/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL_FEATURE(name) (UINT64_C(1) << VHOST_USER_PROTOCOL_F_##name)

static const uint64_t protocol_features =
		PROTOCOL_FEATURE(MQ) | PROTOCOL_FEATURE(REPLY_ACK) | PROTOCOL_FEATURE(BACKEND_REQ) |
		PROTOCOL_FEATURE(CONFIG) | PROTOCOL_FEATURE(BACKEND_SEND_FD) |
		PROTOCOL_FEATURE(RESET_DEVICE) | PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |
		PROTOCOL_FEATURE(STATUS);

/** Features of the transport, of which the device knows nothing. */
static const uint64_t transport_features =
		UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES | UINT64_C(1) << VHOST_F_LOG_ALL;

/** The bit of the device status that is ours to set (virtio 1.3, 2.1). */
#define STATUS_NEEDS_RESET 64u

struct oriel_vhost_message_kind {
	uint32_t request;
	const char *name;
	uint8_t min_fds, max_fds;
	bool has_reply;  // of its own
	bool is_of_ring; // not the end of the session if it fails

	/** NULL: not offered. May note in session->current what finish() needs. */
	int (*run)(struct oriel_vhost_user *session, struct oriel_reader *r);

	/** Writes its own reply, when the rings have settled. Required if has_reply and run. */
	void (*finish)(struct oriel_vhost_user *session, struct oriel_writer *w);
};

static int run_nothing(struct oriel_vhost_user *session, struct oriel_reader *r) {
	(void)session;
	return oriel_reader_left(r) == 0 ? 0 : -EBADMSG;
}

static void finish_u64(struct oriel_vhost_user *session, struct oriel_writer *w, uint64_t value) {
	oriel_vhost_encode_u64(w, session->current.kind->request, VHOST_USER_FLAG_REPLY, value);
}

static void finish_get_features(struct oriel_vhost_user *session, struct oriel_writer *w) {
	uint64_t features = oriel_virtio_get_features(session->device);
	finish_u64(session, w, features | UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES);
}

static int run_set_features(struct oriel_vhost_user *session, struct oriel_reader *r) {
	uint64_t features;
	int err = oriel_vhost_decode_u64(r, &features);
	if (err < 0) {
		return err;
	}
	session->has_protocol_features = (features >> VHOST_USER_F_PROTOCOL_FEATURES & 1) != 0;
	features &= ~transport_features;
	if (!session->has_features || features != session->features) {
		oriel_log_life(&session->log, "vhost-user: features 0x%" PRIx64, features);
		oriel_virtio_set_features(session->device, features);
	}
	session->features = features;
	session->has_features = true;
	return 0;
}

static void finish_get_protocol_features(struct oriel_vhost_user *session, struct oriel_writer *w) {
	finish_u64(session, w, protocol_features);
}

static int run_set_protocol_features(struct oriel_vhost_user *session, struct oriel_reader *r) {
	uint64_t features;
	int err = oriel_vhost_decode_u64(r, &features);
	if (err < 0) {
		return err;
	}
	session->protocol_features = features & protocol_features;
	return 0;
}

static void finish_get_queue_num(struct oriel_vhost_user *session, struct oriel_writer *w) {
	finish_u64(session, w, oriel_virtio_count_queues(session->device));
}

static void finish_get_max_mem_slots(struct oriel_vhost_user *session, struct oriel_writer *w) {
	finish_u64(session, w, ORIEL_MEMORY_MAX_REGIONS);
}

static int run_set_mem_table(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_table table;
	int err = oriel_vhost_decode_table(r, &table);
	if (err < 0) {
		return err;
	}
	if (session->in.n_fds != table.n_regions) {
		return -EBADMSG;
	}
	int fds[ORIEL_VHOST_MAX_TABLE_REGIONS];
	for (size_t i = 0; i < table.n_regions; i++) {
		fds[i] = oriel_fd_input_take_fd(&session->in);
	}
	err = oriel_vhost_memory_set_take(&session->memory, &table, fds);
	oriel_vhost_rings_handle_memory_change(session);
	return err;
}

static int run_add_mem_reg(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_region region;
	int err = oriel_vhost_decode_region(r, &region);
	if (err < 0) {
		return err;
	}
	int fd = oriel_fd_input_take_fd(&session->in);
	err = oriel_vhost_memory_add_take(&session->memory, &region, fd);
	if (err == 0) {
		oriel_vhost_rings_handle_memory_change(session);
	}
	return err;
}

static int run_rem_mem_reg(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_region region;
	int err = oriel_vhost_decode_region(r, &region);
	if (err < 0) {
		return err;
	}
	err = oriel_vhost_memory_remove(&session->memory, &region);
	if (err == 0) {
		oriel_vhost_rings_handle_memory_change(session);
	}
	return err;
}

static int run_set_backend_req_fd(struct oriel_vhost_user *session, struct oriel_reader *r) {
	if (oriel_reader_left(r) > 0) {
		return -EBADMSG;
	}
	int fd = oriel_fd_input_take_fd(&session->in);
	return oriel_vhost_channel_open_take(&session->channel, session->loop, fd);
}

static int run_get_config(struct oriel_vhost_user *session, struct oriel_reader *r) {
	return oriel_vhost_decode_config(r, &session->current.config);
}

/** An empty payload says that the request was wrong. */
static void finish_get_config(struct oriel_vhost_user *session, struct oriel_writer *w) {
	if (session->current.err < 0) {
		oriel_vhost_encode_plain(w, VHOST_USER_GET_CONFIG, VHOST_USER_FLAG_REPLY);
		return;
	}
	uint8_t bytes[ORIEL_VHOST_MAX_CONFIG_SIZE];
	struct oriel_vhost_config config = session->current.config;
	oriel_virtio_read_config(session->device, config.offset, bytes, config.size);
	config.bytes = bytes;
	oriel_vhost_encode_config(w, VHOST_USER_GET_CONFIG, VHOST_USER_FLAG_REPLY, &config);
}

static int run_set_config(struct oriel_vhost_user *session, struct oriel_reader *r) {
	struct oriel_vhost_config config;
	int err = oriel_vhost_decode_config(r, &config);
	if (err < 0) {
		return err;
	}
	oriel_virtio_write_config(session->device, config.offset, config.bytes, config.size);
	return 0;
}

static int run_gpu_set_socket(struct oriel_vhost_user *session, struct oriel_reader *r) {
	if (oriel_reader_left(r) > 0) {
		return -EBADMSG;
	}
	if (session->options.handle_gpu_socket_take == NULL) {
		return -EOPNOTSUPP;
	}
	int fd = oriel_fd_input_take_fd(&session->in);
	session->options.handle_gpu_socket_take(session->options.user, fd);
	return 0;
}

static int run_reset_device(struct oriel_vhost_user *session, struct oriel_reader *r) {
	if (oriel_reader_left(r) > 0) {
		return -EBADMSG;
	}
	session->status = 0;
	oriel_vhost_rings_reset(session);
	return 0;
}

static int run_set_status(struct oriel_vhost_user *session, struct oriel_reader *r) {
	uint64_t status;
	int err = oriel_vhost_decode_u64(r, &status);
	if (err < 0) {
		return err;
	}
	if (status > UINT8_MAX) {
		return -EINVAL;
	}
	session->status = (uint8_t)status;
	if (status == 0) {
		oriel_vhost_rings_reset(session);
	}
	return 0;
}

static void finish_get_status(struct oriel_vhost_user *session, struct oriel_writer *w) {
	finish_u64(session, w, session->status | (session->needs_reset ? STATUS_NEEDS_RESET : 0));
}

// Sorted by request. What has no handler is not offered.
static const struct oriel_vhost_message_kind kinds[] = {
	{ 1, "GET_FEATURES", 0, 0, true, false, run_nothing, finish_get_features },
	{ 2, "SET_FEATURES", 0, 0, false, false, run_set_features, NULL },
	{ 3, "SET_OWNER", 0, 0, false, false, run_nothing, NULL },
	{ 4, "RESET_OWNER", 0, 0, false, false, run_nothing, NULL }, // obsolete
	{ 5, "SET_MEM_TABLE", 0, 8, false, false, run_set_mem_table, NULL },
	{ 6, "SET_LOG_BASE", 0, 1, true, false, NULL, NULL },
	{ 7, "SET_LOG_FD", 0, 1, false, false, NULL, NULL },
	{ 8, "SET_VRING_NUM", 0, 0, false, true, oriel_vhost_run_set_vring_num, NULL },
	{ 9, "SET_VRING_ADDR", 0, 0, false, true, oriel_vhost_run_set_vring_addr, NULL },
	{ 10, "SET_VRING_BASE", 0, 0, false, true, oriel_vhost_run_set_vring_base, NULL },
	{ 11, "GET_VRING_BASE", 0, 0, true, true, oriel_vhost_run_get_vring_base,
			oriel_vhost_finish_get_vring_base },
	{ 12, "SET_VRING_KICK", 0, 1, false, true, oriel_vhost_run_set_vring_kick, NULL },
	{ 13, "SET_VRING_CALL", 0, 1, false, true, oriel_vhost_run_set_vring_call, NULL },
	{ 14, "SET_VRING_ERR", 0, 1, false, true, oriel_vhost_run_set_vring_err, NULL },
	{ 15, "GET_PROTOCOL_FEATURES", 0, 0, true, false, run_nothing,
			finish_get_protocol_features },
	{ 16, "SET_PROTOCOL_FEATURES", 0, 0, false, false, run_set_protocol_features, NULL },
	{ 17, "GET_QUEUE_NUM", 0, 0, true, false, run_nothing, finish_get_queue_num },
	{ 18, "SET_VRING_ENABLE", 0, 0, false, true, oriel_vhost_run_set_vring_enable, NULL },
	{ 19, "SEND_RARP", 0, 0, false, false, NULL, NULL },
	{ 20, "NET_SET_MTU", 0, 0, false, false, NULL, NULL },
	{ 21, "SET_BACKEND_REQ_FD", 1, 1, false, false, run_set_backend_req_fd, NULL },
	{ 22, "IOTLB_MSG", 0, 0, true, false, NULL, NULL },
	{ 23, "SET_VRING_ENDIAN", 0, 0, false, false, NULL, NULL },
	{ 24, "GET_CONFIG", 0, 0, true, false, run_get_config, finish_get_config },
	{ 25, "SET_CONFIG", 0, 0, false, false, run_set_config, NULL },
	{ 26, "CREATE_CRYPTO_SESSION", 0, 0, true, false, NULL, NULL },
	{ 27, "CLOSE_CRYPTO_SESSION", 0, 0, false, false, NULL, NULL },
	{ 28, "POSTCOPY_ADVISE", 0, 0, true, false, NULL, NULL },
	{ 29, "POSTCOPY_LISTEN", 0, 0, false, false, NULL, NULL },
	{ 30, "POSTCOPY_END", 0, 0, true, false, NULL, NULL },
	{ 31, "GET_INFLIGHT_FD", 0, 0, true, false, NULL, NULL },
	{ 32, "SET_INFLIGHT_FD", 0, 1, false, false, NULL, NULL },
	{ 33, "GPU_SET_SOCKET", 1, 1, false, false, run_gpu_set_socket, NULL },
	{ 34, "RESET_DEVICE", 0, 0, false, false, run_reset_device, NULL },
	{ 35, "VRING_KICK", 0, 0, false, false, NULL, NULL },
	{ 36, "GET_MAX_MEM_SLOTS", 0, 0, true, false, run_nothing, finish_get_max_mem_slots },
	{ 37, "ADD_MEM_REG", 1, 1, false, false, run_add_mem_reg, NULL },
	{ 38, "REM_MEM_REG", 0, 1, false, false, run_rem_mem_reg, NULL },
	{ 39, "SET_STATUS", 0, 0, false, false, run_set_status, NULL },
	{ 40, "GET_STATUS", 0, 0, true, false, run_nothing, finish_get_status },
	{ 41, "GET_SHARED_OBJECT", 0, 0, true, false, NULL, NULL },
	{ 42, "SET_DEVICE_STATE_FD", 0, 1, true, false, NULL, NULL },
	{ 43, "CHECK_DEVICE_STATE", 0, 0, true, false, NULL, NULL },
	{ 44, "GET_SHMEM_CONFIG", 0, 0, true, false, NULL, NULL },
};

static const struct oriel_vhost_message_kind unknown_kind = { .name = "an unknown request" };

static const struct oriel_vhost_message_kind *find_kind(uint32_t request) {
	// The table has no gaps; see the test.
	return request >= 1 && request <= ORIEL_ARRAY_LEN(kinds) ? &kinds[request - 1]
								 : &unknown_kind;
}

const char *oriel_vhost_request_get_name(uint32_t request) {
	return find_kind(request)->name;
}

static int run_message(struct oriel_vhost_user *session, struct oriel_reader *r) {
	const struct oriel_vhost_message_kind *kind = session->current.kind;
	if (kind->run == NULL) {
		return -EOPNOTSUPP;
	}
	if (session->in.n_fds < kind->min_fds || session->in.n_fds > kind->max_fds) {
		return -EBADMSG;
	}
	return kind->run(session, r);
}

/** Log why the current message is refused. Returns whether the session can go on. */
static bool refuse(struct oriel_vhost_user *session, bool is_told) {
	const struct oriel_vhost_current *current = &session->current;
	bool goes_on = is_told || (current->kind->is_of_ring && current->err != -EBADMSG);
	char ring[24] = "";
	if (current->i_ring < ORIEL_VHOST_MAX_QUEUES) {
		snprintf(ring, sizeof(ring), "queue %" PRIu32 ": ", current->i_ring);
	}
	const char *reason = current->reason != NULL ? current->reason : strerror(-current->err);
	if (goes_on) {
		oriel_log_guest(&session->log, "vhost-user: %s (%" PRIu32 "): %s%s",
				current->kind->name, current->request, ring, reason);
	} else {
		oriel_log(&session->log, ORIEL_LOG_WARN,
				"vhost-user: %s (%" PRIu32 "): %s%s; the session ends",
				current->kind->name, current->request, ring, reason);
	}
	return goes_on;
}

/** Answer the current message, and be done with it. */
static int finish_message(struct oriel_vhost_user *session) {
	const struct oriel_vhost_current *current = &session->current;
	const struct oriel_vhost_message_kind *kind = current->kind;
	bool is_told = kind->has_reply ? kind->request == VHOST_USER_GET_CONFIG
				       : current->needs_reply;
	if (current->err < 0 && !refuse(session, is_told)) {
		return -EPROTO;
	}
	struct oriel_writer w = oriel_fd_output_begin(&session->out);
	if (kind->finish != NULL) {
		kind->finish(session, &w);
		oriel_fd_output_end_take(&session->out, &w, -1);
	} else if (current->needs_reply) {
		oriel_vhost_encode_u64(&w, current->request, VHOST_USER_FLAG_REPLY,
				current->err < 0 ? 1u : 0u);
		oriel_fd_output_end_take(&session->out, &w, -1);
	}
	session->current.kind = NULL;
	return 0;
}

int oriel_vhost_message_serve(struct oriel_vhost_user *session,
		const struct oriel_vhost_header *header) {
	session->current = (struct oriel_vhost_current){
		.kind = find_kind(header->request),
		.request = header->request,
		.needs_reply = (header->flags & VHOST_USER_FLAG_NEED_REPLY) != 0,
		.i_ring = ORIEL_VHOST_MAX_QUEUES,
	};
	size_t size;
	const uint8_t *bytes = oriel_fd_input_get(&session->in, &size);
	struct oriel_reader r = oriel_reader_of(bytes, size);
	session->current.err = run_message(session, &r);
	oriel_fd_input_consume(&session->in, size);
	oriel_fd_input_finish(&session->in); // what nobody took
	return oriel_vhost_message_proceed(session);
}

int oriel_vhost_message_proceed(struct oriel_vhost_user *session) {
	const struct oriel_vhost_current *current = &session->current;
	if (current->kind == NULL || !oriel_vhost_rings_settle(session)) {
		return 0;
	}
	if (current->gives_memory_back && !oriel_virtio_is_settled(session->device)) {
		return 0;
	}
	return finish_message(session);
}
