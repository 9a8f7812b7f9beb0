// SPDX-License-Identifier: MIT
/*
 * --probe: what this program would render with, as lines KEY=VALUE. oriel doctor reads them; a
 * crash of a driver is then the probe's end, and names the step that was printed last.
 */
#ifndef ORIEL_RENDER_PROBE_H
#define ORIEL_RENDER_PROBE_H

#include "base/compiler.h"
#include "oriel-render/options.h"

/** Print. Returns 0, or -errno after having said why there is no 3D. */
ORIEL_MUST_CHECK
int probe(const struct options *options);

#endif
