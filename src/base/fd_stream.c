// SPDX-License-Identifier: MIT
/* See fd_stream.h. */
#include "base/fd_stream.h"

#include "base/arith.h"
#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <sys/socket.h>

/** Room for the ancillary data of n descriptors, aligned as a control message must be. */
#define CONTROL_SIZE(n) CMSG_SPACE((n) * sizeof(int))

void oriel_fd_input_init(struct oriel_fd_input *in, uint8_t *bytes, size_t capacity) {
	*in = (struct oriel_fd_input){ .bytes = bytes, .capacity = capacity };
}

void oriel_fd_input_finish(struct oriel_fd_input *in) {
	while (in->n_fds > 0) {
		int fd = oriel_fd_input_take_fd(in);
		oriel_fd_close(&fd);
	}
}

/**
 * Keep the descriptors of a control message, and add their number to *n_came. Those that do not fit
 * are closed: -EPROTO.
 */
static int keep_fds(struct oriel_fd_input *in, struct cmsghdr *control, size_t *n_came) {
	int err = 0;
	const size_t n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	*n_came += n;
	for (size_t i = 0; i < n; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
		if (in->n_fds < ORIEL_FD_STREAM_MAX_FDS) {
			in->fds[in->n_fds++] = fd;
		} else {
			oriel_fd_close(&fd);
			err = -EPROTO;
		}
	}
	return err;
}

int oriel_fd_input_receive(struct oriel_fd_input *in, int socket) {
	return oriel_fd_input_receive_at_most(in, socket, in->capacity);
}

int oriel_fd_input_receive_at_most(struct oriel_fd_input *in, int socket, size_t max) {
	if (in->begin > 0) {
		memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->begin = 0;
	}
	if (in->end == in->capacity) {
		return -EAGAIN;
	}
	union {
		struct cmsghdr align;
		uint8_t bytes[CONTROL_SIZE(ORIEL_FD_STREAM_MAX_FDS)];
	} control;
	const size_t room = in->capacity - in->end;
	struct iovec iov = { .iov_base = in->bytes + in->end, .iov_len = max < room ? max : room };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	do {
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		int err = oriel_errno();
		return err == -EWOULDBLOCK ? -EAGAIN : err == -ECONNRESET ? -ENOTCONN : err;
	}
	int err = 0;
	size_t n_came = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
				keep_fds(in, c, &n_came) < 0) {
			err = -EPROTO;
		}
	}
	if ((msg.msg_flags & MSG_CTRUNC) != 0) {
		// There was room for more: then this process may not have more of them open.
		err = n_came < ORIEL_FD_STREAM_MAX_FDS ? -EMFILE : -EPROTO;
	}
	if (err < 0) {
		oriel_fd_input_finish(in);
		return err;
	}
	if (n == 0) {
		return -ENOTCONN;
	}
	in->end += (size_t)n;
	return 0;
}

const uint8_t *oriel_fd_input_get(const struct oriel_fd_input *in, size_t *ret_size) {
	*ret_size = in->end - in->begin;
	return in->bytes + in->begin;
}

void oriel_fd_input_consume(struct oriel_fd_input *in, size_t size) {
	assert(size <= in->end - in->begin);
	in->begin += size;
}

int oriel_fd_input_take_fd(struct oriel_fd_input *in) {
	if (in->n_fds == 0) {
		return -1;
	}
	int fd = in->fds[0];
	in->n_fds--;
	memmove(&in->fds[0], &in->fds[1], in->n_fds * sizeof(in->fds[0]));
	return fd;
}

void oriel_fd_output_init(struct oriel_fd_output *out, uint8_t *bytes, size_t capacity) {
	*out = (struct oriel_fd_output){ .bytes = bytes, .capacity = capacity };
}

void oriel_fd_output_finish(struct oriel_fd_output *out) {
	for (size_t i = 0; i < out->n_fds; i++) {
		oriel_fd_close(&out->fds[i].fd);
	}
	out->n_fds = 0;
	out->begin = 0;
	out->end = 0;
}

size_t oriel_fd_output_get_size(const struct oriel_fd_output *out) {
	return out->end - out->begin;
}

bool oriel_fd_output_has_room(const struct oriel_fd_output *out, size_t size, size_t n_fds) {
	return size <= out->capacity - oriel_fd_output_get_size(out) &&
	       n_fds <= ORIEL_FD_STREAM_MAX_FDS - out->n_fds;
}

struct oriel_writer oriel_fd_output_begin(struct oriel_fd_output *out) {
	if (out->begin > 0) {
		memmove(out->bytes, out->bytes + out->begin, out->end - out->begin);
		for (size_t i = 0; i < out->n_fds; i++) {
			out->fds[i].at -= out->begin;
		}
		out->end -= out->begin;
		out->begin = 0;
	}
	return oriel_writer_of(out->bytes + out->end, out->capacity - out->end);
}

void oriel_fd_output_end_take(struct oriel_fd_output *out, const struct oriel_writer *w, int fd) {
	assert(!w->failed && w->cur > out->bytes + out->end);
	if (fd >= 0) {
		assert(out->n_fds < ORIEL_FD_STREAM_MAX_FDS);
		out->fds[out->n_fds].at = out->end;
		out->fds[out->n_fds].fd = fd;
		out->n_fds++;
	}
	out->end = (size_t)(w->cur - out->bytes);
}

/**
 * Send the bytes up to stop, with fd (-1: none), and the tail if they are the last ones. Returns
 * how many went, or a negative errno.
 */
static ssize_t send_part(const struct oriel_fd_output *out, int socket, size_t stop, int fd,
		const struct iovec *tail) {
	union {
		struct cmsghdr align;
		uint8_t bytes[CONTROL_SIZE(1)];
	} control = { 0 };
	struct iovec iov[] = {
		{ .iov_base = out->bytes + out->begin, .iov_len = stop - out->begin },
		*tail,
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = stop == out->end ? 2 : 1 };
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ssize_t n;
	do {
		n = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		int err = oriel_errno();
		return err == -EWOULDBLOCK                   ? -EAGAIN
		       : err == -EPIPE || err == -ECONNRESET ? -ENOTCONN
							     : err;
	}
	return n;
}

int oriel_fd_output_send(struct oriel_fd_output *out, int socket) {
	return oriel_fd_output_send_with(out, socket, NULL, 0);
}

/** Queue what is left of a tail. */
static void queue_tail(struct oriel_fd_output *out, const struct iovec *tail) {
	struct oriel_writer w = oriel_fd_output_begin(out);
	oriel_write_bytes(&w, tail->iov_base, tail->iov_len);
	oriel_fd_output_end_take(out, &w, -1);
}

int oriel_fd_output_send_with(struct oriel_fd_output *out, int socket, const uint8_t *bytes,
		size_t size) {
	struct iovec tail = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
	while (out->begin < out->end || tail.iov_len > 0) {
		// One descriptor a call, and nothing of the next one's message.
		bool has_fd = out->n_fds > 0 && out->fds[0].at == out->begin;
		size_t i_next = has_fd ? 1 : 0;
		size_t stop = i_next < out->n_fds ? out->fds[i_next].at : out->end;
		ssize_t n = send_part(out, socket, stop, has_fd ? out->fds[0].fd : -1, &tail);
		if (n == -EAGAIN && tail.iov_len > 0) {
			queue_tail(out, &tail);
		}
		if (n < 0) {
			return (int)n;
		}
		size_t n_queued = oriel_min_size((size_t)n, stop - out->begin);
		out->begin += n_queued;
		const size_t n_of_tail = (size_t)n - n_queued;
		if (n_of_tail > 0) { // else there may be none, and then it is NULL
			tail.iov_base = (uint8_t *)tail.iov_base + n_of_tail;
			tail.iov_len -= n_of_tail;
		}
		if (has_fd && n > 0) {
			oriel_fd_close(&out->fds[0].fd);
			out->n_fds--;
			memmove(&out->fds[0], &out->fds[1], out->n_fds * sizeof(out->fds[0]));
		}
	}
	out->begin = 0;
	out->end = 0;
	return 0;
}
