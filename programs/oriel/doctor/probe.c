// SPDX-License-Identifier: MIT
/* See probe.h. */
#include "oriel/doctor/probe.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/** How long a killed child may take to be gone. In a driver's system call it may never be. */
#define KILL_GRACE_MS 2000

/** The exit status of a child that could not become what it should be, as shells have it. */
#define STATUS_NOT_RUN 127

struct child {
	pid_t pid;
	int pidfd; // readable once it has ended
	int text_fd;
	char *text; // PROBE_MAX_TEXT_BYTES and one
	size_t len;
	bool is_cut;
};

static int64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** In the child: be alone, and quiet. Nothing here allocates. */
static void settle(int text_fd, pid_t parent) {
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(STATUS_NOT_RUN); // it died before that
	}
	for (int i = 1; i < NSIG; i++) {
		signal(i, SIG_DFL);
	}
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	dup2(text_fd, STDERR_FILENO);
}

static _Noreturn void run_child(probe_fn fn, const void *arg, int text_fd, pid_t parent) {
	settle(text_fd, parent);
	int status = STATUS_NOT_RUN;
	FILE *out = fdopen(text_fd, "w");
	if (out != NULL) {
		setvbuf(out, NULL, _IOLBF, BUFSIZ);
		status = fn(out, arg);
		fflush(out);
	}
	_exit(status); // drivers' exit handlers are not ours to run
}

static int start(struct child *child, probe_fn fn, const void *arg) {
	int fds[2];
	child->text = calloc(1, PROBE_MAX_TEXT_BYTES + 1);
	if (child->text == NULL) {
		return -ENOMEM;
	}
	if (pipe2(fds, O_CLOEXEC) < 0) {
		return oriel_errno();
	}
	child->text_fd = fds[0];
	int err = oriel_fd_set_nonblocking(fds[0]);
	fflush(NULL); // or the child has a copy of what is not written yet
	pid_t parent = getpid();
	child->pid = err == 0 ? fork() : -1;
	if (child->pid == 0) {
		run_child(fn, arg, fds[1], parent);
	}
	if (err == 0 && child->pid < 0) {
		err = oriel_errno();
	}
	oriel_fd_close(&fds[1]);
	if (err == 0) {
		setpgid(child->pid, child->pid); // whoever of the two is first
		child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
		err = child->pidfd < 0 ? oriel_errno() : 0;
	}
	return err;
}

/** Read what is there. Returns false at the end. */
static bool read_text(struct child *child) {
	char beyond[4096];
	size_t room = PROBE_MAX_TEXT_BYTES - child->len;
	char *to = room > 0 ? child->text + child->len : beyond;
	ssize_t n = read(child->text_fd, to, room > 0 ? room : sizeof(beyond));
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	if (room == 0) {
		child->is_cut = child->is_cut || n > 0;
		return n > 0;
	}
	for (ssize_t i = 0; i < n; i++) {
		to[i] = (char)(to[i] == '\0' ? '?' : to[i]);
	}
	child->len += (size_t)n;
	return n > 0;
}

/** Collect text until the child has ended. Returns false if it had not at the deadline. */
static bool wait_for_end(struct child *child, int64_t deadline_ms) {
	struct pollfd polled[] = {
		{ .fd = child->pidfd, .events = POLLIN },
		{ .fd = child->text_fd, .events = POLLIN },
	};
	for (;;) {
		int64_t left_ms = deadline_ms - now_ms();
		if (left_ms <= 0) {
			return false;
		}
		if (poll(polled, ORIEL_ARRAY_LEN(polled), (int)left_ms) <= 0) {
			continue; // too late, or interrupted
		}
		if (polled[0].revents != 0) {
			return true;
		}
		if (polled[1].revents != 0 && !read_text(child)) {
			polled[1].fd = -1; // closed, by a child that goes on
		}
	}
}

/** What the child wrote before it ended; what others may still write is not waited for. */
static void drain(struct child *child) {
	size_t before;
	do {
		before = child->len;
	} while (read_text(child) && child->len > before);
}

static void collect(struct child *child, uint32_t timeout_ms, struct probe_result *ret) {
	struct probe_result result = { .timeout_ms = timeout_ms };
	bool is_over = wait_for_end(child, now_ms() + timeout_ms);
	if (!is_over) {
		result.end = PROBE_HUNG;
	}
	// Also what it has started. The group exists as long as the child is not waited for.
	kill(-child->pid, SIGKILL);
	kill(child->pid, SIGKILL);
	is_over = is_over || wait_for_end(child, now_ms() + KILL_GRACE_MS);
	drain(child);
	int status = 0;
	if (!is_over) {
		result.is_stuck = true;
	} else if (waitpid(child->pid, &status, 0) == child->pid && result.end != PROBE_HUNG) {
		result.end = WIFSIGNALED(status) ? PROBE_CRASHED : PROBE_EXITED;
		result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	}
	result.is_cut = child->is_cut;
	result.text = child->text;
	child->text = NULL;
	*ret = result;
}

int probe_run(probe_fn fn, const void *arg, uint32_t timeout_ms, struct probe_result *ret) {
	struct child child = { .pid = -1, .pidfd = -1, .text_fd = -1 };
	int err = start(&child, fn, arg);
	if (err == 0) {
		collect(&child, timeout_ms, ret);
	} else if (child.pid > 0) {
		kill(child.pid, SIGKILL);
		waitpid(child.pid, NULL, 0);
	}
	oriel_fd_close(&child.pidfd);
	oriel_fd_close(&child.text_fd);
	free(child.text);
	return err;
}

int probe_exec(FILE *out, const void *arg) {
	char *const *argv = arg;
	dup2(fileno(out), STDOUT_FILENO);
	execv(argv[0], argv);
	fprintf(out, "%s\n", strerror(errno));
	return STATUS_NOT_RUN;
}

bool probe_is_clean(const struct probe_result *result) {
	return result->end == PROBE_EXITED && result->code == 0;
}

static const char *signal_name(int number) {
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ SIGSEGV, "SIGSEGV" },
		{ SIGBUS, "SIGBUS" },
		{ SIGABRT, "SIGABRT" },
		{ SIGILL, "SIGILL" },
		{ SIGFPE, "SIGFPE" },
		{ SIGTRAP, "SIGTRAP" },
		{ SIGSYS, "SIGSYS" },
		{ SIGKILL, "SIGKILL" },
		{ SIGTERM, "SIGTERM" },
		{ SIGPIPE, "SIGPIPE" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(names); i++) {
		if (names[i].number == number) {
			return names[i].name;
		}
	}
	return NULL;
}

void probe_describe(const struct probe_result *result, char *text, size_t size) {
	const char *name = signal_name(result->code);
	switch (result->end) {
	case PROBE_EXITED:
		snprintf(text, size, "ended with exit status %d", result->code);
		break;
	case PROBE_CRASHED:
		if (name != NULL) {
			snprintf(text, size, "crashed (%s)", name);
		} else {
			snprintf(text, size, "crashed (signal %d)", result->code);
		}
		break;
	case PROBE_HUNG:
		snprintf(text, size, "did not answer within %g s%s", result->timeout_ms / 1000.0,
				result->is_stuck ? ", and cannot be killed" : "");
		break;
	}
}

void probe_finish(struct probe_result *result) {
	free(result->text);
	*result = (struct probe_result){ 0 };
}
