// SPDX-License-Identifier: MIT
/*
 * The client library's objects, for the files of this folder. include/oriel/client.h is the
 * interface, docs/display-protocol.md the other contract.
 *
 * The server is not trusted. Each message is checked whole before it changes anything: ids must be
 * known, rectangles must lie inside, and memory must be as large as it is said to be and sealed
 * against shrinking, or a dma-buf, which cannot, so that reading it cannot fault. What breaks the
 * protocol ends the connection.
 *
 * What a server cannot help is no error: a SUBSCRIBE crosses with messages of the subscription
 * before, so frames of a scanout that is off are ignored.
 */
#ifndef ORIEL_CLIENT_PRIVATE_H
#define ORIEL_CLIENT_PRIVATE_H

#include "base/fd_stream.h"
#include "base/id_table.h"
#include "base/list.h"
#include "oriel/client.h"
#include "protocol/display_socket.h"

/** As many as a device has resources by default; a guest that shows more is not known. */
#define ORIEL_CLIENT_MAX_BUFFERS 16384u

/** What the client would have of the server. */
#define ORIEL_CLIENT_FEATURES (ORIEL_SHARE_FEATURE_INPUT | ORIEL_SHARE_FEATURE_SIZES)

/** Room for what the client says: RELEASED, mostly. */
#define ORIEL_CLIENT_OUTPUT_SIZE 4096u
#define ORIEL_CLIENT_ANSWER_ROOM 32u

/** A mapping of the server's memory. */
struct oriel_client_buffer {
	uint32_t id;
	const uint8_t *bytes; // mapped; NULL: a dma-buf that cannot be
	int fd;               // of a dma-buf; else -1
	uint64_t modifier;
	size_t size;
	size_t offset; // bytes to the first pixel
	uint32_t width, height;
	uint32_t stride; // bytes
	uint32_t fourcc;
	struct oriel_link link;
};

struct oriel_client_head {
	struct oriel_client_scanout scanout;
	struct oriel_client_dmabuf dmabuf; // what scanout.dmabuf points to, if it does
	uint32_t buffer_id;                // 0: off
	bool in_frame;                     // a FRAME that was not ended
	uint64_t last_sequence;            // of the last FRAME, also when off

	struct oriel_client_cursor cursor;
	uint8_t *image; // what cursor.pixels points to, if there is an image
};

struct oriel_client {
	int fd;
	struct oriel_fd_input in;
	struct oriel_fd_output out;
	int failed; // a negative errno: of no use any more
	const char *reason;

	bool has_waited; // HELLO may have been sent
	bool welcomed;
	uint64_t wanted;   // features, ORIEL_SHARE_FEATURE_*
	uint64_t features; // that are on
	uint32_t n_scanouts;
	uint32_t frames, cursors; // subscribed
	struct oriel_client_head heads[ORIEL_CLIENT_MAX_SCANOUTS];

	struct oriel_id_table buffers;
	struct oriel_link all_buffers;

	// Requests in order, and what was answered last.
	uint32_t tokens[ORIEL_CLIENT_MAX_REQUESTS];
	uint32_t n_tokens;
	uint32_t last_token;
	uint32_t syncs[ORIEL_CLIENT_MAX_SYNCS]; // tokens of INPUT_SYNC, in order
	uint32_t n_syncs;
	struct oriel_client_snapshot snapshot;
	uint32_t snapshot_id; // 0: none that is to be released

	struct oriel_client_event event;
	char text[ORIEL_SHARE_MAX_TEXT_SIZE + 1];

	uint8_t in_bytes[ORIEL_SHARE_MAX_MESSAGE_SIZE];
	uint8_t out_bytes[ORIEL_CLIENT_OUTPUT_SIZE];
};

/** Remember why the server is not obeyed any more. Returns -EPROTO. */
int oriel_client_refuse(struct oriel_client *client, const char *reason);

/** Whether the longest message of a client has room. */
bool oriel_client_can_say(const struct oriel_client *client);

/*
 * message.c
 */

/**
 * Judge one message, whose header was decoded, and let it take effect; r is behind the header.
 * There is room for an answer.
 *
 * Owns: fd is taken. -1: none came.
 *
 * Returns 0 (client->event is set if its type is not 0), -EPROTO, -ENOMEM, or -errno.
 */
ORIEL_MUST_CHECK
int oriel_client_handle_message_take(struct oriel_client *client,
		const struct oriel_share_header *header, struct oriel_reader *r, int fd);

/*
 * buffer.c
 */

/**
 * Check what is said of a linear image against the file that is to hold it, and map it.
 *
 * Owns: fd is taken. -1 is refused.
 *
 * Returns 0, -EPROTO, -ENOMEM, or -errno.
 */
ORIEL_MUST_CHECK
int oriel_client_buffer_create_take(struct oriel_client *client,
		const struct oriel_share_buffer_info *info, int fd);

/** DMA_BUF_IOCTL_SYNC, again if it is interrupted. 0 or -errno: -ENOTTY if it is no dma-buf. */
int oriel_client_sync_dmabuf(int fd, uint64_t flags);

/** The buffer with this id, or NULL. */
struct oriel_client_buffer *oriel_client_buffer_get(const struct oriel_client *client, uint32_t id);

/** Unmap and forget a buffer; scanouts that show it go off. */
void oriel_client_buffer_destroy(struct oriel_client *client, struct oriel_client_buffer *buffer);

/** Turn a scanout off here. */
void oriel_client_head_clear(struct oriel_client_head *head);

#endif
