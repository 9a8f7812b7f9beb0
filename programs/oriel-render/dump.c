// SPDX-License-Identifier: MIT
/* See dump.h. */
#include "oriel-render/dump.h"

#include "base/error.h"
#include "base/fd.h"
#include "common/log.h"

#include <fcntl.h>
#include <limits.h>
#include <oriel/render_record.h>
#include <oriel/virgl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/** What the pipe is asked to hold, bytes; unprivileged ones may get less. */
#define PIPE_SIZE (1 << 20)
#define PIECE_SIZE (256u << 10)

/** All of the pipe goes into the file. Returns 0 or a positive errno. */
static int copy(int from, int to) {
	static char bytes[PIECE_SIZE];
	for (;;) {
		ssize_t n = read(from, bytes, sizeof(bytes));
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n < 0 ? errno : 0;
		}
		for (ssize_t at = 0; at < n;) {
			ssize_t n_written = write(to, bytes + at, (size_t)(n - at));
			if (n_written < 0 && errno != EINTR) {
				return errno;
			}
			at += n_written > 0 ? n_written : 0;
		}
	}
}

static void run_writer(int from, int to) __attribute__((noreturn));

/** It ends when the pipe does, so signals that end its sender are not for it. */
static void run_writer(int from, int to) {
	(void)prctl(PR_SET_NAME, "oriel-dump");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	// Nothing but these: the render link must have no other end.
	if (dup2(from, 0) < 0 || dup2(to, 1) < 0) {
		_exit(EIO);
	}
	(void)syscall(SYS_close_range, 2u, UINT_MAX, 0u);
	_exit(copy(0, 1));
}

static int fail(const char *path, int err) {
	fprintf(stderr, "oriel-render: --dump=%s: %s\n", path, strerror(-err));
	return err;
}

int dump_init(struct dump *dump, const char *path, const struct oriel_log_sink *log) {
	*dump = (struct dump){ .path = path, .log = log, .fd = -1 };
	if (path == NULL) {
		return 0;
	}
	// What a guest draws is nobody else's to see.
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	if (file < 0) {
		return fail(path, oriel_errno());
	}
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0) {
		int err = oriel_errno();
		oriel_fd_close(&file);
		return fail(path, err);
	}
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	pid_t pid = fork();
	if (pid == 0) {
		run_writer(ends[0], file);
	}
	int err = pid < 0 ? oriel_errno() : 0;
	oriel_fd_close(&ends[0]);
	oriel_fd_close(&file);
	if (err < 0) {
		oriel_fd_close(&ends[1]);
		return fail(path, err);
	}
	dump->fd = ends[1];
	dump->pid = pid;
	return 0;
}

/** What the writer said when it ended: a positive errno, or 0. */
static int reap(struct dump *dump) {
	int status = 0;
	if (dump->pid > 0) {
		(void)waitpid(dump->pid, &status, 0);
		dump->pid = 0;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static void handle_end(void *user, int err) {
	struct dump *dump = user;
	if (err == -EPIPE) {
		err = -reap(dump); // which has ended, and knows why
	}
	log_print(dump->log, ORIEL_LOG_ERROR, "--dump=%s: the recording ends here: %s", dump->path,
			err == -ETIMEDOUT ? "it cannot be written as fast as the guest draws"
					  : strerror(-err));
}

int dump_start(struct dump *dump, struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		struct oriel_renderer3d **ret) {
	struct oriel_virgl_info info = { .size = sizeof(info) };
	oriel_virgl_renderer_get_info(renderer, &info);
	snprintf(dump->description, sizeof(dump->description), "%s, %s, virglrenderer %s",
			info.gl_renderer, info.gl_version, info.virglrenderer_version);
	const struct oriel_render_recorder_options options = { .size = sizeof(options),
		.description = dump->description,
		.handle_end = handle_end,
		.user = dump };
	const int fd = dump->fd;
	dump->fd = -1;
	return oriel_render_recorder_create_take(loop, renderer, &options, fd, ret);
}

void dump_finish(struct dump *dump) {
	oriel_fd_close(&dump->fd);
	int status = reap(dump);
	if (status != 0) {
		log_print(dump->log, ORIEL_LOG_ERROR, "--dump=%s: it is not whole: %s", dump->path,
				strerror(status));
	}
}
