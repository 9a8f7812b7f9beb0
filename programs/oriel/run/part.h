// SPDX-License-Identifier: MIT
/*
 * One of the programs that a machine consists of, and what it says.
 *
 * A part ends when we end, however that is. The terminal's signals do not reach it: what Ctrl-C
 * means is decided here. Its output is read line by line, goes to NAME.log in the machine's folder,
 * and the last lines are kept, to be shown if it fails.
 */
#ifndef ORIEL_RUN_PART_H
#define ORIEL_RUN_PART_H

#include "base/compiler.h"
#include "oriel/run/words.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PART_LINE_BYTES 512u
#define PART_KEPT_LINES 8u

struct part;

/** Called for each line, without its end, while the part is read. */
typedef void (*part_line_fn)(void *user, struct part *part, const char *line, bool is_stdout);

struct part_stream {
	int fd; // -1: closed
	size_t len;
	char line[PART_LINE_BYTES]; // the rest of a longer one is thrown away
};

struct part {
	const char *name; // as people know it; borrowed
	part_line_fn handle_line;
	void *user;

	pid_t pid;                     // 0: not running
	int pidfd;                     // readable when it has ended
	struct part_stream streams[2]; // standard output, standard error
	bool has_run;
	int status; // as waitpid() has it, once it has ended

	int log_fd;
	uint64_t log_bytes;
	char kept[PART_KEPT_LINES][PART_LINE_BYTES]; // a ring
	uint64_t n_lines;
};

/** A part that is not running. */
void part_init(struct part *part, const char *name, part_line_fn handle_line, void *user);

/**
 * Start it. Its log is made in the folder; log_name is the file's. Returns 0 or -errno, after
 * saying why; a program that cannot be executed shows in its exit status, 127, and its log.
 */
ORIEL_MUST_CHECK
int part_start(struct part *part, const struct words *command, int folder, const char *log_name);

static inline bool part_is_running(const struct part *part) {
	return part->pid > 0;
}

/** Take what it has written so far. */
void part_read(struct part *part);

/** Look whether it has ended. Returns true once, with all that it wrote read and status set. */
bool part_reap(struct part *part);

/** Send it a signal, if it runs. */
void part_signal(struct part *part, int number);

/** Whether it ended by itself and well. */
bool part_is_clean(const struct part *part);

/** Say how it ended, with the last lines of its log. */
void part_say_end(const struct part *part);

/** Kill it if it still runs. */
void part_finish(struct part *part);

#endif
