// SPDX-License-Identifier: MIT
/* See play.h. */
#include "oriel-render/play.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/log.h"
#include "common/typed.h"

#include <fcntl.h>
#include <inttypes.h>
#include <oriel/loop.h>
#include <oriel/render_record.h>
#include <oriel/virgl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/** Formats whose first byte is blue, as those of most screens. */
#define FORMAT_B8G8R8A8 1u
#define FORMAT_B8G8R8X8 2u

struct picture_file {
	const char *path;
	int err;
};

/** As PPM: what every viewer of pictures knows, and needs no library. */
static void write_picture(void *user, const struct oriel_render_picture *picture) {
	struct picture_file *file = user;
	FILE *out = fopen(file->path, "wb");
	if (out == NULL) {
		file->err = oriel_errno();
		return;
	}
	const bool is_blue_first =
			picture->format == FORMAT_B8G8R8A8 || picture->format == FORMAT_B8G8R8X8;
	fprintf(out, "P6\n%" PRIu32 " %" PRIu32 "\n255\n", picture->width, picture->height);
	for (uint32_t y = 0; y < picture->height; y++) {
		const uint8_t *row = picture->pixels + (size_t)y * picture->stride;
		for (uint32_t x = 0; x < picture->width; x++) {
			const uint8_t *p = row + (size_t)x * 4;
			const uint8_t rgb[3] = { p[is_blue_first ? 2 : 0], p[1],
				p[is_blue_first ? 0 : 2] };
			(void)fwrite(rgb, 1, sizeof(rgb), out);
		}
	}
	const bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		file->err = oriel_errno();
	}
}

static double seconds(uint64_t ns) {
	return (double)ns / 1e9;
}

static void print(const struct oriel_render_play_result *result) {
	printf("recorded on %s\n", result->description[0] != '\0' ? result->description : "?");
	if (!result->is_whole) {
		printf("the recording was cut off\n");
	}
	printf("operations %" PRIu64 ", command buffers %" PRIu64 " (%.1f MiB), fences %" PRIu64
	       ", guest memory %.1f MiB\n",
			result->n_operations, result->n_command_buffers,
			(double)result->n_command_bytes / (1 << 20), result->n_fences,
			(double)result->n_memory_bytes / (1 << 20));
	printf("time %.3f s, recorded in %.3f s\n", seconds(result->played_ns),
			seconds(result->recorded_ns));
	printf("read back: %" PRIu64 " the same, %" PRIu64 " similar, %" PRIu64
	       " not comparable, %" PRIu64 " different\n",
			result->n_same, result->n_similar, result->n_unjudged, result->n_different);
	if (result->n_similar + result->n_different > 0) {
		printf("worst picture: a channel off by %" PRIu32 ", %.2f %% of pixels off by more "
		       "than the tolerance\n",
				result->worst_channel, result->worst_ppm / 1e4);
	}
	printf("operations with another error: %" PRIu64 "\n", result->n_other_errors);
}

static int fail(const char *option, const char *path, int err) {
	char typed[TYPED_SIZE];
	fprintf(stderr, "oriel-render: --%s=%s: %s\n", option, typed_copy(path, typed),
			strerror(-err));
	return err;
}

static int play_file(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct options *options, int fd, struct oriel_log_sink log) {
	struct picture_file file = { .path = options->picture };
	const struct oriel_render_play_options play_options = { .size = sizeof(play_options),
		.log = log,
		.tolerance = options->tolerance,
		.handle_picture = options->picture != NULL ? write_picture : NULL,
		.user = &file };
	struct oriel_render_play_result result = { .size = sizeof(result) };
	int err = oriel_render_play(loop, renderer, &play_options, fd, &result);
	if (err < 0) {
		return fail("play", options->play, err);
	}
	print(&result);
	if (file.err < 0) {
		return fail("picture", options->picture, file.err);
	}
	return result.n_different + result.n_other_errors > 0 ? 1 : 0;
}

/** Returns a descriptor or a negative errno. */
static int open_recording(const char *path) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int err = fd < 0 || fstat(fd, &st) < 0 ? oriel_errno() : 0;
	if (err == 0 && S_ISDIR(st.st_mode)) {
		err = -EISDIR;
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	return fd;
}

int play(const struct options *options) {
	static char name[] = "oriel-render";
	const struct oriel_virgl_options virgl_options = { .size = sizeof(virgl_options),
		.log = log_make_sink(name, options->log_level),
		.gpu = options->gpu };
	struct oriel_loop *loop;
	// Before anything else: a GPU may take seconds to start.
	int fd = open_recording(options->play);
	if (fd < 0) {
		return fail("play", options->play, fd);
	}
	int err = oriel_loop_create(&loop);
	if (err < 0) {
		fprintf(stderr, "oriel-render: %s\n", strerror(-err));
		oriel_fd_close(&fd);
		return err;
	}
	struct oriel_renderer3d *renderer;
	err = oriel_virgl_renderer_create(loop, &virgl_options, &renderer);
	if (err == 0) {
		struct oriel_virgl_info info = { .size = sizeof(info) };
		oriel_virgl_renderer_get_info(renderer, &info);
		printf("played on %s, %s, virglrenderer %s\n", info.gl_renderer, info.gl_version,
				info.virglrenderer_version);
		err = play_file(loop, renderer, options, fd, virgl_options.log);
		oriel_renderer3d_destroy(renderer);
	}
	oriel_loop_destroy(loop);
	oriel_fd_close(&fd);
	return err;
}
