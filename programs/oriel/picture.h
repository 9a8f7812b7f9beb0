// SPDX-License-Identifier: MIT
/*
 * A snapshot as rows of R, G, B, with or without its cursor.
 *
 * Pure: the snapshot is only read. docs/display-protocol.md, 8 and 9.
 */
#ifndef ORIEL_PROGRAM_PICTURE_H
#define ORIEL_PROGRAM_PICTURE_H

#include <oriel/client.h>

/** Write row y, 3 bytes a pixel, to rgb; blend the cursor into it, if it is visible and wanted. */
void picture_make_row(const struct oriel_client_snapshot *snapshot, bool with_cursor, uint32_t y,
		uint8_t *rgb);

#endif
