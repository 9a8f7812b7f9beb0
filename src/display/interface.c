// SPDX-License-Identifier: MIT
/* The base of every display; see display.h. */
#include "display/display.h"

#include <assert.h>

void oriel_display_init(struct oriel_display *display, const struct oriel_display_impl *impl) {
	assert(impl->name != NULL && impl->handle_scanout != NULL && impl->present != NULL);
	assert(impl->handle_cursor != NULL && impl->move_cursor != NULL);
	assert(impl->query == NULL || impl->can_answer != NULL);
	assert(impl->query == NULL || impl->flush_queries != NULL);
	assert(impl->query == NULL || impl->drop_queries != NULL);
	*display = (struct oriel_display){ .impl = impl };
	oriel_list_init(&display->link);
}
