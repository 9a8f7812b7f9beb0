// SPDX-License-Identifier: MIT
/*
 * The player: submits what a recording says to a renderer, one after the other, and holds what
 * comes back against what came back then.
 *
 * Theory of operation. Guest memory is stood in for by mappings, one a backing, and images by
 * memfds; what is recorded of guest memory is written there before the operation that reads it.
 * Each operation is waited for, as it was when it was recorded; fences are not, but that there are
 * not more of them than the renderer takes. Nothing that the file says is believed: all sizes are
 * charged to a budget, and what operations name is for the renderer to judge, as it would a
 * guest's.
 */
#include "oriel/render_record.h"

#include "base/budget.h"
#include "base/error.h"
#include "base/fd.h"
#include "host/log.h"
#include "render/record/outcome.h"
#include "render/record/reader.h"
#include "render/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_MAX_MEMORY (UINT64_C(8) << 30)
/** A renderer that makes no progress for so long hangs. */
#define PATIENCE_NS UINT64_C(60000000000)

struct player;

struct player_fence {
	struct oriel_render3d_op op;
	struct player *player;
};

/** A mapping that stands for a backing. Resources of the world point into it. */
struct player_backing {
	uint32_t resource_id;
	uint8_t *map;
	uint64_t size; // bytes
};

struct player {
	struct oriel_loop *loop;
	struct oriel_renderer3d *renderer;
	struct oriel_log log;
	struct oriel_render_play_options options;
	struct oriel_render_play_result result;
	struct record_reader reader;
	struct record_world world;
	struct record_outcomes outcomes;
	struct oriel_budget budget;
	struct oriel_memory *memory; // empty
	struct oriel_id_table backings;

	// The operation that runs.
	struct oriel_render3d_op op;
	bool is_done;
	int err;
	uint64_t n_fences;    // pending
	uint64_t image_bytes; // charged
	bool has_rows;
	struct record_rows rows; // of the last operation
	uint8_t piece[RECORD_PIECE_SIZE];
};

static int fail(struct player *player, int err, const char *what) {
	oriel_log(&player->log, ORIEL_LOG_ERROR, "recording: at byte %" PRIu64 ": %s",
			player->reader.position, what);
	return err;
}

/*
 * Backings.
 */

static void free_backing(struct player *player, struct player_backing *backing) {
	if (backing != NULL) {
		munmap(backing->map, (size_t)backing->size);
		oriel_budget_credit(&player->budget, backing->size);
		free(backing);
	}
}

static int make_backing(struct player *player, uint64_t size, struct player_backing **ret) {
	if (size == 0) {
		return fail(player, -EBADMSG, "a backing of nothing");
	}
	if (size > SIZE_MAX || oriel_budget_charge(&player->budget, size) < 0) {
		return fail(player, -EDQUOT, "a backing needs more memory than there may be");
	}
	struct player_backing *backing = calloc(1, sizeof(*backing));
	void *map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (backing == NULL || map == MAP_FAILED) {
		if (map != MAP_FAILED) {
			munmap(map, (size_t)size);
		}
		free(backing);
		oriel_budget_credit(&player->budget, size);
		return -ENOMEM;
	}
	backing->map = map;
	backing->size = size;
	*ret = backing;
	return 0;
}

/** Charge what images there are now. */
static void recharge_images(struct player *player) {
	uint64_t size = 0;
	uint32_t cursor = 0;
	const struct record_image *image;
	while ((image = oriel_id_table_next(&player->world.images, &cursor)) != NULL) {
		size += image->size;
	}
	oriel_budget_credit(&player->budget, player->image_bytes - size);
	player->image_bytes = size;
}

static void free_all_backings(struct player *player) {
	uint32_t cursor = 0;
	struct player_backing *backing;
	while ((backing = oriel_id_table_next(&player->backings, &cursor)) != NULL) {
		(void)oriel_id_table_remove(&player->backings, backing->resource_id);
		free_backing(player, backing);
		cursor = 0;
	}
}

/** The renderer has let go of what an operation took from it. */
static void forget_backings(struct player *player, const struct oriel_render3d_op *op) {
	if (op->type == ORIEL_RENDER3D_RESET) {
		free_all_backings(player);
	} else if (op->type == ORIEL_RENDER3D_UNREF_RESOURCE ||
			op->type == ORIEL_RENDER3D_DETACH_BACKING) {
		free_backing(player, oriel_id_table_remove(&player->backings, op->resource_id));
	}
	if (op->type == ORIEL_RENDER3D_RESET || op->type == ORIEL_RENDER3D_REMOVE_IMAGE) {
		recharge_images(player);
	}
}

/*
 * Operations.
 */

static void handle_done(struct oriel_render3d_op *op, int err) {
	struct player *player = oriel_container_of(op, struct player, op);
	player->is_done = true;
	player->err = err;
}

static void handle_fence_done(struct oriel_render3d_op *op, int err) {
	struct player_fence *fence = oriel_container_of(op, struct player_fence, op);
	(void)err;
	fence->player->n_fences--;
	free(fence);
}

/** Run the loop once. Returns 0, -ETIMEDOUT behind the deadline, or -errno. */
static int wait_some(struct player *player, uint64_t deadline_ns) {
	if (oriel_now_ns() >= deadline_ns) {
		return fail(player, -ETIMEDOUT, "the renderer makes no progress");
	}
	return oriel_loop_dispatch(player->loop, 100);
}

static int wait_for_fences(struct player *player) {
	uint64_t n = player->n_fences;
	uint64_t deadline_ns = oriel_now_ns() + PATIENCE_NS;
	int err = 0;
	while (err == 0 && player->n_fences > 0) {
		err = wait_some(player, deadline_ns);
		if (player->n_fences < n) {
			n = player->n_fences;
			deadline_ns = oriel_now_ns() + PATIENCE_NS;
		}
	}
	return err;
}

static int submit_fence(struct player *player, const struct oriel_render3d_op *op) {
	const uint64_t deadline_ns = oriel_now_ns() + PATIENCE_NS;
	int err = oriel_loop_dispatch(player->loop, 0);
	while (err == 0 && oriel_renderer3d_is_full(player->renderer)) {
		err = wait_some(player, deadline_ns);
	}
	struct player_fence *fence = err == 0 ? calloc(1, sizeof(*fence)) : NULL;
	if (fence == NULL) {
		return err < 0 ? err : -ENOMEM;
	}
	fence->player = player;
	fence->op = *op;
	fence->op.done = handle_fence_done;
	player->n_fences++;
	player->result.n_fences++;
	oriel_renderer3d_submit(player->renderer, &fence->op);
	return 0;
}

static void add_outcome(struct player *player, const struct oriel_render3d_op *op,
		uint64_t number) {
	struct record_outcome outcome = { .number = number, .err = player->err };
	player->has_rows = player->err == 0 &&
			   (op->type == ORIEL_RENDER3D_TRANSFER_FROM_HOST ||
					   op->type == ORIEL_RENDER3D_READ_PIXELS) &&
			   record_world_get_rows(&player->world, op, &player->rows);
	if (player->has_rows) {
		outcome.has_data = true;
		outcome.checksum = record_rows_sum(&player->rows, player->piece);
		outcome.n_rows = record_rows_count(&player->rows);
		outcome.row_size = player->rows.row_size;
	}
	record_outcomes_add(&player->outcomes, &outcome);
}

/** Submit player->op, wait for it, and remember what it did. */
static int run_op(struct player *player, uint64_t number, struct oriel_scatter *backing) {
	struct oriel_render3d_op *op = &player->op;
	const uint64_t deadline_ns = oriel_now_ns() + PATIENCE_NS;
	int err = 0;
	if (op->type == ORIEL_RENDER3D_EXPORT) {
		op->exported.wants_file = false; // nobody would show it
	}
	op->done = handle_done;
	player->is_done = false;
	oriel_renderer3d_submit(player->renderer, op);
	while (err == 0 && !player->is_done) {
		err = wait_some(player, deadline_ns);
	}
	if (err < 0) {
		oriel_renderer3d_cancel(player->renderer); // what the operation has is the caller's
	}
	if (err == 0 && player->err == 0) {
		err = record_world_apply(&player->world, op, backing);
		forget_backings(player, op);
	}
	if (err == 0) {
		add_outcome(player, op, number);
	}
	return err;
}

static int run_attach(struct player *player, uint64_t number, uint64_t backing_size) {
	struct player_backing *own;
	int err = make_backing(player, backing_size, &own);
	if (err < 0) {
		return err;
	}
	own->resource_id = player->op.resource_id;
	// If there is one already, the renderer will refuse this one.
	const bool is_first = oriel_id_table_get(&player->backings, own->resource_id) == NULL;
	const struct oriel_span span = { .hva = own->map, .size = (size_t)own->size };
	// Nobody looks at a backing's entries but a link; the pieces are what is read.
	struct oriel_backing backing = { .attached = true };
	struct oriel_scatter pieces;
	oriel_scatter_init(&backing.scatter);
	oriel_scatter_init(&pieces);
	err = oriel_scatter_append(&backing.scatter, &span);
	if (err == 0) {
		err = oriel_scatter_append(&pieces, &span);
	}
	if (err == 0 && is_first) {
		err = oriel_id_table_insert(&player->backings, own->resource_id, own);
	}
	player->err = err;
	if (err == 0) {
		player->op.backing = &backing;
		err = run_op(player, number, &pieces);
	}
	if (player->err < 0 || !is_first) {
		if (oriel_id_table_get(&player->backings, own->resource_id) == own) {
			(void)oriel_id_table_remove(&player->backings, own->resource_id);
		}
		free_backing(player, own);
	}
	oriel_scatter_finish(&backing.scatter);
	oriel_scatter_finish(&pieces);
	return err;
}

static int run_add_image(struct player *player, uint64_t number, uint64_t size) {
	// One that is larger than it may be gets a file that is too small, and is refused for that.
	if (size > INT64_MAX || oriel_budget_charge(&player->budget, size) < 0) {
		size = 0;
	}
	player->image_bytes += size;
	int fd = memfd_create("oriel-play", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0) {
		int err = oriel_errno();
		recharge_images(player);
		oriel_fd_close(&fd);
		return err;
	}
	player->op.image.fd = fd;
	int err = run_op(player, number, NULL);
	oriel_fd_close(&fd);
	recharge_images(player); // it may have been refused
	return err;
}

static int run_commands(struct player *player, uint64_t number, uint8_t *bytes, uint32_t size) {
	const struct oriel_span span = { .hva = bytes, .size = size };
	player->op.commands.bytes = (struct oriel_span_cursor){ .spans = &span, .len = 1 };
	player->op.commands.size = size;
	player->result.n_command_buffers++;
	player->result.n_command_bytes += size;
	return run_op(player, number, NULL);
}

static int run_operation(struct player *player, const struct oriel_render_link_request *request,
		uint8_t *payload) {
	const uint64_t number = request->sequence;
	struct oriel_reader r = oriel_reader_of(payload, request->payload_size);
	player->op = (struct oriel_render3d_op){ 0 };
	oriel_render3d_read_request(request, &player->op);
	switch (player->op.type) {
	case ORIEL_RENDER3D_FENCE:
		return submit_fence(player, &player->op);
	case ORIEL_RENDER3D_ATTACH_BACKING:
		return run_attach(player, number, oriel_read_u64(&r));
	case ORIEL_RENDER3D_SUBMIT:
		return run_commands(player, number, payload, request->payload_size);
	case ORIEL_RENDER3D_ADD_IMAGE:
		return run_add_image(player, number, oriel_read_u64(&r));
	case ORIEL_RENDER3D_SET_MEMORY: {
		struct oriel_mem_map *map = oriel_memory_hold_map(player->memory);
		player->op.map = map;
		int err = run_op(player, number, NULL);
		oriel_mem_map_release(map);
		return err;
	}
	default:
		return run_op(player, number, NULL);
	}
}

/*
 * Records.
 */

static bool payload_is_right(const struct oriel_render_link_request *request) {
	switch ((enum oriel_render_link_type)request->type) {
	case ORIEL_RENDER_LINK_SUBMIT:
		return true;
	case ORIEL_RENDER_LINK_ATTACH_BACKING:
	case ORIEL_RENDER_LINK_ADD_IMAGE:
		return request->payload_size == sizeof(uint64_t); // a size
	case ORIEL_RENDER_LINK_EXPORT:
		return false; // it is not recorded: nobody would see it
	default:
		return request->payload_size == 0;
	}
}

static int play_operation(struct player *player) {
	struct record_reader *reader = &player->reader;
	struct oriel_render_link_request request;
	if (reader->record.size < ORIEL_RENDER_LINK_REQUEST_SIZE) {
		return fail(player, -EBADMSG, "an operation that is cut off");
	}
	struct oriel_reader r = oriel_reader_of(reader->body, ORIEL_RENDER_LINK_REQUEST_SIZE);
	if (oriel_render_link_decode_request(&r, &request) < 0) {
		return fail(player, -EBADMSG, "an operation that is none");
	}
	const uint32_t n_following = reader->record.size - ORIEL_RENDER_LINK_REQUEST_SIZE;
	if (request.payload_size != n_following || !payload_is_right(&request) ||
			request.sequence != player->result.n_operations) {
		return fail(player, -EBADMSG, "an operation out of place");
	}
	player->result.n_operations++;
	return run_operation(player, &request, reader->body + ORIEL_RENDER_LINK_REQUEST_SIZE);
}

static int play_memory(struct player *player) {
	struct oriel_reader r = oriel_reader_of(player->reader.body, player->reader.record.size);
	struct oriel_render_dump_memory memory;
	if (oriel_render_dump_decode_memory(&r, &memory) < 0) {
		return fail(player, -EBADMSG, "memory that is none");
	}
	const struct player_backing *backing =
			oriel_id_table_get(&player->backings, memory.resource_id);
	// Decoded, so this does not overflow.
	const uint64_t size = (uint64_t)memory.stride * (memory.n_rows - 1) + memory.row_size;
	if (backing == NULL) {
		return 0; // this renderer has refused the resource
	}
	if (!oriel_range_fits(memory.offset, size, backing->size)) {
		return fail(player, -EBADMSG, "memory outside its backing");
	}
	for (uint32_t i = 0; i < memory.n_rows; i++) {
		memcpy(backing->map + memory.offset + (uint64_t)i * memory.stride,
				memory.bytes + (size_t)i * memory.row_size, memory.row_size);
	}
	player->result.n_memory_bytes += (uint64_t)memory.row_size * memory.n_rows;
	return 0;
}

static int play_result(struct player *player) {
	struct oriel_reader r = oriel_reader_of(player->reader.body, player->reader.record.size);
	struct oriel_render_dump_result result;
	if (oriel_render_dump_decode_result(&r, &result) < 0) {
		return fail(player, -EBADMSG, "a result that is none");
	}
	const bool is_last = result.number + 1 == player->result.n_operations && player->has_rows;
	int err = record_outcomes_judge(&player->outcomes, &result, is_last ? &player->rows : NULL);
	return err == -EBADMSG ? fail(player, err, "a picture that is none") : err;
}

static int play_description(struct player *player) {
	const uint32_t size = player->reader.record.size;
	char *text = player->result.description;
	if (size >= sizeof(player->result.description)) {
		return fail(player, -EBADMSG, "a description that is too long");
	}
	if (size > 0) {
		memcpy(text, player->reader.body, size);
	}
	for (uint32_t i = 0; i < size; i++) {
		// What a terminal might obey is not for one.
		text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	}
	text[size] = '\0';
	return 0;
}

static int play_record(struct player *player) {
	player->result.recorded_ns = player->reader.record.time_ns;
	switch (player->reader.record.kind) {
	case ORIEL_RENDER_DUMP_DESCRIPTION:
		return play_description(player);
	case ORIEL_RENDER_DUMP_OPERATION:
		return play_operation(player);
	case ORIEL_RENDER_DUMP_MEMORY:
		return play_memory(player);
	case ORIEL_RENDER_DUMP_RESULT:
		return play_result(player);
	case ORIEL_RENDER_DUMP_END:
		player->result.is_whole = true;
		return 0;
	default:
		return fail(player, -EBADMSG, "a record of no kind");
	}
}

static int play_all(struct player *player, int fd) {
	int err = record_reader_init(&player->reader, fd);
	if (err == -EBADMSG || err == -EPROTO) {
		return fail(player, err,
				err == -EPROTO ? "it is of another version" : "it is no recording");
	}
	while (err == 0 && !player->result.is_whole) {
		int n = record_reader_next(&player->reader);
		if (n == -EBADMSG) {
			return fail(player, n, "a record that is too large");
		}
		if (n <= 0) {
			err = n;
			break; // also one that was cut off
		}
		err = play_record(player);
	}
	return err == 0 ? wait_for_fences(player) : err;
}

static void show_picture(struct player *player) {
	const struct record_world *world = &player->world;
	if (world->last == NULL || player->options.handle_picture == NULL) {
		return;
	}
	// A renderer may take a picture of no pixels; nobody can see one.
	if (world->last_stride < 4 || world->last->size < world->last_stride) {
		return;
	}
	const struct oriel_render_picture picture = {
		.size = sizeof(picture),
		.pixels = world->last->map,
		.width = world->last_stride / 4,
		.height = (uint32_t)(world->last->size / world->last_stride),
		.stride = world->last_stride,
		.format = world->last_format,
	};
	player->options.handle_picture(player->options.user, &picture);
}

/** Nothing of ours is left with the renderer. */
static void finish(struct player *player) {
	oriel_renderer3d_cancel(player->renderer);
	player->op = (struct oriel_render3d_op){ .type = ORIEL_RENDER3D_RESET,
		.done = handle_done };
	player->is_done = false;
	oriel_renderer3d_submit(player->renderer, &player->op);
	const uint64_t deadline_ns = oriel_now_ns() + PATIENCE_NS;
	while (!player->is_done && wait_some(player, deadline_ns) == 0) {
	}
	free_all_backings(player);
	oriel_id_table_finish(&player->backings);
	record_world_finish(&player->world);
	record_reader_finish(&player->reader);
	oriel_memory_destroy(player->memory);
}

int oriel_render_play(struct oriel_loop *loop, struct oriel_renderer3d *renderer,
		const struct oriel_render_play_options *options, int fd,
		struct oriel_render_play_result *ret) {
	struct player *player = calloc(1, sizeof(*player));
	if (player == NULL) {
		return -ENOMEM;
	}
	player->loop = loop;
	player->renderer = renderer;
	memcpy(&player->options, options, oriel_min_size(options->size, sizeof(player->options)));
	oriel_log_init(&player->log, &player->options.log);
	player->budget.limit = player->options.max_memory != 0 ? player->options.max_memory
							       : DEFAULT_MAX_MEMORY;
	player->outcomes.tolerance = player->options.tolerance;
	player->outcomes.result = &player->result;
	record_world_init(&player->world);
	oriel_id_table_init(&player->backings);
	const uint64_t began_ns = oriel_now_ns();
	int err = oriel_memory_create(&player->memory);
	if (err == 0) {
		err = play_all(player, fd);
	}
	record_outcomes_end(&player->outcomes);
	player->result.played_ns = oriel_now_ns() - began_ns;
	if (err == 0) {
		show_picture(player);
		player->result.size = ret->size;
		memcpy(ret, &player->result, oriel_min_size(ret->size, sizeof(player->result)));
	}
	finish(player);
	free(player);
	return err;
}
