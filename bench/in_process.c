// SPDX-License-Identifier: MIT
/*
 * A vhost-user GPU that renders 3D in its own process, as no program of ours does: what oriel-gpu
 * would cost without its render link. bench_submit starts it.
 *
 * usage: bench_in_process --fd=N --renderer=GPU [options of oriel-gpu, which are ignored]
 */
#include <oriel/gpu.h>
#include <oriel/loop.h>
#include <oriel/renderer.h>
#include <oriel/vhost_user.h>
#include <oriel/virgl.h>
#include <oriel/virtio.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void handle_end(void *user, int err) {
	(void)err; // bench_submit says what went wrong
	*(bool *)user = true;
}

static void handle_gpu_socket_take(void *user, int fd) {
	(void)user; // it lives as long as this process: nothing is shown
	(void)fd;
}

static int serve_take(int fd, const char *gpu_name) {
	struct oriel_loop *loop;
	struct oriel_renderer *renderer;
	struct oriel_renderer3d *renderer3d;
	struct oriel_gpu *gpu;
	struct oriel_vhost_user *session;
	bool is_done = false;
	int err = oriel_loop_create(&loop);
	if (err == 0) {
		err = oriel_pixman_renderer_create(&renderer);
	}
	if (err == 0) {
		const struct oriel_virgl_options options = { .size = sizeof(options),
			.gpu = gpu_name };
		err = oriel_virgl_renderer_create(loop, &options, &renderer3d);
	}
	if (err == 0) {
		const struct oriel_gpu_options options = { .size = sizeof(options),
			.renderer3d = renderer3d };
		err = oriel_gpu_create(loop, renderer, &options, &gpu);
	}
	if (err == 0) {
		const struct oriel_vhost_user_options options = { .size = sizeof(options),
			.handle_end = handle_end,
			.handle_gpu_socket_take = handle_gpu_socket_take,
			.user = &is_done };
		err = oriel_vhost_user_create_take(loop, oriel_gpu_get_virtio(gpu), &options, fd,
				&session);
	}
	while (err == 0 && !is_done) {
		err = oriel_loop_dispatch(loop, -1);
	}
	return err; // and the process ends with all that is its
}

int main(int argc, char **argv) {
	int fd = -1;
	const char *gpu_name = "auto";
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--fd=", 5) == 0) {
			fd = atoi(argv[i] + 5);
		} else if (strncmp(argv[i], "--renderer=", 11) == 0) {
			gpu_name = argv[i] + 11;
		}
	}
	int err = fd >= 0 ? serve_take(fd, gpu_name) : -1;
	if (err < 0) {
		fprintf(stderr, "bench_in_process: %s\n", fd >= 0 ? strerror(-err) : "no --fd=N");
	}
	_exit(err < 0); // drivers' threads need no farewell
}
