// SPDX-License-Identifier: MIT
/* Tests of the plan: which words follow from what was asked for and what there is. */
#include "oriel/run/plan.h"

#include "fixture/check.h"

#include <string.h>

/** What a case changes before the plan is made; what it looks for. */
struct rig {
	struct run_options options;
	struct host host;
	struct image disks[RUN_MAX_DISKS];
	struct image cdrom;
	bool has_cdrom;
	struct plan plan;
};

static char *const no_more[] = { NULL };

static int setup(void **state) {
	static struct rig rig;
	rig = (struct rig){
		.options = { .has_network = true,
				.memory_mib = 2048,
				.n_cpus = 2,
				.n_heads = 1,
				.n_disks = 1,
				.more = no_more },
		.host = { .gpu_program = "/bin/oriel-gpu",
				.vnc_program = "/bin/oriel-vnc",
				.qemu_program = "/bin/qemu",
				.firmware = "/fw,1.fd",
				.gpu_has_input = true,
				.gpu_has_control = true },
		.disks = { { .path = "/d.img" }, { .path = "/e.img", .format = IMAGE_QCOW2 } },
		.cdrom = { .path = "/c.iso" },
	};
	*state = &rig;
	return 0;
}

static int teardown(void **state) {
	struct rig *rig = *state;
	plan_finish(&rig->plan);
	return 0;
}

static void make(struct rig *rig) {
	const struct plan_input input = {
		.options = &rig->options,
		.host = &rig->host,
		.disks = rig->disks,
		.cdrom = rig->has_cdrom ? &rig->cdrom : NULL,
		.name = "n",
		.folder = "/run",
		.port = 0,
	};
	assert_int_equal(plan_make(&input, &rig->plan), 0);
}

static bool has(const struct words *words, const char *word) {
	for (size_t i = 0; i < words->len; i++) {
		if (strcmp(words->items[i], word) == 0) {
			return true;
		}
	}
	return false;
}

/** What stands behind an option; NULL if it is not there. */
static const char *value(const struct words *words, const char *option) {
	for (size_t i = 0; i + 1 < words->len; i++) {
		if (strcmp(words->items[i], option) == 0) {
			return words->items[i + 1];
		}
	}
	return NULL;
}

static void test_ordinary(void **state) {
	struct rig *rig = *state;
	make(rig);
	const struct words *gpu = &rig->plan.gpu, *qemu = &rig->plan.qemu;
	assert_string_equal(gpu->items[0], "/bin/oriel-gpu");
	assert_true(has(gpu, "--once"));
	assert_true(has(gpu, "--qemu-display=off"));
	assert_true(has(gpu, "--heads=1"));
	assert_false(has(gpu, "--renderer=auto"));
	assert_string_equal(rig->plan.viewer.items[2], "--web=127.0.0.1:0");
	assert_string_equal(value(qemu, "-accel"), "tcg");
	assert_string_equal(value(qemu, "-cpu"), "max");
	assert_string_equal(value(qemu, "-m"), "2048M");
	assert_string_equal(value(qemu, "-smp"), "2");
	assert_string_equal(value(qemu, "-vga"), "none");
	assert_string_equal(value(qemu, "-display"), "none");
	assert_true(has(qemu, "memory-backend-memfd,id=ram,size=2048M,share=on"));
	assert_true(has(qemu, "vhost-user-vga,chardev=gpu"));
	assert_true(has(qemu, "vhost-user-input-pci,chardev=keyboard"));
	assert_true(has(qemu, "vhost-user-input-pci,chardev=tablet-0"));
	assert_true(has(qemu, "if=none,id=disk0,format=raw,discard=unmap,file=/d.img"));
	assert_true(has(qemu, "virtio-net-pci,netdev=net"));
	assert_true(has(qemu, "unix:/run/qmp.sock,server=on,wait=off"));
}

static void test_kvm(void **state) {
	struct rig *rig = *state;
	rig->host.has_kvm = true;
	make(rig);
	assert_string_equal(value(&rig->plan.qemu, "-accel"), "kvm");
	assert_string_equal(value(&rig->plan.qemu, "-cpu"), "host");
}

static void test_3d_and_size(void **state) {
	struct rig *rig = *state;
	rig->host.has_3d = true;
	rig->options.width = 800;
	rig->options.height = 600;
	make(rig);
	assert_true(has(&rig->plan.gpu, "--renderer=auto"));
	assert_true(has(&rig->plan.gpu, "--size=800x600"));
}

static void test_heads(void **state) {
	struct rig *rig = *state;
	rig->options.n_heads = 2;
	make(rig);
	assert_true(has(&rig->plan.gpu, "--heads=2"));
	assert_true(has(&rig->plan.gpu, "--tablet-socket=/run/tablet-1.sock"));
	assert_true(has(&rig->plan.qemu, "vhost-user-vga,chardev=gpu,max_outputs=2"));
	assert_true(has(&rig->plan.qemu, "socket,id=tablet-1,path=/run/tablet-1.sock"));
}

/** With an oriel-gpu that has neither. */
static void test_no_input_and_control(void **state) {
	struct rig *rig = *state;
	rig->host.gpu_has_input = false;
	rig->host.gpu_has_control = false;
	make(rig);
	assert_false(has(&rig->plan.gpu, "--control-socket=/run/control.sock"));
	assert_false(has(&rig->plan.gpu, "--keyboard-socket=/run/keyboard.sock"));
	assert_false(has(&rig->plan.qemu, "vhost-user-input-pci,chardev=keyboard"));
}

static void test_viewers(void **state) {
	struct rig *rig = *state;
	rig->options.display = RUN_DISPLAY_VNC;
	make(rig);
	assert_string_equal(rig->plan.viewer.items[1], "--socket=/run/display.sock");
	assert_string_equal(rig->plan.viewer.items[2], "--listen=127.0.0.1:0");
	plan_finish(&rig->plan);
	rig->options.display = RUN_DISPLAY_NONE;
	make(rig);
	assert_int_equal(rig->plan.viewer.len, 0);
}

static void test_gpu_off(void **state) {
	struct rig *rig = *state;
	rig->options.gpu = RUN_GPU_OFF;
	rig->options.display = RUN_DISPLAY_NONE;
	make(rig);
	assert_int_equal(rig->plan.gpu.len, 0);
	assert_string_equal(value(&rig->plan.qemu, "-vga"), "std");
	assert_null(value(&rig->plan.qemu, "-chardev"));
}

static void test_uefi(void **state) {
	struct rig *rig = *state;
	rig->host.is_uefi = true;
	make(rig);
	assert_true(has(&rig->plan.qemu, "if=pflash,format=raw,readonly=on,file=/fw,,1.fd"));
	assert_true(has(&rig->plan.qemu, "vhost-user-gpu-pci,chardev=gpu"));
}

static void test_media(void **state) {
	struct rig *rig = *state;
	rig->options.n_disks = 2;
	rig->has_cdrom = true;
	rig->options.kernel = "/k";
	rig->options.initrd = "/i";
	rig->options.append = "a b";
	make(rig);
	const struct words *qemu = &rig->plan.qemu;
	assert_true(has(qemu, "if=none,id=disk1,format=qcow2,discard=unmap,file=/e.img"));
	assert_true(has(qemu, "virtio-blk-pci,drive=disk1,bootindex=2"));
	assert_true(has(qemu, "ide-cd,drive=cd,bootindex=0"));
	assert_string_equal(value(qemu, "-kernel"), "/k");
	assert_string_equal(value(qemu, "-initrd"), "/i");
	assert_string_equal(value(qemu, "-append"), "a b");
	assert_true(has(qemu, "vhost-user-gpu-pci,chardev=gpu")); // a kernel needs no VGA
	plan_finish(&rig->plan);
	rig->options.firmware = RUN_FIRMWARE_BIOS;
	make(rig);
	assert_true(has(&rig->plan.qemu, "vhost-user-vga,chardev=gpu"));
}

/** What the user adds comes last, so that it wins. */
static void test_more(void **state) {
	struct rig *rig = *state;
	char word[] = "-snapshot";
	char *const more[] = { word, NULL };
	rig->options.more = more;
	make(rig);
	assert_string_equal(rig->plan.qemu.items[rig->plan.qemu.len - 1], "-snapshot");
}

static void test_firmware(void **state) {
	(void)state;
	static const struct {
		const char *name;
		enum run_firmware asked;
		bool has_firmware, has_kernel, has_cdrom, disk_boots, cdrom_boots, want;
	} cases[] = {
		{ "a disk for UEFI", RUN_FIRMWARE_AUTO, true, false, false, true, false, true },
		{ "a disk for a BIOS", RUN_FIRMWARE_AUTO, true, false, false, false, false, false },
		{ "no firmware", RUN_FIRMWARE_AUTO, false, false, false, true, false, false },
		{ "a kernel", RUN_FIRMWARE_AUTO, true, true, false, true, false, false },
		{ "the CD is first", RUN_FIRMWARE_AUTO, true, false, true, false, true, true },
		{ "a CD for a BIOS", RUN_FIRMWARE_AUTO, true, false, true, true, false, false },
		{ "asked for", RUN_FIRMWARE_UEFI, true, true, false, false, false, true },
		{ "not wanted", RUN_FIRMWARE_BIOS, true, false, false, true, false, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const struct run_options options = { .firmware = cases[i].asked,
			.kernel = cases[i].has_kernel ? "k" : NULL,
			.n_disks = 1 };
		struct image disk = { .boots_uefi = cases[i].disk_boots };
		struct image cdrom = { .boots_uefi = cases[i].cdrom_boots };
		CHECK(plan_is_uefi(&options, &disk, cases[i].has_cdrom ? &cdrom : NULL,
				      cases[i].has_firmware) == cases[i].want,
				"%s", cases[i].name);
	}
}

static void test_name(void **state) {
	(void)state;
	static const struct {
		const char *name, *disk, *cdrom, *want;
	} cases[] = {
		{ NULL, NULL, NULL, "vm" },
		{ NULL, "/a/debian-12.qcow2", NULL, "debian-12" },
		{ NULL, "disk.img,format=raw", NULL, "disk" },
		{ NULL, "noend", NULL, "noend" },
		{ NULL, "a b\xc3\xa4.img", NULL, "a-b--" },
		{ NULL, ".img", NULL, "_img" },
		{ NULL, "-x.img", NULL, "_x" },
		{ NULL, "/a/", NULL, "vm" },
		{ NULL, "d.img", "c.iso", "d" },
		{ NULL, NULL, "c.iso", "c" },
		{ "web.1", "d.img", NULL, "web.1" },
		{ NULL, "01234567890123456789012345678901234567.img", NULL,
				"01234567890123456789012345678901" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		const struct run_options options = { .name = cases[i].name,
			.disks = { cases[i].disk },
			.n_disks = cases[i].disk != NULL,
			.cdrom = cases[i].cdrom };
		char ret[64];
		plan_name(&options, ret, sizeof(ret));
		CHECK(strcmp(ret, cases[i].want) == 0, "%s, not %s", ret, cases[i].want);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(test_ordinary),
		TEST(test_kvm),
		TEST(test_3d_and_size),
		TEST(test_heads),
		TEST(test_no_input_and_control),
		TEST(test_viewers),
		TEST(test_gpu_off),
		TEST(test_uefi),
		TEST(test_media),
		TEST(test_more),
		cmocka_unit_test(test_firmware),
		cmocka_unit_test(test_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
