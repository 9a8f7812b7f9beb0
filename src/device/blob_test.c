// SPDX-License-Identifier: MIT
/*
 * Tests of guest blobs: making them, showing them, and what a flush gathers, pixel by pixel.
 */
#include "device/device.h"

#include "fixture/check.h"
#include "fixture/device_rig.h"

#include <string.h>

#define OK VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define NO_SCANOUT VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define NO_RESOURCE VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define WRONG VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

// A picture of 100x60 pixels in a blob, behind some bytes, with rows that are longer than it.
#define BLOB 7u
#define WIDTH 100u
#define HEIGHT 60u
#define STRIDE 432u
#define OFFSET 64u
#define SIZE (OFFSET + (HEIGHT - 1) * STRIDE + WIDTH * 4)

static const struct oriel_rect whole = { 0, 0, WIDTH, HEIGHT };

static struct oriel_cmd_create_blob blob_of(uint32_t id, uint64_t size, uint32_t n_entries) {
	return (struct oriel_cmd_create_blob){
		.resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
		.n_entries = n_entries,
		.size = size,
	};
}

static struct oriel_cmd_set_scanout_blob layout_of(uint32_t scanout_id, struct oriel_rect rect) {
	return (struct oriel_cmd_set_scanout_blob){
		.rect = rect,
		.scanout_id = scanout_id,
		.resource_id = BLOB,
		.width = WIDTH,
		.height = HEIGHT,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { STRIDE, 1, 2, 3 }, // other planes mean nothing
		.offsets = { OFFSET, 1, 2, 3 },
	};
}

struct fixture {
	struct device_rig rig;
	uint64_t gpa; // of the blob's bytes
	uint8_t *bytes;
};

/** Make a blob of two runs of memory that must succeed; noise is in it. */
static void make_blob(struct fixture *f, uint32_t id) {
	f->gpa = fake_guest_alloc(&f->rig.guest, SIZE, 4096);
	f->bytes = fake_guest_get(&f->rig.guest, f->gpa, SIZE);
	for (uint32_t i = 0; i < SIZE; i++) {
		f->bytes[i] = (uint8_t)(i * 7 + i / 251 + id);
	}
	const struct oriel_mem_entry entries[] = { { f->gpa, 1001 },
		{ f->gpa + 1001, SIZE - 1001 } };
	const struct oriel_cmd_create_blob blob = blob_of(id, SIZE, 2);
	assert_int_equal(device_rig_type(&f->rig, gpu_create_blob(&blob, entries, 2)), OK);
}

static void begin(struct fixture *f) {
	device_rig_init(&f->rig, NULL);
	device_rig_start(&f->rig);
	make_blob(f, BLOB);
}

static uint32_t show(struct fixture *f, uint32_t scanout_id, struct oriel_rect rect) {
	const struct oriel_cmd_set_scanout_blob cmd = layout_of(scanout_id, rect);
	return device_rig_type(&f->rig, gpu_set_scanout_blob(&cmd));
}

static uint32_t flush(struct fixture *f, struct oriel_rect rect) {
	return device_rig_type(&f->rig, gpu_flush(BLOB, rect));
}

/** Check that a scanout shows part of the blob as it was in bytes. */
static void check_pixels(struct fixture *f, uint32_t scanout_id, struct oriel_rect part,
		const uint8_t *bytes, const char *name) {
	const struct oriel_scanout *scanout = &f->rig.gpu->screen.scanouts[scanout_id];
	CHECK(scanout->res != NULL, "%s: off", name);
	const struct oriel_resource *image = scanout->res;
	CHECK(scanout->src.width == part.width && scanout->src.height == part.height, "%s: %ux%u",
			name, scanout->src.width, scanout->src.height);
	for (uint32_t y = 0; y < part.height; y++) {
		const uint8_t *want = bytes + OFFSET + (part.y + y) * STRIDE + part.x * 4;
		const uint8_t *got = image->pixels + (size_t)y * image->stride;
		CHECK(memcmp(want, got, part.width * 4) == 0, "%s: row %u", name, y);
	}
}

/** H-160 to H-167, H-171, in the order of the checks. */
static void test_creation(void **state) {
	(void)state;
	static const struct {
		const char *name;
		uint32_t id, mem, flags, n_entries;
		uint64_t size;
		uint32_t entry_size;
		uint32_t want;
	} cases[] = {
		{ "id 0", 0, 9, 0, 1, 4096, 4096, NO_RESOURCE },
		{ "taken", BLOB, 9, 0, 1, 4096, 4096, NO_RESOURCE },
		{ "no memory type", 1, 0, 0, 1, 4096, 4096, WRONG },
		{ "host's, without 3D", 1, 2, 0, 0, 4096, 0, WRONG },
		{ "host's and guest's", 1, 3, 0, 1, 4096, 4096, WRONG },
		{ "type 4", 1, 4, 0, 1, 4096, 4096, WRONG },
		{ "flag 8", 1, 1, 8, 1, 4096, 4096, WRONG },
		{ "flag 31", 1, 1, 1u << 31, 1, 4096, 4096, WRONG },
		{ "size 0", 1, 1, 0, 1, 0, 4096, WRONG },
		{ "size 2^63", 1, 1, 0, 0, 1ull << 63, 0, WRONG },
		{ "size 2^64-1", 1, 1, 0, 0, UINT64_MAX, 0, WRONG },
		{ "one byte too few", 1, 1, 0, 1, 4097, 4096, WRONG },
		{ "entry of length 0", 1, 1, 0, 1, 1, 0, WRONG },
		{ "more entries than there are", 1, 1, 0, 2, 1, 4096, WRONG },
		{ "exact", 1, 1, 0, 1, 4096, 4096, OK },
		{ "now taken", 1, 1, 0, 1, 4096, 4096, NO_RESOURCE },
		{ "more than it needs, all flags", 2, 1, 7, 1, 1, 4096, OK },
		{ "no entries yet", 3, 1, 2, 0, 1ull << 40, 0, OK },
	};
	struct fixture f;
	begin(&f);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct oriel_cmd_create_blob blob =
				blob_of(cases[i].id, cases[i].size, cases[i].n_entries);
		blob.blob_mem = cases[i].mem;
		blob.blob_flags = cases[i].flags;
		const struct oriel_mem_entry entry = { f.gpa, cases[i].entry_size };
		const struct oriel_gpu_statistics before = device_rig_statistics(&f.rig);
		uint32_t type = device_rig_type(&f.rig,
				gpu_create_blob(&blob, &entry, cases[i].n_entries > 0 ? 1 : 0));
		CHECK(type == cases[i].want, "%s: 0x%x", cases[i].name, type);
		const struct oriel_gpu_statistics after = device_rig_statistics(&f.rig);
		uint64_t n = cases[i].want == OK ? 1 : 0;
		CHECK(after.n_resources == before.n_resources + n, "%s: count", cases[i].name);
		CHECK(n == 1 || after.backing_memory == before.backing_memory, "%s: charged",
				cases[i].name);
		CHECK(after.host_memory == 0, "%s: pixels", cases[i].name);
	}
	device_rig_finish(&f.rig);
}

/** SET_SCANOUT_BLOB, in the order of the checks; H-173 to H-177. */
static void test_what_can_be_shown(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	device_rig_create(&f.rig, 1, WIDTH, HEIGHT);
	const struct oriel_cmd_create_blob unbacked = blob_of(2, SIZE, 0);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_blob(&unbacked, NULL, 0)), OK);
	const struct oriel_cmd_set_scanout_blob good = layout_of(0, whole);
	struct {
		const char *name;
		struct oriel_cmd_set_scanout_blob cmd;
		uint32_t want;
	} cases[17];
	size_t n = 0;
#define CASE(what, change, code) \
	do { \
		struct oriel_cmd_set_scanout_blob c = good; \
		change; \
		cases[n].name = what; \
		cases[n].cmd = c; \
		cases[n++].want = code; \
	} while (0)
	CASE("scanout 2 of 2", (c.scanout_id = 2, c.resource_id = 99), NO_SCANOUT);
	CASE("off", (c.resource_id = 0, c.format = 0), OK);
	CASE("unknown", (c.resource_id = 99, c.format = 0), NO_RESOURCE);
	CASE("an image", c.resource_id = 1, WRONG);
	CASE("format 0", c.format = 0, WRONG);
	CASE("format 5", c.format = 5, WRONG);
	CASE("empty", c.rect.width = 0, WRONG);
	CASE("one pixel outside", c.rect.x = 1, WRONG);
	CASE("wrapping", (c.rect.y = UINT32_MAX, c.rect.height = 2), WRONG);
	CASE("stride one pixel short", c.strides[0] = WIDTH * 4 - 4, WRONG);
	CASE("stride 0", c.strides[0] = 0, WRONG);
	CASE("stride of half pixels", c.strides[0] = STRIDE + 2, WRONG);
	CASE("largest stride", c.strides[0] = UINT32_MAX - 3, WRONG);
	CASE("offset of half pixels", c.offsets[0] = OFFSET - 2, WRONG);
	CASE("one pixel beyond the blob", c.offsets[0] = OFFSET + 4, WRONG);
	CASE("no backing", c.resource_id = 2, UNSPEC);
	CASE("exact", (void)c, OK);
#undef CASE
	for (size_t i = 0; i < n; i++) {
		uint32_t type = device_rig_type(&f.rig, gpu_set_scanout_blob(&cases[i].cmd));
		CHECK(type == cases[i].want, "%s: 0x%x", cases[i].name, type);
	}
	// A blob is no image, H-092; and it needs no transfer, L-5.
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(0, BLOB, whole)), WRONG);
	assert_int_equal(device_rig_type(&f.rig, gpu_transfer(BLOB, whole, UINT64_MAX)), OK);
	device_rig_finish(&f.rig);
}

static void test_flush_gathers_the_damage(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 0, whole), OK);
	const struct oriel_rect dot = { 10, 20, 3, 2 };
	assert_int_equal(flush(&f, dot), OK); // the first one gathers all
	check_pixels(&f, 0, whole, f.bytes, "first");
	static uint8_t old[SIZE];
	memcpy(old, f.bytes, SIZE);
	memset(f.bytes, 0x5a, SIZE);
	fake_display_forget(&f.rig.display);
	assert_int_equal(flush(&f, dot), OK);
	assert_int_equal(f.rig.display.n_events, 1);
	assert_int_equal(f.rig.display.events[0].type, FAKE_PRESENT);
	assert_true(oriel_rect_equals(&f.rig.display.events[0].rect, &dot));
	for (uint32_t y = dot.y; y < dot.y + dot.height; y++) {
		memset(old + OFFSET + y * STRIDE + dot.x * 4, 0x5a, dot.width * 4);
	}
	check_pixels(&f, 0, whole, old, "damage only");
	// Rectangles are clipped, H-097; nothing of one is nothing.
	const struct oriel_rect beyond = { 90, 50, UINT32_MAX, UINT32_MAX };
	const struct oriel_rect elsewhere = { WIDTH, 0, 5, 5 };
	fake_display_forget(&f.rig.display);
	assert_int_equal(flush(&f, elsewhere), OK);
	assert_int_equal(f.rig.display.n_events, 0);
	assert_int_equal(flush(&f, beyond), OK);
	const struct oriel_rect corner = { 90, 50, 10, 10 };
	assert_true(oriel_rect_equals(&f.rig.display.events[0].rect, &corner));
	assert_int_equal(flush(&f, whole), OK);
	check_pixels(&f, 0, whole, f.bytes, "all");
	device_rig_finish(&f.rig);
}

/** Page flips keep the image, and gather all of the other blob. */
static void test_flips(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 0, whole), OK);
	assert_int_equal(flush(&f, whole), OK);
	const struct oriel_resource *image = f.rig.gpu->screen.scanouts[0].res;
	uint8_t *first = f.bytes;
	make_blob(&f, BLOB + 1);
	struct oriel_cmd_set_scanout_blob flip = layout_of(0, whole);
	flip.resource_id = BLOB + 1;
	fake_display_forget(&f.rig.display);
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout_blob(&flip)), OK);
	assert_int_equal(f.rig.display.n_events, 0);
	check_pixels(&f, 0, whole, first, "until the flush");
	const struct oriel_rect dot = { 0, 0, 1, 1 };
	assert_int_equal(device_rig_type(&f.rig, gpu_flush(BLOB + 1, dot)), OK);
	check_pixels(&f, 0, whole, f.bytes, "flipped");
	assert_ptr_equal(f.rig.gpu->screen.scanouts[0].res, image);
	assert_int_equal(device_rig_statistics(&f.rig).host_memory, WIDTH * HEIGHT * 4);
	// Another size needs another image, and the first one goes.
	const struct oriel_rect part = { 3, 4, 50, 20 };
	assert_int_equal(show(&f, 0, part), OK);
	assert_int_equal(device_rig_statistics(&f.rig).host_memory, 50 * 20 * 4);
	assert_int_equal(flush(&f, whole), OK);
	check_pixels(&f, 0, part, first, "a part");
	device_rig_finish(&f.rig);
}

/** Two scanouts show parts of one blob; then one of them an image, H-118, H-178. */
static void test_two_scanouts_and_the_end(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	const struct oriel_rect left = { 0, 0, 50, HEIGHT };
	const struct oriel_rect right = { 40, 10, 60, 50 };
	assert_int_equal(show(&f, 0, left), OK);
	assert_int_equal(show(&f, 1, right), OK);
	assert_int_equal(flush(&f, whole), OK);
	check_pixels(&f, 0, left, f.bytes, "left");
	check_pixels(&f, 1, right, f.bytes, "right");
	device_rig_create_backed(&f.rig, 1, 64, 64);
	const struct oriel_rect all = { 0, 0, 64, 64 };
	assert_int_equal(device_rig_type(&f.rig, gpu_set_scanout(1, 1, all)), OK);
	assert_int_equal(f.rig.gpu->screen.scanouts[1].res->id, 1);
	assert_null(f.rig.gpu->blobs[1].blob);
	// Without backing the last picture stays, and a flush is an error.
	assert_int_equal(device_rig_type(&f.rig, gpu_detach(BLOB)), OK);
	assert_int_equal(flush(&f, whole), UNSPEC);
	check_pixels(&f, 0, left, f.bytes, "detached");
	const struct oriel_mem_entry entry = { f.gpa, SIZE };
	assert_int_equal(device_rig_type(&f.rig, gpu_attach(BLOB, &entry, 1, 1)), OK);
	assert_int_equal(flush(&f, whole), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(BLOB)), OK);
	assert_null(f.rig.gpu->screen.scanouts[0].res);
	assert_int_equal(device_rig_type(&f.rig, gpu_unref(1)), OK);
	const struct oriel_gpu_statistics s = device_rig_statistics(&f.rig);
	assert_int_equal(s.n_resources + s.host_memory + s.backing_memory, 0);
	device_rig_finish(&f.rig);
}

/** A reset with a blob on a scanout leaves nothing; a later device serves blobs again. */
static void test_reset(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(show(&f, 0, whole), OK);
	assert_int_equal(flush(&f, whole), OK);
	oriel_virtio_reset(f.rig.virtio);
	const struct oriel_gpu_statistics s = device_rig_statistics(&f.rig);
	assert_int_equal(s.n_resources + s.host_memory + s.backing_memory, 0);
	assert_null(f.rig.gpu->screen.scanouts[0].res);
	device_rig_finish(&f.rig);
}

/** An image over the budget: the old scanout stays. */
static void test_budget(void **state) {
	(void)state;
	struct fixture f;
	const struct oriel_gpu_options options = { .max_host_memory = 50 * HEIGHT * 4,
		.n_heads = 2 };
	device_rig_init(&f.rig, &options);
	device_rig_start(&f.rig);
	make_blob(&f, BLOB);
	const struct oriel_rect half = { 0, 0, 50, HEIGHT };
	const struct oriel_rect more = { 0, 0, 51, HEIGHT };
	assert_int_equal(show(&f, 0, more), NO_MEMORY);
	assert_int_equal(show(&f, 0, half), OK);
	assert_int_equal(flush(&f, whole), OK);
	assert_int_equal(show(&f, 0, more), NO_MEMORY);
	check_pixels(&f, 0, half, f.bytes, "as before");
	device_rig_finish(&f.rig);
}

/** H-124, H-125: a blob's first bytes are a cursor, if there are enough and they are there. */
static void test_cursor(void **state) {
	(void)state;
	struct fixture f;
	begin(&f);
	assert_int_equal(device_rig_type(&f.rig, gpu_update_cursor(0, BLOB, 1, 2)), OK);
	assert_memory_equal(f.rig.gpu->screen.cursors[0].pixels, f.bytes, ORIEL_CURSOR_BYTES);
	const struct oriel_mem_entry entry = { f.gpa, SIZE };
	struct oriel_cmd_create_blob blob = blob_of(1, ORIEL_CURSOR_BYTES - 1, 1);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_blob(&blob, &entry, 1)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_update_cursor(0, 1, 1, 2)), WRONG);
	blob = blob_of(2, ORIEL_CURSOR_BYTES, 0);
	assert_int_equal(device_rig_type(&f.rig, gpu_create_blob(&blob, NULL, 0)), OK);
	assert_int_equal(device_rig_type(&f.rig, gpu_update_cursor(0, 2, 1, 2)), UNSPEC);
	device_rig_finish(&f.rig);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_creation),
		cmocka_unit_test(test_what_can_be_shown),
		cmocka_unit_test(test_flush_gathers_the_damage),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_two_scanouts_and_the_end),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
