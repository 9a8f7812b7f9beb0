// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the device's end of the render link, with a renderer process that writes what it
 * likes into the shared memory and the socket, and ends when it likes.
 *
 * Whatever it does, each operation comes back once, with 0 or an error, and capsets stay what they
 * were. The input's first byte says how the process greets; then it is a row of steps, a byte each,
 * some followed by data.
 */
#include "oriel/remote.h"
#include "render/remote/link.h"
#include "render/render3d.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MAX_OPS 256u

struct fuzz {
	struct oriel_reader input;
	struct oriel_loop *loop;
	struct oriel_renderer3d *remote;
	struct oriel_render_link peer;
	bool has_process, is_killed;
	bool greets_well;
	uint32_t n_starts;

	struct oriel_render3d_op ops[MAX_OPS];
	bool is_pending[MAX_OPS];
	uint32_t n_ops, n_pending;
};

static struct fuzz fuzz;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition, const char *what) {
	if (!condition) {
		fprintf(stderr, "render_link: %s\n", what);
		abort();
	}
}

static void handle_done(struct oriel_render3d_op *op, int err) {
	const size_t i = (size_t)(op - fuzz.ops);
	must(fuzz.is_pending[i], "an operation came back twice");
	must(err <= 0 && err >= -4095, "an error that is none");
	fuzz.is_pending[i] = false;
	fuzz.n_pending--;
}

static void handle_lost(void *user, const char *reason) {
	(void)user;
	must(fuzz.n_pending == 0, "lost before everything came back");
	must(reason[0] != '\0', "lost without a reason");
}

static void say(const uint8_t *bytes, size_t size) {
	ssize_t n = send(fuzz.peer.socket, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)n; // it may be full, or closed
}

static void greet(void) {
	uint8_t bytes[64];
	static const uint8_t data[8] = { 1, 2, 3 };
	const struct oriel_render_link_hello hello = { .magic = ORIEL_RENDER_LINK_MAGIC,
		.version = ORIEL_RENDER_LINK_VERSION,
		.n_capsets = 1 };
	const struct oriel_render_link_capset capset = { .id = 1,
		.version = 1,
		.size = sizeof(data),
		.data = data };
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_hello(&w, &hello);
	say(bytes, (size_t)(w.cur - bytes));
	w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_capset(&w, &capset);
	say(bytes, (size_t)(w.cur - bytes));
}

/** A message of the input's bytes: its size, then as many. */
static void say_input(void) {
	const size_t size = oriel_read_u8(&fuzz.input);
	uint8_t bytes[256];
	oriel_read_bytes(&fuzz.input, bytes, size);
	if (size > 0) {
		say(bytes, size);
	}
}

static int start(void *user, int fd) {
	(void)user;
	must(!fuzz.has_process, "two processes at once");
	fuzz.n_starts++;
	oriel_render_link_finish(&fuzz.peer);
	fuzz.peer.socket = fd;
	must(oriel_render_link_join(&fuzz.peer) == 0, "the link cannot be joined");
	fuzz.has_process = true;
	if (fuzz.greets_well) {
		greet();
	} else if (fuzz.n_starts == 1) {
		// Whoever creates a renderer waits for its greeting: let it end.
		say_input();
		say_input();
		oriel_render_link_finish(&fuzz.peer);
	}
	return 0;
}

static void end_process(void *user) {
	(void)user;
	fuzz.is_killed = true;
}

static void report_end(int status) {
	if (fuzz.has_process) {
		fuzz.has_process = false;
		fuzz.is_killed = false;
		oriel_render_link_finish(&fuzz.peer);
		oriel_remote_handle_exit(fuzz.remote, status);
	}
}

static void turn(void) {
	if (fuzz.is_killed) {
		report_end(SIGKILL);
	}
	must(oriel_loop_dispatch(fuzz.loop, 0) == 0, "the loop fails");
	must(fuzz.remote->capsets.len == 1 && fuzz.remote->capsets.capsets[0].size == 8,
			"capsets have changed");
}

static void submit(void) {
	static const enum oriel_render3d_type types[] = { ORIEL_RENDER3D_ATTACH_RESOURCE,
		ORIEL_RENDER3D_FENCE, ORIEL_RENDER3D_SUBMIT, ORIEL_RENDER3D_TRANSFER_TO_HOST,
		ORIEL_RENDER3D_RESET };
	static uint8_t commands[64];
	static const struct oriel_span span = { .hva = commands, .size = sizeof(commands) };
	const uint8_t which = oriel_read_u8(&fuzz.input);
	if (fuzz.n_ops == MAX_OPS) {
		return;
	}
	struct oriel_render3d_op *op = &fuzz.ops[fuzz.n_ops];
	*op = (struct oriel_render3d_op){ .type = types[which % ORIEL_ARRAY_LEN(types)],
		.done = handle_done,
		.ctx_id = 1 };
	if (op->type == ORIEL_RENDER3D_SUBMIT) {
		op->commands.bytes = (struct oriel_span_cursor){ .spans = &span, .len = 1 };
		op->commands.size = which & 0x3cu;
	}
	fuzz.is_pending[fuzz.n_ops++] = true;
	fuzz.n_pending++;
	oriel_renderer3d_submit(fuzz.remote, op);
}

static void push(const uint8_t *slot) {
	if (fuzz.peer.memory != NULL) {
		oriel_render_ring_push(&fuzz.peer.replies, slot);
	}
}

/** An answer to one of the operations, whether that is due or not. */
static void answer(void) {
	const uint8_t which = oriel_read_u8(&fuzz.input);
	if (fuzz.n_ops == 0) {
		return;
	}
	const struct oriel_render3d_op *op = &fuzz.ops[which % fuzz.n_ops];
	uint8_t slot[ORIEL_RENDER_LINK_REPLY_SIZE];
	const struct oriel_render_link_reply reply = { .sequence = op->sequence };
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_render_link_encode_reply(&w, &reply);
	push(slot);
}

static void answer_anything(void) {
	uint8_t slot[ORIEL_RENDER_LINK_REPLY_SIZE];
	oriel_read_bytes(&fuzz.input, slot, sizeof(slot));
	push(slot);
}

/** Any word of control: indices and flags of both rings. */
static void write_control(void) {
	const size_t at = oriel_read_u8(&fuzz.input) % 8u;
	const uint32_t value = oriel_read_u32(&fuzz.input);
	if (fuzz.peer.memory != NULL) {
		memcpy(fuzz.peer.memory + at * ORIEL_RENDER_RING_CONTROL_SIZE / 4, &value,
				sizeof(value));
	}
}

static void ring(void) {
	if (fuzz.peer.bell >= 0) {
		oriel_render_bell_ring(fuzz.peer.bell);
	}
}

static void run_step(uint8_t step) {
	switch (step % 10) {
	case 0:
		submit();
		return;
	case 1:
		answer();
		return;
	case 2:
		answer_anything();
		return;
	case 3:
		write_control();
		return;
	case 4:
		say_input();
		return;
	case 5:
		ring();
		return;
	case 6:
		report_end(oriel_read_u8(&fuzz.input));
		return;
	case 7:
		oriel_render_link_finish(&fuzz.peer);
		return;
	case 8:
		oriel_renderer3d_set_paused(fuzz.remote, (step & 0x10) != 0);
		return;
	default:
		turn();
		return;
	}
}

/** Let everything come back: of this process, and of the next one, if there is one. */
static void end_everything(void) {
	for (int i = 0; i < 8 && fuzz.n_pending > 0; i++) {
		report_end(SIGKILL);
		turn();
	}
	must(fuzz.n_pending == 0, "an operation never came back");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 1 || size > 4096) {
		return 0;
	}
	fuzz = (struct fuzz){ .input = oriel_reader_of(data, size) };
	oriel_render_link_init(&fuzz.peer);
	must(oriel_loop_create(&fuzz.loop) == 0, "no loop");
	const struct oriel_remote_options options = { .size = sizeof(options),
		.start = start,
		.kill = end_process };
	const uint8_t first = oriel_read_u8(&fuzz.input);
	fuzz.greets_well = (first & 1) != 0;
	if (oriel_remote_renderer_create(fuzz.loop, &options, &fuzz.remote) == 0 &&
			fuzz.greets_well) {
		const struct oriel_renderer3d_listener listener = { .handle_lost = handle_lost };
		oriel_renderer3d_set_listener(fuzz.remote, &listener);
		fuzz.greets_well = (first & 2) != 0;
		while (oriel_reader_left(&fuzz.input) > 0) {
			run_step(oriel_read_u8(&fuzz.input));
		}
		end_everything();
	}
	oriel_renderer3d_destroy(fuzz.remote);
	oriel_render_link_finish(&fuzz.peer);
	oriel_loop_destroy(fuzz.loop);
	return 0;
}
