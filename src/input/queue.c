// SPDX-License-Identifier: MIT
/* See queue.h. */
#include "input/queue.h"

#include "base/arith.h"
#include "input/input.h"

#include <errno.h>

static const char *const names[ORIEL_INPUT_N_QUEUES] = { "eventq", "statusq" };

/** Give buffers that were popped for an event back, empty. */
static void empty_hand(struct oriel_input_queue *queue) {
	for (uint32_t i = 0; i < queue->n_in_hand; i++) {
		oriel_virtq_push(queue->ring.vq, queue->in_hand[i].id, queue->in_hand[i].n_slots,
				0);
	}
	queue->n_in_hand = 0;
}

/** Take a chain in hand if an event fits into it; else give it back. */
static void judge(struct oriel_input_queue *queue, const struct oriel_chain *chain) {
	struct oriel_input_buffer *buffer = &queue->in_hand[queue->n_in_hand];
	*buffer = (struct oriel_input_buffer){ .id = chain->id, .n_slots = chain->n_slots };
	size_t room = 0;
	for (size_t i = 0; i < chain->n_writable && room < ORIEL_INPUT_EVENT_SIZE; i++) {
		if (chain->writable[i].size > 0) {
			buffer->spans[buffer->n_spans++] = chain->writable[i];
			room += chain->writable[i].size;
		}
	}
	if (room < ORIEL_INPUT_EVENT_SIZE) {
		oriel_virtq_push(queue->ring.vq, chain->id, chain->n_slots, 0);
	} else {
		queue->n_in_hand++;
	}
}

/** Take the next chain; what it has cost is taken off *share. Returns as oriel_virtq_pop(). */
static int pop(struct oriel_input_queue *queue, struct oriel_chain *ret, uint32_t *share) {
	int err = oriel_virtq_pop(queue->ring.vq, ret);
	if (err == 0) {
		*share -= oriel_min_u32(*share, ret->n_descs);
	}
	return err;
}

/**
 * Have n buffers in hand. *share bounds what a guest can make us do.
 *
 * Returns 0, -EAGAIN if the guest has to add some, and will kick then, -EBUSY if it was work enough
 * for this turn, or -EBADMSG if the ring is broken.
 */
static int take_in_hand(struct oriel_input_queue *queue, uint32_t n, uint32_t *share) {
	while (queue->n_in_hand < n) {
		if (*share == 0) {
			return -EBUSY;
		}
		--*share;
		const uint32_t n_there = oriel_virtq_count_available(queue->ring.vq);
		if (n_there < n - queue->n_in_hand) {
			if (!oriel_virtq_enable_kicks_behind(queue->ring.vq, n_there)) {
				return -EAGAIN;
			}
			if (oriel_virtq_count_available(queue->ring.vq) > n_there) {
				continue;
			}
			// More than can be counted: the ring is wrong, and the pop says how.
		}
		struct oriel_chain chain;
		int err = pop(queue, &chain, share);
		if (err == -EBADMSG) {
			return err;
		}
		if (err == 0) {
			judge(queue, &chain);
		}
	}
	return 0;
}

static void write_event(const struct oriel_input_buffer *buffer,
		const struct oriel_input_event *event) {
	uint8_t bytes[ORIEL_INPUT_EVENT_SIZE];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_encode_input_event(&w, event);
	struct oriel_span_cursor cursor = { .spans = buffer->spans, .len = buffer->n_spans };
	(void)oriel_span_cursor_write(&cursor, bytes, sizeof(bytes)); // it has room
}

/** Give the first report to the guest. Returns as take_in_hand(). */
static int give_report(struct oriel_input_queue *queue, const struct oriel_report *report,
		uint32_t *share) {
	struct oriel_input_event events[ORIEL_INPUT_REPORT_EVENTS];
	const uint32_t n = oriel_input_make_events(queue->input, report, events);
	if (n > queue->ring.size) { // a ring that never has so many buffers
		oriel_input_end_report(queue->input, false);
		return 0;
	}
	int err = take_in_hand(queue, n, share);
	if (err < 0) {
		return err;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct oriel_input_buffer *buffer = &queue->in_hand[i];
		write_event(buffer, &events[i]);
		oriel_virtq_push(queue->ring.vq, buffer->id, buffer->n_slots,
				ORIEL_INPUT_EVENT_SIZE);
	}
	queue->n_in_hand -= n; // some may be left from a report that became shorter
	for (uint32_t i = 0; i < queue->n_in_hand; i++) {
		queue->in_hand[i] = queue->in_hand[n + i];
	}
	oriel_input_end_report(queue->input, true);
	return 0;
}

/** Give reports to the guest. Returns whether there may be more to do. */
static bool serve_events(struct oriel_input_queue *queue) {
	uint32_t share = ORIEL_INPUT_TURN_DESCS;
	for (uint32_t i = 0; i < ORIEL_INPUT_TURN_CHAINS; i++) {
		const struct oriel_report *report = oriel_reports_get_first(&queue->input->reports);
		if (report == NULL) {
			oriel_virtq_disable_kicks(queue->ring.vq);
			return false;
		}
		int err = give_report(queue, report, &share);
		if (err < 0) {
			return err == -EBUSY;
		}
	}
	return true;
}

/** Give status buffers back, unread. Returns whether there may be more to do. */
static bool serve_status(struct oriel_input_queue *queue) {
	uint32_t share = ORIEL_INPUT_TURN_DESCS;
	oriel_virtq_disable_kicks(queue->ring.vq);
	for (uint32_t i = 0; i < ORIEL_INPUT_TURN_CHAINS && share > 0; i++) {
		struct oriel_chain chain;
		int err = pop(queue, &chain, &share);
		if (err == -EAGAIN && oriel_virtq_enable_kicks(queue->ring.vq)) {
			continue;
		}
		if (err < 0) {
			return false;
		}
		oriel_virtq_push(queue->ring.vq, chain.id, chain.n_slots, 0);
	}
	return true;
}

static void complete_stop(struct oriel_input_queue *queue) {
	empty_hand(queue);
	oriel_virtio_ring_publish(&queue->ring);
	const uint32_t base = oriel_virtio_ring_stop(&queue->ring);
	oriel_virtio_ring_tell_stopped(&queue->ring, base);
}

static void run_turn(void *user) {
	struct oriel_input_queue *queue = user;
	bool has_more = false;
	if (!queue->ring.stopping && !queue->ring.broken_told) {
		has_more = queue->ring.index == VIRTIO_INPUT_QUEUE_EVENT ? serve_events(queue)
									 : serve_status(queue);
		oriel_virtio_ring_publish(&queue->ring);
	}
	if (has_more) {
		oriel_virtio_ring_schedule(&queue->ring);
	}
	// Whoever is told may do anything to the device, so these come last, and only one of them.
	if (!oriel_virtio_ring_tell_broken(&queue->ring) && queue->ring.stopping) {
		complete_stop(queue);
	}
}

static void handle_broken(void *user) {
	struct oriel_input_queue *queue = user;
	oriel_input_lose_driver(queue->input);
}

int oriel_input_queue_init(struct oriel_input_queue *queue, struct oriel_input *input,
		unsigned int index) {
	*queue = (struct oriel_input_queue){
		.input = input,
	};
	const struct oriel_virtio_ring_owner owner = {
		.virtio = &input->base,
		.loop = input->loop,
		.log = &input->log,
		.run_turn = run_turn,
		.handle_broken = index == VIRTIO_INPUT_QUEUE_EVENT ? handle_broken : NULL,
		.user = queue,
	};
	return oriel_virtio_ring_init(&queue->ring, index, names[index], &owner);
}

void oriel_input_queue_finish(struct oriel_input_queue *queue) {
	oriel_virtio_ring_finish(&queue->ring);
	queue->n_in_hand = 0;
}

void oriel_input_queue_reset(struct oriel_input_queue *queue) {
	(void)oriel_virtio_ring_stop(&queue->ring);
	queue->n_in_hand = 0;
}

void oriel_input_queue_handle_memory_change(struct oriel_input_queue *queue) {
	if (!oriel_virtio_ring_is_started(&queue->ring)) {
		return;
	}
	empty_hand(queue); // what is in hand are places in the old memory
	oriel_virtio_ring_publish(&queue->ring);
	oriel_virtio_ring_handle_memory_change(&queue->ring);
}
