// SPDX-License-Identifier: MIT
/*
 * From a request to an operation. See host.h.
 *
 * Guest memory is mapped by a table of this process's own, made of the device's regions; backings
 * come as guest addresses and are resolved here. No pointer crosses the link.
 */
#include "base/error.h"
#include "base/fd.h"
#include "render/remote/host.h"
#include "render/request.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>

/** Of a backing that is in one piece of more than 4 GiB: a multiple of any page. */
#define MAX_ENTRY (1u << 31)

/** Read one message of the socket into host->files. */
static int read_message(struct oriel_render_host *host) {
	uint8_t bytes[64];
	size_t size;
	int fd;
	int err = oriel_render_link_receive(&host->link, bytes, sizeof(bytes), &size, &fd);
	if (err < 0) {
		return err;
	}
	struct host_file file = { .fd = fd };
	struct oriel_render_link_file plain;
	struct oriel_reader r = oriel_reader_of(bytes, size);
	if (oriel_render_link_get_message_type(bytes, size) == ORIEL_RENDER_LINK_REGION) {
		file.is_region = true;
		err = oriel_render_link_decode_region(&r, &file.region);
		file.number = err == 0 ? file.region.number : 0;
	} else {
		err = oriel_render_link_decode_file(&r, &plain);
		file.number = err == 0 ? plain.number : 0;
	}
	if (err < 0 || fd < 0 || host->n_files == HOST_MAX_FILES ||
			file.number != host->last_number + 1) {
		oriel_fd_close(&fd);
		return -EPROTO;
	}
	host->last_number = file.number;
	host->files[host->n_files++] = file;
	return 0;
}

int oriel_render_host_read_files(struct oriel_render_host *host) {
	int err = 0;
	while (err == 0 && host->n_files < HOST_MAX_FILES) {
		err = read_message(host);
	}
	// With very many waiting for their requests, the rest stays in the socket.
	oriel_source_set_events(host->socket_source, err == 0 ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP);
	return err == -EAGAIN ? 0 : err;
}

/** Have n files, the last with this number: they are sent before their request. */
static int await_files(struct oriel_render_host *host, size_t n, uint32_t number) {
	int err = n > HOST_MAX_FILES ? -EPROTO : 0;
	while (err == 0 && host->n_files < n) {
		err = read_message(host);
	}
	if (err == 0 && n > 0 && host->files[n - 1].number != number) {
		err = -EPROTO;
	}
	return err == -EAGAIN ? -EPROTO : err;
}

/** Be done with the first n files, whose descriptors are gone. */
static void consume_files(struct oriel_render_host *host, size_t n) {
	host->n_files -= n;
	memmove(&host->files[0], &host->files[n], host->n_files * sizeof(host->files[0]));
	oriel_source_set_events(host->socket_source, EPOLLIN | EPOLLRDHUP);
}

void oriel_render_host_close_files(struct oriel_render_host *host) {
	for (size_t i = 0; i < host->n_files; i++) {
		oriel_fd_close(&host->files[i].fd);
	}
	host->n_files = 0;
}

/** The one file of a request; its descriptor is the caller's. */
static int take_file(struct oriel_render_host *host, uint32_t number, int *ret) {
	int err = await_files(host, 1, number);
	if (err < 0) {
		return err;
	}
	if (host->files[0].is_region) {
		return -EPROTO;
	}
	*ret = host->files[0].fd;
	consume_files(host, 1);
	return 0;
}

/*
 * Payloads.
 */

static int map_payload(struct host_op *own, size_t size, int fd) {
	struct stat st;
	if (fstat(fd, &st) < 0) {
		return oriel_errno();
	}
	if ((uint64_t)st.st_size < size) {
		return -EPROTO;
	}
	void *mapping = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (mapping == MAP_FAILED) {
		return oriel_errno();
	}
	own->mapping = mapping;
	own->mapping_size = size;
	return 0;
}

/** Where the payload of a request lies, until its operation is finished. */
static int get_payload(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own,
		uint8_t **ret) {
	if (request->fd_number == 0) {
		*ret = oriel_render_link_get_arena(&host->link) + request->payload_offset;
		return 0;
	}
	int fd;
	int err = take_file(host, request->fd_number, &fd);
	if (err < 0) {
		return err;
	}
	err = request->payload_size == 0 ? -EPROTO : map_payload(own, request->payload_size, fd);
	oriel_fd_close(&fd);
	if (err == 0) {
		*ret = own->mapping;
	}
	return err;
}

static int append_entry(struct host_op *own, uint64_t gpa, uint64_t size) {
	while (size > 0) {
		const uint32_t part = size > MAX_ENTRY ? MAX_ENTRY : (uint32_t)size;
		int err = oriel_backing_append(&own->backing, gpa, part, UINT64_MAX);
		if (err < 0) {
			return err;
		}
		gpa += part; // it was resolved, so it does not wrap but at the very end
		size -= part;
	}
	return 0;
}

static int decode_backing(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own) {
	const uint32_t size = request->payload_size;
	uint8_t *bytes = NULL;
	int err = get_payload(host, request, own, &bytes);
	if (err < 0) {
		return err;
	}
	if (size % ORIEL_RENDER_LINK_BACKING_ENTRY_SIZE != 0) {
		return -EPROTO;
	}
	const size_t n = size / ORIEL_RENDER_LINK_BACKING_ENTRY_SIZE;
	err = oriel_backing_begin(&own->backing, n, host->map);
	struct oriel_reader r = oriel_reader_of(bytes, size);
	for (size_t i = 0; err == 0 && i < n; i++) {
		const uint64_t gpa = oriel_read_u64(&r);
		const uint64_t entry_size = oriel_read_u64(&r);
		err = append_entry(own, gpa, entry_size);
	}
	if (err == 0) {
		oriel_backing_end(&own->backing);
		own->op.backing = &own->backing;
	}
	return err;
}

static int decode_commands(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own) {
	uint8_t *bytes = NULL;
	int err = get_payload(host, request, own, &bytes);
	if (err < 0) {
		return err;
	}
	own->span = (struct oriel_span){ .hva = bytes, .size = request->payload_size };
	own->op.commands.bytes = (struct oriel_span_cursor){ .spans = &own->span, .len = 1 };
	own->op.commands.size = request->payload_size;
	return 0;
}

/*
 * Guest memory.
 */

/** Make a table of the first n files. They are used up, whatever becomes of it. */
static int fill_memory(struct oriel_render_host *host, size_t n) {
	int err = 0;
	oriel_memory_clear(host->memory);
	for (size_t i = 0; i < n; i++) {
		struct host_file *file = &host->files[i];
		if (err == 0) {
			err = oriel_memory_add_region_take(host->memory, file->region.gpa,
					file->region.size, file->region.fd_offset, file->fd);
		} else {
			oriel_fd_close(&file->fd);
		}
	}
	consume_files(host, n);
	return err;
}

static int decode_memory(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own) {
	const size_t n = request->memory.n_regions;
	int err = await_files(host, n, request->fd_number);
	if (err < 0) {
		return err;
	}
	for (size_t i = 0; i < n; i++) {
		if (!host->files[i].is_region || host->files[i].region.index != i) {
			return -EPROTO;
		}
	}
	err = fill_memory(host, n);
	if (err < 0) {
		oriel_memory_clear(host->memory);
		oriel_log(&host->log, ORIEL_LOG_ERROR, "render link: cannot map guest memory: %d",
				err);
	}
	// No resource has a backing now, so nothing points into the old map.
	oriel_mem_map_release(host->map);
	host->map = oriel_memory_hold_map(host->memory);
	own->map = oriel_mem_map_hold(host->map);
	own->op.map = own->map;
	return err;
}

static int decode_image(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own) {
	if (request->fd_number == 0) {
		return -EPROTO;
	}
	int err = take_file(host, request->fd_number, &own->fd);
	own->op.image.fd = own->fd;
	return err;
}

int oriel_render_host_decode(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own) {
	struct oriel_render3d_op *op = &own->op;
	*own = (struct host_op){ .host = host, .fd = -1 };
	oriel_list_init(&own->link);
	oriel_backing_init(&own->backing, &host->budget);
	own->sequence = request->sequence;
	oriel_render3d_read_request(request, op);
	switch (op->type) {
	case ORIEL_RENDER3D_ATTACH_BACKING:
		return decode_backing(host, request, own);
	case ORIEL_RENDER3D_SUBMIT:
		return decode_commands(host, request, own);
	case ORIEL_RENDER3D_ADD_IMAGE:
		return decode_image(host, request, own);
	case ORIEL_RENDER3D_SET_MEMORY:
		return decode_memory(host, request, own);
	case ORIEL_RENDER3D_EXPORT:
		// A format that there is not is no error of the renderer's.
		return op->exported.wants_file && op->exported.format == NULL ? -EPROTO : 0;
	default:
		return 0; // nothing but what the request says itself
	}
}

void oriel_render_host_finish_op(struct host_op *own) {
	oriel_backing_detach(&own->backing);
	oriel_mem_map_release(own->map);
	own->map = NULL;
	if (own->mapping != NULL) {
		munmap(own->mapping, own->mapping_size);
		own->mapping = NULL;
	}
	oriel_fd_close(&own->fd);
}
