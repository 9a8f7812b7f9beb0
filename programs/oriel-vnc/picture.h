// SPDX-License-Identifier: MIT
/*
 * The picture that a viewer is shown: a private copy of a scanout, in LibVNCServer's own format.
 *
 * It is a copy because a scanout's pixels may change at any moment, and an encoder looks at them
 * more than once. Copying also finds out what really changed: guests often flush whole screens for
 * a blinking cursor, and comparing is much cheaper than compressing and sending.
 */
#ifndef ORIEL_VNC_PICTURE_H
#define ORIEL_VNC_PICTURE_H

#include "base/compiler.h"
#include "base/rect.h"

#include <oriel/client.h>

struct picture {
	uint32_t width, height;
	uint32_t *pixels; // rows without gaps: R, G, B, 0 in memory. NULL: none yet
};

/** Called for a part that was changed. */
typedef void (*picture_changed_fn)(void *user, const struct oriel_rect *part);

/**
 * Give the picture another size. All of it is black then. pixels is another pointer.
 *
 * width and height are 1 to 65,535. Returns 0, or -ENOMEM with the picture as it was.
 */
ORIEL_MUST_CHECK
int picture_set_size(struct picture *picture, uint32_t width, uint32_t height);

/**
 * Copy part of a scanout, which has the picture's size, and name all that is different now.
 *
 * part lies inside both.
 */
void picture_copy(struct picture *picture, const struct oriel_client_scanout *from,
		const struct oriel_rect *part, picture_changed_fn fn, void *user);

/** Draw that there is no signal. All of the picture is different then. */
void picture_draw_no_signal(struct picture *picture);

/** Free it. */
void picture_finish(struct picture *picture);

#endif
