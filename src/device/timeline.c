// SPDX-License-Identifier: MIT
/* See timeline.h. */
#include "device/timeline.h"

void oriel_timeline_init(struct oriel_timeline *timeline) {
	oriel_list_init(&timeline->requests);
}

void oriel_timeline_join(struct oriel_timeline *timeline, struct oriel_request *req) {
	oriel_list_append(&timeline->requests, &req->timeline_link);
}

struct oriel_request *oriel_timeline_leave(struct oriel_timeline *timeline) {
	if (oriel_list_is_empty(&timeline->requests)) {
		return NULL;
	}
	struct oriel_request *first = oriel_container_of(timeline->requests.next,
			struct oriel_request, timeline_link);
	if (!first->finished || first->awaits_fence) {
		return NULL;
	}
	oriel_list_remove(&first->timeline_link);
	return first;
}
