// SPDX-License-Identifier: MIT
/* See host.h. */
#include "oriel/run/host.h"

#include "base/error.h"
#include "base/fd.h"
#include "oriel/doctor/doctor.h"
#include "oriel/run/image.h"
#include "oriel/run/say.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS 10000u
#define KVM_MS 10000u
#define LEAST_QEMU 10u
#define DEFAULT_QEMU "qemu-system-x86_64"
#define FIRST_VNC_PORT 5900u
#define LAST_VNC_PORT 5999u

/** What the ROM of try_kvm() ends QEMU with: 0x2a written to isa-debug-exit. */
#define ROM_STATUS (0x2a << 1 | 1)
#define ROM_BYTES 65536u

static bool is_program(const char *path) {
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/** A program by its path, or its name in PATH. */
static int find_in_path(const char *name, char ret[PATH_MAX]) {
	if (strchr(name, '/') != NULL) {
		return is_program(name) && realpath(name, ret) != NULL ? 0 : -ENOENT;
	}
	const char *path = getenv("PATH");
	for (path = path != NULL ? path : ""; *path != '\0'; path += *path == ':') {
		char file[PATH_MAX];
		size_t len = strcspn(path, ":");
		int n = snprintf(file, sizeof(file), "%.*s/%s", (int)len, path, name);
		if (len > 0 && n > 0 && (size_t)n < sizeof(file) && is_program(file)) {
			memcpy(ret, file, sizeof(file));
			return 0;
		}
		path += len;
	}
	return -ENOENT;
}

/** One of our own programs: beside this one, where it is installed, or in PATH. */
static int find_own(const char *name, const char *without, char ret[PATH_MAX]) {
	int err = doctor_find_program(name, ret);
	if (err < 0) {
		err = find_in_path(name, ret);
	}
	if (err < 0) {
		say("%s is not installed; %s does without", name, without);
	}
	return err;
}

/** Run a program to its end; what it says, or NULL, in ret. The caller frees the answer. */
static void ask(char *const *argv, struct answer *ret, const char *what) {
	const struct doctor doctor = { .timeout_ms = ASK_MS };
	say_waiting(what);
	doctor_ask_program(&doctor, argv, true, ret);
	say_waiting_end();
}

/** Whether oriel-render draws, and with what. */
static void look_for_3d(struct host *host) {
	char program[PATH_MAX];
	if (doctor_find_program("oriel-render", program) < 0) {
		snprintf(host->renderer, sizeof(host->renderer), "oriel-render is not installed");
		return;
	}
	const struct doctor doctor = { .timeout_ms = ASK_MS };
	struct answer answer;
	say_waiting("oriel-render to say what it draws with");
	doctor_ask_program(&doctor, (char *[]){ program, "--probe", NULL }, false, &answer);
	say_waiting_end();
	const char *renderer = facts_get(&answer.facts, "renderer");
	const char *error = facts_get(&answer.facts, "error");
	host->has_3d = answer.failure[0] == '\0' && error == NULL && renderer != NULL;
	if (host->has_3d) {
		snprintf(host->renderer, sizeof(host->renderer), "%s", renderer);
	} else {
		snprintf(host->renderer, sizeof(host->renderer), "oriel-render %s%.130s",
				error != NULL ? "says: " : "",
				error != NULL ? error : answer.failure);
	}
	answer_finish(&answer);
}

/** What oriel-gpu can do besides: it is asked, since another version may be installed. */
static int look_at_gpu(const struct run_options *options, struct host *host) {
	int err = find_own("oriel-gpu", "--gpu=off", host->gpu_program);
	if (err < 0) {
		return err;
	}
	struct answer answer;
	ask((char *[]){ host->gpu_program, "--help", NULL }, &answer, "oriel-gpu");
	const char *text = answer.result.text != NULL ? answer.result.text : "";
	host->gpu_has_input = strstr(text, "--keyboard-socket") != NULL &&
			      strstr(text, "--tablet-socket") != NULL;
	host->gpu_has_control = strstr(text, "--control-socket") != NULL;
	if (answer.failure[0] != '\0') {
		say("%s --help %s", host->gpu_program, answer.failure);
		err = -EIO;
	}
	answer_finish(&answer);
	if (err == 0 && options->gpu == RUN_GPU_AUTO) {
		look_for_3d(host);
	}
	return err;
}

/**
 * A ROM of which the processor runs the last 16 bytes first; it says by its exit status that it
 * came so far. Returns a descriptor without close-on-exec, or -errno.
 */
static int make_rom(void) {
	static const uint8_t code[] = {
		0xba, 0xf4, 0x00, // mov dx, 0xf4
		0xb0, 0x2a,       // mov al, 0x2a
		0xee,             // out dx, al
		0xf4,             // hlt
	};
	int fd = memfd_create("oriel-rom", 0);
	if (fd < 0 || ftruncate(fd, ROM_BYTES) < 0 ||
			pwrite(fd, code, sizeof(code), ROM_BYTES - 16) != (ssize_t)sizeof(code)) {
		int err = oriel_errno();
		oriel_fd_close(&fd);
		return err;
	}
	return fd;
}

/** The last line of a text, for a message. */
static void copy_last_line(const char *text, char *ret, size_t size) {
	size_t len = text != NULL ? strlen(text) : 0;
	while (len > 0 && text[len - 1] == '\n') {
		len--;
	}
	size_t start = len;
	while (start > 0 && text[start - 1] != '\n') {
		start--;
	}
	snprintf(ret, size, "%.*s", (int)(len - start), text != NULL ? text + start : "");
	say_clean(ret);
}

/**
 * Whether KVM works: /dev/kvm may be there and not be usable, or not with all of this processor,
 * so QEMU has to run a guest of seven bytes, with the processor that the machine gets.
 */
static void try_kvm(struct host *host) {
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		snprintf(host->no_kvm, sizeof(host->no_kvm), "/dev/kvm: %s", strerror(errno));
		return;
	}
	int rom = make_rom();
	if (rom < 0) {
		snprintf(host->no_kvm, sizeof(host->no_kvm), "memfd_create: %s", strerror(-rom));
		return;
	}
	char path[64];
	snprintf(path, sizeof(path), "/dev/fd/%d", rom);
	char *const argv[] = { host->qemu_program, "-nodefaults", "-no-user-config", "-display",
		"none", "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "32M", "-bios",
		path, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", NULL };
	struct probe_result result;
	say_waiting("KVM");
	int err = probe_run(probe_exec, argv, KVM_MS, &result);
	say_waiting_end();
	oriel_fd_close(&rom);
	if (err < 0) {
		snprintf(host->no_kvm, sizeof(host->no_kvm), "%s", strerror(-err));
		return;
	}
	host->has_kvm = result.end == PROBE_EXITED && result.code == ROM_STATUS;
	if (!host->has_kvm) {
		char how[64], last[96] = "";
		probe_describe(&result, how, sizeof(how));
		if (result.end == PROBE_EXITED) { // else its last words are about itself
			copy_last_line(result.text, last, sizeof(last));
		}
		snprintf(host->no_kvm, sizeof(host->no_kvm), "QEMU with KVM %s%s%.80s", how,
				last[0] != '\0' ? ": " : "", last);
	}
	probe_finish(&result);
}

/** Judge what QEMU says of its version: Oriel needs 10 unless there is KVM. */
static int judge_version(const struct host *host, const struct answer *answer, bool needs_gpu) {
	unsigned int major = 0, minor = 0;
	const char *at = answer->result.text != NULL ? strstr(answer->result.text, "version ")
						     : NULL;
	if (answer->failure[0] != '\0') {
		say("%s --version %s", host->qemu_program, answer->failure);
		return -EIO;
	}
	if (at == NULL || sscanf(at, "version %5u.%5u", &major, &minor) != 2) {
		say("%s says no version: is it QEMU?", host->qemu_program);
		return -EIO;
	}
	if (needs_gpu && major < LEAST_QEMU && !host->has_kvm) {
		say("%s is QEMU %u.%u, which refuses such GPUs without KVM; 10 or later is needed",
				host->qemu_program, major, minor);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int look_at_qemu(const struct run_options *options, struct host *host) {
	const char *name = options->qemu != NULL ? options->qemu : DEFAULT_QEMU;
	if (find_in_path(name, host->qemu_program) < 0) {
		if (options->qemu != NULL) {
			say("--qemu: %s: there is no such program", name);
		} else {
			say("%s is not installed; Debian's package is qemu-system-x86", name);
		}
		return -ENOENT;
	}
	try_kvm(host);
	struct answer answer;
	ask((char *[]){ host->qemu_program, "--version", NULL }, &answer, "QEMU");
	int err = judge_version(host, &answer, options->gpu != RUN_GPU_OFF);
	answer_finish(&answer);
	return err;
}

static void look_for_firmware(struct host *host) {
	static const char *const places[] = {
		"/usr/share/OVMF/OVMF_CODE_4M.fd",
		"/usr/share/OVMF/OVMF_CODE.fd",
		"/usr/share/edk2/ovmf/OVMF_CODE.fd",
		"/usr/share/edk2/x64/OVMF_CODE.4m.fd",
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(places); i++) {
		if (access(places[i], R_OK) == 0) {
			snprintf(host->firmware, sizeof(host->firmware), "%s", places[i]);
			return;
		}
	}
}

int host_look(const struct run_options *options, struct host *ret) {
	static const struct host none;
	*ret = none;
	look_for_firmware(ret);
	if (ret->firmware[0] == '\0' && options->firmware == RUN_FIRMWARE_UEFI) {
		say("there is no UEFI firmware; Debian's package is ovmf");
		return -ENOENT;
	}
	int err = options->gpu != RUN_GPU_OFF ? look_at_gpu(options, ret) : 0;
	if (err == 0 && options->display != RUN_DISPLAY_NONE) {
		err = find_own("oriel-vnc", "--display=none", ret->vnc_program);
	}
	return err == 0 ? look_at_qemu(options, ret) : err;
}

bool host_finds_uefi(const char *path) {
	char program[PATH_MAX];
	int fd = find_in_path("qemu-img", program) == 0 ? memfd_create("oriel-disk", 0) : -1;
	if (fd < 0) {
		return false;
	}
	char from[PATH_MAX + 8], to[64];
	snprintf(from, sizeof(from), "if=%s", path);
	snprintf(to, sizeof(to), "of=/dev/fd/%d", fd);
	// Not more than a partition table; of another file, which it may rest upon, nothing new.
	char *const argv[] = { program, "dd", "-U", "-f", "qcow2", "-O", "raw", "bs=4096",
		"count=8", from, to, NULL };
	struct answer answer;
	ask(argv, &answer, "qemu-img");
	const bool found = answer.failure[0] == '\0' && image_boots_uefi(fd);
	answer_finish(&answer);
	oriel_fd_close(&fd);
	return found;
}

/** Returns 0 or -errno. */
static int try_port(uint32_t port) {
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;
	int err = 0;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
			listen(fd, 1) < 0) {
		err = oriel_errno();
	}
	oriel_fd_close(&fd);
	return err;
}

int host_find_port(const struct run_options *options, uint32_t *ret) {
	if (options->port != 0) {
		int err = try_port(options->port);
		if (err < 0) {
			say("--port: %u on 127.0.0.1: %s", options->port, strerror(-err));
			return err;
		}
		*ret = options->port;
		return 0;
	}
	if (options->display != RUN_DISPLAY_VNC) {
		*ret = 0;
		return 0;
	}
	for (uint32_t port = FIRST_VNC_PORT; port <= LAST_VNC_PORT; port++) {
		if (try_port(port) == 0) {
			*ret = port;
			return 0;
		}
	}
	say("--display=vnc: no port from 5900 to 5999 is free; --port gives another one");
	return -EADDRINUSE;
}
