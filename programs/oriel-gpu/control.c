// SPDX-License-Identifier: MIT
/* See control.h. */
#include "oriel-gpu/control.h"

#include "base/fd.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <oriel/stats.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** Read the beginning of a file of /proc as a text without its newline; "" if that fails. */
static void read_proc(int32_t pid, const char *name, char *ret, size_t size) {
	char path[64];
	snprintf(path, sizeof(path), "/proc/%" PRId32 "/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, ret, size - 1) : -1;
	ret[n > 0 ? n : 0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	oriel_fd_close(&fd);
}

static void describe(int32_t pid, struct oriel_control_peer *ret) {
	*ret = (struct oriel_control_peer){ .pid = pid };
	if (pid <= 0) {
		return;
	}
	char text[128];
	read_proc(pid, "comm", ret->name, sizeof(ret->name));
	read_proc(pid, "statm", text, sizeof(text));
	uint64_t n_pages;
	if (sscanf(text, "%*u %" SCNu64, &n_pages) == 1) {
		ret->memory = n_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
}

static void add_input(struct oriel_control_facts *facts, const struct input_device *device,
		const char *kind, uint32_t head) {
	if (device->input == NULL) {
		return;
	}
	struct oriel_input_statistics statistics = { .size = sizeof(statistics) };
	oriel_input_get_statistics(device->input, &statistics);
	facts->inputs[facts->n_inputs++] = (struct oriel_control_input){
		.kind = kind,
		.head = head,
		.is_connected = vmm_is_connected(&device->vmm),
		.is_running = statistics.is_running,
		.n_reports = statistics.n_reports,
		.n_dropped = statistics.n_dropped,
	};
}

static void get_facts(void *user, struct oriel_control_facts *facts) {
	const struct control_subject *subject = &((struct control *)user)->subject;
	facts->has_vmm = vmm_is_connected(subject->vmm);
	facts->vmm_since_ns = subject->vmm->since_ns;
	facts->vmm_display = subject->vmm_display;
	facts->renderer_name = subject->renderer_name;
	if (facts->has_vmm) {
		describe(subject->vmm->pid, &facts->vmm);
	}
	add_input(facts, &subject->input->keyboard, "keyboard", 0);
	for (uint32_t i = 0; i < INPUT_MAX_TABLETS; i++) {
		add_input(facts, &subject->input->tablets[i], "tablet", i);
	}
	describe((int32_t)subject->supervisor->renderer_pid, &facts->renderer);
}

static void handle_peer_take(void *user, int fd) {
	struct control *control = user;
	int err = oriel_control_add_client_take(control->server, fd);
	// One too many was told so, and that is logged.
	if (err < 0 && err != -EDQUOT) {
		log_print(&control->log, ORIEL_LOG_ERROR, "cannot serve a client: %s",
				strerror(-err));
	}
}

int control_init(struct control *control, const struct control_subject *subject,
		struct oriel_control_options *options, const char *path) {
	*control = (struct control){ .subject = *subject, .log = options->log };
	options->get_facts = get_facts;
	options->describe = describe;
	options->user = control;
	int err = oriel_control_create(options, &control->server);
	if (err < 0) {
		fprintf(stderr, "oriel-gpu: %s: %s\n", path, strerror(-err));
		return err;
	}
	return door_init(&control->door, options->loop, &options->log, path, handle_peer_take,
			control);
}

void control_finish(struct control *control) {
	door_finish(&control->door);
	oriel_control_destroy(control->server);
	*control = (struct control){ 0 };
}
