// SPDX-License-Identifier: MIT
/*
 * The GPU socket display (include/oriel/display.h): what the guest shows, in the VMM's own windows.
 *
 * This file has the object, its connection and its turns; what goes out is sender.h's business,
 * what is asked and answered is that of replies.h.
 *
 * Theory of operation. Everything waits until it can be sent: the screen is the queue. A large
 * message, or a few small ones, is written into `out` and sent as far as the socket takes it; only
 * when that is gone is the next written, from what the screen shows then. So a slow front-end costs
 * memory for one message, and merges frames. EPOLLOUT is waited for only while a begun message is
 * left, and then it is finished before anything else: QEMU reads a message in one go and stands
 * still meanwhile. Pixels that need no copy are sent from the resource; what the socket does not
 * take of them at once is copied, so that nothing in `out` depends on what the guest does next.
 * Sending begins in a deferred call, after the device has done its turn and answered the guest.
 *
 * A connection ends in one of two ways. If the front-end closes it, so do we. If it sends what we
 * do not understand we only fall silent: QEMU spins on a closed socket until the next reset. In
 * both cases the next connection gets everything anew. While a device is stopped there is none.
 *
 * Invariant: bytes are left in `out` after a turn  <=>  blocked.
 */
#include "base/fd.h"
#include "base/fd_stream.h"
#include "display/gpu_socket/replies.h"
#include "display/gpu_socket/sender.h"
#include "display/screen.h"
#include "host/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define DEFAULT_REPLY_TIMEOUT_MS 500u

/** Bytes of one turn: then the device's other sources have theirs. A 4K picture takes 16 turns. */
#define TURN_BYTES (2u * 1024u * 1024u)

/**
 * What the kernel may keep of what we send, as far as it lets us (net.core.wmem_max). By default
 * that is less than half of a band: a 4K picture took 80 wake-ups, and takes 13 with this.
 */
#define SEND_BUFFER_BYTES ((int)ORIEL_GPU_SOCKET_BAND_BYTES)

/** Small messages go together, until they are so many bytes: it is the calls that cost. */
#define BATCH_BYTES (128u * 1024u)

/** Room for such a batch, but for its last byte, and the message behind it. */
#define OUTPUT_BYTES (BATCH_BYTES + ORIEL_GPU_SOCKET_MAX_MESSAGE)

#define INPUT_BYTES (ORIEL_GPU_MESSAGE_HEADER_SIZE + ORIEL_GPU_SOCKET_MAX_REPLY)

struct oriel_gpu_socket {
	struct oriel_display base;
	struct oriel_loop *loop;
	struct oriel_log log;
	struct oriel_source *work;  // deferred: a turn of sending
	struct oriel_source *timer; // the next deadline of replies, or of a dma-buf's update
	uint64_t update_timeout_ns; // of the latter

	// The connection.
	int fd;                      // -1: none
	struct oriel_source *source; // NULL: none
	bool silent;                 // nothing is begun or read any more
	bool blocked;                // the socket took only part of a message
	struct oriel_fd_output out;
	struct oriel_fd_input in;

	struct oriel_gpu_socket_sender sender;
	struct oriel_gpu_socket_replies replies;

	uint8_t in_bytes[INPUT_BYTES];
	uint8_t *out_bytes; // OUTPUT_BYTES
};

static struct oriel_gpu_socket *gpu_socket_of(struct oriel_display *display) {
	return oriel_container_of(display, struct oriel_gpu_socket, base);
}

static void update_timer(struct oriel_gpu_socket *gs) {
	uint64_t deadline_ns = gs->replies.deadline_ns;
	const uint64_t update_ns = gs->sender.update_deadline_ns;
	if (update_ns != 0 && (deadline_ns == 0 || update_ns < deadline_ns)) {
		deadline_ns = update_ns;
	}
	oriel_source_set_deadline(gs->timer, deadline_ns);
}

static void update_events(struct oriel_gpu_socket *gs) {
	uint32_t events = gs->silent ? 0 : EPOLLIN;
	oriel_source_set_events(gs->source, events | (gs->blocked ? EPOLLOUT : 0));
}

/** See to it that what can be sent is sent soon. */
static void schedule(struct oriel_gpu_socket *gs) {
	if (gs->source != NULL) {
		oriel_source_set_pending(gs->work);
	}
}

/** Let go of the socket. What was to be sent stays with the sender. */
static void close_connection(struct oriel_gpu_socket *gs) {
	oriel_source_remove(gs->source);
	gs->source = NULL;
	oriel_fd_close(&gs->fd);
	oriel_fd_input_finish(&gs->in);
	oriel_fd_output_finish(&gs->out);
	oriel_fd_input_init(&gs->in, gs->in_bytes, INPUT_BYTES);
	gs->silent = false;
	gs->blocked = false;
}

/** The peer is gone, or sending failed for another reason. */
static void lose_connection(struct oriel_gpu_socket *gs, int err) {
	bool was_silent = gs->silent;
	close_connection(gs);
	if (err != -ENOTCONN) {
		oriel_log_guest(&gs->log, "gpu socket: lost: %s", strerror(-err));
	} else if (!was_silent) {
		oriel_log_life(&gs->log, "gpu socket: closed by the front-end");
	}
	oriel_gpu_socket_replies_disconnect(&gs->replies);
	update_timer(gs);
}

/** The stream of replies makes no sense. Finish what is begun, and do nothing more. */
static void fall_silent(struct oriel_gpu_socket *gs) {
	oriel_log_guest(&gs->log,
			"gpu socket: the front-end sent what is no answer; silent from now on");
	gs->silent = true;
	update_events(gs);
	oriel_gpu_socket_replies_disconnect(&gs->replies);
	update_timer(gs);
}

/** The descriptor to go with a message: ours, since the resource may go before it was sent. */
static int duplicate(struct oriel_gpu_socket *gs, int fd) {
	int ret = -1;
	int err = fd >= 0 ? oriel_fd_dup(fd, &ret) : 0;
	if (err < 0) {
		oriel_log_guest(&gs->log, "gpu socket: a dma-buf is not shown: %s", strerror(-err));
		oriel_gpu_socket_sender_handle_unsent(&gs->sender, fd);
	}
	return ret;
}

/** Write the next message, behind those that `out` has. Returns whether there was one. */
static bool write_next(struct oriel_gpu_socket *gs, struct oriel_gpu_socket_pixels *ret) {
	struct oriel_writer w = oriel_fd_output_begin(&gs->out);
	const uint8_t *start = w.cur;
	oriel_gpu_socket_replies_write_next(&gs->replies, &w);
	if (w.cur == start && gs->replies.ready && gs->base.screen != NULL) {
		oriel_gpu_socket_sender_write_next(&gs->sender, gs->base.screen, &w, ret);
	}
	assert(!w.failed);
	if (w.cur == start) {
		return false;
	}
	oriel_fd_output_end_take(&gs->out, &w, duplicate(gs, ret->fd));
	if (gs->sender.is_update_open && gs->sender.update_deadline_ns == 0) {
		gs->sender.update_deadline_ns = oriel_now_ns() + gs->update_timeout_ns;
		update_timer(gs);
	}
	return true;
}

/**
 * Write what is to be sent next: messages into `out`, which is empty, and in *ret the pixels that
 * follow them. Returns whether there was anything.
 */
static bool write_batch(struct oriel_gpu_socket *gs, struct oriel_gpu_socket_pixels *ret) {
	*ret = (struct oriel_gpu_socket_pixels){ .fd = -1 };
	bool more = !gs->silent;
	while (more && ret->size == 0 && oriel_fd_output_get_size(&gs->out) < BATCH_BYTES &&
			oriel_fd_output_has_room(&gs->out, ORIEL_GPU_SOCKET_MAX_MESSAGE, 1)) {
		more = write_next(gs, ret);
	}
	return oriel_fd_output_get_size(&gs->out) > 0;
}

/** Send until nothing is left, the socket is full, or the turn is over. Returns 0 or -errno. */
static int send_turn(struct oriel_gpu_socket *gs) {
	struct oriel_gpu_socket_pixels pixels = { .fd = -1 };
	size_t n_bytes = 0;
	gs->blocked = false;
	while (oriel_fd_output_get_size(&gs->out) > 0 || write_batch(gs, &pixels)) {
		n_bytes += oriel_fd_output_get_size(&gs->out) + pixels.size;
		int err = oriel_fd_output_send_with(&gs->out, gs->fd, pixels.bytes, pixels.size);
		if (err == -EAGAIN) {
			gs->blocked = true;
			break;
		}
		if (err < 0) {
			return err;
		}
		if (n_bytes >= TURN_BYTES) {
			schedule(gs);
			break;
		}
	}
	update_events(gs);
	return 0;
}

static void run_work(void *user) {
	struct oriel_gpu_socket *gs = user;
	if (gs->source == NULL || gs->blocked) {
		return;
	}
	int err = send_turn(gs);
	if (err < 0) {
		lose_connection(gs, err);
	}
}

static void run_timer(void *user) {
	struct oriel_gpu_socket *gs = user;
	const uint64_t now_ns = oriel_now_ns();
	oriel_gpu_socket_replies_expire(&gs->replies, now_ns);
	if (gs->sender.update_deadline_ns != 0 && gs->sender.update_deadline_ns <= now_ns) {
		oriel_gpu_socket_sender_handle_timeout(&gs->sender);
	}
	update_timer(gs);
	schedule(gs);
}

/** Take one whole reply from the input. Returns 0, -EAGAIN if there is none, or -EPROTO. */
static int take_reply(struct oriel_gpu_socket *gs) {
	size_t size;
	const uint8_t *bytes = oriel_fd_input_get(&gs->in, &size);
	struct oriel_reader r = oriel_reader_of(bytes, size);
	struct oriel_gpu_message_header header;
	if (oriel_gpu_message_decode_header(&r, &header) < 0) {
		return -EAGAIN;
	}
	if (header.request == VHOST_USER_GPU_DMABUF_UPDATE) {
		oriel_fd_input_consume(&gs->in, ORIEL_GPU_MESSAGE_HEADER_SIZE);
		const bool is_good =
				header.flags == VHOST_USER_GPU_MSG_FLAG_REPLY && header.size == 0;
		return is_good ? oriel_gpu_socket_sender_handle_updated(&gs->sender) : -EPROTO;
	}
	int err = oriel_gpu_socket_replies_check(&gs->replies, &header);
	if (err < 0) {
		return err;
	}
	if (oriel_reader_left(&r) < header.size) {
		return -EAGAIN;
	}
	// An answered query may bring another connection, which begins with an empty input. The
	// bytes stay where they are until its first receive.
	oriel_fd_input_consume(&gs->in, ORIEL_GPU_MESSAGE_HEADER_SIZE + header.size);
	if (oriel_gpu_socket_replies_handle(&gs->replies, &header, r.cur) < 0) {
		oriel_log_guest(&gs->log, "gpu socket: reply %u of %u bytes is malformed",
				header.request, header.size);
	}
	return 0;
}

/** What was negotiated may have changed which scanouts go as pixels: these have to be there. */
static void update_pixels(struct oriel_gpu_socket *gs) {
	struct oriel_screen *screen = gs->base.screen;
	gs->sender.takes_modifiers =
			(gs->replies.features & 1u << VHOST_USER_GPU_PROTOCOL_F_DMABUF2) != 0;
	for (uint32_t i = 0; screen != NULL && gs->replies.ready && i < screen->n_scanouts; i++) {
		if (oriel_gpu_socket_sender_needs_pixels(&gs->sender, screen, i)) {
			oriel_screen_fetch_pixels(screen, i);
			if (screen->scanouts[i].is_behind) {
				oriel_gpu_socket_sender_handle_fetch(&gs->sender, i);
			}
		}
	}
}

static int receive(struct oriel_gpu_socket *gs) {
	int err = oriel_fd_input_receive(&gs->in, gs->fd);
	oriel_fd_input_finish(&gs->in); // no reply has descriptors
	while (err == 0) {
		err = take_reply(gs);
	}
	if (err == -EPROTO) {
		fall_silent(gs);
		return 0;
	}
	update_pixels(gs);
	schedule(gs);
	update_timer(gs);
	return err == -EAGAIN ? 0 : err;
}

static void handle_socket(void *user, int fd, uint32_t events) {
	(void)fd;
	struct oriel_gpu_socket *gs = user;
	int err = 0;
	if (!gs->silent && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
		err = receive(gs);
	}
	if (err == 0 && gs->blocked) {
		err = send_turn(gs);
	}
	if (err < 0) {
		lose_connection(gs, err);
	}
}

static void handle_scanout(struct oriel_display *display, uint32_t scanout_id) {
	struct oriel_gpu_socket *gs = gpu_socket_of(display);
	oriel_gpu_socket_sender_handle_scanout(&gs->sender, display->screen, scanout_id);
	schedule(gs);
}

static void present(struct oriel_display *display, uint32_t scanout_id,
		const struct oriel_rect *damage) {
	struct oriel_gpu_socket *gs = gpu_socket_of(display);
	oriel_gpu_socket_sender_present(&gs->sender, display->screen, scanout_id, damage);
	schedule(gs);
}

static void handle_cursor(struct oriel_display *display, uint32_t scanout_id) {
	struct oriel_gpu_socket *gs = gpu_socket_of(display);
	oriel_gpu_socket_sender_handle_cursor(&gs->sender, scanout_id);
	schedule(gs);
}

static void move_cursor(struct oriel_display *display, uint32_t scanout_id) {
	struct oriel_gpu_socket *gs = gpu_socket_of(display);
	oriel_gpu_socket_sender_move_cursor(&gs->sender, scanout_id);
	schedule(gs);
}

static bool needs_pixels(struct oriel_display *display, uint32_t scanout_id) {
	const struct oriel_gpu_socket *gs = gpu_socket_of(display);
	return oriel_gpu_socket_sender_needs_pixels(&gs->sender, display->screen, scanout_id);
}

static void handle_detach(struct oriel_display *display) {
	oriel_gpu_socket_sender_finish(&gpu_socket_of(display)->sender);
}

static int query(struct oriel_display *display, struct oriel_display_query *query) {
	struct oriel_gpu_socket *gs = gpu_socket_of(display);
	int err = oriel_gpu_socket_replies_ask(&gs->replies, query, oriel_now_ns());
	update_timer(gs);
	schedule(gs);
	return err;
}

static bool can_answer(struct oriel_display *display) {
	return gpu_socket_of(display)->replies.connected;
}

static void flush_queries(struct oriel_display *display) {
	oriel_gpu_socket_replies_flush(&gpu_socket_of(display)->replies);
}

static void drop_queries(struct oriel_display *display) {
	oriel_gpu_socket_replies_drop(&gpu_socket_of(display)->replies);
}

static const struct oriel_display_impl gpu_socket_impl = {
	.name = "gpu socket",
	.handle_scanout = handle_scanout,
	.present = present,
	.handle_cursor = handle_cursor,
	.move_cursor = move_cursor,
	.needs_pixels = needs_pixels,
	.handle_detach = handle_detach,
	.query = query,
	.can_answer = can_answer,
	.flush_queries = flush_queries,
	.drop_queries = drop_queries,
};

int oriel_gpu_socket_create(struct oriel_loop *loop, const struct oriel_gpu_socket_options *options,
		struct oriel_gpu_socket **ret) {
	if (options->size < sizeof(options->size)) {
		return -EINVAL;
	}
	// A caller compiled against a later header may have a larger struct; we read what we know.
	struct oriel_gpu_socket_options o = { 0 };
	memcpy(&o, options, oriel_min_size(options->size, sizeof(o)));

	struct oriel_gpu_socket *gs = calloc(1, sizeof(*gs));
	if (gs == NULL) {
		return -ENOMEM;
	}
	oriel_display_init(&gs->base, &gpu_socket_impl);
	gs->loop = loop;
	gs->fd = -1;
	oriel_log_init(&gs->log, &o.log);
	uint64_t timeout_ms =
			o.reply_timeout_ms != 0 ? o.reply_timeout_ms : DEFAULT_REPLY_TIMEOUT_MS;
	gs->update_timeout_ns = timeout_ms * 1000000u;
	oriel_gpu_socket_replies_init(&gs->replies, gs->update_timeout_ns);
	oriel_gpu_socket_sender_init(&gs->sender);
	if (o.sends_dmabufs) {
		gs->sender.takes_dmabufs = true;
		gs->base.dmabufs = ORIEL_DISPLAY_TAKES_DMABUFS | ORIEL_DISPLAY_TAKES_GUEST_DMABUFS;
		gs->replies.wanted_features |= UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_DMABUF2;
	}
	oriel_fd_input_init(&gs->in, gs->in_bytes, INPUT_BYTES);

	gs->out_bytes = calloc(1, OUTPUT_BYTES);
	int err = gs->out_bytes == NULL ? -ENOMEM : 0;
	if (err == 0) {
		oriel_fd_output_init(&gs->out, gs->out_bytes, OUTPUT_BYTES);
		err = oriel_loop_add_deferred(loop, run_work, gs, &gs->work);
	}
	if (err == 0) {
		err = oriel_loop_add_timer(loop, run_timer, gs, &gs->timer);
	}
	if (err < 0) {
		oriel_gpu_socket_destroy(gs);
		return err;
	}
	*ret = gs;
	return 0;
}

struct oriel_display *oriel_gpu_socket_get_display(struct oriel_gpu_socket *gpu_socket) {
	return &gpu_socket->base;
}

int oriel_gpu_socket_connect_take(struct oriel_gpu_socket *gpu_socket, int fd) {
	struct oriel_gpu_socket *gs = gpu_socket;
	close_connection(gs);
	int err = 0;
	if (fd >= 0) {
		err = oriel_fd_set_nonblocking(fd);
		if (err == 0) {
			err = oriel_loop_add_fd(gs->loop, fd, EPOLLIN, handle_socket, gs,
					&gs->source);
		}
		if (err < 0) {
			oriel_fd_close(&fd);
		}
	} else {
		oriel_gpu_socket_replies_forget(&gs->replies);
	}
	gs->fd = fd;
	if (fd >= 0) {
		int size = SEND_BUFFER_BYTES;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); // as it may be
		oriel_log_life(&gs->log, "gpu socket: connected");
		oriel_gpu_socket_sender_handle_connection(&gs->sender, gs->base.screen);
		oriel_gpu_socket_replies_connect(&gs->replies, oriel_now_ns());
		schedule(gs);
	} else {
		oriel_gpu_socket_replies_disconnect(&gs->replies);
	}
	update_timer(gs);
	return err;
}

void oriel_gpu_socket_destroy(struct oriel_gpu_socket *gpu_socket) {
	struct oriel_gpu_socket *gs = gpu_socket;
	if (gs == NULL) {
		return;
	}
	close_connection(gs);
	oriel_gpu_socket_replies_disconnect(&gs->replies);
	oriel_screen_detach(&gs->base);
	oriel_gpu_socket_sender_finish(&gs->sender);
	oriel_source_remove(gs->work);
	oriel_source_remove(gs->timer);
	free(gs->out_bytes);
	free(gs);
}
