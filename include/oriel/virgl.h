// SPDX-License-Identifier: MIT
/*
 * virglrenderer in this process (liboriel-virgl): OpenGL for guests, through EGL.
 *
 * Drivers run on what guests send, and are expected to crash: a VMM that does not want to go with
 * them uses oriel/remote.h, and hosts this in another process with oriel/render_host.h, as
 * oriel-render does.
 *
 * virglrenderer has one state for a process, so there can be one renderer in a process at a time.
 *
 * Thread: the loop's; always the same one, since EGL contexts are bound to it.
 */
#ifndef ORIEL_VIRGL_H
#define ORIEL_VIRGL_H

#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/renderer3d.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a renderer is made. Zero in any field but the first means its default. */
struct oriel_virgl_options {
	/** sizeof(struct oriel_virgl_options). */
	size_t size;
	struct oriel_log_sink log;
	/**
	 * Which GPU: "auto" (the default: the first that works, and a software renderer, with one
	 * warning, if none does), "software", "node:/dev/dri/renderD128", "pci:0000:01:00.0", or
	 * "egl:N", the N-th EGL device. Only auto ever takes another than what it names.
	 */
	const char *gpu;
};

/**
 * Create the renderer.
 *
 * Returns 0, -EBUSY if this process has one already, -EINVAL if gpu cannot be understood, -ENODEV
 * if there is no such GPU or it cannot render, or -ENOMEM. The reason was logged.
 */
ORIEL_API_CHECKED
int oriel_virgl_renderer_create(struct oriel_loop *loop, const struct oriel_virgl_options *options,
		struct oriel_renderer3d **ret);

/** What a virgl renderer is. Strings are valid as long as the renderer. */
struct oriel_virgl_info {
	/** sizeof(struct oriel_virgl_info), set by the caller. */
	size_t size;
	/** As GL says it: GL_RENDERER, GL_VERSION. */
	const char *gl_renderer, *gl_version;
	/** Of the library, "0.10.4"; or what is known of it. */
	const char *virglrenderer_version;
	bool is_software;
	/** Whether resources can be exported as dma-bufs. */
	bool has_dmabuf_export;
	/** What it can do for guests (virtio 1.3, 5.7.6.8): ids, newest versions, bytes. */
	uint32_t n_capsets;
	struct {
		uint32_t id, version, size;
	} capsets[8];
};

/** Fill info, whose size field the caller has set. renderer must be of this kind. */
ORIEL_API
void oriel_virgl_renderer_get_info(const struct oriel_renderer3d *renderer,
		struct oriel_virgl_info *info);

#ifdef __cplusplus
}
#endif

#endif
