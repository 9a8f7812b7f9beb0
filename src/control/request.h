// SPDX-License-Identifier: MIT
/*
 * Reading a request of the control socket: one line, one JSON object (docs/control-socket.md, 2).
 *
 * Pure: bytes in, struct out. Fields that nobody asks for are ignored, so that later versions can
 * add some.
 */
#ifndef ORIEL_CONTROL_REQUEST_H
#define ORIEL_CONTROL_REQUEST_H

#include "base/compiler.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of a line, with its newline. */
#define ORIEL_CONTROL_MAX_LINE 65536u
/** Objects and arrays in each other, the request's own included. */
#define ORIEL_CONTROL_MAX_DEPTH 8
/** Characters of a text that means something here. */
#define ORIEL_CONTROL_MAX_TEXT 256u

/** An error, as a client is told: a word for programs, a line for people. Both static. */
struct oriel_control_error {
	const char *code;
	const char *text;
};

struct oriel_control_request {
	struct json_object *root; // owned
	struct json_object *id;   // borrowed; NULL: none, or null
	const char *name;         // what to do; borrowed
};

/**
 * Parse a line without its newline.
 *
 * Returns 0, -ENOMEM, or -EBADMSG with what is wrong in *ret_error. If only "do" is wrong, the
 * request has its id all the same, for the reply. Finish it in any case.
 */
ORIEL_MUST_CHECK
int oriel_control_request_parse(const char *line, size_t size, struct oriel_control_request *ret,
		struct oriel_control_error *ret_error);

/** Free what parsing made. All zeros is a no-op. */
void oriel_control_request_finish(struct oriel_control_request *request);

/** Whether the request has a field that is not null. */
bool oriel_control_request_has(const struct oriel_control_request *request, const char *key);

/** A field that is a whole number from min to max. Returns 0, -ENOENT, or -EINVAL. */
ORIEL_MUST_CHECK
int oriel_control_request_get_number(const struct oriel_control_request *request, const char *key,
		uint64_t min, uint64_t max, uint64_t *ret);

/** A field that is true or false. Returns 0, -ENOENT, or -EINVAL. */
ORIEL_MUST_CHECK
int oriel_control_request_get_bool(const struct oriel_control_request *request, const char *key,
		bool *ret);

/** A field that is a text, which is valid as long as the request. Returns 0, -ENOENT, or -EINVAL.
 */
ORIEL_MUST_CHECK
int oriel_control_request_get_text(const struct oriel_control_request *request, const char *key,
		const char **ret);

#endif
