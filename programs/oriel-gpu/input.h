// SPDX-License-Identifier: MIT
/*
 * The guest's keyboard and tablets: devices of their own, each on a vhost-user socket of its own,
 * and the seat at which viewers type.
 *
 * Each is served to one VMM after another. When the program ends is not their business: the GPU's
 * session decides it.
 */
#ifndef ORIEL_PROGRAM_INPUT_H
#define ORIEL_PROGRAM_INPUT_H

#include "base/compiler.h"
#include "oriel-gpu/vmm.h"

#include <oriel/input.h>

#define INPUT_MAX_TABLETS 16u

struct input_device {
	char name[24]; // for the log
	struct oriel_log_sink program_log;
	struct oriel_input *input;
	struct vmm vmm;
};

struct input {
	struct oriel_seat *seat; // NULL: there are no devices
	struct input_device keyboard;
	struct input_device tablets[INPUT_MAX_TABLETS];
	struct oriel_input_sink sink;
};

struct input_options {
	struct oriel_loop *loop;
	struct oriel_log_sink log;
	const char *keyboard_socket;       // NULL: no keyboard
	const char *const *tablet_sockets; // of the tablets of head 0, 1, …
	uint32_t n_tablets;
};

/** Make the devices. Returns 0, or a negative errno after having printed what is wrong. */
ORIEL_MUST_CHECK
int input_init(struct input *input, const struct input_options *options);

/** Where viewers' input goes; NULL if there are no devices. */
const struct oriel_input_sink *input_get_sink(const struct input *input);

/** Wait for VMMs. Returns 0, or a negative errno after having printed what is wrong. */
ORIEL_MUST_CHECK
int input_listen(struct input *input, const struct input_options *options);

/** End the sessions; who sends must be gone. Also for one that is all zeros. */
void input_finish(struct input *input);

#endif
