// SPDX-License-Identifier: MIT
/* See input.h. */
#include "oriel-gpu/input.h"

#include "common/log.h"
#include "oriel-gpu/signals.h"

#include <stdio.h>
#include <string.h>

static int fail_start(const char *what, int err) {
	fprintf(stderr, "oriel-gpu: %s: %s\n", what, strerror(-err));
	return err;
}

/** Never called: who listens waits for the next VMM. */
static void handle_done(void *user, int err) {
	(void)user;
	(void)err;
}

/** A line of the device, or of its VMM: it says which of them. */
static void log_line(enum oriel_log_level level, const char *msg, void *user) {
	const struct input_device *device = user;
	log_print(&device->program_log, level, "%s: %s", device->name, msg);
}

/** name is also its serial, which tells the guest which head a tablet belongs to. */
static int init_device(struct input_device *device, const struct input_options *options,
		enum oriel_input_kind kind, const char *name) {
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->program_log = options->log;
	const struct oriel_log_sink log = {
		.fn = log_line,
		.user = device,
		.max_level = options->log.max_level,
		.live_level = options->log.live_level,
	};
	const struct oriel_input_options input_options = {
		.size = sizeof(input_options),
		.log = log,
		.kind = kind,
		.serial = name,
	};
	int err = oriel_input_create(options->loop, &input_options, &device->input);
	if (err < 0) {
		return fail_start("input device", err);
	}
	struct oriel_virtio *virtio = oriel_input_get_virtio(device->input);
	signals_guard_memory(oriel_virtio_get_memory(virtio));
	const struct vmm_options vmm_options = {
		.loop = options->loop,
		.device = virtio,
		.log = log,
		.handle_done = handle_done,
	};
	vmm_init(&device->vmm, &vmm_options);
	return 0;
}

static int init_keyboard(struct input *input, const struct input_options *options) {
	int err = init_device(&input->keyboard, options, ORIEL_INPUT_KEYBOARD, "keyboard");
	if (err == 0) {
		oriel_seat_set_keyboard(input->seat, input->keyboard.input);
	}
	return err;
}

static int init_tablet(struct input *input, const struct input_options *options, uint32_t head) {
	char name[24];
	snprintf(name, sizeof(name), "tablet-%u", head);
	int err = init_device(&input->tablets[head], options, ORIEL_INPUT_TABLET, name);
	return err == 0 ? oriel_seat_set_tablet(input->seat, head, input->tablets[head].input)
			: err;
}

int input_init(struct input *input, const struct input_options *options) {
	if (options->keyboard_socket == NULL && options->n_tablets == 0) {
		return 0;
	}
	int err = oriel_seat_create(&input->seat);
	if (err < 0) {
		return fail_start("input devices", err);
	}
	input->sink = oriel_seat_get_sink(input->seat);
	if (options->keyboard_socket != NULL) {
		err = init_keyboard(input, options);
	}
	for (uint32_t i = 0; err == 0 && i < options->n_tablets; i++) {
		err = init_tablet(input, options, i);
	}
	return err;
}

const struct oriel_input_sink *input_get_sink(const struct input *input) {
	return input->seat != NULL ? &input->sink : NULL;
}

int input_listen(struct input *input, const struct input_options *options) {
	int err = 0;
	if (options->keyboard_socket != NULL) {
		err = vmm_listen(&input->keyboard.vmm, options->keyboard_socket);
	}
	for (uint32_t i = 0; err == 0 && i < options->n_tablets; i++) {
		err = vmm_listen(&input->tablets[i].vmm, options->tablet_sockets[i]);
	}
	return err;
}

static void finish_device(struct input_device *device) {
	if (device->input != NULL) {
		vmm_finish(&device->vmm);
		oriel_input_destroy(device->input);
		device->input = NULL;
	}
}

void input_finish(struct input *input) {
	oriel_seat_destroy(input->seat);
	input->seat = NULL;
	finish_device(&input->keyboard);
	for (uint32_t i = 0; i < INPUT_MAX_TABLETS; i++) {
		finish_device(&input->tablets[i]);
	}
}
