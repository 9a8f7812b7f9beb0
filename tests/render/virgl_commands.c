// SPDX-License-Identifier: MIT
/* See virgl_commands.h. */
#include "render/virgl_commands.h"

#include <assert.h>
#include <string.h>

enum {
	COMMAND_NOP = 0,
	COMMAND_CREATE_OBJECT = 1,
	COMMAND_SET_FRAMEBUFFER_STATE = 5,
	COMMAND_CLEAR = 7,
	COMMAND_RESOURCE_INLINE_WRITE = 9,
	COMMAND_RESOURCE_COPY_REGION = 17,
};

#define OBJECT_SURFACE 8u
#define CLEAR_COLOR_0 (1u << 2)

static void put(struct virgl_commands *commands, uint32_t word) {
	assert(commands->n_words < VIRGL_COMMANDS_MAX_WORDS);
	commands->words[commands->n_words++] = word;
}

static void put_header(struct virgl_commands *commands, uint32_t command, uint32_t object,
		uint32_t n_following) {
	put(commands, command | object << 8 | n_following << 16);
}

static void put_box(struct virgl_commands *commands, const struct oriel_rect *rect) {
	put(commands, rect->x);
	put(commands, rect->y);
	put(commands, 0);
	put(commands, rect->width);
	put(commands, rect->height);
	put(commands, 1);
}

void virgl_put_nop(struct virgl_commands *commands) {
	put_header(commands, COMMAND_NOP, 0, 0);
}

void virgl_put_create_surface(struct virgl_commands *commands, uint32_t handle, uint32_t resource,
		uint32_t format) {
	put_header(commands, COMMAND_CREATE_OBJECT, OBJECT_SURFACE, 5);
	put(commands, handle);
	put(commands, resource);
	put(commands, format);
	put(commands, 0); // level
	put(commands, 0); // layers
}

void virgl_put_framebuffer(struct virgl_commands *commands, uint32_t surface) {
	put_header(commands, COMMAND_SET_FRAMEBUFFER_STATE, 0, 3);
	put(commands, 1); // colour buffers
	put(commands, 0); // no depth
	put(commands, surface);
}

void virgl_put_clear(struct virgl_commands *commands, const float rgba[4]) {
	put_header(commands, COMMAND_CLEAR, 0, 8);
	put(commands, CLEAR_COLOR_0);
	for (int i = 0; i < 4; i++) {
		uint32_t word;
		memcpy(&word, &rgba[i], sizeof(word));
		put(commands, word);
	}
	put(commands, 0); // depth, a double
	put(commands, 0);
	put(commands, 0); // stencil
}

void virgl_put_copy(struct virgl_commands *commands, uint32_t to, uint32_t x, uint32_t y,
		uint32_t from, const struct oriel_rect *rect) {
	put_header(commands, COMMAND_RESOURCE_COPY_REGION, 0, 13);
	put(commands, to);
	put(commands, 0); // level
	put(commands, x);
	put(commands, y);
	put(commands, 0); // z
	put(commands, from);
	put(commands, 0); // level
	put_box(commands, rect);
}

void virgl_put_inline_write(struct virgl_commands *commands, uint32_t resource,
		const struct oriel_rect *rect, const uint32_t *pixels) {
	uint32_t n_pixels = rect->width * rect->height;
	put_header(commands, COMMAND_RESOURCE_INLINE_WRITE, 0, 11 + n_pixels);
	put(commands, resource);
	put(commands, 0);               // level
	put(commands, 0);               // usage
	put(commands, rect->width * 4); // stride
	put(commands, 0);               // of layers
	put_box(commands, rect);
	for (uint32_t i = 0; i < n_pixels; i++) {
		put(commands, pixels[i]);
	}
}
