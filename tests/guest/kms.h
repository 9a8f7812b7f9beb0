// SPDX-License-Identifier: MIT
/*
 * The guest's GPU as a program sees it: one connector, one CRTC, a few dumb buffers and a cursor.
 * Nothing but the kernel's interface is used, so that the agent needs no library of the guest.
 *
 * Functions return 0 or a negative errno. The calls are those that desktop programs without
 * atomic mode setting make.
 */
#ifndef ORIEL_TESTS_KMS_H
#define ORIEL_TESTS_KMS_H

#include <stdbool.h>
#include <stdint.h>

#define KMS_N_BUFFERS 4

struct kms_buffer {
	uint32_t handle, fb_id;
	uint32_t width, height, pitch;
	uint64_t size;
	uint8_t *pixels; // NULL: there is none, or it is not ours
};

struct kms {
	int fd; // -1: closed
	uint32_t connector, crtc;
	uint32_t width, height; // the connector's preferred mode
	struct kms_buffer buffers[KMS_N_BUFFERS];
	struct kms_buffer cursor;
	int shown; // index of the buffer on the screen, -1: none
};

/** Open the first GPU and find a connected connector. */
int kms_open(struct kms *kms);
/** Use the i-th connector and its CRTC from now on, whether something is plugged in or not. */
int kms_use_head(struct kms *kms, uint32_t i);
/** Close it: the kernel's text console comes back. */
void kms_close(struct kms *kms);

/** Make buffer i, in place of the one that it was. */
int kms_make_buffer(struct kms *kms, int i, uint32_t width, uint32_t height);
/** Make buffer i of a handle that somebody else has made, and keeps. */
int kms_adopt_buffer(struct kms *kms, int i, uint32_t handle, uint32_t width, uint32_t height,
		uint32_t pitch);
/** Show width x height pixels of buffer i, from x, y on, in a mode of that size. */
int kms_show(struct kms *kms, int i, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
/** Switch the screen off. */
int kms_show_nothing(struct kms *kms);
/** Tell the kernel that a part of the shown buffer changed. */
int kms_damage(struct kms *kms, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
/** Show buffer i from the next frame on, and wait for that. */
int kms_flip(struct kms *kms, int i);

/** Show a cursor whose picture is made of seed. */
int kms_set_cursor(struct kms *kms, uint32_t seed, int32_t hot_x, int32_t hot_y);
/** Show a cursor of CURSOR_SIDE x CURSOR_SIDE pixels that somebody else has made, and keeps. */
int kms_set_cursor_handle(struct kms *kms, uint32_t handle, int32_t hot_x, int32_t hot_y);
int kms_move_cursor(struct kms *kms, int32_t x, int32_t y);
int kms_hide_cursor(struct kms *kms);

#endif
