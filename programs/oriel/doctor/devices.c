// SPDX-License-Identifier: MIT
/* Checks of device nodes: KVM, udmabuf, render nodes. Whether they are there, and may be opened. */
#include "oriel/doctor/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <linux/udmabuf.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/** Whether the user database has the user in a group: of which this session may know nothing yet.
 */
static bool is_member(const struct group *group) {
	const struct passwd *user = getpwuid(getuid());
	for (char **name = group->gr_mem; user != NULL && *name != NULL; name++) {
		if (strcmp(*name, user->pw_name) == 0) {
			return true;
		}
	}
	return user != NULL && user->pw_gid == group->gr_gid;
}

/** Open a device. On failure, write why, and what could help. */
static int open_device(FILE *out, const char *path) {
	fact_write_step(out, "open");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	fact_write_number(out, "errno", fd < 0 ? errno : 0);
	struct stat st;
	if (fd < 0 && stat(path, &st) == 0) {
		const struct group *group = st.st_mode & S_IWGRP ? getgrgid(st.st_gid) : NULL;
		fact_write(out, "group", group != NULL ? group->gr_name : "");
		fact_write(out, "member", group != NULL && is_member(group) ? "1" : "0");
	}
	return fd;
}

/** Why a device could not be opened, and what to do. The errors differ in who is to be asked. */
static void judge_refusal(struct report_row *row, const char *path, int error,
		const struct facts *facts) {
	const char *group = facts_get(facts, "group");
	report_set(row, REPORT_OFF, "%s cannot be opened: %s", path, strerror(error));
	if (error == EPERM) {
		report_advise(row,
				"a container's rules forbid it: give it the device, as with "
				"--device=%s",
				path);
	} else if (error != EACCES) {
		report_advise(row, "see the kernel's log: dmesg");
	} else if (group == NULL || *group == '\0' || strcmp(group, "root") == 0) {
		report_advise(row, "only root may; a udev rule gives it to a group");
	} else if (facts_is_true(facts, "member")) {
		report_advise(row,
				"you are in the group %s, but were not when you logged in: log "
				"out, "
				"and in again",
				group);
	} else {
		report_advise(row, "sudo usermod -aG %s $USER, then log out, and in again", group);
	}
}

/** Whether the device's errno is 0; if not, the row is finished, except when it is not there. */
static int judge_open(struct report_row *row, const char *path, const struct answer *answer) {
	uint64_t error = 0;
	if (facts_get_number(&answer->facts, "errno", 4095, &error) < 0) {
		report_set(row, REPORT_OFF, "the test of %s %s", path, answer->failure);
		return -EIO;
	}
	if (error == ENOENT) {
		report_set(row, REPORT_OFF, "%s is not there", path);
	} else if (error != 0) {
		judge_refusal(row, path, (int)error, &answer->facts);
	}
	return -(int)error;
}

/** What the processor can, by /proc/cpuinfo: "vmx", "svm", "no", or "" where there is no such flag.
 */
static const char *processor_can(void) {
#if defined(__x86_64__) || defined(__i386__)
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[8192];
	const char *found = file != NULL ? "no" : "";
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "flags", 5) == 0) {
			found = strstr(line, " vmx") != NULL   ? "vmx"
				: strstr(line, " svm") != NULL ? "svm"
							       : "no";
			break;
		}
	}
	if (file != NULL) {
		fclose(file);
	}
	return found;
#else
	return "";
#endif
}

static int try_kvm(FILE *out, const void *arg) {
	(void)arg;
	fact_write(out, "processor", processor_can());
	int fd = open_device(out, "/dev/kvm");
	if (fd < 0) {
		return 0;
	}
	fact_write_step(out, "KVM_GET_API_VERSION");
	fact_write_number(out, "api", ioctl(fd, KVM_GET_API_VERSION, 0));
	fact_write_step(out, "KVM_CREATE_VM");
	int vm = ioctl(fd, KVM_CREATE_VM, 0);
	fact_write_number(out, "vm_errno", vm < 0 ? errno : 0);
	return 0;
}

static void advise_kvm_module(struct report_row *row, const char *processor) {
	if (processor != NULL && strcmp(processor, "vmx") == 0) {
		report_advise(row, "sudo modprobe kvm_intel");
	} else if (processor != NULL && strcmp(processor, "svm") == 0) {
		report_advise(row, "sudo modprobe kvm_amd");
	} else if (processor != NULL && strcmp(processor, "no") == 0) {
		report_advise(row, "switch virtualisation on in the firmware; in a virtual "
				   "machine, let "
				   "its host pass it on (nested)");
	} else {
		report_advise(row, "load the kernel's KVM module");
	}
}

void judge_kvm(struct doctor *doctor, const struct answer *answer) {
	const struct facts *facts = &answer->facts;
	struct report_row *row = report_add(&doctor->report, SECTION_MACHINE, "KVM",
			"virtual machines at full speed; without it QEMU emulates the processor");
	int err = judge_open(row, "/dev/kvm", answer);
	const char *processor = facts_get(facts, "processor");
	if (err < 0) {
		if (err == -ENOENT) {
			advise_kvm_module(row, processor);
		}
		return;
	}
	uint64_t api = 0;
	uint64_t error = 0;
	if (facts_get_number(facts, "api", 1000, &api) < 0 || api != KVM_API_VERSION) {
		report_set(row, REPORT_OFF, "/dev/kvm is there, but does not answer as KVM does");
	} else if (facts_get_number(facts, "vm_errno", 4095, &error) < 0) {
		report_set(row, REPORT_OFF, "the test of /dev/kvm %s", answer->failure);
	} else if (error != 0) {
		report_set(row, REPORT_OFF, "no virtual machine can be made: %s",
				strerror((int)error));
		report_advise(row, error == EBUSY ? "another hypervisor has the processor: end it"
						  : "see the kernel's log: dmesg");
	} else if (processor != NULL && strcmp(processor, "no") == 0) {
		report_set(row, REPORT_DEGRADED,
				"a virtual machine could be made, but the processor shows "
				"neither vmx nor svm: guests may not run in it");
		report_advise(row, "if a guest stays dark, start it without KVM: qemu -accel tcg");
	} else {
		report_set(row, REPORT_ON, "a virtual machine could be made");
	}
	doctor->found.kvm = row->state;
}

void check_kvm(struct doctor *doctor) {
	struct answer answer;
	doctor_ask(doctor, try_kvm, NULL, &answer);
	judge_kvm(doctor, &answer);
	answer_finish(&answer);
}

static int try_udmabuf(FILE *out, const void *arg) {
	(void)arg;
	int fd = open_device(out, "/dev/udmabuf");
	if (fd < 0) {
		return 0;
	}
	fact_write_step(out, "memfd_create");
	uint64_t size = (uint64_t)sysconf(_SC_PAGESIZE);
	int memfd = memfd_create("oriel-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0 || ftruncate(memfd, (off_t)size) < 0 ||
			fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
		return 1;
	}
	fact_write_step(out, "UDMABUF_CREATE");
	struct udmabuf_create create = { .memfd = (uint32_t)memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size };
	int buffer = ioctl(fd, UDMABUF_CREATE, &create);
	fact_write_number(out, "create_errno", buffer < 0 ? errno : 0);
	return 0;
}

void check_udmabuf(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_MACHINE, "udmabuf",
			"showing a guest's own memory on QEMU's display without a copy: oriel-gpu "
			"--qemu-display=dmabuf");
	struct answer answer;
	doctor_ask(doctor, try_udmabuf, NULL, &answer);
	uint64_t error = 0;
	int err = judge_open(row, "/dev/udmabuf", &answer);
	if (err == -ENOENT) {
		report_advise(row, "sudo modprobe udmabuf");
	} else if (err == 0 && facts_get_number(&answer.facts, "create_errno", 4095, &error) < 0) {
		report_set(row, REPORT_OFF, "the test of /dev/udmabuf %s", answer.failure);
	} else if (err == 0 && error != 0) {
		report_set(row, REPORT_OFF, "no dma-buf can be made: %s", strerror((int)error));
	} else if (err == 0) {
		report_set(row, REPORT_ON, "a dma-buf could be made of memory");
	}
	answer_finish(&answer);
}

/** The last part of what a link in sysfs leads to, or "-". */
static void read_link_name(const char *path, char *ret, size_t size) {
	char real[PATH_MAX];
	const char *slash = realpath(path, real) != NULL ? strrchr(real, '/') : NULL;
	snprintf(ret, size, "%s", slash != NULL && slash[1] != '\0' ? slash + 1 : "-");
}

/** One node's line: "NAME DRIVER DEVICE ERRNO GROUP MEMBER". */
static void try_render_node(FILE *out, const char *name) {
	char path[300];
	snprintf(path, sizeof(path), "/dev/dri/%.200s", name);
	struct stat st;
	if (stat(path, &st) < 0) {
		return;
	}
	char link[100], driver[64], device[64];
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device", major(st.st_rdev),
			minor(st.st_rdev));
	read_link_name(link, device, sizeof(device));
	strcat(link, "/driver");
	read_link_name(link, driver, sizeof(driver));
	fprintf(out, "node=%s %s %s\n", name, driver, device);
	int fd = open_device(out, path);
	if (fd >= 0) {
		close(fd);
	}
}

static int is_render_node(const struct dirent *entry) {
	return strncmp(entry->d_name, "renderD", 7) == 0;
}

static int try_render_nodes(FILE *out, const void *arg) {
	(void)arg;
	struct dirent **entries = NULL;
	int n = scandir("/dev/dri", &entries, is_render_node, versionsort);
	for (int i = 0; i < n; i++) {
		try_render_node(out, entries[i]->d_name);
	}
	return 0; // which frees the entries too
}

/** The facts from *i on that are about one node: up to the next node. Returns false at the end. */
static bool next_node(const struct facts *facts, size_t *i, struct facts *ret) {
	*ret = (struct facts){ 0 };
	while (*i < facts->n && strcmp(facts->items[*i].key, "node") != 0) {
		(*i)++;
	}
	while (*i < facts->n && (ret->n == 0 || strcmp(facts->items[*i].key, "node") != 0)) {
		ret->items[ret->n++] = facts->items[(*i)++];
	}
	return ret->n > 0;
}

void judge_render_nodes(struct doctor *doctor, const struct answer *answer) {
	static const char matters[] = "3D on a GPU with Mesa's drivers; NVIDIA's driver, and 3D in "
				      "software, do without";
	struct answer one = *answer;
	size_t i = 0;
	size_t n = 0;
	while (next_node(&answer->facts, &i, &one.facts)) {
		char name[33] = "", driver[65] = "", device[65] = "", path[64];
		if (sscanf(facts_get(&one.facts, "node"), "%32s %64s %64s", name, driver, device) !=
				3) {
			continue;
		}
		n++;
		snprintf(path, sizeof(path), "/dev/dri/%s", name);
		struct report_row *row =
				report_add(&doctor->report, SECTION_GRAPHICS, name, matters);
		if (judge_open(row, path, &one) == 0) {
			report_set(row, REPORT_ON, "driver %s, device %s", driver, device);
		}
	}
	if (n == 0) {
		struct report_row *row = report_add(&doctor->report, SECTION_GRAPHICS,
				"render nodes", matters);
		if (answer->failure[0] != '\0') {
			report_set(row, REPORT_OFF, "the test %s", answer->failure);
		} else {
			report_set(row, REPORT_OFF, "there is no /dev/dri/renderD*");
			report_advise(row,
					"if this machine has a GPU, load its kernel driver; into a "
					"container, pass /dev/dri");
		}
	}
}

void check_render_nodes(struct doctor *doctor) {
	struct answer answer;
	doctor_ask(doctor, try_render_nodes, NULL, &answer);
	judge_render_nodes(doctor, &answer);
	answer_finish(&answer);
}
