// SPDX-License-Identifier: MIT
/* Asking the control socket one thing (docs/control-socket.md). */
#ifndef ORIEL_PROGRAM_STATUS_ASK_H
#define ORIEL_PROGRAM_STATUS_ASK_H

#include "base/compiler.h"
#include "oriel/place.h"

#include <json-c/json.h>

/**
 * Send a request, a line with its newline, and give what came under "ok", to be put. It may take
 * five seconds.
 *
 * Returns 0, or a negative errno after having printed one line that begins with command.
 */
ORIEL_MUST_CHECK
int ask_control(const char *command, const struct place_path *path, const char *request,
		struct json_object **ret);

#endif
