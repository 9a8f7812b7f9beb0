// SPDX-License-Identifier: MIT
/* See attach.h. */
#include "device/attach.h"

#include "device/device.h"

#include <inttypes.h>

/** All lengths of a backing together; far beyond any guest, so that sums cannot overflow. */
#define MAX_BACKING_BYTES ((uint64_t)INT64_MAX)

/** Entries fetched at once. */
#define ENTRIES_PER_READ 64u

/** Read n_entries entries into a backing that was begun. */
static int append_entries(struct oriel_request *req, struct oriel_backing *backing,
		uint32_t n_entries) {
	uint8_t raw[ENTRIES_PER_READ * ORIEL_MEM_ENTRY_SIZE];
	while (n_entries > 0) {
		uint32_t n = oriel_min_u32(n_entries, ENTRIES_PER_READ);
		// Long lists take as long as pixels: they use up the turn's share too.
		uint64_t *share = &req->queue->turn_bytes;
		*share -= oriel_min_u64(*share, n * ORIEL_MEM_ENTRY_SIZE);
		int err = oriel_request_read(req, raw, n * ORIEL_MEM_ENTRY_SIZE);
		struct oriel_reader r = oriel_reader_of(raw, n * ORIEL_MEM_ENTRY_SIZE);
		for (uint32_t i = 0; err == 0 && i < n; i++) {
			struct oriel_mem_entry entry;
			err = oriel_decode_mem_entry(&r, &entry);
			if (err == 0) {
				err = oriel_backing_append(backing, entry.gpa, entry.length,
						MAX_BACKING_BYTES);
			}
		}
		if (err < 0) {
			return err;
		}
		n_entries -= n;
	}
	return 0;
}

static int attach(struct oriel_request *req, struct oriel_backing *backing, uint32_t n_entries) {
	int err = oriel_backing_begin(backing, n_entries, oriel_virtq_get_map(req->queue->ring.vq));
	if (err == 0) {
		err = append_entries(req, backing, n_entries);
	}
	if (err < 0) {
		oriel_backing_detach(backing);
		return err;
	}
	oriel_backing_end(backing);
	return 0;
}

/** The response for a list that cannot be. */
static enum oriel_resp fail(struct oriel_request *req, const struct oriel_resource *res, int err) {
	const char *why = err == -EFAULT   ? "an entry outside guest memory"
			  : err == -EINVAL ? "an entry of length 0, or too few bytes for the blob"
					   : "a list over a limit, or no memory";
	return oriel_request_fail(req,
			err == -EFAULT ? ORIEL_RESP_ERR_INVALID_PARAMETER
				       : oriel_resp_from_error(err),
			"resource %" PRIu32 ": %s", res->id, why);
}

enum oriel_resp oriel_attach_entries(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_resource *res, uint32_t n_entries) {
	if (n_entries > gpu->max_backing_entries) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": %" PRIu32 " entries, at most %" PRIu64,
				res->id, n_entries, gpu->max_backing_entries);
	}
	if (req->n_readable_bytes / ORIEL_MEM_ENTRY_SIZE < n_entries) {
		return oriel_request_fail(req, ORIEL_RESP_ERR_INVALID_PARAMETER,
				"resource %" PRIu32 ": %" PRIu32 " entries, but %" PRIu64 " bytes",
				res->id, n_entries, req->n_readable_bytes);
	}
	int err = attach(req, &res->backing, n_entries);
	if (err == 0 && n_entries > 0 && res->backing.scatter.size < res->blob_size) {
		oriel_backing_detach(&res->backing);
		err = -EINVAL;
	}
	if (err < 0) {
		return fail(req, res, err);
	}
	oriel_count_largest(&gpu->counts.largest_backing, n_entries);
	return ORIEL_RESP_OK_NODATA;
}
