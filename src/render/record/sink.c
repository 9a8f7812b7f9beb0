// SPDX-License-Identifier: MIT
/* See sink.h. */
#include "render/record/sink.h"

#include "base/arith.h"
#include "base/error.h"
#include "base/fd.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

static void give_up(struct record_sink *sink, int err) {
	sink->err = err;
	oriel_source_remove(sink->source);
	sink->source = NULL;
	oriel_fd_close(&sink->fd);
	sink->len = 0;
}

/** Write what the descriptor takes at once. Returns how many bytes. */
static size_t write_some(struct record_sink *sink, const uint8_t *bytes, size_t size) {
	size_t n_written = 0;
	while (n_written < size) {
		ssize_t n = write(sink->fd, bytes + n_written, size - n_written);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno != EAGAIN) {
			give_up(sink, oriel_errno());
		}
		if (n <= 0) {
			break;
		}
		n_written += (size_t)n;
	}
	return n_written;
}

/** Write what waits, as far as the descriptor takes it. */
static void flush(struct record_sink *sink) {
	while (sink->fd >= 0 && sink->len > 0) {
		const size_t n = oriel_min_size(sink->len, RECORD_SINK_CAPACITY - sink->begin);
		const size_t n_written = write_some(sink, sink->bytes + sink->begin, n);
		if (n_written == 0) {
			return;
		}
		sink->len -= n_written;
		sink->begin = (sink->begin + n_written) % RECORD_SINK_CAPACITY;
	}
}

/** Flush until at least room bytes can wait, or everything is written, or patience ends. */
static void make_room(struct record_sink *sink, size_t room) {
	flush(sink);
	while (sink->fd >= 0 && RECORD_SINK_CAPACITY - sink->len < room && sink->len > 0) {
		if (sink->patience_ns == 0) {
			give_up(sink, -ETIMEDOUT);
			return;
		}
		const uint64_t began_ns = oriel_now_ns();
		struct pollfd waits = { .fd = sink->fd, .events = POLLOUT };
		(void)poll(&waits, 1, (int)(sink->patience_ns / 1000000u + 1));
		flush(sink);
		sink->patience_ns -= oriel_min_u64(sink->patience_ns, oriel_now_ns() - began_ns);
	}
}

static void update_source(struct record_sink *sink) {
	if (sink->source != NULL) {
		oriel_source_set_events(sink->source, sink->len > 0 ? EPOLLOUT : 0);
	}
}

static void handle_ready(void *user, int fd, uint32_t events) {
	struct record_sink *sink = user;
	(void)fd;
	(void)events;
	flush(sink);
	update_source(sink);
}

/** Let bytes wait, for which there is room. */
static void enqueue(struct record_sink *sink, const uint8_t *bytes, size_t size) {
	const size_t end = (sink->begin + sink->len) % RECORD_SINK_CAPACITY;
	const size_t n_first = oriel_min_size(size, RECORD_SINK_CAPACITY - end);
	memcpy(sink->bytes + end, bytes, n_first);
	memcpy(sink->bytes, bytes + n_first, size - n_first);
	sink->len += size;
}

void record_sink_renew_patience(struct record_sink *sink) {
	sink->patience_ns = RECORD_SINK_PATIENCE_NS;
}

void record_sink_put(struct record_sink *sink, const uint8_t *bytes, size_t size) {
	while (size > 0 && sink->fd >= 0) {
		if (sink->len > 0) {
			flush(sink);
		}
		size_t n = 0;
		if (sink->fd >= 0 && sink->len == 0) {
			n = write_some(sink, bytes, size);
		}
		bytes += n;
		size -= n;
		n = oriel_min_size(size, RECORD_SINK_CAPACITY);
		make_room(sink, n);
		if (sink->fd < 0) {
			return;
		}
		enqueue(sink, bytes, n);
		bytes += n;
		size -= n;
	}
	update_source(sink);
}

int record_sink_init_take(struct record_sink *sink, struct oriel_loop *loop, int fd) {
	*sink = (struct record_sink){ .fd = fd, .patience_ns = RECORD_SINK_PATIENCE_NS };
	int err = oriel_fd_set_nonblocking(fd);
	if (err < 0) {
		return err;
	}
	// Pages that never wait are never touched.
	void *bytes = mmap(NULL, RECORD_SINK_CAPACITY, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED) {
		return -ENOMEM;
	}
	sink->bytes = bytes;
	// Not to be waited for if it is a file, which is always ready.
	err = oriel_loop_add_fd(loop, fd, 0, handle_ready, sink, &sink->source);
	return err == -EPERM ? 0 : err;
}

void record_sink_finish(struct record_sink *sink) {
	if (sink->fd >= 0) {
		record_sink_renew_patience(sink);
		make_room(sink, RECORD_SINK_CAPACITY);
	}
	oriel_source_remove(sink->source);
	sink->source = NULL;
	oriel_fd_close(&sink->fd);
	if (sink->bytes != NULL) {
		munmap(sink->bytes, RECORD_SINK_CAPACITY);
		sink->bytes = NULL;
	}
}
