// SPDX-License-Identifier: MIT
/*
 * The command line of oriel-gpu, as a struct. docs/man/oriel-gpu.1.scd says what each option means.
 */
#ifndef ORIEL_PROGRAM_OPTIONS_H
#define ORIEL_PROGRAM_OPTIONS_H

#include "base/compiler.h"
#include "oriel-gpu/head.h"

#include <oriel/log.h>
#include <stdbool.h>
#include <stdint.h>

/** What the program is to do. */
enum action {
	ACTION_SERVE,
	ACTION_PRINT_CAPABILITIES,
	ACTION_PRINT_VERSION,
	ACTION_PRINT_HELP,
};

/** Strings are borrowed from argv. Limits are as in oriel/limit.h: 0 was not given. */
struct options {
	enum action action;

	const char *socket_path; // NULL: fd is given
	int fd;                  // -1: socket_path is given
	bool once;
	const char *display_socket;     // NULL: none
	const char *keyboard_socket;    // NULL: none
	const char *tablet_sockets[16]; // of the first n_tablets heads
	uint32_t n_tablets;
	const char *control_socket; // NULL: none

	uint32_t n_heads;      // 0: not said
	struct head heads[16]; // those that are described: the first n_described
	uint32_t n_described;
	uint32_t width, height; // 0: not given
	bool qemu_display;      // whether pictures go to the VMM's own display
	bool qemu_dmabufs;      // and as dma-bufs, where there are some

	const char *renderer;       // the GPU that renders 3D; NULL: 2D only
	const char *render_program; // NULL: the one beside this program
	const char *render_dump;    // NULL: nothing is recorded
	char render_node[4096];     // renderer, if it was put together
	uint32_t render_timeout_ms; // of an operation; 0: not given
	uint32_t fence_timeout_ms;

	uint64_t max_contexts;
	uint64_t max_3d_memory_bytes;
	uint64_t max_render_memory_bytes; // of oriel-render
	uint64_t max_submit_size_bytes;
	uint64_t max_resources;
	uint64_t max_host_memory_bytes;
	uint64_t max_backing_entries;
	uint64_t max_backing_memory_bytes;
	uint64_t max_dimension_px;
	uint64_t max_viewers;
	uint32_t max_poll_ns; // 0: the loop never polls

	enum oriel_log_level log_level;
};

/** Parse the command line. Returns 0, or -EINVAL after having printed one line that says why. */
ORIEL_MUST_CHECK
int options_parse(int argc, char **argv, struct options *ret);

/** Print the summary of the options, which fits one screen. */
void options_print_help(void);

#endif
