// SPDX-License-Identifier: MIT
/*
 * Runs a function in a process of its own, because it calls into drivers: those crash, hang, print
 * to where they should not, and leave threads behind. Whatever happens in there, the caller gets
 * what was written until then, and how it ended.
 */
#ifndef ORIEL_PROGRAM_PROBE_H
#define ORIEL_PROGRAM_PROBE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Text beyond this is thrown away: QEMU's list of devices, the longest one expected, has 50 KiB.
 */
#define PROBE_MAX_TEXT_BYTES (256u * 1024)

/**
 * What runs in the child. What it writes to out, and what anything writes to standard error, is the
 * result's text; standard output goes nowhere. out has a line's worth of buffer, so that a crash
 * loses nothing that was written. Returns the exit status.
 */
typedef int (*probe_fn)(FILE *out, const void *arg);

enum probe_end {
	PROBE_EXITED,
	PROBE_CRASHED, // a signal ended it
	PROBE_HUNG,    // it had to be killed at the deadline
};

struct probe_result {
	enum probe_end end;
	int code;            // the exit status, or the signal
	uint32_t timeout_ms; // what it was given
	bool is_stuck;       // hung, and not even SIGKILL ended it in time: it is left behind
	bool is_cut;         // there was more text
	char *text;          // ends with a zero byte, and has no other one
};

/**
 * Run fn in a child process and wait until it ended or timeout_ms are over.
 *
 * The child is the leader of a process group, which is killed as a whole. It has no input, default
 * signal handlers, and writes no core file. SIGCHLD must not be ignored.
 *
 * Returns 0, whatever the child did; probe_finish() frees the result. Or -errno, from making it.
 */
ORIEL_MUST_CHECK
int probe_run(probe_fn fn, const void *arg, uint32_t timeout_ms, struct probe_result *ret);

/** A probe_fn that becomes another program; arg is its argv, whose first is the path. */
int probe_exec(FILE *out, const void *arg);

/** Whether it ended by itself, with exit status 0. */
bool probe_is_clean(const struct probe_result *result);

/** How it ended, as the end of a sentence: "crashed (SIGSEGV)". */
void probe_describe(const struct probe_result *result, char *text, size_t size);

/** Free what probe_run() made. */
void probe_finish(struct probe_result *result);

#endif
