// SPDX-License-Identifier: MIT
/*
 * What it costs that 3D is rendered by a process of its own: virgl in this process, and behind the
 * render link, in turns, and beside what the machine itself can do. docs/performance.md says what
 * each row means.
 *
 * usage: bench_render [--turns=N] [--renderer=GPU] ORIEL-RENDER
 *
 * It uses the library's inner interface, so that both are asked the same in the same way.
 */
#include "bounds.h"
#include "machine.h"

#include "base/fd.h"
#include "oriel/remote.h"
#include "oriel/virgl.h"
#include "render/render3d.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TURNS 15
#define DEPTH 64u
#define SIDE 1024u
#define TEXTURE_BYTES (SIDE * SIDE * 4)
#define GPA 0x100000u
#define CTX 1u
#define TEXTURE 2u

static const char *gpu = "auto";

struct bench {
	struct oriel_loop *loop;
	struct oriel_renderer3d *renderer;
	char *program;
	pid_t pid;
	struct oriel_memory *memory;
	struct oriel_mem_map *map;
	struct oriel_budget budget;
	struct oriel_backing backing;
	unsigned int n_pending;
	int err; // of the last that failed
};

struct bench_op {
	struct oriel_render3d_op op;
	struct bench *bench;
	bool is_pending;
};

static void handle_done(struct oriel_render3d_op *op, int err) {
	struct bench_op *own = oriel_container_of(op, struct bench_op, op);
	own->is_pending = false;
	own->bench->n_pending--;
	own->bench->err = err < 0 ? err : own->bench->err;
}

static void submit(struct bench *bench, struct bench_op *own, const struct oriel_render3d_op *op) {
	own->op = *op;
	own->op.done = handle_done;
	own->bench = bench;
	own->is_pending = true;
	bench->n_pending++;
	oriel_renderer3d_submit(bench->renderer, &own->op);
}

static void wait_for_all(struct bench *bench) {
	while (bench->n_pending > 0) {
		if (oriel_loop_dispatch(bench->loop, -1) < 0) {
			die("the loop fails");
		}
	}
	if (bench->err < 0) {
		die("an operation fails: %s", strerror(-bench->err));
	}
}

static void run(struct bench *bench, const struct oriel_render3d_op *op) {
	struct bench_op own;
	submit(bench, &own, op);
	wait_for_all(bench);
}

/*
 * The two renderers.
 */

static int start_process(void *user, int fd) {
	struct bench *bench = user;
	bench->pid = fork();
	if (bench->pid == 0) {
		char link[32], renderer[256];
		snprintf(link, sizeof(link), "--fd=%d", fd);
		snprintf(renderer, sizeof(renderer), "--renderer=%s", gpu);
		char *argv[] = { bench->program, link, renderer,
			(char *)(uintptr_t) "--log-level=error", NULL };
		(void)fcntl(fd, F_SETFD, 0);
		execv(bench->program, argv);
		_exit(127);
	}
	close(fd);
	return bench->pid < 0 ? -EAGAIN : 0;
}

static void kill_process(void *user) {
	const struct bench *bench = user;
	if (bench->pid > 0) {
		kill(bench->pid, SIGKILL);
	}
}

static void make_renderer(struct bench *bench) {
	const struct oriel_virgl_options here = { .size = sizeof(here), .gpu = gpu };
	const struct oriel_remote_options there = { .size = sizeof(there),
		.start = start_process,
		.kill = kill_process,
		.user = bench };
	int err = bench->program == NULL ? oriel_virgl_renderer_create(bench->loop, &here,
							   &bench->renderer)
					 : oriel_remote_renderer_create(bench->loop, &there,
							   &bench->renderer);
	if (err < 0) {
		die("no renderer: %s", strerror(-err));
	}
}

static void make_memory(struct bench *bench) {
	int fd = memfd_create("guest", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, TEXTURE_BYTES) < 0 || oriel_memory_create(&bench->memory) < 0 ||
			oriel_memory_add_region_take(bench->memory, GPA, TEXTURE_BYTES, 0, fd) <
					0) {
		die("no memory");
	}
	bench->map = oriel_memory_hold_map(bench->memory);
	bench->budget.limit = ORIEL_BUDGET_OFF;
	oriel_backing_init(&bench->backing, &bench->budget);
	// In pages, as a guest has them; that they lie side by side helps both.
	if (oriel_backing_begin(&bench->backing, 1, bench->map) < 0 ||
			oriel_backing_append(&bench->backing, GPA, TEXTURE_BYTES, UINT64_MAX) < 0) {
		die("no backing");
	}
	oriel_backing_end(&bench->backing);
}

/** program NULL: in this process. */
static void begin(struct bench *bench, char *program) {
	*bench = (struct bench){ .program = program };
	if (oriel_loop_create(&bench->loop) < 0) {
		die("no loop");
	}
	make_renderer(bench);
	make_memory(bench);
	run(bench, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_SET_MEMORY,
				   .map = bench->map });
	run(bench, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_CONTEXT,
				   .ctx_id = CTX,
				   .context = { .name = "bench" } });
	run(bench, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_CREATE_RESOURCE,
				   .resource_id = TEXTURE,
				   .resource = { 2, 1, 10, SIDE, SIDE, 1, 1, 0, 0, 0 } });
	run(bench, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_ATTACH_RESOURCE,
				   .ctx_id = CTX,
				   .resource_id = TEXTURE });
	run(bench, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_ATTACH_BACKING,
				   .resource_id = TEXTURE,
				   .backing = &bench->backing });
}

static void end(struct bench *bench) {
	run(bench, &(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_RESET });
	oriel_renderer3d_destroy(bench->renderer);
	if (bench->pid > 0) {
		waitpid(bench->pid, NULL, 0);
	}
	oriel_backing_detach(&bench->backing);
	oriel_mem_map_release(bench->map);
	oriel_memory_destroy(bench->memory);
	oriel_loop_destroy(bench->loop);
}

/*
 * Rows.
 */

/** A command buffer of one command that does nothing. */
static struct oriel_render3d_op make_nop(struct oriel_span *span, uint32_t *word) {
	*word = 0;
	*span = (struct oriel_span){ .hva = (uint8_t *)word, .size = sizeof(*word) };
	return (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_SUBMIT,
		.ctx_id = CTX,
		.commands = { { .spans = span, .len = 1 }, sizeof(*word) } };
}

/** Run an operation n times, with depth (up to DEPTH) under way: nanoseconds. */
static uint64_t run_many(struct bench *bench, const struct oriel_render3d_op *op, unsigned int n,
		unsigned int depth) {
	static struct bench_op ops[DEPTH];
	const uint64_t began_ns = now_ns();
	for (unsigned int i = 0; i < n; i++) {
		struct bench_op *own = &ops[i % depth];
		while (own->is_pending) {
			if (oriel_loop_dispatch(bench->loop, -1) < 0) {
				die("the loop fails");
			}
		}
		submit(bench, own, op);
	}
	wait_for_all(bench);
	return now_ns() - began_ns;
}

/** Always 64 under way: thousand a second. */
static double run_deep(struct bench *bench) {
	const unsigned int n = 200000;
	uint32_t word;
	struct oriel_span span;
	const struct oriel_render3d_op nop = make_nop(&span, &word);
	return n * 1e6 / (double)run_many(bench, &nop, n, DEPTH);
}

/** One alone: microseconds. */
static double run_round_trip(struct bench *bench) {
	const unsigned int n = 5000;
	uint32_t word;
	struct oriel_span span;
	const struct oriel_render3d_op nop = make_nop(&span, &word);
	const uint64_t began_ns = now_ns();
	for (unsigned int i = 0; i < n; i++) {
		run(bench, &nop);
	}
	return (double)(now_ns() - began_ns) / 1e3 / n;
}

/** A command buffer and its fence: microseconds until the fence is there. */
static double run_fence(struct bench *bench) {
	const unsigned int n = 2000;
	uint32_t word;
	struct oriel_span span;
	const struct oriel_render3d_op nop = make_nop(&span, &word);
	const uint64_t began_ns = now_ns();
	for (unsigned int i = 0; i < n; i++) {
		struct bench_op commands, fence;
		submit(bench, &commands, &nop);
		submit(bench, &fence,
				&(struct oriel_render3d_op){ .type = ORIEL_RENDER3D_FENCE,
						.ctx_id = CTX });
		wait_for_all(bench);
	}
	return (double)(now_ns() - began_ns) / 1e3 / n;
}

/** A transfer of the whole texture: milliseconds, if depth are under way. */
static double run_transfers(struct bench *bench, enum oriel_render3d_type type,
		unsigned int depth) {
	const unsigned int n = 60;
	const struct oriel_render3d_op op = { .type = type,
		.resource_id = TEXTURE,
		.transfer = { .box = { 0, 0, 0, SIDE, SIDE, 1 } } };
	run(bench, &op);
	return (double)run_many(bench, &op, n, depth) / 1e6 / n;
}

static double run_upload(struct bench *bench) {
	return run_transfers(bench, ORIEL_RENDER3D_TRANSFER_TO_HOST, 1);
}

static double run_uploads(struct bench *bench) {
	return run_transfers(bench, ORIEL_RENDER3D_TRANSFER_TO_HOST, 4);
}

static double run_read_back(struct bench *bench) {
	return run_transfers(bench, ORIEL_RENDER3D_TRANSFER_FROM_HOST, 1);
}

static double run_read_backs(struct bench *bench) {
	return run_transfers(bench, ORIEL_RENDER3D_TRANSFER_FROM_HOST, 4);
}

static const struct row {
	const char *name;
	const char *unit;
	double (*run)(struct bench *bench);
	bool is_rate;
} rows[] = {
	{ "SUBMIT_3D of nothing, 64 deep", "thousand/s", run_deep, true },
	{ "  alone, there and back", "us", run_round_trip, false },
	{ "  and its fence", "us", run_fence, false },
	{ "upload of 1024x1024, one alone", "ms", run_upload, false },
	{ "  4 under way", "ms", run_uploads, false },
	{ "read-back of it, one alone", "ms", run_read_back, false },
	{ "  4 under way", "ms", run_read_backs, false },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double print_value(double *values, unsigned int n) {
	qsort(values, n, sizeof(*values), compare);
	printf(" | %.3g (%.3g to %.3g)", values[n / 2], values[0], values[n - 1]);
	return values[n / 2];
}

struct results {
	double here[N_ROWS][MAX_TURNS], there[N_ROWS][MAX_TURNS];
	double start_here[MAX_TURNS], start_there[MAX_TURNS];
	double eventfd_us[MAX_TURNS];
};

static void run_turn(char *program, double values[][MAX_TURNS], double *start_ms,
		unsigned int turn) {
	struct bench bench;
	const uint64_t began_ns = now_ns();
	begin(&bench, program);
	start_ms[turn] = (double)(now_ns() - began_ns) / 1e6;
	for (size_t i = 0; i < N_ROWS; i++) {
		values[i][turn] = rows[i].run(&bench);
	}
	end(&bench);
}

static void print(struct results *results, unsigned int n) {
	printf("machine: eventfd there and back, us");
	const double eventfd_us = print_value(results->eventfd_us, n);
	printf("\n\n| what | unit | oriel-render | in this process | speed, of that | by eventfd "
	       "|\n"
	       "| --- | --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		printf("| %s | %s", rows[i].name, rows[i].unit);
		const double there = print_value(results->there[i], n);
		const double here = print_value(results->here[i], n);
		printf(" | %.3g | ", rows[i].is_rate ? there / here : here / there);
		if (strcmp(rows[i].unit, "us") == 0) {
			printf("%.3g", there / eventfd_us);
		}
		printf(" |\n");
	}
	printf("| start, with a context and a texture | ms");
	const double there = print_value(results->start_there, n);
	const double here = print_value(results->start_here, n);
	printf(" | %.3g | |\n", here / there);
}

int main(int argc, char **argv) {
	unsigned int n_turns = 5;
	int i = 1;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strncmp(argv[i], "--turns=", 8) == 0) {
			n_turns = (unsigned int)atoi(argv[i] + 8);
		} else if (strncmp(argv[i], "--renderer=", 11) == 0) {
			gpu = argv[i] + 11;
		} else {
			i = argc;
		}
	}
	if (i != argc - 1 || n_turns < 1 || n_turns > MAX_TURNS) {
		fputs("usage: bench_render [--turns=1 to 15] [--renderer=GPU] ORIEL-RENDER\n",
				stderr);
		return 2;
	}
	static struct results results;
	for (unsigned int turn = 0; turn < n_turns; turn++) {
		results.eventfd_us[turn] = bound_eventfd_ns(4000) / 1e3;
		run_turn(argv[i], results.there, results.start_there, turn);
		run_turn(NULL, results.here, results.start_here, turn);
	}
	print(&results, n_turns);
	return 0;
}
