// SPDX-License-Identifier: MIT
/* See context.h. */
#include "context.h"

#include <GLES2/gl2ext.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>

static int fail(const char *what) {
	fprintf(stderr, "%s: EGL error 0x%x\n", what, (unsigned)eglGetError());
	return -EIO;
}

int context_open(struct context *context) {
	context->kms = (struct kms){ .fd = -1, .shown = -1 };
	int r = kms_open(&context->kms);
	if (r < 0) {
		return r;
	}
	context->gbm = gbm_create_device(context->kms.fd);
	if (context->gbm == NULL) {
		return fail("gbm_create_device");
	}
	context->display = eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, context->gbm, NULL);
	if (context->display == EGL_NO_DISPLAY || !eglInitialize(context->display, NULL, NULL)) {
		return fail("eglInitialize");
	}
	static const EGLint attributes[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	eglBindAPI(EGL_OPENGL_ES_API);
	context->context = eglCreateContext(context->display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT,
			attributes);
	if (context->context == EGL_NO_CONTEXT ||
			!eglMakeCurrent(context->display, EGL_NO_SURFACE, EGL_NO_SURFACE,
					context->context)) {
		return fail("eglMakeCurrent");
	}
	return 0;
}

int context_import(struct context *context, int fd, uint32_t format, uint32_t width,
		uint32_t height, uint32_t pitch, struct target *ret) {
	const EGLint attributes[] = {
		// clang-format off
		EGL_WIDTH, (EGLint)width,
		EGL_HEIGHT, (EGLint)height,
		EGL_LINUX_DRM_FOURCC_EXT, (EGLint)format,
		EGL_DMA_BUF_PLANE0_FD_EXT, fd,
		EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)pitch,
		EGL_NONE,
		// clang-format on
	};
	PFNEGLCREATEIMAGEKHRPROC create_image =
			(PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_to_texture =
			(PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)eglGetProcAddress(
					"glEGLImageTargetTexture2DOES");
	if (create_image == NULL || image_to_texture == NULL) {
		return fail("eglGetProcAddress");
	}
	struct target target = { .width = width, .height = height };
	target.image = create_image(context->display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL,
			attributes);
	if (target.image == EGL_NO_IMAGE_KHR) {
		return fail("eglCreateImageKHR");
	}
	glGenTextures(1, &target.texture);
	glBindTexture(GL_TEXTURE_2D, target.texture);
	image_to_texture(GL_TEXTURE_2D, target.image);
	glGenFramebuffers(1, &target.frame_buffer);
	glBindFramebuffer(GL_FRAMEBUFFER, target.frame_buffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target.texture,
			0);
	*ret = target;
	return context_use(ret);
}

int context_make_page(struct context *context, int i, uint32_t format, uint32_t flags,
		uint32_t width, uint32_t height, struct gbm_bo **ret_bo, struct target *ret) {
	struct gbm_bo *bo = gbm_bo_create(context->gbm, width, height, format, flags);
	if (bo == NULL) {
		perror("gbm_bo_create");
		return -errno;
	}
	int fd = gbm_bo_get_fd(bo);
	if (fd < 0) {
		perror("gbm_bo_get_fd");
		return -errno;
	}
	*ret_bo = bo;
	uint32_t pitch = gbm_bo_get_stride(bo);
	int r = context_import(context, fd, format, width, height, pitch, ret);
	if (r == 0 && i >= 0) {
		r = kms_adopt_buffer(&context->kms, i, gbm_bo_get_handle(bo).u32, width, height,
				pitch);
	}
	return r;
}

int context_use(struct target *target) {
	glBindFramebuffer(GL_FRAMEBUFFER, target->frame_buffer);
	glViewport(0, 0, (GLsizei)target->width, (GLsizei)target->height);
	GLenum status = glCheckFramebufferStatus(GL_FRAMEBUFFER);
	if (status != GL_FRAMEBUFFER_COMPLETE) {
		fprintf(stderr, "the frame buffer's status is 0x%x\n", status);
		return -EIO;
	}
	return 0;
}

int context_finish(void) {
	glFinish();
	GLenum error = glGetError();
	if (error != GL_NO_ERROR) {
		fprintf(stderr, "OpenGL error 0x%x\n", error);
		return -EIO;
	}
	return 0;
}
