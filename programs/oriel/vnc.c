// SPDX-License-Identifier: MIT
/*
 * `oriel vnc`: executes oriel-vnc, which is a program of its own: it faces the network, and is
 * linked with a library under the GPL.
 */
#include "oriel/command.h"

#include "base/compiler.h"
#include "common/arguments.h"
#include "common/typed.h"
#include "oriel/place.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Where it is, from this program's folder: installed, or in a build folder. */
static const char *const places[] = { "oriel-vnc", "../oriel-vnc/oriel-vnc" };

/** This program's folder, with the slash behind it. "" if it is not known. */
static void find_folder(char folder[PATH_MAX]) {
	ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
	folder[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(folder, '/');
	folder[slash != NULL ? slash + 1 - folder : 0] = '\0';
}

/** Whether the command line says which socket, or asks for something that needs none. */
static bool needs_no_socket(int argc, char **argv) {
	static const char *const words[] = { "-h", "--help", "--version" };
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "-s", 2) == 0 || strncmp(argv[i], "--s", 3) == 0) {
			return true;
		}
		for (size_t k = 0; k < ORIEL_ARRAY_LEN(words); k++) {
			if (strcmp(argv[i], words[k]) == 0) {
				return true;
			}
		}
	}
	return false;
}

/** What --name, which may be shortened, says; NULL: it is not there. */
static const char *find_name(int argc, char **argv) {
	static const char option[] = "--name";
	for (int i = 1; i < argc; i++) {
		const size_t size = strcspn(argv[i], "=");
		if (size < strlen("--na") || size >= sizeof(option) ||
				strncmp(argv[i], option, size) != 0) {
			continue;
		}
		return argv[i][size] == '=' ? argv[i] + size + 1 : argv[i + 1];
	}
	return NULL;
}

/**
 * Put "--socket=PATH" of the machine that is called name, or of the only one, before the options.
 * Returns NULL after saying why not.
 */
static char **add_socket(int argc, char **argv, const char *name) {
	static char option[PATH_MAX + 16];
	struct place_path path;
	const struct place_wanted wanted = { .name = name };
	if (place_find_socket("oriel vnc", &wanted, "display.sock", &path) < 0) {
		return NULL;
	}
	char **longer = calloc((size_t)argc + 2, sizeof(*longer));
	if (longer == NULL) {
		fprintf(stderr, "oriel vnc: %s\n", strerror(errno));
		return NULL;
	}
	snprintf(option, sizeof(option), "--socket=%s", path.text);
	longer[0] = argv[0];
	longer[1] = option;
	memcpy(&longer[2], &argv[1], (size_t)(argc - 1) * sizeof(*argv));
	return longer;
}

int run_vnc(int argc, char **argv) {
	char folder[PATH_MAX];
	char path[PATH_MAX + 32];
	static char name[] = "oriel-vnc";
	if (!needs_no_socket(argc, argv)) {
		const char *machine = find_name(argc, argv);
		if (machine != NULL && !place_is_name(machine)) {
			char typed[TYPED_SIZE], what[TYPED_SIZE + 64];
			snprintf(what, sizeof(what), "'%s' is not the name of a machine",
					typed_copy(machine, typed));
			(void)arguments_fail("oriel vnc", "--name", what);
			return STATUS_USAGE;
		}
		argv = add_socket(argc, argv, machine);
		if (argv == NULL) {
			return STATUS_FAILED;
		}
	}
	argv[0] = name;
	find_folder(folder);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(places); i++) {
		snprintf(path, sizeof(path), "%s%s", folder, places[i]);
		if (folder[0] != '\0' && access(path, X_OK) == 0) {
			execv(path, argv);
		}
	}
	execvp(name, argv);
	fprintf(stderr, "oriel vnc: cannot execute oriel-vnc: %s\n", strerror(errno));
	return STATUS_FAILED;
}
