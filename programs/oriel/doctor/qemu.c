// SPDX-License-Identifier: MIT
/* Checks of QEMU, and of the file by which libvirt finds oriel-gpu. */
#include "oriel/doctor/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/** The earliest that Oriel is tried with; earlier ones refuse vhost-user GPUs without KVM. */
#define QEMU_LEAST 10u

/** What QEMU calls this machine. */
static const char *qemu_architecture(void) {
	static const struct {
		const char *start, *name;
	} names[] = { { "i", "i386" }, { "armv", "arm" }, { "ppc64", "ppc64" } };
	static struct utsname machine;
	if (uname(&machine) < 0) {
		return "x86_64";
	}
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(names); i++) {
		if (strncmp(machine.machine, names[i].start, strlen(names[i].start)) == 0) {
			return names[i].name;
		}
	}
	return machine.machine;
}

/** Debian's package of a QEMU. */
static const char *qemu_package(const char *name) {
	if (strstr(name, "x86_64") != NULL || strstr(name, "i386") != NULL) {
		return "qemu-system-x86";
	}
	if (strstr(name, "aarch64") != NULL || strstr(name, "arm") != NULL) {
		return "qemu-system-arm";
	}
	return "qemu-system"; // all of them
}

/** Look for a program in PATH. */
static int find_in_path(const char *name, char *ret, size_t size) {
	const char *path = getenv("PATH");
	for (path = path != NULL ? path : ""; *path != '\0'; path += *path == ':') {
		size_t len = strcspn(path, ":");
		int n = snprintf(ret, size, "%.*s/%s", (int)len, path, name);
		if (len > 0 && n > 0 && (size_t)n < size && access(ret, X_OK) == 0) {
			return 0;
		}
		path += len;
	}
	return -ENOENT;
}

struct version {
	unsigned int major, minor, micro;
};

static int read_version(const char *text, struct version *ret) {
	const char *at = text != NULL ? strstr(text, "version ") : NULL;
	struct version version = { 0 };
	if (at == NULL || sscanf(at, "version %5u.%5u.%5u", &version.major, &version.minor,
					  &version.micro) < 2) {
		return -EBADMSG;
	}
	*ret = version;
	return 0;
}

static void judge_qemu_version(struct doctor *doctor, struct report_row *row, const char *path,
		struct version version) {
	struct findings *found = &doctor->found;
	char name[64];
	snprintf(name, sizeof(name), "QEMU %u.%u.%u", version.major, version.minor, version.micro);
	if (version.major >= QEMU_LEAST) {
		found->has_qemu = true;
		report_set(row, REPORT_ON, "%s, %.200s%s", name, path,
				found->has_generic ? "; has vhost-user-test-device-pci too" : "");
		return;
	}
	if (found->kvm != REPORT_OFF) {
		found->has_qemu = true;
		report_set(row, REPORT_DEGRADED, "%s, %.200s; Oriel is tried with 10 and later",
				name, path);
	} else {
		report_set(row, REPORT_OFF,
				"%s, %.200s; before 10 it refuses vhost-user GPUs without KVM",
				name, path);
	}
	report_advise(row, "QEMU 10 or later; Debian 12 has it in its backports");
}

void judge_qemu(struct doctor *doctor, const char *path, const struct answer *version,
		const struct answer *devices) {
	struct report_row *row = report_add(&doctor->report, SECTION_PROGRAMS, "QEMU",
			"running virtual machines; other VMMs that speak vhost-user do too");
	struct version number;
	if (version->failure[0] != '\0' || read_version(version->result.text, &number) < 0) {
		report_set(row, REPORT_OFF, "%.150s --version %s", path,
				version->failure[0] != '\0' ? version->failure : "says no version");
		return;
	}
	const char *list = devices->failure[0] == '\0' ? devices->result.text : NULL;
	if (list == NULL) {
		report_set(row, REPORT_OFF, "%.150s -device help %s", path, devices->failure);
		return;
	}
	doctor->found.has_generic = strstr(list, "\"vhost-user-test-device-pci\"") != NULL;
	if (strstr(list, "\"vhost-user-gpu-pci\"") == NULL && !doctor->found.has_generic) {
		report_set(row, REPORT_OFF, "%.200s has no vhost-user-gpu-pci", path);
		report_advise(row, "some distributions have it in a package of its own: look for "
				   "qemu and vhost-user-gpu");
		return;
	}
	judge_qemu_version(doctor, row, path, number);
}

void check_qemu(struct doctor *doctor) {
	char name[96], path[PATH_MAX];
	snprintf(name, sizeof(name), "qemu-system-%.70s", qemu_architecture());
	if (find_in_path(name, path, sizeof(path)) < 0) {
		struct report_row *row = report_add(&doctor->report, SECTION_PROGRAMS, "QEMU",
				"running virtual machines; other VMMs that speak vhost-user do "
				"too");
		report_set(row, REPORT_OFF, "%s is not in PATH", name);
		doctor_advise_package(doctor, row, qemu_package(name));
		return;
	}
	struct answer version, devices;
	doctor_ask_program(doctor, (char *[]){ path, "--version", NULL }, true, &version);
	doctor_ask_program(doctor, (char *[]){ path, "-machine", "none", "-device", "help", NULL },
			true, &devices);
	judge_qemu(doctor, path, &version, &devices);
	answer_finish(&version);
	answer_finish(&devices);
}

/** The program that a descriptor names, in ret; it is found without reading JSON in earnest. */
static int read_descriptor(const char *path, char *ret, size_t size) {
	char text[4096] = "";
	FILE *file = fopen(path, "re");
	if (file == NULL) {
		return -errno;
	}
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	const char *at = strstr(text, "\"binary\"");
	at = at != NULL ? strchr(at + strlen("\"binary\""), '"') : NULL;
	if (at == NULL) {
		return -EBADMSG;
	}
	snprintf(ret, size, "%.*s", (int)strcspn(at + 1, "\""), at + 1);
	return 0;
}

static int is_ours(const struct dirent *entry) {
	const char *end = strrchr(entry->d_name, '.');
	return strstr(entry->d_name, "oriel") != NULL && end != NULL && strcmp(end, ".json") == 0;
}

/** The first descriptor of ours in a folder. Returns 0 or -ENOENT. */
static int find_descriptor(const char *folder, char *ret, size_t size) {
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_ours, alphasort);
	for (int i = 0; i < n; i++) {
		if (i == 0) {
			snprintf(ret, size, "%s/%s", folder, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
	return n > 0 ? 0 : -ENOENT;
}

void check_libvirt(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_PROGRAMS, "libvirt descriptor",
			"libvirt finds oriel-gpu by it; QEMU alone does not need it");
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");
	char own[PATH_MAX];
	snprintf(own, sizeof(own), "%s%s/qemu/vhost-user",
			config != NULL ? config
			: home != NULL ? home
				       : "",
			config != NULL ? "" : "/.config");
	const char *const folders[] = { own, "/etc/qemu/vhost-user", "/usr/share/qemu/vhost-user" };
	char path[PATH_MAX] = "", program[PATH_MAX] = "";
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(folders) && path[0] == '\0'; i++) {
		(void)find_descriptor(folders[i], path, sizeof(path)); // then path stays empty
	}
	if (path[0] == '\0') {
		report_set(row, REPORT_OFF, "no *oriel*.json where libvirt looks");
		if (access(ORIEL_DESCRIPTOR, R_OK) == 0) {
			report_advise(row, "sudo mkdir -p /etc/qemu/vhost-user && sudo ln "
					   "-s " ORIEL_DESCRIPTOR " /etc/qemu/vhost-user/");
		} else {
			report_advise(row, "install Oriel, with --prefix=/usr");
		}
	} else if (read_descriptor(path, program, sizeof(program)) < 0) {
		report_set(row, REPORT_OFF, "%.250s names no program", path);
	} else if (access(program, X_OK) < 0) {
		report_set(row, REPORT_OFF, "%.120s names %.120s: %s", path, program,
				strerror(errno));
		report_advise(row, "install Oriel again, or correct that file");
	} else {
		report_set(row, REPORT_ON, "%.250s", path);
	}
}
