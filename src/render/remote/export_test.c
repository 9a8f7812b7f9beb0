// SPDX-License-Identifier: MIT
/*
 * Tests of exports over the render link: files that come back, and what a renderer may say about
 * them that cannot be. The files are no dma-bufs.
 */
#include "fixture/remote_rig.h"

#include "fixture/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WIDTH 50u
#define HEIGHT 30u
#define STRIDE 256u

static struct remote_rig rig;

static struct rig_op *submit_export(bool wants_file) {
	struct oriel_render3d_op *op = rig_next(&rig, ORIEL_RENDER3D_EXPORT);
	op->resource_id = 5;
	op->exported = (struct oriel_render3d_export){ .wants_file = wants_file };
	if (wants_file) {
		op->exported.format = oriel_format_get(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
		op->exported.width = WIDTH;
		op->exported.height = HEIGHT;
	}
	return rig_submit(&rig, op);
}

static void test_files_come_back(void **state) {
	(void)state;
	rig_init(&rig, RIG_HERE);
	rig.fake.base.can_export = true;
	assert_int_equal(rig_create(&rig), 0);
	assert_true(rig.remote->can_export);
	struct rig_op *plain = submit_export(false);
	struct rig_op *ops[40]; // more than the link keeps
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ops); i++) {
		ops[i] = submit_export(true);
		rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 5);
	}
	rig_wait(&rig);
	assert_int_equal(plain->err, 0);
	assert_null(plain->op.exported.dmabuf);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(ops); i++) {
		struct oriel_dmabuf *dmabuf = ops[i]->op.exported.dmabuf;
		CHECK(ops[i]->err == 0 && dmabuf != NULL, "%zu: %d", i, ops[i]->err);
		CHECK(dmabuf->layout.width == WIDTH && dmabuf->layout.height == HEIGHT &&
						dmabuf->layout.stride == WIDTH * 4 + 64 &&
						dmabuf->layout.offset == 128 &&
						dmabuf->layout.modifier == FAKE_MODIFIER,
				"%zu", i);
		// As it is in memory; and the guest has drawn no alpha.
		assert_string_equal(dmabuf->layout.format->name, "R8G8B8X8");
		CHECK((fcntl(dmabuf->fd, F_GETFD) & FD_CLOEXEC) != 0, "%zu", i);
		oriel_dmabuf_release(dmabuf);
	}
	assert_non_null(strstr(rig.fake.text, "export id 5\nexport id 5 file B8G8R8X8 50x30\n"));
	rig_finish(&rig);
}

static void test_errors_come_back(void **state) {
	(void)state;
	rig_init(&rig, RIG_HERE);
	rig.fake.errors[ORIEL_RENDER3D_EXPORT] = -EOPNOTSUPP;
	assert_int_equal(rig_create(&rig), 0);
	assert_false(rig.remote->can_export);
	struct rig_op *op = submit_export(true);
	rig_wait(&rig);
	assert_int_equal(op->err, -EOPNOTSUPP);
	assert_null(op->op.exported.dmabuf);
	rig_finish(&rig);
}

/** The link ends with files under way: nothing of them is left. */
static void test_the_end(void **state) {
	(void)state;
	rig_init(&rig, RIG_HERE);
	assert_int_equal(rig_create(&rig), 0);
	rig.fake.is_async = true;
	submit_export(true);
	for (int i = 0; i < 10; i++) {
		rig_turn(&rig);
	}
	rig_finish(&rig); // the sanitizers look for the rest
}

/*
 * Lies. An export without a file, one with a file, and something else are under way.
 */

static struct rig_op *plain, *wanted, *other;

static int make_file(off_t size) {
	int fd = memfd_create("no-dmabuf", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static void send_file(const struct oriel_render_link_exported *exported, off_t size) {
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_exported(&w, exported);
	int fd = size >= 0 ? make_file(size) : -1;
	assert_int_equal(oriel_render_link_send(&rig.peer, &w, bytes, fd), 0);
	close(fd);
}

static void reply(const struct rig_op *own, int err, uint32_t fd_number) {
	uint8_t slot[ORIEL_RENDER_LINK_REPLY_SIZE];
	const struct oriel_render_link_reply m = { own->op.sequence, err, fd_number };
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_render_link_encode_reply(&w, &m);
	oriel_render_ring_push(&rig.peer.replies, slot);
}

static const struct oriel_render_link_exported good = { 1, STRIDE, FAKE_FOURCC, 0, 0 };
#define GOOD_SIZE ((off_t)STRIDE * HEIGHT)

static void lie_without_a_file(void) {
	reply(plain, 0, 0);
	reply(wanted, 0, 0);
}

static void lie_with_a_file_that_nobody_wants(void) {
	send_file(&good, GOOD_SIZE);
	reply(plain, 0, 1);
}

static void lie_with_a_file_and_an_error(void) {
	send_file(&good, GOOD_SIZE);
	reply(plain, 0, 0);
	reply(wanted, -EIO, 1);
}

static void lie_about_a_file_that_was_not_sent(void) {
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
}

static void lie_about_the_number(void) {
	send_file(&good, GOOD_SIZE);
	reply(plain, 0, 0);
	reply(wanted, 0, 2);
}

static void lie_in_the_message_about_the_number(void) {
	struct oriel_render_link_exported bad = good;
	bad.number = 2;
	send_file(&bad, GOOD_SIZE);
}

static void lie_without_a_descriptor(void) {
	send_file(&good, -1);
}

static void lie_about_the_size(void) {
	send_file(&good, GOOD_SIZE - (off_t)(STRIDE - WIDTH * 4) - 1);
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
}

static void lie_about_the_offset(void) {
	struct oriel_render_link_exported bad = good;
	bad.offset = UINT64_MAX - 3;
	send_file(&bad, GOOD_SIZE);
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
}

static void lie_about_the_stride(void) {
	struct oriel_render_link_exported bad = good;
	bad.stride = WIDTH * 4 - 4;
	send_file(&bad, GOOD_SIZE);
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
}

static void lie_about_the_format(void) {
	struct oriel_render_link_exported bad = good;
	bad.fourcc = 0x3231564e; // NV12
	send_file(&bad, GOOD_SIZE);
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
}

static void lie_about_the_kind_of_file(void) {
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_exported(&w, &good);
	assert_int_equal(oriel_render_link_send(&rig.peer, &w, bytes, rig.peer.bell), 0);
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
}

/** A second file, after the last export was answered. */
static void lie_with_a_file_too_many(void) {
	send_file(&good, GOOD_SIZE);
	reply(plain, 0, 0);
	reply(wanted, 0, 1);
	rig_ring(&rig);
	rig_wait_for(&rig, &rig.n_done, 2);
	struct oriel_render_link_exported more = good;
	more.number = 2;
	send_file(&more, GOOD_SIZE);
}

static const struct {
	const char *name;
	void (*lie)(void);
	const char *reason;
} lies[] = {
	{ "success without a file", lie_without_a_file, "exported nothing" },
	{ "a file that nobody wants", lie_with_a_file_that_nobody_wants, "that nobody asked for" },
	{ "a file and an error", lie_with_a_file_and_an_error, "that nobody asked for" },
	{ "a file that was not sent", lie_about_a_file_that_was_not_sent, "it has not sent" },
	{ "another number", lie_about_the_number, "it has not sent" },
	{ "another number in the message", lie_in_the_message_about_the_number,
			"that nobody asked for" },
	{ "no descriptor", lie_without_a_descriptor, "that nobody asked for" },
	{ "a short file", lie_about_the_size, "cannot be the picture" },
	{ "an offset beyond all", lie_about_the_offset, "cannot be the picture" },
	{ "rows that overlap", lie_about_the_stride, "cannot be the picture" },
	{ "two planes", lie_about_the_format, "cannot be the picture" },
	{ "a socket", lie_about_the_kind_of_file, "cannot be the picture" },
	{ "one file too many", lie_with_a_file_too_many, "that nobody asked for" },
};

static int count_fds(void) {
	int n = 0;
	for (int fd = 0; fd < 256; fd++) {
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	}
	return n;
}

static void test_lies(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(lies); i++) {
		const int n_fds = count_fds();
		rig_init(&rig, RIG_NONE);
		rig.greet = rig_say_hello;
		assert_int_equal(rig_create(&rig), 0);
		plain = submit_export(false);
		wanted = submit_export(true);
		other = rig_simple(&rig, ORIEL_RENDER3D_ATTACH_RESOURCE, 3, 1);
		lies[i].lie();
		rig_ring(&rig);
		rig_wait_for(&rig, &rig.n_kills, 1);
		rig_wait_for(&rig, &rig.n_lost, 1);
		CHECK(strstr(rig.reason, lies[i].reason) != NULL, "%s: %s", lies[i].name,
				rig.reason);
		CHECK(rig.n_done == rig.n_ops && other->err == -ENOTCONN, "%s: %d", lies[i].name,
				other->err);
		CHECK(wanted->err == -ENOTCONN || wanted->op.exported.dmabuf != NULL, "%s: %d",
				lies[i].name, wanted->err);
		oriel_dmabuf_release(wanted->op.exported.dmabuf);
		rig_finish(&rig);
		CHECK(count_fds() == n_fds, "%s: %d descriptors", lies[i].name,
				count_fds() - n_fds);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_come_back),
		cmocka_unit_test(test_errors_come_back),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
