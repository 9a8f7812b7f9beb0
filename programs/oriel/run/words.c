// SPDX-License-Identifier: MIT
/* See words.h. */
#include "oriel/run/words.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/** Characters that mean nothing to any shell, wherever they stand. */
#define PLAIN \
	"abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789%+,-./:=@_"

/** The list owns word from now on; NULL is the want of memory. */
static void add_take(struct words *words, char *word) {
	char **items = word != NULL ? realloc(words->items, (words->len + 2) * sizeof(*items))
				    : NULL;
	if (items == NULL) {
		free(word);
		words->failed = true;
		return;
	}
	items[words->len++] = word;
	items[words->len] = NULL;
	words->items = items;
}

void words_add(struct words *words, const char *word) {
	add_take(words, strdup(word));
}

void words_addf(struct words *words, const char *format, ...) {
	va_list arguments;
	char *word = NULL;
	va_start(arguments, format);
	if (vasprintf(&word, format, arguments) < 0) {
		word = NULL;
	}
	va_end(arguments);
	add_take(words, word);
}

void words_finish(struct words *words) {
	for (size_t i = 0; i < words->len; i++) {
		free(words->items[i]);
	}
	free(words->items);
	*words = (struct words){ 0 };
}

void words_print_one(const char *word, FILE *out) {
	if (word[0] != '\0' && word[strspn(word, PLAIN)] == '\0') {
		fputs(word, out);
		return;
	}
	fputc('\'', out);
	for (const char *c = word; *c != '\0'; c++) {
		if (*c == '\'') {
			fputs("'\\''", out);
		} else {
			fputc(*c, out);
		}
	}
	fputc('\'', out);
}

void words_print(const struct words *words, FILE *out) {
	for (size_t i = 0; i < words->len; i++) {
		if (i > 0) {
			fputs(words->items[i][0] == '-' ? " \\\n    " : " ", out);
		}
		words_print_one(words->items[i], out);
	}
}

const char *words_escape(const char *text, char *ret, size_t size) {
	size_t len = 0;
	for (const char *c = text; *c != '\0' && len + 2 < size; c++) {
		ret[len++] = *c;
		if (*c == ',') {
			ret[len++] = ',';
		}
	}
	ret[len] = '\0';
	return ret;
}
