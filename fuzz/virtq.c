// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a virtqueue between a guest that writes anything anywhere and a device that does all
 * that a device may do, at any time. The ring is split or packed.
 *
 * The input is the queue's properties, then a row of operations, a byte each and its arguments. A
 * model says what the queue must do: which chains are in flight, and which bytes of guest memory
 * each call may change. Everything else in guest memory must stay as the guest left it.
 */
#include "fixture/fake_ring.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MAIN_SIZE 0x2000u
#define NEXT_SIZE 0x400u // touches the main region
#define ALL_SIZE (MAIN_SIZE + NEXT_SIZE)
#define NEXT_GPA (FAKE_GUEST_BASE + MAIN_SIZE)
#define MAX_RING_SIZE 32u
#define MAX_OPERATIONS 1000

struct fuzz {
	struct fake_guest guest;
	struct fake_ring ring;
	struct oriel_mem_map *map; // held
	struct oriel_virtq *vq;
	struct oriel_virtq_config config;
	bool has_next;  // the second region is in the table
	bool is_mapped; // the queue's map has the ring

	// The model. Packed: positions as the ring has them, the wrap counter as bit 15.
	bool in_flight[MAX_RING_SIZE]; // split: by head
	struct {
		uint16_t id, n_slots;
	} lists[MAX_RING_SIZE]; // packed: in no order
	uint32_t n_in_flight;
	uint16_t next_avail, next_used, published;
	uint16_t n_taken, n_batch; // packed: slots from published to next_avail, to next_used
	uint16_t first_flags;      // packed: of the used descriptor at published
	bool is_broken;
	const char *reason;
	uint8_t before[ALL_SIZE]; // guest memory before the current call
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "virtq: %s\n", what);
		abort();
	}
}

static void remember_memory(struct fuzz *f) {
	memcpy(f->before, f->guest.regions[0].hva, MAIN_SIZE);
	memcpy(f->before + MAIN_SIZE, f->guest.regions[1].hva, NEXT_SIZE);
}

/** The call that just was may have changed [gpa, gpa + size), and nothing else. */
static void check_memory(struct fuzz *f, uint64_t gpa, size_t size) {
	if (size > 0) {
		memcpy(f->before + (gpa - FAKE_GUEST_BASE), fake_guest_get(&f->guest, gpa, size),
				size);
	}
	bool is_same = memcmp(f->before, f->guest.regions[0].hva, MAIN_SIZE) == 0 &&
		       memcmp(f->before + MAIN_SIZE, f->guest.regions[1].hva, NEXT_SIZE) == 0;
	must(is_same, "guest memory was written where nothing may be written");
}

/** Broken queues stay so, for the same reason. */
static void check_broken(struct fuzz *f) {
	const char *reason = NULL;
	bool is_broken = oriel_virtq_is_broken(f->vq, &reason);
	must(is_broken == (reason != NULL), "broken without a reason, or the other way round");
	must(is_broken || !f->is_broken, "a broken queue has mended itself");
	must(!f->is_broken || reason == f->reason, "the reason has changed");
	f->is_broken = is_broken;
	f->reason = reason;
	must(oriel_virtq_count_in_flight(f->vq) == f->n_in_flight, "chains in flight");
	must(oriel_virtq_count_available(f->vq) <= f->ring.size, "more chains than the ring has");
}

/** Where a packed ring goes on. */
static void begin_packed(struct fuzz *f, uint32_t base) {
	f->next_avail = (uint16_t)base;
	f->next_used = f->next_avail;
	f->n_taken = 0;
	// A used position less than a ring behind is believed.
	uint16_t used = (uint16_t)(base >> 16);
	for (uint16_t n = 1; n < f->ring.size && (used & 0x7fff) < f->ring.size; n++) {
		if (fake_ring_advance(&f->ring, used, n) == f->next_avail) {
			f->next_used = used;
			f->n_taken = n;
		}
	}
	f->published = f->next_used;
	f->n_batch = 0;
	uint32_t event = fake_ring_get_device_event(&f->ring);
	must(event == (f->config.event_idx ? f->next_avail | 0x20000u : 0), "no kicks asked for");
}

static void begin_split(struct fuzz *f, uint32_t base) {
	memset(f->in_flight, 0, sizeof(f->in_flight));
	f->next_avail = (uint16_t)base;
	uint16_t used = fake_ring_get_used_idx(&f->ring);
	f->next_used = (uint16_t)(f->next_avail - used) <= f->ring.size ? used : f->next_avail;
	f->published = f->next_used;
	must(fake_ring_get_used_flags(&f->ring) == 0, "it starts without asking for kicks");
}

static void start(struct fuzz *f, uint32_t base) {
	f->config.base = base;
	remember_memory(f);
	int err = oriel_virtq_start(f->vq, &f->config, f->map);
	if (err < 0) {
		must(err == -EFAULT, "a good ring is refused");
		check_memory(f, 0, 0);
		return;
	}
	f->n_in_flight = 0;
	f->is_broken = false;
	f->is_mapped = true;
	if (f->ring.packed) {
		begin_packed(f, base);
	} else {
		begin_split(f, base);
	}
}

static uint32_t model_base(const struct fuzz *f) {
	return f->next_avail | (f->ring.packed ? (uint32_t)f->published << 16 : 0);
}

static void restart(struct fuzz *f) {
	bool was_started = oriel_virtq_is_started(f->vq);
	remember_memory(f);
	uint32_t base = oriel_virtq_stop(f->vq);
	check_memory(f, 0, 0);
	must(!was_started || base == model_base(f), "the base");
	f->is_broken = false;
	f->n_in_flight = 0;
	start(f, model_base(f));
}

/** Whether the span lies in guest memory that the queue's map has. Reads all of it. */
static void check_span(const struct fuzz *f, const struct oriel_span *span) {
	bool is_inside = false;
	for (size_t i = 0; i < f->guest.n_regions; i++) {
		const uint8_t *start = f->guest.regions[i].hva;
		size_t size = (size_t)f->guest.regions[i].size;
		is_inside |= span->hva >= start && span->size <= size &&
			     (size_t)(span->hva - start) <= size - span->size;
	}
	must(is_inside && span->size > 0, "a span outside guest memory");
}

static void check_spans(const struct fuzz *f, const struct oriel_span *spans, size_t n,
		uint64_t n_bytes) {
	for (size_t i = 0; i < n; i++) {
		check_span(f, &spans[i]);
		must(spans[i].size <= n_bytes, "spans of more bytes than there are");
		n_bytes -= spans[i].size;
	}
	must(n_bytes == 0, "spans of fewer bytes than there are");
}

static void pop(struct fuzz *f) {
	remember_memory(f);
	struct oriel_chain chain;
	int err = oriel_virtq_pop(f->vq, &chain);
	check_memory(f, 0, 0);
	if (err < 0) {
		must(err == -EAGAIN || err == -EBADMSG, "an error that a pop does not have");
		must((err == -EBADMSG) == oriel_virtq_is_broken(f->vq, NULL), "broken or not");
		return;
	}
	must(!f->is_broken, "a broken queue has chains");
	must(chain.n_readable + chain.n_writable <= ORIEL_VIRTQ_MAX_SPANS, "too many spans");
	check_spans(f, chain.readable, chain.n_readable, chain.n_readable_bytes);
	check_spans(f, chain.writable, chain.n_writable, chain.n_writable_bytes);
	if (f->ring.packed) {
		must(chain.n_slots > 0 && chain.n_slots <= f->ring.size - f->n_taken, "slots");
		f->lists[f->n_in_flight].id = chain.id;
		f->lists[f->n_in_flight].n_slots = chain.n_slots;
		f->next_avail = fake_ring_advance(&f->ring, f->next_avail, chain.n_slots);
		f->n_taken = (uint16_t)(f->n_taken + chain.n_slots);
	} else {
		must(chain.id < f->ring.size && chain.n_slots == 1, "a head outside the ring");
		must(!f->in_flight[chain.id], "a chain is popped twice");
		f->in_flight[chain.id] = true;
		f->next_avail++;
	}
	f->n_in_flight++;
}

static uint64_t gpa_of_slot(const struct fuzz *f, uint16_t at) {
	return f->ring.desc_gpa + FAKE_DESC_SIZE * (uint64_t)(at & 0x7fff);
}

/** Give back one of the lists in flight. */
static void push_list(struct fuzz *f, uint16_t i, uint32_t written) {
	if (f->n_in_flight == 0) {
		return;
	}
	const uint16_t id = f->lists[i % f->n_in_flight].id;
	const uint16_t n_slots = f->lists[i % f->n_in_flight].n_slots;
	f->n_in_flight--;
	f->lists[i % (f->n_in_flight + 1)] = f->lists[f->n_in_flight];
	remember_memory(f);
	oriel_virtq_push(f->vq, id, n_slots, written);
	if (f->is_broken) {
		check_memory(f, 0, 0);
		return;
	}
	// The flags of the first of a batch are written later.
	bool is_first = f->n_batch == 0;
	uint64_t gpa = gpa_of_slot(f, f->next_used) + 8;
	check_memory(f, gpa, is_first ? 6 : 8);
	struct oriel_reader r = oriel_reader_of(fake_guest_get(&f->guest, gpa, 8), 8);
	must(oriel_read_u32(&r) == written, "another length");
	must(oriel_read_u16(&r) == id, "another list is given back");
	uint16_t flags = fake_ring_used_flags(f->next_used) | (written > 0 ? FAKE_DESC_WRITE : 0);
	must(is_first || oriel_read_u16(&r) == flags, "used flags");
	f->first_flags = is_first ? flags : f->first_flags;
	f->n_batch = (uint16_t)(f->n_batch + n_slots);
	f->next_used = fake_ring_advance(&f->ring, f->next_used, n_slots);
}

/** Give back the first chain in flight from `from` on. */
static void push(struct fuzz *f, uint16_t from, uint32_t written) {
	for (uint16_t k = 0; k < f->ring.size; k++) {
		uint16_t id = (uint16_t)(from + k) % f->ring.size;
		if (!f->in_flight[id]) {
			continue;
		}
		remember_memory(f);
		oriel_virtq_push(f->vq, id, 1, written);
		f->in_flight[id] = false;
		f->n_in_flight--;
		if (f->is_broken) {
			check_memory(f, 0, 0);
			return;
		}
		uint64_t slot = f->ring.used_gpa + 4 + 8u * (f->next_used % f->ring.size);
		check_memory(f, slot, 8);
		uint8_t *raw = fake_guest_get(&f->guest, slot, 8);
		struct oriel_reader reader = oriel_reader_of(raw, 8);
		must(oriel_read_u32(&reader) == id, "another chain is given back");
		must(oriel_read_u32(&reader) == written, "another length");
		f->next_used++;
		return;
	}
}

static void check_published(struct fuzz *f, bool wants_interrupt) {
	if (f->n_batch == 0 || !f->is_mapped || !oriel_virtq_is_started(f->vq)) {
		must(!wants_interrupt, "an interrupt for nothing");
		check_memory(f, 0, 0);
		return;
	}
	check_memory(f, gpa_of_slot(f, f->published) + 14, 2);
	uint16_t flags = fake_ring_get_slot_flags(&f->ring, f->published & 0x7fff);
	must(flags == f->first_flags, "the flags of the first in a batch");
	f->published = f->next_used;
	f->n_taken = (uint16_t)(f->n_taken - f->n_batch);
	f->n_batch = 0;
}

static void publish(struct fuzz *f) {
	remember_memory(f);
	bool wants_interrupt = oriel_virtq_publish(f->vq);
	if (f->ring.packed) {
		check_published(f, wants_interrupt);
		return;
	}
	if (f->published == f->next_used || !oriel_virtq_is_started(f->vq)) {
		must(!wants_interrupt, "an interrupt for nothing");
		check_memory(f, 0, 0);
		return;
	}
	check_memory(f, f->ring.used_gpa + 2, 2);
	if (fake_ring_get_used_idx(&f->ring) == f->next_used) {
		f->published = f->next_used;
	} else {
		must(f->is_broken && !wants_interrupt, "the used index");
	}
}

static void switch_kicks(struct fuzz *f, bool on) {
	remember_memory(f);
	if (on) {
		(void)oriel_virtq_enable_kicks(f->vq);
	} else {
		oriel_virtq_disable_kicks(f->vq);
	}
	if (f->ring.packed) {
		check_memory(f, f->ring.used_gpa, 4);
		return;
	}
	bool by_event = f->config.event_idx && on;
	uint64_t event = f->ring.used_gpa + 4 + 8u * f->ring.size;
	check_memory(f, by_event ? event : f->ring.used_gpa, 2);
}

/** Take a region away, or give it back. */
static void change_map(struct fuzz *f, bool without_ring) {
	if (without_ring) {
		struct oriel_memory *empty;
		must(oriel_memory_create(&empty) == 0, "no table");
		struct oriel_mem_map *map = oriel_memory_hold_map(empty);
		bool is_started = oriel_virtq_is_started(f->vq);
		must(!is_started || oriel_virtq_set_map(f->vq, map) == -EFAULT, "no ring");
		must(!is_started || oriel_virtq_is_broken(f->vq, NULL), "not broken by it");
		f->is_mapped = false;
		oriel_mem_map_release(map);
		oriel_memory_destroy(empty);
		return;
	}
	int err = f->has_next ? oriel_memory_remove_region(f->guest.memory, NEXT_GPA, NEXT_SIZE)
			      : oriel_memory_add_mapped(f->guest.memory, NEXT_GPA, NEXT_SIZE,
						f->guest.regions[1].hva);
	must(err == 0, "the table does not change");
	f->has_next = !f->has_next;
	oriel_mem_map_release(f->map);
	f->map = oriel_memory_hold_map(f->guest.memory);
	if (oriel_virtq_is_started(f->vq)) {
		must(oriel_virtq_set_map(f->vq, f->map) == 0, "the ring is still there");
		f->is_mapped = true;
	}
}

/** An address from 16 bits: mostly in memory, sometimes beyond, sometimes at the very end. */
static uint64_t read_gpa(struct oriel_reader *r) {
	uint16_t v = oriel_read_u16(r);
	return v >= 0xfff0 ? UINT64_MAX - (0xffffu - v)
			   : FAKE_GUEST_BASE - 0x10 + v % (ALL_SIZE + 0x20);
}

static void write_desc(struct fuzz *f, struct oriel_reader *r, bool anywhere) {
	uint64_t table = anywhere ? read_gpa(r) : f->ring.desc_gpa;
	uint16_t i = oriel_read_u8(r);
	uint64_t gpa = read_gpa(r);
	uint32_t len = oriel_read_u16(r);
	uint16_t flags = oriel_read_u8(r);
	uint16_t next = oriel_read_u8(r);
	uint64_t last = ALL_SIZE - FAKE_DESC_SIZE;
	uint64_t offset = table - FAKE_GUEST_BASE + (uint64_t)FAKE_DESC_SIZE * i;
	if (table >= FAKE_GUEST_BASE && offset <= last) {
		fake_ring_set_table_desc(&f->ring, table, i, gpa, len, flags, next);
	}
}

/** A descriptor at or behind the next position, available unless bit 3 of its flags is set. */
static void write_slot(struct fuzz *f, struct oriel_reader *r) {
	uint16_t n = (uint16_t)(oriel_read_u8(r) % f->ring.size);
	uint16_t at = fake_ring_advance(&f->ring, f->next_avail, n);
	uint64_t gpa = read_gpa(r);
	uint32_t len = oriel_read_u16(r);
	uint16_t flags = oriel_read_u8(r);
	uint16_t id = oriel_read_u8(r);
	bool is_available = (flags & 8) == 0;
	fake_ring_set_slot(&f->ring, at & 0x7fff, gpa, len, id,
			(flags & 7) | (is_available ? fake_ring_available_flags(at) : 0));
}

static void write_bytes(struct fuzz *f, struct oriel_reader *r) {
	uint64_t offset = oriel_read_u16(r) % ALL_SIZE;
	for (size_t n = oriel_read_u8(r) % 32; n > 0 && offset < ALL_SIZE; n--, offset++) {
		uint8_t *at = fake_guest_get(&f->guest, FAKE_GUEST_BASE + offset, 1);
		*at = oriel_read_u8(r);
	}
}

/** What only a packed ring's driver does, in the place of operations 0 and 3 to 7. */
static void run_packed_operation(struct fuzz *f, struct oriel_reader *r, uint8_t operation) {
	switch (operation) {
	case 0:
	case 3:
		write_slot(f, r);
		break;
	case 4: {
		uint16_t at = oriel_read_u16(r);
		fake_ring_set_driver_event(&f->ring, at, oriel_read_u8(r));
		break;
	}
	case 5: {
		uint16_t at = oriel_read_u16(r);
		fake_ring_set_device_event(&f->ring, at, oriel_read_u8(r));
		break;
	}
	default: {
		uint8_t id = oriel_read_u8(r);
		fake_ring_set_slot(&f->ring, f->next_avail & 0x7fff, FAKE_GUEST_BASE, 8, id,
				fake_ring_available_flags(f->next_avail));
		break;
	}
	}
}

static void run_operation(struct fuzz *f, struct oriel_reader *r) {
	const uint8_t operation = oriel_read_u8(r) % 16;
	if (f->ring.packed && (operation == 0 || (operation >= 3 && operation <= 7))) {
		run_packed_operation(f, r, operation);
		return;
	}
	switch (operation) {
	case 0:
		write_desc(f, r, false);
		break;
	case 1:
		write_desc(f, r, true);
		break;
	case 2:
		write_bytes(f, r);
		break;
	case 3:
		fake_ring_set_avail_idx(&f->ring, oriel_read_u16(r));
		break;
	case 4:
		fake_ring_set_used_event(&f->ring, oriel_read_u16(r));
		break;
	case 5: {
		uint64_t event = f->ring.used_gpa + 4 + 8u * f->ring.size;
		*(uint8_t *)fake_guest_get(&f->guest, event, 1) = oriel_read_u8(r);
		break;
	}
	case 6:
	case 7:
		fake_ring_add_head(&f->ring, oriel_read_u8(r));
		(void)fake_ring_publish(&f->ring);
		break;
	case 8:
	case 9:
		pop(f);
		break;
	case 10:
	case 11: {
		uint16_t from = oriel_read_u8(r);
		uint32_t written = oriel_read_u16(r);
		if (f->ring.packed) {
			push_list(f, from, written);
		} else {
			push(f, from, written);
		}
		break;
	}
	case 12:
		publish(f);
		break;
	case 13:
		switch_kicks(f, oriel_read_u8(r) % 2 == 1);
		break;
	case 14:
		restart(f);
		break;
	default:
		change_map(f, oriel_read_u8(r) % 4 == 0);
		break;
	}
}

static void init_ring(struct fuzz *f, uint8_t properties, struct oriel_reader *r) {
	uint16_t at;
	if ((properties & 32) != 0) {
		uint16_t size = 1 + oriel_read_u8(r) % MAX_RING_SIZE;
		fake_ring_init_packed(&f->ring, &f->guest, size);
		at = oriel_read_u16(r);
		at = (at & 0x8000) | at % size;
	} else {
		fake_ring_init(&f->ring, &f->guest, (uint16_t)(1u << (properties & 7) % 6));
		at = oriel_read_u16(r);
	}
	f->ring.event_idx = (properties & 8) != 0;
	fake_ring_restart_at(&f->ring, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct oriel_reader r = oriel_reader_of(data, size);
	struct fuzz f = { .has_next = true };
	fake_guest_init(&f.guest, MAIN_SIZE);
	fake_guest_add(&f.guest, NEXT_GPA, NEXT_SIZE);
	f.map = oriel_memory_hold_map(f.guest.memory);
	must(oriel_virtq_create(&f.vq) == 0, "no queue");

	uint8_t properties = oriel_read_u8(&r);
	init_ring(&f, properties, &r);
	f.config = fake_ring_config(&f.ring);
	f.config.indirect = (properties & 16) == 0;
	start(&f, f.config.base);
	must(oriel_virtq_is_started(f.vq), "it does not start");
	for (int i = 0; i < MAX_OPERATIONS && oriel_reader_left(&r) > 0; i++) {
		run_operation(&f, &r);
		check_broken(&f);
	}
	oriel_virtq_destroy(f.vq);
	oriel_mem_map_release(f.map);
	fake_guest_finish(&f.guest);
	return 0;
}
