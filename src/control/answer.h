// SPDX-License-Identifier: MIT
/* Answering one line of the control socket: no sockets are involved. */
#ifndef ORIEL_CONTROL_ANSWER_H
#define ORIEL_CONTROL_ANSWER_H

#include "control/control.h"
#include "control/json.h"

/**
 * The answer to a line, which is given without its newline: a line of JSON with its newline, to be
 * freed. NULL if memory ran out. started_ns is when the program began.
 */
char *oriel_control_answer(const struct oriel_control_options *options, uint64_t started_ns,
		const char *line, size_t size);

/** An error that answers no request: static, with its newline. */
const char *oriel_control_get_goodbye(bool too_many, bool too_long);

/*
 * status.c
 */

/** Add all of a status to reply. */
void oriel_control_add_status(const struct oriel_control_options *options, uint64_t started_ns,
		struct oriel_json *json, struct json_object *reply);

/** Add the heads, as an array. */
void oriel_control_add_heads(const struct oriel_control_options *options, struct oriel_json *json,
		struct json_object *reply);

/** The word for a level. */
const char *oriel_control_level_name(enum oriel_log_level level);

#endif
