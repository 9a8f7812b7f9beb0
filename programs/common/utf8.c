// SPDX-License-Identifier: MIT
/* See utf8.h. RFC 3629: no surrogates, nothing longer than needed. */
#include "common/utf8.h"

#include <errno.h>
#include <stddef.h>

int utf8_next(const char **text, uint32_t *ret) {
	const unsigned char *at = (const unsigned char *)*text;
	if (at[0] == '\0') {
		return -ENODATA;
	}
	size_t n_more = 0;
	uint32_t least = 0;
	uint32_t character = at[0];
	if (at[0] >= 0xf0 && at[0] <= 0xf4) {
		n_more = 3;
		least = 0x10000;
		character = at[0] & 0x07u;
	} else if (at[0] >= 0xe0 && at[0] < 0xf0) {
		n_more = 2;
		least = 0x800;
		character = at[0] & 0x0fu;
	} else if (at[0] >= 0xc2 && at[0] < 0xe0) {
		n_more = 1;
		least = 0x80;
		character = at[0] & 0x1fu;
	} else if (at[0] >= 0x80) {
		return -EBADMSG;
	}
	for (size_t i = 1; i <= n_more; i++) {
		if ((at[i] & 0xc0u) != 0x80) { // the end of the text, too
			return -EBADMSG;
		}
		character = character << 6 | (at[i] & 0x3fu);
	}
	if (character < least || character > 0x10ffff ||
			(character >= 0xd800 && character < 0xe000)) {
		return -EBADMSG;
	}
	*text += n_more + 1;
	*ret = character;
	return 0;
}
