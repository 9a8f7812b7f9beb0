// SPDX-License-Identifier: MIT
/*
 * A 3D renderer that stands for a process of its own, which may crash, hang, or lie.
 *
 * The other end is oriel/render_host.h, as in oriel-render; between them is the render link
 * (docs/render-link.md). Starting and ending processes is the embedder's: this library makes none.
 * When the process is lost, the device goes on without it, and another one is asked for.
 *
 * Thread: the device thread.
 */
#ifndef ORIEL_REMOTE_H
#define ORIEL_REMOTE_H

#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/renderer3d.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a remote renderer is made. Zero in any field but the first means its default. */
struct oriel_remote_options {
	/** sizeof(struct oriel_remote_options). */
	size_t size;
	struct oriel_log_sink log;

	/**
	 * Required. Start a renderer process whose end of the link is fd (SOCK_SEQPACKET). Not
	 * called while one runs.
	 *
	 * Owns: fd is taken, whatever is returned. Returns 0 or -errno.
	 */
	int (*start)(void *user, int fd);
	/** Required. End the process at once (SIGKILL); oriel_remote_handle_exit() tells when. */
	void (*kill)(void *user);
	void *user;

	/** Milliseconds that a process may take to start. Default 10,000. */
	uint32_t start_timeout_ms;
	/** Milliseconds that an operation may take. Default 10,000. */
	uint32_t operation_timeout_ms;
	/** Milliseconds that a fence may take. Default 60,000. */
	uint32_t fence_timeout_ms;
};

/**
 * Create the renderer, start its process, and wait until that is ready: capsets must be known
 * before a guest asks. This is the only call that blocks.
 *
 * Returns 0, -ETIMEDOUT, -ENODEV if the process ended because it found no GPU to render with,
 * -EPROTO if it does not speak our protocol, -ENOMEM, or the error of start().
 */
ORIEL_API_CHECKED
int oriel_remote_renderer_create(struct oriel_loop *loop,
		const struct oriel_remote_options *options, struct oriel_renderer3d **ret);

/** Tell that the process that start() started has ended and was waited for; status as waitpid()'s.
 */
ORIEL_API
void oriel_remote_handle_exit(struct oriel_renderer3d *renderer, int status);

/** How a remote renderer fares. */
struct oriel_remote_statistics {
	/** sizeof(struct oriel_remote_statistics), set by the caller. */
	size_t size;
	/** Processes started, and lost. */
	uint64_t n_starts, n_losses;
	/** Operations that came back, and those of them with an error. */
	uint64_t n_operations, n_errors;
	/** Whether a process serves now; if not, whether there will be none before a reset. */
	bool is_running, is_refused;
	/** Operations that did not come back yet. */
	uint64_t n_pending;
	/** Capsets that guests are offered. */
	uint32_t n_capsets;
	/** Nanoseconds since the process that serves was ready; 0: none serves. */
	uint64_t age_ns;
	/** Why the last process was lost; "": none was. Valid until the loop is dispatched. */
	const char *last_loss;
};

/** Fill statistics, whose size field the caller has set. */
ORIEL_API
void oriel_remote_get_statistics(const struct oriel_renderer3d *renderer,
		struct oriel_remote_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
