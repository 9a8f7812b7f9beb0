// SPDX-License-Identifier: MIT
/*
 * Building JSON objects, with json-c.
 *
 * Memory may run out at every step. A builder remembers that it did, and everything after it is a
 * no-op, so that only the end has to look. What is added belongs to its parent.
 */
#ifndef ORIEL_CONTROL_JSON_H
#define ORIEL_CONTROL_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

struct oriel_json {
	bool failed;
};

/** A new object, which is the caller's; NULL if memory ran out. */
struct json_object *oriel_json_create(struct oriel_json *json);

/** Add an empty object or array. Returned for more to be added; may be NULL. */
struct json_object *oriel_json_add_object(struct oriel_json *json, struct json_object *parent,
		const char *key);
struct json_object *oriel_json_add_array(struct oriel_json *json, struct json_object *parent,
		const char *key);

/** Append an empty object to an array. */
struct json_object *oriel_json_append_object(struct oriel_json *json, struct json_object *array);
void oriel_json_append_number(struct oriel_json *json, struct json_object *array, uint64_t number);
void oriel_json_append_text(struct oriel_json *json, struct json_object *array, const char *text);

void oriel_json_add_number(struct oriel_json *json, struct json_object *parent, const char *key,
		uint64_t number);
void oriel_json_add_bool(struct oriel_json *json, struct json_object *parent, const char *key,
		bool value);
/** NULL becomes null. Bytes that are no printable ASCII become '?'. */
void oriel_json_add_text(struct oriel_json *json, struct json_object *parent, const char *key,
		const char *text);
/** A limit of oriel/limit.h: null is none. */
void oriel_json_add_limit(struct oriel_json *json, struct json_object *parent, const char *key,
		uint64_t limit);

/** Add value, which is taken; NULL is null. */
void oriel_json_add_take(struct oriel_json *json, struct json_object *parent, const char *key,
		struct json_object *value);

#endif
