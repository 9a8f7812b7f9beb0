// SPDX-License-Identifier: MIT
/*
 * An input device's state, shared by the files of this folder. Private to it.
 *
 * Theory of operation. Senders (seat.c) press, release, move and turn; the device keeps what of it
 * the guest is to be told as reports (report.h), and the event queue's turns (queue.c) give them to
 * the guest as it makes room. A key counts who holds it: the guest is told of the first press and
 * the last release only.
 *
 * A guest has a driver from the event queue's start to the next reset, or until that queue breaks.
 * Without one everything is dropped at once, and nothing is pressed. A pause, which only stops the
 * queues, keeps everything.
 */
#ifndef ORIEL_INPUT_PRIVATE_H
#define ORIEL_INPUT_PRIVATE_H

#include "host/log.h"
#include "input/queue.h"
#include "input/report.h"

#define ORIEL_INPUT_N_QUEUES 2u

/** Codes of keys and buttons are below this: BTN_EXTRA is the last that we have. */
#define ORIEL_INPUT_N_CODES 0x118u

/** The highest ABS_X and ABS_Y. */
#define ORIEL_INPUT_MAX_POSITION 32767u

struct oriel_input {
	struct oriel_virtio base;
	struct oriel_loop *loop;
	struct oriel_log log;
	char name[ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE + 1];
	char serial[ORIEL_INPUT_CONFIG_MAX_VALUE_SIZE + 1];
	struct oriel_input_identity identity;

	struct oriel_memory *memory; // owned
	struct oriel_input_queue queues[ORIEL_INPUT_N_QUEUES];

	// The guest's.
	uint64_t features; // negotiated, and of those only what we have
	uint8_t select, subsel;
	bool has_driver;
	struct oriel_report_queue reports;
	bool is_told[ORIEL_INPUT_N_CODES]; // the guest was, or will be, told that it is pressed
	struct oriel_position told;        // the last position; to begin with, Linux takes 0, 0
	int32_t left_vertical;             // of a detent that was not told yet, in 1/120
	int32_t left_horizontal;

	uint16_t n_holders[ORIEL_INPUT_N_CODES]; // senders that press the key

	uint64_t n_reports, n_dropped; // oriel/stats.h
};

/** What a kind of device is, but for name and serial; NULL if there is no such kind. */
const struct oriel_input_identity *oriel_input_find_kind(enum oriel_input_kind kind);

/*
 * What senders do. Those that can fail return -ENOENT if the device has no such thing, -ENOTCONN if
 * the guest has no driver, or -EAGAIN if there is no room: the guest gets nothing then. Those whose
 * report waits return 1, those with nothing to wait for 0. The owner is told by oriel_sender_*.
 */

/** A sender presses a key or button. If it fails, it holds nothing. */
ORIEL_MUST_CHECK
int oriel_input_press(struct oriel_input *input, uint32_t code,
		const struct oriel_report_owner *owner);

/** A sender that pressed it lets go. Returns whether a report waits. */
bool oriel_input_release(struct oriel_input *input, uint32_t code,
		const struct oriel_report_owner *owner);

ORIEL_MUST_CHECK
int oriel_input_move(struct oriel_input *input, const struct oriel_position *position,
		const struct oriel_report_owner *owner);

/** code is REL_WHEEL_HI_RES or REL_HWHEEL_HI_RES. */
ORIEL_MUST_CHECK
int oriel_input_turn(struct oriel_input *input, uint16_t code, int32_t amount,
		const struct oriel_report_owner *owner);

/**
 * For the event queue: the events of a report, its SYN_REPORT included, as the guest is to get them
 * now. Returns how many.
 */
uint32_t oriel_input_make_events(const struct oriel_input *input, const struct oriel_report *report,
		struct oriel_input_event ret[ORIEL_INPUT_REPORT_EVENTS]);

/** For the event queue: the first report was given to the guest, or is dropped. */
void oriel_input_end_report(struct oriel_input *input, bool is_given);

/** For the event queue: it broke, and the guest gets nothing any more until a reset. */
void oriel_input_lose_driver(struct oriel_input *input);

/** For the device: a report is over. owner->sender may be NULL. */
void oriel_sender_end_report(const struct oriel_report_owner *owner, bool is_given);

#endif
