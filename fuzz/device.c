// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a whole device, between a guest that does anything and a VMM that starts, stops,
 * resets it and changes its memory at any time, with a display that answers when it likes.
 *
 * The input is a row of operations, a byte each and its arguments. Mostly the guest sends commands
 * with fields from the input; it may also send bytes of any kind, cut them anywhere, and write
 * anything into its rings. A model says which chains are in flight, so that what comes back can be
 * judged: each chain once, with no more bytes written than there was room for, fenced ones in their
 * order, and budgets that are exact.
 *
 * With ORIEL_FUZZ_3D the device has a 3D renderer, whose operations come back when the input says
 * so, and how; and which is lost at times.
 */
#include "fixture/device_rig.h"

#include "device/device.h"
#include "fixture/gpu_command_3d.h"
#include "fixture/manual_renderer3d.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ORIEL_FUZZ_3D
#define ORIEL_FUZZ_3D 0
#endif

#define MAX_OPERATIONS 400
#define RING_SIZE 16u
#define APART_GPA 0x40000000u
#define APART_SIZE 0x2000u
#define MAIN_SIZE 0x40000u
#define MAX_HOST_MEMORY (10u * 1024u * 1024u)
#define MAX_BACKING_MEMORY 4096u

struct fuzz {
	struct device_rig rig;
	struct manual_renderer3d renderer3d;
	struct oriel_reader in;
	bool has_apart; // the second region is there
	bool is_started[2];
	bool is_wild[2]; // the guest has written into the ring: the model is off
	bool in_flight[2][RING_SIZE];
	bool is_fenced[2][RING_SIZE];
	bool is_ordered[2][RING_SIZE]; // with all others: its fence is not on a timeline of its own
	uint32_t orders[2][RING_SIZE]; // when chains were submitted
	uint32_t n_submitted;
	uint32_t last_order[2]; // of the ordered chain that came back last
	uint32_t n_stopped[2];  // as told, when last looked at
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "device: %s\n", what);
		abort();
	}
}

static uint8_t read_byte(struct fuzz *f) {
	return oriel_read_u8(&f->in);
}

/** A small number mostly, sometimes any. */
static uint32_t read_number(struct fuzz *f) {
	uint8_t v = read_byte(f);
	return v < 0xf0 ? v & 0x3f : v < 0xf8 ? oriel_read_u16(&f->in) : oriel_read_u32(&f->in);
}

static struct oriel_rect read_rect(struct fuzz *f) {
	struct oriel_rect rect;
	rect.x = read_number(f);
	rect.y = read_number(f);
	rect.width = read_number(f);
	rect.height = read_number(f);
	return rect;
}

static uint32_t read_id(struct fuzz *f) {
	return read_byte(f) % 6;
}

static uint32_t read_entries(struct fuzz *f, struct oriel_mem_entry *entries) {
	uint32_t n = read_byte(f) % 40;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t base = read_byte(f) % 2 == 0 ? FAKE_GUEST_BASE : APART_GPA;
		entries[i].gpa = base + oriel_read_u16(&f->in);
		entries[i].length = read_byte(f) < 0x80 ? 4096 : read_number(f);
	}
	return n;
}

static struct gpu_command make_attach(struct fuzz *f) {
	struct oriel_mem_entry entries[GPU_COMMAND_MAX_ENTRIES];
	uint32_t id = read_id(f);
	uint32_t n = read_entries(f, entries);
	uint32_t n_told = read_byte(f) < 0xf0 ? n : read_number(f);
	return gpu_attach(id, entries, n, n_told);
}

/** A blob, mostly of the guest's memory, and as large as its pages, or a cursor. */
static struct gpu_command make_blob(struct fuzz *f) {
	struct oriel_mem_entry entries[GPU_COMMAND_MAX_ENTRIES];
	const uint8_t how = read_byte(f);
	struct oriel_cmd_create_blob body = { .resource_id = read_id(f) };
	const uint32_t n = read_entries(f, entries);
	body.blob_mem = how < 0xe0 ? VIRTIO_GPU_BLOB_MEM_GUEST : how % 4;
	body.blob_flags = how % 8;
	body.n_entries = n;
	body.size = how % 2 == 0 ? ORIEL_CURSOR_BYTES : 4096ull * n + how % 16 / 8;
	return gpu_create_blob(&body, entries, n);
}

static struct gpu_command make_blob_scanout(struct fuzz *f) {
	const uint8_t how = read_byte(f);
	struct oriel_cmd_set_scanout_blob body = { .scanout_id = how % 3,
		.resource_id = read_id(f) };
	body.rect = read_rect(f);
	body.width = how < 0x80 ? body.rect.x + body.rect.width : read_number(f);
	body.height = how < 0x80 ? body.rect.y + body.rect.height : read_number(f);
	body.format = how % 16 == 15 ? 0 : 2;
	body.strides[0] = how < 0xc0 ? body.width * ORIEL_BYTES_PER_PIXEL : read_number(f);
	body.offsets[0] = how < 0xc0 ? how / 4 : read_number(f);
	return gpu_set_scanout_blob(&body);
}

/** One command of those that there are. Arguments are read one statement at a time. */
static struct gpu_command make_command(struct fuzz *f) {
	static const uint32_t formats[] = { 1, 2, 67, 134, 0 };
	const uint8_t any_kind = read_byte(f);
	if (any_kind >= 0xd0) {
		return any_kind % 2 == 0 ? make_blob(f) : make_blob_scanout(f);
	}
	const uint8_t kind = any_kind % 16;
	const uint32_t id = read_id(f);
	const uint32_t a = read_number(f);
	const uint32_t b = read_number(f);
	switch (kind) {
	case 0:
		return gpu_command_of(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	case 1:
		return gpu_create_2d(id, formats[a % 5], a, b);
	case 2:
		return gpu_create_2d(id, 1, 64, 64);
	case 3: // goes in slices
		return gpu_create_2d(id, 1, 1024, 1200);
	case 4:
		return gpu_unref(id);
	case 5:
		return gpu_set_scanout(a % 3, id, read_rect(f));
	case 6:
		return gpu_set_scanout(a % 3, id, (struct oriel_rect){ 0, 0, 64, 64 });
	case 7:
		return gpu_flush(id, read_rect(f));
	case 8:
		return gpu_transfer(id, read_rect(f), b);
	case 9:
		return gpu_transfer(id, (struct oriel_rect){ 0, 0, 1024, 1200 }, a);
	case 10:
		return gpu_detach(id);
	case 11:
		return gpu_get_edid(a);
	case 12:
		return gpu_assign_uuid(id);
	case 13:
		return gpu_update_cursor(a % 3, id, (int32_t)a, (int32_t)b);
	case 14:
		return gpu_move_cursor(a % 3, (int32_t)a, (int32_t)b);
	default:
		return make_attach(f);
	}
}

/** One command of contexts and 3D. */
static struct gpu_command make_command_3d(struct fuzz *f) {
	const uint8_t kind = read_byte(f) % 12;
	const uint32_t id = read_id(f);
	const uint32_t ctx_id = read_byte(f) % 4;
	const uint32_t a = read_number(f);
	const uint32_t b = read_number(f);
	switch (kind) {
	case 0:
		return gpu_get_capset_info(a);
	case 1:
		return gpu_get_capset(a, b);
	case 2:
		return gpu_ctx_create(ctx_id, a % 4, "fuzz");
	case 3:
		return gpu_ctx_destroy(ctx_id);
	case 4:
	case 5:
		return gpu_ctx_resource(kind == 4 ? VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE
						  : VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
				ctx_id, id);
	case 6:
		return gpu_create_3d(id, a % 5, 64, 64);
	case 7:
		return gpu_create_3d(id, a, b, a);
	case 8:
	case 9:
		return gpu_transfer_3d(kind == 8 ? VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D
						 : VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
				ctx_id, id, a, b);
	default:
		return gpu_submit_3d(ctx_id, a % 8, b % 2 == 0 ? a % 8 * 4 : b);
	}
}

/** A backing large enough for the transfers that go in slices: the same memory over and over. */
static struct gpu_command make_large_attach(struct fuzz *f) {
	struct oriel_mem_entry entries[24];
	uint8_t offset = read_byte(f);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(entries); i++) {
		entries[i] = (struct oriel_mem_entry){ FAKE_GUEST_BASE + offset, MAIN_SIZE - 256 };
	}
	return gpu_attach(read_id(f), entries, ORIEL_ARRAY_LEN(entries), ORIEL_ARRAY_LEN(entries));
}

static void submit(struct fuzz *f, unsigned int queue, const uint8_t *bytes, size_t size,
		bool fenced) {
	struct fake_ring *ring = &f->rig.rings[queue];
	static const size_t rooms[] = { RIG_ROOM, RIG_ROOM, 0, 24, 23, 407, 1056 };
	static const size_t cuts[] = { 0, 0, 0, 1, 7, 33, 300 };
	struct rig_chain chain;
	chain.room = rooms[read_byte(f) % ORIEL_ARRAY_LEN(rooms)];
	chain.span_size = cuts[read_byte(f) % ORIEL_ARRAY_LEN(cuts)];
	uint64_t room_left = fake_guest_end(&f->rig.guest) - f->rig.guest.next_gpa;
	if (ring->n_free < 2 || size + chain.room == 0 || room_left < 48 * 1024) {
		return;
	}
	uint16_t head = device_rig_submit_as(&f->rig, queue, bytes, size, &chain);
	f->in_flight[queue][head] = true;
	f->is_fenced[queue][head] = fenced && size >= ORIEL_CTRL_HDR_SIZE;
	f->is_ordered[queue][head] = f->is_fenced[queue][head] &&
				     (bytes[4] & VIRTIO_GPU_FLAG_INFO_RING_IDX) == 0;
	f->orders[queue][head] = ++f->n_submitted;
}

static void submit_command(struct fuzz *f, bool is_large_attach) {
	struct gpu_command cmd = is_large_attach                          ? make_large_attach(f)
				 : ORIEL_FUZZ_3D && read_byte(f) % 2 != 0 ? make_command_3d(f)
									  : make_command(f);
	uint8_t how = read_byte(f);
	bool is_cursor = gpu_command_type(&cmd) >= VIRTIO_GPU_CMD_UPDATE_CURSOR;
	unsigned int queue = is_cursor != (how % 32 == 31) ? RIG_CURSOR : RIG_CONTROL;
	size_t size = cmd.size;
	bool fenced = (how & 0x40) != 0;
	if (fenced) {
		cmd = gpu_command_fenced(cmd, how % 4);
	}
	if (how >= 0xf0) { // cut, or with a byte changed
		size = read_byte(f) % (size + 1);
	} else if (how >= 0xe0) {
		// Flags stay, or the model would have to look.
		cmd.bytes[8 + read_byte(f) % (size - 8)] = read_byte(f);
	}
	submit(f, queue, cmd.bytes, size, fenced);
}

static void submit_bytes(struct fuzz *f) {
	uint8_t bytes[128] = { 0 };
	size_t size = read_byte(f) % sizeof(bytes);
	for (size_t i = 0; i < size; i++) {
		bytes[i] = read_byte(f);
	}
	submit(f, read_byte(f) % 2, bytes, size, (bytes[4] & VIRTIO_GPU_FLAG_FENCE) != 0);
}

/** Take what came back, and judge it. */
static void collect(struct fuzz *f, unsigned int queue) {
	struct rig_reply reply;
	// A guest that has written into its ring cannot trust what it finds there.
	while (!f->is_wild[queue] && device_rig_collect(&f->rig, queue, &reply)) {
		must(f->in_flight[queue][reply.head], "a chain came back that was not in flight");
		f->in_flight[queue][reply.head] = false;
		must(reply.written <= 1056, "more than the largest response");
		must(reply.body == NULL || (reply.hdr.flags != 0) ==
								f->is_fenced[queue][reply.head],
				"a fence that was not asked for, or none");
		if (f->is_ordered[queue][reply.head]) {
			uint32_t order = f->orders[queue][reply.head];
			must(order > f->last_order[queue], "fences out of order");
			f->last_order[queue] = order;
		}
	}
}

static void write_into_ring(struct fuzz *f) {
	unsigned int queue = read_byte(f) % 2;
	struct fake_ring *ring = &f->rig.rings[queue];
	uint8_t what = read_byte(f) % 6;
	uint16_t v = oriel_read_u16(&f->in);
	if (what == 0) { // harmless
		fake_ring_set_avail_flags(ring, v);
		return;
	}
	// A response may go anywhere from here on, also into the other ring.
	f->is_wild[0] = true;
	f->is_wild[1] = true;
	switch (what) {
	case 1:
		fake_ring_set_avail_idx(ring, v);
		break;
	case 2:
		fake_ring_set_used_idx(ring, v);
		break;
	case 3:
		fake_ring_add_head(ring, v);
		(void)fake_ring_publish(ring);
		break;
	case 4: {
		uint64_t gpa = FAKE_GUEST_BASE + oriel_read_u16(&f->in);
		fake_ring_set_desc(ring, v % RING_SIZE, gpa, read_number(f), read_byte(f) % 8,
				read_byte(f) % (RING_SIZE + 1));
		break;
	}
	default: {
		uint64_t gpa = FAKE_GUEST_BASE + v;
		*(uint8_t *)fake_guest_get(&f->rig.guest, gpa, 1) = read_byte(f);
		break;
	}
	}
}

static void start(struct fuzz *f, unsigned int queue, bool is_fresh) {
	if (f->is_started[queue]) {
		return;
	}
	if (is_fresh || f->is_wild[queue]) {
		fake_ring_restart_at(&f->rig.rings[queue], 0);
		memset(f->in_flight[queue], 0, sizeof(f->in_flight[queue]));
		f->is_wild[queue] = false;
		f->last_order[queue] = f->n_submitted;
	}
	collect(f, queue);
	const struct oriel_virtio_queue config = device_rig_config(&f->rig, queue);
	must(oriel_virtio_start_queue(f->rig.virtio, queue, &config) == 0, "it does not start");
	f->is_started[queue] = true;
}

/** Have all operations of the renderer come back, also those that come of that. */
static void finish_operations(struct fuzz *f, int err) {
	manual_renderer3d_finish_all(&f->renderer3d, err);
	manual_renderer3d_forget(&f->renderer3d);
}

static void lose_renderer(struct fuzz *f) {
	finish_operations(f, -ENOTCONN);
	f->renderer3d.base.listener.handle_lost(f->renderer3d.base.listener.user, "by chance");
}

/** The renderer does something. */
static void run_renderer(struct fuzz *f) {
	static const int errors[] = { 0, 0, -EINVAL, -ENOMEM };
	struct manual_renderer3d *renderer = &f->renderer3d;
	const uint8_t what = read_byte(f);
	const int err = errors[what >> 6];
	switch (what % 8) {
	case 0:
		lose_renderer(f);
		break;
	case 1:
		renderer->is_prompt = !renderer->is_prompt;
		break;
	case 2:
		renderer->is_full = !renderer->is_full;
		if (!renderer->is_full) {
			renderer->base.listener.handle_room(renderer->base.listener.user);
		}
		break;
	case 3:
	case 4:
		finish_operations(f, err);
		break;
	default: // the first one of some kind
		for (size_t i = 0; i < renderer->n_ops; i++) {
			if (renderer->ops[i].op != NULL && renderer->ops[i].type % 4 == what % 4) {
				manual_renderer3d_finish(renderer, renderer->ops[i].type, err);
				break;
			}
		}
		break;
	}
}

static void reset(struct fuzz *f) {
	oriel_virtio_reset(f->rig.virtio);
	if (ORIEL_FUZZ_3D) {
		finish_operations(f, 0); // they hold on to images
		must(oriel_virtio_is_settled(f->rig.virtio), "it does not settle");
	}
	struct oriel_gpu_statistics s = device_rig_statistics(&f->rig);
	must(s.n_resources + s.host_memory + s.backing_memory + s.n_contexts + s.memory_3d == 0,
			"something is left after reset");
	must(fake_display_count_open(&f->rig.display) == 0, "a question is open after reset");
	uint16_t used[2];
	for (unsigned int i = 0; i < 2; i++) {
		used[i] = fake_ring_get_used_idx(&f->rig.rings[i]);
	}
	device_rig_run(&f->rig);
	for (unsigned int i = 0; i < 2; i++) {
		must(fake_ring_get_used_idx(&f->rig.rings[i]) == used[i], "written after reset");
		f->is_started[i] = false;
	}
	device_rig_set_features(&f->rig, RIG_ALL_FEATURES & ~(1ull << ORIEL_VIRTIO_F_EVENT_IDX));
	for (unsigned int i = 0; i < 2; i++) {
		start(f, i, true);
	}
}

static void change_memory(struct fuzz *f) {
	if (f->has_apart) {
		device_rig_hide_memory(&f->rig, APART_GPA, APART_SIZE);
	} else {
		device_rig_show_memory(&f->rig, APART_GPA, APART_SIZE);
	}
	f->has_apart = !f->has_apart;
}

static void attach_or_detach(struct fuzz *f) {
	if (f->rig.display.base.screen != NULL) {
		oriel_gpu_detach_display(f->rig.gpu, &f->rig.display.base);
		must(fake_display_count_open(&f->rig.display) == 0, "a question is open");
	} else {
		oriel_gpu_attach_display(f->rig.gpu, &f->rig.display.base);
	}
}

static void run_operation(struct fuzz *f) {
	unsigned int queue;
	if (ORIEL_FUZZ_3D && f->renderer3d.n_ops > MANUAL_RENDERER_MAX_OPS / 2) {
		finish_operations(f, 0);
	}
	switch (read_byte(f) % (ORIEL_FUZZ_3D ? 24 : 20)) {
	case 0:
		queue = read_byte(f) % 2;
		oriel_virtio_stop_queue(f->rig.virtio, queue);
		break;
	case 1:
		start(f, read_byte(f) % 2, false);
		break;
	case 2:
		reset(f);
		break;
	case 3:
		change_memory(f);
		break;
	case 4:
		fake_display_answer(&f->rig.display, read_byte(f) % 2 == 0 ? 0 : -ETIMEDOUT);
		break;
	case 5:
		f->rig.display.answers = (enum fake_answers)(read_byte(f) % 4);
		f->rig.display.reply.edid_size = 128u * (read_byte(f) % 9u);
		f->rig.display.reply.heads[read_byte(f) % 16] = (struct oriel_head){
			.rect = { 0, 0, 640, 480 },
			.enabled = true,
		};
		break;
	case 6:
		attach_or_detach(f);
		break;
	case 7:
		write_into_ring(f);
		break;
	case 8:
		submit_bytes(f);
		break;
	case 9:
		submit_command(f, true);
		break;
	case 10:
	case 11:
		device_rig_kick(&f->rig, read_byte(f) % 2);
		break;
	case 12:
	case 13:
		device_rig_dispatch(&f->rig);
		break;
	case 14:
		device_rig_kick(&f->rig, RIG_CONTROL);
		device_rig_kick(&f->rig, RIG_CURSOR);
		device_rig_run(&f->rig);
		break;
	case 20:
	case 21:
	case 22:
		run_renderer(f);
		break;
	default:
		submit_command(f, false);
		break;
	}
}

static void check(struct fuzz *f) {
	for (unsigned int i = 0; i < 2; i++) {
		if (f->rig.told[i].n_stopped != f->n_stopped[i]) {
			must(f->rig.told[i].n_stopped == f->n_stopped[i] + 1, "stopped twice");
			must(f->is_started[i], "stopped though it was not started");
			f->n_stopped[i]++;
			f->is_started[i] = false;
			collect(f, i);
			must(f->is_wild[i] || f->rig.told[i].base == f->rig.rings[i].seen_used,
					"a base that is not the used index");
		}
		must(oriel_virtq_is_started(f->rig.gpu->queues[i].ring.vq) == f->is_started[i],
				"started or not");
		collect(f, i);
	}
	struct oriel_gpu_statistics s = device_rig_statistics(&f->rig);
	must(s.n_resources <= 5 && s.host_memory <= MAX_HOST_MEMORY &&
					s.backing_memory <= MAX_BACKING_MEMORY,
			"over a budget");
	must(s.n_resources > 0 || s.backing_memory == 0, "a backing of nothing");
	must(s.n_errors <= s.n_commands, "more errors than commands");
}

/** With sound rings, everything comes back in the end, and all can be given back. */
static void settle(struct fuzz *f) {
	f->rig.display.answers = FAKE_CANNOT_ANSWER;
	f->renderer3d.is_full = false;
	for (int i = 0; ORIEL_FUZZ_3D && i < 64; i++) { // a command may need several, one by one
		finish_operations(f, 0);
		device_rig_kick(&f->rig, RIG_CONTROL);
		device_rig_run(&f->rig);
	}
	device_rig_kick(&f->rig, RIG_CONTROL);
	device_rig_kick(&f->rig, RIG_CURSOR);
	device_rig_run(&f->rig);
	while (fake_display_count_open(&f->rig.display) > 0) {
		fake_display_answer(&f->rig.display, -ENOTCONN);
	}
	device_rig_run(&f->rig);
	check(f);
	for (unsigned int i = 0; i < 2; i++) {
		if (!f->is_started[i] || f->is_wild[i]) {
			continue;
		}
		must(f->rig.told[i].n_needs_reset == 0 ||
						!oriel_virtq_is_broken(f->rig.gpu->queues[i]
										       .ring.vq,
								NULL),
				"a sound ring is broken");
		for (size_t k = 0; k < RING_SIZE; k++) {
			must(!f->in_flight[i][k], "a chain never came back");
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct fuzz f;
	f = (struct fuzz){ .in = oriel_reader_of(data, size), .has_apart = true };
	struct oriel_gpu_options options = {
		.n_heads = 2,
		.max_resources = 5,
		.max_host_memory = MAX_HOST_MEMORY,
		.max_backing_memory = MAX_BACKING_MEMORY,
	};
	if (ORIEL_FUZZ_3D) {
		manual_renderer3d_init(&f.renderer3d);
		options.renderer3d = &f.renderer3d.base;
		options.max_contexts = 3;
	}
	device_rig_init_small(&f.rig, &options, RING_SIZE, MAIN_SIZE);
	device_rig_add_memory(&f.rig, APART_GPA, APART_SIZE);
	device_rig_set_features(&f.rig, RIG_ALL_FEATURES & ~(1ull << ORIEL_VIRTIO_F_EVENT_IDX));
	start(&f, RIG_CONTROL, true);
	start(&f, RIG_CURSOR, true);
	for (int i = 0; i < MAX_OPERATIONS && oriel_reader_left(&f.in) > 0; i++) {
		run_operation(&f);
		check(&f);
	}
	settle(&f);
	device_rig_finish(&f.rig);
	return 0;
}
