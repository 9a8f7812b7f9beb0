// SPDX-License-Identifier: MIT
/*
 * Images of disks and CDs, as far as QEMU must be told: raw or qcow2, and which firmware starts it.
 *
 * The format is told by its first bytes. Those of a raw image are the guest's to write: by making
 * its disk look like a qcow2 that rests upon another file it could have us open any file of ours.
 * So an image that rests upon another is taken only if its format was given.
 */
#ifndef ORIEL_RUN_IMAGE_H
#define ORIEL_RUN_IMAGE_H

#include "base/compiler.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum image_format {
	IMAGE_RAW,
	IMAGE_QCOW2,
};

struct image {
	char path[PATH_MAX]; // from the root
	enum image_format format;
	bool is_told;    // the format was given
	bool boots_uefi; // it has what UEFI starts
};

/**
 * Look at an image. text is a path, maybe with ",format=raw" or ",format=qcow2" behind it. One that
 * is_written has to let us write; any must let us read.
 *
 * Returns 0, or a negative errno with one sentence in reason.
 */
ORIEL_MUST_CHECK
int image_look(const char *text, bool is_written, struct image *ret, char *reason, size_t size);

/** Whether a disk or CD has what UEFI starts. fd is the bare image, or its beginning. */
bool image_boots_uefi(int fd);

/** As QEMU calls it. */
const char *image_format_name(enum image_format format);

#endif
