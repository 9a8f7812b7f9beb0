// SPDX-License-Identifier: MIT
/*
 * What marks a function as part of the library's interface. Everything else is hidden.
 */
#ifndef ORIEL_EXPORT_H
#define ORIEL_EXPORT_H

/** Exported from liboriel. */
#define ORIEL_API __attribute__((visibility("default")))

/** Exported, and the result says whether it worked: the compiler makes the caller look. */
#define ORIEL_API_CHECKED __attribute__((visibility("default"), warn_unused_result))

#endif
