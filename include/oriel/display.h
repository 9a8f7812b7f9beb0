// SPDX-License-Identifier: MIT
/*
 * Displays: where a device's scanouts are seen.
 *
 * Any number of displays can be attached to a device, at any time; with none attached it is
 * headless and keeps what it shows for whoever comes. Destroying a display detaches it. A display
 * never holds the guest up: who is slow sees fewer frames, with all their damage.
 *
 *   the embedder's display   oriel/embedder.h   callbacks and pixels in this process
 *   the display socket       here, oriel_share  other programs: viewers, screenshots, tests
 *   the GPU socket           here               a front-end like QEMU's, with a display of its own
 *
 * Thread: the device thread.
 */
#ifndef ORIEL_DISPLAY_H
#define ORIEL_DISPLAY_H

#include <oriel/export.h>
#include <oriel/limit.h>
#include <oriel/log.h>
#include <oriel/loop.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_display;
struct oriel_gpu_socket;
struct oriel_input_sink;
struct oriel_share;

/*
 * The GPU socket: the display protocol of QEMU's vhost-user-gpu (VHOST_USER_GPU_SET_SOCKET).
 */

struct oriel_gpu_socket_options {
	/** sizeof(struct oriel_gpu_socket_options). */
	size_t size;
	struct oriel_log_sink log;
	/** How long a reply may take before the answer comes from the cache. 0: 500 ms. */
	uint32_t reply_timeout_ms;
	/**
	 * Send pictures as dma-bufs where there are some. Only for a front-end whose display shows
	 * them: QEMU's acknowledges them all, and shows nothing on a display without OpenGL.
	 */
	bool sends_dmabufs;
};

/** Create the display, not connected yet. Returns 0, -EINVAL (options), or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_gpu_socket_create(struct oriel_loop *loop, const struct oriel_gpu_socket_options *options,
		struct oriel_gpu_socket **ret);

/** The display to attach to a device. Valid as long as the socket display. */
ORIEL_API
struct oriel_display *oriel_gpu_socket_get_display(struct oriel_gpu_socket *gpu_socket);

/**
 * Go over to another connection to the VMM: everything is negotiated and sent anew. -1: to none,
 * for good: what the VMM answered is forgotten.
 *
 * When the VMM closes its end, which it does at each stop, the display keeps everything for the
 * next connection.
 *
 * Owns: fd is taken, also on failure.
 *
 * Returns 0, -ENOMEM, or -errno from making it non-blocking; then there is no connection.
 */
ORIEL_API_CHECKED
int oriel_gpu_socket_connect_take(struct oriel_gpu_socket *gpu_socket, int fd);

/** Answer what is open, detach and destroy. NULL is a no-op. */
ORIEL_API
void oriel_gpu_socket_destroy(struct oriel_gpu_socket *gpu_socket);

/*
 * The display socket: Oriel's own, for viewers and screenshots (docs/display-protocol.md).
 */

struct oriel_share_options {
	/** sizeof(struct oriel_share_options). */
	size_t size;
	struct oriel_log_sink log;
	/** Clients at once, at most 64. Limits are as in oriel/limit.h. Default 16. */
	uint64_t max_clients;
	/** Bytes that only clients hold. Default 256 MiB. */
	uint64_t max_client_bytes;
	/** Where clients' keys and pointers go (oriel/input.h): copied, and what it leads to must
	 * outlive the share. NULL: clients cannot send any. */
	const struct oriel_input_sink *input;
};

/** Create the display, without clients. Returns 0, -EINVAL (options), or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_share_create(struct oriel_loop *loop, const struct oriel_share_options *options,
		struct oriel_share **ret);

/** The display to attach to a device. Valid as long as the share. */
ORIEL_API
struct oriel_display *oriel_share_get_display(struct oriel_share *share);

/**
 * Serve a client on a connected stream socket. The program that listens has judged who may connect.
 *
 * Owns: fd is taken, also on failure.
 *
 * Returns 0, -EDQUOT if there are max_clients already (the client is told), or -ENOMEM.
 */
ORIEL_API_CHECKED
int oriel_share_add_client_take(struct oriel_share *share, int fd);

/** How many clients are connected. */
ORIEL_API
uint32_t oriel_share_count_clients(const struct oriel_share *share);

/** Disconnect all clients, detach and destroy. NULL is a no-op. */
ORIEL_API
void oriel_share_destroy(struct oriel_share *share);

#ifdef __cplusplus
}
#endif

#endif
