// SPDX-License-Identifier: MIT
/*
 * The supervisor: a tiny process that starts and ends oriel-render.
 *
 * The device faces a hostile guest, so it should be able to start nothing. It asks the supervisor,
 * which was forked before anything else happened, knows one program, and understands two words:
 * start it (with this end of a link) and kill it. What it says back is how the last one ended.
 *
 * It is a child of oriel-gpu, and not the other way round, so that the pid, the exit status and the
 * signals of oriel-gpu are what VMMs and libvirt expect. It ends when oriel-gpu has, in whatever
 * way, and takes its renderer along. If it is killed itself, oriel-gpu ends the renderer, and waits
 * for that like for any other end: until then the renderer can touch guest memory.
 */
#ifndef ORIEL_PROGRAM_SUPERVISOR_H
#define ORIEL_PROGRAM_SUPERVISOR_H

#include "base/compiler.h"

#include <oriel/loop.h>
#include <stdbool.h>
#include <sys/types.h>

/** The renderer has ended; status is waitpid()'s. */
typedef void (*supervisor_exit_fn)(void *user, int status);

/** What it starts. All is borrowed. */
struct supervisor_options {
	const char *program;    // NULL: the oriel-render beside this one
	char *const *arguments; // end with NULL; "--fd=N" comes behind them
	const char *dump; // NULL, or where the first renderer records; FILE.2 is the next one's
	unsigned int n_starts; // 0
};

/** oriel-gpu's end. All zeros, but the descriptors -1, is one that was never begun. */
struct supervisor {
	int fd; // SOCK_SEQPACKET
	pid_t pid;
	pid_t renderer_pid; // 0: none runs
	int renderer_fd;    // a pidfd of it; -1: none
	struct oriel_loop *loop;
	struct oriel_source *source;
	struct oriel_source *renderer_source; // if there is no supervisor that would tell
	supervisor_exit_fn fn;
	void *user;
};

/** Whether there is an oriel-render beside this program. */
bool supervisor_has_program(void);

/**
 * Fork the supervisor, before there are threads, descriptors or signal handlers.
 *
 * Returns 0 or -errno; only in oriel-gpu.
 */
ORIEL_MUST_CHECK
int supervisor_init(struct supervisor *supervisor, const struct supervisor_options *options);

/** Call fn from the loop for each renderer that ends. Returns 0, -ENOMEM, or -errno. */
ORIEL_MUST_CHECK
int supervisor_watch(struct supervisor *supervisor, struct oriel_loop *loop, supervisor_exit_fn fn,
		void *user);

/** Start a renderer whose end of the link is fd, which is taken. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int supervisor_start_take(struct supervisor *supervisor, int fd);

/** Kill the renderer. */
void supervisor_kill(struct supervisor *supervisor);

/** End the supervisor, and its renderer, and wait for that. */
void supervisor_finish(struct supervisor *supervisor);

#endif
