// SPDX-License-Identifier: MIT
/* See typed.h. */
#include "common/typed.h"

#include "common/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

const char *typed_copy(const char *text, char ret[TYPED_SIZE]) {
	const char *next = text;
	char *out = ret;
	while (*next != '\0') {
		const char *at = next;
		uint32_t character;
		const bool is_seen = utf8_next(&next, &character) == 0 && character >= ' ' &&
				     (character < 0x7f || character >= 0xa0);
		next += next == at; // behind a byte that is no UTF-8
		const size_t size = is_seen ? (size_t)(next - at) : 1;
		if (size + 1 > (size_t)(ret + TYPED_SIZE - out)) {
			break;
		}
		memcpy(out, is_seen ? at : "?", size);
		out += size;
	}
	*out = '\0';
	return ret;
}
