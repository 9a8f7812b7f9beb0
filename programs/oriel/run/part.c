// SPDX-License-Identifier: MIT
/* See part.h. */
#include "oriel/run/part.h"

#include "base/error.h"
#include "base/fd.h"
#include "oriel/doctor/probe.h"
#include "oriel/run/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/** A log that grows beyond this begins anew: a guest can make programs talk. */
#define MAX_LOG_BYTES (1u << 20)

/** The exit status of what could not be executed, as shells have it. */
#define STATUS_NOT_RUN 127

void part_init(struct part *part, const char *name, part_line_fn handle_line, void *user) {
	*part = (struct part){
		.name = name,
		.handle_line = handle_line,
		.user = user,
		.pidfd = -1,
		.log_fd = -1,
		.streams = { { .fd = -1 }, { .fd = -1 } },
	};
}

static void exec_part(char *const *argv, int out, int err, pid_t parent) __attribute__((noreturn));

/** In the child. */
static void exec_part(char *const *argv, int out, int err, pid_t parent) {
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(STATUS_NOT_RUN); // it ended before that
	}
	for (int i = 1; i < NSIG; i++) {
		(void)signal(i, SIG_DFL);
	}
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
	}
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	(void)execv(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(STATUS_NOT_RUN);
}

/** Our ends of two pipes, non-blocking, into the part's streams; the others in ret. */
static int make_pipes(struct part *part, int ret[2]) {
	for (int i = 0; i < 2; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0) {
			return oriel_errno();
		}
		part->streams[i] = (struct part_stream){ .fd = ends[0] };
		ret[i] = ends[1];
		int err = oriel_fd_set_nonblocking(ends[0]);
		if (err < 0) {
			return err;
		}
	}
	return 0;
}

int part_start(struct part *part, const struct words *command, int folder, const char *log_name) {
	int ends[2] = { -1, -1 };
	int err = make_pipes(part, ends);
	if (err == 0) {
		part->log_fd = openat(folder, log_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				0600);
		err = part->log_fd < 0 ? oriel_errno() : 0;
	}
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = err == 0 ? fork() : -1;
	if (pid == 0) {
		exec_part(command->items, ends[0], ends[1], parent);
	}
	if (err == 0 && pid < 0) {
		err = oriel_errno();
	}
	oriel_fd_close(&ends[0]);
	oriel_fd_close(&ends[1]);
	if (err == 0) {
		part->pid = pid;
		part->has_run = true;
		part->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		err = part->pidfd < 0 ? oriel_errno() : 0;
	}
	if (err < 0) {
		say("%s cannot be started: %s", part->name, strerror(-err));
	}
	return err;
}

static void write_log(struct part *part, const char *line) {
	size_t len = strlen(line);
	if (part->log_bytes + len + 1 > MAX_LOG_BYTES) {
		part->log_bytes = 0;
		if (ftruncate(part->log_fd, 0) < 0 || lseek(part->log_fd, 0, SEEK_SET) < 0) {
			return;
		}
	}
	part->log_bytes += len + 1;
	dprintf(part->log_fd, "%s\n", line);
}

static void end_line(struct part *part, struct part_stream *stream) {
	stream->line[stream->len] = '\0';
	stream->len = 0;
	say_clean(stream->line);
	memcpy(part->kept[part->n_lines % PART_KEPT_LINES], stream->line, sizeof(stream->line));
	part->n_lines++;
	write_log(part, stream->line);
	part->handle_line(part->user, part, stream->line, stream == &part->streams[0]);
}

static void take_byte(struct part *part, struct part_stream *stream, char byte) {
	if (byte == '\n') {
		end_line(part, stream);
	} else if (stream->len + 1 < sizeof(stream->line)) {
		stream->line[stream->len++] = byte == '\0' ? '?' : byte;
	}
}

/** At most so many reads at once: others have something to say too. */
#define MAX_READS 16

static void read_stream(struct part *part, struct part_stream *stream) {
	for (int i = 0; i < MAX_READS && stream->fd >= 0; i++) {
		char bytes[4096];
		ssize_t n = read(stream->fd, bytes, sizeof(bytes));
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n <= 0) {
			if (stream->len > 0) {
				end_line(part, stream);
			}
			oriel_fd_close(&stream->fd);
			return;
		}
		for (ssize_t j = 0; j < n; j++) {
			take_byte(part, stream, bytes[j]);
		}
	}
}

void part_read(struct part *part) {
	read_stream(part, &part->streams[0]);
	read_stream(part, &part->streams[1]);
}

bool part_reap(struct part *part) {
	if (part->pid <= 0 || waitpid(part->pid, &part->status, WNOHANG) != part->pid) {
		return false;
	}
	part->pid = 0;
	oriel_fd_close(&part->pidfd);
	part_read(part);
	for (int i = 0; i < 2; i++) {
		if (part->streams[i].len > 0) {
			end_line(part, &part->streams[i]);
		}
		// Somebody it has started may have the other end for ever.
		oriel_fd_close(&part->streams[i].fd);
	}
	return true;
}

void part_signal(struct part *part, int number) {
	if (part->pid > 0) {
		(void)kill(part->pid, number); // it is not waited for yet, so the pid is its
	}
}

bool part_is_clean(const struct part *part) {
	return WIFEXITED(part->status) && WEXITSTATUS(part->status) == 0;
}

void part_say_end(const struct part *part) {
	const struct probe_result result = {
		.end = WIFSIGNALED(part->status) ? PROBE_CRASHED : PROBE_EXITED,
		.code = WIFSIGNALED(part->status) ? WTERMSIG(part->status)
						  : WEXITSTATUS(part->status),
	};
	char how[64];
	probe_describe(&result, how, sizeof(how));
	say("%s %s%s", part->name, how, part->n_lines > 0 ? "; the last that it said:" : "");
	uint64_t first = part->n_lines > PART_KEPT_LINES ? part->n_lines - PART_KEPT_LINES : 0;
	for (uint64_t i = first; i < part->n_lines; i++) {
		fprintf(stderr, "  | %s\n", part->kept[i % PART_KEPT_LINES]);
	}
}

void part_finish(struct part *part) {
	if (part->pid > 0) {
		(void)kill(part->pid, SIGKILL);
		(void)waitpid(part->pid, &part->status, 0);
		part->pid = 0;
	}
	oriel_fd_close(&part->pidfd);
	oriel_fd_close(&part->log_fd);
	oriel_fd_close(&part->streams[0].fd);
	oriel_fd_close(&part->streams[1].fd);
}
