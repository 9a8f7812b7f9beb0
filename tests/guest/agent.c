// SPDX-License-Identifier: MIT
/*
 * The agent: the guest's init process, which does on the GPU what the host asks for.
 *
 * It reads lines from a serial port, "TOKEN VERB ARGUMENT...", and answers each with one line,
 * "TOKEN ok RESULT..." or "TOKEN err REASON". After every boot it says "ready" once. One request is
 * handled at a time, so an answer means that the work is done as far as the guest can tell.
 *
 * It is linked statically: it runs in any root file system.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "config_space.h"
#include "evdev.h"
#include "kms.h"
#include "pattern.h"

#define PORT "/dev/ttyS1"
#define CONSOLE "/dev/tty1"
#define LINE_MAX_BYTES 4096
#define OUTPUT_MAX_BYTES 16384
#define MAX_ARGS 8

struct request {
	char *text; // all that follows the verb
	int64_t args[MAX_ARGS];
	int n_args; // how many numbers text begins with
};

static struct kms kms = { .fd = -1, .shown = -1 };
static FILE *answers;
static char result[2 * OUTPUT_MAX_BYTES + 64];

static void put_hex(char *to, const uint8_t *bytes, size_t size) {
	for (size_t i = 0; i < size; i++) {
		sprintf(to + 2 * i, "%02x", bytes[i]);
	}
}

/** Bytes that hex digits stand for: how many, or -EINVAL. */
static ssize_t get_hex(const char *text, uint8_t *bytes, size_t room) {
	size_t n = strlen(text) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		if (i >= room || sscanf(text + 2 * i, "%2x", &byte) != 1) {
			return -EINVAL;
		}
		bytes[i] = (uint8_t)byte;
	}
	return (ssize_t)n;
}

static bool is_buffer(int64_t i) {
	return i >= 0 && i < KMS_N_BUFFERS;
}

/* Verbs: each returns 0 or a negative errno, and may leave a result. */

static int do_ping(struct request *request) {
	(void)request;
	return 0;
}

/** sh COMMAND: the exit status, and what it printed, in hex. */
static int do_sh(struct request *request) {
	static uint8_t output[OUTPUT_MAX_BYTES];
	FILE *child = popen(request->text, "re");
	if (child == NULL) {
		return -errno;
	}
	size_t size = fread(output, 1, sizeof(output), child);
	while (fgetc(child) != EOF) {
	}
	int status = pclose(child);
	int length = sprintf(result, "%d ", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	put_hex(result + length, output, size);
	return 0;
}

/** write PATH HEX: write bytes to a file, a terminal or a device in one go. */
static int do_write(struct request *request) {
	uint8_t bytes[LINE_MAX_BYTES / 2];
	char *hex = strchr(request->text, ' ');
	if (hex == NULL) {
		return -EINVAL;
	}
	*hex++ = '\0';
	ssize_t size = get_hex(hex, bytes, sizeof(bytes));
	if (size < 0) {
		return (int)size;
	}
	int fd = open(request->text, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	ssize_t written = write(fd, bytes, (size_t)size);
	int r = written == size ? 0 : written < 0 ? -errno : -EIO;
	close(fd);
	return r;
}

/** font: width, height and glyphs 0 to 127 of the console's font, a byte a row. */
static int do_font(struct request *request) {
	(void)request;
	static uint8_t glyphs[512 * 32];
	struct console_font_op font = {
		.op = KD_FONT_OP_GET,
		.width = 8,
		.height = 32,
		.charcount = 512,
		.data = glyphs,
	};
	int fd = open(CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return -errno;
	}
	int r = ioctl(fd, KDFONTOP, &font) < 0 ? -errno : 0;
	close(fd);
	if (r < 0) {
		return r;
	}
	int length = sprintf(result, "%u %u ", font.width, font.height);
	for (size_t i = 0; i < 128; i++, length += 2 * (int)font.height) {
		put_hex(result + length, glyphs + i * 32,
				font.height); // 32 rows are reserved for each
	}
	return 0;
}

static int do_open(struct request *request) {
	(void)request;
	int r = kms_open(&kms);
	if (r == 0) {
		sprintf(result, "%u %u", kms.width, kms.height);
	}
	return r;
}

static int do_close(struct request *request) {
	(void)request;
	kms_close(&kms);
	return 0;
}

/** buffer I WIDTH HEIGHT */
static int do_buffer(struct request *request) {
	const int64_t *a = request->args;
	if (request->n_args != 3 || !is_buffer(a[0])) {
		return -EINVAL;
	}
	return kms_make_buffer(&kms, (int)a[0], (uint32_t)a[1], (uint32_t)a[2]);
}

/** draw I SEED [X Y WIDTH HEIGHT]: draw into a buffer; the CRC of all of it. */
static int do_draw(struct request *request) {
	const int64_t *a = request->args;
	if (request->n_args < 2 || !is_buffer(a[0]) || kms.buffers[a[0]].pixels == NULL) {
		return -EINVAL;
	}
	const struct kms_buffer *buffer = &kms.buffers[a[0]];
	struct rect rect = { 0, 0, buffer->width, buffer->height };
	if (request->n_args == 6) {
		rect = (struct rect){ (uint32_t)a[2], (uint32_t)a[3], (uint32_t)a[4],
			(uint32_t)a[5] };
	}
	if (rect.width > buffer->width || rect.x > buffer->width - rect.width ||
			rect.height > buffer->height || rect.y > buffer->height - rect.height) {
		return -EINVAL;
	}
	pattern_draw(buffer->pixels, buffer->pitch, buffer->width, buffer->height, (uint32_t)a[1],
			rect);
	sprintf(result, "%08x",
			pattern_crc(buffer->pixels, buffer->pitch, buffer->width, buffer->height));
	return 0;
}

/** show I WIDTH HEIGHT [X Y] */
static int do_show(struct request *request) {
	const int64_t *a = request->args;
	if (request->n_args < 3 || !is_buffer(a[0])) {
		return -EINVAL;
	}
	return kms_show(&kms, (int)a[0], (uint32_t)a[3], (uint32_t)a[4], (uint32_t)a[1],
			(uint32_t)a[2]);
}

/** head I: what the verbs below are about from now on. */
static int do_head(struct request *request) {
	if (request->n_args != 1) {
		return -EINVAL;
	}
	return kms_use_head(&kms, (uint32_t)request->args[0]);
}

static int do_off(struct request *request) {
	(void)request;
	return kms_show_nothing(&kms);
}

/** damage X Y WIDTH HEIGHT */
static int do_damage(struct request *request) {
	const int64_t *a = request->args;
	if (request->n_args != 4) {
		return -EINVAL;
	}
	return kms_damage(&kms, (uint32_t)a[0], (uint32_t)a[1], (uint32_t)a[2], (uint32_t)a[3]);
}

/** flip I */
static int do_flip(struct request *request) {
	if (request->n_args != 1 || !is_buffer(request->args[0])) {
		return -EINVAL;
	}
	return kms_flip(&kms, (int)request->args[0]);
}

/** cursor SEED HOT_X HOT_Y */
static int do_cursor(struct request *request) {
	const int64_t *a = request->args;
	if (request->n_args != 3) {
		return -EINVAL;
	}
	return kms_set_cursor(&kms, (uint32_t)a[0], (int32_t)a[1], (int32_t)a[2]);
}

/** move X Y */
static int do_move(struct request *request) {
	if (request->n_args != 2) {
		return -EINVAL;
	}
	return kms_move_cursor(&kms, (int32_t)request->args[0], (int32_t)request->args[1]);
}

static int do_hide(struct request *request) {
	(void)request;
	return kms_hide_cursor(&kms);
}

/** config: the four words of the GPU's configuration space. */
static int do_config(struct request *request) {
	(void)request;
	struct config_space config;
	int r = config_space_map(&config);
	if (r == 0) {
		uint32_t words[4];
		for (int i = 0; i < 4; i++) {
			words[i] = config.words[i];
		}
		sprintf(result, "%u %u %u %u", words[0], words[1], words[2], words[3]);
	}
	return r;
}

/**
 * flood READS FRAMES: one process has the whole buffer flushed again and again while another reads
 * the configuration, until there were so many of both at least. How many there were.
 */
static int do_flood(struct request *request) {
	struct config_space config;
	int r = config_space_map(&config);
	volatile uint32_t *n_frames = mmap(NULL, sizeof(*n_frames), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (request->n_args != 2 || r < 0 || n_frames == MAP_FAILED || kms.shown < 0) {
		return r < 0 ? r : -EINVAL;
	}
	pid_t child = fork();
	if (child < 0) {
		return -errno;
	}
	if (child == 0) {
		const struct kms_buffer *buffer = &kms.buffers[kms.shown];
		while (kms_damage(&kms, 0, 0, buffer->width, buffer->height) == 0) {
			(*n_frames)++;
		}
		_exit(1);
	}
	uint32_t expected = config.words[2];
	int64_t n_reads = 0;
	int status = 0;
	while (r == 0 && (n_reads < request->args[0] || *n_frames < request->args[1])) {
		n_reads++;
		if (config.words[2] != expected) {
			r = -EIO;
		} else if (waitpid(child, &status, WNOHANG) == child) {
			return -ECHILD; // it could not flush
		}
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	sprintf(result, "%lld %u", (long long)n_reads, *n_frames);
	return r;
}

/** input NAME: open the input device with this name; its number. */
static int do_input(struct request *request) {
	int fd = evdev_open(request->text);
	if (fd < 0) {
		return fd;
	}
	sprintf(result, "%d", fd);
	return 0;
}

/** events NUMBER N: the next N reports of an input device. */
static int do_events(struct request *request) {
	if (request->n_args != 2) {
		return -EINVAL;
	}
	return evdev_read((int)request->args[0], (int)request->args[1], result, sizeof(result));
}

static int do_reboot(struct request *request) {
	(void)request;
	return reboot(RB_AUTOBOOT) < 0 ? -errno : 0;
}

static int do_poweroff(struct request *request) {
	(void)request;
	return reboot(RB_POWER_OFF) < 0 ? -errno : 0;
}

static const struct verb {
	const char *name;
	int (*run)(struct request *request);
} verbs[] = {
	{ "ping", do_ping },
	{ "sh", do_sh },
	{ "write", do_write },
	{ "font", do_font },
	{ "open", do_open },
	{ "close", do_close },
	{ "buffer", do_buffer },
	{ "draw", do_draw },
	{ "show", do_show },
	{ "head", do_head },
	{ "off", do_off },
	{ "damage", do_damage },
	{ "flip", do_flip },
	{ "cursor", do_cursor },
	{ "move", do_move },
	{ "hide", do_hide },
	{ "config", do_config },
	{ "flood", do_flood },
	{ "input", do_input },
	{ "events", do_events },
	{ "reboot", do_reboot },
	{ "poweroff", do_poweroff },
};

static void parse_numbers(struct request *request) {
	char *at = request->text;
	while (request->n_args < MAX_ARGS) {
		char *end;
		int64_t value = strtoll(at, &end, 0);
		if (end == at) {
			return;
		}
		request->args[request->n_args++] = value;
		at = end;
	}
}

/** As init we inherit processes whose parents have ended: let go of those that ended too. */
static void reap_orphans(void) {
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

static void handle_line(char *line) {
	char *rest = line;
	const char *token = strsep(&rest, " ");
	const char *name = strsep(&rest, " ");
	if (name == NULL) {
		return;
	}
	struct request request = { .text = rest != NULL ? rest : line + strlen(line) };
	parse_numbers(&request);
	result[0] = '\0';
	int r = -ENOSYS;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verbs[i].name, name) == 0) {
			r = verbs[i].run(&request);
		}
	}
	if (r < 0) {
		fprintf(answers, "%s err %s\n", token, strerror(-r));
	} else {
		fprintf(answers, "%s ok %s\n", token, result);
	}
	fflush(answers);
}

static void mount_all(void) {
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	(void)mount("proc", "/proc", "proc", 0, NULL);
	(void)mount("sys", "/sys", "sysfs", 0, NULL);
	(void)mount("devpts", "/dev/pts", "devpts", 0, NULL);
	(void)mount("shm", "/dev/shm", "tmpfs", 0, NULL);
	(void)mount("tmp", "/tmp", "tmpfs", 0, NULL);
}

/** Open the serial port, for requests and for answers. */
static int open_port(FILE **ret_requests, FILE **ret_answers) {
	int fd = open(PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios settings;
	if (fd < 0 || tcgetattr(fd, &settings) < 0) {
		return -errno;
	}
	cfmakeraw(&settings);
	settings.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&settings, B115200);
	tcsetattr(fd, TCSANOW, &settings);
	*ret_requests = fdopen(fd, "r");
	*ret_answers = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w");
	return *ret_requests != NULL && *ret_answers != NULL ? 0 : -EIO;
}

int main(void) {
	mount_all();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/run/oriel", 1);
	setenv("HOME", "/root", 1);
	FILE *requests = NULL;
	if (open_port(&requests, &answers) < 0) {
		perror(PORT);
		return 1; // the kernel panics, which the host sees
	}
	fprintf(answers, "ready\n");
	fflush(answers);
	char line[LINE_MAX_BYTES];
	while (fgets(line, sizeof(line), requests) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		reap_orphans();
		handle_line(line);
	}
	return 1;
}
