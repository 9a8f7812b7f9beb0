// SPDX-License-Identifier: MIT
/* See client.h and include/oriel/client.h: the connection, and what a user asks of it. */
#include "client/client.h"

#include "base/error.h"
#include "base/fd.h"

#include <limits.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

int oriel_client_refuse(struct oriel_client *client, const char *reason) {
	client->reason = reason;
	return -EPROTO;
}

bool oriel_client_can_say(const struct oriel_client *client) {
	return oriel_fd_output_has_room(&client->out, ORIEL_CLIENT_ANSWER_ROOM, 0);
}

int oriel_client_create_take(int fd, struct oriel_client **ret) {
	struct oriel_client *client = calloc(1, sizeof(*client));
	int err = client != NULL ? oriel_fd_set_nonblocking(fd) : -ENOMEM;
	if (err < 0) {
		free(client);
		oriel_fd_close(&fd);
		return err;
	}
	client->fd = fd;
	oriel_fd_input_init(&client->in, client->in_bytes, sizeof(client->in_bytes));
	oriel_fd_output_init(&client->out, client->out_bytes, sizeof(client->out_bytes));
	oriel_id_table_init(&client->buffers);
	oriel_list_init(&client->all_buffers);
	client->wanted = ORIEL_CLIENT_FEATURES;
	struct oriel_share_hello hello = { ORIEL_SHARE_MAGIC, ORIEL_SHARE_VERSION, client->wanted };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_hello(&w, &hello);
	oriel_fd_output_end_take(&client->out, &w, -1);
	*ret = client;
	return 0;
}

int oriel_client_request_dmabufs(struct oriel_client *client) {
	if (client->has_waited) {
		return -EINVAL;
	}
	// HELLO is the first of what waits to be sent.
	client->wanted |= ORIEL_SHARE_FEATURE_DMABUF;
	const struct oriel_share_hello hello = { ORIEL_SHARE_MAGIC, ORIEL_SHARE_VERSION,
		client->wanted };
	struct oriel_writer w = oriel_writer_of(client->out_bytes, sizeof(client->out_bytes));
	oriel_share_encode_hello(&w, &hello);
	return 0;
}

/** Tell the kernel that a dma-buf's pixels are read, or not any more. */
static int sync_pixels(const struct oriel_client *client, uint32_t scanout, uint64_t flags) {
	if (scanout >= ORIEL_CLIENT_MAX_SCANOUTS || client->heads[scanout].scanout.pixels == NULL) {
		return -EINVAL;
	}
	const struct oriel_client_scanout *shown = &client->heads[scanout].scanout;
	return shown->dmabuf != NULL ? oriel_client_sync_dmabuf(shown->dmabuf->fd, flags) : 0;
}

int oriel_client_begin_read(struct oriel_client *client, uint32_t scanout) {
	return sync_pixels(client, scanout, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
}

void oriel_client_end_read(struct oriel_client *client, uint32_t scanout) {
	(void)sync_pixels(client, scanout, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
}

int oriel_client_connect(const char *path, struct oriel_client **ret) {
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	if (len == 0 || len >= sizeof(address.sun_path)) {
		return -EINVAL;
	}
	memcpy(address.sun_path, path, len);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return oriel_errno();
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	return oriel_client_create_take(fd, ret);
}

int oriel_client_get_fd(const struct oriel_client *client) {
	return client->fd;
}

short oriel_client_get_poll_events(const struct oriel_client *client) {
	// What cannot be answered is not read.
	short events = oriel_client_can_say(client) ? POLLIN : 0;
	return (short)(events | (oriel_fd_output_get_size(&client->out) > 0 ? POLLOUT : 0));
}

const char *oriel_client_get_reason(const struct oriel_client *client) {
	return client->reason;
}

/** Send what waits. That the server is gone shows when what it sent before was read. */
static int send_output(struct oriel_client *client) {
	int err = oriel_fd_output_send(&client->out, client->fd);
	if (err == -ENOTCONN) {
		oriel_fd_output_finish(&client->out); // nobody reads it
		return 0;
	}
	return err == -EAGAIN ? 0 : err;
}

/** Handle one message. Returns 0, -EAGAIN if none is complete (or answers wait), or an error. */
static int handle_one(struct oriel_client *client) {
	if (!oriel_client_can_say(client)) {
		return -EAGAIN;
	}
	size_t size;
	const uint8_t *bytes = oriel_fd_input_get(&client->in, &size);
	struct oriel_reader r = oriel_reader_of(bytes, size);
	struct oriel_share_header header;
	int err = oriel_share_decode_header(&r, &header);
	if (err == -EBADMSG || (err == 0 && header.size > size)) {
		return -EAGAIN;
	}
	if (err < 0) {
		return oriel_client_refuse(client, "a header that is none");
	}
	int fd = -1;
	if (header.n_fds > 0) {
		fd = oriel_fd_input_take_fd(&client->in);
		if (fd < 0) {
			return oriel_client_refuse(client, "a message without its descriptor");
		}
	}
	r.end = bytes + header.size;
	err = oriel_client_handle_message_take(client, &header, &r, fd);
	oriel_fd_input_consume(&client->in, header.size);
	return err;
}

/** Until there is an event. Returns 0, -EAGAIN if more must come, or an error. */
static int run(struct oriel_client *client) {
	while (client->event.type == 0) {
		int err = handle_one(client);
		if (err == -EAGAIN) {
			err = send_output(client);
			if (err == 0 && !oriel_client_can_say(client)) {
				return -EAGAIN;
			}
			if (err == 0) {
				err = oriel_fd_input_receive(&client->in, client->fd);
			}
			if (err == -EPROTO) {
				err = oriel_client_refuse(client, "too many descriptors");
			}
		}
		if (err < 0) {
			return err;
		}
	}
	return send_output(client);
}

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Wait for the socket until deadline_ms (-1: for ever). -EAGAIN if it has passed. */
static int wait_for_socket(struct oriel_client *client, int64_t deadline_ms) {
	int timeout_ms = -1;
	if (deadline_ms >= 0) {
		int64_t left_ms = deadline_ms - get_now_ms();
		if (left_ms <= 0) {
			return -EAGAIN;
		}
		timeout_ms = left_ms < INT_MAX ? (int)left_ms : INT_MAX;
	}
	struct pollfd pollfd = { .fd = client->fd, .events = oriel_client_get_poll_events(client) };
	if (poll(&pollfd, 1, timeout_ms) < 0 && errno != EINTR) {
		return oriel_errno();
	}
	return 0;
}

/** The last snapshot is not looked at any more. */
static int release_snapshot(struct oriel_client *client) {
	if (client->snapshot_id == 0) {
		return 0;
	}
	int err = send_output(client);
	if (err < 0) {
		return err;
	}
	if (!oriel_client_can_say(client)) {
		return -EAGAIN;
	}
	struct oriel_client_buffer *buffer = oriel_client_buffer_get(client, client->snapshot_id);
	oriel_client_buffer_destroy(client, buffer);
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_number(&w, ORIEL_SHARE_RELEASED, client->snapshot_id);
	oriel_fd_output_end_take(&client->out, &w, -1);
	client->snapshot = (struct oriel_client_snapshot){ 0 };
	client->snapshot_id = 0;
	return 0;
}

int oriel_client_wait(struct oriel_client *client, int timeout_ms,
		const struct oriel_client_event **ret) {
	if (client->failed < 0) {
		return client->failed;
	}
	client->has_waited = true;
	int64_t deadline_ms = timeout_ms < 0 ? -1 : get_now_ms() + timeout_ms;
	client->event = (struct oriel_client_event){ 0 };
	while (true) {
		int err = release_snapshot(client);
		if (err == 0) {
			err = run(client);
		}
		if (err == 0) {
			*ret = &client->event;
			return 0;
		}
		if (err == -EAGAIN) {
			err = wait_for_socket(client, deadline_ms);
			if (err == -EAGAIN) {
				return err;
			}
		}
		if (err < 0) {
			client->failed = err;
			return err;
		}
	}
}

int oriel_client_subscribe(struct oriel_client *client, uint32_t frames, uint32_t cursors) {
	if (!oriel_client_can_say(client)) {
		return -EAGAIN;
	}
	for (size_t i = 0; i < ORIEL_CLIENT_MAX_SCANOUTS; i++) {
		struct oriel_client_head *head = &client->heads[i];
		if ((frames >> i & 1) != (client->frames >> i & 1)) {
			oriel_client_head_clear(head);
			head->in_frame = false;
		}
		if ((cursors >> i & 1) == 0) {
			head->cursor.visible = false;
		}
	}
	client->frames = frames;
	client->cursors = cursors;
	struct oriel_share_subscribe subscribe = { frames, cursors };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_subscribe(&w, &subscribe);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

int oriel_client_end_frame(struct oriel_client *client, uint32_t scanout) {
	if (scanout >= ORIEL_CLIENT_MAX_SCANOUTS) {
		return -EINVAL;
	}
	struct oriel_client_head *head = &client->heads[scanout];
	if (!head->in_frame) {
		return 0;
	}
	if (!oriel_client_can_say(client)) {
		return -EAGAIN;
	}
	struct oriel_share_taken taken = { scanout, head->last_sequence };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_taken(&w, &taken);
	oriel_fd_output_end_take(&client->out, &w, -1);
	head->in_frame = false;
	return 0;
}

static bool can_request(const struct oriel_client *client) {
	return client->n_tokens < ORIEL_CLIENT_MAX_REQUESTS && oriel_client_can_say(client);
}

/** The token of a new request, which is waited for from now on. */
static uint32_t begin_request(struct oriel_client *client) {
	client->last_token = client->last_token == UINT32_MAX ? 1 : client->last_token + 1;
	client->tokens[client->n_tokens++] = client->last_token;
	return client->last_token;
}

int oriel_client_request_size(struct oriel_client *client, uint32_t scanout,
		const struct oriel_client_size *size, uint32_t *ret) {
	if (!client->welcomed || !can_request(client)) {
		return -EAGAIN;
	}
	if ((client->features & ORIEL_SHARE_FEATURE_SIZES) == 0) {
		return -EOPNOTSUPP;
	}
	struct oriel_share_set_size request = { begin_request(client), scanout, size->width,
		size->height, size->refresh_mhz };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_set_size(&w, &request);
	oriel_fd_output_end_take(&client->out, &w, -1);
	*ret = client->last_token;
	return 0;
}

int oriel_client_request_snapshot(struct oriel_client *client, uint32_t scanout, uint32_t *ret) {
	if (!can_request(client)) {
		return -EAGAIN;
	}
	struct oriel_share_get_snapshot request = { begin_request(client), scanout };
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_get_snapshot(&w, &request);
	oriel_fd_output_end_take(&client->out, &w, -1);
	*ret = client->last_token;
	return 0;
}

int oriel_client_ping(struct oriel_client *client, uint32_t token) {
	if (!oriel_client_can_say(client)) {
		return -EAGAIN;
	}
	struct oriel_writer w = oriel_fd_output_begin(&client->out);
	oriel_share_encode_number(&w, ORIEL_SHARE_PING, token);
	oriel_fd_output_end_take(&client->out, &w, -1);
	return 0;
}

uint32_t oriel_client_count_scanouts(const struct oriel_client *client) {
	return client->n_scanouts;
}

const struct oriel_client_scanout *oriel_client_get_scanout(const struct oriel_client *client,
		uint32_t scanout) {
	return scanout < ORIEL_CLIENT_MAX_SCANOUTS ? &client->heads[scanout].scanout : NULL;
}

const struct oriel_client_cursor *oriel_client_get_cursor(const struct oriel_client *client,
		uint32_t scanout) {
	return scanout < ORIEL_CLIENT_MAX_SCANOUTS ? &client->heads[scanout].cursor : NULL;
}

void oriel_client_destroy(struct oriel_client *client) {
	if (client == NULL) {
		return;
	}
	oriel_list_for_each(link, following, &client->all_buffers) {
		oriel_client_buffer_destroy(client,
				oriel_container_of(link, struct oriel_client_buffer, link));
	}
	oriel_id_table_finish(&client->buffers);
	for (size_t i = 0; i < ORIEL_CLIENT_MAX_SCANOUTS; i++) {
		free(client->heads[i].image);
	}
	oriel_fd_input_finish(&client->in);
	oriel_fd_output_finish(&client->out);
	oriel_fd_close(&client->fd);
	free(client);
}
