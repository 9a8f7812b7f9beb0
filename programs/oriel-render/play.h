// SPDX-License-Identifier: MIT
/*
 * --play: a recording is played, as fast as it goes, and held against what came back when it was
 * recorded. Nothing else is needed, no guest and no device.
 */
#ifndef ORIEL_RENDER_PROGRAM_PLAY_H
#define ORIEL_RENDER_PROGRAM_PLAY_H

#include "base/compiler.h"
#include "oriel-render/options.h"

#include <stdbool.h>

/** Play options->play and print what came of it. Returns 0, 1 if something is different, or -errno
 * after having said why it cannot be played. */
ORIEL_MUST_CHECK
int play(const struct options *options);

#endif
