// SPDX-License-Identifier: MIT
/* Checks of the system that Oriel runs on: the kernel, sealed memory, descriptors. */
#include "oriel/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

/** oriel-gpu has up to 1,024 images that are files of their own, and a few for each viewer. */
#define FEWEST_FILES 4096u

/** What the distribution calls itself, in name; untouched if that cannot be told. */
static void read_distribution(char *name, size_t size) {
	FILE *file = fopen("/etc/os-release", "re");
	char line[256];
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		static const char key[] = "PRETTY_NAME=";
		if (strncmp(line, key, strlen(key)) == 0) {
			const char *value = line + strlen(key);
			value += strspn(value, "\"'");
			snprintf(name, size, "%.*s", (int)strcspn(value, "\"'\n"), value);
		}
	}
	if (file != NULL) {
		fclose(file);
	}
}

static void check_system(struct doctor *doctor) {
	struct report_row *row =
			report_add(&doctor->report, SECTION_MACHINE, "system", "everything");
	char distribution[128] = "some distribution";
	read_distribution(distribution, sizeof(distribution));
	struct utsname names;
	if (uname(&names) < 0) {
		report_set(row, REPORT_OFF, "uname: %s", strerror(errno));
		return;
	}
	report_set(row, REPORT_ON, "%s, %s %.64s, %.32s", distribution, names.sysname,
			names.release, names.machine);
	doctor->is_debian = access("/etc/debian_version", F_OK) == 0;
}

/** The seals that a viewer's memory gets: it can then neither be changed through it nor cut. */
static int try_memfd(FILE *out, const void *arg) {
	(void)arg;
	fact_write_step(out, "memfd_create");
	int fd = memfd_create("oriel-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, 4096) < 0) {
		fact_write(out, "error", strerror(errno));
		return 0;
	}
	fact_write_step(out, "F_ADD_SEALS");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) < 0) {
		fact_write(out, "error", strerror(errno));
		return 0;
	}
	fact_write(out, "works", "1");
	return 0;
}

static void check_memfd(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_MACHINE, "memfd",
			"a guest's pictures are kept in such memory");
	struct answer answer;
	doctor_ask(doctor, try_memfd, NULL, &answer);
	const char *error = facts_get(&answer.facts, "error");
	doctor->found.has_memfd = facts_is_true(&answer.facts, "works");
	if (doctor->found.has_memfd) {
		report_set(row, REPORT_ON, "memory that can be shared and sealed");
	} else if (error != NULL) {
		report_set(row, REPORT_OFF, "%s: %s", facts_get(&answer.facts, "step"), error);
		report_advise(row, "Linux 5.3 or later is needed, and a sandbox that lets it be");
	} else {
		report_set(row, REPORT_OFF, "the test %s", answer.failure);
	}
	answer_finish(&answer);
}

static void check_files(struct doctor *doctor) {
	struct report_row *row = report_add(&doctor->report, SECTION_MACHINE, "open files",
			"each large image of a guest is a file, and each viewer needs some");
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
		report_set(row, REPORT_OFF, "getrlimit: %s", strerror(errno));
		return;
	}
	if (limit.rlim_max == RLIM_INFINITY) {
		report_set(row, REPORT_ON, "any number in a process");
		return;
	}
	bool is_enough = limit.rlim_max >= FEWEST_FILES;
	report_set(row, is_enough ? REPORT_ON : REPORT_DEGRADED, "at most %llu in a process%s",
			(unsigned long long)limit.rlim_max, is_enough ? "" : "; 4096 are better");
	report_advise(row, "raise the hard limit: LimitNOFILE= in a systemd unit, else "
			   "/etc/security/limits.conf");
}

void check_host(struct doctor *doctor) {
	check_system(doctor);
	check_memfd(doctor);
	check_files(doctor);
}
