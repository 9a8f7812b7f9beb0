// SPDX-License-Identifier: MIT
/*
 * What is to be started: three command lines, made of what was asked for and what there is.
 *
 * Nothing is asked or opened here. Whether it can be had was found out before (host.h, image.h).
 */
#ifndef ORIEL_RUN_PLAN_H
#define ORIEL_RUN_PLAN_H

#include "base/compiler.h"
#include "oriel/run/host.h"
#include "oriel/run/image.h"
#include "oriel/run/options.h"
#include "oriel/run/words.h"

struct plan_input {
	const struct run_options *options;
	const struct host *host;
	const struct image *disks; // as many as the options have
	const struct image *cdrom; // NULL: none
	const char *name;          // the machine's
	const char *folder;        // where the sockets are
	uint32_t port;             // of the viewer; 0: any
};

/** Empty words: there is no such part. */
struct plan {
	struct words gpu;
	struct words viewer;
	struct words qemu;
};

/** Returns 0 or -ENOMEM; the plan is to be finished either way. */
ORIEL_MUST_CHECK
int plan_make(const struct plan_input *input, struct plan *ret);

void plan_finish(struct plan *plan);

/** Whether the machine starts with UEFI: as was asked for, or as its first medium is made. */
bool plan_is_uefi(const struct run_options *options, const struct image *disks,
		const struct image *cdrom, bool has_firmware);

/** The machine's name, if none was given: its first medium's, without what a socket's path may not
 * have. */
void plan_name(const struct run_options *options, char *ret, size_t size);

/** Write the plan for a shell, as commands for as many terminals. */
void plan_print(const struct plan *plan, const char *parent, const char *folder, FILE *out);

#endif
