// SPDX-License-Identifier: MIT
/*
 * What a browser may have: our own page, and noVNC's scripts.
 *
 * All of it is read at the start. Afterwards no request opens any file: a path is either that of
 * one of these or does not exist.
 */
#ifndef ORIEL_VNC_FILES_H
#define ORIEL_VNC_FILES_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct file {
	const char *path; // as a browser asks for it
	const char *type; // for Content-Type
	const uint8_t *bytes;
	size_t size;
};

/** Ours, which are part of the program. The last one has no path. */
extern const struct file page_files[];

struct files {
	struct file *list; // noVNC's
	size_t n;
	size_t n_bytes;
};

/** Read noVNC's scripts. Returns 0, or a negative errno after printing why not. */
ORIEL_MUST_CHECK
int files_init(struct files *files, const char *program, const char *novnc);

/** The file of a path; NULL: there is none. Valid as long as files. */
const struct file *files_find(const struct files *files, const char *path);

void files_finish(struct files *files);

#endif
