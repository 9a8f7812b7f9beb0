// SPDX-License-Identifier: MIT
/*
 * The check of EGL: its devices, and whether each draws without a window.
 *
 * Each device has a child of its own, so that a driver that crashes hides no other one. Nothing of
 * EGL is needed to build this: its few types and numbers are written down here.
 */
#include "oriel/doctor/doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libEGL.so.1"

#define EGL_FALSE 0
#define EGL_OPENGL_ES2_BIT 0x0004
#define EGL_OPENGL_BIT 0x0008
#define EGL_SURFACE_TYPE 0x3033
#define EGL_NONE 0x3038
#define EGL_RENDERABLE_TYPE 0x3040
#define EGL_VENDOR 0x3053
#define EGL_VERSION 0x3054
#define EGL_EXTENSIONS 0x3055
#define EGL_CONTEXT_CLIENT_VERSION 0x3098
#define EGL_OPENGL_ES_API 0x30A0
#define EGL_OPENGL_API 0x30A2
#define EGL_PLATFORM_DEVICE_EXT 0x313F
#define EGL_DRM_RENDER_NODE_FILE_EXT 0x3377
#define GL_VENDOR 0x1F00
#define GL_RENDERER 0x1F01
#define GL_VERSION 0x1F02

struct egl {
	void *(*get_proc_address)(const char *name);
	const char *(*query_string)(void *display, int32_t name);
	int32_t (*get_error)(void);
	unsigned int (*initialize)(void *display, int32_t *major, int32_t *minor);
	unsigned int (*bind_api)(unsigned int api);
	unsigned int (*choose_config)(void *display, const int32_t *attributes, void **configs,
			int32_t size, int32_t *n);
	void *(*create_context)(void *display, void *config, void *share,
			const int32_t *attributes);
	unsigned int (*make_current)(void *display, void *draw, void *read, void *context);

	// Extensions.
	unsigned int (*query_devices)(int32_t max, void **devices, int32_t *n);
	const char *(*query_device_string)(void *device, int32_t name);
	void *(*get_platform_display)(unsigned int platform, void *native,
			const int32_t *attributes);
};

static bool has_word(const char *words, const char *word) {
	size_t len = strlen(word);
	for (const char *at = words != NULL ? strstr(words, word) : NULL; at != NULL;
			at = strstr(at + len, word)) {
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0')) {
			return true;
		}
	}
	return false;
}

/** Fill *function, whose type the caller knows. Returns whether it is there. */
static bool get_core(FILE *out, void *library, const char *name, void *function) {
	probe_symbol symbol = probe_get_symbol(out, library, name);
	memcpy(function, &symbol, sizeof(symbol));
	return symbol != NULL;
}

static bool get_extension(const struct egl *egl, const char *name, void *function) {
	void *symbol = egl->get_proc_address(name);
	memcpy(function, &symbol, sizeof(symbol));
	return symbol != NULL;
}

/** Returns false, having said why, if this machine has no EGL of which devices can be asked. */
static bool egl_open(FILE *out, struct egl *egl) {
	void *library = probe_open_library(out, LIBRARY);
	if (library == NULL ||
			!get_core(out, library, "eglGetProcAddress", &egl->get_proc_address) ||
			!get_core(out, library, "eglQueryString", &egl->query_string) ||
			!get_core(out, library, "eglGetError", &egl->get_error) ||
			!get_core(out, library, "eglInitialize", &egl->initialize) ||
			!get_core(out, library, "eglBindAPI", &egl->bind_api) ||
			!get_core(out, library, "eglChooseConfig", &egl->choose_config) ||
			!get_core(out, library, "eglCreateContext", &egl->create_context) ||
			!get_core(out, library, "eglMakeCurrent", &egl->make_current)) {
		return false;
	}
	fact_write_step(out, "eglQueryString");
	const char *extensions = egl->query_string(NULL, EGL_EXTENSIONS);
	if (!get_extension(egl, "eglQueryDevicesEXT", &egl->query_devices) ||
			!get_extension(egl, "eglQueryDeviceStringEXT", &egl->query_device_string) ||
			!get_extension(egl, "eglGetPlatformDisplayEXT",
					&egl->get_platform_display) ||
			!has_word(extensions, "EGL_EXT_platform_device")) {
		fact_write(out, "no_library", LIBRARY " cannot be asked for devices");
		return false;
	}
	return true;
}

static int32_t query_devices(FILE *out, const struct egl *egl, void *devices[DOCTOR_MAX_DEVICES]) {
	int32_t n = 0;
	fact_write_step(out, "eglQueryDevicesEXT");
	if (egl->query_devices(DOCTOR_MAX_DEVICES, devices, &n) == EGL_FALSE || n < 0) {
		n = 0;
	}
	return n < (int32_t)DOCTOR_MAX_DEVICES ? n : (int32_t)DOCTOR_MAX_DEVICES;
}

static int try_egl(FILE *out, const void *arg) {
	(void)arg;
	fact_write_number(out, "nvidia", access("/dev/nvidiactl", F_OK) == 0);
	struct egl egl;
	void *devices[DOCTOR_MAX_DEVICES];
	if (egl_open(out, &egl)) {
		fact_write_number(out, "devices", query_devices(out, &egl, devices));
	}
	return 0;
}

/** What went wrong, with EGL's number for it. */
static int fail(FILE *out, const struct egl *egl, const char *what) {
	fprintf(out, "error=%s fails (0x%" PRIx32 ")\n", what, (uint32_t)egl->get_error());
	return 0;
}

/** A context of one API, current, without a surface. */
static bool make_context(FILE *out, const struct egl *egl, void *display, unsigned int api) {
	bool is_es = api == EGL_OPENGL_ES_API;
	fact_write_step(out, is_es ? "eglCreateContext of OpenGL ES" : "eglCreateContext");
	if (egl->bind_api(api) == EGL_FALSE) {
		return false;
	}
	const int32_t wanted[] = { EGL_SURFACE_TYPE, 0, EGL_RENDERABLE_TYPE,
		is_es ? EGL_OPENGL_ES2_BIT : EGL_OPENGL_BIT, EGL_NONE };
	void *config = NULL;
	int32_t n = 0;
	if (egl->choose_config(display, wanted, &config, 1, &n) == EGL_FALSE || n < 1) {
		config = NULL; // which stands for none, where EGL_KHR_no_config_context is
	}
	const int32_t es2[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	void *context = egl->create_context(display, config, NULL, is_es ? es2 : NULL);
	if (context == NULL) {
		return false;
	}
	fact_write_step(out, "eglMakeCurrent");
	return egl->make_current(display, NULL, NULL, context) != EGL_FALSE;
}

static int try_gl(FILE *out, const struct egl *egl) {
	const uint8_t *(*get_string)(unsigned int name) = NULL;
	fact_write_step(out, "glGetString");
	if (!get_extension(egl, "glGetString", &get_string)) {
		return fail(out, egl, "eglGetProcAddress of glGetString");
	}
	fact_write(out, "gl_vendor", (const char *)get_string(GL_VENDOR));
	fact_write(out, "renderer", (const char *)get_string(GL_RENDERER));
	fact_write(out, "gl", (const char *)get_string(GL_VERSION));
	return 0;
}

static int try_egl_device(FILE *out, const void *arg) {
	struct egl egl;
	void *devices[DOCTOR_MAX_DEVICES];
	int32_t index = *(const int32_t *)arg;
	if (!egl_open(out, &egl) || query_devices(out, &egl, devices) <= index) {
		return 1;
	}
	fact_write_step(out, "eglQueryDeviceStringEXT");
	const char *extensions = egl.query_device_string(devices[index], EGL_EXTENSIONS);
	fact_write_number(out, "software", has_word(extensions, "EGL_MESA_device_software"));
	if (has_word(extensions, "EGL_EXT_device_drm_render_node")) {
		fact_write(out, "node",
				egl.query_device_string(devices[index],
						EGL_DRM_RENDER_NODE_FILE_EXT));
	}
	fact_write_step(out, "eglGetPlatformDisplayEXT");
	void *display = egl.get_platform_display(EGL_PLATFORM_DEVICE_EXT, devices[index], NULL);
	if (display == NULL) {
		return fail(out, &egl, "eglGetPlatformDisplayEXT");
	}
	fact_write_step(out, "eglInitialize");
	int32_t major = 0, minor = 0;
	if (egl.initialize(display, &major, &minor) == EGL_FALSE) {
		return fail(out, &egl, "eglInitialize");
	}
	fact_write(out, "vendor", egl.query_string(display, EGL_VENDOR));
	fact_write(out, "egl", egl.query_string(display, EGL_VERSION));
	extensions = egl.query_string(display, EGL_EXTENSIONS);
	fact_write_number(out, "dmabuf_export",
			has_word(extensions, "EGL_MESA_image_dma_buf_export"));
	if (!has_word(extensions, "EGL_KHR_surfaceless_context")) {
		fact_write(out, "error",
				"draws into windows only (no EGL_KHR_surfaceless_context)");
		return 0;
	}
	if (!make_context(out, &egl, display, EGL_OPENGL_API) &&
			!make_context(out, &egl, display, EGL_OPENGL_ES_API)) {
		return fail(out, &egl, "making an OpenGL context current");
	}
	return try_gl(out, &egl);
}

/** OpenGL's version string, which for OpenGL ES says so itself. */
static void describe_device(struct report_row *row, const struct facts *facts, bool is_software) {
	const char *gl = facts_get(facts, "gl");
	const char *node = facts_get(facts, "node");
	bool is_es = gl != NULL && strncmp(gl, "OpenGL ES", 9) == 0;
	report_set(row, is_software ? REPORT_DEGRADED : REPORT_ON, "%.100s%s; %s%.80s; %s%.60s; %s",
			facts_get(facts, "renderer"), is_software ? ", in software" : "",
			is_es ? "" : "OpenGL ", gl != NULL ? gl : "of no version",
			node != NULL ? "" : "no render node", node != NULL ? node : "",
			facts_is_true(facts, "dmabuf_export") ? "exports dma-bufs"
							      : "no dma-buf export");
}

void judge_egl_device(struct doctor *doctor, uint32_t index, const struct answer *answer) {
	const struct facts *facts = &answer->facts;
	const char *renderer = facts_get(facts, "renderer");
	bool is_software = facts_is_true(facts, "software") ||
			   (renderer != NULL && doctor_is_software(renderer));
	char name[16];
	snprintf(name, sizeof(name), "egl:%" PRIu32, index);
	struct report_row *row = report_add(&doctor->report, SECTION_GRAPHICS, name,
			is_software ? "3D without a GPU" : "3D on this GPU");
	const char *error = facts_get(facts, "error");
	if (answer->failure[0] != '\0') {
		report_set(row, REPORT_OFF, "the driver %s", answer->failure);
		report_advise(row, "another version of the driver may do better; oriel-gpu can be "
				   "told to "
				   "take another device: --renderer");
	} else if (error != NULL) {
		report_set(row, REPORT_OFF, "%.100s%s%.180s", error,
				facts->remark != NULL ? ": " : "",
				facts->remark != NULL ? facts->remark : "");
	} else if (renderer == NULL) {
		report_set(row, REPORT_OFF, "OpenGL does not say what it draws with");
	} else {
		describe_device(row, facts, is_software);
		if (!is_software && !doctor->found.has_gpu) {
			doctor->found.has_gpu = true;
			doctor->found.gpu = index;
		}
	}
}

/** Returns whether the device is one of NVIDIA's driver. */
static bool check_egl_device(struct doctor *doctor, int32_t index) {
	struct answer answer;
	doctor_ask(doctor, try_egl_device, &index, &answer);
	judge_egl_device(doctor, (uint32_t)index, &answer);
	const char *vendor = facts_get(&answer.facts, "vendor");
	bool is_nvidia = vendor != NULL && strstr(vendor, "NVIDIA") != NULL;
	answer_finish(&answer);
	return is_nvidia;
}

static uint64_t judge_egl(const struct doctor *doctor, struct report_row *row,
		const struct answer *answer) {
	const char *no_library = facts_get(&answer->facts, "no_library");
	uint64_t n = 0;
	if (answer->failure[0] != '\0') {
		report_set(row, REPORT_OFF, "EGL %s", answer->failure);
	} else if (no_library != NULL) {
		report_set(row, REPORT_OFF, "%s", no_library);
		doctor_advise_package(doctor, row, "libegl1");
	} else if (facts_get_number(&answer->facts, "devices", DOCTOR_MAX_DEVICES, &n) < 0 ||
			n == 0) {
		report_set(row, REPORT_OFF, LIBRARY " knows no device");
		doctor_advise_package(doctor, row, "libegl-mesa0 (or your GPU vendor's EGL)");
	} else {
		report_set(row, REPORT_ON, "%" PRIu64 " device%s", n, n == 1 ? "" : "s");
	}
	return n;
}

void check_egl(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_GRAPHICS, "EGL",
			"3D, on a GPU or in software");
	struct answer answer;
	doctor_ask(doctor, try_egl, NULL, &answer);
	uint64_t n = judge_egl(doctor, row, &answer);
	bool has_nvidia = false;
	for (int32_t i = 0; i < (int32_t)n; i++) {
		has_nvidia = check_egl_device(doctor, i) || has_nvidia;
	}
	if (facts_is_true(&answer.facts, "nvidia") && !has_nvidia && answer.failure[0] == '\0') {
		report_set(row, n > 0 ? REPORT_DEGRADED : REPORT_OFF,
				"NVIDIA's driver is loaded, but EGL does not know its GPUs");
		report_advise(row,
				"install the EGL part of that driver (Debian: libegl-nvidia0); a "
				"container needs NVIDIA_DRIVER_CAPABILITIES=graphics,utility");
	}
	answer_finish(&answer);
}
