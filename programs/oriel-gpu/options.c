// SPDX-License-Identifier: MIT
/*
 * See options.h.
 *
 * Whatever is wrong with a value is said in one line that names the option, in its long form, and
 * what it would have taken.
 */
#include "oriel-gpu/options.h"

#include "common/arguments.h"
#include "common/parse.h"
#include "control/control.h"

#include <inttypes.h>
#include <limits.h>
#include <oriel/limit.h>
#include <stdio.h>
#include <string.h>

#define MAX_HEADS 16u
#define MAX_SIZE_PX 16384u
#define MAX_VIEWERS 64u
#define MAX_TIMEOUT_S 86400u
#define MAX_POLL_NS 1000000u

static const char command[] = "oriel-gpu";

/** The largest number that is not a word of oriel/limit.h. */
#define MAX_LIMIT (UINT64_MAX - 2)

void options_print_help(void) {
	fputs("usage: oriel-gpu --socket-path=PATH [OPTION]...\n"
	      "       oriel-gpu --fd=N [OPTION]...\n"
	      "\n"
	      "The GPU of a virtual machine, as a vhost-user device. A limit is a number or a\n"
	      "size with its unit (B, KiB, MiB, GiB, TiB); 0 is none, 'off' is no limit.\n"
	      "\n"
	      "  -s, --socket-path=PATH       wait for a VMM at this socket, one after another\n"
	      "  -f, --fd=N                   serve the VMM on this connected socket, then exit\n"
	      "      --once                   exit when the first VMM goes\n"
	      "      --display-socket=PATH    let viewers connect to this socket\n"
	      "      --keyboard-socket=PATH, --tablet-socket=PATH  serve input devices there\n",
			stdout);
	if (oriel_control_is_built()) {
		fputs("      --control-socket=PATH    answer 'oriel status' at this socket\n",
				stdout);
	}
	fputs("      --heads=N, --size=WxH    outputs, 1 to 16; their size, else 1280x800\n"
	      "      --head=WxH[@HZ][,...]    one head; also dpi=N, mm=WxH, name=, serial=\n"
	      "      --qemu-display=HOW       pixels, dmabuf or off; default: pixels\n"
	      "      --renderer=GPU           3D: auto, software, node:PATH, pci:ADDR or egl:N\n"
	      "      --render-dump=FILE       record what 3D is asked for; see oriel-render(1)\n"
	      "  limits, each --max-...: resources, host-memory, backing-entries, dimension,\n"
	      "          backing-memory, contexts, 3d-memory, render-memory, submit-size,\n"
	      "          viewers; --render-timeout, --fence-timeout, in s; and --poll-max-ns\n"
	      "      --log-level=LEVEL        error, warn, info or debug; default: info\n"
	      "  -c, --print-capabilities     print what management software asks, as JSON\n"
	      "      --version                print the version\n"
	      "  -h, --help                   print this\n",
			stdout);
}

enum {
	OPTION_ONCE = 256,
	OPTION_DISPLAY_SOCKET,
	OPTION_KEYBOARD_SOCKET,
	OPTION_TABLET_SOCKET,
	OPTION_CONTROL_SOCKET,
	OPTION_HEADS,
	OPTION_SIZE,
	OPTION_HEAD,
	OPTION_QEMU_DISPLAY,
	OPTION_RENDERER,
	OPTION_RENDER_PROGRAM,
	OPTION_RENDER_TIMEOUT,
	OPTION_FENCE_TIMEOUT,
	OPTION_RENDER_DUMP,
	OPTION_MAX_CONTEXTS,
	OPTION_MAX_3D_MEMORY,
	OPTION_MAX_RENDER_MEMORY,
	OPTION_MAX_SUBMIT_SIZE,
	OPTION_MAX_RESOURCES,
	OPTION_MAX_HOST_MEMORY,
	OPTION_MAX_BACKING_ENTRIES,
	OPTION_MAX_BACKING_MEMORY,
	OPTION_MAX_DIMENSION,
	OPTION_MAX_VIEWERS,
	OPTION_POLL_MAX_NS,
	OPTION_LOG_LEVEL,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "socket-path", required_argument, NULL, 's' },
	{ "fd", required_argument, NULL, 'f' },
	{ "once", no_argument, NULL, OPTION_ONCE },
	{ "display-socket", required_argument, NULL, OPTION_DISPLAY_SOCKET },
	{ "keyboard-socket", required_argument, NULL, OPTION_KEYBOARD_SOCKET },
	{ "tablet-socket", required_argument, NULL, OPTION_TABLET_SOCKET },
	{ "control-socket", required_argument, NULL, OPTION_CONTROL_SOCKET },
	{ "heads", required_argument, NULL, OPTION_HEADS },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "head", required_argument, NULL, OPTION_HEAD },
	{ "qemu-display", required_argument, NULL, OPTION_QEMU_DISPLAY },
	{ "renderer", required_argument, NULL, OPTION_RENDERER },
	{ "render-program", required_argument, NULL, OPTION_RENDER_PROGRAM },
	{ "render-timeout", required_argument, NULL, OPTION_RENDER_TIMEOUT },
	{ "fence-timeout", required_argument, NULL, OPTION_FENCE_TIMEOUT },
	{ "render-dump", required_argument, NULL, OPTION_RENDER_DUMP },
	{ "max-contexts", required_argument, NULL, OPTION_MAX_CONTEXTS },
	{ "max-3d-memory", required_argument, NULL, OPTION_MAX_3D_MEMORY },
	{ "max-render-memory", required_argument, NULL, OPTION_MAX_RENDER_MEMORY },
	{ "max-submit-size", required_argument, NULL, OPTION_MAX_SUBMIT_SIZE },
	{ "max-resources", required_argument, NULL, OPTION_MAX_RESOURCES },
	{ "max-host-memory", required_argument, NULL, OPTION_MAX_HOST_MEMORY },
	{ "max-backing-entries", required_argument, NULL, OPTION_MAX_BACKING_ENTRIES },
	{ "max-backing-memory", required_argument, NULL, OPTION_MAX_BACKING_MEMORY },
	{ "max-dimension", required_argument, NULL, OPTION_MAX_DIMENSION },
	{ "max-viewers", required_argument, NULL, OPTION_MAX_VIEWERS },
	{ "poll-max-ns", required_argument, NULL, OPTION_POLL_MAX_NS },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "render-node", required_argument, NULL, 'r' },
	{ "virgl", no_argument, NULL, 'v' },
	{ "print-capabilities", no_argument, NULL, 'c' },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int fail_usage(const char *what) {
	return arguments_fail(command, NULL, what);
}

/** Say what the option's value should have been. */
static int fail_value(int option, const char *expected) {
	return arguments_fail_value(command, long_options, option, expected);
}

static int parse_path(int option, const char **ret) {
	if (optarg[0] == '\0') {
		return fail_value(option, "a path");
	}
	*ret = optarg;
	return 0;
}

/** A limit that counts things: 0 for none of them, "off" for no limit. */
static int parse_count(int option, uint64_t max, uint64_t *ret) {
	uint64_t number;
	if (strcmp(optarg, "off") == 0) {
		*ret = ORIEL_LIMIT_OFF;
		return 0;
	}
	if (oriel_parse_number(optarg, max, &number) < 0) {
		char expected[64];
		snprintf(expected, sizeof(expected), "a number from 0 to %" PRIu64 ", or off", max);
		return fail_value(option, expected);
	}
	*ret = number != 0 ? number : ORIEL_LIMIT_NONE;
	return 0;
}

/** A limit of memory. */
static int parse_memory(int option, uint64_t *ret) {
	uint64_t size;
	if (strcmp(optarg, "off") == 0) {
		*ret = ORIEL_LIMIT_OFF;
		return 0;
	}
	if (oriel_parse_bytes(optarg, &size) < 0 || size > MAX_LIMIT) {
		return fail_value(option, "a size with its unit, as 512MiB or 1GiB, or off");
	}
	*ret = size != 0 ? size : ORIEL_LIMIT_NONE;
	return 0;
}

static int parse_log_level(int option, enum oriel_log_level *ret) {
	static const struct {
		const char *name;
		enum oriel_log_level level;
	} levels[] = {
		{ "error", ORIEL_LOG_ERROR },
		{ "warn", ORIEL_LOG_WARN },
		{ "info", ORIEL_LOG_INFO },
		{ "debug", ORIEL_LOG_DEBUG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(levels); i++) {
		if (strcmp(optarg, levels[i].name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return fail_value(option, "error, warn, info or debug");
}

/** Options that say where the VMM and the viewers are. */
static int handle_socket_option(struct options *options, int option) {
	uint64_t number;
	switch (option) {
	case 's':
		return parse_path(option, &options->socket_path);
	case 'f':
		if (oriel_parse_number(optarg, INT_MAX, &number) < 0) {
			return fail_value(option, "the number of a file descriptor");
		}
		options->fd = (int)number;
		return 0;
	case OPTION_KEYBOARD_SOCKET:
		return parse_path(option, &options->keyboard_socket);
	case OPTION_TABLET_SOCKET:
		if (options->n_tablets == MAX_HEADS) {
			return fail_usage("--tablet-socket: at most 16 of them");
		}
		return parse_path(option, &options->tablet_sockets[options->n_tablets++]);
	case OPTION_CONTROL_SOCKET:
		if (!oriel_control_is_built()) {
			return fail_usage("--control-socket: not in this build, which is without "
					  "json-c");
		}
		return parse_path(option, &options->control_socket);
	default: // OPTION_DISPLAY_SOCKET
		return parse_path(option, &options->display_socket);
	}
}

/** One more head. */
static int parse_head(int option, struct options *options) {
	if (options->n_described == MAX_HEADS) {
		return fail_usage("--head: at most 16 of them");
	}
	const char *expected;
	if (head_parse(optarg, &options->heads[options->n_described], &expected) < 0) {
		return fail_value(option, expected);
	}
	options->n_described++;
	return 0;
}

/** Options that say what the guest sees. */
static int handle_head_option(struct options *options, int option) {
	uint64_t number;
	switch (option) {
	case OPTION_HEADS:
		if (oriel_parse_number(optarg, MAX_HEADS, &number) < 0 || number == 0) {
			return fail_value(option, "a number from 1 to 16");
		}
		options->n_heads = (uint32_t)number;
		return 0;
	case OPTION_SIZE:
		if (oriel_parse_size(optarg, MAX_SIZE_PX, &options->width, &options->height) < 0) {
			return fail_value(option, "WIDTHxHEIGHT in pixels, each from 1 to 16384");
		}
		return 0;
	case OPTION_HEAD:
		return parse_head(option, options);
	default: // OPTION_QEMU_DISPLAY
		options->qemu_dmabufs = strcmp(optarg, "dmabuf") == 0;
		options->qemu_display = options->qemu_dmabufs || strcmp(optarg, "pixels") == 0;
		if (!options->qemu_display && strcmp(optarg, "off") != 0) {
			return fail_value(option, "pixels, dmabuf or off");
		}
		return 0;
	}
}

/** Seconds, as milliseconds. */
static int parse_timeout(int option, uint32_t *ret) {
	uint64_t seconds;
	if (oriel_parse_number(optarg, MAX_TIMEOUT_S, &seconds) < 0 || seconds == 0) {
		return fail_value(option, "a number of seconds from 1 to 86400");
	}
	*ret = (uint32_t)seconds * 1000;
	return 0;
}

static int parse_poll(int option, uint32_t *ret) {
	uint64_t max_ns;
	if (oriel_parse_number(optarg, MAX_POLL_NS, &max_ns) < 0) {
		return fail_value(option, "a number of nanoseconds from 0 to 1000000");
	}
	*ret = (uint32_t)max_ns;
	return 0;
}

/** Options that say who renders 3D; --virgl and --render-node are what libvirt knows. */
static int handle_renderer_option(struct options *options, int option) {
	switch (option) {
	case 'v':
		if (options->renderer == NULL) {
			options->renderer = "auto";
		}
		return 0;
	case 'r':
		if (optarg[0] == '\0') {
			return fail_value(option, "a path");
		}
		snprintf(options->render_node, sizeof(options->render_node), "node:%s", optarg);
		options->renderer = options->render_node;
		return 0;
	case OPTION_RENDER_PROGRAM:
		return parse_path(option, &options->render_program);
	case OPTION_RENDER_TIMEOUT:
		return parse_timeout(option, &options->render_timeout_ms);
	case OPTION_FENCE_TIMEOUT:
		return parse_timeout(option, &options->fence_timeout_ms);
	case OPTION_RENDER_DUMP:
		return parse_path(option, &options->render_dump);
	default: // OPTION_RENDERER
		if (strcmp(optarg, "none") == 0) {
			options->renderer = NULL;
			return 0;
		}
		if (!oriel_is_gpu_name(optarg)) {
			return fail_value(option,
					"none, auto, software, node:PATH, pci:ADDRESS or egl:N");
		}
		options->renderer = optarg;
		return 0;
	}
}

static int handle_option(void *user, int option) {
	struct options *options = user;
	switch (option) {
	case 's':
	case 'f':
	case OPTION_DISPLAY_SOCKET:
	case OPTION_KEYBOARD_SOCKET:
	case OPTION_TABLET_SOCKET:
	case OPTION_CONTROL_SOCKET:
		return handle_socket_option(options, option);
	case OPTION_HEADS:
	case OPTION_SIZE:
	case OPTION_HEAD:
	case OPTION_QEMU_DISPLAY:
		return handle_head_option(options, option);
	case OPTION_ONCE:
		options->once = true;
		return 0;
	case OPTION_MAX_RESOURCES:
		return parse_count(option, MAX_LIMIT, &options->max_resources);
	case OPTION_MAX_HOST_MEMORY:
		return parse_memory(option, &options->max_host_memory_bytes);
	case OPTION_MAX_BACKING_ENTRIES:
		return parse_count(option, MAX_LIMIT, &options->max_backing_entries);
	case OPTION_MAX_BACKING_MEMORY:
		return parse_memory(option, &options->max_backing_memory_bytes);
	case OPTION_MAX_DIMENSION:
		return parse_count(option, MAX_LIMIT, &options->max_dimension_px);
	case OPTION_MAX_VIEWERS:
		return parse_count(option, MAX_VIEWERS, &options->max_viewers);
	case OPTION_POLL_MAX_NS:
		return parse_poll(option, &options->max_poll_ns);
	case OPTION_LOG_LEVEL:
		return parse_log_level(option, &options->log_level);
	case 'r':
	case 'v':
	case OPTION_RENDERER:
	case OPTION_RENDER_DUMP:
	case OPTION_RENDER_PROGRAM:
	case OPTION_RENDER_TIMEOUT:
	case OPTION_FENCE_TIMEOUT:
		return handle_renderer_option(options, option);
	case OPTION_MAX_CONTEXTS:
		return parse_count(option, MAX_LIMIT, &options->max_contexts);
	case OPTION_MAX_3D_MEMORY:
		return parse_memory(option, &options->max_3d_memory_bytes);
	case OPTION_MAX_RENDER_MEMORY:
		return parse_memory(option, &options->max_render_memory_bytes);
	case OPTION_MAX_SUBMIT_SIZE:
		return parse_memory(option, &options->max_submit_size_bytes);
	case OPTION_VERSION:
		options->action = ACTION_PRINT_VERSION;
		return 0;
	default: // 'h'
		options->action = ACTION_PRINT_HELP;
		return 0;
	}
}

static const struct arguments_syntax syntax = {
	.command = command,
	.short_options = ":s:f:r:vch",
	.long_options = long_options,
	.handle_option = handle_option,
};

/** Whether --print-capabilities is among the options, however wrong the others are. */
static bool asks_for_capabilities(int argc, char **argv) {
	bool found = false;
	opterr = 0;
	int option = getopt_long(argc, argv, syntax.short_options, long_options, NULL);
	while (option != -1) {
		found = found || option == 'c';
		option = getopt_long(argc, argv, syntax.short_options, long_options, NULL);
	}
	return found;
}

/** Sockets that have the same path. */
static int check_sockets(const struct options *options) {
	struct {
		const char *name, *path;
	} sockets[4 + MAX_HEADS] = {
		{ "socket-path", options->socket_path },
		{ "display-socket", options->display_socket },
		{ "control-socket", options->control_socket },
		{ "keyboard-socket", options->keyboard_socket },
	};
	for (uint32_t i = 0; i < options->n_tablets; i++) {
		sockets[4 + i].name = "tablet-socket";
		sockets[4 + i].path = options->tablet_sockets[i];
	}
	for (size_t i = 0; i < 4 + options->n_tablets; i++) {
		for (size_t k = 0; k < i; k++) {
			if (sockets[i].path == NULL || sockets[k].path == NULL ||
					strcmp(sockets[i].path, sockets[k].path) != 0) {
				continue;
			}
			char text[128];
			snprintf(text, sizeof(text), "--%s and --%s need different paths",
					sockets[k].name, sockets[i].name);
			return fail_usage(text);
		}
	}
	return 0;
}

/** What contradicts, or is missing. */
static int check_together(const struct options *options) {
	if (options->n_described > 0 && (options->n_heads > 0 || options->width > 0)) {
		return fail_usage("--head stands for --heads and --size; give only one of them");
	}
	if (options->render_dump != NULL && options->renderer == NULL) {
		return fail_usage("--render-dump needs a --renderer");
	}
	if (options->socket_path != NULL && options->fd >= 0) {
		return fail_usage("--socket-path and --fd exclude each other");
	}
	if (options->socket_path == NULL && options->fd < 0) {
		return fail_usage("--socket-path or --fd is needed");
	}
	return check_sockets(options);
}

int options_parse(int argc, char **argv, struct options *ret) {
	struct options options = {
		.action = ACTION_SERVE,
		.fd = -1,
		.qemu_display = true,
		.log_level = ORIEL_LOG_INFO,
	};
	if (asks_for_capabilities(argc, argv)) {
		options.action = ACTION_PRINT_CAPABILITIES;
		*ret = options;
		return 0;
	}
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err < 0) {
		return err;
	}
	if (options.action == ACTION_SERVE) {
		if (optind < argc) {
			return arguments_fail(command, argv[optind], "not an option");
		}
		err = check_together(&options);
		if (err < 0) {
			return err;
		}
	}
	*ret = options;
	if (options.renderer == options.render_node) {
		ret->renderer = ret->render_node;
	}
	return 0;
}
