// SPDX-License-Identifier: MIT
/*
 * Fuzz target: requests of the control socket, on a whole device.
 *
 * The input is what a client sends: lines. Whatever each of them is, it is answered with one line,
 * which is a JSON object with an id and either an answer or an error.
 */
#include "control/answer.h"
#include "fixture/device_rig.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct device_rig rig;
static enum oriel_log_level level = ORIEL_LOG_INFO;

static void must(bool condition) {
	if (!condition) {
		abort();
	}
}

static void get_facts(void *user, struct oriel_control_facts *facts) {
	(void)user;
	facts->has_vmm = true;
	facts->vmm_display = "off";
	facts->vmm = (struct oriel_control_peer){ .pid = 1,
		.name = "a \"vmm\"\\\x01",
		.memory = 1 };
	facts->inputs[0] = (struct oriel_control_input){ .kind = "keyboard" };
	facts->n_inputs = 1;
}

static void describe(int32_t pid, struct oriel_control_peer *ret) {
	*ret = (struct oriel_control_peer){ .pid = pid };
}

static void begin(void) {
	static bool has_begun;
	if (!has_begun) {
		has_begun = true;
		device_rig_init_small(&rig, NULL, 16, 65536);
		device_rig_start(&rig);
	}
}

static void check_reply(const char *reply) {
	must(reply != NULL);
	const size_t size = strlen(reply);
	must(size > 1 && reply[size - 1] == '\n' && memchr(reply, '\n', size - 1) == NULL);
	// An id of the client's own lies one level deeper than it was allowed to.
	struct json_tokener *tokener = json_tokener_new_ex(64);
	must(tokener != NULL);
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *parsed = json_tokener_parse_ex(tokener, reply, (int)size);
	must(json_tokener_get_error(tokener) == json_tokener_success);
	must(json_object_is_type(parsed, json_type_object));
	must(json_object_object_length(parsed) == 2);
	must(json_object_object_get_ex(parsed, "id", NULL));
	must(json_object_object_get_ex(parsed, "ok", NULL) !=
			json_object_object_get_ex(parsed, "error", NULL));
	json_object_put(parsed);
	json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	begin();
	const struct oriel_control_options options = {
		.gpu = rig.gpu,
		.log_level = &level,
		.get_facts = get_facts,
		.describe = describe,
	};
	while (size > 0) {
		const uint8_t *end = memchr(data, '\n', size);
		const size_t n = end != NULL ? (size_t)(end - data) : size;
		// A copy, so that a sanitizer sees who reads on.
		char *line = malloc(n > 0 ? n : 1);
		must(line != NULL);
		memcpy(line, data, n);
		char *reply = oriel_control_answer(&options, 0, line, n);
		check_reply(reply);
		free(reply);
		free(line);
		data += n;
		size -= n;
		if (size > 0) {
			data++;
			size--;
		}
	}
	must(level <= ORIEL_LOG_DEBUG);
	return 0;
}
