// SPDX-License-Identifier: MIT
/*
 * The table, with virgl behind a recorder: nobody sees a difference. Then what was recorded is
 * played with a fresh virgl: to the bit the same comes back, without the guest's memory.
 */
#include "base/fd.h"
#include "oriel/render_record.h"
#include "oriel/virgl.h"
#include "render/render3d_table.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

struct recording {
	struct oriel_renderer3d *virgl;
	int fd;
};

static void print_line(enum oriel_log_level level, const char *msg, void *user) {
	(void)level;
	(void)user;
	fprintf(stderr, "log: %s\n", msg);
}

static int keep_module(struct dl_phdr_info *info, size_t size, void *user) {
	(void)size;
	(void)user;
	(void)dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
	return 0;
}

static int make_virgl(struct oriel_loop *loop, struct oriel_renderer3d **ret) {
	const struct oriel_virgl_options options = { .size = sizeof(options),
		.log = { .fn = print_line, .max_level = ORIEL_LOG_INFO } };
	int err = oriel_virgl_renderer_create(loop, &options, ret);
	if (err == 0) {
		// EGL unloads drivers, and then what they keep looks like leaks.
		dl_iterate_phdr(keep_module, NULL);
	}
	return err;
}

static void handle_end(void *user, int err) {
	(void)user;
	CHECK(false, "the recording ends: %d", err);
}

static int make(struct oriel_loop *loop, struct oriel_renderer3d **ret, void *user) {
	struct recording *recording = user;
	const struct oriel_render_recorder_options options = { .size = sizeof(options),
		.description = "the table",
		.has_every_picture = true,
		.handle_end = handle_end };
	int err = make_virgl(loop, &recording->virgl);
	if (err < 0) {
		return err;
	}
	int fd;
	assert_int_equal(oriel_fd_dup(recording->fd, &fd), 0);
	assert_int_equal(oriel_render_recorder_create_take(loop, recording->virgl, &options, fd,
					 ret),
			0);
	return 0;
}

static void finish(void *user) {
	struct recording *recording = user;
	oriel_renderer3d_destroy(recording->virgl);
	recording->virgl = NULL;
}

static struct recording recording;

static void test_play(void **state) {
	(void)state;
	const struct oriel_render_play_options options = { .size = sizeof(options),
		.log = { .fn = print_line, .max_level = ORIEL_LOG_INFO } };
	struct oriel_render_play_result result = { .size = sizeof(result) };
	struct oriel_loop *loop;
	struct oriel_renderer3d *virgl;
	assert_int_equal(lseek(recording.fd, 0, SEEK_SET), 0);
	assert_int_equal(oriel_loop_create(&loop), 0);
	assert_int_equal(make_virgl(loop, &virgl), 0);
	assert_int_equal(oriel_render_play(loop, virgl, &options, recording.fd, &result), 0);
	oriel_renderer3d_destroy(virgl);
	oriel_loop_destroy(loop);
	assert_true(result.is_whole);
	assert_string_equal(result.description, "the table");
	assert_true(result.n_same > 30 && result.n_memory_bytes > 4096);
	assert_true(result.n_command_buffers > 100 && result.n_fences > 100);
	assert_int_equal(result.n_different, 0);
	assert_int_equal(result.n_similar + result.n_unjudged, 0);
	assert_int_equal(result.n_other_errors, 0);
}

int main(void) {
	recording.fd = memfd_create("recording", MFD_CLOEXEC);
	if (recording.fd < 0) {
		return 1;
	}
	const struct render3d_maker maker = { .create = make,
		.finish = finish,
		.user = &recording };
	int status = render3d_table_run(&maker);
	if (status != 0) {
		return status;
	}
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_play) };
	status = cmocka_run_group_tests(tests, NULL, NULL);
	close(recording.fd);
	return status;
}
