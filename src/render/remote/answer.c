// SPDX-License-Identifier: MIT
/*
 * Answers: the reply ring, and the doorbell that announces them.
 *
 * The process at the other end runs other people's drivers on a guest's input, and is the one most
 * likely to be taken over: what it writes is copied, checked, and only then used. A reply must name
 * an operation that is under way, by its whole sequence; all but fences must be answered in order.
 */
#include "render/remote/state.h"

#include <sys/epoll.h>

/** Bells in a row without an answer: more than fences whose taking can be announced. */
#define MAX_EMPTY_BELLS (2 * ORIEL_RENDER_LINK_N_REPLIES)

/** Find what a reply answers. Returns NULL, with a reason, if it cannot be. */
static struct remote_record *find_answered(struct oriel_remote *remote,
		const struct oriel_render_link_reply *reply, const char **ret_wrong) {
	const uint32_t slot = (uint32_t)reply->sequence & (ORIEL_RENDER_LINK_N_REPLIES - 1);
	struct remote_record *record = remote->slots[slot];
	if (record == NULL || record->op->sequence != reply->sequence) {
		*ret_wrong = "answered an operation that is not under way";
		return NULL;
	}
	if (record->op->type != ORIEL_RENDER3D_FENCE &&
			&record->stage_link != remote->running.next) {
		*ret_wrong = "answered out of order";
		return NULL;
	}
	return record;
}

void oriel_remote_finish_unsent(struct oriel_remote *remote) {
	while (!oriel_list_is_empty(&remote->running)) {
		struct remote_record *record = oriel_container_of(remote->running.next,
				struct remote_record, stage_link);
		if (record->err == 0) {
			return;
		}
		oriel_remote_complete(remote, record, record->err);
	}
}

/** The file of an export, or that there is none. Returns 0, -ENOMEM, or -EPROTO. */
static int take_file(struct oriel_remote *remote, struct oriel_render3d_op *op,
		const struct oriel_render_link_reply *reply, const char **ret_wrong) {
	const bool wants_file = op->type == ORIEL_RENDER3D_EXPORT && op->exported.wants_file;
	if (reply->fd_number == 0) {
		*ret_wrong = "exported nothing, and said that it had";
		return wants_file && reply->err == 0 ? -EPROTO : 0;
	}
	if (!wants_file || reply->err != 0) {
		*ret_wrong = "answered with a file that nobody asked for";
		return -EPROTO;
	}
	struct oriel_render_link_exported exported;
	int fd = -1;
	int err = oriel_remote_take_exported(remote, reply->fd_number, &exported, &fd, ret_wrong);
	if (err < 0) {
		return err;
	}
	const struct oriel_render3d_file file = { exported.fourcc, exported.modifier,
		exported.offset, exported.stride };
	err = oriel_render3d_export_make_take(&op->exported, fd, &file);
	*ret_wrong = "exported a file that cannot be the picture";
	return err == -EINVAL ? -EPROTO : err;
}

/** Take one reply. Returns 1, 0 if there is none, or -EPROTO. */
static int read_reply(struct oriel_remote *remote, const char **ret_wrong) {
	uint8_t slot[ORIEL_RENDER_LINK_REPLY_SIZE];
	int n = oriel_render_ring_pop(&remote->link.replies, slot);
	if (n <= 0) {
		*ret_wrong = "has an impossible reply ring";
		return n;
	}
	struct oriel_reader r = oriel_reader_of(slot, sizeof(slot));
	struct oriel_render_link_reply reply;
	if (oriel_render_link_decode_reply(&r, &reply) < 0) {
		*ret_wrong = "sent a reply that is none";
		return -EPROTO;
	}
	struct remote_record *record = find_answered(remote, &reply, ret_wrong);
	if (record == NULL) {
		return -EPROTO;
	}
	int err = take_file(remote, record->op, &reply, ret_wrong);
	if (err == -EPROTO) {
		return err;
	}
	// Only we say that a renderer is lost.
	err = err < 0 ? err : reply.err == -ENOTCONN ? -EIO : reply.err;
	oriel_remote_complete(remote, record, err);
	oriel_remote_finish_unsent(remote);
	return 1;
}

int oriel_remote_read_replies(struct oriel_remote *remote, const char **ret_wrong) {
	uint32_t n_read = 0;
	int n = 1;
	// Calls of done() may submit, and what that finds may end all this.
	while (n > 0 && n_read < ORIEL_RENDER_LINK_N_REPLIES && remote->state == REMOTE_RUNNING) {
		n = read_reply(remote, ret_wrong);
		n_read += n > 0 ? 1 : 0;
	}
	if (n_read > 0) {
		remote->n_empty_bells = 0;
		remote->progress_ns = oriel_remote_get_clock(remote);
	}
	return n < 0 ? -EPROTO : 0;
}

void oriel_remote_go_on(struct oriel_remote *remote) {
	const char *wrong = NULL;
	int err = oriel_remote_read_replies(remote, &wrong);
	if (err < 0) {
		oriel_remote_lose(remote, wrong);
	}
	if (remote->state == REMOTE_RUNNING) {
		oriel_remote_finish_unsent(remote);
		oriel_remote_flush(remote);
	}
	if (remote->state != REMOTE_RUNNING) {
		return;
	}
	int sleeps = oriel_render_ring_sleep(&remote->link.replies);
	if (sleeps < 0) {
		oriel_remote_lose(remote, "has an impossible reply ring");
		return;
	}
	if (sleeps == 0) {
		oriel_remote_defer(remote); // more came meanwhile; others have their turn first
	}
	oriel_remote_update_watchdog(remote);
	oriel_remote_check_room(remote);
}

void oriel_remote_handle_bell(void *user, int fd, uint32_t events) {
	struct oriel_remote *remote = user;
	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		oriel_remote_lose_link(remote); // nobody can ring any more
		return;
	}
	oriel_render_bell_drain(fd);
	remote->n_empty_bells++;
	if (remote->n_empty_bells > MAX_EMPTY_BELLS) {
		oriel_remote_lose(remote, "rang without an answer, again and again");
		return;
	}
	oriel_remote_go_on(remote);
}
