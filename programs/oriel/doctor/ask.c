// SPDX-License-Identifier: MIT
/* What all checks of doctor.h share: asking in a child, opening libraries there, finding programs.
 */
#include "oriel/doctor/doctor.h"

#include "base/error.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** How it ended and where, and if it ended by itself, the last that it said. */
static void describe_failure(struct answer *answer) {
	char how[64];
	probe_describe(&answer->result, how, sizeof(how));
	const char *step = facts_get(&answer->facts, "step");
	const char *remark = answer->result.end == PROBE_EXITED ? answer->facts.remark : NULL;
	snprintf(answer->failure, sizeof(answer->failure), "%s%s%s%s%.200s", how,
			step != NULL ? " in " : "", step != NULL ? step : "",
			remark != NULL ? ": " : "", remark != NULL ? remark : "");
}

static void ask(const struct doctor *doctor, probe_fn fn, const void *arg, bool is_raw,
		struct answer *ret) {
	*ret = (struct answer){ 0 };
	int err = probe_run(fn, arg, doctor->timeout_ms, &ret->result);
	if (err < 0) {
		ret->result = (struct probe_result){ .code = 1 };
		snprintf(ret->failure, sizeof(ret->failure), "could not be tried: %s",
				strerror(-err));
		return;
	}
	bool is_clean = probe_is_clean(&ret->result);
	if (!is_raw || !is_clean) {
		facts_read(&ret->facts, ret->result.text);
	}
	if (!is_clean) {
		describe_failure(ret);
	}
}

void doctor_ask(const struct doctor *doctor, probe_fn fn, const void *arg, struct answer *ret) {
	ask(doctor, fn, arg, false, ret);
}

void doctor_ask_program(const struct doctor *doctor, char *const *argv, bool is_raw,
		struct answer *ret) {
	ask(doctor, probe_exec, argv, is_raw, ret);
}

void answer_finish(struct answer *answer) {
	probe_finish(&answer->result);
	answer->facts = (struct facts){ 0 };
}

void doctor_advise_package(const struct doctor *doctor, struct report_row *row,
		const char *package) {
	if (doctor->is_debian) {
		report_advise(row, "sudo apt install %s", package);
	} else {
		report_advise(row, "install what Debian calls %s", package);
	}
}

void *probe_open_library(FILE *out, const char *name) {
	fact_write_step(out, "dlopen");
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		// The loader names the file that it did not find: this one, or one that this one
		// needs.
		const char *error = dlerror();
		size_t len = strlen(name);
		if (error == NULL || (strncmp(error, name, len) == 0 && error[len] == ':' &&
						     strstr(error, "No such file") != NULL)) {
			fprintf(out, "no_library=%s is not installed\n", name);
		} else {
			fprintf(out, "no_library=%s cannot be loaded: %s\n", name, error);
		}
	}
	return library;
}

probe_symbol probe_get_symbol(FILE *out, void *library, const char *name) {
	union {
		void *object;
		probe_symbol function;
	} symbol = { .object = dlsym(library, name) }; // as POSIX has it; C knows no such cast
	if (symbol.object == NULL) {
		fprintf(out, "no_library=the library lacks %s\n", name);
	}
	return symbol.function;
}

bool doctor_is_software(const char *renderer) {
	static const char *const names[] = { "llvmpipe", "softpipe", "swrast",
		"Software Rasterizer", "SwiftShader" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(names); i++) {
		if (strcasestr(renderer, names[i]) != NULL) {
			return true;
		}
	}
	return false;
}

int doctor_find_program(const char *name, char ret[PATH_MAX]) {
	char self[PATH_MAX] = "";
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0) {
		char *slash = strrchr(self, '/');
		*(slash != NULL ? slash : self) = '\0';
	}
	const struct {
		const char *folder, *between, *sub_folder;
	} places[] = {
		{ self, "/", "" },
		{ self, "/../", name }, // a build tree has a folder for each program
		{ ORIEL_BINDIR, "/", "" },
		{ ORIEL_LIBEXECDIR, "/", "" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(places); i++) {
		char path[PATH_MAX];
		int len = snprintf(path, sizeof(path), "%s%s%s/%s", places[i].folder,
				places[i].between, places[i].sub_folder, name);
		char real[PATH_MAX];
		if (len > 0 && (size_t)len < sizeof(path) && access(path, X_OK) == 0 &&
				realpath(path, real) != NULL) {
			memcpy(ret, real, sizeof(real));
			return 0;
		}
	}
	return -ENOENT;
}
