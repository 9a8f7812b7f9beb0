// SPDX-License-Identifier: MIT
/* The table, on virglrenderer in this process; and what only that has: who renders. */
#include "oriel/virgl.h"
#include "render/render3d_table.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

/** EGL unloads drivers, and then what they keep for the next time looks like leaks. */
static void keep_modules(void) {
	dl_iterate_phdr(keep_module, NULL);
}

static int make(struct oriel_loop *loop, const char *gpu, struct oriel_renderer3d **ret) {
	const struct oriel_virgl_options options = { .size = sizeof(options),
		.log = { .fn = print_line, .max_level = ORIEL_LOG_INFO },
		.gpu = gpu };
	int err = oriel_virgl_renderer_create(loop, &options, ret);
	if (err == 0) {
		keep_modules();
	}
	return err;
}

static int make_any(struct oriel_loop *loop, struct oriel_renderer3d **ret, void *user) {
	return make(loop, user, ret);
}

static void test_names(void **state) {
	(void)state;
	static const struct {
		const char *gpu;
		int err;
	} cases[] = {
		{ "", -EINVAL },
		{ "autos", -EINVAL },
		{ "Software", -EINVAL },
		{ "egl:", -EINVAL },
		{ "egl:-1", -EINVAL },
		{ "egl:0x", -EINVAL },
		{ "egl:99999999999", -EINVAL },
		{ "egl:999", -ENODEV },
		{ "node:", -EINVAL },
		{ "node:/dev/dri/renderD9999", -ENODEV },
		{ "pci:", -EINVAL },
		{ "pci:ffff:ff:1f.7", -ENODEV },
	};
	struct oriel_loop *loop;
	assert_int_equal(oriel_loop_create(&loop), 0);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_renderer3d *renderer = NULL;
		int err = make(loop, cases[i].gpu, &renderer);
		CHECK(err == cases[i].err && renderer == NULL, "\"%s\": %d", cases[i].gpu, err);
	}
	oriel_loop_destroy(loop);
}

static void test_only_one(void **state) {
	(void)state;
	struct oriel_loop *loop;
	struct oriel_renderer3d *first;
	struct oriel_renderer3d *second = NULL;
	assert_int_equal(oriel_loop_create(&loop), 0);
	assert_int_equal(make(loop, NULL, &first), 0);
	assert_int_equal(make(loop, NULL, &second), -EBUSY);
	assert_null(second);
	oriel_renderer3d_destroy(first);
	assert_int_equal(make(loop, "egl:0", &first), 0);
	oriel_renderer3d_destroy(first);
	oriel_loop_destroy(loop);
}

static void test_info(void **state) {
	(void)state;
	struct oriel_loop *loop;
	struct oriel_renderer3d *renderer;
	assert_int_equal(oriel_loop_create(&loop), 0);
	int err = make(loop, "software", &renderer);
	if (err == 0) {
		struct oriel_virgl_info info = { .size = sizeof(info) };
		oriel_virgl_renderer_get_info(renderer, &info);
		assert_true(info.is_software);
		assert_true(strlen(info.gl_renderer) > 0 && strlen(info.gl_version) > 0);
		assert_true(strlen(info.virglrenderer_version) >= 3);
		oriel_renderer3d_destroy(renderer);
	}
	oriel_loop_destroy(loop);
	if (err != 0) {
		assert_int_equal(err, -ENODEV); // a machine without Mesa
		skip();
	}
}

/** What a guest gets has nothing of this process in it: video memory is not known in software. */
static void test_video_memory(void **state) {
	(void)state;
	struct oriel_loop *loop;
	struct oriel_renderer3d *renderer;
	assert_int_equal(oriel_loop_create(&loop), 0);
	int err = make(loop, "software", &renderer);
	if (err == 0) {
		const struct oriel_capset *capset = oriel_capset_table_get(&renderer->capsets,
				VIRTIO_GPU_CAPSET_VIRGL2);
		static const uint8_t zeros[4];
		assert_non_null(capset);
		// The name behind it says that it is the place.
		assert_int_equal(strncasecmp((const char *)&capset->data[696], "llvmpipe", 8), 0);
		assert_memory_equal(&capset->data[692], zeros, sizeof(zeros));
		oriel_renderer3d_destroy(renderer);
	}
	oriel_loop_destroy(loop);
	if (err != 0) {
		assert_int_equal(err, -ENODEV);
		skip();
	}
}

/** An argument names the GPU, as --renderer does; without one it is any. */
int main(int argc, char **argv) {
	const struct render3d_maker maker = { .create = make_any,
		.user = argc > 1 ? argv[1] : NULL };
	int status = render3d_table_run(&maker);
	if (status != 0) {
		return status;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_only_one),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_video_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
