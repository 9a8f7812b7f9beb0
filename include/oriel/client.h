// SPDX-License-Identifier: MIT
/*
 * The display socket's client: see the screen of a virtual machine (docs/display-protocol.md).
 *
 * A client is a connection. It is told events, one by one, and keeps what they amount to: what each
 * scanout shows, mapped read-only, and each scanout's cursor. It makes no threads, blocks nowhere
 * but in oriel_client_wait(), and can be driven by any loop: poll oriel_client_get_fd() for
 * oriel_client_get_poll_events(), then call oriel_client_wait() with timeout 0 until it gives
 * -EAGAIN.
 *
 * The server is not trusted: what it says is checked against the memory that it hands out, so that
 * pixels may be read without care. What they show may change at any moment (tearing), but for those
 * of snapshots.
 *
 * Pointers that the library hands out are valid until the next call of oriel_client_wait(), unless
 * said otherwise. A client belongs to one thread at a time. Link with liboriel-client.
 */
#ifndef ORIEL_CLIENT_H
#define ORIEL_CLIENT_H

#include <oriel/error.h>
#include <oriel/export.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_client;

/** Scanouts have numbers below this. */
#define ORIEL_CLIENT_MAX_SCANOUTS 16

/** A cursor's image has this many pixels in each direction. */
#define ORIEL_CLIENT_CURSOR_SIDE 64

/** Requests for snapshots and sizes that may be unanswered at once. */
#define ORIEL_CLIENT_MAX_REQUESTS 16

/** Calls of oriel_client_sync_input() that may be unanswered at once. */
#define ORIEL_CLIENT_MAX_SYNCS 16

/** The DRM format of snapshots: bytes B, G, R and 255 in memory. */
#define ORIEL_CLIENT_XR24 0x34325258u

/** A rectangle in pixels. */
struct oriel_client_rect {
	uint32_t x, y;
	uint32_t width, height;
};

/** A buffer that a renderer has made, of which a scanout shows a part: for who imports it. */
struct oriel_client_dmabuf {
	/** The client's. Duplicate it to keep it for longer than the scanout shows it. */
	int fd;
	/** As in DRM: how the pixels lie in it. 0: in rows. */
	uint64_t modifier;
	/** Bytes to the first pixel, and from one row to the next. */
	uint64_t offset;
	uint32_t stride;
	/** Pixels of all of it. */
	uint32_t width, height;
	/** The part that is shown begins here; it is as large as the scanout. */
	uint32_t x, y;
};

/** What a scanout shows. */
struct oriel_client_scanout {
	/**
	 * The top left pixel. NULL: the scanout is off, and everything here is 0; or it is a
	 * dma-buf that cannot be mapped, as those are whose modifier is not 0.
	 */
	const uint8_t *pixels;
	uint32_t width, height;
	/** Bytes from one row to the next. */
	uint32_t stride;
	/** One of the eight formats of the protocol; A and X mean nothing. */
	uint32_t fourcc;
	/** Of the last frame; 0: none yet. */
	uint64_t sequence;
	/** NULL: it is plain memory. Pixels of a dma-buf are read only between
	 * oriel_client_begin_read() and oriel_client_end_read(). */
	const struct oriel_client_dmabuf *dmabuf;
};

/** A scanout's cursor. */
struct oriel_client_cursor {
	bool visible;
	/** Of the image's top left pixel, in the scanout; may be outside it. */
	int32_t x, y;
	/** Of the pixel that points, in the image: 0 to 63. */
	uint32_t hot_x, hot_y;
	/** Of the image; 0: there is none. */
	uint64_t serial;
	/** 64x64 pixels, rows without gaps: B, G, R, A, premultiplied. NULL: there are none. */
	const uint8_t *pixels;
};

/** An exact picture of a scanout, which does not change any more. */
struct oriel_client_snapshot {
	/** The top left pixel of B, G, R, 255. */
	const uint8_t *pixels;
	uint32_t width, height;
	/** Bytes from one row to the next. */
	uint32_t stride;
	/** Flushes of the scanout before it. */
	uint64_t sequence;
	/** At that moment. Its pixels are there if it was visible. */
	struct oriel_client_cursor cursor;
};

/** A size that a scanout is wanted to have. */
struct oriel_client_size {
	/** Pixels, 1 to 16,384. 0 and 0: the monitor is unplugged. */
	uint32_t width, height;
	/** Millihertz. 0: 60,000. */
	uint32_t refresh_mhz;
};

enum oriel_client_event_type {
	/** The server has answered: the first event. The number of scanouts is known now. */
	ORIEL_CLIENT_WELCOME = 1,
	/** A scanout shows another buffer or part of it, or went off. If it is on, FRAME follows.
	 */
	ORIEL_CLIENT_SCANOUT = 2,
	/** A part of a scanout is to be painted anew. Call oriel_client_end_frame() afterwards. */
	ORIEL_CLIENT_FRAME = 3,
	/** A cursor has another image, or was moved, shown or hidden. */
	ORIEL_CLIENT_CURSOR = 4,
	/** A snapshot that was asked for. It is released by the next oriel_client_wait(). */
	ORIEL_CLIENT_SNAPSHOT = 5,
	/** A request failed, or, with token 0, the server closes the connection. */
	ORIEL_CLIENT_ERROR = 6,
	/** The answer to oriel_client_ping(). */
	ORIEL_CLIENT_PONG = 7,
	/** A size that was asked for: the guest is told. What it makes of it are frames, later. */
	ORIEL_CLIENT_SIZE_SET = 8,
	/** The answer to oriel_client_sync_input(): the guest has the input that was sent before.
	 */
	ORIEL_CLIENT_INPUT_DONE = 9,
};

struct oriel_client_event {
	enum oriel_client_event_type type;
	/** Of SCANOUT, FRAME, CURSOR and SNAPSHOT. */
	uint32_t scanout;
	/** Of SNAPSHOT, ERROR, PONG, SIZE_SET and INPUT_DONE. */
	uint32_t token;
	/** Of FRAME: what to paint, in pixels of the scanout, never empty; and its number. */
	struct oriel_client_rect damage;
	uint64_t sequence;
	/** Of SNAPSHOT; else NULL. */
	const struct oriel_client_snapshot *snapshot;
	/** Of ERROR: a code of the protocol, and a line of printable ASCII; else NULL. */
	uint32_t code;
	const char *text;
	/** Of INPUT_DONE: events of ours since the last one that the guest will not get. */
	uint32_t n_dropped;
};

/**
 * Connect to a display socket. The answer comes as the event WELCOME.
 *
 * Returns 0, -EINVAL if path is longer than a socket's path can be, -ENOMEM, -EAGAIN if the server
 * has too many connections waiting, or another -errno from connect().
 */
ORIEL_API_CHECKED
int oriel_client_connect(const char *path, struct oriel_client **ret);

/**
 * Begin on a connected stream socket.
 *
 * Owns: fd is taken, also on failure.
 *
 * Returns 0, -ENOMEM, or -errno from making it non-blocking.
 */
ORIEL_API_CHECKED
int oriel_client_create_take(int fd, struct oriel_client **ret);

/**
 * Ask for dma-bufs where there are some, instead of pixels: before the first oriel_client_wait().
 * Snapshots are of pixels all the same.
 *
 * Returns 0, or -EINVAL: it is too late.
 */
ORIEL_API_CHECKED
int oriel_client_request_dmabufs(struct oriel_client *client);

/**
 * Begin to read the pixels of a scanout, which waits until what draws them has drawn. Must not
 * nest. A no-op for plain memory.
 *
 * Returns 0, -EINVAL if there are no pixels, or -errno from the kernel.
 */
ORIEL_API_CHECKED
int oriel_client_begin_read(struct oriel_client *client, uint32_t scanout);

/** End what begin_read() began, before the next wait. */
ORIEL_API
void oriel_client_end_read(struct oriel_client *client, uint32_t scanout);

/** The descriptor to poll. Valid as long as the client. */
ORIEL_API
int oriel_client_get_fd(const struct oriel_client *client);

/** What to poll it for: POLLIN, and POLLOUT if something is still to be sent. */
ORIEL_API
short oriel_client_get_poll_events(const struct oriel_client *client);

/**
 * Give the next event, waiting for it at most timeout_ms milliseconds (-1: for ever).
 *
 * Valid: *ret, and all pointers in it, until the next call.
 *
 * Returns 0, -EAGAIN if there was no event in time, -ENOTCONN if the server has closed, -EPROTO if
 * it broke the protocol (see oriel_client_get_reason()), -ENOMEM, or -errno. After any but -EAGAIN
 * the connection is of no use, and every call gives the same.
 */
ORIEL_API_CHECKED
int oriel_client_wait(struct oriel_client *client, int timeout_ms,
		const struct oriel_client_event **ret);

/** Why the client failed: a line for people. Static; NULL if there is no more to say. */
ORIEL_API
const char *oriel_client_get_reason(const struct oriel_client *client);

/**
 * Choose what to be told of: bit i of frames is SCANOUT and FRAME of scanout i, of cursors its
 * CURSOR. Replaces what was chosen before; nothing, at first. A scanout that is left out is off.
 *
 * Returns 0, or -EAGAIN if too much is waiting to be sent.
 */
ORIEL_API_CHECKED
int oriel_client_subscribe(struct oriel_client *client, uint32_t frames, uint32_t cursors);

/**
 * Have the next FRAME of a scanout sent. Without a frame since the last call it is a no-op.
 *
 * Returns 0, -EINVAL if there is no such scanout, or -EAGAIN if too much is waiting to be sent.
 */
ORIEL_API_CHECKED
int oriel_client_end_frame(struct oriel_client *client, uint32_t scanout);

/**
 * Ask for a snapshot. SNAPSHOT or ERROR with the token in *ret will answer, in order of requests.
 *
 * Returns 0, or -EAGAIN if ORIEL_CLIENT_MAX_REQUESTS are unanswered or too much is waiting to be
 * sent.
 */
ORIEL_API_CHECKED
int oriel_client_request_snapshot(struct oriel_client *client, uint32_t scanout, uint32_t *ret);

/**
 * Ask that a scanout have another size. SIZE_SET or ERROR with the token in *ret will answer.
 *
 * Returns 0, -EOPNOTSUPP if the server knows no sizes, or -EAGAIN before WELCOME, if
 * ORIEL_CLIENT_MAX_REQUESTS are unanswered, or if too much is waiting to be sent.
 */
ORIEL_API_CHECKED
int oriel_client_request_size(struct oriel_client *client, uint32_t scanout,
		const struct oriel_client_size *size, uint32_t *ret);

/** Ask for a PONG with this token. Returns 0, or -EAGAIN if too much is waiting to be sent. */
ORIEL_API_CHECKED
int oriel_client_ping(struct oriel_client *client, uint32_t token);

/*
 * Input: keys and a pointer for the guest. Nothing answers an event; the guest, or its lack of a
 * driver, decides what becomes of it. What is held is released when the client disconnects.
 */

/** Whether the server takes input. False before WELCOME. */
ORIEL_API
bool oriel_client_has_input(const struct oriel_client *client);

/**
 * Press or release a key of the guest's keyboard. key is a KEY_ code of linux/input-event-codes.h.
 * The guest repeats keys that are held by itself.
 *
 * Returns 0, -EOPNOTSUPP if the server takes no input, or -EAGAIN before WELCOME or if too much is
 * waiting to be sent.
 */
ORIEL_API_CHECKED
int oriel_client_send_key(struct oriel_client *client, uint32_t key, bool is_pressed);

/**
 * Put a scanout's pointer at a pixel of the scanout; what is outside is clamped.
 *
 * Returns as oriel_client_send_key().
 */
ORIEL_API_CHECKED
int oriel_client_send_pointer(struct oriel_client *client, uint32_t scanout, uint32_t x,
		uint32_t y);

/**
 * Press or release a button of a scanout's pointer, where it is. button is BTN_LEFT, BTN_RIGHT,
 * BTN_MIDDLE, BTN_SIDE or BTN_EXTRA of linux/input-event-codes.h.
 *
 * Returns as oriel_client_send_key().
 */
ORIEL_API_CHECKED
int oriel_client_send_button(struct oriel_client *client, uint32_t scanout, uint32_t button,
		bool is_pressed);

/**
 * Turn the wheel of a scanout's pointer, by 1/120 of a detent: up and right are positive.
 *
 * Returns as oriel_client_send_key().
 */
ORIEL_API_CHECKED
int oriel_client_send_wheel(struct oriel_client *client, uint32_t scanout, int32_t vertical,
		int32_t horizontal);

/**
 * Ask to be told when the guest has all input that was sent before, or will not get it: INPUT_DONE
 * with this token, in order. It takes as long as the guest takes; a guest that hangs may never take
 * it. Who sends much calls this now and then and waits, or the server drops what is too much.
 *
 * Returns 0, -EOPNOTSUPP if the server takes no input, or -EAGAIN before WELCOME, if
 * ORIEL_CLIENT_MAX_SYNCS are unanswered, or if too much is waiting to be sent.
 */
ORIEL_API_CHECKED
int oriel_client_sync_input(struct oriel_client *client, uint32_t token);

/** How many scanouts the device had at WELCOME; 0: none yet. */
ORIEL_API
uint32_t oriel_client_count_scanouts(const struct oriel_client *client);

/** What a scanout shows. NULL if there is no such scanout. Pixels as of the last wait. */
ORIEL_API
const struct oriel_client_scanout *oriel_client_get_scanout(const struct oriel_client *client,
		uint32_t scanout);

/** A scanout's cursor. NULL if there is no such scanout. Pixels as of the last wait. */
ORIEL_API
const struct oriel_client_cursor *oriel_client_get_cursor(const struct oriel_client *client,
		uint32_t scanout);

/** Disconnect, unmap everything and free. NULL is a no-op. */
ORIEL_API
void oriel_client_destroy(struct oriel_client *client);

#ifdef __cplusplus
}
#endif

#endif
