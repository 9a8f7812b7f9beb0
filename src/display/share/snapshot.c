// SPDX-License-Identifier: MIT
/* See snapshot.h. */
#include "display/share/snapshot.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_SIZE (256u * 1024u) // bytes that are converted, then written

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

static int create_memfd(int *ret) {
	const unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create("oriel-snapshot", flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) {
		fd = memfd_create("oriel-snapshot", flags); // Linux before 6.3
	}
	if (fd < 0) {
		return oriel_errno();
	}
	*ret = fd;
	return 0;
}

/** Write at an offset: the descriptor's own position stays at the beginning, for the reader. */
static int write_at(int fd, uint64_t offset, const uint8_t *bytes, size_t size) {
	while (size > 0) {
		ssize_t n = pwrite(fd, bytes, size, (off_t)offset);
		if (n < 0 && errno != EINTR) {
			int err = oriel_errno();
			return err == -ENOSPC ? -ENOMEM : err;
		}
		size_t n_written = n > 0 ? (size_t)n : 0;
		offset += n_written;
		bytes += n_written;
		size -= n_written;
	}
	return 0;
}

/**
 * Convert and write, some rows at a time. Writing is faster here than a mapping, whose pages would
 * be cleared and faulted in first, and it cannot raise SIGBUS when memory is short.
 */
static int write_picture(const struct oriel_scanout *scanout, int fd) {
	const struct oriel_resource *res = scanout->res;
	const struct oriel_rect *src = &scanout->src;
	size_t row_size = (size_t)src->width * ORIEL_BYTES_PER_PIXEL;
	uint32_t max_rows = row_size < CHUNK_SIZE ? (uint32_t)(CHUNK_SIZE / row_size) : 1;
	uint8_t *chunk = calloc(max_rows, row_size);
	if (chunk == NULL) {
		return -ENOMEM;
	}
	const uint8_t *from = res->pixels + (size_t)src->y * res->stride +
			      (size_t)src->x * ORIEL_BYTES_PER_PIXEL;
	int err = 0;
	for (uint32_t y = 0; err == 0 && y < src->height;) {
		uint32_t n_rows = oriel_min_u32(max_rows, src->height - y);
		for (uint32_t i = 0; i < n_rows; i++) {
			oriel_format_copy_as_bgr(res->format, from, src->width,
					chunk + i * row_size);
			from += res->stride;
		}
		err = write_at(fd, y * row_size, chunk, n_rows * row_size);
		y += n_rows;
	}
	free(chunk);
	return err;
}

int oriel_share_snapshot_create(const struct oriel_scanout *scanout, const uint8_t *cursor,
		int *ret) {
	int fd = -1;
	int err = create_memfd(&fd);
	if (err < 0) {
		return err;
	}
	err = write_picture(scanout, fd);
	if (err == 0 && cursor != NULL) {
		err = write_at(fd, get_picture_size(scanout), cursor, ORIEL_CURSOR_BYTES);
	}
	if (err == 0 && fcntl(fd, F_ADD_SEALS, SEALS) < 0) {
		err = oriel_errno();
	}
	if (err < 0) {
		oriel_fd_close(&fd);
		return err;
	}
	*ret = fd;
	return 0;
}
