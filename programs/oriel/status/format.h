// SPDX-License-Identifier: MIT
/* Numbers as people read them. Each returns the text that it wrote to ret. */
#ifndef ORIEL_PROGRAM_STATUS_FORMAT_H
#define ORIEL_PROGRAM_STATUS_FORMAT_H

#include <stdint.h>

#define FORMAT_SIZE 64u

/** 1,234,567 */
const char *format_count(char ret[FORMAT_SIZE], uint64_t count);
/** 512 B, 1.5 KiB, 34 MiB: three digits, or a whole number. */
const char *format_bytes(char ret[FORMAT_SIZE], uint64_t bytes);
/** 850 ns, 12.3 us, 4.56 ms, 7.89 s */
const char *format_ns(char ret[FORMAT_SIZE], uint64_t ns);
/** 45 s, 3 min 20 s, 2 h 5 min, 4 d 1 h */
const char *format_time(char ret[FORMAT_SIZE], uint64_t ms);

#endif
