// SPDX-License-Identifier: MIT
/* See json.h. */
#include "control/json.h"

#include <oriel/limit.h>
#include <stdio.h>

struct json_object *oriel_json_create(struct oriel_json *json) {
	struct json_object *object = json_object_new_object();
	json->failed = json->failed || object == NULL;
	return object;
}

void oriel_json_add_take(struct oriel_json *json, struct json_object *parent, const char *key,
		struct json_object *value) {
	if (json->failed || parent == NULL || json_object_object_add(parent, key, value) < 0) {
		json->failed = true;
		json_object_put(value);
	}
}

static void append_take(struct oriel_json *json, struct json_object *array,
		struct json_object *value) {
	if (json->failed || array == NULL || value == NULL ||
			json_object_array_add(array, value) < 0) {
		json->failed = true;
		json_object_put(value);
	}
}

/** Add what was just made, or note that it could not be. */
static struct json_object *add_made(struct oriel_json *json, struct json_object *parent,
		const char *key, struct json_object *value) {
	json->failed = json->failed || value == NULL;
	oriel_json_add_take(json, parent, key, value);
	return json->failed ? NULL : value;
}

struct json_object *oriel_json_add_object(struct oriel_json *json, struct json_object *parent,
		const char *key) {
	return add_made(json, parent, key, json_object_new_object());
}

struct json_object *oriel_json_add_array(struct oriel_json *json, struct json_object *parent,
		const char *key) {
	return add_made(json, parent, key, json_object_new_array());
}

struct json_object *oriel_json_append_object(struct oriel_json *json, struct json_object *array) {
	struct json_object *value = json_object_new_object();
	append_take(json, array, value);
	return json->failed ? NULL : value;
}

void oriel_json_append_number(struct oriel_json *json, struct json_object *array, uint64_t number) {
	append_take(json, array, json_object_new_uint64(number));
}

void oriel_json_append_text(struct oriel_json *json, struct json_object *array, const char *text) {
	append_take(json, array, json_object_new_string(text));
}

void oriel_json_add_number(struct oriel_json *json, struct json_object *parent, const char *key,
		uint64_t number) {
	(void)add_made(json, parent, key, json_object_new_uint64(number));
}

void oriel_json_add_bool(struct oriel_json *json, struct json_object *parent, const char *key,
		bool value) {
	(void)add_made(json, parent, key, json_object_new_boolean(value));
}

void oriel_json_add_text(struct oriel_json *json, struct json_object *parent, const char *key,
		const char *text) {
	if (text == NULL) {
		oriel_json_add_take(json, parent, key, NULL);
		return;
	}
	char plain[512]; // no text of ours is longer
	snprintf(plain, sizeof(plain), "%s", text);
	for (char *c = plain; *c != '\0'; c++) {
		*c = *c >= ' ' && *c <= '~' ? *c : '?';
	}
	(void)add_made(json, parent, key, json_object_new_string(plain));
}

void oriel_json_add_limit(struct oriel_json *json, struct json_object *parent, const char *key,
		uint64_t limit) {
	if (limit == ORIEL_LIMIT_OFF) {
		oriel_json_add_take(json, parent, key, NULL);
	} else {
		oriel_json_add_number(json, parent, key, limit);
	}
}
