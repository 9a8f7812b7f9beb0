// SPDX-License-Identifier: MIT
/*
 * What a vhost-user GPU costs: oriel-gpu beside another one, in turns, and beside what the machine
 * itself can do. Prints medians, with the least and the most in brackets. docs/performance.md says
 * what each row means.
 *
 * usage: bench [--turns=N] [--rows=TEXT] ORIEL-GPU [OTHER]
 *
 * With --rows only the rows whose names have that text are measured, and those below that are
 * measured with them: to see what one of them does under a profiler.
 */
#include "bounds.h"
#include "machine.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 3840u
#define HEIGHT 2160u
#define FRAME_BYTES (WIDTH * HEIGHT * 4)
#define BAND_BYTES (512u * 1024u)
#define FRAME_MESSAGE_BYTES 40u // FRAME of docs/display-protocol.md
#define N_SLOTS (MACHINE_RING_SIZE / 2)
#define MAX_TURNS 15

/** Resources that rows use. */
enum { TINY = 1, FRAME = 2, SCATTERED = 3, FIRST_OF_MANY = 1000 };

struct bench {
	struct machine machine;
	struct peer peer;
	bool is_oriel;
};

static void begin(struct bench *bench, const char *program, bool is_oriel, bool polls) {
	bench->is_oriel = is_oriel;
	if (polls) {
		machine_start_polling(&bench->machine, program);
	} else {
		machine_start(&bench->machine, program, is_oriel);
	}
	peer_start(&bench->peer, bench->machine.gpu_socket);
	uint8_t request[128];
	ring_run(&bench->machine, request, make_create(request, TINY, 64, 64));
}

/** Hang up, as if the VMM's display had gone. */
static void end_peer(struct bench *bench) {
	peer_join(&bench->peer);
	close(bench->machine.gpu_socket);
	bench->machine.gpu_socket = -1;
}

static void end(struct bench *bench) {
	if (bench->machine.gpu_socket >= 0) {
		end_peer(bench);
	}
	machine_end(&bench->machine);
}

/** The same request in n slots, n_rounds times; nanoseconds for each request. */
static double measure(struct bench *bench, struct ring *ring, const uint8_t *request, size_t size,
		unsigned int n, unsigned int n_rounds) {
	struct machine *machine = &bench->machine;
	for (unsigned int i = 0; i < n; i++) {
		ring_write(machine, ring, i, request, size, ring->index == 0 ? 24 : 0);
	}
	uint64_t start = 0;
	for (unsigned int i = 0; i < n_rounds + n_rounds / 10; i++) {
		start = i == n_rounds / 10 ? now_ns() : start; // after a warm-up
		ring_send(machine, ring, 0, n);
		ring_wait(machine, ring);
	}
	return (double)(now_ns() - start) / n_rounds / n;
}

/** A command that does as little as one can: a flush of what nobody shows. */
static size_t make_tiny(uint8_t *request) {
	return make_flush(request, TINY, 0, 0, 1, 1);
}

static double run_there_and_back(struct bench *bench) {
	uint8_t request[128];
	size_t size = make_tiny(request);
	return measure(bench, &bench->machine.control, request, size, 1, 4000) / 1000;
}

static double run_deep(struct bench *bench) {
	uint8_t request[128];
	size_t size = make_tiny(request);
	return 1000 / measure(bench, &bench->machine.control, request, size, N_SLOTS, 3000);
}

/** Create or unref n resources, as many at once as the ring holds. */
static void do_many(struct bench *bench, bool create, unsigned int n) {
	struct machine *machine = &bench->machine;
	for (unsigned int i = 0; i < n; i += N_SLOTS) {
		for (unsigned int j = 0; j < N_SLOTS; j++) {
			uint8_t request[128];
			uint32_t id = FIRST_OF_MANY + i + j;
			size_t size = create ? make_create(request, id, 1, 1)
					     : make_unref(request, id);
			ring_write(machine, &machine->control, j, request, size, 24);
		}
		ring_send(machine, &machine->control, 0, N_SLOTS);
		ring_wait(machine, &machine->control);
	}
}

static double run_deep_among_many(struct bench *bench) {
	do_many(bench, true, bench->is_oriel ? 100032 : 20032); // the other takes minutes for more
	uint8_t request[128];
	size_t size = make_tiny(request);
	return 1000 / measure(bench, &bench->machine.control, request, size, N_SLOTS,
				      bench->is_oriel ? 3000 : 20);
}

static double run_create_unref(struct bench *bench) {
	struct machine *machine = &bench->machine;
	uint8_t request[128];
	for (unsigned int j = 0; j < N_SLOTS; j += 2) {
		size_t size = make_create(request, FIRST_OF_MANY + j, 64, 64);
		ring_write(machine, &machine->control, j, request, size, 24);
		size = make_unref(request, FIRST_OF_MANY + j);
		ring_write(machine, &machine->control, j + 1, request, size, 24);
	}
	const unsigned int n_rounds = 3000;
	uint64_t start = now_ns();
	for (unsigned int i = 0; i < n_rounds; i++) {
		ring_send(machine, &machine->control, 0, N_SLOTS);
		ring_wait(machine, &machine->control);
	}
	return n_rounds * (N_SLOTS / 2) * 1e6 / (double)(now_ns() - start);
}

/** Make a 4K image, backed in one piece or in pages. */
static void make_frame(struct bench *bench, uint32_t id, bool scattered) {
	uint8_t request[128];
	ring_run(&bench->machine, request, make_create(request, id, WIDTH, HEIGHT));
	machine_attach(&bench->machine, id, scattered ? MACHINE_SCATTER_GPA : MACHINE_FRAME_GPA,
			FRAME_BYTES, scattered);
}

static double run_transfer(struct bench *bench, bool scattered) {
	uint32_t id = scattered ? SCATTERED : FRAME;
	make_frame(bench, id, scattered);
	uint8_t request[128];
	size_t size = make_transfer(request, id, 0, 0, WIDTH, HEIGHT, 0);
	return measure(bench, &bench->machine.control, request, size, 1, 50) / 1e6;
}

static double run_transfer_contiguous(struct bench *bench) {
	return run_transfer(bench, false);
}

static double run_transfer_scattered(struct bench *bench) {
	return run_transfer(bench, true);
}

static double last_cpu_per_frame; // of run_frames, milliseconds

/** Whole 4K frames, each seen by the peer before the next is sent: frames a second. */
static double run_frames(struct bench *bench, bool scattered) {
	struct machine *machine = &bench->machine;
	uint32_t id = scattered ? SCATTERED : FRAME;
	make_frame(bench, id, scattered);
	uint8_t request[128];
	ring_run(machine, request, make_scanout(request, 0, id, WIDTH, HEIGHT));
	size_t size = make_transfer(request, id, 0, 0, WIDTH, HEIGHT, 0);
	ring_write(machine, &machine->control, 0, request, size, 24);
	size = make_flush(request, id, 0, 0, WIDTH, HEIGHT);
	ring_write(machine, &machine->control, 1, request, size, 24);
	const unsigned int n = 60;
	uint64_t start = 0, cpu = 0;
	for (unsigned int i = 0; i < n + 5; i++) {
		if (i == 5) {
			start = now_ns();
			cpu = machine_get_cpu_ns(machine);
		}
		uint64_t seen = peer_get_bytes(&bench->peer);
		ring_send(machine, &machine->control, 0, 2);
		ring_wait(machine, &machine->control);
		peer_wait_bytes(&bench->peer, seen + FRAME_BYTES);
	}
	last_cpu_per_frame = (double)(machine_get_cpu_ns(machine) - cpu) / 1e6 / n;
	return n * 1e9 / (double)(now_ns() - start);
}

static double run_frames_contiguous(struct bench *bench) {
	return run_frames(bench, false);
}

static double run_frames_scattered(struct bench *bench) {
	return run_frames(bench, true);
}

static double get_cpu_per_frame(struct bench *bench) {
	(void)bench; // measured with the row before
	return last_cpu_per_frame;
}

/** 16 pairs of a 64x64 transfer and its flush at once, on a scanout: thousand pairs a second. */
static double run_damage(struct bench *bench) {
	struct machine *machine = &bench->machine;
	make_frame(bench, FRAME, false);
	uint8_t request[128];
	ring_run(machine, request, make_scanout(request, 0, FRAME, WIDTH, HEIGHT));
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t x = i * 128, y = i * 64;
		uint64_t offset = ((uint64_t)y * WIDTH + x) * 4;
		size_t size = make_transfer(request, FRAME, x, y, 64, 64, offset);
		ring_write(machine, &machine->control, 2 * i, request, size, 24);
		size = make_flush(request, FRAME, x, y, 64, 64);
		ring_write(machine, &machine->control, 2 * i + 1, request, size, 24);
	}
	const unsigned int n_rounds = 2000;
	uint64_t start = now_ns();
	for (unsigned int i = 0; i < n_rounds; i++) {
		ring_send(machine, &machine->control, 0, 32);
		ring_wait(machine, &machine->control);
	}
	return n_rounds * 16 * 1e6 / (double)(now_ns() - start);
}

static double run_cursor(struct bench *bench) {
	uint8_t request[128];
	size_t size = make_move(request, 100, 100);
	return 1e6 / measure(bench, &bench->machine.cursor, request, size, 16, 2000);
}

static double last_cpu_per_flush; // of run_viewer, microseconds

/** From the kick of a whole 4K flush to the viewer's wake-up: microseconds. */
static double run_viewer(struct bench *bench) {
	struct machine *machine = &bench->machine;
	make_frame(bench, FRAME, false);
	uint8_t request[128];
	ring_run(machine, request, make_transfer(request, FRAME, 0, 0, WIDTH, HEIGHT, 0));
	ring_run(machine, request, make_scanout(request, 0, FRAME, WIDTH, HEIGHT));
	ring_run(machine, request, make_flush(request, FRAME, 0, 0, WIDTH, HEIGHT));
	end_peer(bench); // not what this row is about
	int viewer = viewer_connect(machine->display_path);
	viewer_take_frame(viewer);
	size_t size = make_flush(request, FRAME, 0, 0, WIDTH, HEIGHT);
	ring_write(machine, &machine->control, 0, request, size, 24);
	const unsigned int n = 2000;
	uint64_t sum = 0, cpu = machine_get_cpu_ns(machine);
	for (unsigned int i = 0; i < n; i++) {
		uint64_t start = now_ns();
		ring_send(machine, &machine->control, 0, 1);
		viewer_take_frame(viewer);
		sum += now_ns() - start;
		ring_wait(machine, &machine->control);
	}
	last_cpu_per_flush = (double)(machine_get_cpu_ns(machine) - cpu) / 1e3 / n;
	close(viewer);
	return (double)sum / 1e3 / n;
}

static double get_cpu_per_flush(struct bench *bench) {
	(void)bench;
	return last_cpu_per_flush;
}

/** Wake-ups in two seconds with nothing to do. */
static double run_idle(struct bench *bench) {
	sleep(1); // it may have a deadline, which passes
	uint64_t before = machine_count_waits(&bench->machine);
	sleep(2);
	return (double)(machine_count_waits(&bench->machine) - before);
}

static double get_resident(struct bench *bench) {
	return (double)machine_get_resident_kib(&bench->machine) / 1024;
}

static double get_fds(struct bench *bench) {
	return (double)machine_count_fds(&bench->machine);
}

/** Of rows. */
enum {
	ONLY_OURS = 1 << 0,
	KEEPS = 1 << 1, // the machine of the row before
	POLLS = 1 << 2,
};

enum bound { NO_BOUND, EVENTFD_US, COPY_MS, SCATTERED_COPY_MS, SEND_PER_S };

static const struct row {
	const char *name;
	const char *unit;
	double (*run)(struct bench *bench);
	enum bound bound;
	unsigned int flags;
} rows[] = {
	{ "tiny command, there and back", "us", run_there_and_back, EVENTFD_US, 0 },
	{ "  the same, polling", "us", run_there_and_back, EVENTFD_US, ONLY_OURS | POLLS },
	{ "tiny commands, 64 deep", "million/s", run_deep, NO_BOUND, 0 },
	{ "  among many resources", "million/s", run_deep_among_many, NO_BOUND, 0 },
	{ "create and unref", "thousand/s", run_create_unref, NO_BOUND, 0 },
	{ "4K transfer, in one piece", "ms", run_transfer_contiguous, COPY_MS, 0 },
	{ "4K transfer, in pages", "ms", run_transfer_scattered, SCATTERED_COPY_MS, 0 },
	{ "4K frames to the GPU socket", "frames/s", run_frames_contiguous, SEND_PER_S, 0 },
	{ "  CPU of one", "ms", get_cpu_per_frame, NO_BOUND, KEEPS },
	{ "  in pages", "frames/s", run_frames_scattered, SEND_PER_S, 0 },
	{ "64x64 damage, 16 deep", "thousand/s", run_damage, NO_BOUND, 0 },
	{ "cursor moves, 16 deep", "thousand/s", run_cursor, NO_BOUND, 0 },
	{ "4K flush to a viewer", "us", run_viewer, EVENTFD_US, ONLY_OURS },
	{ "  CPU of one", "us", get_cpu_per_flush, NO_BOUND, ONLY_OURS | KEEPS },
	{ "idle: wake-ups in 2 s", "", run_idle, NO_BOUND, 0 },
	{ "  resident", "MiB", get_resident, NO_BOUND, KEEPS },
	{ "  descriptors", "", get_fds, NO_BOUND, KEEPS },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int compare(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double get_median(double *values, unsigned int n) {
	qsort(values, n, sizeof(*values), compare);
	return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

struct results {
	double values[N_ROWS][MAX_TURNS];
	double start_ms[MAX_TURNS];
};

/** Whether a row is wanted: its name has text, or that of the row that it is measured with. */
static bool is_wanted(size_t i, const char *text) {
	while ((rows[i].flags & KEEPS) != 0) {
		i--;
	}
	return strstr(rows[i].name, text) != NULL;
}

/** All wanted rows of one program, once. */
static void run_turn(const char *program, bool is_oriel, const char *text, struct results *results,
		unsigned int turn) {
	struct bench bench;
	bool is_open = false;
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!is_wanted(i, text) || ((rows[i].flags & ONLY_OURS) != 0 && !is_oriel)) {
			continue;
		}
		if ((rows[i].flags & KEEPS) == 0) {
			if (is_open) {
				end(&bench);
			}
			begin(&bench, program, is_oriel, (rows[i].flags & POLLS) != 0);
			results->start_ms[turn] = (double)(now_ns() - bench.machine.start_ns) / 1e6;
			is_open = true;
		}
		results->values[i][turn] = rows[i].run(&bench);
	}
	if (is_open) {
		end(&bench);
	}
}

struct bounds {
	double eventfd_us, message_us, copy_ms, scattered_ms, send_per_s, whole_per_s;
};

static struct bounds measure_bounds(void) {
	uint8_t *from = malloc(FRAME_BYTES), *to = malloc(FRAME_BYTES);
	memset(from, 1, FRAME_BYTES);
	memset(to, 2, FRAME_BYTES);
	struct bounds bounds = {
		.eventfd_us = bound_eventfd_ns(4000) / 1e3,
		.message_us = bound_message_ns(FRAME_MESSAGE_BYTES, 4000) / 1e3,
		.copy_ms = bound_copy_ns(from, to, FRAME_BYTES, 40) / 1e6,
		.scattered_ms = bound_scattered_copy_ns(from, to, FRAME_BYTES, 40) / 1e6,
		.send_per_s = 1e9 / bound_send_ns(from, NULL, FRAME_BYTES, BAND_BYTES, 60),
		.whole_per_s = 1e9 / bound_send_ns(from, to, FRAME_BYTES, BAND_BYTES, 60),
	};
	free(from);
	free(to);
	return bounds;
}

/** The median of each. They are all doubles. */
static struct bounds get_median_bounds(const struct bounds *bounds, unsigned int n) {
	enum { N = sizeof(struct bounds) / sizeof(double) };
	double medians[N];
	for (unsigned int i = 0; i < N; i++) {
		double values[MAX_TURNS];
		for (unsigned int turn = 0; turn < n; turn++) {
			double all[N];
			memcpy(all, &bounds[turn], sizeof(all));
			values[turn] = all[i];
		}
		medians[i] = get_median(values, n);
	}
	struct bounds ret;
	memcpy(&ret, medians, sizeof(ret));
	return ret;
}

static double get_bound(const struct bounds *bounds, enum bound bound) {
	switch (bound) {
	case EVENTFD_US:
		return bounds->eventfd_us;
	case COPY_MS:
		return bounds->copy_ms;
	case SCATTERED_COPY_MS:
		return bounds->scattered_ms;
	case SEND_PER_S:
		return bounds->send_per_s;
	case NO_BOUND:
		break;
	}
	return 0;
}

static void print_value(double *values, unsigned int n) {
	double median = get_median(values, n);
	printf(" | %.3g (%.3g to %.3g)", median, values[0], values[n - 1]);
}

static void print(struct results *ours, struct results *others, const struct bounds *bounds,
		const char *text, unsigned int n) {
	printf("machine: eventfd there and back %.3g us, eventfd there and a message back %.3g us, "
	       "4K frame copied in %.3g ms (%.3g GB/s), in pages %.3g ms, copied and sent band by "
	       "band %.3g frames/s, copied whole and then sent %.3g frames/s\n\n",
			bounds->eventfd_us, bounds->message_us, bounds->copy_ms,
			FRAME_BYTES / bounds->copy_ms / 1e6, bounds->scattered_ms,
			bounds->send_per_s, bounds->whole_per_s);
	printf("| what | unit | oriel-gpu | the other | oriel/other | oriel/bound |\n"
	       "| --- | --- | --- | --- | --- | --- |\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!is_wanted(i, text)) {
			continue;
		}
		printf("| %s | %s", rows[i].name, rows[i].unit);
		print_value(ours->values[i], n);
		double median = ours->values[i][n / 2];
		bool has_other = others != NULL && (rows[i].flags & ONLY_OURS) == 0;
		if (has_other) {
			print_value(others->values[i], n);
		} else {
			printf(" | ");
		}
		double other = has_other ? others->values[i][n / 2] : 0;
		double bound = get_bound(bounds, rows[i].bound);
		printf(" | ");
		if (other > 0) {
			printf("%.3g", median / other);
		}
		printf(" | ");
		if (bound > 0) {
			printf("%.3g", median / bound);
		}
		printf(" |\n");
	}
	printf("| start to first answer | ms");
	print_value(ours->start_ms, n);
	if (others != NULL) {
		print_value(others->start_ms, n);
		printf(" | %.3g | |\n", ours->start_ms[n / 2] / others->start_ms[n / 2]);
	} else {
		printf(" | | | |\n");
	}
}

int main(int argc, char **argv) {
	unsigned int n_turns = 5;
	const char *text = ""; // that wanted rows have
	int i = 1;
	if (i < argc && strncmp(argv[i], "--turns=", 8) == 0) {
		n_turns = (unsigned int)atoi(argv[i++] + 8);
	}
	if (i < argc && strncmp(argv[i], "--rows=", 7) == 0) {
		text = argv[i++] + 7;
	}
	if (argc - i < 1 || argc - i > 2 || n_turns < 1 || n_turns > MAX_TURNS) {
		fputs("usage: bench [--turns=1..15] [--rows=TEXT] ORIEL-GPU [OTHER]\n", stderr);
		return 2;
	}
	static struct results ours, others;
	static struct bounds bounds[MAX_TURNS];
	for (unsigned int turn = 0; turn < n_turns; turn++) {
		bounds[turn] = measure_bounds();
		run_turn(argv[i], true, text, &ours, turn);
		if (i + 1 < argc) {
			run_turn(argv[i + 1], false, text, &others, turn);
		}
		fprintf(stderr, "turn %u of %u\n", turn + 1, n_turns);
	}
	const struct bounds median = get_median_bounds(bounds, n_turns);
	print(&ours, i + 1 < argc ? &others : NULL, &median, text, n_turns);
	return 0;
}
