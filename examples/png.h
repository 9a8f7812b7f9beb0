// SPDX-License-Identifier: MIT
/* A picture as a PNG file, for the examples. */
#ifndef EXAMPLES_PNG_H
#define EXAMPLES_PNG_H

#include <stdint.h>

/**
 * Write rows of B, G, R and a fourth byte, which is left out. width is at most 21,844: a row is one
 * stored block.
 *
 * Returns 0 or a negative errno.
 */
int png_write(const char *path, const uint8_t *bgrx, uint32_t width, uint32_t height);

#endif
