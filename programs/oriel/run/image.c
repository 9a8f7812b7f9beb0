// SPDX-License-Identifier: MIT
/* See image.h. */
#include "oriel/run/image.h"

#include "base/error.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR_BYTES 512u
#define CD_SECTOR_BYTES 2048u

const char *image_format_name(enum image_format format) {
	return format == IMAGE_QCOW2 ? "qcow2" : "raw";
}

static int fail(char *reason, size_t size, int err, const char *path, const char *what) {
	snprintf(reason, size, "%.200s: %s", path, what);
	return err;
}

/** The path and the format of what was typed. */
static int split(const char *text, struct image *image, char *reason, size_t size) {
	static const char key[] = ",format=";
	const char *at = strstr(text, key);
	size_t len = at != NULL ? (size_t)(at - text) : strlen(text);
	char path[PATH_MAX];
	if (len >= sizeof(path)) {
		return fail(reason, size, -ENAMETOOLONG, text, "too long for a path");
	}
	memcpy(path, text, len);
	path[len] = '\0';
	image->is_told = at != NULL;
	if (at != NULL) {
		const char *format = at + strlen(key);
		image->format = strcmp(format, "qcow2") == 0 ? IMAGE_QCOW2 : IMAGE_RAW;
		if (image->format == IMAGE_RAW && strcmp(format, "raw") != 0) {
			return fail(reason, size, -EINVAL, text, "a format is raw or qcow2");
		}
	}
	if (realpath(path, image->path) == NULL) {
		return fail(reason, size, oriel_errno(), path, strerror(errno));
	}
	return 0;
}

static uint64_t big_endian(const uint8_t *bytes, unsigned int n) {
	uint64_t value = 0;
	for (unsigned int i = 0; i < n; i++) {
		value = value << 8 | bytes[i];
	}
	return value;
}

/** A read of a short or unreadable file leaves zeros. */
static void read_at(int fd, uint64_t offset, uint8_t *bytes, size_t size) {
	memset(bytes, 0, size);
	ssize_t n = offset <= INT64_MAX - size ? pread(fd, bytes, size, (off_t)offset) : 0;
	(void)n;
}

/** What is QEMU's to read, and not for us. */
static const char *find_other_format(const uint8_t *head) {
	static const struct {
		const char *name, *magic;
		size_t offset, len;
	} formats[] = {
		{ "a VMDK image", "KDMV", 0, 4 },
		{ "a VMDK image", "# Disk DescriptorFile", 0, 21 },
		{ "a VDI image", "\x7f\x10\xda\xbe", 64, 4 },
		{ "a VHDX image", "vhdxfile", 0, 8 },
		{ "a VHD image", "conectix", 0, 8 },
		{ "a QED image", "QED", 0, 4 },
		{ "compressed by gzip", "\x1f\x8b", 0, 2 },
		{ "compressed by xz",
				"\xfd"
				"7zXZ",
				0, 6 },
		{ "compressed by zstd", "\x28\xb5\x2f\xfd", 0, 4 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(formats); i++) {
		if (memcmp(head + formats[i].offset, formats[i].magic, formats[i].len) == 0) {
			return formats[i].name;
		}
	}
	return NULL;
}

/** Whether a qcow2 image has its data, or some of it, in another file. */
static bool rests_on_another(const uint8_t *head) {
	const bool has_backing = big_endian(head + 8, 8) != 0;
	const bool has_data_file = big_endian(head + 4, 4) >= 3 && (head[79] & 4) != 0;
	return has_backing || has_data_file;
}

/** Judge the first sector. */
static int judge(const uint8_t *head, const char *path, struct image *image, char *reason,
		size_t size) {
	const bool is_qcow2 = memcmp(head, "QFI\xfb", 4) == 0;
	const char *other = find_other_format(head);
	if (image->is_told) {
		return !is_qcow2 && image->format == IMAGE_QCOW2
				       ? fail(reason, size, -EINVAL, path, "not a qcow2 image")
				       : 0;
	}
	image->format = is_qcow2 ? IMAGE_QCOW2 : IMAGE_RAW;
	if (other != NULL) {
		char text[128];
		snprintf(text, sizeof(text), "%s; raw and qcow2 are what can be used", other);
		return fail(reason, size, -EOPNOTSUPP, path, text);
	}
	if (is_qcow2 && rests_on_another(head)) {
		return fail(reason, size, -EPERM, path,
				"rests on another file, which a guest could have written into it; "
				"if it did not, add ,format=qcow2");
	}
	return 0;
}

/** Whether a partition table has a partition that UEFI starts from. */
static bool has_system_partition(int fd) {
	static const uint8_t type[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba,
		0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
	uint8_t sectors[2 * SECTOR_BYTES], entry[128];
	read_at(fd, 0, sectors, sizeof(sectors));
	if (sectors[510] != 0x55 || sectors[511] != 0xaa) {
		return false;
	}
	for (size_t i = 0; i < 4; i++) {
		if (sectors[446 + 16 * i + 4] == 0xef) {
			return true;
		}
	}
	if (memcmp(sectors + SECTOR_BYTES, "EFI PART", 8) != 0) {
		return false;
	}
	// Wherever a table has its entries, its author had them at sector 2, 128 bytes each.
	for (uint64_t i = 0; i < 128; i++) {
		read_at(fd, 2 * SECTOR_BYTES + i * sizeof(entry), entry, sizeof(entry));
		if (memcmp(entry, type, sizeof(type)) == 0) {
			return true;
		}
	}
	return false;
}

/** Whether a CD's boot catalogue (El Torito) has an entry for UEFI. */
static bool has_boot_entry(int fd) {
	uint8_t sector[CD_SECTOR_BYTES];
	read_at(fd, 17 * CD_SECTOR_BYTES, sector, sizeof(sector));
	if (memcmp(sector + 1, "CD001", 5) != 0 ||
			memcmp(sector + 7, "EL TORITO SPECIFICATION", 23) != 0) {
		return false;
	}
	const uint64_t catalogue = (uint64_t)sector[71] | (uint64_t)sector[72] << 8 |
				   (uint64_t)sector[73] << 16 | (uint64_t)sector[74] << 24;
	read_at(fd, catalogue * CD_SECTOR_BYTES, sector, sizeof(sector));
	if (sector[0] == 1 && sector[1] == 0xef) {
		return true; // the only platform
	}
	for (size_t i = 64; i < sizeof(sector); i += 32) {
		if ((sector[i] == 0x90 || sector[i] == 0x91) && sector[i + 1] == 0xef) {
			return true;
		}
	}
	return false;
}

bool image_boots_uefi(int fd) {
	return has_system_partition(fd) || has_boot_entry(fd);
}

static int open_image(const char *path, bool is_written) {
	int fd = open(path, (is_written ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0 ? fd : oriel_errno();
}

/** An image could not be opened. If only writing is what is not allowed, there is a way. */
static int fail_open(char *reason, size_t size, int err, const char *path, bool is_written) {
	const bool is_refused = err == -EACCES || err == -EPERM || err == -EROFS;
	if (!is_written || !is_refused || access(path, R_OK) < 0) {
		return fail(reason, size, err, path, strerror(-err));
	}
	char text[256];
	snprintf(text, sizeof(text),
			"can be read but not written (%s); if it is to stay as it is, end the "
			"command with -- -snapshot",
			strerror(-err));
	return fail(reason, size, err, path, text);
}

int image_look(const char *text, bool is_written, struct image *ret, char *reason, size_t size) {
	struct image image = { .format = IMAGE_RAW };
	int err = split(text, &image, reason, size);
	if (err < 0) {
		return err;
	}
	int fd = open_image(image.path, is_written);
	if (fd < 0) {
		return fail_open(reason, size, fd, image.path, is_written);
	}
	struct stat st;
	uint8_t head[SECTOR_BYTES];
	if (fstat(fd, &st) < 0) {
		err = fail(reason, size, oriel_errno(), image.path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		err = fail(reason, size, -EINVAL, image.path, "neither a file nor a disk");
	} else if (S_ISREG(st.st_mode) && st.st_size < (off_t)SECTOR_BYTES) {
		err = fail(reason, size, -EINVAL, image.path, "too short for a disk");
	} else {
		read_at(fd, 0, head, sizeof(head));
		err = judge(head, image.path, &image, reason, size);
	}
	if (err == 0 && image.format == IMAGE_RAW) {
		image.boots_uefi = image_boots_uefi(fd);
	}
	oriel_fd_close(&fd);
	if (err == 0) {
		*ret = image;
	}
	return err;
}
