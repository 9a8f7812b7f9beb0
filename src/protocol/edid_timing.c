// SPDX-License-Identifier: MIT
/*
 * See edid_timing.h. All numbers are small here (16,384 lines, 1,000 Hz), so 64 bits hold every
 * product: the largest is total pixels times millihertz, below 2^50.
 */
#include "protocol/edid_timing.h"

// CVT 1.1, 3.4.1: reduced blanking.
#define H_BLANK 160u
#define H_FRONT 48u
#define H_SYNC 32u
#define V_FRONT 3u
#define V_BACK_MIN 6u
#define V_BLANK_MIN_NS 460000u

// A detailed timing below 10 MHz is taken for junk by EDID 1.4 (3.10.2).
#define CLOCK_MIN_10KHZ 1000u
#define EDID_BLANK_MAX 0xfffu

/** The width of the vertical sync tells the aspect ratio (CVT 1.1, table 4). */
static uint32_t v_sync_of(uint32_t width, uint32_t height) {
	static const struct {
		uint32_t width, height;
		uint32_t v_sync;
	} ratios[] = {
		{ 4, 3, 4 },
		{ 16, 9, 5 },
		{ 16, 10, 6 },
		{ 5, 4, 7 },
		{ 15, 9, 7 },
	};
	for (unsigned int i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
		if ((uint64_t)width * ratios[i].height == (uint64_t)height * ratios[i].width) {
			return ratios[i].v_sync;
		}
	}
	return 10; // any other
}

static uint32_t clock_of(const struct oriel_timing *t, uint32_t refresh_mhz) {
	uint64_t total = (uint64_t)(t->width + t->h_blank) * (t->height + t->v_blank);
	return (uint32_t)((total * refresh_mhz + 5000000) / 10000000);
}

/** Lengthen the back porches until the clock is one that is believed. */
static void raise_clock(struct oriel_timing *t, uint32_t refresh_mhz) {
	while (clock_of(t, refresh_mhz) < CLOCK_MIN_10KHZ) {
		if (t->h_blank < EDID_BLANK_MAX) {
			t->h_blank++;
		} else {
			t->v_blank++;
		}
	}
}

struct oriel_timing oriel_timing_of(uint32_t width, uint32_t height, uint32_t refresh_mhz) {
	struct oriel_timing t = { 0 };
	t.width = width;
	t.h_blank = H_BLANK;
	t.h_front = H_FRONT;
	t.h_sync = H_SYNC;
	t.height = height;
	t.v_front = V_FRONT;
	t.v_sync = v_sync_of(width, height);

	// Lines that take V_BLANK_MIN_NS, when the rest of the frame is for the picture.
	uint64_t blank = (uint64_t)V_BLANK_MIN_NS * refresh_mhz; // 1e12 is the whole frame
	uint64_t lines = blank * height / (1000000000000 - blank) + 1;
	uint32_t v_blank_min = V_FRONT + t.v_sync + V_BACK_MIN;
	t.v_blank = lines > v_blank_min ? (uint32_t)lines : v_blank_min;

	raise_clock(&t, refresh_mhz);
	t.clock_10khz = clock_of(&t, refresh_mhz);
	return t;
}

bool oriel_timing_fits_edid(const struct oriel_timing *t) {
	return t->clock_10khz <= 0xffff && t->width <= 0xfff && t->height <= 0xfff &&
	       t->h_blank <= EDID_BLANK_MAX && t->v_blank <= EDID_BLANK_MAX;
}

bool oriel_timing_fits_displayid(const struct oriel_timing *t) {
	return t->clock_10khz <= 0x1000000 && t->width <= 0x10000 && t->height <= 0x10000 &&
	       t->h_blank <= 0x10000 && t->v_blank <= 0x10000;
}

uint64_t oriel_timing_get_line_rate(const struct oriel_timing *t) {
	return (uint64_t)t->clock_10khz * 10000 / (t->width + t->h_blank);
}

uint64_t oriel_timing_get_refresh_mhz(const struct oriel_timing *t) {
	uint64_t total = (uint64_t)(t->width + t->h_blank) * (t->height + t->v_blank);
	return (uint64_t)t->clock_10khz * 10000000 / total;
}
