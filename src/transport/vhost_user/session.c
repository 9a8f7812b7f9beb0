// SPDX-License-Identifier: MIT
/*
 * A session's life: the socket, the device's listener, and the end. See session.h.
 */
#include "transport/vhost_user/session.h"

#include "base/fd.h"
#include "oriel/virtio.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/** Messages in one turn of the loop, so that a front-end cannot starve what else is there. */
#define MAX_MESSAGES_PER_TURN 32

/** Undo all of the session but its struct, and leave the device as a fresh one. */
static void finish(struct oriel_vhost_user *session) {
	oriel_virtio_set_listener(session->device, NULL);
	oriel_virtio_reset(session->device);
	oriel_vhost_rings_finish(session);
	oriel_vhost_channel_finish(&session->channel);
	oriel_vhost_memory_clear(&session->memory);
	oriel_virtio_handle_memory_change(session->device);
	oriel_source_remove(session->source);
	oriel_source_remove(session->proceed);
	oriel_source_remove(session->poll_timer);
	oriel_fd_input_finish(&session->in);
	oriel_fd_output_finish(&session->out);
	oriel_fd_close(&session->fd);
	session->has_ended = true;
}

/** End the session, for it cannot go on. It may be gone when this returns. */
static void end(struct oriel_vhost_user *session, int err) {
	if (err == -ENOTCONN) {
		err = 0;
		oriel_log(&session->log, ORIEL_LOG_INFO,
				"vhost-user: the front-end closed the connection");
	} else if (err != -EPROTO) { // that was logged where it was found
		oriel_log(&session->log, ORIEL_LOG_ERROR, "vhost-user: the session ends: %s",
				strerror(-err));
	}
	finish(session);
	session->options.handle_end(session->options.user, err);
}

/** Receive until size bytes wait. -EAGAIN: not yet. */
static int receive(struct oriel_vhost_user *session, size_t size) {
	size_t waiting;
	oriel_fd_input_get(&session->in, &waiting);
	int err = 0;
	while (err == 0 && waiting < size) {
		err = oriel_fd_input_receive_at_most(&session->in, session->fd, size - waiting);
		oriel_fd_input_get(&session->in, &waiting);
	}
	if (err == -EPROTO) {
		oriel_log(&session->log, ORIEL_LOG_WARN,
				"vhost-user: more than %u descriptors; the session ends",
				ORIEL_FD_STREAM_MAX_FDS);
	} else if (err == -ENOTCONN && waiting > 0) {
		oriel_log(&session->log, ORIEL_LOG_WARN,
				"vhost-user: the connection was closed within a message");
		err = -EPROTO;
	}
	return err;
}

static int check_header(struct oriel_vhost_user *session, const struct oriel_vhost_header *header) {
	const char *complaint = NULL;
	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION) {
		complaint = "not of version 1";
	} else if ((header->flags & VHOST_USER_FLAG_REPLY) != 0) {
		complaint = "a reply to no request";
	} else if (header->size > ORIEL_VHOST_MAX_PAYLOAD) {
		complaint = "too long";
	}
	if (complaint == NULL) {
		return 0;
	}
	oriel_log(&session->log, ORIEL_LOG_WARN,
			"vhost-user: %s (%" PRIu32 "), flags 0x%" PRIx32 ", %" PRIu32
			" bytes: %s; the session ends",
			oriel_vhost_request_get_name(header->request), header->request,
			header->flags, header->size, complaint);
	return -EPROTO;
}

/** Receive a message, of which the payload waits then. -EAGAIN: it is not whole yet. */
static int receive_message(struct oriel_vhost_user *session, struct oriel_vhost_header *ret) {
	int err = receive(session, ORIEL_VHOST_HEADER_SIZE);
	if (err < 0) {
		return err;
	}
	size_t size;
	const uint8_t *bytes = oriel_fd_input_get(&session->in, &size);
	struct oriel_reader r = oriel_reader_of(bytes, ORIEL_VHOST_HEADER_SIZE);
	struct oriel_vhost_header header = { 0 };
	err = oriel_vhost_decode_header(&r, &header);
	assert(err == 0);
	err = check_header(session, &header);
	if (err == 0) {
		err = receive(session, ORIEL_VHOST_HEADER_SIZE + header.size);
	}
	if (err == 0) {
		oriel_fd_input_consume(&session->in, ORIEL_VHOST_HEADER_SIZE);
		*ret = header;
	}
	return err;
}

/** Whether the session waits for the device: then nothing more is read. */
static bool is_waiting(const struct oriel_vhost_user *session) {
	return session->current.kind != NULL;
}

/** Serve what there is. Returns 0, or why the session must end. */
static int serve(struct oriel_vhost_user *session) {
	for (int i = 0; i < MAX_MESSAGES_PER_TURN; i++) {
		int err = oriel_fd_output_send(&session->out, session->fd);
		if (err < 0 || is_waiting(session)) {
			return err == -EAGAIN ? 0 : err;
		}
		struct oriel_vhost_header header;
		err = receive_message(session, &header);
		if (err < 0) {
			return err == -EAGAIN ? 0 : err;
		}
		err = oriel_vhost_message_serve(session, &header);
		if (err < 0) {
			return err;
		}
	}
	int err = oriel_fd_output_send(&session->out, session->fd);
	return err == -EAGAIN ? 0 : err;
}

static void serve_or_end(struct oriel_vhost_user *session, int err) {
	if (err == 0) {
		err = serve(session);
	}
	if (err < 0) {
		end(session, err);
		return;
	}
	// A hang-up is reported whatever is asked for, as long as something is.
	uint32_t events = oriel_fd_output_get_size(&session->out) > 0 ? EPOLLOUT
			  : is_waiting(session)                       ? EPOLLHUP
								      : EPOLLIN;
	oriel_source_set_events(session->source, events);
}

static void handle_socket(void *user, int fd, uint32_t events) {
	(void)fd;
	struct oriel_vhost_user *session = user;
	// Nobody is left to wait for the answer.
	bool is_gone = is_waiting(session) && (events & (EPOLLHUP | EPOLLERR)) != 0;
	serve_or_end(session, is_gone ? -ENOTCONN : 0);
}

static void handle_proceed(void *user) {
	struct oriel_vhost_user *session = user;
	serve_or_end(session, oriel_vhost_message_proceed(session));
}

static void handle_config_change(void *user) {
	struct oriel_vhost_user *session = user;
	if ((session->protocol_features >> VHOST_USER_PROTOCOL_F_CONFIG & 1) != 0) {
		oriel_vhost_channel_send_config_change(&session->channel);
	}
}

static void handle_needs_reset(void *user, unsigned int queue, const char *reason) {
	struct oriel_vhost_user *session = user;
	(void)reason; // the device has logged it
	session->needs_reset = true;
	if (queue < ORIEL_VHOST_MAX_QUEUES && session->rings[queue].err_fd >= 0) {
		oriel_eventfd_signal_shared(session->rings[queue].err_fd);
	}
	handle_config_change(session); // virtio 1.3, 2.1.2: the driver is to look at the status
}

static void handle_queue_stopped(void *user, unsigned int queue, uint32_t base) {
	oriel_vhost_rings_handle_stopped(user, queue, base);
}

static void handle_settled(void *user) {
	struct oriel_vhost_user *session = user;
	oriel_source_set_pending(session->proceed);
}

static int add_sources(struct oriel_vhost_user *session) {
	int err = oriel_loop_add_deferred(session->loop, handle_proceed, session,
			&session->proceed);
	if (err == 0) {
		err = oriel_loop_add_timer(session->loop, oriel_vhost_rings_poll, session,
				&session->poll_timer);
	}
	if (err == 0) {
		err = oriel_loop_add_fd(session->loop, session->fd, EPOLLIN, handle_socket, session,
				&session->source);
	}
	return err;
}

int oriel_vhost_user_create_take(struct oriel_loop *loop, struct oriel_virtio *device,
		const struct oriel_vhost_user_options *options, int fd,
		struct oriel_vhost_user **ret) {
	struct oriel_vhost_user *session = NULL;
	int err = -EINVAL;
	if (options->size == sizeof(*options) && options->handle_end != NULL) {
		session = calloc(1, sizeof(*session));
		err = session == NULL ? -ENOMEM : 0;
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	session->loop = loop;
	session->device = device;
	session->options = *options;
	session->fd = fd;
	oriel_log_init(&session->log, &options->log);
	oriel_fd_input_init(&session->in, session->in_bytes, sizeof(session->in_bytes));
	oriel_fd_output_init(&session->out, session->out_bytes, sizeof(session->out_bytes));
	oriel_vhost_memory_init(&session->memory, oriel_virtio_get_memory(device));
	oriel_vhost_channel_init(&session->channel);
	oriel_vhost_rings_init(session);
	err = add_sources(session);
	if (err < 0) {
		oriel_vhost_user_destroy(session);
		return err;
	}
	struct oriel_virtio_listener listener = {
		.handle_config_change = handle_config_change,
		.handle_needs_reset = handle_needs_reset,
		.handle_queue_stopped = handle_queue_stopped,
		.handle_settled = handle_settled,
		.user = session,
	};
	oriel_virtio_set_listener(device, &listener);
	oriel_log(&session->log, ORIEL_LOG_INFO, "vhost-user: connected");
	*ret = session;
	return 0;
}

void oriel_vhost_user_destroy(struct oriel_vhost_user *session) {
	if (session == NULL) {
		return;
	}
	if (!session->has_ended) {
		finish(session);
	}
	free(session);
}
