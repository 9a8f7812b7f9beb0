// SPDX-License-Identifier: MIT
/* See request.h. */
#include "control/request.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct oriel_control_error describe(enum json_tokener_error error) {
	switch (error) {
	case json_tokener_continue:
		return (struct oriel_control_error){ "malformed", "the JSON object has no end" };
	case json_tokener_error_depth:
		return (struct oriel_control_error){ "malformed",
			"more than 8 objects and arrays in each other" };
	case json_tokener_error_parse_utf8_string:
		return (struct oriel_control_error){ "malformed", "not UTF-8" };
	default:
		return (struct oriel_control_error){ "malformed", "not JSON" };
	}
}

static bool is_blank(const char *line, size_t size) {
	while (size > 0 && line[size - 1] != '\0' && strchr(" \t\r", line[size - 1]) != NULL) {
		size--;
	}
	return size == 0;
}

/** The line's one value. */
static int parse_value(const char *line, size_t size, struct json_object **ret,
		struct oriel_control_error *ret_error) {
	if (is_blank(line, size)) {
		*ret_error = (struct oriel_control_error){ "malformed", "an empty line" };
		return -EBADMSG;
	}
	struct json_tokener *tokener = json_tokener_new_ex(ORIEL_CONTROL_MAX_DEPTH);
	if (tokener == NULL) {
		return -ENOMEM;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	// A line is at most ORIEL_CONTROL_MAX_LINE bytes long, which an int can say.
	struct json_object *value = json_tokener_parse_ex(tokener, line, (int)size);
	const enum json_tokener_error error = json_tokener_get_error(tokener);
	const bool is_whole = json_tokener_get_parse_end(tokener) == size;
	json_tokener_free(tokener);
	if (error != json_tokener_success || !is_whole) {
		json_object_put(value);
		*ret_error = error != json_tokener_success
					     ? describe(error)
					     : (struct oriel_control_error){ "malformed",
						       "something follows the object" };
		return -EBADMSG;
	}
	*ret = value;
	return 0;
}

/**
 * Whether a value has a number that a reply would not repeat: NaN or Infinity, which JSON cannot
 * say, or one beyond 64 bits, of which json-c keeps the nearest that it can.
 */
static bool has_wild_number(struct json_object *value) {
	if (json_object_is_type(value, json_type_double)) {
		return !isfinite(json_object_get_double(value));
	}
	if (json_object_is_type(value, json_type_int)) {
		return json_object_get_int64(value) == INT64_MIN ||
		       json_object_get_uint64(value) == UINT64_MAX;
	}
	bool has = false;
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, member) {
			(void)key;
			has = has || has_wild_number(member); // at most ORIEL_CONTROL_MAX_DEPTH
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value) && !has; i++) {
			has = has_wild_number(json_object_array_get_idx(value, i));
		}
	}
	return has;
}

int oriel_control_request_parse(const char *line, size_t size, struct oriel_control_request *ret,
		struct oriel_control_error *ret_error) {
	*ret = (struct oriel_control_request){ 0 };
	struct json_object *root = NULL;
	int err = parse_value(line, size, &root, ret_error);
	if (err < 0) {
		return err;
	}
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		*ret_error = (struct oriel_control_error){ "malformed", "not a JSON object" };
		return -EBADMSG;
	}
	ret->root = root;
	(void)json_object_object_get_ex(root, "id", &ret->id);
	if (has_wild_number(ret->id)) {
		ret->id = NULL; // a reply with it would be no JSON, or another request's
		*ret_error = (struct oriel_control_error){ "malformed",
			"an id with a number that is none or needs more than 64 bits" };
		return -EBADMSG;
	}
	if (oriel_control_request_get_text(ret, "do", &ret->name) < 0) {
		*ret_error = (struct oriel_control_error){ "invalid",
			"\"do\" is to say what to do, as a text" };
		return -EBADMSG;
	}
	return 0;
}

void oriel_control_request_finish(struct oriel_control_request *request) {
	json_object_put(request->root);
	*request = (struct oriel_control_request){ 0 };
}

/** A field, or NULL: it is not there, or null. */
static struct json_object *get(const struct oriel_control_request *request, const char *key) {
	struct json_object *value = NULL;
	(void)json_object_object_get_ex(request->root, key, &value);
	return value;
}

bool oriel_control_request_has(const struct oriel_control_request *request, const char *key) {
	return get(request, key) != NULL;
}

int oriel_control_request_get_number(const struct oriel_control_request *request, const char *key,
		uint64_t min, uint64_t max, uint64_t *ret) {
	struct json_object *value = get(request, key);
	if (value == NULL) {
		return -ENOENT;
	}
	// What is too large for json-c is its largest, and what is below 0 is 0 for it: ask twice.
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0) {
		return -EINVAL;
	}
	const uint64_t number = json_object_get_uint64(value);
	if (number < min || number > max) {
		return -EINVAL;
	}
	*ret = number;
	return 0;
}

int oriel_control_request_get_bool(const struct oriel_control_request *request, const char *key,
		bool *ret) {
	struct json_object *value = get(request, key);
	if (value == NULL) {
		return -ENOENT;
	}
	if (!json_object_is_type(value, json_type_boolean)) {
		return -EINVAL;
	}
	*ret = json_object_get_boolean(value);
	return 0;
}

int oriel_control_request_get_text(const struct oriel_control_request *request, const char *key,
		const char **ret) {
	struct json_object *value = get(request, key);
	if (value == NULL) {
		return -ENOENT;
	}
	if (!json_object_is_type(value, json_type_string)) {
		return -EINVAL;
	}
	const char *text = json_object_get_string(value);
	// A 0 inside would end it early, for us.
	const size_t size = (size_t)json_object_get_string_len(value);
	if (size > ORIEL_CONTROL_MAX_TEXT || strlen(text) != size) {
		return -EINVAL;
	}
	*ret = text;
	return 0;
}
