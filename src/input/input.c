// SPDX-License-Identifier: MIT
/*
 * The device: what senders do becomes reports (input.h), and the device contract of
 * include/oriel/virtio.h.
 */
#include "input/input.h"

#include "base/arith.h"
#include "base/sized.h"
#include "oriel/stats.h"

#include <assert.h>
#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#define BIT(feature) (1ull << (feature))

/** What we serve whether it was offered or not, as the GPU does. There are no others (5.8.3). */
#define FEATURES \
	(BIT(ORIEL_VIRTIO_F_INDIRECT_DESC) | BIT(ORIEL_VIRTIO_F_EVENT_IDX) | \
			BIT(ORIEL_VIRTIO_F_VERSION_1) | BIT(ORIEL_VIRTIO_F_RING_PACKED))

#define MAX_QUEUE_SIZE 32768u // virtio 1.3, 2.7 and 2.8
#define DETENT 120

static struct oriel_input *input_of(struct oriel_virtio *virtio) {
	return oriel_container_of(virtio, struct oriel_input, base);
}

static void schedule(struct oriel_input *input) {
	oriel_virtio_ring_schedule(&input->queues[VIRTIO_INPUT_QUEUE_EVENT].ring);
}

/*
 * What senders do.
 */

/** Something is not sent to the guest. */
static int drop(struct oriel_input *input, int err) {
	input->n_dropped++;
	return err;
}

int oriel_input_press(struct oriel_input *input, uint32_t code,
		const struct oriel_report_owner *owner) {
	if (code >= ORIEL_INPUT_N_CODES || !oriel_input_has_code(&input->identity, EV_KEY, code)) {
		return -ENOENT;
	}
	if (!input->has_driver) {
		return drop(input, -ENOTCONN);
	}
	int result = 0;
	if (!input->is_told[code]) {
		int err = oriel_reports_press(&input->reports, (uint16_t)code, owner);
		if (err < 0) {
			return drop(input, err);
		}
		input->is_told[code] = true;
		schedule(input);
		result = 1;
	}
	assert(input->n_holders[code] < UINT16_MAX);
	input->n_holders[code]++;
	return result;
}

bool oriel_input_release(struct oriel_input *input, uint32_t code,
		const struct oriel_report_owner *owner) {
	assert(code < ORIEL_INPUT_N_CODES && input->n_holders[code] > 0);
	if (--input->n_holders[code] > 0 || !input->is_told[code]) {
		return false;
	}
	oriel_reports_release(&input->reports, (uint16_t)code, owner);
	input->is_told[code] = false;
	schedule(input);
	return true;
}

int oriel_input_move(struct oriel_input *input, const struct oriel_position *position,
		const struct oriel_report_owner *owner) {
	if (!oriel_input_has_code(&input->identity, EV_ABS, ABS_X)) {
		return -ENOENT;
	}
	if (!input->has_driver) {
		return drop(input, -ENOTCONN);
	}
	struct oriel_report_owner replaced;
	if (oriel_reports_move(&input->reports, position, owner, &replaced)) {
		oriel_sender_end_report(&replaced, true);
	}
	schedule(input);
	return 1;
}

int oriel_input_turn(struct oriel_input *input, uint16_t code, int32_t amount,
		const struct oriel_report_owner *owner) {
	if (!oriel_input_has_code(&input->identity, EV_REL, code)) {
		return -ENOENT;
	}
	if (!input->has_driver) {
		return drop(input, -ENOTCONN);
	}
	int err = oriel_reports_turn(&input->reports, code, amount, owner);
	if (err < 0) {
		return drop(input, err);
	}
	schedule(input);
	return err == 0 ? 1 : 0;
}

/*
 * What the guest gets.
 */

/** What is left of a detent, before a turn of this wheel. */
static int32_t get_left(const struct oriel_input *input, uint16_t code) {
	return code == REL_WHEEL_HI_RES ? input->left_vertical : input->left_horizontal;
}

/** Whole detents that the guest has not been told of, with this turn. */
static int64_t count_detents(const struct oriel_input *input, const struct oriel_report *report) {
	return ((int64_t)get_left(input, report->code) + report->amount) / DETENT;
}

/** The guest was told of this turn. */
static void keep_left(struct oriel_input *input, const struct oriel_report *report) {
	const int64_t sum = (int64_t)get_left(input, report->code) + report->amount;
	int32_t *left = report->code == REL_WHEEL_HI_RES ? &input->left_vertical
							 : &input->left_horizontal;
	*left = (int32_t)(sum % DETENT);
}

static uint32_t make_turn(const struct oriel_input *input, const struct oriel_report *report,
		struct oriel_input_event *ret) {
	uint32_t n = 0;
	const uint16_t coarse = report->code == REL_WHEEL_HI_RES ? REL_WHEEL : REL_HWHEEL;
	const int64_t n_detents = count_detents(input, report);
	if (n_detents != 0) {
		ret[n++] = (struct oriel_input_event){ EV_REL, coarse, (uint32_t)n_detents };
	}
	ret[n++] = (struct oriel_input_event){ EV_REL, report->code, (uint32_t)report->amount };
	return n;
}

/**
 * Linux does not pass on what an axis had before, as it would not move a pointer; but this one
 * does, if it was on another tablet's screen meanwhile. So it is told of a place beside it first.
 */
static uint32_t make_position(const struct oriel_input *input,
		const struct oriel_position *position, struct oriel_input_event *ret) {
	uint32_t n = 0;
	if (position->was_elsewhere && position->x == input->told.x &&
			position->y == input->told.y) {
		ret[n++] = (struct oriel_input_event){ EV_ABS, ABS_X, position->x ^ 1u };
	}
	ret[n++] = (struct oriel_input_event){ EV_ABS, ABS_X, position->x };
	ret[n++] = (struct oriel_input_event){ EV_ABS, ABS_Y, position->y };
	return n;
}

uint32_t oriel_input_make_events(const struct oriel_input *input, const struct oriel_report *report,
		struct oriel_input_event ret[ORIEL_INPUT_REPORT_EVENTS]) {
	uint32_t n = 0;
	switch (report->kind) {
	case ORIEL_REPORT_KEY:
		ret[n++] = (struct oriel_input_event){ EV_KEY, report->code, report->is_pressed };
		break;
	case ORIEL_REPORT_POSITION:
		n = make_position(input, &report->position, ret);
		break;
	case ORIEL_REPORT_WHEEL:
		n = make_turn(input, report, ret);
		break;
	}
	ret[n++] = (struct oriel_input_event){ EV_SYN, SYN_REPORT, 0 };
	return n;
}

void oriel_input_end_report(struct oriel_input *input, bool is_given) {
	const struct oriel_report *first = oriel_reports_get_first(&input->reports);
	assert(first != NULL);
	input->n_reports += is_given ? 1 : 0;
	input->n_dropped += is_given ? 0 : 1;
	if (is_given && first->kind == ORIEL_REPORT_WHEEL) {
		keep_left(input, first);
	}
	if (is_given && first->kind == ORIEL_REPORT_POSITION) {
		input->told = first->position;
	}
	const struct oriel_report_owner owner = first->owner;
	oriel_reports_remove_first(&input->reports);
	oriel_sender_end_report(&owner, is_given);
}

void oriel_input_lose_driver(struct oriel_input *input) {
	input->has_driver = false;
	while (oriel_reports_get_first(&input->reports) != NULL) {
		oriel_input_end_report(input, false);
	}
	input->reports.n_pressed = 0;
	memset(input->is_told, 0, sizeof(input->is_told));
	input->told = (struct oriel_position){ 0 };
	input->left_vertical = 0;
	input->left_horizontal = 0;
}

/*
 * The device contract.
 */

static uint64_t input_get_features(struct oriel_virtio *virtio) {
	(void)virtio;
	return FEATURES;
}

static void input_set_features(struct oriel_virtio *virtio, uint64_t features) {
	input_of(virtio)->features = features & FEATURES;
}

static void input_read_config(struct oriel_virtio *virtio, uint32_t offset, void *buf,
		size_t size) {
	const struct oriel_input *input = input_of(virtio);
	uint8_t config[ORIEL_INPUT_CONFIG_SIZE];
	struct oriel_writer w = oriel_writer_of(config, sizeof(config));
	oriel_encode_input_config(&w, &input->identity, input->select, input->subsel);
	assert(!w.failed);
	if (offset < sizeof(config)) {
		memcpy(buf, config + offset, oriel_min_size(size, sizeof(config) - offset));
	}
}

/** Only select and subsel can be written (5.8.4); a VMM may write the whole space at once. */
static void input_write_config(struct oriel_virtio *virtio, uint32_t offset, const void *buf,
		size_t size) {
	struct oriel_input *input = input_of(virtio);
	const uint8_t *bytes = buf;
	if (offset == ORIEL_INPUT_CONFIG_SELECT_OFFSET && size > 0) {
		input->select = bytes[0];
	}
	if (offset <= ORIEL_INPUT_CONFIG_SUBSEL_OFFSET &&
			size > ORIEL_INPUT_CONFIG_SUBSEL_OFFSET - offset) {
		input->subsel = bytes[ORIEL_INPUT_CONFIG_SUBSEL_OFFSET - offset];
	}
}

static void input_handle_memory_change(struct oriel_virtio *virtio) {
	struct oriel_input *input = input_of(virtio);
	for (unsigned int i = 0; i < ORIEL_INPUT_N_QUEUES; i++) {
		oriel_input_queue_handle_memory_change(&input->queues[i]);
	}
}

static int input_start_queue(struct oriel_virtio *virtio, unsigned int queue,
		const struct oriel_virtio_queue *config) {
	struct oriel_input *input = input_of(virtio);
	int err = oriel_virtio_ring_start(&input->queues[queue].ring, config, input->features);
	if (err == 0 && queue == VIRTIO_INPUT_QUEUE_EVENT) {
		input->has_driver = true;
	}
	return err;
}

static void input_stop_queue(struct oriel_virtio *virtio, unsigned int queue) {
	(void)oriel_virtio_ring_begin_stop(&input_of(virtio)->queues[queue].ring);
}

static int input_set_call_fd(struct oriel_virtio *virtio, unsigned int queue, int call_fd) {
	return oriel_virtio_ring_set_call_fd(&input_of(virtio)->queues[queue].ring, call_fd);
}

static void input_kick(struct oriel_virtio *virtio, unsigned int queue) {
	oriel_virtio_ring_schedule(&input_of(virtio)->queues[queue].ring);
}

static void input_reset(struct oriel_virtio *virtio) {
	struct oriel_input *input = input_of(virtio);
	for (unsigned int i = 0; i < ORIEL_INPUT_N_QUEUES; i++) {
		oriel_input_queue_reset(&input->queues[i]);
	}
	oriel_input_lose_driver(input);
	input->features = 0;
	input->select = VIRTIO_INPUT_CFG_UNSET;
	input->subsel = 0;
}

static const struct oriel_virtio_impl input_impl = {
	.get_features = input_get_features,
	.set_features = input_set_features,
	.read_config = input_read_config,
	.write_config = input_write_config,
	.handle_memory_change = input_handle_memory_change,
	.start_queue = input_start_queue,
	.stop_queue = input_stop_queue,
	.set_call_fd = input_set_call_fd,
	.kick = input_kick,
	.reset = input_reset,
};

/** Copy a text that the embedder may have given. */
static const char *keep_text(char *place, const char *text, const char *by_default) {
	const char *from = text != NULL ? text : by_default;
	memcpy(place, from, strnlen(from, ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE));
	return place;
}

int oriel_input_create(struct oriel_loop *loop, const struct oriel_input_options *options,
		struct oriel_input **ret) {
	const struct oriel_input_identity *kind =
			options->size >= sizeof(*options) ? oriel_input_find_kind(options->kind)
							  : NULL;
	if (kind == NULL) {
		return -EINVAL;
	}
	struct oriel_input *input = calloc(1, sizeof(*input));
	if (input == NULL) {
		return -ENOMEM;
	}
	input->loop = loop;
	oriel_log_init(&input->log, &options->log);
	input->identity = *kind;
	input->identity.name = keep_text(input->name, options->name, kind->name);
	input->identity.serial = keep_text(input->serial, options->serial, kind->serial);
	int err = oriel_memory_create(&input->memory);
	for (unsigned int i = 0; err == 0 && i < ORIEL_INPUT_N_QUEUES; i++) {
		err = oriel_input_queue_init(&input->queues[i], input, i);
	}
	if (err < 0) {
		oriel_input_destroy(input);
		return err;
	}
	oriel_virtio_init(&input->base, &input_impl, VIRTIO_ID_INPUT, ORIEL_INPUT_N_QUEUES,
			input->memory);
	input->base.max_queue_size[VIRTIO_INPUT_QUEUE_EVENT] = MAX_QUEUE_SIZE;
	input->base.max_queue_size[VIRTIO_INPUT_QUEUE_STATUS] = MAX_QUEUE_SIZE;
	*ret = input;
	return 0;
}

struct oriel_virtio *oriel_input_get_virtio(struct oriel_input *input) {
	return &input->base;
}

void oriel_input_get_statistics(const struct oriel_input *input,
		struct oriel_input_statistics *statistics) {
	const struct oriel_input_statistics all = {
		.is_running = input->has_driver,
		.n_reports = input->n_reports,
		.n_dropped = input->n_dropped,
	};
	oriel_sized_copy(statistics, &all, sizeof(all));
}

void oriel_input_destroy(struct oriel_input *input) {
	if (input == NULL) {
		return;
	}
	for (unsigned int i = 0; i < ORIEL_INPUT_N_QUEUES; i++) {
		oriel_input_queue_finish(&input->queues[i]);
	}
	oriel_memory_destroy(input->memory);
	free(input);
}
