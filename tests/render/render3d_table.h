// SPDX-License-Identifier: MIT
/*
 * What every 3D renderer must do, in this process or in another: one table of tests.
 */
#ifndef ORIEL_TEST_RENDER3D_TABLE_H
#define ORIEL_TEST_RENDER3D_TABLE_H

#include "render/render3d_rig.h"

/** What meson takes for "skipped". */
#define RENDER3D_TABLE_SKIPPED 77

/**
 * Run the table; one renderer serves all tests, reset after each.
 *
 * Returns main()'s status: 0, RENDER3D_TABLE_SKIPPED if maker found no renderer, or failures.
 */
int render3d_table_run(const struct render3d_maker *maker);

/** Its second half, and what comes after each row: for render3d_table.c and _draw.c alone. */
int render3d_table_run_drawing(void);
int render3d_table_reset(void **state);

#endif
