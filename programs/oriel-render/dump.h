// SPDX-License-Identifier: MIT
/*
 * --dump: everything that the renderer is asked for goes into a file (docs/dump.md).
 *
 * The file is written by a process of its own, behind a pipe: so a slow disk does not hold up the
 * guest, and what led to a crash is in the file although the renderer is no more.
 */
#ifndef ORIEL_RENDER_PROGRAM_DUMP_H
#define ORIEL_RENDER_PROGRAM_DUMP_H

#include "base/compiler.h"

#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/renderer3d.h>
#include <sys/types.h>

struct dump {
	const char *path; // NULL: nothing is recorded
	const struct oriel_log_sink *log;
	int fd;    // the pipe's end, until the recorder has it; -1: none
	pid_t pid; // the writer; 0: none
	char description[257];
};

/**
 * Make the file, and the process that writes it: before there are threads. path NULL: do nothing.
 *
 * Returns 0, or -errno after having said why not.
 */
ORIEL_MUST_CHECK
int dump_init(struct dump *dump, const char *path, const struct oriel_log_sink *log);

/** Record renderer, a virgl one: *ret is to be used in its place. Returns 0 or -errno. */
ORIEL_MUST_CHECK
int dump_start(struct dump *dump, struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		struct oriel_renderer3d **ret);

/** Wait until all is written. */
void dump_finish(struct dump *dump);

#endif
