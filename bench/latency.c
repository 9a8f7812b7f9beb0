// SPDX-License-Identifier: MIT
/*
 * How long a cursor move takes while the renderer compiles shaders, beside how long it takes while
 * any process takes as much of the machine; and how long a device with 3D takes to start.
 * docs/performance.md says what each row means.
 *
 * usage: bench_latency [--turns=N] [--renderer=GPU] ORIEL-GPU
 */
#include "machine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TURNS 15
#define N_MOVES 1500u
#define CTX 1u
#define FRAGMENT 1u
#define N_INSTRUCTIONS 300u
#define N_SHADERS 8u // at once

static char renderer_option[256] = "--renderer=auto";

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/** Where a shader's number is in its text, nine digits of it. */
#define NUMBER_OFFSET (sizeof("FRAG\nDCL OUT[0], COLOR\nDCL TEMP[0]\nIMM[0] FLT32 {") - 1)

/** A shader, and that it is destroyed: words of virgl's protocol. */
static uint32_t make_shader(uint32_t *words) {
	static char text[200000];
	size_t len = (size_t)snprintf(text, sizeof(text),
			"FRAG\nDCL OUT[0], COLOR\nDCL TEMP[0]\n"
			"IMM[0] FLT32 {000000000.5, 2.0, 3.0, 4.0}\n"
			"  0: MOV TEMP[0], IMM[0]\n");
	for (unsigned int i = 1; i <= N_INSTRUCTIONS; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
				"%3u: MAD TEMP[0], TEMP[0], IMM[0].%c%c%c%c, TEMP[0]\n", i,
				"xyzw"[i % 4], "xyzw"[i / 4 % 4], "xyzw"[i / 16 % 4],
				"xyzw"[i / 64 % 4]);
	}
	len += (size_t)snprintf(text + len, sizeof(text) - len,
			"%3u: MOV OUT[0], TEMP[0]\n%3u: END\n", N_INSTRUCTIONS + 1,
			N_INSTRUCTIONS + 2);
	const uint32_t n_text = (uint32_t)(len + 4) / 4;
	words[0] = 1u | 4u << 8 | (5 + n_text) << 16; // CREATE_OBJECT, SHADER
	words[1] = 1;                                 // its handle
	words[2] = FRAGMENT;
	words[3] = (uint32_t)len + 1;
	words[4] = 8 * N_INSTRUCTIONS; // tokens, at most
	words[5] = 0;
	memset(&words[6], 0, (size_t)n_text * 4);
	memcpy(&words[6], text, len);
	words[6 + n_text] = 3u | 4u << 8 | 1u << 16; // DESTROY_OBJECT
	words[7 + n_text] = 1;
	return 8 + n_text;
}

/** Keep the renderer busy, if it is not, at little cost of ours. No cache has seen these. */
static void feed(struct machine *machine) {
	static uint32_t words[60000];
	static uint32_t n_words;
	static uint32_t number;
	if (n_words == 0) {
		n_words = make_shader(words);
		number = (uint32_t)(now_ns() / 1000 % 900000000);
	} else if (!ring_is_done(machine, &machine->control)) {
		return;
	} else if (ring_get_answer(machine, &machine->control, 0) != 0x1100) {
		die("shader %u: 0x%x", number, ring_get_answer(machine, &machine->control, 0));
	}
	for (unsigned int i = 0; i < N_SHADERS; i++) {
		char digits[16];
		snprintf(digits, sizeof(digits), "%09u", ++number);
		memcpy((char *)&words[6] + NUMBER_OFFSET, digits, 9);
		ring_write_commands(machine, i, CTX, words, n_words * 4);
	}
	ring_send(machine, &machine->control, 0, N_SHADERS);
}

/** Cursor moves, one after the other: the 99th percentile in microseconds. */
static double measure(struct machine *machine, bool feeds) {
	static double us[N_MOVES];
	uint8_t request[128];
	size_t size = make_move(request, 100, 100);
	ring_write(machine, &machine->cursor, 0, request, size, 0);
	for (unsigned int i = 0; i < N_MOVES; i++) {
		if (feeds) {
			feed(machine);
		}
		const uint64_t began_ns = now_ns();
		ring_send(machine, &machine->cursor, 0, 1);
		ring_wait(machine, &machine->cursor);
		us[i] = (double)(now_ns() - began_ns) / 1e3;
		// As a hand moves it, and not one behind the other.
		usleep(500);
	}
	qsort(us, N_MOVES, sizeof(*us), compare);
	return us[N_MOVES * 99 / 100];
}

/** A process that does nothing but take time. */
static pid_t start_hog(void) {
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (volatile unsigned int i = 0;; i++) {
		}
	}
	return pid;
}

enum { IDLE, HOG, SHADERS, START_2D, START_3D, N_VALUES };

static double end_start(struct machine *machine) {
	uint8_t request[128];
	ring_run(machine, request, make_create(request, 1, 64, 64));
	return (double)(now_ns() - machine->start_ns) / 1e6;
}

static void run_turn(const char *program, double values[N_VALUES]) {
	struct machine machine;
	uint8_t request[128];
	machine_start(&machine, program, true);
	values[START_2D] = end_start(&machine);
	machine_end(&machine);
	machine_start_3d(&machine, program, renderer_option);
	values[START_3D] = end_start(&machine);
	ring_run(&machine, request, make_context(request, CTX));
	values[IDLE] = measure(&machine, false);
	pid_t hog = start_hog();
	values[HOG] = measure(&machine, false);
	kill(hog, SIGKILL);
	waitpid(hog, NULL, 0);
	values[SHADERS] = measure(&machine, true);
	ring_wait(&machine, &machine.control);
	machine_end(&machine);
}

static double print(const char *name, double values[][N_VALUES], unsigned int which,
		unsigned int n) {
	double all[MAX_TURNS];
	for (unsigned int i = 0; i < n; i++) {
		all[i] = values[i][which];
	}
	qsort(all, n, sizeof(*all), compare);
	printf("| %s | %.3g (%.3g to %.3g) |\n", name, all[n / 2], all[0], all[n - 1]);
	return all[n / 2];
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
	if (i != argc - 1 || n_turns < 1 || n_turns > MAX_TURNS) {
		fputs("usage: bench_latency [--turns=1 to 15] [--renderer=GPU] ORIEL-GPU\n",
				stderr);
		return 2;
	}
	double values[MAX_TURNS][N_VALUES];
	for (unsigned int turn = 0; turn < n_turns; turn++) {
		run_turn(argv[i], values[turn]);
	}
	printf("| what | |\n| --- | --- |\n");
	print("start to first answer, 2D, ms", values, START_2D, n_turns);
	print("start to first answer, with 3D, ms", values, START_3D, n_turns);
	print("a cursor move, 99th percentile, us: nothing else runs", values, IDLE, n_turns);
	const double hog = print("  beside a process that takes all it gets", values, HOG, n_turns);
	const double busy =
			print("  while the renderer compiles shaders", values, SHADERS, n_turns);
	printf("\nshaders by that process: %.3g\n", busy / hog);
	return 0;
}
