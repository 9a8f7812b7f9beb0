// SPDX-License-Identifier: MIT
/*
 * The control socket's server: what a person and a program ask a running oriel-gpu
 * (docs/control-socket.md). For programs; it uses the library's public interface only.
 *
 * Theory of operation. A client sends requests, one JSON object a line, and gets one line for each,
 * in order. At most one reply of a client waits to be taken by its socket; until then nothing more
 * is read from it, so a client costs a line and a reply, however fast it asks and however slowly
 * it reads. One request is answered in a turn, of whichever client's it is, and the loop's other
 * sources have theirs between two. Whoever takes too long with a line, with a reply or with the
 * next request is disconnected.
 *
 *   server.c    connections, lines, deadlines
 *   request.c   a line becomes a request: pure
 *   answer.c    the table of requests, and the replies
 *   status.c    the largest of them
 *   json.c      how they are built
 *
 * Without json-c there is only none.c, which says so. Thread: the loop's.
 */
#ifndef ORIEL_CONTROL_H
#define ORIEL_CONTROL_H

#include "base/compiler.h"

#include <oriel/display.h>
#include <oriel/gpu.h>
#include <oriel/log.h>
#include <oriel/loop.h>
#include <oriel/remote.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Of the protocol; it changes when a program that knows this one would go wrong. */
#define ORIEL_CONTROL_VERSION 1u

#define ORIEL_CONTROL_MAX_CLIENTS 16u
/** How long a client may take to end a line that it began, to take a reply, and to ask again. */
#define ORIEL_CONTROL_LINE_MS 10000u
#define ORIEL_CONTROL_REPLY_MS 10000u
#define ORIEL_CONTROL_IDLE_MS 60000u

#define ORIEL_CONTROL_MAX_INPUTS 17u
#define ORIEL_CONTROL_NAME_SIZE 64u

/** A process at the other end of some socket. */
struct oriel_control_peer {
	int32_t pid;                        // 0: none, or unknown
	char name[ORIEL_CONTROL_NAME_SIZE]; // of its program; "": unknown
	uint64_t memory;                    // bytes that are resident; 0: unknown
};

/** An input device. */
struct oriel_control_input {
	const char *kind;              // "keyboard", "tablet"; static
	uint32_t head;                 // of a tablet
	bool is_connected;             // a VMM is
	bool is_running;               // a driver has started its queues
	uint64_t n_reports, n_dropped; // oriel/stats.h
};

/** What only the program knows. */
struct oriel_control_facts {
	bool has_vmm;
	struct oriel_control_peer vmm;
	uint64_t vmm_since_ns;     // of CLOCK_MONOTONIC
	const char *vmm_display;   // "pixels", "dmabuf", "off"
	const char *renderer_name; // what was asked for, "auto"; NULL: none
	struct oriel_control_peer renderer;
	struct oriel_control_input inputs[ORIEL_CONTROL_MAX_INPUTS];
	uint32_t n_inputs;
};

/** Whom it is about. */
struct oriel_control_options {
	struct oriel_loop *loop;
	struct oriel_log_sink log;
	struct oriel_gpu *gpu;
	struct oriel_share *share;           // NULL: no display socket
	struct oriel_renderer3d *renderer3d; // NULL: 2D only; oriel/remote.h's
	enum oriel_log_level *log_level;     // what is changed when it is to change

	/** Fill facts, which are all zeros. */
	void (*get_facts)(void *user, struct oriel_control_facts *facts);
	/** What is known about a process. */
	void (*describe)(int32_t pid, struct oriel_control_peer *ret);
	void *user;
};

struct oriel_control;

/** Whether there is a control socket in this build; else nothing below does anything. */
bool oriel_control_is_built(void);

/**
 * Create the server, without clients. What the options point to must outlive it.
 *
 * Returns 0, -ENOMEM, or -EOPNOTSUPP if it is not built.
 */
ORIEL_MUST_CHECK
int oriel_control_create(const struct oriel_control_options *options, struct oriel_control **ret);

/**
 * Serve a client on a connected, non-blocking stream socket. One too many is told so, and goes.
 *
 * Owns: fd is taken, also on failure. Returns 0, -EDQUOT, -ENOMEM, or -errno.
 */
ORIEL_MUST_CHECK
int oriel_control_add_client_take(struct oriel_control *control, int fd);

/** Disconnect all clients and free. NULL is a no-op. */
void oriel_control_destroy(struct oriel_control *control);

#endif
