// SPDX-License-Identifier: MIT
/*
 * Memory that the server hands out: checked, then mapped read-only.
 *
 * A mapping can be read safely if the file is large enough now (fstat) and can never shrink (the
 * seal; a dma-buf never does). Descriptors are closed at once: a mapping is enough, and a guest may
 * show many buffers. Those of dma-bufs stay open, for who imports them.
 */
#include "client/client.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/** Of a call that is interrupted. */
#define MAX_TRIES 100

/** The formats of docs/display-protocol.md, 1. */
static bool is_known_format(uint32_t fourcc) {
	static const uint32_t formats[] = { 0x34325258, 0x34325241, 0x34325842, 0x34324142,
		0x34324258, 0x34324241, 0x34325852, 0x34324152 };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(formats); i++) {
		if (formats[i] == fourcc) {
			return true;
		}
	}
	return false;
}

/** Whether all pixels lie inside size bytes; where those of other modifiers lie, a GPU knows. */
static bool pixels_fit(const struct oriel_share_buffer_info *info) {
	if (info->modifier != 0) {
		return info->width != 0 && info->height != 0 && info->offset <= info->size;
	}
	if (info->width == 0 || info->height == 0 || info->stride / 4 < info->width ||
			info->offset > info->size) {
		return false;
	}
	// 32 by 32 bits, plus 34: cannot overflow 64.
	uint64_t pixels = (uint64_t)info->stride * (info->height - 1) + (uint64_t)info->width * 4;
	return pixels <= info->size - info->offset;
}

int oriel_client_sync_dmabuf(int fd, uint64_t flags) {
	const struct dma_buf_sync sync = { .flags = flags };
	int err = -EINTR;
	// The server may have made the file up: it must not have us try for ever.
	for (int i = 0; i < MAX_TRIES && (err == -EINTR || err == -EAGAIN); i++) {
		err = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) < 0 ? oriel_errno() : 0;
	}
	return err;
}

static int check_file(struct oriel_client *client, const struct oriel_share_buffer_info *info,
		int fd) {
	struct stat st;
	if (fstat(fd, &st) < 0) {
		return oriel_errno();
	}
	const bool is_dmabuf = (info->flags & ORIEL_SHARE_BUFFER_DMABUF) != 0;
	// Dma-bufs have no type.
	const bool is_file = S_ISREG(st.st_mode) || (is_dmabuf && (st.st_mode & S_IFMT) == 0);
	if (!is_file || (uint64_t)st.st_size < info->size) {
		return oriel_client_refuse(client, "a buffer's file is smaller than it says");
	}
	if (is_dmabuf &&
			oriel_client_sync_dmabuf(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ) == 0) {
		(void)oriel_client_sync_dmabuf(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
		return 0;
	}
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
		return oriel_client_refuse(client, "a buffer's file is not sealed");
	}
	return 0;
}

static int check(struct oriel_client *client, const struct oriel_share_buffer_info *info, int fd) {
	if (fd < 0) {
		return oriel_client_refuse(client, "a buffer without a descriptor");
	}
	if (info->buffer_id == 0 || oriel_client_buffer_get(client, info->buffer_id) != NULL) {
		return oriel_client_refuse(client, "a buffer with an id that is in use");
	}
	const bool is_dmabuf = (info->flags & ORIEL_SHARE_BUFFER_DMABUF) != 0;
	if ((is_dmabuf && (client->features & ORIEL_SHARE_FEATURE_DMABUF) == 0) ||
			(!is_dmabuf && info->modifier != 0)) {
		return oriel_client_refuse(client, "a buffer that is not linear memory");
	}
	if (!is_known_format(info->fourcc)) {
		return oriel_client_refuse(client, "a buffer of an unknown format");
	}
	if (info->size > SIZE_MAX || !pixels_fit(info)) {
		return oriel_client_refuse(client, "a buffer smaller than its pixels");
	}
	if (client->buffers.len >= ORIEL_CLIENT_MAX_BUFFERS) {
		return oriel_client_refuse(client, "too many buffers");
	}
	return check_file(client, info, fd);
}

int oriel_client_buffer_create_take(struct oriel_client *client,
		const struct oriel_share_buffer_info *info, int fd) {
	struct oriel_client_buffer *buffer = NULL;
	void *bytes = MAP_FAILED;
	int err = check(client, info, fd);
	if (err < 0) {
		goto fail;
	}
	const bool is_dmabuf = (info->flags & ORIEL_SHARE_BUFFER_DMABUF) != 0;
	if (info->modifier == 0) {
		bytes = mmap(NULL, (size_t)info->size, PROT_READ, MAP_SHARED, fd, 0);
	}
	// A GPU's memory need not be mappable.
	if (bytes == MAP_FAILED && !is_dmabuf) {
		err = oriel_errno();
		goto fail;
	}
	buffer = calloc(1, sizeof(*buffer));
	err = buffer != NULL ? oriel_id_table_insert(&client->buffers, info->buffer_id, buffer)
			     : -ENOMEM;
	if (err < 0) {
		goto fail;
	}
	*buffer = (struct oriel_client_buffer){
		.id = info->buffer_id,
		.bytes = bytes != MAP_FAILED ? bytes : NULL,
		.fd = is_dmabuf ? fd : -1,
		.modifier = info->modifier,
		.size = (size_t)info->size,
		.offset = (size_t)info->offset,
		.width = info->width,
		.height = info->height,
		.stride = info->stride,
		.fourcc = info->fourcc,
	};
	oriel_list_append(&client->all_buffers, &buffer->link);
	if (!is_dmabuf) {
		oriel_fd_close(&fd);
	}
	return 0;
fail:
	if (bytes != MAP_FAILED) {
		munmap(bytes, (size_t)info->size);
	}
	free(buffer);
	oriel_fd_close(&fd);
	return err;
}

struct oriel_client_buffer *oriel_client_buffer_get(const struct oriel_client *client,
		uint32_t id) {
	return oriel_id_table_get(&client->buffers, id);
}

void oriel_client_head_clear(struct oriel_client_head *head) {
	head->scanout = (struct oriel_client_scanout){ 0 };
	head->buffer_id = 0;
}

void oriel_client_buffer_destroy(struct oriel_client *client, struct oriel_client_buffer *buffer) {
	for (size_t i = 0; i < ORIEL_CLIENT_MAX_SCANOUTS; i++) {
		if (client->heads[i].buffer_id == buffer->id) {
			oriel_client_head_clear(&client->heads[i]);
		}
	}
	if (buffer->bytes != NULL) {
		munmap((void *)buffer->bytes, buffer->size);
	}
	oriel_fd_close(&buffer->fd);
	oriel_list_remove(&buffer->link);
	oriel_id_table_remove(&client->buffers, buffer->id);
	free(buffer);
}
