// SPDX-License-Identifier: MIT
/*
 * Command buffers of nothing through whole devices, 64 deep: oriel-gpu with its renderer in a
 * process of its own, and the same device with the renderer within. docs/performance.md says what
 * each row means.
 *
 * usage: bench_submit [--turns=N] [--renderer=GPU] ORIEL-GPU BENCH-IN-PROCESS
 */
#include "bounds.h"
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TURNS 15
#define DEPTH (MACHINE_RING_SIZE / 2)
#define N_ROUNDS 3000u
#define CTX 1u

enum { LINK, WITHIN, N_DEVICES };

static const char *const names[N_DEVICES] = { "oriel-gpu, with its render link",
	"  the same device, rendering in its own process" };

static char renderer_option[256] = "--renderer=auto";

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/** Thousand a second. */
static double measure(struct machine *machine) {
	const uint32_t nothing = 0;
	for (unsigned int i = 0; i < DEPTH; i++) {
		ring_write_commands(machine, i, CTX, &nothing, sizeof(nothing));
	}
	const uint64_t began_ns = now_ns();
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		ring_send(machine, &machine->control, 0, DEPTH);
		ring_wait(machine, &machine->control);
	}
	const double took_ns = (double)(now_ns() - began_ns);
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (ring_get_answer(machine, &machine->control, i) != 0x1100) {
			die("%s: answer %u is 0x%x", machine->program, i,
					ring_get_answer(machine, &machine->control, i));
		}
	}
	return N_ROUNDS * DEPTH * 1e6 / took_ns;
}

static double run(const char *program) {
	struct machine machine;
	uint8_t request[128];
	machine_start_3d(&machine, program, renderer_option);
	ring_run(&machine, request, make_context(request, CTX));
	(void)measure(&machine); // warm
	const double result = measure(&machine);
	machine_end(&machine);
	return result;
}

static double print(const char *name, double *values, unsigned int n) {
	qsort(values, n, sizeof(*values), compare);
	printf("| %s | %.3g (%.3g to %.3g) |\n", name, values[n / 2], values[0], values[n - 1]);
	return values[n / 2];
}

int main(int argc, char **argv) {
	unsigned int n_turns = 5;
	int i = 1;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strncmp(argv[i], "--turns=", 8) == 0) {
			n_turns = (unsigned int)atoi(argv[i] + 8);
		} else {
			snprintf(renderer_option, sizeof(renderer_option), "%s", argv[i]);
		}
	}
	if (i != argc - N_DEVICES || n_turns < 1 || n_turns > MAX_TURNS) {
		fputs("usage: bench_submit [--turns=1 to 15] [--renderer=GPU] ORIEL-GPU "
		      "BENCH-IN-PROCESS\n",
				stderr);
		return 2;
	}
	static double values[N_DEVICES][MAX_TURNS];
	static double eventfd_us[MAX_TURNS];
	for (unsigned int turn = 0; turn < n_turns; turn++) {
		eventfd_us[turn] = bound_eventfd_ns(4000) / 1e3;
		for (unsigned int which = 0; which < N_DEVICES; which++) {
			values[which][turn] = run(argv[i + (int)which]);
		}
	}
	puts("\n| SUBMIT_3D of nothing, 64 deep | thousand/s |\n| --- | --- |");
	double medians[N_DEVICES];
	for (unsigned int which = 0; which < N_DEVICES; which++) {
		medians[which] = print(names[which], values[which], n_turns);
	}
	print("machine: eventfd there and back, us", eventfd_us, n_turns);
	printf("\nspeed of that within: %.3g\n", medians[LINK] / medians[WITHIN]);
	return 0;
}
