// SPDX-License-Identifier: MIT
/*
 * Fuzz target: a browser's request, as oriel-vnc reads it.
 *
 * What is read from the first bytes of a request must not depend on what stands behind its end, and
 * a request that is not complete is one that more bytes may complete, up to the limit.
 */
#include "oriel-vnc/http.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct http_request whole = { .size = 0 }, alone = { .size = 0 };
	const char *bytes = (const char *)data;
	int err = http_parse(bytes, size, &whole);
	if (err == -EAGAIN && size >= HTTP_MAX_REQUEST) {
		abort();
	}
	if (err == 0) {
		if (whole.size > size || whole.size > HTTP_MAX_REQUEST || whole.path[0] != '/' ||
				http_parse(bytes, whole.size, &alone) != 0 ||
				memcmp(&whole, &alone, sizeof(whole)) != 0 ||
				http_parse(bytes, whole.size - 1, &alone) != -EAGAIN) {
			abort();
		}
		(void)http_host_name_len(whole.host);
		(void)http_list_has(whole.protocols, "binary");
	}
	return 0;
}
