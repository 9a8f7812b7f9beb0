// SPDX-License-Identifier: MIT
/*
 * Heads: what the guest is told about its outputs, and how it learns that they changed.
 *
 * The embedder says what it wants (oriel_gpu_set_head()). If a display answers for heads of its own
 * (the VMM's, through the GPU socket), its answer comes first, and those that the embedder asked
 * for beyond it are added. A change sets EVENT_DISPLAY and notifies the driver, which then asks
 * again. virtio 1.3, 5.7.4 and 5.7.6.8.
 */
#ifndef ORIEL_HEADS_H
#define ORIEL_HEADS_H

#include "base/bytes.h"
#include "display/screen.h"
#include "oriel/gpu.h"
#include "protocol/edid.h"

struct oriel_heads {
	uint32_t n_wanted; // 0: nobody said; as many as the displays have

	// Of the embedder, or by default. A monitor's size is that of its head when it is on, or
	// what it would be.
	struct oriel_head wanted[ORIEL_MAX_SCANOUTS];
	struct oriel_edid_mode monitors[ORIEL_MAX_SCANOUTS];

	struct oriel_head now[ORIEL_MAX_SCANOUTS]; // what the guest is told

	// A change between the guest's question and its clearing the event must not be lost.
	uint64_t n_changes;
	uint64_t n_told; // n_changes when the guest last asked
};

/** Begin with n_wanted heads, all on, side by side; 0: one. width and height are in range. */
void oriel_heads_init(struct oriel_heads *heads, uint32_t n_wanted, uint32_t width,
		uint32_t height);

/** Change what is wanted of a head. Returns 0, or -EINVAL: nothing changed. */
ORIEL_MUST_CHECK
int oriel_heads_set(struct oriel_heads *heads, uint32_t i, const struct oriel_gpu_head *head);

/** Change only a head's size; its name and dots per inch stay, and heads beside it move. */
ORIEL_MUST_CHECK
int oriel_heads_resize(struct oriel_heads *heads, uint32_t i, const struct oriel_wanted_size *size);

/** Take over a display's answer. */
void oriel_heads_take_answer(struct oriel_heads *heads,
		const struct oriel_head answer[ORIEL_MAX_SCANOUTS]);

/** Write the body of RESP_OK_DISPLAY_INFO; the guest knows all changes then. */
void oriel_heads_write_info(struct oriel_heads *heads, uint32_t n_scanouts, struct oriel_writer *w);

/** Write the body of RESP_OK_EDID with an EDID of our own, also for a head that is off. */
void oriel_heads_write_edid(const struct oriel_heads *heads, uint32_t i, struct oriel_writer *w);

#endif
