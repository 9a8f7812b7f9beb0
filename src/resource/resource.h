// SPDX-License-Identifier: MIT
/*
 * Resources: images that the guest names by an id of its choice.
 *
 * One producer, the id table, and any number of readers (scanouts, frames in flight): hold,
 * release, drop, as style.md 7 says. RESOURCE_UNREF drops; the pixels go when the last reader lets
 * go.
 *
 * Pixels are charged at creation and allocated, as zeros, at their first use. From
 * ORIEL_RESOURCE_MEMFD_BYTES on they are a memfd from the start; smaller ones are anonymous memory
 * and move into a memfd when they are first shared, so that a viewer can map what the guest draws
 * and a flush moves no pixels.
 *
 * Rows lie width * 4 bytes apart, the first one first.
 *
 * A guest blob has no pixels of its own: it is nothing but its backing and a size, and what it
 * looks like is said where it is shown (virtio 1.3, 5.7.6.8, RESOURCE_CREATE_BLOB).
 */
#ifndef ORIEL_RESOURCE_H
#define ORIEL_RESOURCE_H

#include "base/budget.h"
#include "base/id_table.h"
#include "base/list.h"
#include "resource/backing.h"
#include "resource/dmabuf.h"
#include "resource/format.h"

#define ORIEL_RESOURCE_MEMFD_BYTES (1024u * 1024u)
#define ORIEL_UUID_SIZE 16

/** A cursor image is always this many pixels wide and high (virtio 1.3, 5.7.6.10). */
#define ORIEL_CURSOR_SIDE 64u
#define ORIEL_CURSOR_BYTES (ORIEL_CURSOR_SIDE * ORIEL_CURSOR_SIDE * ORIEL_BYTES_PER_PIXEL)

/** What the 3D renderer has of a 2D resource (device/twin.h). */
struct oriel_resource_twin {
	uint32_t n_contexts; // that the resource is attached to
	bool exists;         // it has one
	bool is_filled;      // with the picture that the backing had
	bool is_newer;       // and that may have been drawn into: its pixels count, not ours
	bool is_refused;     // the renderer cannot have one
};

struct oriel_resource {
	uint32_t id;
	uint64_t serial; // unique among all resources of one table, ids may be used again; not 0

	const struct oriel_format *format;
	uint32_t width, height; // pixels
	uint32_t stride;        // bytes
	size_t size;            // bytes of all pixels

	bool is_blob;       // then all of the above but the ids is 0, and there are never pixels
	uint64_t blob_size; // bytes; those that backing has beyond it are not used

	bool is_3d;   // then the pixels are the 3D renderer's: size is what they may take there
	bool is_lost; // and they went with it

	struct oriel_resource_twin twin;

	struct oriel_backing backing;

	// Pixels: NULL until first used. memfd is -1 while they are anonymous memory.
	uint8_t *pixels;
	int memfd;

	// What displays get without a copy: a blob's guest memory, or a 3D resource as the renderer
	// has exported it. NULL: nothing.
	struct oriel_dmabuf *dmabuf; // held
	uint64_t dmabuf_start;       // of a blob: where it begins in there, bytes
	bool cannot_be_exported;     // of a 3D resource: it was tried

	bool has_uuid;
	uint8_t uuid[ORIEL_UUID_SIZE];

	// Lifetime.
	uint32_t n_holds;
	bool dropped;
	struct oriel_budget *pixel_budget; // NULL once credited
	struct oriel_resource_limits *limits;
};

/** What bounds a table's resources; all of it is the device's. */
struct oriel_resource_limits {
	struct oriel_budget pixels;    // bytes of host memory
	struct oriel_budget count;     // resources
	struct oriel_budget memory_3d; // bytes of the 3D renderer's memory, estimated
	struct oriel_budget backing;   // bytes of backing lists
	struct oriel_budget dmabufs;   // resources that have one: a descriptor each
	uint32_t max_dimension;        // pixels
};

struct oriel_resource_table {
	struct oriel_id_table ids;
	struct oriel_resource_limits *limits;
	uint64_t last_serial;
};

/** Begin an empty table. limits must outlive it and all its resources. */
void oriel_resource_table_init(struct oriel_resource_table *table,
		struct oriel_resource_limits *limits);

/**
 * The resources one by one, in no order: start with *cursor = 0, until NULL. Nothing may be created
 * or dropped meanwhile.
 */
struct oriel_resource *oriel_resource_table_next(const struct oriel_resource_table *table,
		uint32_t *cursor);

/** Drop all resources; the table is empty then and may be used on. */
void oriel_resource_table_clear(struct oriel_resource_table *table);

/** Clear, and free the table itself. */
void oriel_resource_table_finish(struct oriel_resource_table *table);

/**
 * Create an image of the given size under id.
 *
 * Returns 0, -EEXIST if id is 0 or taken, -EINVAL if the size is empty, -EOVERFLOW or -EDQUOT if it
 * is over a limit, or -ENOMEM. Nothing stays charged on failure.
 */
ORIEL_MUST_CHECK
int oriel_resource_create_2d(struct oriel_resource_table *table, uint32_t id,
		const struct oriel_format *format, uint32_t width, uint32_t height,
		struct oriel_resource **ret);

/**
 * Create a guest blob of size bytes under id, without backing.
 *
 * Returns 0, -EEXIST if id is 0 or taken, -EDQUOT, or -ENOMEM.
 */
ORIEL_MUST_CHECK
int oriel_resource_create_blob(struct oriel_resource_table *table, uint32_t id, uint64_t size,
		struct oriel_resource **ret);

/**
 * Create a resource of the 3D renderer's under id; size is an estimate of the bytes that it takes
 * there. format is NULL if no display could show it.
 *
 * Returns as oriel_resource_create_2d(), but sizes are the renderer's business.
 */
ORIEL_MUST_CHECK
int oriel_resource_create_3d(struct oriel_resource_table *table, uint32_t id,
		const struct oriel_format *format, uint32_t width, uint32_t height, size_t size,
		struct oriel_resource **ret);

/**
 * Create an image that has no id and is in no table: one that the device draws for itself. The
 * caller has the only hold of it.
 *
 * Returns as oriel_resource_create_2d(), but for -EEXIST.
 */
ORIEL_MUST_CHECK
int oriel_resource_create_unnamed(struct oriel_resource_table *table,
		const struct oriel_format *format, uint32_t width, uint32_t height,
		struct oriel_resource **ret);

/** The resource with this id, or NULL. Valid until it is dropped; hold it to keep it. */
struct oriel_resource *oriel_resource_get(const struct oriel_resource_table *table, uint32_t id);

/** Take the resource out of the table, detach its backing, and let go of it. */
void oriel_resource_drop(struct oriel_resource_table *table, struct oriel_resource *res);

/** Keep res until the matching release. Returns res. */
struct oriel_resource *oriel_resource_hold(struct oriel_resource *res);

/** Let go of a hold. NULL is a no-op. */
void oriel_resource_release(struct oriel_resource *res);

/**
 * Make sure that the pixels exist.
 *
 * Returns 0, or -ENOMEM: the resource is as before.
 */
ORIEL_MUST_CHECK
int oriel_resource_allocate(struct oriel_resource *res);

/**
 * Make sure that the pixels exist in a memfd (res->memfd), moving them if need be.
 *
 * The memfd is sealed against shrinking, growing and any new writable mapping, so it can be handed
 * to peers that are not trusted; res->pixels stays writable for us. Moving changes res->pixels, so
 * nobody may keep that pointer across commands.
 *
 * Returns 0, or -ENOMEM (or another -errno): the resource is as before.
 */
ORIEL_MUST_CHECK
int oriel_resource_share(struct oriel_resource *res);

/**
 * Like oriel_resource_share(), but the memfd can be mapped writable once more, by a peer that draws
 * into it: until oriel_resource_seal(), which comes before anybody else gets it.
 */
ORIEL_MUST_CHECK
int oriel_resource_share_unsealed(struct oriel_resource *res);

/** Seal what oriel_resource_share_unsealed() left open. 0 or -errno. */
ORIEL_MUST_CHECK
int oriel_resource_seal(struct oriel_resource *res);

/**
 * Keep a dma-buf with a resource that has none; the caller's hold is taken, also on failure.
 *
 * Returns 0, or -EDQUOT.
 */
ORIEL_MUST_CHECK
int oriel_resource_set_dmabuf_take(struct oriel_resource *res, struct oriel_dmabuf *dmabuf);

/** Let go of the resource's dma-buf, if it has one. Whoever shows it still holds it. */
void oriel_resource_drop_dmabuf(struct oriel_resource *res);

/** Give the resource its UUID (RFC 4122, version 4) if it has none yet. 0 or -errno of getrandom().
 */
ORIEL_MUST_CHECK
int oriel_resource_assign_uuid(struct oriel_resource *res);

/** Re-resolve the backing of all resources after a change of guest memory. */
void oriel_resource_table_handle_map_change(struct oriel_resource_table *table,
		struct oriel_mem_map *map);

#endif
