// SPDX-License-Identifier: MIT
/* Tests of doctor.h's judges: what is said of machines that nobody here has. */
#include "oriel/doctor/doctor.h"

#include "fixture/check.h"

#include <stdlib.h>
#include <string.h>

static struct doctor doctor;

static int setup(void **state) {
	(void)state;
	doctor = (struct doctor){ .timeout_ms = 10000, .is_debian = true };
	return 0;
}

/** As if a probe had said this and ended so. */
static struct answer answer_of(const char *text, const char *failure) {
	struct answer answer = { .result = { .text = strdup(text) } };
	assert_non_null(answer.result.text);
	facts_read(&answer.facts, answer.result.text);
	snprintf(answer.failure, sizeof(answer.failure), "%s", failure);
	return answer;
}

struct judged {
	const char *name; // of the case
	const char *facts, *failure;
	enum report_state state;
	const char *found;  // a part of it
	const char *remedy; // a part of it; NULL: none
};

/** What the judge said, in its last row. */
static void compare(const struct judged *judged) {
	const struct report_row *row = &doctor.report.rows[doctor.report.n_rows - 1];
	CHECK(row->state == judged->state, "%s: %s", judged->name, report_state_name(row->state));
	CHECK(strstr(row->found, judged->found) != NULL, "%s: '%s'", judged->name, row->found);
	CHECK(judged->remedy != NULL ? strstr(row->remedy, judged->remedy) != NULL
				     : row->remedy[0] == '\0',
			"%s: '%s'", judged->name, row->remedy);
}

#define UNTIL "did not answer within 10 s in KVM_CREATE_VM"

static void test_kvm(void **state) {
	(void)state;
	static const struct judged cases[] = {
		{ "works", "processor=svm\nerrno=0\napi=12\nvm_errno=0\n", "", REPORT_ON,
				"could be made", NULL },
		{ "no flag", "processor=no\nerrno=0\napi=12\nvm_errno=0\n", "", REPORT_DEGRADED,
				"neither vmx nor svm", "tcg" },
		{ "not there, Intel", "processor=vmx\nerrno=2\n", "", REPORT_OFF, "is not there",
				"kvm_intel" },
		{ "not there, AMD", "processor=svm\nerrno=2\n", "", REPORT_OFF, "is not there",
				"kvm_amd" },
		{ "not there, no flag", "processor=no\nerrno=2\n", "", REPORT_OFF, "is not there",
				"firmware" },
		{ "not there, no such flags", "errno=2\n", "", REPORT_OFF, "is not there", "load" },
		{ "group", "errno=13\ngroup=kvm\nmember=0\n", "", REPORT_OFF, "Permission denied",
				"usermod -aG kvm" },
		{ "group, not yet", "errno=13\ngroup=kvm\nmember=1\n", "", REPORT_OFF,
				"Permission denied", "log out" },
		{ "root only", "errno=13\ngroup=root\nmember=0\n", "", REPORT_OFF,
				"Permission denied", "udev" },
		{ "no group may", "errno=13\ngroup=\nmember=0\n", "", REPORT_OFF,
				"Permission denied", "udev" },
		{ "container", "errno=1\ngroup=kvm\nmember=1\n", "", REPORT_OFF, "not permitted",
				"--device=/dev/kvm" },
		{ "another driver", "errno=0\napi=11\nvm_errno=0\n", "", REPORT_OFF,
				"does not answer as KVM", NULL },
		{ "ioctl fails", "errno=0\napi=-1\nvm_errno=0\n", "", REPORT_OFF,
				"does not answer as KVM", NULL },
		{ "busy", "errno=0\napi=12\nvm_errno=16\n", "", REPORT_OFF, "busy", "hypervisor" },
		{ "hung", "errno=0\napi=12\n", UNTIL, REPORT_OFF, UNTIL, NULL },
		{ "hung at once", "", UNTIL, REPORT_OFF, UNTIL, NULL },
		{ "nonsense", "errno=x\n", "", REPORT_OFF, "the test of /dev/kvm", NULL },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		setup(NULL);
		struct answer answer = answer_of(cases[i].facts, cases[i].failure);
		judge_kvm(&doctor, &answer);
		compare(&cases[i]);
		CHECK(doctor.found.kvm == cases[i].state, "%s", cases[i].name);
		answer_finish(&answer);
	}
}

static void test_render_nodes(void **state) {
	(void)state;
	struct answer answer = answer_of("node=renderD128 i915 0000:00:02.0\nerrno=0\n"
					 "node=renderD129 amdgpu 0000:03:00.0\nerrno=13\n"
					 "group=render\nmember=0\n"
					 "node=short\nerrno=0\n",
			"");
	judge_render_nodes(&doctor, &answer);
	assert_int_equal(doctor.report.n_rows, 2);
	const struct report_row *row = doctor.report.rows;
	assert_string_equal(row[0].name, "renderD128");
	assert_int_equal(row[0].state, REPORT_ON);
	assert_string_equal(row[0].found, "driver i915, device 0000:00:02.0");
	assert_string_equal(row[1].name, "renderD129");
	assert_int_equal(row[1].state, REPORT_OFF);
	assert_non_null(strstr(row[1].remedy, "usermod -aG render"));
	answer_finish(&answer);
	static const struct judged none[] = {
		{ "none", "", "", REPORT_OFF, "there is no /dev/dri", "container" },
		{ "crash", "", "crashed (SIGBUS)", REPORT_OFF, "crashed (SIGBUS)", NULL },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(none); i++) {
		answer = answer_of(none[i].facts, none[i].failure);
		judge_render_nodes(&doctor, &answer);
		compare(&none[i]);
		answer_finish(&answer);
	}
}

static void test_egl_devices(void **state) {
	(void)state;
	static const struct judged cases[] = {
		{ "llvmpipe", "software=1\nrenderer=llvmpipe (LLVM 15)\ngl=4.5 Mesa 22\n", "",
				REPORT_DEGRADED,
				"llvmpipe (LLVM 15), in software; OpenGL 4.5 Mesa 22; no render "
				"node; no "
				"dma-buf export",
				NULL },
		{ "llvmpipe that does not say so", "software=0\nrenderer=llvmpipe (LLVM 15)\n", "",
				REPORT_DEGRADED, "in software", NULL },
		{ "a GPU",
				"software=0\nnode=/dev/dri/renderD128\ndmabuf_export=1\n"
				"renderer=Mesa Intel(R) UHD\ngl=OpenGL ES 3.2 Mesa 25\n",
				"", REPORT_ON,
				"Mesa Intel(R) UHD; OpenGL ES 3.2 Mesa 25; /dev/dri/renderD128; "
				"exports "
				"dma-bufs",
				NULL },
		{ "refused",
				"software=0\nlibEGL warning: Permission "
				"denied\nerror=eglInitialize fails "
				"(0x3001)\n",
				"", REPORT_OFF,
				"eglInitialize fails (0x3001): libEGL warning: Permission denied",
				NULL },
		{ "crash", "software=0\nrenderer=half\nstep=eglMakeCurrent\n",
				"crashed (SIGSEGV) in eglMakeCurrent", REPORT_OFF,
				"the driver crashed (SIGSEGV) in eglMakeCurrent", "--renderer" },
		{ "nothing said", "", "", REPORT_OFF, "does not say", NULL },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		setup(NULL);
		struct answer answer = answer_of(cases[i].facts, cases[i].failure);
		judge_egl_device(&doctor, 3, &answer);
		compare(&cases[i]);
		assert_string_equal(doctor.report.rows[0].name, "egl:3");
		CHECK(doctor.found.has_gpu == (cases[i].state == REPORT_ON), "%s", cases[i].name);
		answer_finish(&answer);
	}
}

static void test_vulkan(void **state) {
	(void)state;
	static const struct judged cases[] = {
		{ "a GPU and lavapipe",
				"version=1.3.239\ndevice=discrete NVIDIA H100\n"
				"device=software llvmpipe (LLVM 15)\n",
				"", REPORT_ON,
				"1.3.239: NVIDIA H100, llvmpipe (LLVM 15) (software)", NULL },
		{ "lavapipe", "version=1.3.239\ndevice=software llvmpipe\n", "", REPORT_DEGRADED,
				"llvmpipe (software)", NULL },
		{ "no driver", "version=1.3.239\n", "", REPORT_OFF, "no driver",
				"apt install mesa-vulkan-drivers" },
		{ "failure", "version=1.3.239\nerror=vkCreateInstance fails (-1)\n", "", REPORT_OFF,
				"no device: vkCreateInstance fails (-1)", "apt install" },
		{ "no library", "no_library=libvulkan.so.1 is not installed\n", "", REPORT_OFF,
				"libvulkan.so.1 is not installed", "apt install libvulkan1" },
		{ "crash", "device=discrete half\n", "crashed (SIGSEGV)", REPORT_OFF,
				"Vulkan crashed (SIGSEGV)", NULL },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		struct answer answer = answer_of(cases[i].facts, cases[i].failure);
		judge_vulkan(&doctor, &answer);
		compare(&cases[i]);
		answer_finish(&answer);
	}
}

#define GPU "name \"vhost-user-gpu-pci\", bus PCI\n"
#define GENERIC "name \"vhost-user-test-device-pci\", bus PCI\n"

static void test_qemu(void **state) {
	(void)state;
	static const struct {
		struct judged judged; // its facts are what --version says
		const char *devices;
		enum report_state kvm;
		bool is_fit, has_generic;
	} cases[] = {
		{ { "7.2 without KVM", "QEMU emulator version 7.2.9 (Debian 1:7.2)\n", "",
				  REPORT_OFF, "QEMU 7.2.9, /q; before 10 it refuses", "QEMU 10" },
				GPU, REPORT_OFF, false, false },
		{ { "7.2 with KVM", "QEMU emulator version 7.2.9\n", "", REPORT_DEGRADED,
				  "QEMU 7.2.9", "QEMU 10" },
				GPU, REPORT_ON, true, false },
		{ { "10.0 without KVM", "QEMU emulator version 10.0.2\n", "", REPORT_ON,
				  "QEMU 10.0.2, /q", NULL },
				GPU, REPORT_OFF, true, false },
		{ { "11.1", "QEMU emulator version 11.1.3\n", "", REPORT_ON,
				  "has vhost-user-test-device-pci too", NULL },
				GPU GENERIC, REPORT_OFF, true, true },
		{ { "without the device", "QEMU emulator version 10.0.2\n", "", REPORT_OFF,
				  "/q has no vhost-user-gpu-pci", "package" },
				"name \"vhost-user-gpu\", bus virtio-bus\n", REPORT_ON, false,
				false },
		{ { "not QEMU", "hello, version x\n", "", REPORT_OFF,
				  "/q --version says no version", NULL },
				GPU, REPORT_ON, false, false },
		{ { "crash", "", "crashed (SIGSEGV)", REPORT_OFF, "/q --version crashed (SIGSEGV)",
				  NULL },
				GPU, REPORT_ON, false, false },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		setup(NULL);
		doctor.found.kvm = cases[i].kvm;
		struct answer version = { .result = { .text = strdup(cases[i].judged.facts) } };
		struct answer devices = { .result = { .text = strdup(cases[i].devices) } };
		snprintf(version.failure, sizeof(version.failure), "%s", cases[i].judged.failure);
		judge_qemu(&doctor, "/q", &version, &devices);
		compare(&cases[i].judged);
		CHECK(doctor.found.has_qemu == cases[i].is_fit, "%s", cases[i].judged.name);
		CHECK(doctor.found.has_generic == cases[i].has_generic, "%s", cases[i].judged.name);
		answer_finish(&version);
		answer_finish(&devices);
	}
}

#define SAID "virglrenderer=1.1.0\nrenderer=AMD Radeon\nsoftware=0\n"
#define VIRGL2 "capset=2 version=2 size=1384\n"

static void test_renderer(void **state) {
	(void)state;
	static const struct judged cases[] = {
		{ "a GPU",
				SAID "capset=1 version=1 size=308\n" VIRGL2
				     "capset=4 version=0 size=160\n",
				"", REPORT_ON,
				"AMD Radeon; virglrenderer 1.1.0; capsets VIRGL 1, VIRGL2 2, VENUS "
				"0",
				NULL },
		{ "software", "renderer=llvmpipe\n" VIRGL2, "", REPORT_DEGRADED,
				"llvmpipe, in software", NULL },
		{ "software, by its own word", SAID "software=1\n" VIRGL2, "", REPORT_DEGRADED,
				"AMD Radeon, in software", NULL },
		{ "no name", VIRGL2, "", REPORT_ON, "without a name", NULL },
		{ "no capset", SAID, "", REPORT_OFF, "no virgl capset", "Graphics" },
		{ "empty capset", SAID "capset=2 version=2 size=0\n", "", REPORT_OFF,
				"no virgl capset", "Graphics" },
		{ "huge capset", SAID "capset=2 version=2 size=65537\n", "", REPORT_OFF,
				"no virgl capset", "Graphics" },
		{ "unknown capset", SAID "capset=77 version=2 size=99\n", "", REPORT_OFF,
				"no virgl capset", "Graphics" },
		{ "capset of another kind", SAID "capset=4 version=0 size=160\n", "", REPORT_OFF,
				"no virgl capset", "Graphics" },
		{ "nonsense", "capset=\ncapset=x\ncapset=2 version=-1 size=\n", "", REPORT_OFF,
				"no virgl capset", "Graphics" },
		{ "its own word", "error=no EGL device works\n", "ended with exit status 1",
				REPORT_OFF, "no EGL device works", "Graphics" },
		{ "a word without status", SAID VIRGL2 "error=no EGL device works\n", "",
				REPORT_OFF, "no EGL device works", "Graphics" },
		{ "crash after all was said", SAID VIRGL2, "crashed (SIGSEGV)", REPORT_OFF,
				"it crashed (SIGSEGV)", "Graphics" },
	};
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(cases); i++) {
		setup(NULL);
		struct answer answer = answer_of(cases[i].facts, cases[i].failure);
		judge_renderer(&doctor, &answer);
		compare(&cases[i]);
		CHECK(doctor.found.virgl == cases[i].state, "%s", cases[i].name);
		CHECK((doctor.found.no_virgl[0] != '\0') == (cases[i].state == REPORT_OFF), "%s",
				cases[i].name);
		answer_finish(&answer);
	}
	struct answer answer = answer_of("renderer=llvmpipe\ndmabuf_export=1\n" VIRGL2, "");
	doctor.found.has_gpu = true;
	doctor.found.gpu = 2;
	judge_renderer(&doctor, &answer);
	assert_non_null(strstr(doctor.report.rows[1].remedy, "--renderer=egl:2"));
	assert_false(doctor.found.has_dmabuf_export);
	answer_finish(&answer);
}

/** The row of the summary with this name. */
static const struct report_row *feature(const char *name) {
	for (size_t i = 0; i < doctor.report.n_rows; i++) {
		if (strcmp(doctor.report.rows[i].name, name) == 0) {
			return &doctor.report.rows[i];
		}
	}
	fail_msg("no row %s", name);
	return NULL;
}

static void test_summary(void **state) {
	(void)state;
	summarize(&doctor); // of nothing
	for (size_t i = 0; i < doctor.report.n_rows; i++) {
		const struct report_row *row = &doctor.report.rows[i];
		CHECK(row->state == REPORT_OFF, "%s", row->name);
		CHECK(strcmp(row->section, SECTION_SUMMARY) == 0, "%s", row->name);
	}
	setup(NULL);
	doctor.found = (struct findings){ .has_memfd = true,
		.has_program = true,
		.has_qemu = true,
		.kvm = REPORT_ON,
		.has_generic = true,
		.virgl = REPORT_ON,
		.renderer = "AMD Radeon",
		.has_dmabuf_export = true };
	summarize(&doctor);
	static const char *const on[] = { "2D", "guests under QEMU", "3D (virgl)",
		"dma-buf scanouts", "guest blobs, resize" };
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(on); i++) {
		CHECK(feature(on[i])->state == REPORT_ON, "%s", on[i]);
	}
	assert_string_equal(feature("3D (virgl)")->found, "OpenGL in guests, on AMD Radeon");
	assert_int_equal(feature("Vulkan (Venus)")->state, REPORT_OFF);
	setup(NULL);
	doctor.found = (struct findings){ .has_memfd = true,
		.has_qemu = true,
		.virgl = REPORT_DEGRADED,
		.renderer = "llvmpipe",
		.has_gpu = true,
		.gpu = 1 };
	summarize(&doctor);
	assert_string_equal(feature("2D")->remedy, "see oriel-gpu");
	assert_int_equal(feature("guests under QEMU")->state, REPORT_DEGRADED);
	assert_string_equal(feature("3D (virgl)")->remedy, "oriel-gpu --renderer=egl:1");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kvm, setup),
		cmocka_unit_test_setup(test_render_nodes, setup),
		cmocka_unit_test_setup(test_egl_devices, setup),
		cmocka_unit_test_setup(test_vulkan, setup),
		cmocka_unit_test_setup(test_qemu, setup),
		cmocka_unit_test_setup(test_renderer, setup),
		cmocka_unit_test_setup(test_summary, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
