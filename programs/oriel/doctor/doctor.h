// SPDX-License-Identifier: MIT
/*
 * The checks of `oriel doctor`.
 *
 * A check asks questions in a child process (probe.h), which answers in facts (facts.h), and makes
 * rows of them (report.h). Asking and judging are apart, so that what is said about a machine can
 * be tested without having it. What other checks, and the summary, need to know is in the findings.
 */
#ifndef ORIEL_PROGRAM_DOCTOR_H
#define ORIEL_PROGRAM_DOCTOR_H

#include "oriel/doctor/facts.h"
#include "oriel/doctor/probe.h"
#include "oriel/doctor/report.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/** EGL devices and Vulkan devices beyond this are counted only. */
#define DOCTOR_MAX_DEVICES 16u

struct findings {
	bool has_memfd;
	enum report_state kvm;
	bool has_gpu; // EGL draws on one
	uint32_t gpu; // which of EGL's devices

	bool has_qemu;     // one that Oriel works with, here
	bool has_generic;  // it has the device that passes all features
	bool has_program;  // oriel-gpu runs
	bool has_renderer; // oriel-render is there

	enum report_state virgl;
	char renderer[128];     // the GL's name for itself
	char no_virgl[320];     // why virgl is off
	bool has_dmabuf_export; // the renderer can
};

struct doctor {
	uint32_t timeout_ms; // for each probe
	bool is_debian;
	struct report report;
	struct findings found;
};

/** What came of a question. */
struct answer {
	struct facts facts;
	struct probe_result result;
	char failure[320]; // empty if the probe ended well, else as "crashed (SIGSEGV) in
			   // vkCreateInstance"
};

/** Ask in a child. answer_finish() frees the answer; its text is split into facts unless is_raw. */
void doctor_ask(const struct doctor *doctor, probe_fn fn, const void *arg, struct answer *ret);
void doctor_ask_program(const struct doctor *doctor, char *const *argv, bool is_raw,
		struct answer *ret);
void answer_finish(struct answer *answer);

/** Advise to install a Debian package. */
void doctor_advise_package(const struct doctor *doctor, struct report_row *row,
		const char *package);

/**
 * For probes: open a library. Returns NULL after writing the fact "no_library", a sentence.
 */
void *probe_open_library(FILE *out, const char *name);

/** The function called name in library, or NULL after writing the fact "no_library". */
typedef void (*probe_symbol)(void);
probe_symbol probe_get_symbol(FILE *out, void *library, const char *name);

/** Whether a GL or Vulkan renderer's name is that of one that draws with the processor. */
bool doctor_is_software(const char *renderer);

/**
 * Find one of Oriel's other programs: beside this one, in the build tree, or where it is installed.
 * Returns 0 or -ENOENT.
 */
ORIEL_MUST_CHECK
int doctor_find_program(const char *name, char ret[PATH_MAX]);

/** The checks, in the order in which they run. */
void check_host(struct doctor *doctor);
void check_kvm(struct doctor *doctor);
void check_udmabuf(struct doctor *doctor);
void check_render_nodes(struct doctor *doctor);
void check_egl(struct doctor *doctor);
void check_vulkan(struct doctor *doctor);
void check_virglrenderer(struct doctor *doctor);
void check_programs(struct doctor *doctor);
void check_qemu(struct doctor *doctor);
void check_libvirt(struct doctor *doctor);

/** The judges, for tests: each adds its rows. */
void judge_kvm(struct doctor *doctor, const struct answer *answer);
void judge_render_nodes(struct doctor *doctor, const struct answer *answer);
void judge_egl_device(struct doctor *doctor, uint32_t index, const struct answer *answer);
void judge_vulkan(struct doctor *doctor, const struct answer *answer);
void judge_qemu(struct doctor *doctor, const char *path, const struct answer *version,
		const struct answer *devices);
void judge_renderer(struct doctor *doctor, const struct answer *answer);

/** The summary: what of Oriel works here, by the findings. */
void summarize(struct doctor *doctor);

/** Section headings. */
#define SECTION_MACHINE "Machine"
#define SECTION_GRAPHICS "Graphics"
#define SECTION_PROGRAMS "Programs"
#define SECTION_SUMMARY "Oriel on this machine"

#endif
