// SPDX-License-Identifier: MIT
/* See channel.h. */
#include "transport/vhost_user/channel.h"

#include "base/fd.h"
#include "base/fd_stream.h"
#include "protocol/vhost_user.h"

#include <errno.h>
#include <sys/epoll.h>

void oriel_vhost_channel_init(struct oriel_vhost_channel *channel) {
	*channel = (struct oriel_vhost_channel){ .fd = -1 };
}

void oriel_vhost_channel_finish(struct oriel_vhost_channel *channel) {
	oriel_source_remove(channel->source);
	channel->source = NULL;
	oriel_fd_close(&channel->fd);
}

static void handle_channel(void *user, int fd, uint32_t events) {
	(void)events;
	struct oriel_vhost_channel *channel = user;
	uint8_t bytes[512];
	struct oriel_fd_input in;
	oriel_fd_input_init(&in, bytes, sizeof(bytes));
	int err = oriel_fd_input_receive(&in, fd);
	oriel_fd_input_finish(&in);
	if (err < 0 && err != -EAGAIN) {
		oriel_vhost_channel_finish(channel);
	}
}

int oriel_vhost_channel_open_take(struct oriel_vhost_channel *channel, struct oriel_loop *loop,
		int fd) {
	oriel_vhost_channel_finish(channel);
	int err = oriel_loop_add_fd(loop, fd, EPOLLIN, handle_channel, channel, &channel->source);
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	channel->fd = fd;
	return 0;
}

void oriel_vhost_channel_send_config_change(struct oriel_vhost_channel *channel) {
	if (channel->fd < 0) {
		return;
	}
	uint8_t bytes[ORIEL_VHOST_HEADER_SIZE];
	struct oriel_fd_output out;
	oriel_fd_output_init(&out, bytes, sizeof(bytes));
	struct oriel_writer w = oriel_fd_output_begin(&out);
	oriel_vhost_encode_plain(&w, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0);
	oriel_fd_output_end_take(&out, &w, -1);
	int err = oriel_fd_output_send(&out, channel->fd);
	// A part of a message would make the rest of the channel unreadable.
	bool is_cut = err == -EAGAIN && oriel_fd_output_get_size(&out) < sizeof(bytes);
	if ((err < 0 && err != -EAGAIN) || is_cut) {
		oriel_vhost_channel_finish(channel);
	}
}
