// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target over files, without libFuzzer: for compilers that lack it, and for tests.
 *
 * usage: replay_NAME FILE-OR-DIRECTORY…
 *
 * A target reports a defect by abort(), so whoever gets to the end has found none. A run without
 * any input is a failure: it would look at nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool report(const char *path) {
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return false;
}

static bool run_bytes(FILE *file, size_t size, const char *path) {
	// Exactly as large as the input, so that AddressSanitizer sees a byte read too many.
	uint8_t *data = malloc(size);
	if (data == NULL && size > 0) {
		return report(path);
	}
	bool is_whole = fread(data, 1, size, file) == size;
	if (is_whole) {
		LLVMFuzzerTestOneInput(data, size);
	} else {
		fprintf(stderr, "%s: it changed while it was read\n", path);
	}
	free(data);
	return is_whole;
}

static bool run_file(const char *path, size_t size) {
	FILE *file = fopen(path, "rbe");
	if (file == NULL) {
		return report(path);
	}
	// Before the run: after a crash the last line names the input.
	printf("%s: %zu bytes\n", path, size);
	fflush(stdout);
	bool is_good = run_bytes(file, size, path);
	fclose(file);
	return is_good;
}

static bool run_path(const char *path, size_t *n_inputs);

static bool run_directory(const char *path, size_t *n_inputs) {
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	if (n < 0) {
		return report(path);
	}
	bool is_good = true;
	for (int i = 0; i < n; i++) {
		char *inner = NULL;
		if (entries[i]->d_name[0] != '.' && is_good) {
			is_good = asprintf(&inner, "%s/%s", path, entries[i]->d_name) >= 0;
			is_good = is_good && run_path(inner, n_inputs);
			free(inner);
		}
		free(entries[i]);
	}
	free(entries);
	return is_good;
}

static bool run_path(const char *path, size_t *n_inputs) {
	struct stat st;
	if (stat(path, &st) < 0) {
		return report(path);
	}
	if (S_ISDIR(st.st_mode)) {
		return run_directory(path, n_inputs);
	}
	++*n_inputs;
	return run_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv) {
	size_t n_inputs = 0;
	for (int i = 1; i < argc; i++) {
		if (!run_path(argv[i], &n_inputs)) {
			return 1;
		}
	}
	printf("%zu inputs\n", n_inputs);
	return n_inputs > 0 ? 0 : 1;
}
