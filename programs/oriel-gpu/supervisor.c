// SPDX-License-Identifier: MIT
/*
 * See supervisor.h. oriel-gpu's end comes first, then what runs in the supervisor itself.
 *
 * Messages are single bytes: 's' with a descriptor, 'k'; and the other way struct news.
 */
#include "oriel-gpu/supervisor.h"

#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGUMENTS 16

enum { WORD_START = 's', WORD_KILL = 'k' };

/** What the supervisor says: a renderer has been started, or has ended. */
struct news {
	pid_t pid; // of the one that was started; 0: it has ended
	int status;
};

static void run_supervisor(int fd, const struct supervisor_options *options)
		__attribute__((noreturn));

/** The renderer beside this program, or in the build folder beside this program's. */
static int find_program(char *ret, size_t size) {
	static const char *const places[] = { "/oriel-render", "/../oriel-render/oriel-render" };
	char folder[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	if (n <= 0) {
		return -ENOENT;
	}
	folder[n] = '\0';
	char *slash = strrchr(folder, '/');
	if (slash != NULL) {
		*slash = '\0';
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(places); i++) {
		int length = snprintf(ret, size, "%s%s", folder, places[i]);
		struct stat st;
		if (length > 0 && (size_t)length < size && stat(ret, &st) == 0 &&
				S_ISREG(st.st_mode) && access(ret, X_OK) == 0) {
			return 0;
		}
	}
	return -ENOENT;
}

bool supervisor_has_program(void) {
	char path[PATH_MAX];
	return find_program(path, sizeof(path)) == 0;
}

int supervisor_init(struct supervisor *supervisor, const struct supervisor_options *options) {
	*supervisor = (struct supervisor){ .fd = -1 };
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		return oriel_errno();
	}
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		run_supervisor(ends[1], options);
	}
	int err = pid < 0 ? oriel_errno() : 0;
	oriel_fd_close(&ends[1]);
	if (err < 0) {
		oriel_fd_close(&ends[0]);
		return err;
	}
	supervisor->fd = ends[0];
	supervisor->pid = pid;
	return 0;
}

static void handle_message(void *user, int fd, uint32_t events) {
	struct supervisor *supervisor = user;
	struct news news;
	(void)events;
	ssize_t n = recv(fd, &news, sizeof(news), MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(news)) {
		supervisor->renderer_pid = news.pid;
		if (news.pid == 0) {
			supervisor->fn(supervisor->user, news.status);
		}
	} else if (n == 0) {
		supervisor->renderer_pid = 0;
		// Somebody has killed it, and the renderer has gone with it.
		oriel_source_remove(supervisor->source);
		supervisor->source = NULL;
		supervisor->fn(supervisor->user, SIGKILL);
	}
}

int supervisor_watch(struct supervisor *supervisor, struct oriel_loop *loop, supervisor_exit_fn fn,
		void *user) {
	supervisor->fn = fn;
	supervisor->user = user;
	return oriel_loop_add_fd(loop, supervisor->fd, EPOLLIN, handle_message, supervisor,
			&supervisor->source);
}

/** Send a word, with a descriptor unless that is -1. */
static int send_word(struct supervisor *supervisor, char word, int fd) {
	struct iovec iov = { &word, 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	memset(&control, 0, sizeof(control));
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	return sendmsg(supervisor->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? oriel_errno()
										  : 0;
}

int supervisor_start_take(struct supervisor *supervisor, int fd) {
	int err = send_word(supervisor, WORD_START, fd);
	oriel_fd_close(&fd);
	return err;
}

void supervisor_kill(struct supervisor *supervisor) {
	// If it cannot be told, it has gone, and the renderer with it.
	int err = send_word(supervisor, WORD_KILL, -1);
	(void)err;
}

void supervisor_finish(struct supervisor *supervisor) {
	oriel_source_remove(supervisor->source);
	oriel_fd_close(&supervisor->fd);
	if (supervisor->pid > 0) {
		(void)waitpid(supervisor->pid, NULL, 0);
	}
	*supervisor = (struct supervisor){ .fd = -1 };
}

/*
 * The supervisor's own side.
 */

/** Receive a word, and its descriptor or -1. Returns 0 for no word, -1 if oriel-gpu has ended. */
static int receive_word(int fd, int *ret_fd) {
	char word;
	struct iovec iov = { &word, 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	*ret_fd = -1;
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	if (n <= 0) {
		return n < 0 && errno == EINTR ? 0 : -1;
	}
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS &&
			header->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	}
	return word;
}

static void exec_renderer(const struct supervisor_options *options, const char *program, int fd,
		pid_t supervisor) __attribute__((noreturn));

/** The first renderer's recording is FILE, the next one's FILE.2. */
static void name_dump(const struct supervisor_options *options, char *ret, size_t size) {
	if (options->n_starts <= 1) {
		snprintf(ret, size, "--dump=%s", options->dump);
	} else {
		snprintf(ret, size, "--dump=%s.%u", options->dump, options->n_starts);
	}
}

static void exec_renderer(const struct supervisor_options *options, const char *program, int fd,
		pid_t supervisor) {
	char *argv[MAX_ARGUMENTS + 4] = { (char *)(uintptr_t) "oriel-render" };
	char *const *arguments = options->arguments;
	char link[32];
	char dump[PATH_MAX + 32];
	size_t n = 1;
	for (; arguments[n - 1] != NULL && n <= MAX_ARGUMENTS; n++) {
		argv[n] = arguments[n - 1];
	}
	snprintf(link, sizeof(link), "--fd=%d", fd);
	argv[n++] = link;
	if (options->dump != NULL) {
		name_dump(options, dump, sizeof(dump));
		argv[n] = dump;
	}
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor) {
		_exit(127); // it ended before that
	}
	if (fcntl(fd, F_SETFD, 0) == 0) {
		(void)execv(program, argv);
	}
	fprintf(stderr, "oriel-gpu: %s: %s\n", program, strerror(errno));
	_exit(127);
}

/** Start the renderer. Returns its pid, or -1. */
static pid_t start_renderer(struct supervisor_options *options, int fd) {
	char found[PATH_MAX];
	const char *program = options->program;
	if (program == NULL) {
		if (find_program(found, sizeof(found)) < 0) {
			fputs("oriel-gpu: there is no oriel-render beside it; --render-program "
			      "says "
			      "where it is\n",
					stderr);
			return -1;
		}
		program = found;
	}
	options->n_starts++;
	const pid_t supervisor = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		exec_renderer(options, program, fd, supervisor);
	}
	return pid;
}

static void tell(int fd, pid_t pid, int status) {
	const struct news news = { .pid = pid, .status = status };
	// The other end has room for all that it asked for.
	ssize_t n = send(fd, &news, sizeof(news), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n;
}

/** One word from oriel-gpu. Returns whether there will be more. */
static bool obey(int fd, pid_t *renderer, struct supervisor_options *options) {
	int link;
	int word = receive_word(fd, &link);
	if (word == WORD_START && link >= 0 && *renderer <= 0) {
		*renderer = start_renderer(options, link);
		if (*renderer > 0) {
			tell(fd, *renderer, 0);
		} else {
			tell(fd, 0, 127 << 8);
		}
	} else if (word == WORD_KILL && *renderer > 0) {
		(void)kill(*renderer, SIGKILL);
	}
	if (link >= 0) {
		(void)close(link);
	}
	return word >= 0;
}

static void reap(int fd, pid_t *renderer) {
	int status;
	if (*renderer > 0 && waitpid(*renderer, &status, WNOHANG) == *renderer) {
		*renderer = 0;
		tell(fd, 0, status);
	}
}

static void run_supervisor(int fd, const struct supervisor_options *options) {
	struct supervisor_options own = *options;
	(void)prctl(PR_SET_NAME, "oriel-super");
	// Ctrl-C, and a terminal that closes, are for oriel-gpu to judge; this process ends with
	// it.
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	// Nothing but the socket and standard error stays open: it may be a VMM's.
	if (fd > 3) {
		(void)syscall(SYS_close_range, 3u, (unsigned int)fd - 1, 0u);
	}
	(void)syscall(SYS_close_range, (unsigned int)fd + 1, UINT_MAX, 0u);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	struct pollfd polled[2] = { { fd, POLLIN, 0 },
		{ signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0 } };
	pid_t renderer = 0;
	bool goes_on = polled[1].fd >= 0;
	while (goes_on) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR) {
			break;
		}
		struct signalfd_siginfo info;
		while (read(polled[1].fd, &info, sizeof(info)) > 0) {
		}
		reap(fd, &renderer);
		if (polled[0].revents != 0) {
			goes_on = obey(fd, &renderer, &own);
		}
	}
	if (renderer > 0) {
		(void)kill(renderer, SIGKILL);
		(void)waitpid(renderer, NULL, 0);
	}
	_exit(0);
}
