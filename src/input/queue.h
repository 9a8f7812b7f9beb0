// SPDX-License-Identifier: MIT
/*
 * One of an input device's two queues: turns, and what goes into buffers.
 *
 * The event queue has the guest's empty buffers. They stay in the ring until there are enough for a
 * whole report; then each gets one event, and all are shown to the guest at once. While nothing is
 * to be told, the guest need not kick. A buffer that is too small for an event goes back empty; the
 * good ones that were popped together with such are kept in hand.
 *
 * The status queue has what the guest tells the device, its LEDs. Nobody looks at it: each buffer,
 * whatever it is, goes back.
 *
 * A turn is bounded by what the guest can make us do: by reports or chains, and by the descriptors
 * that are read for them.
 *
 * virtio 1.3, 5.8.6.
 */
#ifndef ORIEL_INPUT_QUEUE_H
#define ORIEL_INPUT_QUEUE_H

#include "input/report.h"
#include "mem/span.h"
#include "virtio/ring.h"

/** Chains of the status queue, and reports, in one turn. */
#define ORIEL_INPUT_TURN_CHAINS 64u

/** Descriptors of chains in one turn, and those of the chain that is over it. */
#define ORIEL_INPUT_TURN_DESCS 1024u

/** A buffer of the event queue that was popped: room for an event. */
struct oriel_input_buffer {
	uint16_t id;
	uint16_t n_slots;
	size_t n_spans;
	struct oriel_span spans[ORIEL_INPUT_EVENT_SIZE]; // at worst one for each byte
};

struct oriel_input_queue {
	struct oriel_input *input;
	struct oriel_virtio_ring ring; // "eventq", "statusq"

	// The event queue's, while started.
	struct oriel_input_buffer in_hand[ORIEL_INPUT_REPORT_EVENTS];
	uint32_t n_in_hand;
};

/** Begin a stopped queue. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_input_queue_init(struct oriel_input_queue *queue, struct oriel_input *input,
		unsigned int index);

/** Drop everything and free. Also for one whose init failed, or that is all zeros. */
void oriel_input_queue_finish(struct oriel_input_queue *queue);

/** Stop at once, tell nobody. */
void oriel_input_queue_reset(struct oriel_input_queue *queue);

/** Guest memory changed: go over to the new map. */
void oriel_input_queue_handle_memory_change(struct oriel_input_queue *queue);

#endif
