// SPDX-License-Identifier: MIT
/* Tests of guest blobs that are shown without a copy. */
#include "fixture/udmabuf_rig.h"

#include "fixture/fail_alloc.h"

static void test_nothing_is_gathered(void **state) {
	struct fixture *f = *state;
	show_plain_blob(f);
	const struct oriel_scanout *scanout = get_scanout(f, 0);
	assert_non_null(scanout->dmabuf);
	assert_int_equal(scanout->dmabuf->layout.stride, STRIDE);
	assert_int_equal(scanout->dmabuf->layout.width, WIDTH);
	assert_int_equal(scanout->dmabuf->layout.size, SIZE);
	assert_true(scanout->dmabuf->layout.is_guest_memory);
	assert_int_equal(asked.n_items, 1);
	assert_int_equal(asked.items[0].offset, PAGE);
	assert_int_equal(asked.items[0].size, SIZE);
	fake_display_forget(&f->rig.display);
	const struct oriel_rect dot = { 3, 4, 5, 6 };
	assert_int_equal(flush(f, whole), OK);
	assert_int_equal(flush(f, dot), OK);
	assert_int_equal(f->rig.display.n_events, 2);
	assert_true(oriel_rect_equals(&f->rig.display.events[1].rect, &dot));
	assert_true(scanout->is_behind);
	assert_false(is_gathered(f, 0));
}

/** Once a display needs pixels, all of them are gathered, and then the damage. */
static void test_late_need_of_pixels(void **state) {
	struct fixture *f = *state;
	show_plain_blob(f);
	assert_int_equal(flush(f, whole), OK);
	struct fake_display late;
	fake_display_init(&late);
	oriel_gpu_attach_display(f->rig.gpu, &late.base);
	assert_int_equal(late.n_events, 1); // old pixels are not presented
	assert_int_equal(late.events[0].type, FAKE_SCANOUT);
	device_rig_run(&f->rig);
	assert_false(get_scanout(f, 0)->is_behind);
	assert_true(is_gathered(f, 0));
	assert_int_equal(late.n_events, 2);
	assert_int_equal(late.events[1].type, FAKE_PRESENT);
	assert_true(oriel_rect_equals(&late.events[1].rect, &whole));
	memset(f->bytes[0], 0x5a, FILE_SIZE);
	const struct oriel_rect dot = { 3, 4, 5, 6 };
	fake_display_forget(&late);
	assert_int_equal(flush(f, dot), OK);
	assert_int_equal(late.n_events, 1);
	assert_true(oriel_rect_equals(&late.events[0].rect, &dot));
	assert_false(is_gathered(f, 0));
	assert_int_equal(get_scanout(f, 0)->res->pixels[4 * WIDTH * 4 + 3 * 4], 0x5a);
	// It goes again: what is flushed then is missing later.
	oriel_gpu_detach_display(f->rig.gpu, &late.base);
	assert_int_equal(flush(f, dot), OK);
	assert_true(get_scanout(f, 0)->is_behind);
	oriel_gpu_attach_display(f->rig.gpu, &late.base);
	device_rig_run(&f->rig);
	assert_true(is_gathered(f, 0));
	oriel_gpu_detach_display(f->rig.gpu, &late.base);
}

/** Pixels are wanted, and there is no memory: nothing needs any. */
static void test_late_need_without_memory(void **state) {
	struct fixture *f = *state;
	show_plain_blob(f);
	assert_int_equal(flush(f, whole), OK);
	fail_alloc_at(1);
	oriel_screen_fetch_pixels(&f->rig.gpu->screen, 0);
	device_rig_run(&f->rig);
	assert_false(fail_alloc_has_failed());
	fail_alloc_at(0);
	assert_false(get_scanout(f, 0)->is_behind);
	assert_true(is_gathered(f, 0));
}

/** While a display waits for pixels, a flush gathers them. */
static void test_flush_while_pixels_are_wanted(void **state) {
	struct fixture *f = *state;
	show_plain_blob(f);
	assert_int_equal(flush(f, whole), OK);
	const struct gpu_command cmd = gpu_flush(BLOB, (struct oriel_rect){ 3, 4, 5, 6 });
	(void)device_rig_submit(&f->rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f->rig, RIG_CONTROL); // before the fetch
	oriel_screen_fetch_pixels(&f->rig.gpu->screen, 0);
	fake_display_forget(&f->rig.display);
	device_rig_run(&f->rig);
	assert_int_equal(device_rig_collect_all(&f->rig, RIG_CONTROL), 1);
	assert_false(get_scanout(f, 0)->is_behind);
	assert_true(is_gathered(f, 0));
	assert_int_equal(f->rig.display.n_events, 1); // and nobody gathers them again
	assert_int_equal(flush(f, whole), OK);
	assert_true(get_scanout(f, 0)->is_behind);
}

/** A large picture is gathered turn by turn, and others have theirs between. */
static void test_fetch_in_slices(void **state) {
	struct fixture *f = *state;
	const uint8_t *bytes = show_big_blob(f);
	fake_display_forget(&f->rig.display);
	oriel_screen_fetch_pixels(&f->rig.gpu->screen, 0);
	for (uint32_t i = 1; i <= 2; i++) {
		device_rig_dispatch(&f->rig);
		assert_int_equal(count_turns(f, bytes), i);
		assert_true(get_scanout(f, 0)->is_behind);
		assert_int_equal(f->rig.display.n_events, 0);
	}
	device_rig_dispatch(&f->rig);
	assert_int_equal(count_turns(f, bytes), 3);
	assert_false(get_scanout(f, 0)->is_behind);
	assert_int_equal(f->rig.display.n_events, 1);

	// In the middle of one the scanout shows another blob: that one is what is wanted.
	assert_int_equal(flush(f, (struct oriel_rect){ 0, 0, 1, 1 }), OK);
	oriel_screen_fetch_pixels(&f->rig.gpu->screen, 0);
	device_rig_dispatch(&f->rig);
	make_plain_blob(f, BLOB + 1);
	assert_int_equal(show(f, 0, BLOB + 1, whole), OK);
	device_rig_run(&f->rig);
	assert_int_equal(get_scanout(f, 0)->src.width, WIDTH);
	// And in the middle of another one it all ends.
	assert_int_equal(device_rig_type(&f->rig, gpu_unref(BLOB + 1)), OK);
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** So is the last picture of a blob that loses its backing; then the guest is told. */
static void test_detach_in_slices(void **state) {
	struct fixture *f = *state;
	const uint8_t *bytes = show_big_blob(f);
	const struct gpu_command cmd = gpu_detach(BLOB);
	(void)device_rig_submit(&f->rig, RIG_CONTROL, &cmd);
	device_rig_kick(&f->rig, RIG_CONTROL);
	for (uint32_t i = 1; i <= 2; i++) {
		device_rig_dispatch(&f->rig);
		assert_int_equal(count_turns(f, bytes), i);
		assert_int_equal(device_rig_collect_all(&f->rig, RIG_CONTROL), 0);
		assert_non_null(get_scanout(f, 0)->dmabuf);
	}
	device_rig_run(&f->rig);
	assert_int_equal(count_turns(f, bytes), 3);
	assert_int_equal(device_rig_collect_all(&f->rig, RIG_CONTROL), 1);
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(device_rig_type(&f->rig, gpu_detach(BLOB)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** To make a large dma-buf uses up the turn. */
static void test_the_share_of_a_turn(void **state) {
	struct fixture *f = *state;
	const uint8_t *bytes = show_big_blob(f);
	for (uint32_t i = 0; i < 6; i++) {
		const struct oriel_rect part = { 0, 0, BIG_WIDTH, BIG_HEIGHT - 1 - i % 2 };
		const struct gpu_command cmd = show_part(0, BLOB, part, &big, PAGE);
		(void)device_rig_submit(&f->rig, RIG_CONTROL, &cmd);
	}
	device_rig_kick(&f->rig, RIG_CONTROL);
	for (uint32_t i = 0; i < 6; i++) {
		device_rig_dispatch(&f->rig);
		assert_int_equal(device_rig_collect_all(&f->rig, RIG_CONTROL), 1);
	}
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** Flips make each blob's dma-buf once; it goes with the blob. */
static void test_flips(void **state) {
	struct fixture *f = *state;
	make_plain_blob(f, BLOB);
	make_plain_blob(f, BLOB + 1);
	const struct oriel_dmabuf *seen[2] = { NULL, NULL };
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(show(f, 0, BLOB + i % 2, whole), OK);
		const struct oriel_dmabuf *dmabuf = get_scanout(f, 0)->dmabuf;
		assert_true(dmabuf != NULL && (seen[i % 2] == NULL || seen[i % 2] == dmabuf));
		seen[i % 2] = dmabuf;
	}
	assert_ptr_not_equal(seen[0], seen[1]);
	assert_int_equal(asked.n_calls, 2);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 2);
	const int fd = get_scanout(f, 0)->dmabuf->fd;
	assert_int_equal(device_rig_type(&f->rig, gpu_unref(BLOB + 1)), OK);
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 1);
	oriel_virtio_reset(f->rig.virtio);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 0);
}

/** Pages in any order, across files; a part that begins at a page. */
static void test_lists(void **state) {
	struct fixture *f = *state;
	const struct oriel_mem_entry entries[] = {
		{ SECOND_GPA - 2 * PAGE, 4 * PAGE }, // crosses from one file to the other
		{ FIRST_GPA, PAGE },
		{ SECOND_GPA + 8 * PAGE, SIZE - 5 * PAGE },
	};
	make_blob(f, BLOB, entries, 3);
	assert_int_equal(show(f, 0, BLOB, whole), OK);
	assert_non_null(get_scanout(f, 0)->dmabuf);
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
	assert_int_equal(show(f, 0, BLOB, lower), OK);
	assert_int_equal(asked.n_items, 3);
	assert_int_equal(asked.items[0].offset, PAGE);
	assert_int_equal(get_scanout(f, 0)->dmabuf->layout.height, HEIGHT - 6);
}

/** What no dma-buf can be made of is gathered, and nobody notices. */
static void test_what_is_gathered(void **state) {
	struct fixture *f = *state;
	const struct oriel_mem_entry odd[] = { { FIRST_GPA + 64, SIZE } };
	const struct oriel_mem_entry torn[] = { { FIRST_GPA, PAGE + 64 }, { SECOND_GPA, SIZE } };
	const uint64_t heap = fake_guest_alloc(&f->rig.guest, SIZE, PAGE);
	const struct oriel_mem_entry no_file[] = { { heap, SIZE } };
	make_blob(f, 1, odd, 1);
	make_blob(f, 2, torn, 2);
	make_blob(f, 3, no_file, 1);
	make_plain_blob(f, BLOB);
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
			oriel_gpu_set_udmabuf_take(f->rig.gpu, -1);
		}
		CHECK(show(f, 0, cases[i].id, cases[i].rect) == OK, "%s", cases[i].name);
		CHECK(get_scanout(f, 0)->dmabuf == NULL, "%s", cases[i].name);
	}
	assert_int_equal(flush(f, whole), OK);
	assert_true(is_gathered(f, 0));
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 0);
}

static int setup_unsealed(void **state) {
	return begin(state, F_SEAL_GROW);
}

static void test_unsealed_memory_is_gathered(void **state) {
	struct fixture *f = *state;
	show_plain_blob(f);
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(flush(f, whole), OK);
	assert_true(is_gathered(f, 0));
}

/** Nobody but a display that takes guest memory has one made. */
static void test_only_for_whom_it_is(void **state) {
	struct fixture *f = *state;
	f->rig.display.base.dmabufs = ORIEL_DISPLAY_TAKES_DMABUFS;
	show_plain_blob(f);
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(asked.n_calls, 0);
}

/** At most so many: the next blob is gathered. */
static void test_budget(void **state) {
	struct fixture *f = *state;
	f->rig.gpu->limits.dmabufs.limit = 1;
	make_plain_blob(f, BLOB);
	make_plain_blob(f, BLOB + 1);
	assert_int_equal(show(f, 0, BLOB, whole), OK);
	assert_int_equal(show(f, 1, BLOB + 1, whole), OK);
	assert_non_null(get_scanout(f, 0)->dmabuf);
	assert_null(get_scanout(f, 1)->dmabuf);
	assert_int_equal(device_rig_type(&f->rig, gpu_unref(BLOB)), OK);
	assert_int_equal(show(f, 1, BLOB + 1, whole), OK);
	assert_non_null(get_scanout(f, 1)->dmabuf);
}

/** Who gives guest memory back gets it back: the last picture is gathered, the file closed. */
static void check_memory_is_given_back(struct fixture *f, bool by_guest) {
	show_plain_blob(f);
	assert_int_equal(flush(f, whole), OK);
	const int fd = get_scanout(f, 0)->dmabuf->fd;
	assert_false(is_gathered(f, 0));
	if (by_guest) {
		assert_int_equal(device_rig_type(&f->rig, gpu_detach(BLOB)), OK);
	} else {
		int err = oriel_memory_remove_region(oriel_virtio_get_memory(f->rig.virtio),
				FIRST_GPA, FILE_SIZE);
		assert_int_equal(err, 0);
		oriel_virtio_handle_memory_change(f->rig.virtio);
	}
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 0);
	assert_true(is_gathered(f, 0));
}

static void test_memory_is_given_back(void **state) {
	check_memory_is_given_back(*state, true);
}

static void test_memory_is_taken_away(void **state) {
	check_memory_is_given_back(*state, false);
}

/** Also from a scanout that shows a dma-buf which the blob has no more: another part had none. */
static void test_memory_of_a_part_is_given_back(void **state) {
	struct fixture *f = *state;
	show_plain_blob(f);
	const int fd = get_scanout(f, 0)->dmabuf->fd;
	assert_int_equal(show(f, 1, BLOB, (struct oriel_rect){ 0, 1, WIDTH, 9 }), OK);
	assert_null(get_scanout(f, 1)->dmabuf);
	assert_int_equal(device_rig_type(&f->rig, gpu_detach(BLOB)), OK);
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static struct oriel_memory *get_memory(const struct fixture *f) {
	return oriel_virtio_get_memory(f->rig.virtio);
}

/** Memory that comes, or goes elsewhere, is nothing to a blob: nothing is copied, all stays. */
static void test_other_memory_changes(void **state) {
	struct fixture *f = *state;
	const uint8_t *bytes = show_big_blob(f);
	const struct oriel_dmabuf *dmabuf = get_scanout(f, 0)->dmabuf;
	fake_display_forget(&f->rig.display);
	const int fd = fcntl(f->files[0], F_DUPFD_CLOEXEC, 0);
	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t gpa = BIG_GPA + BIG_SIZE;
		int err = i == 0 ? oriel_memory_add_region_take(get_memory(f), gpa, FILE_SIZE, 0,
						   fd)
				 : oriel_memory_remove_region(get_memory(f), SECOND_GPA, FILE_SIZE);
		assert_int_equal(err, 0);
		oriel_virtio_handle_memory_change(f->rig.virtio);
		device_rig_run(&f->rig);
		assert_ptr_equal(get_scanout(f, 0)->dmabuf, dmabuf);
		assert_int_equal(count_turns(f, bytes), 0);
		assert_int_equal(f->rig.display.n_events, 0);
		assert_int_equal(f->rig.gpu->limits.dmabufs.used, 1);
	}
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** The same memory in a new table: the VMM does not wait for pixels, and displays get them then. */
static void test_memory_is_mapped_anew(void **state) {
	struct fixture *f = *state;
	const uint8_t *bytes = show_big_blob(f);
	const int fd = get_scanout(f, 0)->dmabuf->fd;
	struct oriel_mem_map *map = oriel_memory_hold_map(get_memory(f));
	int file = -1;
	for (size_t i = 0; i < oriel_mem_map_count_regions(map); i++) {
		const struct oriel_mem_region_info info = oriel_mem_map_get_region(map, i);
		file = info.gpa == BIG_GPA ? fcntl(info.fd, F_DUPFD_CLOEXEC, 0) : file;
	}
	oriel_mem_map_release(map);
	assert_int_equal(oriel_memory_remove_region(get_memory(f), BIG_GPA, BIG_SIZE), 0);
	assert_int_equal(oriel_memory_add_region_take(get_memory(f), BIG_GPA, BIG_SIZE, 0, file),
			0);
	fake_display_forget(&f->rig.display);
	oriel_virtio_handle_memory_change(f->rig.virtio);
	assert_null(get_scanout(f, 0)->dmabuf);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 0);
	assert_int_equal(count_turns(f, bytes), 0);
	assert_true(get_scanout(f, 0)->is_behind); // so nobody takes it for the picture
	assert_int_equal(f->rig.display.n_events, 1);
	assert_int_equal(f->rig.display.events[0].type, FAKE_SCANOUT);
	device_rig_run(&f->rig);
	assert_int_equal(count_turns(f, bytes), 3);
	assert_false(get_scanout(f, 0)->is_behind);
	assert_int_equal(f->rig.display.n_events, 2);
	assert_int_equal(f->rig.display.events[1].type, FAKE_PRESENT);
	munmap((void *)(uintptr_t)bytes, BIG_SIZE);
}

/** And before they do, the memory goes: by another change, or since the guest takes it. */
static void check_memory_is_mapped_anew_and_goes(struct fixture *f, bool by_guest) {
	show_plain_blob(f);
	assert_int_equal(flush(f, whole), OK);
	const struct gpu_command cmd = gpu_detach(BLOB);
	(void)device_rig_submit(&f->rig, RIG_CONTROL, &cmd);
	const int file = fcntl(f->files[0], F_DUPFD_CLOEXEC, 0);
	struct oriel_memory *memory = get_memory(f);
	assert_int_equal(oriel_memory_remove_region(memory, FIRST_GPA, FILE_SIZE), 0);
	assert_int_equal(oriel_memory_add_region_take(memory, FIRST_GPA, FILE_SIZE, 0, file), 0);
	if (by_guest) {
		device_rig_kick(&f->rig, RIG_CONTROL); // before the fetch
	}
	oriel_virtio_handle_memory_change(f->rig.virtio);
	assert_false(is_gathered(f, 0));
	fake_display_forget(&f->rig.display);
	if (!by_guest) {
		assert_int_equal(oriel_memory_remove_region(memory, FIRST_GPA, FILE_SIZE), 0);
		oriel_virtio_handle_memory_change(f->rig.virtio);
	}
	device_rig_run(&f->rig);
	assert_true(is_gathered(f, 0));
	assert_false(get_scanout(f, 0)->is_behind);
	assert_true(f->rig.display.n_events > 0);
	assert_int_equal(f->rig.display.events[0].type, FAKE_PRESENT);
}

static void test_memory_is_mapped_anew_and_given_back(void **state) {
	check_memory_is_mapped_anew_and_goes(*state, true);
}

static void test_memory_is_mapped_anew_and_taken_away(void **state) {
	check_memory_is_mapped_anew_and_goes(*state, false);
}

/** Two scanouts of one blob whose memory goes: both have the last picture. And one is not shown. */
static void test_memory_of_all_scanouts_goes(void **state) {
	struct fixture *f = *state;
	make_plain_blob(f, BLOB + 1);
	assert_int_equal(show(f, 0, BLOB + 1, whole), OK);
	make_plain_blob(f, BLOB);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(show(f, i, BLOB, whole), OK);
	}
	assert_int_equal(flush(f, whole), OK);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 2);
	fake_display_forget(&f->rig.display);
	assert_int_equal(oriel_memory_remove_region(get_memory(f), FIRST_GPA, FILE_SIZE), 0);
	oriel_virtio_handle_memory_change(f->rig.virtio);
	assert_int_equal(f->rig.gpu->limits.dmabufs.used, 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_null(get_scanout(f, i)->dmabuf);
		assert_false(get_scanout(f, i)->is_behind);
		assert_true(is_gathered(f, i));
	}
	assert_int_equal(f->rig.display.n_events, 4);
	assert_int_equal(f->rig.display.events[3].type, FAKE_PRESENT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_gathered),
		TEST(test_late_need_of_pixels),
		TEST(test_late_need_without_memory),
		TEST(test_flush_while_pixels_are_wanted),
		TEST(test_fetch_in_slices),
		TEST(test_detach_in_slices),
		TEST(test_the_share_of_a_turn),
		TEST(test_flips),
		TEST(test_lists),
		TEST(test_what_is_gathered),
		cmocka_unit_test_setup_teardown(test_unsealed_memory_is_gathered, setup_unsealed,
				teardown),
		TEST(test_only_for_whom_it_is),
		TEST(test_budget),
		TEST(test_memory_is_given_back),
		TEST(test_memory_is_taken_away),
		TEST(test_memory_of_a_part_is_given_back),
		TEST(test_other_memory_changes),
		TEST(test_memory_is_mapped_anew),
		TEST(test_memory_is_mapped_anew_and_given_back),
		TEST(test_memory_is_mapped_anew_and_taken_away),
		TEST(test_memory_of_all_scanouts_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
