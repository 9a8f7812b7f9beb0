// SPDX-License-Identifier: MIT
/*
 * One end of a render link: socket, shared memory with both rings, and doorbells.
 *
 * docs/render-link.md, 2 to 4. The device makes the link and says so in SETUP; the renderer's end
 * is made of that message. Nothing here waits: sockets are used without blocking.
 */
#ifndef ORIEL_RENDER_REMOTE_LINK_H
#define ORIEL_RENDER_REMOTE_LINK_H

#include "protocol/render_link.h"
#include "render/remote/ring.h"

struct oriel_render_link {
	int socket;
	int bell; // both ends ring it, and hear the other's
	uint8_t *memory;
	struct oriel_render_ring requests;
	struct oriel_render_ring replies;
};

/** Begin a link without anything. */
void oriel_render_link_init(struct oriel_render_link *link);

/**
 * Make a link and say SETUP. link was begun; *ret_peer is the other end's socket, the caller's.
 *
 * Returns 0, -ENOMEM or -errno; the link is then finished.
 */
ORIEL_MUST_CHECK
int oriel_render_link_make(struct oriel_render_link *link, int *ret_peer);

/**
 * Make the other end of a link of what its socket, link->socket, has received.
 *
 * Returns 0, -EAGAIN if SETUP has not come yet, -ENOTCONN, -EPROTO or -errno.
 */
ORIEL_MUST_CHECK
int oriel_render_link_join(struct oriel_render_link *link);

/** Close and unmap everything. May begin again. */
void oriel_render_link_finish(struct oriel_render_link *link);

/**
 * Send one message with at most one descriptor (-1: none), which is borrowed.
 *
 * Returns 0, -EAGAIN if the socket is full, -ENOTCONN if the other end is gone, or -errno.
 */
ORIEL_MUST_CHECK
int oriel_render_link_send(struct oriel_render_link *link, const struct oriel_writer *w,
		const uint8_t *bytes, int fd);

/**
 * Receive one message of at most capacity bytes, and what descriptor came with it if ret_fd is not
 * NULL (-1: none), which is the caller's.
 *
 * Returns 0, -EAGAIN if there is none, -ENOTCONN if the other end has closed, -EPROTO if it is too
 * large or has descriptors that it must not have, or -errno.
 */
ORIEL_MUST_CHECK
int oriel_render_link_receive(struct oriel_render_link *link, uint8_t *bytes, size_t capacity,
		size_t *ret_size, int *ret_fd);

/** The arena in shared memory. */
uint8_t *oriel_render_link_get_arena(const struct oriel_render_link *link);

#endif
