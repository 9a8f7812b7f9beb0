// SPDX-License-Identifier: MIT
/*
 * The back-end channel (SET_BACKEND_REQ_FD): a second socket, on which we tell the front-end what
 * it did not ask for.
 *
 * Nothing waits: what the socket does not take is dropped, for then there are messages of the same
 * kind in it that the front-end has not read. What comes back is read and thrown away. If the
 * channel dies there is none any more, and the session goes on.
 */
#ifndef ORIEL_VHOST_CHANNEL_H
#define ORIEL_VHOST_CHANNEL_H

#include "base/compiler.h"
#include "oriel/loop.h"

struct oriel_vhost_channel {
	int fd; // -1: there is none
	struct oriel_source *source;
};

void oriel_vhost_channel_init(struct oriel_vhost_channel *channel);

void oriel_vhost_channel_finish(struct oriel_vhost_channel *channel);

/** Use fd instead of what there was. Owns: fd is taken. Returns 0, -ENOMEM or -errno. */
ORIEL_MUST_CHECK
int oriel_vhost_channel_open_take(struct oriel_vhost_channel *channel, struct oriel_loop *loop,
		int fd);

/** Tell that the configuration space changed, if there is a channel. */
void oriel_vhost_channel_send_config_change(struct oriel_vhost_channel *channel);

#endif
