// SPDX-License-Identifier: MIT
/*
 * oriel-render: renders the 3D of one virtual machine, in a process that may die.
 *
 * Drivers run in here on what a guest sends, so crashing is part of the plan: oriel-gpu goes on
 * without it, and has another one started. It knows one device, at the other end of its link, and
 * ends with it.
 */
#include "base/fd.h"
#include "common/log.h"
#include "oriel-render/dump.h"
#include "oriel-render/options.h"
#include "oriel-render/play.h"
#include "oriel-render/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <oriel/loop.h>
#include <oriel/render_host.h>
#include <oriel/version.h>
#include <oriel/virgl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, // there is no such GPU, or the link broke
	STATUS_USAGE = 2,
};

struct program {
	struct oriel_log_sink log;
	struct dump dump;
	bool done;
	int err;
};

static void handle_end(void *user, int err) {
	struct program *program = user;
	program->done = true;
	program->err = err;
}

/** No core files of a guest's doing, all descriptors there may be, and no more memory than said. */
static void set_limits(const struct options *options) {
	const struct rlimit none = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &none);
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); // as it may be
	}
	if (options->max_memory_bytes > 0) {
		// Of its own data: guest memory and drivers' files are mapped, and do not count.
		limit.rlim_cur = options->max_memory_bytes;
		limit.rlim_max = options->max_memory_bytes;
		(void)setrlimit(RLIMIT_DATA, &limit);
	}
}

/** Memory of its own that this process has now: what RLIMIT_DATA is about. 0: not known. */
static uint64_t get_data_size(void) {
	// Pages: all, resident, shared, of programs, 0, of data and stacks.
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t n_pages = 0;
	if (file != NULL) {
		if (fscanf(file, "%*u %*u %*u %*u %*u %" SCNu64, &n_pages) != 1) {
			n_pages = 0;
		}
		(void)fclose(file);
	}
	return n_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/**
 * The GPU's driver has started, and the guest has nothing yet: from here on count what it takes.
 * How much a driver takes for itself nobody knows beforehand: some map terabytes.
 */
static void limit_more_memory(const struct options *options) {
	struct rlimit limit;
	const uint64_t size = get_data_size();
	if (options->max_more_memory_bytes == 0 || size == 0 ||
			getrlimit(RLIMIT_DATA, &limit) < 0 ||
			options->max_more_memory_bytes > UINT64_MAX - size) {
		return;
	}
	const rlim_t max = size + options->max_more_memory_bytes;
	if (max < limit.rlim_cur) {
		limit.rlim_cur = max;
		limit.rlim_max = max;
		(void)setrlimit(RLIMIT_DATA, &limit);
	}
}

static int serve(struct program *program, const struct options *options) {
	struct oriel_loop *loop = NULL;
	struct oriel_renderer3d *renderer = NULL;
	struct oriel_renderer3d *recorder = NULL;
	struct oriel_render_host *host = NULL;
	int fd = options->fd;
	const struct oriel_virgl_options virgl_options = { .size = sizeof(virgl_options),
		.log = program->log,
		.gpu = options->gpu };
	const struct oriel_render_host_options host_options = { .size = sizeof(host_options),
		.log = program->log,
		.handle_end = handle_end,
		.user = program };
	int err = oriel_loop_create(&loop);
	if (err == 0) {
		err = oriel_virgl_renderer_create(loop, &virgl_options, &renderer);
	}
	if (err == 0 && options->dump != NULL) {
		err = dump_start(&program->dump, loop, renderer, &recorder);
	}
	limit_more_memory(options);
	if (err == 0) {
		err = oriel_render_host_create_take(loop, recorder != NULL ? recorder : renderer,
				&host_options, fd, &host);
		fd = -1;
	}
	while (err == 0 && !program->done) {
		err = oriel_loop_dispatch(loop, -1);
	}
	oriel_render_host_destroy(host);
	oriel_renderer3d_destroy(recorder);
	oriel_renderer3d_destroy(renderer);
	oriel_loop_destroy(loop);
	oriel_fd_close(&fd);
	return err < 0 ? err : program->err;
}

int main(int argc, char **argv) {
	struct options options;
	if (options_parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	static char name[] = "oriel-render";
	struct program program = { .log = log_make_sink(name, options.log_level) };
	switch (options.action) {
	case ACTION_PROBE:
		return probe(&options) < 0 ? STATUS_FAILED : STATUS_OK;
	case ACTION_PLAY:
		return play(&options) != 0 ? STATUS_FAILED : STATUS_OK;
	case ACTION_PRINT_VERSION:
		printf("oriel-render %s\n", oriel_get_version());
		return STATUS_OK;
	case ACTION_PRINT_HELP:
		options_print_help();
		return STATUS_OK;
	case ACTION_SERVE:
		break;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); // Ctrl-C is for oriel-gpu to judge, and so is a terminal that
				 // closes
	signal(SIGHUP, SIG_IGN);
	set_limits(&options);
	if (fcntl(options.fd, F_SETFD, FD_CLOEXEC) < 0) {
		fprintf(stderr, "oriel-render: --fd=%d: %s\n", options.fd, strerror(errno));
		return STATUS_USAGE;
	}
	if (dump_init(&program.dump, options.dump, &program.log) < 0) {
		return STATUS_USAGE;
	}
	int err = serve(&program, &options);
	dump_finish(&program.dump);
	return err < 0 ? STATUS_FAILED : STATUS_OK;
}
