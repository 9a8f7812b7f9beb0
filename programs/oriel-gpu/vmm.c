// SPDX-License-Identifier: MIT
/* See vmm.h. */
#include "oriel-gpu/vmm.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

static void wait_for_next(struct vmm *vmm) {
	door_set_shut(&vmm->door, false);
	log_print(&vmm->options.log, ORIEL_LOG_INFO, "waiting for a VMM at %s",
			vmm->door.listener.path);
}

/** The session is over, and has said why: forget all that was this VMM's. */
static void handle_end(void *user, int err) {
	struct vmm *vmm = user;
	oriel_vhost_user_destroy(vmm->session);
	vmm->session = NULL;
	oriel_fd_close(&vmm->unused_display_fd);
	if (vmm->options.gpu_socket != NULL) {
		int none = oriel_gpu_socket_connect_take(vmm->options.gpu_socket, -1);
		(void)none; // there is nothing to connect, so nothing fails
	}
	if (vmm->options.once || vmm->door.source == NULL) {
		vmm->options.handle_done(vmm->options.user, err);
	} else {
		wait_for_next(vmm);
	}
}

static void handle_gpu_socket_take(void *user, int fd) {
	struct vmm *vmm = user;
	if (vmm->options.gpu_socket == NULL) {
		// QEMU spins when its display's peer hangs up, so nobody does until it goes.
		oriel_fd_close(&vmm->unused_display_fd);
		vmm->unused_display_fd = fd;
		return;
	}
	int err = oriel_gpu_socket_connect_take(vmm->options.gpu_socket, fd);
	if (err < 0) {
		log_print(&vmm->options.log, ORIEL_LOG_ERROR, "the VMM's display is lost: %s",
				strerror(-err));
	}
}

/** Who connected. 0: nobody that this process can see. */
static int32_t get_pid(int fd) {
	struct ucred peer;
	socklen_t len = sizeof(peer);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? (int32_t)peer.pid : 0;
}

static int begin_session_take(struct vmm *vmm, int fd) {
	struct oriel_vhost_user_options options = {
		.size = sizeof(options),
		.log = vmm->options.log,
		.handle_end = handle_end,
		.handle_gpu_socket_take = handle_gpu_socket_take,
		.user = vmm,
	};
	vmm->pid = get_pid(fd);
	vmm->since_ns = oriel_now_ns();
	return oriel_vhost_user_create_take(vmm->options.loop, vmm->options.device, &options, fd,
			&vmm->session);
}

/** The connection that has not said anything yet says something, or goes. */
static void handle_first_byte(void *user, int fd, uint32_t events) {
	struct vmm *vmm = user;
	char byte;
	(void)events;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	oriel_source_remove(vmm->silent_source);
	vmm->silent_source = NULL;
	vmm->silent_fd = -1;
	if (n <= 0) {
		log_print(&vmm->options.log, ORIEL_LOG_DEBUG, "a connection went without a word");
		oriel_fd_close(&fd);
		door_set_shut(&vmm->door, false);
		return;
	}
	int err = begin_session_take(vmm, fd);
	if (err < 0) {
		log_print(&vmm->options.log, ORIEL_LOG_ERROR, "cannot serve the VMM: %s",
				strerror(-err));
		door_set_shut(&vmm->door, false);
	}
}

static void handle_peer_take(void *user, int fd) {
	struct vmm *vmm = user;
	int err = oriel_loop_add_fd(vmm->options.loop, fd, EPOLLIN, handle_first_byte, vmm,
			&vmm->silent_source);
	if (err < 0) {
		log_print(&vmm->options.log, ORIEL_LOG_ERROR, "cannot serve the VMM: %s",
				strerror(-err));
		oriel_fd_close(&fd);
		return;
	}
	vmm->silent_fd = fd;
	door_set_shut(&vmm->door, true);
}

void vmm_init(struct vmm *vmm, const struct vmm_options *options) {
	*vmm = (struct vmm){ .options = *options, .silent_fd = -1, .unused_display_fd = -1 };
}

int vmm_listen(struct vmm *vmm, const char *path) {
	int err = door_init(&vmm->door, vmm->options.loop, &vmm->options.log, path,
			handle_peer_take, vmm);
	if (err < 0) {
		return err;
	}
	wait_for_next(vmm);
	return 0;
}

static int get_socket_option(int fd, int name) {
	int value = 0;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -1 : value;
}

/** Why a VMM cannot be served on fd, or NULL. */
static const char *find_fault(int fd) {
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);
	if (fcntl(fd, F_GETFD) < 0) {
		return "not open";
	}
	if (get_socket_option(fd, SO_TYPE) < 0) {
		return "not a socket";
	}
	if (get_socket_option(fd, SO_DOMAIN) != AF_UNIX) {
		return "not a Unix socket, so a VMM cannot hand over its memory";
	}
	if (get_socket_option(fd, SO_TYPE) != SOCK_STREAM) {
		return "not a stream socket";
	}
	if (get_socket_option(fd, SO_ACCEPTCONN) != 0) {
		return "a socket that listens, not a connected one";
	}
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0) {
		return "not connected to a VMM";
	}
	return NULL;
}

int vmm_serve_take(struct vmm *vmm, int fd) {
	const char *fault = find_fault(fd);
	if (fault != NULL) {
		fprintf(stderr, "oriel-gpu: --fd=%d: %s\n", fd, fault);
		return -EINVAL;
	}
	log_print(&vmm->options.log, ORIEL_LOG_INFO, "serving the VMM on descriptor %d", fd);
	int err = begin_session_take(vmm, fd);
	if (err < 0) {
		fprintf(stderr, "oriel-gpu: --fd=%d: %s\n", fd, strerror(-err));
	}
	return err;
}

bool vmm_is_connected(const struct vmm *vmm) {
	return vmm->session != NULL;
}

void vmm_finish(struct vmm *vmm) {
	oriel_vhost_user_destroy(vmm->session);
	oriel_source_remove(vmm->silent_source);
	oriel_fd_close(&vmm->silent_fd);
	oriel_fd_close(&vmm->unused_display_fd);
	door_finish(&vmm->door);
	*vmm = (struct vmm){ .silent_fd = -1, .unused_display_fd = -1 };
}
