// SPDX-License-Identifier: MIT
/* See json.h. */
#include "oriel/doctor/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

bool json_is_built(void) {
	return true;
}

/** Add value, which is taken; a NULL one is JSON's null. */
static int add_take(struct json_object *object, const char *key, struct json_object *value) {
	if (json_object_object_add(object, key, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

static int add_text(struct json_object *object, const char *key, const char *text) {
	if (text == NULL || *text == '\0') {
		return add_take(object, key, NULL);
	}
	struct json_object *value = json_object_new_string(text);
	return value != NULL ? add_take(object, key, value) : -ENOMEM;
}

static int add_row(struct json_object *rows, const struct report_row *row, bool is_feature) {
	struct json_object *object = json_object_new_object();
	int err = object != NULL ? add_text(object, "name", row->name) : -ENOMEM;
	if (err == 0) {
		err = add_text(object, "state", report_state_name(row->state));
	}
	if (err == 0) {
		err = add_text(object, "found", row->found);
	}
	if (err == 0 && !is_feature) {
		err = add_text(object, "matters", row->matters);
	}
	if (err == 0) {
		err = add_text(object, "remedy", row->state != REPORT_ON ? row->remedy : NULL);
	}
	if (err == 0 && json_object_array_add(rows, object) == 0) {
		return 0;
	}
	json_object_put(object);
	return -ENOMEM;
}

/** Add the rows of a kind as an array. */
static int add_rows(struct json_object *root, const char *key, const struct report *report,
		const char *summary, bool are_features) {
	struct json_object *rows = json_object_new_array();
	int err = rows != NULL ? 0 : -ENOMEM;
	for (size_t i = 0; i < report->n_rows && err == 0; i++) {
		const struct report_row *row = &report->rows[i];
		if ((strcmp(row->section, summary) == 0) == are_features) {
			err = add_row(rows, row, are_features);
		}
	}
	if (err < 0) {
		json_object_put(rows);
		return err;
	}
	return add_take(root, key, rows);
}

int json_write_report(const struct report *report, const char *summary, bool can_run, FILE *out) {
	struct json_object *root = json_object_new_object();
	int err = root != NULL ? add_text(root, "version", ORIEL_VERSION) : -ENOMEM;
	if (err == 0) {
		err = add_take(root, "can_run", json_object_new_boolean(can_run));
	}
	if (err == 0) {
		err = add_rows(root, "checks", report, summary, false);
	}
	if (err == 0) {
		err = add_rows(root, "features", report, summary, true);
	}
	if (err == 0) {
		const char *text = json_object_to_json_string_ext(root,
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
		err = text == NULL ? -ENOMEM : fprintf(out, "%s\n", text) < 0 ? -EIO : 0;
	}
	json_object_put(root);
	return err;
}
