// SPDX-License-Identifier: MIT
/*
 * See supervisor.h. oriel-gpu's end comes first, then what runs in the supervisor itself.
 *
 * Messages are single bytes: 's' with a descriptor, 'k'; and the other way struct news, with a
 * pidfd if it is about a start.
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
	*supervisor = (struct supervisor){ .fd = -1, .renderer_fd = -1 };
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

/** Receive one message, and its descriptor or -1. As recvmsg(), which waits if the socket does. */
static ssize_t receive(int fd, void *bytes, size_t size, int *ret_fd) {
	struct iovec iov = { bytes, size };
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
		return n;
	}
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS &&
			header->cmsg_len == CMSG_LEN(sizeof(int))) {
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	}
	return n;
}

/** Send a message, with a descriptor unless that is -1. */
static int send_with(int socket, const void *bytes, size_t size, int fd) {
	struct iovec iov = { (void *)(uintptr_t)bytes, size };
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
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? oriel_errno() : 0;
}

/** The renderer has ended. */
static void handle_end(struct supervisor *supervisor, int status) {
	oriel_source_remove(supervisor->renderer_source);
	supervisor->renderer_source = NULL;
	oriel_fd_close(&supervisor->renderer_fd);
	supervisor->renderer_pid = 0;
	supervisor->fn(supervisor->user, status);
}

static void handle_end_without_supervisor(void *user, int fd, uint32_t events) {
	(void)fd;
	(void)events;
	handle_end(user, SIGKILL);
}

/** Somebody has killed the supervisor. Its renderer follows, but not at once. */
static void handle_loss(struct supervisor *supervisor) {
	oriel_source_remove(supervisor->source);
	supervisor->source = NULL;
	if (supervisor->renderer_fd < 0) {
		handle_end(supervisor, SIGKILL);
		return;
	}
	supervisor_kill(supervisor);
	if (oriel_loop_add_fd(supervisor->loop, supervisor->renderer_fd, EPOLLIN,
			    handle_end_without_supervisor, supervisor,
			    &supervisor->renderer_source) < 0) {
		// Without memory for that, it is waited for here.
		struct pollfd polled = { supervisor->renderer_fd, POLLIN, 0 };
		while (poll(&polled, 1, -1) < 0 && errno == EINTR) {
		}
		handle_end(supervisor, SIGKILL);
	}
}

static void handle_message(void *user, int fd, uint32_t events) {
	struct supervisor *supervisor = user;
	struct news news;
	int received;
	(void)events;
	ssize_t n = receive(fd, &news, sizeof(news), &received);
	if (n == (ssize_t)sizeof(news) && news.pid != 0) {
		supervisor->renderer_pid = news.pid;
		oriel_fd_close(&supervisor->renderer_fd);
		supervisor->renderer_fd = received;
	} else if (n == (ssize_t)sizeof(news)) {
		handle_end(supervisor, news.status);
	} else if (n == 0) {
		handle_loss(supervisor);
	}
}

int supervisor_watch(struct supervisor *supervisor, struct oriel_loop *loop, supervisor_exit_fn fn,
		void *user) {
	supervisor->loop = loop;
	supervisor->fn = fn;
	supervisor->user = user;
	return oriel_loop_add_fd(loop, supervisor->fd, EPOLLIN, handle_message, supervisor,
			&supervisor->source);
}

int supervisor_start_take(struct supervisor *supervisor, int fd) {
	const char word = WORD_START;
	int err = send_with(supervisor->fd, &word, sizeof(word), fd);
	oriel_fd_close(&fd);
	return err;
}

void supervisor_kill(struct supervisor *supervisor) {
	// Nobody need be told that has told whom it is about.
	if (supervisor->renderer_fd >= 0) {
		(void)syscall(SYS_pidfd_send_signal, supervisor->renderer_fd, SIGKILL, NULL, 0);
		return;
	}
	const char word = WORD_KILL;
	int err = send_with(supervisor->fd, &word, sizeof(word), -1);
	(void)err; // it has gone, and has started none
}

void supervisor_finish(struct supervisor *supervisor) {
	oriel_source_remove(supervisor->source);
	oriel_source_remove(supervisor->renderer_source);
	oriel_fd_close(&supervisor->fd);
	oriel_fd_close(&supervisor->renderer_fd);
	if (supervisor->pid > 0) {
		(void)waitpid(supervisor->pid, NULL, 0);
	}
	*supervisor = (struct supervisor){ .fd = -1, .renderer_fd = -1 };
}

/*
 * The supervisor's own side.
 */

/** Receive a word, and its descriptor or -1. Returns 0 for no word, -1 if oriel-gpu has ended. */
static int receive_word(int fd, int *ret_fd) {
	char word;
	ssize_t n = receive(fd, &word, sizeof(word), ret_fd);
	if (n <= 0) {
		return n < 0 && errno == EINTR ? 0 : -1;
	}
	return word;
}

/** Wait until oriel-gpu has the means to end us, whatever becomes of the supervisor. */
static bool may_go(int go) {
	char byte;
	ssize_t n;
	do {
		n = read(go, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
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

/** Tell oriel-gpu of the process, with a descriptor of it, and then let that go on. */
static void hand_over(pid_t pid, int socket, int go) {
	const struct news news = { .pid = pid };
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		return;
	}
	// The other end has room for all that it asked for.
	if (send_with(socket, &news, sizeof(news), fd) == 0) {
		ssize_t n = write(go, "", 1);
		(void)n;
	}
	(void)close(fd);
}

/** Start the renderer. Returns its pid, or -1. */
static pid_t start_renderer(struct supervisor_options *options, int socket, int fd) {
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
	int go[2];
	if (pipe2(go, O_CLOEXEC) < 0) {
		return -1;
	}
	options->n_starts++;
	const pid_t supervisor = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(go[1]);
		if (!may_go(go[0])) {
			_exit(127);
		}
		exec_renderer(options, program, fd, supervisor);
	}
	if (pid > 0) {
		hand_over(pid, socket, go[1]);
	}
	(void)close(go[0]);
	(void)close(go[1]); // without the word it ends at once
	return pid;
}

static void tell_end(int fd, int status) {
	const struct news news = { .status = status };
	int err = send_with(fd, &news, sizeof(news), -1);
	(void)err; // nobody is there
}

/** One word from oriel-gpu. Returns whether there will be more. */
static bool obey(int fd, pid_t *renderer, struct supervisor_options *options) {
	int link;
	int word = receive_word(fd, &link);
	if (word == WORD_START && link >= 0 && *renderer <= 0) {
		*renderer = start_renderer(options, fd, link);
		if (*renderer <= 0) {
			tell_end(fd, 127 << 8);
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
		tell_end(fd, status);
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
