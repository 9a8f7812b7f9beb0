// SPDX-License-Identifier: MIT
/* The table, on oriel-render behind a render link: usage: virgl_remote_test ORIEL-RENDER. */
#include "oriel/remote.h"
#include "render/render3d_table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
	char *program;
	pid_t pid; // 0: none
};

static void print_line(enum oriel_log_level level, const char *msg, void *user) {
	(void)level;
	(void)user;
	fprintf(stderr, "log: %s\n", msg);
}

static int start(void *user, int fd) {
	struct process *process = user;
	process->pid = fork();
	if (process->pid == 0) {
		char text[32];
		snprintf(text, sizeof(text), "--fd=%d", fd);
		char *argv[] = { process->program, text, NULL };
		(void)fcntl(fd, F_SETFD, 0);
		execv(process->program, argv);
		_exit(127);
	}
	close(fd);
	return process->pid < 0 ? -EAGAIN : 0;
}

static void end_process(void *user) {
	struct process *process = user;
	if (process->pid > 0) {
		kill(process->pid, SIGKILL);
	}
}

static int make(struct oriel_loop *loop, struct oriel_renderer3d **ret, void *user) {
	const struct oriel_remote_options options = { .size = sizeof(options),
		.log = { .fn = print_line, .max_level = ORIEL_LOG_INFO },
		.start = start,
		.kill = end_process,
		.user = user,
		.start_timeout_ms = 60000,
		.operation_timeout_ms = 60000 };
	return oriel_remote_renderer_create(loop, &options, ret);
}

/** Destroying the renderer has killed the process. */
static void finish(void *user) {
	struct process *process = user;
	if (process->pid > 0) {
		waitpid(process->pid, NULL, 0);
		process->pid = 0;
	}
}

int main(int argc, char **argv) {
	if (argc != 2) {
		return 2;
	}
	struct process process = { .program = argv[1] };
	const struct render3d_maker maker = { .create = make, .finish = finish, .user = &process };
	return render3d_table_run(&maker);
}
