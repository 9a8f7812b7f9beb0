// SPDX-License-Identifier: MIT
/* A snapshot as a PNG, 8 bits a colour, opaque. */
#ifndef ORIEL_PROGRAM_PNG_WRITER_H
#define ORIEL_PROGRAM_PNG_WRITER_H

#include "base/compiler.h"

#include <oriel/client.h>
#include <stdio.h>

/**
 * Write the snapshot, with its cursor if that is wanted and visible.
 *
 * Returns 0, -EOPNOTSUPP if this was built without libpng, -ENOMEM, or -EIO (or errno's) for the
 * file.
 */
ORIEL_MUST_CHECK
int png_write_snapshot(const struct oriel_client_snapshot *snapshot, bool with_cursor, FILE *out);

#endif
