// SPDX-License-Identifier: MIT
/*
 * `oriel doctor`: what this machine can do for Oriel, what it cannot, why, and what to do.
 *
 * Everything that runs other people's code runs in a child, so that it always comes to its end.
 */
#include "oriel/command.h"

#include "common/arguments.h"
#include "common/parse.h"
#include "oriel/doctor/doctor.h"
#include "oriel/doctor/json.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_S 10u
#define MAX_TIMEOUT_S 3600u

static const char command[] = "oriel doctor";

struct options {
	uint32_t timeout_s;
	bool json;
	bool help;
};

static void print_help(void) {
	fputs("usage: oriel doctor [OPTION]...\n"
	      "\n"
	      "Say what of Oriel works on this machine, what does not, why, and what to do.\n"
	      "\n"
	      "      --json             write one JSON object, for programs\n"
	      "      --timeout=SECONDS  how long each test may take; default: 10\n"
	      "  -h, --help             print this\n"
	      "\n"
	      "Exit status: 0 if Oriel can run here, though perhaps without 3D; 1 if not; 2 for\n"
	      "wrong usage.\n",
			stdout);
}

enum { OPTION_JSON = 256, OPTION_TIMEOUT };

static const struct option long_options[] = {
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int handle_option(void *user, int option) {
	struct options *options = user;
	uint64_t number = 0;
	switch (option) {
	case OPTION_JSON:
		options->json = true;
		return 0;
	case OPTION_TIMEOUT:
		if (oriel_parse_number(optarg, MAX_TIMEOUT_S, &number) < 0 || number == 0) {
			return arguments_fail(command, NULL,
					"--timeout needs a number of seconds from 1 to 3600");
		}
		options->timeout_s = (uint32_t)number;
		return 0;
	default: // 'h'
		options->help = true;
		return 0;
	}
}

static const struct arguments_syntax syntax = {
	.command = command,
	.short_options = ":h",
	.long_options = long_options,
	.handle_option = handle_option,
};

static int parse(int argc, char **argv, struct options *ret) {
	struct options options = { .timeout_s = DEFAULT_TIMEOUT_S };
	int err = arguments_parse(&syntax, argc, argv, &options);
	if (err < 0) {
		return err;
	}
	if (optind < argc) {
		return arguments_fail(command, argv[optind], "not an option");
	}
	if (options.json && !options.help && !json_is_built()) {
		fputs("oriel doctor: --json: built without json-c, so it cannot write JSON\n",
				stderr);
		return -EOPNOTSUPP;
	}
	*ret = options;
	return 0;
}

/** Run all checks. What is found is printed at once, if it is for people. */
static void run_checks(struct doctor *doctor, const struct report_style *style) {
	static void (*const checks[])(struct doctor * doctor) = {
		check_host,
		check_kvm,
		check_udmabuf,
		check_render_nodes,
		check_egl,
		check_virglrenderer,
		check_vulkan,
		check_programs,
		check_qemu,
		check_libvirt,
		summarize,
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(checks); i++) {
		checks[i](doctor);
		if (style != NULL) {
			report_print(&doctor->report, style);
		}
	}
}

static void print_verdict(const struct doctor *doctor, bool can_run, FILE *out) {
	if (doctor->report.n_dropped > 0) {
		fprintf(out, "\n%zu more rows are left out.\n", doctor->report.n_dropped);
	}
	if (!can_run) {
		fputs("\nOriel cannot run here.\n", out);
	} else if (doctor->found.virgl == REPORT_OFF) {
		fputs("\nOriel can run here, without 3D.\n", out);
	} else {
		fputs("\nOriel can run here.\n", out);
	}
}

static int report_all(struct doctor *doctor, const struct options *options) {
	struct report_style style;
	report_style_init(&style, stdout);
	run_checks(doctor, options->json ? NULL : &style);
	bool can_run = doctor->found.has_memfd && doctor->found.has_program;
	int err = 0;
	if (options->json) {
		err = json_write_report(&doctor->report, SECTION_SUMMARY, can_run, stdout);
	} else {
		print_verdict(doctor, can_run, stdout);
	}
	if (err == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		err = -EIO;
	}
	if (err < 0) {
		fprintf(stderr, "oriel doctor: standard output: %s\n", strerror(-err));
	}
	return err == 0 && can_run ? STATUS_OK : STATUS_FAILED;
}

int run_doctor(int argc, char **argv) {
	struct options options = { 0 };
	if (parse(argc, argv, &options) < 0) {
		return STATUS_USAGE;
	}
	if (options.help) {
		print_help();
		return STATUS_OK;
	}
	signal(SIGCHLD, SIG_DFL); // or how children end could not be told
	struct doctor *doctor = calloc(1, sizeof(*doctor));
	if (doctor == NULL) {
		fprintf(stderr, "oriel doctor: %s\n", strerror(ENOMEM));
		return STATUS_FAILED;
	}
	doctor->timeout_ms = options.timeout_s * 1000;
	int status = report_all(doctor, &options);
	free(doctor);
	return status;
}
