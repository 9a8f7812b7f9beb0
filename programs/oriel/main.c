// SPDX-License-Identifier: MIT
/* `oriel`: what a person types. One table of sub-commands, and nothing else. */
#include "oriel/command.h"

#include "base/compiler.h"
#include "common/typed.h"

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "doctor", "say what works on this machine, what does not, and why", run_doctor },
	{ "key", "press keys of a virtual machine's keyboard", run_key },
	{ "pointer", "move a virtual machine's pointer, click and scroll", run_pointer },
	{ "run", "start a virtual machine whose screen is in a browser", run_run },
	{ "shot", "write a picture of a virtual machine's screen", run_shot },
	{ "size", "give a virtual machine's screen another size", run_size },
	{ "status", "say what a running oriel-gpu does", run_status },
	{ "type", "type a text on a virtual machine's keyboard", run_type },
	{ "vnc", "show a virtual machine's screen to VNC viewers and browsers", run_vnc },
};

static void print_help(FILE *out) {
	fputs("usage: oriel SUB-COMMAND [OPTION]...\n"
	      "       oriel --help | --version\n"
	      "\n",
			out);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(commands); i++) {
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	}
	fputs("\n'oriel SUB-COMMAND --help' says more.\n", out);
}

int main(int argc, char **argv) {
	if (argc < 2) {
		fputs("oriel: a sub-command is needed; 'oriel --help' lists them\n", stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return STATUS_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("oriel " ORIEL_VERSION);
		return STATUS_OK;
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	char typed[TYPED_SIZE];
	fprintf(stderr, "oriel: no sub-command '%s'; 'oriel --help' lists them\n",
			typed_copy(argv[1], typed));
	return STATUS_USAGE;
}
