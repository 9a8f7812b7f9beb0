// SPDX-License-Identifier: MIT
/*
 * Fuzz target: an input device between two senders and a guest that does anything to its rings.
 *
 * The input is a row of operations, a byte each and an argument; the first byte says what device it
 * is, how large its rings are, and whether they are packed. While the guest has been right, what it
 * got must make sense: presses and releases of a key alternate, and reports are whole.
 */
#include "input/input.h"
#include "base/arith.h"
#include "fixture/input_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPERATIONS 400

struct fuzz {
	struct input_rig rig;
	bool is_started;
	bool is_wrong;  // the guest was, since its last start
	bool is_hidden; // its memory
	bool is_pressed[ORIEL_INPUT_N_CODES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "input: %s\n", what);
		abort();
	}
}

static void type(struct fuzz *fuzz, uint8_t op, uint8_t argument) {
	struct oriel_sender *sender = fuzz->rig.senders[op & 1];
	const bool is_pressed = (op & 2) != 0;
	const struct oriel_pointer_place place = { argument, argument ^ 0x55u, argument & 0xfu,
		1u + op };
	switch (op >> 2 & 7) {
	case 0:
	case 1:
		oriel_sender_send_key(sender, argument, is_pressed);
		break;
	case 2:
	case 3:
		oriel_sender_send_button(sender, argument >> 7, BTN_LEFT - 1u + (argument & 7),
				is_pressed);
		break;
	case 4:
		oriel_sender_send_pointer(sender, argument >> 7, &place);
		break;
	case 5:
		oriel_sender_send_wheel(sender, 0, (int8_t)argument * (op + 1), (argument & 3) - 1);
		break;
	case 6:
		if (oriel_sender_sync(sender, argument) < 0) {
			return; // too many
		}
		fuzz->rig.answers[0] = '\0';
		break;
	default: // a whole lot, as a program that is not careful
		for (uint32_t i = 0; i < argument; i++) {
			oriel_sender_send_key(sender, KEY_A, (i & 1) == 0);
			oriel_sender_send_button(sender, 0, BTN_LEFT, (i & 1) == 0);
		}
		break;
	}
}

static void add_buffer(struct fuzz *fuzz, unsigned int queue, uint8_t argument) {
	struct input_rig *rig = &fuzz->rig;
	struct fake_ring *ring = &rig->rings[queue];
	const uint64_t gpa = fake_guest_alloc(&rig->guest, 64, 8);
	struct fake_buf bufs[2] = { { gpa, argument & 0x1fu, (argument & 0x20) == 0 },
		{ gpa, 8, true } };
	const size_t n = (argument & 0x40) != 0 && bufs[0].writable == bufs[1].writable ? 2 : 1;
	bufs[0].size = bufs[0].size != 0 ? bufs[0].size : 1;
	bufs[1].gpa = gpa + bufs[0].size; // an event may lie across both
	if (fuzz->is_wrong || ring->n_free < n || ring->n_ids == 0) {
		return;
	}
	input_rig_add_as(rig, queue, bufs, n);
	if (fake_ring_publish(ring)) {
		oriel_virtio_kick(rig->virtio, queue);
	}
}

/** Any bytes anywhere in a ring. */
static void scribble(struct fuzz *fuzz, const uint8_t *data, size_t size) {
	const struct fake_ring *ring = &fuzz->rig.rings[data[0] & 1];
	const uint64_t places[] = { ring->desc_gpa, ring->avail_gpa, ring->used_gpa,
		ring->desc_gpa + 16 };
	const uint64_t gpa = places[data[0] >> 1 & 3] + (data[0] >> 3 & 7);
	memcpy(fake_guest_get(&fuzz->rig.guest, gpa, size - 1), data + 1, size - 1);
	fuzz->is_wrong = true;
	oriel_virtio_kick(fuzz->rig.virtio, data[0] & 1);
}

/** What a guest that is right got: words, as input_rig.h says. */
static void judge(struct fuzz *fuzz) {
	input_rig_collect(&fuzz->rig);
	char *rest = fuzz->rig.text;
	unsigned int code;
	char sign, end;
	for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
		if (sscanf(word, "k%u%c%c", &code, &sign, &end) == 3) {
			must(end == ';', "a key in a report with something else");
			must(fuzz->is_pressed[code] == (sign == '-'), "a key twice the same");
			fuzz->is_pressed[code] = sign == '+';
		}
	}
	fuzz->rig.text[0] = '\0';
}

/** A new driver clears its rings. */
static void clear_rings(const struct input_rig *rig) {
	for (unsigned int i = 0; i < 2; i++) {
		const struct fake_ring *ring = &rig->rings[i];
		// The parts lie behind each other, whichever kind of ring it is.
		const uint64_t end = ring->used_gpa + (ring->packed ? 4u : 6u + 8u * ring->size);
		memset(fake_guest_get(ring->guest, ring->desc_gpa, end - ring->desc_gpa), 0,
				end - ring->desc_gpa);
	}
}

static void restart(struct fuzz *fuzz, uint8_t argument) {
	struct input_rig *rig = &fuzz->rig;
	clear_rings(rig);
	input_rig_reset(rig);
	memset(fuzz->is_pressed, 0, sizeof(fuzz->is_pressed));
	fuzz->is_wrong = false;
	fuzz->is_started = !fuzz->is_hidden && (argument & 1) != 0;
	if (fuzz->is_started) {
		const uint64_t event_idx = 1ull << ORIEL_VIRTIO_F_EVENT_IDX;
		input_rig_start_as(rig, (argument & 2) != 0 ? RIG_ALL_FEATURES
							    : RIG_ALL_FEATURES & ~event_idx);
	}
}

/** Pause, and go on. */
static void pause_queue(struct fuzz *fuzz, unsigned int queue) {
	struct input_rig *rig = &fuzz->rig;
	const uint32_t n_stopped = rig->told[queue].n_stopped;
	oriel_virtio_stop_queue(rig->virtio, queue);
	input_rig_run(rig);
	if (rig->told[queue].n_stopped == n_stopped || fuzz->is_hidden || fuzz->is_wrong) {
		return; // as if the VMM forgot about it
	}
	input_rig_start_queue(rig, queue, rig->told[queue].base);
}

static void change_memory(struct fuzz *fuzz) {
	struct input_rig *rig = &fuzz->rig;
	struct oriel_memory *memory = oriel_virtio_get_memory(rig->virtio);
	const uint64_t size = rig->guest.regions[0].size;
	int err = fuzz->is_hidden ? oriel_memory_add_mapped(memory, FAKE_GUEST_BASE, size,
						    rig->guest.regions[0].hva)
				  : oriel_memory_remove_region(memory, FAKE_GUEST_BASE, size);
	must(err == 0, "no change of memory");
	fuzz->is_hidden = !fuzz->is_hidden;
	fuzz->is_wrong = true; // its rings are broken from now on, if they are started
	oriel_virtio_handle_memory_change(rig->virtio);
}

/** Run one operation. Returns how many bytes of the input it used. */
static size_t run(struct fuzz *fuzz, const uint8_t *data, size_t size) {
	const uint8_t op = data[0];
	const uint8_t argument = size > 1 ? data[1] : 0;
	size_t n = 2;
	if (op < 0x60) {
		type(fuzz, op, argument);
	} else if (op < 0x90) {
		add_buffer(fuzz, RIG_EVENTQ, op < 0x80 ? 8 : argument);
	} else if (op < 0xa0) {
		add_buffer(fuzz, RIG_STATUSQ, argument);
	} else if (op < 0xb0) {
		input_rig_run(&fuzz->rig);
	} else if (op < 0xc8) {
		if (!fuzz->is_wrong) {
			judge(fuzz);
		}
	} else if (op < 0xd8) {
		n = oriel_min_size(size, 3u + (op & 15));
		if (n > 2) {
			scribble(fuzz, data + 1, n - 1);
		}
	} else if (op < 0xe8) {
		pause_queue(fuzz, op & 1);
	} else if (op < 0xf8) {
		restart(fuzz, argument);
	} else {
		change_memory(fuzz);
	}
	const struct oriel_report_queue *reports = &fuzz->rig.input->reports;
	must(reports->n + 2 * reports->n_pressed <= ORIEL_INPUT_MAX_REPORTS, "no room is kept");
	return oriel_min_size(n, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	static struct fuzz fuzz;
	memset(&fuzz, 0, sizeof(fuzz));
	static const uint16_t sizes[] = { 1, 2, 4, 16 };
	input_rig_init_as(&fuzz.rig, (data[0] & 1) != 0 ? ORIEL_INPUT_KEYBOARD : ORIEL_INPUT_TABLET,
			sizes[data[0] >> 1 & 3], (data[0] & 8) != 0);
	restart(&fuzz, data[0] >> 4);
	data++;
	size--;
	for (int i = 0; i < MAX_OPERATIONS && size > 0; i++) {
		const size_t n = run(&fuzz, data, size);
		data += n;
		size -= n;
	}
	input_rig_run(&fuzz.rig);
	input_rig_finish(&fuzz.rig);
	return 0;
}
