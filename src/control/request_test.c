// SPDX-License-Identifier: MIT
/* Tests of reading requests: what is one, what is none, and what its fields may be. */
#include "control/request.h"

#include "fixture/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	const char *line;
	size_t size; // 0: up to its end
	const char *code;
	bool has_id;
} bad[] = {
	{ "nothing", "", 0, "malformed", false },
	{ "spaces", "  \t\r", 0, "malformed", false },
	{ "no JSON", "status", 0, "malformed", false },
	{ "a number", "17", 0, "malformed", false },
	{ "a text", "\"status\"", 0, "malformed", false },
	{ "an array", "[{\"do\":\"status\"}]", 0, "malformed", false },
	{ "null", "null", 0, "malformed", false },
	{ "half", "{\"do\":\"status\"", 0, "malformed", false },
	{ "more behind", "{\"do\":\"status\"} {\"do\":\"status\"}", 0, "malformed", false },
	{ "a 0 behind", "{\"do\":\"status\"}\0", 16, "malformed", false },
	{ "another quote", "{'do':'status'}", 0, "malformed", false },
	{ "a comma too many", "{\"do\":\"status\",}", 0, "malformed", false },
	{ "no UTF-8", "{\"do\":\"\xff\"}", 0, "malformed", false },
	{ "UTF-8 cut off", "{\"do\":\"\xc3\"}", 0, "malformed", false },
	{ "too deep", "{\"do\":\"status\",\"x\":[[[[[[[[1]]]]]]]]}", 0, "malformed", false },
	{ "no number", "{\"do\":\"a\",\"id\":NaN}", 0, "malformed", false },
	{ "no number within", "{\"do\":\"a\",\"id\":[{\"b\":-Infinity}]}", 0, "malformed", false },
	{ "a huge number", "{\"do\":\"a\",\"id\":18446744073709551616}", 0, "malformed", false },
	{ "a huge one within", "{\"do\":\"a\",\"id\":[-9223372036854775809]}", 0, "malformed",
			false },
	{ "nothing to do", "{\"id\":5}", 0, "invalid", true },
	{ "null to do", "{\"id\":5,\"do\":null}", 0, "invalid", true },
	{ "a number to do", "{\"id\":5,\"do\":1}", 0, "invalid", true },
	{ "a 0 within", "{\"id\":5,\"do\":\"sta\\u0000tus\"}", 0, "invalid", true },
};

static void test_what_is_none(void **state) {
	(void)state;
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(bad); i++) {
		struct oriel_control_request request;
		struct oriel_control_error error = { "", "" };
		const size_t size = bad[i].size != 0 ? bad[i].size : strlen(bad[i].line);
		int err = oriel_control_request_parse(bad[i].line, size, &request, &error);
		CHECK(err == -EBADMSG, "%s: %d", bad[i].name, err);
		CHECK(strcmp(error.code, bad[i].code) == 0, "%s: %s", bad[i].name, error.code);
		CHECK(error.text[0] != '\0', "%s", bad[i].name);
		const bool is_empty = strspn(bad[i].line, " \t\r") == strlen(bad[i].line);
		CHECK(is_empty == (strcmp(error.text, "an empty line") == 0), "%s: %s", bad[i].name,
				error.text);
		CHECK((request.id != NULL) == bad[i].has_id, "%s", bad[i].name);
		oriel_control_request_finish(&request);
	}
}

/** Every beginning of a request is none. */
static void test_every_prefix(void **state) {
	(void)state;
	static const char line[] =
			"{\"do\":\"set-display\",\"head\":0,\"on\":false,\"x\":[1,2.5e3]}";
	for (size_t size = 0; size <= strlen(line); size++) {
		struct oriel_control_request request;
		struct oriel_control_error error;
		// A copy of exactly that size, so that a sanitizer sees who reads on.
		char *copy = malloc(size + (size == 0));
		assert_non_null(copy);
		memcpy(copy, line, size);
		int err = oriel_control_request_parse(copy, size, &request, &error);
		CHECK(err == (size == strlen(line) ? 0 : -EBADMSG), "%zu bytes: %d", size, err);
		oriel_control_request_finish(&request);
		free(copy);
	}
}

static struct oriel_control_request parse(const char *line) {
	struct oriel_control_request request;
	struct oriel_control_error error = { "", "" };
	int err = oriel_control_request_parse(line, strlen(line), &request, &error);
	CHECK(err == 0, "%s: %s", line, error.text);
	return request;
}

static void test_what_is_one(void **state) {
	(void)state;
	struct oriel_control_request request = parse(
			"\t{ \"do\" : \"st\\u0061tus\", \"id\": {\"a\": [1]}, \"unknown\": 1 }\r");
	assert_string_equal(request.name, "status");
	assert_string_equal(json_object_to_json_string(request.id), "{ \"a\": [ 1 ] }");
	oriel_control_request_finish(&request);
	request = parse("{\"do\":\"x\",\"id\":null,\"deep\":[[[[[[1]]]]]]}");
	assert_null(request.id);
	oriel_control_request_finish(&request);
}

static void test_numbers(void **state) {
	(void)state;
	static const struct {
		const char *name;
		int err;
		uint64_t value;
	} rows[] = {
		{ "least", 0, 1 },
		{ "most", 0, 16384 },
		{ "below", -EINVAL, 0 },
		{ "above", -EINVAL, 0 },
		{ "negative", -EINVAL, 0 },
		{ "huge", -EINVAL, 0 },
		{ "hugely_negative", -EINVAL, 0 },
		{ "broken", -EINVAL, 0 },
		{ "text", -EINVAL, 0 },
		{ "yes", -EINVAL, 0 },
		{ "null", -ENOENT, 0 },
		{ "missing", -ENOENT, 0 },
	};
	struct oriel_control_request request = parse(
			"{\"do\":\"x\",\"least\":1,\"most\":16384,\"below\":0,\"above\":16385,"
			"\"negative\":-5,\"huge\":9223372036854775807,"
			"\"hugely_negative\":-9223372036854775807,"
			"\"broken\":2.5,\"text\":\"5\",\"yes\":true,\"null\":null}");
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(rows); i++) {
		uint64_t value = 77;
		int err = oriel_control_request_get_number(&request, rows[i].name, 1, 16384,
				&value);
		CHECK(err == rows[i].err, "%s: %d", rows[i].name, err);
		CHECK(value == (err == 0 ? rows[i].value : 77), "%s: %" PRIu64, rows[i].name,
				value);
	}
	uint64_t value = 77;
	int err = oriel_control_request_get_number(&request, "negative", 0, 5, &value);
	assert_int_equal(err, -EINVAL); // and not 0
	assert_true(oriel_control_request_has(&request, "text"));
	assert_false(oriel_control_request_has(&request, "null"));
	oriel_control_request_finish(&request);
}

/** A number that no type can hold: newer json-c call the line none, older ones cut it off. */
static void test_monstrous_numbers(void **state) {
	(void)state;
	static const char *const lines[] = {
		"{\"do\":\"x\",\"n\":99999999999999999999999999}",
		"{\"do\":\"x\",\"n\":-99999999999999999999999999}",
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(lines); i++) {
		struct oriel_control_request request;
		struct oriel_control_error error;
		uint64_t value = 77;
		int err = oriel_control_request_parse(lines[i], strlen(lines[i]), &request, &error);
		if (err == 0) {
			err = oriel_control_request_get_number(&request, "n", 1, 16384, &value);
			CHECK(err == -EINVAL && value == 77, "%s: %d", lines[i], err);
		} else {
			CHECK(err == -EBADMSG, "%s: %d", lines[i], err);
		}
		oriel_control_request_finish(&request);
	}
}

static void test_texts_and_booleans(void **state) {
	(void)state;
	char line[ORIEL_CONTROL_MAX_TEXT + 64];
	char text[ORIEL_CONTROL_MAX_TEXT + 2] = { 0 };
	for (size_t n = ORIEL_CONTROL_MAX_TEXT; n <= ORIEL_CONTROL_MAX_TEXT + 1; n++) {
		memset(text, 'a', n);
		snprintf(line, sizeof(line), "{\"do\":\"x\",\"t\":\"%s\"}", text);
		struct oriel_control_request request = parse(line);
		const char *found = NULL;
		int err = oriel_control_request_get_text(&request, "t", &found);
		CHECK(err == (n == ORIEL_CONTROL_MAX_TEXT ? 0 : -EINVAL), "%zu: %d", n, err);
		CHECK((found != NULL) == (err == 0), "%zu", n);
		oriel_control_request_finish(&request);
	}
	struct oriel_control_request request = parse("{\"do\":\"x\",\"b\":true,\"n\":1}");
	bool value = false;
	assert_int_equal(oriel_control_request_get_bool(&request, "b", &value), 0);
	assert_true(value);
	assert_int_equal(oriel_control_request_get_bool(&request, "n", &value), -EINVAL);
	assert_int_equal(oriel_control_request_get_bool(&request, "m", &value), -ENOENT);
	oriel_control_request_finish(&request);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_what_is_one),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_monstrous_numbers),
		cmocka_unit_test(test_texts_and_booleans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
