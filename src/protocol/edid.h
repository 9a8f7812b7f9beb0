// SPDX-License-Identifier: MIT
/*
 * What a virtual monitor tells about itself: EDID, with DisplayID where EDID has no room.
 *
 * A writer only; nothing here reads an EDID but the check of one that a peer sent. The wanted mode
 * is the preferred one, pixel for pixel, also at odd sizes. It is the base block's first detailed
 * timing if that can say it (up to 4095 x 4095 and 655.35 MHz). Otherwise that place holds a
 * smaller or slower mode of the same shape, and a DisplayID extension block marks the wanted one as
 * preferred: Linux takes the larger of the two.
 *
 * VESA E-EDID Standard release A, revision 2 (EDID 1.4); VESA DisplayID 1.3 with a Type I timing,
 * whose pixel clock reaches further than that of DisplayID 2's Type VII; VESA CVT 1.1 (reduced
 * blanking).
 */
#ifndef ORIEL_EDID_H
#define ORIEL_EDID_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

#define ORIEL_EDID_BLOCK_SIZE 128u
#define ORIEL_EDID_BUF_SIZE 1024u // what RESP_OK_EDID has room for

#define ORIEL_EDID_MAX_SIDE 16384u // pixels; the largest resource of ours
#define ORIEL_EDID_MIN_REFRESH_MHZ 10000u
#define ORIEL_EDID_MAX_REFRESH_MHZ 1000000u

/** A monitor with one mode. Zero in any field but width and height means its default. */
struct oriel_edid_mode {
	uint32_t width_px, height_px; // 1 to ORIEL_EDID_MAX_SIDE
	uint32_t refresh_mhz;         // millihertz; default 60,000

	// Of the picture. Default: as at 96 dots per inch. What EDID cannot say is left unknown.
	uint32_t width_mm, height_mm;

	char vendor[4];         // three capital letters; default "ORL"
	char name[14];          // at most 13 characters; default "Oriel"
	char serial[14];        // at most 13 characters; default: none is told
	uint32_t serial_number; // 0: none
	uint16_t product;
};

/**
 * Write the EDID of a monitor: *ret_size bytes, one or two blocks, followed by zeros.
 *
 * Bytes of name and serial that are not printable ASCII become '?'.
 *
 * Returns 0, or -EINVAL for a size, refresh or vendor out of range. buf is written only on success.
 */
ORIEL_MUST_CHECK
int oriel_edid_encode(const struct oriel_edid_mode *mode, uint8_t buf[ORIEL_EDID_BUF_SIZE],
		size_t *ret_size);

/**
 * Check the EDID that a peer sent: the header is there, all blocks that the first one counts are,
 * and the checksum of each is right. What else they say is not looked at; bytes behind the last
 * block are allowed. *ret_size is the size of all blocks.
 *
 * Returns 0 or -EBADMSG.
 */
ORIEL_MUST_CHECK
int oriel_edid_check(const uint8_t *edid, size_t size, size_t *ret_size);

#endif
