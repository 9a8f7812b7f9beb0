// SPDX-License-Identifier: MIT
/* See queue.h. */
#include "input/queue.h"

#include "base/arith.h"
#include "base/fd.h"
#include "input/input.h"

#include <errno.h>
#include <sys/epoll.h>

static const char *const names[ORIEL_INPUT_N_QUEUES] = { "eventq", "statusq" };

void oriel_input_queue_schedule(struct oriel_input_queue *queue) {
	if (oriel_virtq_is_started(queue->vq)) {
		oriel_source_set_pending(queue->turn);
	}
}

/** Let go of what a started queue has. Returns the base to go on from. */
static uint32_t release(struct oriel_input_queue *queue) {
	oriel_source_remove(queue->kick);
	queue->kick = NULL;
	oriel_fd_close(&queue->kick_fd);
	oriel_fd_close(&queue->call_fd);
	queue->stopping = false;
	queue->broken_told = false;
	queue->n_in_hand = 0;
	return oriel_virtq_stop(queue->vq);
}

static void publish(struct oriel_input_queue *queue) {
	if (!oriel_virtq_publish(queue->vq)) {
		return;
	}
	struct oriel_virtio_listener *listener = &queue->input->base.listener;
	if (queue->call_fd >= 0) {
		oriel_eventfd_signal(queue->call_fd);
	} else if (listener->interrupt != NULL) {
		listener->interrupt(listener->user, queue->index);
	}
}

/** Give buffers that were popped for an event back, empty. */
static void empty_hand(struct oriel_input_queue *queue) {
	for (uint32_t i = 0; i < queue->n_in_hand; i++) {
		oriel_virtq_push(queue->vq, queue->in_hand[i].id, queue->in_hand[i].n_slots, 0);
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
		oriel_virtq_push(queue->vq, chain->id, chain->n_slots, 0);
	} else {
		queue->n_in_hand++;
	}
}

/** Take the next chain; what it has cost is taken off *share. Returns as oriel_virtq_pop(). */
static int pop(struct oriel_input_queue *queue, struct oriel_chain *ret, uint32_t *share) {
	int err = oriel_virtq_pop(queue->vq, ret);
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
		const uint32_t n_there = oriel_virtq_count_available(queue->vq);
		if (n_there < n - queue->n_in_hand) {
			if (!oriel_virtq_enable_kicks_behind(queue->vq, n_there)) {
				return -EAGAIN;
			}
			if (oriel_virtq_count_available(queue->vq) > n_there) {
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
	if (n > queue->size) { // a ring that never has so many buffers
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
		oriel_virtq_push(queue->vq, buffer->id, buffer->n_slots, ORIEL_INPUT_EVENT_SIZE);
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
			oriel_virtq_disable_kicks(queue->vq);
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
	oriel_virtq_disable_kicks(queue->vq);
	for (uint32_t i = 0; i < ORIEL_INPUT_TURN_CHAINS && share > 0; i++) {
		struct oriel_chain chain;
		int err = pop(queue, &chain, &share);
		if (err == -EAGAIN && oriel_virtq_enable_kicks(queue->vq)) {
			continue;
		}
		if (err < 0) {
			return false;
		}
		oriel_virtq_push(queue->vq, chain.id, chain.n_slots, 0);
	}
	return true;
}

/** Tell, once, that the ring is broken. Returns whether it was told just now. */
static bool tell_broken(struct oriel_input_queue *queue) {
	const char *reason;
	if (queue->broken_told || !oriel_virtq_is_broken(queue->vq, &reason)) {
		return false;
	}
	queue->broken_told = true;
	if (queue->kick != NULL) {
		oriel_source_set_events(queue->kick, 0);
	}
	oriel_input_queue_schedule(queue); // it may be stopping
	struct oriel_input *input = queue->input;
	oriel_log_guest(&input->log, "%s: broken until reset: %s", names[queue->index], reason);
	if (queue->index == VIRTIO_INPUT_QUEUE_EVENT) {
		oriel_input_lose_driver(input);
	}
	struct oriel_virtio_listener *listener = &input->base.listener;
	if (listener->handle_needs_reset != NULL) {
		listener->handle_needs_reset(listener->user, queue->index, reason);
	}
	return true;
}

static void complete_stop(struct oriel_input_queue *queue) {
	empty_hand(queue);
	publish(queue);
	uint32_t base = release(queue);
	struct oriel_virtio_listener *listener = &queue->input->base.listener;
	if (listener->handle_queue_stopped != NULL) {
		listener->handle_queue_stopped(listener->user, queue->index, base);
	}
}

static void run_turn(void *user) {
	struct oriel_input_queue *queue = user;
	if (!oriel_virtq_is_started(queue->vq)) {
		return;
	}
	bool has_more = false;
	if (!queue->stopping && !queue->broken_told) {
		has_more = queue->index == VIRTIO_INPUT_QUEUE_EVENT ? serve_events(queue)
								    : serve_status(queue);
		publish(queue);
	}
	if (has_more) {
		oriel_input_queue_schedule(queue);
	}
	// Whoever is told may do anything to the device, so these come last, and only one of them.
	if (!tell_broken(queue) && queue->stopping) {
		complete_stop(queue);
	}
}

static void handle_kick(void *user, int fd, uint32_t events) {
	(void)events;
	oriel_eventfd_drain_shared(fd);
	run_turn(user);
}

int oriel_input_queue_init(struct oriel_input_queue *queue, struct oriel_input *input,
		unsigned int index) {
	*queue = (struct oriel_input_queue){
		.input = input,
		.index = index,
		.kick_fd = -1,
		.call_fd = -1,
	};
	int err = oriel_virtq_create(&queue->vq);
	if (err == 0) {
		err = oriel_loop_add_deferred(input->loop, run_turn, queue, &queue->turn);
	}
	return err;
}

void oriel_input_queue_finish(struct oriel_input_queue *queue) {
	if (queue->vq != NULL) {
		oriel_input_queue_reset(queue);
		oriel_virtq_destroy(queue->vq);
		queue->vq = NULL;
	}
	oriel_source_remove(queue->turn);
	queue->turn = NULL;
}

static int add_kick(struct oriel_input_queue *queue, int kick_fd) {
	if (kick_fd < 0) {
		return 0;
	}
	int err = oriel_fd_dup(kick_fd, &queue->kick_fd);
	if (err == 0) {
		err = oriel_loop_add_fd(queue->input->loop, queue->kick_fd, EPOLLIN, handle_kick,
				queue, &queue->kick);
	}
	return err;
}

static int start_virtq(struct oriel_input_queue *queue, const struct oriel_virtio_queue *config) {
	const uint64_t features = queue->input->features;
	struct oriel_virtq_config vq_config = {
		.size = config->size,
		.desc_gpa = config->desc_gpa,
		.driver_gpa = config->driver_gpa,
		.device_gpa = config->device_gpa,
		.base = config->base,
		.event_idx = (features >> ORIEL_VIRTIO_F_EVENT_IDX & 1) != 0,
		.indirect = (features >> ORIEL_VIRTIO_F_INDIRECT_DESC & 1) != 0,
		.packed = (features >> ORIEL_VIRTIO_F_RING_PACKED & 1) != 0,
	};
	struct oriel_mem_map *map = oriel_memory_hold_map(queue->input->memory);
	int err = oriel_virtq_start(queue->vq, &vq_config, map);
	oriel_mem_map_release(map);
	return err;
}

int oriel_input_queue_start(struct oriel_input_queue *queue,
		const struct oriel_virtio_queue *config) {
	if (oriel_virtq_is_started(queue->vq)) {
		return -EBUSY;
	}
	int err = add_kick(queue, config->kick_fd);
	if (err == 0) {
		err = oriel_input_queue_set_call_fd(queue, config->call_fd);
	}
	if (err == 0) {
		err = start_virtq(queue, config);
	}
	if (err < 0) {
		(void)release(queue);
		return err;
	}
	queue->size = config->size;
	oriel_input_queue_schedule(queue); // there may be chains whose kick went to nobody
	return 0;
}

void oriel_input_queue_stop(struct oriel_input_queue *queue) {
	if (!oriel_virtq_is_started(queue->vq) || queue->stopping) {
		return;
	}
	queue->stopping = true;
	if (queue->kick != NULL) {
		oriel_source_set_events(queue->kick, 0);
	}
	oriel_input_queue_schedule(queue);
}

void oriel_input_queue_reset(struct oriel_input_queue *queue) {
	(void)release(queue);
}

int oriel_input_queue_set_call_fd(struct oriel_input_queue *queue, int call_fd) {
	int fd = -1;
	if (call_fd >= 0) {
		int err = oriel_fd_dup(call_fd, &fd);
		if (err < 0) {
			return err;
		}
	}
	oriel_fd_close(&queue->call_fd);
	queue->call_fd = fd;
	return 0;
}

void oriel_input_queue_handle_memory_change(struct oriel_input_queue *queue) {
	if (!oriel_virtq_is_started(queue->vq)) {
		return;
	}
	empty_hand(queue); // what is in hand are places in the old memory
	publish(queue);
	struct oriel_mem_map *map = oriel_memory_hold_map(queue->input->memory);
	int err = oriel_virtq_set_map(queue->vq, map);
	oriel_mem_map_release(map);
	if (err < 0) {
		oriel_input_queue_schedule(queue); // the turn tells that it broke
	}
}
