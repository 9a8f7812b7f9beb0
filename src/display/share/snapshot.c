// SPDX-License-Identifier: MIT
/* See snapshot.h. */
#include "display/share/snapshot.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static uint64_t get_picture_size(const struct oriel_scanout *scanout) {
	return (uint64_t)scanout->src.width * scanout->src.height * ORIEL_BYTES_PER_PIXEL;
}

uint64_t oriel_share_snapshot_get_size(const struct oriel_scanout *scanout, bool has_cursor) {
	return get_picture_size(scanout) + (has_cursor ? ORIEL_CURSOR_BYTES : 0);
}

/** A memfd whose pages all exist, so that writing to them cannot fail. */
static int create_memfd(uint64_t size, int *ret) {
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("oriel-snapshot", flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) {
		fd = memfd_create("oriel-snapshot", flags); // Linux before 6.3
	}
	if (fd < 0) {
		return oriel_errno();
	}
	int err = 0;
	do {
		err = fallocate(fd, 0, 0, (off_t)size) < 0 ? oriel_errno() : 0;
	} while (err == -EINTR);
	if (err < 0) {
		oriel_fd_close(&fd);
		return err == -ENOSPC ? -ENOMEM : err;
	}
	*ret = fd;
	return 0;
}

/** A row of pixels as B8G8R8X8. */
static void convert_row(const struct oriel_format *format, const uint8_t *from, uint32_t n_pixels,
		uint8_t *to) {
	if (format->i_blue == 0 && format->i_green == 1 && format->i_red == 2) {
		memcpy(to, from, (size_t)n_pixels * ORIEL_BYTES_PER_PIXEL);
		for (uint32_t i = 0; i < n_pixels; i++) {
			to[i * ORIEL_BYTES_PER_PIXEL + 3] = 0xff;
		}
		return;
	}
	for (uint32_t i = 0; i < n_pixels; i++) {
		to[0] = from[format->i_blue];
		to[1] = from[format->i_green];
		to[2] = from[format->i_red];
		to[3] = 0xff;
		from += ORIEL_BYTES_PER_PIXEL;
		to += ORIEL_BYTES_PER_PIXEL;
	}
}

static void copy_picture(const struct oriel_scanout *scanout, uint8_t *to) {
	const struct oriel_resource *res = scanout->res;
	const struct oriel_rect *src = &scanout->src;
	const uint8_t *from = res->pixels + (size_t)src->y * res->stride +
			      (size_t)src->x * ORIEL_BYTES_PER_PIXEL;
	for (uint32_t y = 0; y < src->height; y++) {
		convert_row(res->format, from, src->width, to);
		from += res->stride;
		to += (size_t)src->width * ORIEL_BYTES_PER_PIXEL;
	}
}

int oriel_share_snapshot_create(const struct oriel_scanout *scanout, const uint8_t *cursor,
		int *ret) {
	uint64_t size = oriel_share_snapshot_get_size(scanout, cursor != NULL);
	int fd = -1;
	int err = create_memfd(size, &fd);
	if (err < 0) {
		return err;
	}
	uint8_t *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED) {
		err = oriel_errno();
		goto fail;
	}
	copy_picture(scanout, bytes);
	if (cursor != NULL) {
		memcpy(bytes + get_picture_size(scanout), cursor, ORIEL_CURSOR_BYTES);
	}
	munmap(bytes, (size_t)size);
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		err = oriel_errno();
		goto fail;
	}
	*ret = fd;
	return 0;
fail:
	oriel_fd_close(&fd);
	return err;
}
