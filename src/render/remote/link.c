// SPDX-License-Identifier: MIT
/* See link.h. */
#include "render/remote/link.h"

#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_SETUP_FDS 2 // memory, and the bell
#define CONTROL_OFFSET 0u

static_assert(CONTROL_OFFSET + 2 * ORIEL_RENDER_RING_CONTROL_SIZE <=
				ORIEL_RENDER_LINK_REQUEST_OFFSET,
		"the control words lie in front of the rings");

void oriel_render_link_init(struct oriel_render_link *link) {
	*link = (struct oriel_render_link){ .socket = -1, .bell = -1 };
}

void oriel_render_link_finish(struct oriel_render_link *link) {
	oriel_fd_close(&link->socket);
	oriel_fd_close(&link->bell);
	if (link->memory != NULL) {
		munmap(link->memory, ORIEL_RENDER_LINK_MEMORY_SIZE);
	}
	oriel_render_link_init(link);
}

uint8_t *oriel_render_link_get_arena(const struct oriel_render_link *link) {
	return link->memory + ORIEL_RENDER_LINK_ARENA_OFFSET;
}

static int map_memory(struct oriel_render_link *link, int fd) {
	void *memory = mmap(NULL, ORIEL_RENDER_LINK_MEMORY_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED) {
		return oriel_errno();
	}
	link->memory = memory;
	oriel_render_ring_init(&link->requests, link->memory + CONTROL_OFFSET,
			link->memory + ORIEL_RENDER_LINK_REQUEST_OFFSET,
			ORIEL_RENDER_LINK_REQUEST_SIZE, ORIEL_RENDER_LINK_N_REQUESTS);
	oriel_render_ring_init(&link->replies,
			link->memory + CONTROL_OFFSET + ORIEL_RENDER_RING_CONTROL_SIZE,
			link->memory + ORIEL_RENDER_LINK_REPLY_OFFSET, ORIEL_RENDER_LINK_REPLY_SIZE,
			ORIEL_RENDER_LINK_N_REPLIES);
	return 0;
}

static int send_with(int socket, const uint8_t *bytes, size_t size, const int *fds, size_t n_fds) {
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(N_SETUP_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (uint8_t *)(uintptr_t)bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (n_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
	}
	ssize_t n;
	do {
		n = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		int err = oriel_errno();
		return err == -EPIPE || err == -ECONNRESET ? -ENOTCONN : err;
	}
	return 0;
}

int oriel_render_link_send(struct oriel_render_link *link, const struct oriel_writer *w,
		const uint8_t *bytes, int fd) {
	assert(!w->failed);
	return send_with(link->socket, bytes, (size_t)(w->cur - bytes), &fd, fd >= 0 ? 1 : 0);
}

/** The descriptors of a message; there is room for max in fds. -EPROTO, and none, if more came. */
static int take_fds(struct msghdr *message, int *fds, size_t max, size_t *ret_n) {
	size_t n = 0;
	bool is_wrong = (message->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
			header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		const size_t n_here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n_here; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (n < max) {
				fds[n++] = fd;
			} else {
				oriel_fd_close(&fd);
				is_wrong = true;
			}
		}
	}
	if (is_wrong) {
		while (n > 0) {
			oriel_fd_close(&fds[--n]);
		}
		return -EPROTO;
	}
	*ret_n = n;
	return 0;
}

/** Without room for descriptors the kernel closes what came, and says that it cut something. */
static int receive_with(int socket, uint8_t *bytes, size_t capacity, size_t *ret_size, int *fds,
		size_t max_fds, size_t *ret_n_fds) {
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(N_SETUP_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = capacity };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (max_fds > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(max_fds * sizeof(int));
	}
	ssize_t n;
	do {
		n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		int err = oriel_errno();
		return err == -ECONNRESET ? -ENOTCONN : err;
	}
	int err = take_fds(&message, fds, max_fds, ret_n_fds);
	if (err < 0) {
		return err;
	}
	if (n == 0) { // no message is empty
		return *ret_n_fds == 0 ? -ENOTCONN : -EPROTO;
	}
	*ret_size = (size_t)n;
	return 0;
}

int oriel_render_link_receive(struct oriel_render_link *link, uint8_t *bytes, size_t capacity,
		size_t *ret_size, int *ret_fd) {
	int fd = -1;
	size_t n_fds = 0;
	int err = receive_with(link->socket, bytes, capacity, ret_size, &fd, ret_fd != NULL ? 1 : 0,
			&n_fds);
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	if (ret_fd != NULL) {
		*ret_fd = fd;
	}
	return 0;
}

/** Memory that neither end can cut off under the other. */
static int make_memory(int *ret) {
	int fd = memfd_create("oriel-render-link", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		return oriel_errno();
	}
	if (ftruncate(fd, ORIEL_RENDER_LINK_MEMORY_SIZE) < 0 ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	*ret = fd;
	return 0;
}

static int send_setup(int socket, const int *fds) {
	const struct oriel_render_link_setup setup = {
		.magic = ORIEL_RENDER_LINK_MAGIC,
		.version = ORIEL_RENDER_LINK_VERSION,
		.memory_size = ORIEL_RENDER_LINK_MEMORY_SIZE,
	};
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_setup(&w, &setup);
	return send_with(socket, bytes, (size_t)(w.cur - bytes), fds, N_SETUP_FDS);
}

int oriel_render_link_make(struct oriel_render_link *link, int *ret_peer) {
	int memory = -1;
	int bells[2] = { -1, -1 };
	int sockets[2] = { -1, -1 };
	int err = make_memory(&memory);
	if (err == 0) {
		err = map_memory(link, memory);
	}
	if (err == 0 && (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells) < 0 ||
					socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
							sockets) < 0)) {
		err = oriel_errno();
	}
	if (err == 0) {
		err = send_setup(sockets[0], (const int[]){ memory, bells[1] });
	}
	link->socket = sockets[0];
	link->bell = bells[0];
	// From now on it is the other end's only, so that its end is seen.
	oriel_fd_close(&bells[1]);
	oriel_fd_close(&memory);
	if (err < 0) {
		oriel_fd_close(&sockets[1]);
		oriel_render_link_finish(link);
		return err;
	}
	*ret_peer = sockets[1];
	return 0;
}

/** Whether setup, and the files that came with it, are what they must be. */
static int check_setup(const struct oriel_render_link_setup *setup, const int *fds, size_t n_fds) {
	struct stat st;
	if (setup->magic != ORIEL_RENDER_LINK_MAGIC ||
			setup->version != ORIEL_RENDER_LINK_VERSION ||
			setup->memory_size != ORIEL_RENDER_LINK_MEMORY_SIZE ||
			n_fds != N_SETUP_FDS) {
		return -EPROTO;
	}
	if (fstat(fds[0], &st) < 0) {
		return oriel_errno();
	}
	return (uint64_t)st.st_size < ORIEL_RENDER_LINK_MEMORY_SIZE ? -EPROTO : 0;
}

int oriel_render_link_join(struct oriel_render_link *link) {
	uint8_t bytes[64];
	size_t size;
	int fds[N_SETUP_FDS] = { -1, -1 };
	size_t n_fds = 0;
	int err = receive_with(link->socket, bytes, sizeof(bytes), &size, fds, N_SETUP_FDS, &n_fds);
	if (err < 0) {
		return err;
	}
	struct oriel_reader r = oriel_reader_of(bytes, size);
	struct oriel_render_link_setup setup;
	err = oriel_render_link_decode_setup(&r, &setup) < 0 ? -EPROTO
							     : check_setup(&setup, fds, n_fds);
	if (err == 0) {
		err = map_memory(link, fds[0]);
	}
	link->bell = fds[1];
	oriel_fd_close(&fds[0]);
	return err;
}
