// SPDX-License-Identifier: MIT
/*
 * Dma-bufs: pictures that displays can be given as they are, without a copy.
 *
 * A dma-buf is a descriptor and how its bytes are a picture. It is counted: whoever shows it holds
 * it, and the memory behind it stays as long, whatever becomes of the guest's resource or of the
 * renderer that made it. Nothing of it changes once it was created.
 *
 * One plane, and one of the eight formats of virtio-gpu; the modifier says how a GPU has arranged
 * the pixels, and only linear ones can be read by others than GPUs.
 */
#ifndef ORIEL_DMABUF_H
#define ORIEL_DMABUF_H

#include "base/compiler.h"
#include "resource/format.h"

/** Modifiers of DRM: rows one after the other, and "whatever the driver does". */
#define ORIEL_MODIFIER_LINEAR UINT64_C(0)
#define ORIEL_MODIFIER_INVALID UINT64_C(0x00ffffffffffffff)

/** How a dma-buf's bytes are a picture. */
struct oriel_dmabuf_layout {
	const struct oriel_format *format;
	uint64_t modifier;
	uint32_t width, height; // pixels
	uint32_t stride;        // bytes
	uint64_t offset;        // of the first row, bytes
	uint64_t size;          // of the file, bytes
	bool is_bottom_up;      // the first row is the lowest one
	bool is_guest_memory;   // then nobody but the VMM may have it
};

struct oriel_dmabuf {
	uint32_t n_holds;
	int fd; // owned
	struct oriel_dmabuf_layout layout;
};

/**
 * Create a dma-buf, which the caller holds.
 *
 * Owns: fd is taken, also on failure.
 *
 * Returns 0, -EINVAL if it is no file, a linear picture does not lie in it, or its rows overlap or
 * are no 32-bit words; -ENOMEM; or -errno from asking for the file's size.
 */
ORIEL_MUST_CHECK
int oriel_dmabuf_create_take(int fd, const struct oriel_dmabuf_layout *layout,
		struct oriel_dmabuf **ret);

/** Keep it until the matching release. Returns dmabuf. NULL is kept as well. */
struct oriel_dmabuf *oriel_dmabuf_hold(struct oriel_dmabuf *dmabuf);

/** Let go of a hold. NULL is a no-op. */
void oriel_dmabuf_release(struct oriel_dmabuf *dmabuf);

/** Whether whoever maps it finds rows of pixels. */
static inline bool oriel_dmabuf_is_linear(const struct oriel_dmabuf *dmabuf) {
	return dmabuf->layout.modifier == ORIEL_MODIFIER_LINEAR;
}

#endif
