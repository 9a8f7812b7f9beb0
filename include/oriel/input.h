// SPDX-License-Identifier: MIT
/*
 * Input: a keyboard and pointers for the guest, as virtio-input devices (virtio 1.3, 5.8).
 *
 * An input is a device, to be used through include/oriel/virtio.h like the GPU: a keyboard, or a
 * tablet, which is a pointer that knows where on its scanout it is. Each has rings and guest memory
 * of its own. A seat puts them together as what a person sits at, and senders type into it: the
 * viewers of the display socket, a window, a test.
 *
 *   oriel_input_create()            for each device; a transport serves oriel_input_get_virtio()
 *   oriel_seat_create()             and say which devices are its keyboard and tablets
 *   oriel_seat_get_sink()           give it to oriel_share_create(): its clients are senders
 *   oriel_sender_create()           or send yourself: one sender for each window
 *
 * Destroy in the opposite order: senders, the seat, devices.
 *
 * What the guest gets are whole reports: all events of one, or none. While it takes none, at most
 * ORIEL_INPUT_MAX_REPORTS wait in each device; then presses and turns of the wheel are dropped. One
 * sender never takes more of them than it leaves free for others.
 * What is pressed will be released: room for that is kept, and a sender that goes lets go of
 * everything. A guest without a driver for the device gets nothing; a guest that is paused gets it
 * when it goes on. Held keys are repeated by the guest, not here.
 *
 * Thread: the device thread, for every function and callback.
 */
#ifndef ORIEL_INPUT_H
#define ORIEL_INPUT_H

#include <oriel/export.h>
#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/virtio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_input;
struct oriel_seat;
struct oriel_sender;

/** Reports that wait in a device while the guest takes none. */
#define ORIEL_INPUT_MAX_REPORTS 256

/** Calls of oriel_sender_sync() that may be unanswered at once, for each sender. */
#define ORIEL_INPUT_MAX_SYNCS 16

/*
 * Devices.
 */

enum oriel_input_kind {
	/** Keys (KEY_* below 249), which the guest repeats, and three LEDs, which it may set. */
	ORIEL_INPUT_KEYBOARD = 1,
	/** ABS_X and ABS_Y from 0 to 32767, five buttons, and wheels in both directions. */
	ORIEL_INPUT_TABLET = 2,
};

struct oriel_input_options {
	/** sizeof(struct oriel_input_options). */
	size_t size;
	struct oriel_log_sink log;
	enum oriel_input_kind kind;
	/** What the guest calls it, at most 128 bytes; NULL: "Oriel keyboard" or "Oriel tablet". */
	const char *name;
	/** The same; NULL: empty. */
	const char *serial;
};

/**
 * Create a device.
 *
 * Owns: nothing; loop must outlive the device.
 *
 * Returns 0, -EINVAL (options), or -ENOMEM.
 */
ORIEL_API_CHECKED
int oriel_input_create(struct oriel_loop *loop, const struct oriel_input_options *options,
		struct oriel_input **ret);

/** The device as transports see it. Valid as long as the device. */
ORIEL_API
struct oriel_virtio *oriel_input_get_virtio(struct oriel_input *input);

/** Destroy a device that no seat has any more. NULL is a no-op. */
ORIEL_API
void oriel_input_destroy(struct oriel_input *input);

/*
 * Seats.
 */

/** Create a seat without devices. Returns 0 or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_seat_create(struct oriel_seat **ret);

/** Say which device is the keyboard, before there are senders. It must outlive the seat. */
ORIEL_API
void oriel_seat_set_keyboard(struct oriel_seat *seat, struct oriel_input *keyboard);

/**
 * Say which device is the tablet of a scanout, before there are senders. It must outlive the seat.
 *
 * Returns 0, or -EINVAL if there can be no such scanout.
 */
ORIEL_API_CHECKED
int oriel_seat_set_tablet(struct oriel_seat *seat, uint32_t scanout, struct oriel_input *tablet);

/** Destroy a seat that has no senders any more. NULL is a no-op. */
ORIEL_API
void oriel_seat_destroy(struct oriel_seat *seat);

/*
 * Senders.
 */

/** Where the pointer is: a pixel of a scanout that has this size. What is outside is clamped. */
struct oriel_pointer_place {
	uint32_t x, y;
	uint32_t width, height;
};

/**
 * Called when all that the sender sent before oriel_sender_sync() was given to the guest or
 * dropped; n_dropped counts the calls, since the last time, of which the guest will get nothing.
 * The sender, the seat and its devices must not be destroyed from here.
 */
typedef void (*oriel_sender_done_fn)(void *user, uint32_t token, uint32_t n_dropped);

/** Begin to send. Returns 0 or -ENOMEM. */
ORIEL_API_CHECKED
int oriel_sender_create(struct oriel_seat *seat, oriel_sender_done_fn handle_done, void *user,
		struct oriel_sender **ret);

/**
 * Press or release a key: a KEY_ code of linux/input-event-codes.h. A key that several senders
 * press is released when the last of them lets go. Pressing one's own again has no effect.
 */
ORIEL_API
void oriel_sender_send_key(struct oriel_sender *sender, uint32_t key, bool is_pressed);

/** Put the pointer of a scanout somewhere. */
ORIEL_API
void oriel_sender_send_pointer(struct oriel_sender *sender, uint32_t scanout,
		const struct oriel_pointer_place *place);

/** Press or release a button of a scanout's pointer: BTN_LEFT to BTN_EXTRA. As with keys. */
ORIEL_API
void oriel_sender_send_button(struct oriel_sender *sender, uint32_t scanout, uint32_t button,
		bool is_pressed);

/** Turn the wheel of a scanout's pointer, by 1/120 of a detent: up and right are positive. */
ORIEL_API
void oriel_sender_send_wheel(struct oriel_sender *sender, uint32_t scanout, int32_t vertical,
		int32_t horizontal);

/**
 * Have handle_done called, with this token, when the guest has what was sent so far: perhaps before
 * this returns, and perhaps never, if the guest never takes it.
 *
 * Returns 0, or -EAGAIN if ORIEL_INPUT_MAX_SYNCS are unanswered.
 */
ORIEL_API_CHECKED
int oriel_sender_sync(struct oriel_sender *sender, uint32_t token);

/** Let go of everything and end; unanswered syncs stay so. NULL is a no-op. */
ORIEL_API
void oriel_sender_destroy(struct oriel_sender *sender);

/*
 * Sinks.
 */

/**
 * Where somebody's input goes: the functions above as a table, or those of an embedder who has
 * input devices of its own. All or none must be there.
 */
struct oriel_input_sink {
	/** As oriel_sender_create(). */
	int (*create_sender)(void *user, oriel_sender_done_fn handle_done, void *done_user,
			struct oriel_sender **ret);
	/** As the functions of the same names. */
	void (*send_key)(struct oriel_sender *sender, uint32_t key, bool is_pressed);
	void (*send_pointer)(struct oriel_sender *sender, uint32_t scanout,
			const struct oriel_pointer_place *place);
	void (*send_button)(struct oriel_sender *sender, uint32_t scanout, uint32_t button,
			bool is_pressed);
	void (*send_wheel)(struct oriel_sender *sender, uint32_t scanout, int32_t vertical,
			int32_t horizontal);
	int (*sync)(struct oriel_sender *sender, uint32_t token);
	void (*destroy_sender)(struct oriel_sender *sender);
	/** What create_sender() is given. */
	void *user;
};

/** The seat as a sink, valid as long as the seat. */
ORIEL_API
struct oriel_input_sink oriel_seat_get_sink(struct oriel_seat *seat);

#ifdef __cplusplus
}
#endif

#endif
