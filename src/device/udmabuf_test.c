// SPDX-License-Identifier: MIT
/*
 * Tests of guest blobs that are shown without a copy. There need not be a /dev/udmabuf here: a
 * stand-in judges the lists of pages as the kernel does, and makes a file of the right size. What
 * the kernel itself makes of them is for the tests in a guest.
 */
#include "device/device.h"

#include "fixture/check.h"
#include "fixture/device_rig.h"
#include "fixture/fail_alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA

#define PAGE 4096u
#define BLOB 7u
// Rows of half a page: 1 page has two, and a picture may begin at every other row.
#define WIDTH 500u
#define HEIGHT 64u
#define STRIDE 2048u
#define SIZE (HEIGHT * STRIDE)

// Two files, side by side in the guest's eyes.
#define FIRST_GPA UINT64_C(0x40000000)
#define FILE_PAGES 64u
#define FILE_SIZE (FILE_PAGES * PAGE)
#define SECOND_GPA (FIRST_GPA + FILE_SIZE)

static const struct oriel_rect whole = { 0, 0, WIDTH, HEIGHT };

struct fixture {
	struct device_rig rig;
	int files[2];
	uint8_t *bytes[2]; // of them
};

/** What the stand-in was asked for. */
static struct {
	uint32_t n_calls;
	uint32_t n_items;
	struct udmabuf_create_item items[64];
	int err; // to answer with
} asked;

static int stand_in(int fd, struct udmabuf_create_list *list, int *ret) {
	uint64_t size = 0;
	assert_true(fd >= 0);
	assert_int_equal(list->flags, UDMABUF_FLAGS_CLOEXEC);
	assert_in_range(list->count, 1, 64);
	asked.n_calls++;
	asked.n_items = list->count;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct udmabuf_create_item *item = &list->list[i];
		const int seals = fcntl((int)item->memfd, F_GET_SEALS);
		if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
			return -EINVAL;
		}
		assert_int_equal(item->offset % PAGE + item->size % PAGE, 0);
		asked.items[i] = *item;
		size += item->size;
	}
	if (asked.err < 0) {
		return asked.err;
	}
	*ret = memfd_create("no-udmabuf", MFD_CLOEXEC);
	assert_int_equal(ftruncate(*ret, (off_t)size), 0);
	return 0;
}

static void add_file(struct fixture *f, unsigned int i, uint64_t gpa, int seals) {
	f->files[i] = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(f->files[i], FILE_SIZE), 0);
	assert_int_equal(fcntl(f->files[i], F_ADD_SEALS, seals), 0);
	f->bytes[i] = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->files[i], 0);
	assert_true(f->bytes[i] != MAP_FAILED);
	int err = oriel_memory_add_region_take(oriel_virtio_get_memory(f->rig.virtio), gpa,
			FILE_SIZE, 0, fcntl(f->files[i], F_DUPFD_CLOEXEC, 0));
	assert_int_equal(err, 0);
}

static void begin(struct fixture *f, int seals) {
	memset(&asked, 0, sizeof(asked));
	device_rig_init(&f->rig, NULL);
	add_file(f, 0, FIRST_GPA, seals);
	add_file(f, 1, SECOND_GPA, seals);
	oriel_virtio_handle_memory_change(f->rig.virtio);
	device_rig_start(&f->rig);
	oriel_gpu_set_udmabuf_take(f->rig.gpu, open("/dev/null", O_RDWR | O_CLOEXEC));
	f->rig.gpu->udmabuf.create = stand_in;
	f->rig.display.needs_no_pixels = true;
	f->rig.display.base.dmabufs = ORIEL_DISPLAY_TAKES_GUEST_DMABUFS;
}

static void finish(struct fixture *f) {
	device_rig_finish(&f->rig);
	for (unsigned int i = 0; i < 2; i++) {
		munmap(f->bytes[i], FILE_SIZE);
		close(f->files[i]);
	}
}

static void make_blob(struct fixture *f, uint32_t id, const struct oriel_mem_entry *entries,
		uint32_t n_entries) {
	const struct oriel_cmd_create_blob blob = {
		.resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.n_entries = n_entries,
		.size = SIZE,
	};
	assert_int_equal(device_rig_type(&f->rig, gpu_create_blob(&blob, entries, n_entries)), OK);
}

/** A blob in one piece of the first file, with noise in it. */
static void make_plain_blob(struct fixture *f, uint32_t id) {
	const struct oriel_mem_entry entry = { FIRST_GPA + PAGE, SIZE };
	for (uint32_t i = 0; i < FILE_SIZE; i++) {
		f->bytes[0][i] = (uint8_t)(i * 7 + i / 251);
	}
	make_blob(f, id, &entry, 1);
}

/** Show rect of a picture that is as large as all of a blob. */
static struct gpu_command show_part(uint32_t scanout_id, uint32_t id, struct oriel_rect rect,
		const struct oriel_rect *all, uint32_t stride) {
	const struct oriel_cmd_set_scanout_blob cmd = {
		.rect = rect,
		.scanout_id = scanout_id,
		.resource_id = id,
		.width = all->width,
		.height = all->height,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { stride },
	};
	return gpu_set_scanout_blob(&cmd);
}

static uint32_t show(struct fixture *f, uint32_t scanout_id, uint32_t id, struct oriel_rect rect) {
	return device_rig_type(&f->rig, show_part(scanout_id, id, rect, &whole, STRIDE));
}

static uint32_t flush(struct fixture *f, struct oriel_rect rect) {
	return device_rig_type(&f->rig, gpu_flush(BLOB, rect));
}

static const struct oriel_scanout *get_scanout(const struct fixture *f, uint32_t i) {
	return &f->rig.gpu->screen.scanouts[i];
}

/** Whether the image has the plain blob's pixels. */
static bool is_gathered(const struct fixture *f, uint32_t scanout_id) {
	const struct oriel_resource *image = get_scanout(f, scanout_id)->res;
	for (uint32_t y = 0; y < HEIGHT; y++) {
		if (memcmp(image->pixels + (size_t)y * image->stride,
				    f->bytes[0] + PAGE + (size_t)y * STRIDE, WIDTH * 4) != 0) {
			return false;
		}
	}
	return true;
}

static void test_nothing_is_gathered(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	const struct oriel_scanout *scanout = get_scanout(&f, 0);
	assert_non_null(scanout->dmabuf);
	assert_int_equal(scanout->dmabuf->layout.stride, STRIDE);
	assert_int_equal(scanout->dmabuf->layout.width, WIDTH);
	assert_int_equal(scanout->dmabuf->layout.size, SIZE);
	assert_true(scanout->dmabuf->layout.is_guest_memory);
	assert_int_equal(asked.n_items, 1);
	assert_int_equal(asked.items[0].offset, PAGE);
	assert_int_equal(asked.items[0].size, SIZE);
	fake_display_forget(&f.rig.display);
	const struct oriel_rect dot = { 3, 4, 5, 6 };
	assert_int_equal(flush(&f, whole), OK);
	assert_int_equal(flush(&f, dot), OK);
	assert_int_equal(f.rig.display.n_events, 2);
	assert_true(oriel_rect_equals(&f.rig.display.events[1].rect, &dot));
	assert_true(scanout->is_behind);
	assert_false(is_gathered(&f, 0));
	finish(&f);
}

/** Once a display needs pixels, all of them are gathered, and then the damage. */
static void test_late_need_of_pixels(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_int_equal(flush(&f, whole), OK);
	struct fake_display late;
	fake_display_init(&late);
	oriel_gpu_attach_display(f.rig.gpu, &late.base);
	assert_int_equal(late.n_events, 1); // old pixels are not presented
	assert_int_equal(late.events[0].type, FAKE_SCANOUT);
	device_rig_run(&f.rig);
	assert_false(get_scanout(&f, 0)->is_behind);
	assert_true(is_gathered(&f, 0));
	assert_int_equal(late.n_events, 2);
	assert_int_equal(late.events[1].type, FAKE_PRESENT);
	assert_true(oriel_rect_equals(&late.events[1].rect, &whole));
	memset(f.bytes[0], 0x5a, FILE_SIZE);
	const struct oriel_rect dot = { 3, 4, 5, 6 };
	fake_display_forget(&late);
	assert_int_equal(flush(&f, dot), OK);
	assert_int_equal(late.n_events, 1);
	assert_true(oriel_rect_equals(&late.events[0].rect, &dot));
	assert_false(is_gathered(&f, 0));
	assert_int_equal(get_scanout(&f, 0)->res->pixels[4 * WIDTH * 4 + 3 * 4], 0x5a);
	// It goes again: what is flushed then is missing later.
	oriel_gpu_detach_display(f.rig.gpu, &late.base);
	assert_int_equal(flush(&f, dot), OK);
	assert_true(get_scanout(&f, 0)->is_behind);
	oriel_gpu_attach_display(f.rig.gpu, &late.base);
	device_rig_run(&f.rig);
	assert_true(is_gathered(&f, 0));
	oriel_gpu_detach_display(f.rig.gpu, &late.base);
	finish(&f);
}

/** Pixels are wanted, and there is no memory: nothing needs any. */
static void test_late_need_without_memory(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_int_equal(flush(&f, whole), OK);
	fail_alloc_at(1);
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
	device_rig_run(&f.rig);
	assert_false(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_false(get_scanout(&f, 0)->is_behind);
	assert_true(is_gathered(&f, 0));
	finish(&f);
}

/** While a display waits for pixels, a flush gathers them. */
static void test_flush_while_pixels_are_wanted(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_int_equal(flush(&f, whole), OK);
	const struct gpu_command cmd = gpu_flush(BLOB, (struct oriel_rect){ 3, 4, 5, 6 });
	(void)device_rig_submit(&f.rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f.rig, RIG_CONTROL); // before the fetch
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
	fake_display_forget(&f.rig.display);
	device_rig_run(&f.rig);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 1);
	assert_false(get_scanout(&f, 0)->is_behind);
	assert_true(is_gathered(&f, 0));
	assert_int_equal(f.rig.display.n_events, 1); // and nobody gathers them again
	assert_int_equal(flush(&f, whole), OK);
	assert_true(get_scanout(&f, 0)->is_behind);
	finish(&f);
}

// Rows of a page, three turns of them.
#define BIG_GPA (SECOND_GPA + FILE_SIZE)
#define BIG_WIDTH 1024u
#define BIG_HEIGHT (3u * ORIEL_TURN_BYTES / PAGE)
#define BIG_SIZE (BIG_HEIGHT * PAGE)

static const struct oriel_rect big = { 0, 0, BIG_WIDTH, BIG_HEIGHT };

/** Show a blob of three turns' pixels on scanout 0, which has none of them. Returns them. */
static const uint8_t *show_big_blob(struct fixture *f) {
	const int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fd, BIG_SIZE), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	uint8_t *bytes = mmap(NULL, BIG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(bytes != MAP_FAILED);
	struct oriel_memory *memory = oriel_virtio_get_memory(f->rig.virtio);
	assert_int_equal(oriel_memory_add_region_take(memory, BIG_GPA, BIG_SIZE, 0, fd), 0);
	oriel_virtio_handle_memory_change(f->rig.virtio);
	const struct oriel_cmd_create_blob blob = { .resource_id = BLOB,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.n_entries = 1,
		.size = BIG_SIZE };
	const struct oriel_mem_entry entry = { BIG_GPA, BIG_SIZE };
	assert_int_equal(device_rig_type(&f->rig, gpu_create_blob(&blob, &entry, 1)), OK);
	assert_int_equal(device_rig_type(&f->rig, show_part(0, BLOB, big, &big, PAGE)), OK);
	memset(bytes, 0x5a, BIG_SIZE);
	assert_int_equal(flush(f, big), OK);
	assert_true(get_scanout(f, 0)->is_behind);
	return bytes;
}

/** How many whole turns' pixels are gathered. */
static uint32_t count_turns(const struct fixture *f, const uint8_t *bytes) {
	const uint8_t *pixels = get_scanout(f, 0)->res->pixels;
	uint32_t n = 0;
	while (n < 3 && memcmp(pixels + n * ORIEL_TURN_BYTES, bytes + n * ORIEL_TURN_BYTES,
					ORIEL_TURN_BYTES) == 0) {
		n++;
	}
	return n;
}

/** A large picture is gathered turn by turn, and others have theirs between. */
static void test_fetch_in_slices(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	const uint8_t *bytes = show_big_blob(&f);
	fake_display_forget(&f.rig.display);
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
	for (uint32_t i = 1; i <= 2; i++) {
		device_rig_dispatch(&f.rig);
		assert_int_equal(count_turns(&f, bytes), i);
		assert_true(get_scanout(&f, 0)->is_behind);
		assert_int_equal(f.rig.display.n_events, 0);
	}
	device_rig_dispatch(&f.rig);
	assert_int_equal(count_turns(&f, bytes), 3);
	assert_false(get_scanout(&f, 0)->is_behind);
	assert_int_equal(f.rig.display.n_events, 1);

	// In the middle of one the scanout shows another blob: that one is what is wanted.
	assert_int_equal(flush(&f, (struct oriel_rect){ 0, 0, 1, 1 }), OK);
	oriel_screen_fetch_pixels(&f.rig.gpu->screen, 0);
	device_rig_dispatch(&f.rig);
	make_plain_blob(&f, BLOB + 1);
	assert_int_equal(show(&f, 0, BLOB + 1, whole), OK);
	device_rig_run(&f.rig);
	assert_int_equal(get_scanout(&f, 0)->src.width, WIDTH);
	// And in the middle of another one it all ends.
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(BLOB + 1)), OK);
	finish(&f);
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** So is the last picture of a blob that loses its backing; then the guest is told. */
static void test_detach_in_slices(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	const uint8_t *bytes = show_big_blob(&f);
	const struct gpu_command cmd = gpu_detach(BLOB);
	(void)device_rig_submit(&f.rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f.rig, RIG_CONTROL);
	for (uint32_t i = 1; i <= 2; i++) {
		device_rig_dispatch(&f.rig);
		assert_int_equal(count_turns(&f, bytes), i);
		assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 0);
		assert_non_null(get_scanout(&f, 0)->dmabuf);
	}
	device_rig_run(&f.rig);
	assert_int_equal(count_turns(&f, bytes), 3);
	assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 1);
	assert_null(get_scanout(&f, 0)->dmabuf);
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(BLOB)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	finish(&f);
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** To make a large dma-buf uses up the turn. */
static void test_the_share_of_a_turn(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	const uint8_t *bytes = show_big_blob(&f);
	for (uint32_t i = 0; i < 6; i++) {
		const struct oriel_rect part = { 0, 0, BIG_WIDTH, BIG_HEIGHT - 1 - i % 2 };
		const struct gpu_command cmd = show_part(0, BLOB, part, &big, PAGE);
		(void)device_rig_submit(&f.rig, RIG_CONTROL, &cmd);
	}
	device_rig_kick(&f.rig, RIG_CONTROL);
	for (uint32_t i = 0; i < 6; i++) {
		device_rig_dispatch(&f.rig);
		assert_int_equal(device_rig_collect_all(&f.rig, RIG_CONTROL), 1);
	}
	finish(&f);
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** Flips make each blob's dma-buf once; it goes with the blob. */
static void test_flips(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	make_plain_blob(&f, BLOB);
	make_plain_blob(&f, BLOB + 1);
	const struct oriel_dmabuf *seen[2] = { NULL, NULL };
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(show(&f, 0, BLOB + i % 2, whole), OK);
		const struct oriel_dmabuf *dmabuf = get_scanout(&f, 0)->dmabuf;
		assert_true(dmabuf != NULL && (seen[i % 2] == NULL || seen[i % 2] == dmabuf));
		seen[i % 2] = dmabuf;
	}
	assert_ptr_not_equal(seen[0], seen[1]);
	assert_int_equal(asked.n_calls, 2);
	assert_int_equal(f.rig.gpu->limits.dmabufs.used, 2);
	const int fd = get_scanout(&f, 0)->dmabuf->fd;
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(BLOB + 1)), OK);
	assert_null(get_scanout(&f, 0)->dmabuf);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(f.rig.gpu->limits.dmabufs.used, 1);
	oriel_virtio_reset(f.rig.virtio);
	assert_int_equal(f.rig.gpu->limits.dmabufs.used, 0);
	finish(&f);
}

/** Pages in any order, across files; a part that begins at a page. */
static void test_lists(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	const struct oriel_mem_entry entries[] = {
		{ SECOND_GPA - 2 * PAGE, 4 * PAGE }, // crosses from one file to the other
		{ FIRST_GPA, PAGE },
		{ SECOND_GPA + 8 * PAGE, SIZE - 5 * PAGE },
	};
	make_blob(&f, BLOB, entries, 3);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_non_null(get_scanout(&f, 0)->dmabuf);
	static const struct {
		uint64_t offset, size;
	} want[] = { { FILE_SIZE - 2 * PAGE, 2 * PAGE }, { 0, 2 * PAGE }, { 0, PAGE },
		{ 8 * PAGE, SIZE - 5 * PAGE } };
	assert_int_equal(asked.n_items, 4);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK(asked.items[i].offset == want[i].offset &&
						asked.items[i].size == want[i].size,
				"item %u: 0x%llx, 0x%llx", i, asked.items[i].offset,
				asked.items[i].size);
	}
	assert_int_equal(asked.items[0].memfd, asked.items[2].memfd);
	assert_int_not_equal(asked.items[0].memfd, asked.items[1].memfd);
	// 6 rows are 3 pages: the last of the first entry is left.
	const struct oriel_rect lower = { 0, 6, WIDTH, HEIGHT - 6 };
	assert_int_equal(show(&f, 0, BLOB, lower), OK);
	assert_int_equal(asked.n_items, 3);
	assert_int_equal(asked.items[0].offset, PAGE);
	assert_int_equal(get_scanout(&f, 0)->dmabuf->layout.height, HEIGHT - 6);
	finish(&f);
}

/** What no dma-buf can be made of is gathered, and nobody notices. */
static void test_what_is_gathered(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	const struct oriel_mem_entry odd[] = { { FIRST_GPA + 64, SIZE } };
	const struct oriel_mem_entry torn[] = { { FIRST_GPA, PAGE + 64 }, { SECOND_GPA, SIZE } };
	const uint64_t heap = fake_guest_alloc(&f.rig.guest, SIZE, PAGE);
	const struct oriel_mem_entry no_file[] = { { heap, SIZE } };
	make_blob(&f, 1, odd, 1);
	make_blob(&f, 2, torn, 2);
	make_blob(&f, 3, no_file, 1);
	make_plain_blob(&f, BLOB);
	const struct {
		const char *name;
		uint32_t id;
		struct oriel_rect rect;
		int err;
		bool no_device;
	} cases[] = {
		{ "not at a page", 1, whole, 0, false },
		{ "torn in a page", 2, whole, 0, false },
		{ "not in a file", 3, whole, 0, false },
		{ "a part in the middle of a page", BLOB, { 0, 1, WIDTH, 9 }, 0, false },
		{ "a part to the right", BLOB, { 4, 0, 9, 9 }, 0, false },
		{ "refused", BLOB, whole, -EINVAL, false },
		{ "no device", BLOB, whole, 0, true },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		asked.err = cases[i].err;
		if (cases[i].no_device) {
			oriel_gpu_set_udmabuf_take(f.rig.gpu, -1);
		}
		CHECK(show(&f, 0, cases[i].id, cases[i].rect) == OK, "%s", cases[i].name);
		CHECK(get_scanout(&f, 0)->dmabuf == NULL, "%s", cases[i].name);
	}
	assert_int_equal(flush(&f, whole), OK);
	assert_true(is_gathered(&f, 0));
	assert_int_equal(f.rig.gpu->limits.dmabufs.used, 0);
	finish(&f);
}

static void test_unsealed_memory_is_gathered(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_GROW);
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_null(get_scanout(&f, 0)->dmabuf);
	assert_int_equal(flush(&f, whole), OK);
	assert_true(is_gathered(&f, 0));
	finish(&f);
}

/** Nobody but a display that takes guest memory has one made. */
static void test_only_for_whom_it_is(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	f.rig.display.base.dmabufs = ORIEL_DISPLAY_TAKES_DMABUFS;
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_null(get_scanout(&f, 0)->dmabuf);
	assert_int_equal(asked.n_calls, 0);
	finish(&f);
}

/** At most so many: the next blob is gathered. */
static void test_budget(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	f.rig.gpu->limits.dmabufs.limit = 1;
	make_plain_blob(&f, BLOB);
	make_plain_blob(&f, BLOB + 1);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	assert_int_equal(show(&f, 1, BLOB + 1, whole), OK);
	assert_non_null(get_scanout(&f, 0)->dmabuf);
	assert_null(get_scanout(&f, 1)->dmabuf);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(BLOB)), OK);
	assert_int_equal(show(&f, 1, BLOB + 1, whole), OK);
	assert_non_null(get_scanout(&f, 1)->dmabuf);
	finish(&f);
}

/** Who gives guest memory back gets it back: the last picture is gathered, the file closed. */
static void test_memory_is_given_back(void **state) {
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct fixture f;
		begin(&f, F_SEAL_SHRINK);
		make_plain_blob(&f, BLOB);
		assert_int_equal(show(&f, 0, BLOB, whole), OK);
		assert_int_equal(flush(&f, whole), OK);
		const int fd = get_scanout(&f, 0)->dmabuf->fd;
		assert_false(is_gathered(&f, 0));
		if (i == 0) {
			assert_int_equal(device_rig_type(&f.rig, gpu_detach(BLOB)), OK);
		} else {
			int err = oriel_memory_remove_region(oriel_virtio_get_memory(f.rig.virtio),
					FIRST_GPA, FILE_SIZE);
			assert_int_equal(err, 0);
			oriel_virtio_handle_memory_change(f.rig.virtio);
		}
		assert_null(get_scanout(&f, 0)->dmabuf);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
		assert_int_equal(f.rig.gpu->limits.dmabufs.used, 0);
		assert_true(is_gathered(&f, 0));
		finish(&f);
	}
}

/** Also from a scanout that shows a dma-buf which the blob has no more: another part had none. */
static void test_memory_of_a_part_is_given_back(void **state) {
	(void)state;
	struct fixture f;
	begin(&f, F_SEAL_SHRINK);
	make_plain_blob(&f, BLOB);
	assert_int_equal(show(&f, 0, BLOB, whole), OK);
	const int fd = get_scanout(&f, 0)->dmabuf->fd;
	assert_int_equal(show(&f, 1, BLOB, (struct oriel_rect){ 0, 1, WIDTH, 9 }), OK);
	assert_null(get_scanout(&f, 1)->dmabuf);
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(BLOB)), OK);
	assert_null(get_scanout(&f, 0)->dmabuf);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	finish(&f);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_gathered),
		cmocka_unit_test(test_late_need_of_pixels),
		cmocka_unit_test(test_late_need_without_memory),
		cmocka_unit_test(test_flush_while_pixels_are_wanted),
		cmocka_unit_test(test_fetch_in_slices),
		cmocka_unit_test(test_detach_in_slices),
		cmocka_unit_test(test_the_share_of_a_turn),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_what_is_gathered),
		cmocka_unit_test(test_unsealed_memory_is_gathered),
		cmocka_unit_test(test_only_for_whom_it_is),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_memory_is_given_back),
		cmocka_unit_test(test_memory_of_a_part_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
