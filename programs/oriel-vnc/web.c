// SPDX-License-Identifier: MIT
/* See web.h. */
#include "oriel-vnc/web.h"

#include "base/error.h"
#include "base/fd.h"
#include "oriel-vnc/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

/** A browser sends its request at once, and takes our small files soon. */
#define READ_TIMEOUT_MS 10000
#define WRITE_TIMEOUT_MS 30000

/** How long the other side may take to close after our answer. */
#define LINGER_TIMEOUT_MS 2000

#define TOKEN_PREFIX "oriel."

/** A viewer of RFB 3.3 is told its fate without being asked anything. */
static const uint8_t no_room[] = "RFB 003.003\n"
				 "\0\0\0\0\0\0\0\x1e"
				 "too many viewers at the moment";

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void begin(struct web_connection *connection, int fd, enum web_state state,
		int64_t timeout_ms) {
	*connection = (struct web_connection){ .fd = fd,
		.state = state,
		.deadline_ms = get_now_ms() + timeout_ms };
}

void web_begin_take(struct web_connection *connection, int fd) {
	begin(connection, fd, WEB_READING, READ_TIMEOUT_MS);
}

void web_refuse_take(struct web_connection *connection, int fd) {
	begin(connection, fd, WEB_WRITING, LINGER_TIMEOUT_MS);
	connection->body = no_room;
	connection->body_size = sizeof(no_room) - 1;
}

void web_close(struct web_connection *connection) {
	oriel_fd_close(&connection->fd);
}

int web_make_token(struct web *web) {
	uint8_t bytes[WEB_TOKEN_SIZE];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		return oriel_errno();
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		snprintf(web->token + 2 * i, 3, "%02x", bytes[i]);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

uint32_t web_get_events(const struct web_connection *connection) {
	switch (connection->state) {
	case WEB_READING:
		// What was looked at stays in the socket; only more of it is news.
		return EPOLLIN | EPOLLRDHUP | EPOLLET;
	case WEB_WRITING:
		return EPOLLOUT;
	default:
		return EPOLLIN;
	}
}

/** Whether text is the token. Takes as long for any text of its length. */
static bool is_token(const struct web *web, const char *text, size_t len) {
	uint8_t different = 0;
	if (len != sizeof(web->token) - 1) {
		return false;
	}
	for (size_t i = 0; i < sizeof(web->token) - 1; i++) {
		different |= (uint8_t)(text[i] ^ web->token[i]);
	}
	return different == 0;
}

/** Whether a WebSocket's protocols, "binary, oriel.TOKEN", have the token. */
static bool has_token(const struct web *web, const char *protocols) {
	while (*protocols != '\0') {
		protocols += strspn(protocols, " \t,");
		size_t len = strcspn(protocols, " \t,");
		if (strncmp(protocols, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0 &&
				is_token(web, protocols + strlen(TOKEN_PREFIX),
						len - strlen(TOKEN_PREFIX))) {
			return true;
		}
		protocols += len;
	}
	return false;
}

/** Whether a name, which may be an address, is one that this machine is reached by. */
static bool is_our_name(const struct web *web, const char *host) {
	char name[HTTP_MAX_VALUE];
	size_t len = http_host_name_len(host);
	if (len == 0 || len >= sizeof(name)) {
		return false;
	}
	memcpy(name, host, len);
	name[len] = '\0';
	struct in6_addr v6;
	struct in_addr v4;
	if (strcasecmp(name, "localhost") == 0) {
		return true;
	}
	if (name[0] == '[') {
		name[len - 1] = '\0';
		return inet_pton(AF_INET6, name + 1, &v6) == 1 &&
		       (!web->is_loopback || IN6_IS_ADDR_LOOPBACK(&v6));
	}
	// An address is nobody else's name: that page came from here.
	if (inet_pton(AF_INET, name, &v4) == 1) {
		return !web->is_loopback || ntohl(v4.s_addr) >> 24 == 127;
	}
	return web->host_name[0] != '\0' && strcasecmp(name, web->host_name) == 0;
}

/** Whether a request comes from our own page. */
static bool is_our_origin(const struct http_request *request) {
	const char *origin = request->origin;
	if (strncmp(origin, "http://", 7) != 0) {
		return false;
	}
	return strcasecmp(origin + 7, request->host) == 0;
}

static void answer(struct web_connection *connection, const char *status, const char *type,
		const uint8_t *body, size_t size, bool with_body) {
	// The page gets all it needs from here, and nobody may show it inside another page.
	int n = snprintf(connection->head, sizeof(connection->head),
			"HTTP/1.1 %s\r\n"
			"Content-Type: %s; charset=utf-8\r\n"
			"Content-Length: %zu\r\n"
			"Connection: close\r\n"
			"Cache-Control: no-store\r\n"
			"X-Content-Type-Options: nosniff\r\n"
			"Referrer-Policy: no-referrer\r\n"
			"Cross-Origin-Resource-Policy: same-origin\r\n"
			"Content-Security-Policy: default-src 'none'; script-src 'self'; "
			"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
			"connect-src 'self' ws:; base-uri 'none'; form-action 'none'; "
			"frame-ancestors 'none'\r\n"
			"%s"
			"\r\n",
			status, type, size,
			strncmp(status, "405", 3) == 0 ? "Allow: GET, HEAD\r\n" : "");
	connection->head_size = (size_t)n;
	connection->body = body;
	connection->body_size = with_body ? size : 0;
	connection->state = WEB_WRITING;
	connection->deadline_ms = get_now_ms() + WRITE_TIMEOUT_MS;
}

static void answer_text(struct web_connection *connection, const char *status, const char *text) {
	answer(connection, status, "text/plain", (const uint8_t *)text, strlen(text), true);
}

static void answer_file(const struct web *web, struct web_connection *connection,
		const struct http_request *request) {
	const struct file *file = files_find(&web->files, request->path);
	if (file == NULL) {
		answer_text(connection, "404 Not Found", "There is no such page here.\n");
		return;
	}
	answer(connection, "200 OK", file->type, file->bytes, file->size,
			request->method == HTTP_GET);
}

/** The page asks whether its token is the right one, which a WebSocket's failure cannot tell it. */
static void answer_check(const struct web *web, struct web_connection *connection,
		const struct http_request *request) {
	if (is_token(web, request->token, strlen(request->token))) {
		answer_text(connection, "200 OK", "It is the right token.\n");
	} else {
		answer_text(connection, "403 Forbidden", "The token is wrong.\n");
	}
}

/** A WebSocket: answered here only if it may not come. Returns whether it may. */
static bool judge_websocket(const struct web *web, struct web_connection *connection,
		const struct http_request *request, bool has_room) {
	if (request->method != HTTP_GET || !request->upgrade || !request->has_key ||
			!request->is_version_13) {
		answer_text(connection, "400 Bad Request", "This takes WebSockets only.\n");
	} else if (!is_our_origin(request)) {
		answer_text(connection, "403 Forbidden", "That page is not of this program.\n");
	} else if (!has_token(web, request->protocols) ||
			!http_list_has(request->protocols, "binary")) {
		answer_text(connection, "403 Forbidden", "The token is wrong.\n");
	} else if (!has_room) {
		answer_text(connection, "503 Service Unavailable", "Too many viewers.\n");
	} else {
		return true;
	}
	return false;
}

/** Answer a whole request, or leave it. */
static enum web_outcome judge(const struct web *web, struct web_connection *connection,
		const struct http_request *request, bool has_room) {
	if (!is_our_name(web, request->host)) {
		answer_text(connection, "403 Forbidden",
				"This program is not reached by that name.\n");
	} else if (strcmp(request->path, "/websocket") == 0) {
		if (judge_websocket(web, connection, request, has_room)) {
			return WEB_HAND_OVER;
		}
	} else if (request->method == HTTP_OTHER) {
		answer_text(connection, "405 Method Not Allowed", "Only GET and HEAD.\n");
	} else if (strcmp(request->path, "/check") == 0) {
		answer_check(web, connection, request);
	} else {
		answer_file(web, connection, request);
	}
	return WEB_GO_ON;
}

/** Look at what there is of a request. */
static enum web_outcome look(const struct web *web, struct web_connection *connection,
		char bytes[HTTP_MAX_REQUEST + 1], struct http_request *request, bool has_room,
		bool ended) {
	ssize_t n = recv(connection->fd, bytes, HTTP_MAX_REQUEST + 1, MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return WEB_GO_ON;
	}
	if (n <= 0) {
		return WEB_CLOSE;
	}
	request->size = (size_t)n;
	enum web_outcome outcome = WEB_GO_ON;
	switch (http_parse(bytes, (size_t)n, request)) {
	case 0:
		outcome = judge(web, connection, request, has_room);
		break;
	case -EAGAIN:
		return ended ? WEB_CLOSE : WEB_GO_ON;
	case -EOVERFLOW:
		answer_text(connection, "431 Request Header Fields Too Large",
				"The request is too long. Cookies of other programs on this "
				"machine may be the reason; try another name for it, as "
				"localhost.\n");
		break;
	default:
		answer_text(connection, "400 Bad Request", "That is not HTTP/1.1.\n");
		break;
	}
	if (outcome == WEB_GO_ON) {
		// It is ours, and answered: out of the socket with it, or closing would look like a
		// failure to the other side.
		ssize_t taken = recv(connection->fd, bytes, request->size, MSG_DONTWAIT);
		(void)taken;
	}
	return outcome;
}

static enum web_outcome read_request(const struct web *web, struct web_connection *connection,
		bool has_room, bool ended) {
	char bytes[HTTP_MAX_REQUEST + 1];
	struct http_request request = { .size = 0 };
	enum web_outcome outcome = look(web, connection, bytes, &request, has_room, ended);
	// The next viewer's process begins with a copy of this memory, also of half a request.
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(&request, sizeof(request));
	return outcome;
}

static enum web_outcome write_answer(struct web_connection *connection) {
	while (connection->sent < connection->head_size + connection->body_size) {
		const void *at = connection->head + connection->sent;
		size_t left = connection->head_size - connection->sent;
		if (connection->sent >= connection->head_size) {
			size_t done = connection->sent - connection->head_size;
			at = connection->body + done;
			left = connection->body_size - done;
		}
		ssize_t n = send(connection->fd, at, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			return errno == EAGAIN || errno == EINTR ? WEB_GO_ON : WEB_CLOSE;
		}
		connection->sent += (size_t)n;
	}
	shutdown(connection->fd, SHUT_WR);
	connection->state = WEB_LINGERING;
	connection->deadline_ms = get_now_ms() + LINGER_TIMEOUT_MS;
	return WEB_GO_ON;
}

/** Wait until the other side has closed too, so that nothing of the answer is lost. */
static enum web_outcome linger(struct web_connection *connection) {
	char bytes[4096];
	ssize_t n = recv(connection->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) ? WEB_GO_ON : WEB_CLOSE;
}

enum web_outcome web_handle(const struct web *web, struct web_connection *connection, bool has_room,
		bool ended) {
	if (connection->state == WEB_READING) {
		enum web_outcome outcome = read_request(web, connection, has_room, ended);
		if (outcome != WEB_GO_ON || connection->state == WEB_READING) {
			return outcome;
		}
	}
	return connection->state == WEB_WRITING ? write_answer(connection) : linger(connection);
}
