// SPDX-License-Identifier: MIT
/*
 * Programs with OpenGL for the guest:
 *
 *     gl flip FRAMES SEED     page flips between buffers that OpenGL draws; the last one stays
 *     gl eglimage SEED        OpenGL draws into a dumb buffer of the kernel's mode setting
 *     gl cursor SEED X Y      a screen with a cursor that OpenGL has drawn
 *     gl written SEED X Y     a screen with a cursor that was written into a GBM buffer
 *     gl triangles            a triangle that turns for ever; each 10th frame is counted on stdout
 *     gl spin                 pictures that nobody sees, for ever; counted in the same way
 *
 * A picture that stays is announced by a line, "shown PID": the caller's process ends then, and
 * another one, PID, keeps the picture until it is killed. Where something fails the exit status
 * is 1.
 */
#include <drm.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <virtgpu_drm.h>

#include "../pattern.h"
#include "context.h"
#include "tiles.h"

#define N_PAGES 3

static const char vertex_shader[] = "attribute vec2 at;\n"
				    "attribute vec3 colour;\n"
				    "uniform vec2 turn;\n"
				    "varying vec3 v;\n"
				    "void main() {\n"
				    "	v = colour;\n"
				    "	gl_Position = vec4(at.x * turn.x - at.y * turn.y,\n"
				    "		at.x * turn.y + at.y * turn.x, 0.0, 1.0);\n"
				    "}\n";
static const char fragment_shader[] = "precision mediump float;\n"
				      "varying vec3 v;\n"
				      "void main() { gl_FragColor = vec4(v, 1.0); }\n";

static long number(char **argv, int i) {
	return strtol(argv[i], NULL, 0);
}

/** Pages for the screen, of its own size. */
static int make_pages(struct context *context, struct target *pages, int n) {
	struct gbm_bo *bo;
	int r = 0;
	for (int i = 0; i < n && r == 0; i++) {
		r = context_make_page(context, i, DRM_FORMAT_XRGB8888,
				GBM_BO_USE_SCANOUT | GBM_BO_USE_RENDERING, context->kms.width,
				context->kms.height, &bo, &pages[i]);
	}
	return r;
}

static int draw_tiles(struct target *target, uint32_t seed, bool has_alpha) {
	struct tile tiles[TILES_N];
	tiles_make(target->width, target->height, seed, has_alpha, tiles);
	int r = context_use(target);
	if (r == 0) {
		tiles_draw_gl(tiles);
		r = context_finish();
	}
	return r;
}

/** Show page i: by a mode at first, then by flips. */
static int present(struct context *context, int i) {
	struct kms *kms = &context->kms;
	return kms->shown < 0 ? kms_show(kms, i, 0, 0, kms->width, kms->height) : kms_flip(kms, i);
}

static int run_flip(struct context *context, char **argv) {
	struct target pages[N_PAGES];
	int r = make_pages(context, pages, N_PAGES);
	for (int frame = 0; frame < number(argv, 2) && r == 0; frame++) {
		r = draw_tiles(&pages[frame % N_PAGES], (uint32_t)(number(argv, 3) + frame), false);
		if (r == 0) {
			r = present(context, frame % N_PAGES);
		}
	}
	return r;
}

/**
 * The kernel sends a dumb buffer's pages to the device each time it is shown: what OpenGL drew
 * there has to be fetched into them before.
 */
static int fetch(struct kms *kms, uint32_t handle, uint32_t width, uint32_t height) {
	struct drm_virtgpu_3d_transfer_from_host transfer = {
		.bo_handle = handle,
		.box = { .w = width, .h = height, .d = 1 },
	};
	struct drm_virtgpu_3d_wait wait = { .handle = handle };
	if (ioctl(kms->fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &transfer) < 0 ||
			ioctl(kms->fd, DRM_IOCTL_VIRTGPU_WAIT, &wait) < 0) {
		return -errno;
	}
	return 0;
}

static int run_eglimage(struct context *context, char **argv) {
	struct kms *kms = &context->kms;
	int r = kms_make_buffer(kms, 0, kms->width, kms->height);
	if (r < 0) {
		return r;
	}
	const struct kms_buffer *buffer = &kms->buffers[0];
	memset(buffer->pixels, 0x55, buffer->size); // what must not be seen
	struct drm_prime_handle prime = { .handle = buffer->handle, .flags = DRM_CLOEXEC };
	if (ioctl(kms->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) < 0) {
		return -errno;
	}
	struct target target;
	r = context_import(context, prime.fd, DRM_FORMAT_XRGB8888, buffer->width, buffer->height,
			buffer->pitch, &target);
	if (r == 0) {
		r = draw_tiles(&target, (uint32_t)number(argv, 2), false);
	}
	if (r == 0) {
		r = fetch(kms, buffer->handle, buffer->width, buffer->height);
	}
	return r < 0 ? r : present(context, 0);
}

/** A cursor in a buffer of its own: drawn by OpenGL, or written by us. */
static int make_cursor(struct context *context, uint32_t seed, bool is_drawn, struct gbm_bo **ret) {
	if (is_drawn) {
		struct target target;
		int r = context_make_page(context, -1, DRM_FORMAT_ARGB8888,
				GBM_BO_USE_RENDERING | GBM_BO_USE_LINEAR, CURSOR_SIDE, CURSOR_SIDE,
				ret, &target);
		return r < 0 ? r : draw_tiles(&target, seed, true);
	}
	uint32_t pixels[CURSOR_SIDE * CURSOR_SIDE];
	struct tile tiles[TILES_N];
	tiles_make(CURSOR_SIDE, CURSOR_SIDE, seed, true, tiles);
	tiles_draw(tiles, pixels, CURSOR_SIDE);
	*ret = gbm_bo_create(context->gbm, CURSOR_SIDE, CURSOR_SIDE, DRM_FORMAT_ARGB8888,
			GBM_BO_USE_CURSOR | GBM_BO_USE_WRITE);
	if (*ret == NULL || gbm_bo_write(*ret, pixels, sizeof(pixels)) < 0) {
		perror("gbm_bo_write");
		return -errno;
	}
	return 0;
}

static int run_cursor(struct context *context, char **argv) {
	uint32_t seed = (uint32_t)number(argv, 2);
	struct target page;
	struct gbm_bo *bo;
	int r = make_pages(context, &page, 1);
	if (r == 0) {
		r = draw_tiles(&page, seed, false);
	}
	if (r == 0) {
		r = present(context, 0);
	}
	if (r == 0) {
		r = make_cursor(context, seed + 1, strcmp(argv[1], "cursor") == 0, &bo);
	}
	if (r == 0) {
		r = kms_set_cursor_handle(&context->kms, gbm_bo_get_handle(bo).u32, 0, 0);
	}
	return r < 0 ? r
		     : kms_move_cursor(&context->kms, (int32_t)number(argv, 3),
				       (int32_t)number(argv, 4));
}

static GLuint compile(GLenum kind, const char *text) {
	GLuint shader = glCreateShader(kind);
	glShaderSource(shader, 1, &text, NULL);
	glCompileShader(shader);
	return shader;
}

static int make_triangle(GLint *ret_turn) {
	static const GLfloat corners[] = { 0.0f, 0.9f, -0.8f, -0.6f, 0.8f, -0.6f };
	static const GLfloat colours[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
	GLuint program = glCreateProgram();
	glAttachShader(program, compile(GL_VERTEX_SHADER, vertex_shader));
	glAttachShader(program, compile(GL_FRAGMENT_SHADER, fragment_shader));
	glBindAttribLocation(program, 0, "at");
	glBindAttribLocation(program, 1, "colour");
	glLinkProgram(program);
	GLint is_linked = 0;
	glGetProgramiv(program, GL_LINK_STATUS, &is_linked);
	if (!is_linked) {
		return -EIO;
	}
	glUseProgram(program);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, corners);
	glVertexAttribPointer(1, 3, GL_FLOAT, GL_FALSE, 0, colours);
	glEnableVertexAttribArray(0);
	glEnableVertexAttribArray(1);
	*ret_turn = glGetUniformLocation(program, "turn");
	return 0;
}

static void count(unsigned frame) {
	if (frame % 10 == 0) {
		printf("frame %u\n", frame);
		fflush(stdout);
	}
}

static int run_triangles(struct context *context, char **argv) {
	(void)argv;
	struct target pages[N_PAGES];
	GLint turn = 0;
	int r = make_pages(context, pages, N_PAGES);
	if (r == 0) {
		r = make_triangle(&turn);
	}
	for (unsigned frame = 0; r == 0; frame++) {
		r = context_use(&pages[frame % N_PAGES]);
		if (r < 0) {
			break;
		}
		glClearColor(0.0f, 0.0f, 0.2f, 1.0f);
		glClear(GL_COLOR_BUFFER_BIT);
		glUniform2f(turn, cosf((float)frame * 0.1f), sinf((float)frame * 0.1f));
		glDrawArrays(GL_TRIANGLES, 0, 3);
		r = context_finish();
		if (r == 0) {
			r = present(context, (int)(frame % N_PAGES));
		}
		count(frame);
	}
	return r;
}

static int run_spin(struct context *context, char **argv) {
	(void)argv;
	struct target page;
	int r = make_pages(context, &page, 1);
	for (unsigned frame = 0; r == 0; frame++) {
		r = draw_tiles(&page, frame, false);
		count(frame);
	}
	return r;
}

static const struct mode {
	const char *name;
	int n_args;
	bool stays; // it is announced, and kept until somebody kills it
	int (*run)(struct context *context, char **argv);
} modes[] = {
	{ "flip", 2, true, run_flip },
	{ "eglimage", 1, true, run_eglimage },
	{ "cursor", 3, true, run_cursor },
	{ "written", 3, true, run_cursor },
	{ "triangles", 0, false, run_triangles },
	{ "spin", 0, false, run_spin },
};

static int run(const struct mode *mode, char **argv) {
	static struct context context;
	int r = context_open(&context);
	if (r == 0) {
		r = mode->run(&context, argv);
	}
	if (r < 0) {
		fprintf(stderr, "gl %s: %s\n", mode->name, strerror(-r));
	}
	return r;
}

/** In a process of its own: the caller only waits for the announcement. */
static int run_and_stay(const struct mode *mode, char **argv) {
	int fds[2];
	pid_t child = pipe(fds) == 0 ? fork() : -1;
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (child == 0) {
		close(fds[0]);
		if (run(mode, argv) < 0 || write(fds[1], "+", 1) != 1) {
			_exit(1);
		}
		close(fds[1]);
		// Whoever reads our output shall find its end.
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		for (;;) {
			pause();
		}
	}
	close(fds[1]);
	char byte;
	if (read(fds[0], &byte, 1) != 1) {
		waitpid(child, NULL, 0);
		return 1;
	}
	printf("shown %d\n", (int)child);
	return 0;
}

int main(int argc, char **argv) {
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const struct mode *mode = &modes[i];
		if (argc >= 2 && strcmp(mode->name, argv[1]) == 0 && argc == 2 + mode->n_args) {
			return mode->stays ? run_and_stay(mode, argv) : run(mode, argv) < 0;
		}
	}
	fprintf(stderr, "usage: see tests/guest/gl/main.c\n");
	return 2;
}
