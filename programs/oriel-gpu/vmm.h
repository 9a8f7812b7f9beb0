// SPDX-License-Identifier: MIT
/*
 * The VMM's side of oriel-gpu: who is served, one VMM after another, and its display.
 *
 * A VMM counts as one from its first byte on. Whoever connects and goes without a word, as one does
 * to find out whether somebody listens, was none: with --once the program goes on waiting. While a
 * VMM is connected, further ones wait in the socket's backlog.
 */
#ifndef ORIEL_PROGRAM_VMM_H
#define ORIEL_PROGRAM_VMM_H

#include "base/compiler.h"
#include "oriel-gpu/door.h"

#include <oriel/display.h>
#include <oriel/loop.h>
#include <oriel/vhost_user.h>
#include <oriel/virtio.h>

struct vmm_options {
	struct oriel_loop *loop;
	struct oriel_virtio *device;
	struct oriel_log_sink log;

	/** Where the VMM's display is served; NULL: it is not. */
	struct oriel_gpu_socket *gpu_socket;

	/** Serve only one VMM. */
	bool once;

	/** Nobody is to be served any more; err is 0 or why the last session ended. */
	void (*handle_done)(void *user, int err);
	void *user;
};

struct vmm {
	struct vmm_options options;
	struct door door; // not opened: the VMM was connected from the start

	// At most one of these two: connected, but no byte came yet, or served.
	int silent_fd;
	struct oriel_source *silent_source;
	struct oriel_vhost_user *session;

	int32_t pid;       // of who is served, as the kernel says; 0: unknown
	uint64_t since_ns; // of CLOCK_MONOTONIC

	int unused_display_fd; // held open while the VMM's display is not served, or -1
};

/** Begin with nobody to serve. */
void vmm_init(struct vmm *vmm, const struct vmm_options *options);

/** Wait for VMMs at path. Returns 0, or a negative errno after having printed what is wrong. */
ORIEL_MUST_CHECK
int vmm_listen(struct vmm *vmm, const char *path);

/**
 * Serve the VMM on fd, a descriptor that the program was started with.
 *
 * Owns: fd is taken, if it is what it has to be.
 *
 * Returns 0, or a negative errno after having printed what is wrong.
 */
ORIEL_MUST_CHECK
int vmm_serve_take(struct vmm *vmm, int fd);

/** Whether a VMM is served. */
bool vmm_is_connected(const struct vmm *vmm);

/** End whatever goes on and stop listening. */
void vmm_finish(struct vmm *vmm);

#endif
