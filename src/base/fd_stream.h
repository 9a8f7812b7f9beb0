// SPDX-License-Identifier: MIT
/*
 * The two directions of a non-blocking stream socket that carries descriptors beside its bytes.
 *
 * What was received waits, in order, until it is taken: bytes in a buffer, descriptors in a queue.
 * What is to be sent waits until the socket takes it; a descriptor goes with the byte that it was
 * queued with, the first one of its message. Both are bounded: memory is the caller's, and more
 * than ORIEL_FD_STREAM_MAX_FDS descriptors at once are refused.
 *
 * Neither knows messages. Neither owns the socket.
 */
#ifndef ORIEL_FD_STREAM_H
#define ORIEL_FD_STREAM_H

#include "base/bytes.h"
#include "base/compiler.h"

#define ORIEL_FD_STREAM_MAX_FDS 16u

struct oriel_fd_input {
	uint8_t *bytes; // not owned
	size_t capacity;
	size_t begin, end; // of what waits, in bytes
	int fds[ORIEL_FD_STREAM_MAX_FDS];
	size_t n_fds;
};

struct oriel_fd_output {
	uint8_t *bytes; // not owned
	size_t capacity;
	size_t begin, end; // of what waits, in bytes
	struct {
		size_t at; // the byte that it goes with, an index into bytes
		int fd;
	} fds[ORIEL_FD_STREAM_MAX_FDS];
	size_t n_fds;
};

/** Begin with capacity bytes of the caller's, which must outlive the input. */
void oriel_fd_input_init(struct oriel_fd_input *in, uint8_t *bytes, size_t capacity);

/** Close the descriptors that nobody took. */
void oriel_fd_input_finish(struct oriel_fd_input *in);

/**
 * Receive once, as much as there is and has room.
 *
 * Returns 0 if something came, -EAGAIN if nothing did or there is no room, -ENOTCONN if the peer
 * has closed, -EPROTO if it sent more descriptors than may wait or -EMFILE if not all could be
 * opened here (all are closed then), or -errno.
 */
ORIEL_MUST_CHECK
int oriel_fd_input_receive(struct oriel_fd_input *in, int socket);

/**
 * The same, but at most max bytes (not 0): who reads no further than a message's end knows that the
 * descriptors which wait came with that message.
 */
ORIEL_MUST_CHECK
int oriel_fd_input_receive_at_most(struct oriel_fd_input *in, int socket, size_t max);

/** The bytes that wait: their number in *ret_size. Valid until the next receive. */
const uint8_t *oriel_fd_input_get(const struct oriel_fd_input *in, size_t *ret_size);

/** Be done with the first size of the bytes that wait. */
void oriel_fd_input_consume(struct oriel_fd_input *in, size_t size);

/** The first of the descriptors that wait, which is the caller's from now on; -1 if there is none.
 */
int oriel_fd_input_take_fd(struct oriel_fd_input *in);

/** Begin with capacity bytes of the caller's, which must outlive the output. */
void oriel_fd_output_init(struct oriel_fd_output *out, uint8_t *bytes, size_t capacity);

/** Close the descriptors that were not sent. */
void oriel_fd_output_finish(struct oriel_fd_output *out);

/** Bytes that wait. */
size_t oriel_fd_output_get_size(const struct oriel_fd_output *out);

/** Whether a message of size bytes and n_fds descriptors can be queued. */
bool oriel_fd_output_has_room(const struct oriel_fd_output *out, size_t size, size_t n_fds);

/** A writer for the next message, with all the room there is. Queue nothing else before its end. */
struct oriel_writer oriel_fd_output_begin(struct oriel_fd_output *out);

/**
 * Queue what was written. The writer must not have failed.
 *
 * Owns: fd, to go with the first byte, is taken. -1: none.
 */
void oriel_fd_output_end_take(struct oriel_fd_output *out, const struct oriel_writer *w, int fd);

/**
 * Send as much as the socket takes, without SIGPIPE.
 *
 * Returns 0 if nothing waits any more, -EAGAIN if something does, -ENOTCONN if the peer is gone, or
 * -errno.
 */
ORIEL_MUST_CHECK
int oriel_fd_output_send(struct oriel_fd_output *out, int socket);

/**
 * The same, and then size bytes from where they lie (size 0: none), as the end of the last message.
 * Only what the socket does not take of them is queued, so there must be room for all of them.
 */
ORIEL_MUST_CHECK
int oriel_fd_output_send_with(struct oriel_fd_output *out, int socket, const uint8_t *bytes,
		size_t size);

#endif
