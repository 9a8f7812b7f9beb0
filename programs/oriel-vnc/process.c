// SPDX-License-Identifier: MIT
/*
 * The viewers' processes: started, counted, ended. See server.h; what they do is in viewer.c.
 *
 * A process is a fork without exec: it has all it needs, and what it must not have, the doors, the
 * other connections and the token, is closed or wiped before it looks at its viewer's first byte.
 */
#include "oriel-vnc/server.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/** Where a viewer's process has its two descriptors, behind the three standard ones. */
#define CLIENT_FD 3
#define REPORT_FD 4

uint32_t process_count(const struct server *server, bool is_in) {
	uint32_t n = 0;
	for (size_t i = 0; i < SERVER_MAX_PROCESSES; i++) {
		n += server->processes[i].pid != 0 && server->processes[i].is_in == is_in;
	}
	return n;
}

/** Keep nothing open but the standard descriptors and these two. Returns 0 or -errno. */
static int keep_only(int client_fd, int report_fd) {
	// First out of each other's way.
	int client = fcntl(client_fd, F_DUPFD_CLOEXEC, REPORT_FD + 1);
	int report = fcntl(report_fd, F_DUPFD_CLOEXEC, REPORT_FD + 1);
	if (client < 0 || report < 0 || dup3(client, CLIENT_FD, O_CLOEXEC) < 0 ||
			dup3(report, REPORT_FD, O_CLOEXEC) < 0 ||
			close_range(REPORT_FD + 1, ~0u, 0) < 0) {
		return oriel_errno();
	}
	return 0;
}

/** The new process. Never returns. */
static void run_viewer(struct server *server, int fd, int report_fd, const struct peer *peer,
		bool is_web, pid_t parent) {
	sigset_t none;
	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || keep_only(fd, report_fd) < 0) {
		_exit(VIEWER_FAILED);
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	sigprocmask(SIG_SETMASK, &none, NULL);
	explicit_bzero(server->web.token, sizeof(server->web.token));
	const struct viewer_setup setup = {
		.options = server->options,
		.keymap = &server->keymap,
		.log = server->log,
		.password = server->password,
		.peer = peer->text,
		.is_web = is_web,
	};
	_exit((int)viewer_run_take(&setup, CLIENT_FD, REPORT_FD));
}

/** A free place; if too many are starting, one of those is ended for it. */
static struct process *find_place(struct server *server) {
	struct process *free_place = NULL;
	const struct crowd_member *starting[SERVER_MAX_PROCESSES] = { NULL };
	for (size_t i = 0; i < SERVER_MAX_PROCESSES; i++) {
		struct process *p = &server->processes[i];
		if (p->pid == 0) {
			free_place = p;
		} else if (!p->is_in) {
			starting[i] = &p->place;
		}
	}
	if (process_count(server, false) < SERVER_MAX_STARTING) {
		return free_place;
	}
	struct process *chosen = &server->processes[crowd_choose(starting, SERVER_MAX_PROCESSES)];
	if (chosen->report_fd >= 0) {
		process_handle_report(server, chosen); // it may have come in by now
	}
	if (!chosen->is_in) {
		kill(chosen->pid, SIGKILL);
		waitpid(chosen->pid, NULL, 0); // it was killed: it does not keep us
		oriel_fd_close(&chosen->report_fd);
		chosen->pid = 0;
		return chosen;
	}
	return free_place;
}

void process_start_take(struct server *server, int fd, const struct peer *peer, bool is_web) {
	struct process *place = find_place(server);
	int pipe_fds[2] = { -1, -1 };
	if (place == NULL || pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		oriel_fd_close(&fd);
		return;
	}
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = place };
	pid_t parent = getpid();
	pid_t pid = epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, pipe_fds[0], &event) == 0 ? fork()
											 : -1;
	if (pid == 0) {
		run_viewer(server, fd, pipe_fds[1], peer, is_web, parent);
	}
	oriel_fd_close(&fd);
	oriel_fd_close(&pipe_fds[1]);
	if (pid < 0) {
		server_log(server, ORIEL_LOG_ERROR, "cannot start a process for viewer %s: %s",
				peer->text, strerror(errno));
		oriel_fd_close(&pipe_fds[0]);
		return;
	}
	*place = (struct process){ .pid = pid,
		.report_fd = pipe_fds[0],
		.peer = *peer,
		.place = { peer->machine, ++server->n_ever } };
}

void process_handle_report(struct server *server, struct process *process) {
	char byte;
	ssize_t n = read(process->report_fd, &byte, 1);
	if (n < 0 && errno == EAGAIN) {
		return;
	}
	oriel_fd_close(&process->report_fd); // it tells nothing more
	if (n != 1) {
		return;
	}
	if (byte == VIEWER_REPORT_DENIED) {
		process->is_denied = true;
		server_log(server, ORIEL_LOG_WARN, "viewer %s: a wrong password",
				process->peer.text);
		server_add_penalty(server, &process->peer);
		return;
	}
	if (process_count(server, true) >= server->options->max_viewers) {
		server_log(server, ORIEL_LOG_WARN, "viewer %s: one too many", process->peer.text);
		if (process->pid != 0) { // else it has ended by itself
			kill(process->pid, SIGKILL);
		}
		return;
	}
	process->is_in = true;
	server_log(server, ORIEL_LOG_INFO, "viewer %s: connected", process->peer.text);
}

/** Whether a signal ends a process without there being anything wrong with it. */
static bool is_quiet_signal(int number) {
	// SIGALRM: the viewer took too long to begin.
	return number == SIGKILL || number == SIGTERM || number == SIGINT || number == SIGALRM;
}

/** Say how a viewer ended, if there is anything to say. */
static void log_end(struct server *server, const struct process *process, int status) {
	static const char *const reasons[] = {
		[VIEWER_DENIED] = "a wrong password",
		[VIEWER_CANNOT] = "it cannot follow a new size of the screen",
		[VIEWER_WRONG_WAY] = "a WebSocket that is not of our page",
	};
	if (WIFSIGNALED(status) && !is_quiet_signal(WTERMSIG(status))) {
		server_log(server, ORIEL_LOG_ERROR, "viewer %s: its process died of %s",
				process->peer.text, strsignal(WTERMSIG(status)));
		return;
	}
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : VIEWER_ENDED;
	if (code >= VIEWER_DENIED && code <= VIEWER_WRONG_WAY && !process->is_denied) {
		server_log(server, ORIEL_LOG_WARN, "viewer %s: %s", process->peer.text,
				reasons[code]);
	}
	if (process->is_in) {
		server_log(server, ORIEL_LOG_INFO, "viewer %s: gone", process->peer.text);
	}
}

void process_reap(struct server *server) {
	for (size_t i = 0; i < SERVER_MAX_PROCESSES; i++) {
		struct process *process = &server->processes[i];
		int status;
		if (process->pid == 0 || waitpid(process->pid, &status, WNOHANG) != process->pid) {
			continue;
		}
		process->pid = 0; // from here on another process may have it
		if (process->report_fd >= 0) {
			process_handle_report(server, process); // it may have come and gone
		}
		oriel_fd_close(&process->report_fd);
		log_end(server, process, status);
	}
}

void process_end_all(struct server *server) {
	for (size_t i = 0; i < SERVER_MAX_PROCESSES; i++) {
		struct process *process = &server->processes[i];
		if (process->pid != 0) {
			kill(process->pid, SIGKILL);
			waitpid(process->pid, NULL, 0);
			oriel_fd_close(&process->report_fd);
			process->pid = 0;
		}
	}
}
