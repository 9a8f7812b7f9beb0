// SPDX-License-Identifier: MIT
/*
 * Checks of Oriel's own programs, and of virglrenderer.
 *
 * What 3D there is, only oriel-render can say: it is the one that links virglrenderer. It is asked
 * with `oriel-render --probe`, which prints lines "key=value" on standard output. Other lines are
 * taken for remarks, unknown keys are skipped, and all but the capsets may be missing:
 *
 *   virglrenderer=0.10.4                     the library's version
 *   egl=0                                    the EGL device taken, as --renderer=egl:N has it
 *   renderer=llvmpipe (LLVM 15.0.6, 256 bits)  GL_RENDERER
 *   gl=4.5 (Core Profile) Mesa 22.3.6        GL_VERSION
 *   software=1                               1 if it draws with the processor, else 0
 *   capset=1 version=1 size=308              one line for each capset
 *   dmabuf_export=0                          1 if scanouts can be exported as dma-bufs, else 0
 *   error=no EGL device works                one sentence: why there is no 3D
 *
 * Its exit status is 0 if there is 3D. It is judged as it deserves: it runs drivers.
 */
#include "oriel/doctor/doctor.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY "libvirglrenderer.so.1"

/** Larger ones are lies; those of today have less than 2 KiB. */
#define MAX_CAPSET_BYTES 65536u

/** The file that the library was loaded from: its name has the only version number there is. */
static void write_file_name(FILE *out, probe_symbol symbol) {
	union {
		probe_symbol function;
		void *object;
	} address = { .function = symbol };
	Dl_info info;
	char real[PATH_MAX];
	if (symbol != NULL && dladdr(address.object, &info) != 0 && info.dli_fname != NULL &&
			realpath(info.dli_fname, real) != NULL) {
		const char *slash = strrchr(real, '/');
		fact_write(out, "file", slash != NULL ? slash + 1 : real);
	}
}

static int try_virglrenderer(FILE *out, const void *arg) {
	(void)arg;
	void *library = probe_open_library(out, LIBRARY);
	if (library == NULL) {
		return 0;
	}
	// The library has no function that says its version, but each series brought new functions.
	const char *series = "0.10";
	if (dlsym(library, "virgl_renderer_resource_map_fixed") != NULL) {
		series = "newer than 1.1";
	} else if (dlsym(library, "virgl_set_log_callback") != NULL) {
		series = "1.0 or 1.1";
	}
	fact_write(out, "series", series);
	write_file_name(out, probe_get_symbol(out, library, "virgl_renderer_init"));
	return 0;
}

void check_virglrenderer(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_GRAPHICS, "virglrenderer",
			"3D: it draws what a guest's OpenGL commands say");
	struct answer answer;
	doctor_ask(doctor, try_virglrenderer, NULL, &answer);
	const char *no_library = facts_get(&answer.facts, "no_library");
	const char *series = facts_get(&answer.facts, "series");
	const char *file = facts_get(&answer.facts, "file");
	if (answer.failure[0] != '\0') {
		report_set(row, REPORT_OFF, "loading it %s", answer.failure);
	} else if (no_library != NULL || series == NULL) {
		report_set(row, REPORT_OFF, "%s", no_library != NULL ? no_library : "no answer");
		doctor_advise_package(doctor, row, "libvirglrenderer1");
	} else {
		report_set(row, REPORT_ON, "%s (%.100s)", series, file != NULL ? file : LIBRARY);
	}
	answer_finish(&answer);
}

static const char *capset_name(unsigned int id) {
	static const char *const names[] = { NULL, "VIRGL", "VIRGL2", "GFXSTREAM", "VENUS",
		"CROSS_DOMAIN", "DRM" };
	return id < ORIEL_ARRAY_LEN(names) ? names[id] : NULL;
}

/** The names of the capsets, in text. Returns whether one for virgl is among them. */
static bool read_capsets(const struct facts *facts, char *text, size_t size) {
	bool has_virgl = false;
	size_t i = 0;
	for (const char *line = facts_next(facts, "capset", &i); line != NULL;
			line = facts_next(facts, "capset", &i)) {
		unsigned int id = 0, version = 0, bytes = 0;
		if (sscanf(line, "%5u version=%5u size=%9u", &id, &version, &bytes) != 3 ||
				capset_name(id) == NULL || bytes == 0 || bytes > MAX_CAPSET_BYTES) {
			continue; // an empty one makes guests draw by themselves, without a word
		}
		size_t len = strlen(text);
		snprintf(text + len, size - len, "%s%s %u", len > 0 ? ", " : "", capset_name(id),
				version);
		has_virgl = has_virgl || id == 1 || id == 2;
	}
	return has_virgl;
}

/** oriel-render is there and says that it draws. */
static void judge_drawing(struct doctor *doctor, struct report_row *row, const struct facts *facts,
		const char *capsets) {
	struct findings *found = &doctor->found;
	const char *renderer = facts_get(facts, "renderer");
	const char *version = facts_get(facts, "virglrenderer");
	snprintf(found->renderer, sizeof(found->renderer), "%.120s",
			renderer != NULL ? renderer : "a renderer without a name");
	bool is_software = facts_is_true(facts, "software") || doctor_is_software(found->renderer);
	found->virgl = is_software ? REPORT_DEGRADED : REPORT_ON;
	found->has_dmabuf_export = !is_software && facts_is_true(facts, "dmabuf_export");
	report_set(row, found->virgl, "%s%s; virglrenderer %.20s; capsets %s", found->renderer,
			is_software ? ", in software" : "",
			version != NULL ? version : "of some version", capsets);
	if (is_software && found->has_gpu) {
		report_advise(row, "EGL knows a GPU: oriel-gpu --renderer=egl:%" PRIu32,
				found->gpu);
	}
}

void judge_renderer(struct doctor *doctor, const struct answer *answer) {
	const struct facts *facts = &answer->facts;
	struct report_row *row = report_add(&doctor->report, SECTION_PROGRAMS, "oriel-render",
			"3D: it draws, in a process that may crash");
	char capsets[160] = "";
	const char *error = facts_get(facts, "error");
	doctor->found.has_renderer = true;
	if (answer->result.end == PROBE_EXITED && error != NULL) {
		report_set(row, REPORT_OFF, "%s", error);
	} else if (answer->failure[0] != '\0') {
		report_set(row, REPORT_OFF, "it %s", answer->failure);
	} else if (!read_capsets(facts, capsets, sizeof(capsets))) {
		report_set(row, REPORT_OFF, "it has no virgl capset to offer");
	} else {
		judge_drawing(doctor, row, facts, capsets);
		return;
	}
	report_advise(row, "see the rows of section " SECTION_GRAPHICS
			   "; if they are fine, report this");
	snprintf(doctor->found.no_virgl, sizeof(doctor->found.no_virgl), "oriel-render: %.300s",
			row->found);
}

static void check_device(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_PROGRAMS, "oriel-gpu",
			"everything: it is the GPU");
	char path[PATH_MAX];
	if (doctor_find_program("oriel-gpu", path) < 0) {
		report_set(row, REPORT_OFF, "oriel-gpu is not installed");
		report_advise(row, "install it where this program is, or in " ORIEL_BINDIR);
		return;
	}
	struct answer answer;
	doctor_ask_program(doctor, (char *[]){ path, "--version", NULL }, true, &answer);
	char version[32] = "";
	if (answer.failure[0] != '\0') {
		report_set(row, REPORT_OFF, "%.150s %s", path, answer.failure);
	} else if (sscanf(answer.result.text, "oriel-gpu %31s", version) != 1) {
		report_set(row, REPORT_OFF, "%.250s is something else", path);
	} else if (strcmp(version, ORIEL_VERSION) != 0) {
		report_set(row, REPORT_DEGRADED,
				"%.200s is of version %s, and this is " ORIEL_VERSION, path,
				version);
		report_advise(row, "install both from the same release");
		doctor->found.has_program = true;
	} else {
		report_set(row, REPORT_ON, "%s, %.250s", version, path);
		doctor->found.has_program = true;
	}
	answer_finish(&answer);
}

void check_programs(struct doctor *doctor) {
	check_device(doctor);
	char path[PATH_MAX];
	if (doctor_find_program("oriel-render", path) < 0) {
		struct report_row *row = report_add(&doctor->report, SECTION_PROGRAMS,
				"oriel-render", "3D: it draws, in a process that may crash");
		report_set(row, REPORT_OFF, "oriel-render is not installed");
		report_advise(row, "build Oriel where virglrenderer's headers are, and install it "
				   "beside "
				   "oriel-gpu");
		snprintf(doctor->found.no_virgl, sizeof(doctor->found.no_virgl), "%s", row->found);
		return;
	}
	struct answer answer;
	doctor_ask_program(doctor, (char *[]){ path, "--probe", NULL }, false, &answer);
	judge_renderer(doctor, &answer);
	answer_finish(&answer);
}
