// SPDX-License-Identifier: MIT
/* See heads.h. */
#include "device/heads.h"

#include "protocol/virtio_gpu.h"

#include <errno.h>
#include <string.h>

void oriel_heads_init(struct oriel_heads *heads, uint32_t n_wanted, uint32_t width,
		uint32_t height) {
	*heads = (struct oriel_heads){ .n_wanted = n_wanted };
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		bool is_on = i < n_wanted || i == 0;
		heads->monitors[i] =
				(struct oriel_edid_mode){ .width_px = width, .height_px = height };
		if (is_on) {
			heads->wanted[i] = (struct oriel_head){
				.rect = { .x = i * width, .width = width, .height = height },
				.enabled = true,
			};
		}
	}
	memcpy(heads->now, heads->wanted, sizeof(heads->now));
}

/** Copy a name or serial number that may be NULL. Returns 0, or -EINVAL if it is too long. */
static int copy_text(const char *text, char ret[14]) {
	size_t len = text != NULL ? strlen(text) : 0;
	if (len > 13) {
		return -EINVAL;
	}
	memset(ret, 0, 14);
	memcpy(ret, text != NULL ? text : "", len);
	return 0;
}

/** What monitor a head is; also whether there can be one. */
static int make_monitor(const struct oriel_gpu_head *head, struct oriel_edid_mode *ret) {
	struct oriel_edid_mode mode = {
		.width_px = head->width,
		.height_px = head->height,
		.refresh_mhz = head->refresh_mhz,
		.width_mm = head->width_mm,
		.height_mm = head->height_mm,
	};
	if (copy_text(head->name, mode.name) < 0 || copy_text(head->serial, mode.serial) < 0) {
		return -EINVAL;
	}
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	int err = oriel_edid_encode(&mode, edid, &size);
	if (err == 0) {
		*ret = mode;
	}
	return err;
}

int oriel_heads_set(struct oriel_heads *heads, uint32_t i, const struct oriel_gpu_head *head) {
	struct oriel_edid_mode monitor;
	int err = make_monitor(head, &monitor);
	if (err < 0 || head->x > INT32_MAX - ORIEL_EDID_MAX_SIDE ||
			head->y > INT32_MAX - ORIEL_EDID_MAX_SIDE) {
		return -EINVAL;
	}
	heads->monitors[i] = monitor;
	heads->wanted[i] = (struct oriel_head){ .enabled = !head->is_off };
	if (!head->is_off) {
		heads->wanted[i].rect = (struct oriel_rect){ .x = head->x,
			.y = head->y,
			.width = head->width,
			.height = head->height };
	}
	heads->now[i] = heads->wanted[i];
	heads->n_changes++;
	return 0;
}

/** Millimetres for a new number of pixels, as dense as before. 0: nobody said how dense. */
static uint32_t scale_mm(uint32_t mm, uint32_t old_px, uint32_t new_px) {
	return (uint32_t)oriel_min_u64(((uint64_t)mm * new_px + old_px / 2) / old_px, UINT16_MAX);
}

int oriel_heads_resize(struct oriel_heads *heads, uint32_t i,
		const struct oriel_wanted_size *size) {
	const struct oriel_edid_mode *monitor = &heads->monitors[i];
	const struct oriel_rect old = heads->wanted[i].rect;
	struct oriel_gpu_head head = {
		.is_off = size->width == 0 && size->height == 0,
		.x = old.x,
		.y = old.y,
		.width = size->width,
		.height = size->height,
		.refresh_mhz = size->refresh_mhz,
		.name = monitor->name,
		.serial = monitor->serial,
	};
	if (head.is_off) {
		head.width = monitor->width_px;
		head.height = monitor->height_px;
	}
	head.width_mm = scale_mm(monitor->width_mm, monitor->width_px, head.width);
	head.height_mm = scale_mm(monitor->height_mm, monitor->height_px, head.height);
	int err = oriel_heads_set(heads, i, &head);
	if (err < 0) {
		return err;
	}
	const uint32_t width = heads->wanted[i].rect.width;
	for (uint32_t j = 0; j < ORIEL_MAX_SCANOUTS; j++) {
		struct oriel_rect *rect = &heads->wanted[j].rect;
		if (j != i && heads->wanted[j].enabled && rect->x >= old.x + old.width) {
			rect->x = rect->x - old.width + width;
			heads->now[j] = heads->wanted[j];
		}
	}
	return 0;
}

void oriel_heads_take_answer(struct oriel_heads *heads,
		const struct oriel_head answer[ORIEL_MAX_SCANOUTS]) {
	memcpy(heads->now, answer, sizeof(heads->now));
	uint32_t right = 0;
	for (uint32_t i = 0; i < ORIEL_MAX_SCANOUTS; i++) {
		const struct oriel_rect *rect = &heads->now[i].rect;
		uint64_t end = heads->now[i].enabled ? (uint64_t)rect->x + rect->width : 0;
		right = end > right && end <= INT32_MAX ? (uint32_t)end : right;
	}
	// A VMM turns a head on when somebody opens its window; what was asked for is on in any
	// case, to the right of the others.
	for (uint32_t i = 0; i < heads->n_wanted; i++) {
		if (!heads->now[i].enabled && heads->wanted[i].enabled) {
			heads->now[i] = heads->wanted[i];
			heads->now[i].rect.x = right;
			right += heads->now[i].rect.width;
		}
	}
}

void oriel_heads_write_info(struct oriel_heads *heads, uint32_t n_scanouts,
		struct oriel_writer *w) {
	struct oriel_display_one displays[VIRTIO_GPU_MAX_SCANOUTS] = { 0 };
	for (uint32_t i = 0; i < n_scanouts; i++) {
		if (heads->now[i].enabled) { // one that is not is all zeros
			displays[i].enabled = true;
			displays[i].rect = heads->now[i].rect;
		}
	}
	oriel_encode_resp_display_info(w, displays);
	heads->n_told = heads->n_changes;
}

void oriel_heads_write_edid(const struct oriel_heads *heads, uint32_t i, struct oriel_writer *w) {
	struct oriel_edid_mode mode = heads->monitors[i];
	const struct oriel_rect *rect = &heads->now[i].rect;
	if (heads->now[i].enabled &&
			(rect->width != mode.width_px || rect->height != mode.height_px)) {
		// The VMM's size, of which nobody said how many millimetres it is.
		mode.width_px = rect->width;
		mode.height_px = rect->height;
		mode.width_mm = 0;
		mode.height_mm = 0;
	}
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size = 0;
	if (oriel_edid_encode(&mode, edid, &size) < 0) {
		// A VMM asked for a size that no EDID can say. Ours can be said.
		int err = oriel_edid_encode(&heads->monitors[i], edid, &size);
		(void)err;
	}
	oriel_encode_resp_edid(w, edid, size);
}
