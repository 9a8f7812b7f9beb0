// SPDX-License-Identifier: MIT
/*
 * Reports that wait for the guest: what a device will tell it, in order.
 *
 * A report is what the guest gets whole: a key or button, a position, a turn of a wheel; at most
 * ORIEL_INPUT_REPORT_EVENTS events with the SYN_REPORT that ends it, because there are event queues
 * of that size. What is last in the queue and of the same sort is merged with: a position is
 * replaced, turns of a wheel in one direction add up.
 *
 * There is an end to the queue, but room is kept for what must not be lost: each press reserves
 * that of its release and of a position between them, and there is always room for one position.
 * So presses and turns of the wheel are refused in time, and nothing else is.
 *
 * A sender, too, is refused in time: what waits of it, and what is kept for what it holds, is never
 * more than what is free beside. So however many of them fill the queue, and keep it full, there is
 * room for the next one: half of what they have left.
 *
 * Invariant: n + 2 * n_pressed + (the last one is a position ? 0 : 1) <= ORIEL_INPUT_MAX_REPORTS.
 *
 * Pure data: who sent a report is told what became of it by the queue's owner.
 */
#ifndef ORIEL_INPUT_REPORT_H
#define ORIEL_INPUT_REPORT_H

#include "base/compiler.h"
#include "oriel/input.h"
#include "protocol/virtio_input.h"

#define ORIEL_INPUT_REPORT_EVENTS 4u

enum oriel_report_kind {
	ORIEL_REPORT_KEY,
	ORIEL_REPORT_POSITION,
	ORIEL_REPORT_WHEEL,
};

/** Who waits for a report: its sender, and the sync before which it was sent. */
struct oriel_report_owner {
	struct oriel_sender *sender; // NULL: nobody
	uint64_t epoch;
	uint32_t n_held; // keys and buttons of this device that the sender held
};

struct oriel_position {
	uint32_t x, y;
	bool was_elsewhere; // the pointer was on another tablet's screen before
};

struct oriel_report {
	enum oriel_report_kind kind;
	struct oriel_report_owner owner;
	uint16_t code;   // of a key: KEY_* or BTN_*; of a wheel: REL_*_HI_RES
	bool is_pressed; // of a key
	struct oriel_position position;
	int32_t amount; // of a wheel: 1/120 of a detent
};

struct oriel_report_queue {
	struct oriel_report reports[ORIEL_INPUT_MAX_REPORTS];
	uint32_t first; // index
	uint32_t n;
	uint32_t n_pressed; // keys whose press was queued, and whose release was not yet
};

/** Queue a press. Returns 0, or -EAGAIN if there is no room, or none for this sender. */
ORIEL_MUST_CHECK
int oriel_reports_press(struct oriel_report_queue *queue, uint16_t code,
		const struct oriel_report_owner *owner);

/** Queue the release of what was pressed. */
void oriel_reports_release(struct oriel_report_queue *queue, uint16_t code,
		const struct oriel_report_owner *owner);

/** Queue a position. Returns whether it replaced one, whose owner is then in *ret_replaced. */
bool oriel_reports_move(struct oriel_report_queue *queue, const struct oriel_position *position,
		const struct oriel_report_owner *owner, struct oriel_report_owner *ret_replaced);

/**
 * Queue a turn of a wheel.
 *
 * Returns 0, -EAGAIN if there is no room, or none for this sender, or 1 if it was added to one that
 * waits, which has its owner.
 */
ORIEL_MUST_CHECK
int oriel_reports_turn(struct oriel_report_queue *queue, uint16_t code, int32_t amount,
		const struct oriel_report_owner *owner);

/** The first report, or NULL. Valid until the queue is changed. */
struct oriel_report *oriel_reports_get_first(struct oriel_report_queue *queue);

/** Remove the first report, which must be there. */
void oriel_reports_remove_first(struct oriel_report_queue *queue);

/** From now on nobody waits for the reports of a sender. */
void oriel_reports_disown(struct oriel_report_queue *queue, const struct oriel_sender *sender);

#endif
