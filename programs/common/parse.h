// SPDX-License-Identifier: MIT
/*
 * Numbers and GPUs as people type them. The whole string must be one; nothing is guessed.
 */
#ifndef ORIEL_PARSE_H
#define ORIEL_PARSE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/** A decimal number, at most max. Returns 0 or -EINVAL. */
ORIEL_MUST_CHECK
int oriel_parse_number(const char *text, uint64_t max, uint64_t *ret);

/** Bytes: a number with a unit, "512MiB" (B, KiB, MiB, GiB, TiB), or 0. Returns 0 or -EINVAL. */
ORIEL_MUST_CHECK
int oriel_parse_bytes(const char *text, uint64_t *ret);

/** "WxH" in pixels, each from 1 to max. Returns 0 or -EINVAL. */
ORIEL_MUST_CHECK
int oriel_parse_size(const char *text, uint32_t max, uint32_t *ret_width, uint32_t *ret_height);

/** Whether a word is a GPU's name: auto, software, node:PATH, pci:ADDRESS or egl:N. Which of them
 * there is, the renderer finds out. */
bool oriel_is_gpu_name(const char *word);

#endif
