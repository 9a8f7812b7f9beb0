// SPDX-License-Identifier: MIT
/*
 * The command table: one row a command of virtio 1.3, 5.7.6.7 to 5.7.6.10, and the checks that come
 * before any handler.
 */
#ifndef ORIEL_COMMAND_H
#define ORIEL_COMMAND_H

#include "device/request.h"

/** Executes one command whose fixed part is body. See enum oriel_resp. */
typedef enum oriel_resp (*oriel_run_fn)(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

struct oriel_command {
	uint32_t type;      // as on the wire
	uint32_t queue;     // VIRTIO_GPU_QUEUE_*
	uint32_t body_size; // bytes of the fixed part behind the control header
	uint64_t needs;     // feature bits that must be negotiated
	oriel_run_fn run;
	const char *name;
};

/** Rows of the table. */
#define ORIEL_N_COMMANDS 26u

/** The command of this type, or NULL. Static. */
const struct oriel_command *oriel_command_get(uint32_t type);

/** The command in this row, which is below ORIEL_N_COMMANDS. */
const struct oriel_command *oriel_command_get_row(unsigned int row);

/** Read a request that was just begun, check it, and run it. It is finished, or pending. */
void oriel_command_run(struct oriel_gpu *gpu, struct oriel_request *req);

// The handlers, by file.

// run_info.c
enum oriel_resp oriel_run_get_display_info(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_get_edid(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_resource.c
enum oriel_resp oriel_run_create_2d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_unref(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_attach_backing(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_detach_backing(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_assign_uuid(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_scanout.c
enum oriel_resp oriel_run_set_scanout(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_set_scanout_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_flush.c
/** A flush is done: count how long its frame took, if it showed one. */
void oriel_flush_count(const struct oriel_request *req);
enum oriel_resp oriel_run_flush(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_transfer.c
enum oriel_resp oriel_run_transfer_to_host_2d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_blob.c
/** DETACH_BACKING of a blob that has one: the last picture of it is gathered first. */
enum oriel_resp oriel_blob_detach(struct oriel_request *req, struct oriel_resource *blob);
enum oriel_resp oriel_run_create_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_context.c
enum oriel_resp oriel_run_get_capset_info(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_get_capset(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_ctx_create(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_ctx_destroy(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_ctx_attach_resource(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_ctx_detach_resource(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_submit_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_3d.c
enum oriel_resp oriel_run_create_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_transfer_to_host_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_transfer_from_host_3d(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_map_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_unmap_blob(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);

// run_cursor.c
enum oriel_resp oriel_run_update_cursor(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
enum oriel_resp oriel_run_move_cursor(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_reader *body);
/** Run the UPDATE_CURSORs that need not wait for the control queue any more. */
void oriel_cursor_run_waiting(struct oriel_gpu *gpu);

#endif
