// SPDX-License-Identifier: MIT
/* The library's version; the build system knows it. */
#include "oriel/version.h"

const char *oriel_get_version(void) {
	return ORIEL_VERSION;
}
