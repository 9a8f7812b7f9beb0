// SPDX-License-Identifier: MIT
/* See facts.h. */
#include "oriel/doctor/facts.h"

#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define KEY_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"

static void clean(char *line) {
	for (; *line != '\0'; line++) {
		if (*line < ' ' || *line > '~') {
			*line = '?';
		}
	}
}

static void read_line(struct facts *facts, char *line) {
	size_t key_len = strspn(line, KEY_CHARACTERS);
	size_t len = strlen(line);
	if (len > 0 && line[len - 1] == '\r') {
		line[len - 1] = '\0';
	}
	clean(line);
	if (key_len > 0 && line[key_len] == '=') {
		line[key_len] = '\0';
		if (facts->n < FACTS_MAX) {
			facts->items[facts->n] = (struct fact){ line, line + key_len + 1 };
			facts->n++;
		}
	} else if (line[strspn(line, " ?")] != '\0') {
		facts->remark = line;
	}
}

void facts_read(struct facts *facts, char *text) {
	*facts = (struct facts){ 0 };
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
			line = strtok_r(NULL, "\n", &rest)) {
		read_line(facts, line);
	}
}

const char *facts_next(const struct facts *facts, const char *key, size_t *i) {
	while (*i < facts->n) {
		const struct fact *fact = &facts->items[(*i)++];
		if (strcmp(fact->key, key) == 0) {
			return fact->value;
		}
	}
	return NULL;
}

const char *facts_get(const struct facts *facts, const char *key) {
	const char *found = NULL;
	size_t i = 0;
	for (const char *value = facts_next(facts, key, &i); value != NULL;
			value = facts_next(facts, key, &i)) {
		found = value;
	}
	return found;
}

int facts_get_number(const struct facts *facts, const char *key, uint64_t max, uint64_t *ret) {
	const char *value = facts_get(facts, key);
	return value != NULL && oriel_parse_number(value, max, ret) == 0 ? 0 : -ENOENT;
}

bool facts_is_true(const struct facts *facts, const char *key) {
	const char *value = facts_get(facts, key);
	return value != NULL && strcmp(value, "1") == 0;
}

void fact_write(FILE *out, const char *key, const char *value) {
	if (value != NULL) {
		fprintf(out, "%s=%s\n", key, value);
	}
}

void fact_write_number(FILE *out, const char *key, int64_t value) {
	fprintf(out, "%s=%" PRId64 "\n", key, value);
}

void fact_write_step(FILE *out, const char *what) {
	fact_write(out, "step", what);
}
