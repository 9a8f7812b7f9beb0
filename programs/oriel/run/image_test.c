// SPDX-License-Identifier: MIT
/* Tests of images: by which bytes they are told apart, and what is not taken. */
#include "oriel/run/image.h"

#include "fixture/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 65536u

/** An image of which a case sets a few bytes. */
struct patch {
	size_t offset;
	const char *bytes;
	size_t len;
};

#define PATCH(offset, bytes) \
	{ offset, bytes, sizeof(bytes) - 1 }

/** Write an image into a file and look at it. */
static int look(const struct patch *patches, size_t n, const char *suffix, struct image *ret,
		char *reason, size_t size) {
	static uint8_t bytes[SIZE];
	char path[] = "/tmp/oriel-image-XXXXXX", text[64];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		if (patches[i].len > 0) {
			memcpy(bytes + patches[i].offset, patches[i].bytes, patches[i].len);
		}
	}
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	snprintf(text, sizeof(text), "%s%s", path, suffix);
	int err = image_look(text, true, ret, reason, size);
	unlink(path);
	return err;
}

static void test_formats(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct patch patches[3];
		const char *suffix;
		int err;
		enum image_format format;
	} cases[] = {
		{ "zeros", { { 0 } }, "", 0, IMAGE_RAW },
		{ "qcow2", { PATCH(0, "QFI\xfb\0\0\0\3") }, "", 0, IMAGE_QCOW2 },
		{ "nearly qcow2", { PATCH(0, "QFI\xfa") }, "", 0, IMAGE_RAW },
		{ "backing file", { PATCH(0, "QFI\xfb\0\0\0\2"), PATCH(15, "\1") }, "", -EPERM, 0 },
		{ "backing file, told", { PATCH(0, "QFI\xfb\0\0\0\2"), PATCH(15, "\1") },
				",format=qcow2", 0, IMAGE_QCOW2 },
		{ "data file", { PATCH(0, "QFI\xfb\0\0\0\3"), PATCH(79, "\4") }, "", -EPERM, 0 },
		{ "no such bit then", { PATCH(0, "QFI\xfb\0\0\0\2"), PATCH(79, "\4") }, "", 0,
				IMAGE_QCOW2 },
		{ "qcow2, raw told", { PATCH(0, "QFI\xfb\0\0\0\3") }, ",format=raw", 0, IMAGE_RAW },
		{ "raw, qcow2 told", { { 0 } }, ",format=qcow2", -EINVAL, 0 },
		{ "unknown told", { { 0 } }, ",format=vdi", -EINVAL, 0 },
		{ "VMDK", { PATCH(0, "KDMV") }, "", -EOPNOTSUPP, 0 },
		{ "VDI", { PATCH(64, "\x7f\x10\xda\xbe") }, "", -EOPNOTSUPP, 0 },
		{ "xz",
				{ PATCH(0, "\xfd"
					   "7zXZ\0") },
				"", -EOPNOTSUPP, 0 },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		char reason[512] = "";
		static struct image image;
		image.format = (enum image_format)77;
		int err = look(cases[i].patches, 3, cases[i].suffix, &image, reason,
				sizeof(reason));
		CHECK(err == cases[i].err, "%s: %d", cases[i].name, err);
		CHECK((reason[0] == '\0') == (err == 0), "%s: %s", cases[i].name, reason);
		CHECK(image.format == (err == 0 ? cases[i].format : (enum image_format)77), "%s",
				cases[i].name);
	}
}

#define GUID "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b"
#define CATALOGUE "\0CD001\1EL TORITO SPECIFICATION"

static void test_firmware(void **state) {
	(void)state;
	static const struct {
		const char *name;
		struct patch patches[4];
		bool want;
	} cases[] = {
		{ "zeros", { { 0 } }, false },
		{ "GPT", { PATCH(510, "\x55\xaa"), PATCH(512, "EFI PART"), PATCH(1024, GUID) },
				true },
		{ "GPT, the last entry",
				{ PATCH(510, "\x55\xaa"), PATCH(512, "EFI PART"),
						PATCH(1024 + 127 * 128, GUID) },
				true },
		{ "GPT without", { PATCH(510, "\x55\xaa"), PATCH(512, "EFI PART") }, false },
		{ "no GPT", { PATCH(510, "\x55\xaa"), PATCH(1024, GUID) }, false },
		{ "no MBR", { PATCH(512, "EFI PART"), PATCH(1024, GUID) }, false },
		{ "MBR", { PATCH(510, "\x55\xaa"), PATCH(446 + 16 + 4, "\xef") }, true },
		{ "MBR of Linux", { PATCH(510, "\x55\xaa"), PATCH(446 + 4, "\x83") }, false },
		{ "CD, second entry",
				{ PATCH(17 * 2048, CATALOGUE), PATCH(17 * 2048 + 71, "\x14"),
						PATCH(20 * 2048, "\1\0"),
						PATCH(20 * 2048 + 64, "\x91\xef") },
				true },
		{ "CD, only entry",
				{ PATCH(17 * 2048, CATALOGUE), PATCH(17 * 2048 + 71, "\x14"),
						PATCH(20 * 2048, "\1\xef") },
				true },
		{ "CD for a BIOS",
				{ PATCH(17 * 2048, CATALOGUE), PATCH(17 * 2048 + 71, "\x14"),
						PATCH(20 * 2048, "\1\0") },
				false },
		{ "CD, catalogue beyond its end",
				{ PATCH(17 * 2048, CATALOGUE),
						PATCH(17 * 2048 + 71, "\xff\xff\xff\xff") },
				false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		char reason[512];
		static struct image image;
		int err = look(cases[i].patches, 4, "", &image, reason, sizeof(reason));
		CHECK(err == 0, "%s: %d", cases[i].name, err);
		CHECK(image.boots_uefi == cases[i].want, "%s", cases[i].name);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_firmware),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
