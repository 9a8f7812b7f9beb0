// SPDX-License-Identifier: MIT
/*
 * Sending operations: records, payloads, and the request ring. See state.h.
 *
 * A request is put into the ring only when every message with a descriptor that it names is in the
 * socket: so the renderer never waits for one.
 */
#include "base/error.h"
#include "base/fd.h"
#include "render/remote/state.h"
#include "render/request.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/** Records that are kept for the next operations: as many as can be under way. */
#define MAX_FREE_RECORDS ORIEL_RENDER_LINK_N_REPLIES
/** A sequence is a number that counts up, and the slot of its operation in the lowest bits. */
#define SLOT_BITS 12u

static_assert(1u << SLOT_BITS == ORIEL_RENDER_LINK_N_REPLIES, "a slot for each reply");

static struct remote_record *take_record(struct oriel_remote *remote) {
	if (oriel_list_is_empty(&remote->free_records)) {
		return calloc(1, sizeof(struct remote_record));
	}
	struct oriel_link *link = remote->free_records.next;
	oriel_list_remove(link);
	remote->n_free_records--;
	return oriel_container_of(link, struct remote_record, link);
}

static void give_record_back(struct oriel_remote *remote, struct remote_record *record) {
	if (remote->n_free_records >= MAX_FREE_RECORDS) {
		free(record);
		return;
	}
	// At the front: what was used last is used next, while it is in the cache.
	record->link.next = remote->free_records.next;
	record->link.prev = &remote->free_records;
	record->link.next->prev = &record->link;
	remote->free_records.next = &record->link;
	remote->n_free_records++;
}

static void free_list(struct oriel_link *list) {
	oriel_list_for_each(link, following, list) {
		struct remote_record *record = oriel_container_of(link, struct remote_record, link);
		oriel_fd_close(&record->payload_fd);
		oriel_list_remove(link);
		free(record);
	}
}

void oriel_remote_free_records(struct oriel_remote *remote) {
	free_list(&remote->free_records);
	free_list(&remote->pending); // at most the memory table's, which nobody waits for
}

void oriel_remote_reset_slots(struct oriel_remote *remote) {
	remote->n_free_slots = ORIEL_RENDER_LINK_N_REPLIES;
	for (uint32_t i = 0; i < ORIEL_RENDER_LINK_N_REPLIES; i++) {
		remote->slots[i] = NULL;
		remote->free_slots[i] = (uint16_t)(ORIEL_RENDER_LINK_N_REPLIES - 1 - i);
	}
	remote->arena.head = 0;
	remote->arena.tail = 0;
}

static bool wants_file(const struct oriel_render3d_op *op) {
	return op->type == ORIEL_RENDER3D_EXPORT && op->exported.wants_file;
}

void oriel_remote_complete(struct oriel_remote *remote, struct remote_record *record, int err) {
	oriel_list_remove(&record->link);
	oriel_list_remove(&record->stage_link);
	if (record->is_sent) {
		remote->slots[record->slot] = NULL;
		remote->free_slots[remote->n_free_slots++] = (uint16_t)record->slot;
	}
	if (record->arena_end != 0) {
		oriel_render_arena_give_back(&remote->arena, record->arena_end);
	}
	oriel_fd_close(&record->payload_fd);
	struct oriel_render3d_op *op = record->op;
	if (record->is_sent && wants_file(op)) {
		remote->n_exports--;
	}
	give_record_back(remote, record);
	remote->n_operations++;
	remote->n_errors += err < 0 ? 1 : 0;
	op->done(op, err);
}

/*
 * Payloads.
 */

/** A file that nobody can cut off, with room for size bytes, mapped at *ret_bytes. */
static int make_file(size_t size, int *ret_fd, uint8_t **ret_bytes) {
	int fd = memfd_create("oriel-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0) {
		return oriel_errno();
	}
	void *bytes = MAP_FAILED;
	if (ftruncate(fd, (off_t)size) == 0 &&
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0) {
		bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	if (bytes == MAP_FAILED) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	*ret_fd = fd;
	*ret_bytes = bytes;
	return 0;
}

static void write_backing(uint8_t *bytes, size_t size, const struct oriel_backing *backing) {
	struct oriel_writer w = oriel_writer_of(bytes, size);
	for (size_t i = 0; i < backing->len; i++) {
		oriel_write_u64(&w, backing->entries[i].gpa);
		oriel_write_u64(&w, backing->entries[i].size);
	}
}

/** Write the payload of op. Returns 0, or -EFAULT if the chain has less than it said. */
static int write_payload(const struct oriel_render3d_op *op, uint8_t *bytes, size_t size) {
	if (op->type == ORIEL_RENDER3D_ATTACH_BACKING) {
		write_backing(bytes, size, op->backing);
		return 0;
	}
	struct oriel_span_cursor cursor = op->commands.bytes;
	return oriel_span_cursor_read(&cursor, bytes, size) == size ? 0 : -EFAULT;
}

static int write_file_payload(struct remote_record *record, size_t size) {
	uint8_t *bytes;
	int err = make_file(size, &record->payload_fd, &bytes);
	if (err < 0) {
		return err;
	}
	err = write_payload(record->op, bytes, size);
	munmap(bytes, size);
	return err;
}

/** Copy what the operation carries, while it may be read. */
static int take_payload(struct oriel_remote *remote, struct remote_record *record) {
	const struct oriel_render3d_op *op = record->op;
	size_t size = 0;
	if (op->type == ORIEL_RENDER3D_SUBMIT) {
		size = op->commands.size;
	} else if (op->type == ORIEL_RENDER3D_ATTACH_BACKING) {
		int err = oriel_size_mul(op->backing->len, ORIEL_RENDER_LINK_BACKING_ENTRY_SIZE,
				&size);
		if (err < 0 || size > UINT32_MAX) {
			return -EOVERFLOW;
		}
	}
	if (size == 0) {
		return 0;
	}
	record->payload_size = (uint32_t)size;
	uint64_t offset, end;
	if (size > ORIEL_REMOTE_MAX_ARENA_PAYLOAD || remote->link.memory == NULL ||
			!oriel_render_arena_take(&remote->arena, size, &offset, &end)) {
		return write_file_payload(record, size);
	}
	record->payload_offset = offset;
	record->arena_end = end;
	return write_payload(op, oriel_render_link_get_arena(&remote->link) + offset, size);
}

/** What can be found wrong without the renderer. */
static int check_op(const struct oriel_render3d_op *op) {
	if (op->type == ORIEL_RENDER3D_SET_MEMORY) {
		for (size_t i = 0; i < oriel_mem_map_count_regions(op->map); i++) {
			if (oriel_mem_map_get_region(op->map, i).fd < 0) {
				return -EOPNOTSUPP; // mapped by the embedder: cannot be shared
			}
		}
	}
	if (op->type == ORIEL_RENDER3D_ADD_IMAGE) {
		// The renderer gets a file to write to, which it must not cut off under us.
		(void)fcntl(op->image.fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
		int seals = fcntl(op->image.fd, F_GET_SEALS);
		return seals >= 0 && (seals & F_SEAL_SHRINK) != 0 ? 0 : -EINVAL;
	}
	return 0;
}

/*
 * The request ring.
 */

static void push_request(struct oriel_remote *remote, struct remote_record *record,
		uint32_t fd_number) {
	const struct oriel_render3d_op *op = record->op;
	struct oriel_render_link_request request = {
		.sequence = op->sequence,
		.type = (uint32_t)op->type,
		.ctx_id = op->ctx_id,
		.resource_id = op->resource_id,
		.fd_number = fd_number,
		.payload_offset = record->payload_offset,
		.payload_size = record->payload_size,
	};
	oriel_render3d_write_request(op, &request);
	uint8_t slot[ORIEL_RENDER_LINK_REQUEST_SIZE];
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_render_link_encode_request(&w, &request);
	oriel_render_ring_push(&remote->link.requests, slot);
}

static int send_region(struct oriel_remote *remote, const struct oriel_mem_region_info *info,
		uint32_t index) {
	const struct oriel_render_link_region region = {
		.number = remote->last_file + 1,
		.index = index,
		.gpa = info->gpa,
		.size = info->size,
		.fd_offset = info->fd_offset,
	};
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_region(&w, &region);
	int err = oriel_render_link_send(&remote->link, &w, bytes, info->fd);
	remote->last_file += err == 0 ? 1 : 0;
	return err;
}

static int send_file(struct oriel_remote *remote, int fd) {
	const struct oriel_render_link_file file = { .number = remote->last_file + 1 };
	uint8_t bytes[64];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_link_encode_file(&w, &file);
	int err = oriel_render_link_send(&remote->link, &w, bytes, fd);
	remote->last_file += err == 0 ? 1 : 0;
	return err;
}

/** Send the descriptors that belong to an operation; *ret_number is of the last, 0: none. */
static int send_files(struct oriel_remote *remote, struct remote_record *record,
		uint32_t *ret_number) {
	const struct oriel_render3d_op *op = record->op;
	int err = 0;
	bool has_any = false;
	if (op->type == ORIEL_RENDER3D_SET_MEMORY) {
		const size_t n = oriel_mem_map_count_regions(op->map);
		has_any = n > 0;
		while (err == 0 && record->n_regions_sent < n) {
			const struct oriel_mem_region_info info =
					oriel_mem_map_get_region(op->map, record->n_regions_sent);
			err = send_region(remote, &info, record->n_regions_sent);
			record->n_regions_sent += err == 0 ? 1 : 0;
		}
	} else if (op->type == ORIEL_RENDER3D_ADD_IMAGE || record->payload_fd >= 0) {
		has_any = true;
		err = send_file(remote,
				record->payload_fd >= 0 ? record->payload_fd : op->image.fd);
	}
	*ret_number = has_any ? remote->last_file : 0;
	return err;
}

/** The first that waits is sent now: it goes to the stage where it waits for its answer. */
static void enter_flight(struct oriel_remote *remote, struct remote_record *record) {
	oriel_list_remove(&record->stage_link);
	if (record->err == 0) {
		record->slot = remote->free_slots[--remote->n_free_slots];
		record->is_sent = true;
		remote->slots[record->slot] = record;
		remote->n_exports += wants_file(record->op) ? 1 : 0;
		record->op->sequence = ++remote->last_count << SLOT_BITS | record->slot;
	}
	if (record->err == 0 && record->op->type == ORIEL_RENDER3D_FENCE) {
		record->since_ns = oriel_remote_get_clock(remote);
		oriel_list_append(&remote->fences, &record->stage_link);
		return;
	}
	if (oriel_list_is_empty(&remote->running)) {
		remote->progress_ns = oriel_remote_get_clock(remote);
	}
	oriel_list_append(&remote->running, &record->stage_link);
}

/** Whether a request can be put into the ring. If not, the renderer tells when it can. */
static bool has_room(struct oriel_remote *remote) {
	struct oriel_render_ring *ring = &remote->link.requests;
	int room = oriel_render_ring_get_room(ring);
	if (room == 0) {
		room = oriel_render_ring_wait_for_room(ring);
		room = room < 0 ? room : room == 0;
	}
	if (room < 0) {
		oriel_remote_lose(remote, "took requests that there are not");
		return false;
	}
	return room > 0 && remote->n_free_slots > 0;
}

/** Returns whether the operation was sent, or needs not be. */
static bool send_first(struct oriel_remote *remote) {
	struct remote_record *record =
			oriel_container_of(remote->waiting.next, struct remote_record, stage_link);
	if (record->err < 0) {
		enter_flight(remote, record);
		return true;
	}
	if (!has_room(remote)) {
		return false;
	}
	uint32_t fd_number;
	int err = send_files(remote, record, &fd_number);
	if (err == -EAGAIN) {
		remote->socket_is_full = true;
		oriel_remote_update_socket(remote);
		return false;
	}
	if (err == -ENOTCONN) {
		return false; // its end is about to be seen
	}
	if (err < 0) {
		oriel_remote_lose(remote, "could not be sent a descriptor");
		return false;
	}
	enter_flight(remote, record);
	push_request(remote, record, fd_number);
	return true;
}

void oriel_remote_flush(struct oriel_remote *remote) {
	if (remote->state != REMOTE_STARTING && remote->state != REMOTE_RUNNING) {
		return;
	}
	bool has_sent = false;
	while (!oriel_list_is_empty(&remote->waiting) && !remote->socket_is_full &&
			send_first(remote)) {
		has_sent = true;
	}
	if (!has_sent) {
		return;
	}
	const struct remote_record *first =
			oriel_container_of(remote->running.next, struct remote_record, stage_link);
	if (!oriel_list_is_empty(&remote->running) && first->err < 0) {
		oriel_remote_defer(remote); // nothing is before it whose answer would take it along
	}
	if (oriel_render_ring_needs_bell(&remote->link.requests)) {
		oriel_render_bell_ring(remote->link.bell);
	}
	if (remote->state == REMOTE_RUNNING) {
		oriel_remote_update_watchdog(remote);
	}
}

void oriel_remote_send_op(struct oriel_remote *remote, struct oriel_render3d_op *op) {
	struct remote_record *record = take_record(remote);
	if (record == NULL) {
		// It cannot even wait: all that waits comes back, and this one last.
		oriel_list_append(&remote->orphans, &op->link);
		oriel_remote_lose(remote, "cannot be served: there is no memory");
		return;
	}
	*record = (struct remote_record){ .op = op, .payload_fd = -1 };
	oriel_list_init(&record->link);
	oriel_list_init(&record->stage_link);
	op->sequence = 0;
	if (remote->state == REMOTE_STARTING || remote->state == REMOTE_RUNNING) {
		record->err = check_op(op);
		if (record->err == 0) {
			record->err = take_payload(remote, record);
		}
	}
	oriel_list_append(&remote->pending, &record->link);
	oriel_list_append(&remote->waiting, &record->stage_link);
	oriel_remote_flush(remote);
	remote->was_full = remote->was_full || oriel_renderer3d_is_full(&remote->base);
}
