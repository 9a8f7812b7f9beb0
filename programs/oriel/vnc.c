// SPDX-License-Identifier: MIT
/*
 * `oriel vnc`: executes oriel-vnc, which is a program of its own: it faces the network, and is
 * linked with a library under the GPL.
 */
#include "oriel/command.h"

#include "base/compiler.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
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

int run_vnc(int argc, char **argv) {
	char folder[PATH_MAX];
	char path[PATH_MAX + 32];
	static char name[] = "oriel-vnc";
	(void)argc;
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
