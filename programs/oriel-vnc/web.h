// SPDX-License-Identifier: MIT
/*
 * Connections that are answered by the program itself: browsers, which get files, and viewers that
 * are told that there is no room.
 *
 * A connection is answered once and closed. A browser's request is only looked at, not taken from
 * the socket, until it is known what it is: a WebSocket with the right token is left for
 * LibVNCServer, which reads the request from its beginning.
 *
 * Who may come: a page of anybody's, open in a browser on this machine, can send requests here too.
 * Such a page does not know the token, and the Host and Origin of its requests betray it, also
 * where its own name was made to mean this machine.
 */
#ifndef ORIEL_VNC_WEB_H
#define ORIEL_VNC_WEB_H

#include "oriel-vnc/address.h"
#include "oriel-vnc/crowd.h"
#include "oriel-vnc/files.h"

#include <stdbool.h>
#include <stdint.h>

#define WEB_TOKEN_SIZE 16
#define WEB_TOKEN_TEXT_SIZE (2 * WEB_TOKEN_SIZE + 1)

struct web {
	struct files files;
	char token[WEB_TOKEN_TEXT_SIZE]; // hexadecimal
	bool is_loopback;                // nothing but names of this machine is served
	char host_name[256];             // this machine's own, "" with is_loopback
};

struct web_connection {
	int fd; // -1: there is none
	struct peer peer;
	struct crowd_member place;
	int64_t deadline_ms;
	enum web_state { WEB_READING, WEB_WRITING, WEB_LINGERING } state;
	char head[768];
	size_t head_size;
	const uint8_t *body;
	size_t body_size;
	size_t sent; // of both
};

enum web_outcome {
	WEB_GO_ON,
	WEB_CLOSE,
	WEB_HAND_OVER, // it is a WebSocket with the right token, and its fd LibVNCServer's
};

/** Make a token. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int web_make_token(struct web *web);

/** Begin with a browser. Takes fd. */
void web_begin_take(struct web_connection *connection, int fd);

/** Begin with a VNC viewer that there is no room for. Takes fd. */
void web_refuse_take(struct web_connection *connection, int fd);

/** The events of epoll that the connection waits for. */
uint32_t web_get_events(const struct web_connection *connection);

/** Go on. has_room: whether one more viewer is taken. ended: nothing more comes from there. */
enum web_outcome web_handle(const struct web *web, struct web_connection *connection, bool has_room,
		bool ended);

/** Close it. */
void web_close(struct web_connection *connection);

#endif
