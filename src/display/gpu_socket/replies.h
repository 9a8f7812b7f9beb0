// SPDX-License-Identifier: MIT
/*
 * What the front-end of a GPU socket is asked, and its answers: negotiation, sizes of heads, EDIDs.
 *
 * The device asks in the form of queries (display.h); each is answered within a deadline, if need
 * be from what the front-end said last. One request is on the wire at a time, and one answer serves
 * all queries of its kind that were there when it was asked; a query that came later is asked anew,
 * because the answer on its way may be older than what made the guest ask.
 *
 * A front-end does not answer GET_EDID for a head that it does not have. So a GET_PROTOCOL_FEATURES
 * follows each as a barrier: if its reply comes first, there is no such head.
 *
 * No I/O and no clock in here: the caller brings bytes and the time.
 */
#ifndef ORIEL_GPU_SOCKET_REPLIES_H
#define ORIEL_GPU_SOCKET_REPLIES_H

#include "display/display.h"
#include "protocol/gpu_socket.h"

/** Payload of a reply at most; a larger one means that we read something that is no header. */
#define ORIEL_GPU_SOCKET_MAX_REPLY 4096u

/** What is on the wire. */
enum oriel_gpu_socket_request {
	ORIEL_REQUEST_NONE,
	ORIEL_REQUEST_FEATURES, // GET_PROTOCOL_FEATURES
	ORIEL_REQUEST_INFO,     // GET_DISPLAY_INFO
	ORIEL_REQUEST_EDID,     // GET_EDID and its barrier
	ORIEL_REQUEST_BARRIER,  // of these the barrier only
};

struct oriel_gpu_socket_replies {
	uint64_t timeout_ns;
	uint64_t wanted_features; // those that we use: EDID, unless the owner adds some
	uint64_t deadline_ns;     // when expire() is due, or earlier; 0: never

	// The connection. All is reset by a new one.
	bool connected;
	bool features_asked, features_known, features_to_set;
	uint64_t features;             // of those that we use
	uint64_t negotiation_deadline; // ns; then no longer waited for
	bool ready;                    // negotiated, or no longer waited for
	enum oriel_gpu_socket_request request;
	uint32_t scanout_id; // of an EDID request

	// Open queries: those that the request on the wire is for, those that an answer is just
	// being given to, and those that are still to be asked.
	struct oriel_link asked;
	struct oriel_link answering;
	struct oriel_link waiting;

	// What was answered last, on any connection.
	bool has_heads;
	struct oriel_head heads[ORIEL_MAX_SCANOUTS];
	size_t edid_sizes[ORIEL_MAX_SCANOUTS]; // bytes; 0: none
	uint8_t edids[ORIEL_MAX_SCANOUTS][ORIEL_EDID_MAX_SIZE];
};

/** Begin, not connected. */
void oriel_gpu_socket_replies_init(struct oriel_gpu_socket_replies *replies, uint64_t timeout_ns);

/** A new connection: everything is asked anew. Open queries wait for it until their deadline. */
void oriel_gpu_socket_replies_connect(struct oriel_gpu_socket_replies *replies, uint64_t now_ns);

/** The connection is gone: open queries are answered from what is known, or -ENOTCONN. */
void oriel_gpu_socket_replies_disconnect(struct oriel_gpu_socket_replies *replies);

/** Forget all answers: the next connection is to somebody else. */
void oriel_gpu_socket_replies_forget(struct oriel_gpu_socket_replies *replies);

/** Take a query, as in struct oriel_display_impl. Returns 0 or -ENOTCONN. */
ORIEL_MUST_CHECK
int oriel_gpu_socket_replies_ask(struct oriel_gpu_socket_replies *replies,
		struct oriel_display_query *query, uint64_t now_ns);

/** Write the next request, if one may go out, and count it as sent. It takes 64 bytes at most. */
void oriel_gpu_socket_replies_write_next(struct oriel_gpu_socket_replies *replies,
		struct oriel_writer *w);

/**
 * Whether this may be the header of the reply that is waited for.
 *
 * Returns 0, or -EPROTO: the stream makes no sense any more.
 */
ORIEL_MUST_CHECK
int oriel_gpu_socket_replies_check(const struct oriel_gpu_socket_replies *replies,
		const struct oriel_gpu_message_header *header);

/**
 * Handle a reply whose header was checked. Queries are answered last.
 *
 * Returns 0, or -EBADMSG if the payload was malformed (its queries were told).
 */
ORIEL_MUST_CHECK
int oriel_gpu_socket_replies_handle(struct oriel_gpu_socket_replies *replies,
		const struct oriel_gpu_message_header *header, const uint8_t *payload);

/** Answer the queries whose deadline has come, from what is known, or -ETIMEDOUT. */
void oriel_gpu_socket_replies_expire(struct oriel_gpu_socket_replies *replies, uint64_t now_ns);

/** Answer all open queries, from what is known, or -ETIMEDOUT. */
void oriel_gpu_socket_replies_flush(struct oriel_gpu_socket_replies *replies);

/** Forget all open queries. */
void oriel_gpu_socket_replies_drop(struct oriel_gpu_socket_replies *replies);

#endif
