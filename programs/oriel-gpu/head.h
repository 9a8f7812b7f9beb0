// SPDX-License-Identifier: MIT
/*
 * One head on the command line: WIDTHxHEIGHT[@HERTZ][,dpi=N|,mm=WxH][,name=TEXT][,serial=TEXT].
 */
#ifndef ORIEL_GPU_HEAD_H
#define ORIEL_GPU_HEAD_H

#include "base/compiler.h"

#include <stdint.h>

#define HEAD_TEXT_SIZE 14 // of an EDID's text, with a terminating 0

/** 0 and "" where nothing was said. */
struct head {
	uint32_t width, height; // pixels
	uint32_t refresh_mhz;
	uint32_t width_mm, height_mm;
	char name[HEAD_TEXT_SIZE];
	char serial[HEAD_TEXT_SIZE];
};

/** Parse one. Returns 0, or -EINVAL; *ret_expected, which is static, then says what was expected.
 */
ORIEL_MUST_CHECK
int head_parse(const char *text, struct head *ret, const char **ret_expected);

#endif
