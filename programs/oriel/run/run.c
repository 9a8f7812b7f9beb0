// SPDX-License-Identifier: MIT
/*
 * `oriel run`: a virtual machine and all that its screen needs, by one command.
 *
 * First everything that can be wrong is looked for, so that nothing is started in vain; then a plan
 * is made (plan.h), and printed or carried out (machine.h). Here is what happens while it runs:
 * Ctrl-C, a part that dies, a guest that powers off.
 */
#include "oriel/command.h"

#include "oriel/run/host.h"
#include "oriel/run/image.h"
#include "oriel/run/machine.h"
#include "oriel/run/options.h"
#include "oriel/run/place.h"
#include "oriel/run/plan.h"
#include "oriel/run/say.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** How long QEMU may take to be gone after others have noticed that it goes. */
#define FOLLOW_MS 1000

/** All that a plan is made of, and what its pointers point to. */
struct request {
	struct run_options options;
	struct host host;
	struct image disks[RUN_MAX_DISKS];
	struct image cdrom;
	char kernel[PATH_MAX], initrd[PATH_MAX];
	char name[64];
	struct place place;
	uint32_t port;
};

/** A file for QEMU to read, from the root. */
static int look_at_file(const char *option, const char **path, char ret[PATH_MAX]) {
	if (*path == NULL) {
		return 0;
	}
	struct stat st;
	int err = realpath(*path, ret) == NULL || access(ret, R_OK) < 0 || stat(ret, &st) < 0
				  ? -errno
				  : 0;
	if (err == 0 && S_ISDIR(st.st_mode)) {
		err = -EISDIR;
	}
	if (err < 0) {
		say("%s: %s: %s", option, *path, strerror(-err));
		return err;
	}
	*path = ret;
	return 0;
}

static int look_at_files(struct request *request) {
	struct run_options *options = &request->options;
	char reason[512];
	for (uint32_t i = 0; i < options->n_disks; i++) {
		int err = image_look(options->disks[i], !options->is_snapshot, &request->disks[i],
				reason, sizeof(reason));
		if (err < 0) {
			say("--disk: %s", reason);
			return err;
		}
	}
	if (options->cdrom != NULL) {
		int err = image_look(options->cdrom, false, &request->cdrom, reason,
				sizeof(reason));
		if (err < 0) {
			say("--cdrom: %s", reason);
			return err;
		}
	}
	int err = look_at_file("--kernel", &options->kernel, request->kernel);
	return err == 0 ? look_at_file("--initrd", &options->initrd, request->initrd) : err;
}

/** Find out all that the plan depends on. Whatever is wrong has been said. */
static int look(struct request *request) {
	struct run_options *options = &request->options;
	int err = look_at_files(request);
	if (err < 0) {
		return err;
	}
	plan_name(options, request->name, sizeof(request->name));
	err = place_find(&request->place, request->name);
	if (err == 0) {
		err = host_find_port(options, &request->port);
	}
	if (err == 0) {
		err = host_look(options, &request->host);
	}
	if (err == 0) {
		struct image *disk = &request->disks[0];
		const bool asks = options->firmware == RUN_FIRMWARE_AUTO &&
				  options->cdrom == NULL && options->kernel == NULL &&
				  request->host.firmware[0] != '\0';
		if (asks && options->n_disks > 0 && disk->format == IMAGE_QCOW2) {
			disk->boots_uefi = host_finds_uefi(disk->path);
		}
		request->host.is_uefi = plan_is_uefi(options, request->disks,
				options->cdrom != NULL ? &request->cdrom : NULL,
				request->host.firmware[0] != '\0');
	}
	return err;
}

static int make_plan(const struct request *request, struct plan *ret) {
	const struct plan_input input = {
		.options = &request->options,
		.host = &request->host,
		.disks = request->disks,
		.cdrom = request->options.cdrom != NULL ? &request->cdrom : NULL,
		.name = request->name,
		.folder = request->place.path,
		.port = request->port,
	};
	int err = plan_make(&input, ret);
	if (err < 0) {
		say("%s", strerror(-err));
	}
	return err;
}

/** What kind of machine it is: what was decided, and why if it is not the best. */
static void say_machine(const struct request *request) {
	const struct run_options *options = &request->options;
	const struct host *host = &request->host;
	if (host->has_kvm) {
		say("%s: with KVM", request->name);
	} else {
		say("%s: without KVM, so it is slow (%s)", request->name, host->no_kvm);
	}
	for (uint32_t i = 0; i < options->n_disks; i++) {
		say("disk %s: %s", request->disks[i].path,
				image_format_name(request->disks[i].format));
	}
	if (options->gpu != RUN_GPU_OFF && options->kernel == NULL && !host->is_uefi) {
		say("a BIOS starts it: the screen is empty until the guest's driver draws");
	}
	if (options->gpu == RUN_GPU_AUTO) {
		say("%s (%s)", host->has_3d ? "the guest has OpenGL" : "the guest has 2D only",
				host->renderer);
	}
}

static void say_ready(const struct machine *machine, const struct request *request) {
	if (machine->url[0] != '\0') {
		printf("open %s\n", machine->url);
		fflush(stdout);
	} else if (request->options.gpu != RUN_GPU_OFF) {
		say("its screen: oriel shot --socket=%s/display.sock FILE.png",
				request->place.path);
	}
	if (request->options.n_heads > 1 && machine->url[0] != '\0') {
		say("that is screen 0; oriel vnc --socket=%s/display.sock --web=127.0.0.1:0 "
		    "--head=1 shows the next",
				request->place.path);
	}
	say("Ctrl-C powers it down");
}

static bool is_over(const struct machine *machine) {
	return !part_is_running(&machine->parts[MACHINE_QEMU]);
}

static bool is_lost(const struct machine *machine, enum machine_part which) {
	const struct part *part = &machine->parts[which];
	return part->has_run && !part_is_running(part);
}

static bool is_over_or_interrupted(struct machine *machine) {
	return is_over(machine) || machine->n_interrupts > 0;
}

static bool is_over_or_interrupted_again(struct machine *machine) {
	return is_over(machine) || machine->n_interrupts > 1;
}

/** After the loss of the viewer was said. */
static bool needs_attention_without_viewer(struct machine *machine) {
	return is_over_or_interrupted(machine) || is_lost(machine, MACHINE_GPU);
}

static bool needs_attention(struct machine *machine) {
	return needs_attention_without_viewer(machine) || is_lost(machine, MACHINE_VIEWER);
}

/** QEMU has ended, and nobody of us had ended it. */
static int judge_end(const struct machine *machine) {
	const struct part *qemu = &machine->parts[MACHINE_QEMU];
	if (!part_is_clean(qemu)) {
		part_say_end(qemu);
		return STATUS_FAILED;
	}
	if (strcmp(machine->qmp.reason, "host-signal") == 0) {
		say("somebody ended QEMU by a signal");
		return STATUS_FAILED;
	}
	return STATUS_OK; // the guest powered off, or its monitor was told to end it
}

/** Have the guest power down; if it does not, or Ctrl-C comes again, end it. */
static int power_down(struct machine *machine, uint32_t grace_s) {
	if (machine->n_interrupts <= 1) {
		say("the guest is asked to power down, and has %u s; Ctrl-C again ends it at once",
				grace_s);
		qmp_send(&machine->qmp, "system_powerdown");
		int err = machine_wait(machine, is_over_or_interrupted_again,
				(int64_t)grace_s * 1000);
		if (is_over(machine)) {
			return judge_end(machine);
		}
		say(err < 0 ? "it has not powered down in time, and is ended" : "it is ended");
	} else {
		say("it is ended");
	}
	machine_end(machine);
	return STATUS_FAILED;
}

/** The GPU has ended, and QEMU has not. */
static int handle_lost_gpu(struct machine *machine, uint32_t grace_s) {
	part_say_end(&machine->parts[MACHINE_GPU]);
	say("the guest has no GPU any more");
	(void)power_down(machine, grace_s);
	return STATUS_FAILED;
}

/** From the start to the end. */
static int watch(struct machine *machine, const struct request *request) {
	machine_condition condition = needs_attention;
	for (;;) {
		int err = machine_wait(machine, condition, -1);
		// QEMU's end is the end of the others, and theirs may be seen before.
		if (is_lost(machine, MACHINE_GPU) || is_lost(machine, MACHINE_VIEWER)) {
			err = machine_wait(machine, is_over_or_interrupted, FOLLOW_MS);
		}
		(void)err; // what is the case is looked at
		if (is_over(machine)) {
			return judge_end(machine);
		}
		if (is_lost(machine, MACHINE_GPU)) {
			return handle_lost_gpu(machine, request->options.grace_s);
		}
		if (machine->n_interrupts > 0) {
			return power_down(machine, request->options.grace_s);
		}
		part_say_end(&machine->parts[MACHINE_VIEWER]);
		say("the guest goes on; oriel-vnc --socket=%s/display.sock shows it again",
				request->place.path);
		condition = needs_attention_without_viewer;
	}
}

static int carry_out(struct request *request, const struct plan *plan) {
	if (place_open(&request->place) < 0) {
		return STATUS_FAILED;
	}
	say_machine(request);
	struct machine machine;
	int status = STATUS_FAILED;
	if (machine_init(&machine, plan, &request->place, request->options.is_verbose) == 0) {
		int err = machine_start(&machine);
		if (err == 0) {
			say_ready(&machine, request);
			status = watch(&machine, request);
		} else if (err == -EINTR) {
			say("it is ended before it ran");
		}
		machine_end(&machine);
	}
	machine_finish(&machine);
	place_close(&request->place);
	return status;
}

int run_run(int argc, char **argv) {
	static struct request request; // too large for a stack
	if (run_options_parse(argc, argv, &request.options) < 0) {
		return STATUS_USAGE;
	}
	if (request.options.help) {
		run_options_print_help();
		return STATUS_OK;
	}
	struct plan plan = { 0 };
	int status = STATUS_FAILED;
	if (look(&request) == 0 && make_plan(&request, &plan) == 0) {
		if (request.options.is_dry) {
			plan_print(&plan, request.place.parent, request.place.path, stdout);
			status = fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
		} else {
			status = carry_out(&request, &plan);
		}
	}
	plan_finish(&plan);
	return status;
}
