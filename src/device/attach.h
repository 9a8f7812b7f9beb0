// SPDX-License-Identifier: MIT
/*
 * Reading a list of guest pages out of a request, for RESOURCE_ATTACH_BACKING and
 * RESOURCE_CREATE_BLOB (virtio 1.3, 5.7.6.8).
 */
#ifndef ORIEL_ATTACH_H
#define ORIEL_ATTACH_H

#include "device/request.h"

/**
 * Back res, which has no backing, by the n_entries entries that follow in the request.
 *
 * They are streamed; how many there are is held against the limit and against the request first.
 * Those of a blob must cover it. Returns OK_NODATA, or an error that was logged: then res has no
 * backing, as before.
 */
enum oriel_resp oriel_attach_entries(struct oriel_gpu *gpu, struct oriel_request *req,
		struct oriel_resource *res, uint32_t n_entries);

#endif
