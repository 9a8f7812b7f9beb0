// SPDX-License-Identifier: MIT
/* See machine.h. */
#include "oriel/run/machine.h"

#include "base/error.h"
#include "base/fd.h"
#include "oriel/run/say.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/** How long a part may take to start: on a busy machine, with a GPU's drivers to load. */
#define START_MS 60000

/** How long it may take to end when it is asked to. */
#define END_MS 3000

/** QEMU does not say when its monitor can be reached. */
#define CONNECT_INTERVAL_MS 20

static int64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void handle_line(void *user, struct part *part, const char *line, bool is_stdout) {
	static const char ready[] = "oriel-gpu: info: waiting for a VMM at ";
	struct machine *machine = user;
	if (machine->is_verbose) {
		fprintf(stderr, "  | %s\n", line);
	}
	if (part == &machine->parts[MACHINE_GPU] && strncmp(line, ready, strlen(ready)) == 0) {
		machine->gpu_is_ready = true;
	}
	if (part != &machine->parts[MACHINE_VIEWER] || !is_stdout) {
		return;
	}
	if (strncmp(line, "web ", 4) == 0) {
		snprintf(machine->url, sizeof(machine->url), "%.250s", line + 4);
	} else if (strncmp(line, "vnc ", 4) == 0 && machine->url[0] == '\0') {
		snprintf(machine->url, sizeof(machine->url), "vnc://%.240s", line + 4);
	}
}

int machine_init(struct machine *machine, const struct plan *plan, const struct place *place,
		bool is_verbose) {
	*machine = (struct machine){
		.plan = plan,
		.place = place,
		.is_verbose = is_verbose,
		.signal_fd = -1,
	};
	part_init(&machine->parts[MACHINE_GPU], "oriel-gpu", handle_line, machine);
	part_init(&machine->parts[MACHINE_VIEWER], "oriel-vnc", handle_line, machine);
	part_init(&machine->parts[MACHINE_QEMU], "QEMU", handle_line, machine);
	qmp_init(&machine->qmp);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
		return oriel_errno();
	}
	machine->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (machine->signal_fd < 0) {
		int err = oriel_errno();
		say("signalfd: %s", strerror(-err));
		return err;
	}
	return 0;
}

static void read_signals(struct machine *machine) {
	struct signalfd_siginfo info;
	while (read(machine->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		machine->n_interrupts++;
	}
}

/** Wait for something, and handle it. */
static void turn(struct machine *machine, int timeout_ms) {
	struct pollfd polled[2 + 3 * MACHINE_N_PARTS];
	nfds_t n = 0;
	polled[n++] = (struct pollfd){ machine->signal_fd, POLLIN, 0 };
	polled[n++] = (struct pollfd){ machine->qmp.fd, POLLIN, 0 };
	for (int i = 0; i < MACHINE_N_PARTS; i++) {
		const struct part *part = &machine->parts[i];
		polled[n++] = (struct pollfd){ part->pidfd, POLLIN, 0 };
		polled[n++] = (struct pollfd){ part->streams[0].fd, POLLIN, 0 };
		polled[n++] = (struct pollfd){ part->streams[1].fd, POLLIN, 0 };
	}
	if (poll(polled, n, timeout_ms) <= 0) {
		return; // too late, or interrupted
	}
	if (polled[0].revents != 0) {
		read_signals(machine);
	}
	if (polled[1].revents != 0) {
		qmp_read(&machine->qmp);
	}
	for (int i = 0; i < MACHINE_N_PARTS; i++) {
		struct part *part = &machine->parts[i];
		if (polled[3 + 3 * i].revents != 0 || polled[4 + 3 * i].revents != 0) {
			part_read(part);
		}
		if (polled[2 + 3 * i].revents != 0) {
			// Its last words to the monitor say why.
			qmp_read(&machine->qmp);
			(void)part_reap(part); // whoever waits sees that it does not run
		}
	}
}

int machine_wait(struct machine *machine, machine_condition condition, int64_t timeout_ms) {
	const int64_t deadline_ms = now_ms() + timeout_ms;
	while (!condition(machine)) {
		int64_t left_ms = timeout_ms < 0 ? -1 : deadline_ms - now_ms();
		if (timeout_ms >= 0 && left_ms <= 0) {
			return -ETIMEDOUT;
		}
		turn(machine, (int)left_ms);
	}
	return 0;
}

static bool has_lost_part(const struct machine *machine) {
	for (int i = 0; i < MACHINE_N_PARTS; i++) {
		const struct part *part = &machine->parts[i];
		if (part->has_run && !part_is_running(part)) {
			return true;
		}
	}
	return false;
}

static bool has_gpu_or_trouble(struct machine *machine) {
	return machine->gpu_is_ready || machine->n_interrupts > 0 || has_lost_part(machine);
}

static bool has_viewer_or_trouble(struct machine *machine) {
	return machine->url[0] != '\0' || machine->n_interrupts > 0 || has_lost_part(machine);
}

static bool has_trouble(struct machine *machine) {
	return machine->n_interrupts > 0 || has_lost_part(machine);
}

static bool has_monitor_or_trouble(struct machine *machine) {
	return machine->qmp.is_ready || has_trouble(machine);
}

/** A step is over: say what went wrong with it, if anything did. */
static int judge_step(struct machine *machine, struct part *part, int err) {
	say_waiting_end();
	for (int i = 0; i < MACHINE_N_PARTS; i++) {
		const struct part *other = &machine->parts[i];
		if (other->has_run && !part_is_running(other)) {
			part_say_end(other);
			return -EIO;
		}
	}
	if (machine->n_interrupts > 0) {
		return -EINTR;
	}
	if (err < 0) {
		say("%s is not ready after %d s", part->name, START_MS / 1000);
		return -EIO;
	}
	return 0;
}

/** Start a part and wait until it is ready. */
static int start_part(struct machine *machine, enum machine_part which,
		machine_condition is_ready_or_trouble) {
	static const char *const logs[] = { "gpu.log", "viewer.log", "qemu.log" };
	const struct words *const commands[] = { &machine->plan->gpu, &machine->plan->viewer,
		&machine->plan->qemu };
	struct part *part = &machine->parts[which];
	if (commands[which]->len == 0) {
		return 0;
	}
	say_waiting(part->name);
	if (part_start(part, commands[which], machine->place->fd, logs[which]) < 0) {
		say_waiting_end();
		return -EIO;
	}
	return judge_step(machine, part, machine_wait(machine, is_ready_or_trouble, START_MS));
}

/** Connect to QEMU's monitor, which is there some time after QEMU. */
static int connect_monitor(struct machine *machine) {
	char path[PLACE_MAX_PATH + 16];
	snprintf(path, sizeof(path), "%s/qmp.sock", machine->place->path);
	const int64_t deadline_ms = now_ms() + START_MS;
	say_waiting("QEMU");
	while (qmp_connect(&machine->qmp, path) < 0 && !has_trouble(machine) &&
			now_ms() < deadline_ms) {
		turn(machine, CONNECT_INTERVAL_MS);
	}
	return judge_step(machine, &machine->parts[MACHINE_QEMU],
			machine_wait(machine, has_monitor_or_trouble, deadline_ms - now_ms()));
}

static bool is_started(struct machine *machine) {
	(void)machine;
	return true;
}

int machine_start(struct machine *machine) {
	int err = start_part(machine, MACHINE_GPU, has_gpu_or_trouble);
	if (err == 0) {
		err = start_part(machine, MACHINE_VIEWER, has_viewer_or_trouble);
	}
	if (err == 0) {
		err = start_part(machine, MACHINE_QEMU, is_started);
	}
	return err == 0 ? connect_monitor(machine) : err;
}

static bool is_all_over(struct machine *machine) {
	for (int i = 0; i < MACHINE_N_PARTS; i++) {
		if (part_is_running(&machine->parts[i])) {
			return false;
		}
	}
	return true;
}

static bool is_qemu_over(struct machine *machine) {
	return !part_is_running(&machine->parts[MACHINE_QEMU]);
}

void machine_end(struct machine *machine) {
	// QEMU writes out what it has of the disks; until then the others stay.
	part_signal(&machine->parts[MACHINE_QEMU], SIGTERM);
	say_waiting("QEMU to end");
	if (machine_wait(machine, is_qemu_over, END_MS) < 0) {
		part_signal(&machine->parts[MACHINE_QEMU], SIGKILL);
	}
	say_waiting("the other programs to end");
	part_signal(&machine->parts[MACHINE_VIEWER], SIGTERM);
	part_signal(&machine->parts[MACHINE_GPU], SIGTERM);
	int err = machine_wait(machine, is_all_over, END_MS);
	(void)err; // machine_finish() kills what is left
	say_waiting_end();
}

void machine_finish(struct machine *machine) {
	for (int i = 0; i < MACHINE_N_PARTS; i++) {
		part_finish(&machine->parts[i]);
	}
	qmp_finish(&machine->qmp);
	oriel_fd_close(&machine->signal_fd);
}
