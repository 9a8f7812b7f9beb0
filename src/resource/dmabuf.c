// SPDX-License-Identifier: MIT
/* See dmabuf.h. */
#include "resource/dmabuf.h"

#include "base/arith.h"
#include "base/error.h"
#include "base/fd.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/**
 * Whether the picture can lie in size bytes. Of one that is not linear only the driver knows how
 * many bytes a row takes; but no driver stores a picture in fewer bytes than its pixels have.
 */
static bool layout_fits(const struct oriel_dmabuf_layout *layout, uint64_t size) {
	const uint64_t row = (uint64_t)layout->width * ORIEL_BYTES_PER_PIXEL;
	if (layout->format == NULL || layout->width == 0 || layout->height == 0 ||
			layout->offset % ORIEL_BYTES_PER_PIXEL != 0) {
		return false;
	}
	if (layout->modifier != ORIEL_MODIFIER_LINEAR) {
		// Both factors are of 32 bits, so that the product is right.
		return layout->stride != 0 && row <= size / layout->height;
	}
	return layout->stride >= row && layout->stride % ORIEL_BYTES_PER_PIXEL == 0 &&
	       oriel_range_fits(layout->offset,
			       (layout->height - 1) * (uint64_t)layout->stride + row, size);
}

/**
 * The size of a file that somebody else may have made up: so that nobody is asked who could make us
 * wait (a file system in user space), what is not known here is not found out. A dma-buf has no
 * type, or is a regular file; whatever is a pipe, a socket or a device is none.
 */
static int get_size(int fd, uint64_t *ret) {
	struct statx st;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &st) < 0) {
		return oriel_errno();
	}
	const unsigned int type = st.stx_mode & S_IFMT;
	if (type != 0 && type != S_IFREG) {
		return -EINVAL;
	}
	*ret = st.stx_size;
	return 0;
}

int oriel_dmabuf_create_take(int fd, const struct oriel_dmabuf_layout *layout,
		struct oriel_dmabuf **ret) {
	uint64_t size = 0;
	int err = get_size(fd, &size);
	if (err == 0 && !layout_fits(layout, size)) {
		err = -EINVAL;
	}
	struct oriel_dmabuf *dmabuf = err == 0 ? calloc(1, sizeof(*dmabuf)) : NULL;
	if (dmabuf == NULL) {
		oriel_fd_close(&fd);
		return err < 0 ? err : -ENOMEM;
	}
	dmabuf->n_holds = 1;
	dmabuf->fd = fd;
	dmabuf->layout = *layout;
	dmabuf->layout.size = size;
	*ret = dmabuf;
	return 0;
}

struct oriel_dmabuf *oriel_dmabuf_hold(struct oriel_dmabuf *dmabuf) {
	if (dmabuf != NULL) {
		dmabuf->n_holds++;
	}
	return dmabuf;
}

void oriel_dmabuf_release(struct oriel_dmabuf *dmabuf) {
	if (dmabuf == NULL) {
		return;
	}
	assert(dmabuf->n_holds > 0);
	dmabuf->n_holds--;
	if (dmabuf->n_holds == 0) {
		oriel_fd_close(&dmabuf->fd);
		free(dmabuf);
	}
}
