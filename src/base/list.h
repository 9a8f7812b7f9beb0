// SPDX-License-Identifier: MIT
/*
 * Intrusive, circular, doubly linked list.
 *
 * A list is a link that is its own head; an element is a link inside an object, got back with
 * oriel_container_of(). A link that is in no list points to itself, so removing twice is harmless.
 */
#ifndef ORIEL_LIST_H
#define ORIEL_LIST_H

#include "base/compiler.h"

#include <stdbool.h>

struct oriel_link {
	struct oriel_link *prev;
	struct oriel_link *next;
};

static inline void oriel_list_init(struct oriel_link *link) {
	link->prev = link;
	link->next = link;
}

static inline bool oriel_list_is_empty(const struct oriel_link *head) {
	return head->next == head;
}

/** Append link, which must be in no list, to the list at head. */
static inline void oriel_list_append(struct oriel_link *head, struct oriel_link *link) {
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void oriel_list_remove(struct oriel_link *link) {
	link->prev->next = link->next;
	link->next->prev = link->prev;
	oriel_list_init(link);
}

/** Walk the list; the current element may be removed, other elements may not. */
#define oriel_list_for_each(link, following, head) \
	for (struct oriel_link *link = (head)->next, *following = link->next; link != (head); \
			link = following, following = link->next)

#endif
