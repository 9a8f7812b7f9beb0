// SPDX-License-Identifier: MIT
/* The summary of doctor.h: what of Oriel works here, and what is in the way of the rest. */
#include "oriel/doctor/doctor.h"

static struct report_row *add(struct doctor *doctor, const char *name) {
	return report_add(&doctor->report, SECTION_SUMMARY, name, NULL);
}

static void summarize_2d(struct doctor *doctor) {
	struct report_row *row = add(doctor, "2D");
	if (!doctor->found.has_memfd) {
		report_set(row, REPORT_OFF, "there is no memory for pictures");
		report_advise(row, "see memfd");
	} else if (!doctor->found.has_program) {
		report_set(row, REPORT_OFF, "there is no oriel-gpu");
		report_advise(row, "see oriel-gpu");
	} else {
		report_set(row, REPORT_ON, "screens and cursors, by oriel-gpu; no GPU is needed");
	}
}

static void summarize_machines(struct doctor *doctor) {
	struct report_row *row = add(doctor, "guests under QEMU");
	if (!doctor->found.has_qemu) {
		report_set(row, REPORT_OFF, "there is no QEMU that Oriel works with");
		report_advise(row, "see QEMU; other VMMs do not need it");
	} else if (doctor->found.kvm != REPORT_ON) {
		report_set(row, REPORT_DEGRADED, "%s",
				doctor->found.kvm == REPORT_OFF ? "slow, without KVM"
								: "KVM is there, but may not work; "
								  "without it, slow");
		report_advise(row, "see KVM");
	} else {
		report_set(row, REPORT_ON, "at full speed, with KVM");
	}
}

static void summarize_3d(struct doctor *doctor) {
	const struct findings *found = &doctor->found;
	struct report_row *row = add(doctor, "3D (virgl)");
	switch (found->virgl) {
	case REPORT_ON:
		report_set(row, REPORT_ON, "OpenGL in guests, on %s", found->renderer);
		break;
	case REPORT_DEGRADED:
		report_set(row, REPORT_DEGRADED, "OpenGL in guests, in software: %s",
				found->renderer);
		if (!found->has_gpu) {
			report_advise(row, "for more speed, a GPU: see EGL");
		} else {
			report_advise(row, "oriel-gpu --renderer=egl:%u", found->gpu);
		}
		break;
	case REPORT_OFF:
		report_set(row, REPORT_OFF, "%s", found->no_virgl);
		report_advise(row, "see oriel-render");
		break;
	}
	row = add(doctor, "dma-buf scanouts");
	if (found->has_dmabuf_export) {
		report_set(row, REPORT_ON, "what the GPU draws is shown without a copy");
	} else if (found->virgl == REPORT_ON) {
		report_set(row, REPORT_OFF,
				"this GPU's driver exports none; pictures are read back");
	} else {
		report_set(row, REPORT_OFF, "no 3D on a GPU; pictures are read back");
	}
}

static void summarize_generic(struct doctor *doctor) {
	struct report_row *row = add(doctor, "guest blobs, resize");
	if (doctor->found.has_generic) {
		report_set(row, REPORT_ON, "with QEMU's vhost-user-test-device-pci");
	} else {
		report_set(row, REPORT_OFF, "this QEMU passes neither");
		report_advise(row, "QEMU 11.1 or later, and its vhost-user-test-device-pci");
	}
}

void summarize(struct doctor *doctor) {
	summarize_2d(doctor);
	summarize_machines(doctor);
	summarize_3d(doctor);
	if (doctor->found.has_qemu) {
		summarize_generic(doctor);
	}
	report_set(add(doctor, "Vulkan (Venus)"), REPORT_OFF, "not in this version");
}
