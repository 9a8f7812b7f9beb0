// SPDX-License-Identifier: MIT
/*
 * Starting a process, and its hello: docs/render-link.md, 3.
 *
 * Capsets are what guests were told the GPU can do. They are those of the first process, for good:
 * a later one with others is another GPU, and is not used.
 */
#include "base/fd.h"
#include "render/remote/state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define MAX_CAPSET_ID 63u

static int make_hello(struct oriel_remote *remote) {
	remote->has_hello = false;
	remote->n_expected = 0;
	free(remote->hello);
	remote->hello = calloc(1, sizeof(*remote->hello));
	return remote->hello == NULL ? -ENOMEM : 0;
}

int oriel_remote_start(struct oriel_remote *remote) {
	int peer = -1;
	int err = make_hello(remote);
	if (err == 0) {
		err = oriel_render_link_make(&remote->link, &peer);
	}
	if (err < 0) {
		return err;
	}
	int sleeps = oriel_render_ring_sleep(&remote->link.replies); // nobody has written yet
	remote->state = REMOTE_STARTING;
	remote->is_exited = sleeps < 0;
	remote->n_empty_bells = 0;
	remote->reason[0] = '\0';
	remote->running_since_ns = 0;
	remote->last_file = 0;
	remote->last_exported = 0;
	oriel_fd_close(&remote->exported_fd);
	remote->socket_is_full = false;
	remote->start_deadline_ns =
			oriel_now_ns() + (uint64_t)remote->options.start_timeout_ms * 1000000u;
	err = remote->options.start(remote->options.user, peer);
	if (err < 0) {
		oriel_render_link_finish(&remote->link);
		return err;
	}
	remote->has_process = true;
	remote->n_starts++;
	return 0;
}

static bool capset_equals(const struct oriel_capset *a, const struct oriel_capset *b) {
	return a->id == b->id && a->version == b->version && a->size == b->size &&
	       memcmp(a->data, b->data, a->size) == 0;
}

static bool table_equals(const struct oriel_capset_table *a, const struct oriel_capset_table *b) {
	bool equals = a->len == b->len;
	for (uint32_t i = 0; equals && i < a->len; i++) {
		equals = capset_equals(&a->capsets[i], &b->capsets[i]);
	}
	return equals;
}

/** All capsets are there: the process is ready. */
static int end_hello(struct oriel_remote *remote, const char **ret_wrong) {
	if (remote->has_capsets && !table_equals(remote->hello, &remote->base.capsets)) {
		remote->is_refused = true;
		*ret_wrong = "has become another GPU: there is no 3D until the guest is reset";
		return -EPROTO;
	}
	remote->base.capsets = *remote->hello;
	remote->base.can_export = remote->hello_can_export;
	remote->has_capsets = true;
	free(remote->hello);
	remote->hello = NULL;
	remote->state = REMOTE_RUNNING;
	remote->running_since_ns = oriel_now_ns();
	remote->progress_ns = oriel_remote_get_clock(remote);
	remote->armed_ns = 0;
	return 0;
}

static int read_hello(struct oriel_remote *remote, struct oriel_reader *r, const char **ret_wrong) {
	struct oriel_render_link_hello hello;
	if (oriel_render_link_decode_hello(r, &hello) < 0 ||
			hello.magic != ORIEL_RENDER_LINK_MAGIC ||
			hello.version != ORIEL_RENDER_LINK_VERSION) {
		*ret_wrong = "speaks another protocol";
		return -EPROTO;
	}
	if (hello.n_capsets > ORIEL_MAX_CAPSETS) {
		*ret_wrong = "has more capsets than there may be";
		return -EPROTO;
	}
	remote->has_hello = true;
	remote->n_expected = hello.n_capsets;
	remote->hello_can_export = hello.can_export;
	return 0;
}

static int read_capset(struct oriel_remote *remote, struct oriel_reader *r,
		const char **ret_wrong) {
	struct oriel_capset_table *table = remote->hello;
	struct oriel_render_link_capset capset;
	if (oriel_render_link_decode_capset(r, &capset) < 0 || capset.id == 0 ||
			capset.id > MAX_CAPSET_ID ||
			oriel_capset_table_get(table, capset.id) != NULL) {
		*ret_wrong = "has an impossible capset";
		return -EPROTO;
	}
	struct oriel_capset *own = &table->capsets[table->len++];
	own->id = capset.id;
	own->version = capset.version;
	own->size = capset.size;
	memcpy(own->data, capset.data, capset.size);
	return 0;
}

int oriel_remote_read_hello(struct oriel_remote *remote, const char **ret_wrong) {
	uint8_t bytes[ORIEL_RENDER_LINK_MAX_MESSAGE_SIZE];
	while (remote->state == REMOTE_STARTING) {
		size_t size;
		int err = oriel_render_link_receive(&remote->link, bytes, sizeof(bytes), &size,
				NULL);
		if (err < 0) {
			*ret_wrong = "sent a message that is none";
			return err;
		}
		struct oriel_reader r = oriel_reader_of(bytes, size);
		err = remote->has_hello ? read_capset(remote, &r, ret_wrong)
					: read_hello(remote, &r, ret_wrong);
		if (err == 0 && remote->hello->len == remote->n_expected) {
			err = end_hello(remote, ret_wrong);
		}
		if (err < 0) {
			return err;
		}
	}
	return 0;
}

/**
 * Behind its hello a process has nothing to say here but that it ends, or what it has exported:
 * that is kept until its reply is read.
 */
static int read_exported(struct oriel_remote *remote, const char **ret_wrong) {
	uint8_t bytes[64];
	size_t size;
	int fd = -1;
	*ret_wrong = "sent a message that nobody asked for";
	int err = oriel_render_link_receive(&remote->link, bytes, sizeof(bytes), &size, &fd);
	if (err == -EAGAIN || err == -ENOTCONN) {
		return err;
	}
	struct oriel_render_link_exported exported;
	struct oriel_reader r = oriel_reader_of(bytes, err == 0 ? size : 0);
	if (err < 0 || oriel_render_link_decode_exported(&r, &exported) < 0 || fd < 0 ||
			remote->exported_fd >= 0 || remote->n_exports == 0 ||
			exported.number != remote->last_exported + 1) {
		oriel_fd_close(&fd);
		return -EPROTO;
	}
	remote->last_exported = exported.number;
	remote->exported = exported;
	remote->exported_fd = fd;
	oriel_remote_update_socket(remote);
	return 0;
}

int oriel_remote_take_exported(struct oriel_remote *remote, uint32_t number,
		struct oriel_render_link_exported *ret, int *ret_fd, const char **ret_wrong) {
	int err = remote->exported_fd >= 0 ? 0 : read_exported(remote, ret_wrong);
	if (err < 0 || remote->exported.number != number) {
		*ret_wrong = "named a file that it has not sent";
		return -EPROTO;
	}
	*ret = remote->exported;
	*ret_fd = remote->exported_fd;
	remote->exported_fd = -1;
	oriel_remote_update_socket(remote);
	return 0;
}

void oriel_remote_update_socket(struct oriel_remote *remote) {
	if (remote->socket_source != NULL) {
		// One file at a time: the next one waits in the socket. An end is seen all the
		// same.
		const uint32_t events = remote->exported_fd >= 0 ? 0 : EPOLLIN;
		oriel_source_set_events(remote->socket_source,
				events | (remote->socket_is_full ? EPOLLOUT : 0));
	}
}

static void make_ready(struct oriel_remote *remote) {
	oriel_source_set_deadline(remote->timer, 0);
	oriel_log(&remote->log, ORIEL_LOG_INFO, "renderer: started again");
	oriel_remote_go_on(remote);
}

void oriel_remote_handle_socket(void *user, int fd, uint32_t events) {
	struct oriel_remote *remote = user;
	(void)fd;
	if ((events & EPOLLOUT) != 0 && remote->socket_is_full) {
		remote->socket_is_full = false;
		oriel_remote_update_socket(remote);
		oriel_remote_flush(remote);
	}
	if ((events & ~(uint32_t)EPOLLOUT) == 0 || remote->socket_source == NULL) {
		return;
	}
	const bool was_starting = remote->state == REMOTE_STARTING;
	const char *wrong = NULL;
	int err = was_starting               ? oriel_remote_read_hello(remote, &wrong)
		  : remote->exported_fd >= 0 ? -ENOTCONN // all that is watched for
					     : read_exported(remote, &wrong);
	if (err == 0 && was_starting) {
		make_ready(remote);
	} else if (err == 0) {
		return; // its reply follows
	} else if (err == -EPROTO) {
		oriel_remote_lose(remote, wrong);
	} else if (err != -EAGAIN) {
		oriel_remote_lose_link(remote);
	}
}

int oriel_remote_watch_link(struct oriel_remote *remote) {
	int err = oriel_loop_add_fd(remote->loop, remote->link.bell, EPOLLIN,
			oriel_remote_handle_bell, remote, &remote->bell_source);
	if (err == 0) {
		err = oriel_loop_add_fd(remote->loop, remote->link.socket,
				remote->socket_is_full ? EPOLLIN | EPOLLOUT : EPOLLIN,
				oriel_remote_handle_socket, remote, &remote->socket_source);
	}
	return err;
}

void oriel_remote_unwatch_link(struct oriel_remote *remote) {
	oriel_source_remove(remote->bell_source);
	oriel_source_remove(remote->socket_source);
	remote->bell_source = NULL;
	remote->socket_source = NULL;
}
