// SPDX-License-Identifier: MIT
/*
 * OpenGL ES of the guest's GPU, without a window system: a context, and buffers that are drawn into
 * through EGL images. Functions return 0 or a negative errno; why is said on stderr.
 */
#ifndef ORIEL_TESTS_GL_CONTEXT_H
#define ORIEL_TESTS_GL_CONTEXT_H

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <gbm.h>
#include <stdint.h>

#include "../kms.h"

struct context {
	struct kms kms;
	struct gbm_device *gbm;
	EGLDisplay display;
	EGLContext context;
};

/** Something that OpenGL draws into, with its first row on top as memory has it. */
struct target {
	uint32_t width, height;
	EGLImageKHR image;
	GLuint texture, frame_buffer;
};

/** Open the GPU for the screen and for OpenGL. There is no way back but the program's end. */
int context_open(struct context *context);
/** A GBM buffer, its frame buffer i for the screen, and the target. */
int context_make_page(struct context *context, int i, uint32_t format, uint32_t flags,
		uint32_t width, uint32_t height, struct gbm_bo **ret_bo, struct target *ret);
/** The target of memory that somebody else has made, by its file. */
int context_import(struct context *context, int fd, uint32_t format, uint32_t width,
		uint32_t height, uint32_t pitch, struct target *ret);
/** Draw into the target from now on. */
int context_use(struct target *target);
/** Wait until all is drawn. */
int context_finish(void);

#endif
