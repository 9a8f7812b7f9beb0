// SPDX-License-Identifier: MIT
/*
 * Seats and senders: include/oriel/input.h.
 *
 * A sender knows what it holds, so that it can let go of it, and what of its input is still on its
 * way: it counts reports by epoch, which is the time between two of its syncs. A sync is answered
 * when no report of its epoch, or of one before, waits any more.
 */
#include "input/input.h"

#include <assert.h>
#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>

#define MAX_SCANOUTS 16u // as many as a GPU can have
#define N_EPOCHS (ORIEL_INPUT_MAX_SYNCS + 1u)

struct oriel_seat {
	struct oriel_input *keyboard; // NULL: none
	struct oriel_input *tablets[MAX_SCANOUTS];
	const struct oriel_input *pointed; // the tablet that moved the pointer last; NULL: none
	uint32_t n_senders;
};

struct oriel_sender {
	struct oriel_seat *seat;
	oriel_sender_done_fn handle_done;
	void *user;

	bool holds_key[ORIEL_INPUT_N_CODES];
	bool holds_button[MAX_SCANOUTS][BTN_EXTRA - BTN_LEFT + 1];

	// Free-running, masked at use: they never wrap.
	uint64_t epoch;       // of what is sent now
	uint64_t first_epoch; // whose sync was not answered yet; epoch: all were
	uint32_t n_waiting[N_EPOCHS];
	uint32_t tokens[N_EPOCHS];
	uint32_t n_dropped; // since the last answer
};

int oriel_seat_create(struct oriel_seat **ret) {
	struct oriel_seat *seat = calloc(1, sizeof(*seat));
	if (seat == NULL) {
		return -ENOMEM;
	}
	*ret = seat;
	return 0;
}

void oriel_seat_set_keyboard(struct oriel_seat *seat, struct oriel_input *keyboard) {
	assert(seat->n_senders == 0);
	seat->keyboard = keyboard;
}

int oriel_seat_set_tablet(struct oriel_seat *seat, uint32_t scanout, struct oriel_input *tablet) {
	assert(seat->n_senders == 0);
	if (scanout >= MAX_SCANOUTS) {
		return -EINVAL;
	}
	seat->tablets[scanout] = tablet;
	return 0;
}

void oriel_seat_destroy(struct oriel_seat *seat) {
	assert(seat == NULL || seat->n_senders == 0);
	free(seat);
}

int oriel_sender_create(struct oriel_seat *seat, oriel_sender_done_fn handle_done, void *user,
		struct oriel_sender **ret) {
	struct oriel_sender *sender = calloc(1, sizeof(*sender));
	if (sender == NULL) {
		return -ENOMEM;
	}
	sender->seat = seat;
	sender->handle_done = handle_done;
	sender->user = user;
	seat->n_senders++;
	*ret = sender;
	return 0;
}

/** Answer the syncs that have nothing to wait for any more. */
static void answer_syncs(struct oriel_sender *sender) {
	while (sender->first_epoch != sender->epoch &&
			sender->n_waiting[sender->first_epoch % N_EPOCHS] == 0) {
		const uint32_t token = sender->tokens[sender->first_epoch % N_EPOCHS];
		const uint32_t n_dropped = sender->n_dropped;
		sender->n_dropped = 0;
		sender->first_epoch++;
		sender->handle_done(sender->user, token, n_dropped);
	}
}

void oriel_sender_end_report(const struct oriel_report_owner *owner, bool is_given) {
	struct oriel_sender *sender = owner->sender;
	if (sender == NULL) {
		return;
	}
	sender->n_dropped += is_given ? 0 : 1;
	assert(sender->n_waiting[owner->epoch % N_EPOCHS] > 0);
	sender->n_waiting[owner->epoch % N_EPOCHS]--;
	answer_syncs(sender);
}

/** Who sends to a device of which it holds these keys or buttons. */
static struct oriel_report_owner get_owner(struct oriel_sender *sender, const bool *holds,
		size_t len) {
	struct oriel_report_owner owner = { .sender = sender, .epoch = sender->epoch };
	for (size_t i = 0; i < len; i++) {
		owner.n_held += holds[i] ? 1 : 0;
	}
	return owner;
}

/** Count what became of something that was sent: 1 waits, 0 needs nothing, else it is dropped. */
static void note(struct oriel_sender *sender, int result) {
	if (result < 0) {
		sender->n_dropped++;
	} else {
		sender->n_waiting[sender->epoch % N_EPOCHS] += (uint32_t)result;
	}
}

static struct oriel_report_owner get_tablet_owner(struct oriel_sender *sender, uint32_t scanout) {
	return get_owner(sender, sender->holds_button[scanout],
			ORIEL_ARRAY_LEN(sender->holds_button[scanout]));
}

/** Press or release on a device, of which the sender holds *holds. */
static void send_code(struct oriel_input *input, uint32_t code, bool is_pressed, bool *holds,
		const struct oriel_report_owner *owner) {
	struct oriel_sender *sender = owner->sender;
	if (*holds == is_pressed) {
		return;
	}
	if (is_pressed) {
		const int result = oriel_input_press(input, code, owner);
		*holds = result >= 0; // a press that is dropped was none
		note(sender, result);
	} else {
		*holds = false;
		note(sender, oriel_input_release(input, code, owner) ? 1 : 0);
	}
}

/** Whether a device is there and has such a key or button; if not, it is dropped. */
static bool can_press(struct oriel_sender *sender, const struct oriel_input *input, uint32_t code) {
	const bool can = input != NULL && code < ORIEL_INPUT_N_CODES &&
			 oriel_input_has_code(&input->identity, EV_KEY, code);
	sender->n_dropped += can ? 0 : 1;
	return can;
}

static struct oriel_input *get_tablet(const struct oriel_sender *sender, uint32_t scanout) {
	return scanout < MAX_SCANOUTS ? sender->seat->tablets[scanout] : NULL;
}

void oriel_sender_send_key(struct oriel_sender *sender, uint32_t key, bool is_pressed) {
	struct oriel_input *keyboard = sender->seat->keyboard;
	if (can_press(sender, keyboard, key)) {
		const struct oriel_report_owner owner = get_owner(sender, sender->holds_key,
				ORIEL_ARRAY_LEN(sender->holds_key));
		send_code(keyboard, key, is_pressed, &sender->holds_key[key], &owner);
	}
}

void oriel_sender_send_button(struct oriel_sender *sender, uint32_t scanout, uint32_t button,
		bool is_pressed) {
	struct oriel_input *tablet = get_tablet(sender, scanout);
	if (can_press(sender, tablet, button)) {
		const struct oriel_report_owner owner = get_tablet_owner(sender, scanout);
		send_code(tablet, button, is_pressed,
				&sender->holds_button[scanout][button - BTN_LEFT], &owner);
	}
}

/**
 * A pixel as a position. Rounded up: whoever cuts off when it goes back, to pixels of a screen of
 * this size or to those less one, comes to the same pixel then.
 */
static uint32_t scale(uint32_t at, uint32_t size) {
	if (size <= 1) {
		return 0;
	}
	const uint64_t last = size - 1u;
	const uint64_t clamped = at < last ? at : last;
	return (uint32_t)((clamped * ORIEL_INPUT_MAX_POSITION + last - 1) / last);
}

void oriel_sender_send_pointer(struct oriel_sender *sender, uint32_t scanout,
		const struct oriel_pointer_place *place) {
	struct oriel_input *tablet = get_tablet(sender, scanout);
	if (tablet == NULL || place->width == 0 || place->height == 0) {
		sender->n_dropped++;
		return;
	}
	struct oriel_seat *seat = sender->seat;
	const struct oriel_report_owner owner = get_tablet_owner(sender, scanout);
	const struct oriel_position position = {
		.x = scale(place->x, place->width),
		.y = scale(place->y, place->height),
		.was_elsewhere = seat->pointed != NULL && seat->pointed != tablet,
	};
	const int result = oriel_input_move(tablet, &position, &owner);
	if (result >= 0) {
		seat->pointed = tablet;
	}
	note(sender, result);
}

void oriel_sender_send_wheel(struct oriel_sender *sender, uint32_t scanout, int32_t vertical,
		int32_t horizontal) {
	struct oriel_input *tablet = get_tablet(sender, scanout);
	if (tablet == NULL) {
		sender->n_dropped++;
		return;
	}
	const struct oriel_report_owner owner = get_tablet_owner(sender, scanout);
	const uint32_t n_dropped = sender->n_dropped;
	if (vertical != 0) {
		note(sender, oriel_input_turn(tablet, REL_WHEEL_HI_RES, vertical, &owner));
	}
	if (horizontal != 0) {
		note(sender, oriel_input_turn(tablet, REL_HWHEEL_HI_RES, horizontal, &owner));
	}
	if (sender->n_dropped > n_dropped) {
		sender->n_dropped = n_dropped + 1; // it was one call
	}
}

int oriel_sender_sync(struct oriel_sender *sender, uint32_t token) {
	if (sender->epoch - sender->first_epoch == ORIEL_INPUT_MAX_SYNCS) {
		return -EAGAIN;
	}
	sender->tokens[sender->epoch % N_EPOCHS] = token;
	sender->epoch++;
	answer_syncs(sender);
	return 0;
}

/** Let go of the buttons of one tablet, and do not wait for its reports any more. */
static void leave_tablet(struct oriel_sender *sender, uint32_t scanout) {
	static const struct oriel_report_owner nobody;
	struct oriel_input *tablet = sender->seat->tablets[scanout];
	if (tablet == NULL) {
		return;
	}
	oriel_reports_disown(&tablet->reports, sender);
	for (uint32_t i = 0; i <= BTN_EXTRA - BTN_LEFT; i++) {
		if (sender->holds_button[scanout][i]) {
			(void)oriel_input_release(tablet, BTN_LEFT + i, &nobody);
		}
	}
}

static void leave_keyboard(struct oriel_sender *sender) {
	static const struct oriel_report_owner nobody;
	struct oriel_input *keyboard = sender->seat->keyboard;
	if (keyboard == NULL) {
		return;
	}
	oriel_reports_disown(&keyboard->reports, sender);
	for (uint32_t code = 0; code < ORIEL_INPUT_N_CODES; code++) {
		if (sender->holds_key[code]) {
			(void)oriel_input_release(keyboard, code, &nobody);
		}
	}
}

void oriel_sender_destroy(struct oriel_sender *sender) {
	if (sender == NULL) {
		return;
	}
	leave_keyboard(sender);
	for (uint32_t i = 0; i < MAX_SCANOUTS; i++) {
		leave_tablet(sender, i);
	}
	sender->seat->n_senders--;
	free(sender);
}

static int create_sender(void *user, oriel_sender_done_fn handle_done, void *done_user,
		struct oriel_sender **ret) {
	return oriel_sender_create(user, handle_done, done_user, ret);
}

struct oriel_input_sink oriel_seat_get_sink(struct oriel_seat *seat) {
	return (struct oriel_input_sink){
		.create_sender = create_sender,
		.send_key = oriel_sender_send_key,
		.send_pointer = oriel_sender_send_pointer,
		.send_button = oriel_sender_send_button,
		.send_wheel = oriel_sender_send_wheel,
		.sync = oriel_sender_sync,
		.destroy_sender = oriel_sender_destroy,
		.user = seat,
	};
}
