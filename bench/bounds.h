// SPDX-License-Identifier: MIT
/* What the machine itself can do, measured in the same run: nothing can be faster than that. */
#ifndef ORIEL_BENCH_BOUNDS_H
#define ORIEL_BENCH_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

/** Nanoseconds to copy a frame of size bytes to another. */
double bound_copy_ns(const uint8_t *from, uint8_t *to, uint32_t size, unsigned int n);

/** The same in pages of 4 KiB, in the order of machine_attach(). */
double bound_scattered_copy_ns(const uint8_t *from, uint8_t *to, uint32_t size, unsigned int n);

/** Nanoseconds for an eventfd there and back between two processes, by epoll_wait and read. */
double bound_eventfd_ns(unsigned int n);

/** Nanoseconds to copy a frame and send it through a socket pair, in bands, to who reads it. */
double bound_send_ns(const uint8_t *from, uint32_t size, uint32_t band, unsigned int n);

#endif
