// SPDX-License-Identifier: MIT
/*
 * Fuzz target: the client library, with a server that sends anything, descriptors included.
 *
 * The input is a row of chunks: a byte that says which descriptor comes with it and what the client
 * does afterwards, a length, and that many bytes. All pixels that the library offers are read.
 */
#include "oriel/client.h"
#include "base/arith.h"
#include "protocol/display_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CHUNKS 100
#define FILE_SIZE 32768

/** What a chunk may come with. Made once: memory is never written by anybody. */
static int files[4] = { -1, -1, -1, -1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
	if (!condition) {
		abort();
	}
}

static int make_memory(off_t size, int seals) {
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	must(fd >= 0 && ftruncate(fd, size) == 0);
	must(fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

static void make_files(void) {
	if (files[0] >= 0) {
		return;
	}
	files[0] = make_memory(FILE_SIZE, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	files[1] = make_memory(FILE_SIZE, F_SEAL_GROW);
	files[2] = make_memory(100, F_SEAL_SHRINK);
	files[3] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	must(files[3] >= 0);
}

static void send_chunk(int socket, const uint8_t *data, size_t size, int fd) {
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	(void)sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void read_bytes(const uint8_t *bytes, size_t size) {
	uint8_t sum = 0;
	for (size_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	must(sum == 0); // the files are all zeros, but for cursors, which are not read with this
}

static void read_picture(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t stride) {
	must(width > 0 && height > 0);
	for (uint32_t y = 0; y < height; y++) {
		read_bytes(pixels + (size_t)y * stride, (size_t)width * 4);
	}
}

static void look(const struct oriel_client *client) {
	for (uint32_t i = 0; i < ORIEL_CLIENT_MAX_SCANOUTS; i++) {
		const struct oriel_client_scanout *scanout = oriel_client_get_scanout(client, i);
		const struct oriel_client_cursor *cursor = oriel_client_get_cursor(client, i);
		if (scanout->pixels != NULL) {
			read_picture(scanout->pixels, scanout->width, scanout->height,
					scanout->stride);
		}
		must(!cursor->visible || cursor->pixels != NULL);
		must(cursor->hot_x < ORIEL_CLIENT_CURSOR_SIDE);
		must(cursor->hot_y < ORIEL_CLIENT_CURSOR_SIDE);
	}
}

static void handle_event(struct oriel_client *client, const struct oriel_client_event *event) {
	if (event->type == ORIEL_CLIENT_FRAME) {
		const struct oriel_client_scanout *scanout =
				oriel_client_get_scanout(client, event->scanout);
		must(event->damage.width > 0 && event->damage.height > 0);
		must(oriel_range_fits(event->damage.x, event->damage.width, scanout->width));
		must(oriel_range_fits(event->damage.y, event->damage.height, scanout->height));
		int err = oriel_client_end_frame(client, event->scanout);
		must(err == 0 || err == -EAGAIN);
	} else if (event->type == ORIEL_CLIENT_SNAPSHOT) {
		const struct oriel_client_snapshot *s = event->snapshot;
		read_picture(s->pixels, s->width, s->height, s->stride);
		if (s->cursor.visible) {
			read_bytes(s->cursor.pixels, ORIEL_SHARE_CURSOR_BYTES);
		}
	} else if (event->type == ORIEL_CLIENT_ERROR) {
		must(strlen(event->text) <= ORIEL_SHARE_MAX_TEXT_SIZE);
	}
}

/** Take all events. Returns whether the connection is still of use. */
static bool run(struct oriel_client *client) {
	const struct oriel_client_event *event;
	int err = oriel_client_wait(client, 0, &event);
	while (err == 0) {
		handle_event(client, event);
		look(client);
		err = oriel_client_wait(client, 0, &event);
	}
	look(client);
	return err == -EAGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	make_files();
	int fds[2];
	struct oriel_client *client = NULL;
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	must(oriel_client_create_take(fds[1], &client) == 0);
	must(oriel_client_subscribe(client, 0xffff, 0xffff) == 0);
	for (int i = 0; i < MAX_CHUNKS && size > 2; i++) {
		uint8_t how = data[0];
		size_t len = oriel_min_size(data[1] * ((how & 0x80) != 0 ? 128u : 1u), size - 2);
		if (len > 0) {
			send_chunk(fds[0], data + 2, len, (how & 4) != 0 ? files[how & 3] : -1);
		}
		data += 2 + len;
		size -= 2 + len;
		uint32_t token;
		if ((how & 8) != 0 &&
				oriel_client_request_snapshot(client, how >> 6, &token) == 0) {
			must(token != 0);
		}
		if ((how & 0x30) == 0x30 && oriel_client_subscribe(client, how, 1) < 0) {
			break;
		}
		if ((how & 0x10) == 0 && !run(client)) {
			break;
		}
	}
	run(client);
	oriel_client_destroy(client);
	close(fds[0]);
	return 0;
}
