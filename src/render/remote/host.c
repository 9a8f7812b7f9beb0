// SPDX-License-Identifier: MIT
/*
 * The renderer's end of the render link: requests in, replies out. See host.h.
 */
#include "render/remote/host.h"

#include "base/fd.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/epoll.h>

/** Requests that are taken before other sources of the loop have their turn. */
#define BATCH 64u

static void handle_done(struct oriel_render3d_op *op, int err);

static void host_free(struct oriel_render_host *host) {
	oriel_list_for_each(link, following, &host->free_ops) {
		oriel_list_remove(link);
		free(oriel_container_of(link, struct host_op, link));
	}
	oriel_render_link_finish(&host->link);
	oriel_mem_map_release(host->map);
	oriel_memory_destroy(host->memory);
	free(host);
}

void oriel_render_host_end(struct oriel_render_host *host, int err) {
	if (host->has_ended) {
		return;
	}
	host->has_ended = true;
	host->end_err = err;
	oriel_source_remove(host->bell_source);
	oriel_source_remove(host->socket_source);
	host->bell_source = NULL;
	host->socket_source = NULL;
	oriel_source_set_pending(host->deferred);
}

/*
 * Replies.
 */

/** Send the file of an export, before its reply. Returns its number, or 0 with an error. */
static uint32_t send_file(struct oriel_render_host *host, struct host_op *own) {
	struct oriel_dmabuf *dmabuf = NULL;
	if (own->op.type == ORIEL_RENDER3D_EXPORT) {
		dmabuf = own->op.exported.dmabuf;
		own->op.exported.dmabuf = NULL;
	}
	if (dmabuf == NULL) {
		return 0;
	}
	const struct oriel_render_link_exported exported = {
		.number = host->last_exported + 1,
		.stride = dmabuf->layout.stride,
		.fourcc = dmabuf->layout.format->fourcc,
		.modifier = dmabuf->layout.modifier,
		.offset = dmabuf->layout.offset,
	};
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_exported(&w, &exported);
	int err = host->has_ended ? -ENOTCONN
				  : oriel_render_link_send(&host->link, &w, bytes, dmabuf->fd);
	oriel_dmabuf_release(dmabuf);
	if (err < 0) {
		own->err = err; // the device does not read: it has what it needs to go on without
		return 0;
	}
	host->last_exported++;
	return exported.number;
}

static void push_reply(struct oriel_render_host *host, struct host_op *own) {
	const uint32_t fd_number = send_file(host, own);
	if (host->has_ended) {
		return;
	}
	int room = oriel_render_ring_get_room(&host->link.replies);
	if (room <= 0) {
		// The device never has more under way than there are slots.
		oriel_render_host_end(host, -EPROTO);
		return;
	}
	const struct oriel_render_link_reply reply = { .sequence = own->sequence,
		.err = own->err >= -ORIEL_RENDER_LINK_MAX_ERROR ? own->err : -EIO,
		.fd_number = fd_number };
	uint8_t slot[ORIEL_RENDER_LINK_REPLY_SIZE];
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_render_link_encode_reply(&w, &reply);
	oriel_render_ring_push(&host->link.replies, slot);
	if (oriel_render_ring_needs_bell(&host->link.replies)) {
		oriel_render_bell_ring(host->link.bell);
	}
}

/** Answer, and be done with the operation. */
static void finish_op(struct oriel_render_host *host, struct host_op *own) {
	oriel_list_remove(&own->link);
	oriel_render_host_finish_op(own); // before the device is told that nothing is used any more
	push_reply(host, own);
	oriel_list_append(&host->free_ops, &own->link);
}

static void answer_line(struct oriel_render_host *host) {
	while (!oriel_list_is_empty(&host->line)) {
		struct host_op *own = oriel_container_of(host->line.next, struct host_op, link);
		if (!own->is_done) {
			return;
		}
		finish_op(host, own);
	}
}

static void handle_done(struct oriel_render3d_op *op, int err) {
	struct host_op *own = oriel_container_of(op, struct host_op, op);
	struct oriel_render_host *host = own->host;
	host->n_pending--;
	own->is_done = true;
	own->err = err;
	if (own != &host->reset && op->type == ORIEL_RENDER3D_FENCE) {
		finish_op(host, own);
	} else {
		answer_line(host);
	}
	if (host->is_destroyed && host->n_pending == 0) {
		host_free(host);
	}
}

/*
 * Requests.
 */

static struct host_op *take_op(struct oriel_render_host *host) {
	if (oriel_list_is_empty(&host->free_ops)) {
		return calloc(1, sizeof(struct host_op));
	}
	struct oriel_link *link = host->free_ops.next;
	oriel_list_remove(link);
	return oriel_container_of(link, struct host_op, link);
}

static void run_request(struct oriel_render_host *host,
		const struct oriel_render_link_request *request) {
	struct host_op *own = take_op(host);
	if (own == NULL) {
		oriel_render_host_end(host, -ENOMEM);
		return;
	}
	int err = oriel_render_host_decode(host, request, own);
	own->op.done = handle_done;
	if (err == -EPROTO || err == -ENOTCONN) {
		oriel_render_host_finish_op(own);
		oriel_list_append(&host->free_ops, &own->link);
		oriel_render_host_end(host, err == -EPROTO ? err : 0);
		return;
	}
	oriel_list_append(own->op.type == ORIEL_RENDER3D_FENCE ? &host->fences : &host->line,
			&own->link);
	host->n_pending++;
	if (err < 0) {
		handle_done(&own->op, err);
		return;
	}
	oriel_renderer3d_submit(host->renderer, &own->op);
}

/** Take one request. Returns 1, 0 if there is none, or -EPROTO. */
static int take_request(struct oriel_render_host *host) {
	uint8_t slot[ORIEL_RENDER_LINK_REQUEST_SIZE];
	int n = oriel_render_ring_pop(&host->link.requests, slot);
	if (n <= 0) {
		return n;
	}
	if (oriel_render_ring_needs_room_bell(&host->link.requests)) {
		oriel_render_bell_ring(host->link.bell);
	}
	struct oriel_reader r = oriel_reader_of(slot, sizeof(slot));
	struct oriel_render_link_request request;
	if (oriel_render_link_decode_request(&r, &request) < 0) {
		return -EPROTO;
	}
	run_request(host, &request);
	return 1;
}

static void run_requests(struct oriel_render_host *host) {
	for (uint32_t i = 0; i < BATCH && !host->has_ended; i++) {
		if (oriel_renderer3d_is_full(host->renderer)) {
			return; // handle_room() goes on
		}
		int n = take_request(host);
		if (n == 0) {
			n = oriel_render_ring_sleep(&host->link.requests);
			if (n == 1) {
				return;
			}
		}
		if (n < 0) {
			oriel_render_host_end(host, -EPROTO);
			return;
		}
	}
	if (!host->has_ended) {
		oriel_source_set_pending(host->deferred); // others have their turn first
	}
}

static void handle_room(void *user) {
	struct oriel_render_host *host = user;
	if (host->is_joined && !host->has_ended) {
		oriel_source_set_pending(host->deferred);
	}
}

static void handle_lost(void *user, const char *reason) {
	struct oriel_render_host *host = user;
	oriel_log(&host->log, ORIEL_LOG_ERROR, "render link: the renderer is lost: %s", reason);
	oriel_render_host_end(host, -EIO);
}

static void handle_bell(void *user, int fd, uint32_t events) {
	struct oriel_render_host *host = user;
	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		oriel_render_host_end(host, 0);
		return;
	}
	oriel_render_bell_drain(fd);
	run_requests(host);
}

static void run_deferred(void *user) {
	struct oriel_render_host *host = user;
	if (!host->has_ended) {
		run_requests(host);
		return;
	}
	if (host->options.handle_end != NULL) {
		host->options.handle_end(host->options.user, host->end_err); // may destroy us
	}
}

/*
 * The link.
 */

static int say(struct oriel_render_host *host, const uint8_t *bytes, const struct oriel_writer *w) {
	int err = oriel_render_link_send(&host->link, w, bytes, -1);
	return err == -EAGAIN ? -EPROTO : err; // an empty socket has room for a hello
}

static int say_hello(struct oriel_render_host *host) {
	uint8_t bytes[ORIEL_RENDER_LINK_MAX_MESSAGE_SIZE];
	const struct oriel_capset_table *table = &host->renderer->capsets;
	const struct oriel_render_link_hello hello = { .magic = ORIEL_RENDER_LINK_MAGIC,
		.version = ORIEL_RENDER_LINK_VERSION,
		.n_capsets = table->len,
		.can_export = host->renderer->can_export };
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_hello(&w, &hello);
	int err = say(host, bytes, &w);
	for (uint32_t i = 0; err == 0 && i < table->len; i++) {
		const struct oriel_render_link_capset capset = { .id = table->capsets[i].id,
			.version = table->capsets[i].version,
			.size = table->capsets[i].size,
			.data = table->capsets[i].data };
		w = oriel_writer_of(bytes, sizeof(bytes));
		oriel_render_link_encode_capset(&w, &capset);
		err = say(host, bytes, &w);
	}
	return err;
}

/** SETUP has come, or should have. Returns 0, -EAGAIN, or what ends the link. */
static int join(struct oriel_render_host *host) {
	int err = oriel_render_link_join(&host->link);
	if (err == 0) {
		err = oriel_loop_add_fd(host->loop, host->link.bell, EPOLLIN, handle_bell, host,
				&host->bell_source);
	}
	if (err < 0) {
		return err;
	}
	host->is_joined = true;
	oriel_source_set_events(host->socket_source, EPOLLIN | EPOLLRDHUP);
	oriel_source_set_pending(host->deferred); // requests may be there already
	return say_hello(host);
}

static void handle_socket(void *user, int fd, uint32_t events) {
	struct oriel_render_host *host = user;
	(void)fd;
	int err = -ENOTCONN;
	if ((events & EPOLLIN) != 0) {
		err = host->is_joined ? oriel_render_host_read_files(host) : join(host);
	}
	if (err < 0 && err != -EAGAIN) {
		oriel_render_host_end(host, err == -ENOTCONN ? 0 : err);
	}
}

static void set_options(struct oriel_render_host *host,
		const struct oriel_render_host_options *options) {
	const size_t size = options->size < sizeof(*options) ? options->size : sizeof(*options);
	memcpy(&host->options, options, size);
	oriel_log_init(&host->log, &host->options.log);
}

int oriel_render_host_create_take(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct oriel_render_host_options *options, int fd,
		struct oriel_render_host **ret) {
	struct oriel_render_host *host = calloc(1, sizeof(*host));
	if (host == NULL) {
		oriel_fd_close(&fd);
		return -ENOMEM;
	}
	host->loop = loop;
	host->renderer = renderer;
	host->budget.limit = ORIEL_BUDGET_OFF;
	set_options(host, options);
	oriel_list_init(&host->line);
	oriel_list_init(&host->fences);
	oriel_list_init(&host->free_ops);
	oriel_render_link_init(&host->link);
	host->link.socket = fd;
	const struct oriel_renderer3d_listener listener = { .handle_lost = handle_lost,
		.handle_room = handle_room,
		.user = host };
	oriel_renderer3d_set_listener(renderer, &listener);
	int err = oriel_memory_create(&host->memory);
	if (err == 0) {
		host->map = oriel_memory_hold_map(host->memory);
		err = oriel_loop_add_deferred(loop, run_deferred, host, &host->deferred);
	}
	if (err == 0) {
		err = oriel_loop_add_fd(loop, fd, EPOLLIN, handle_socket, host,
				&host->socket_source);
	}
	if (err == 0) {
		err = join(host);
		err = err == -EAGAIN ? 0 : err;
	}
	if (err < 0) {
		oriel_render_host_destroy(host);
		return err;
	}
	*ret = host;
	return 0;
}

void oriel_render_host_destroy(struct oriel_render_host *host) {
	if (host == NULL) {
		return;
	}
	assert(!host->is_destroyed);
	host->has_ended = true;
	oriel_source_remove(host->bell_source);
	oriel_source_remove(host->socket_source);
	oriel_source_remove(host->deferred);
	oriel_render_host_close_files(host);
	oriel_renderer3d_set_listener(host->renderer, NULL);
	// Everything of the device's goes; fences that are pending may come back after this.
	host->is_destroyed = true;
	host->n_pending++;
	host->reset = (struct host_op){ .host = host, .fd = -1 };
	oriel_list_init(&host->reset.link);
	host->reset.op.type = ORIEL_RENDER3D_RESET;
	host->reset.op.done = handle_done;
	// The device sees the end now; what the renderer still reads stays mapped until it is done.
	oriel_fd_close(&host->link.socket);
	oriel_fd_close(&host->link.bell);
	oriel_renderer3d_submit(host->renderer, &host->reset.op);
}
