// SPDX-License-Identifier: MIT
/* See answer.h. docs/control-socket.md is the contract. */
#include "control/answer.h"

#include "control/request.h"

#include <errno.h>
#include <oriel/version.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIZE_PX 16384u
#define MIN_REFRESH_MHZ 10000u
#define MAX_REFRESH_MHZ 1000000u

/** A request that is being answered. */
struct call {
	const struct oriel_control_options *options;
	uint64_t started_ns;
	const struct oriel_control_request *request;
	struct oriel_json *json;
	struct json_object *reply; // what goes under "ok"
};

/** Do it and fill the reply; or say what is wrong in *ret_error and return a negative errno. */
typedef int (*run_fn)(const struct call *call, struct oriel_control_error *ret_error);

static int run_hello(const struct call *call, struct oriel_control_error *ret_error);
static int run_status(const struct call *call, struct oriel_control_error *ret_error);
static int run_display(const struct call *call, struct oriel_control_error *ret_error);
static int run_set_display(const struct call *call, struct oriel_control_error *ret_error);
static int run_log_level(const struct call *call, struct oriel_control_error *ret_error);

static const struct {
	const char *name;
	run_fn run;
} requests[] = {
	{ "hello", run_hello },
	{ "status", run_status },
	{ "display", run_display },
	{ "set-display", run_set_display },
	{ "log-level", run_log_level },
};

static const char *const levels[] = {
	[ORIEL_LOG_ERROR] = "error",
	[ORIEL_LOG_WARN] = "warn",
	[ORIEL_LOG_INFO] = "info",
	[ORIEL_LOG_DEBUG] = "debug",
};

const char *oriel_control_level_name(enum oriel_log_level level) {
	return levels[level];
}

static int fail_with(struct oriel_control_error *ret, const char *code, const char *text) {
	*ret = (struct oriel_control_error){ code, text };
	return -EINVAL;
}

static int run_hello(const struct call *call, struct oriel_control_error *ret_error) {
	(void)ret_error;
	struct oriel_json *json = call->json;
	oriel_json_add_number(json, call->reply, "protocol", ORIEL_CONTROL_VERSION);
	oriel_json_add_text(json, call->reply, "program", "oriel-gpu");
	oriel_json_add_text(json, call->reply, "version", oriel_get_version());
	oriel_json_add_number(json, call->reply, "pid", (uint64_t)getpid());
	struct json_object *names = oriel_json_add_array(json, call->reply, "requests");
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(requests); i++) {
		oriel_json_append_text(json, names, requests[i].name);
	}
	struct json_object *limits = oriel_json_add_object(json, call->reply, "limits");
	oriel_json_add_number(json, limits, "line_bytes", ORIEL_CONTROL_MAX_LINE);
	oriel_json_add_number(json, limits, "depth", ORIEL_CONTROL_MAX_DEPTH);
	oriel_json_add_number(json, limits, "clients", ORIEL_CONTROL_MAX_CLIENTS);
	oriel_json_add_number(json, limits, "line_ms", ORIEL_CONTROL_LINE_MS);
	oriel_json_add_number(json, limits, "reply_ms", ORIEL_CONTROL_REPLY_MS);
	oriel_json_add_number(json, limits, "idle_ms", ORIEL_CONTROL_IDLE_MS);
	return 0;
}

static int run_status(const struct call *call, struct oriel_control_error *ret_error) {
	(void)ret_error;
	oriel_control_add_status(call->options, call->started_ns, call->json, call->reply);
	return 0;
}

static int run_display(const struct call *call, struct oriel_control_error *ret_error) {
	(void)ret_error;
	oriel_control_add_heads(call->options, call->json, call->reply);
	return 0;
}

/** What a head is to be: of "on": false, or of width and height. */
struct wanted {
	uint64_t head, width, height, refresh_mhz;
};

static int read_wanted(const struct oriel_control_request *request, struct wanted *ret,
		struct oriel_control_error *ret_error) {
	struct wanted wanted = { 0 };
	if (oriel_control_request_get_number(request, "head", 0, UINT32_MAX, &wanted.head) < 0) {
		return fail_with(ret_error, "invalid", "\"head\" is to be a head's number");
	}
	bool is_on = true;
	if (oriel_control_request_get_bool(request, "on", &is_on) == -EINVAL) {
		return fail_with(ret_error, "invalid", "\"on\" is to be true or false");
	}
	const bool has_size = oriel_control_request_has(request, "width") ||
			      oriel_control_request_has(request, "height");
	if (!is_on && has_size) {
		return fail_with(ret_error, "invalid", "a head that is off has no size");
	}
	if (is_on && (oriel_control_request_get_number(request, "width", 1, MAX_SIZE_PX,
				      &wanted.width) < 0 ||
				     oriel_control_request_get_number(request, "height", 1,
						     MAX_SIZE_PX, &wanted.height) < 0)) {
		return fail_with(ret_error, "invalid",
				"\"width\" and \"height\" are to be 1 to 16384 pixels");
	}
	if (oriel_control_request_get_number(request, "refresh_mhz", MIN_REFRESH_MHZ,
			    MAX_REFRESH_MHZ, &wanted.refresh_mhz) == -EINVAL) {
		return fail_with(ret_error, "invalid",
				"\"refresh_mhz\" is to be 10000 to 1000000 millihertz");
	}
	*ret = wanted;
	return 0;
}

static int run_set_display(const struct call *call, struct oriel_control_error *ret_error) {
	struct wanted wanted;
	int err = read_wanted(call->request, &wanted, ret_error);
	if (err < 0) {
		return err;
	}
	struct oriel_gpu_head_statistics head = { .size = sizeof(head) };
	if (!oriel_gpu_get_head_statistics(call->options->gpu, (uint32_t)wanted.head, &head)) {
		return fail_with(ret_error, "no-such-head", "the device has fewer heads");
	}
	err = oriel_gpu_resize_head(call->options->gpu, (uint32_t)wanted.head,
			(uint32_t)wanted.width, (uint32_t)wanted.height,
			(uint32_t)wanted.refresh_mhz);
	if (err == -EOPNOTSUPP) {
		return fail_with(ret_error, "not-possible",
				"the VMM decides about its heads, by the sizes of its windows");
	}
	if (err < 0) {
		return fail_with(ret_error, "invalid", "no monitor can be so");
	}
	oriel_control_add_heads(call->options, call->json, call->reply);
	return 0;
}

static int run_log_level(const struct call *call, struct oriel_control_error *ret_error) {
	const char *name = NULL;
	int err = oriel_control_request_get_text(call->request, "level", &name);
	size_t i = (size_t)*call->options->log_level;
	if (err != -ENOENT) {
		for (i = 0; i < ORIEL_ARRAY_LEN(levels); i++) {
			if (name != NULL && strcmp(levels[i], name) == 0) {
				break;
			}
		}
	}
	if (i == ORIEL_ARRAY_LEN(levels)) {
		return fail_with(ret_error, "invalid",
				"\"level\" is to be error, warn, info or debug");
	}
	*call->options->log_level = (enum oriel_log_level)i;
	oriel_json_add_text(call->json, call->reply, "level", levels[i]);
	return 0;
}

static run_fn find(const char *name) {
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(requests); i++) {
		if (strcmp(requests[i].name, name) == 0) {
			return requests[i].run;
		}
	}
	return NULL;
}

/** Run the request: what goes under "ok", which is the caller's, or NULL with an error. */
static struct json_object *run(const struct oriel_control_options *options, uint64_t started_ns,
		const struct oriel_control_request *request, struct oriel_json *json,
		struct oriel_control_error *ret_error) {
	const run_fn fn = find(request->name);
	if (fn == NULL) {
		(void)fail_with(ret_error, "unknown-request",
				"there is no such request; 'hello' lists them");
		return NULL;
	}
	const struct call call = { options, started_ns, request, json, oriel_json_create(json) };
	if (fn(&call, ret_error) < 0) {
		json_object_put(call.reply);
		return NULL;
	}
	return call.reply;
}

/** A reply as a line. */
static char *print(struct oriel_json *json, struct json_object *line) {
	size_t size = 0;
	const char *text =
			json->failed ? NULL
				     : json_object_to_json_string_length(line,
						       JSON_C_TO_STRING_PLAIN |
								       JSON_C_TO_STRING_NOSLASHESCAPE,
						       &size);
	char *copy = text != NULL ? malloc(size + 2) : NULL;
	if (copy != NULL) {
		memcpy(copy, text, size);
		memcpy(copy + size, "\n", 2);
	}
	return copy;
}

char *oriel_control_answer(const struct oriel_control_options *options, uint64_t started_ns,
		const char *line, size_t size) {
	struct oriel_json json = { 0 };
	struct oriel_control_request request;
	struct oriel_control_error error = { NULL, NULL };
	struct json_object *ok = NULL;
	int err = oriel_control_request_parse(line, size, &request, &error);
	if (err == 0) {
		ok = run(options, started_ns, &request, &json, &error);
	}
	json.failed = json.failed || err == -ENOMEM;
	struct json_object *reply = oriel_json_create(&json);
	oriel_json_add_take(&json, reply, "id", json_object_get(request.id));
	if (ok != NULL) {
		oriel_json_add_take(&json, reply, "ok", ok);
	} else {
		struct json_object *object = oriel_json_add_object(&json, reply, "error");
		oriel_json_add_text(&json, object, "code", error.code);
		oriel_json_add_text(&json, object, "text", error.text);
	}
	char *text = print(&json, reply);
	json_object_put(reply);
	oriel_control_request_finish(&request);
	return text;
}

const char *oriel_control_get_goodbye(bool too_many, bool too_long) {
	return too_many   ? "{\"id\":null,\"error\":{\"code\":\"too-many-clients\","
			    "\"text\":\"16 clients are connected already\"}}\n"
	       : too_long ? "{\"id\":null,\"error\":{\"code\":\"too-long\","
			    "\"text\":\"a line of more than 65536 bytes\"}}\n"
			  : "{\"id\":null,\"error\":{\"code\":\"timeout\","
			    "\"text\":\"no whole request in time\"}}\n";
}
