// SPDX-License-Identifier: MIT
/*
 * A GPU through EGL, without a window system and without device nodes: a display made from an EGL
 * device, and contexts that draw to no surface.
 */
#ifndef ORIEL_VIRGL_EGL_H
#define ORIEL_VIRGL_EGL_H

#include "base/compiler.h"
#include "host/log.h"

#include <stdbool.h>
#include <stdint.h>

/** What a context is asked for. */
struct virgl_egl_version {
	int major, minor;
	bool shared; // with the current context
};

struct virgl_egl {
	void *display; // EGLDisplay
	void *config;  // EGLConfig, or NULL: contexts need none
	bool is_gles;  // no desktop GL here
	bool is_software;
	bool has_dmabuf_export; // EGL says so; whether it is true, only an export shows
	char gl_renderer[128];
	char gl_version[128];
};

/**
 * Open the GPU that gpu names, as oriel/virgl.h says, and make sure that it renders.
 *
 * Returns 0, -EINVAL if gpu cannot be understood, or -ENODEV. The reason is logged.
 */
ORIEL_MUST_CHECK
int virgl_egl_open(struct virgl_egl *egl, const char *gpu, struct oriel_log *log);

/** Close it. Harmless if it is not open. */
void virgl_egl_close(struct virgl_egl *egl);

/** A context, or NULL. */
void *virgl_egl_create_context(struct virgl_egl *egl, const struct virgl_egl_version *version);
void virgl_egl_destroy_context(struct virgl_egl *egl, void *context);

/** A texture as others can have it. */
struct virgl_egl_file {
	int fd; // the caller's
	uint32_t fourcc;
	uint64_t modifier;
	uint32_t stride; // bytes
	uint32_t offset; // bytes
};

/**
 * Export level 0 of a 2D texture of the current context. Only if has_dmabuf_export: what a driver
 * does not offer may be a jump to nowhere (seen in Mesa 22.3).
 *
 * Returns 0, or -EOPNOTSUPP if the driver cannot, or needs more than one plane.
 */
ORIEL_MUST_CHECK
int virgl_egl_export(struct virgl_egl *egl, uint32_t texture, struct virgl_egl_file *ret);

/**
 * Have what was drawn in the current context seen by whoever else has the memory: it is with the
 * GPU when this returns, or drawn if software does it.
 */
void virgl_egl_publish(struct virgl_egl *egl);

/** Make context current on the calling thread; NULL: none. Returns 0 or -EIO. */
ORIEL_MUST_CHECK
int virgl_egl_make_current(struct virgl_egl *egl, void *context);

#endif
