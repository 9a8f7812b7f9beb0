// SPDX-License-Identifier: MIT
/*
 * vhost-user: serve a virtio device to a VMM over a Unix socket, as the back-end.
 *
 * One session is one connection. The session drives the device through include/oriel/virtio.h and
 * ends when the VMM closes the connection or breaks the protocol; the device is reset then.
 *
 * Thread: the loop's.
 */
#ifndef ORIEL_VHOST_USER_H
#define ORIEL_VHOST_USER_H

#include <oriel/export.h>
#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/virtio.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_vhost_user;

struct oriel_vhost_user_options {
	/** sizeof(struct oriel_vhost_user_options). */
	size_t size;
	struct oriel_log_sink log;

	/**
	 * Required. The session has ended, and the device was reset: err is 0 if the VMM closed the
	 * connection, -EPROTO if it broke the protocol, or another negative errno. Called once, and
	 * not by oriel_vhost_user_destroy(). The session may be destroyed from here.
	 */
	void (*handle_end)(void *user, int err);

	/**
	 * The VMM gave a socket for its display (VHOST_USER_GPU_SET_SOCKET). May be NULL: such
	 * messages are then refused. The session must not be destroyed from here. Owns: fd is
	 * taken.
	 */
	void (*handle_gpu_socket_take)(void *user, int fd);

	void *user;
};

/**
 * Serve device on a connected stream socket.
 *
 * The session is the device's listener, and fills its memory table, until it ends; a device has one
 * session at a time.
 *
 * Owns: fd is taken, also on failure. device and loop must outlive the session.
 *
 * Returns 0, -EINVAL (options), -ENOMEM, or -errno.
 */
ORIEL_API_CHECKED
int oriel_vhost_user_create_take(struct oriel_loop *loop, struct oriel_virtio *device,
		const struct oriel_vhost_user_options *options, int fd,
		struct oriel_vhost_user **ret);

/** End the session, reset the device, and free the session. NULL is a no-op. */
ORIEL_API
void oriel_vhost_user_destroy(struct oriel_vhost_user *session);

#ifdef __cplusplus
}
#endif

#endif
