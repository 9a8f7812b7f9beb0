// SPDX-License-Identifier: MIT
/* Tests of http.h. */
#include "oriel-vnc/http.h"

#include "fixture/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GOOD \
	"GET /websocket?x=y HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: WebSocket\r\n" \
	"Connection: keep-alive, Upgrade\r\nOrigin: http://a\r\nSec-WebSocket-Key: k\r\n" \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary, oriel.t \r\n" \
	"Authorization: Bearer abc\r\n\r\n"

static void test_good(void **state) {
	(void)state;
	struct http_request request;
	assert_int_equal(http_parse(GOOD "more", strlen(GOOD "more"), &request), 0);
	assert_int_equal(request.method, HTTP_GET);
	assert_string_equal(request.path, "/websocket");
	assert_string_equal(request.host, "[::1]:80");
	assert_string_equal(request.origin, "http://a");
	assert_string_equal(request.protocols, "binary, oriel.t");
	assert_string_equal(request.token, "abc");
	assert_true(request.upgrade && request.has_key && request.is_version_13);
	assert_int_equal(request.size, strlen(GOOD));
}

static void test_every_prefix_is_incomplete(void **state) {
	(void)state;
	for (size_t n = 0; n < strlen(GOOD); n++) {
		struct http_request request = { .size = 77 };
		int err = http_parse(GOOD, n, &request);
		CHECK(err == -EAGAIN, "n=%zu err=%d", n, err);
		CHECK(request.size == 77, "n=%zu: *ret clobbered", n);
	}
}

static void test_lines(void **state) {
	(void)state;
	static const struct {
		const char *request;
		int err;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 },
		{ "HEAD / HTTP/1.1\r\nhost:a\r\n\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", 0 },
		{ "GET / HTTP/1.0\r\nHost: a\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", -EBADMSG },
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG },
		{ "GET * HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", -EBADMSG },
		{ "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", -EBADMSG },
		{ "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG },
		{ "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", -EBADMSG },
		{ "\r\n\r\n", -EBADMSG },
		{ "\x16\x03", -EBADMSG },
		{ "GET /\x01", -EBADMSG },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct http_request request;
		int err = http_parse(cases[i].request, strlen(cases[i].request), &request);
		CHECK(err == cases[i].err, "case %zu: %d", i, err);
	}
}

/** Paths, values and whole requests at their limits, and one byte more. */
static void test_limits(void **state) {
	(void)state;
	static const struct {
		int path, host, more;
		int err;
	} cases[] = {
		{ HTTP_MAX_PATH - 1, 1, 0, 0 },
		{ HTTP_MAX_PATH, 1, 0, -EOVERFLOW },
		{ 1, HTTP_MAX_VALUE - 1, 0, 0 },
		{ 1, HTTP_MAX_VALUE, 0, -EOVERFLOW },
		{ 1, 1, HTTP_MAX_REQUEST - 31, 0 },
		{ 1, 1, HTTP_MAX_REQUEST - 30, -EOVERFLOW },
	};
	char text[2 * HTTP_MAX_REQUEST], fill[HTTP_MAX_REQUEST + 1];
	memset(fill, 'a', sizeof(fill) - 1);
	fill[sizeof(fill) - 1] = '\0';
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		// 31 bytes beside what fills it up.
		int n = snprintf(text, sizeof(text),
				"GET /%.*s HTTP/1.1\r\nHost: %.*s\r\nX:%.*s\r\n\r\n",
				cases[i].path - 1, fill, cases[i].host, fill, cases[i].more, fill);
		CHECK(i < 4 || n == (cases[i].err == 0 ? HTTP_MAX_REQUEST : HTTP_MAX_REQUEST + 1),
				"case %zu: %d bytes", i, n);
		struct http_request request;
		int err = http_parse(text, (size_t)n, &request);
		CHECK(err == cases[i].err, "case %zu: %d", i, err);
	}
	assert_int_equal(http_parse(fill, HTTP_MAX_REQUEST, &(struct http_request){ 0 }),
			-EOVERFLOW);
}

static void test_lists(void **state) {
	(void)state;
	assert_true(http_list_has("a, b,c", "b"));
	assert_true(http_list_has("UPGRADE", "upgrade"));
	assert_false(http_list_has("upgraded", "upgrade"));
	assert_false(http_list_has("", "a"));
	assert_false(http_list_has(" , ,", ""));
}

static void test_host_names(void **state) {
	(void)state;
	static const struct {
		const char *host;
		size_t len;
	} cases[] = { { "a", 1 }, { "a:80", 1 }, { "[::1]", 5 }, { "[::1]:80", 5 }, { ":80", 0 },
		{ "[::1", 0 }, { "[::1]x", 0 }, { "", 0 } };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		CHECK(http_host_name_len(cases[i].host) == cases[i].len, "'%s'", cases[i].host);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_every_prefix_is_incomplete),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_host_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
