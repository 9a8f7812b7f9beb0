// SPDX-License-Identifier: MIT
/* See report.h. */
#include "input/report.h"

#include <assert.h>
#include <errno.h>

static struct oriel_report *get_at(struct oriel_report_queue *queue, uint32_t i) {
	return &queue->reports[(queue->first + i) % ORIEL_INPUT_MAX_REPORTS];
}

/** The last report, or NULL. */
static struct oriel_report *get_last(struct oriel_report_queue *queue) {
	return queue->n > 0 ? get_at(queue, queue->n - 1) : NULL;
}

static struct oriel_report *append(struct oriel_report_queue *queue, enum oriel_report_kind kind,
		const struct oriel_report_owner *owner) {
	assert(queue->n < ORIEL_INPUT_MAX_REPORTS);
	struct oriel_report *report = get_at(queue, queue->n++);
	*report = (struct oriel_report){ .kind = kind, .owner = *owner };
	return report;
}

/** How many reports a sender takes, with those that are kept for what it holds. */
static uint32_t count_taken(struct oriel_report_queue *queue,
		const struct oriel_report_owner *owner) {
	uint32_t n = 2 * owner->n_held;
	for (uint32_t i = 0; i < queue->n; i++) {
		n += get_at(queue, i)->owner.sender == owner->sender ? 1 : 0;
	}
	return n;
}

/** Whether a report that is not a position has room, with so many more keys being pressed. */
static bool has_room(struct oriel_report_queue *queue, uint32_t n_more_pressed,
		const struct oriel_report_owner *owner) {
	const uint32_t n_more = 1 + 2 * n_more_pressed;
	const uint32_t n_used = queue->n + 2 * queue->n_pressed + 1 + n_more;
	if (n_used > ORIEL_INPUT_MAX_REPORTS) {
		return false;
	}
	return owner->sender == NULL ||
	       count_taken(queue, owner) + n_more <= ORIEL_INPUT_MAX_REPORTS - n_used;
}

int oriel_reports_press(struct oriel_report_queue *queue, uint16_t code,
		const struct oriel_report_owner *owner) {
	if (!has_room(queue, 1, owner)) {
		return -EAGAIN;
	}
	struct oriel_report *report = append(queue, ORIEL_REPORT_KEY, owner);
	report->code = code;
	report->is_pressed = true;
	queue->n_pressed++;
	return 0;
}

void oriel_reports_release(struct oriel_report_queue *queue, uint16_t code,
		const struct oriel_report_owner *owner) {
	assert(queue->n_pressed > 0);
	struct oriel_report *report = append(queue, ORIEL_REPORT_KEY, owner);
	report->code = code;
	queue->n_pressed--;
}

bool oriel_reports_move(struct oriel_report_queue *queue, const struct oriel_position *position,
		const struct oriel_report_owner *owner, struct oriel_report_owner *ret_replaced) {
	struct oriel_report *report = get_last(queue);
	const bool replaces = report != NULL && report->kind == ORIEL_REPORT_POSITION;
	bool was_elsewhere = position->was_elsewhere;
	if (replaces) {
		was_elsewhere = was_elsewhere || report->position.was_elsewhere;
		*ret_replaced = report->owner;
		report->owner = *owner;
	} else {
		report = append(queue, ORIEL_REPORT_POSITION, owner);
	}
	report->position = *position;
	report->position.was_elsewhere = was_elsewhere;
	return replaces;
}

int oriel_reports_turn(struct oriel_report_queue *queue, uint16_t code, int32_t amount,
		const struct oriel_report_owner *owner) {
	struct oriel_report *report = get_last(queue);
	int32_t sum;
	if (report != NULL && report->kind == ORIEL_REPORT_WHEEL && report->code == code &&
			(report->amount < 0) == (amount < 0) &&
			report->owner.sender == owner->sender &&
			report->owner.epoch == owner->epoch &&
			!__builtin_add_overflow(report->amount, amount, &sum)) {
		report->amount = sum;
		return 1;
	}
	if (!has_room(queue, 0, owner)) {
		return -EAGAIN;
	}
	report = append(queue, ORIEL_REPORT_WHEEL, owner);
	report->code = code;
	report->amount = amount;
	return 0;
}

struct oriel_report *oriel_reports_get_first(struct oriel_report_queue *queue) {
	return queue->n > 0 ? get_at(queue, 0) : NULL;
}

void oriel_reports_remove_first(struct oriel_report_queue *queue) {
	assert(queue->n > 0);
	queue->first = (queue->first + 1) % ORIEL_INPUT_MAX_REPORTS;
	queue->n--;
}

void oriel_reports_disown(struct oriel_report_queue *queue, const struct oriel_sender *sender) {
	for (uint32_t i = 0; i < queue->n; i++) {
		struct oriel_report *report = get_at(queue, i);
		if (report->owner.sender == sender) {
			report->owner.sender = NULL;
		}
	}
}
