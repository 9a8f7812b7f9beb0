// SPDX-License-Identifier: MIT
/* See plan.h. */
#include "oriel/run/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

/** Room for a path in which each character is a comma. */
#define ESCAPED_BYTES (2 * PATH_MAX)

/** Names are part of sockets' paths, which are short. */
#define MAX_NAME_BYTES 32u

static void plan_gpu(const struct plan_input *input, struct words *words) {
	const struct run_options *options = input->options;
	const struct host *host = input->host;
	words_add(words, host->gpu_program);
	words_addf(words, "--socket-path=%s/gpu.sock", input->folder);
	words_add(words, "--once");
	words_addf(words, "--display-socket=%s/display.sock", input->folder);
	if (host->gpu_has_control) {
		words_addf(words, "--control-socket=%s/control.sock", input->folder);
	}
	if (host->gpu_has_input) {
		words_addf(words, "--keyboard-socket=%s/keyboard.sock", input->folder);
		for (uint32_t i = 0; i < options->n_heads; i++) {
			words_addf(words, "--tablet-socket=%s/tablet-%" PRIu32 ".sock",
					input->folder, i);
		}
	}
	words_add(words, "--qemu-display=off");
	words_addf(words, "--heads=%" PRIu32, options->n_heads);
	if (options->width > 0) {
		words_addf(words, "--size=%" PRIu32 "x%" PRIu32, options->width, options->height);
	}
	if (host->has_3d) {
		words_add(words, "--renderer=auto");
	}
}

static void plan_viewer(const struct plan_input *input, struct words *words) {
	const bool is_web = input->options->display == RUN_DISPLAY_WEB;
	words_add(words, input->host->vnc_program);
	words_addf(words, "--socket=%s/display.sock", input->folder);
	words_addf(words, "--%s=127.0.0.1:%" PRIu32, is_web ? "web" : "listen", input->port);
	words_addf(words, "--name=%s", input->name);
}

static void plan_machine(const struct plan_input *input, struct words *words) {
	const struct run_options *options = input->options;
	words_add(words, input->host->qemu_program);
	words_add(words, "-name");
	words_add(words, input->name);
	words_add(words, "-nodefaults");
	words_add(words, "-accel");
	words_add(words, input->host->has_kvm ? "kvm" : "tcg");
	words_add(words, "-cpu");
	words_add(words, input->host->has_kvm ? "host" : "max");
	words_add(words, "-smp");
	words_addf(words, "%" PRIu32, options->n_cpus);
	words_add(words, "-m");
	words_addf(words, "%" PRIu64 "M", options->memory_mib);
	// oriel-gpu reads the guest's memory, so it is a file that both have.
	words_add(words, "-object");
	words_addf(words, "memory-backend-memfd,id=ram,size=%" PRIu64 "M,share=on",
			options->memory_mib);
	words_add(words, "-machine");
	words_add(words, "q35,memory-backend=ram");
	if (input->host->is_uefi) {
		char path[ESCAPED_BYTES];
		words_add(words, "-drive");
		words_addf(words, "if=pflash,format=raw,readonly=on,file=%s",
				words_escape(input->host->firmware, path, sizeof(path)));
	}
	words_add(words, "-vga");
	words_add(words, options->gpu == RUN_GPU_OFF ? "std" : "none");
	words_add(words, "-display");
	words_add(words, "none");
}

/** A device of oriel-gpu's, and the socket where QEMU finds it. */
static void add_device(struct words *words, const char *folder, const char *kind, const char *id,
		const char *more) {
	char path[ESCAPED_BYTES];
	words_add(words, "-chardev");
	words_addf(words, "socket,id=%s,path=%s/%s.sock", id,
			words_escape(folder, path, sizeof(path)), id);
	words_add(words, "-device");
	words_addf(words, "%s,chardev=%s%s", kind, id, more);
}

static void plan_devices(const struct plan_input *input, struct words *words) {
	const struct run_options *options = input->options;
	if (options->gpu == RUN_GPU_OFF) {
		return;
	}
	// What a BIOS starts may need VGA to get anywhere, although only QEMU itself sees that.
	const bool has_vga = !input->host->is_uefi &&
			     (options->kernel == NULL || options->firmware == RUN_FIRMWARE_BIOS);
	char more[64] = "";
	if (options->n_heads > 1) {
		snprintf(more, sizeof(more), ",max_outputs=%" PRIu32, options->n_heads);
	}
	add_device(words, input->folder, has_vga ? "vhost-user-vga" : "vhost-user-gpu-pci", "gpu",
			more);
	if (!input->host->gpu_has_input) {
		return;
	}
	add_device(words, input->folder, "vhost-user-input-pci", "keyboard", "");
	for (uint32_t i = 0; i < options->n_heads; i++) {
		char id[32];
		snprintf(id, sizeof(id), "tablet-%" PRIu32, i);
		add_device(words, input->folder, "vhost-user-input-pci", id, "");
	}
}

static void plan_media(const struct plan_input *input, struct words *words) {
	const struct run_options *options = input->options;
	char path[ESCAPED_BYTES];
	for (uint32_t i = 0; i < options->n_disks; i++) {
		words_add(words, "-drive");
		words_addf(words, "if=none,id=disk%" PRIu32 ",format=%s,discard=unmap,file=%s", i,
				image_format_name(input->disks[i].format),
				words_escape(input->disks[i].path, path, sizeof(path)));
		words_add(words, "-device");
		words_addf(words, "virtio-blk-pci,drive=disk%" PRIu32 ",bootindex=%" PRIu32, i,
				i + 1);
	}
	if (input->cdrom != NULL) {
		words_add(words, "-drive");
		words_addf(words, "if=none,id=cd,format=%s,media=cdrom,readonly=on,file=%s",
				image_format_name(input->cdrom->format),
				words_escape(input->cdrom->path, path, sizeof(path)));
		words_add(words, "-device");
		words_add(words, "ide-cd,drive=cd,bootindex=0");
	}
	if (options->kernel != NULL) {
		words_add(words, "-kernel");
		words_add(words, options->kernel);
	}
	if (options->initrd != NULL) {
		words_add(words, "-initrd");
		words_add(words, options->initrd);
	}
	if (options->append != NULL) {
		words_add(words, "-append");
		words_add(words, options->append);
	}
}

static void plan_qemu(const struct plan_input *input, struct words *words) {
	const struct run_options *options = input->options;
	char path[ESCAPED_BYTES];
	words_escape(input->folder, path, sizeof(path));
	plan_machine(input, words);
	plan_devices(input, words);
	plan_media(input, words);
	if (options->has_network) {
		words_add(words, "-netdev");
		words_add(words, "user,id=net");
		words_add(words, "-device");
		words_add(words, "virtio-net-pci,netdev=net");
	}
	words_add(words, "-serial");
	words_addf(words, "unix:%s/serial.sock,server=on,wait=off", path);
	words_add(words, "-qmp");
	words_addf(words, "unix:%s/qmp.sock,server=on,wait=off", path);
	for (char *const *word = options->more; *word != NULL; word++) {
		words_add(words, *word);
	}
}

int plan_make(const struct plan_input *input, struct plan *ret) {
	struct plan plan = { 0 };
	if (input->options->gpu != RUN_GPU_OFF) {
		plan_gpu(input, &plan.gpu);
	}
	if (input->options->display != RUN_DISPLAY_NONE) {
		plan_viewer(input, &plan.viewer);
	}
	plan_qemu(input, &plan.qemu);
	*ret = plan;
	return plan.gpu.failed || plan.viewer.failed || plan.qemu.failed ? -ENOMEM : 0;
}

void plan_finish(struct plan *plan) {
	words_finish(&plan->gpu);
	words_finish(&plan->viewer);
	words_finish(&plan->qemu);
}

bool plan_is_uefi(const struct run_options *options, const struct image *disks,
		const struct image *cdrom, bool has_firmware) {
	if (options->firmware != RUN_FIRMWARE_AUTO) {
		return options->firmware == RUN_FIRMWARE_UEFI;
	}
	if (!has_firmware || options->kernel != NULL) {
		return false;
	}
	if (cdrom != NULL) {
		return cdrom->boots_uefi;
	}
	return options->n_disks > 0 && disks[0].boots_uefi;
}

void plan_name(const struct run_options *options, char *ret, size_t size) {
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *from = options->name;
	size_t end;
	if (from == NULL) {
		from = options->n_disks > 0 ? options->disks[0] : options->cdrom;
		from = from != NULL ? from : "";
		const char *slash = strrchr(from, '/');
		from = slash != NULL ? slash + 1 : from;
		end = strcspn(from, ",");
		const char *dot = memrchr(from, '.', end);
		end = dot != NULL && dot != from ? (size_t)(dot - from) : end;
	} else {
		end = strlen(from);
	}
	if (end == 0) {
		from = "vm";
		end = 2;
	}
	size_t len = 0;
	for (; len < end && len + 1 < size && len < MAX_NAME_BYTES; len++) {
		ret[len] = strchr(letters, from[len]) != NULL ? from[len] : '-';
	}
	ret[len] = '\0';
	// No hidden folder, and nothing that looks like an option.
	if (ret[0] == '.' || ret[0] == '-') {
		ret[0] = '_';
	}
}

static void print_part(const char *remark, const struct words *words, FILE *out) {
	if (words->len > 0) {
		fprintf(out, "\n# %s\n", remark);
		words_print(words, out);
		fputc('\n', out);
	}
}

void plan_print(const struct plan *plan, const char *parent, const char *folder, FILE *out) {
	const char *const make[] = { "mkdir", "-p", "-m", "700", parent, folder };
	fputs("# Each in a terminal of its own, in this order. First, a folder for the sockets:\n",
			out);
	for (size_t i = 0; i < ORIEL_ARRAY_LEN(make); i++) {
		fputs(i > 0 ? " " : "", out);
		words_print_one(make[i], out);
	}
	fputc('\n', out);
	print_part("The GPU; it ends with QEMU", &plan->gpu, out);
	print_part("The viewer; it says where it serves", &plan->viewer, out);
	print_part("The machine", &plan->qemu, out);
}
