// SPDX-License-Identifier: MIT
/*
 * The few compiler extensions that Oriel uses, in one place.
 *
 * Everything else is C11. A compiler without these attributes needs only this file changed.
 */
#ifndef ORIEL_COMPILER_H
#define ORIEL_COMPILER_H

#include <stddef.h>

/** The caller must look at the result. */
#define ORIEL_MUST_CHECK __attribute__((warn_unused_result))

/** A printf-like function: the format is argument i_format, its values start at i_first. */
#define ORIEL_PRINTF(i_format, i_first) __attribute__((format(printf, i_format, i_first)))

/** Number of elements of a true array. */
#define ORIEL_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/** The object of the given type whose member ptr points to. */
#define oriel_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
