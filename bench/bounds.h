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

/** The same, but what comes back is a message of size bytes (at most 256) on a Unix socket. */
double bound_message_ns(uint32_t size, unsigned int n);

/**
 * Nanoseconds to send size bytes to a thread that reads them, in bands. Each band is copied before
 * it is sent; or, if there is room in whole, all of it before the first is.
 */
double bound_send_ns(const uint8_t *from, uint8_t *whole, uint32_t size, uint32_t band,
		unsigned int n);

#endif
