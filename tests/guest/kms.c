// SPDX-License-Identifier: MIT
/* See kms.h. */
#include "kms.h"

#include <drm.h>
#include <drm_fourcc.h>
#include <drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pattern.h"

#define MAX_OBJECTS 32
#define MAX_MODES 128
#define FLIP_DEADLINE_MS 20000

static int call(const struct kms *kms, unsigned long request, void *arg) {
	if (kms->fd < 0) {
		return -EBADF;
	}
	while (ioctl(kms->fd, request, arg) < 0) {
		if (errno != EINTR && errno != EAGAIN) {
			return -errno;
		}
	}
	return 0;
}

/** Read a connector: its state, and up to MAX_MODES modes. */
static int read_connector(const struct kms *kms, uint32_t id, struct drm_mode_get_connector *ret,
		struct drm_mode_modeinfo *modes) {
	// Asked for no modes, the kernel asks the device anew.
	struct drm_mode_get_connector connector = { .connector_id = id };
	int r = call(kms, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	if (r < 0) {
		return r;
	}
	uint32_t n_modes = connector.count_modes;
	connector = (struct drm_mode_get_connector){ .connector_id = id };
	connector.modes_ptr = (uintptr_t)modes;
	connector.count_modes = n_modes < MAX_MODES ? n_modes : MAX_MODES;
	r = call(kms, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	if (r == 0) {
		*ret = connector;
	}
	return r;
}

/** What the GPU has. A virtio GPU's i-th connector belongs to its i-th CRTC. */
struct resources {
	uint32_t crtcs[MAX_OBJECTS], connectors[MAX_OBJECTS], encoders[MAX_OBJECTS];
	uint32_t n_heads;
};

static int read_resources(const struct kms *kms, struct resources *ret) {
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)ret->crtcs,
		.connector_id_ptr = (uintptr_t)ret->connectors,
		.encoder_id_ptr = (uintptr_t)ret->encoders,
		.count_crtcs = MAX_OBJECTS,
		.count_connectors = MAX_OBJECTS,
		.count_encoders = MAX_OBJECTS,
	};
	int r = call(kms, DRM_IOCTL_MODE_GETRESOURCES, &res);
	ret->n_heads = res.count_connectors < res.count_crtcs ? res.count_connectors
							      : res.count_crtcs;
	return r;
}

int kms_use_head(struct kms *kms, uint32_t i) {
	struct resources resources;
	int r = read_resources(kms, &resources);
	if (r < 0 || i >= resources.n_heads) {
		return r < 0 ? r : -ENODEV;
	}
	kms->connector = resources.connectors[i];
	kms->crtc = resources.crtcs[i];
	return 0;
}

static int find_connector(struct kms *kms) {
	struct resources resources;
	int r = read_resources(kms, &resources);
	if (r < 0) {
		return r;
	}
	struct drm_mode_modeinfo modes[MAX_MODES];
	for (uint32_t i = 0; i < resources.n_heads; i++) {
		struct drm_mode_get_connector connector;
		r = read_connector(kms, resources.connectors[i], &connector, modes);
		if (r == 0 && connector.connection == 1 && connector.count_modes > 0) { // connected
			kms->connector = resources.connectors[i];
			kms->crtc = resources.crtcs[i];
			kms->width = modes[0].hdisplay;
			kms->height = modes[0].vdisplay;
			return 0;
		}
	}
	return -ENODEV;
}

int kms_open(struct kms *kms) {
	kms_close(kms);
	kms->fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (kms->fd < 0) {
		return -errno;
	}
	int r = find_connector(kms);
	if (r < 0) {
		kms_close(kms);
	}
	return r;
}

static void drop_buffer(struct kms *kms, struct kms_buffer *buffer) {
	if (buffer->fb_id != 0) {
		uint32_t fb_id = buffer->fb_id;
		(void)call(kms, DRM_IOCTL_MODE_RMFB, &fb_id);
	}
	if (buffer->pixels != NULL) {
		munmap(buffer->pixels, buffer->size);
		struct drm_mode_destroy_dumb destroy = { .handle = buffer->handle };
		(void)call(kms, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	}
	*buffer = (struct kms_buffer){ 0 };
}

void kms_close(struct kms *kms) {
	if (kms->fd >= 0) {
		for (int i = 0; i < KMS_N_BUFFERS; i++) {
			drop_buffer(kms, &kms->buffers[i]);
		}
		drop_buffer(kms, &kms->cursor);
		close(kms->fd);
	}
	*kms = (struct kms){ .fd = -1, .shown = -1 };
}

static int make_dumb(struct kms *kms, struct kms_buffer *buffer, uint32_t width, uint32_t height) {
	drop_buffer(kms, buffer);
	struct drm_mode_create_dumb create = { .width = width, .height = height, .bpp = 32 };
	int r = call(kms, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	if (r < 0) {
		return r;
	}
	struct drm_mode_map_dumb map = { .handle = create.handle };
	r = call(kms, DRM_IOCTL_MODE_MAP_DUMB, &map);
	if (r < 0) {
		return r;
	}
	void *pixels = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, kms->fd,
			(off_t)map.offset);
	if (pixels == MAP_FAILED) {
		return -errno;
	}
	*buffer = (struct kms_buffer){
		.handle = create.handle,
		.width = width,
		.height = height,
		.pitch = create.pitch,
		.size = create.size,
		.pixels = pixels,
	};
	return 0;
}

static int add_frame_buffer(struct kms *kms, struct kms_buffer *buffer) {
	struct drm_mode_fb_cmd2 fb = {
		.width = buffer->width,
		.height = buffer->height,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.handles = { buffer->handle },
		.pitches = { buffer->pitch },
	};
	int r = call(kms, DRM_IOCTL_MODE_ADDFB2, &fb);
	if (r == 0) {
		buffer->fb_id = fb.fb_id;
	}
	return r;
}

int kms_make_buffer(struct kms *kms, int i, uint32_t width, uint32_t height) {
	int r = make_dumb(kms, &kms->buffers[i], width, height);
	return r < 0 ? r : add_frame_buffer(kms, &kms->buffers[i]);
}

int kms_adopt_buffer(struct kms *kms, int i, uint32_t handle, uint32_t width, uint32_t height,
		uint32_t pitch) {
	drop_buffer(kms, &kms->buffers[i]);
	kms->buffers[i] = (struct kms_buffer){
		.handle = handle,
		.width = width,
		.height = height,
		.pitch = pitch,
	};
	return add_frame_buffer(kms, &kms->buffers[i]);
}

/** The connector's mode of this size, else one made up: a virtual screen has no timings to obey. */
static int find_mode(const struct kms *kms, uint32_t width, uint32_t height,
		struct drm_mode_modeinfo *ret) {
	struct drm_mode_modeinfo modes[MAX_MODES];
	struct drm_mode_get_connector connector = { 0 };
	int r = read_connector(kms, kms->connector, &connector, modes);
	if (r < 0) {
		return r;
	}
	for (uint32_t i = 0; i < connector.count_modes; i++) {
		if (modes[i].hdisplay == width && modes[i].vdisplay == height) {
			*ret = modes[i];
			return 0;
		}
	}
	*ret = (struct drm_mode_modeinfo){
		.clock = (width + 160) * (height + 30) / 1000 * 60,
		.hdisplay = (uint16_t)width,
		.hsync_start = (uint16_t)(width + 48),
		.hsync_end = (uint16_t)(width + 80),
		.htotal = (uint16_t)(width + 160),
		.vdisplay = (uint16_t)height,
		.vsync_start = (uint16_t)(height + 3),
		.vsync_end = (uint16_t)(height + 8),
		.vtotal = (uint16_t)(height + 30),
		.vrefresh = 60,
		.name = "made up",
	};
	return 0;
}

int kms_show(struct kms *kms, int i, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	struct drm_mode_crtc crtc = {
		.set_connectors_ptr = (uintptr_t)&kms->connector,
		.count_connectors = 1,
		.crtc_id = kms->crtc,
		.fb_id = kms->buffers[i].fb_id,
		.x = x,
		.y = y,
		.mode_valid = 1,
	};
	int r = find_mode(kms, width, height, &crtc.mode);
	if (r == 0) {
		r = call(kms, DRM_IOCTL_MODE_SETCRTC, &crtc);
	}
	if (r == 0) {
		kms->shown = i;
	}
	return r;
}

int kms_show_nothing(struct kms *kms) {
	struct drm_mode_crtc crtc = { .crtc_id = kms->crtc };
	kms->shown = -1;
	return call(kms, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

int kms_damage(struct kms *kms, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
	if (kms->shown < 0) {
		return -ENOENT;
	}
	struct drm_clip_rect clip = { (uint16_t)x, (uint16_t)y, (uint16_t)(x + width),
		(uint16_t)(y + height) };
	struct drm_mode_fb_dirty_cmd dirty = {
		.fb_id = kms->buffers[kms->shown].fb_id,
		.num_clips = 1,
		.clips_ptr = (uintptr_t)&clip,
	};
	return call(kms, DRM_IOCTL_MODE_DIRTYFB, &dirty);
}

/** Wait for the event of one flip; others that came first are let pass. */
static int wait_for_flip(const struct kms *kms, uint64_t user_data) {
	struct pollfd poll_fd = { .fd = kms->fd, .events = POLLIN };
	while (poll(&poll_fd, 1, FLIP_DEADLINE_MS) > 0) {
		uint8_t bytes[1024];
		ssize_t size = read(kms->fd, bytes, sizeof(bytes));
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct drm_event_vblank) <= size;) {
			struct drm_event_vblank event;
			memcpy(&event, bytes + at, sizeof(event));
			if (event.base.type == DRM_EVENT_FLIP_COMPLETE &&
					event.user_data == user_data) {
				return 0;
			}
			at += event.base.length;
		}
	}
	return -ETIMEDOUT;
}

int kms_flip(struct kms *kms, int i) {
	static uint64_t n_flips;
	struct drm_mode_crtc_page_flip flip = {
		.crtc_id = kms->crtc,
		.fb_id = kms->buffers[i].fb_id,
		.flags = DRM_MODE_PAGE_FLIP_EVENT,
		.user_data = ++n_flips,
	};
	int r = call(kms, DRM_IOCTL_MODE_PAGE_FLIP, &flip);
	if (r < 0) {
		return r;
	}
	kms->shown = i;
	return wait_for_flip(kms, n_flips);
}

int kms_set_cursor_handle(struct kms *kms, uint32_t handle, int32_t hot_x, int32_t hot_y) {
	struct drm_mode_cursor2 cursor = {
		.flags = DRM_MODE_CURSOR_BO,
		.crtc_id = kms->crtc,
		.width = CURSOR_SIDE,
		.height = CURSOR_SIDE,
		.handle = handle,
		.hot_x = hot_x,
		.hot_y = hot_y,
	};
	return call(kms, DRM_IOCTL_MODE_CURSOR2, &cursor);
}

int kms_set_cursor(struct kms *kms, uint32_t seed, int32_t hot_x, int32_t hot_y) {
	int r = make_dumb(kms, &kms->cursor, CURSOR_SIDE, CURSOR_SIDE);
	if (r < 0) {
		return r;
	}
	pattern_draw_cursor(kms->cursor.pixels, kms->cursor.pitch, seed);
	return kms_set_cursor_handle(kms, kms->cursor.handle, hot_x, hot_y);
}

int kms_move_cursor(struct kms *kms, int32_t x, int32_t y) {
	struct drm_mode_cursor2 cursor = {
		.flags = DRM_MODE_CURSOR_MOVE,
		.crtc_id = kms->crtc,
		.x = x,
		.y = y,
	};
	return call(kms, DRM_IOCTL_MODE_CURSOR2, &cursor);
}

int kms_hide_cursor(struct kms *kms) {
	struct drm_mode_cursor2 cursor = { .flags = DRM_MODE_CURSOR_BO, .crtc_id = kms->crtc };
	return call(kms, DRM_IOCTL_MODE_CURSOR2, &cursor);
}
