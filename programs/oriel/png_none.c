// SPDX-License-Identifier: MIT
/* See png_writer.h. For builds without libpng. */
#include "oriel/png_writer.h"

#include <errno.h>

int png_write_snapshot(const struct oriel_client_snapshot *snapshot, bool with_cursor, FILE *out) {
	(void)snapshot;
	(void)with_cursor;
	(void)out;
	return -EOPNOTSUPP;
}
