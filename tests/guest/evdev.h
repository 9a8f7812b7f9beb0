// SPDX-License-Identifier: MIT
/* Input devices of the guest, as its programs read them. */
#ifndef GUEST_EVDEV_H
#define GUEST_EVDEV_H

#include <stddef.h>

/** Open the device with this name. Returns a descriptor or a negative errno. */
int evdev_open(const char *name);

/**
 * Wait for n reports and write their events to text as "type:code:value", those of one report
 * joined by commas, reports apart by spaces. Returns 0, -ETIMEDOUT, or another negative errno.
 */
int evdev_read(int fd, int n, char *text, size_t size);

#endif
