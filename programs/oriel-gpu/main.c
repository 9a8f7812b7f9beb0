// SPDX-License-Identifier: MIT
/*
 * oriel-gpu: the GPU of one virtual machine, as a vhost-user device.
 *
 * It uses the library's public interface only, as a VMM's author would: a loop, a renderer and a
 * device; two displays, one for the VMM's own windows and one for viewers; and a vhost-user session
 * for whichever VMM is connected.
 */
#include "base/fd.h"
#include "common/log.h"
#include "oriel-gpu/control.h"
#include "oriel-gpu/door.h"
#include "oriel-gpu/input.h"
#include "oriel-gpu/options.h"
#include "oriel-gpu/ready.h"
#include "oriel-gpu/signals.h"
#include "oriel-gpu/supervisor.h"
#include "oriel-gpu/vmm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <oriel/display.h>
#include <oriel/gpu.h>
#include <oriel/limit.h>
#include <oriel/loop.h>
#include <oriel/remote.h>
#include <oriel/renderer.h>
#include <oriel/version.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1, // something failed while the program ran
	STATUS_USAGE = 2,  // the command line cannot be served
};

/** Of --max-3d-memory: as oriel_gpu_options has it. */
#define DEFAULT_3D_MEMORY (UINT64_C(4) << 30)
/** Of --max-contexts, too. */
#define DEFAULT_MAX_CONTEXTS 256u
/** What a driver in software maps for each: 3 MiB with Mesa 22, 28 with Mesa 25, and uses a third.
 */
#define CONTEXT_BYTES (UINT64_C(32) << 20)
/** What else a guest makes drivers keep: shaders, copies of what is transferred. */
#define RENDER_ALLOWANCE (UINT64_C(1) << 30)

struct program {
	enum oriel_log_level log_level;
	struct oriel_log_sink log;
	struct oriel_loop *loop;
	struct signals signals;
	struct supervisor supervisor;
	struct oriel_renderer *renderer;
	struct oriel_renderer3d *renderer3d; // NULL: 2D only
	struct oriel_gpu *gpu;
	struct oriel_gpu_socket *gpu_socket; // NULL: the VMM's display is not served
	struct oriel_share *share;           // NULL: no display socket
	struct door viewers;
	struct input input;
	struct control control;
	struct vmm vmm;

	bool done;
	int status;
};

static void handle_signal(void *user, int signal_number) {
	struct program *program = user;
	log_print(&program->log, ORIEL_LOG_INFO, "ended by %s", strsignal(signal_number));
	program->done = true;
}

static void handle_done(void *user, int err) {
	struct program *program = user;
	program->done = true;
	program->status = err < 0 ? STATUS_FAILED : STATUS_OK;
}

static void handle_viewer_take(void *user, int fd) {
	struct program *program = user;
	int err = oriel_share_add_client_take(program->share, fd);
	// One too many was told so, and the library has logged it.
	if (err < 0 && err != -EDQUOT) {
		log_print(&program->log, ORIEL_LOG_ERROR, "cannot serve a viewer: %s",
				strerror(-err));
	}
}

/** Say what could not be made. */
static int fail_start(const char *what, int err) {
	fprintf(stderr, "oriel-gpu: %s: %s\n", what, strerror(-err));
	return err;
}

/** Describe the heads, side by side. */
static int set_heads(struct program *program, const struct options *options) {
	uint32_t right = 0;
	for (uint32_t i = 0; i < options->n_described; i++) {
		const struct head *from = &options->heads[i];
		const struct oriel_gpu_head head = {
			.size = sizeof(head),
			.x = right,
			.width = from->width,
			.height = from->height,
			.refresh_mhz = from->refresh_mhz,
			.width_mm = from->width_mm,
			.height_mm = from->height_mm,
			.name = from->name[0] != '\0' ? from->name : NULL,
			.serial = from->serial[0] != '\0' ? from->serial : NULL,
		};
		int err = oriel_gpu_set_head(program->gpu, i, &head);
		if (err < 0) {
			return fail_start("--head: no monitor can be so", err);
		}
		right += from->width;
	}
	return 0;
}

static int start_render_process_take(void *user, int fd) {
	return supervisor_start_take(user, fd);
}

static void kill_render_process(void *user) {
	supervisor_kill(user);
}

static void handle_render_exit(void *user, int status) {
	struct program *program = user;
	if (program->renderer3d != NULL) {
		oriel_remote_handle_exit(program->renderer3d, status);
	}
}

/** Start the process that renders 3D, and wait for what it can do. */
static int start_renderer(struct program *program, const struct options *options) {
	int err = supervisor_watch(&program->supervisor, program->loop, handle_render_exit,
			program);
	if (err < 0) {
		return fail_start("supervisor", err);
	}
	const struct oriel_remote_options remote_options = {
		.size = sizeof(remote_options),
		.log = program->log,
		.start = start_render_process_take,
		.kill = kill_render_process,
		.user = &program->supervisor,
		.operation_timeout_ms = options->render_timeout_ms,
		.fence_timeout_ms = options->fence_timeout_ms,
	};
	err = oriel_remote_renderer_create(program->loop, &remote_options, &program->renderer3d);
	if (err < 0) {
		fprintf(stderr, "oriel-gpu: --renderer=%s: %s; 'oriel doctor' says what there is\n",
				options->renderer,
				err == -ENODEV ? "it cannot render" : strerror(-err));
	}
	return err;
}

static int start_device(struct program *program, const struct options *options) {
	struct oriel_gpu_options gpu_options = {
		.size = sizeof(gpu_options),
		.log = program->log,
		.n_heads = options->n_described > 0 ? options->n_described : options->n_heads,
		.width = options->width,
		.height = options->height,
		.max_resources = options->max_resources,
		.max_host_memory = options->max_host_memory_bytes,
		.max_backing_entries = options->max_backing_entries,
		.max_backing_memory = options->max_backing_memory_bytes,
		.max_dimension = options->max_dimension_px,
		.max_contexts = options->max_contexts,
		.max_3d_memory = options->max_3d_memory_bytes,
		.max_submit_size = options->max_submit_size_bytes,
	};
	int err = options->renderer != NULL ? start_renderer(program, options) : 0;
	if (err < 0) {
		return err;
	}
	gpu_options.renderer3d = program->renderer3d;
	err = oriel_pixman_renderer_create(&program->renderer);
	if (err < 0) {
		return fail_start("renderer", err);
	}
	err = oriel_gpu_create(program->loop, program->renderer, &gpu_options, &program->gpu);
	if (err < 0) {
		return fail_start("device", err);
	}
	signals_guard_memory(oriel_virtio_get_memory(oriel_gpu_get_virtio(program->gpu)));
	return set_heads(program, options);
}

/** Guest memory as dma-bufs; without, it is copied. Nothing is opened later: a jail may follow. */
static void open_udmabuf(struct program *program) {
	int fd = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		log_print(&program->log, ORIEL_LOG_INFO,
				"/dev/udmabuf: %s; what guests draw into memory is copied",
				strerror(errno));
	}
	oriel_gpu_set_udmabuf_take(program->gpu, fd);
}

static int start_vmm_display(struct program *program, bool sends_dmabufs) {
	struct oriel_gpu_socket_options options = {
		.size = sizeof(options),
		.log = program->log,
		.sends_dmabufs = sends_dmabufs,
	};
	if (sends_dmabufs) {
		open_udmabuf(program);
	}
	int err = oriel_gpu_socket_create(program->loop, &options, &program->gpu_socket);
	if (err < 0) {
		return fail_start("the VMM's display", err);
	}
	oriel_gpu_attach_display(program->gpu, oriel_gpu_socket_get_display(program->gpu_socket));
	return 0;
}

static int start_display_socket(struct program *program, const struct options *options) {
	struct oriel_share_options share_options = {
		.size = sizeof(share_options),
		.log = program->log,
		.max_clients = options->max_viewers,
		.input = input_get_sink(&program->input),
	};
	int err = oriel_share_create(program->loop, &share_options, &program->share);
	if (err < 0) {
		return fail_start("display socket", err);
	}
	oriel_gpu_attach_display(program->gpu, oriel_share_get_display(program->share));
	return door_init(&program->viewers, program->loop, &program->log, options->display_socket,
			handle_viewer_take, program);
}

static int start_control_socket(struct program *program, const struct options *options) {
	const struct control_subject subject = {
		.vmm = &program->vmm,
		.supervisor = &program->supervisor,
		.input = &program->input,
		.renderer_name = options->renderer,
		.vmm_display = options->qemu_dmabufs   ? "dmabuf"
			       : options->qemu_display ? "pixels"
						       : "off",
	};
	struct oriel_control_options control_options = {
		.loop = program->loop,
		.log = program->log,
		.gpu = program->gpu,
		.share = program->share,
		.renderer3d = program->renderer3d,
		.log_level = &program->log_level,
	};
	return control_init(&program->control, &subject, &control_options, options->control_socket);
}

static int start_vmm(struct program *program, const struct options *options) {
	struct vmm_options vmm_options = {
		.loop = program->loop,
		.device = oriel_gpu_get_virtio(program->gpu),
		.log = program->log,
		.gpu_socket = program->gpu_socket,
		.once = options->once,
		.handle_done = handle_done,
		.user = program,
	};
	vmm_init(&program->vmm, &vmm_options);
	return options->socket_path != NULL ? vmm_listen(&program->vmm, options->socket_path)
					    : vmm_serve_take(&program->vmm, options->fd);
}

/** Returns 0, or a negative errno after having printed what is wrong. */
static int start(struct program *program, const struct options *options) {
	int err = oriel_loop_create(&program->loop);
	if (err < 0) {
		return fail_start("event loop", err);
	}
	oriel_loop_set_max_poll_ns(program->loop, options->max_poll_ns);
	err = signals_init(&program->signals, program->loop, handle_signal, program);
	if (err < 0) {
		return fail_start("signals", err);
	}
	err = start_device(program, options);
	const struct input_options input_options = {
		.loop = program->loop,
		.log = program->log,
		.keyboard_socket = options->keyboard_socket,
		.tablet_sockets = options->tablet_sockets,
		.n_tablets = options->n_tablets,
	};
	if (err == 0) {
		err = input_init(&program->input, &input_options);
	}
	if (err == 0 && options->qemu_display) {
		err = start_vmm_display(program, options->qemu_dmabufs);
	}
	if (err == 0 && options->display_socket != NULL) {
		err = start_display_socket(program, options);
	}
	if (err == 0) {
		err = input_listen(&program->input, &input_options);
	}
	if (err == 0 && options->control_socket != NULL) {
		err = start_control_socket(program, options);
	}
	// The VMM comes last: who sees its socket may count on the others.
	return err == 0 ? start_vmm(program, options) : err;
}

static void finish(struct program *program) {
	vmm_finish(&program->vmm);
	control_finish(&program->control);
	door_finish(&program->viewers);
	signals_unguard_memory();
	oriel_gpu_destroy(program->gpu);
	oriel_share_destroy(program->share);
	input_finish(&program->input);
	oriel_gpu_socket_destroy(program->gpu_socket);
	oriel_renderer3d_destroy(program->renderer3d);
	oriel_renderer_destroy(program->renderer);
	supervisor_finish(&program->supervisor);
	signals_finish(&program->signals);
	oriel_loop_destroy(program->loop);
}

/** What a limit allows, if it is not said, and if there is none. */
static uint64_t get_allowed(uint64_t limit, uint64_t by_default) {
	return limit == 0 || limit == ORIEL_LIMIT_OFF ? by_default
	       : limit == ORIEL_LIMIT_NONE            ? 0
						      : limit;
}

static uint64_t add_bounded(uint64_t a, uint64_t b) {
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/**
 * What a guest within its limits may make drivers keep, by estimate: so that it meets those first,
 * and not the end of the renderer. Of contexts without a limit as many as there are by default.
 */
static uint64_t estimate_memory(const struct options *options) {
	const uint64_t n_contexts = get_allowed(options->max_contexts, DEFAULT_MAX_CONTEXTS);
	const uint64_t contexts = n_contexts < UINT64_MAX / CONTEXT_BYTES
						  ? n_contexts * CONTEXT_BYTES
						  : UINT64_MAX;
	const uint64_t images = get_allowed(options->max_3d_memory_bytes, DEFAULT_3D_MEMORY);
	return add_bounded(add_bounded(images, contexts), RENDER_ALLOWANCE);
}

/**
 * oriel-render's option of how much memory it may take; none at all is a byte there. If it was not
 * said, it is what its guest may make it take, beside what drivers need for themselves.
 */
static void describe_memory(char *text, size_t size, const struct options *options) {
	const uint64_t max_bytes = options->max_render_memory_bytes;
	const uint64_t images = options->max_3d_memory_bytes;
	if (max_bytes == ORIEL_LIMIT_OFF || (max_bytes == 0 && images == ORIEL_LIMIT_OFF)) {
		snprintf(text, size, "--max-memory=off");
	} else if (max_bytes != 0) {
		snprintf(text, size, "--max-memory=%" PRIu64 "B",
				max_bytes == ORIEL_LIMIT_NONE ? 1 : max_bytes);
	} else {
		snprintf(text, size, "--max-more-memory=%" PRIu64 "B", estimate_memory(options));
	}
}

/** Who starts oriel-render, if there is to be one: before all else, so that it inherits nothing. */
static int fork_supervisor(struct program *program, const struct options *options) {
	static const char *const levels[] = { "error", "warn", "info", "debug" };
	if (options->renderer == NULL) {
		return 0;
	}
	char gpu[sizeof("--renderer=") + PATH_MAX];
	char level[32], memory[48];
	snprintf(gpu, sizeof(gpu), "--renderer=%s", options->renderer);
	snprintf(level, sizeof(level), "--log-level=%s", levels[options->log_level]);
	describe_memory(memory, sizeof(memory), options);
	char *const arguments[] = { gpu, level, memory, NULL };
	const struct supervisor_options supervisor_options = { .program = options->render_program,
		.arguments = arguments,
		.dump = options->render_dump };
	int err = supervisor_init(&program->supervisor, &supervisor_options);
	return err < 0 ? fail_start("supervisor", err) : 0;
}

/** Who does not hear of it decides what that means: we serve all the same. */
static void announce(struct program *program) {
	int err = ready_announce();
	if (err < 0) {
		log_print(&program->log, ORIEL_LOG_WARN, "NOTIFY_SOCKET: %s", strerror(-err));
	}
}

static int serve(const struct options *options) {
	static char name[] = "oriel-gpu";
	struct program program = {
		.log_level = options->log_level,
		.log = log_make_sink(name, options->log_level),
		.signals = { .fd = -1 },
		.supervisor = { .fd = -1, .renderer_fd = -1 },
		.vmm = { .silent_fd = -1, .unused_display_fd = -1 },
	};
	program.log.live_level = &program.log_level;
	if (fork_supervisor(&program, options) < 0 || start(&program, options) < 0) {
		finish(&program);
		return STATUS_USAGE; // whatever could not be had was asked for there
	}
	announce(&program);
	while (!program.done) {
		int err = oriel_loop_dispatch(program.loop, -1);
		if (err < 0) {
			log_print(&program.log, ORIEL_LOG_ERROR, "event loop: %s", strerror(-err));
			program.status = STATUS_FAILED;
			break;
		}
	}
	finish(&program);
	return program.status;
}

/** A socket of ours must not become descriptor 2, or the log would be written into it. */
static int fill_standard_fds(void) {
	int fd;
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0) {
		return -1;
	}
	oriel_fd_close(&fd);
	return 0;
}

/** A guest's images and viewers' buffers are descriptors: have as many as may be had. */
static void raise_fd_limit(void) {
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); // as it may be
	}
}

/** Whether this machine has a GPU that --render-node could name. */
static bool has_render_node(void) {
	DIR *dir = opendir("/dev/dri");
	bool found = false;
	struct dirent *entry = dir != NULL ? readdir(dir) : NULL;
	for (; entry != NULL && !found; entry = readdir(dir)) {
		found = strncmp(entry->d_name, "renderD", strlen("renderD")) == 0;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return found;
}

/** What management software asks. libvirt, told of render-node, starts nothing where none is. */
static void print_capabilities(void) {
	const bool can_render = supervisor_has_program();
	printf("{\"type\":\"gpu\",\"features\":[%s%s]}\n",
			can_render && has_render_node() ? "\"render-node\"," : "",
			can_render ? "\"virgl\"" : "");
}

int main(int argc, char **argv) {
	if (fill_standard_fds() < 0) {
		return STATUS_FAILED;
	}
	struct options options;
	if (options_parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	switch (options.action) {
	case ACTION_PRINT_CAPABILITIES:
		print_capabilities();
		break;
	case ACTION_PRINT_VERSION:
		printf("oriel-gpu %s\n", oriel_get_version());
		break;
	case ACTION_PRINT_HELP:
		options_print_help();
		break;
	case ACTION_SERVE:
		raise_fd_limit();
		return serve(&options);
	}
	return fflush(stdout) == 0 ? STATUS_OK : STATUS_FAILED;
}
