// SPDX-License-Identifier: MIT
/* See signals.h. */
#include "oriel-gpu/signals.h"

#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/** A signal handler is given no argument of ours, so this is the program's one global. */
static struct {
	struct oriel_memory *memories[SIGNALS_MAX_MEMORIES];
	volatile sig_atomic_t n;
} guarded;

static bool mend(void *address) {
	for (int i = 0; i < guarded.n; i++) {
		if (oriel_memory_handle_fault(guarded.memories[i], address)) {
			return true;
		}
	}
	return false;
}

static void handle_bus_error(int number, siginfo_t *info, void *context) {
	(void)context;
	// A si_code above 0 is the kernel's: only then does si_addr mean anything.
	if (info->si_code > 0 && mend(info->si_addr)) {
		return;
	}
	// Not ours: die of it, as if there were no handler. It is delivered on return.
	signal(number, SIG_DFL);
	raise(number);
}

void signals_guard_memory(struct oriel_memory *memory) {
	struct sigaction action = { .sa_flags = SA_SIGINFO };
	sigemptyset(&action.sa_mask);
	assert((unsigned int)guarded.n < SIGNALS_MAX_MEMORIES);
	guarded.memories[guarded.n] = memory;
	guarded.n++;
	action.sa_sigaction = handle_bus_error;
	sigaction(SIGBUS, &action, NULL); // cannot fail: SIGBUS is a signal that may be caught
}

void signals_unguard_memory(void) {
	signal(SIGBUS, SIG_DFL);
	guarded.n = 0;
}

static void handle_signalfd(void *user, int fd, uint32_t events) {
	struct signals *signals = user;
	struct signalfd_siginfo info;
	(void)events;
	if (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		signals->fn(signals->user, (int)info.ssi_signo);
	}
}

int signals_init(struct signals *signals, struct oriel_loop *loop,
		void (*fn)(void *user, int signal_number), void *user) {
	*signals = (struct signals){ .fd = -1, .fn = fn, .user = user };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		return oriel_errno();
	}
	signal(SIGPIPE, SIG_IGN);
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0) {
		return oriel_errno();
	}
	int err = oriel_loop_add_fd(loop, signals->fd, EPOLLIN, handle_signalfd, signals,
			&signals->source);
	if (err < 0) {
		oriel_fd_close(&signals->fd);
	}
	return err;
}

void signals_finish(struct signals *signals) {
	oriel_source_remove(signals->source);
	oriel_fd_close(&signals->fd);
	*signals = (struct signals){ .fd = -1 };
}
