// SPDX-License-Identifier: MIT
/* See evdev.h. */
#include "evdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_DEVICES 32
#define PATIENCE_MS 60000

int evdev_open(const char *name) {
	for (int i = 0; i < MAX_DEVICES; i++) {
		char path[64];
		char found[128] = "";
		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			continue;
		}
		if (ioctl(fd, EVIOCGNAME(sizeof(found) - 1), found) >= 0 &&
				strcmp(found, name) == 0) {
			return fd;
		}
		close(fd);
	}
	return -ENODEV;
}

int evdev_read(int fd, int n, char *text, size_t size) {
	size_t used = 0;
	const char *separator = "";
	while (n > 0) {
		struct input_event event;
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		int ready = poll(&pollfd, 1, PATIENCE_MS);
		if (ready <= 0) {
			return ready == 0 ? -ETIMEDOUT : -errno;
		}
		if (read(fd, &event, sizeof(event)) != (ssize_t)sizeof(event)) {
			return -EIO;
		}
		if (event.type == EV_SYN) {
			n--;
			separator = " ";
			continue;
		}
		int length = snprintf(text + used, size - used, "%s%u:%u:%d", separator, event.type,
				event.code, event.value);
		if (length < 0 || (size_t)length >= size - used) {
			return -ENOSPC;
		}
		used += (size_t)length;
		separator = ",";
	}
	return 0;
}
