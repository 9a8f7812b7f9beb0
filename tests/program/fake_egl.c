// SPDX-License-Identifier: MIT
/*
 * A libEGL.so.1 for doctor.py, with a driver for each way to be wrong. Its devices: 0 draws, 1
 * crashes, 2 hangs, 3 is refused, 4 gives itself a name that a terminal would not forget.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N_DEVICES 5

static char devices[N_DEVICES];
static intptr_t current;

/** The display of a device is the device. */
static intptr_t index_of(const void *device) {
	return (const char *)device - devices;
}

const char *eglQueryString(void *display, int32_t name) {
	if (name == 0x3055) {
		return display == NULL ? "EGL_EXT_device_base EGL_EXT_platform_device"
				       : "EGL_KHR_surfaceless_context "
					 "EGL_MESA_image_dma_buf_export";
	}
	return "a maker of fakes";
}

int32_t eglGetError(void) {
	return 0x3001;
}

unsigned int eglInitialize(void *display, int32_t *major, int32_t *minor) {
	current = index_of(display);
	if (current == 1) {
		raise(SIGSEGV);
	}
	while (current == 2) {
		pause();
	}
	if (current == 3) {
		fputs("fake driver: may not open \33[7mthe node\n", stderr);
	}
	*major = 1;
	*minor = 5;
	return current != 3;
}

unsigned int eglBindAPI(unsigned int api) {
	return api == 0x30A2;
}

unsigned int eglChooseConfig(void *display, const int32_t *attributes, void **configs, int32_t size,
		int32_t *n) {
	(void)display;
	(void)attributes;
	(void)configs;
	(void)size;
	*n = 0;
	return 1;
}

void *eglCreateContext(void *display, void *config, void *share, const int32_t *attributes) {
	(void)config;
	(void)share;
	(void)attributes;
	return display;
}

unsigned int eglMakeCurrent(void *display, void *draw, void *read, void *context) {
	(void)draw;
	(void)read;
	return display == context;
}

static unsigned int query_devices(int32_t max, void **ret, int32_t *n) {
	for (*n = 0; *n < max && *n < N_DEVICES; (*n)++) {
		ret[*n] = &devices[*n];
	}
	return 1;
}

static const char *query_device_string(void *device, int32_t name) {
	(void)device;
	return name == 0x3377 ? "/dev/dri/renderD200" : "EGL_EXT_device_drm_render_node";
}

static void *get_platform_display(unsigned int platform, void *native, const int32_t *attributes) {
	(void)attributes;
	return platform == 0x313F ? native : NULL;
}

static const uint8_t *get_string(unsigned int name) {
	static const char *const names[N_DEVICES] = { "Fake GPU", "", "", "", "\33]0;mine\a" };
	return (const uint8_t *)(name == 0x1F01 ? names[current] : "4.6 of fakes");
}

void *eglGetProcAddress(const char *name) {
	return strcmp(name, "eglQueryDevicesEXT") == 0         ? (void *)query_devices
	       : strcmp(name, "eglQueryDeviceStringEXT") == 0  ? (void *)query_device_string
	       : strcmp(name, "eglGetPlatformDisplayEXT") == 0 ? (void *)get_platform_display
	       : strcmp(name, "glGetString") == 0              ? (void *)get_string
							       : NULL;
}
