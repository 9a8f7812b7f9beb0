// SPDX-License-Identifier: MIT
/*
 * What there is on this host to make a machine of: programs, what they can do, KVM, firmware.
 *
 * Everything is tried in a child with a deadline (doctor's probes): programs crash and hang.
 */
#ifndef ORIEL_RUN_HOST_H
#define ORIEL_RUN_HOST_H

#include "base/compiler.h"
#include "oriel/run/options.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct host {
	char gpu_program[PATH_MAX];
	char vnc_program[PATH_MAX];
	char qemu_program[PATH_MAX];
	char firmware[PATH_MAX]; // of UEFI; empty: there is none

	bool gpu_has_input; // oriel-gpu offers a keyboard and tablets
	bool gpu_has_control;
	bool has_3d;
	char renderer[160]; // what draws, or why there is no 3D
	bool has_kvm;
	char no_kvm[160]; // why not
	bool is_uefi;     // what the machine is started with
};

/** Find and ask all that these options need. Returns 0, or a negative errno after saying why. */
ORIEL_MUST_CHECK
int host_look(const struct run_options *options, struct host *ret);

/** Look into a qcow2 image, if there is qemu-img to unpack its beginning: does UEFI start it? */
bool host_finds_uefi(const char *path);

/**
 * The port of 127.0.0.1 for a viewer, into ret: the one asked for, if it is free; else 0 for the
 * web, and for VNC the first that is free from 5900 on. Returns 0, or -EADDRINUSE after saying so.
 */
ORIEL_MUST_CHECK
int host_find_port(const struct run_options *options, uint32_t *ret);

#endif
