// SPDX-License-Identifier: MIT
/*
 * Snapshots: a copy of a scanout, and of its cursor, in memory that never changes again.
 *
 * docs/display-protocol.md, 9.
 */
#ifndef ORIEL_SHARE_SNAPSHOT_H
#define ORIEL_SHARE_SNAPSHOT_H

#include "display/screen.h"

/** Bytes of a snapshot of a scanout that is on, with or without the cursor's image. */
uint64_t oriel_share_snapshot_get_size(const struct oriel_scanout *scanout, bool has_cursor);

/**
 * Copy what a scanout that is on shows: rows of B8G8R8X8 without gaps, X = 255, then the cursor's
 * pixels unless cursor is NULL. The resource must have pixels.
 *
 * Owns: *ret is a sealed memfd of the caller's.
 *
 * Returns 0, or -ENOMEM (or another -errno).
 */
ORIEL_MUST_CHECK
int oriel_share_snapshot_create(const struct oriel_scanout *scanout, const uint8_t *cursor,
		int *ret);

#endif
