// SPDX-License-Identifier: MIT
/*
 * Writes the EDID of one mode to stdout, for tools that judge it.
 *
 *	edid_write WIDTH HEIGHT REFRESH_MHZ
 */
#include "protocol/edid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/** A whole decimal number of 32 bits. */
static int parse_number(const char *text, uint32_t *ret) {
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v > UINT32_MAX) {
		return -EINVAL;
	}
	*ret = (uint32_t)v;
	return 0;
}

int main(int argc, char **argv) {
	struct oriel_edid_mode mode = { .serial = "0001" };
	if (argc != 4 || parse_number(argv[1], &mode.width_px) < 0 ||
			parse_number(argv[2], &mode.height_px) < 0 ||
			parse_number(argv[3], &mode.refresh_mhz) < 0) {
		fprintf(stderr, "usage: edid_write WIDTH HEIGHT REFRESH_MHZ\n");
		return 2;
	}
	uint8_t edid[ORIEL_EDID_BUF_SIZE];
	size_t size;
	int err = oriel_edid_encode(&mode, edid, &size);
	if (err < 0) {
		fprintf(stderr, "edid_write: error %d\n", err);
		return 1;
	}
	return fwrite(edid, 1, size, stdout) == size ? 0 : 1;
}
