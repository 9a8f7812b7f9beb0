// SPDX-License-Identifier: MIT
/*
 * Timings with reduced blanking (VESA CVT 1.1, 3.4.1 and 5), for monitors that exist on paper only.
 *
 * They differ from CVT in two ways: the width is taken as it is and not rounded to a character
 * cell, since guests must get the size that was asked for; and the pixel clock is rounded to 10
 * kHz, the unit of a detailed timing, instead of 250 kHz, so that the refresh rate is close to the
 * wanted one.
 */
#ifndef ORIEL_EDID_TIMING_H
#define ORIEL_EDID_TIMING_H

#include <stdbool.h>
#include <stdint.h>

struct oriel_timing {
	uint32_t clock_10khz;
	uint32_t width, h_blank, h_front, h_sync;  // pixels
	uint32_t height, v_blank, v_front, v_sync; // lines
};

/** The timing of a mode within the limits of edid.h. */
struct oriel_timing oriel_timing_of(uint32_t width, uint32_t height, uint32_t refresh_mhz);

/** Whether a detailed timing descriptor of EDID can say it. */
bool oriel_timing_fits_edid(const struct oriel_timing *t);

/** Whether a Type I timing of DisplayID can say it. */
bool oriel_timing_fits_displayid(const struct oriel_timing *t);

/** Lines a second, rounded down. */
uint64_t oriel_timing_get_line_rate(const struct oriel_timing *t);

/** Frames in a thousand seconds, rounded down. */
uint64_t oriel_timing_get_refresh_mhz(const struct oriel_timing *t);

#endif
