// SPDX-License-Identifier: MIT
/*
 * The recorder: a renderer in front of another one, which writes down what passes.
 *
 * Theory of operation. Each operation but a fence is submitted as one of ours, so that its result
 * passes here too; fences are recorded and passed on as they are. What an operation reads of guest
 * memory is recorded right before it, in a record of its own, and again by the renderer: a guest
 * that changes it meanwhile gets a recording that is not quite what was drawn. A command buffer is
 * copied, and the renderer gets the copy.
 *
 * Recording ends for good when the sink gives up or there is no memory; then everything is passed
 * on as it is.
 */
#include "oriel/render_record.h"

#include "base/fd.h"
#include "protocol/render_dump.h"
#include "render/record/commands.h"
#include "render/record/sink.h"
#include "render/record/world.h"
#include "render/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PICTURE_INTERVAL_MS 1000u
/** A private buffer up to this size is kept from one command buffer to the next. */
#define KEPT_COMMANDS_SIZE (1u << 20)
/** A record's fixed part, with room to spare. */
#define MAX_FIXED_SIZE 256u

struct recorder_op {
	struct oriel_render3d_op op;
	struct oriel_render3d_op *outer;
	struct recorder *recorder;
	uint64_t number;
	struct oriel_scatter backing; // of ATTACH_BACKING
	struct oriel_link link;       // among those that are free
};

struct recorder {
	struct oriel_renderer3d base;
	struct oriel_renderer3d *inner;
	struct oriel_render_recorder_options options;
	struct record_sink sink;
	struct record_world world;
	struct oriel_link free_ops;
	bool is_over; // nothing is recorded any more

	uint64_t began_ns;
	uint64_t next_picture_ns;
	uint64_t n_ops;
	uint8_t *commands; // a private copy of a command buffer; NULL: none kept
	size_t commands_capacity;
	uint8_t piece[RECORD_PIECE_SIZE];
};

static struct recorder *recorder_of(struct oriel_renderer3d *renderer);

/** Nothing is recorded from now on. */
static void end_recording(struct recorder *recorder, int err) {
	if (recorder->is_over) {
		return;
	}
	recorder->is_over = true;
	record_world_finish(&recorder->world);
	record_world_init(&recorder->world);
	if (recorder->options.handle_end != NULL) {
		recorder->options.handle_end(recorder->options.user, err);
	}
}

static void check_sink(struct recorder *recorder) {
	if (recorder->sink.err < 0) {
		end_recording(recorder, recorder->sink.err);
	}
}

/** A record's header, and the fixed part of its body, which n_more bytes follow. */
static void put_record(struct recorder *recorder, enum oriel_render_dump_kind kind,
		const uint8_t *fixed, size_t size, size_t n_more) {
	uint8_t bytes[ORIEL_RENDER_DUMP_RECORD_SIZE + MAX_FIXED_SIZE];
	const struct oriel_render_dump_record record = { .kind = kind,
		.size = (uint32_t)(size + n_more),
		.time_ns = oriel_now_ns() - recorder->began_ns };
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_dump_encode_record(&w, &record);
	oriel_write_bytes(&w, fixed, size);
	assert(!w.failed);
	record_sink_put(&recorder->sink, bytes, (size_t)(w.cur - bytes));
}

/*
 * Guest memory that is read.
 */

static void put_row_bytes(struct recorder *recorder, struct oriel_scatter_cursor *cursor,
		uint64_t size) {
	while (size > 0) {
		const size_t n = (size_t)oriel_min_u64(size, RECORD_PIECE_SIZE);
		oriel_scatter_cursor_read(cursor, recorder->piece, n);
		record_sink_put(&recorder->sink, recorder->piece, n);
		size -= n;
	}
}

/** Rows that fit a record, or a part of one row: *memory says which. */
static void put_memory(struct recorder *recorder, const struct oriel_scatter *scatter,
		const struct oriel_render_dump_memory *memory) {
	uint8_t fixed[ORIEL_RENDER_DUMP_MEMORY_SIZE];
	struct oriel_writer w = oriel_writer_of(fixed, sizeof(fixed));
	oriel_render_dump_encode_memory(&w, memory);
	put_record(recorder, ORIEL_RENDER_DUMP_MEMORY, fixed, sizeof(fixed),
			(size_t)memory->row_size * memory->n_rows);
	for (uint32_t i = 0; i < memory->n_rows; i++) {
		struct oriel_scatter_cursor cursor = oriel_scatter_seek(scatter,
				memory->offset + (uint64_t)i * memory->stride);
		put_row_bytes(recorder, &cursor, memory->row_size);
	}
}

/** A stretch without gaps. */
static void put_stretch(struct recorder *recorder, uint32_t resource_id,
		const struct oriel_scatter *scatter, uint64_t offset, uint64_t size) {
	while (size > 0) {
		const uint32_t n = (uint32_t)oriel_min_u64(size, ORIEL_RENDER_DUMP_MAX_MEMORY_SIZE);
		const struct oriel_render_dump_memory memory = { .resource_id = resource_id,
			.row_size = n,
			.n_rows = 1,
			.stride = n,
			.offset = offset };
		put_memory(recorder, scatter, &memory);
		offset += n;
		size -= n;
	}
}

static void put_layer(struct recorder *recorder, uint32_t resource_id,
		const struct record_rows *rows, uint64_t offset) {
	if (rows->row_size == rows->stride || rows->n_rows == 1) {
		put_stretch(recorder, resource_id, rows->scatter, offset,
				(uint64_t)rows->row_size * rows->n_rows);
		return;
	}
	const uint32_t n_at_once = ORIEL_RENDER_DUMP_MAX_MEMORY_SIZE / rows->row_size;
	for (uint32_t i = 0; i < rows->n_rows;) {
		const uint64_t at = offset + i * rows->stride;
		if (n_at_once == 0) {
			put_stretch(recorder, resource_id, rows->scatter, at, rows->row_size);
			i++;
			continue;
		}
		const struct oriel_render_dump_memory memory = { .resource_id = resource_id,
			.row_size = rows->row_size,
			.n_rows = oriel_min_u32(n_at_once, rows->n_rows - i),
			.stride = (uint32_t)rows->stride,
			.offset = at };
		put_memory(recorder, rows->scatter, &memory);
		i += memory.n_rows;
	}
}

static void put_rows(struct recorder *recorder, uint32_t resource_id,
		const struct record_rows *rows) {
	for (uint32_t i = 0; i < rows->n_layers; i++) {
		put_layer(recorder, resource_id, rows, rows->offset + i * rows->layer_stride);
	}
}

static void put_read_memory(struct recorder *recorder, const struct oriel_render3d_op *op) {
	struct record_rows rows;
	if (op->type == ORIEL_RENDER3D_TRANSFER_TO_HOST &&
			record_world_get_rows(&recorder->world, op, &rows)) {
		put_rows(recorder, op->resource_id, &rows);
	}
	if (op->type != ORIEL_RENDER3D_SUBMIT) {
		return;
	}
	uint32_t i = 0;
	struct record_transfer t;
	while (record_commands_find(recorder->commands, op->commands.size / 4, &i, &t)) {
		if (record_world_get_transfer(&recorder->world, t.resource_id, t.backing_id,
				    &t.transfer, &rows)) {
			put_rows(recorder, t.backing_id, &rows);
		}
	}
}

/*
 * Operations.
 */

static uint64_t get_file_size(int fd) {
	struct stat st;
	return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/** A request of the link, whose payload has no place but behind it. */
static void put_operation(struct recorder *recorder, const struct oriel_render3d_op *op) {
	uint8_t payload[8];
	struct oriel_writer payload_w = oriel_writer_of(payload, sizeof(payload));
	struct oriel_render_link_request request = { .sequence = recorder->n_ops++,
		.type = (uint32_t)op->type,
		.ctx_id = op->ctx_id,
		.resource_id = op->resource_id };
	oriel_render3d_write_request(op, &request);
	const uint8_t *bytes = NULL;
	if (op->type == ORIEL_RENDER3D_SUBMIT) {
		bytes = recorder->commands;
		request.payload_size = op->commands.size;
	} else if (op->type == ORIEL_RENDER3D_ATTACH_BACKING) {
		oriel_write_u64(&payload_w, op->backing->scatter.size);
		bytes = payload;
		request.payload_size = sizeof(payload);
	} else if (op->type == ORIEL_RENDER3D_ADD_IMAGE) {
		oriel_write_u64(&payload_w, get_file_size(op->image.fd));
		bytes = payload;
		request.payload_size = sizeof(payload);
	}
	request.fd_number = request.payload_size > 0 ? 1 : 0;
	uint8_t slot[ORIEL_RENDER_LINK_REQUEST_SIZE];
	struct oriel_writer w = oriel_writer_of(slot, sizeof(slot));
	oriel_render_link_encode_request(&w, &request);
	put_record(recorder, ORIEL_RENDER_DUMP_OPERATION, slot, sizeof(slot), request.payload_size);
	if (request.payload_size > 0) {
		record_sink_put(&recorder->sink, bytes, request.payload_size);
	}
	check_sink(recorder);
}

/** All rows in one piece, packed; NULL if there is no memory. */
static uint8_t *pack_rows(const struct record_rows *rows, size_t *ret_size) {
	const uint64_t n_rows = record_rows_count(rows);
	const size_t size = (size_t)n_rows * rows->row_size;
	uint8_t *pixels = malloc(size);
	uint8_t *packed = malloc(oriel_render_dump_get_packed_size(size / 4));
	if (pixels != NULL && packed != NULL) {
		for (uint64_t i = 0; i < n_rows; i++) {
			struct oriel_scatter_cursor cursor = record_rows_seek(rows, i);
			oriel_scatter_cursor_read(&cursor, pixels + i * rows->row_size,
					rows->row_size);
		}
		*ret_size = oriel_render_dump_pack(pixels, size / 4, packed);
	} else {
		free(packed);
		packed = NULL;
	}
	free(pixels);
	return packed;
}

/** Whether what was read back is to be a picture: from time to time, and not the largest. */
static bool is_picture_due(struct recorder *recorder, const struct record_rows *rows) {
	const uint64_t now_ns = oriel_now_ns();
	const uint64_t n_rows = record_rows_count(rows);
	const bool is_time =
			recorder->options.has_every_picture || now_ns >= recorder->next_picture_ns;
	if (!is_time || !record_rows_are_pixels(rows) ||
			n_rows > ORIEL_RENDER_DUMP_MAX_BODY_SIZE / 4 / rows->row_size) {
		return false;
	}
	recorder->next_picture_ns =
			now_ns + (uint64_t)recorder->options.picture_interval_ms * 1000000u;
	return true;
}

static void put_result(struct recorder *recorder, const struct recorder_op *own, int err) {
	const bool reads = own->op.type == ORIEL_RENDER3D_TRANSFER_FROM_HOST ||
			   own->op.type == ORIEL_RENDER3D_READ_PIXELS;
	struct oriel_render_dump_result result = { .number = own->number, .err = err };
	struct record_rows rows;
	uint8_t *packed = NULL;
	if (err == 0 && reads && record_world_get_rows(&recorder->world, &own->op, &rows)) {
		result.has_data = true;
		result.checksum = record_rows_sum(&rows, recorder->piece);
		result.row_size = rows.row_size;
		result.n_rows = record_rows_count(&rows);
		size_t size = 0;
		if (is_picture_due(recorder, &rows)) {
			packed = pack_rows(&rows, &size);
		}
		result.picture_size = (uint32_t)size;
	}
	if (err != 0 || result.has_data) {
		uint8_t fixed[ORIEL_RENDER_DUMP_RESULT_SIZE];
		struct oriel_writer w = oriel_writer_of(fixed, sizeof(fixed));
		oriel_render_dump_encode_result(&w, &result);
		put_record(recorder, ORIEL_RENDER_DUMP_RESULT, fixed, sizeof(fixed),
				result.picture_size);
		if (packed != NULL) {
			record_sink_put(&recorder->sink, packed, result.picture_size);
		}
	}
	free(packed);
	check_sink(recorder);
}

static void handle_done(struct oriel_render3d_op *op, int err) {
	struct recorder_op *own = oriel_container_of(op, struct recorder_op, op);
	struct recorder *recorder = own->recorder;
	if (!recorder->is_over && err == 0 &&
			record_world_apply(&recorder->world, op, &own->backing) < 0) {
		end_recording(recorder, -ENOMEM);
	}
	if (!recorder->is_over) {
		put_result(recorder, own, err);
	}
	oriel_scatter_finish(&own->backing);
	struct oriel_render3d_op *outer = own->outer;
	oriel_list_append(&recorder->free_ops, &own->link);
	outer->done(outer, err);
}

static struct recorder_op *take_op(struct recorder *recorder) {
	if (oriel_list_is_empty(&recorder->free_ops)) {
		return calloc(1, sizeof(struct recorder_op));
	}
	struct oriel_link *link = recorder->free_ops.next;
	oriel_list_remove(link);
	return oriel_container_of(link, struct recorder_op, link);
}

/** Returns 0, -ENOMEM, or -EFAULT if there are fewer bytes than were said. */
static int copy_commands(struct recorder *recorder, const struct oriel_render3d_commands *from) {
	if (from->size == 0) {
		return 0;
	}
	if (from->size > recorder->commands_capacity ||
			recorder->commands_capacity > KEPT_COMMANDS_SIZE) {
		free(recorder->commands);
		recorder->commands_capacity = 0;
		recorder->commands = malloc(from->size);
		if (recorder->commands == NULL) {
			return -ENOMEM;
		}
		recorder->commands_capacity = from->size;
	}
	struct oriel_span_cursor cursor = from->bytes;
	return oriel_span_cursor_read(&cursor, recorder->commands, from->size) == from->size
			       ? 0
			       : -EFAULT;
}

static int copy_backing(struct recorder_op *own, const struct oriel_backing *backing) {
	const struct oriel_scatter *from = &backing->scatter;
	int err = oriel_scatter_reserve(&own->backing, from->len);
	if (err == 0 && from->len > 0) {
		memcpy(own->backing.pieces, from->pieces, from->len * sizeof(*from->pieces));
		own->backing.len = from->len;
		own->backing.size = from->size;
	}
	return err;
}

/** Record op, and make own of it, which is submitted instead. Returns 0 or -ENOMEM. */
static int record(struct recorder *recorder, struct oriel_render3d_op *op,
		struct recorder_op *own) {
	record_sink_renew_patience(&recorder->sink);
	own->recorder = recorder;
	own->outer = op;
	own->op = *op;
	own->op.done = handle_done;
	own->number = recorder->n_ops;
	oriel_list_init(&own->link);
	oriel_scatter_init(&own->backing);
	int err = 0;
	if (op->type == ORIEL_RENDER3D_ATTACH_BACKING) {
		err = copy_backing(own, op->backing);
	} else if (op->type == ORIEL_RENDER3D_SUBMIT) {
		err = copy_commands(recorder, &op->commands);
	}
	if (err < 0) {
		return err;
	}
	put_read_memory(recorder, &own->op);
	put_operation(recorder, &own->op);
	return 0;
}

static void recorder_submit(struct oriel_renderer3d *renderer, struct oriel_render3d_op *op) {
	struct recorder *recorder = recorder_of(renderer);
	if (recorder->is_over || op->type == ORIEL_RENDER3D_EXPORT) { // which changes nothing
		oriel_renderer3d_submit(recorder->inner, op);
		return;
	}
	if (op->type == ORIEL_RENDER3D_FENCE) {
		put_operation(recorder, op);
		oriel_renderer3d_submit(recorder->inner, op);
		return;
	}
	struct recorder_op *own = take_op(recorder);
	int err = own != NULL ? record(recorder, op, own) : -ENOMEM;
	if (err < 0) {
		if (own != NULL) {
			oriel_scatter_finish(&own->backing);
			oriel_list_append(&recorder->free_ops, &own->link);
		}
		if (err != -EFAULT) { // which the renderer will find out, too
			end_recording(recorder, err);
		}
		oriel_renderer3d_submit(recorder->inner, op);
		return;
	}
	struct oriel_span span = { .hva = recorder->commands };
	if (op->type == ORIEL_RENDER3D_SUBMIT) {
		span.size = op->commands.size;
		own->op.commands.bytes = (struct oriel_span_cursor){ .spans = &span, .len = 1 };
	}
	oriel_renderer3d_submit(recorder->inner, &own->op);
}

static bool recorder_is_full(const struct oriel_renderer3d *renderer) {
	return oriel_renderer3d_is_full(
			oriel_container_of(renderer, const struct recorder, base)->inner);
}

static void recorder_cancel(struct oriel_renderer3d *renderer) {
	oriel_renderer3d_cancel(recorder_of(renderer)->inner);
}

static void recorder_set_paused(struct oriel_renderer3d *renderer, bool paused) {
	oriel_renderer3d_set_paused(recorder_of(renderer)->inner, paused);
}

static void handle_lost(void *user, const char *reason) {
	const struct oriel_renderer3d_listener *listener =
			&((struct recorder *)user)->base.listener;
	if (listener->handle_lost != NULL) {
		listener->handle_lost(listener->user, reason);
	}
}

static void handle_room(void *user) {
	const struct oriel_renderer3d_listener *listener =
			&((struct recorder *)user)->base.listener;
	if (listener->handle_room != NULL) {
		listener->handle_room(listener->user);
	}
}

static void recorder_destroy(struct oriel_renderer3d *renderer) {
	struct recorder *recorder = recorder_of(renderer);
	oriel_renderer3d_set_listener(recorder->inner, NULL);
	if (!recorder->is_over && recorder->sink.fd >= 0) {
		put_record(recorder, ORIEL_RENDER_DUMP_END, NULL, 0, 0);
	}
	record_sink_finish(&recorder->sink);
	if (recorder->sink.err < 0) {
		end_recording(recorder, recorder->sink.err);
	}
	oriel_list_for_each(link, following, &recorder->free_ops) {
		oriel_list_remove(link);
		free(oriel_container_of(link, struct recorder_op, link));
	}
	record_world_finish(&recorder->world);
	free(recorder->commands);
	free(recorder);
}

static const struct oriel_renderer3d_impl recorder_impl = {
	.name = "recorder",
	.submit = recorder_submit,
	.is_full = recorder_is_full,
	.cancel = recorder_cancel,
	.set_paused = recorder_set_paused,
	.destroy = recorder_destroy,
};

static struct recorder *recorder_of(struct oriel_renderer3d *renderer) {
	assert(renderer->impl == &recorder_impl);
	return oriel_container_of(renderer, struct recorder, base);
}

static void put_beginning(struct recorder *recorder) {
	uint8_t bytes[ORIEL_RENDER_DUMP_HEADER_SIZE];
	struct oriel_writer w = oriel_writer_of(bytes, sizeof(bytes));
	oriel_render_dump_encode_header(&w);
	record_sink_put(&recorder->sink, bytes, sizeof(bytes));
	const char *text = recorder->options.description;
	if (text != NULL) {
		const size_t size = strnlen(text, ORIEL_RENDER_DUMP_MAX_DESCRIPTION_SIZE);
		put_record(recorder, ORIEL_RENDER_DUMP_DESCRIPTION, (const uint8_t *)text, size, 0);
	}
	recorder->options.description = NULL; // the caller's
}

int oriel_render_recorder_create_take(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct oriel_render_recorder_options *options, int fd,
		struct oriel_renderer3d **ret) {
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	if (recorder == NULL) {
		oriel_fd_close(&fd);
		return -ENOMEM;
	}
	oriel_renderer3d_init(&recorder->base, &recorder_impl);
	recorder->base.capsets = renderer->capsets;
	recorder->base.can_export = renderer->can_export;
	recorder->inner = renderer;
	recorder->began_ns = oriel_now_ns();
	const size_t size = oriel_min_size(options->size, sizeof(recorder->options));
	memcpy(&recorder->options, options, size);
	if (recorder->options.picture_interval_ms == 0) {
		recorder->options.picture_interval_ms = DEFAULT_PICTURE_INTERVAL_MS;
	}
	oriel_list_init(&recorder->free_ops);
	record_world_init(&recorder->world);
	const struct oriel_renderer3d_listener listener = { .handle_lost = handle_lost,
		.handle_room = handle_room,
		.user = recorder };
	oriel_renderer3d_set_listener(renderer, &listener);
	int err = record_sink_init_take(&recorder->sink, loop, fd);
	if (err < 0) {
		recorder->is_over = true; // of which nobody is told
		recorder_destroy(&recorder->base);
		return err;
	}
	put_beginning(recorder);
	*ret = &recorder->base;
	return 0;
}
