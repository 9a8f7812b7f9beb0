// SPDX-License-Identifier: MIT
/*
 * EGL devices: EGL_EXT_device_enumeration, EGL_EXT_platform_device, and who is who among them.
 *
 * Drivers' libraries read the environment and open files by themselves; we do neither, but to find
 * the PCI address of a device, which sysfs knows.
 */
#include "render/virgl/egl.h"

#include "base/arith.h"
#include "base/fd.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** More than any machine has. */
#define MAX_DEVICES 64

/** GL's names of strings; its headers are not needed for more. */
#define GL_RENDERER_NAME 0x1F01u
#define GL_VERSION_NAME 0x1F02u

#ifndef EGL_DRM_RENDER_NODE_FILE_EXT
#define EGL_DRM_RENDER_NODE_FILE_EXT 0x3377
#endif

struct functions {
	PFNEGLQUERYDEVICESEXTPROC query_devices;
	PFNEGLQUERYDEVICESTRINGEXTPROC query_device_string;
	PFNEGLGETPLATFORMDISPLAYEXTPROC get_platform_display;
};

struct devices {
	struct functions f;
	EGLDeviceEXT devices[MAX_DEVICES];
	int len;
};

typedef const unsigned char *(*get_string_fn)(unsigned int name);

/** Whether name is one of the words of a list, which may be NULL. */
static bool list_has(const char *list, const char *name) {
	size_t len = strlen(name);
	for (const char *at = list; at != NULL && *at != '\0';) {
		at += strspn(at, " ");
		size_t word = strcspn(at, " ");
		if (word == len && memcmp(at, name, len) == 0) {
			return true;
		}
		at += word;
	}
	return false;
}

static int devices_init(struct devices *devices, struct oriel_log *log) {
	struct functions *f = &devices->f;
	const char *extensions = eglQueryString(EGL_NO_DISPLAY, EGL_EXTENSIONS);
	if (!list_has(extensions, "EGL_EXT_platform_device") ||
			(!list_has(extensions, "EGL_EXT_device_enumeration") &&
					!list_has(extensions, "EGL_EXT_device_base"))) {
		oriel_log(log, ORIEL_LOG_ERROR, "virgl: EGL here cannot enumerate devices");
		return -ENODEV;
	}
	f->query_devices = (PFNEGLQUERYDEVICESEXTPROC)eglGetProcAddress("eglQueryDevicesEXT");
	f->query_device_string = (PFNEGLQUERYDEVICESTRINGEXTPROC)eglGetProcAddress(
			"eglQueryDeviceStringEXT");
	f->get_platform_display = (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress(
			"eglGetPlatformDisplayEXT");
	EGLint len = 0;
	if (f->query_devices == NULL || f->query_device_string == NULL ||
			f->get_platform_display == NULL ||
			!f->query_devices(MAX_DEVICES, devices->devices, &len)) {
		oriel_log(log, ORIEL_LOG_ERROR, "virgl: EGL does not tell its devices");
		return -ENODEV;
	}
	devices->len = len;
	return 0;
}

static const char *device_get_extensions(const struct devices *devices, int i) {
	return devices->f.query_device_string(devices->devices[i], EGL_EXTENSIONS);
}

static bool device_is_software(const struct devices *devices, int i) {
	return list_has(device_get_extensions(devices, i), "EGL_MESA_device_software");
}

/** The path of a device's node, or NULL: there may be none, also for a GPU. */
static const char *device_get_node(const struct devices *devices, int i, bool render) {
	const char *extension = render ? "EGL_EXT_device_drm_render_node" : "EGL_EXT_device_drm";
	EGLint name = render ? EGL_DRM_RENDER_NODE_FILE_EXT : EGL_DRM_DEVICE_FILE_EXT;
	if (!list_has(device_get_extensions(devices, i), extension)) {
		return NULL;
	}
	return devices->f.query_device_string(devices->devices[i], name);
}

/** Whether the node at path, which need not be there, is one of the PCI device at address. */
static bool node_is_pci(const char *path, const char *address) {
	const char *name = path != NULL ? strrchr(path, '/') : NULL;
	char link[PATH_MAX];
	if (name == NULL || snprintf(link, sizeof(link), "/sys/class/drm%s/device", name) >=
					    (int)sizeof(link)) {
		return false;
	}
	char *target = realpath(link, NULL);
	const char *base = target != NULL ? strrchr(target, '/') : NULL;
	bool is_it = base != NULL && strcmp(base + 1, address) == 0;
	free(target);
	return is_it;
}

static bool device_is_named(const struct devices *devices, int i, const char *gpu) {
	const char *render = device_get_node(devices, i, true);
	const char *card = device_get_node(devices, i, false);
	if (strncmp(gpu, "node:", 5) == 0) {
		const char *path = gpu + 5;
		return (render != NULL && strcmp(render, path) == 0) ||
		       (card != NULL && strcmp(card, path) == 0);
	}
	const char *address = gpu + strlen("pci:");
	return node_is_pci(render, address) || node_is_pci(card, address);
}

/** The number in "egl:N", all of the string. */
static int parse_index(const char *text, int *ret) {
	if (*text < '0' || *text > '9') {
		return -EINVAL;
	}
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (*end != '\0' || errno != 0 || n > INT_MAX) {
		return -EINVAL;
	}
	*ret = (int)n;
	return 0;
}

void *virgl_egl_create_context(struct virgl_egl *egl, const struct virgl_egl_version *version) {
	eglBindAPI(egl->is_gles ? EGL_OPENGL_ES_API : EGL_OPENGL_API);
	const EGLint attributes[] = { EGL_CONTEXT_MAJOR_VERSION, version->major,
		EGL_CONTEXT_MINOR_VERSION, version->minor, EGL_NONE };
	EGLContext share = version->shared ? eglGetCurrentContext() : EGL_NO_CONTEXT;
	EGLContext context = eglCreateContext(egl->display, egl->config, share, attributes);
	return context != EGL_NO_CONTEXT ? context : NULL;
}

void virgl_egl_destroy_context(struct virgl_egl *egl, void *context) {
	eglDestroyContext(egl->display, context);
}

int virgl_egl_make_current(struct virgl_egl *egl, void *context) {
	// What is bound is each thread's own, and virglrenderer has a thread.
	eglBindAPI(egl->is_gles ? EGL_OPENGL_ES_API : EGL_OPENGL_API);
	EGLContext to = context != NULL ? context : EGL_NO_CONTEXT;
	return eglMakeCurrent(egl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, to) ? 0 : -EIO;
}

/** Ask for, and then have, the one plane of an image. */
static int export_image(struct virgl_egl *egl, EGLImageKHR image, struct virgl_egl_file *ret) {
	const PFNEGLEXPORTDMABUFIMAGEQUERYMESAPROC query =
			(PFNEGLEXPORTDMABUFIMAGEQUERYMESAPROC)eglGetProcAddress(
					"eglExportDMABUFImageQueryMESA");
	const PFNEGLEXPORTDMABUFIMAGEMESAPROC export =
			(PFNEGLEXPORTDMABUFIMAGEMESAPROC)eglGetProcAddress(
					"eglExportDMABUFImageMESA");
	int fourcc = 0;
	int n_planes = 0;
	EGLuint64KHR modifier = 0;
	if (query == NULL || export == NULL ||
			!query(egl->display, image, &fourcc, &n_planes, &modifier) ||
			n_planes != 1) {
		return -EOPNOTSUPP;
	}
	int fd = -1;
	EGLint stride = 0;
	EGLint offset = 0;
	if (!export(egl->display, image, &fd, &stride, &offset) || fd < 0) {
		return -EOPNOTSUPP;
	}
	if (stride <= 0 || offset < 0) {
		oriel_fd_close(&fd);
		return -EOPNOTSUPP;
	}
	*ret = (struct virgl_egl_file){ fd, (uint32_t)fourcc, modifier, (uint32_t)stride,
		(uint32_t)offset };
	return 0;
}

int virgl_egl_export(struct virgl_egl *egl, uint32_t texture, struct virgl_egl_file *ret) {
	const PFNEGLCREATEIMAGEKHRPROC create =
			(PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
	const PFNEGLDESTROYIMAGEKHRPROC destroy =
			(PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
	if (create == NULL || destroy == NULL) {
		return -EOPNOTSUPP;
	}
	const EGLint attributes[] = { EGL_GL_TEXTURE_LEVEL_KHR, 0, EGL_IMAGE_PRESERVED_KHR,
		EGL_TRUE, EGL_NONE };
	EGLImageKHR image = create(egl->display, eglGetCurrentContext(), EGL_GL_TEXTURE_2D_KHR,
			(EGLClientBuffer)(uintptr_t)texture, attributes);
	if (image == EGL_NO_IMAGE_KHR) {
		return -EOPNOTSUPP;
	}
	int err = export_image(egl, image, ret);
	destroy(egl->display, image);
	return err;
}

void virgl_egl_publish(struct virgl_egl *egl) {
	typedef void (*act_fn)(void);
	// What a GPU draws has fences in the dma-buf; what a processor draws has none.
	const act_fn act = (act_fn)eglGetProcAddress(egl->is_software ? "glFinish" : "glFlush");
	if (act != NULL) {
		act();
	}
}

/** A context of some version at all, which says who renders. */
static int egl_probe(struct virgl_egl *egl) {
	get_string_fn get_string = (get_string_fn)eglGetProcAddress("glGetString");
	if (get_string == NULL) {
		return -ENODEV;
	}
	// virglrenderer wants 3.1 at least, of either.
	struct virgl_egl_version least = { .major = 3, .minor = 1 };
	void *context = virgl_egl_create_context(egl, &least);
	if (context == NULL) {
		egl->is_gles = true;
		least.minor = 0;
		context = virgl_egl_create_context(egl, &least);
	}
	if (context == NULL) {
		return -ENODEV;
	}
	int err = virgl_egl_make_current(egl, context);
	if (err == 0) {
		const char *renderer = (const char *)get_string(GL_RENDERER_NAME);
		const char *version = (const char *)get_string(GL_VERSION_NAME);
		snprintf(egl->gl_renderer, sizeof(egl->gl_renderer), "%s",
				renderer != NULL ? renderer : "unknown");
		snprintf(egl->gl_version, sizeof(egl->gl_version), "%s",
				version != NULL ? version : "unknown");
		err = virgl_egl_make_current(egl, NULL);
	}
	virgl_egl_destroy_context(egl, context);
	return err;
}

static int egl_choose_config(struct virgl_egl *egl, const char *extensions) {
	if (list_has(extensions, "EGL_KHR_no_config_context") ||
			list_has(extensions, "EGL_MESA_configless_context")) {
		return 0;
	}
	const EGLint attributes[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
		EGL_OPENGL_BIT, EGL_NONE };
	EGLint n = 0;
	return eglChooseConfig(egl->display, attributes, &egl->config, 1, &n) && n == 1 ? 0
											: -ENODEV;
}

static bool name_is_software(const char *gl_renderer) {
	return strstr(gl_renderer, "llvmpipe") != NULL || strstr(gl_renderer, "softpipe") != NULL ||
	       strstr(gl_renderer, "SWR") != NULL || strstr(gl_renderer, "swrast") != NULL;
}

static int egl_open_device(struct virgl_egl *egl, const struct devices *devices, int i) {
	*egl = (struct virgl_egl){ 0 };
	EGLDisplay display = devices->f.get_platform_display(EGL_PLATFORM_DEVICE_EXT,
			devices->devices[i], NULL);
	EGLint major, minor;
	if (display == EGL_NO_DISPLAY || !eglInitialize(display, &major, &minor)) {
		return -ENODEV;
	}
	egl->display = display;
	const char *extensions = eglQueryString(display, EGL_EXTENSIONS);
	int err = list_has(extensions, "EGL_KHR_surfaceless_context") ? 0 : -ENODEV;
	if (err == 0) {
		err = egl_choose_config(egl, extensions);
	}
	if (err == 0) {
		err = egl_probe(egl);
	}
	if (err != 0) {
		virgl_egl_close(egl);
		return -ENODEV;
	}
	egl->is_software = device_is_software(devices, i) || name_is_software(egl->gl_renderer);
	egl->has_dmabuf_export = list_has(extensions, "EGL_MESA_image_dma_buf_export") &&
				 list_has(extensions, "EGL_KHR_gl_texture_2D_image");
	return 0;
}

/** The first device of this kind that works. */
static int egl_open_first(struct virgl_egl *egl, const struct devices *devices, bool software) {
	for (int i = 0; i < devices->len; i++) {
		if (device_is_software(devices, i) != software ||
				egl_open_device(egl, devices, i) != 0) {
			continue;
		}
		if (egl->is_software == software) {
			return 0;
		}
		virgl_egl_close(egl); // a driver is missing, and something else stood in
	}
	return -ENODEV;
}

static int egl_open_auto(struct virgl_egl *egl, const struct devices *devices,
		struct oriel_log *log) {
	if (egl_open_first(egl, devices, false) == 0) {
		return 0;
	}
	int err = egl_open_first(egl, devices, true);
	if (err != 0) {
		oriel_log(log, ORIEL_LOG_ERROR,
				"virgl: none of EGL's %d devices renders, not even in software",
				devices->len);
		return err;
	}
	oriel_log(log, ORIEL_LOG_WARN, "virgl: no GPU that works, rendering in software");
	return 0;
}

static int egl_open_index(struct virgl_egl *egl, const struct devices *devices, const char *gpu,
		struct oriel_log *log) {
	int i;
	int err = parse_index(gpu + strlen("egl:"), &i);
	if (err != 0) {
		oriel_log(log, ORIEL_LOG_ERROR, "virgl: \"%s\": not a number of a device", gpu);
		return err;
	}
	if (i >= devices->len) {
		oriel_log(log, ORIEL_LOG_ERROR, "virgl: %s: EGL has %d devices", gpu, devices->len);
		return -ENODEV;
	}
	err = egl_open_device(egl, devices, i);
	if (err == 0 && egl->is_software && !device_is_software(devices, i)) {
		virgl_egl_close(egl);
		err = -ENODEV;
	}
	if (err != 0) {
		oriel_log(log, ORIEL_LOG_ERROR,
				"virgl: %s: there is such a device, but it does not render", gpu);
	}
	return err;
}

static int egl_open_named(struct virgl_egl *egl, const struct devices *devices, const char *gpu,
		struct oriel_log *log) {
	bool found = false;
	for (int i = 0; i < devices->len; i++) {
		if (device_is_software(devices, i) || !device_is_named(devices, i, gpu)) {
			continue;
		}
		found = true;
		if (egl_open_device(egl, devices, i) != 0) {
			continue;
		}
		if (!egl->is_software) {
			return 0;
		}
		virgl_egl_close(egl);
	}
	oriel_log(log, ORIEL_LOG_ERROR, "virgl: %s: %s", gpu,
			found ? "EGL has such a device, but it does not render"
			      : "no EGL device is that one");
	return -ENODEV;
}

int virgl_egl_open(struct virgl_egl *egl, const char *gpu, struct oriel_log *log) {
	bool is_auto = gpu == NULL || strcmp(gpu, "auto") == 0;
	bool is_software = !is_auto && strcmp(gpu, "software") == 0;
	bool is_index = !is_auto && strncmp(gpu, "egl:", 4) == 0;
	bool is_named = !is_auto &&
			((strncmp(gpu, "node:", 5) == 0 && gpu[5] != '\0') ||
					(strncmp(gpu, "pci:", 4) == 0 && gpu[4] != '\0'));
	if (!is_auto && !is_software && !is_index && !is_named) {
		oriel_log(log, ORIEL_LOG_ERROR, "virgl: \"%s\" names no GPU", gpu);
		return -EINVAL;
	}
	struct devices devices = { 0 };
	int err = devices_init(&devices, log);
	if (err != 0) {
		return err;
	}
	if (is_auto) {
		return egl_open_auto(egl, &devices, log);
	}
	if (is_index) {
		return egl_open_index(egl, &devices, gpu, log);
	}
	if (is_named) {
		return egl_open_named(egl, &devices, gpu, log);
	}
	err = egl_open_first(egl, &devices, true);
	if (err != 0) {
		oriel_log(log, ORIEL_LOG_ERROR, "virgl: EGL has no software renderer");
	}
	return err;
}

void virgl_egl_close(struct virgl_egl *egl) {
	if (egl->display != NULL) {
		eglTerminate(egl->display);
		eglReleaseThread();
		egl->display = NULL;
	}
}
