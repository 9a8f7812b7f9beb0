// SPDX-License-Identifier: MIT
/* See render_link.h. Offsets and sizes: docs/render-link.md, 3 to 6. */
#include "protocol/render_link.h"

#include "base/arith.h"

#include <assert.h>
#include <errno.h>

#define SETUP_SIZE 24u
#define REGION_SIZE 40u
#define FILE_SIZE 16u
#define HELLO_SIZE 24u
#define CAPSET_SIZE 24u // without its data
#define CAN_EXPORT 1u   // flag of HELLO
#define MAX_RINGS 64u   // virtio 1.3, 5.7.6.7

static_assert(ORIEL_RENDER_LINK_REQUEST_OFFSET + ORIEL_RENDER_LINK_N_REQUESTS *
								 ORIEL_RENDER_LINK_REQUEST_SIZE ==
				ORIEL_RENDER_LINK_REPLY_OFFSET,
		"the rings lie side by side");
static_assert(ORIEL_RENDER_LINK_REPLY_OFFSET + ORIEL_RENDER_LINK_N_REPLIES *
								ORIEL_RENDER_LINK_REPLY_SIZE <=
				ORIEL_RENDER_LINK_ARENA_OFFSET,
		"the arena lies behind them");

static int judge(const struct oriel_reader *r) {
	return r->failed || oriel_reader_left(r) != 0 ? -EBADMSG : 0;
}

/** Read the header of a message: its type must be this one. */
static void read_type(struct oriel_reader *r, uint32_t type) {
	if (oriel_read_u32(r) != type) {
		r->failed = true;
	}
}

uint32_t oriel_render_link_get_message_type(const void *bytes, size_t size) {
	struct oriel_reader r = oriel_reader_of(bytes, size);
	return oriel_read_u32(&r);
}

/*
 * Messages of the socket (3). Each begins with its type and a number, which is 0 where it has none.
 */

int oriel_render_link_decode_setup(struct oriel_reader *r, struct oriel_render_link_setup *ret) {
	struct oriel_render_link_setup m;
	read_type(r, ORIEL_RENDER_LINK_SETUP);
	oriel_read_skip(r, 4);
	m.magic = oriel_read_u32(r);
	m.version = oriel_read_u32(r);
	m.memory_size = oriel_read_u64(r);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_setup(struct oriel_writer *w,
		const struct oriel_render_link_setup *m) {
	oriel_write_u32(w, ORIEL_RENDER_LINK_SETUP);
	oriel_write_u32(w, 0);
	oriel_write_u32(w, m->magic);
	oriel_write_u32(w, m->version);
	oriel_write_u64(w, m->memory_size);
}

int oriel_render_link_decode_region(struct oriel_reader *r, struct oriel_render_link_region *ret) {
	struct oriel_render_link_region m;
	read_type(r, ORIEL_RENDER_LINK_REGION);
	m.number = oriel_read_u32(r);
	m.index = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	m.gpa = oriel_read_u64(r);
	m.size = oriel_read_u64(r);
	m.fd_offset = oriel_read_u64(r);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_region(struct oriel_writer *w,
		const struct oriel_render_link_region *m) {
	oriel_write_u32(w, ORIEL_RENDER_LINK_REGION);
	oriel_write_u32(w, m->number);
	oriel_write_u32(w, m->index);
	oriel_write_u32(w, 0);
	oriel_write_u64(w, m->gpa);
	oriel_write_u64(w, m->size);
	oriel_write_u64(w, m->fd_offset);
}

int oriel_render_link_decode_file(struct oriel_reader *r, struct oriel_render_link_file *ret) {
	struct oriel_render_link_file m;
	read_type(r, ORIEL_RENDER_LINK_FILE);
	m.number = oriel_read_u32(r);
	oriel_read_skip(r, 8);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_file(struct oriel_writer *w, const struct oriel_render_link_file *m) {
	oriel_write_u32(w, ORIEL_RENDER_LINK_FILE);
	oriel_write_u32(w, m->number);
	oriel_write_zeros(w, 8);
}

int oriel_render_link_decode_hello(struct oriel_reader *r, struct oriel_render_link_hello *ret) {
	struct oriel_render_link_hello m;
	read_type(r, ORIEL_RENDER_LINK_HELLO);
	oriel_read_skip(r, 4);
	m.magic = oriel_read_u32(r);
	m.version = oriel_read_u32(r);
	m.n_capsets = oriel_read_u32(r);
	const uint32_t flags = oriel_read_u32(r);
	m.can_export = (flags & CAN_EXPORT) != 0;
	if (judge(r) < 0 || (flags & ~CAN_EXPORT) != 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_hello(struct oriel_writer *w,
		const struct oriel_render_link_hello *m) {
	oriel_write_u32(w, ORIEL_RENDER_LINK_HELLO);
	oriel_write_u32(w, 0);
	oriel_write_u32(w, m->magic);
	oriel_write_u32(w, m->version);
	oriel_write_u32(w, m->n_capsets);
	oriel_write_u32(w, m->can_export ? CAN_EXPORT : 0);
}

int oriel_render_link_decode_exported(struct oriel_reader *r,
		struct oriel_render_link_exported *ret) {
	struct oriel_render_link_exported m;
	read_type(r, ORIEL_RENDER_LINK_EXPORTED);
	m.number = oriel_read_u32(r);
	m.stride = oriel_read_u32(r);
	m.fourcc = oriel_read_u32(r);
	m.modifier = oriel_read_u64(r);
	m.offset = oriel_read_u64(r);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_exported(struct oriel_writer *w,
		const struct oriel_render_link_exported *m) {
	oriel_write_u32(w, ORIEL_RENDER_LINK_EXPORTED);
	oriel_write_u32(w, m->number);
	oriel_write_u32(w, m->stride);
	oriel_write_u32(w, m->fourcc);
	oriel_write_u64(w, m->modifier);
	oriel_write_u64(w, m->offset);
}

int oriel_render_link_decode_capset(struct oriel_reader *r, struct oriel_render_link_capset *ret) {
	struct oriel_render_link_capset m;
	read_type(r, ORIEL_RENDER_LINK_CAPSET);
	oriel_read_skip(r, 4);
	m.id = oriel_read_u32(r);
	m.version = oriel_read_u32(r);
	m.size = oriel_read_u32(r);
	oriel_read_skip(r, 4);
	if (r->failed || m.size > ORIEL_RENDER_LINK_MAX_CAPSET_SIZE) {
		return -EBADMSG;
	}
	m.data = oriel_reader_get(r, m.size);
	if (judge(r) < 0) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_capset(struct oriel_writer *w,
		const struct oriel_render_link_capset *m) {
	oriel_write_u32(w, ORIEL_RENDER_LINK_CAPSET);
	oriel_write_u32(w, 0);
	oriel_write_u32(w, m->id);
	oriel_write_u32(w, m->version);
	oriel_write_u32(w, m->size);
	oriel_write_u32(w, 0);
	oriel_write_bytes(w, m->data, m->size);
}

/*
 * Slots of the rings (5, 6).
 */

static void read_resource(struct oriel_reader *r, struct oriel_render_link_request *m) {
	m->resource.target = oriel_read_u32(r);
	m->resource.format = oriel_read_u32(r);
	m->resource.bind = oriel_read_u32(r);
	m->resource.width = oriel_read_u32(r);
	m->resource.height = oriel_read_u32(r);
	m->resource.depth = oriel_read_u32(r);
	m->resource.array_size = oriel_read_u32(r);
	m->resource.last_level = oriel_read_u32(r);
	m->resource.n_samples = oriel_read_u32(r);
	m->resource.flags = oriel_read_u32(r);
}

static void write_resource(struct oriel_writer *w, const struct oriel_render_link_request *m) {
	oriel_write_u32(w, m->resource.target);
	oriel_write_u32(w, m->resource.format);
	oriel_write_u32(w, m->resource.bind);
	oriel_write_u32(w, m->resource.width);
	oriel_write_u32(w, m->resource.height);
	oriel_write_u32(w, m->resource.depth);
	oriel_write_u32(w, m->resource.array_size);
	oriel_write_u32(w, m->resource.last_level);
	oriel_write_u32(w, m->resource.n_samples);
	oriel_write_u32(w, m->resource.flags);
}

static void read_transfer(struct oriel_reader *r, struct oriel_render_link_request *m) {
	m->transfer.box.x = oriel_read_u32(r);
	m->transfer.box.y = oriel_read_u32(r);
	m->transfer.box.z = oriel_read_u32(r);
	m->transfer.box.width = oriel_read_u32(r);
	m->transfer.box.height = oriel_read_u32(r);
	m->transfer.box.depth = oriel_read_u32(r);
	m->transfer.offset = oriel_read_u64(r);
	m->transfer.level = oriel_read_u32(r);
	m->transfer.stride = oriel_read_u32(r);
	m->transfer.layer_stride = oriel_read_u32(r);
}

static void write_transfer(struct oriel_writer *w, const struct oriel_render_link_request *m) {
	oriel_write_u32(w, m->transfer.box.x);
	oriel_write_u32(w, m->transfer.box.y);
	oriel_write_u32(w, m->transfer.box.z);
	oriel_write_u32(w, m->transfer.box.width);
	oriel_write_u32(w, m->transfer.box.height);
	oriel_write_u32(w, m->transfer.box.depth);
	oriel_write_u64(w, m->transfer.offset);
	oriel_write_u32(w, m->transfer.level);
	oriel_write_u32(w, m->transfer.stride);
	oriel_write_u32(w, m->transfer.layer_stride);
}

static void read_read(struct oriel_reader *r, struct oriel_render_link_request *m) {
	m->read.image_id = oriel_read_u32(r);
	m->read.rect.x = oriel_read_u32(r);
	m->read.rect.y = oriel_read_u32(r);
	m->read.rect.width = oriel_read_u32(r);
	m->read.rect.height = oriel_read_u32(r);
	m->read.stride = oriel_read_u32(r);
	m->read.offset = oriel_read_u64(r);
}

static void write_read(struct oriel_writer *w, const struct oriel_render_link_request *m) {
	oriel_write_u32(w, m->read.image_id);
	oriel_write_u32(w, m->read.rect.x);
	oriel_write_u32(w, m->read.rect.y);
	oriel_write_u32(w, m->read.rect.width);
	oriel_write_u32(w, m->read.rect.height);
	oriel_write_u32(w, m->read.stride);
	oriel_write_u64(w, m->read.offset);
}

/** Read what belongs to the type. An unknown type fails the reader. */
static void read_body(struct oriel_reader *r, struct oriel_render_link_request *m) {
	switch ((enum oriel_render_link_type)m->type) {
	case ORIEL_RENDER_LINK_CREATE_CONTEXT:
		m->context.capset_id = oriel_read_u32(r);
		oriel_read_bytes(r, m->context.name, sizeof(m->context.name));
		return;
	case ORIEL_RENDER_LINK_CREATE_RESOURCE:
		read_resource(r, m);
		return;
	case ORIEL_RENDER_LINK_TRANSFER_TO_HOST:
	case ORIEL_RENDER_LINK_TRANSFER_FROM_HOST:
		read_transfer(r, m);
		return;
	case ORIEL_RENDER_LINK_FENCE:
		m->fence.is_global = oriel_read_u32(r);
		m->fence.ring_idx = oriel_read_u32(r);
		if (m->fence.is_global > 1 || m->fence.ring_idx >= MAX_RINGS) {
			r->failed = true;
		}
		return;
	case ORIEL_RENDER_LINK_ADD_IMAGE:
		m->image.size = oriel_read_u64(r);
		return;
	case ORIEL_RENDER_LINK_READ_PIXELS:
		read_read(r, m);
		return;
	case ORIEL_RENDER_LINK_SET_MEMORY:
		m->memory.n_regions = oriel_read_u32(r);
		return;
	case ORIEL_RENDER_LINK_EXPORT:
		m->exported.wants_file = oriel_read_u32(r);
		m->exported.fourcc = oriel_read_u32(r);
		m->exported.width = oriel_read_u32(r);
		m->exported.height = oriel_read_u32(r);
		if (m->exported.wants_file > 1) {
			r->failed = true;
		}
		return;
	case ORIEL_RENDER_LINK_DESTROY_CONTEXT:
	case ORIEL_RENDER_LINK_ATTACH_RESOURCE:
	case ORIEL_RENDER_LINK_DETACH_RESOURCE:
	case ORIEL_RENDER_LINK_UNREF_RESOURCE:
	case ORIEL_RENDER_LINK_ATTACH_BACKING:
	case ORIEL_RENDER_LINK_DETACH_BACKING:
	case ORIEL_RENDER_LINK_SUBMIT:
	case ORIEL_RENDER_LINK_REMOVE_IMAGE:
	case ORIEL_RENDER_LINK_RESET:
		return;
	}
	r->failed = true;
}

static void write_body(struct oriel_writer *w, const struct oriel_render_link_request *m) {
	switch ((enum oriel_render_link_type)m->type) {
	case ORIEL_RENDER_LINK_CREATE_CONTEXT:
		oriel_write_u32(w, m->context.capset_id);
		oriel_write_bytes(w, m->context.name, sizeof(m->context.name));
		return;
	case ORIEL_RENDER_LINK_CREATE_RESOURCE:
		write_resource(w, m);
		return;
	case ORIEL_RENDER_LINK_TRANSFER_TO_HOST:
	case ORIEL_RENDER_LINK_TRANSFER_FROM_HOST:
		write_transfer(w, m);
		return;
	case ORIEL_RENDER_LINK_FENCE:
		oriel_write_u32(w, m->fence.is_global);
		oriel_write_u32(w, m->fence.ring_idx);
		return;
	case ORIEL_RENDER_LINK_ADD_IMAGE:
		oriel_write_u64(w, m->image.size);
		return;
	case ORIEL_RENDER_LINK_READ_PIXELS:
		write_read(w, m);
		return;
	case ORIEL_RENDER_LINK_SET_MEMORY:
		oriel_write_u32(w, m->memory.n_regions);
		return;
	case ORIEL_RENDER_LINK_EXPORT:
		oriel_write_u32(w, m->exported.wants_file);
		oriel_write_u32(w, m->exported.fourcc);
		oriel_write_u32(w, m->exported.width);
		oriel_write_u32(w, m->exported.height);
		return;
	case ORIEL_RENDER_LINK_DESTROY_CONTEXT:
	case ORIEL_RENDER_LINK_ATTACH_RESOURCE:
	case ORIEL_RENDER_LINK_DETACH_RESOURCE:
	case ORIEL_RENDER_LINK_UNREF_RESOURCE:
	case ORIEL_RENDER_LINK_ATTACH_BACKING:
	case ORIEL_RENDER_LINK_DETACH_BACKING:
	case ORIEL_RENDER_LINK_SUBMIT:
	case ORIEL_RENDER_LINK_REMOVE_IMAGE:
	case ORIEL_RENDER_LINK_RESET:
		return;
	}
}

int oriel_render_link_decode_request(struct oriel_reader *r,
		struct oriel_render_link_request *ret) {
	struct oriel_render_link_request m;
	const uint8_t *slot = oriel_reader_get(r, ORIEL_RENDER_LINK_REQUEST_SIZE);
	if (slot == NULL || judge(r) < 0) {
		return -EBADMSG;
	}
	struct oriel_reader body = oriel_reader_of(slot, ORIEL_RENDER_LINK_REQUEST_SIZE);
	m.sequence = oriel_read_u64(&body);
	m.type = oriel_read_u32(&body);
	m.ctx_id = oriel_read_u32(&body);
	m.resource_id = oriel_read_u32(&body);
	m.fd_number = oriel_read_u32(&body);
	m.payload_offset = oriel_read_u64(&body);
	m.payload_size = oriel_read_u32(&body);
	oriel_read_skip(&body, 4);
	// In a file it may be of any size; the file's is looked at when it is read.
	bool is_inside = m.fd_number != 0 ? m.payload_offset == 0
					  : oriel_range_fits(m.payload_offset, m.payload_size,
							    ORIEL_RENDER_LINK_ARENA_SIZE);
	read_body(&body, &m);
	if (body.failed || !is_inside) {
		return -EBADMSG;
	}
	*ret = m;
	return 0;
}

void oriel_render_link_encode_request(struct oriel_writer *w,
		const struct oriel_render_link_request *m) {
	uint8_t *slot = oriel_writer_get(w, ORIEL_RENDER_LINK_REQUEST_SIZE);
	if (slot == NULL) {
		return;
	}
	struct oriel_writer body = oriel_writer_of(slot, ORIEL_RENDER_LINK_REQUEST_SIZE);
	oriel_write_u64(&body, m->sequence);
	oriel_write_u32(&body, m->type);
	oriel_write_u32(&body, m->ctx_id);
	oriel_write_u32(&body, m->resource_id);
	oriel_write_u32(&body, m->fd_number);
	oriel_write_u64(&body, m->payload_offset);
	oriel_write_u32(&body, m->payload_size);
	oriel_write_u32(&body, 0);
	write_body(&body, m);
	oriel_write_zeros(&body, (size_t)(body.end - body.cur));
}

int oriel_render_link_decode_reply(struct oriel_reader *r, struct oriel_render_link_reply *ret) {
	struct oriel_render_link_reply m;
	m.sequence = oriel_read_u64(r);
	uint32_t err = oriel_read_u32(r);
	m.fd_number = oriel_read_u32(r);
	uint64_t more[2];
	more[0] = oriel_read_u64(r);
	more[1] = oriel_read_u64(r);
	// The error is sent as its positive number: nothing is sign-extended.
	if (judge(r) < 0 || err > ORIEL_RENDER_LINK_MAX_ERROR || (more[0] | more[1]) != 0) {
		return -EBADMSG;
	}
	m.err = -(int32_t)err;
	*ret = m;
	return 0;
}

void oriel_render_link_encode_reply(struct oriel_writer *w,
		const struct oriel_render_link_reply *m) {
	oriel_write_u64(w, m->sequence);
	oriel_write_u32(w, (uint32_t)-m->err);
	oriel_write_u32(w, m->fd_number);
	oriel_write_zeros(w, ORIEL_RENDER_LINK_REPLY_SIZE - 16);
}
