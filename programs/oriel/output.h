// SPDX-License-Identifier: MIT
/*
 * A file that appears whole or not at all.
 *
 * It is written under another name beside its place and renamed when it is complete. What is there
 * and is no plain file (a device, a pipe) is written to as it is, and "-" is standard output.
 */
#ifndef ORIEL_PROGRAM_OUTPUT_H
#define ORIEL_PROGRAM_OUTPUT_H

#include "base/compiler.h"

#include <stdio.h>

struct output {
	FILE *file;
	char *path;      // where it goes; NULL: nothing is renamed
	char *temporary; // what it is called until then; NULL: likewise
};

/** Begin to write to path. Returns 0, -ENOMEM, or -errno. */
ORIEL_MUST_CHECK
int output_begin(struct output *output, const char *path);

/** All was written: put it into its place. Returns 0 or -errno: there is no new file then. */
ORIEL_MUST_CHECK
int output_end(struct output *output);

/** Leave no trace. */
void output_drop(struct output *output);

#endif
