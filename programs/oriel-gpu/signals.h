// SPDX-License-Identifier: MIT
/*
 * Signals: SIGTERM and SIGINT become a call from the loop, SIGPIPE is ignored, and SIGBUS in guest
 * memory is mended.
 */
#ifndef ORIEL_PROGRAM_SIGNALS_H
#define ORIEL_PROGRAM_SIGNALS_H

#include "base/compiler.h"

#include <oriel/loop.h>
#include <oriel/memory.h>

struct signals {
	int fd; // signalfd
	struct oriel_source *source;
	void (*fn)(void *user, int signal_number);
	void *user;
};

/** Call fn when the program is asked to end. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int signals_init(struct signals *signals, struct oriel_loop *loop,
		void (*fn)(void *user, int signal_number), void *user);

/** Tables of memory that can be guarded: the GPU's, a keyboard's, and of 16 tablets. */
#define SIGNALS_MAX_MEMORIES 18u

/**
 * Survive that a VMM cuts off the file behind a region of memory, also of this table.
 *
 * memory must live until signals_unguard_memory().
 */
void signals_guard_memory(struct oriel_memory *memory);

/** Guard nothing any more: SIGBUS ends the process again. */
void signals_unguard_memory(void);

/** The signals stay blocked: the program is about to end anyway. */
void signals_finish(struct signals *signals);

#endif
