// SPDX-License-Identifier: MIT
/*
 * The commands of virgl that read guest memory by themselves: a transfer can be a command of a
 * command buffer, so that a guest needs not leave it. Pure.
 */
#ifndef ORIEL_RENDER_RECORD_COMMANDS_H
#define ORIEL_RENDER_RECORD_COMMANDS_H

#include "render/render3d.h"

/** A transfer to the host: of the box of resource_id, from the backing of backing_id. */
struct record_transfer {
	uint32_t resource_id;
	uint32_t backing_id;
	struct oriel_render3d_transfer transfer;
};

/**
 * Find the next command that reads guest memory, from the i-th of n_words words on.
 *
 * Returns whether there is one; *i is then behind it. What comes after a command that is cut off is
 * not looked at: nobody runs it either.
 */
bool record_commands_find(const uint8_t *bytes, uint32_t n_words, uint32_t *i,
		struct record_transfer *ret);

#endif
