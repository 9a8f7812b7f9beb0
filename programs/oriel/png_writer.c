// SPDX-License-Identifier: MIT
/* See png_writer.h. */
#include "oriel/png_writer.h"

#include "oriel/picture.h"

#include <errno.h>
#include <png.h>
#include <stdlib.h>

/** Little time for most of the gain: screens are flat. */
#define COMPRESSION_LEVEL 3

static void handle_png_error(png_structp png, png_const_charp text) {
	(void)text;
	longjmp(png_jmpbuf(png), 1);
}

static void handle_png_warning(png_structp png, png_const_charp text) {
	(void)png;
	(void)text;
}

/** Returns 0, or -EIO. Apart, because of longjmp: nothing here changes after setjmp. */
static int write_rows(png_structp png, png_infop info, const struct oriel_client_snapshot *snapshot,
		bool with_cursor, uint8_t *row) {
	if (setjmp(png_jmpbuf(png)) != 0) {
		return -EIO;
	}
	png_set_compression_level(png, COMPRESSION_LEVEL);
	png_set_IHDR(png, info, snapshot->width, snapshot->height, 8, PNG_COLOR_TYPE_RGB,
			PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (uint32_t y = 0; y < snapshot->height; y++) {
		picture_make_row(snapshot, with_cursor, y, row);
		png_write_row(png, row);
	}
	png_write_end(png, info);
	return 0;
}

int png_write_snapshot(const struct oriel_client_snapshot *snapshot, bool with_cursor, FILE *out) {
	int err = -ENOMEM;
	png_infop info = NULL;
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, handle_png_error,
			handle_png_warning);
	uint8_t *row = calloc(snapshot->width, 3);
	if (png != NULL) {
		info = png_create_info_struct(png);
	}
	if (info != NULL && row != NULL) {
		png_init_io(png, out);
		errno = 0;
		err = write_rows(png, info, snapshot, with_cursor, row);
		if (err < 0 && ferror(out) && errno > 0) {
			err = -errno; // a disk that is full, mostly
		}
	}
	png_destroy_write_struct(&png, &info);
	free(row);
	return err;
}
