// SPDX-License-Identifier: MIT
/* See options.h. */
#include "oriel/run/options.h"

#include "common/arguments.h"
#include "common/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MEMORY_MIB 2048u
#define DEFAULT_CPUS 2u
#define DEFAULT_GRACE_S 10u
#define LEAST_MEMORY_MIB 16u
#define MAX_CPUS 255u
#define MAX_SIZE_PX 16384u
#define MAX_GRACE_S 3600u
#define MIB (UINT64_C(1) << 20)

void run_options_print_help(void) {
	fputs("usage: oriel run [OPTION]... [-- QEMU-ARGUMENT...]\n"
	      "\n"
	      "Start a virtual machine whose screen is in a browser. Ctrl-C powers it down.\n"
	      "\n"
	      "      --disk=IMAGE[,format=raw|qcow2]  a disk; more than one may be given\n"
	      "      --cdrom=ISO             a CD, to boot from\n"
	      "      --kernel=FILE           boot a kernel; with --initrd=FILE, --append=TEXT\n"
	      "      --mem=SIZE              memory, with its unit; default: 2GiB\n"
	      "      --cpus=N                processors; default: 2\n"
	      "      --gpu=GPU               auto (3D if there is any), 2d, or off: QEMU's own\n"
	      "      --display=HOW           web, vnc or none; default: web\n"
	      "      --port=N                where on 127.0.0.1; default: any that is free\n"
	      "      --heads=N               screens, 1 to 16; default: 1\n"
	      "      --size=WxH              pixels of a screen at first; default: 1280x800\n"
	      "      --firmware=WHICH        bios, uefi, or auto: what the disk is made for\n"
	      "      --net=HOW               user, or none; default: user\n"
	      "      --name=NAME             of the machine; default: as the disk\n"
	      "      --grace=SECONDS         time for the guest to power down; default: 10\n"
	      "      --qemu=PROGRAM          default: qemu-system-x86_64\n"
	      "      --dry-run               print the commands, and do nothing\n"
	      "  -v, --verbose               show what the programs say\n"
	      "  -h, --help                  print this\n",
			stdout);
}

static const char command[] = "oriel run";

enum {
	OPTION_DISK = 256,
	OPTION_CDROM,
	OPTION_KERNEL,
	OPTION_INITRD,
	OPTION_APPEND,
	OPTION_MEM,
	OPTION_CPUS,
	OPTION_GPU,
	OPTION_DISPLAY,
	OPTION_PORT,
	OPTION_HEADS,
	OPTION_SIZE,
	OPTION_FIRMWARE,
	OPTION_NET,
	OPTION_NAME,
	OPTION_GRACE,
	OPTION_QEMU,
	OPTION_DRY_RUN,
};

static const struct option long_options[] = {
	{ "disk", required_argument, NULL, OPTION_DISK },
	{ "cdrom", required_argument, NULL, OPTION_CDROM },
	{ "kernel", required_argument, NULL, OPTION_KERNEL },
	{ "initrd", required_argument, NULL, OPTION_INITRD },
	{ "append", required_argument, NULL, OPTION_APPEND },
	{ "mem", required_argument, NULL, OPTION_MEM },
	{ "cpus", required_argument, NULL, OPTION_CPUS },
	{ "gpu", required_argument, NULL, OPTION_GPU },
	{ "display", required_argument, NULL, OPTION_DISPLAY },
	{ "port", required_argument, NULL, OPTION_PORT },
	{ "heads", required_argument, NULL, OPTION_HEADS },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "firmware", required_argument, NULL, OPTION_FIRMWARE },
	{ "net", required_argument, NULL, OPTION_NET },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "grace", required_argument, NULL, OPTION_GRACE },
	{ "qemu", required_argument, NULL, OPTION_QEMU },
	{ "dry-run", no_argument, NULL, OPTION_DRY_RUN },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int fail_value(int option, const char *expected) {
	return arguments_fail_value(command, long_options, option, expected);
}

/** Which of the words, which end with NULL, the value is. Untouched if none of them. */
static int parse_word(int option, const char *const *words, const char *expected,
		unsigned int *ret) {
	for (unsigned int i = 0; words[i] != NULL; i++) {
		if (strcmp(optarg, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	}
	return fail_value(option, expected);
}

static int parse_number(int option, uint32_t least, uint32_t most, const char *expected,
		uint32_t *ret) {
	uint64_t number;
	if (oriel_parse_number(optarg, most, &number) < 0 || number < least) {
		return fail_value(option, expected);
	}
	*ret = (uint32_t)number;
	return 0;
}

static int parse_text(int option, const char *expected, const char **ret) {
	if (optarg[0] == '\0') {
		return fail_value(option, expected);
	}
	*ret = optarg;
	return 0;
}

static int parse_name(const char **ret) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t len = strspn(optarg, letters);
	if (len == 0 || len > 32 || optarg[len] != '\0' || optarg[0] == '.' || optarg[0] == '-') {
		return fail_value(OPTION_NAME, "a name: up to 32 letters, digits, '.', '_', '-'");
	}
	*ret = optarg;
	return 0;
}

/** Options that say what is booted. */
static int handle_boot_option(struct run_options *options, int option) {
	static const char *const firmwares[] = { "auto", "bios", "uefi", NULL };
	unsigned int index = 0;
	int err = 0;
	switch (option) {
	case OPTION_DISK:
		if (options->n_disks == RUN_MAX_DISKS) {
			return arguments_fail(command, NULL, "--disk: at most 8 of them");
		}
		err = parse_text(option, "an image", &options->disks[options->n_disks]);
		options->n_disks += err == 0;
		return err;
	case OPTION_CDROM:
		return parse_text(option, "an image", &options->cdrom);
	case OPTION_KERNEL:
		return parse_text(option, "a file", &options->kernel);
	case OPTION_INITRD:
		return parse_text(option, "a file", &options->initrd);
	case OPTION_APPEND:
		options->append = optarg;
		return 0;
	default: // OPTION_FIRMWARE
		err = parse_word(option, firmwares, "auto, bios or uefi", &index);
		options->firmware = (enum run_firmware)index;
		return err;
	}
}

/** Options that say what the machine is like. */
static int handle_machine_option(struct run_options *options, int option) {
	static const char *const networks[] = { "none", "user", NULL };
	uint64_t bytes;
	unsigned int index = 0;
	int err;
	switch (option) {
	case OPTION_MEM:
		if (oriel_parse_bytes(optarg, &bytes) < 0 || bytes < LEAST_MEMORY_MIB * MIB ||
				bytes % MIB != 0) {
			return fail_value(option,
					"a size with its unit, as 512MiB or 2GiB; 16MiB at least");
		}
		options->memory_mib = bytes / MIB;
		return 0;
	case OPTION_CPUS:
		return parse_number(option, 1, MAX_CPUS, "a number from 1 to 255",
				&options->n_cpus);
	case OPTION_NET:
		err = parse_word(option, networks, "user or none", &index);
		options->has_network = index == 1;
		return err;
	case OPTION_NAME:
		return parse_name(&options->name);
	default: // OPTION_QEMU
		return parse_text(option, "a program", &options->qemu);
	}
}

/** Options that say what the screen is like, and who shows it. */
static int handle_screen_option(struct run_options *options, int option) {
	static const char *const gpus[] = { "auto", "2d", "off", NULL };
	static const char *const displays[] = { "web", "vnc", "none", NULL };
	unsigned int index = 0;
	int err;
	switch (option) {
	case OPTION_GPU:
		err = parse_word(option, gpus, "auto, 2d or off", &index);
		options->gpu = (enum run_gpu)index;
		return err;
	case OPTION_DISPLAY:
		err = parse_word(option, displays, "web, vnc or none", &index);
		options->display = (enum run_display)index;
		options->wants_display = true;
		return err;
	case OPTION_PORT:
		return parse_number(option, 1, 65535, "a port, from 1 to 65535", &options->port);
	case OPTION_HEADS:
		return parse_number(option, 1, RUN_MAX_HEADS, "a number from 1 to 16",
				&options->n_heads);
	default: // OPTION_SIZE
		if (oriel_parse_size(optarg, MAX_SIZE_PX, &options->width, &options->height) < 0) {
			return fail_value(option, "WIDTHxHEIGHT in pixels, each from 1 to 16384");
		}
		return 0;
	}
}

static int handle_option(void *user, int option) {
	struct run_options *options = user;
	switch (option) {
	case OPTION_DISK:
	case OPTION_CDROM:
	case OPTION_KERNEL:
	case OPTION_INITRD:
	case OPTION_APPEND:
	case OPTION_FIRMWARE:
		return handle_boot_option(options, option);
	case OPTION_MEM:
	case OPTION_CPUS:
	case OPTION_NET:
	case OPTION_NAME:
	case OPTION_QEMU:
		return handle_machine_option(options, option);
	case OPTION_GPU:
	case OPTION_DISPLAY:
	case OPTION_PORT:
	case OPTION_HEADS:
	case OPTION_SIZE:
		return handle_screen_option(options, option);
	case OPTION_GRACE:
		return parse_number(option, 0, MAX_GRACE_S, "a number of seconds up to 3600",
				&options->grace_s);
	case OPTION_DRY_RUN:
		options->is_dry = true;
		return 0;
	case 'v':
		options->is_verbose = true;
		return 0;
	default: // 'h'
		options->help = true;
		return 0;
	}
}

static const struct arguments_syntax syntax = {
	.command = command,
	// In the order in which they stand, so that what follows "--" is QEMU's and nobody else's.
	.short_options = "+:vh",
	.long_options = long_options,
	.handle_option = handle_option,
};

/** What contradicts, or is missing; and what of the defaults another option makes senseless. */
static int check_together(struct run_options *options) {
	if (options->kernel == NULL && (options->initrd != NULL || options->append != NULL)) {
		return arguments_fail(command, NULL, "--initrd and --append need --kernel");
	}
	if (options->gpu == RUN_GPU_OFF) {
		if (options->wants_display && options->display != RUN_DISPLAY_NONE) {
			return arguments_fail(command, NULL,
					"--gpu=off has no screen that a viewer could show; "
					"--display=none");
		}
		if (options->n_heads > 1 || options->width > 0) {
			return arguments_fail(command, NULL,
					"--heads and --size are for Oriel's GPU, not for "
					"--gpu=off");
		}
		options->display = RUN_DISPLAY_NONE;
	}
	if (options->port != 0 && options->display == RUN_DISPLAY_NONE) {
		return arguments_fail(command, NULL, "--port needs --display=web or vnc");
	}
	return 0;
}

/** Whether QEMU's arguments say that disks are not written. It knows options with either dash. */
static bool has_snapshot(char *const *words) {
	for (; *words != NULL; words++) {
		if (strcmp(*words, "-snapshot") == 0 || strcmp(*words, "--snapshot") == 0) {
			return true;
		}
	}
	return false;
}

int run_options_parse(int argc, char **argv, struct run_options *ret) {
	struct run_options options = {
		.has_network = true,
		.memory_mib = DEFAULT_MEMORY_MIB,
		.n_cpus = DEFAULT_CPUS,
		.n_heads = 1,
		.grace_s = DEFAULT_GRACE_S,
	};
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err < 0) {
		return err;
	}
	if (!options.help) {
		if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
			return arguments_fail(command, argv[optind],
					"not an option; a disk is --disk=IMAGE");
		}
		if (optind == argc && options.n_disks == 0 && options.cdrom == NULL &&
				options.kernel == NULL) {
			return arguments_fail(command, NULL,
					"nothing to boot: --disk, --cdrom or --kernel is needed");
		}
		err = check_together(&options);
		if (err < 0) {
			return err;
		}
	}
	options.more = argv + optind;
	options.is_snapshot = has_snapshot(options.more);
	*ret = options;
	return 0;
}
