// SPDX-License-Identifier: MIT
/* The version of the library. */
#ifndef ORIEL_VERSION_H
#define ORIEL_VERSION_H

#include <oriel/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** "0.1.0". Static. */
ORIEL_API
const char *oriel_get_version(void);

#ifdef __cplusplus
}
#endif

#endif
