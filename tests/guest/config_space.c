// SPDX-License-Identifier: MIT
/* See config_space.h. The kernel must have been started with iomem=relaxed. */
#include "config_space.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PCI_FIRST_CAPABILITY 0x34
#define PCI_CAPABILITY_VENDOR 9
#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_GPU 0x1050
#define VIRTIO_CFG_DEVICE 4 // virtio 1.3, 4.1.4: VIRTIO_PCI_CAP_DEVICE_CFG
#define PAGE 4096u

static uint32_t load(const uint8_t *bytes, int n) {
	uint32_t value = 0;
	for (int i = n - 1; i >= 0; i--) {
		value = value << 8 | bytes[i];
	}
	return value;
}

static int read_pci_config(const char *device, uint8_t bytes[256]) {
	char path[512];
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", device);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	ssize_t size = read(fd, bytes, 256);
	close(fd);
	return size == 256 ? 0 : -EIO;
}

static int map_bar(const char *device, uint32_t bar, uint32_t offset, struct config_space *ret) {
	char path[512];
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource%u", device, bar);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			(off_t)(offset / PAGE * PAGE));
	int r = page == MAP_FAILED ? -errno : 0;
	close(fd);
	if (r == 0) {
		ret->words = (volatile uint32_t *)(void *)(page + offset % PAGE);
	}
	return r;
}

int config_space_map(struct config_space *ret) {
	DIR *dir = opendir(PCI_DEVICES);
	if (dir == NULL) {
		return -errno;
	}
	int r = -ENODEV;
	struct dirent *entry;
	while (r == -ENODEV && (entry = readdir(dir)) != NULL) {
		uint8_t c[256];
		if (entry->d_name[0] == '.' || read_pci_config(entry->d_name, c) < 0 ||
				load(c, 2) != VIRTIO_VENDOR || load(c + 2, 2) != VIRTIO_GPU) {
			continue;
		}
		int n_left = 48; // a list of capabilities is not longer
		for (uint8_t at = c[PCI_FIRST_CAPABILITY]; at >= 64 && at < 240 && n_left-- > 0;
				at = c[at + 1]) {
			if (c[at] == PCI_CAPABILITY_VENDOR && c[at + 3] == VIRTIO_CFG_DEVICE) {
				r = map_bar(entry->d_name, c[at + 4], load(c + at + 8, 4), ret);
				break;
			}
		}
	}
	closedir(dir);
	return r;
}
