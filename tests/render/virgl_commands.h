// SPDX-License-Identifier: MIT
/*
 * Command buffers of virgl, written by hand: what a guest's Mesa would send, in the smallest.
 *
 * A command is a word (its number, an object type, how many words follow) and these words.
 */
#ifndef ORIEL_TEST_VIRGL_COMMANDS_H
#define ORIEL_TEST_VIRGL_COMMANDS_H

#include "base/rect.h"

#include <stdint.h>

#define VIRGL_COMMANDS_MAX_WORDS 256

struct virgl_commands {
	uint32_t words[VIRGL_COMMANDS_MAX_WORDS];
	uint32_t n_words;
};

void virgl_put_nop(struct virgl_commands *commands);

/** Make a surface out of level 0 of a resource, to render to. */
void virgl_put_create_surface(struct virgl_commands *commands, uint32_t handle, uint32_t resource,
		uint32_t format);

/** Render to this surface from now on. */
void virgl_put_framebuffer(struct virgl_commands *commands, uint32_t surface);

/** Fill what is rendered to. */
void virgl_put_clear(struct virgl_commands *commands, const float rgba[4]);

/** Copy part of a resource to (x, y) of another. */
void virgl_put_copy(struct virgl_commands *commands, uint32_t to, uint32_t x, uint32_t y,
		uint32_t from, const struct oriel_rect *rect);

/** Write pixels of 4 bytes, row after row, into level 0 of a resource. */
void virgl_put_inline_write(struct virgl_commands *commands, uint32_t resource,
		const struct oriel_rect *rect, const uint32_t *pixels);

#endif
