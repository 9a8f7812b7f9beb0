// SPDX-License-Identifier: MIT
/*
 * oriel-gpu's control socket: its door, and what only the program knows (src/control/control.h).
 */
#ifndef ORIEL_PROGRAM_CONTROL_H
#define ORIEL_PROGRAM_CONTROL_H

#include "base/compiler.h"
#include "control/control.h"
#include "oriel-gpu/door.h"
#include "oriel-gpu/input.h"
#include "oriel-gpu/supervisor.h"
#include "oriel-gpu/vmm.h"

/** Whom it tells about. All of it outlives the socket. */
struct control_subject {
	const struct vmm *vmm;
	const struct supervisor *supervisor;
	const struct input *input;
	const char *renderer_name; // NULL: 2D only
	const char *vmm_display;   // how the VMM's own display is served
};

/** All zeros is one that was never begun. */
struct control {
	struct control_subject subject;
	struct oriel_control *server;
	struct door door;
	struct oriel_log_sink log;
};

/**
 * Let clients connect at path. Of options, get_facts, describe and user are filled in here.
 *
 * Returns 0, or a negative errno after having printed what is wrong.
 */
ORIEL_MUST_CHECK
int control_init(struct control *control, const struct control_subject *subject,
		struct oriel_control_options *options, const char *path);

/** Disconnect everybody and remove the socket's path. */
void control_finish(struct control *control);

#endif
