// SPDX-License-Identifier: MIT
/*
 * A machine while it runs: its parts, QEMU's monitor, the signals that we get, and one loop.
 *
 * Everything waits in machine_wait(), which handles whatever happens until a condition holds.
 */
#ifndef ORIEL_RUN_MACHINE_H
#define ORIEL_RUN_MACHINE_H

#include "base/compiler.h"
#include "oriel/run/part.h"
#include "oriel/run/place.h"
#include "oriel/run/plan.h"
#include "oriel/run/qmp.h"

enum machine_part {
	MACHINE_GPU,
	MACHINE_VIEWER,
	MACHINE_QEMU,
	MACHINE_N_PARTS,
};

struct machine {
	const struct plan *plan;
	const struct place *place;
	bool is_verbose;

	int signal_fd;
	uint32_t n_interrupts; // Ctrl-C and its like so far
	struct part parts[MACHINE_N_PARTS];
	struct qmp qmp;
	bool gpu_is_ready;
	char url[256]; // where the viewer serves, as it said; empty until then
};

typedef bool (*machine_condition)(struct machine *machine);

/** Returns 0, or a negative errno after saying why. To be finished either way. */
ORIEL_MUST_CHECK
int machine_init(struct machine *machine, const struct plan *plan, const struct place *place,
		bool is_verbose);

/**
 * Start GPU, viewer and QEMU, each when the one before is ready.
 *
 * Returns 0, -EINTR after Ctrl-C, or -EIO after saying what went wrong.
 */
ORIEL_MUST_CHECK
int machine_start(struct machine *machine);

/**
 * Handle what happens until the condition holds; timeout_ms of -1 is for ever.
 *
 * Returns 0, or -ETIMEDOUT.
 */
ORIEL_MUST_CHECK
int machine_wait(struct machine *machine, machine_condition condition, int64_t timeout_ms);

/** End all parts that still run, politely and then not. */
void machine_end(struct machine *machine);

void machine_finish(struct machine *machine);

#endif
