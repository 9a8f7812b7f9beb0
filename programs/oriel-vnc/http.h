// SPDX-License-Identifier: MIT
/*
 * The request of a browser: bytes in, struct out. HTTP/1.1 (RFC 9112), as strictly as it is
 * written: what a browser does not send is refused, not guessed at.
 */
#ifndef ORIEL_VNC_HTTP_H
#define ORIEL_VNC_HTTP_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/**
 * Bytes of a request, at most: LibVNCServer reads a WebSocket's request once more, and takes no
 * more than this.
 */
#define HTTP_MAX_REQUEST 4000

#define HTTP_MAX_PATH 128
#define HTTP_MAX_VALUE 256

enum http_method { HTTP_OTHER, HTTP_GET, HTTP_HEAD };

struct http_request {
	enum http_method method;
	char path[HTTP_MAX_PATH]; // without its query
	char host[HTTP_MAX_VALUE];
	char origin[HTTP_MAX_VALUE];    // "": none
	char protocols[HTTP_MAX_VALUE]; // of a WebSocket
	char token[HTTP_MAX_VALUE];     // of "Authorization: Bearer"
	bool upgrade;                   // "Upgrade: websocket", and Connection says so
	bool has_key;                   // a WebSocket's
	bool is_version_13;
	size_t size; // of all of it
};

/**
 * Read a request that begins with these bytes.
 *
 * Returns 0, -EAGAIN if it is not complete, -EBADMSG if it is none, or -EOVERFLOW if it is too
 * long.
 */
ORIEL_MUST_CHECK
int http_parse(const char *bytes, size_t size, struct http_request *ret);

/** Whether a comma-separated list has this word; case does not matter. */
bool http_list_has(const char *list, const char *word);

/**
 * The name in a Host header, without its port: "[::1]:80" is "[::1]". Returns its length, 0 if it
 * is none.
 */
size_t http_host_name_len(const char *host);

#endif
