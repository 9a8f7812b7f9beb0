// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a recording that comes from anywhere, played to a renderer that takes almost
 * everything and writes wherever it was told it may.
 *
 * Whatever the file says, playing ends, with a result or an error, and nothing outside the memory
 * that stands for the guest's is touched.
 */
#include "fixture/fake_renderer3d.h"
#include "oriel/render_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "render_dump: %s\n", what);
		abort();
	}
}

/** Look at all of the last picture. */
static void see(void *user, const struct oriel_render_picture *picture) {
	uint64_t *sum = user;
	for (size_t i = 0; i < (size_t)picture->height * picture->stride; i++) {
		*sum += picture->pixels[i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct fake_renderer3d fake;
	struct oriel_loop *loop = NULL;
	uint64_t sum = 0;
	int fd = memfd_create("recording", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "there is no file");
	must(lseek(fd, 0, SEEK_SET) == 0 && oriel_loop_create(&loop) == 0, "there is no loop");
	fake_renderer3d_init(&fake);
	fake.is_careful = true;
	fake.is_silent = true;
	const struct oriel_render_play_options options = { .size = sizeof(options),
		.max_memory = 1u << 20,
		.tolerance = (uint32_t)(size % 3),
		.handle_picture = see,
		.user = &sum };
	struct oriel_render_play_result result = { .size = sizeof(result), .n_operations = 77 };
	int err = oriel_render_play(loop, &fake.base, &options, fd, &result);
	must(err <= 0 && err != -ETIMEDOUT, "an error that cannot be");
	must(err == 0 || result.n_operations == 77, "an error, and a result");
	fake_renderer3d_finish(&fake);
	oriel_loop_destroy(loop);
	close(fd);
	return 0;
}
