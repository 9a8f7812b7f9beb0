// SPDX-License-Identifier: MIT
/*
 * See png.h. A stored PNG: nothing is compressed, so that nothing but the C library is needed (PNG
 * specification, RFC 1950, RFC 1951).
 */
#include "png.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_be32(uint8_t *to, uint32_t value) {
	for (int i = 0; i < 4; i++) {
		to[i] = (uint8_t)(value >> (24 - 8 * i));
	}
}

static uint32_t add_to_crc(uint32_t crc, const uint8_t *bytes, size_t size) {
	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
		}
	}
	return crc;
}

static void write_chunk(FILE *file, const char *type, const uint8_t *data, size_t size) {
	uint8_t head[8], tail[4];
	put_be32(head, (uint32_t)size);
	memcpy(head + 4, type, 4);
	put_be32(tail, ~add_to_crc(add_to_crc(~0u, head + 4, 4), data, size));
	fwrite(head, 1, sizeof(head), file);
	if (size > 0) {
		fwrite(data, 1, size, file);
	}
	fwrite(tail, 1, sizeof(tail), file);
}

/** A zlib stream of one stored block for each row, which is filter 0, then red, green, blue. */
static size_t store_rows(uint8_t *to, const uint8_t *bgrx, uint32_t width, uint32_t height) {
	uint8_t *begin = to;
	const uint32_t row_size = 1 + width * 3; // fits a block: less than 65,536
	uint32_t a = 1, b = 0;                   // Adler-32
	*to++ = 0x78;
	*to++ = 0x01;
	for (uint32_t y = 0; y < height; y++) {
		*to++ = y + 1 == height ? 1 : 0; // the last one
		*to++ = (uint8_t)row_size;       // little-endian, here alone
		*to++ = (uint8_t)(row_size >> 8);
		*to++ = (uint8_t)~row_size;
		*to++ = (uint8_t)(~row_size >> 8);
		uint8_t *row = to;
		*to++ = 0;
		for (uint32_t x = 0; x < width; x++, bgrx += 4) {
			*to++ = bgrx[2];
			*to++ = bgrx[1];
			*to++ = bgrx[0];
		}
		for (; row < to; row++) {
			a = (a + *row) % 65521;
			b = (b + a) % 65521;
		}
	}
	put_be32(to, b << 16 | a);
	return (size_t)(to + 4 - begin);
}

int png_write(const char *path, const uint8_t *bgrx, uint32_t width, uint32_t height) {
	// Each row has a block header and a filter byte before it; the stream has a head and a sum.
	uint8_t *data = calloc((size_t)height + 1, 6 + (size_t)width * 3);
	FILE *file = data != NULL ? fopen(path, "wb") : NULL;
	if (file == NULL) {
		int err = -errno;
		free(data);
		return err;
	}
	uint8_t header[13] = { [8] = 8, [9] = 2 }; // 8 bits, RGB
	put_be32(header, width);
	put_be32(header + 4, height);
	fwrite("\x89PNG\r\n\x1a\n", 1, 8, file);
	write_chunk(file, "IHDR", header, sizeof(header));
	write_chunk(file, "IDAT", data, store_rows(data, bgrx, width, height));
	write_chunk(file, "IEND", NULL, 0);
	free(data);
	bool failed = ferror(file) != 0;
	return fclose(file) != 0 || failed ? -EIO : 0;
}
