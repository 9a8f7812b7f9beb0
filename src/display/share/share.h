// SPDX-License-Identifier: MIT
/*
 * The display socket's server: its objects, for the files of this folder.
 *
 * Theory of operation. The share is a display (display.h) that is told by the device what changed.
 * It sends nothing then. It notes, for each client, what that client does not know yet, and asks
 * for a deferred call; the call (share.c) goes through the clients, and each is told its news
 * (news.c) if its socket has taken everything before. So whatever happens between two calls is
 * merged, a client that does not read costs one test per call, and the queue of a client never
 * holds more than one round of news. Requests (client.c) are answered at once; while there is no
 * room for an answer, nothing is read from the client.
 *
 * News are not stored as messages. They follow from comparing what a scanout shows
 * (share->scanouts, as of its last flush) with what the client was told last (client->scanouts),
 * plus the damage that came together since.
 *
 * A scanout may be a dma-buf that a renderer has made, beside an image of the same picture
 * (screen.h). Clients that asked for DMABUF get the former. Only if one watches that did not, are
 * pixels needed; who asks for a snapshot has them fetched first. Dma-bufs of guest memory are for
 * no client.
 *
 * A client's descriptors of buffers are the kernel's to count; buffer.h says what they cost.
 * docs/display-protocol.md is the contract. Thread: the device thread.
 */
#ifndef ORIEL_SHARE_H
#define ORIEL_SHARE_H

#include "base/fd_stream.h"
#include "display/screen.h"
#include "display/share/buffer.h"
#include "host/log.h"
#include "oriel/input.h"
#include "oriel/loop.h"
#include "protocol/display_socket.h"

#define ORIEL_SHARE_DEFAULT_CLIENTS 16u
#define ORIEL_SHARE_MAX_CLIENTS 64u // a bit each in struct oriel_share_buffer
#define ORIEL_SHARE_DEFAULT_HELD_BYTES (UINT64_C(256) << 20)
#define ORIEL_SHARE_MAX_SNAPSHOTS 4u
#define ORIEL_SHARE_HELLO_TIMEOUT_NS UINT64_C(5000000000)

/** Room that must be free before a request is read: for the longest answer, an ERROR. */
#define ORIEL_SHARE_ANSWER_ROOM 512u

/** What a client was told about a scanout, and what it is still to be told. */
struct oriel_share_client_scanout {
	struct oriel_share_config told; // buffer_id 0: off
	struct oriel_rect damage;       // in the scanout, not told yet; empty: none
	bool has_flush;                 // some of it was a flush, not only a subscription
	bool in_flight;                 // a FRAME waits for TAKEN
	uint64_t last_sequence;         // of the last FRAME

	uint64_t told_image; // the serial of the last CURSOR_IMAGE
	bool cursor_changed; // since the last CURSOR
};

struct oriel_share_client {
	struct oriel_share *share;
	unsigned int slot; // index in share->clients, and its bit in buffers
	int fd;
	struct oriel_source *source;
	struct oriel_fd_input in;
	struct oriel_fd_output out;

	bool welcomed;
	uint64_t features;          // ORIEL_SHARE_FEATURE_*, that are on
	uint64_t hello_deadline_ns; // until welcomed
	bool is_readable;           // the socket has input, or has ended
	bool waits_for_pixels;      // its next request is for a snapshot of what is being fetched
	bool has_more_input;        // left in `in` for the next turn
	uint32_t frames, cursors;   // subscribed scanouts, as bits
	struct oriel_share_client_scanout scanouts[ORIEL_MAX_SCANOUTS];
	uint32_t n_snapshots; // not released yet

	// Input.
	struct oriel_sender *sender; // NULL: the feature is off
	uint32_t n_syncs;            // INPUT_SYNC that are not answered
	struct oriel_share_input_done dones[ORIEL_SHARE_MAX_INPUT_SYNCS]; // answers, not queued yet
	uint32_t n_dones;

	// For statistics.
	int32_t pid;           // of the peer; 0: unknown
	uint64_t connected_ns; // when
	uint64_t n_frames;     // that it was told
	uint64_t n_merged;     // flushes that became part of a later frame

	uint8_t in_bytes[ORIEL_SHARE_MAX_MESSAGE_SIZE];
	uint8_t out_bytes[ORIEL_SHARE_MAX_MESSAGE_SIZE];
};

/** What a scanout shows, as of its last flush. */
struct oriel_share_scanout {
	struct oriel_resource *res; // not held: forgotten when it is dropped; NULL: off
	struct oriel_rect src;
	struct oriel_dmabuf *dmabuf; // held: for clients that take them; NULL: none for clients
	uint32_t dmabuf_x, dmabuf_y; // of src's top left pixel in it
	uint64_t sequence;           // flushes
	uint64_t image_serial;       // of the cursor; 0: none yet
	bool has_cursor;             // the guest ever set it
};

struct oriel_share {
	struct oriel_display base;
	struct oriel_loop *loop;
	struct oriel_log log;
	uint32_t max_clients;
	struct oriel_share_client *clients[ORIEL_SHARE_MAX_CLIENTS]; // NULL: free
	struct oriel_share_scanout scanouts[ORIEL_MAX_SCANOUTS];
	uint64_t last_image_serial;
	uint64_t n_connects;
	uint32_t peak_clients;
	struct oriel_share_buffers buffers;
	struct oriel_input_sink input;    // create_sender NULL: there is none
	struct oriel_source *update;      // deferred: tell the clients their news
	struct oriel_source *hello_timer; // for the earliest hello_deadline_ns
};

/** Whether a client is shown a scanout's dma-buf instead of pixels. */
static inline bool oriel_share_client_takes_dmabuf(const struct oriel_share_client *client,
		const struct oriel_share_scanout *scanout) {
	return scanout->dmabuf != NULL && (client->features & ORIEL_SHARE_FEATURE_DMABUF) != 0;
}

/** A client has come or gone that takes dma-bufs, or not. */
void oriel_share_update_dmabufs(struct oriel_share *share);

/** Ask for a round of news. */
void oriel_share_update_soon(struct oriel_share *share);

/** Arm the timer for the client that is to say HELLO first. */
void oriel_share_arm_hello_timer(struct oriel_share *share);

/*
 * client.c
 */

/** Serve a client in a free slot. fd is taken, also on failure. Returns 0 or -ENOMEM. */
ORIEL_MUST_CHECK
int oriel_share_client_create_take(struct oriel_share *share, unsigned int slot, int fd);

/** Disconnect and free. NULL is a no-op. */
void oriel_share_client_destroy(struct oriel_share_client *client);

/** Tell the client why (an ERROR with token 0), if its socket takes it, then destroy it. */
ORIEL_PRINTF(3, 4)
void oriel_share_client_refuse(struct oriel_share_client *client, enum oriel_share_code code,
		const char *format, ...);

/** A turn: go on with input that was left, tell news, send. The client may be gone after this. */
void oriel_share_client_run(struct oriel_share_client *client);

/*
 * request.c
 */

/**
 * Judge and answer one message, whose header was decoded; r is behind it. There is room for an
 * answer.
 *
 * Returns 0, -EAGAIN if it was work enough for this turn, -EINPROGRESS if it is to be handled again
 * when a scanout was presented, or -EPROTO with the reason in *ret_reason: static, untouched
 * otherwise.
 */
ORIEL_MUST_CHECK
int oriel_share_client_handle_message(struct oriel_share_client *client,
		const struct oriel_share_header *header, struct oriel_reader *r,
		const char **ret_reason);

/** Queue an ERROR; there is room. */
ORIEL_PRINTF(4, 5)
void oriel_share_client_queue_error(struct oriel_share_client *client, uint32_t token,
		enum oriel_share_code code, const char *format, ...);

/*
 * input.c
 */

/** Let a client send input. Returns whether it can. */
bool oriel_share_client_begin_input(struct oriel_share_client *client);

/** Let go of what it holds. A no-op if it could not send any. */
void oriel_share_client_end_input(struct oriel_share_client *client);

/** Whether a message belongs to the feature INPUT, and the client may send it. */
bool oriel_share_client_has_input(const struct oriel_share_client *client, uint16_t type);

/** As oriel_share_client_handle_message(), of the types of INPUT. */
ORIEL_MUST_CHECK
int oriel_share_client_handle_input(struct oriel_share_client *client, uint16_t type,
		struct oriel_reader *r, const char **ret_reason);

/** Queue the answers to INPUT_SYNC that are due, if there is room for all. */
void oriel_share_client_queue_dones(struct oriel_share_client *client);

/*
 * news.c
 */

/**
 * Queue what the client does not know yet, as much as there is room for.
 *
 * Returns 0, -ENOMEM, or -errno from duplicating a descriptor.
 */
ORIEL_MUST_CHECK
int oriel_share_client_queue_news(struct oriel_share_client *client);

#endif
