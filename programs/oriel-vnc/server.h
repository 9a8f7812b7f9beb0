// SPDX-License-Identifier: MIT
/*
 * The doors of oriel-vnc, who stands in them, and the viewers' processes. See main.c for the whole.
 */
#ifndef ORIEL_VNC_SERVER_H
#define ORIEL_VNC_SERVER_H

#include "base/rate_limit.h"
#include "common/listener.h"
#include "oriel-vnc/penalty.h"
#include "oriel-vnc/viewer.h"
#include "oriel-vnc/web.h"

#include <sys/types.h>

/** Connections that are answered here, at once. A browser opens six. */
#define SERVER_MAX_CONNECTIONS 32

/** Viewers at once that have not been let in yet. From there on one makes room: see crowd.h. */
#define SERVER_MAX_STARTING 16

/** Viewers at once that wait for a wrong password of their machine. Here, too, one makes room. */
#define SERVER_MAX_WAITING 32

#define SERVER_MAX_PROCESSES (MAX_VIEWERS + SERVER_MAX_STARTING)

/** A VNC viewer that nothing was said to yet. */
struct waiter {
	int fd; // -1: there is none
	struct peer peer;
	struct crowd_member place;
	int64_t until_ms;
};

struct process {
	pid_t pid;     // 0: there is none
	int report_fd; // readable when the viewer was let in or denied; -1 then
	bool is_in;
	bool is_denied; // which was logged
	struct peer peer;
	struct crowd_member place;
};

struct server {
	const struct options *options;
	struct oriel_log_sink log;
	struct oriel_rate_limit log_limit; // of lines that anybody who connects can cause
	char *password;                    // NULL: none
	struct keymap keymap;
	struct web web;

	int epoll_fd;
	int signal_fd;
	struct oriel_client *display; // to know when it goes; never subscribes
	struct listener unix_door;    // fd -1: there is none
	int vnc_fd, web_fd;           // TCP; -1: there is none
	struct web_connection connections[SERVER_MAX_CONNECTIONS];
	struct process processes[SERVER_MAX_PROCESSES];
	uint64_t n_ever; // connections, waiters and processes: their numbers
	struct penalty penalty;
	struct waiter waiters[SERVER_MAX_WAITING];

	bool done;
	bool failed;
};

/** Everything of a server that is not there. */
void server_init(struct server *server, const struct options *options, struct oriel_log_sink log);

/** Connect to the display socket. Returns 0, or -errno after printing why not. */
ORIEL_MUST_CHECK
int server_connect(struct server *server);

/** Open the doors and say where they are. Returns 0, or -errno after printing why not. */
ORIEL_MUST_CHECK
int server_open(struct server *server);

/** Serve until the end. Returns 0 or -errno, which was logged. */
ORIEL_MUST_CHECK
int server_run(struct server *server);

/** Close all, and end the viewers. */
void server_finish(struct server *server);

/** After a wrong password: no VNC viewer of that machine is begun with for a while, however many of
 * them there are. */
void server_add_penalty(struct server *server, const struct peer *peer);

/* In process.c. */

/** How many viewers are in, or are not yet. */
uint32_t process_count(const struct server *server, bool is_in);

/** Start a process for a viewer. Takes fd. */
void process_start_take(struct server *server, int fd, const struct peer *peer, bool is_web);

/** A process, which may have ended since, has told that its viewer is in, or is denied it. */
void process_handle_report(struct server *server, struct process *process);

/** Processes have ended. */
void process_reap(struct server *server);

/** End all, and wait until they are. */
void process_end_all(struct server *server);

/** Log a line that anybody may cause: not too many. */
ORIEL_PRINTF(3, 4)
void server_log(struct server *server, enum oriel_log_level level, const char *format, ...);

#endif
