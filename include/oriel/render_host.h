// SPDX-License-Identifier: MIT
/*
 * The renderer process's end of the render link (docs/render-link.md): it takes operations from a
 * device in another process and has a renderer of this process carry them out.
 *
 * Thread: the loop's.
 */
#ifndef ORIEL_RENDER_HOST_H
#define ORIEL_RENDER_HOST_H

#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/renderer3d.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_render_host;

/** How a host is made. Zero in any field but the first means its default. */
struct oriel_render_host_options {
	/** sizeof(struct oriel_render_host_options). */
	size_t size;
	struct oriel_log_sink log;
	/** The link is over: err is 0 if the device closed it, else -EPROTO or -errno. Called from
	 * the loop, once; destroy the host then, or from within. */
	void (*handle_end)(void *user, int err);
	void *user;
};

/**
 * Serve the device at the other end of fd (SOCK_SEQPACKET): say hello, with the renderer's capsets,
 * and carry out what comes.
 *
 * Owns: fd is taken, whatever is returned. renderer must outlive the host.
 *
 * Returns 0, -ENOMEM, or -errno.
 */
ORIEL_API_CHECKED
int oriel_render_host_create_take(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct oriel_render_host_options *options, int fd,
		struct oriel_render_host **ret);

/** Destroy a host; what the renderer has of the device's goes with it. NULL is a no-op. */
ORIEL_API
void oriel_render_host_destroy(struct oriel_render_host *host);

#ifdef __cplusplus
}
#endif

#endif
