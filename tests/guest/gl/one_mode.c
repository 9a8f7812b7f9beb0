// SPDX-License-Identifier: MIT
/*
 * For programs that take the largest mode of a connector, whatever they are told (LD_PRELOAD): they
 * see none but 800x600, whose width MODE_WIDTH in the environment may change a little.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xf86drmMode.h>

#define WIDTH 800
#define HEIGHT 600

__attribute__((visibility("default"))) drmModeConnectorPtr drmModeGetConnector(int fd,
		uint32_t connector_id) {
	drmModeConnectorPtr (*original)(int fd, uint32_t connector_id);
	// POSIX's way to make a function of what dlsym() returns.
	*(void **)&original = dlsym(RTLD_NEXT, "drmModeGetConnector");
	drmModeConnectorPtr connector = original != NULL ? original(fd, connector_id) : NULL;
	for (int i = 0; connector != NULL && i < connector->count_modes; i++) {
		const drmModeModeInfo *mode = &connector->modes[i];
		if (mode->hdisplay == WIDTH && mode->vdisplay == HEIGHT) {
			memmove(&connector->modes[0], mode, sizeof(*mode));
			connector->count_modes = 1;
			const char *width = getenv("MODE_WIDTH");
			if (width != NULL) {
				connector->modes[0].hdisplay = (uint16_t)strtoul(width, NULL, 10);
			}
		}
	}
	return connector;
}
