// SPDX-License-Identifier: MIT
/*
 * A client's connection: its socket, its turns, its end.
 *
 * A turn reads what there is room to answer, queues news if everything before was sent, and sends.
 * A snapshot ends a turn; what was read and not handled goes on in the next one, which the share
 * runs after the descriptors of the loop had theirs. Nothing is read while answers wait.
 */
#include "display/share/share.h"

#include "base/fd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void handle_socket(void *user, int fd, uint32_t events) {
	(void)fd;
	struct oriel_share_client *client = user;
	client->is_readable = (events & ~(uint32_t)EPOLLOUT) != 0; // input, or its end
	oriel_share_client_run(client);
}

/** Who connected, as the kernel says. 0: nobody that this process can see. */
static int32_t get_pid(int fd) {
	struct ucred peer;
	socklen_t len = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? (int32_t)peer.pid : 0;
}

int oriel_share_client_create_take(struct oriel_share *share, unsigned int slot, int fd) {
	struct oriel_share_client *client = calloc(1, sizeof(*client));
	if (client == NULL) {
		oriel_fd_close(&fd);
		return -ENOMEM;
	}
	client->share = share;
	client->slot = slot;
	client->fd = fd;
	client->pid = get_pid(fd);
	client->connected_ns = oriel_now_ns();
	oriel_fd_input_init(&client->in, client->in_bytes, sizeof(client->in_bytes));
	oriel_fd_output_init(&client->out, client->out_bytes, sizeof(client->out_bytes));
	client->hello_deadline_ns = client->connected_ns + ORIEL_SHARE_HELLO_TIMEOUT_NS;
	share->clients[slot] = client;
	int err = oriel_loop_add_fd(share->loop, fd, EPOLLIN, handle_socket, client,
			&client->source);
	if (err < 0) {
		oriel_share_client_destroy(client);
		return err;
	}
	oriel_share_arm_hello_timer(share);
	return 0;
}

void oriel_share_client_destroy(struct oriel_share_client *client) {
	if (client == NULL) {
		return;
	}
	struct oriel_share *share = client->share;
	oriel_share_client_end_input(client);
	oriel_source_remove(client->source);
	oriel_fd_input_finish(&client->in);
	oriel_fd_output_finish(&client->out);
	oriel_fd_close(&client->fd);
	oriel_share_buffers_release_all(&share->buffers, UINT64_C(1) << client->slot);
	share->clients[client->slot] = NULL;
	oriel_share_update_dmabufs(share);
	free(client);
}

void oriel_share_client_refuse(struct oriel_share_client *client, enum oriel_share_code code,
		const char *format, ...) {
	char text[ORIEL_SHARE_MAX_TEXT_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	oriel_log_guest(&client->share->log, "display client %u: disconnected: %s", client->slot,
			text);
	if (oriel_fd_output_has_room(&client->out, ORIEL_SHARE_ANSWER_ROOM, 0)) {
		oriel_share_client_queue_error(client, 0, code, "%s", text);
		int err = oriel_fd_output_send(&client->out, client->fd);
		(void)err; // it goes either way
	}
	oriel_share_client_destroy(client);
}

/** Whether the answer to any request has room. */
static bool can_answer(const struct oriel_share_client *client) {
	return oriel_fd_output_has_room(&client->out, ORIEL_SHARE_ANSWER_ROOM, 1);
}

/** Handle what was read, until an answer might not fit or the turn was long enough. */
static int handle_input(struct oriel_share_client *client, const char **ret_reason) {
	client->has_more_input = false;
	client->waits_for_pixels = false;
	while (can_answer(client)) {
		size_t size;
		const uint8_t *bytes = oriel_fd_input_get(&client->in, &size);
		struct oriel_reader r = oriel_reader_of(bytes, size);
		struct oriel_share_header header;
		int err = oriel_share_decode_header(&r, &header);
		if (err == -EBADMSG || (err == 0 && header.size > size)) {
			return 0; // the rest is still to come
		}
		if (err < 0) {
			*ret_reason = "a header that is none";
			return err;
		}
		if (header.n_fds > 0) {
			*ret_reason = "a descriptor";
			return -EPROTO;
		}
		r.end = bytes + header.size;
		err = oriel_share_client_handle_message(client, &header, &r, ret_reason);
		if (err == -EINPROGRESS) {
			client->waits_for_pixels = true; // the message is handled again then
			break;
		}
		if (err < 0 && err != -EAGAIN) {
			return err;
		}
		oriel_fd_input_consume(&client->in, header.size);
		if (err == -EAGAIN) {
			break;
		}
	}
	client->has_more_input = true;
	return 0;
}

static int read_input(struct oriel_share_client *client, const char **ret_reason) {
	int err = handle_input(client, ret_reason);
	if (err < 0 || client->has_more_input || !client->is_readable) {
		return err;
	}
	client->is_readable = false;
	err = oriel_fd_input_receive(&client->in, client->fd);
	if (err == -EAGAIN) {
		return 0;
	}
	if (err == 0 && client->in.n_fds > 0) {
		*ret_reason = "a descriptor";
		return -EPROTO;
	}
	return err < 0 ? err : handle_input(client, ret_reason);
}

static int send_output(struct oriel_share_client *client) {
	int err = oriel_fd_output_send(&client->out, client->fd);
	if (err == 0 && client->welcomed) {
		err = oriel_share_client_queue_news(client);
		if (err == 0) {
			err = oriel_fd_output_send(&client->out, client->fd);
		}
	}
	return err == -EAGAIN ? 0 : err;
}

void oriel_share_client_run(struct oriel_share_client *client) {
	struct oriel_share *share = client->share;
	const char *reason = NULL;
	int err = read_input(client, &reason);
	if (err == -EPROTO) {
		oriel_share_client_refuse(client, ORIEL_SHARE_CODE_PROTOCOL, "it sent %s",
				reason != NULL ? reason : "too many descriptors");
		return;
	}
	if (err == 0) {
		err = send_output(client);
	}
	if (err < 0) {
		if (err != -ENOTCONN) {
			oriel_log_guest(&share->log, "display client %u: disconnected: %s",
					client->slot, strerror(-err));
		}
		oriel_share_client_destroy(client);
		return;
	}
	const bool reads = can_answer(client) && !client->waits_for_pixels;
	uint32_t events = reads ? EPOLLIN : 0;
	if (oriel_fd_output_get_size(&client->out) > 0) {
		events |= EPOLLOUT;
	}
	oriel_source_set_events(client->source, events);
	if (client->has_more_input && reads) {
		oriel_share_update_soon(share);
	}
}
