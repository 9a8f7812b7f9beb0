// SPDX-License-Identifier: MIT
/* Tests of dmabuf.h. A memfd stands for a dma-buf: nobody looks into it. */
#include "resource/dmabuf.h"

#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int make_file(off_t size) {
	int fd = memfd_create("dmabuf-test", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static bool is_open(int fd) {
	return fcntl(fd, F_GETFD) >= 0;
}

#define TILED UINT64_C(0x0100000000000001)

static void test_layouts(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint64_t modifier;
		uint32_t width, height, stride;
		uint64_t offset;
		off_t size;
		bool fits;
	} cases[] = {
		{ "just fits", 0, 10, 4, 64, 0, 3 * 64 + 40, true },
		{ "a byte short", 0, 10, 4, 64, 0, 3 * 64 + 39, false },
		{ "with an offset", 0, 10, 4, 64, 128, 128 + 3 * 64 + 40, true },
		{ "an offset too far", 0, 10, 4, 64, 132, 128 + 3 * 64 + 40, false },
		{ "an offset at the end of all numbers", 0, 10, 4, 64, UINT64_MAX - 3, 4096,
				false },
		{ "an odd offset", 0, 10, 4, 64, 2, 4096, false },
		{ "the tightest rows", 0, 10, 4, 40, 0, 160, true },
		{ "rows that overlap", 0, 10, 4, 36, 0, 4096, false },
		{ "rows of odd bytes", 0, 10, 4, 42, 0, 4096, false },
		{ "the largest stride", 0, 1, 65536, UINT32_MAX, 0, 4096, false },
		{ "no width", 0, 0, 4, 64, 0, 4096, false },
		{ "no height", 0, 10, 0, 64, 0, 4096, false },
		{ "tiled", TILED, 10, 4, 16, 0, 160, true },
		{ "tiled, fewer bytes than pixels", TILED, 10, 4, 16, 0, 159, false },
		{ "tiled, the largest", TILED, UINT32_MAX, UINT32_MAX, 16, 0, 4096, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct oriel_dmabuf_layout layout = { .format = oriel_format_at(0),
			.modifier = cases[i].modifier,
			.width = cases[i].width,
			.height = cases[i].height,
			.stride = cases[i].stride,
			.offset = cases[i].offset };
		int fd = make_file(cases[i].size);
		struct oriel_dmabuf *dmabuf = NULL;
		int err = oriel_dmabuf_create_take(fd, &layout, &dmabuf);
		CHECK(err == (cases[i].fits ? 0 : -EINVAL), "%s: %d", cases[i].name, err);
		CHECK((dmabuf != NULL) == cases[i].fits, "%s", cases[i].name);
		CHECK(is_open(fd) == cases[i].fits, "%s", cases[i].name);
		CHECK(dmabuf == NULL || dmabuf->layout.size == (uint64_t)cases[i].size, "%s",
				cases[i].name);
		oriel_dmabuf_release(dmabuf);
		CHECK(!is_open(fd), "%s", cases[i].name);
	}
}

static void test_what_has_no_size_is_refused(void **state) {
	(void)state;
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	const struct oriel_dmabuf_layout layout = { .format = oriel_format_at(0),
		.width = 1,
		.height = 1,
		.stride = 4 };
	struct oriel_dmabuf *dmabuf = NULL;
	assert_int_equal(oriel_dmabuf_create_take(fds[0], &layout, &dmabuf), -EINVAL);
	assert_null(dmabuf);
	assert_false(is_open(fds[0]));
	close(fds[1]);
}

static void test_holds(void **state) {
	(void)state;
	const struct oriel_dmabuf_layout layout = { .format = oriel_format_at(0),
		.width = 1,
		.height = 1,
		.stride = 4 };
	int fd = make_file(4);
	struct oriel_dmabuf *dmabuf = NULL;
	assert_int_equal(oriel_dmabuf_create_take(fd, &layout, &dmabuf), 0);
	assert_ptr_equal(oriel_dmabuf_hold(dmabuf), dmabuf);
	oriel_dmabuf_release(dmabuf);
	assert_true(is_open(fd));
	oriel_dmabuf_release(dmabuf);
	assert_false(is_open(fd));
	assert_null(oriel_dmabuf_hold(NULL));
	oriel_dmabuf_release(NULL);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_what_has_no_size_is_refused),
		cmocka_unit_test(test_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
