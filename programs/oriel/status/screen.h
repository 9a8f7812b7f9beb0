// SPDX-License-Identifier: MIT
/*
 * A status (docs/control-socket.md, 4) as one screen for people.
 *
 * It is read field by field, and what is missing or not as expected is left out: the device may be
 * of another version.
 */
#ifndef ORIEL_PROGRAM_STATUS_SCREEN_H
#define ORIEL_PROGRAM_STATUS_SCREEN_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/** Print it; before is one of a while ago, for what happens in a second, or NULL. */
void screen_print(FILE *out, bool is_coloured, struct json_object *status,
		struct json_object *before);

#endif
