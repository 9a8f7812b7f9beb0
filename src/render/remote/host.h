// SPDX-License-Identifier: MIT
/*
 * The renderer's end of the render link: what its files share. Private to this folder.
 *
 * Theory of operation. Each request becomes an operation of the local renderer, and its result a
 * reply. Operations are in `line` in the order of requests until they are answered, so that replies
 * keep that order whatever the renderer does; fences are answered as they come. The device is
 * trusted to mean well and is checked all the same: what cannot be ends the link.
 *
 *   host.c          the link, requests, replies
 *   host_request.c  from a request to an operation: guest memory, payloads, descriptors
 */
#ifndef ORIEL_RENDER_REMOTE_HOST_H
#define ORIEL_RENDER_REMOTE_HOST_H

#include "base/budget.h"
#include "host/log.h"
#include "oriel/render_host.h"
#include "render/remote/link.h"
#include "render/render3d.h"

struct host_op {
	struct oriel_link link; // in the host's line, among its fences, or free
	struct oriel_render_host *host;
	struct oriel_render3d_op op;
	uint64_t sequence; // the link's; that of op is the renderer's
	bool is_done;      // but something before it is not
	int err;

	// What the operation points to, until it is done.
	struct oriel_backing backing;
	struct oriel_mem_map *map; // held
	struct oriel_span span;    // the commands
	void *mapping;             // of a payload's file; NULL: none
	size_t mapping_size;
	int fd; // of an image; -1: none
};

/** A descriptor that came and whose request has not. */
struct host_file {
	uint32_t number;
	int fd;
	bool is_region;
	struct oriel_render_link_region region;
};

#define HOST_MAX_FILES (ORIEL_MEMORY_MAX_REGIONS + 1)

struct oriel_render_host {
	struct oriel_loop *loop;
	struct oriel_renderer3d *renderer;
	struct oriel_log log;
	struct oriel_render_host_options options;
	struct oriel_render_link link;
	bool is_joined;
	bool has_ended;
	bool is_destroyed; // but the renderer has operations of ours
	int end_err;

	struct oriel_source *bell_source;
	struct oriel_source *socket_source;
	struct oriel_source *deferred;

	struct oriel_link line;   // in the order of requests
	struct oriel_link fences; // with the renderer
	struct oriel_link free_ops;
	uint32_t n_pending;   // with the renderer
	struct host_op reset; // of destruction

	struct host_file files[HOST_MAX_FILES]; // in the order of numbers
	size_t n_files;
	uint32_t last_number;
	uint32_t last_exported; // number of the last file that was sent

	struct oriel_memory *memory;
	struct oriel_mem_map *map;  // held: backings are resolved in it
	struct oriel_budget budget; // without a limit: the device has charged it
};

/* host.c */
/** The link is over: handle_end() is called from the loop. */
void oriel_render_host_end(struct oriel_render_host *host, int err);

/* host_request.c */
/**
 * Make an operation of a request.
 *
 * Returns 0, -EPROTO if it breaks the protocol, or an error that is this request's result.
 */
ORIEL_MUST_CHECK
int oriel_render_host_decode(struct oriel_render_host *host,
		const struct oriel_render_link_request *request, struct host_op *own);
/** Let go of what an operation points to. */
void oriel_render_host_finish_op(struct host_op *own);
/** Read the messages that the socket has, before their requests. Returns 0 or what ends the link.
 */
ORIEL_MUST_CHECK
int oriel_render_host_read_files(struct oriel_render_host *host);
/** Close descriptors that no request has asked for. */
void oriel_render_host_close_files(struct oriel_render_host *host);

#endif
