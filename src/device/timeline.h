// SPDX-License-Identifier: MIT
/*
 * A timeline: the order in which fenced requests go back.
 *
 * A driver takes the return of a fence for the end of all that was submitted on the same timeline
 * before it, whatever the response says (Linux signals all older fences). So a request joins when
 * its header was read, before anything can fail, and leaves when it is finished and all that joined
 * earlier have left. Fence ids play no part: they may repeat, or be 0. virtio 1.3, 5.7.6.7.
 *
 * Each queue has one timeline. On a 3D device that is the global one, and there is one for each
 * ring of each context that names it (context.h); a request leaves there when the GPU is done, too
 * (fence.h).
 */
#ifndef ORIEL_TIMELINE_H
#define ORIEL_TIMELINE_H

#include "device/request.h"

struct oriel_timeline {
	struct oriel_link requests; // in the order of submission
};

/** Begin an empty timeline. */
void oriel_timeline_init(struct oriel_timeline *timeline);

/** Join. The request must not be in a timeline. */
void oriel_timeline_join(struct oriel_timeline *timeline, struct oriel_request *req);

/**
 * Take the first request out if it is finished and its fence has come. Returns NULL if there is
 * none, or it is not. Call until NULL whenever a request of the timeline was finished.
 */
struct oriel_request *oriel_timeline_leave(struct oriel_timeline *timeline);

#endif
