// SPDX-License-Identifier: MIT
/*
 * See server.h.
 *
 * One epoll, one event at a time: whatever an event's handler closes, no event that was fetched
 * before can still name it. What an event is about is known by its pointer: a door's descriptor,
 * the display, a connection or a process of the server's tables.
 */
#include "oriel-vnc/server.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/connect.h"
#include "common/log.h"
#include "common/typed.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM "oriel-vnc"

/** The display socket answers within this time, or is none. */
#define CONNECT_TIMEOUT_MS 5000

#define LOG_INTERVAL_NS UINT64_C(10000000000)
#define LOG_BURST 20

/** A viewer's machine that vanished is noticed after about two minutes. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_COUNT 4

static int64_t get_now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void server_log(struct server *server, enum oriel_log_level level, const char *format, ...) {
	uint64_t n_suppressed;
	if (!oriel_rate_limit_allows(&server->log_limit, (uint64_t)get_now_ms() * 1000000,
			    &n_suppressed)) {
		return;
	}
	if (n_suppressed > 0) {
		log_print(&server->log, ORIEL_LOG_WARN, "%llu lines more about viewers",
				(unsigned long long)n_suppressed);
	}
	char line[512];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	log_print(&server->log, level, "%s", line);
}

void server_init(struct server *server, const struct options *options, struct oriel_log_sink log) {
	*server = (struct server){
		.options = options,
		.log = log,
		.log_limit = { .interval_ns = LOG_INTERVAL_NS, .burst = LOG_BURST },
		.epoll_fd = -1,
		.signal_fd = -1,
		.unix_door = { .fd = -1 },
		.vnc_fd = -1,
		.web_fd = -1,
	};
	for (size_t i = 0; i < SERVER_MAX_CONNECTIONS; i++) {
		server->connections[i].fd = -1;
	}
	for (size_t i = 0; i < SERVER_MAX_WAITING; i++) {
		server->waiters[i].fd = -1;
	}
	for (size_t i = 0; i < SERVER_MAX_PROCESSES; i++) {
		server->processes[i].report_fd = -1;
	}
}

static int fail_display(const struct server *server, int err) {
	const char *reason = oriel_client_get_reason(server->display);
	if (reason == NULL) {
		reason = err == -EAGAIN     ? "no answer within 5 s"
			 : err == -ENOTCONN ? "closed by the other side"
					    : strerror(-err);
	}
	fprintf(stderr, PROGRAM ": %s: %s\n", server->options->socket, reason);
	return err;
}

int server_connect(struct server *server) {
	int err = oriel_client_connect(server->options->socket, &server->display);
	const struct oriel_client_event *event = NULL;
	if (err == 0) {
		err = oriel_client_wait(server->display, CONNECT_TIMEOUT_MS, &event);
	}
	if (err == 0 && event->type == ORIEL_CLIENT_ERROR) {
		fprintf(stderr, PROGRAM ": %s: %s\n", server->options->socket, event->text);
		return -ENOTCONN;
	}
	if (err < 0 && server->display == NULL) {
		char typed[TYPED_SIZE];
		fprintf(stderr, PROGRAM ": --socket: %s: %s\n",
				typed_copy(server->options->socket, typed),
				connect_explain(server->options->socket, err));
		return err;
	}
	if (err < 0) {
		return fail_display(server, err);
	}
	if (!server->options->view_only && !oriel_client_has_input(server->display)) {
		log_print(&server->log, ORIEL_LOG_INFO,
				"the machine takes no keys or pointer from here (oriel-gpu has no "
				"--keyboard-socket): view only");
	}
	return 0;
}

static int watch(struct server *server, int fd, uint32_t events, void *ptr) {
	struct epoll_event event = { .events = events, .data.ptr = ptr };
	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? oriel_errno() : 0;
}

static int watch_signals(struct server *server) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		return oriel_errno();
	}
	server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signal_fd < 0
			       ? oriel_errno()
			       : watch(server, server->signal_fd, EPOLLIN, &server->signal_fd);
}

/** Listen at a TCP address. *ret_bound is where. */
static int open_tcp(struct server *server, const union address *address, int *fd,
		union address *ret_bound) {
	int err = address_listen(address, fd, ret_bound);
	if (err == 0) {
		err = watch(server, *fd, EPOLLIN, fd);
	}
	if (err < 0) {
		char text[ADDRESS_TEXT_SIZE];
		address_format(address, text);
		fprintf(stderr, PROGRAM ": %s: cannot listen there: %s\n", text, strerror(-err));
		return err;
	}
	if (!address_is_loopback(address)) {
		log_print(&server->log, ORIEL_LOG_WARN,
				"what goes over the network is not encrypted: whoever can listen "
				"in "
				"sees the screen and what is typed");
	}
	return 0;
}

static int open_vnc(struct server *server) {
	const struct options *options = server->options;
	if (options->listen_path != NULL) {
		int err = listener_open(&server->unix_door, PROGRAM, options->listen_path);
		if (err == 0) {
			err = watch(server, server->unix_door.fd, EPOLLIN, &server->unix_door);
		}
		if (err == 0) {
			printf("vnc unix:%s\n", options->listen_path);
		}
		return err;
	}
	union address bound;
	int err = open_tcp(server, &options->listen, &server->vnc_fd, &bound);
	if (err == 0) {
		char text[ADDRESS_TEXT_SIZE];
		address_format(&bound, text);
		printf("vnc %s\n", text);
	}
	return err;
}

static int open_web(struct server *server) {
	const struct options *options = server->options;
	union address bound;
	int err = open_tcp(server, &options->web, &server->web_fd, &bound);
	if (err < 0) {
		return err;
	}
	server->web.is_loopback = address_is_loopback(&options->web);
	if (!server->web.is_loopback &&
			gethostname(server->web.host_name, sizeof(server->web.host_name)) < 0) {
		server->web.host_name[0] = '\0';
	}
	server->web.host_name[sizeof(server->web.host_name) - 1] = '\0';
	char text[ADDRESS_TEXT_SIZE];
	address_format(&bound, text);
	if (address_is_wildcard(&options->web)) {
		printf("web http://%s%s/#token=%s\n", server->web.host_name, strrchr(text, ':'),
				server->web.token);
	} else {
		printf("web http://%s/#token=%s\n", text, server->web.token);
	}
	return 0;
}

/** Say where the doors are, and keep no copy of it: the URL has the token in it. */
static int open_doors(struct server *server) {
	char buffer[BUFSIZ];
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	int err = 0;
	if (server->options->has_listen) {
		err = open_vnc(server);
	}
	if (err == 0 && server->options->has_web) {
		err = open_web(server);
	}
	if (fflush(stdout) != 0 && err == 0) {
		err = oriel_errno();
		fprintf(stderr, PROGRAM ": standard output: %s\n", strerror(-err));
	}
	setvbuf(stdout, NULL, _IONBF, 0);
	explicit_bzero(buffer, sizeof(buffer));
	return err;
}

int server_open(struct server *server) {
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int err = server->epoll_fd < 0 ? oriel_errno() : 0;
	if (err == 0) {
		err = watch_signals(server);
	}
	if (err == 0) {
		err = watch(server, oriel_client_get_fd(server->display), EPOLLIN, server->display);
	}
	if (err < 0) {
		fprintf(stderr, PROGRAM ": cannot wait for anything: %s\n", strerror(-err));
		return err;
	}
	return open_doors(server);
}

/** Accept a TCP connection. Returns its descriptor, or -1. */
static int accept_tcp(int door, struct peer *ret) {
	union address address = { .room = { 0 } };
	socklen_t size = sizeof(address);
	int fd = accept4(door, &address.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		return -1;
	}
	static const struct {
		int level, name, value;
	} settings[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(settings); i++) {
		(void)setsockopt(fd, settings[i].level, settings[i].name, &settings[i].value,
				sizeof(settings[i].value));
	}
	address_format(&address, ret->text);
	ret->machine = address_get_machine(&address);
	return fd;
}

static bool has_room(const struct server *server) {
	return process_count(server, true) < server->options->max_viewers;
}

/** A place for a connection; if there is none, one makes room. */
static struct web_connection *find_connection(struct server *server) {
	const struct crowd_member *members[SERVER_MAX_CONNECTIONS];
	for (size_t i = 0; i < SERVER_MAX_CONNECTIONS; i++) {
		struct web_connection *c = &server->connections[i];
		if (c->fd < 0) {
			return c;
		}
		members[i] = &c->place;
	}
	struct web_connection *chosen =
			&server->connections[crowd_choose(members, SERVER_MAX_CONNECTIONS)];
	web_close(chosen);
	return chosen;
}

/** Watch a connection that has just begun. */
static void watch_connection(struct server *server, struct web_connection *connection,
		const struct peer *peer) {
	connection->peer = *peer;
	connection->place = (struct crowd_member){ peer->machine, ++server->n_ever };
	if (watch(server, connection->fd, web_get_events(connection), connection) < 0) {
		web_close(connection);
	}
}

/** Whether the other side is gone already, as after a flood of connects: no process for such. */
static bool is_gone(int fd) {
	char byte;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void begin_vnc_take(struct server *server, int fd, const struct peer *peer) {
	if (is_gone(fd)) {
		oriel_fd_close(&fd);
		return;
	}
	if (has_room(server)) {
		process_start_take(server, fd, peer, false);
		return;
	}
	struct web_connection *connection = find_connection(server);
	web_refuse_take(connection, fd);
	watch_connection(server, connection, peer);
}

/** A place to wait in; if there is none, one makes room. */
static struct waiter *find_waiter(struct server *server) {
	const struct crowd_member *members[SERVER_MAX_WAITING];
	for (size_t i = 0; i < SERVER_MAX_WAITING; i++) {
		if (server->waiters[i].fd < 0) {
			return &server->waiters[i];
		}
		members[i] = &server->waiters[i].place;
	}
	struct waiter *chosen = &server->waiters[crowd_choose(members, SERVER_MAX_WAITING)];
	oriel_fd_close(&chosen->fd);
	return chosen;
}

/** Begin with a VNC viewer at once, or when its machine's penalty is over. */
static void receive_vnc_take(struct server *server, int fd, const struct peer *peer) {
	const int64_t now_ms = get_now_ms();
	const int64_t left_ms = penalty_get_ms(&server->penalty, peer->machine, now_ms);
	if (left_ms == 0) {
		begin_vnc_take(server, fd, peer);
		return;
	}
	*find_waiter(server) = (struct waiter){ .fd = fd,
		.peer = *peer,
		.place = { peer->machine, ++server->n_ever },
		.until_ms = now_ms + left_ms };
}

static void handle_door(struct server *server, const void *door) {
	struct peer peer = { .text = "on the socket" };
	int fd = -1;
	if (door == &server->unix_door) {
		if (listener_accept(&server->unix_door, &fd) == 0) {
			receive_vnc_take(server, fd, &peer);
		}
		return;
	}
	fd = accept_tcp(*(const int *)door, &peer);
	if (fd >= 0 && door == &server->vnc_fd) {
		receive_vnc_take(server, fd, &peer);
	} else if (fd >= 0) {
		struct web_connection *connection = find_connection(server);
		web_begin_take(connection, fd);
		watch_connection(server, connection, &peer);
	}
}

/** A WebSocket that may come becomes a viewer. */
static void hand_over(struct server *server, struct web_connection *connection) {
	int fd = connection->fd;
	connection->fd = -1;
	(void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	process_start_take(server, fd, &connection->peer, true);
}

static void handle_connection(struct server *server, struct web_connection *connection,
		uint32_t events) {
	enum web_state before = connection->state;
	bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	switch (web_handle(&server->web, connection, has_room(server), ended)) {
	case WEB_CLOSE:
		web_close(connection);
		return;
	case WEB_HAND_OVER:
		hand_over(server, connection);
		return;
	case WEB_GO_ON:
		break;
	}
	if (connection->state != before) {
		struct epoll_event event = { .events = web_get_events(connection),
			.data.ptr = connection };
		if (epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event) < 0) {
			web_close(connection);
		}
	}
}

static void handle_signal(struct server *server) {
	struct signalfd_siginfo info;
	while (read(server->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			process_reap(server);
			continue;
		}
		log_print(&server->log, ORIEL_LOG_INFO, "ended by %s",
				strsignal((int)info.ssi_signo));
		server->done = true;
	}
}

/** Nothing is expected from the display socket here but its end. */
static void handle_display(struct server *server) {
	const struct oriel_client_event *event;
	int err = oriel_client_wait(server->display, 0, &event);
	if (err == -EAGAIN) {
		return;
	}
	if (err == 0) {
		if (event->type == ORIEL_CLIENT_ERROR) {
			log_print(&server->log, ORIEL_LOG_ERROR, "%s: %s", server->options->socket,
					event->text);
		}
		return;
	}
	(void)fail_display(server, err);
	server->done = true;
	server->failed = true;
}

static void handle_event(struct server *server, const struct epoll_event *event) {
	void *ptr = event->data.ptr;
	if (ptr == &server->signal_fd) {
		handle_signal(server);
	} else if (ptr == server->display) {
		handle_display(server);
	} else if (ptr == &server->vnc_fd || ptr == &server->web_fd || ptr == &server->unix_door) {
		handle_door(server, ptr);
	} else if ((char *)ptr >= (char *)server->processes &&
			(char *)ptr < (char *)(server->processes + SERVER_MAX_PROCESSES)) {
		process_handle_report(server, ptr);
	} else {
		handle_connection(server, ptr, event->events);
	}
}

void server_add_penalty(struct server *server, const struct peer *peer) {
	penalty_add(&server->penalty, peer->machine, get_now_ms());
}

/** The earlier of two times, of which -1 is never. */
static int64_t get_earlier(int64_t a_ms, int64_t b_ms) {
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/** Begin with those that have waited long enough. Returns when to look again, or -1. */
static int64_t expire_waiters(struct server *server, int64_t now_ms) {
	int64_t next_ms = -1;
	for (size_t i = 0; i < SERVER_MAX_WAITING; i++) {
		struct waiter *waiter = &server->waiters[i];
		if (waiter->fd >= 0 && waiter->until_ms <= now_ms) {
			int fd = waiter->fd;
			waiter->fd = -1;
			begin_vnc_take(server, fd, &waiter->peer);
		} else if (waiter->fd >= 0) {
			next_ms = get_earlier(next_ms, waiter->until_ms);
		}
	}
	return next_ms;
}

/** Close connections whose time is over. Returns when to look again, or -1. */
static int64_t expire_connections(struct server *server, int64_t now_ms) {
	int64_t next_ms = -1;
	for (size_t i = 0; i < SERVER_MAX_CONNECTIONS; i++) {
		struct web_connection *connection = &server->connections[i];
		if (connection->fd >= 0 && connection->deadline_ms <= now_ms) {
			web_close(connection);
		} else if (connection->fd >= 0) {
			next_ms = get_earlier(next_ms, connection->deadline_ms);
		}
	}
	return next_ms;
}

/** Do what is due. Returns how long to wait for events, or -1. */
static int expire(struct server *server) {
	const int64_t now_ms = get_now_ms();
	// Waiters first: some of them become connections.
	int64_t next_ms = expire_waiters(server, now_ms);
	next_ms = get_earlier(next_ms, expire_connections(server, now_ms));
	return next_ms < 0 ? -1 : (int)(next_ms - now_ms);
}

int server_run(struct server *server) {
	while (!server->done) {
		struct epoll_event event;
		int n = epoll_wait(server->epoll_fd, &event, 1, expire(server));
		if (n < 0 && errno != EINTR) {
			int err = oriel_errno();
			log_print(&server->log, ORIEL_LOG_ERROR, "cannot wait for anything: %s",
					strerror(-err));
			return err;
		}
		if (n > 0) {
			handle_event(server, &event);
		}
	}
	return server->failed ? -ENOTCONN : 0;
}

void server_finish(struct server *server) {
	process_end_all(server);
	for (size_t i = 0; i < SERVER_MAX_CONNECTIONS; i++) {
		web_close(&server->connections[i]);
	}
	for (size_t i = 0; i < SERVER_MAX_WAITING; i++) {
		oriel_fd_close(&server->waiters[i].fd);
	}
	oriel_fd_close(&server->vnc_fd);
	oriel_fd_close(&server->web_fd);
	listener_close(&server->unix_door);
	oriel_fd_close(&server->signal_fd);
	oriel_fd_close(&server->epoll_fd);
	oriel_client_destroy(server->display);
	files_finish(&server->web.files);
}
