// SPDX-License-Identifier: MIT
/* The command line of `oriel run`. */
#ifndef ORIEL_RUN_OPTIONS_H
#define ORIEL_RUN_OPTIONS_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

#define RUN_MAX_DISKS 8u
#define RUN_MAX_HEADS 16u

enum run_gpu {
	RUN_GPU_AUTO, // 3D if it can be had
	RUN_GPU_2D,
	RUN_GPU_OFF, // QEMU's own VGA, and nothing of ours
};

enum run_display {
	RUN_DISPLAY_WEB,
	RUN_DISPLAY_VNC,
	RUN_DISPLAY_NONE,
};

enum run_firmware {
	RUN_FIRMWARE_AUTO, // what the first medium is made for
	RUN_FIRMWARE_BIOS,
	RUN_FIRMWARE_UEFI,
};

struct run_options {
	enum run_gpu gpu;
	enum run_display display;
	enum run_firmware firmware;
	bool wants_display; // it was typed, not only the default
	bool has_network;
	bool is_dry;
	bool is_verbose;
	bool help;
	bool is_snapshot; // QEMU is told to leave the disks as they are

	uint64_t memory_mib;
	uint32_t n_cpus;
	uint32_t n_heads;
	uint32_t width, height; // 0: as the device has it
	uint32_t port;          // 0: any that is free
	uint32_t grace_s;       // how long a guest may take to power down

	// Borrowed from argv; NULL where nothing was given.
	const char *disks[RUN_MAX_DISKS];
	uint32_t n_disks;
	const char *cdrom;
	const char *kernel, *initrd, *append;
	const char *name;
	const char *qemu;  // NULL: the usual one
	char *const *more; // for QEMU; ends with NULL
};

/** Returns 0, or -EINVAL after one line was printed. argv must outlive the options. */
ORIEL_MUST_CHECK
int run_options_parse(int argc, char **argv, struct run_options *ret);

void run_options_print_help(void);

#endif
