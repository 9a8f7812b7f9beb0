// SPDX-License-Identifier: MIT
/* See http.h. */
#include "oriel-vnc/http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define MAX_HEADERS 64

static const char end_of_head[] = "\r\n\r\n";

/** Characters of a header's name (RFC 9110, 5.6.2). */
static bool is_token_char(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/** Bytes that may be in a request at all; lines are looked at later. */
static bool is_text_char(char c) {
	return (c >= 0x20 && c != 0x7f) || c == '\r' || c == '\n' || c == '\t' || (c & 0x80) != 0;
}

/** A piece of the request. */
struct piece {
	const char *at;
	size_t len;
};

static bool piece_equals(struct piece piece, const char *text) {
	return strlen(text) == piece.len && strncasecmp(piece.at, text, piece.len) == 0;
}

/** Copy a piece into size bytes, with a 0 behind it. Returns 0 or -EOVERFLOW. */
static int piece_copy(struct piece piece, char *to, size_t size) {
	if (piece.len >= size) {
		return -EOVERFLOW;
	}
	memcpy(to, piece.at, piece.len);
	to[piece.len] = '\0';
	return 0;
}

bool http_list_has(const char *list, const char *word) {
	while (*list != '\0') {
		list += strspn(list, " \t,");
		size_t len = strcspn(list, " \t,");
		if (len > 0 && piece_equals((struct piece){ list, len }, word)) {
			return true;
		}
		list += len;
	}
	return false;
}

size_t http_host_name_len(const char *host) {
	if (host[0] == '[') {
		const char *end = strchr(host, ']');
		return end != NULL && (end[1] == '\0' || end[1] == ':') ? (size_t)(end + 1 - host)
									: 0;
	}
	return strcspn(host, ":");
}

static enum http_method method_of(struct piece piece) {
	if (piece.len == 3 && memcmp(piece.at, "GET", 3) == 0) {
		return HTTP_GET;
	}
	if (piece.len == 4 && memcmp(piece.at, "HEAD", 4) == 0) {
		return HTTP_HEAD;
	}
	return HTTP_OTHER;
}

/** Take what is before the next space. */
static struct piece take_word(struct piece *line) {
	const char *space = memchr(line->at, ' ', line->len);
	struct piece word = { line->at, space != NULL ? (size_t)(space - line->at) : line->len };
	size_t used = space != NULL ? word.len + 1 : word.len;
	line->at += used;
	line->len -= used;
	return word;
}

/** "GET /path?query HTTP/1.1" */
static int parse_request_line(struct piece line, struct http_request *request) {
	struct piece method = take_word(&line);
	struct piece target = take_word(&line);
	if (method.len == 0 || target.len == 0 || target.at[0] != '/' || line.len != 8 ||
			memcmp(line.at, "HTTP/1.1", 8) != 0) {
		return -EBADMSG;
	}
	for (size_t i = 0; i < method.len; i++) {
		if (!is_token_char(method.at[i])) {
			return -EBADMSG;
		}
	}
	for (size_t i = 0; i < target.len; i++) {
		if (target.at[i] <= 0x20 || target.at[i] == 0x7f) {
			return -EBADMSG;
		}
	}
	const char *query = memchr(target.at, '?', target.len);
	if (query != NULL) {
		target.len = (size_t)(query - target.at);
	}
	request->method = method_of(method);
	return piece_copy(target, request->path, sizeof(request->path));
}

/** Copy a value that may come only once. */
static int take_once(struct piece value, char *to) {
	return to[0] != '\0' || value.len == 0 ? -EBADMSG : piece_copy(value, to, HTTP_MAX_VALUE);
}

/** What is known of Upgrade and Connection, which mean something only together. */
struct upgrade {
	char upgrade[HTTP_MAX_VALUE];
	char connection[HTTP_MAX_VALUE];
	char key[HTTP_MAX_VALUE];
	char version[HTTP_MAX_VALUE];
	char authorization[HTTP_MAX_VALUE];
};

static int handle_header(struct piece name, struct piece value, struct http_request *request,
		struct upgrade *upgrade) {
	const struct {
		const char *name;
		char *to;
	} wanted[] = {
		{ "Host", request->host },
		{ "Origin", request->origin },
		{ "Sec-WebSocket-Protocol", request->protocols },
		{ "Sec-WebSocket-Key", upgrade->key },
		{ "Sec-WebSocket-Version", upgrade->version },
		{ "Upgrade", upgrade->upgrade },
		{ "Connection", upgrade->connection },
		{ "Authorization", upgrade->authorization },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(wanted); i++) {
		if (piece_equals(name, wanted[i].name)) {
			return take_once(value, wanted[i].to);
		}
	}
	return 0;
}

/** "Name: value" */
static int parse_header_line(struct piece line, struct http_request *request,
		struct upgrade *upgrade) {
	const char *colon = memchr(line.at, ':', line.len);
	if (colon == NULL || colon == line.at) {
		return -EBADMSG;
	}
	struct piece name = { line.at, (size_t)(colon - line.at) };
	for (size_t i = 0; i < name.len; i++) {
		if (!is_token_char(name.at[i])) {
			return -EBADMSG; // a folded line begins with a space
		}
	}
	struct piece value = { colon + 1, line.len - name.len - 1 };
	while (value.len > 0 && (value.at[0] == ' ' || value.at[0] == '\t')) {
		value.at++;
		value.len--;
	}
	while (value.len > 0 &&
			(value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t')) {
		value.len--;
	}
	return handle_header(name, value, request, upgrade);
}

/** All lines; the last one's end is the first half of the empty line. */
static int parse_lines(const char *bytes, size_t size, struct http_request *request,
		struct upgrade *upgrade) {
	const char *end = bytes + size;
	for (int i = 0; bytes < end; i++) {
		const char *cr = memchr(bytes, '\r', (size_t)(end - bytes));
		struct piece line = { bytes, (size_t)((cr != NULL ? cr : end) - bytes) };
		if (cr == NULL || cr + 1 == end || cr[1] != '\n' || i > MAX_HEADERS ||
				memchr(line.at, '\n', line.len) != NULL) {
			return -EBADMSG;
		}
		int err = i == 0 ? parse_request_line(line, request)
				 : parse_header_line(line, request, upgrade);
		if (err < 0) {
			return err;
		}
		bytes = cr + 2;
	}
	return request->host[0] != '\0' ? 0 : -EBADMSG;
}

/** What several headers mean together. */
static void judge_upgrade(const struct upgrade *upgrade, struct http_request *request) {
	request->upgrade = http_list_has(upgrade->upgrade, "websocket") &&
			   http_list_has(upgrade->connection, "upgrade");
	request->has_key = upgrade->key[0] != '\0';
	request->is_version_13 = strcmp(upgrade->version, "13") == 0;
	if (strncmp(upgrade->authorization, "Bearer ", 7) == 0) {
		strcpy(request->token, upgrade->authorization + 7);
	}
}

int http_parse(const char *bytes, size_t size, struct http_request *ret) {
	for (size_t i = 0; i < size; i++) {
		if (!is_text_char(bytes[i])) {
			return -EBADMSG;
		}
	}
	if (size > 0 && !is_token_char(bytes[0])) {
		return -EBADMSG;
	}
	const char *end = memmem(bytes, size, end_of_head, strlen(end_of_head));
	if (end == NULL) {
		return size >= HTTP_MAX_REQUEST ? -EOVERFLOW : -EAGAIN;
	}
	size_t used = (size_t)(end - bytes) + strlen(end_of_head);
	if (used > HTTP_MAX_REQUEST) {
		return -EOVERFLOW;
	}
	struct http_request request = { .size = used };
	struct upgrade upgrade = { 0 };
	int err = parse_lines(bytes, used - 2, &request, &upgrade);
	if (err == 0) {
		judge_upgrade(&upgrade, &request);
		*ret = request;
	}
	// They may have a token in them.
	explicit_bzero(&request, sizeof(request));
	explicit_bzero(&upgrade, sizeof(upgrade));
	return err;
}
